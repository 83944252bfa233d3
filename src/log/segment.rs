//! `Segment`: what the log remembers of one segment file; the same rules index a batch that is appended and one that is
//! scanned.

use super::config::LogConfig;
use super::disk::{Disk, DiskFile, DiskResult};
use super::index::{OffsetIndex, TimeIndex, offset_entry, read_offset_entry, read_time_entry, time_entry};
use super::names::{INDEX, LOG, TIME_INDEX, segment_path};
use super::walk::{HOP_BYTES, Head, Walk};
use crate::types::{Millis, Offset};

/// The largest segment file: positions in an index are signed 32-bit numbers.
pub(super) const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

/// The last index entry of a segment of many batches stands no farther than this from its end, in bytes.
const LOOSE_BYTES: u64 = 1 << 20;
/// Batches whose headers are compared with an old segment's indexes when it is first read.
const BATCHES_LOOKED_AT_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Segment {
    /// The offset in its name.
    pub base: Offset,
    /// Bytes of batches.
    pub size: u32,
    /// False for an old segment whose index files were not looked at yet.
    pub indexed: bool,
    pub offsets: OffsetIndex,
    pub times: TimeIndex,
    /// The largest timestamp and the last offset of the first batch that has it; known when `indexed`.
    pub max: Option<(Millis, Offset)>,
    /// Timestamp of the last time index entry.
    last_time: Millis,
    since_index_bytes: u32,
    /// Largest timestamp of the first batch, once known: time-based rolling counts from here.
    pub first_timestamp: Option<Millis>,
    /// When this process made or opened it.
    pub created: Millis,
}

impl Segment {
    /// A segment without batches.
    pub(super) fn empty(base: Offset, now: Millis) -> Segment {
        Segment {
            base,
            size: 0,
            indexed: true,
            offsets: OffsetIndex::default(),
            times: TimeIndex::default(),
            max: None,
            last_time: -1,
            since_index_bytes: 0,
            first_timestamp: None,
            created: now,
        }
    }

    /// An old segment whose indexes will be looked at when they are needed.
    pub(super) fn unread(base: Offset, size: u32, now: Millis) -> Segment {
        Segment { size, indexed: false, ..Segment::empty(base, now) }
    }

    /// Takes in a batch that stands at the segment's end. True when the indexes want to be flushed.
    #[inline]
    pub(super) fn note(&mut self, head: &Head, index_interval_bytes: u32) -> bool {
        if self.first_timestamp.is_none() {
            self.first_timestamp = Some(head.max_timestamp);
        }
        if head.max_timestamp > self.max.map_or(-1, |(timestamp, _)| timestamp) {
            self.max = Some((head.max_timestamp, head.last_offset));
        }
        let mut full = false;
        if self.since_index_bytes > index_interval_bytes {
            full = self.offsets.push(offset_entry((head.last_offset - self.base) as u32, self.size));
            full |= self.push_time();
            self.since_index_bytes = 0;
        }
        self.since_index_bytes = self.since_index_bytes.saturating_add(head.size);
        self.size += head.size;
        full
    }

    fn push_time(&mut self) -> bool {
        match self.max {
            Some((timestamp, offset)) if timestamp > self.last_time => {
                self.last_time = timestamp;
                self.times.push(time_entry(timestamp, (offset - self.base) as u32))
            }
            _ => false,
        }
    }

    /// Adds the entry that tells the segment's largest timestamp: due when it is closed.
    pub(super) fn seal(&mut self) {
        self.push_time();
    }

    /// Writes what the index files lack; returns the files written.
    pub(super) fn flush_indexes<D: Disk>(&mut self, disk: &D, dir: &str) -> DiskResult<Vec<D::File>> {
        let mut written = Vec::new();
        if !self.offsets.is_flushed() {
            let file = open_or_create(disk, &segment_path(dir, self.base, INDEX))?;
            self.offsets.flush(&file)?;
            written.push(file);
        }
        if !self.times.is_flushed() {
            let file = open_or_create(disk, &segment_path(dir, self.base, TIME_INDEX))?;
            self.times.flush(&file)?;
            written.push(file);
        }
        Ok(written)
    }

