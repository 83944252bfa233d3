//! Uniform, where all members want the same topics: member sizes differ by one at most, and nothing moves that need not.

use super::{Subscriber, all, by_member, owners};
use crate::group::consumer::member::Partitions;
use crate::types::TopicId;
use std::collections::BTreeMap;

pub(super) fn assign(members: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> Vec<Partitions> {
    let mut owners = owners(members, counts);
    let partitions: Vec<_> = all(members[0].topics.iter(), counts).collect();
    let least = partitions.len() / members.len();
    let mut extras = partitions.len() % members.len();

    // A member keeps up to `least`, and one more while there are extras: those who have them first, so that an extra
    // moves only when there are more of them than members who may keep one.
    let mut quotas = vec![least; members.len()];
    let mut sizes = vec![0; members.len()];
    for at in owners.values() {
        sizes[*at] += 1;
    }
    for at in 0..members.len() {
        if sizes[at] > least && extras > 0 {
            quotas[at] += 1;
            extras -= 1;
        }
    }
    for quota in quotas.iter_mut().filter(|quota| **quota == least) {
        if extras == 0 {
            break;
        }
        *quota += 1;
        extras -= 1;
    }

    let mut kept = vec![0; members.len()];
    owners.retain(|_, at| {
        kept[*at] += 1;
        kept[*at] <= quotas[*at]
    });
    let mut free = partitions.into_iter().filter(|partition| !owners.contains_key(partition)).collect::<Vec<_>>();
    free.reverse();
    for (at, quota) in quotas.iter().enumerate() {
        for _ in kept[at].min(*quota)..*quota {
            let Some(partition) = free.pop() else { break };
            owners.insert(partition, at);
        }
    }
    assert!(free.is_empty(), "the quotas add up to all partitions");
    by_member(members.len(), owners)
}
