//! Opening a log that exists. After a clean stop little is read: the last index entries and what follows them. After any
//! other stop everything from the recovery point on is checked, batch by batch; the log ends before the first byte that
//! is not a whole, good batch, and later segments go (rule 19). Index files are then made anew, never believed.

use super::checkpoint::parse_epochs;
use super::config::LogConfig;
use super::disk::{Disk, DiskErrorKind, DiskFile, DiskResult};
use super::names::{
    CLEANED, DELETED, EPOCHS_FILE, INDEX, LOG, METADATA_FILE, SNAPSHOT, SWAP, TIME_INDEX, parse_file_name,
    read_optional, remove_optional, segment_path,
};
use super::partition::{Log, create_segment};
use super::segment::{SEGMENT_BYTES_MAX, Segment, open_optional};
use super::walk::{HOP_BYTES, SCAN_BYTES, Walk};
use crate::event::LogName;
use crate::record::batch::{self, BatchHeader};
use crate::record::producer::Producers;
use crate::types::{Epoch, Millis, Offset};
use std::sync::Arc;

/// The largest producer snapshot and epoch file that is read, in bytes.
const SIDE_FILE_BYTES_MAX: usize = 256 << 20;

/// How much of the log before a producer snapshot is replayed after a crash, in bytes: what clients may have in flight.
const LOOK_BACK_BYTES: u64 = 8 << 20;
/// The same after a clean stop, where what was asked was answered.
const LOOK_BACK_CLEAN_BYTES: u64 = 32 << 10;

/// What is known about a log before it is opened, from its directory's checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The directory carries the mark of a clean stop.
    pub clean: bool,
    /// Everything below was put on disk; 0 when nothing is known.
    pub recovery_point: Offset,
    /// The log's start; 0 when nothing is known.
    pub log_start: Offset,
}

/// What was found when a log was opened.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// First offset that may be read.
    pub start: Offset,
    /// Offset of the next record.
    pub end: Offset,
    /// Producer state as of `end`.
    pub producers: Producers,
    /// Leader epochs and the offsets at which they began, oldest first.
    pub epochs: Vec<(Epoch, Offset)>,
    /// True when the log was scanned instead of believed.
    pub scanned: bool,
    /// Bytes whose checksums were verified.
    pub scanned_bytes: u64,
    /// Bytes cut off because no good batch stood there, dropped segments included.
    pub truncated_bytes: u64,
    /// Segments dropped because what comes before them was cut.
    pub dropped_segments: usize,
    /// Segments whose indexes were made anew.
    pub rebuilt_indexes: usize,
    /// Batches replayed into `producers` after the newest snapshot.
    pub replayed_batches: u64,
    /// For `server.log`: what was wrong, one line each.
    pub notes: Vec<String>,
}

impl<D: Disk> Log<D> {
    /// Opens a log whose folder exists. All that is in it is on disk then.
    ///
    /// # Errors
    /// Any disk error. Damage is not an error: it is cut off and reported, as after a crash it must be.
    pub fn open(
        disk: D,
        name: &LogName,
        config: Arc<LogConfig>,
        how: Opening,
        now: Millis,
    ) -> DiskResult<(Log<D>, Recovered)> {
        let (mut log, found) = Log::open_unsynced(disk, name, config, how, now)?;
        let dirty = log.take_dirty();
        dirty.sync(&log.disk)?;
        log.synced(dirty.end);
        Ok((log, found))
    }

