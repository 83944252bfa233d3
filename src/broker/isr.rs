//! Partitions that this node leads and others follow: fetches of followers, changes of the in-sync set that are to be
//! proposed to the controller, and the high watermarks that are written down from time to time.

use super::{Broker, State};
use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::event::{Effect, Level};
use crate::meta::Image;
use crate::parked::Token;
use crate::replica::{IsrChange, Refused};
use crate::types::{Epoch, LogId, Millis, NodeId, Offset};
use std::collections::{BTreeMap, BTreeSet};

/// A proposal whose answer was lost, or that was refused for a while, is sent again after so many milliseconds.
const ISR_RETRY_MS: i64 = 100;

/// What the broker keeps of partitions with several replicas, besides the machines.
#[derive(Debug, Default)]
pub(super) struct Replication {
    /// This life of the node is registered with the controller: leader epochs from here on are of this life.
    pub registered: bool,
    /// The fetch of each replica that waits.
    pub parked: BTreeMap<NodeId, Token>,
    /// Logs whose leader is that node.
    pub followed: BTreeMap<NodeId, BTreeSet<LogId>>,
    /// When followers that were refused ask again.
    pub follow_at: BTreeSet<(Millis, LogId)>,
    /// Logs that this node leads and others follow.
    led: BTreeSet<LogId>,
    /// Of these, whose in-sync set may be about to change.
    isr_due: BTreeSet<LogId>,
    isr_again: BTreeSet<(Millis, LogId)>,
    lag_check_at: Option<Millis>,
    checkpoint_at: Option<Millis>,
    checkpointed: Vec<(LogId, Offset)>,
}

impl Replication {
    pub(super) fn deadline(&self) -> Option<Millis> {
        let again = self.isr_again.first().map(|(at, _)| *at);
        let follow = self.follow_at.first().map(|(at, _)| *at);
        [self.lag_check_at, self.checkpoint_at, again, follow].into_iter().flatten().min()
    }
}

impl Broker {
    /// This life of the node is registered with the controller, as committed records say: from here on it leads in new
    /// leader epochs. Before, whatever is published may be of an earlier life of it.
    pub fn registration_committed(&mut self) {
        self.replication.registered = true;
    }

    /// A follower asks for what comes at `offset` of a log; their logs agree below it.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER where that node is not known to have a copy.
    pub fn fetched_by(
        &mut self,
        log: LogId,
        node: NodeId,
        broker_epoch: i64,
        offset: Offset,
        out: &mut Vec<Effect<'_>>,
    ) -> Result<(), ErrorCode> {
        let now = self.now;
        let hosted = self.hosted_mut(log).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let leader = hosted.leader_mut()?;
        let moved = leader.fetched_by(now, node, broker_epoch, offset)?;
        if leader.may_grow_by(node) {
            self.replication.isr_due.insert(log);
        }
        if moved.high_watermark {
            self.wake(log, moved, out);
        }
        Ok(())
    }

    /// The changes of in-sync sets to propose to the controller now. Each is open until [`Broker::isr_answer`] is told
    /// what became of it: whoever takes it has to send it, or to answer for it.
    pub fn isr_changes(&mut self, now: Millis) -> Vec<(LogId, IsrChange)> {
        if self.replication.isr_due.is_empty() {
            return Vec::new();
        }
        let due = std::mem::take(&mut self.replication.isr_due);
        let lag_max_ms = lag_max_ms(&self.settings);
        let Broker { image, hosted, .. } = self;
        let may_join = |node: NodeId, broker_epoch: i64| may_join(image, node, broker_epoch);
        let change = |log: LogId| {
            let hosted = hosted.get_mut(log.0 as usize)?.as_mut()?;
            let leader = hosted.leader_mut().ok().filter(|leader| leader.has_followers())?;
            Some((log, leader.isr_change(now, lag_max_ms, &may_join)?))
        };
        due.into_iter().filter_map(change).collect()
    }

    /// The controller's answer to a proposed change: leader epoch, partition epoch and in-sync set as they are now, or
    /// the code that it or the lane to it has for it. An answer to a change that is not open does nothing.
    pub fn isr_answer(
        &mut self,
        now: Millis,
        log: LogId,
        asked: &IsrChange,
        answer: Result<(Epoch, Epoch, Vec<NodeId>), ErrorCode>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        let name = hosted.name.dir_name();
        let Ok(leader) = hosted.leader_mut() else { return };
        let moved = match answer {
            Ok((leader_epoch, partition_epoch, isr)) => leader.isr_taken(leader_epoch, partition_epoch, isr),
            Err(code) => {
                let (refused, moved) = leader.isr_refused(asked, code);
                match refused {
                    Refused::Late => {}
                    Refused::Again | Refused::Dropped => {
                        self.replication.isr_again.insert((now.saturating_add(ISR_RETRY_MS), log));
                    }
                    Refused::Waits => {
                        let message = format!("{name}: the controller did not take a new in-sync set: {code}");
                        out.push(Effect::Note { level: Level::Debug, message });
                    }
                }
                moved
            }
        };
        self.wake(log, moved, out);
    }

