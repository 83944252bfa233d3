//! A classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
//!
//! ```text
//!                 first join                     all are here, or time is up
//!   Empty ───────────────────▶ PreparingRebalance ─────────────────▶ CompletingRebalance
//!     ▲                          ▲    ▲        │                       │      │
//!     └── nobody is left ────────┼────┼────────┘      somebody comes,  │      │ the leader's
//!                                │    └──────────────── goes or is late┘      │ assignment
//!                                │                                            ▼
//!                                └──────── somebody comes, goes or is late ─ Stable
//! ```
//!
//! A group's record is a snapshot: written when the leader has assigned, when a static member takes another's place
//! without a rebalance, and when the group is empty. What happens between two snapshots is soft.

mod downgraded;
mod join;
mod phase;
mod sync;

use super::command::{Described, DescribedMember, Reply, Token};
use super::offsets::Expiry;
use super::record::{GroupMetadataKey, GroupMetadataValue, MemberMetadata};
use super::{Alarm, Cx, GroupId, Outcome, Record};
use crate::error::ErrorCode;
use crate::types::Millis;
use crate::wire::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The type of groups that read topics; only their metadata can be understood here.
pub const CONSUMER_PROTOCOL: &str = "consumer";
/// A new member whose join is not answered is forgotten after this: it does not know its id, so it cannot show that it
/// lives.
const NEW_MEMBER_JOIN_TIMEOUT_MS: Millis = 300_000;
/// Ids that were given out and not used yet (KIP-394), at most, a group.
const PENDING_MEMBERS_MAX: usize = 100_000;
/// Topics that a member's subscription may name.
const SUBSCRIBED_TOPICS_MAX: usize = 100_000;

/// What a group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no members.
    Empty,
    /// Members are to join.
    PreparingRebalance,
    /// Members have joined; the leader is to assign.
    CompletingRebalance,
    /// Everybody knows what to do.
    Stable,
}

impl State {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its own name, when it is a static member.
    pub instance_id: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// It needs so long at most to rejoin.
    pub rebalance_timeout_ms: i32,
    /// Silent for so long, it is out.
    pub session_timeout_ms: i32,
    /// Names and metadata of the protocols it knows, the preferred first.
    pub protocols: Vec<(String, Vec<u8>)>,
    /// What it is to do.
    pub assignment: Vec<u8>,
    /// It was to be told something else: a rebalance began before the leader had spoken.
    is_outdated: bool,
    is_new: bool,
    joining: Option<Token>,
    syncing: Option<Token>,
    deadline: Millis,
    /// The earliest alarm that is set for it.
    armed: Millis,
}

impl Member {
    /// A member of whom only durable things are known.
    pub fn new(client_id: String, client_host: String, session_timeout_ms: i32, rebalance_timeout_ms: i32) -> Member {
        Member {
            instance_id: None,
            client_id,
            client_host,
            rebalance_timeout_ms,
            session_timeout_ms,
            protocols: Vec::new(),
            assignment: Vec::new(),
            is_outdated: false,
            is_new: false,
            joining: None,
            syncing: None,
            deadline: Millis::MAX,
            armed: Millis::MAX,
        }
    }

    /// Its metadata for a protocol; empty when it does not know it.
    pub fn metadata(&self, protocol: &str) -> &[u8] {
        self.protocols.iter().find(|(name, _)| name == protocol).map_or(&[], |(_, metadata)| metadata)
    }

    /// Whether it needs no heartbeat: it waits for us.
    fn is_waiting(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }
}

/// The time by which members are to have joined.
#[derive(Clone, Copy, Debug, PartialEq)]
enum JoinPhase {
    /// Until then, or until all are here.
    Until(Millis),
    /// The group was empty: it waits in any case, and longer while members come (KIP-134).
    Initial { at: Millis, delay_ms: Millis, remaining_ms: Millis },
}

