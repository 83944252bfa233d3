//! What raft reads back: its promises, the last snapshot, and every entry after it. All of it is in memory; the journal
//! is what makes it last.

use super::{Index, Term};
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot, SnapshotMetadata};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

/// What a snapshot stands for: the state that all entries up to `index` make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    pub index: Index,
    pub term: Term,
    pub data: Vec<u8>,
}

/// The memory of one node.
pub(super) struct Store {
    hard: HardState,
    voters: ConfState,
    base: Base,
    entries: Vec<Entry>,
}

impl Store {
    pub fn new(hard: HardState, voters: &[u64], base: Base, entries: Vec<Entry>) -> Self {
        let voters = ConfState { voters: voters.to_vec(), ..ConfState::default() };
        Store { hard, voters, base, entries }
    }

    pub fn base(&self) -> &Base {
        &self.base
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn last(&self) -> Index {
        self.base.index + self.entries.len() as u64
    }

    /// Adds entries; those that are already there under the same or a higher index go.
    pub fn append(&mut self, new: &[Entry]) {
        let Some(first) = new.first() else { return };
        assert!(self.base.index < first.index && first.index <= self.last() + 1, "entries leave no gap");
        self.entries.truncate((first.index - self.base.index - 1) as usize);
        self.entries.extend_from_slice(new);
    }

    /// Begins again at a snapshot.
    pub fn restart(&mut self, base: Base) {
        self.entries.clear();
        self.base = base;
    }

    /// Replaces everything up to `index` by what it makes.
    pub fn compact(&mut self, index: Index, data: Vec<u8>) {
        assert!(self.base.index < index && index <= self.last(), "only what is there makes a snapshot");
        let count = (index - self.base.index) as usize;
        let term = self.entries[count - 1].term;
        self.entries.drain(..count);
        self.base = Base { index, term, data };
    }
}

impl Storage for Store {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard.clone(), self.voters.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.base.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        if high > self.last() + 1 {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let at = |index: u64| (index - self.base.index - 1) as usize;
        let mut entries = self.entries[at(low)..at(high)].to_vec();
        raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.base.index {
            return Ok(self.base.term);
        }
        if index < self.base.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let at = (index - self.base.index - 1) as usize;
        self.entries.get(at).map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        if self.base.index == 0 || self.base.index < request_index {
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        let mut metadata = SnapshotMetadata { index: self.base.index, term: self.base.term, ..Default::default() };
        metadata.set_conf_state(self.voters.clone());
        let mut snapshot = Snapshot { data: self.base.data.clone().into(), ..Snapshot::default() };
        snapshot.set_metadata(metadata);
        Ok(snapshot)
    }
}
