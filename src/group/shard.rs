//! All groups of one partition of `__consumer_offsets`.

use super::classic::ClassicGroup;
use super::command::{Command, Commit, FetchOffsets, Joined, Listed, Reply, Token};
use super::offsets::{self, Offsets};
use super::record::{GroupMetadataKey, OffsetCommitKey, OffsetCommitValue};
use super::{Alarm, Cx, GroupId, Outcome, Record, Refusal};
use crate::error::ErrorCode;
use crate::types::{Millis, Partition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One group, under the protocol that it speaks.
#[derive(Debug)]
enum Group {
    Classic(Box<ClassicGroup>),
}

/// The groups of one partition, and their offsets.
#[derive(Debug, Default)]
pub struct Shard {
    groups: BTreeMap<GroupId, Group>,
    offsets: Offsets,
    alarms: BTreeSet<(Millis, GroupId, Alarm)>,
}

impl Shard {
    /// Makes a record state: from the log, or as it is decided.
    pub fn replay(&mut self, record: &Record<'_>) {
        match record {
            Record::Offset(key, value) => {
                if value.is_some() && !self.groups.contains_key(&*key.group) {
                    self.create(&key.group);
                }
                self.offsets.replay(key, value.as_ref());
            }
            Record::Group(key, None) => drop(self.groups.remove(&*key.group)),
            Record::Group(key, Some(value)) => {
                if !self.groups.contains_key(&*key.group) {
                    self.create(&key.group);
                }
                if let Some(Group::Classic(group)) = self.groups.get_mut(&*key.group) {
                    group.replay(value);
                }
            }
        }
    }

    /// The log is read to its end: what it knows of members begins to live.
    pub fn loaded(&mut self, cx: &Cx<'_>) -> Outcome {
        let mut all = Outcome::default();
        let ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        for id in ids {
            let mut out = Outcome::default();
            match self.groups.get_mut(&id) {
                Some(Group::Classic(group)) => group.loaded(cx, &mut out),
                None => {}
            }
            self.settle(&id, out, &mut all);
        }
        // A crash may have come between a topic's end and that of its offsets.
        let mut dead = Outcome::default();
        self.offsets.forget_dead(|id| cx.topics.name_of(id).is_some(), &mut dead.records);
        self.settle(&Arc::from(""), dead, &mut all);
        all
    }

    /// Decides a command to one group.
    pub fn submit(&mut self, cx: &Cx<'_>, token: Token, group: &str, command: Command) -> Outcome {
        let mut out = Outcome::default();
        match command {
            Command::Join(request) => return self.join(cx, token, group, request),
            Command::Sync(request) => match self.groups.get_mut(group) {
                Some(Group::Classic(group)) => group.sync(cx, token, request, &mut out),
                None => out.replies.push((token, ErrorCode::UnknownMemberId.into())),
            },
            Command::Heartbeat(who) => {
                let code = match self.groups.get_mut(group) {
                    Some(Group::Classic(group)) => group.heartbeat(cx, &who, &mut out),
                    None => ErrorCode::UnknownMemberId,
                };
                out.replies.push((token, code.into()));
            }
            Command::Leave(leavers) => {
                let codes = match self.groups.get_mut(group) {
                    Some(Group::Classic(group)) => group.leave(cx, &leavers, &mut out),
                    None => vec![ErrorCode::UnknownMemberId; leavers.len()],
                };
                out.replies.push((token, Reply::Leave(codes)));
            }
            Command::Commit(request) => {
                let reply = self.commit(cx, group, request, &mut out);
                out.replies.push((token, reply.unwrap_or_else(|code| Reply::Refused(code.into()))));
            }
            Command::FetchOffsets(request) => out.replies.push((token, self.fetch(group, request))),
            Command::DeleteOffsets(topics) => {
                let reply = self.delete_offsets(group, &topics, &mut out);
                out.replies.push((token, reply.unwrap_or_else(|code| Reply::Refused(code.into()))));
            }
            Command::Describe => out.replies.push((token, self.describe(group))),
            Command::Delete => {
                let code = self.delete(group, &mut out).err().unwrap_or(ErrorCode::None);
                out.replies.push((token, code.into()));
            }
        }
        let mut all = Outcome::default();
        self.settle(&self.id_of(group), out, &mut all);
        all
    }

    /// When something is to be looked at.
    pub fn deadline(&self) -> Option<Millis> {
        self.alarms.first().map(|(at, ..)| *at)
    }

    /// Looks at what is due.
    pub fn wake(&mut self, cx: &Cx<'_>) -> Outcome {
        let mut all = Outcome::default();
        while let Some((_, id, alarm)) = self.next_due(cx.now) {
            let mut out = Outcome::default();
            match self.groups.get_mut(&id) {
                Some(Group::Classic(group)) => group.alarm(cx, &alarm, &mut out),
                None => {}
            }
            self.settle(&id, out, &mut all);
        }
        all
    }

    /// Takes away offsets that are too old, and groups that have nothing left.
    pub fn expire(&mut self, cx: &Cx<'_>) -> Outcome {
        let mut out = Outcome::default();
        for (id, group) in &self.groups {
            let Group::Classic(group) = group;
            let subscribed = |topic: &str| group.is_subscribed(topic);
            let (now, retention_ms) = (cx.now, cx.settings.offsets_retention_ms);
            let bare = self.offsets.expire(now, retention_ms, id, group.expiry(), subscribed, &mut out.records);
            if group.is_vacant() && (bare || !self.offsets.has(id)) {
                out.records.push(gone(id));
            }
        }
        let mut all = Outcome::default();
        self.settle(&Arc::from(""), out, &mut all);
        all
    }

    /// A topic is deleted: what was committed for it means nothing any more.
    pub fn forget_topic(&mut self, topic: &str) -> Outcome {
        let (mut out, mut all) = (Outcome::default(), Outcome::default());
        self.offsets.forget_topic(topic, &mut out.records);
        self.settle(&Arc::from(""), out, &mut all);
        all
    }

    /// Whoever waits for something other than the log: the coordinator goes, and will not answer them.
    pub fn abandon(&mut self) -> Vec<Token> {
        let groups = self.groups.values_mut();
        groups.flat_map(|Group::Classic(group)| group.abandon()).collect()
    }

    /// All groups.
    pub fn list(&self) -> impl Iterator<Item = Listed> {
        self.groups.iter().map(|(id, Group::Classic(group))| Listed {
            id: id.to_string(),
            protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
            state: group.state().name(),
            kind: "Classic",
        })
    }

    /// How many groups and offsets there are, for who wants to know.
    pub fn size(&self) -> (usize, usize) {
        (self.groups.len(), self.offsets.len())
    }

    /// Replays what was decided for a group, sets its alarms, and adds the rest to `all`.
    fn settle(&mut self, group: &GroupId, out: Outcome, all: &mut Outcome) {
        for record in &out.records {
            self.replay(record);
        }
        all.records.extend(out.records);
        all.replies.extend(out.replies);
        self.alarms.extend(out.alarms.into_iter().map(|(at, alarm)| (at, Arc::clone(group), alarm)));
    }

    fn next_due(&mut self, now: Millis) -> Option<(Millis, GroupId, Alarm)> {
        let (at, ..) = self.alarms.first()?;
        if *at <= now { self.alarms.pop_first() } else { None }
    }

    fn id_of(&self, group: &str) -> GroupId {
        self.groups.get_key_value(group).map_or_else(|| group.into(), |(id, _)| Arc::clone(id))
    }

    fn create(&mut self, group: &str) {
        let id: GroupId = group.into();
        self.groups.insert(Arc::clone(&id), Group::Classic(Box::new(ClassicGroup::new(id))));
    }

    fn join(&mut self, cx: &Cx<'_>, token: Token, group: &str, request: super::command::Join) -> Outcome {
        let mut all = Outcome::default();
        if !self.groups.contains_key(group) {
            if !request.member_id.is_empty() {
                all.replies.push((token, Joined::refused(ErrorCode::UnknownMemberId, &request.member_id)));
                return all;
            }
            // The group is there from here on, even if its first member never comes back.
            let new = ClassicGroup::new(group.into()).began(cx.now).record();
            let out = Outcome { records: vec![new], ..Outcome::default() };
            self.settle(&Arc::from(group), out, &mut all);
        }
        let mut out = Outcome::default();
        match self.groups.get_mut(group) {
            Some(Group::Classic(group)) => group.join(cx, token, request, &mut out),
            None => {}
        }
        self.settle(&self.id_of(group), out, &mut all);
        all
    }

    fn commit(&mut self, cx: &Cx<'_>, group: &str, request: Commit, out: &mut Outcome) -> Result<Reply, ErrorCode> {
        match self.groups.get_mut(group) {
            Some(Group::Classic(group)) => group.check_commit(cx, &request.who, out)?,
            // Who only keeps offsets has no members: its group is made by what it commits.
            None if request.who.generation < 0 => {}
            None if request.knows_epochs => return Err(ErrorCode::GroupIdNotFound),
            None => return Err(ErrorCode::IllegalGeneration),
        }
        let expire_timestamp = match request.retention_ms {
            -1 => -1,
            ms => cx.now.saturating_add(ms),
        };
        let metadata_max = usize::try_from(cx.settings.offset_metadata_max_bytes).unwrap_or(0);
        let mut codes = Vec::new();
        for topic in request.topics {
            for (partition, offset, leader_epoch, metadata) in topic.partitions {
                if metadata.encode_utf16().count() > metadata_max {
                    codes.push(ErrorCode::OffsetMetadataTooLarge);
                    continue;
                }
                codes.push(ErrorCode::None);
                let key =
                    OffsetCommitKey { group: group.to_owned().into(), topic: topic.name.clone().into(), partition };
                let value = OffsetCommitValue {
                    offset,
                    leader_epoch,
                    metadata: metadata.into(),
                    commit_timestamp: cx.now,
                    expire_timestamp,
                    topic_id: topic.id,
                };
                out.records.push(Record::Offset(key, Some(value)));
            }
        }
        Ok(Reply::Committed(codes))
    }

    fn fetch(&self, group: &str, request: FetchOffsets) -> Reply {
        let told = match request.topics {
            Some(topics) => topics
                .into_iter()
                .map(|(topic, partitions)| {
                    let one = |p: Partition| (p, self.offsets.get(group, &topic, p).map(offsets::Stored::told));
                    let partitions = partitions.into_iter().map(one).collect();
                    (topic, partitions)
                })
                .collect(),
            None => self
                .offsets
                .of_group(group)
                .map(|(topic, at)| (topic.to_owned(), at.iter().map(|(p, at)| (*p, Some(at.told()))).collect()))
                .collect(),
        };
        Reply::Offsets(told)
    }

    fn delete_offsets(
        &self,
        group: &str,
        topics: &[(String, Vec<Partition>)],
        out: &mut Outcome,
    ) -> Result<Reply, ErrorCode> {
        let Some(Group::Classic(known)) = self.groups.get(group) else { return Err(ErrorCode::GroupIdNotFound) };
        known.check_delete_offsets()?;
        let mut codes = Vec::new();
        for (topic, partitions) in topics {
            let subscribed = known.is_subscribed(topic) && known.protocol_type().is_some() && !known.is_vacant();
            for partition in partitions {
                if subscribed {
                    codes.push(ErrorCode::GroupSubscribedToTopic);
                    continue;
                }
                codes.push(ErrorCode::None);
                if self.offsets.get(group, topic, *partition).is_some() {
                    out.records.push(offsets::gone(group, topic, *partition));
                }
            }
        }
        Ok(Reply::OffsetsDeleted(codes))
    }

    fn describe(&self, group: &str) -> Reply {
        match self.groups.get(group) {
            Some(Group::Classic(group)) => Reply::Described(Box::new(group.describe())),
            None => Reply::Refused(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {group} not found."))),
        }
    }

    fn delete(&self, group: &str, out: &mut Outcome) -> Result<(), ErrorCode> {
        let Some(Group::Classic(known)) = self.groups.get(group) else { return Err(ErrorCode::GroupIdNotFound) };
        known.check_delete()?;
        self.offsets.forget_group(group, &mut out.records);
        out.records.push(gone(group));
        Ok(())
    }
}

/// The record that takes a classic group away.
fn gone(group: &str) -> Record<'static> {
    Record::Group(GroupMetadataKey { group: group.to_owned().into() }, None)
}