    /// True when a batch with this header must not go into this segment any more, `pending` batches of `pending_bytes`
    /// being about to be written before it.
    #[inline]
    pub(super) fn must_roll(&self, head: &Head, pending: Pending, now: Millis, roll_ms: i64, c: &LogConfig) -> bool {
        let size = u64::from(self.size) + u64::from(pending.bytes);
        if size == 0 {
            // Never an empty segment, but for offsets that its index could not express.
            return head.last_offset - self.base > i64::from(i32::MAX);
        }
        let entries = self.offsets.len().max(self.times.len() + 1) + pending.batches;
        size + u64::from(head.size) > u64::from(c.segment_bytes).min(SEGMENT_BYTES_MAX)
            || self.age(head.max_timestamp, now) > roll_ms
            || entries >= c.segment_index_bytes / 12
            || head.last_offset - self.base > i64::from(i32::MAX)
    }

    /// How much time the segment spans up to `timestamp`, or since it was made where records have no time.
    #[inline]
    fn age(&self, timestamp: Millis, now: Millis) -> i64 {
        match self.first_timestamp {
            Some(first) if first >= 0 => timestamp - first,
            _ => now - self.created,
        }
    }

    /// Where a scan for `offset` has to begin: at or before the batch that holds it.
    pub(super) fn position_of<D: Disk>(&self, disk: &D, dir: &str, offset: Offset) -> DiskResult<u32> {
        let relative = (offset - self.base).clamp(0, i64::from(u32::MAX)) as u32;
        let open = || disk.open(&segment_path(dir, self.base, INDEX));
        let entry = self.offsets.last_where(open, |e| read_offset_entry(e).0 <= relative)?;
        Ok(entry.map_or(0, |e| read_offset_entry(&e).1))
    }

    /// The last indexed batch that begins at or before `position` and ends below `upto`.
    pub(super) fn indexed_before<D: Disk>(&self, disk: &D, dir: &str, position: u32, upto: Offset) -> DiskResult<u32> {
        let relative = (upto - self.base).clamp(0, i64::from(u32::MAX)) as u32;
        let open = || disk.open(&segment_path(dir, self.base, INDEX));
        let entry = self.offsets.last_where(open, |e| {
            let (last_offset, at) = read_offset_entry(e);
            at <= position && last_offset < relative
        })?;
        Ok(entry.map_or(0, |e| read_offset_entry(&e).1))
    }

    /// The last time index entry at or below `timestamp`, as timestamp and offset.
    pub(super) fn time_floor<D: Disk>(
        &self,
        disk: &D,
        dir: &str,
        holds: impl Fn(Millis, Offset) -> bool,
    ) -> DiskResult<Option<(Millis, Offset)>> {
        let open = || disk.open(&segment_path(dir, self.base, TIME_INDEX));
        let entry = self.times.last_where(open, |e| {
            let (timestamp, relative) = read_time_entry(e);
            holds(timestamp, self.base + relative)
        })?;
        Ok(entry.map(|e| read_time_entry(&e)).map(|(timestamp, relative)| (timestamp, self.base + relative)))
    }

    /// Makes both index files anew from the entries in memory, closing the segment's index.
    pub(super) fn rewrite_indexes<D: Disk>(&mut self, disk: &D, dir: &str) -> DiskResult<[D::File; 2]> {
        self.seal();
        self.renew_indexes(disk, dir)
    }

    /// Makes both index files anew and leaves the index open for more.
    pub(super) fn renew_indexes<D: Disk>(&mut self, disk: &D, dir: &str) -> DiskResult<[D::File; 2]> {
        self.write_indexes(disk, dir, "")
    }

    /// Makes both index files of a closed segment under names that end in `suffix`.
    pub(super) fn create_indexes<D: Disk>(&mut self, disk: &D, dir: &str, suffix: &str) -> DiskResult<[D::File; 2]> {
        self.seal();
        self.write_indexes(disk, dir, suffix)
    }

    fn write_indexes<D: Disk>(&mut self, disk: &D, dir: &str, suffix: &str) -> DiskResult<[D::File; 2]> {
        let offsets = disk.create(&format!("{}{suffix}", segment_path(dir, self.base, INDEX)))?;
        self.offsets.flush(&offsets)?;
        let times = disk.create(&format!("{}{suffix}", segment_path(dir, self.base, TIME_INDEX)))?;
        self.times.flush(&times)?;
        Ok([offsets, times])
    }

