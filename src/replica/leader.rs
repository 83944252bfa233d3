//! The leader of a partition: assigns offsets, knows what is on disk, moves the high watermark.
//!
//! Invariants, after every call:
//! - `start <= high_watermark <= appended <= end`, and `synced <= appended`;
//! - the high watermark and the start never go back;
//! - nothing above the high watermark is shown to a consumer or counted as acknowledged for acks=all;
//! - with [`Durability::Disk`] the high watermark never passes `synced` while a record is acknowledged by it.

use super::epochs::{Assigned, Epochs};
use crate::error::ErrorCode;
use crate::event::Opened;
use crate::record::batch::BatchHeader;
use crate::record::producer::{Producers, Verdict};
use crate::types::{Epoch, LogId, Millis, Offset};

/// What "acknowledged" promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On disk: the high watermark follows what is synced.
    Disk,
    /// In the page cache, synced every so many records or milliseconds: Kafka's promise.
    PageCache {
        /// Records.
        flush_messages: i64,
        /// Milliseconds.
        flush_ms: i64,
    },
}

impl Durability {
    /// The promise that `flush.messages` and `flush.ms` express.
    pub fn of(flush_messages: i64, flush_ms: i64) -> Durability {
        if flush_messages <= 1 { Durability::Disk } else { Durability::PageCache { flush_messages, flush_ms } }
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is to be appended at this offset; the batch after it begins at `end`.
    Append {
        /// Offset of its first record.
        base: Offset,
        /// Offset after its last record.
        end: Offset,
        /// The leader epoch began with it: save the epochs.
        new_epoch: bool,
    },
    /// It is in the log already.
    Duplicate {
        /// Offset of its first record.
        base: Offset,
        /// Offset after its last record.
        end: Offset,
        /// The timestamp it was given, for LogAppendTime.
        timestamp: Millis,
    },
}

/// What a completion changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The high watermark is higher now.
    pub high_watermark: bool,
    /// A sync is to be asked for.
    pub sync: bool,
}

/// The leader of one partition.
#[derive(Debug)]
pub struct Leader {
    /// The log.
    pub log: LogId,
    /// Completions with another generation are about a log that is no longer there.
    pub generation: u32,
    /// The leader epoch: stamped on every batch.
    pub epoch: Epoch,
    start: Offset,
    high_watermark: Offset,
    synced: Offset,
    appended: Offset,
    end: Offset,
    epochs: Epochs,
    producers: Producers,
    durability: Durability,
    sync_in_flight: bool,
    dirty_since: Option<Millis>,
    dirty_from: Offset,
}

impl Leader {
    /// A leader of a log that was just opened.
    pub fn new(log: LogId, generation: u32, epoch: Epoch, opened: Opened, durability: Durability) -> Self {
        assert!(opened.start <= opened.end, "a log that starts above its end");
        Leader {
            log,
            generation,
            epoch,
            start: opened.start,
            // One replica: what is in the log after recovery is committed. Recovery has synced what it kept.
            high_watermark: opened.end,
            synced: opened.synced,
            appended: opened.end,
            end: opened.end,
            epochs: Epochs::new(opened.epochs),
            producers: opened.producers,
            durability,
            sync_in_flight: false,
            dirty_since: None,
            dirty_from: opened.end,
        }
    }

    /// First offset that may be read.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// First offset that a consumer may not read yet.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Offset of the next record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// First offset that is not in the page cache yet.
    pub fn appended(&self) -> Offset {
        self.appended
    }

    /// Leader epochs.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Idempotent producers.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// The promise that is live.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Another promise from here on. What is acknowledged stays so.
    pub fn set_durability(&mut self, durability: Durability) -> Moved {
        self.durability = durability;
        let moved = self.advance();
        Moved { sync: self.wants_sync(), ..moved }
    }

    /// Checks a batch against epoch and sequence, and gives it its offsets. The caller appends it next.
    ///
    /// # Errors
    /// The idempotent producer's codes: OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH.
    pub fn accept(&mut self, now: Millis, header: &BatchHeader) -> Result<Accepted, ErrorCode> {
        let records = Offset::from(header.last_offset_delta) + 1;
        if let Verdict::Duplicate { base_offset, timestamp } = self.producers.check(header)? {
            return Ok(Accepted::Duplicate { base: base_offset, end: base_offset + records, timestamp });
        }
        let base = self.end;
        self.end = base + records;
        self.producers.apply(header, base, now);
        let new_epoch = self.epochs.assign(self.epoch, base) == Assigned::New;
        Ok(Accepted::Append { base, end: self.end, new_epoch })
    }

    /// The page cache holds everything below `end`.
    pub fn appended_to(&mut self, now: Millis, end: Offset) -> Moved {
        assert!(
            end >= self.appended && end <= self.end,
            "append ends at {end}, not in {}..={}",
            self.appended,
            self.end
        );
        self.appended = end;
        self.dirty_since.get_or_insert(now);
        let moved = self.advance();
        Moved { sync: self.wants_sync(), ..moved }
    }

