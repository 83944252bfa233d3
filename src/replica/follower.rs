//! A follower of a partition: asks its leader for what comes after its own safe end, cuts off what the leader does not
//! have, and learns the high watermark.
//!
//! - It asks only when all that it holds is as safe as its promise says, so that what the leader sees of it counts.
//! - Both are in the same leader epoch, or nothing happens (KIP-320). Logs are cut by epoch, never to a high watermark
//!   (KIP-101), again and again until they agree (KIP-279).
//! - A reply counts only for the question that is open.

use super::epochs::{Assigned, Epochs};
use super::leader::{Durability, Leader, Moved};
use super::local::Local;
use crate::error::ErrorCode;
use crate::event::Opened;
use crate::record::batch;
use crate::record::compact::filler;
use crate::record::producer::Producers;
use crate::types::{Epoch, LogId, Millis, NodeId, Offset};
use std::borrow::Cow;

/// After an answer that time will mend (the leader has yet to hear of its epoch), the follower waits so long, in
/// milliseconds.
pub const FOLLOW_RETRY_MS: i64 = 50;
/// After any other refusal.
pub const FOLLOW_BACKOFF_MS: i64 = 1_000;

/// Where a follower wants to read on, and what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// It holds everything below.
    pub offset: Offset,
    /// The leader epoch of its last record; -1 without one.
    pub last_epoch: Epoch,
    /// The leader epoch it is in.
    pub epoch: Epoch,
    /// Its log's start.
    pub start: Offset,
}

/// A leader's answer for one partition.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The leader's code.
    pub error: ErrorCode,
    /// The leader's high watermark; negative when it told none.
    pub high_watermark: Offset,
    /// The leader's log start; negative when it told none.
    pub start: Offset,
    /// The logs part here: the leader's largest epoch that is not above the follower's last one, and where it ends.
    pub diverging: Option<(Epoch, Offset)>,
    /// Whole batches, one after the other; perhaps a part of one at the end.
    pub batches: &'a [u8],
}

/// One batch to append as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied<'a> {
    /// Offset of its first record: the log's end.
    pub base: Offset,
    /// Its leader epoch.
    pub epoch: Epoch,
    /// Its bytes.
    pub bytes: Cow<'a, [u8]>,
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Append these.
    Append {
        /// In order, without a gap.
        batches: Vec<Copied<'a>>,
        /// An epoch began with one of them: save the epochs first.
        new_epoch: bool,
    },
    /// Cut the log off here; this follower is to be made anew from what is left.
    Truncate(Offset),
    /// Throw everything away, and begin at this offset; this follower is to be made anew. The batches come first then.
    Restart(Offset, &'a [u8]),
    /// Nothing is to be done.
    Nothing,
    /// Ask again, but not before so many milliseconds have passed.
    Backoff(i64),
}

/// A follower of one partition.
#[derive(Debug)]
pub struct Follower {
    /// The log.
    pub log: LogId,
    /// Completions with another generation are about a log that is no longer there.
    pub generation: u32,
    /// The leader epoch.
    pub epoch: Epoch,
    /// Who leads; -1 is nobody, and this node itself while it may not lead in this epoch.
    pub leader: NodeId,
    pub(super) local: Local,
    /// The leader's high watermark: what is here of it is committed.
    told_high_watermark: Offset,
    /// The leader's log start.
    told_start: Offset,
    trim_asked: Offset,
    not_before: Millis,
}

impl Follower {
    /// A follower with a log that was just opened. `high_watermark` is what was last known of it.
    pub fn new(
        log: LogId,
        generation: u32,
        epoch: Epoch,
        leader: NodeId,
        opened: Opened,
        high_watermark: Offset,
        durability: Durability,
    ) -> Self {
        let local = Local::new(opened, high_watermark, durability);
        Follower::with(log, generation, epoch, leader, local)
    }

    /// A leader follows from here on.
    pub fn step_down(leader: Leader, epoch: Epoch, follows: NodeId) -> Self {
        Follower::with(leader.log, leader.generation, epoch, follows, leader.local)
    }

