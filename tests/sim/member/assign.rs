//! How a leader assigns: in the eager style anew each time, in the cooperative style so that nothing moves before its
//! owner has given it up (KIP-429).

use super::Style;
use crate::oracle::groups::Part;
use kq::wire::consumer_protocol::ConsumerProtocolSubscription;
use std::collections::{BTreeMap, BTreeSet};

/// A member, as its leader is told.
pub struct Known {
    /// Its id.
    pub member_id: String,
    /// Its subscription, in bytes.
    pub metadata: Vec<u8>,
}

/// Partitions by member id, for topics with so many partitions.
pub fn assign(style: Style, roster: &[Known], counts: &BTreeMap<String, i32>) -> BTreeMap<String, BTreeSet<Part>> {
    let read = |known: &'_ Known| {
        let (_, subscription) = ConsumerProtocolSubscription::from_bytes(&known.metadata).expect("a subscription");
        let topics: BTreeSet<String> = subscription.topics.iter().map(ToString::to_string).collect();
        let owned = subscription.owned_partitions.iter();
        let owned = owned.flat_map(|of| of.partitions.iter().map(|p| (of.topic.to_string(), *p)));
        (known.member_id.clone(), topics, owned.collect::<BTreeSet<Part>>(), subscription.generation_id)
    };
    let members: Vec<_> = roster.iter().map(read).collect();
    let mut shares: BTreeMap<String, BTreeSet<Part>> =
        members.iter().map(|(id, ..)| (id.clone(), BTreeSet::new())).collect();
    for (number, (topic, &count)) in counts.iter().enumerate() {
        let readers: Vec<_> = members.iter().filter(|(_, topics, ..)| topics.contains(topic)).collect();
        if readers.is_empty() {
            continue;
        }
        let mut free: BTreeSet<i32> = (0..count).collect();
        if style == Style::Cooperative {
            // Who claims it with the highest generation owns it (KIP-792); with equal ones, nobody does.
            let quota = (count as usize).div_ceil(readers.len());
            let mut owners: BTreeMap<i32, (i32, Option<&String>)> = BTreeMap::new();
            for (id, _, owned, generation) in &members {
                for (_, partition) in owned.iter().filter(|(of, _)| of == topic) {
                    let now = owners.get(partition).copied();
                    match now {
                        Some((best, _)) if best > *generation => {}
                        Some((best, _)) if best == *generation => drop(owners.insert(*partition, (best, None))),
                        _ => drop(owners.insert(*partition, (*generation, Some(id)))),
                    }
                }
            }
            for (partition, (_, owner)) in owners {
                let Some(owner) = owner else { continue };
                free.remove(&partition);
                let keeps = readers.iter().any(|(id, ..)| id == owner) && partition < count;
                let share = shares.get_mut(owner).expect("a member");
                // What is too much is given to nobody yet: its owner gives it up first.
                if keeps && share.iter().filter(|(of, _)| of == topic).count() < quota {
                    share.insert((topic.clone(), partition));
                }
            }
        }
        for (turn, partition) in free.into_iter().enumerate() {
            let (id, ..) = match style {
                Style::Eager => readers[(turn + number) % readers.len()],
                Style::Cooperative => readers
                    .iter()
                    .min_by_key(|(id, ..)| shares[id].iter().filter(|(of, _)| of == topic).count())
                    .expect("a reader"),
            };
            shares.get_mut(id).expect("a member").insert((topic.clone(), partition));
        }
    }
    shares
}
