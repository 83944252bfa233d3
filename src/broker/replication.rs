//! Partitions with several replicas, besides the machines: what role this node has for each, followers' fetches that
//! wait, and the high watermarks that are written down from time to time.

use super::{Broker, State};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::parked::Token;
use crate::types::{LogId, Millis, NodeId, Offset};
use std::collections::{BTreeMap, BTreeSet};

/// What the broker keeps of partitions with several replicas.
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
    checkpoint_at: Option<Millis>,
    checkpointed: Vec<(LogId, Offset)>,
}

impl Replication {
    pub(super) fn deadline(&self) -> Option<Millis> {
        [self.checkpoint_at, self.follow_at.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }
}

impl Broker {
    /// A broker came, went, or moved. Where it is this process, it leads from here on in leader epochs that are new; before,
    /// whatever is published may be of an earlier life.
    pub(super) fn brokers_changed(&mut self) {
        self.replication.registered |= self.is_registered();
        self.lanes.brokers_changed();
        self.look_at_brokers();
    }

    /// Whether this node leads a partition that others follow.
    pub(super) fn leads_others(&self) -> bool {
        !self.replication.led.is_empty()
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
            self.isr_may_change(log);
        }
        if moved.high_watermark {
            self.wake(log, moved, out);
        }
        Ok(())
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
        let interval = self.settings.cluster.replica.high_watermark_checkpoint_interval_ms.max(1);
        let replication = &mut self.replication;
        replication.followed.retain(|leader, logs| {
            if follows != Some(*leader) {
                logs.remove(&log);
            }
            !logs.is_empty()
        });
        if let Some(leader) = follows {
            replication.followed.entry(leader).or_default().insert(log);
            self.lanes.follows(log);
        }
        if leads {
            replication.led.insert(log);
        } else {
            replication.led.remove(&log);
        }
        if leads || follows.is_some() {
            replication.checkpoint_at.get_or_insert(now.saturating_add(interval));
        }
    }

    /// Runs what is due.
    pub(super) fn tick_replication(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        // Whoever sends the fetches looks after every step: here it is enough that there is one.
        while self.replication.follow_at.first().is_some_and(|(at, _)| *at <= now) {
            self.replication.follow_at.pop_first();
        }
        if self.replication.checkpoint_at.is_some_and(|at| at <= now) {
            self.save_high_watermarks(out);
            let any = self.leads_others() || !self.replication.followed.is_empty();
            let interval = self.settings.cluster.replica.high_watermark_checkpoint_interval_ms.max(1);
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