    /// As [`Log::open`], but what was found above the recovery point is on disk only after the next sync: nobody may be
    /// shown it before. Many logs can share that sync.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_unsynced(
        disk: D,
        name: &LogName,
        config: Arc<LogConfig>,
        how: Opening,
        now: Millis,
    ) -> DiskResult<(Log<D>, Recovered)> {
        let dir = name.dir_name();
        let mut found = Recovered { scanned: !how.clean, ..Recovered::default() };
        let bases = tidy(&disk, &dir, how.clean, &mut found)?;
        let bases = drop_below_start(&disk, &dir, bases, how.log_start)?;
        let (mut segments, file) = stat(&disk, &dir, &bases, how.log_start, &config, now)?;
        let end = match how.clean {
            true => settle(&disk, &dir, &mut segments, &file, config.index_interval_bytes)?,
            false => None,
        };
        let mut log = Log::with_segments(disk, name, config, segments, file);
        match end {
            Some(end) => log.end = end,
            None => {
                found.scanned = true;
                log.scan(how.recovery_point, now, &mut found)?;
            }
        }
        log.start = log.start.max(how.log_start);
        if log.start > log.end {
            found.notes.push(format!("{dir}: the log ends at {} but starts at {}: it is emptied", log.end, log.start));
            log.restart_at(log.start, now)?;
        }
        log.recovery_point = if found.scanned { how.recovery_point.min(log.end) } else { log.end };
        log.load_epochs(&mut found)?;
        log.load_producers(now, &mut found)?;
        (found.start, found.end) = (log.start, log.end);
        Ok((log, found))
    }

    /// Checks everything from the recovery point on and cuts the log at the first flaw; the rest is to be synced.
    fn scan(&mut self, recovery_point: Offset, now: Millis, found: &mut Recovered) -> DiskResult<()> {
        // A segment that ends at the recovery point may have been closed after it was synced: its indexes were not.
        let first = self.segment_floor(recovery_point.saturating_sub(1));
        let mut cut = None;
        let mut files = Vec::new();
        for i in first..self.segments.len() {
            let base = self.segments[i].base;
            // Our compaction leaves no gap between segments, and never touches what is above the recovery point.
            if i > first && base != self.end && base > recovery_point {
                found.notes.push(format!("{}: offsets {} to {base} are missing", self.dir, self.end));
                cut = Some(i);
                break;
            }
            let file = self.disk.open(&segment_path(&self.dir, base, LOG))?;
            let length = file.len()?;
            let next_base = self.segments.get(i + 1).map(|next| next.base);
            let segment = self.scan_segment(&file, base, next_base, now, found)?;
            let good = u64::from(segment.size);
            files.push(file.clone());
            found.rebuilt_indexes += 1;
            self.sizes_bytes = self.sizes_bytes + good - u64::from(self.segments[i].size);
            self.segments[i] = segment;
            if good < length {
                found.truncated_bytes += length - good;
                found.notes.push(format!("{}: segment {base} cut at byte {good} of {length}", self.dir));
                file.set_len(good)?;
                cut = Some(i + 1);
                break;
            }
        }
        self.drop_from(cut.unwrap_or(self.segments.len()), found)?;
        let last = self.segments.len() - 1;
        for i in first..self.segments.len() {
            let renewed = match i == last {
                true => self.segments[i].renew_indexes(&self.disk, &self.dir),
                false => self.segments[i].rewrite_indexes(&self.disk, &self.dir),
            };
            match renewed {
                Ok(renewed) => files.extend(renewed),
                // Entries stay in memory; a later opening makes the files.
                Err(error) if error.kind == DiskErrorKind::Full => found.notes.push(format!("{}: {error}", self.dir)),
                Err(error) => return Err(error),
            }
        }
        self.active = self.disk.open(&segment_path(&self.dir, self.segments[last].base, LOG))?;
        self.drop_snapshots_above(self.end)?;
        // Who made the log may not have come to its first sync.
        files.extend(open_optional(&self.disk, &format!("{}/{METADATA_FILE}", self.dir))?);
        self.dirty = files;
        (self.dir_dirty, self.parent_dirty) = (true, true);
        Ok(())
    }

    /// Indexes a segment's good batches anew, moving the log's end to the last one's.
    fn scan_segment(
        &mut self,
        file: &D::File,
        base: Offset,
        next_base: Option<Offset>,
        now: Millis,
        found: &mut Recovered,
    ) -> DiskResult<Segment> {
        let mut segment = Segment::empty(base, now);
        let length = file.len()?.min(SEGMENT_BYTES_MAX);
        let mut walk = Walk::new(file, 0, length, SCAN_BYTES);
        self.end = base;
        while let Some((at, head)) = walk.next()? {
            let good = walk.batch(at, &head)?.is_some_and(|bytes| batch::check(bytes).is_ok());
            if !good || head.base_offset < self.end || head.last_offset - base > i64::from(i32::MAX) {
                break;
            }
            // No checksum covers the base offset. Compaction leaves gaps, but what follows one must fit.
            if head.base_offset > self.end {
                let next =
                    Walk::new(file, walk.position(), length, HOP_BYTES).next()?.map(|(_, next)| next.base_offset);
                let fits = next.map_or(next_base == Some(head.last_offset + 1), |next| next > head.last_offset);
                if !fits {
                    break;
                }
            }
            segment.note(&head, self.config.index_interval_bytes);
            self.end = head.last_offset + 1;
            note_epoch(&mut found.epochs, head.epoch, head.base_offset);
        }
        found.scanned_bytes += u64::from(segment.size);
        Ok(segment)
    }

    /// Removes all segments from the `i`-th on.
    fn drop_from(&mut self, i: usize, found: &mut Recovered) -> DiskResult<()> {
        for segment in self.segments.drain(i.max(1)..) {
            self.sizes_bytes -= u64::from(segment.size);
            found.truncated_bytes += u64::from(segment.size);
            found.dropped_segments += 1;
            found.notes.push(format!("{}: segment {} dropped", self.dir, segment.base));
            remove_segment(&self.disk, &self.dir, segment.base)?;
        }
        Ok(())
    }

    /// Empties the log and lets it begin at `start`.
    pub(super) fn restart_at(&mut self, start: Offset, now: Millis) -> DiskResult<()> {
        let active = create_segment(&self.disk, &self.dir, start, &self.config)?;
        self.disk.sync_dir(&self.dir)?;
        for segment in std::mem::take(&mut self.segments) {
            if segment.base != start {
                remove_segment(&self.disk, &self.dir, segment.base)?;
            }
        }
        self.disk.sync_dir(&self.dir)?;
        self.segments.push(Segment::empty(start, now));
        (self.active, self.start, self.end, self.sizes_bytes) = (active, start, start, 0);
        self.open_files.clear();
        self.drop_snapshots_above(-1)
    }

    /// Leader epochs: the file's, as far as the log reaches, and after an unclean stop what the batches say beyond it.
    fn load_epochs(&mut self, found: &mut Recovered) -> DiskResult<()> {
        let bytes = read_optional(&self.disk, &format!("{}/{EPOCHS_FILE}", self.dir), SIDE_FILE_BYTES_MAX)?;
        let stored = bytes.and_then(|bytes| parse_epochs(&String::from_utf8_lossy(&bytes))).unwrap_or_default();
        let mut epochs = stored.clone();
        epochs.retain(|(_, offset)| *offset < self.end);
        let scanned = std::mem::take(&mut found.epochs);
        for (epoch, offset) in scanned {
            note_epoch(&mut epochs, epoch, offset);
        }
        self.epochs.due = epochs != stored;
        self.epochs.entries = epochs.clone();
        found.epochs = epochs;
        Ok(())
    }

    /// Producer state: the newest good snapshot, and all batches after it.
    pub(super) fn load_producers(&mut self, now: Millis, found: &mut Recovered) -> DiskResult<()> {
        let mut snapshots = self.snapshots()?;
        let mut from = self.segments[0].base;
        while let Some(offset) = snapshots.pop() {
            let path = segment_path(&self.dir, offset, SNAPSHOT);
            if offset > self.end {
                remove_optional(&self.disk, &path)?;
                continue;
            }
            let bytes = read_optional(&self.disk, &path, SIDE_FILE_BYTES_MAX)?.unwrap_or_default();
            match Producers::decode(&bytes) {
                Ok(producers) => {
                    (found.producers, from) = (producers, offset);
                    break;
                }
                Err(why) => {
                    found.notes.push(format!("{path} is of no use: {why}"));
                    remove_optional(&self.disk, &path)?;
                }
            }
        }
        // A snapshot has each producer's last batch only. Those before it may still be retried.
        let look_back = if found.scanned { LOOK_BACK_BYTES } else { LOOK_BACK_CLEAN_BYTES };
        let (first, mut position) = self.before(from, look_back)?;
        let mut older = Producers::new();
        for i in first..self.segments.len() {
            let (file, size) = (self.segment_file(self.segments[i].base)?, u64::from(self.segments[i].size));
            let mut walk = Walk::new(&file, std::mem::take(&mut position), size, HOP_BYTES);
            while let Some((at, head)) = walk.next()? {
                found.replayed_batches += u64::from(head.base_offset >= from);
                if head.producer_id < 0 {
                    continue;
                }
                if let Some(header) = walk.header(at).and_then(|bytes| BatchHeader::peek(bytes).ok()) {
                    let producers = if head.base_offset < from { &mut older } else { &mut found.producers };
                    producers.apply(&header, header.base_offset, header.max_timestamp);
                }
            }
        }
        found.producers.remember_earlier(&older);
        found.producers.expire(now, self.config.producer_id_expiration_ms);
        Ok(())
    }

    /// Segment and position of a batch at least so many bytes before `offset`, or of the first one.
    fn before(&mut self, offset: Offset, mut bytes: u64) -> DiskResult<(usize, u64)> {
        let mut i = self.segment_floor(offset);
        let mut position = self.first_batch(i, offset)?.map_or(u64::from(self.segments[i].size), |(at, _)| at);
        while position < bytes && i > 0 {
            bytes -= position;
            i -= 1;
            position = u64::from(self.segments[i].size);
        }
        self.ensure_indexed(i)?;
        let wanted = position.saturating_sub(bytes) as u32;
        Ok((i, u64::from(self.segments[i].indexed_before(&self.disk, &self.dir, wanted, Offset::MAX)?)))
    }

    fn snapshots(&self) -> DiskResult<Vec<Offset>> {
        let names = self.disk.list(&self.dir)?;
        let mut offsets: Vec<Offset> = names
            .iter()
            .filter_map(|n| parse_file_name(n))
            .filter(|(_, ext)| *ext == SNAPSHOT)
            .map(|(o, _)| o)
            .collect();
        offsets.sort_unstable();
        Ok(offsets)
    }

    fn drop_snapshots_above(&self, end: Offset) -> DiskResult<()> {
        for offset in self.snapshots()?.into_iter().filter(|offset| *offset > end) {
            remove_optional(&self.disk, &segment_path(&self.dir, offset, SNAPSHOT))?;
        }
        Ok(())
    }
}

