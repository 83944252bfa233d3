//! What one member's request makes of a group, step by step: its subscription, the topics of its pattern, the group's
//! epoch, the target, and the member's own next step. Nothing is touched: the steps only add records.

use super::assign::{Assignor, Subscriber};
use super::member::{JOIN_EPOCH, Member, Partitions, STATIC_LEAVE_EPOCH};
use super::reconcile::Reconcile;
use super::record::{Current, Record, Resolved};
use super::soft::Seen;
use super::state::{State, add, sub};
use super::{regex, soft::Timer};
use crate::error::ErrorCode;
use crate::group::{Cx, Refusal, Topics};
use crate::types::{Epoch, TopicId};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Patterns that are resolved are looked at again no sooner than this; Apache Kafka has the same bound.
const REFRESH_INTERVAL_MS_MIN: i64 = 10_000;
/// Patterns are looked at for the first time no sooner than this after others of the group: a client that changes its
/// pattern all the time costs no more.
const RESOLVE_INTERVAL_MS_MIN: i64 = 1_000;

/// A member's request on its way.
pub(super) struct Draft<'a> {
    state: &'a State,
    cx: &'a Cx<'a>,
    seen: &'a Seen,
    /// What comes of it so far.
    pub records: Vec<Record>,
    /// Times to look at members again.
    pub timers: Vec<(String, Timer)>,
    /// What is seen of the topics after it.
    pub now_seen: Seen,
    /// Whom it replaces in the group: itself, or the static member of before; nobody for a new member.
    pub old: Option<&'a Member>,
    /// What the group knew of it, under the id that it has now.
    base: Member,
    /// What it is now.
    pub member: Member,
    resolved: Cow<'a, BTreeMap<String, Resolved>>,
    /// The group's epoch, as far as it was raised.
    pub epoch: Epoch,
    subscription_changed: bool,
    raise: bool,
}

impl<'a> Draft<'a> {
    /// A draft for a member that the group knows, or that is new.
    pub fn new(state: &'a State, cx: &'a Cx<'a>, seen: &'a Seen, id: &str) -> Self {
        let old = state.members.get(id);
        let base = old.cloned().unwrap_or_else(|| Member::new(id));
        Draft {
            state,
            cx,
            seen,
            records: Vec::new(),
            timers: Vec::new(),
            now_seen: seen.clone(),
            old,
            member: base.clone(),
            base,
            resolved: Cow::Borrowed(&state.resolved),
            epoch: state.epoch,
            subscription_changed: false,
            // Nobody goes on with epoch 0, which means joining, whatever it is subscribed to.
            raise: state.epoch == 0,
        }
    }

    /// Lets the member take the place of a static member: it has its target and its partitions, under its own id.
    pub fn replace(&mut self, old: &'a Member) {
        let id = self.member.id.clone();
        self.base = Member { id: id.clone(), epoch: JOIN_EPOCH, previous_epoch: JOIN_EPOCH, ..old.clone() };
        self.member = self.base.clone();
        self.old = Some(old);
        self.records.extend(gone(&old.id));
        self.timers.push((old.id.clone(), Timer::Gone));
        self.records.push(Record::Member(id.clone(), Some(Box::new(self.base.clone()))));
        self.records.push(Record::Target(id.clone(), Some(self.state.target(&old.id).clone())));
        self.records.push(Record::Current(id, Some(Current::from(&self.base))));
    }

    /// All steps. `owned` is what the member says it owns.
    ///
    /// # Errors
    /// `INVALID_REGULAR_EXPRESSION`, and `FENCED_MEMBER_EPOCH` for a member in a state that is not known.
    pub fn run(&mut self, owned: Option<&Partitions>) -> Result<(), Refusal> {
        self.write_member();
        self.write_regexes()?;
        self.write_epoch();
        let (target_epoch, target) = self.write_target();
        self.reconcile(target_epoch, &target, owned)
    }

    /// What the member says of itself.
    pub fn write_member(&mut self) {
        if self.member != self.base {
            self.records.push(Record::Member(self.member.id.clone(), Some(Box::new(self.member.clone()))));
        }
        if self.member.topic_names != self.base.topic_names {
            self.subscription_changed = true;
            self.raise = true;
        }
    }

