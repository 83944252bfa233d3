//! The consumer protocol (KIP-848): one request, and a member that says what it owns.

use super::classic::by_topic;
use super::{Asked, Member, Stage};
use crate::chance::Chance;
use crate::client::{Cx, read};
use crate::oracle::groups::Part;
use kq::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kq::error::ErrorCode;
use kq::types::Millis;
use std::collections::BTreeSet;

/// `group.consumer.session.timeout.ms` of a run; in slow worlds, so many times their pace.
pub const CONSUMER_SESSION_TIMEOUT_MS: Millis = 250;

/// A pattern of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// All that this world's members read.
    All,
    /// The first and the third.
    Even,
    /// The second.
    Second,
}

impl Pattern {
    /// One of them.
    pub fn any(chance: &mut Chance) -> Pattern {
        [Pattern::All, Pattern::Even, Pattern::Second][chance.below(3) as usize]
    }

    /// As the coordinator is told it.
    fn text(self) -> &'static str {
        match self {
            Pattern::All => "topic-.*",
            Pattern::Even => "topic-[02]",
            Pattern::Second => "(topic|another)-1",
        }
    }

    /// Whether it names a topic.
    pub fn matches(self, name: &str) -> bool {
        match self {
            Pattern::All => name.starts_with("topic-"),
            Pattern::Even => name == "topic-0" || name == "topic-2",
            Pattern::Second => name == "topic-1",
        }
    }
}

/// What only a member of this protocol keeps.
#[derive(Default)]
pub struct Modern {
    /// The coordinator does not know yet what it owns now.
    unsaid: bool,
    /// The next heartbeat says everything.
    whole: bool,
    /// Since when the coordinator may have told it something that it has not heard.
    unheard_since: Option<Millis>,
    /// It is to give something up by then.
    revoke_by: Option<Millis>,
}

/// A heartbeat under way.
pub struct Sent {
    at: Millis,
    /// It said what the member owns.
    owned: bool,
    /// The member leaves with it.
    leaves: bool,
}

impl Modern {
    /// The next heartbeat says everything.
    pub fn tell_all(&mut self) {
        self.whole = true;
    }

    /// The next heartbeat says what the member owns.
    pub fn say(&mut self) {
        self.unsaid = true;
    }

    /// A reply may be lost.
    pub fn disconnected(&mut self) {
        self.whole = true;
    }

    /// Whether it has something to say.
    pub fn owes(&self) -> bool {
        self.unsaid || self.whole
    }
}

impl Member {
    pub(super) fn go_on_consumer(&mut self, cx: &mut Cx<'_>) {
        if self.stage == Stage::In {
            self.commit_late(cx);
        }
        if self.stage == Stage::In && self.owned.values().any(Option::is_none) {
            self.ask_offsets(cx);
        } else if self.stage == Stage::In && cx.chance.one_in(2) {
            self.commit(cx);
        }
        self.beat_consumer(cx);
    }

    fn topic_partitions(&self, cx: &Cx<'_>, parts: &BTreeSet<Part>) -> Vec<TopicPartitions> {
        let id = |name: &str| cx.topics.iter().find(|topic| topic.name == name).and_then(|topic| topic.id);
        let topics = by_topic(parts).into_iter();
        topics.filter_map(|(topic, partitions)| Some(TopicPartitions { topic_id: id(&topic)?, partitions })).collect()
    }

