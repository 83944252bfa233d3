//! The ways to other nodes: where each is reached, and what the followers here fetch from whom.
//!
//! One fetch is under way to each leader, with every partition that is ready for it. The next one goes when all that the
//! last one brought is safe. When other partitions become ready before the answer, a second one goes that has them all,
//! which makes the leader answer the first. A partition with an error is left alone for a while, the others
//! go on.

use super::{Broker, State};
use crate::error::ErrorCode;
use crate::event::{Effect, Lane, Level};
use crate::replica::Position;
use crate::types::{LogId, Millis, NodeId, Partition, TopicId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Fetches under way to one leader at most.
const FETCHES_MAX: usize = 2;
/// A partition whose bytes are not safe after so long does not hold the others up any more, in milliseconds.
const SAFE_MS: i64 = 100;
/// After a lane broke, it is not tried again for so long, in milliseconds.
const LOST_MS: i64 = 50;

/// The ways to other nodes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Where the shell was told that a node is.
    told: BTreeMap<(NodeId, Lane), (String, u16)>,
    fetch: BTreeMap<NodeId, FetchLane>,
    /// Followers that were not asked for since they became followers.
    fresh: BTreeSet<LogId>,
    /// Brokers came, went or moved: addresses are to be looked at.
    brokers_changed: bool,
    correlation_id: i32,
}

#[derive(Debug, Default)]
struct FetchLane {
    /// Under way, oldest first.
    sent: VecDeque<SentFetch>,
    /// What the last answer brought something for, and what is not ready yet.
    unsafe_yet: BTreeSet<LogId>,
    /// They hold the next fetch up until then; 0 is not at all.
    unsafe_until: Millis,
    /// What the last answer brought bytes for: it has its turn after the others.
    served: BTreeSet<LogId>,
    /// Partitions that are left alone after an error, and until when.
    alone: BTreeMap<LogId, Millis>,
    /// There is something that no fetch under way asks for.
    wanted: bool,
    /// The lane is left alone until then; 0 is not at all.
    not_before: Millis,
}

/// A fetch that is under way.
#[derive(Debug)]
pub struct SentFetch {
    /// The request's number.
    pub correlation_id: i32,
    /// What it asks for.
    pub parts: Vec<FetchPart>,
    at: Millis,
}

/// One partition of a fetch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FetchPart {
    /// The log here.
    pub log: LogId,
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: Partition,
    /// From where.
    pub position: Position,
}

impl Lanes {
    /// A log follows somebody, or somebody else, or from another position than it said.
    pub(super) fn follows(&mut self, log: LogId) {
        self.fresh.insert(log);
    }

    /// A broker came, went, or moved.
    pub(super) fn brokers_changed(&mut self) {
        self.brokers_changed = true;
    }

    /// When lanes are to be looked at though nothing happened.
    pub(super) fn deadline(&self, timeout_ms: i64) -> Option<Millis> {
        self.fetch.values().filter_map(|lane| lane.deadline(timeout_ms)).min()
    }
}

impl FetchLane {
    fn deadline(&self, timeout_ms: i64) -> Option<Millis> {
        let silent = self.sent.front().map(|sent| sent.at.saturating_add(timeout_ms));
        let wakes = self.sent.is_empty() || self.wanted;
        let held = (wakes && !self.unsafe_yet.is_empty() && self.unsafe_until > 0).then_some(self.unsafe_until);
        let lost = (self.wanted && self.not_before > 0).then_some(self.not_before);
        let alone = self.alone.values().min().copied();
        [silent, held, lost, alone].into_iter().flatten().min()
    }
}

impl Broker {
    /// Tells the shell where the other voters are: they are known before anything else.
    pub(super) fn tell_voters(&mut self, out: &mut Vec<Effect<'_>>) {
        for voter in self.settings.cluster.voters.clone() {
            if voter.id == self.node {
                continue;
            }
            for lane in [Lane::Quorum, Lane::Control] {
                self.tell_address(voter.id, lane, Some((voter.host.clone(), voter.port)), out);
            }
        }
    }

    /// Whether the shell knows where a node is.
    pub fn is_reachable(&self, node: NodeId, lane: Lane) -> bool {
        self.lanes.told.contains_key(&(node, lane))
    }

    /// Breaks a lane, which may be made again at once. The shell says nothing of it.
    pub fn reset_lane(&mut self, node: NodeId, lane: Lane, out: &mut Vec<Effect<'_>>) {
        let Some(address) = self.lanes.told.get(&(node, lane)).cloned() else { return };
        out.push(Effect::Peer { node, lane, address: None });
        out.push(Effect::Peer { node, lane, address: Some(address) });
    }

