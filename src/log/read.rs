//! Reading: where the batches for a fetch are, and which record has a timestamp. Whole batches only, never across
//! segments; record bytes are read only to find the exact record of a timestamp.

use super::disk::{Disk, DiskFile, DiskResult};
use super::partition::Log;
use super::segment::Segment;
use super::walk::{HEADER_BYTES, HOP_BYTES, Head, Walk};
use crate::event::Read;
use crate::record::records;
use crate::types::{FileRange, Millis, Offset};

/// What a batch may take when it is decompressed to find a record in it, in bytes.
const DECODED_BYTES_MAX: usize = 256 << 20;
/// What [`Log::load`] reads at most, in bytes.
const LOADED_BYTES_MAX: u32 = 64 << 10;
/// Up to so far a run's end is sought from header to header, in bytes.
const WALKED_BYTES_MAX: u64 = 128 << 10;

impl<D: Disk> Log<D> {
    /// Where the batches for a read are: a run of whole batches of one segment. The first one holds `offset`, or is the
    /// next one where compaction left none. `None` when there is no batch below `upto`, or the first one alone is larger
    /// than `max_bytes` and `at_least_one` is not asked for. The caller has checked `offset` against the log's start.
    ///
    /// # Errors
    /// Any disk error.
    pub fn locate(&mut self, read: &Read) -> DiskResult<Option<FileRange>> {
        let upto = read.upto.min(self.end);
        if read.offset >= upto {
            return Ok(None);
        }
        let mut i = self.segment_floor(read.offset);
        while i < self.segments.len() && self.segments[i].base < upto {
            if let Some((position, head)) = self.first_batch(i, read.offset)? {
                if head.base_offset >= upto || (head.size > read.max_bytes && !read.at_least_one) {
                    return Ok(None);
                }
                let (len, next) = self.run_bytes(i, position, &head, upto, read.max_bytes)?;
                let base = self.segments[i].base;
                if let Some(next) = next {
                    self.places.note(base, next, position as u32 + len);
                }
                return Ok(Some(FileRange { log: read.log, segment: base, position, len }));
            }
            i += 1;
        }
        Ok(None)
    }

    /// The bytes of the batches of a read; none where there is none in range.
    ///
    /// # Errors
    /// Any disk error, or a file that is shorter than it was.
    pub fn content(&mut self, read: &Read) -> DiskResult<Vec<u8>> {
        let Some(range) = self.locate(read)? else { return Ok(Vec::new()) };
        let file = self.segment_file(range.segment)?;
        let mut bytes = vec![0; range.len as usize];
        let n = file.read_at(&mut bytes, range.position)?;
        if n < bytes.len() {
            return Err(self.damage("a segment ends inside a batch that was there before"));
        }
        Ok(bytes)
    }

    /// As [`Log::locate`], for the next read of who reads on, when it is a short one and in the page cache: the batches
    /// come along in `buffer`, looked through where they are. `None` says nothing: ask [`Log::locate`].
    ///
    /// # Errors
    /// Any disk error.
    pub fn load(&mut self, read: &Read, buffer: &mut Vec<u8>) -> DiskResult<Option<FileRange>> {
        let upto = read.upto.min(self.end);
        let segment = &self.segments[self.segment_floor(read.offset)];
        let (base, size) = (segment.base, segment.size);
        if read.offset >= upto {
            return Ok(None);
        }
        let Some(position) = self.places.take(base, read.offset) else { return Ok(None) };
        let len = read.max_bytes.min(size - position);
        if len > LOADED_BYTES_MAX {
            return Ok(None);
        }
        buffer.resize(len as usize, 0);
        let cached = self.segment_file(base)?.read_cached(buffer, u64::from(position));
        buffer.truncate(cached);
        let (mut end, mut next) = (0, read.offset);
        while let Some(head) = Head::parse(&buffer[end..]) {
            if head.base_offset >= upto || head.size as usize > buffer.len() - end {
                break;
            }
            end += head.size as usize;
            next = head.last_offset + 1;
        }
        if end == 0 || cached < len as usize {
            return Ok(None);
        }
        buffer.truncate(end);
        self.places.note(base, next, position + end as u32);
        Ok(Some(FileRange { log: read.log, segment: base, position: u64::from(position), len: end as u32 }))
    }

