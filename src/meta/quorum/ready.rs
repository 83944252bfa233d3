//! What the quorum is told at its birth, and what it tells.

use super::{Index, Term};
use crate::types::{Millis, NodeId};

/// What a node of the quorum is born with.
#[derive(Clone, Debug)]
pub struct QuorumConfig {
    /// This node.
    pub node: NodeId,
    /// All voters, this node among them.
    pub voters: Vec<NodeId>,
    /// A leader that is silent for so long is replaced after one to two times this, in ms.
    pub election_ms: Millis,
    /// How often a leader speaks, in ms.
    pub heartbeat_ms: Millis,
    /// Randomness for timeouts.
    pub seed: u64,
}

/// What a journal held: all of it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The state before the entries, if it is not empty.
    pub snapshot: Option<SnapshotData>,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The state that all entries up to `index` make, as batches of metadata records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotData {
    /// The last entry in it.
    pub index: Index,
    /// What was given to [`super::Quorum::compact`].
    pub data: Vec<u8>,
}

/// A committed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub index: Index,
    /// The term of the leader who proposed it.
    pub term: Term,
    /// What was proposed; empty where a leader began its term.
    pub data: Vec<u8>,
}

/// A batch for the journal's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// One record batch, base offset and leader epoch still to be stamped.
    pub batch: Vec<u8>,
    /// Its records, and so offsets.
    pub count: i64,
    /// What [`super::Quorum::persisted`] is told when the batch is on disk.
    pub mark: u64,
    /// Once it is on disk, nothing before this batch is needed any more.
    pub replaces_all: bool,
}

/// What there is to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Write this. Everything else here does not wait for it.
    pub journal: Option<Write>,
    /// Send these.
    pub messages: Vec<(NodeId, Vec<u8>)>,
    /// Replace the state by this: the entries up to it are not handed out.
    pub snapshot: Option<SnapshotData>,
    /// Apply these.
    pub committed: Vec<Entry>,
}

/// Who is where, for those who ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumStatus {
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: Term,
    /// The last entry known to be committed.
    pub committed: Index,
    /// Each voter and the end of its log; `None` where this node does not know, because it does not lead.
    pub voters: Vec<(NodeId, Option<Index>)>,
}

/// This node does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader;
