//! Who is in sync, as the leader of a partition sees it: what followers have fetched in this leader epoch, which change
//! of the in-sync set (ISR) is under way at the controller, and how far all of the set are.
//!
//! - A replica counts by what it fetched *in this leader epoch*, never by what an earlier leader knew of it.
//! - One change is under way at a time (KIP-497). Who is to join counts at once: from the proposal until the controller
//!   has refused it, the high watermark waits for the larger, *maximal* set. Who is to leave counts until it has left.
//! - An answer counts for the proposal that is open, and for no other.

use crate::error::ErrorCode;
use crate::types::{Epoch, Millis, NodeId, Offset};

/// What the controller says of a partition, for the node that leads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The leader.
    pub node: NodeId,
    /// Grows with every change of leader.
    pub leader_epoch: Epoch,
    /// Grows with every change at all.
    pub partition_epoch: Epoch,
    /// Who holds a copy.
    pub replicas: Vec<NodeId>,
    /// Who of them is in sync.
    pub isr: Vec<NodeId>,
    /// `min.insync.replicas`; more than there are replicas asks for all of them.
    pub min_isr: usize,
}

/// A change of the in-sync set that the leader proposes (AlterPartition, KIP-497).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The leader epoch it holds in.
    pub leader_epoch: Epoch,
    /// The partition epoch that it replaces: the controller takes no change of another one.
    pub partition_epoch: Epoch,
    /// The set, with the broker epoch that each one's latest fetch carried (KIP-903). -1 where none is known, and for
    /// the leader itself, whose own epoch the sender of the request knows.
    pub isr: Vec<(NodeId, i64)>,
}

/// What a follower has fetched in this leader epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub node: NodeId,
    broker_epoch: i64,
    /// It holds everything below, safely; -1 before its first fetch.
    pub fetched: Offset,
    /// When it had last all that there was.
    caught_up_at: Millis,
    /// The leader's end at its latest fetch, and when that came.
    seen: (Offset, Millis),
    /// It is ready to join, and waits for another change to be answered: it counts as if it had been proposed.
    waits: bool,
}

impl Progress {
    fn unknown(node: NodeId, caught_up_at: Millis) -> Progress {
        Progress { node, broker_epoch: -1, fetched: -1, caught_up_at, seen: (-1, Millis::MIN), waits: false }
    }

    /// Takes in a fetch from `offset`, where the leader's log ends at `end`.
    fn fetched(&mut self, now: Millis, broker_epoch: i64, offset: Offset, end: Offset) {
        if offset >= end {
            self.caught_up_at = self.caught_up_at.max(now);
        } else if offset >= self.seen.0 && self.seen.0 >= 0 {
            // It has what there was when it last asked.
            self.caught_up_at = self.caught_up_at.max(self.seen.1);
        }
        (self.seen, self.fetched, self.broker_epoch) = ((end, now), offset, broker_epoch);
    }

    fn is_behind(&self, now: Millis, lag_max_ms: i64, end: Offset) -> bool {
        self.fetched != end && now.saturating_sub(self.caught_up_at) > lag_max_ms
    }
}

#[derive(Debug)]
struct Pending {
    change: IsrChange,
    /// It is to be sent (again).
    send: bool,
}

/// The in-sync set.
#[derive(Debug)]
pub(super) struct Isr {
    partition_epoch: Epoch,
    /// As the controller has it.
    members: Vec<NodeId>,
    /// All replicas but this node.
    followers: Vec<Progress>,
    min: usize,
    pending: Option<Pending>,
}

impl Isr {
    /// Nothing is known of the followers; those in the set get the time to fetch.
    pub(super) fn new(now: Millis, assignment: &Assignment) -> Isr {
        let others = assignment.replicas.iter().filter(|node| **node != assignment.node);
        let since = |node: &NodeId| if assignment.isr.contains(node) { now } else { Millis::MIN };
        Isr {
            partition_epoch: assignment.partition_epoch,
            members: assignment.isr.clone(),
            followers: others.map(|node| Progress::unknown(*node, since(node))).collect(),
            min: assignment.min_isr.min(assignment.replicas.len()),
            pending: None,
        }
    }

    /// No other node has a copy.
    pub(super) fn is_alone(&self) -> bool {
        self.followers.is_empty()
    }

    pub(super) fn has_follower(&self, node: NodeId) -> bool {
        self.followers.iter().any(|follower| follower.node == node)
    }

    pub(super) fn partition_epoch(&self) -> Epoch {
        self.partition_epoch
    }

    pub(super) fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// Fewer are in sync than `min.insync.replicas` asks for.
    pub(super) fn is_under_min(&self) -> bool {
        self.members.len() < self.min
    }

    pub(super) fn set_min(&mut self, min_isr: usize) {
        self.min = min_isr.min(self.followers.len() + 1);
    }

    /// Up to where everybody in the maximal set is, this node being safe below `own`; `None` while the set is too small
    /// for anything to be committed (KIP-966).
    pub(super) fn committed(&self, own: Offset) -> Option<Offset> {
        if self.is_under_min() {
            return None;
        }
        let counts = |follower: &&Progress| self.is_maximal_member(follower.node) || follower.waits;
        Some(self.followers.iter().filter(counts).map(|follower| follower.fetched).fold(own, Offset::min))
    }

