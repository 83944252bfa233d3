//! Range: for each topic its subscribers in order, each with a run of neighbouring partitions.

use super::Subscriber;
use crate::group::consumer::member::Partitions;
use crate::types::TopicId;
use std::collections::BTreeMap;

/// Static members come first, by instance id, so that a restart under a new member id changes nothing (KIP-345).
pub(super) fn assign(members: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> Vec<Partitions> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|at| {
        let member = &members[*at];
        (member.instance_id.is_none(), member.instance_id.unwrap_or(member.id))
    });
    let mut subscribers: BTreeMap<TopicId, usize> = BTreeMap::new();
    for member in members {
        for topic in member.topics.iter() {
            *subscribers.entry(*topic).or_default() += 1;
        }
    }
    let mut next: BTreeMap<TopicId, (usize, i32)> = BTreeMap::new();
    let mut targets = vec![Partitions::new(); members.len()];
    for at in order {
        for topic in members[at].topics.iter() {
            let count = counts.get(topic).copied().unwrap_or(0);
            let among = subscribers.get(topic).copied().unwrap_or(1) as i32;
            let (place, start) = next.entry(*topic).or_default();
            let len = count / among + i32::from((*place as i32) < count % among);
            if len > 0 {
                targets[at].insert(*topic, (*start..*start + len).collect());
            }
            (*place, *start) = (*place + 1, *start + len);
        }
    }
    targets
}
