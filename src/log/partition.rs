//! `Log`: one partition's log. Appends go to the last segment and nowhere else; what was appended is never changed, only
//! cut off at the start (retention), thinned (compaction) or, after a crash, at the end (recovery).

use super::config::LogConfig;
use super::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
use super::epochs::{SavedEpochs, StagedEpochs};
use super::names::{
    INDEX, LOG, METADATA_FILE, SNAPSHOT, TIME_INDEX, deleted_dir_name, metadata_text, parse_file_name, remove_optional,
    segment_path,
};
use super::places::Places;
use super::segment::{Pending, Segment, open_or_create};
use super::walk::Head;
use crate::event::{Appended, LogName};
use crate::types::{Epoch, FileRange, Millis, Offset};
use std::sync::Arc;

/// Old segments of one log that stay open for reading.
const OPEN_SEGMENTS_MAX: usize = 4;
/// Batches of one append that need no memory of their own.
const BATCHES_INLINE: usize = 16;

/// One partition's log.
pub struct Log<D: Disk> {
    pub(super) disk: D,
    pub(super) name: LogName,
    /// The folder: `topic-partition`.
    pub(super) dir: String,
    pub(super) config: Arc<LogConfig>,
    /// Oldest first; the last one is appended to; never empty.
    pub(super) segments: Vec<Segment>,
    /// The last segment's file.
    pub(super) active: D::File,
    /// Old segments' files, least recently used first.
    pub(super) open_files: Vec<(Offset, D::File)>,
    pub(super) start: Offset,
    pub(super) end: Offset,
    /// Everything below is on disk.
    pub(super) recovery_point: Offset,
    pub(super) active_dirty: bool,
    /// Names in the folder changed.
    pub(super) dir_dirty: bool,
    /// The folder itself is new.
    pub(super) parent_dirty: bool,
    /// Nothing of it was ever synced.
    fresh: bool,
    /// Files of closed segments, and snapshots, that were not synced yet.
    pub(super) dirty: Vec<D::File>,
    /// Segments below the start, still readable, waiting for [`Log::sweep`].
    pub(super) doomed: Vec<Doomed>,
    pub(super) sizes_bytes: u64,
    /// Where the latest reads ended.
    pub(super) places: Places,
    /// Everything below was compacted.
    pub(super) cleaned_to: Offset,
    pub(super) epochs: SavedEpochs,
}

/// A segment that is no longer part of the log.
pub(super) struct Doomed {
    pub base: Offset,
    pub since: Millis,
}

/// One batch to append.
#[derive(Clone, Copy, Debug)]
pub struct AppendBatch<'a> {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The leader epoch.
    pub epoch: Epoch,
    /// The batch, checked; its own base offset and epoch are not looked at.
    pub bytes: &'a [u8],
}

/// What has to be synced so that everything below `end` is on disk.
pub struct DirtyFiles<D: Disk> {
    /// Files, oldest data first.
    pub files: Vec<D::File>,
    /// Folders whose names have to be synced, for [`Disk::sync_dir`].
    pub dirs: Vec<String>,
    /// What is to be put in place after the files are synced and before the folders are.
    pub epochs: Option<StagedEpochs>,
    /// To be handed to [`Log::synced`] once all of it is synced.
    pub end: Offset,
}

impl<D: Disk> DirtyFiles<D> {
    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.dirs.is_empty() && self.epochs.is_none()
    }

    /// Does it, one after the other: right on any thread.
    ///
    /// # Errors
    /// The first failure; nothing may then be said to be on disk, now or after another try.
    pub fn sync(&self, disk: &D) -> DiskResult<()> {
        self.files.iter().try_for_each(DiskFile::sync)?;
        if let Some(epochs) = &self.epochs {
            epochs.put_in_place(disk)?;
        }
        self.dirs.iter().try_for_each(|dir| disk.sync_dir(dir))
    }
}