    /// The patterns: the member's own, and from time to time all of the group's.
    pub fn write_regexes(&mut self) -> Result<(), Refusal> {
        let changed = self.member.topic_regex != self.base.topic_regex;
        let mut regexes = Cow::Borrowed(&self.state.regexes);
        if changed {
            let counts = regexes.to_mut();
            self.base.regex().into_iter().for_each(|regex| sub(counts, regex));
            self.member.regex().into_iter().for_each(|regex| add(counts, regex));
            self.subscription_changed = true;
            if let Some(left) = self.base.regex() {
                // What it matched is not the member's any more, also while the new one's topics are not known.
                self.raise = true;
                if !regexes.contains_key(left) {
                    self.records.push(Record::Regex(left.to_owned(), None));
                    self.resolved.to_mut().remove(left);
                }
            }
            match self.member.regex() {
                Some(regex) if self.resolved.contains_key(regex) => self.raise = true,
                Some(regex) => {
                    regex::compile(regex)?;
                }
                None => self.raise = true,
            }
        }
        let unresolved = regexes.keys().any(|regex| !self.resolved.contains_key(regex));
        if regexes.is_empty() || !self.is_time_to_resolve(unresolved) {
            return Ok(());
        }
        let (version, now) = (self.cx.topics.version(), self.cx.now);
        let is_same_picture = self.seen.patterns.is_some_and(|(seen, _)| seen == version);
        let refresh = i64::from(self.cx.settings.consumer.regex_refresh_interval_ms);
        let is_old = self.seen.patterns.is_none_or(|(_, at)| now >= at + refresh);
        for regex in regexes.keys() {
            let known = self.resolved.get(regex);
            if known.is_some() && is_same_picture && !is_old {
                continue;
            }
            // One that was valid when it was written and is no more (another broker's syntax) matches nothing.
            let topics = regex::compile(regex).map(|regex| regex::resolve(&regex, self.cx.topics)).unwrap_or_default();
            let is_news = known.is_none_or(|known| known.topics != topics);
            if is_news || is_old {
                self.raise |= is_news && !(known.is_none() && topics.is_empty());
                self.subscription_changed |= is_news && self.member.regex() == Some(regex);
                let resolved = Resolved { topics, version: version as i64, timestamp: now };
                self.records.push(Record::Regex(regex.clone(), Some(resolved.clone())));
                self.resolved.to_mut().insert(regex.clone(), resolved);
            }
        }
        self.now_seen.patterns = Some((version, now));
        Ok(())
    }

    fn is_time_to_resolve(&self, unresolved: bool) -> bool {
        let Some((version, at)) = self.seen.patterns else { return true };
        let age = self.cx.now - at;
        let refresh = i64::from(self.cx.settings.consumer.regex_refresh_interval_ms);
        (unresolved && age >= RESOLVE_INTERVAL_MS_MIN)
            || (version != self.cx.topics.version() && age >= REFRESH_INTERVAL_MS_MIN)
            || age >= refresh
    }

    /// The group's epoch: raised when what it is subscribed to, or a topic of it, has changed.
    pub fn write_epoch(&mut self) {
        let version = self.cx.topics.version();
        if !self.raise && self.seen.metadata == Some(version) {
            return;
        }
        self.now_seen.metadata = Some(version);
        let (mut names, mut regexes) = (self.state.names.clone(), self.state.regexes.clone());
        self.base.topic_names.iter().for_each(|name| sub(&mut names, name));
        self.member.topic_names.iter().for_each(|name| add(&mut names, name));
        self.base.regex().into_iter().for_each(|regex| sub(&mut regexes, regex));
        self.member.regex().into_iter().for_each(|regex| add(&mut regexes, regex));
        let hash = State::hash(&names, &regexes, &self.resolved, self.cx.topics);
        if self.raise || hash != self.state.metadata_hash {
            self.epoch = self.state.epoch.saturating_add(1);
            self.records.push(Record::Epoch(Some((self.epoch, hash))));
        }
        if self.state.has_partition_metadata {
            self.records.push(Record::PartitionMetadata(false));
        }
    }

