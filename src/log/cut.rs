//! Cutting a log at its end: a follower throws away what its leader does not have.
//!
//! Whoever cuts has first lowered the log's recovery point in its checkpoint, durably, to where the log is cut or below:
//! whatever a power cut then leaves of the files is looked through from there (rule 19), and nothing that lies behind a
//! missing segment is believed. What is left is to be synced before the log is used again; until then either the old end
//! or the new one, or something between, may come back.

use super::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
use super::names::{INDEX, LOG, SNAPSHOT, TIME_INDEX, parse_file_name, remove_optional, segment_path};
use super::partition::Log;
use super::recover::Recovered;
use super::segment::Segment;
use super::walk::{HOP_BYTES, Walk};
use crate::types::{Millis, Offset};

/// What goes of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Everything at and above this offset; where it lies within a batch, the whole batch.
    From(Offset),
    /// Everything: the log begins again, empty, at this offset.
    All(Offset),
}

impl<D: Disk> Log<D> {
    /// Cuts the log and puts what is left on disk. Snapshots and leader epochs of what goes go, too. Ask [`Log::stand`]
    /// afterwards.
    ///
    /// # Errors
    /// Any disk error, lack of space for the leader epochs too: the log must then be opened anew.
    ///
    /// # Panics
    /// When it is to be cut below its start: that log is to begin anew.
    pub fn cut(&mut self, cut: Cut, now: Millis) -> DiskResult<()> {
        match cut {
            Cut::From(to) => self.truncate(to)?,
            Cut::All(start) => self.begin_again(start, now)?,
        }
        let dirty = self.take_dirty();
        dirty.sync(&self.disk)?;
        self.synced(dirty.end);
        if self.epochs.due {
            let what = format!("{}: no room for the leader epochs after a cut", self.dir);
            return Err(DiskError { kind: DiskErrorKind::Full, what });
        }
        Ok(())
    }

    fn truncate(&mut self, to: Offset) -> DiskResult<()> {
        assert!(to >= self.start, "a log is cut above its start only");
        if to >= self.end {
            return Ok(());
        }
        let i = self.segment_floor(to);
        let (base, created) = (self.segments[i].base, self.segments[i].created);
        let file = self.segment_file(base)?;
        // The indexes are made anew from the batches that stay.
        let mut segment = Segment::empty(base, created);
        let mut walk = Walk::new(&file, 0, u64::from(self.segments[i].size), HOP_BYTES);
        let mut end = base;
        while let Some((_, head)) = walk.next()? {
            if head.last_offset >= to {
                break;
            }
            segment.note(&head, self.config.index_interval_bytes);
            end = head.last_offset + 1;
        }
        // Compaction may have left a gap before the cut: the log ends where its last batch does.
        let end = end.max(self.start);
        self.recovery_point = self.recovery_point.min(end);
        for gone in self.segments.drain(i + 1..) {
            for ext in [LOG, INDEX, TIME_INDEX] {
                remove_optional(&self.disk, &segment_path(&self.dir, gone.base, ext))?;
            }
        }
        file.set_len(u64::from(segment.size))?;
        segment.renew_indexes(&self.disk, &self.dir)?;
        self.segments[i] = segment;
        self.sizes_bytes = self.segments.iter().map(|s| u64::from(s.size)).sum();
        (self.active, self.end) = (file, end);
        self.forget_above(end)
    }

    fn begin_again(&mut self, start: Offset, now: Millis) -> DiskResult<()> {
        self.recovery_point = self.recovery_point.min(start);
        for doomed in std::mem::take(&mut self.doomed) {
            for ext in [LOG, INDEX, TIME_INDEX] {
                remove_optional(&self.disk, &segment_path(&self.dir, doomed.base, ext))?;
            }
        }
        self.restart_at(start, now)?;
        self.forget_above(-1)
    }

    /// What is in the log as it stands: after a cut its producers are those of what is left (rule 25).
    ///
    /// # Errors
    /// Any disk error.
    pub fn stand(&mut self, now: Millis) -> DiskResult<Recovered> {
        let mut found = Recovered { start: self.start, end: self.end, ..Recovered::default() };
        self.load_producers(now, &mut found)?;
        found.epochs = self.epochs.entries.clone();
        Ok(found)
    }

    /// Snapshots, leader epochs and places above the log's new end go; -1 for all of them.
    fn forget_above(&mut self, end: Offset) -> DiskResult<()> {
        for name in self.disk.list(&self.dir)? {
            if let Some((offset, SNAPSHOT)) = parse_file_name(&name)
                && offset > end
            {
                remove_optional(&self.disk, &segment_path(&self.dir, offset, SNAPSHOT))?;
            }
        }
        self.epochs.entries.retain(|(_, offset)| *offset < end);
        // The file is written anew even where nothing went: an earlier one may just be on its way there.
        self.epochs.due = true;
        self.places.clear();
        let active = self.active_segment().base;
        self.open_files.retain(|(base, _)| *base < active);
        self.cleaned_to = self.cleaned_to.min(self.end);
        (self.active_dirty, self.dir_dirty) = (true, true);
        Ok(())
    }
}
