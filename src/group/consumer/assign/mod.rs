//! Server-side assignors: who shall read which partition. Racks are not looked at, as in Apache Kafka 4.
//!
//! Every partition of a subscribed topic goes to exactly one member that is subscribed to it; the same input gives the
//! same output.

mod mixed;
mod range;
mod uniform;

#[cfg(test)]
mod tests;

use super::member::Partitions;
use crate::types::{Partition, TopicId};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A way to share partitions out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assignor {
    /// As evenly as possible over all topics; members keep what they have as far as that allows.
    Uniform,
    /// A run of neighbouring partitions of each topic: member n of one topic is member n of the next.
    Range,
}

impl Assignor {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The assignor of a name, as in `group.consumer.assignors`.
    pub fn from_name(name: &str) -> Option<Assignor> {
        [Assignor::Uniform, Assignor::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// The target of each member, in the order of `members`.
    ///
    /// `counts` has the number of partitions of each topic that exists; a topic that is not in it is nobody's.
    pub fn assign(self, members: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> Vec<Partitions> {
        if members.is_empty() {
            return Vec::new();
        }
        match self {
            Assignor::Range => range::assign(members, counts),
            Assignor::Uniform if is_homogeneous(members) => uniform::assign(members, counts),
            Assignor::Uniform => mixed::assign(members, counts),
        }
    }
}

/// A member, as an assignor sees it.
#[derive(Clone, Debug)]
pub struct Subscriber<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name across restarts.
    pub instance_id: Option<&'a str>,
    /// What it wants to read; members that want the same may share it.
    pub topics: Rc<BTreeSet<TopicId>>,
    /// Its target until now.
    pub current: &'a Partitions,
}

fn is_homogeneous(members: &[Subscriber<'_>]) -> bool {
    let first = &members[0].topics;
    members.iter().all(|member| Rc::ptr_eq(&member.topics, first) || member.topics == *first)
}

/// The member that has each partition now, by its place in `members`; what nobody may keep is not in it.
fn owners(members: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> BTreeMap<(TopicId, Partition), usize> {
    let mut owners = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        for (topic, partitions) in member.current.iter().filter(|(topic, _)| member.topics.contains(topic)) {
            let count = counts.get(topic).copied().unwrap_or(0);
            for partition in partitions.range(0..count) {
                owners.entry((*topic, *partition)).or_insert(at);
            }
        }
    }
    owners
}

/// Partitions by member from members by partition.
fn by_member(members: usize, owners: BTreeMap<(TopicId, Partition), usize>) -> Vec<Partitions> {
    let mut targets = vec![Partitions::new(); members];
    for ((topic, partition), at) in owners {
        targets[at].entry(topic).or_default().insert(partition);
    }
    targets
}

/// All partitions of the topics that somebody is subscribed to.
fn all<'c>(
    topics: impl Iterator<Item = &'c TopicId> + 'c,
    counts: &'c BTreeMap<TopicId, i32>,
) -> impl Iterator<Item = (TopicId, Partition)> + 'c {
    topics.flat_map(|topic| (0..counts.get(topic).copied().unwrap_or(0)).map(|partition| (*topic, partition)))
}
