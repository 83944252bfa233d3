//! This broker among the others: it registers, gives signs of life, and says when it stops.
//!
//! A start goes: the journal is read; the logs that it names are opened; the controller gives this process a broker
//! epoch; once this node has replayed its own registration and every log is open, a heartbeat asks for the fence to be
//! lifted; when that is committed, clients may come. What is ready stays ready: a node that loses the quorum serves what
//! it leads.

use super::{Broker, Start, State};
use crate::error::ErrorCode;
use crate::event::{Effect, Level};
use crate::meta::{BrokerImage, Command, Heartbeat, Registration, Reply, splitmix};
use crate::types::{ConnId, Millis, NodeId, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// A controlled shutdown takes no longer than this, in milliseconds: then the node stops all the same.
const LEAVE_MS: i64 = 5_000;
/// Nor does it wait so long for any one answer, in milliseconds: where most of the cluster is gone, there is none.
const LEAVE_SILENCE_MS: i64 = 1_500;
/// Another node has so long to take the quorum over from one that stops, in milliseconds.
const HAND_OVER_MS: i64 = 500;
/// A heartbeat whose answer somebody waits for is repeated after so long, in milliseconds.
const EAGER_MS: i64 = 20;
/// A refused registration is tried again after so long, in milliseconds.
const REGISTER_AGAIN_MS: i64 = 500;
/// A start that has to wait says so that often, in milliseconds.
const WAITING_NOTE_MS: i64 = 10_000;

/// What this broker is to the controller.
#[derive(Debug)]
pub(super) struct Membership {
    /// This process.
    incarnation: Uuid,
    /// The broker epoch; -1 before the registration.
    epoch: i64,
    /// The epoch under which everything here is known to be on disk; -1 when it is not known.
    previous_epoch: i64,
    /// A registration or a heartbeat is under way.
    asking: bool,
    /// When the next one is due.
    due: Millis,
    /// The heartbeat that asks for the fence to be lifted is sent.
    knocked: bool,
    leaving: Leaving,
    /// When a start that waits says so next; 0 before it began to wait.
    note_at: Millis,
    /// The next heartbeat is wanted at once: another broker stops, and waits until everybody knows who leads instead of it.
    hurry: bool,
    /// The controller that this broker last spoke to, or tried to: a new one wants to hear soon who lives.
    controller: Option<NodeId>,
    /// Who speaks on which connection to the controller here.
    speakers: BTreeMap<ConnId, NodeId>,
    /// Voters that this node lost sight of since it began to stop.
    lost: BTreeSet<NodeId>,
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Nobody wants to stop.
    No,
    /// Leaderships are moving away.
    Asking {
        /// No longer than this.
        until: Millis,
        /// When the controller must have answered next.
        silent_at: Millis,
    },
    /// Another node is to lead the quorum.
    HandingOver {
        /// No longer than this.
        until: Millis,
    },
    /// It leads nothing that another one could lead, or does not wait any longer.
    Left,
}

impl Membership {
    /// A broker that nobody knows yet.
    pub(super) fn new(seed: [u64; 2]) -> Membership {
        let mut incarnation = Uuid::ZERO;
        for (half, bytes) in incarnation.0.chunks_mut(8).enumerate() {
            let mut state = seed[half].rotate_left(7 + half as u32);
            bytes.copy_from_slice(&splitmix(&mut state).to_be_bytes());
        }
        incarnation.0[6] = incarnation.0[6] & 0x0f | 0x40;
        incarnation.0[8] = incarnation.0[8] & 0x3f | 0x80;
        Membership {
            incarnation,
            epoch: -1,
            previous_epoch: -1,
            asking: false,
            due: 0,
            knocked: false,
            leaving: Leaving::No,
            note_at: 0,
            hurry: false,
            controller: None,
            speakers: BTreeMap::new(),
            lost: BTreeSet::new(),
        }
    }
}

impl Broker {
    /// This broker's epoch; -1 before it is registered.
    pub fn broker_epoch(&self) -> i64 {
        self.membership.epoch
    }

    /// The node may stop: nothing that it leads could be led by another one, or its time is up.
    pub fn has_left(&self) -> bool {
        self.membership.leaving == Leaving::Left
    }

    /// Every log that the journal named is open: now the controller may know of this process.
    pub(super) fn join(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let known = self.image.broker(self.node).map_or(-1, |broker| broker.epoch);
        self.membership.previous_epoch = if self.stopped_cleanly { known } else { -1 };
        self.membership.due = now;
        self.start = Start::Joining;
        self.mind_membership(now, out);
    }

    /// A broker registers, or says that it lives, on this connection.
    pub fn broker_speaks_on(&mut self, conn: ConnId, broker: NodeId) {
        self.membership.speakers.insert(conn, broker);
    }

    /// Whether another broker has spoken to the controller on this connection.
    pub fn is_spoken_on(&self, conn: ConnId) -> bool {
        self.membership.speakers.contains_key(&conn)
    }

    /// A connection is gone. If a broker spoke on it, it may be gone with it.
    pub fn disconnected(&mut self, now: Millis, conn: ConnId, out: &mut Vec<Effect<'_>>) {
        self.sessions.disconnected(conn);
        let Some(id) = self.membership.speakers.remove(&conn) else { return };
        self.broker_may_be_gone(now, id, out);
    }

    /// A broker cannot be reached, or its connection to the controller here broke. Unless it speaks on another one, or
    /// soon will, it is gone.
    pub fn broker_may_be_gone(&mut self, now: Millis, id: NodeId, out: &mut Vec<Effect<'_>>) {
        let speaks = self.membership.speakers.values().any(|other| *other == id);
        if !speaks && self.is_controller() && self.image.broker(id).is_some_and(|broker| !broker.fenced) {
            self.command(now, Command::BrokerGone(id), Box::new(|_, _, _| {}), out);
        }
    }

    /// The node is to stop: its leaderships go elsewhere first, where there is an elsewhere.
    pub fn leave(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let cluster = &self.settings.cluster;
        let waits = cluster.is_cluster() && cluster.controlled_shutdown_enable && self.is_ready();
        if !waits || self.membership.epoch < 0 {
            return self.left(now, out);
        }
        let (until, silent_at) = (now.saturating_add(LEAVE_MS), now.saturating_add(LEAVE_SILENCE_MS));
        self.membership.leaving = Leaving::Asking { until, silent_at };
        self.membership.due = now;
    }

    /// A voter cannot be reached. Where the whole cluster stops at once, the last ones have nobody left to decide where
    /// their leaderships go: they need not wait for that.
    pub(super) fn voter_lost(&mut self, node: NodeId, out: &mut Vec<Effect<'_>>) {
        if !matches!(self.membership.leaving, Leaving::Asking { .. } | Leaving::HandingOver { .. }) {
            return;
        }
        self.membership.lost.insert(node);
        let voters = self.quorum_status().map_or_else(Vec::new, |status| status.voters);
        let there = voters.iter().filter(|(id, _)| !self.membership.lost.contains(id)).count();
        if there <= voters.len() / 2 {
            let message = "most of the quorum is gone: nobody is left to move this broker's leaderships".to_owned();
            out.push(Effect::Note { level: Level::Info, message });
            self.membership.leaving = Leaving::Left;
            self.drop_errands(out);
        }
    }

    /// Brokers came, went, or changed.
    pub(super) fn look_at_brokers(&mut self) {
        if self.image.brokers().any(|broker| broker.shutting_down && !broker.fenced && broker.id != self.node) {
            self.hurry();
        }
    }

    fn hurry(&mut self) {
        self.membership.hurry = true;
        self.membership.due = self.membership.due.min(self.now);
    }

    pub(super) fn membership_deadline(&self) -> Option<Millis> {
        let m = &self.membership;
        let until = match m.leaving {
            Leaving::Left => return None,
            Leaving::HandingOver { until } => return Some(until),
            Leaving::Asking { until, silent_at } => Some(until.min(silent_at)),
            Leaving::No => None,
        };
        let due = (!m.asking).then_some(m.due);
        let note = (self.start == Start::Joining).then_some(m.note_at);
        match self.start {
            Start::Joining | Start::Ready => [until, due, note].into_iter().flatten().min(),
            _ => None,
        }
    }

    /// What is due after every step.
    pub(super) fn mind_membership(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if let Leaving::HandingOver { until } = self.membership.leaving {
            if until <= now || self.controller() != Some(self.node) {
                self.membership.leaving = Leaving::Left;
                self.drop_errands(out);
            }
            return;
        }
        if !matches!(self.start, Start::Joining | Start::Ready) || self.has_left() {
            return;
        }
        let controller = self.controller();
        if controller.is_some() && controller != self.membership.controller {
            self.membership.controller = controller;
            if self.membership.epoch >= 0 {
                self.hurry();
            }
        }
        if self.start == Start::Joining {
            self.look_at_the_fence(now, out);
        }
        if let Leaving::Asking { until, silent_at } = self.membership.leaving
            && until.min(silent_at) <= now
        {
            let message = match until <= now {
                true => format!("the controller did not move this broker's leaderships within {LEAVE_MS} ms"),
                false => "no controller answers, to move this broker's leaderships".to_owned(),
            };
            let message = format!("{message}; stopping all the same");
            out.push(Effect::Note { level: Level::Warn, message });
            return self.left(now, out);
        }
        if !self.membership.asking && self.membership.due <= now {
            match self.membership.epoch {
                ..0 => self.register(now, out),
                _ => self.send_heartbeat(now, out),
            }
        }
    }

    /// Whether this process's registration is replayed, whatever broker epoch it has been told since.
    pub(super) fn is_registered(&self) -> bool {
        self.image.broker(self.node).is_some_and(|known| known.incarnation == self.membership.incarnation)
    }

    /// This process's registration, once it is replayed.
    fn own_registration(&self) -> Option<&BrokerImage> {
        let m = &self.membership;
        self.image.broker(self.node).filter(|known| known.epoch == m.epoch && known.incarnation == m.incarnation)
    }

    /// Whether the fence may be lifted: the registration is replayed, and so is everything before it; every log is open.
    fn may_serve(&self) -> bool {
        self.own_registration().is_some()
            && !self.all_hosted().any(|(_, hosted)| matches!(hosted.state, State::Opening))
    }

    fn look_at_the_fence(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.own_registration().is_some_and(|known| !known.fenced) && self.may_serve() {
            self.start = Start::Ready;
            return;
        }
        if !self.membership.knocked && self.may_serve() {
            self.membership.knocked = true;
            self.membership.due = now;
        }
        if self.membership.note_at <= now {
            if self.membership.note_at > 0 {
                let ensemble = self.settings.cluster.zookeeper.is_some();
                let message = match (self.controller(), self.membership.epoch) {
                    (None, _) if ensemble => {
                        "waiting for a controller: none is elected in ZooKeeper, or ZooKeeper does not answer"
                            .to_owned()
                    }
                    (None, _) => "waiting for the quorum: no controller is elected, or none can be reached (hint: \
                                  are most of controller.quorum.voters running?)"
                        .to_owned(),
                    (Some(id), ..0) => format!("waiting for the controller, node {id}, to register this broker"),
                    (Some(id), epoch) => {
                        format!(
                            "registered with epoch {epoch}; waiting until the controller, node {id}, lifts the fence"
                        )
                    }
                };
                out.push(Effect::Note { level: Level::Info, message });
            }
            self.membership.note_at = now.saturating_add(WAITING_NOTE_MS);
        }
    }

    fn register(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let names = self.settings.listeners.iter().map(|listener| listener.name.clone());
        let registration = Registration {
            id: self.node,
            incarnation: self.membership.incarnation,
            endpoints: names.zip(&self.endpoints).map(|(name, at)| (name, at.host.clone(), at.port)).collect(),
            rack: self.settings.rack.clone(),
            previous_epoch: self.membership.previous_epoch,
            log_dirs: self.log_dirs.clone(),
        };
        self.membership.asking = true;
        let then = |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| broker.registered(reply, out);
        let deadline = now.saturating_add(self.settings.cluster.broker_session_timeout_ms.max(1));
        self.ask_controller_until(now, deadline, Command::RegisterBroker(registration), Box::new(then), out);
    }

    fn registered(&mut self, reply: Option<Reply>, out: &mut Vec<Effect<'_>>) {
        let now = self.now;
        let interval_ms = self.settings.cluster.broker_heartbeat_interval_ms.max(1);
        let m = &mut self.membership;
        m.asking = false;
        match reply {
            Some(Reply::Registered { epoch }) => {
                m.epoch = epoch;
                m.knocked = false;
                // A broker that serves already asks at once; one that starts, as soon as it has replayed this.
                m.due = if self.start == Start::Ready { now } else { now.saturating_add(interval_ms) };
            }
            Some(Reply::Refused(refusal)) => {
                m.due = now.saturating_add(REGISTER_AGAIN_MS);
                let message = format!("the controller does not register this broker: {}", refusal.message);
                out.push(Effect::Note { level: Level::Error, message });
            }
            _ => {
                m.due = now.saturating_add(REGISTER_AGAIN_MS);
                self.serve_unregistered(out);
            }
        }
    }

    /// A node that is alone serves what it has even when nothing can be recorded, for lack of space perhaps.
    fn serve_unregistered(&mut self, out: &mut Vec<Effect<'_>>) {
        if self.settings.cluster.is_cluster() || self.start != Start::Joining {
            return;
        }
        self.start = Start::Ready;
        let message = match self.stopped_cleanly {
            true => "the start of this broker could not be recorded: it serves what it has",
            false => {
                "new leader epochs could not be recorded after a stop that was not clean: clients cannot notice that \
                 records which were never acknowledged are gone"
            }
        };
        out.push(Effect::Note { level: Level::Warn, message: message.to_owned() });
    }

    fn send_heartbeat(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let stops = matches!(self.membership.leaving, Leaving::Asking { .. });
        let heartbeat = Heartbeat {
            id: self.node,
            epoch: self.membership.epoch,
            caught_up: self.metadata_end(),
            want_fence: self.start == Start::Joining && !self.may_serve(),
            want_shutdown: stops,
        };
        (self.membership.asking, self.membership.hurry) = (true, false);
        let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
            broker.heartbeat_answered(stops, reply, out);
        };
        let cluster = &self.settings.cluster;
        let deadline = now.saturating_add(cluster.broker_session_timeout_ms.max(1));
        self.ask_controller_until(now, deadline, Command::Heartbeat(heartbeat), Box::new(then), out);
    }

    fn heartbeat_answered(&mut self, asked_to_stop: bool, reply: Option<Reply>, out: &mut Vec<Effect<'_>>) {
        let now = self.now;
        let interval_ms = self.settings.cluster.broker_heartbeat_interval_ms.max(1);
        self.membership.asking = false;
        match reply {
            Some(Reply::Heartbeat { fenced, should_shutdown, .. }) => {
                if asked_to_stop && should_shutdown {
                    return self.left(now, out);
                }
                let mut stops = false;
                if let Leaving::Asking { silent_at, .. } = &mut self.membership.leaving {
                    *silent_at = now.saturating_add(LEAVE_SILENCE_MS);
                    stops = true;
                }
                let starts = fenced && self.start == Start::Joining && self.membership.knocked;
                let again = if stops || starts { EAGER_MS } else { interval_ms };
                if !fenced && !self.settings.cluster.is_cluster() {
                    // A controller knows that its own broker lives.
                    self.membership.due = Millis::MAX;
                    return;
                }
                // One that began to stop while this heartbeat was under way has its own due.
                let due =
                    if (stops && !asked_to_stop) || self.membership.hurry { now } else { now.saturating_add(again) };
                self.membership.due = due;
            }
            Some(Reply::Refused(refusal))
                if matches!(refusal.code, ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered) =>
            {
                let message = format!("registering this broker again: {}", refusal.message);
                out.push(Effect::Note { level: Level::Warn, message });
                let m = &mut self.membership;
                (m.previous_epoch, m.epoch, m.due) = (m.epoch, -1, now);
            }
            Some(Reply::Refused(refusal)) => {
                let message = format!("the controller refused a heartbeat: {}", refusal.message);
                out.push(Effect::Note { level: Level::Error, message });
                self.membership.due = now.saturating_add(interval_ms);
            }
            // It was tried until its time was up.
            _ if self.settings.cluster.is_cluster() => self.membership.due = now.saturating_add(EAGER_MS),
            _ => {
                self.membership.due = now.saturating_add(interval_ms);
                self.serve_unregistered(out);
            }
        }
    }

    /// Leaderships are elsewhere; that of the quorum goes last, because it moves the others.
    fn left(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.settings.cluster.is_cluster() && self.controller() == Some(self.node) {
            self.membership.leaving = Leaving::HandingOver { until: now.saturating_add(HAND_OVER_MS) };
            return self.hand_over_quorum(now, out);
        }
        self.membership.leaving = Leaving::Left;
        self.drop_errands(out);
    }
}
