//! The log against a model: what was appended, in order, and nothing else, whatever happens to the disk.

mod compaction;
mod crash;
mod cut;
mod damage;
mod lookup;
mod retention;

use super::memory::MemoryDisk;
use super::{AppendBatch, DiskResult, Log, LogConfig, Opening, Recovered, exists};
use crate::event::{LogName, Read};
use crate::log::DiskFile;
use crate::record::{BatchHeader, Builder, Codec};
use crate::types::{LogId, Millis, Offset, TopicId};
use std::sync::Arc;

/// The folder of the one log there is.
pub(super) const DIR: &str = "topic-0";

pub(super) fn name() -> LogName {
    LogName { topic: "topic".into(), topic_id: TopicId::from_text("GWWRBfA4S5qG1yQbCgT5sg").unwrap(), partition: 0 }
}

/// Chance from a seed (splitmix64).
pub(super) struct Chance(pub u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A batch of records with these timestamps, keys and values.
pub(super) fn batch_of(records: &[(Millis, Option<&str>, Option<&str>)]) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    for (timestamp, key, value) in records {
        builder.push(*timestamp, key.map(str::as_bytes), value.map(str::as_bytes), &[]);
    }
    builder.finish()
}

/// A log and what should be in it.
pub(super) struct Model {
    pub disk: MemoryDisk,
    pub log: Log<MemoryDisk>,
    pub config: Arc<LogConfig>,
    pub now: Millis,
    /// Base offset and bytes of each batch appended.
    pub batches: Vec<(Offset, Vec<u8>)>,
}

impl Model {
    pub(super) fn new(config: LogConfig) -> Model {
        let (disk, config) = (MemoryDisk::new(), Arc::new(config));
        let log = Log::create(disk.clone(), &name(), config.clone(), 0).unwrap();
        Model { disk, log, config, now: 0, batches: Vec::new() }
    }

    pub(super) fn append(&mut self, batches: &[Vec<u8>]) -> DiskResult<bool> {
        let mut next = self.log.end();
        let mut patched = Vec::new();
        for bytes in batches {
            let mut bytes = bytes.clone();
            crate::record::batch::patch(&mut bytes, next, 7);
            patched.push((next, bytes));
            next = BatchHeader::peek(&patched.last().unwrap().1).unwrap().next_offset();
        }
        let all: Vec<AppendBatch<'_>> = batches
            .iter()
            .zip(&patched)
            .map(|(bytes, (base_offset, _))| AppendBatch { base_offset: *base_offset, epoch: 7, bytes })
            .collect();
        // A crash may keep what an append that failed had written.
        self.batches.extend(patched);
        let done = self.log.append(self.now, &all)?;
        assert_eq!(done.end, next);
        Ok(done.rolled)
    }

    pub(super) fn sync(&mut self) -> DiskResult<Offset> {
        let dirty = self.log.take_dirty();
        dirty.sync(&self.disk)?;
        self.log.synced(dirty.end);
        Ok(dirty.end)
    }

    pub(super) fn reopen(&mut self, disk: MemoryDisk, how: Opening) -> Recovered {
        self.disk = disk.clone();
        if !exists(&disk, &name()).unwrap() {
            // A crash has taken it: nothing in it was ever synced.
            self.log = Log::create(disk, &name(), self.config.clone(), self.now).unwrap();
            return Recovered { scanned: !how.clean, ..Recovered::default() };
        }
        let (log, found) = Log::open(disk, &name(), self.config.clone(), how, self.now).unwrap();
        assert_eq!((log.start(), log.end()), (found.start, found.end));
        self.log = log;
        found
    }

    /// Closes the log and opens it again, as after a clean stop.
    pub(super) fn restart(&mut self) -> Recovered {
        let (start, recovery_point) = (self.log.start(), self.log.end());
        let fresh = MemoryDisk::new();
        let config = self.config.clone();
        let other = Log::create(fresh, &name(), config, 0).unwrap();
        std::mem::replace(&mut self.log, other).close().unwrap();
        let found = self.reopen(self.disk.kill(), Opening { clean: true, recovery_point, log_start: start });
        assert!(!found.scanned, "{:?}", found.notes);
        found
    }

    /// Drops from the model what the log no longer has at its end.
    pub(super) fn forget_above(&mut self, end: Offset) {
        self.batches.retain(|(base, _)| *base < end);
    }

    /// Reads everything and compares.
    pub(super) fn check(&mut self, chance: &mut Chance) {
        let mut offset = self.log.start();
        let mut expected =
            self.batches.iter().filter(|(_, bytes)| BatchHeader::peek(bytes).unwrap().next_offset() > offset);
        let mut expected: Vec<_> = expected.by_ref().cloned().collect();
        expected.reverse();
        while offset < self.log.end() {
            let max_bytes = 1 + chance.below(2000) as u32;
            let upto = if chance.below(2) == 0 { self.log.end() } else { offset + 1 + chance.below(20) as i64 };
            let bytes = read(&mut self.log, offset, upto, max_bytes).expect("an offset within the log is readable");
            let mut position = 0;
            while position < bytes.len() {
                let header = BatchHeader::peek(&bytes[position..]).unwrap();
                let (base, model) = expected.pop().expect("no batch that was never appended");
                assert_eq!(header.base_offset, base, "the batches come in order");
                assert!(base < upto, "no batch begins at or above the limit");
                assert!(
                    position == 0 || position + header.size() <= max_bytes as usize,
                    "no more bytes than asked for"
                );
                assert_eq!(bytes[position..position + header.size()], model, "batch at {base}");
                position += header.size();
                offset = header.next_offset();
            }
        }
        assert!(expected.is_empty(), "batches are missing from {} on", expected.last().unwrap().0);
    }
}

/// Reads as a fetch does.
pub(super) fn read(log: &mut Log<MemoryDisk>, offset: Offset, upto: Offset, max_bytes: u32) -> Option<Vec<u8>> {
    let read = Read { log: LogId(0), offset, upto, max_bytes, at_least_one: true };
    let range = log.locate(&read).unwrap()?;
    let file = log.file_of(&range).unwrap().expect("the segment is there");
    let mut bytes = vec![0; range.len as usize];
    assert_eq!(file.read_at(&mut bytes, range.position).unwrap(), bytes.len(), "the range is within the file");
    Some(bytes)
}

/// Small segments and many index entries, so that short tests see much of both.
pub(super) fn small() -> LogConfig {
    LogConfig { segment_bytes: 2000, index_interval_bytes: 200, file_delete_delay_ms: 0, ..LogConfig::default() }
}