    /// The target of the group's epoch, unless it is there, or the last one is too young (KIP-1263). What comes back is
    /// the target's epoch and the member's part of it.
    pub fn write_target(&mut self) -> (Epoch, Partitions) {
        let last = self.old.map(|old| self.state.target(&old.id)).cloned().unwrap_or_default();
        let settings = &self.cx.settings.consumer;
        let interval = i64::from(settings.assignment_interval_ms);
        let is_young = self.state.target_time != 0 && interval != 0 && self.cx.now < self.state.target_time + interval;
        if self.state.target_epoch >= self.epoch || is_young {
            return (self.state.target_epoch, last);
        }
        let others = self.state.members.values().filter(|member| self.old.is_none_or(|old| old.id != member.id));
        let members: Vec<&Member> = others.chain([&self.member]).collect();
        let mut subscriptions = Subscriptions::new(self.cx.topics, &self.resolved);
        let subscribers: Vec<Subscriber<'_>> = members
            .iter()
            .map(|member| Subscriber {
                id: &member.id,
                instance_id: member.instance_id.as_deref(),
                topics: subscriptions.of(member),
                current: if member.id == self.member.id { &last } else { self.state.target(&member.id) },
            })
            .collect();
        let targets = self.assignor().assign(&subscribers, &subscriptions.counts);
        let mut own = Partitions::new();
        for (member, target) in members.iter().zip(targets) {
            let is_own = member.id == self.member.id;
            // A replaced member's target was written under its new id already.
            let written = match is_own && self.old.is_some_and(|old| old.id != member.id) {
                true => Some(&last),
                false => self.state.targets.get(&member.id),
            };
            if is_own {
                own.clone_from(&target);
            }
            if written != Some(&target) {
                self.records.push(Record::Target(member.id.clone(), Some(target)));
            }
        }
        self.records.push(Record::TargetEpoch(Some((self.epoch, self.cx.now))));
        (self.epoch, own)
    }

    /// The assignor that most members ask for; of several the one that stands first in the settings.
    fn assignor(&self) -> Assignor {
        let mut counts = self.state.assignors.clone();
        self.base.assignor.iter().for_each(|name| sub(&mut counts, name));
        self.member.assignor.iter().for_each(|name| add(&mut counts, name));
        preferred(&counts, &self.cx.settings.consumer.assignors)
    }

    /// The member's next step.
    ///
    /// # Errors
    /// `FENCED_MEMBER_EPOCH` for a member in a state that is not known.
    pub fn reconcile(
        &mut self,
        target_epoch: Epoch,
        target: &Partitions,
        owned: Option<&Partitions>,
    ) -> Result<(), Refusal> {
        if !self.subscription_changed && self.member.is_reconciled_to(target_epoch) {
            return Ok(());
        }
        let topics = Subscriptions::new(self.cx.topics, &self.resolved).of(&self.member);
        let is_taken = |topic: TopicId, partition: i32| {
            let owner = self.state.owners.get(&(topic, partition));
            owner.is_some_and(|owner| *owner != self.member.id && self.old.is_none_or(|old| old.id != *owner))
        };
        let next = Reconcile {
            target_epoch,
            target,
            topics: &topics,
            subscription_changed: self.subscription_changed,
            owned,
            is_taken: &is_taken,
        }
        .next(&self.member)?;
        if next == self.member {
            return Ok(());
        }
        self.records.push(Record::Current(next.id.clone(), Some(Current::from(&next))));
        if next.classic.is_none() {
            let timer = match next.state {
                super::MemberState::UnrevokedPartitions => {
                    Timer::Rebalance(next.epoch, i64::from(next.rebalance_timeout_ms.max(0)))
                }
                _ => Timer::NoRebalance,
            };
            self.timers.push((next.id.clone(), timer));
        }
        self.member = next;
        Ok(())
    }

    /// Whether what the member may read is other than before.
    pub fn assignment_changed(&self) -> bool {
        self.member.assigned != self.base.assigned
    }
}

/// Whether the next target has to wait (KIP-1263). That of an upgraded group has no time.
pub(super) fn is_target_young(state: &State, cx: &Cx<'_>) -> bool {
    let interval = i64::from(cx.settings.consumer.assignment_interval_ms);
    state.target_time != 0 && interval != 0 && cx.now < state.target_time + interval
}

/// The records that take a member out of the group.
pub(super) fn gone(id: &str) -> [Record; 3] {
    [Record::Current(id.to_owned(), None), Record::Target(id.to_owned(), None), Record::Member(id.to_owned(), None)]
}

