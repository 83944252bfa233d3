//! The classic protocol, as clients speak it.

use super::assign::{Known, assign};
use super::{Asked, Ids, Member, Protocol, Stage, Style};
use crate::client::{Cx, read};
use crate::oracle::groups::{Owner, Part, Shares};
use kq::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use kq::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kq::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use kq::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use kq::error::ErrorCode;
use kq::types::Millis;
use kq::wire::consumer_protocol::{
    AssignedPartitions, ConsumerProtocolAssignment, ConsumerProtocolSubscription, OwnedPartitions, PROTOCOL_TYPE,
};
use std::collections::{BTreeMap, BTreeSet};

/// Of a UUID as text.
const UUID_LENGTH: usize = 36;

impl Member {
    pub(super) fn go_on_classic(&mut self, cx: &mut Cx<'_>, style: Style) {
        match self.stage {
            Stage::Out => {
                // Some commit before they give up what they own.
                if self.epoch >= 0 && cx.chance.one_in(2) {
                    self.commit(cx);
                }
                self.join(cx, style);
            }
            Stage::Leading => self.ask_metadata(cx),
            Stage::In => {
                if self.owned.values().any(Option::is_none) {
                    return self.ask_offsets(cx);
                }
                self.commit_late(cx);
                if cx.chance.one_in(2) {
                    self.commit(cx);
                }
                self.heartbeat(cx);
                if self.leads && cx.chance.one_in(2) {
                    self.ask_metadata(cx);
                }
            }
        }
    }

    /// The topics that the group reads, as its leader knows it.
    pub(super) fn roster_topics(&self) -> BTreeSet<String> {
        let mut topics = self.subscription.clone();
        for known in &self.roster {
            let (_, subscription) = ConsumerProtocolSubscription::from_bytes(&known.metadata).expect("a subscription");
            topics.extend(subscription.topics.iter().map(ToString::to_string));
        }
        topics
    }

    fn join(&mut self, cx: &mut Cx<'_>, style: Style) {
        if style == Style::Eager {
            self.remember(&BTreeSet::new());
            self.owned.clear();
        } else if !self.is_mixed {
            self.remember(&BTreeSet::new());
        }
        let owned: BTreeSet<Part> = self.owned.keys().cloned().collect();
        let owner = self.owner();
        cx.oracle.group(&self.group).gives_back(&owner, &owned);
        let by_topic = by_topic(&owned).into_iter();
        let subscription = ConsumerProtocolSubscription {
            topics: self.subscription.iter().map(|topic| topic.clone().into()).collect(),
            owned_partitions: by_topic
                .map(|(topic, partitions)| OwnedPartitions { topic: topic.into(), partitions })
                .collect(),
            generation_id: self.epoch,
            ..Default::default()
        };
        let metadata = subscription.to_bytes(if style == Style::Eager { 1 } else { 3 });
        let name = if style == Style::Eager { "range" } else { "cooperative-sticky" };
        let request = JoinGroupRequest {
            group_id: self.group.as_str().into(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: vec![JoinGroupRequestProtocol { name: name.into(), metadata: metadata.into() }],
            ..Default::default()
        };
        cx.oracle.tell(|| format!("{} {} joins, owning {owned:?} of {}", cx.now, self.who(), self.epoch));
        self.told_to_own = owned;
        (self.leads, self.is_turned_away) = (false, false);
        self.assigning = None;
        self.roster.clear();
        cx.send(self.versions.join, &request);
        self.asked.push_back(Asked::Join);
    }

    pub(super) fn joined(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let response: JoinGroupResponse<'_> = read(bytes, self.versions.join);
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => return self.member_id = response.member_id.into_owned(),
            code => return self.refused(cx, "JoinGroup", code),
        }
        let name = self.who();
        if !self.member_id.is_empty() && self.member_id != response.member_id {
            cx.oracle.violated(format!("{name}: has got another id, {}", response.member_id));
        }
        self.member_id = response.member_id.into_owned();
        self.epoch = response.generation_id;
        self.protocol_name = response.protocol_name.unwrap_or_default().into_owned();
        self.leads = response.leader == self.member_id;
        let known = response
            .members
            .into_iter()
            .map(|m| Known { member_id: m.member_id.into_owned(), metadata: m.metadata.into_owned() });
        self.roster = known.collect();
        if self.leads && !response.skip_assignment {
            if !self.roster.iter().any(|known| known.member_id == self.member_id) {
                cx.oracle.violated(format!("{name}: leads a group that it is not in"));
            }
            self.stage = Stage::Leading;
            return self.ask_metadata(cx);
        }
        self.sync(cx, BTreeMap::new());
    }

