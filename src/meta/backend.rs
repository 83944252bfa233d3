//! Where the metadata log is: agreed by an embedded quorum, or kept by a ZooKeeper ensemble. The controller, the image and
//! replication are the same over either.
//!
//! Both hand out committed entries in order, know who decides, and take proposals from who does. After every call that
//! tells one something, [`MetaLog::ready`] is asked until it has nothing more, and then [`MetaLog::take_asks`].

use super::ensemble::Ensemble;
use super::quorum::{Index, NotLeader, Quorum, QuorumStatus, Ready, Term, Write};
use crate::event::{Ask, Level};
use crate::types::{Millis, NodeId};

/// The metadata log.
#[derive(Debug)]
pub enum MetaLog {
    /// Every node keeps it; a majority agrees (Raft).
    Quorum(Box<Quorum>),
    /// A ZooKeeper ensemble keeps it.
    Ensemble(Box<Ensemble>),
}

impl MetaLog {
    /// Whether no other node can ever decide.
    pub fn is_alone(&self) -> bool {
        match self {
            MetaLog::Quorum(quorum) => quorum.is_alone(),
            MetaLog::Ensemble(_) => false,
        }
    }

    /// Who decides, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        match self {
            MetaLog::Quorum(quorum) => quorum.leader(),
            MetaLog::Ensemble(ensemble) => ensemble.leader(),
        }
    }

    /// The term in which this node may decide: everything decided before was handed out.
    pub fn active(&self) -> Option<Term> {
        match self {
            MetaLog::Quorum(quorum) => quorum.active(),
            MetaLog::Ensemble(ensemble) => ensemble.active(),
        }
    }

    /// The last entry that was handed out.
    pub fn applied(&self) -> Index {
        match self {
            MetaLog::Quorum(quorum) => quorum.applied(),
            MetaLog::Ensemble(ensemble) => ensemble.applied(),
        }
    }

    /// Who is where.
    pub fn status(&self) -> QuorumStatus {
        match self {
            MetaLog::Quorum(quorum) => quorum.status(),
            MetaLog::Ensemble(ensemble) => ensemble.status(),
        }
    }

    /// When [`MetaLog::tick`] has something to do.
    pub fn deadline(&self) -> Option<Millis> {
        match self {
            MetaLog::Quorum(quorum) => quorum.deadline(),
            MetaLog::Ensemble(ensemble) => ensemble.deadline(),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis) {
        match self {
            MetaLog::Quorum(quorum) => quorum.tick(now),
            MetaLog::Ensemble(ensemble) => ensemble.tick(now),
        }
    }

    /// Lets another node decide, if there is one: this one is about to stop.
    pub fn hand_over(&mut self) {
        match self {
            MetaLog::Quorum(quorum) => quorum.hand_over(),
            MetaLog::Ensemble(ensemble) => ensemble.hand_over(),
        }
    }

    /// Proposes `data`, which is not empty; returns the place and term that it has if it is ever committed. One proposal is
    /// under way at a time.
    ///
    /// # Errors
    /// [`NotLeader`].
    pub fn propose(&mut self, data: Vec<u8>) -> Result<(Index, Term), NotLeader> {
        match self {
            MetaLog::Quorum(quorum) => quorum.propose(data),
            MetaLog::Ensemble(ensemble) => ensemble.propose(&data),
        }
    }

    /// Replaces all entries up to `index`, the last that was handed out, by what they make: with what is to be written to
    /// the journal, where there is one.
    pub fn compact(&mut self, now: Millis, index: Index, data: impl FnOnce() -> Vec<u8>) -> Option<Write> {
        match self {
            MetaLog::Quorum(quorum) => quorum.compact(now, index, data),
            MetaLog::Ensemble(ensemble) => {
                ensemble.compact(index, data);
                None
            }
        }
    }

    /// What there is to do; `None` when there is nothing.
    pub fn ready(&mut self, now: Millis) -> Option<Ready> {
        match self {
            MetaLog::Quorum(quorum) => quorum.ready(now),
            MetaLog::Ensemble(ensemble) => ensemble.ready(),
        }
    }

    /// What a ZooKeeper ensemble is to be asked.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        self.ensemble().map(Ensemble::take_asks).unwrap_or_default()
    }

    /// What the operator should read, since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        self.ensemble().map(Ensemble::take_notes).unwrap_or_default()
    }

    /// The embedded quorum, if it is that.
    pub fn quorum(&mut self) -> Option<&mut Quorum> {
        match self {
            MetaLog::Quorum(quorum) => Some(quorum),
            MetaLog::Ensemble(_) => None,
        }
    }

    /// The ensemble, if it is that.
    pub fn ensemble(&mut self) -> Option<&mut Ensemble> {
        match self {
            MetaLog::Quorum(_) => None,
            MetaLog::Ensemble(ensemble) => Some(ensemble),
        }
    }
}
