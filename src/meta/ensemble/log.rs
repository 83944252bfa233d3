//! The log's pieces: reading those of others, appending those of the controller.
//!
//! Reading goes one piece at a time at the log's end, where the next one is watched for; where there is more to read, in
//! runs that double as long as every piece of them is there. A node that comes too late finds the next piece trimmed away,
//! and a snapshot that has it.

use super::text::{self, Piece};
use super::{Ensemble, Entry, Found, Index, Level, NotLeader, Purpose, Term, term_of};
use crate::event::{Change, Life};
use std::collections::BTreeMap;

/// A node of an ensemble holds 1 MiB with everything around it.
const PIECE_BYTES_MAX: usize = 512 << 10;
/// Pieces that are read at a time.
const RUN_MAX: u64 = 64;

/// How far reading has come.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// So many pieces are asked for at a time; one is watched for.
    run: u64,
    /// Answers that wait for one before them.
    found: BTreeMap<Index, Found>,
    /// The pieces of the snapshot that is being read.
    pub pieces: Option<BTreeMap<u32, Vec<u8>>>,
}

impl Ensemble {
    /// Reads on from what is known, whatever was asked before.
    pub(super) fn look_at_log(&mut self) {
        self.stop_reading();
        self.watch(Purpose::Pointer, text::SNAPSHOT.to_owned());
    }

    pub(super) fn stop_reading(&mut self) {
        self.pending.retain(|_, purpose| !matches!(purpose, Purpose::Pointer | Purpose::Entry(_) | Purpose::Piece(_)));
        self.reading = Reading { run: 1, ..Reading::default() };
    }

    /// Asks for what comes next, if that is not done already.
    pub(super) fn read_on(&mut self) {
        let appends = self.claim.is_some_and(|claim| claim.caught_up.is_some());
        let asked = self.pending.values().any(|purpose| matches!(purpose, Purpose::Entry(_) | Purpose::Pointer));
        if appends || asked || self.reading.pieces.is_some() || self.broken.is_some() {
            return;
        }
        if self.reading.run == 1 {
            return self.watch(Purpose::Entry(self.known + 1), text::log_path(self.known + 1));
        }
        for index in self.known + 1..=self.known + self.reading.run {
            self.read(Purpose::Entry(index), text::log_path(index));
        }
    }

    pub(super) fn entry_seen(&mut self, index: Index, found: Found) {
        self.reading.found.insert(index, found);
        while let Some(found) = self.reading.found.remove(&(self.known + 1)) {
            let Found::Node { data, .. } = found else {
                return self.nothing_there();
            };
            self.take_piece(&data);
        }
        if self.reading.found.is_empty() && !self.pending.values().any(|p| matches!(p, Purpose::Entry(_))) {
            self.reading.run = (self.reading.run * 2).clamp(1, RUN_MAX);
            self.read_on();
        }
    }

    /// The next piece is not there: it is trimmed away, or nobody has appended it yet.
    fn nothing_there(&mut self) {
        if self.pointer.index > self.known {
            return self.read_snapshot();
        }
        if self.reading.run > 1 {
            self.pending.retain(|_, purpose| !matches!(purpose, Purpose::Entry(_)));
            self.reading.found.clear();
            self.reading.run = 1;
            return self.read_on();
        }
        let first = !std::mem::replace(&mut self.loaded, true);
        match &mut self.claim {
            Some(claim) if claim.sure => claim.caught_up = Some(self.known),
            _ if first => self.look_at_controller(),
            _ => {}
        }
    }

    /// The piece after those that are known.
    fn take_piece(&mut self, bytes: &[u8]) {
        let index = self.known + 1;
        let Some(piece) = Piece::decode(bytes) else {
            return self.breaks(&format!("{} cannot be read: written by a newer kqd?", text::log_path(index)));
        };
        let before = self.begun.take();
        let mut data = match before {
            Some((term, data)) if piece.began_before && term == piece.term => data,
            _ if piece.began_before => {
                return self.breaks(&format!("{} has no beginning", text::log_path(index)));
            }
            // What was begun before is never ended: its controller is gone.
            _ => Vec::new(),
        };
        data.extend_from_slice(piece.data);
        self.known = index;
        self.bytes_since += bytes.len() as i64;
        self.pieces_since += 1;
        if piece.goes_on {
            self.begun = Some((piece.term, std::mem::take(&mut data)));
        }
        self.committed.push(Entry { index, term: term_of(piece.term), data });
    }

    pub(super) fn breaks(&mut self, why: &str) {
        self.note(Level::Error, &format!("the metadata in ZooKeeper cannot be followed: {why}"));
        self.broken = Some(why.to_owned());
        self.stop_reading();
    }

    /// Proposes `data`, which is not empty; returns the place and term that it has once it is appended.
    ///
    /// # Errors
    /// [`NotLeader`].
    pub fn propose(&mut self, data: &[u8]) -> Result<(Index, Term), NotLeader> {
        assert!(!data.is_empty(), "an entry without data is no entry");
        assert!(self.flight.is_empty(), "one entry at a time");
        self.active().ok_or(NotLeader)?;
        let Some(claim) = self.claim else { return Err(NotLeader) };
        let count = data.len().div_ceil(PIECE_BYTES_MAX);
        for (at, data) in data.chunks(PIECE_BYTES_MAX).enumerate() {
            let piece = Piece { goes_on: at + 1 < count, began_before: at > 0, term: claim.term, data };
            self.flight.push_back(piece.encode());
        }
        self.append();
        Ok((self.known + count as Index, term_of(claim.term)))
    }

    fn append(&mut self) {
        if let Some(data) = self.flight.front().cloned() {
            let path = text::log_path(self.known + 1);
            self.write_fenced(Purpose::Append, Change::Make { path, data, life: Life::Lasting });
        }
    }

    pub(super) fn appended(&mut self) {
        if let Some(piece) = self.flight.pop_front() {
            self.take_piece(&piece);
            self.append();
        }
    }
}
