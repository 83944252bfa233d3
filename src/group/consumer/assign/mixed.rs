//! Uniform, where members want different topics: nobody could take a partition from somebody who has two more.
//!
//! Members keep what they have; what is free goes to whoever has least; then topic by topic partitions move from the
//! fullest to the emptiest subscriber until no topic can be improved.

use super::{Subscriber, all, by_member, owners};
use crate::group::consumer::member::Partitions;
use crate::types::{Partition, TopicId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds over all topics at most. Each move brings the sizes closer together, so that it ends anyway; this bounds the
/// time that one assignment takes. Apache Kafka has the same bound.
const ROUNDS_MAX: usize = 16;

type Owners = BTreeMap<(TopicId, Partition), usize>;

pub(super) fn assign(members: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> Vec<Partitions> {
    let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        for topic in member.topics.iter() {
            subscribers.entry(*topic).or_default().push(at);
        }
    }
    let mut owners = owners(members, counts);
    let mut sizes = vec![0usize; members.len()];
    for at in owners.values() {
        sizes[*at] += 1;
    }

    // Topics with much to share among few come first: they leave the least choice.
    let mut order: Vec<(TopicId, &Vec<usize>)> = subscribers.iter().map(|(topic, of)| (*topic, of)).collect();
    let load =
        |topic: &TopicId, of: &[usize]| i64::from(counts.get(topic).copied().unwrap_or(0)) * 1000 / of.len() as i64;
    order.sort_by_key(|(topic, of)| (Reverse(load(topic, of)), of.len(), *topic));

    for (topic, of) in &order {
        let mut least: BTreeSet<(usize, usize)> = of.iter().map(|at| (sizes[*at], *at)).collect();
        for partition in all([*topic].iter(), counts) {
            if owners.contains_key(&partition) {
                continue;
            }
            let Some((_, at)) = least.pop_first() else { break };
            owners.insert(partition, at);
            sizes[at] += 1;
            least.insert((sizes[at], at));
        }
    }
    for _ in 0..ROUNDS_MAX {
        let moved: usize = order.iter().map(|(topic, of)| balance(*topic, of, &mut sizes, &mut owners)).sum();
        if moved == 0 {
            break;
        }
    }
    by_member(members.len(), owners)
}

/// Moves partitions of one topic until none of its owners has two more than any of its subscribers; says how many.
fn balance(topic: TopicId, subscribers: &[usize], sizes: &mut [usize], owners: &mut Owners) -> usize {
    let mut own: BTreeMap<usize, Vec<Partition>> = BTreeMap::new();
    for ((_, partition), at) in owners.range((topic, Partition::MIN)..=(topic, Partition::MAX)) {
        own.entry(*at).or_default().push(*partition);
    }
    let mut least: BTreeSet<(usize, usize)> = subscribers.iter().map(|at| (sizes[*at], *at)).collect();
    let mut most: BTreeSet<(usize, usize)> = own.keys().map(|at| (sizes[*at], *at)).collect();
    let mut moved = 0;
    while let (Some(&(small, to)), Some(&(large, from))) = (least.first(), most.last()) {
        if large <= small + 1 {
            break;
        }
        let Some(partition) = own.get_mut(&from).and_then(Vec::pop) else {
            most.pop_last();
            continue;
        };
        owners.insert((topic, partition), to);
        own.entry(to).or_default().push(partition);
        for (at, change) in [(from, -1isize), (to, 1)] {
            let was = sizes[at];
            sizes[at] = was.saturating_add_signed(change);
            least.remove(&(was, at));
            least.insert((sizes[at], at));
            most.remove(&(was, at));
            most.insert((sizes[at], at));
        }
        moved += 1;
    }
    moved
}
