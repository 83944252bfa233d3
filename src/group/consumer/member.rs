//! A member of a consumer group and the partitions it holds.

use crate::types::{Epoch, Partition, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// The epoch with which a member joins.
pub const JOIN_EPOCH: Epoch = 0;
/// The epoch with which a member leaves.
pub const LEAVE_EPOCH: Epoch = -1;
/// The epoch with which a static member leaves for a while: it keeps its partitions (KIP-345, KIP-848).
pub const STATIC_LEAVE_EPOCH: Epoch = -2;

/// Partitions by topic.
pub type Partitions = BTreeMap<TopicId, BTreeSet<Partition>>;
/// Partitions by topic, each with the group epoch in which the member got it.
pub type Held = BTreeMap<TopicId, BTreeMap<Partition, Epoch>>;

/// Where a member stands between the partitions it has and those it shall have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemberState {
    /// It has what the epoch it is in gives it.
    #[default]
    Stable,
    /// It shall give partitions back and has not said yet that it did.
    UnrevokedPartitions,
    /// It is in the target's epoch, and waits for partitions that others still hold.
    UnreleasedPartitions,
    /// Written by a newer broker.
    Unknown,
}

impl MemberState {
    /// Kafka's number.
    pub fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    /// The state of Kafka's number.
    pub fn from_code(code: i8) -> MemberState {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

/// What a member of the classic protocol said of itself when it joined.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClassicMetadata {
    /// Its own session timeout.
    pub session_timeout_ms: i32,
    /// Its assignors by name, each with the subscription in the consumer's embedded protocol; never empty.
    pub protocols: Vec<(String, Vec<u8>)>,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its name across restarts, if it has one (KIP-345).
    pub instance_id: Option<String>,
    /// The rack it runs in, for those who look.
    pub rack_id: Option<String>,
    /// The client's name for itself.
    pub client_id: String,
    /// Its address.
    pub client_host: String,
    /// The topics it asked for by name.
    pub topic_names: BTreeSet<String>,
    /// The pattern of topics it asked for; empty for none.
    pub topic_regex: String,
    /// How long it may take to give partitions back; -1 when it never said.
    pub rebalance_timeout_ms: i32,
    /// The assignor it would like.
    pub assignor: Option<String>,
    /// Set when it speaks the classic protocol.
    pub classic: Option<ClassicMetadata>,
    /// Its epoch; -2 while a static member is away.
    pub epoch: Epoch,
    /// The epoch before, in case the answer with the new one was lost.
    pub previous_epoch: Epoch,
    /// Where it stands.
    pub state: MemberState,
    /// What it may read.
    pub assigned: Held,
    /// What it has to give back.
    pub revoking: Held,
}

impl Member {
    /// A member of whom nothing is known yet.
    pub fn new(id: &str) -> Member {
        Member {
            id: id.to_owned(),
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topic_names: BTreeSet::new(),
            topic_regex: String::new(),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
            epoch: JOIN_EPOCH,
            previous_epoch: LEAVE_EPOCH,
            state: MemberState::Stable,
            assigned: Held::new(),
            revoking: Held::new(),
        }
    }

    /// The pattern it asked for, if any.
    pub fn regex(&self) -> Option<&str> {
        Some(self.topic_regex.as_str()).filter(|regex| !regex.is_empty())
    }

    /// True when the member has all that the assignment of `epoch` gives it.
    pub fn is_reconciled_to(&self, epoch: Epoch) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// Moves to `epoch` and remembers where it came from.
    pub fn enter(&mut self, epoch: Epoch) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    /// The epoch in which it got a partition that it still holds.
    pub fn assignment_epoch(&self, topic: TopicId, partition: Partition) -> Option<Epoch> {
        let of = |held: &Held| held.get(&topic).and_then(|partitions| partitions.get(&partition)).copied();
        of(&self.assigned).or_else(|| of(&self.revoking))
    }

    /// All that it may still read: what it has to give back included.
    pub fn held(&self) -> Partitions {
        let mut held = without_epochs(&self.assigned);
        for (topic, partitions) in &self.revoking {
            held.entry(*topic).or_default().extend(partitions.keys());
        }
        held
    }

    /// The assignors it can work with; empty for a member of the consumer protocol.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.classic.iter().flat_map(|classic| classic.protocols.iter().map(|(name, _)| name.as_str()))
    }
}

/// Whether `held` has the partition.
pub fn holds(held: &Held, topic: TopicId, partition: Partition) -> bool {
    held.get(&topic).is_some_and(|partitions| partitions.contains_key(&partition))
}

/// The partitions of `held`, one by one.
pub fn each_held(held: &Held) -> impl Iterator<Item = (TopicId, Partition)> {
    held.iter().flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}

/// The partitions without their epochs.
pub fn without_epochs(held: &Held) -> Partitions {
    held.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect()
}

/// The partitions, all of them got in `epoch`.
pub fn with_epoch(partitions: &Partitions, epoch: Epoch) -> Held {
    partitions.iter().map(|(topic, of)| (*topic, of.iter().map(|partition| (*partition, epoch)).collect())).collect()
}
