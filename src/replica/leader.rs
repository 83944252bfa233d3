//! The leader of a partition: assigns offsets, knows what is on disk here and what its followers hold, moves the high
//! watermark.
//!
//! Invariants, after every call:
//! - the high watermark and the start never go back;
//! - nothing above the high watermark is shown to a consumer or counted as acknowledged for acks=all;
//! - with [`Durability::Disk`] the high watermark never passes what is synced while a record is acknowledged by it;
//! - the high watermark never passes what a member of the maximal in-sync set has fetched in this leader epoch, and
//!   does not move while fewer are in sync than `min.insync.replicas` (KIP-966).

use super::epochs::{Assigned, Epochs};
use super::follower::Follower;
use super::isr::{Assignment, Isr, IsrChange, Moment, Refused};
use super::local::Local;
use crate::error::ErrorCode;
use crate::event::Opened;
use crate::record::batch::BatchHeader;
use crate::record::producer::{Producers, Verdict};
use crate::types::{Epoch, LogId, Millis, NodeId, Offset};

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
    /// Where the log ended when this epoch began.
    epoch_start: Offset,
    pub(super) local: Local,
    isr: Isr,
}

impl Leader {
    /// A leader of a log that was just opened. `high_watermark` is what was last known of it; with a single replica
    /// what is in the log after recovery is committed, and it is the log's end.
    pub fn new(
        now: Millis,
        log: LogId,
        generation: u32,
        assignment: &Assignment,
        opened: Opened,
        high_watermark: Offset,
        durability: Durability,
    ) -> Self {
        Leader::lead(now, log, generation, assignment, Local::new(opened, high_watermark, durability))
    }

    /// A follower is the leader from here on, in a new leader epoch.
    pub fn take_over(now: Millis, follower: Follower, assignment: &Assignment) -> Self {
        assert!(assignment.leader_epoch > follower.epoch, "leads again in an old leader epoch");
        Leader::lead(now, follower.log, follower.generation, assignment, follower.local)
    }

    fn lead(now: Millis, log: LogId, generation: u32, assignment: &Assignment, local: Local) -> Self {
        Leader {
            log,
            generation,
            epoch: assignment.leader_epoch,
            epoch_start: local.end,
            local,
            isr: Isr::new(now, assignment),
        }
    }

    /// First offset that may be read.
    pub fn start(&self) -> Offset {
        self.local.start
    }

    /// First offset that a consumer may not read yet.
    pub fn high_watermark(&self) -> Offset {
        self.local.high_watermark
    }

    /// Offset of the next record.
    pub fn end(&self) -> Offset {
        self.local.end
    }

    /// First offset that is not in the page cache yet.
    pub fn appended(&self) -> Offset {
        self.local.appended
    }

    /// Leader epochs.
    pub fn epochs(&self) -> &Epochs {
        &self.local.epochs
    }

    /// Idempotent producers.
    pub fn producers(&self) -> &Producers {
        &self.local.producers
    }

    /// The promise that is live.
    pub fn durability(&self) -> Durability {
        self.local.durability
    }

    /// Who is in sync, as the controller has it.
    pub fn isr(&self) -> &[NodeId] {
        self.isr.members()
    }

    /// Whether that node, another one, is to have a copy.
    pub fn has_replica(&self, node: NodeId) -> bool {
        self.isr.has_follower(node)
    }

    /// Whether other nodes have copies.
    pub fn has_followers(&self) -> bool {
        !self.isr.is_alone()
    }

    /// Fewer are in sync than `min.insync.replicas` asks for: acks=all is refused, and nothing more is committed.
    pub fn is_under_min_isr(&self) -> bool {
        self.isr.is_under_min()
    }

    /// Whether everything that earlier leaders acknowledged is below the high watermark: it may lag in a new epoch until
    /// the in-sync replicas have fetched (KIP-207).
    pub fn knows_high_watermark(&self) -> bool {
        self.local.high_watermark >= self.epoch_start
    }

    /// Where a log whose last record before `offset` is of `last_epoch` parts from this one, if it does: the largest
    /// epoch not above `last_epoch`, and where it ends here (KIP-279, KIP-595).
    pub fn diverging(&self, last_epoch: Epoch, offset: Offset) -> Option<(Epoch, Offset)> {
        match self.local.epochs.end_of(last_epoch, self.local.end) {
            Some((epoch, end)) => (epoch < last_epoch || end < offset).then_some((epoch, end)),
            // All that is here is of later epochs.
            None => {
                let first = self.local.epochs.entries().first().map_or(self.local.end, |(_, first)| *first);
                (first < offset).then_some((last_epoch, first))
            }
        }
    }

    /// Another promise from here on. What is acknowledged stays so.
    pub fn set_durability(&mut self, durability: Durability) -> Moved {
        self.local.durability = durability;
        self.advance_and_sync()
    }

    /// Another `min.insync.replicas`.
    pub fn set_min_isr(&mut self, min_isr: usize) -> Moved {
        self.isr.set_min(min_isr);
        self.advance()
    }

    /// Checks a batch against epoch and sequence, and gives it its offsets. The caller appends it next.
    ///
    /// # Errors
    /// The idempotent producer's codes: OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH.
    pub fn accept(&mut self, now: Millis, header: &BatchHeader) -> Result<Accepted, ErrorCode> {
        let records = Offset::from(header.last_offset_delta) + 1;
        if let Verdict::Duplicate { base_offset, timestamp } = self.local.producers.check(header)? {
            return Ok(Accepted::Duplicate { base: base_offset, end: base_offset + records, timestamp });
        }
        let base = self.local.end;
        self.local.end = base + records;
        self.local.producers.apply(header, base, now);
        let new_epoch = self.local.epochs.assign(self.epoch, base) == Assigned::New;
        Ok(Accepted::Append { base, end: self.local.end, new_epoch })
    }

