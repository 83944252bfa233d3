//! In-sync replicas: takes what leaders here propose to the controller, and its answers back to them (AlterPartition,
//! KIP-497). One request is under way at a time, with whatever was proposed meanwhile in the next one.

use super::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::meta::{self, Command, PartitionState, Reply};
use crate::replica::{IsrChange, Refused};
use crate::types::{LogId, Millis, NodeId};
use std::collections::BTreeSet;

/// Partitions in one request at most.
const CHANGES_MAX: usize = 1_000;
/// A proposal that was not answered, or not taken for a reason that passes, is made again after so long, in
/// milliseconds.
const AGAIN_MS: i64 = 50;

/// What is proposed.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// Partitions whose in-sync replicas may have changed.
    due: BTreeSet<LogId>,
    under_way: bool,
    not_before: Millis,
    /// When all partitions are looked through for followers that fell behind.
    scan_at: Option<Millis>,
}

impl Proposals {
    pub(super) fn deadline(&self) -> Option<Millis> {
        let due = (!self.under_way && !self.due.is_empty()).then_some(self.not_before);
        [due, self.scan_at].into_iter().flatten().min()
    }
}

impl Broker {
    /// The in-sync replicas of a partition may have changed: a follower caught up, or somebody is to leave.
    pub fn isr_may_change(&mut self, log: LogId) {
        self.proposals.due.insert(log);
    }

    /// What is due after every step.
    pub(super) fn mind_proposals(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if !self.settings.cluster.is_cluster() {
            return;
        }
        let lag_max_ms = self.settings.cluster.replica.lag_time_max_ms;
        if self.proposals.scan_at.is_none_or(|at| at <= now) {
            self.proposals.scan_at = Some(now.saturating_add((lag_max_ms / 2).max(1)));
            let leaders = self.hosted.iter().enumerate().filter_map(|(index, hosted)| {
                let leader = hosted.as_ref()?.leader().ok()?;
                leader.has_followers().then_some(LogId(index as u32))
            });
            self.proposals.due.extend(leaders);
        }
        if self.has_left() {
            return self.proposals.due.clear();
        }
        let registered = self.broker_epoch() >= 0;
        let p = &mut self.proposals;
        if p.due.is_empty() || p.under_way || now < p.not_before {
            return;
        }
        if !registered {
            p.not_before = now.saturating_add(AGAIN_MS);
            return;
        }
        let mut asked: Vec<(LogId, IsrChange)> = Vec::new();
        let mut parts = Vec::new();
        let Broker { proposals, hosted, image, membership, node, .. } = self;
        let may_join = |id: NodeId, epoch: i64| image.broker(id).is_some_and(|b| b.is_active() && b.epoch == epoch);
        while asked.len() < CHANGES_MAX
            && let Some(log) = proposals.due.pop_first()
        {
            let Some(hosted) = hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { continue };
            let (topic, partition) = (hosted.name.topic_id, hosted.name.partition);
            let Ok(leader) = hosted.leader_mut() else { continue };
            let Some(change) = leader.isr_change(now, lag_max_ms, &may_join) else { continue };
            let own = |(id, epoch): &(_, _)| (*id, if *id == *node { membership.epoch() } else { *epoch });
            parts.push(meta::IsrChange {
                topic,
                partition,
                leader_epoch: change.leader_epoch,
                partition_epoch: change.partition_epoch,
                isr: change.isr.iter().map(own).collect(),
                recovering: false,
            });
            asked.push((log, change));
        }
        if parts.is_empty() {
            return;
        }
        let command = Command::AlterPartition { broker: *node, epoch: membership.epoch(), parts };
        proposals.under_way = true;
        let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
            broker.proposals_answered(asked, reply, out);
        };
        self.ask_controller(now, command, Box::new(then), out);
    }

    fn proposals_answered(
        &mut self,
        asked: Vec<(LogId, IsrChange)>,
        reply: Option<Reply>,
        out: &mut Vec<Effect<'_>>,
    ) {
        self.proposals.under_way = false;
        let results = match reply {
            Some(Reply::Altered(results)) if results.len() == asked.len() => results,
            Some(Reply::Refused(refusal)) => vec![Err(refusal.code); asked.len()],
            // Nobody knows what became of it.
            _ => vec![Err(ErrorCode::RequestTimedOut); asked.len()],
        };
        for ((log, change), result) in asked.into_iter().zip(results) {
            self.proposal_answered(log, &change, result, out);
        }
    }

    fn proposal_answered(
        &mut self,
        log: LogId,
        change: &IsrChange,
        result: Result<PartitionState, ErrorCode>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let again = self.now.saturating_add(AGAIN_MS);
        let Some(Ok(leader)) = self.hosted_mut(log).map(|hosted| hosted.leader_mut()) else { return };
        if leader.epoch != change.leader_epoch {
            return;
        }
        match result {
            Ok(state) if state.leader_epoch == change.leader_epoch => {
                let moved = leader.isr_taken(state.leader_epoch, state.partition_epoch, state.isr);
                self.wake(log, moved, out);
                // Who became ready meanwhile has waited for this.
                self.proposals.due.insert(log);
            }
            // A newer leader epoch: its record is on its way.
            Ok(_) => {}
            Err(code) => {
                let (refused, moved) = leader.isr_refused(change, code);
                self.wake(log, moved, out);
                if refused != Refused::Waits {
                    self.proposals.due.insert(log);
                    self.proposals.not_before = again;
                }
            }
        }
    }
}
