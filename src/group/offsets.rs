//! Committed offsets: by group, topic and partition.

use super::GroupId;
use super::command::Committed;
use super::record::{OffsetCommitKey, OffsetCommitValue, Record, expires_at};
use crate::types::{Epoch, Millis, Offset, Partition, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The offset to read next.
    pub offset: Offset,
    /// The leader epoch of the last record that was read; -1 is none.
    pub leader_epoch: Epoch,
    /// The client's text.
    pub metadata: Box<str>,
    /// When it was committed.
    pub committed_at: Millis,
    /// When its client wants it gone; `None` leaves that to the broker.
    pub expires_at: Option<Millis>,
    /// The topic's id when it was committed; zero when it was not known.
    pub topic_id: TopicId,
}

impl Stored {
    /// As clients are told.
    pub fn told(&self) -> Committed {
        Committed { offset: self.offset, leader_epoch: self.leader_epoch, metadata: self.metadata.to_string() }
    }
}

type ByPartition = BTreeMap<Partition, Stored>;
type ByTopic = BTreeMap<Arc<str>, ByPartition>;

/// Which offsets of a group may expire (KIP-211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// None: the group is active, and what it reads is not known.
    Never,
    /// All, so long after the group became empty; after each one's commit where that time is not known.
    SinceEmpty(Option<Millis>),
    /// Each one so long after its commit.
    SinceCommit,
}

/// All offsets of a shard.
#[derive(Debug, Default)]
pub struct Offsets {
    groups: BTreeMap<GroupId, ByTopic>,
    /// Topic names, each once: a million offsets of a thousand groups name the same few topics.
    names: BTreeMap<Arc<str>, ()>,
}

impl Offsets {
    /// Makes a record state.
    pub fn replay(&mut self, key: &OffsetCommitKey<'_>, value: Option<&OffsetCommitValue<'_>>) {
        match value {
            Some(value) => self.put(&key.group, &key.topic, key.partition, value),
            None => self.remove(&key.group, &key.topic, key.partition),
        }
    }

    fn put(&mut self, group: &str, topic: &str, partition: Partition, value: &OffsetCommitValue<'_>) {
        let stored = Stored {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: (*value.metadata).into(),
            committed_at: value.commit_timestamp,
            expires_at: expires_at(value),
            topic_id: value.topic_id,
        };
        if let Some(slot) = self.groups.get_mut(group).and_then(|topics| topics.get_mut(topic)) {
            slot.insert(partition, stored);
            return;
        }
        let name = self.name(topic);
        let topics = match self.groups.get_mut(group) {
            Some(topics) => topics,
            None => self.groups.entry(group.into()).or_default(),
        };
        topics.entry(name).or_default().insert(partition, stored);
    }

    fn name(&mut self, topic: &str) -> Arc<str> {
        match self.names.get_key_value(topic) {
            Some((name, ())) => Arc::clone(name),
            None => {
                let name: Arc<str> = topic.into();
                self.names.insert(Arc::clone(&name), ());
                name
            }
        }
    }

    fn remove(&mut self, group: &str, topic: &str, partition: Partition) {
        let Some(topics) = self.groups.get_mut(group) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
            if self.names.get_key_value(topic).is_some_and(|(name, ())| Arc::strong_count(name) == 1) {
                self.names.remove(topic);
            }
        }
        if topics.is_empty() {
            self.groups.remove(group);
        }
    }

    /// One offset.
    pub fn get(&self, group: &str, topic: &str, partition: Partition) -> Option<&Stored> {
        self.groups.get(group)?.get(topic)?.get(&partition)
    }

    /// All offsets of a group, by topic.
    pub fn of_group(&self, group: &str) -> impl Iterator<Item = (&str, &ByPartition)> {
        self.groups.get(group).into_iter().flatten().map(|(topic, partitions)| (&**topic, partitions))
    }

    /// Whether a group has any.
    pub fn has(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Records that take away all offsets of a group.
    pub fn forget_group(&self, group: &str, out: &mut Vec<Record<'static>>) {
        for (topic, partitions) in self.of_group(group) {
            out.extend(partitions.keys().map(|partition| gone(group, topic, *partition)));
        }
    }

    /// Records that take away all offsets of a topic, in all groups.
    pub fn forget_topic(&self, topic: &str, out: &mut Vec<Record<'static>>) {
        for (group, topics) in &self.groups {
            let partitions = topics.get(topic).into_iter().flat_map(BTreeMap::keys);
            out.extend(partitions.map(|partition| gone(group, topic, *partition)));
        }
    }

    /// Records that take away the offsets whose topic's id, where they have one, is not that of any topic any more.
    pub fn forget_dead(&self, lives: impl Fn(TopicId) -> bool, out: &mut Vec<Record<'static>>) {
        for (group, topics) in &self.groups {
            for (topic, partitions) in topics {
                let dead = partitions.iter().filter(|(_, at)| !at.topic_id.is_zero() && !lives(at.topic_id));
                out.extend(dead.map(|(partition, _)| gone(group, topic, *partition)));
            }
        }
    }

    /// Records that take away what is too old; true when the group has no other offset.
    pub fn expire(
        &self,
        now: Millis,
        retention_ms: Millis,
        group: &str,
        expiry: Expiry,
        is_subscribed: impl Fn(&str) -> bool,
        out: &mut Vec<Record<'static>>,
    ) -> bool {
        let base = |at: &Stored| match expiry {
            Expiry::SinceEmpty(Some(since)) => since,
            _ => at.committed_at,
        };
        let mut all = true;
        for (topic, partitions) in self.of_group(group) {
            let kept = expiry == Expiry::Never || is_subscribed(topic);
            for (partition, at) in partitions {
                let due = at.expires_at.unwrap_or_else(|| base(at).saturating_add(retention_ms));
                if kept || due > now {
                    all = false;
                } else {
                    out.push(gone(group, topic, *partition));
                }
            }
        }
        all && expiry != Expiry::Never
    }
}

/// The record that takes an offset away.
pub fn gone(group: &str, topic: &str, partition: Partition) -> Record<'static> {
    let key = OffsetCommitKey { group: group.to_owned().into(), topic: topic.to_owned().into(), partition };
    Record::Offset(key, None)
}
