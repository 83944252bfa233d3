//! Compaction (rule 23): of the records of a key, the last one in the closed part of the log stays. Offsets never change.
//!
//! In three steps. [`Log::compaction_plan`] picks closed segments that are on disk. [`CompactionPlan::run`], on any
//! thread, writes what is left of them into `.cleaned` files and syncs those. [`Log::install`], on the loop again, swaps
//! them in so that a crash at any moment leaves either the old segments or the new one:
//!
//! ```text
//!  X.log.cleaned -> X.log.swap       sync folder    the new segment counts from here on
//!  other segments of its group go    sync folder    what they held is in the new one
//!  X.log.swap -> X.log               sync folder
//! ```
//!
//! What stays besides: a tombstone until its batch's delete horizon (KIP-534), the last batches of each live producer
//! (as many as it may have in flight: it may still retry any of them) and the last one of each group, without records if
//! need be, so that sequences and the end of a segment stay known.

use super::config::LogConfig;
use super::disk::{Disk, DiskFile, DiskResult};
use super::names::{CLEANED, INDEX, LOG, SWAP, TIME_INDEX, remove_optional, segment_path};
use super::partition::Log;
use super::segment::{SEGMENT_BYTES_MAX, Segment};
use super::walk::{HOP_BYTES, Head, SCAN_BYTES, Walk};
use crate::record::compact::{Kept, empty, filter};
use crate::record::producer::BATCHES_KEPT_MAX;
use crate::record::records::decode;
use crate::record::{BatchHeader, Record};
use crate::types::{Millis, Offset, ProducerId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Memory for the keys of one round, in bytes; what does not fit is for the next round.
pub const KEYS_BYTES_MAX: usize = 128 << 20;
/// What a key costs besides its bytes.
const KEY_OVERHEAD_BYTES: usize = 64;
/// What a batch may take when it is decompressed, in bytes.
const DECODED_BYTES_MAX: usize = 256 << 20;
/// Cleaned batches are collected up to so many bytes before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// The control flag of a batch's attributes.
const CONTROL_FLAG: i16 = 0x20;

/// What one round of compaction will do. Made by [`Log::compaction_plan`].
pub struct CompactionPlan<D: Disk> {
    disk: D,
    dir: String,
    config: Arc<LogConfig>,
    now: Millis,
    /// Closed segments, oldest first.
    sources: Vec<Source<D>>,
    /// Everything below was compacted before.
    cleaned_to: Offset,
    keys_bytes_max: usize,
}

struct Source<D: Disk> {
    base: Offset,
    end: Offset,
    size: u32,
    created: Millis,
    file: D::File,
}

/// What a round of compaction made. For [`Log::install`].
pub struct Compacted {
    outputs: Vec<Output>,
    /// Everything below is compacted.
    cleaned_to: Offset,
    /// Records that stayed, of the segments that were rewritten.
    pub records_kept: u64,
    /// Records that went.
    pub records_dropped: u64,
    /// For `server.log`: what was wrong, one line each.
    pub notes: Vec<String>,
}

struct Output {
    /// The base offsets of the segments it replaces; the first one is its own.
    covers: Vec<Offset>,
    segment: Segment,
}

impl<D: Disk> Log<D> {
    /// What to compact now, below `upto` (the last stable offset); `None` when there is too little to gain. There must
    /// not be another plan of this log under way.
    ///
    /// # Errors
    /// Any disk error.
    pub fn compaction_plan(&mut self, now: Millis, upto: Offset) -> DiskResult<Option<CompactionPlan<D>>> {
        if !self.config.compact {
            return Ok(None);
        }
        let last = self.last_cleanable(now, upto.min(self.recovery_point))?;
        let cleaned_to = self.cleaned_to.clamp(self.start, self.end);
        let bytes = |from: Offset| -> u64 {
            let dirty = self.segments[..last].iter().enumerate().filter(|(i, _)| self.segment_end(*i) > from);
            dirty.map(|(_, s)| u64::from(s.size)).sum()
        };
        let (dirty, all) = (bytes(cleaned_to), bytes(0));
        if dirty == 0 {
            return Ok(None);
        }
        let dirty_enough = dirty as f64 / all as f64 >= self.config.min_cleanable_dirty_ratio;
        if !dirty_enough && !self.overdue(now, cleaned_to, last)? {
            return Ok(None);
        }
        let mut sources = Vec::with_capacity(last);
        for i in 0..last {
            let (base, end) = (self.segments[i].base, self.segment_end(i));
            let (size, created) = (self.segments[i].size, self.segments[i].created);
            sources.push(Source { base, end, size, created, file: self.segment_file(base)? });
        }
        let (disk, dir, config) = (self.disk.clone(), self.dir.clone(), self.config.clone());
        Ok(Some(CompactionPlan { disk, dir, config, now, sources, cleaned_to, keys_bytes_max: KEYS_BYTES_MAX }))
    }

    /// How many segments at the start are closed, on disk, below `upto` and old enough.
    fn last_cleanable(&mut self, now: Millis, upto: Offset) -> DiskResult<usize> {
        let closed = self.segments.len() - 1;
        let lag = self.config.min_compaction_lag_ms;
        for i in 0..closed {
            if self.segment_end(i) > upto {
                return Ok(i);
            }
            if lag > 0 {
                self.ensure_indexed(i)?;
                if self.segments[i].max.is_some_and(|(newest, _)| newest > now.saturating_sub(lag)) {
                    return Ok(i);
                }
            }
        }
        Ok(closed)
    }

    /// Whether a record waits longer for compaction than `max.compaction.lag.ms`.
    fn overdue(&mut self, now: Millis, cleaned_to: Offset, last: usize) -> DiskResult<bool> {
        if self.config.max_compaction_lag_ms == i64::MAX {
            return Ok(false);
        }
        let first = self.segment_floor(cleaned_to);
        if first >= last {
            return Ok(false);
        }
        let oldest = self.first_batch(first, cleaned_to)?.map(|(_, head)| head.max_timestamp);
        Ok(oldest.is_some_and(|oldest| now.saturating_sub(oldest) > self.config.max_compaction_lag_ms))
    }

    /// Up to where the log was compacted: what belongs in `cleaner-offset-checkpoint`.
    pub fn cleaned_to(&self) -> Offset {
        self.cleaned_to
    }

    /// Tells what `cleaner-offset-checkpoint` says, after opening.
    pub fn set_cleaned_to(&mut self, offset: Offset) {
        self.cleaned_to = offset;
    }

    /// Puts compacted segments in the place of those they were made from; what lost its segments to retention in the
    /// meantime is thrown away. Returns how many bytes smaller the log is.
    ///
    /// # Errors
    /// Any disk error; the log must then be closed and opened again.
    pub fn install(&mut self, compacted: Compacted) -> DiskResult<u64> {
        let (outputs, stale): (Vec<Output>, Vec<Output>) =
            compacted.outputs.into_iter().partition(|output| self.position_of_run(&output.covers).is_some());
        for output in &stale {
            self.each_file(output.segment.base, |log, path| remove_optional(&log.disk, &format!("{path}{CLEANED}")))?;
        }
        self.cleaned_to = self.cleaned_to.max(compacted.cleaned_to);
        if outputs.is_empty() {
            return Ok(0);
        }
        for output in &outputs {
            self.each_file(output.segment.base, |log, path| {
                log.disk.rename(&format!("{path}{CLEANED}"), &format!("{path}{SWAP}"))
            })?;
        }
        self.disk.sync_dir(&self.dir)?;
        for covered in outputs.iter().flat_map(|output| &output.covers[1..]) {
            self.each_file(*covered, |log, path| remove_optional(&log.disk, path))?;
        }
        self.disk.sync_dir(&self.dir)?;
        let before = self.sizes_bytes;
        for output in outputs {
            self.each_file(output.segment.base, |log, path| log.disk.rename(&format!("{path}{SWAP}"), path))?;
            let Some(at) = self.position_of_run(&output.covers) else { continue };
            self.places.clear();
            let replaced = self.segments.splice(at..at + output.covers.len(), [output.segment]);
            let gone: u64 = replaced.map(|s| u64::from(s.size)).sum();
            self.sizes_bytes = self.sizes_bytes - gone + u64::from(self.segments[at].size);
            self.open_files.retain(|(base, _)| !output.covers.contains(base));
        }
        self.disk.sync_dir(&self.dir)?;
        Ok(before - self.sizes_bytes)
    }

    /// Where these segments stand, one after the other; `None` when they no longer do, or one of them is active.
    fn position_of_run(&self, bases: &[Offset]) -> Option<usize> {
        let closed = &self.segments[..self.segments.len() - 1];
        let at = closed.binary_search_by_key(bases.first()?, |s| s.base).ok()?;
        let there = closed.get(at..at + bases.len())?;
        there.iter().map(|s| s.base).eq(bases.iter().copied()).then_some(at)
    }

    /// Does something for each file of a segment; the log file comes last.
    fn each_file(&self, base: Offset, act: impl Fn(&Self, &str) -> DiskResult<()>) -> DiskResult<()> {
        [INDEX, TIME_INDEX, LOG].iter().try_for_each(|ext| act(self, &segment_path(&self.dir, base, ext)))
    }
}

impl<D: Disk> CompactionPlan<D> {
    /// Limits the memory for keys, in bytes; [`KEYS_BYTES_MAX`] without it.
    pub fn with_keys_bytes_max(mut self, bytes: usize) -> Self {
        self.keys_bytes_max = bytes;
        self
    }

    /// Does the work. The log may be read and appended to meanwhile.
    ///
    /// # Errors
    /// Any disk error; `.cleaned` files may then be left behind, which the next opening removes.
    pub fn run(self) -> DiskResult<Compacted> {
        let mut made =
            Compacted { outputs: Vec::new(), cleaned_to: 0, records_kept: 0, records_dropped: 0, notes: Vec::new() };
        let (keys, mapped_to) = self.latest_offsets(&mut made)?;
        let producers = self.producers_latest()?;
        made.cleaned_to = mapped_to;
        let below = self.sources.iter().take_while(|s| s.base < mapped_to).count();
        let mut rest = &self.sources[..below];
        while !rest.is_empty() {
            let (group, later) = rest.split_at(self.group_length(rest));
            if let Some(output) = self.clean(group, &keys, &producers, &mut made)? {
                made.outputs.push(output);
            }
            rest = later;
        }
        Ok(made)
    }

    /// The last offset of each key from what was not compacted yet, and how far that reaches.
    fn latest_offsets(&self, made: &mut Compacted) -> DiskResult<(BTreeMap<Vec<u8>, Offset>, Offset)> {
        let mut keys: BTreeMap<Vec<u8>, Offset> = BTreeMap::new();
        let (mut bytes, mut mapped_to) = (0, self.cleaned_to);
        for source in self.sources.iter().filter(|s| s.end > self.cleaned_to) {
            let mut walk = Walk::new(&source.file, 0, u64::from(source.size), SCAN_BYTES);
            while let Some((at, head)) = walk.next()? {
                if head.last_offset < self.cleaned_to {
                    continue;
                }
                if bytes >= self.keys_bytes_max && mapped_to > self.cleaned_to {
                    return Ok((keys, mapped_to));
                }
                mapped_to = head.last_offset + 1;
                if head.attributes & CONTROL_FLAG != 0 {
                    continue;
                }
                let batch = walk.batch(at, &head)?.unwrap_or(&[]);
                let records = match decode(batch, DECODED_BYTES_MAX) {
                    Ok(records) => records,
                    Err(why) => {
                        made.notes
                            .push(format!("{}: the batch at {} stays as it is: {why}", self.dir, head.base_offset));
                        continue;
                    }
                };
                for record in records.iter().map_while(Result::ok) {
                    let Some(key) = record.key else { continue };
                    if let Some(latest) = keys.get_mut(key) {
                        *latest = record.offset;
                    } else {
                        bytes += key.len() + KEY_OVERHEAD_BYTES;
                        keys.insert(key.to_vec(), record.offset);
                    }
                }
            }
            mapped_to = source.end;
        }
        Ok((keys, mapped_to))
    }

    /// Where the latest batches of each idempotent producer among the closed segments begin: the last offset of the
    /// first one that has to stay.
    fn producers_latest(&self) -> DiskResult<BTreeMap<ProducerId, Offset>> {
        let mut latest: BTreeMap<ProducerId, VecDeque<Offset>> = BTreeMap::new();
        for source in &self.sources {
            let mut walk = Walk::new(&source.file, 0, u64::from(source.size), HOP_BYTES);
            while let Some((_, head)) = walk.next()? {
                if head.producer_id >= 0 {
                    let ends = latest.entry(head.producer_id).or_default();
                    ends.push_back(head.last_offset);
                    if ends.len() > BATCHES_KEPT_MAX {
                        ends.pop_front();
                    }
                }
            }
        }
        Ok(latest.into_iter().filter_map(|(id, ends)| Some((id, *ends.front()?))).collect())
    }

    /// How many of these segments become one: as many as fit a segment together.
    fn group_length(&self, sources: &[Source<D>]) -> usize {
        let max = u64::from(self.config.segment_bytes).min(SEGMENT_BYTES_MAX);
        let (mut bytes, mut n) = (0, 0);
        for source in sources {
            bytes += u64::from(source.size);
            let fits = bytes <= max && source.end - sources[0].base <= i64::from(i32::MAX);
            if n > 0 && !fits {
                break;
            }
            n += 1;
        }
        n.max(1)
    }

    /// Writes what is left of a group of segments; `None` when that is all of a single one.
    fn clean(
        &self,
        group: &[Source<D>],
        keys: &BTreeMap<Vec<u8>, Offset>,
        producers: &BTreeMap<ProducerId, Offset>,
        made: &mut Compacted,
    ) -> DiskResult<Option<Output>> {
        let (base, created) = (group[0].base, group[0].created);
        let log_path = segment_path(&self.dir, base, LOG);
        let file = self.disk.create(&format!("{log_path}{CLEANED}"))?;
        let mut segment = Segment::empty(base, created);
        let mut buffer: Vec<u8> = Vec::new();
        let mut same = group.len() == 1;
        for (i, source) in group.iter().enumerate() {
            let mut walk = Walk::new(&source.file, 0, u64::from(source.size), SCAN_BYTES);
            while let Some((at, head)) = walk.next()? {
                let batch = walk.batch(at, &head)?.unwrap_or(&[]);
                let kept = self.filter(batch, &head, keys, made);
                let ends_group = i + 1 == group.len() && at + u64::from(head.size) >= u64::from(source.size);
                let bytes = match &kept {
                    Kept::Whole => batch,
                    Kept::Part(bytes) => bytes,
                    Kept::Nothing if ends_group || self.may_be_retried(&head, producers) => {
                        &empty(batch).unwrap_or_else(|_| batch.to_vec())
                    }
                    Kept::Nothing => &[],
                };
                same &= bytes == batch;
                if let Some(head) = Head::parse(bytes) {
                    segment.note(&head, self.config.index_interval_bytes);
                    buffer.extend_from_slice(bytes);
                }
                if buffer.len() >= WRITE_BYTES {
                    file.write_at(&[&buffer], u64::from(segment.size) - buffer.len() as u64)?;
                    buffer.clear();
                }
            }
            if walk.position() < u64::from(source.size) {
                made.notes.push(format!("{}: segment {} is damaged and stays as it is", self.dir, source.base));
                same = true;
                break;
            }
        }
        if same {
            remove_optional(&self.disk, &format!("{log_path}{CLEANED}"))?;
            return Ok(None);
        }
        file.write_at(&[&buffer], u64::from(segment.size) - buffer.len() as u64)?;
        file.sync()?;
        for file in segment.create_indexes(&self.disk, &self.dir, CLEANED)? {
            file.sync()?;
        }
        Ok(Some(Output { covers: group.iter().map(|s| s.base).collect(), segment }))
    }

    /// What stays of a batch; a damaged one stays whole.
    fn filter(&self, batch: &[u8], head: &Head, keys: &BTreeMap<Vec<u8>, Offset>, made: &mut Compacted) -> Kept {
        if head.attributes & CONTROL_FLAG != 0 {
            return Kept::Whole;
        }
        let Ok(header) = BatchHeader::peek(batch) else { return Kept::Whole };
        let horizon = header.delete_horizon();
        let forget = horizon.is_some_and(|horizon| horizon <= self.now);
        let (mut kept, mut tombstones) = (0, false);
        let wanted = |record: &Record<'_>| {
            let latest = record.key.is_some_and(|key| keys.get(key).is_none_or(|latest| record.offset >= *latest));
            latest && (record.value.is_some() || !forget)
        };
        let mut outcome = filter(batch, None, DECODED_BYTES_MAX, |record| {
            let keep = wanted(record);
            kept += u64::from(keep);
            tombstones |= keep && record.value.is_none();
            keep
        });
        if tombstones && horizon.is_none() {
            // The clock of its tombstones starts now.
            let horizon = self.now.saturating_add(self.config.delete_retention_ms);
            outcome = filter(batch, Some(horizon), DECODED_BYTES_MAX, wanted);
        }
        let Ok(outcome) = outcome else { return Kept::Whole };
        made.records_kept += kept;
        made.records_dropped += u64::from(header.count.max(0) as u32).saturating_sub(kept);
        outcome
    }

    /// Whether this is one of a live producer's latest batches: a retry is known by it, and the sequence that follows.
    fn may_be_retried(&self, head: &Head, producers: &BTreeMap<ProducerId, Offset>) -> bool {
        head.producer_id >= 0
            && producers.get(&head.producer_id).is_some_and(|first| head.last_offset >= *first)
            && self.now.saturating_sub(head.max_timestamp) < self.config.producer_id_expiration_ms
    }
}