    /// The disk holds everything below `end`.
    pub fn synced_to(&mut self, now: Millis, end: Offset) -> Moved {
        self.sync_in_flight = false;
        self.synced = self.synced.max(end.min(self.appended));
        self.dirty_from = self.synced;
        self.dirty_since = (self.synced < self.appended).then_some(now);
        let moved = self.advance();
        Moved { sync: self.wants_sync(), ..moved }
    }

    /// When `flush.ms` wants a sync, if nothing else asks for one before.
    pub fn flush_deadline(&self) -> Option<Millis> {
        match self.durability {
            Durability::PageCache { flush_ms, .. } if !self.sync_in_flight => {
                self.dirty_since.map(|since| since.saturating_add(flush_ms))
            }
            _ => None,
        }
    }

    /// Whether time alone asks for a sync now.
    pub fn flush_due(&mut self, now: Millis) -> bool {
        let due = self.flush_deadline().is_some_and(|deadline| deadline <= now);
        self.sync_in_flight |= due;
        due
    }

    /// The log's start moved.
    pub fn trimmed_to(&mut self, start: Offset) {
        self.start = self.start.max(start);
        self.high_watermark = self.high_watermark.max(self.start);
        self.appended = self.appended.max(self.start);
        self.end = self.end.max(self.start);
        self.epochs.trim_to(self.start);
    }

    /// Forgets producers that were silent for `expire_ms`.
    pub fn expire_producers(&mut self, now: Millis, expire_ms: i64) {
        self.producers.expire(now, expire_ms);
    }

    fn wants_sync(&mut self) -> bool {
        if self.sync_in_flight || self.synced >= self.appended {
            return false;
        }
        let wants = match self.durability {
            Durability::Disk => true,
            Durability::PageCache { flush_messages, .. } => self.appended - self.dirty_from >= flush_messages,
        };
        self.sync_in_flight = wants;
        wants
    }

    fn advance(&mut self) -> Moved {
        let safe = match self.durability {
            Durability::Disk => self.synced,
            Durability::PageCache { .. } => self.appended,
        };
        let before = self.high_watermark;
        self.high_watermark = before.max(safe);
        assert!(self.start <= self.high_watermark && self.high_watermark <= self.appended && self.appended <= self.end);
        Moved { high_watermark: self.high_watermark > before, sync: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::builder::Builder;
    use crate::record::compress::Codec;

    fn leader(durability: Durability) -> Leader {
        Leader::new(LogId(1), 1, 0, Opened::default(), durability)
    }

    fn batch(records: usize) -> BatchHeader {
        let mut builder = Builder::new(Codec::None, None);
        (0..records).for_each(|_| builder.push(0, None, Some(b"v"), &[]));
        BatchHeader::peek(&builder.finish()).expect("a batch")
    }

    #[test]
    fn the_high_watermark_follows_the_disk() {
        let mut leader = leader(Durability::Disk);
        leader.accept(0, &batch(3)).expect("accepted");
        assert_eq!(leader.appended_to(0, 3), Moved { high_watermark: false, sync: true });
        leader.accept(0, &batch(2)).expect("accepted");
        assert_eq!(leader.appended_to(0, 5), Moved { high_watermark: false, sync: false }, "one sync at a time");
        assert_eq!(leader.synced_to(0, 3), Moved { high_watermark: true, sync: true });
        assert_eq!((leader.high_watermark(), leader.end()), (3, 5));
        assert_eq!(leader.synced_to(0, 5), Moved { high_watermark: true, sync: false });
    }

    #[test]
    fn the_page_cache_promise_syncs_by_count_and_by_time() {
        let mut leader = leader(Durability::PageCache { flush_messages: 4, flush_ms: 100 });
        leader.accept(0, &batch(3)).expect("accepted");
        assert_eq!(leader.appended_to(7, 3), Moved { high_watermark: true, sync: false });
        assert_eq!(leader.flush_deadline(), Some(107));
        assert!(!leader.flush_due(106) && leader.flush_due(107) && !leader.flush_due(108));
        leader.synced_to(107, 3);
        leader.accept(0, &batch(4)).expect("accepted");
        assert_eq!(leader.appended_to(108, 7), Moved { high_watermark: true, sync: true });
    }

    #[test]
    fn a_stronger_promise_takes_nothing_back() {
        let mut leader = leader(Durability::PageCache { flush_messages: i64::MAX, flush_ms: i64::MAX });
        leader.accept(0, &batch(3)).expect("accepted");
        leader.appended_to(0, 3);
        let moved = leader.set_durability(Durability::Disk);
        assert_eq!((moved.sync, leader.high_watermark()), (true, 3));
        leader.accept(0, &batch(1)).expect("accepted");
        leader.appended_to(0, 4);
        assert_eq!(leader.high_watermark(), 3, "from here on only what is on disk");
    }

    #[test]
    fn deleted_records_move_the_start_only_forward() {
        let mut leader = leader(Durability::Disk);
        leader.accept(0, &batch(9)).expect("accepted");
        leader.appended_to(0, 9);
        leader.synced_to(0, 9);
        leader.trimmed_to(5);
        leader.trimmed_to(2);
        assert_eq!((leader.start(), leader.high_watermark(), leader.epochs().entries()), (5, 9, &[(0, 5)][..]));
    }
}