    fn with(log: LogId, generation: u32, epoch: Epoch, leader: NodeId, local: Local) -> Self {
        let (told_high_watermark, told_start) = (local.high_watermark, local.start);
        Follower {
            log,
            generation,
            epoch,
            leader,
            local,
            told_high_watermark,
            told_start,
            trim_asked: told_start,
            not_before: Millis::MIN,
        }
    }

    /// Another leader, or the same one in a new leader epoch.
    pub fn follow(&mut self, epoch: Epoch, leader: NodeId) {
        if epoch >= self.epoch && (epoch, leader) != (self.epoch, self.leader) {
            (self.epoch, self.leader, self.not_before) = (epoch, leader, Millis::MIN);
        }
    }

    /// First offset that may be read.
    pub fn start(&self) -> Offset {
        self.local.start
    }

    /// Everything below is committed, as far as is known here.
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

    /// Another promise from here on.
    pub fn set_durability(&mut self, durability: Durability) -> Moved {
        self.local.durability = durability;
        self.advance()
    }

    /// Where to read on. `None` while something that it holds is not safe yet, and for a while after a refusal.
    pub fn position(&self, now: Millis) -> Option<Position> {
        if now < self.not_before { None } else { self.place() }
    }

    /// After a refusal it does not ask before this.
    pub fn retry_at(&self) -> Millis {
        self.not_before
    }

    fn place(&self) -> Option<Position> {
        let local = &self.local;
        let all_safe = local.safe() >= local.end && local.appended == local.end;
        all_safe.then(|| Position {
            offset: local.end,
            last_epoch: local.epochs.latest(),
            epoch: self.epoch,
            start: local.start,
        })
    }