    fn beat_consumer(&mut self, cx: &mut Cx<'_>) {
        let joins = self.stage != Stage::In;
        let whole = joins || self.modern.whole;
        if self.member_id.is_empty() {
            self.member_id = format!("m{}-{:016x}", self.id, cx.chance.bits());
        }
        let owned: BTreeSet<Part> = if joins { BTreeSet::new() } else { self.owned.keys().cloned().collect() };
        let says = whole || self.modern.unsaid;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.member_id.as_str().into(),
            member_epoch: if joins { 0 } else { self.epoch },
            instance_id: self.instance.clone().map(Into::into),
            rebalance_timeout_ms: if whole { self.rebalance_timeout_ms } else { -1 },
            subscribed_topic_names: (whole && self.pattern.is_none())
                .then(|| self.subscription.iter().map(|name| name.clone().into()).collect()),
            subscribed_topic_regex: self.pattern.filter(|_| whole).map(|pattern| pattern.text().into()),
            topic_partitions: says.then(|| self.topic_partitions(cx, &owned)),
            ..Default::default()
        };
        let owner = self.owner();
        if says {
            cx.oracle.group(&self.group).gives_back(&owner, &owned);
        }
        (self.modern.whole, self.modern.unsaid, self.is_turned_away) = (false, false, false);
        self.modern.unheard_since.get_or_insert(cx.now);
        cx.send(1, &request);
        self.asked.push_back(Asked::ConsumerHeartbeat(Sent { at: cx.now, owned: says, leaves: false }));
    }

    pub(super) fn leave_consumer_group(&mut self, cx: &mut Cx<'_>) {
        cx.oracle.tell(|| format!("{} {} leaves", cx.now, self.who()));
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.member_id.as_str().into(),
            member_epoch: if self.instance.is_some() && cx.chance.one_in(2) { -2 } else { -1 },
            instance_id: self.instance.clone().map(Into::into),
            ..Default::default()
        };
        cx.send(1, &request);
        self.lose_all(cx);
        self.asked.push_back(Asked::ConsumerHeartbeat(Sent { at: cx.now, owned: false, leaves: true }));
        self.stage = Stage::Out;
    }

    pub(super) fn consumer_heart_beaten(&mut self, cx: &mut Cx<'_>, sent: Sent, bytes: &[u8]) {
        let response: ConsumerGroupHeartbeatResponse<'_> = read(bytes, 1);
        let name = self.who();
        let unheard_since = self.modern.unheard_since.take().unwrap_or(sent.at);
        if sent.leaves {
            self.begin_anew();
            return match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => {}
                code => self.refused(cx, "leaving", code),
            };
        }
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch => {
                self.lose_all(cx);
                (self.stage, self.epoch) = (Stage::Out, 0);
                return;
            }
            // The last of this protocol was expelled, and the group is a classic one by now.
            ErrorCode::GroupIdNotFound if self.is_mixed => {
                self.lose_all(cx);
                (self.stage, self.epoch) = (Stage::Out, 0);
                return;
            }
            // Another process lives under this name.
            ErrorCode::UnreleasedInstanceId => {
                self.begin_anew();
                self.is_turned_away = true;
                self.silent_until = cx.now + 50 * self.pace;
                return;
            }
            code => {
                self.modern.whole = true;
                return self.refused(cx, "ConsumerGroupHeartbeat", code);
            }
        }
        if sent.owned {
            self.modern.revoke_by = None;
        }
        // With 0 nobody goes on: it means joining.
        let least = if self.stage == Stage::In { self.epoch } else { 1 };
        if response.member_epoch < least {
            let (before, now) = (self.epoch, response.member_epoch);
            cx.oracle.violated(format!("{name}: the epoch went from {before} to {now}"));
        }
        (self.stage, self.epoch) = (Stage::In, response.member_epoch);
        let mut held: BTreeSet<Part> = self.owned.keys().cloned().collect();
        if sent.owned {
            self.gave_back(&held);
        }
        if let Some(assignment) = response.assignment {
            let mut parts = BTreeSet::new();
            for of in &assignment.topic_partitions {
                match cx.topics.iter().find(|topic| topic.id == Some(of.topic_id)) {
                    Some(topic) => parts.extend(of.partitions.iter().map(|p| (topic.name.clone(), *p))),
                    // Its name is not known yet: ask again.
                    None => self.modern.whole = true,
                }
            }
            cx.oracle.tell(|| format!("{} {name} owns {parts:?} at {}", cx.now, self.epoch));
            cx.oracle.shares += 1;
            if held.iter().any(|part| !parts.contains(part)) {
                self.modern.revoke_by.get_or_insert(unheard_since + Millis::from(self.rebalance_timeout_ms));
            }
            // Whatever it is told it says back, even if it knew before: a topic may be gone.
            self.modern.unsaid = true;
            self.remember(&parts);
            self.owned.retain(|part, _| parts.contains(part));
            for part in &parts {
                self.owned.entry(part.clone()).or_insert(None);
            }
            held.extend(parts);
        }
        // What it is to give up is its own until it says so.
        let until = sent.at + CONSUMER_SESSION_TIMEOUT_MS * self.pace;
        let until = self.modern.revoke_by.map_or(until, |by| by.min(until));
        let owner = self.owner();
        let result = cx.oracle.group(&self.group).holds(cx.now, &owner, &held, until);
        cx.oracle.judge(&name, result);
    }
}