/// The assignor with most votes among those of the settings.
pub(super) fn preferred(votes: &BTreeMap<String, usize>, settings: &[String]) -> Assignor {
    let mut best: Option<(usize, Assignor)> = None;
    for (name, assignor) in settings.iter().filter_map(|name| Some((name, Assignor::from_name(name)?))) {
        let count = votes.get(name).copied().unwrap_or(0);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, assignor));
        }
    }
    best.map_or(Assignor::Uniform, |(_, assignor)| assignor)
}

/// The topics that members are subscribed to, by id; members that ask for the same share one set.
struct Subscriptions<'a> {
    topics: &'a dyn Topics,
    resolved: &'a BTreeMap<String, Resolved>,
    sets: BTreeMap<(BTreeSet<String>, String), Rc<BTreeSet<TopicId>>>,
    counts: BTreeMap<TopicId, i32>,
}

impl<'a> Subscriptions<'a> {
    fn new(topics: &'a dyn Topics, resolved: &'a BTreeMap<String, Resolved>) -> Self {
        Subscriptions { topics, resolved, sets: BTreeMap::new(), counts: BTreeMap::new() }
    }

    fn of(&mut self, member: &Member) -> Rc<BTreeSet<TopicId>> {
        let key = (member.topic_names.clone(), member.topic_regex.clone());
        if let Some(set) = self.sets.get(&key) {
            return Rc::clone(set);
        }
        let matched = member.regex().and_then(|regex| self.resolved.get(regex));
        let names = member.topic_names.iter().chain(matched.iter().flat_map(|resolved| &resolved.topics));
        let mut set = BTreeSet::new();
        for name in names {
            if let (Some(id), Some(count)) = (self.topics.id_of(name), self.topics.partitions_of(name)) {
                set.insert(id);
                self.counts.insert(id, count);
            }
        }
        let set = Rc::new(set);
        self.sets.insert(key, Rc::clone(&set));
        set
    }
}

/// # Errors
/// `GROUP_MAX_SIZE_REACHED` when a new member would be one too many.
pub(super) fn check_size(state: &State, cx: &Cx<'_>, id: &str) -> Result<(), Refusal> {
    let most = cx.settings.consumer.max_size;
    if state.members.len() >= usize::try_from(most).unwrap_or(0) && !state.members.contains_key(id) {
        let text = format!("The consumer group has reached its maximum capacity of {most} members.");
        return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, text));
    }
    Ok(())
}

/// # Errors
/// `FENCED_INSTANCE_ID` when another member has the instance id by now.
pub(super) fn check_instance(member: &Member, id: &str, instance_id: &str) -> Result<(), Refusal> {
    if member.id == id {
        return Ok(());
    }
    let text = format!("Static member {id} with instance id {instance_id} was fenced by member {}.", member.id);
    Err(Refusal::new(ErrorCode::FencedInstanceId, text))
}

/// # Errors
/// `UNRELEASED_INSTANCE_ID` while the static member of before has not left.
pub(super) fn check_released(member: &Member, id: &str, instance_id: &str) -> Result<(), Refusal> {
    if member.epoch == STATIC_LEAVE_EPOCH {
        return Ok(());
    }
    let text = format!(
        "Static member {id} with instance id {instance_id} cannot join the group because the instance id is owned by \
         {} member.",
        member.id
    );
    Err(Refusal::new(ErrorCode::UnreleasedInstanceId, text))
}

/// # Errors
/// `UNKNOWN_MEMBER_ID`.
pub(super) fn find<'s>(state: &'s State, group_id: &str, id: &str) -> Result<&'s Member, Refusal> {
    state.members.get(id).ok_or_else(|| {
        Refusal::new(ErrorCode::UnknownMemberId, format!("Member {id} is not a member of group {group_id}."))
    })
}

/// # Errors
/// `UNKNOWN_MEMBER_ID`.
pub(super) fn find_static<'s>(state: &'s State, instance_id: &str) -> Result<&'s Member, Refusal> {
    state
        .static_member(instance_id)
        .ok_or_else(|| Refusal::new(ErrorCode::UnknownMemberId, format!("Instance id {instance_id} is unknown.")))
}
