//! The durable state of a consumer group: what its records say, and indexes made of that. Only [`State::replay`]
//! changes it.

use super::member::{Member, Partitions, each_held};
use super::record::{Record, Resolved};
use super::topics::metadata_hash;
use crate::group::Topics;
use crate::types::{Epoch, Millis, Partition, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// How often something is there.
pub(super) type Counts = BTreeMap<String, usize>;

/// What the records of a group say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub epoch: Epoch,
    pub metadata_hash: i64,
    /// The epoch of the targets: never larger than the group's.
    pub target_epoch: Epoch,
    pub target_time: Millis,
    pub members: BTreeMap<String, Member>,
    pub targets: BTreeMap<String, Partitions>,
    pub resolved: BTreeMap<String, Resolved>,
    /// A record of Kafka before 4.1 that is still to be deleted.
    pub has_partition_metadata: bool,

    // From here on: indexes.
    pub static_members: BTreeMap<String, String>,
    pub names: Counts,
    pub regexes: Counts,
    pub assignors: Counts,
    /// Assignors of the members that speak the classic protocol.
    pub protocols: Counts,
    pub classic_members: usize,
    /// Who holds a partition, whether it may still read it or has to give it back.
    pub owners: BTreeMap<(TopicId, Partition), String>,
}

impl Default for State {
    /// Without any record: Kafka counts the epochs of a group from 1, which is that of nobody with nothing.
    fn default() -> State {
        State {
            epoch: 1,
            metadata_hash: 0,
            target_epoch: 1,
            target_time: 0,
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            resolved: BTreeMap::new(),
            has_partition_metadata: false,
            static_members: BTreeMap::new(),
            names: Counts::new(),
            regexes: Counts::new(),
            assignors: Counts::new(),
            protocols: Counts::new(),
            classic_members: 0,
            owners: BTreeMap::new(),
        }
    }
}

pub(super) fn add(counts: &mut Counts, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

pub(super) fn sub(counts: &mut Counts, key: &str) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(key);
        }
    }
}

impl State {
    /// Takes one record in. Records may come again, and in any order that compaction leaves.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::Epoch(Some((epoch, hash))) => (self.epoch, self.metadata_hash) = (*epoch, *hash),
            Record::Epoch(None) => *self = State::default(),
            Record::PartitionMetadata(there) => self.has_partition_metadata = *there,
            Record::Member(id, Some(said)) => self.change(id, |member| {
                *member = Member {
                    epoch: member.epoch,
                    previous_epoch: member.previous_epoch,
                    state: member.state,
                    assigned: std::mem::take(&mut member.assigned),
                    revoking: std::mem::take(&mut member.revoking),
                    ..said.as_ref().clone()
                }
            }),
            Record::Member(id, None) => {
                self.take(id);
            }
            Record::TargetEpoch(value) => (self.target_epoch, self.target_time) = value.unwrap_or((-1, 0)),
            Record::Target(id, Some(target)) => {
                self.targets.insert(id.clone(), target.clone());
            }
            Record::Target(id, None) => {
                self.targets.remove(id);
            }
            Record::Current(id, Some(current)) => self.change(id, |member| {
                (member.epoch, member.previous_epoch, member.state) =
                    (current.epoch, current.previous_epoch, current.state);
                member.assigned = current.assigned.clone();
                member.revoking = current.revoking.clone();
            }),
            Record::Current(id, None) if self.members.contains_key(id) => self.change(id, |member| {
                (member.epoch, member.previous_epoch) = (-1, -1);
                member.assigned.clear();
                member.revoking.clear();
            }),
            Record::Current(_, None) => {}
            Record::Regex(regex, Some(resolved)) => {
                self.resolved.insert(regex.clone(), resolved.clone());
            }
            Record::Regex(regex, None) => {
                self.resolved.remove(regex);
            }
        }
    }

    fn change(&mut self, id: &str, f: impl FnOnce(&mut Member)) {
        let mut member = self.take(id).unwrap_or_else(|| Member::new(id));
        f(&mut member);
        if let Some(instance) = &member.instance_id {
            self.static_members.insert(instance.clone(), member.id.clone());
        }
        member.topic_names.iter().for_each(|name| add(&mut self.names, name));
        member.regex().into_iter().for_each(|regex| add(&mut self.regexes, regex));
        member.assignor.iter().for_each(|name| add(&mut self.assignors, name));
        member.protocols().for_each(|name| add(&mut self.protocols, name));
        self.classic_members += usize::from(member.classic.is_some());
        for partition in each_held(&member.assigned).chain(each_held(&member.revoking)) {
            self.owners.insert(partition, member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member from the group and its indexes; its target stays.
    fn take(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        let instance = member.instance_id.as_ref();
        if let Some(instance) = instance.filter(|instance| self.static_members.get(*instance) == Some(&member.id)) {
            self.static_members.remove(instance);
        }
        member.topic_names.iter().for_each(|name| sub(&mut self.names, name));
        member.regex().into_iter().for_each(|regex| sub(&mut self.regexes, regex));
        member.assignor.iter().for_each(|name| sub(&mut self.assignors, name));
        member.protocols().for_each(|name| sub(&mut self.protocols, name));
        self.classic_members -= usize::from(member.classic.is_some());
        for partition in each_held(&member.assigned).chain(each_held(&member.revoking)) {
            if self.owners.get(&partition) == Some(&member.id) {
                self.owners.remove(&partition);
            }
        }
        Some(member)
    }

    /// The static member of an instance id.
    pub fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// What a member shall have; nothing when no target was computed for it.
    pub fn target(&self, id: &str) -> &Partitions {
        const NOTHING: &Partitions = &Partitions::new();
        self.targets.get(id).unwrap_or(NOTHING)
    }

    /// The records after which nothing is left of the group.
    pub fn tombstones(&self) -> Vec<Record> {
        let ids: BTreeSet<&String> = self.members.keys().chain(self.targets.keys()).collect();
        let mut records = Vec::with_capacity(ids.len() * 3 + 3);
        records.extend(self.members.keys().map(|id| Record::Current(id.clone(), None)));
        records.extend(ids.iter().map(|id| Record::Target((*id).clone(), None)));
        records.push(Record::TargetEpoch(None));
        records.extend(self.members.keys().map(|id| Record::Member(id.clone(), None)));
        records.extend(self.resolved.keys().map(|regex| Record::Regex(regex.clone(), None)));
        records.push(Record::PartitionMetadata(false));
        records.push(Record::Epoch(None));
        records
    }

    /// The checksum of the topics that the group would be subscribed to with these counts and patterns.
    pub fn hash(names: &Counts, regexes: &Counts, resolved: &BTreeMap<String, Resolved>, topics: &dyn Topics) -> i64 {
        let matched = resolved.iter().filter(|(regex, _)| regexes.contains_key(*regex));
        let matched = matched.flat_map(|(_, resolved)| resolved.topics.iter());
        let all: BTreeSet<&str> = names.keys().chain(matched).map(String::as_str).collect();
        metadata_hash(all.into_iter(), topics)
    }
}
