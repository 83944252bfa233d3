//! What clients saw, in one place, and what must hold of it at every moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So much of each kind is told of one run.
const WRONG_MAX: usize = 10;

/// Who wrote a record, and its number with that writer in that partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    pub writer: u32,
    pub number: u64,
}

impl Mark {
    /// The record's value: the mark, and something to carry.
    pub fn value(self) -> String {
        format!("{}:{}:{}", self.writer, self.number, "x".repeat(self.number as usize % 200))
    }

    /// The mark of a value; none when the oracle's clients did not write it.
    pub fn of(value: &[u8]) -> Option<Mark> {
        let text = std::str::from_utf8(value).ok()?;
        let mut words = text.split(':');
        let mark = Mark { writer: words.next()?.parse().ok()?, number: words.next()?.parse().ok()? };
        (mark.value() == text).then_some(mark)
    }
}

/// One acknowledged record.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    pub mark: Mark,
    /// Not known when a repeat was answered as a duplicate of old.
    pub offset: Option<i64>,
}

/// What a writer sends at once.
pub struct Batch {
    pub made: Instant,
    pub numbers: std::ops::Range<u64>,
    pub bytes: Vec<u8>,
}

/// `I1` of `1.234 s: I1: …`, or the like.
fn kind(what: &str) -> &str {
    what.split(' ').nth(2).unwrap_or_default()
}

/// What is known of one partition.
#[derive(Default)]
pub struct Seen {
    pub acks: Vec<Ack>,
    /// Offset to what was read there.
    pub read: BTreeMap<i64, Mark>,
    /// Epoch to who led.
    pub leaders: BTreeMap<i32, i32>,
    /// The largest latest offset that was told.
    pub latest: i64,
    /// The largest offset whose commit was acknowledged.
    pub committed: i64,
    /// Which member of the group works on it, and until when it may without a further heartbeat.
    pub owner: Option<(usize, Instant)>,
    pub last_ack: Option<Instant>,
    /// When the batch that was acknowledged last was made.
    pub fresh: Option<Instant>,
    pub longest_gap: Duration,
}

/// Everything seen.
pub struct History {
    partitions: Vec<Mutex<Seen>>,
    wrong: Mutex<Vec<String>>,
    errors: Mutex<BTreeMap<String, u64>>,
    /// Writers finish what they have begun, and end.
    pub enough: AtomicBool,
    /// Everybody ends.
    pub over: AtomicBool,
    began: Instant,
}

impl History {
    pub fn new(partitions: i32) -> History {
        History {
            partitions: (0..partitions).map(|_| Mutex::default()).collect(),
            wrong: Mutex::default(),
            errors: Mutex::default(),
            enough: AtomicBool::new(false),
            over: AtomicBool::new(false),
            began: Instant::now(),
        }
    }

    pub fn partitions(&self) -> i32 {
        self.partitions.len() as i32
    }

    pub fn of(&self, partition: i32) -> MutexGuard<'_, Seen> {
        self.partitions[partition as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_enough(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Seconds since the beginning.
    pub fn clock(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Something that must not be.
    pub fn wrong(&self, what: impl Into<String>) {
        let what = format!("{:.3} s: {}", self.clock(), what.into());
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let like = |told: &&String| kind(told) == kind(&what);
        if wrong.iter().filter(like).count() < WRONG_MAX {
            eprintln!("  WRONG {what}");
            wrong.push(what);
        }
    }

    pub fn wrongs(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error that a client overcame.
    pub fn overcome(&self, who: &str, what: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(format!("{who}: {what}")).or_default() += 1;
    }

    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        (0..self.partitions()).map(|partition| self.of(partition).acks.len()).sum()
    }

    /// The longest time without an acknowledgement, over all partitions.
    pub fn longest_gap(&self) -> Duration {
        (0..self.partitions()).map(|partition| self.of(partition).longest_gap).max().unwrap_or_default()
    }

    /// A batch was acknowledged.
    pub fn acked(&self, partition: i32, writer: u32, batch: &Batch, base: Option<i64>) {
        let mut seen = self.of(partition);
        seen.fresh = seen.fresh.max(Some(batch.made));
        let now = Instant::now();
        if let Some(last) = seen.last_ack.replace(now) {
            seen.longest_gap = seen.longest_gap.max(now - last);
        }
        let acks = batch
            .numbers
            .clone()
            .zip(0..)
            .map(|(number, delta)| Ack { mark: Mark { writer, number }, offset: base.map(|base| base + delta) });
        seen.acks.extend(acks);
    }

    /// A record was read: one value per offset, for ever (I2).
    pub fn read(&self, partition: i32, offset: i64, value: &[u8]) {
        let Some(mark) = Mark::of(value) else {
            return self.wrong(format!("I2: partition {partition} has a strange record at {offset}"));
        };
        if let Some(before) = self.of(partition).read.insert(offset, mark).filter(|before| *before != mark) {
            self.wrong(format!("I2: partition {partition} had {before:?} at {offset}, and has {mark:?} now"));
        }
    }

    /// Somebody says who leads in which epoch: never two (I8).
    pub fn led(&self, partition: i32, epoch: i32, leader: i32) {
        if let Some(other) = self.of(partition).leaders.insert(epoch, leader).filter(|other| *other != leader) {
            self.wrong(format!("I8: partition {partition} has two leaders of epoch {epoch}: {other} and {leader}"));
        }
    }
}
