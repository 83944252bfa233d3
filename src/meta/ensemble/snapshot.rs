//! Snapshots in the ensemble: the controller puts one there when the log has grown, and removes what it makes superfluous.
//!
//! Its pieces come first, then the node that says which snapshot is the last one, then what is old goes: a controller that
//! dies in between leaves nothing that anybody takes for a snapshot, and the next one clears away after it.

use super::text::{self, Pointer};
use super::{Ensemble, Found, Index, Purpose, SnapshotData};
use crate::event::{Ask, Change, Life};
use std::collections::{BTreeMap, VecDeque};

/// A node of an ensemble holds 1 MiB with everything around it.
const PIECE_BYTES_MAX: usize = 512 << 10;
/// A snapshot has no more pieces: 4 GiB.
const PIECES_MAX: u32 = 8_192;
/// Pieces of the log since the last snapshot that make another one due: the ensemble keeps them in memory.
const LOG_PIECES_MAX: u64 = 10_000;
/// Old nodes that are being removed at a time.
const TRIMS_AT_A_TIME: usize = 64;

/// What is being done about a snapshot.
#[derive(Debug)]
pub(super) enum Job {
    Idle,
    /// So many of its pieces are on their way.
    Putting(Pointer, u32),
    /// It is being declared the last one.
    Pointing(Pointer),
    /// What others left is being looked for.
    Listing,
    /// Old nodes are being removed: so many are under way.
    Trimming(VecDeque<String>, usize),
}

impl Ensemble {
    /// Whether the log has grown so much that a snapshot is due.
    pub fn wants_snapshot(&self, bytes_max: i64) -> bool {
        let due = self.bytes_since >= bytes_max || self.pieces_since >= LOG_PIECES_MAX;
        due && self.active().is_some() && matches!(self.job, Job::Idle) && self.flight.is_empty()
    }

    /// Puts into the ensemble what all entries up to `index`, the last that was handed out, make. Nothing happens where that
    /// is not the last one of all.
    pub fn compact(&mut self, index: Index, data: impl FnOnce() -> Vec<u8>) {
        let Some(claim) = self.claim else { return };
        // A piece that is not ended belongs to a controller that is gone.
        if index != self.known || index != self.handed || self.begun.is_some() || self.active().is_none() {
            return;
        }
        let data = data();
        let chunks = data.chunks(PIECE_BYTES_MAX);
        let (pieces, first) = (chunks.len() as u32, self.pointer.first.max(1));
        let pointer = Pointer { index, term: claim.term, pieces, bytes: data.len() as u64, first };
        (self.bytes_since, self.pieces_since) = (0, 0);
        for (number, chunk) in (0..).zip(chunks) {
            let make = Change::Make { path: pointer.piece(number), data: chunk.to_vec(), life: Life::Lasting };
            self.write_fenced(Purpose::PutPiece, make);
        }
        self.job = Job::Putting(pointer, pieces);
        if pieces == 0 {
            self.put_pointer();
        }
    }

    fn put_pointer(&mut self) {
        let Job::Putting(pointer, _) = std::mem::replace(&mut self.job, Job::Idle) else { return };
        // Its version is not known here; the epoch says that nobody else writes it.
        let set = Change::Set { path: text::SNAPSHOT.to_owned(), data: pointer.encode(), version: -1 };
        self.job = Job::Pointing(pointer);
        self.write_fenced(Purpose::PutPointer, set);
    }

    pub(super) fn job_goes_on(&mut self, found: Found) {
        match (&mut self.job, found) {
            (Job::Putting(_, left), _) => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.put_pointer();
                }
            }
            (Job::Pointing(pointer), _) => {
                self.pointer = pointer.clone();
                self.job = Job::Listing;
                self.ask(Purpose::ListOld, |id| Ask::List { id, path: text::SNAPSHOT.to_owned() });
            }
            (Job::Listing, Found::Names(names)) => {
                let prefix = self.pointer.prefix();
                let old = names.into_iter().filter(|name| !name.starts_with(&prefix));
                let mut paths: VecDeque<String> = old.map(|name| format!("{}/{name}", text::SNAPSHOT)).collect();
                paths.extend((self.pointer.first..=self.pointer.index).map(text::log_path));
                self.job = Job::Trimming(paths, 0);
                self.trim();
            }
            _ => {}
        }
    }

    fn trim(&mut self) {
        loop {
            let Job::Trimming(paths, under_way) = &mut self.job else { return };
            if *under_way >= TRIMS_AT_A_TIME {
                return;
            }
            let Some(path) = paths.pop_front() else { break };
            *under_way += 1;
            self.write_fenced(Purpose::Trim, Change::Remove { path });
        }
        if let Job::Trimming(_, 0) = self.job {
            // The next snapshot need not try these again.
            self.pointer.first = self.pointer.index + 1;
            self.job = Job::Idle;
        }
    }

    pub(super) fn trimmed(&mut self) {
        if let Job::Trimming(_, under_way) = &mut self.job {
            *under_way -= 1;
            self.trim();
        }
    }

    /// Somebody has put another snapshot there.
    pub(super) fn snapshot_changed(&mut self) {
        let appends = self.claim.is_some_and(|claim| claim.caught_up.is_some());
        if !appends && !self.is_asked(&[Purpose::Pointer]) && self.broken.is_none() {
            // What is being read may be gone.
            self.look_at_log();
        }
    }

    pub(super) fn pointer_seen(&mut self, found: Found) {
        let Found::Node { data, .. } = found else { return self.look_again_later() };
        match Pointer::decode(&data).filter(|pointer| pointer.pieces <= PIECES_MAX) {
            Some(pointer) => self.pointer = pointer,
            None => return self.breaks(&format!("{} cannot be read: written by a newer kqd?", text::SNAPSHOT)),
        }
        if self.known == 0 && self.pointer.index > 0 {
            return self.read_snapshot();
        }
        self.read_on();
    }

    pub(super) fn read_snapshot(&mut self) {
        self.stop_reading();
        self.reading.pieces = Some(BTreeMap::new());
        for number in 0..self.pointer.pieces {
            self.read(Purpose::Piece(number), self.pointer.piece(number));
        }
        self.take_snapshot_if_whole();
    }

    pub(super) fn piece_seen(&mut self, number: u32, found: Found) {
        let Found::Node { data, .. } = found else {
            // Another snapshot has taken its place, and that is about to be heard.
            self.stop_reading();
            return self.look_again_later();
        };
        if let Some(pieces) = &mut self.reading.pieces {
            pieces.insert(number, data);
            self.take_snapshot_if_whole();
        }
    }

    fn take_snapshot_if_whole(&mut self) {
        let whole = self.reading.pieces.take_if(|pieces| pieces.len() == self.pointer.pieces as usize);
        let Some(pieces) = whole else { return };
        let data: Vec<u8> = pieces.into_values().collect::<Vec<_>>().concat();
        if data.len() as u64 != self.pointer.bytes {
            return self.breaks(&format!("the snapshot {} is not whole", self.pointer.prefix()));
        }
        self.known = self.pointer.index;
        self.begun = None;
        self.committed.clear();
        (self.bytes_since, self.pieces_since) = (0, 0);
        self.installed = Some(SnapshotData { index: self.known, data });
        self.read_on();
    }
}