    /// The first record at or after the log's start and below `upto` whose timestamp is at least `timestamp`, as offset
    /// and timestamp.
    ///
    /// # Errors
    /// Any disk error, or a damaged batch.
    pub fn find_time(&mut self, timestamp: Millis, upto: Offset) -> DiskResult<Option<(Offset, Millis)>> {
        for i in self.segment_floor(self.start)..self.segments.len() {
            if self.segments[i].base >= upto {
                break;
            }
            self.ensure_indexed(i)?;
            let segment = &self.segments[i];
            if segment.max.is_none_or(|(max, _)| max < timestamp) {
                continue;
            }
            let floor = segment.time_floor(&self.disk, &self.dir, |t, _| t <= timestamp)?;
            let from = floor.map_or(self.start, |(_, offset)| offset).max(self.start);
            let position = segment.position_of(&self.disk, &self.dir, from)?;
            let (file, size) = (self.segment_file(self.segments[i].base)?, self.segments[i].size);
            let mut walk = Walk::new(&file, u64::from(position), u64::from(size), HOP_BYTES);
            while let Some((at, head)) = walk.next()? {
                if head.base_offset >= upto {
                    return Ok(None);
                }
                if head.max_timestamp < timestamp || head.last_offset < self.start {
                    continue;
                }
                let batch = walk.batch(at, &head)?.unwrap_or(&[]);
                let found = records::find_time(batch, timestamp, self.start, DECODED_BYTES_MAX).map_err(|why| {
                    self.damage(&format!("the batch at offset {} is damaged: {why}", head.base_offset))
                })?;
                if let Some((offset, timestamp)) = found {
                    return Ok((offset < upto).then_some((offset, timestamp)));
                }
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp at or after the log's start and below `upto`, as offset and timestamp.
    ///
    /// # Errors
    /// Any disk error, or a damaged batch.
    pub fn max_timestamp(&mut self, upto: Offset) -> DiskResult<Option<(Offset, Millis)>> {
        let mut best: Option<Millis> = None;
        for i in self.segment_floor(self.start)..self.segments.len() {
            if self.segments[i].base >= upto {
                break;
            }
            best = best.max(self.segment_max(i, upto)?);
        }
        // The batch is known by its header; which record it is, and whether another one came first, the search tells.
        match best {
            Some(timestamp) => self.find_time(timestamp, upto),
            None => Ok(None),
        }
    }

    /// The largest timestamp of a segment's batches that begin below `upto` and end at or after the log's start.
    fn segment_max(&mut self, i: usize, upto: Offset) -> DiskResult<Option<Millis>> {
        self.ensure_indexed(i)?;
        let segment = &self.segments[i];
        let Some((max, _)) = segment.max else { return Ok(None) };
        if segment.base >= self.start && self.segment_end(i) <= upto {
            return Ok(Some(max));
        }
        // What the last time entry below `upto` says holds up to its offset; from there on headers tell.
        let floor = segment.time_floor(&self.disk, &self.dir, |_, offset| offset < upto)?;
        let floor = floor.filter(|(_, offset)| *offset >= self.start);
        let from = floor.map_or(self.start, |(_, offset)| offset);
        let position = segment.position_of(&self.disk, &self.dir, from)?;
        let (file, size) = (self.segment_file(self.segments[i].base)?, self.segments[i].size);
        let mut walk = Walk::new(&file, u64::from(position), u64::from(size), HOP_BYTES);
        let mut best = None;
        while let Some((at, head)) = walk.next()? {
            if head.base_offset >= upto {
                break;
            }
            if head.last_offset < self.start {
                continue;
            }
            if head.last_offset >= upto || head.base_offset < self.start {
                // Only a part of this batch counts.
                let batch = walk.batch(at, &head)?.unwrap_or(&[]);
                best = best.max(self.partial_max(batch, upto)?);
            } else if head.max_timestamp >= 0 {
                best = best.max(Some(head.max_timestamp));
            }
        }
        Ok(best)
    }

    fn partial_max(&self, batch: &[u8], upto: Offset) -> DiskResult<Option<Millis>> {
        let damaged = |why| self.damage(&format!("a batch is damaged: {why}"));
        let mut best = None;
        for record in &records::decode(batch, DECODED_BYTES_MAX).map_err(damaged)? {
            let record = record.map_err(damaged)?;
            if record.offset >= self.start && record.offset < upto && record.timestamp >= 0 {
                best = best.max(Some(record.timestamp));
            }
        }
        Ok(best)
    }

    /// All batches from the log's start on, as they stand in the files: only for small logs.
    ///
    /// # Errors
    /// Any disk error.
    pub fn read_all(&mut self) -> DiskResult<Vec<u8>> {
        let mut content = Vec::with_capacity(self.sizes_bytes as usize);
        for i in self.segment_floor(self.start)..self.segments.len() {
            let (base, size) = (self.segments[i].base, self.segments[i].size as usize);
            let from = match self.first_batch(i, self.start)? {
                Some((position, _)) => position as usize,
                None => continue,
            };
            let file = self.segment_file(base)?;
            let at = content.len();
            content.resize(at + size - from, 0);
            let read = file.read_at(&mut content[at..], from as u64)?;
            if read < size - from {
                return Err(self.damage(&format!("segment {base} is shorter than it was")));
            }
        }
        Ok(content)
    }

    /// The segment that holds `offset`, or the first one.
    pub(super) fn segment_floor(&self, offset: Offset) -> usize {
        self.segments.partition_point(|s| s.base <= offset).saturating_sub(1)
    }

    /// The offset after a segment's last one.
    pub(super) fn segment_end(&self, i: usize) -> Offset {
        self.segments.get(i + 1).map_or(self.end, |next| next.base)
    }

    /// Position and header of the first batch of a segment that ends at or after `offset`.
    pub(super) fn first_batch(&mut self, i: usize, offset: Offset) -> DiskResult<Option<(u64, Head)>> {
        let (position, chunk) = match self.places.take(self.segments[i].base, offset) {
            Some(position) => (position, HEADER_BYTES),
            None => {
                self.ensure_indexed(i)?;
                (self.segments[i].position_of(&self.disk, &self.dir, offset)?, HOP_BYTES)
            }
        };
        let size = self.segments[i].size;
        let file = self.segment_file(self.segments[i].base)?;
        let mut walk = Walk::new(&file, u64::from(position), u64::from(size), chunk);
        while let Some((at, head)) = walk.next()? {
            if head.last_offset >= offset {
                return Ok(Some((at, head)));
            }
        }
        Ok(None)
    }

    /// How many bytes of whole batches from `position`, where `first` stands, fit `max_bytes` and begin below `upto`;
    /// and the offset after them, where that is known.
    fn run_bytes(
        &mut self,
        i: usize,
        position: u64,
        first: &Head,
        upto: Offset,
        max_bytes: u32,
    ) -> DiskResult<(u32, Option<Offset>)> {
        let segment = &self.segments[i];
        let size = u64::from(segment.size);
        let limit = (position + u64::from(max_bytes.max(first.size))).min(size);
        if limit == size && upto >= self.segment_end(i) {
            return Ok(((size - position) as u32, Some(self.segment_end(i))));
        }
        let (mut end, mut next) = (position + u64::from(first.size), Some(first.last_offset + 1));
        // Over a short way headers are read quicker than the index.
        if limit - position > WALKED_BYTES_MAX {
            self.ensure_indexed(i)?;
            let near = u64::from(self.segments[i].indexed_before(&self.disk, &self.dir, limit as u32, upto)?);
            if near > end {
                (end, next) = (near, None);
            }
        }
        let file = self.segment_file(self.segments[i].base)?;
        let mut walk = Walk::new(&file, end, limit, HOP_BYTES).like(first.size);
        while let Some((_, head)) = walk.next()? {
            if head.base_offset >= upto {
                break;
            }
            (end, next) = (walk.position(), Some(head.last_offset + 1));
        }
        Ok(((end - position) as u32, next))
    }

    /// Looks at an old segment's index files, making them anew when they are missing or damaged.
    pub(super) fn ensure_indexed(&mut self, i: usize) -> DiskResult<()> {
        let interval = self.config.index_interval_bytes;
        if self.segments[i].indexed || self.segments[i].load_indexes(&self.disk, &self.dir, interval)? {
            return Ok(());
        }
        let (base, size, created) = (self.segments[i].base, self.segments[i].size, self.segments[i].created);
        let file = self.segment_file(base)?;
        let mut segment = Segment::empty(base, created);
        let mut walk = Walk::new(&file, 0, u64::from(size), HOP_BYTES);
        while let Some((_, head)) = walk.next()? {
            segment.note(&head, interval);
        }
        if segment.size != size {
            let at = segment.size;
            return Err(self.damage(&format!("segment {base} is damaged at byte {at}: no batch begins there")));
        }
        segment.rewrite_indexes(&self.disk, &self.dir)?;
        self.segments[i] = segment;
        Ok(())
    }
}