    /// The leader knows how many partitions there are, or looks whether that has changed.
    pub(super) fn take_metadata(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let counts = Self::counted(bytes);
        let Protocol::Classic(style) = self.protocol else { return };
        match self.stage {
            Stage::Leading => {
                let shares = assign(style, &self.roster, &counts);
                // What others are to give up first, they may never tell: a static member that dies before it hears of it
                // comes back without a rebalance. The leader sees to it that there is a next round, as if the topics
                // had changed.
                let given: usize = shares.values().map(BTreeSet::len).sum();
                let all: i32 = counts.values().sum();
                self.counts = None;
                self.assigning = (given == all as usize).then_some(counts);
                let named: Shares = shares.iter().map(|(id, parts)| (owner_of(id), parts.clone())).collect();
                cx.oracle.tell(|| format!("{} {} assigns {named:?} for {}", cx.now, self.who(), self.epoch));
                cx.oracle.group(&self.group).assigning(self.epoch, named);
                self.sync(cx, shares);
            }
            Stage::In if self.leads && self.counts.as_ref() != Some(&counts) => self.stage = Stage::Out,
            Stage::In | Stage::Out => {}
        }
    }

    fn sync(&mut self, cx: &mut Cx<'_>, shares: BTreeMap<String, BTreeSet<Part>>) {
        let assignments = shares.into_iter().map(|(member_id, parts)| {
            let assigned = by_topic(&parts).into_iter();
            let assigned = assigned.map(|(topic, partitions)| AssignedPartitions { topic: topic.into(), partitions });
            let assignment = ConsumerProtocolAssignment { assigned_partitions: assigned.collect(), user_data: None };
            SyncGroupRequestAssignment { member_id: member_id.into(), assignment: assignment.to_bytes(1).into() }
        });
        let request = SyncGroupRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.epoch,
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: Some(self.protocol_name.clone().into()),
            assignments: assignments.collect(),
        };
        cx.send(self.versions.sync, &request);
        // Until the answer is here it is out: whoever loses it joins again.
        self.stage = Stage::Out;
        let age = cx.oracle.group(&self.group).age();
        self.asked.push_back(Asked::Sync { sent_at: cx.now, age, ids: self.ids.clone() });
    }

    /// The answer to a sync that was sent when there were these topics, and the group had that age.
    pub(super) fn synced(&mut self, cx: &mut Cx<'_>, sent_at: Millis, age: u64, ids: &Ids, bytes: &[u8]) {
        let response: SyncGroupResponse<'_> = read(bytes, self.versions.sync);
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            code => return self.refused(cx, "SyncGroup", code),
        }
        if self.assigning.is_some() {
            self.counts = self.assigning.take();
        }
        let name = self.who();
        let Ok((_, assignment)) = ConsumerProtocolAssignment::from_bytes(&response.assignment) else {
            return cx.oracle.violated(format!("{name}: an assignment that does not read"));
        };
        let of = assignment.assigned_partitions.iter();
        let parts = of.flat_map(|of| of.partitions.iter().map(|p| (of.topic.to_string(), *p)));
        let parts: BTreeSet<Part> = parts.collect();
        let is_sure = |name: &str| ids.contains_key(name) && ids.get(name) == self.ids.get(name);
        if self.is_mixed && parts.iter().any(|(name, _)| !is_sure(name)) {
            // It cannot know which of two topics of this name is meant: it asks again with its next beat.
            self.waits = true;
            return;
        }
        cx.oracle.tell(|| format!("{} {name} owns {parts:?} in {}", cx.now, self.epoch));
        cx.oracle.shares += 1;
        let owner = self.owner();
        let known = cx.oracle.group(&self.group);
        let result = if self.is_mixed {
            // What it is to give up is its own until it says so.
            let held = parts.iter().chain(self.owned.keys()).cloned().collect();
            known.holds(cx.now, &owner, &held, sent_at + Millis::from(self.session_timeout_ms))
        } else if age == known.age() && !known.may_be_gone() && self.pace == 1 {
            known.told(self.epoch, &owner, &parts)
        } else {
            // The group may be another one of its name: it was deleted, or, where life is slow, forgotten.
            Ok(())
        };
        cx.oracle.judge(&name, result);
        self.stage = Stage::In;
        let said = std::mem::take(&mut self.told_to_own);
        self.gave_back(&said);
        if self.is_mixed {
            self.remember(&parts);
        }
        self.owned.retain(|part, _| parts.contains(part));
        if !said.is_subset(&parts) {
            // Cooperative: what was taken away may be given to others when it has said that it gave it up.
            self.stage = Stage::Out;
        }
        for part in parts {
            self.owned.entry(part).or_insert(None);
        }
    }

    fn heartbeat(&mut self, cx: &mut Cx<'_>) {
        let request = HeartbeatRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.epoch,
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
        };
        cx.send(self.versions.heartbeat, &request);
        self.asked.push_back(Asked::Heartbeat { sent_at: cx.now });
    }

    pub(super) fn heart_beaten(&mut self, cx: &mut Cx<'_>, sent_at: Millis, bytes: &[u8]) {
        let response: HeartbeatResponse = read(bytes, self.versions.heartbeat);
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {
                let (owner, until) = (self.owner(), sent_at + Millis::from(self.session_timeout_ms));
                cx.oracle.group(&self.group).heard(&owner, until);
            }
            code => self.refused(cx, "Heartbeat", code),
        }
    }

    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        cx.oracle.tell(|| format!("{} {} leaves", cx.now, self.who()));
        let identity = MemberIdentity {
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            reason: None,
        };
        let request = LeaveGroupRequest {
            group_id: self.group.as_str().into(),
            member_id: self.member_id.as_str().into(),
            members: vec![identity],
        };
        cx.send(self.versions.leave, &request);
        self.lose_all(cx);
        (self.stage, self.epoch) = (Stage::Out, -1);
        self.asked.push_back(Asked::Leave);
    }

    pub(super) fn left(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let response: LeaveGroupResponse<'_> = read(bytes, self.versions.leave);
        let code = match response.members.first() {
            Some(member) if response.error_code == 0 => member.error_code,
            _ => response.error_code,
        };
        match ErrorCode::from_code(code) {
            ErrorCode::None | ErrorCode::UnknownMemberId => {}
            code => self.refused(cx, "LeaveGroup", code),
        }
        self.member_id.clear();
    }
}

/// Who has an id of a classic group: the coordinator puts a static member's own name in front, and old leaders are not told
/// it in any other way.
fn owner_of(member_id: &str) -> Owner {
    match member_id.split_at_checked(member_id.len().wrapping_sub(UUID_LENGTH)) {
        Some((name, _)) if name != "sim-" => name.trim_end_matches('-').to_owned(),
        _ => member_id.to_owned(),
    }
}

/// Partitions by topic.
pub(super) fn by_topic(parts: &BTreeSet<Part>) -> BTreeMap<String, Vec<i32>> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in parts {
        topics.entry(topic.clone()).or_default().push(*partition);
    }
    topics
}
