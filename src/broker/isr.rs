//! In-sync replicas: which changes of the set leaders here propose to the controller, and its answers (AlterPartition,
//! KIP-497). A follower may join when a fetch of it arrives; who is behind is looked for from time to time.

use super::Broker;
use crate::error::ErrorCode;
use crate::event::{Effect, Level};
use crate::replica::{IsrChange, Refused};
use crate::types::{Epoch, LogId, Millis, NodeId};
use std::collections::BTreeSet;

/// A proposal whose answer was lost, or that was refused for a while, is made again after so long, in milliseconds.
const AGAIN_MS: i64 = 50;

/// What may be to be proposed.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// Logs whose in-sync replicas may have changed.
    due: BTreeSet<LogId>,
    again: BTreeSet<(Millis, LogId)>,
    /// When followers that fell behind are looked for next.
    scan_at: Option<Millis>,
}

impl Proposals {
    pub(super) fn deadline(&self) -> Option<Millis> {
        [self.again.first().map(|(at, _)| *at), self.scan_at].into_iter().flatten().min()
    }
}

impl Broker {
    /// The in-sync replicas of a partition may have changed: a follower caught up, or somebody is to leave.
    pub fn isr_may_change(&mut self, log: LogId) {
        self.proposals.due.insert(log);
    }

    /// Looks for followers that are behind, and for proposals that are to be made again.
    pub(super) fn mind_proposals(&mut self, now: Millis, _: &mut Vec<Effect<'_>>) {
        while let Some((_, log)) = self.proposals.again.first().copied().filter(|(at, _)| *at <= now) {
            self.proposals.again.pop_first();
            self.proposals.due.insert(log);
        }
        let lag_max_ms = self.settings.cluster.replica.lag_time_max_ms;
        if !self.leads_others() {
            self.proposals.scan_at = None;
            return;
        }
        if self.proposals.scan_at.is_some_and(|at| at > now) {
            return;
        }
        if self.proposals.scan_at.is_some() {
            let behind = |(log, hosted): (LogId, &super::Hosted)| {
                let leader = hosted.leader().ok()?;
                leader.wants_isr_change(now, lag_max_ms).then_some(log)
            };
            let due: Vec<LogId> = self.all_hosted().filter_map(behind).collect();
            self.proposals.due.extend(due);
        }
        self.proposals.scan_at = Some(now.saturating_add((lag_max_ms / 2).max(1)));
    }

    /// The changes of in-sync sets to propose to the controller now. Each is open until [`Broker::isr_answer`] is told
    /// what became of it: whoever takes it has to send it, or to answer for it.
    pub fn isr_changes(&mut self, now: Millis) -> Vec<(LogId, IsrChange)> {
        let due = std::mem::take(&mut self.proposals.due);
        let lag_max_ms = self.settings.cluster.replica.lag_time_max_ms;
        let Broker { image, hosted, .. } = self;
        // Known, neither fenced nor shutting down (KIP-841), and not started anew since its fetch (KIP-903).
        let may_join = |node: NodeId, epoch: i64| image.broker(node).is_some_and(|b| b.is_active() && b.epoch == epoch);
        let change = |log: LogId| {
            let leader = hosted.get_mut(log.0 as usize)?.as_mut()?.leader_mut().ok()?;
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
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        let name = hosted.name.dir_name();
        let Ok(leader) = hosted.leader_mut() else { return };
        let moved = match answer {
            Ok((leader_epoch, partition_epoch, isr)) => {
                // Who became ready meanwhile has waited for this.
                self.proposals.due.insert(log);
                leader.isr_taken(leader_epoch, partition_epoch, isr)
            }
            Err(code) => {
                let (refused, moved) = leader.isr_refused(asked, code);
                match refused {
                    Refused::Late => {}
                    Refused::Again | Refused::Dropped => {
                        self.proposals.again.insert((now.saturating_add(AGAIN_MS), log));
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
}