impl<D: Disk> Log<D> {
    /// Makes a new, empty log: its folder, the topic id in it, and a first segment. Durable with the first sync, which
    /// comes before anything in it is: a crash before that leaves a folder that may be used as it is, or made again.
    ///
    /// # Errors
    /// Any disk error.
    pub fn create(disk: D, name: &LogName, config: Arc<LogConfig>, now: Millis) -> DiskResult<Log<D>> {
        let dir = name.dir_name();
        disk.create_dir(&dir)?;
        let active = create_segment(&disk, &dir, 0, &config)?;
        let segments = vec![Segment::empty(0, now)];
        let mut log = Log::with_segments(disk, name, config, segments, active);
        log.claim()?;
        (log.parent_dirty, log.fresh) = (true, true);
        Ok(log)
    }

    /// Writes the topic id into the log's folder, for one that does not say whose it is: a crash took it, or a Kafka of
    /// before topic ids made it. Durable with the next sync.
    ///
    /// # Errors
    /// Any disk error.
    pub fn claim(&mut self) -> DiskResult<()> {
        let file = self.disk.create(&format!("{}/{METADATA_FILE}", self.dir))?;
        file.write_at(&[metadata_text(self.name.topic_id).as_bytes()], 0)?;
        self.dirty.push(file);
        self.dir_dirty = true;
        Ok(())
    }

    pub(super) fn with_segments(
        disk: D,
        name: &LogName,
        config: Arc<LogConfig>,
        segments: Vec<Segment>,
        active: D::File,
    ) -> Log<D> {
        let start = segments.first().map_or(0, |s| s.base);
        let sizes_bytes = segments.iter().map(|s| u64::from(s.size)).sum();
        Log {
            disk,
            dir: name.dir_name(),
            name: name.clone(),
            config,
            segments,
            active,
            open_files: Vec::new(),
            start,
            end: start,
            recovery_point: start,
            active_dirty: false,
            dir_dirty: false,
            parent_dirty: false,
            fresh: false,
            dirty: Vec::new(),
            doomed: Vec::new(),
            sizes_bytes,
            places: Places::default(),
            cleaned_to: 0,
            epochs: SavedEpochs::default(),
        }
    }

    /// Which partition of which topic.
    pub fn name(&self) -> &LogName {
        &self.name
    }

    /// Its settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// First offset that may be read.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Offset of the next record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Everything below is on disk: what belongs in `recovery-point-offset-checkpoint`.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Bytes of all segment files.
    pub fn size_bytes(&self) -> u64 {
        self.sizes_bytes
    }