    /// A batch is refused for now. Where it is a producer's first one, its later ones, already on their way, must not take
    /// its place: nothing else is known of a producer without a batch in the log.
    pub fn refused_for_now(&mut self, now: Millis, batch: &[u8]) {
        let Ok(header) = BatchHeader::peek(batch) else { return };
        if header.has_producer() && header.base_sequence == 0 {
            let mut first = Producers::new();
            first.apply(&header, 0, now);
            self.local.producers.expect_first(&first);
        }
    }

    /// The page cache holds everything below `end`.
    pub fn appended_to(&mut self, now: Millis, end: Offset) -> Moved {
        self.local.appended_to(now, end);
        self.advance_and_sync()
    }

    /// The disk holds everything below `end`.
    pub fn synced_to(&mut self, now: Millis, end: Offset) -> Moved {
        self.local.synced_to(now, end);
        self.advance_and_sync()
    }

    /// When `flush.ms` wants a sync, if nothing else asks for one before.
    pub fn flush_deadline(&self) -> Option<Millis> {
        self.local.flush_deadline()
    }

    /// Whether time alone asks for a sync now.
    pub fn flush_due(&mut self, now: Millis) -> bool {
        self.local.flush_due(now)
    }

    /// The log's start moved.
    pub fn trimmed_to(&mut self, start: Offset) {
        self.local.trimmed_to(start);
    }

    /// Forgets producers that were silent for `expire_ms`.
    pub fn expire_producers(&mut self, now: Millis, expire_ms: i64) {
        self.local.producers.expire(now, expire_ms);
    }

    /// A follower asks for what comes at `offset`: it holds everything below, as safely as it promises to. The caller
    /// has checked that their logs agree below it.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER where that node has no copy, or a later life of it has fetched already.
    pub fn fetched_by(
        &mut self,
        now: Millis,
        node: NodeId,
        broker_epoch: i64,
        offset: Offset,
    ) -> Result<Moved, ErrorCode> {
        assert!(offset <= self.local.end, "a follower ahead of its leader");
        self.isr.fetched(now, node, broker_epoch, offset, self.local.end)?;
        Ok(self.advance())
    }

    /// Whether [`Leader::isr_change`] may let this follower in, after a fetch of it.
    pub fn may_grow_by(&self, node: NodeId) -> bool {
        self.isr.may_grow_by(node, self.local.high_watermark, self.epoch_start)
    }

    /// Whether [`Leader::isr_change`] has something to propose because time has passed, or again.
    pub fn wants_isr_change(&self, now: Millis, lag_max_ms: i64) -> bool {
        self.isr.wants_change(now, lag_max_ms, self.local.end)
    }

    /// The change of the in-sync set to propose to the controller now, if any: without those who were behind for longer
    /// than `lag_max_ms`, with those who have caught up and `may_join`, which is given node and broker epoch. It is open
    /// from here on: [`Leader::isr_taken`] or [`Leader::isr_refused`] ends it, or what the controller publishes.
    pub fn isr_change(
        &mut self,
        now: Millis,
        lag_max_ms: i64,
        may_join: &dyn Fn(NodeId, i64) -> bool,
    ) -> Option<IsrChange> {
        let (end, high_watermark) = (self.local.end, self.local.high_watermark);
        let at = Moment { now, lag_max_ms, end, high_watermark, epoch_start: self.epoch_start };
        self.isr.change(at, self.epoch, may_join)
    }

    /// The controller's answer: the set is this, as of a partition epoch. One of an earlier partition epoch is old news.
    pub fn isr_taken(&mut self, leader_epoch: Epoch, partition_epoch: Epoch, isr: Vec<NodeId>) -> Moved {
        if leader_epoch != self.epoch || !self.isr.taken(partition_epoch, isr) {
            return Moved::default();
        }
        self.advance()
    }

    /// The controller did not take a change, or its answer was lost.
    pub fn isr_refused(&mut self, asked: &IsrChange, code: ErrorCode) -> (Refused, Moved) {
        let refused = self.isr.refused(asked, code);
        (refused, self.advance())
    }

    /// The controller has published the partition anew, and this node leads it, still or in a new leader epoch. Old news
    /// changes nothing.
    pub fn assigned(&mut self, now: Millis, assignment: &Assignment) -> Moved {
        if assignment.leader_epoch > self.epoch {
            (self.epoch, self.epoch_start) = (assignment.leader_epoch, self.local.end);
            self.isr = Isr::new(now, assignment);
        } else if !self.isr.published(now, assignment) {
            return Moved::default();
        }
        self.advance()
    }

    /// The partition epoch of what is known of the partition.
    pub fn partition_epoch(&self) -> Epoch {
        self.isr.partition_epoch()
    }

    fn advance_and_sync(&mut self) -> Moved {
        let moved = self.advance();
        self.local.moved(moved.high_watermark)
    }

    fn advance(&mut self) -> Moved {
        let safe = self.local.safe();
        let upto = if self.isr.is_alone() { Some(safe) } else { self.isr.committed(safe) };
        let high_watermark = upto.is_some_and(|upto| self.local.commit(upto));
        Moved { high_watermark, sync: false }
    }
}