/// Finishes or undoes what was under way when the process stopped, any number of times (rule 21). Returns the base
/// offsets of the segments, sorted.
fn tidy<D: Disk>(disk: &D, dir: &str, clean: bool, found: &mut Recovered) -> DiskResult<Vec<Offset>> {
    let names = disk.list(dir)?;
    let mut changed = false;
    let mut swapped = Vec::new();
    let mut bases = Vec::new();
    for name in &names {
        let path = format!("{dir}/{name}");
        // Without a stop in between, what is staged for the epochs' file is still to be put in place.
        let staged = name.ends_with(".tmp") && !(clean && name.starts_with(EPOCHS_FILE));
        if name.ends_with(DELETED) || name.ends_with(CLEANED) || staged {
            remove_optional(disk, &path)?;
            changed = true;
            continue;
        }
        let Some((base, ext)) = parse_file_name(name) else { continue };
        match ext.strip_suffix(SWAP) {
            Some(LOG) => swapped.push(base),
            Some(_) => {
                // Whatever became of its log file, the indexes in place may be another one's.
                for ext in [INDEX, TIME_INDEX] {
                    remove_optional(disk, &segment_path(dir, base, ext))?;
                }
                disk.sync_dir(dir)?;
                remove_optional(disk, &path)?;
                found.rebuilt_indexes += 1;
                changed = true;
            }
            None if ext == LOG => bases.push(base),
            None => {}
        }
    }
    for base in swapped {
        let path = format!("{}{SWAP}", segment_path(dir, base, LOG));
        let file = disk.open(&path)?;
        let mut walk = Walk::new(&file, 0, file.len()?, HOP_BYTES);
        let mut last = base;
        while let Some((_, head)) = walk.next()? {
            last = head.last_offset;
        }
        for covered in bases.extract_if(.., |b| *b > base && *b <= last) {
            remove_segment(disk, dir, covered)?;
        }
        for ext in [INDEX, TIME_INDEX] {
            remove_optional(disk, &segment_path(dir, base, ext))?;
        }
        disk.sync_dir(dir)?;
        disk.rename(&path, &segment_path(dir, base, LOG))?;
        found.notes.push(format!("{dir}: finished putting the compacted segment {base} in place"));
        if !bases.contains(&base) {
            bases.push(base);
        }
        changed = true;
    }
    if changed {
        disk.sync_dir(dir)?;
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Removes segments that lie wholly below the log's start: retention had moved it before the process stopped.
fn drop_below_start<D: Disk>(disk: &D, dir: &str, mut bases: Vec<Offset>, start: Offset) -> DiskResult<Vec<Offset>> {
    let gone = bases.partition_point(|base| *base <= start).saturating_sub(1);
    for base in bases.drain(..gone) {
        remove_segment(disk, dir, base)?;
    }
    Ok(bases)
}

/// The segments as the file sizes have them, and the last one's file. A folder without segments gets one.
fn stat<D: Disk>(
    disk: &D,
    dir: &str,
    bases: &[Offset],
    log_start: Offset,
    config: &LogConfig,
    now: Millis,
) -> DiskResult<(Vec<Segment>, D::File)> {
    let mut segments = Vec::with_capacity(bases.len().max(1));
    let mut last = None;
    for base in bases {
        let file = disk.open(&segment_path(dir, *base, LOG))?;
        let size = file.len()?.min(u64::from(u32::MAX)) as u32;
        segments.push(Segment::unread(*base, size, now));
        last = Some(file);
    }
    match last {
        Some(file) => Ok((segments, file)),
        None => {
            let base = log_start.max(0);
            let file = create_segment(disk, dir, base, config)?;
            disk.sync_dir(dir)?;
            Ok((vec![Segment::empty(base, now)], file))
        }
    }
}

/// After a clean stop: the log's end, from the last segment's indexes and what follows their last entries; `None` when
/// they do not fit together, so that the log has to be scanned after all.
fn settle<D: Disk>(
    disk: &D,
    dir: &str,
    segments: &mut [Segment],
    file: &D::File,
    index_interval_bytes: u32,
) -> DiskResult<Option<Offset>> {
    let Some(last) = segments.last_mut() else { return Ok(None) };
    if !last.load_indexes(disk, dir, index_interval_bytes)? {
        return Ok(None);
    }
    let position = last.last_indexed(disk, dir)?;
    last.catch_up(file, position)
}

fn note_epoch(epochs: &mut Vec<(Epoch, Offset)>, epoch: Epoch, offset: Offset) {
    if epoch >= 0 && epochs.last().is_none_or(|last| last.0 < epoch && last.1 <= offset) {
        epochs.push((epoch, offset));
    }
}

fn remove_segment<D: Disk>(disk: &D, dir: &str, base: Offset) -> DiskResult<()> {
    for ext in [LOG, INDEX, TIME_INDEX] {
        remove_optional(disk, &segment_path(dir, base, ext))?;
    }
    Ok(())
}

/// Whether a folder has a log in it.
///
/// # Errors
/// Any disk error but a missing folder.
pub fn exists<D: Disk>(disk: &D, name: &LogName) -> DiskResult<bool> {
    let dir = name.dir_name();
    // Asked by name: a directory of ten thousand logs is not to be listed for each.
    if open_optional(disk, &format!("{dir}/{METADATA_FILE}"))?.is_some() {
        return Ok(true);
    }
    // Without it, what is there is not to be emptied all the same.
    match disk.list(&dir) {
        Ok(names) => Ok(names.iter().any(|name| matches!(parse_file_name(name), Some((_, LOG))))),
        Err(error) if error.kind == DiskErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
