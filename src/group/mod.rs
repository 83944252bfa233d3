//! Consumer groups: who is a member, who reads what, and how far it has come. A coordinator for one partition of
//! `__consumer_offsets` is a [`Shard`]; a group belongs to the partition that [`partition_of`] names.
//!
//! # Decide, then replay
//!
//! What a group is for good is in its records ([`record`], Kafka's own keys and values): [`Shard::replay`] makes them
//! state, when the log is loaded as well as in normal life. A [`Command`] is decided against that state; what comes of
//! it is an [`Outcome`]: records to append, replies to give, and times to look again. The state runs ahead of the log by
//! what is not committed yet, and nobody hears of it before: *every* reply waits until all that was decided before it is
//! committed (`broker::groups` counts records). A failed append throws the shard away and loads it again from the log.
//!
//! # Soft state
//!
//! Who is joining, who waits for an assignment and when a member is overdue is lost at a restart, as in Kafka: after a
//! load every known member has a full session timeout to show itself again. It lives beside the records' state and never
//! is in a record.
//!
//! Time is kept by [`Alarm`]s, which are hints: "look at this at that time". An alarm that comes too early (a heartbeat
//! has moved the deadline meanwhile) sets the next one; one whose subject is gone does nothing. So a heartbeat only
//! writes a deadline, and no timer is ever cancelled.
//!
//! # The parts
//!
//! - [`record`]: keys and values of the log.
//! - [`offsets`]: committed offsets, by group, topic and partition.
//! - [`classic`]: the classic protocol (JoinGroup, SyncGroup, Heartbeat, LeaveGroup).
//! - [`consumer`]: the protocol of KIP-848 (ConsumerGroupHeartbeat), its assignors, and the way between both protocols.
//! - [`Shard`]: all groups of one partition, of either protocol.
//!
//! Topics are told by who calls ([`Topics`]): machines don't import each other.

pub mod classic;
pub mod command;
pub mod consumer;
mod load;
pub mod offsets;
pub mod record;
mod shard;

pub use command::{Command, Reply, Token};
pub use load::{Loaded, replay_batches};
pub use record::Record;
pub use shard::Shard;

use crate::config::GroupSettings;
use crate::error::ErrorCode;
use crate::types::{Millis, Partition, TopicId, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The topic that holds the records of all groups.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A group's name, shared by all that point to it.
pub type GroupId = Arc<str>;

/// What the groups may know of topics. Implemented by the broker over its metadata.
pub trait Topics {
    /// The id of a topic, by name.
    fn id_of(&self, name: &str) -> Option<TopicId>;
    /// The name of a topic, by id.
    fn name_of(&self, id: TopicId) -> Option<&str>;
    /// How many partitions a topic has, by name.
    fn partitions_of(&self, name: &str) -> Option<i32>;
    /// All names, in order: for patterns.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
    /// Grows with every change of a topic: equal versions mean equal answers.
    fn version(&self) -> u64;
}

/// Settings of groups that have chosen some for themselves, by name. The others live under the broker's.
pub type OwnSettings = BTreeMap<String, GroupSettings>;

/// No group has chosen anything.
pub const NO_OWN: &OwnSettings = &OwnSettings::new();

/// What surrounds a decision.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The time.
    pub now: Millis,
    /// Settings of the broker; those of the group once it is known.
    pub settings: &'a GroupSettings,
    /// What groups have chosen for themselves.
    pub own: &'a OwnSettings,
    /// Topics.
    pub topics: &'a dyn Topics,
    /// A random id that nobody has used: for a new member.
    pub fresh: Uuid,
    /// The largest record that can be written.
    pub record_bytes_max: usize,
}

impl<'a> Cx<'a> {
    /// The same for one group, under the settings that are its own.
    fn of(&self, group: &str) -> Cx<'a> {
        Cx { settings: self.own.get(group).unwrap_or(self.settings), ..*self }
    }
}

/// A time to look at something again: a hint, never a promise that something is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Look at the group: a join phase, a pending sync, an assignment that is due.
    Group,
    /// Look at a member: its session, its rebalance timeout.
    Member(Arc<str>),
}

/// What comes of a command to one group: `R` is its protocol's kind of record, `A` its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R, A> {
    /// Records to append and replay.
    pub records: Vec<R>,
    /// When to look again.
    pub alarms: Vec<(Millis, Alarm)>,
    /// The answer, once the records are committed.
    pub reply: A,
}

/// What comes of a command to a shard, or of time passing.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Records to append: the shard has made them state already.
    pub records: Vec<Record<'static>>,
    /// Replies, each to be given once everything that was decided up to here is committed.
    pub replies: Vec<(Token, Reply)>,
    /// When to look at the group again.
    pub alarms: Vec<(Millis, Alarm)>,
}

/// How much a coordinator keeps in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Groups.
    pub groups: usize,
    /// Members of all groups, and ids that were given out and not used yet.
    pub members: usize,
    /// Committed offsets.
    pub offsets: usize,
    /// Alarms that are set; more than are needed, since none is ever taken back.
    pub alarms: usize,
}

impl std::ops::Add for Kept {
    type Output = Kept;
    fn add(self, other: Kept) -> Kept {
        Kept {
            groups: self.groups + other.groups,
            members: self.members + other.members,
            offsets: self.offsets + other.offsets,
            alarms: self.alarms + other.alarms,
        }
    }
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code for the client.
    pub code: ErrorCode,
    /// What is wrong, in a sentence; for those replies that carry one.
    pub message: Option<String>,
}

impl Refusal {
    /// A refusal with a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal { code, message: Some(message.into()) }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Refusal { code, message: None }
    }
}

/// The partition of [`OFFSETS_TOPIC`] that a group belongs to, by Java's `String.hashCode`: its distance from 0, not
/// what is left of it without the sign bit.
pub fn partition_of(group: &str, partitions: i32) -> Partition {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests;