    /// Base offsets and sizes of all segments, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = (Offset, u32)> {
        self.segments.iter().map(|s| (s.base, s.size))
    }

    /// New settings, effective at once.
    pub fn configure(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// Appends batches that follow the log's end without a gap, with their base offset and leader epoch filled in: one
    /// vectored write, or one more for each segment that fills up in between.
    ///
    /// # Errors
    /// Any disk error: the caller takes the directory out of service, or for [`DiskErrorKind::Full`] tries again later.
    /// Batches below [`Log::end`] were appended all the same (a segment was closed in between), the others were not.
    ///
    /// # Panics
    /// When the first batch does not begin at the log's end, or a batch is none: its bytes must have been checked.
    pub fn append(&mut self, now: Millis, batches: &[AppendBatch<'_>]) -> DiskResult<Appended> {
        let roll_ms = self.roll_ms();
        let mut rolled = false;
        let mut rest = batches;
        while let Some(first) = rest.first() {
            let head = head_of(first);
            assert_eq!(head.base_offset, self.end, "an append must begin at the log's end");
            if self.active_segment().must_roll(&head, Pending::default(), now, roll_ms, &self.config) {
                self.roll(now)?;
                rolled = true;
            }
            let run = self.run_length(rest, now, roll_ms);
            let (now_written, later) = rest.split_at(run);
            self.write_run(now_written)?;
            rest = later;
        }
        Ok(Appended { end: self.end, rolled })
    }

    /// How many of these batches (at least one) the active segment takes.
    fn run_length(&self, batches: &[AppendBatch<'_>], now: Millis, roll_ms: i64) -> usize {
        let segment = self.active_segment();
        let mut pending = Pending { batches: 1, bytes: batches[0].bytes.len() as u32 };
        for batch in &batches[1..] {
            if segment.must_roll(&head_of(batch), pending, now, roll_ms, &self.config) {
                break;
            }
            pending.batches += 1;
            pending.bytes += batch.bytes.len() as u32;
        }
        pending.batches as usize
    }

    fn write_run(&mut self, batches: &[AppendBatch<'_>]) -> DiskResult<()> {
        let position = u64::from(self.active_segment().size);
        let written = match batches.len() {
            0..=BATCHES_INLINE => {
                let mut heads = [[0; PATCHED_BYTES]; BATCHES_INLINE];
                let mut parts: [&[u8]; 2 * BATCHES_INLINE] = [&[]; 2 * BATCHES_INLINE];
                patch_heads(batches, &mut heads);
                interleave(batches, &heads, &mut parts);
                self.active.write_at(&parts[..2 * batches.len()], position)
            }
            n => {
                let mut heads = vec![[0; PATCHED_BYTES]; n];
                let mut parts: Vec<&[u8]> = vec![&[]; 2 * n];
                patch_heads(batches, &mut heads);
                interleave(batches, &heads, &mut parts);
                self.active.write_at(&parts, position)
            }
        };
        if let Err(error) = written {
            // What got through must not be taken for an append after a crash. If the cut fails too, recovery meets
            // batches that nobody was promised.
            let _ = self.active.set_len(position);
            return Err(error);
        }
        self.active_dirty = true;
        let interval = self.config.index_interval_bytes;
        let mut flush = false;
        for batch in batches {
            let head = head_of(batch);
            assert_eq!(head.base_offset, self.end, "batches of an append must follow each other");
            flush |= self.active_mut().note(&head, interval);
            self.end = head.last_offset + 1;
            self.sizes_bytes += u64::from(head.size);
        }
        if flush {
            let last = self.segments.len() - 1;
            self.segments[last].flush_indexes(&self.disk, &self.dir)?;
        }
        Ok(())
    }

    /// Closes the active segment when it is old enough, whatever its size; true when it did. For logs that nobody
    /// appends to, so that retention and compaction get at their records.
    ///
    /// # Errors
    /// Any disk error.
    pub fn roll_if_due(&mut self, now: Millis) -> DiskResult<bool> {
        let segment = self.active_segment();
        let due = segment.size > 0 && now.saturating_sub(segment.created) > self.roll_ms();
        if due {
            self.roll(now)?;
        }
        Ok(due)
    }

    fn roll_ms(&self) -> i64 {
        let seed = self.name.partition as u64 ^ (self.active_segment().base as u64).rotate_left(17);
        self.config.roll_ms(self.name.topic.bytes().fold(seed, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))))
    }

    /// Closes the active segment and begins the next one at the log's end.
    pub(super) fn roll(&mut self, now: Millis) -> DiskResult<()> {
        let base = self.end;
        let old = self.active_mut();
        if old.base == base {
            return Ok(());
        }
        old.seal();
        let (old_base, old_size) = (old.base, old.size);
        let last = self.segments.len() - 1;
        self.segments[last].flush_indexes(&self.disk, &self.dir)?;
        if self.config.preallocate {
            self.active.set_len(u64::from(old_size))?;
        }
        let next = create_segment(&self.disk, &self.dir, base, &self.config)?;
        let old_file = std::mem::replace(&mut self.active, next);
        self.dirty.push(old_file.clone());
        self.dirty.push(open_or_create(&self.disk, &segment_path(&self.dir, old_base, INDEX))?);
        self.dirty.push(open_or_create(&self.disk, &segment_path(&self.dir, old_base, TIME_INDEX))?);
        self.keep_open(old_base, old_file);
        self.segments.push(Segment::empty(base, now));
        self.dir_dirty = true;
        Ok(())
    }

    /// What has to be synced so that everything appended so far is on disk. Hand `end` to [`Log::synced`] afterwards.
    pub fn take_dirty(&mut self) -> DirtyFiles<D> {
        let mut files = std::mem::take(&mut self.dirty);
        if std::mem::take(&mut self.active_dirty) {
            files.push(self.active.clone());
        }
        let mut dirs = Vec::new();
        if std::mem::take(&mut self.dir_dirty) {
            dirs.push(self.dir.clone());
        }
        if std::mem::take(&mut self.parent_dirty) {
            dirs.push(String::new());
        }
        let epochs = self.stage_epochs().map(|(file, staged)| {
            files.push(file);
            staged
        });
        if epochs.is_some() && !dirs.contains(&self.dir) {
            dirs.push(self.dir.clone());
        }
        DirtyFiles { files, dirs, epochs, end: self.end }
    }

    /// True when [`Log::take_dirty`] has something.
    pub fn is_dirty(&self) -> bool {
        self.active_dirty || self.dir_dirty || self.parent_dirty || self.epochs.due || !self.dirty.is_empty()
    }

    /// Notes that everything below `end` is on disk.
    pub fn synced(&mut self, end: Offset) {
        assert!(end <= self.end, "more synced than there is");
        self.fresh = false;
        self.recovery_point = self.recovery_point.max(end);
    }

    /// The file of a range that [`Log::locate`] returned in this pass: `None` when the segment is gone.
    ///
    /// # Errors
    /// Any disk error but a missing file.
    pub fn file_of(&mut self, range: &FileRange) -> DiskResult<Option<D::File>> {
        match self.segment_file(range.segment) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind == DiskErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A segment's log file, opened if it is not.
    pub(super) fn segment_file(&mut self, base: Offset) -> DiskResult<D::File> {
        if base == self.active_segment().base {
            return Ok(self.active.clone());
        }
        if let Some(i) = self.open_files.iter().position(|(open, _)| *open == base) {
            let entry = self.open_files.remove(i);
            let file = entry.1.clone();
            self.open_files.push(entry);
            return Ok(file);
        }
        let file = self.disk.open(&segment_path(&self.dir, base, LOG))?;
        self.keep_open(base, file.clone());
        Ok(file)
    }

    fn keep_open(&mut self, base: Offset, file: D::File) {
        if self.open_files.len() >= OPEN_SEGMENTS_MAX {
            self.open_files.remove(0);
        }
        self.open_files.push((base, file));
    }

    /// Writes the producer snapshot that belongs to `offset`; it is durable with the next sync. Snapshots that no
    /// recovery can need any more go.
    ///
    /// # Errors
    /// Any disk error.
    pub fn save_producers(&mut self, offset: Offset, bytes: &[u8]) -> DiskResult<()> {
        let file = self.disk.create(&segment_path(&self.dir, offset, SNAPSHOT))?;
        file.write_at(&[bytes], 0)?;
        self.dirty.push(file);
        self.dir_dirty = true;
        let names = self.disk.list(&self.dir)?;
        let mut old: Vec<Offset> = names
            .iter()
            .filter_map(|name| parse_file_name(name))
            .filter(|(at, ext)| *ext == SNAPSHOT && *at <= self.recovery_point && *at != offset)
            .map(|(at, _)| at)
            .collect();
        old.sort_unstable();
        // One more than needed: the newest may turn out damaged.
        old.truncate(old.len().saturating_sub(2));
        old.iter().try_for_each(|at| remove_optional(&self.disk, &segment_path(&self.dir, *at, SNAPSHOT)))
    }

    /// Puts everything but the leader epochs on disk, whatever [`Log::take_dirty`] handed out before: whoever took it may
    /// not have come to it. They stay in memory, for the next sync.
    ///
    /// # Errors
    /// Any disk error: nothing above the recovery point may then be said to be on disk.
    pub fn sync_all(&mut self) -> DiskResult<()> {
        let due = std::mem::take(&mut self.epochs.due);
        let dirty = self.take_dirty();
        self.epochs.due = due;
        if self.recovery_point < self.end || !dirty.is_empty() || self.fresh {
            self.epochs.due |= !self.epochs.entries.is_empty();
            let last = self.segments.len() - 1;
            for i in self.segment_floor(self.recovery_point.saturating_sub(1))..last {
                for ext in [LOG, INDEX, TIME_INDEX] {
                    open_or_create(&self.disk, &segment_path(&self.dir, self.segments[i].base, ext))?.sync()?;
                }
            }
            self.active.sync()?;
            dirty.sync(&self.disk)?;
            self.disk.sync_dir(&self.dir)?;
            if self.fresh {
                open_or_create(&self.disk, &format!("{}/{METADATA_FILE}", self.dir))?.sync()?;
                self.disk.sync_dir("")?;
            }
        }
        (self.recovery_point, self.fresh) = (self.end, false);
        Ok(())
    }

    /// Puts everything on disk and closes the log. Afterwards a clean opening finds all of it. Returns the end.
    ///
    /// # Errors
    /// Any disk error: then the next opening must not be a clean one.
    pub fn close(mut self) -> DiskResult<Offset> {
        self.finish()?.sync(&self.disk)?;
        self.sync_all()?;
        self.take_dirty().sync(&self.disk)?;
        Ok(self.end)
    }

    /// Writes what only memory has, for many logs that are closed together: once that is synced, and what was handed out
    /// before, a clean opening finds everything.
    ///
    /// # Errors
    /// As [`Log::close`].
    pub fn finish(&mut self) -> DiskResult<DirtyFiles<D>> {
        let last = self.segments.len() - 1;
        self.segments[last].seal();
        let indexes = self.segments[last].flush_indexes(&self.disk, &self.dir)?;
        if self.config.preallocate {
            self.active.set_len(u64::from(self.segments[last].size))?;
            self.active_dirty = true;
        }
        let mut dirty = self.take_dirty();
        dirty.files.extend(indexes);
        Ok(dirty)
    }

    /// Takes the log's folder out of the way, durably, and returns its new name: remove it with [`Disk::remove_dir`] on
    /// a thread that may block. Folders of that kind found at start ([`super::is_deleted_dir`]) are to be removed too.
    ///
    /// # Errors
    /// Any disk error.
    pub fn delete(self) -> DiskResult<String> {
        let disk = self.disk.clone();
        let gone = self.move_away()?;
        disk.sync_dir("")?;
        Ok(gone)
    }

    /// As [`Log::delete`], but durable only after [`Disk::sync_dir`] of the log directory, which many may share.
    ///
    /// # Errors
    /// Any disk error.
    pub fn move_away(self) -> DiskResult<String> {
        let gone = deleted_dir_name(&self.name);
        match self.disk.rename(&self.dir, &gone) {
            // Left by a deletion that was cut short.
            Err(error) if error.kind == DiskErrorKind::Exists => {
                self.disk.remove_dir(&gone)?;
                self.disk.rename(&self.dir, &gone)?;
            }
            renamed => renamed?,
        }
        Ok(gone)
    }

    pub(super) fn active_segment(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has a segment")
    }

    pub(super) fn damage(&self, what: &str) -> DiskError {
        DiskError { kind: DiskErrorKind::Damaged, what: format!("log {}: {what}", self.dir) }
    }
}

/// Bytes of a batch that are written from a patched copy: base offset, length, leader epoch.
const PATCHED_BYTES: usize = 16;

fn head_of(batch: &AppendBatch<'_>) -> Head {
    let head = Head::parse(batch.bytes).expect("only checked batches are appended");
    assert_eq!(head.size as usize, batch.bytes.len(), "only whole batches are appended");
    let delta = head.last_offset - head.base_offset;
    Head { base_offset: batch.base_offset, last_offset: batch.base_offset + delta, epoch: batch.epoch, ..head }
}

fn patch_heads(batches: &[AppendBatch<'_>], heads: &mut [[u8; PATCHED_BYTES]]) {
    for (head, batch) in heads.iter_mut().zip(batches) {
        head[..8].copy_from_slice(&batch.base_offset.to_be_bytes());
        head[8..12].copy_from_slice(&batch.bytes[8..12]);
        head[12..].copy_from_slice(&batch.epoch.to_be_bytes());
    }
}

fn interleave<'a>(batches: &[AppendBatch<'a>], heads: &'a [[u8; PATCHED_BYTES]], parts: &mut [&'a [u8]]) {
    for (i, (head, batch)) in heads.iter().zip(batches).enumerate() {
        parts[2 * i] = head;
        parts[2 * i + 1] = &batch.bytes[PATCHED_BYTES..];
    }
}

/// Makes a segment's three files, empty.
pub(super) fn create_segment<D: Disk>(disk: &D, dir: &str, base: Offset, config: &LogConfig) -> DiskResult<D::File> {
    disk.create(&segment_path(dir, base, INDEX))?;
    disk.create(&segment_path(dir, base, TIME_INDEX))?;
    let file = disk.create(&segment_path(dir, base, LOG))?;
    if config.preallocate {
        file.set_len(u64::from(config.segment_bytes))?;
    }
    Ok(file)
}
