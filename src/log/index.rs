//! `Index`: the entries of an `.index` or `.timeindex` file, the newest of them in memory. One write of up to 4 KiB for
//! some two megabytes of log, and no file stays open. Never trusted after an unclean stop.

use super::disk::{DiskFile, DiskResult};
use crate::types::{Millis, Offset};

/// Entries are kept in memory up to so many bytes before they go to the file.
const TAIL_BYTES_MAX: usize = 4080;
/// A search reads the rest in one go once it is down to so many bytes.
const BLOCK_BYTES: usize = 4080;

/// Bytes of an offset index entry: relative offset (4), position (4).
pub(super) const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of a time index entry: timestamp (8), relative offset (4).
pub(super) const TIME_ENTRY_BYTES: usize = 12;

/// Entries of `W` bytes, growing in every field.
#[derive(Debug, Default)]
pub(super) struct Index<const W: usize> {
    /// Entries in the file.
    stored: u32,
    /// Entries after those.
    tail: Vec<[u8; W]>,
}

pub(super) type OffsetIndex = Index<OFFSET_ENTRY_BYTES>;
pub(super) type TimeIndex = Index<TIME_ENTRY_BYTES>;

impl<const W: usize> Index<W> {
    /// An index whose file holds `bytes`; `None` when that is no whole number of entries.
    pub(super) fn stored(bytes: u64) -> Option<Self> {
        let stored = u32::try_from(bytes / W as u64).ok()?;
        bytes.is_multiple_of(W as u64).then_some(Index { stored, tail: Vec::new() })
    }

    /// Number of entries.
    pub(super) fn len(&self) -> u32 {
        self.stored + self.tail.len() as u32
    }

    /// Adds an entry in memory; true when it is time for [`Index::flush`].
    pub(super) fn push(&mut self, entry: [u8; W]) -> bool {
        self.tail.push(entry);
        self.tail.len() >= TAIL_BYTES_MAX / W
    }

    /// Writes to the file what is only in memory.
    pub(super) fn flush<F: DiskFile>(&mut self, file: &F) -> DiskResult<()> {
        if !self.tail.is_empty() {
            file.write_at(&[self.tail.as_flattened()], u64::from(self.stored) * W as u64)?;
            self.stored += self.tail.len() as u32;
            self.tail.clear();
        }
        Ok(())
    }

    /// True when nothing waits for [`Index::flush`].
    pub(super) fn is_flushed(&self) -> bool {
        self.tail.is_empty()
    }

    /// The last entry, if any.
    pub(super) fn last<F: DiskFile>(&self, open: impl FnOnce() -> DiskResult<F>) -> DiskResult<Option<[u8; W]>> {
        self.last_where(open, |_| true)
    }

    /// The last entry for which `holds`, which is true for some first entries and false for all others.
    pub(super) fn last_where<F: DiskFile>(
        &self,
        open: impl FnOnce() -> DiskResult<F>,
        holds: impl Fn(&[u8; W]) -> bool,
    ) -> DiskResult<Option<[u8; W]>> {
        if self.stored == 0 || self.tail.first().is_some_and(&holds) {
            let n = self.tail.partition_point(&holds);
            return Ok(n.checked_sub(1).map(|i| self.tail[i]));
        }
        let file = open()?;
        // Entry `low - 1` holds (or low is 0), entry `high` does not (or is the first in memory).
        let (mut low, mut high) = (0u32, self.stored);
        let mut found = None;
        while (high - low) as usize > BLOCK_BYTES / W {
            let middle = low + (high - low) / 2;
            let mut entry = [0; W];
            if file.read_at(&mut entry, u64::from(middle) * W as u64)? < W {
                return Ok(found);
            }
            if holds(&entry) {
                found = Some(entry);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut block = [0; BLOCK_BYTES];
        let block = &mut block[..(high - low) as usize * W];
        let read = file.read_at(block, u64::from(low) * W as u64)?;
        let (entries, _) = block[..read].as_chunks::<W>();
        let n = entries.partition_point(&holds);
        Ok(n.checked_sub(1).map(|i| entries[i]).or(found))
    }
}

/// An offset index entry: the last offset of a batch, relative to the segment's base, and where the batch begins.
pub(super) fn offset_entry(relative: u32, position: u32) -> [u8; OFFSET_ENTRY_BYTES] {
    (u64::from(relative) << 32 | u64::from(position)).to_be_bytes()
}

/// The fields of an offset index entry: relative offset, position.
pub(super) fn read_offset_entry(entry: &[u8; OFFSET_ENTRY_BYTES]) -> (u32, u32) {
    let both = u64::from_be_bytes(*entry);
    ((both >> 32) as u32, both as u32)
}

/// A time index entry: the largest timestamp so far, and the last offset of the batch that brought it.
pub(super) fn time_entry(timestamp: Millis, relative: u32) -> [u8; TIME_ENTRY_BYTES] {
    let mut entry = [0; TIME_ENTRY_BYTES];
    entry[..8].copy_from_slice(&timestamp.to_be_bytes());
    entry[8..].copy_from_slice(&relative.to_be_bytes());
    entry
}

/// The fields of a time index entry: timestamp, relative offset.
pub(super) fn read_time_entry(e: &[u8; TIME_ENTRY_BYTES]) -> (Millis, Offset) {
    let timestamp = i64::from_be_bytes([e[0], e[1], e[2], e[3], e[4], e[5], e[6], e[7]]);
    (timestamp, i64::from(u32::from_be_bytes([e[8], e[9], e[10], e[11]])))
}