    /// Looks at the index files: cheap checks only. False when they are missing or cannot be right.
    pub(super) fn load_indexes<D: Disk>(&mut self, disk: &D, dir: &str, index_interval_bytes: u32) -> DiskResult<bool> {
        let Some(offsets) = open_optional(disk, &segment_path(dir, self.base, INDEX))? else { return Ok(false) };
        let Some(times) = open_optional(disk, &segment_path(dir, self.base, TIME_INDEX))? else { return Ok(false) };
        let (Some(offset_index), Some(time_index)) =
            (OffsetIndex::stored(offsets.len()?), TimeIndex::stored(times.len()?))
        else {
            return Ok(false);
        };
        let mut position = 0;
        if let Some(entry) = offset_index.last(|| Ok(offsets.clone()))? {
            let relative;
            (relative, position) = read_offset_entry(&entry);
            if position == 0 || position >= self.size || relative == 0 {
                return Ok(false);
            }
        }
        let mut max = None;
        if let Some(entry) = time_index.last(|| Ok(times))? {
            let (timestamp, at) = read_time_entry(&entry);
            if timestamp < 0 {
                return Ok(false);
            }
            max = Some((timestamp, self.base + at));
        }
        // Shorter than it was? Few batches come after the last entry, and none of them is younger than the time
        // index knows. Looking at more of them than that would cost more than it finds.
        let by_time = match max {
            Some((_, at)) => {
                let relative = (at - self.base) as u32;
                let entry = offset_index.last_where(|| Ok(offsets.clone()), |e| read_offset_entry(e).0 <= relative)?;
                entry.map_or(0, |e| read_offset_entry(&e).1)
            }
            None => 0,
        };
        let file = disk.open(&segment_path(dir, self.base, LOG))?;
        let mut walk = Walk::new(&file, u64::from(by_time.min(position)), u64::from(self.size), HOP_BYTES);
        let (mut seen, mut after) = (0, 0u64);
        while let Some((at, head)) = walk.next()? {
            if head.max_timestamp > max.map_or(-1, |(timestamp, _)| timestamp) {
                return Ok(false);
            }
            if at > u64::from(position) {
                after += 1;
                if after > 2 && at - u64::from(position) > 2 * u64::from(index_interval_bytes) + LOOSE_BYTES {
                    return Ok(false);
                }
            }
            seen += 1;
            if seen == BATCHES_LOOKED_AT_MAX {
                break;
            }
        }
        self.since_index_bytes = self.size - position;
        self.last_time = max.map_or(-1, |(timestamp, _)| timestamp);
        (self.offsets, self.times, self.max, self.indexed) = (offset_index, time_index, max, true);
        Ok(true)
    }

    /// Takes the batches from `position` on into account that came after the last index entries; returns the offset
    /// after the last batch, or `None` when the file does not end with a batch.
    pub(super) fn catch_up<F: DiskFile>(&mut self, file: &F, position: u32) -> DiskResult<Option<Offset>> {
        let mut walk = Walk::new(file, u64::from(position), u64::from(self.size), HOP_BYTES);
        let mut end = None;
        while let Some((_, head)) = walk.next()? {
            end = Some(head.last_offset + 1);
            if head.max_timestamp > self.max.map_or(-1, |(timestamp, _)| timestamp) {
                self.max = Some((head.max_timestamp, head.last_offset));
            }
        }
        let whole = walk.position() == u64::from(self.size);
        Ok(if whole { Some(end.unwrap_or(self.base)) } else { None })
    }

    /// Where the last index entry points, 0 without one.
    pub(super) fn last_indexed<D: Disk>(&self, disk: &D, dir: &str) -> DiskResult<u32> {
        let entry = self.offsets.last(|| disk.open(&segment_path(dir, self.base, INDEX)))?;
        Ok(entry.map_or(0, |e| read_offset_entry(&e).1))
    }
}

/// What is about to be written into a segment.
#[derive(Clone, Copy, Default)]
pub(super) struct Pending {
    pub batches: u32,
    pub bytes: u32,
}

/// Opens a file, making it when it is not there.
pub(super) fn open_or_create<D: Disk>(disk: &D, path: &str) -> DiskResult<D::File> {
    match open_optional(disk, path)? {
        Some(file) => Ok(file),
        None => disk.create(path),
    }
}

/// Opens a file that may not be there.
pub(super) fn open_optional<D: Disk>(disk: &D, path: &str) -> DiskResult<Option<D::File>> {
    match disk.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind == super::disk::DiskErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
