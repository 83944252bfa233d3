//! All groups of one partition of `__consumer_offsets`, of either protocol, and their offsets.

use super::classic::ClassicGroup;
use super::command::{Command, Joined, Listed, Reply, Token};
use super::consumer::{self, ConsumerGroup};
use super::offsets::{Expiry, Offsets};
use super::record::GroupMetadataKey;
use super::{Alarm, Cx, GroupId, Kept, Outcome, Record, Refusal};
use crate::error::ErrorCode;
use crate::types::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod keep;
mod mixed;

/// One group, under the protocol that it speaks.
#[derive(Debug)]
enum Group {
    Classic(Box<ClassicGroup>),
    Consumer(Box<ConsumerGroup>),
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
                // Who only keeps offsets has a group without members.
                if value.is_some() && !self.groups.contains_key(&*key.group) {
                    self.classic(&key.group);
                }
                self.offsets.replay(key, value.as_ref());
            }
            Record::Group(key, None) => {
                if let Some(Group::Classic(_)) = self.groups.get(&*key.group) {
                    self.groups.remove(&*key.group);
                }
            }
            Record::Group(key, Some(value)) => self.classic(&key.group).replay(value),
            Record::Consumer(id, record) => {
                if record.makes_group() && !matches!(self.groups.get(id), Some(Group::Consumer(_))) {
                    // Offsets may stand in the log before the group that committed them.
                    self.groups.insert(Arc::clone(id), Group::Consumer(Box::new(ConsumerGroup::new(id))));
                }
                let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { return };
                group.replay(record);
                if record.ends_group() {
                    self.groups.remove(id);
                }
            }
        }
    }

    /// The log is read to its end: what it knows of members begins to live.
    pub fn loaded(&mut self, cx: &Cx<'_>) -> Outcome {
        let mut all = Outcome::default();
        let ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        for id in ids {
            let cx = &cx.of(&id);
            let mut out = Outcome::default();
            match self.groups.get_mut(&id) {
                Some(Group::Classic(group)) => group.loaded(cx, &mut out),
                Some(Group::Consumer(group)) => out.alarms = group.loaded(cx),
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
        let id = self.groups.get_key_value(group).map_or_else(|| group.into(), |(id, _)| Arc::clone(id));
        let cx = &cx.of(&id);
        let (mut out, mut all) = (Outcome::default(), Outcome::default());
        let refused = |code: ErrorCode| Reply::Refused(code.into());
        let reply = match (command, self.groups.get_mut(&id)) {
            (Command::Join(request), Some(Group::Consumer(group))) if !group.is_empty() => {
                self.join_mixed(cx, &id, request, &mut all)
            }
            (Command::Join(request), _) => return self.join(cx, token, &id, request),
            (Command::Consume(request, version), _) => {
                let reply = self.consume(cx, &id, *request, version, &mut all);
                reply.unwrap_or_else(Reply::Refused)
            }
            (Command::Sync(request), Some(Group::Classic(group))) => {
                group.sync(cx, token, request, &mut out);
                self.settle(&id, out, &mut all);
                return all;
            }
            (Command::Sync(request), Some(Group::Consumer(_))) => self.sync_mixed(cx, &id, request, &mut all),
            (Command::Heartbeat(who), Some(Group::Classic(group))) => group.heartbeat(cx, &who, &mut out).into(),
            (Command::Heartbeat(who), Some(Group::Consumer(_))) => self.heartbeat_mixed(cx, &id, who, &mut all),
            (Command::Sync(_) | Command::Heartbeat(_), None) => refused(ErrorCode::UnknownMemberId),
            (Command::Leave(leavers), Some(Group::Classic(group))) => Reply::Leave(group.leave(cx, &leavers, &mut out)),
            (Command::Leave(leavers), Some(Group::Consumer(_))) => self.leave_mixed(cx, &id, &leavers, &mut all),
            (Command::Leave(leavers), None) => Reply::Leave(vec![ErrorCode::UnknownMemberId; leavers.len()]),
            (Command::Commit(request), _) => self.commit(cx, &id, request, &mut out).unwrap_or_else(Reply::Refused),
            (Command::FetchOffsets(request), _) => self.fetch(&id, request).unwrap_or_else(Reply::Refused),
            (Command::DeleteOffsets(topics), _) => {
                self.delete_offsets(&id, &topics, &mut out).unwrap_or_else(Reply::Refused)
            }
            (Command::Describe, _) => self.describe(&id).unwrap_or_else(Reply::Refused),
            (Command::DescribeConsumer, _) => self.describe_consumer(cx, &id).unwrap_or_else(Reply::Refused),
            (Command::Delete, _) => self.delete(&id, &mut out).err().map_or(Reply::Done, Reply::Refused),
        };
        out.replies.push((token, reply));
        self.settle(&id, out, &mut all);
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
            let cx = &cx.of(&id);
            match self.groups.get_mut(&id) {
                Some(Group::Classic(group)) => {
                    let mut out = Outcome::default();
                    group.alarm(cx, &alarm, &mut out);
                    self.settle(&id, out, &mut all);
                }
                Some(Group::Consumer(group)) => {
                    let decision = group.alarm(cx, &alarm);
                    self.take(cx, &id, decision, &mut all);
                }
                None => {}
            }
        }
        all
    }

    /// Takes away offsets that are too old, and groups that have nothing left.
    pub fn expire(&mut self, cx: &Cx<'_>) -> Outcome {
        let mut out = Outcome::default();
        let (now, retention_ms) = (cx.now, cx.settings.offsets_retention_ms);
        for (id, group) in &self.groups {
            let records = &mut out.records;
            match group {
                Group::Classic(group) => {
                    let subscribed = |topic: &str| group.is_subscribed(topic);
                    let bare = self.offsets.expire(now, retention_ms, id, group.expiry(), subscribed, records);
                    if group.is_vacant() && (bare || !self.offsets.has(id)) {
                        records.push(gone(id));
                    }
                }
                Group::Consumer(group) => {
                    let subscribed = |topic: &str| group.is_subscribed_to(topic);
                    let bare = self.offsets.expire(now, retention_ms, id, Expiry::SinceCommit, subscribed, records);
                    if group.is_empty() && bare {
                        records.extend(group.tombstones().into_iter().map(|r| Record::Consumer(Arc::clone(id), r)));
                    }
                }
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
        let mut tokens = Vec::new();
        for group in self.groups.values_mut() {
            if let Group::Classic(group) = group {
                tokens.extend(group.abandon());
            }
        }
        tokens
    }

    /// All groups.
    pub fn list(&self) -> impl Iterator<Item = Listed> {
        self.groups.iter().map(|(id, group)| {
            let (protocol_type, state, kind) = match group {
                Group::Classic(group) => (group.protocol_type().unwrap_or_default(), group.state().name(), "Classic"),
                Group::Consumer(group) => ("consumer", group.group_state().name(), "Consumer"),
            };
            Listed { id: id.to_string(), protocol_type: protocol_type.to_owned(), state, kind }
        })
    }

    /// How much it keeps in memory.
    pub fn kept(&self) -> Kept {
        let members = self.groups.values().map(|group| match group {
            Group::Classic(group) => group.size(),
            Group::Consumer(group) => group.size(),
        });
        Kept {
            groups: self.groups.len(),
            members: members.sum(),
            offsets: self.offsets.len(),
            alarms: self.alarms.len(),
        }
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

    /// The classic group of that name; made when there is none.
    fn classic(&mut self, group: &str) -> &mut ClassicGroup {
        let id: GroupId = self.groups.get_key_value(group).map_or_else(|| group.into(), |(id, _)| Arc::clone(id));
        let fresh = || Group::Classic(Box::new(ClassicGroup::new(Arc::clone(&id))));
        let slot = self.groups.entry(Arc::clone(&id)).or_insert_with(fresh);
        if let Group::Consumer(_) = slot {
            *slot = fresh();
        }
        match slot {
            Group::Classic(group) => group,
            Group::Consumer(_) => unreachable!("it was replaced above"),
        }
    }

    /// JoinGroup to a classic group, or to one that becomes classic by it.
    fn join(&mut self, cx: &Cx<'_>, token: Token, id: &GroupId, request: super::command::Join) -> Outcome {
        let mut all = Outcome::default();
        if !matches!(self.groups.get(id), Some(Group::Classic(_))) {
            if !request.member_id.is_empty() {
                all.replies.push((token, Joined::refused(ErrorCode::UnknownMemberId, &request.member_id)));
                return all;
            }
            let mut out = Outcome::default();
            if let Some(Group::Consumer(empty)) = self.groups.get(id) {
                out.records.extend(empty.tombstones().into_iter().map(|r| Record::Consumer(Arc::clone(id), r)));
            }
            // The group is there from here on, even if its first member never comes back.
            out.records.push(ClassicGroup::new(Arc::clone(id)).began(cx.now).record());
            self.settle(id, out, &mut all);
        }
        let mut out = Outcome::default();
        self.classic(id).join(cx, token, request, &mut out);
        self.settle(id, out, &mut all);
        all
    }
}

/// The record that takes a classic group away.
fn gone(group: &str) -> Record<'static> {
    Record::Group(GroupMetadataKey { group: group.to_owned().into() }, None)
}

fn not_found(id: &GroupId) -> Refusal {
    Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} not found."))
}
