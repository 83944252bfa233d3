//! `Walk`: from batch header to batch header through a segment file. Reads no more than it must.

use super::disk::{DiskFile, DiskResult};
use crate::types::{Epoch, Millis, Offset, ProducerId};

/// Bytes of a batch before its records.
pub(super) const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the length itself.
pub(super) const LENGTH_PREFIX_BYTES: usize = 12;
/// How much is read at once when only headers matter, in bytes.
pub(super) const HOP_BYTES: usize = 8 << 10;
/// How much is read at once when everything is read, in bytes.
pub(super) const SCAN_BYTES: usize = 256 << 10;

/// What the log needs of a batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub base_offset: Offset,
    pub last_offset: Offset,
    /// The whole batch, in bytes.
    pub size: u32,
    pub epoch: Epoch,
    pub attributes: i16,
    pub max_timestamp: Millis,
    pub producer_id: ProducerId,
}

impl Head {
    /// Reads a header; `None` when these bytes do not begin a batch of format 2.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<Head> {
        let h: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let int = |at: usize| i32::from_be_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
        let long = |at: usize| i64::from(int(at)) << 32 | i64::from(int(at + 4) as u32);
        let (base_offset, length, delta) = (long(0), int(8), int(23));
        if h[16] != 2 || base_offset < 0 || length < (HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32 || delta < 0 {
            return None;
        }
        Some(Head {
            base_offset,
            last_offset: base_offset.checked_add(i64::from(delta))?,
            size: length as u32 + LENGTH_PREFIX_BYTES as u32,
            epoch: int(12),
            attributes: i16::from_be_bytes([h[21], h[22]]),
            max_timestamp: long(35),
            producer_id: long(43),
        })
    }
}

/// A walk over the batches of a file between two positions.
pub(super) struct Walk<'a, F> {
    file: &'a F,
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
    chunk: usize,
    /// How much is read for the next header.
    hop: usize,
}

impl<'a, F: DiskFile> Walk<'a, F> {
    /// Walks from `position`, where a batch begins, up to `end`, reading `chunk` bytes at a time.
    pub(super) fn new(file: &'a F, position: u64, end: u64, chunk: usize) -> Self {
        Walk { file, next: position, end, buffer: Vec::new(), buffer_at: position, chunk, hop: chunk }
    }

    /// The same, where batches of `size` bytes are expected.
    pub(super) fn like(mut self, size: u32) -> Self {
        self.expect(size);
        self
    }

    /// Between large batches only headers are worth reading.
    fn expect(&mut self, size: u32) {
        let sparse = self.chunk <= HOP_BYTES && size as usize >= self.chunk;
        self.hop = if sparse { HEADER_BYTES } else { self.chunk };
    }

    /// Where the next batch begins; after the walk is over, where it stopped.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// The next batch's position and header. `None` at the end, or where no whole batch follows.
    pub(super) fn next(&mut self) -> DiskResult<Option<(u64, Head)>> {
        let at = self.next;
        if self.end.saturating_sub(at) < HEADER_BYTES as u64 || !self.fill(at, HEADER_BYTES, self.hop)? {
            return Ok(None);
        }
        let from = (at - self.buffer_at) as usize;
        match Head::parse(&self.buffer[from..]) {
            Some(head) if u64::from(head.size) <= self.end - at => {
                self.next = at + u64::from(head.size);
                self.expect(head.size);
                Ok(Some((at, head)))
            }
            _ => Ok(None),
        }
    }

    /// The header's bytes of the batch that [`Walk::next`] returned last.
    pub(super) fn header(&self, at: u64) -> Option<&[u8]> {
        let from = at.checked_sub(self.buffer_at)? as usize;
        self.buffer.get(from..from + HEADER_BYTES)
    }

    /// All bytes of the batch that [`Walk::next`] returned last; `None` when the file ends before.
    pub(super) fn batch(&mut self, at: u64, head: &Head) -> DiskResult<Option<&[u8]>> {
        let size = head.size as usize;
        if !self.fill(at, size, self.chunk)? {
            return Ok(None);
        }
        let from = (at - self.buffer_at) as usize;
        Ok(self.buffer.get(from..from + size))
    }

    /// Has `need` bytes from `at` in the buffer, reading `chunk` of them where that is more; false when the file does not
    /// hold them.
    fn fill(&mut self, at: u64, need: usize, chunk: usize) -> DiskResult<bool> {
        let have_to = self.buffer_at + self.buffer.len() as u64;
        if at >= self.buffer_at && at + need as u64 <= have_to {
            return Ok(true);
        }
        let want = need.max(chunk).min((self.end - at).try_into().unwrap_or(usize::MAX));
        self.buffer.resize(want, 0);
        let read = self.file.read_at(&mut self.buffer, at)?;
        self.buffer.truncate(read);
        self.buffer_at = at;
        Ok(read >= need)
    }
}
