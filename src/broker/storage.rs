//! What storage's completions mean for partitions: logs that were opened, appended to, synced, trimmed, or have failed.

use super::{Broker, Hosted, META_LOG, State, partition};
use crate::error::ErrorCode;
use crate::event::{Appended, Effect, Level, Opened, StorageFault};
use crate::parked::Part;
use crate::types::{LogId, Millis, Offset};
use std::sync::Arc;

impl Broker {
    /// Answers [`Effect::Open`], [`Effect::Truncate`] and [`Effect::Restart`].
    pub fn opened(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        result: Result<Opened, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.opened_metadata(now, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        // A late one, of a log that is being opened anew.
        if hosted.generation != generation {
            return;
        }
        let part = match result {
            Ok(mut opened) => {
                opened.producers.expect_first(&std::mem::take(&mut hosted.overtaken));
                hosted.dir = opened.dir;
                if opened.unclean && opened.end > 0 {
                    self.stopped_cleanly = false;
                }
                self.take_role(now, log, opened);
                Part::Done
            }
            Err(fault) => {
                let message = format!("{} is offline: {}", hosted.name.dir_name(), fault.message);
                out.push(Effect::Note { level: Level::Error, message });
                hosted.state = State::Offline(fault);
                Part::Failed(ErrorCode::KafkaStorageError)
            }
        };
        let Some(hosted) = self.hosted_mut(log) else { return };
        let waiting = std::mem::take(&mut hosted.until_open);
        self.group_log_opened(log, out);
        for (token, index) in waiting {
            self.settle(token, index, part, out);
        }
        self.resume_copying(log, out);
        self.one_is_open(now, out);
    }

    /// Answers [`Effect::Append`].
    pub fn appended(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        result: Result<Appended, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.appended_metadata(generation, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        // Out of service already, or being opened anew: opening it once more would only lose what is known of it.
        if matches!(hosted.state, State::Opening | State::Offline(_)) {
            return;
        }
        let done = match result {
            Ok(done) => done,
            Err(fault) => return self.append_failed(log, fault, out),
        };
        let (offset, producers) = match &hosted.state {
            State::Online(leader) => (leader.end(), leader.producers()),
            State::Following(follower) => (follower.end(), follower.producers()),
            State::Opening | State::Offline(_) => return,
        };
        if done.rolled {
            out.push(Effect::SaveProducers { log, generation, offset, bytes: producers.encode() });
        }
        match &mut hosted.state {
            State::Online(leader) => {
                let moved = leader.appended_to(now, done.end);
                let flush_at = leader.flush_deadline().filter(|at| *at < Millis::MAX);
                self.flush_watch.extend(flush_at.map(|at| (at, log)));
                self.wake(log, moved, out);
            }
            State::Following(follower) => {
                if follower.appended_to(now, done.end).sync {
                    out.push(Effect::Sync { log, generation });
                }
                let flush_at = follower.flush_deadline().filter(|at| *at < Millis::MAX);
                self.flush_watch.extend(flush_at.map(|at| (at, log)));
            }
            State::Opening | State::Offline(_) => {}
        }
    }

    /// Answers [`Effect::Sync`].
    pub fn synced(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.synced_metadata(now, generation, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        match (result, &mut hosted.state) {
            (Ok(end), State::Online(leader)) => {
                let moved = leader.synced_to(now, end);
                self.wake(log, moved, out);
            }
            (Ok(end), State::Following(follower)) => {
                if follower.synced_to(now, end).sync {
                    out.push(Effect::Sync { log, generation });
                }
            }
            (Ok(_), State::Opening | State::Offline(_)) => {}
            // Nothing is retried into a success: what was not synced may be lost, whatever the next sync says.
            (Err(fault), _) => self.take_offline(log, fault, out),
        }
    }

    /// The log's start moved.
    pub fn trimmed(
        &mut self,
        log: LogId,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.trimmed_metadata(generation, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        match (result, &mut hosted.state) {
            (Ok(start), State::Online(leader)) => {
                leader.trimmed_to(start);
                self.settle_queue(log, |hosted| &mut hosted.until_trimmed, start, out);
            }
            (Ok(start), State::Following(follower)) => follower.trimmed_to(start),
            (Err(fault), State::Online(_)) => {
                let code = fault.code;
                self.fail_queue(log, |hosted| &mut hosted.until_trimmed, code, out);
            }
            _ => {}
        }
    }

    /// A log directory is out of service: all its partitions are.
    pub fn dir_failed(&mut self, dir: usize, out: &mut Vec<Effect<'_>>) {
        self.offline_dirs.insert(dir);
        let logs: Vec<LogId> = self.all_hosted().filter(|(_, h)| h.dir == dir).map(|(log, _)| log).collect();
        for log in logs {
            let fault = StorageFault {
                code: ErrorCode::KafkaStorageError,
                message: "its log directory is out of service".to_owned(),
            };
            self.take_offline(log, fault, out);
        }
    }

    /// Asks for the syncs that time alone wants.
    pub(super) fn flush_due(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while let Some(&(at, log)) = self.flush_watch.first() {
            if at > now {
                break;
            }
            self.flush_watch.pop_first();
            let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { continue };
            let (due, later) = match &mut hosted.state {
                State::Online(leader) => (leader.flush_due(now), leader.flush_deadline()),
                State::Following(follower) => (follower.flush_due(now), follower.flush_deadline()),
                State::Opening | State::Offline(_) => continue,
            };
            if due {
                out.push(Effect::Sync { log, generation: hosted.generation });
            } else if let Some(later) = later {
                self.flush_watch.insert((later, log));
            }
        }
    }

    /// The node stops. Asks for a producer snapshot at the end of every log that has records, so that the next start need
    /// not read batches to know its producers (a log with an append under way goes without), and writes down the high
    /// watermarks.
    pub fn save_producers(&mut self, out: &mut Vec<Effect<'_>>) {
        for (log, hosted) in (0..).map(LogId).zip(&self.hosted) {
            let Some(Hosted { generation, state, .. }) = hosted else { continue };
            let (start, appended, end, producers) = match state {
                State::Online(leader) => (leader.start(), leader.appended(), leader.end(), leader.producers()),
                State::Following(f) => (f.start(), f.appended(), f.end(), f.producers()),
                State::Opening | State::Offline(_) => continue,
            };
            if end > start && end == appended {
                let bytes = producers.encode();
                out.push(Effect::SaveProducers { log, generation: *generation, offset: end, bytes });
            }
        }
        self.save_high_watermarks(out);
    }

    /// An append did not happen (no space, for one): offsets that were given out after it are void. The log is opened
    /// anew, which brings back what it really holds.
    fn append_failed(&mut self, log: LogId, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        self.generations += 1;
        let generation = self.generations;
        let expire_ms = self.settings.producer_id_expiration_ms;
        let Some(hosted) = self.hosted_mut(log) else { return };
        let message = format!("append to {} failed: {}; opening the log anew", hosted.name.dir_name(), fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        hosted.generation = generation;
        hosted.overtaken = hosted.leader().map(|leader| leader.producers().clone()).unwrap_or_default();
        hosted.high_watermark = hosted.known_high_watermark();
        hosted.state = State::Opening;
        out.push(Effect::Open {
            log,
            generation,
            name: hosted.name.clone(),
            config: Arc::new(partition::log_config(&hosted.settings, expire_ms)),
            replay: false,
        });
        self.note_role(log);
        self.fail_waiters(log, fault.code, out);
    }

    fn take_offline(&mut self, log: LogId, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        if matches!(hosted.state, State::Offline(_)) {
            return;
        }
        let message = format!("{} is offline: {}", hosted.name.dir_name(), fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        hosted.high_watermark = hosted.known_high_watermark();
        hosted.state = State::Offline(fault);
        self.note_role(log);
        self.fail_waiters(log, ErrorCode::KafkaStorageError, out);
    }

    pub(super) fn retain(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        self.retention_at = Some(now.saturating_add(self.settings.log_retention_check_interval_ms.max(1)));
        let expire_ms = self.settings.producer_id_expiration_ms;
        for (i, hosted) in self.hosted.iter_mut().enumerate() {
            let Some(hosted) = hosted else { continue };
            match &mut hosted.state {
                State::Online(leader) => leader.expire_producers(now, expire_ms),
                State::Following(follower) => follower.expire_producers(now, expire_ms),
                State::Opening | State::Offline(_) => continue,
            }
            let upto = hosted.known_high_watermark();
            out.push(Effect::Retain { log: LogId(i as u32), generation: hosted.generation, upto });
        }
    }
}
