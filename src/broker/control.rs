//! What is wanted of the active controller: this broker's own questions, and clients' requests that are passed on to it.
//!
//! An errand is kept until it is answered or its deadline passes. When the controller moves, or the way to it breaks,
//! the errand goes to the next one: so it may be done twice, and what is asked here bears that. Frames are written and
//! read by `api::peer`.

use super::Broker;
use crate::error::ErrorCode;
use crate::event::{Effect, Lane};
use crate::meta::{Command, Created, Refusal, Reply};
use crate::parked::{Then, Token, Waiting};
use crate::types::{ConnId, Millis, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// So many errands wait at most; more are refused at once.
const ERRANDS_MAX: usize = 10_000;
/// So many are under way to one node at most.
const UNDER_WAY_MAX: usize = 256;
/// How long errands wait after they met no controller, in milliseconds.
const RETRY_MS: i64 = 50;
/// So long the answer to a creation of topics waits until this node knows them, in milliseconds.
const KNOWN_MS: i64 = 1_000;

/// What the controller is wanted for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A question of this broker's.
    Command(Command),
    /// A client's request.
    Relay {
        /// The client's connection.
        conn: ConnId,
        /// The request's place on it.
        slot: u64,
        /// Header and body, as the client sent them.
        frame: Vec<u8>,
    },
}

/// One thing that the controller is to do.
#[derive(Debug)]
pub struct Errand {
    /// What.
    pub wanted: Wanted,
    /// The number under which a command was sent; a client's request keeps its own.
    pub correlation_id: i32,
    token: Token,
}

/// Whom a reply on the control lane is for.
#[derive(Debug)]
pub enum Answered {
    /// This errand.
    Errand(Errand),
    /// One that went to another controller meanwhile.
    Late,
    /// Nobody: nothing was asked.
    Nobody,
}

/// All errands.
#[derive(Debug, Default)]
pub(super) struct Control {
    outbox: VecDeque<Errand>,
    /// Under way, by node, oldest first: replies come in this order. `None` went elsewhere meanwhile.
    under_way: BTreeMap<NodeId, UnderWay>,
    /// Answers that wait until this node knows the topics.
    until_known: Vec<Known>,
    /// Nothing is sent before; 0 is at once.
    not_before: Millis,
    correlation_id: i32,
}

#[derive(Debug, Default)]
struct UnderWay {
    sent: VecDeque<Option<Errand>>,
    /// When the last reply came, or the oldest errand was sent.
    since: Millis,
}

#[derive(Debug)]
struct Known {
    until: Millis,
    token: Token,
    results: Vec<(String, Result<Created, Refusal>)>,
}

impl Control {
    /// When errands are to be looked at again though nothing happened.
    pub(super) fn deadline(&self, timeout_ms: i64) -> Option<Millis> {
        let retry = (!self.outbox.is_empty() && self.not_before > 0).then_some(self.not_before);
        let known = self.until_known.iter().map(|known| known.until).min();
        let silent = self.under_way.values().filter(|way| !way.sent.is_empty());
        let silent = silent.map(|way| way.since.saturating_add(timeout_ms)).min();
        [retry, known, silent].into_iter().flatten().min()
    }
}

impl Broker {
    /// Asks the active controller, wherever it is; `then` gets its reply, or `None` when there was none in time.
    pub fn ask_controller(
        &mut self,
        now: Millis,
        command: Command,
        then: Then<Option<Reply>>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let deadline = now.saturating_add(self.settings.cluster.request_timeout_ms.max(1));
        self.ask_controller_until(now, deadline, command, then, out);
    }

    pub(super) fn ask_controller_until(
        &mut self,
        now: Millis,
        deadline: Millis,
        command: Command,
        then: Then<Option<Reply>>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if !self.settings.cluster.is_cluster() {
            return self.command(now, command, then, out);
        }
        if self.control.outbox.len() >= ERRANDS_MAX || self.has_left() {
            return then(self, None, out);
        }
        let token = self.parked.put(Waiting::Meta(then), Some(deadline));
        self.control.outbox.push_back(Errand { wanted: Wanted::Command(command), correlation_id: 0, token });
        self.do_errands_here(now, out);
    }