/// A classic group.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicGroup {
    id: GroupId,
    state: State,
    /// Since when it is in its state; not known for some that an older version wrote.
    since: Option<Millis>,
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    /// Static members, by their own names.
    statics: BTreeMap<String, Arc<str>>,
    /// Topics that members read, as far as they can be understood.
    subscribed: Option<BTreeSet<String>>,
    /// Ids that were given out and not used yet, and until when they can be (KIP-394).
    pending: BTreeMap<Arc<str>, Millis>,
    /// Members whose SyncGroup is awaited.
    unsynced: BTreeSet<Arc<str>>,
    /// How many members know each protocol.
    supported: BTreeMap<String, usize>,
    joining: usize,
    was_empty: bool,
    grew: bool,
    phase: Option<JoinPhase>,
    sync_until: Option<Millis>,
}

impl ClassicGroup {
    /// An empty group that nobody has joined yet.
    pub fn new(id: GroupId) -> ClassicGroup {
        ClassicGroup {
            id,
            state: State::Empty,
            since: None,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            subscribed: None,
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            supported: BTreeMap::new(),
            joining: 0,
            was_empty: true,
            grew: false,
            phase: None,
            sync_until: None,
        }
    }

    /// The same group, empty since `now`.
    pub fn began(self, now: Millis) -> ClassicGroup {
        ClassicGroup { since: Some(now), ..self }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its generation.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Its type; `None` for a group that only commits.
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol that was chosen.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Its members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Member)> {
        self.members.iter()
    }

    /// How many members it has, or is about to have.
    pub fn size(&self) -> usize {
        self.members.len() + self.pending.len()
    }

    /// Whether it has no members, nor any that is about to be one.
    pub fn is_vacant(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty()
    }