    /// The next fetch to send, if one is due: it counts as sent.
    pub fn next_fetch(&mut self, now: Millis) -> Option<(NodeId, &SentFetch)> {
        let nodes: Vec<NodeId> = self.lanes.fetch.keys().copied().collect();
        let (node, parts) = nodes.into_iter().find_map(|node| Some((node, self.wanted_from(now, node)?)))?;
        self.lanes.correlation_id = self.lanes.correlation_id.wrapping_add(1) & i32::MAX;
        let correlation_id = self.lanes.correlation_id;
        let lane = self.lanes.fetch.get_mut(&node)?;
        lane.wanted = false;
        lane.sent.push_back(SentFetch { correlation_id, parts, at: now });
        Some((node, lane.sent.back()?))
    }

    /// The fetch that a node's next reply answers.
    pub fn fetch_answered(&mut self, now: Millis, node: NodeId) -> Option<SentFetch> {
        let lane = self.lanes.fetch.get_mut(&node)?;
        let sent = lane.sent.pop_front()?;
        if let Some(next) = lane.sent.front_mut() {
            next.at = now;
        }
        lane.served.clear();
        lane.wanted = true;
        lane.unsafe_until = now.saturating_add(SAFE_MS);
        Some(sent)
    }

    /// A node answered for a partition, and the follower here has heard it.
    pub fn fetched(&mut self, now: Millis, node: NodeId, log: LogId) {
        let Some(State::Following(follower)) = self.hosted(log).map(|hosted| &hosted.state) else {
            // It is being cut, or does not follow any more.
            return self.lanes.follows(log);
        };
        let (ready, retry_at) = (follower.position(now).is_some(), follower.retry_at());
        let Some(lane) = self.lanes.fetch.get_mut(&node) else { return };
        if retry_at > now {
            lane.alone.insert(log, retry_at);
        } else if !ready {
            lane.served.insert(log);
            lane.unsafe_yet.insert(log);
        }
    }

    /// A node did not answer for a partition.
    pub fn fetch_ignored(&mut self, now: Millis, node: NodeId, log: LogId) {
        let until = now.saturating_add(self.settings.cluster.replica.fetch_backoff_ms.max(1));
        if let Some(lane) = self.lanes.fetch.get_mut(&node) {
            lane.alone.insert(log, until);
        }
    }

    /// A lane for fetches broke, or its node does not answer for the moment.
    pub fn fetch_lost(&mut self, now: Millis, node: NodeId) {
        if let Some(lane) = self.lanes.fetch.get_mut(&node) {
            lane.sent.clear();
            lane.wanted = true;
            lane.not_before = now.saturating_add(LOST_MS);
        }
    }

    /// A leader refused a whole fetch.
    pub fn fetch_refused(&mut self, now: Millis, node: NodeId, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
        let message = format!("node {node} refused a fetch of its partitions: {code}");
        out.push(Effect::Note { level: Level::Warn, message });
        if let Some(lane) = self.lanes.fetch.get_mut(&node) {
            lane.not_before = now.saturating_add(self.settings.cluster.replica.fetch_backoff_ms);
        }
    }

    /// A node does not answer as it should: its lane is made again, and not used for a while.
    pub fn distrust(&mut self, now: Millis, node: NodeId, lane: Lane, why: &str, out: &mut Vec<Effect<'_>>) {
        let message = format!("node {node} gave an answer that makes no sense ({why}); its connection is made again");
        out.push(Effect::Note { level: Level::Warn, message });
        self.reset_lane(node, lane, out);
        match lane {
            Lane::Quorum => {}
            Lane::Control => self.control_lost(now, node),
            Lane::Fetch => self.fetch_lost(now, node),
        }
    }

    /// What is to be done about lanes after every step.
    pub(super) fn mind_lanes(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if std::mem::take(&mut self.lanes.brokers_changed) {
            self.tell_brokers(out);
        }
        if !self.lanes.fresh.is_empty() {
            self.look_at_fresh_followers(now);
        }
        let timeout_ms = self.settings.cluster.replica.socket_timeout_ms.max(1);
        let silent = |(_, lane): &(&NodeId, &FetchLane)| {
            lane.sent.front().is_some_and(|sent| sent.at.saturating_add(timeout_ms) <= now)
        };
        let silent: Vec<NodeId> = self.lanes.fetch.iter().filter(silent).map(|(node, _)| *node).collect();
        for node in silent {
            self.reset_lane(node, Lane::Fetch, out);
            self.fetch_lost(now, node);
        }
    }