    /// Passes a client's request on to the active controller, which is another node; its reply goes to the client as
    /// it comes. Without one in time the client's connection is closed.
    pub fn pass_on(&mut self, now: Millis, conn: ConnId, slot: u64, frame: &[u8], out: &mut Vec<Effect<'_>>) {
        let close = move |_: &mut Broker, _: Option<Reply>, out: &mut Vec<Effect<'_>>| {
            let reason = "a request for the controller was not answered in time: there is none, or it is moving";
            out.push(Effect::Close { conn, reason: reason.to_owned() });
        };
        if self.control.outbox.len() >= ERRANDS_MAX || self.has_left() {
            return close(self, None, out);
        }
        let deadline = now.saturating_add(self.settings.cluster.request_timeout_ms.max(1));
        let token = self.parked.put(Waiting::Meta(Box::new(close)), Some(deadline));
        let wanted = Wanted::Relay { conn, slot, frame: frame.to_vec() };
        self.control.outbox.push_back(Errand { wanted, correlation_id: 0, token });
    }

    /// The next errand to send, and the node it goes to: it counts as sent.
    pub fn next_errand(&mut self, now: Millis) -> Option<(NodeId, &Errand)> {
        if self.control.outbox.is_empty() || now < self.control.not_before {
            return None;
        }
        let node = self.controller().filter(|node| *node != self.node)?;
        if !self.is_reachable(node, Lane::Control) {
            return None;
        }
        if self.control.under_way.get(&node).is_some_and(|way| way.sent.len() >= UNDER_WAY_MAX) {
            return None;
        }
        let mut errand = loop {
            let errand = self.control.outbox.pop_front()?;
            if self.parked.holds(errand.token) {
                break errand;
            }
        };
        self.control.correlation_id = self.control.correlation_id.wrapping_add(1) & i32::MAX;
        errand.correlation_id = self.control.correlation_id;
        let way = self.control.under_way.entry(node).or_default();
        if way.sent.is_empty() {
            way.since = now;
        }
        way.sent.push_back(Some(errand));
        Some((node, way.sent.back()?.as_ref()?))
    }

    /// Whom the next reply of a node is for.
    pub fn errand_answered(&mut self, now: Millis, node: NodeId) -> Answered {
        let Some(way) = self.control.under_way.get_mut(&node) else { return Answered::Nobody };
        way.since = now;
        match way.sent.pop_front() {
            Some(Some(errand)) => Answered::Errand(errand),
            Some(None) => Answered::Late,
            None => Answered::Nobody,
        }
    }

    /// An errand is done.
    pub fn errand_done(&mut self, errand: Errand, reply: Reply, out: &mut Vec<Effect<'_>>) {
        match reply {
            // Whoever asked looks the topics up next: the answer may be here before the records are.
            Reply::Topics(results) if !self.knows_all(&results) => {
                let until = self.now.saturating_add(KNOWN_MS);
                self.control.until_known.push(Known { until, token: errand.token, results });
            }
            reply => self.answer_errand(errand.token, Some(reply), out),
        }
    }

    /// A client's request was answered by the controller: nothing waits for it any more. False when its time was up.
    pub fn relay_done(&mut self, errand: &Errand) -> bool {
        self.parked.take(errand.token).is_some()
    }

    /// An errand met no controller: it is done again soon, by whoever is the controller then.
    pub fn errand_again(&mut self, now: Millis, errand: Errand) {
        self.control.not_before = now.saturating_add(RETRY_MS);
        self.control.outbox.push_front(errand);
    }

    /// The lane to a controller broke: what was under way may have been done, and is done again.
    pub fn control_lost(&mut self, now: Millis, node: NodeId) {
        let Some(way) = self.control.under_way.remove(&node) else { return };
        for errand in way.sent.into_iter().rev().flatten() {
            self.errand_again(now, errand);
        }
    }

    /// What is to be done about errands after every step: those of a controller that is none any more go elsewhere,
    /// and where it is this node they are done here.
    pub(super) fn mind_errands(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.control.not_before <= now {
            self.control.not_before = 0;
        }
        let controller = self.controller();
        let timeout_ms = self.settings.cluster.controller_socket_timeout_ms.max(1);
        let mut silent = None;
        let Control { outbox, under_way, .. } = &mut self.control;
        for (node, way) in under_way.iter_mut().filter(|(_, way)| !way.sent.is_empty()) {
            if controller.is_some_and(|id| id != *node) {
                let moved: Vec<Errand> = way.sent.iter_mut().filter_map(Option::take).collect();
                moved.into_iter().rev().for_each(|errand| outbox.push_front(errand));
            }
            if now >= way.since.saturating_add(timeout_ms) {
                silent = Some(*node);
            }
        }
        if let Some(node) = silent {
            self.reset_lane(node, Lane::Control, out);
            self.control_lost(now, node);
        }
        self.do_errands_here(now, out);
        self.answer_known(now, out);
    }

    /// Nothing more is asked: the node stops.
    pub(super) fn drop_errands(&mut self, out: &mut Vec<Effect<'_>>) {
        let under_way = std::mem::take(&mut self.control.under_way);
        let sent = under_way.into_values().flat_map(|way| way.sent).flatten();
        let all: Vec<Token> = self.control.outbox.drain(..).chain(sent).map(|errand| errand.token).collect();
        let known: Vec<Token> = self.control.until_known.drain(..).map(|known| known.token).collect();
        for token in all.into_iter().chain(known) {
            self.answer_errand(token, None, out);
        }
    }

    fn do_errands_here(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while now >= self.control.not_before && !self.control.outbox.is_empty() && self.is_controller() {
            let Some(errand) = self.control.outbox.pop_front() else { break };
            if !self.parked.holds(errand.token) {
                continue;
            }
            let Wanted::Command(command) = &errand.wanted else {
                // A client's frame was for another node; its next one finds the controller here.
                self.answer_errand(errand.token, None, out);
                continue;
            };
            let command = command.clone();
            let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| match reply {
                Some(Reply::Refused(refusal)) if refusal.code == ErrorCode::NotController => {
                    broker.errand_again(broker.now, errand);
                }
                Some(reply) => broker.errand_done(errand, reply, out),
                None => broker.errand_again(broker.now, errand),
            };
            self.command(now, command, Box::new(then), out);
        }
    }

    fn answer_known(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let mut index = 0;
        while let Some(known) = self.control.until_known.get(index) {
            if now < known.until && !self.knows_all(&known.results) {
                index += 1;
                continue;
            }
            let known = self.control.until_known.swap_remove(index);
            self.answer_errand(known.token, Some(Reply::Topics(known.results)), out);
        }
    }

    fn knows_all(&self, results: &[(String, Result<Created, Refusal>)]) -> bool {
        let exists = |result: &Result<Created, Refusal>| match result {
            Ok(_) => true,
            Err(refusal) => refusal.code == ErrorCode::TopicAlreadyExists,
        };
        results.iter().all(|(name, result)| !exists(result) || self.image.topic(name).is_some())
    }

    fn answer_errand(&mut self, token: Token, reply: Option<Reply>, out: &mut Vec<Effect<'_>>) {
        if let Some(Waiting::Meta(then)) = self.parked.take(token) {
            then(self, reply, out);
        }
    }
}
