//! Retention: segments at the log's start go when they are too old or too many (`retention.ms`, `retention.bytes`), or
//! below a start that a client set (DeleteRecords, KIP-107). In two steps: first the start moves, then, once it is
//! in the log-start checkpoint (rule 22), the files go.

use super::disk::{Disk, DiskResult};
use super::names::{INDEX, LOG, SNAPSHOT, TIME_INDEX, parse_file_name, remove_optional, segment_path};
use super::partition::{Doomed, Log};
use crate::types::{Millis, Offset};

impl<D: Disk> Log<D> {
    /// Moves the log's start over all segments that retention no longer keeps; nothing at or above `upto` goes. Returns
    /// the new start when it moved: write it to the log-start checkpoint, then call [`Log::sweep`] from time to time.
    ///
    /// Even the active segment goes when all of it is too old: it is closed first.
    ///
    /// # Errors
    /// Any disk error.
    pub fn retain(&mut self, now: Millis, upto: Offset) -> DiskResult<Option<Offset>> {
        let mut gone = self.segments.iter().enumerate().take_while(|(i, _)| self.segment_end(*i) <= self.start).count();
        gone = gone.min(self.segments.len() - 1);
        if self.config.delete {
            gone = gone.max(self.expired(now, upto)?).max(self.excess(upto));
        }
        if gone == 0 {
            return Ok(None);
        }
        if gone == self.segments.len() {
            self.roll(now)?;
        }
        for segment in self.segments.drain(..gone) {
            self.sizes_bytes -= u64::from(segment.size);
            self.doomed.push(Doomed { base: segment.base, since: now });
        }
        let before = self.start;
        self.start = self.start.max(self.segments[0].base);
        Ok((self.start > before).then_some(self.start))
    }

    /// Moves the log's start up to `start`, for DeleteRecords. Write it to the log-start checkpoint before answering.
    /// Returns the start, which may have been there already; files go with the next [`Log::retain`].
    pub fn trim(&mut self, start: Offset) -> Offset {
        self.start = self.start.max(start.min(self.end));
        self.start
    }

    /// Removes the files of segments that left the log at least `file.delete.delay.ms` ago. The log's start must be
    /// in the log-start checkpoint by now. Returns how many segments went.
    ///
    /// # Errors
    /// Any disk error.
    pub fn sweep(&mut self, now: Millis) -> DiskResult<usize> {
        let delay = self.config.file_delete_delay_ms;
        let due = self.doomed.iter().take_while(|d| now.saturating_sub(d.since) >= delay).count();
        if due == 0 {
            return Ok(0);
        }
        // The segment that carries the log's end may be new: its name must outlive the names that go.
        self.disk.sync_dir(&self.dir)?;
        for doomed in self.doomed.drain(..due) {
            for ext in [LOG, INDEX, TIME_INDEX] {
                remove_optional(&self.disk, &segment_path(&self.dir, doomed.base, ext))?;
            }
            self.open_files.retain(|(base, _)| *base != doomed.base);
        }
        for name in self.disk.list(&self.dir)? {
            if let Some((offset, SNAPSHOT)) = parse_file_name(&name)
                && offset < self.segments[0].base
            {
                remove_optional(&self.disk, &segment_path(&self.dir, offset, SNAPSHOT))?;
            }
        }
        self.dir_dirty = true;
        Ok(due)
    }

    /// When [`Log::sweep`] has something to do next.
    pub fn sweep_due(&self) -> Option<Millis> {
        self.doomed.first().map(|d| d.since.saturating_add(self.config.file_delete_delay_ms))
    }

    /// How many segments at the start are older than `retention.ms`.
    fn expired(&mut self, now: Millis, upto: Offset) -> DiskResult<usize> {
        if self.config.retention_ms < 0 {
            return Ok(0);
        }
        for i in 0..self.segments.len() {
            if self.segments[i].size == 0 && i + 1 == self.segments.len() || self.segment_end(i) > upto {
                return Ok(i);
            }
            self.ensure_indexed(i)?;
            let segment = &self.segments[i];
            // Records without a time count from when we first saw the segment.
            let newest = segment.max.map_or(segment.created, |(timestamp, _)| timestamp);
            if now.saturating_sub(newest) <= self.config.retention_ms {
                return Ok(i);
            }
        }
        Ok(self.segments.len())
    }

    /// How many segments at the start can go without leaving less than `retention.bytes`.
    fn excess(&self, upto: Offset) -> usize {
        if self.config.retention_bytes < 0 {
            return 0;
        }
        let mut over = self.sizes_bytes as i64 - self.config.retention_bytes;
        let mut gone = 0;
        for (i, segment) in self.segments.iter().enumerate() {
            over -= i64::from(segment.size);
            let last_empty = segment.size == 0 && i + 1 == self.segments.len();
            if over < 0 || self.segment_end(i) > upto || last_empty {
                break;
            }
            gone += 1;
        }
        gone
    }
}