    fn is_maximal_member(&self, node: NodeId) -> bool {
        self.members.contains(&node)
            || self.pending.as_ref().is_some_and(|p| p.change.isr.iter().any(|(joining, _)| *joining == node))
    }

    /// A follower asks for what comes at `offset`.
    pub(super) fn fetched(
        &mut self,
        now: Millis,
        node: NodeId,
        broker_epoch: i64,
        offset: Offset,
        end: Offset,
    ) -> Result<(), ErrorCode> {
        let follower = self.followers.iter_mut().find(|follower| follower.node == node);
        match follower {
            // An earlier life of that node, or one that was not told of its assignment yet.
            Some(follower) if broker_epoch < follower.broker_epoch => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::NotLeaderOrFollower),
            Some(follower) => {
                follower.fetched(now, broker_epoch, offset, end);
                Ok(())
            }
        }
    }

    /// Whether a follower's latest fetch may change the set.
    pub(super) fn may_grow_by(&self, node: NodeId, high_watermark: Offset, epoch_start: Offset) -> bool {
        let follower = self.followers.iter().find(|follower| follower.node == node);
        follower.is_some_and(|f| !self.is_maximal_member(node) && f.fetched >= high_watermark.max(epoch_start))
    }

    /// Whether somebody in the set is behind, or a proposal is to be sent.
    pub(super) fn wants_change(&self, now: Millis, lag_max_ms: i64, end: Offset) -> bool {
        match &self.pending {
            Some(pending) => pending.send,
            None => self.followers.iter().any(|f| self.members.contains(&f.node) && f.is_behind(now, lag_max_ms, end)),
        }
    }

    /// The change to propose now, if any. `may_join` knows which broker, with which broker epoch, is neither fenced nor
    /// shutting down (KIP-841).
    pub(super) fn change(
        &mut self,
        at: Moment,
        leader_epoch: Epoch,
        may_join: &dyn Fn(NodeId, i64) -> bool,
    ) -> Option<IsrChange> {
        let floor = at.high_watermark.max(at.epoch_start);
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.send) {
            pending.send = false;
            return Some(pending.change.clone());
        }
        let (members, busy) = (self.members.clone(), self.pending.is_some());
        let mut isr = Vec::with_capacity(self.followers.len() + 1);
        for node in &members {
            let follower = self.followers.iter().find(|follower| follower.node == *node);
            if follower.is_none_or(|f| !f.is_behind(at.now, at.lag_max_ms, at.end)) {
                isr.push((*node, follower.map_or(-1, |f| f.broker_epoch)));
            }
        }
        for follower in self.followers.iter_mut().filter(|f| !members.contains(&f.node)) {
            let joins = follower.fetched >= floor
                && !follower.is_behind(at.now, at.lag_max_ms, at.end)
                && may_join(follower.node, follower.broker_epoch);
            follower.waits = joins && busy;
            if joins {
                isr.push((follower.node, follower.broker_epoch));
            }
        }
        if busy || isr.iter().map(|(node, _)| node).eq(&members) {
            return None;
        }
        let change = IsrChange { leader_epoch, partition_epoch: self.partition_epoch, isr };
        self.pending = Some(Pending { change: change.clone(), send: false });
        Some(change)
    }

    /// The controller has published another state of the partition; true when it was news.
    pub(super) fn published(&mut self, now: Millis, assignment: &Assignment) -> bool {
        if assignment.partition_epoch <= self.partition_epoch {
            return false;
        }
        let before = std::mem::take(&mut self.followers);
        *self = Isr::new(now, assignment);
        for follower in &mut self.followers {
            if let Some(known) = before.iter().find(|known| known.node == follower.node) {
                *follower = Progress { waits: false, ..*known };
            }
        }
        true
    }

    /// The controller took a change: this is the set now.
    pub(super) fn taken(&mut self, partition_epoch: Epoch, isr: Vec<NodeId>) -> bool {
        if partition_epoch <= self.partition_epoch {
            return false;
        }
        (self.partition_epoch, self.members, self.pending) = (partition_epoch, isr, None);
        self.followers.iter_mut().for_each(|follower| follower.waits = false);
        true
    }

    /// The controller did not take `asked`, or nobody knows whether it did.
    pub(super) fn refused(&mut self, asked: &IsrChange, code: ErrorCode) -> Refused {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.change == *asked) else {
            return Refused::Late;
        };
        match code {
            // It was looked at and not taken: the set is what it was. Who was to join has to fetch again.
            ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => {
                self.pending = None;
                let joining = |f: &&mut Progress| !self.members.contains(&f.node);
                self.followers.iter_mut().filter(joining).for_each(|f| (f.fetched, f.waits) = (-1, false));
                Refused::Dropped
            }
            // The controller knows more than we do: its records are on their way.
            ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::NewLeaderElected
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InvalidRequest => Refused::Waits,
            // It may have been taken, so it goes on to count; the same again finds out.
            _ => {
                pending.send = true;
                Refused::Again
            }
        }
    }
}

/// Where the leader stands when a change is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Millis,
    pub lag_max_ms: i64,
    pub end: Offset,
    pub high_watermark: Offset,
    pub epoch_start: Offset,
}

/// What a refusal of a proposed change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is for a proposal that is not open any more.
    Late,
    /// The proposal is gone.
    Dropped,
    /// It stays until the controller's records come.
    Waits,
    /// It is to be sent again.
    Again,
}