    /// Where the other brokers are: the listener for brokers in their registrations.
    fn tell_brokers(&mut self, out: &mut Vec<Effect<'_>>) {
        let Some(listener) = self.settings.listeners.get(self.settings.cluster.inter_broker_listener) else { return };
        let others = self.image.brokers().filter(|broker| broker.id != self.node);
        let now: BTreeMap<NodeId, (String, u16)> = others
            .filter_map(|broker| {
                let (host, port) = broker.endpoint(&listener.name)?;
                Some((broker.id, (host.to_owned(), port)))
            })
            .collect();
        let gone = self.lanes.told.keys().filter(|(node, lane)| *lane == Lane::Fetch && !now.contains_key(node));
        for (node, lane) in gone.copied().collect::<Vec<_>>() {
            self.tell_address(node, lane, None, out);
        }
        for (node, address) in now {
            self.tell_address(node, Lane::Fetch, Some(address), out);
        }
    }

    fn tell_address(&mut self, node: NodeId, lane: Lane, address: Option<(String, u16)>, out: &mut Vec<Effect<'_>>) {
        let known = self.lanes.told.get(&(node, lane));
        if known == address.as_ref() {
            return;
        }
        let moved = known.is_some();
        match &address {
            Some(address) => self.lanes.told.insert((node, lane), address.clone()),
            None => self.lanes.told.remove(&(node, lane)),
        };
        if moved && lane == Lane::Fetch {
            self.fetch_lost(self.now, node);
        }
        if moved && address.is_some() {
            out.push(Effect::Peer { node, lane, address: None });
        }
        out.push(Effect::Peer { node, lane, address });
        if let Some(lane) = self.lanes.fetch.get_mut(&node) {
            lane.wanted = true;
        }
    }

    /// Followers that are ready make their leader's lane go, or make it.
    fn look_at_fresh_followers(&mut self, now: Millis) {
        let mut ready = Vec::new();
        self.lanes.fresh.retain(|log| {
            let hosted = self.hosted.get(log.0 as usize).and_then(Option::as_ref);
            match hosted.map(|hosted| &hosted.state) {
                Some(State::Following(follower)) if follower.position(now).is_some() => {
                    ready.push((*log, follower.leader));
                    false
                }
                Some(State::Following(_) | State::Opening) => true,
                _ => false,
            }
        });
        for (log, leader) in ready.into_iter().filter(|(_, leader)| *leader >= 0 && *leader != self.node) {
            let lane = self.lanes.fetch.entry(leader).or_default();
            lane.alone.remove(&log);
            lane.wanted = true;
        }
    }

    /// Everything that is ready for a leader's next fetch; `None` when none is due.
    fn wanted_from(&mut self, now: Millis, node: NodeId) -> Option<Vec<FetchPart>> {
        let reachable = self.is_reachable(node, Lane::Fetch);
        let Broker { lanes, hosted, .. } = self;
        let lane = lanes.fetch.get_mut(&node)?;
        lane.alone.retain(|_, until| {
            lane.wanted |= *until <= now;
            *until > now
        });
        while let Some(log) = lane.unsafe_yet.first().copied() {
            let state = hosted.get(log.0 as usize).and_then(Option::as_ref).map(|hosted| &hosted.state);
            if matches!(state, Some(State::Following(follower)) if follower.position(now).is_none()) {
                break;
            }
            lane.unsafe_yet.pop_first();
            lane.wanted = true;
        }
        // A time that is past is none any more.
        for at in [&mut lane.not_before, &mut lane.unsafe_until] {
            *at = if *at <= now { 0 } else { *at };
        }
        if !lane.wanted || !reachable || lane.sent.len() >= FETCHES_MAX || lane.not_before > 0 {
            return None;
        }
        if lane.sent.is_empty() && !lane.unsafe_yet.is_empty() && lane.unsafe_until > 0 {
            return None;
        }
        let positions = self.fetch_positions(now, node);
        let lane = self.lanes.fetch.get_mut(&node)?;
        let mut parts: Vec<FetchPart> = positions
            .into_iter()
            .filter(|(log, ..)| !lane.alone.contains_key(log))
            .map(|(log, topic, partition, position)| FetchPart { log, topic, partition, position })
            .collect();
        // With an answer still to come, a second fetch is worth its while only for what the first does not ask for.
        let asked: BTreeSet<LogId> = lane.sent.iter().flat_map(|sent| &sent.parts).map(|part| part.log).collect();
        let new = lane.sent.is_empty() || parts.iter().any(|part| !asked.contains(&part.log));
        if parts.is_empty() || !new {
            lane.wanted = false;
            return None;
        }
        if !lane.served.is_empty() {
            parts.sort_by_key(|part| lane.served.contains(&part.log));
        }
        Some(parts)
    }
}