    /// Notes whom this log follows, or who follows it.
    pub(super) fn note_role(&mut self, log: LogId) {
        let now = self.now;
        let state = self.hosted.get(log.0 as usize).and_then(Option::as_ref).map(|hosted| &hosted.state);
        let (leads, follows) = match state {
            Some(State::Online(leader)) => (leader.has_followers(), None),
            Some(State::Following(follower)) => (false, Some(follower.leader)),
            _ => (false, None),
        };
        let follows = follows.filter(|leader| *leader >= 0 && *leader != self.node);
        let replication = &mut self.replication;
        replication.followed.retain(|leader, logs| {
            if follows != Some(*leader) {
                logs.remove(&log);
            }
            !logs.is_empty()
        });
        if let Some(leader) = follows {
            replication.followed.entry(leader).or_default().insert(log);
        }
        if leads {
            replication.led.insert(log);
            let check = lag_max_ms(&self.settings) / 2;
            replication.lag_check_at.get_or_insert(now.saturating_add(check.max(1)));
        } else {
            replication.led.remove(&log);
            replication.isr_due.remove(&log);
        }
        if leads || follows.is_some() {
            let interval = checkpoint_interval_ms(&self.settings);
            replication.checkpoint_at.get_or_insert(now.saturating_add(interval));
        }
    }

    /// Runs what is due: a follower that is behind leaves the in-sync set, high watermarks are written down.
    pub(super) fn tick_replication(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while let Some((_, log)) = self.replication.isr_again.first().copied().filter(|(at, _)| *at <= now) {
            self.replication.isr_again.pop_first();
            self.replication.isr_due.insert(log);
        }
        // Whoever sends the fetches looks after every step: here it is enough that there is one.
        while self.replication.follow_at.first().is_some_and(|(at, _)| *at <= now) {
            self.replication.follow_at.pop_first();
        }
        if self.replication.lag_check_at.is_some_and(|at| at <= now) {
            let lag_max_ms = lag_max_ms(&self.settings);
            let behind = |log: &LogId| {
                let leader = self.hosted(*log).and_then(|hosted| hosted.leader().ok());
                leader.is_some_and(|leader| leader.wants_isr_change(now, lag_max_ms))
            };
            let due: Vec<LogId> = self.replication.led.iter().copied().filter(behind).collect();
            self.replication.isr_due.extend(due);
            let any = !self.replication.led.is_empty();
            self.replication.lag_check_at = any.then(|| now.saturating_add((lag_max_ms / 2).max(1)));
        }
        if self.replication.checkpoint_at.is_some_and(|at| at <= now) {
            self.save_high_watermarks(out);
            let any = !self.replication.led.is_empty() || !self.replication.followed.is_empty();
            let interval = checkpoint_interval_ms(&self.settings);
            self.replication.checkpoint_at = any.then(|| now.saturating_add(interval));
        }
    }

    /// Writes down the high watermarks of partitions with several replicas, where they are news. With a single one, what
    /// is in the log is committed.
    pub(super) fn save_high_watermarks(&mut self, out: &mut Vec<Effect<'_>>) {
        let offsets: Vec<(LogId, Offset)> = self
            .all_hosted()
            .filter(|(_, hosted)| !matches!(&hosted.state, State::Online(leader) if !leader.has_followers()))
            .map(|(log, hosted)| (log, hosted.known_high_watermark()))
            .filter(|(_, offset)| *offset >= 0)
            .collect();
        if offsets != self.replication.checkpointed {
            self.replication.checkpointed.clone_from(&offsets);
            out.push(Effect::SaveHighWatermarks { offsets });
        }
    }
}

/// Whether the controller would let a broker in: it is known, neither fenced nor shutting down (KIP-841), and has not
/// been started anew since the fetch that carried this broker epoch (KIP-903).
fn may_join(image: &Image, node: NodeId, broker_epoch: i64) -> bool {
    let broker = image.broker(node);
    broker.is_some_and(|b| !b.fenced && !b.shutting_down && (broker_epoch == -1 || broker_epoch == b.epoch))
}

fn lag_max_ms(settings: &BrokerSettings) -> i64 {
    number(settings, "replica.lag.time.max.ms", 30_000)
}

fn checkpoint_interval_ms(settings: &BrokerSettings) -> i64 {
    number(settings, "replica.high.watermark.checkpoint.interval.ms", 5_000).max(1)
}

fn number(settings: &BrokerSettings, name: &str, otherwise: i64) -> i64 {
    settings.value(name).and_then(|text| text.trim().parse().ok()).unwrap_or(otherwise)
}