    /// Makes a snapshot state: what it does not mention is soft, and stays where it fits.
    pub fn replay(&mut self, value: &GroupMetadataValue<'_>) {
        let mut known = std::mem::take(&mut self.members);
        self.statics.clear();
        self.supported.clear();
        self.joining = 0;
        self.generation = value.generation;
        self.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.to_string());
        self.protocol = value.protocol.as_ref().map(ToString::to_string);
        self.leader = value.leader.as_ref().map(|leader| Arc::from(&**leader));
        self.since = (value.current_state_timestamp != -1).then_some(value.current_state_timestamp);
        self.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        for m in &value.members {
            let timeout = if m.rebalance_timeout == -1 { m.session_timeout } else { m.rebalance_timeout };
            let fresh = || Member {
                instance_id: m.group_instance_id.as_ref().map(ToString::to_string),
                protocols: vec![(self.protocol.clone().unwrap_or_default(), m.subscription.to_vec())],
                ..Member::new(m.client_id.to_string(), m.client_host.to_string(), m.session_timeout, timeout)
            };
            let (id, member) = known.remove_entry(&*m.member_id).unwrap_or_else(|| (Arc::from(&*m.member_id), fresh()));
            let protocol = self.protocol.as_deref().unwrap_or_default();
            let agrees = member.protocols.iter().any(|(name, of)| name == protocol && **of == *m.subscription);
            // While a log is loaded, an earlier snapshot may have made the member: this one knows it better.
            let member = if agrees { member } else { fresh() };
            let assignment = m.assignment.to_vec();
            let (rebalance_timeout_ms, session_timeout_ms) = (timeout, m.session_timeout);
            let is_outdated = false;
            self.insert(id, Member { assignment, is_outdated, rebalance_timeout_ms, session_timeout_ms, ..member });
        }
        self.understand();
    }

    /// The group as a record, with `assignment` for each member.
    fn snapshot<'s>(&'s self, assignment: impl Fn(&'s str, &'s Member) -> &'s [u8]) -> Record<'static> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, m): (&'s Arc<str>, &'s Member)| MemberMetadata {
            member_id: id.to_string().into(),
            group_instance_id: m.instance_id.clone().map(Into::into),
            client_id: m.client_id.clone().into(),
            client_host: m.client_host.clone().into(),
            rebalance_timeout: m.rebalance_timeout_ms,
            session_timeout: m.session_timeout_ms,
            subscription: m.metadata(protocol).to_vec().into(),
            assignment: assignment(id, m).to_vec().into(),
        };
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default().into(),
            generation: self.generation,
            protocol: self.protocol.clone().map(Into::into),
            leader: self.leader.as_ref().map(|leader| leader.to_string().into()),
            current_state_timestamp: self.since.unwrap_or(-1),
            members: self.members.iter().map(member).collect(),
        };
        Record::Group(GroupMetadataKey { group: self.id.to_string().into() }, Some(value))
    }

    /// The group as a record, as it is.
    pub fn record(&self) -> Record<'static> {
        self.snapshot(|_, member| &member.assignment)
    }

    /// After a load: every member has its session timeout to show itself. A group that is too large for its settings, or
    /// was a consumer group and is to be rebalanced, begins anew.
    pub fn loaded(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            self.touch(cx, &id, out);
        }
        if self.members.len() > cx.settings.max_size.max(1) as usize || self.needs_rebalance() {
            self.prepare_rebalance(cx, out);
        }
    }

    /// Answers everybody who waits, and forgets it: the coordinator goes.
    pub fn abandon(&mut self) -> Vec<Token> {
        let waiting = self.members.values_mut().flat_map(|m| [m.joining.take(), m.syncing.take()]);
        self.joining = 0;
        waiting.flatten().collect()
    }

    /// Something that was to be looked at again.
    pub fn alarm(&mut self, cx: &Cx<'_>, alarm: &Alarm, out: &mut Outcome) {
        match alarm {
            Alarm::Group => self.phase_alarm(cx, out),
            Alarm::Member(id) => self.member_alarm(cx, id, out),
        }
    }

    /// As DescribeGroups shows it.
    pub fn describe(&self) -> Described {
        let stable = self.state == State::Stable;
        let protocol = self.protocol.as_deref().filter(|_| stable).unwrap_or_default();
        let members = self.members.iter().map(|(id, m)| DescribedMember {
            member_id: id.to_string(),
            instance_id: m.instance_id.clone(),
            client_id: m.client_id.clone(),
            client_host: m.client_host.clone(),
            metadata: if stable { m.metadata(protocol).to_vec() } else { Vec::new() },
            assignment: if m.is_outdated { Vec::new() } else { m.assignment.clone() },
        });
        Described {
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.to_owned(),
            members: members.collect(),
        }
    }

    /// Which of its offsets may expire (KIP-211).
    pub fn expiry(&self) -> Expiry {
        match (&self.protocol_type, self.state) {
            (None, _) => Expiry::SinceCommit,
            (Some(_), State::Empty) => Expiry::SinceEmpty(self.since),
            (Some(kind), State::Stable) if kind == CONSUMER_PROTOCOL && self.subscribed.is_some() => {
                Expiry::SinceCommit
            }
            _ => Expiry::Never,
        }
    }

    /// Whether members read a topic; where their metadata cannot be understood, they may read any.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL),
        }
    }

    /// Whether offsets may be deleted: active groups that are no consumers may read anything.
    ///
    /// # Errors
    /// NON_EMPTY_GROUP.
    pub fn check_delete_offsets(&self) -> Result<(), ErrorCode> {
        let consumers = self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL);
        if self.state == State::Empty || consumers { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// NON_EMPTY_GROUP.
    pub fn check_delete(&self) -> Result<(), ErrorCode> {
        if self.state == State::Empty { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Whether `who` is who it says it is.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance_id {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(known) if **known != *member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Puts a member in; it is counted for what it knows and whether it waits.
    pub(super) fn insert(&mut self, id: Arc<str>, member: Member) {
        if let Some(instance) = &member.instance_id {
            self.statics.insert(instance.clone(), Arc::clone(&id));
        }
        self.count(&member.protocols);
        self.joining += usize::from(member.joining.is_some());
        self.members.insert(id, member);
    }

    fn count(&mut self, protocols: &[(String, Vec<u8>)]) {
        let names: BTreeSet<&String> = protocols.iter().map(|(name, _)| name).collect();
        for name in names {
            match self.supported.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(self.supported.insert(name.clone(), 1)),
            }
        }
    }

    fn uncount(&mut self, protocols: &[(String, Vec<u8>)]) {
        let names: BTreeSet<&String> = protocols.iter().map(|(name, _)| name).collect();
        for name in names {
            let Some(count) = self.supported.get_mut(name) else { continue };
            *count -= 1;
            if *count == 0 {
                self.supported.remove(name);
            }
        }
    }

    /// Takes a member out. Whoever waits under its name has been answered before.
    fn remove(&mut self, id: &str) {
        if let Some(member) = self.members.remove(id) {
            self.uncount(&member.protocols);
            self.joining -= usize::from(member.joining.is_some());
            if let Some(instance) = &member.instance_id {
                self.statics.remove(instance);
            }
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.unsynced.remove(id);
    }

    /// What all members vote for: the protocol that most of them prefer among those that all of them know.
    fn elect_protocol(&self) -> Option<String> {
        let all = self.members.len();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(|(name, _)| self.supported.get(name) == Some(&all));
            if let Some((name, _)) = vote {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().max().copied()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Whether a member that knows `protocols` could be one of the group's.
    fn supports(&self, protocol_type: &str, protocols: &[(String, Vec<u8>)]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let all = self.members.len();
        let common = |name: &String| self.supported.get(name).copied().unwrap_or(0) == all;
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(|(name, _)| common(name))
    }

    /// Reads which topics the members subscribe to.
    fn understand(&mut self) {
        if self.protocol_type.as_deref() != Some(CONSUMER_PROTOCOL) {
            self.subscribed = None;
            return;
        }
        let Some(protocol) = self.protocol.as_deref() else {
            self.subscribed = self.members.is_empty().then(BTreeSet::new);
            return;
        };
        let each = self.members.values().map(|member| subscription_topics(member.metadata(protocol)));
        self.subscribed = each.collect::<Option<Vec<_>>>().map(|topics| topics.into_iter().flatten().collect());
    }

    /// Somebody hears from the member: it has its session timeout again.
    fn touch(&mut self, cx: &Cx<'_>, id: &Arc<str>, out: &mut Outcome) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.deadline = cx.now.saturating_add(Millis::from(member.session_timeout_ms));
        arm(member, id, out);
    }

    fn enter(&mut self, now: Millis, state: State) {
        self.was_empty = self.state == State::Empty;
        self.state = state;
        self.since = Some(now);
    }

    fn reply(out: &mut Outcome, token: Option<Token>, reply: impl FnOnce() -> Reply) {
        if let Some(token) = token {
            out.replies.push((token, reply()));
        }
    }
}

/// Sets the member's alarm, unless an earlier one is set that will see to it.
fn arm(member: &mut Member, id: &Arc<str>, out: &mut Outcome) {
    if member.armed > member.deadline {
        member.armed = member.deadline;
        out.alarms.push((member.deadline, Alarm::Member(Arc::clone(id))));
    }
}

/// The topics in a consumer's metadata: its version, and what all versions begin with. `None` when it is not that.
fn subscription_topics(metadata: &[u8]) -> Option<Vec<String>> {
    let mut r = Reader::new(metadata);
    r.i16().ok().filter(|version| *version >= 0)?;
    let count = usize::try_from(r.i32().ok()?).ok().filter(|count| *count <= SUBSCRIBED_TOPICS_MAX)?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let len = usize::try_from(r.i16().ok()?).ok()?;
        topics.push(std::str::from_utf8(r.take(len).ok()?).ok()?.to_owned());
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member rejoins with other metadata between two snapshots; whoever loads both of them knows it by the second.
    #[test]
    fn the_last_snapshot_of_a_log_counts() {
        let snapshot = |generation, subscription: &'static [u8], session_timeout| GroupMetadataValue {
            protocol_type: CONSUMER_PROTOCOL.into(),
            generation,
            protocol: Some("range".into()),
            leader: Some("m".into()),
            current_state_timestamp: 7,
            members: vec![MemberMetadata {
                member_id: "m".into(),
                group_instance_id: None,
                client_id: "c".into(),
                client_host: "/h".into(),
                rebalance_timeout: 9,
                session_timeout,
                subscription: subscription.into(),
                assignment: (&b"share"[..]).into(),
            }],
        };
        let mut group = ClassicGroup::new("g".into());
        group.replay(&snapshot(1, b"old", 5));
        group.replay(&snapshot(2, b"new", 6));
        assert_eq!(group.describe().members[0].metadata, b"new");
        assert_eq!(group.members["m"].session_timeout_ms, 6);
        let mut other = ClassicGroup::new("g".into());
        other.replay(&snapshot(2, b"new", 6));
        assert_eq!(group.record(), other.record());
    }
}