    /// Takes in the leader's answer to what was `asked`. An answer to anything else is too late, and does nothing.
    pub fn heard<'a>(&mut self, now: Millis, asked: &Position, heard: &Heard<'a>) -> Step<'a> {
        let open = self.place().map(|place| (place.offset, place.last_epoch, place.epoch));
        if open != Some((asked.offset, asked.last_epoch, asked.epoch)) {
            return Step::Nothing;
        }
        match heard.error {
            ErrorCode::None => {}
            // The leader's oldest record is younger than what we have, or our log is empty beyond its end.
            ErrorCode::OffsetOutOfRange
                if heard.start > self.local.end || (heard.start >= 0 && self.local.start == self.local.end) =>
            {
                return Step::Restart(heard.start, &[]);
            }
            ErrorCode::FencedLeaderEpoch | ErrorCode::UnknownLeaderEpoch | ErrorCode::NotLeaderOrFollower => {
                return self.back_off(now, FOLLOW_RETRY_MS);
            }
            _ => return self.back_off(now, FOLLOW_BACKOFF_MS),
        }
        if let Some((epoch, end)) = heard.diverging {
            return self.part(now, epoch, end, heard.start);
        }
        self.told_high_watermark = self.told_high_watermark.max(heard.high_watermark);
        self.told_start = self.told_start.max(heard.start);
        if let Some(base) = self.begins_within_a_batch(heard.batches) {
            return Step::Restart(base, heard.batches);
        }
        let step = self.copy(now, heard.batches);
        self.local.commit(self.told_high_watermark.min(self.local.safe()));
        step
    }

    /// Takes in batches that came before the log was begun anew for them.
    pub fn resume<'a>(&mut self, now: Millis, batches: &'a [u8]) -> Step<'a> {
        self.copy(now, batches)
    }

    /// The start to trim the log to, where the leader's has moved: what goes there goes here, once it is committed. Told
    /// once.
    pub fn trim_due(&mut self) -> Option<Offset> {
        let start = self.told_start.min(self.local.high_watermark);
        let due = start > self.trim_asked.max(self.local.start);
        due.then(|| {
            self.trim_asked = start;
            start
        })
    }

    /// The page cache holds everything below `end`.
    pub fn appended_to(&mut self, now: Millis, end: Offset) -> Moved {
        self.local.appended_to(now, end);
        self.advance()
    }

    /// The disk holds everything below `end`.
    pub fn synced_to(&mut self, now: Millis, end: Offset) -> Moved {
        self.local.synced_to(now, end);
        self.advance()
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

    fn advance(&mut self) -> Moved {
        let high_watermark = self.local.commit(self.told_high_watermark.min(self.local.safe()));
        self.local.moved(high_watermark)
    }

    fn back_off<'a>(&mut self, now: Millis, ms: i64) -> Step<'a> {
        self.not_before = now.saturating_add(ms);
        Step::Backoff(ms)
    }

    /// The leader's `epoch` ends at `end`, and our last epoch does not agree with that. What is above the end of that
    /// epoch on either side goes; if our own largest epoch below is an earlier one, the next answer tells more.
    fn part<'a>(&mut self, now: Millis, epoch: Epoch, end: Offset, leader_start: Offset) -> Step<'a> {
        let to = match self.local.epochs.end_of(epoch, self.local.end) {
            Some((own, own_end)) if own == epoch => own_end.min(end),
            Some((_, own_end)) => own_end,
            // All that we have is of later epochs, which the leader does not know: all of it goes, however far it reaches.
            None => self.local.epochs.entries().first().map_or(end, |(_, first)| end.min(*first)),
        };
        let to = to.min(self.local.end);
        if to < self.local.start || (to == self.local.start && to < self.local.end) {
            return Step::Restart(to.max(leader_start), &[]);
        }
        if to == self.local.end {
            // Nothing to cut, and yet we do not agree: the leader speaks of another log than ours.
            return self.back_off(now, FOLLOW_BACKOFF_MS);
        }
        Step::Truncate(to)
    }

    /// The leader's log may begin within a batch (DeleteRecords); an empty follower then has to begin where the batch
    /// does.
    fn begins_within_a_batch(&self, bytes: &[u8]) -> Option<Offset> {
        let (header, _) = batch::batches(bytes).next()?.ok()?;
        let empty = self.local.start == self.local.end;
        (empty && header.base_offset < self.local.end && header.next_offset() > self.local.end)
            .then_some(header.base_offset.max(0))
    }

    /// Checks batches and gives them their place. Where compaction has left the leader a gap, an empty batch stands for
    /// it: a log without gaps can be told from a torn one after a crash.
    fn copy<'a>(&mut self, now: Millis, bytes: &'a [u8]) -> Step<'a> {
        let (mut copied, mut new_epoch) = (Vec::new(), false);
        for found in batch::batches(bytes) {
            let Ok((_, bytes)) = found else { break };
            let Ok(header) = batch::check(bytes) else { break };
            let (end, epoch) = (self.local.end, header.leader_epoch);
            let gap = header.base_offset.saturating_sub(end);
            let in_order = epoch >= self.local.epochs.latest() && epoch <= self.epoch;
            if !in_order || !(0..=i64::from(i32::MAX)).contains(&gap) || header.next_offset() <= end {
                break;
            }
            if gap > 0 {
                new_epoch |= self.local.epochs.assign(epoch, end) == Assigned::New;
                copied.push(Copied { base: end, epoch, bytes: Cow::Owned(filler(end, header.base_offset - 1, epoch)) });
            }
            new_epoch |= self.local.epochs.assign(epoch, header.base_offset) == Assigned::New;
            self.local.producers.apply(&header, header.base_offset, now);
            self.local.end = header.next_offset();
            copied.push(Copied { base: header.base_offset, epoch, bytes: Cow::Borrowed(bytes) });
        }
        match (copied.is_empty(), bytes.is_empty()) {
            (false, _) => Step::Append { batches: copied, new_epoch },
            (true, true) => Step::Nothing,
            // Not one good batch: it may be a torn reply, or a leader whose disk is bad.
            (true, false) => self.back_off(now, FOLLOW_BACKOFF_MS),
        }
    }
}
