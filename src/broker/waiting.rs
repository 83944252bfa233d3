//! Requests that wait for a partition: for offsets to be on disk or committed, for anything new, for a log to be opened.

use super::{Broker, Hosted, partition};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::parked::{Part, Then, Token, Waiting, Woken};
use crate::replica::Moved;
use crate::types::{LogId, Millis, NodeId, Offset};

/// Who reads: followers wait for what is appended, consumers for what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A consumer.
    Consumer,
    /// The follower on this node.
    Replica(NodeId),
}

impl Broker {
    /// Answers the fetches that wait, as if their deadline had come. What waits for the disk is left to finish.
    pub fn drain_fetches(&mut self, out: &mut Vec<Effect<'_>>) {
        for token in self.parked.fetches() {
            if let Some(waiting) = self.parked.take(token) {
                self.run_late(token, waiting, out);
            }
        }
    }

    /// Answers everything that waits, as if its deadline had come.
    pub fn drain_all(&mut self, out: &mut Vec<Effect<'_>>) {
        for token in self.parked.all() {
            if let Some(waiting) = self.parked.take(token) {
                self.run_late(token, waiting, out);
            }
        }
    }

    /// Parks a request until its parts are settled; `register` tells where each part waits.
    pub fn park_all(&mut self, parts: Vec<Part>, deadline: Option<Millis>, then: Then<Vec<Part>>) -> Token {
        let open = parts.iter().filter(|part| **part == Part::Open).count();
        self.parked.put(Waiting::All { parts, open, then }, deadline)
    }

    /// Parks a fetch until one of `logs` grows.
    pub fn park_any(&mut self, reader: Reader, logs: Vec<LogId>, deadline: Millis, then: Then<Woken>) {
        let token = self.parked.put(Waiting::Any { logs: logs.clone(), then }, Some(deadline));
        if let Reader::Replica(node) = reader {
            self.replication.parked.insert(node, token);
        }
        for log in logs {
            if let Some(hosted) = self.hosted_mut(log) {
                match reader {
                    Reader::Consumer => hosted.fetches.push(token),
                    Reader::Replica(_) => hosted.replica_fetches.push(token),
                }
            }
        }
    }

    /// A replica has sent another fetch: the one before, where it still waits, is answered with what there is. It has
    /// partitions to ask for that were not in that one, and its replies come in order.
    pub fn release_replica(&mut self, node: NodeId, out: &mut Vec<Effect<'_>>) {
        let Some(token) = self.replication.parked.remove(&node) else { return };
        if let Some(waiting) = self.parked.take(token) {
            self.run_late(token, waiting, out);
        }
    }

    /// Settles one part of a request, and runs the request when it was the last.
    pub fn settle(&mut self, token: Token, index: usize, part: Part, out: &mut Vec<Effect<'_>>) {
        if let Some((parts, then)) = self.parked.settle(token, index, part) {
            then(self, parts, out);
        }
    }

    pub(super) fn run_late(&mut self, token: Token, waiting: Waiting, out: &mut Vec<Effect<'_>>) {
        match waiting {
            Waiting::All { parts, then, .. } => then(self, parts, out),
            Waiting::Any { logs, then } => {
                self.forget_fetch(token, &logs);
                then(self, Woken::Late, out);
            }
            Waiting::Answer(_) => {}
            Waiting::Meta(then) => then(self, None, out),
            Waiting::Group(then) => then(self, Err(ErrorCode::CoordinatorNotAvailable), out),
        }
    }

    fn forget_fetch(&mut self, token: Token, logs: &[LogId]) {
        for log in logs {
            if let Some(hosted) = self.hosted_mut(*log) {
                hosted.fetches.retain(|waiting| *waiting != token);
                hosted.replica_fetches.retain(|waiting| *waiting != token);
            }
        }
    }

    /// Applies what moved a leader: sync, acks=1, acks=all, fetches.
    pub(super) fn wake(&mut self, log: LogId, moved: Moved, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted(log) else { return };
        let Ok(leader) = hosted.leader() else { return };
        let (appended, high_watermark) = (leader.appended(), leader.high_watermark());
        let replicas_wait = !hosted.replica_fetches.is_empty();
        if moved.sync {
            out.push(Effect::Sync { log, generation: hosted.generation });
        }
        self.settle_queue(log, |hosted| &mut hosted.until_appended, appended, out);
        if moved.high_watermark {
            self.settle_queue(log, |hosted| &mut hosted.until_committed, high_watermark, out);
            self.group_log_committed(log, out);
            self.wake_fetches(log, |hosted| &mut hosted.fetches, out);
        }
        if replicas_wait {
            self.wake_fetches(log, |hosted| &mut hosted.replica_fetches, out);
        }
    }

    fn wake_fetches(&mut self, log: LogId, of: fn(&mut Hosted) -> &mut Vec<Token>, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        for token in std::mem::take(of(hosted)) {
            if let Some(Waiting::Any { logs, then }) = self.parked.take(token) {
                self.forget_fetch(token, &logs);
                then(self, Woken::Grown, out);
            }
        }
    }

    pub(super) fn settle_queue(
        &mut self,
        log: LogId,
        queue: fn(&mut Hosted) -> &mut partition::OffsetQueue,
        reached: Offset,
        out: &mut Vec<Effect<'_>>,
    ) {
        while let Some(hosted) = self.hosted_mut(log) {
            let Some((_, token, index)) = queue(hosted).pop_front_if(|(until, _, _)| *until <= reached) else { break };
            self.settle(token, index, Part::Done, out);
        }
    }

    pub(super) fn fail_queue(
        &mut self,
        log: LogId,
        queue: fn(&mut Hosted) -> &mut partition::OffsetQueue,
        code: ErrorCode,
        out: &mut Vec<Effect<'_>>,
    ) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        for (_, token, index) in std::mem::take(queue(hosted)) {
            self.settle(token, index, Part::Failed(code), out);
        }
    }

    /// Everybody who waits for this log gets an error.
    pub(super) fn fail_waiters(&mut self, log: LogId, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
        self.group_log_lost(log, out);
        self.fail_queue(log, |hosted| &mut hosted.until_appended, code, out);
        self.fail_queue(log, |hosted| &mut hosted.until_committed, code, out);
        self.fail_queue(log, |hosted| &mut hosted.until_trimmed, code, out);
        self.wake_fetches(log, |hosted| &mut hosted.fetches, out);
        self.wake_fetches(log, |hosted| &mut hosted.replica_fetches, out);
    }
}
