//! What a partition remembers of idempotent producers (KIP-98, KIP-360): the five latest batches of each.
//!
//! A batch is checked and applied when it is decided, before it is appended, so that batches in flight count.
//! A batch that was there before is a duplicate and gets its first offset again; a gap is refused; a producer that is
//! not known (its state was lost, or expired) may begin anywhere; a lower epoch is fenced. The state is a function of
//! the log: recovery reads the newest snapshot and applies the batches after it.

use super::batch::{BatchHeader, NO_SEQUENCE, sub_sequence};
use super::crc::crc32c;
use super::error::RecordError;
use crate::error::ErrorCode;
use crate::types::{Epoch, Millis, Offset, ProducerId};
use crate::wire::{Reader, Writer};
use std::collections::{BTreeMap, VecDeque};

/// How many batches of each producer are remembered: as many as a producer may have in flight.
pub const BATCHES_KEPT_MAX: usize = 5;

const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_CRC_FROM: usize = 6;
const SNAPSHOT_ENTRY_BYTES: usize = 46;

/// What [`Producers::check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It was appended before: answer with what it got then.
    Duplicate {
        /// Its first offset.
        base_offset: Offset,
        /// Its largest timestamp; the append time where the topic has those.
        timestamp: Millis,
    },
}

/// One remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Last offset minus first offset.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: Millis,
}

impl Sent {
    fn first_sequence(&self) -> i32 {
        sub_sequence(self.last_sequence, self.offset_delta)
    }

    fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: i16,
    /// Its latest batches, oldest first.
    pub batches: VecDeque<Sent>,
    /// The largest timestamp of its latest batch.
    pub last_timestamp: Millis,
    /// Epoch of the transaction coordinator that wrote the last marker, or -1.
    pub coordinator_epoch: Epoch,
    /// Where its open transaction begins.
    pub txn_first_offset: Option<Offset>,
    /// When it was last heard of: what expiry goes by. Not in the snapshot, where the timestamp stands for it.
    seen: Millis,
}

impl Producer {
    /// Sequence number of the last record, -1 when there is none.
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |sent| sent.last_sequence)
    }

    /// Offset of the last record, -1 when there is none.
    pub fn last_offset(&self) -> Offset {
        self.batches.back().map_or(-1, |sent| sent.last_offset)
    }
}

/// State of all producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    by_id: BTreeMap<ProducerId, Producer>,
}

impl Producers {
    /// Nobody known.
    pub fn new() -> Self {
        Producers::default()
    }

    /// How many producers are known.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True when no producer is known.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// One producer.
    pub fn get(&self, id: ProducerId) -> Option<&Producer> {
        self.by_id.get(&id)
    }

    /// All producers, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Producer> {
        self.by_id.values()
    }

    /// The last offset of each producer that has one: compaction keeps an empty batch there (rule 23).
    pub fn last_offsets(&self) -> impl Iterator<Item = (ProducerId, Offset)> {
        self.by_id.values().filter(|p| !p.batches.is_empty()).map(|p| (p.id, p.last_offset()))
    }

    /// The first offset of the oldest open transaction.
    pub fn first_open_txn(&self) -> Option<Offset> {
        self.by_id.values().filter_map(|p| p.txn_first_offset).min()
    }

    /// Whether a client's batch may be appended. Batches without a producer always may.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` for an epoch that was fenced, `OUT_OF_ORDER_SEQUENCE_NUMBER` for a gap or a new epoch
    /// that does not begin at 0, `INVALID_TXN_STATE` for a plain batch within an open transaction.
    pub fn check(&self, batch: &BatchHeader) -> Result<Verdict, ErrorCode> {
        if !batch.has_producer() {
            return Ok(Verdict::New);
        }
        let Some(known) = self.by_id.get(&batch.producer_id) else {
            return Ok(Verdict::New);
        };
        if batch.producer_epoch < known.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if batch.producer_epoch > known.epoch {
            return match batch.base_sequence {
                0 => Ok(Verdict::New),
                _ => Err(ErrorCode::OutOfOrderSequenceNumber),
            };
        }
        let (first, last) = (batch.base_sequence, batch.last_sequence());
        for sent in &known.batches {
            if sent.first_sequence() == first && sent.last_sequence == last {
                return Ok(Verdict::Duplicate { base_offset: sent.first_offset(), timestamp: sent.timestamp });
            }
        }
        let next = match known.last_sequence() {
            i32::MAX => 0,
            last => last + 1,
        };
        if first != next {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        if known.txn_first_offset.is_some() && !batch.is_transactional() {
            return Err(ErrorCode::InvalidTxnState);
        }
        Ok(Verdict::New)
    }

    /// Remembers a batch that gets `base_offset`: one that [`Producers::check`] called new, or one from the log.
    pub fn apply(&mut self, batch: &BatchHeader, base_offset: Offset, now: Millis) {
        if !batch.has_producer() {
            return;
        }
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(|| Producer {
            id: batch.producer_id,
            epoch: batch.producer_epoch,
            batches: VecDeque::new(),
            last_timestamp: batch.max_timestamp,
            coordinator_epoch: -1,
            txn_first_offset: None,
            seen: now,
        });
        if producer.epoch != batch.producer_epoch {
            producer.batches.clear();
            producer.epoch = batch.producer_epoch;
        }
        producer.last_timestamp = batch.max_timestamp;
        producer.seen = now;
        if batch.is_control() {
            producer.txn_first_offset = None;
            return;
        }
        if batch.is_transactional() && producer.txn_first_offset.is_none() {
            producer.txn_first_offset = Some(base_offset);
        }
        if producer.batches.len() == BATCHES_KEPT_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Sent {
            last_sequence: batch.last_sequence(),
            last_offset: base_offset.saturating_add(i64::from(batch.last_offset_delta)),
            offset_delta: batch.last_offset_delta,
            timestamp: batch.max_timestamp,
        });
    }

    /// Adds what a snapshot does not have: the earlier batches of its producers, as `older`, a replay of the log before
    /// it, knows them. Without them a retry of any but the last one would be refused after a crash.
    pub fn remember_earlier(&mut self, older: &Producers) {
        for producer in self.by_id.values_mut() {
            let Some(old) = older.by_id.get(&producer.id).filter(|old| old.epoch == producer.epoch) else { continue };
            let Some(first) = producer.batches.front().map(Sent::first_offset) else { continue };
            for sent in old.batches.iter().rev().filter(|sent| sent.last_offset < first) {
                if producer.batches.len() < BATCHES_KEPT_MAX {
                    producer.batches.push_front(*sent);
                }
            }
        }
    }

    /// Knows the producers of `before` too, as ones of whom no batch is in the log: their first sequence must be 0. For
    /// a log that lost an append: a later batch of the same producer must not take its place.
    pub fn expect_first(&mut self, before: &Producers) {
        for old in before.by_id.values() {
            self.by_id.entry(old.id).or_insert_with(|| Producer {
                batches: VecDeque::new(),
                txn_first_offset: None,
                ..old.clone()
            });
        }
    }

    /// Forgets producers that have been silent for `expiration_ms` and have no open transaction. Returns how many.
    pub fn expire(&mut self, now: Millis, expiration_ms: Millis) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, p| p.txn_first_offset.is_some() || now.saturating_sub(p.seen) < expiration_ms);
        before - self.by_id.len()
    }

    /// Forgets everything: the log was truncated, and what is left will be applied again.
    pub fn reset(&mut self) {
        self.by_id.clear();
    }

    /// The state as a Kafka `.snapshot` file. As there, only the latest batch of each producer is kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(SNAPSHOT_CRC_FROM + 4 + self.by_id.len() * SNAPSHOT_ENTRY_BYTES);
        w.i16(SNAPSHOT_VERSION);
        w.u32(0);
        w.i32(self.by_id.len() as i32);
        for producer in self.by_id.values() {
            let last = producer.batches.back();
            w.i64(producer.id);
            w.i16(producer.epoch);
            w.i32(producer.last_sequence());
            w.i64(producer.last_offset());
            w.i32(last.map_or(0, |sent| sent.offset_delta));
            w.i64(producer.last_timestamp);
            w.i32(producer.coordinator_epoch);
            w.i64(producer.txn_first_offset.unwrap_or(-1));
        }
        let crc = crc32c(&w.as_bytes()[SNAPSHOT_CRC_FROM..]);
        w.patch_u32(2, crc);
        w.into_bytes()
    }

    /// Reads a Kafka `.snapshot` file.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one, or is damaged: recovery then goes on from an older one.
    pub fn decode(bytes: &[u8]) -> Result<Producers, RecordError> {
        let mut r = Reader::new(bytes);
        if r.i16()? != SNAPSHOT_VERSION {
            return Err(RecordError::BadSnapshot("unknown version"));
        }
        let stored = r.u32()?;
        let computed = crc32c(&bytes[SNAPSHOT_CRC_FROM..]);
        if stored != computed {
            return Err(RecordError::BadCrc { stored, computed });
        }
        let count = r.i32()?;
        if count < 0 || r.remaining() != count as usize * SNAPSHOT_ENTRY_BYTES {
            return Err(RecordError::BadSnapshot("its length does not fit its number of producers"));
        }
        let mut producers = Producers::new();
        for _ in 0..count {
            let (id, epoch) = (r.i64()?, r.i16()?);
            let (last_sequence, last_offset, offset_delta) = (r.i32()?, r.i64()?, r.i32()?);
            let (last_timestamp, coordinator_epoch, txn) = (r.i64()?, r.i32()?, r.i64()?);
            if offset_delta < 0 {
                return Err(RecordError::BadSnapshot("a batch that ends before it begins"));
            }
            let mut batches = VecDeque::new();
            if last_offset >= 0 {
                batches.push_back(Sent { last_sequence, last_offset, offset_delta, timestamp: last_timestamp });
            }
            let txn_first_offset = (txn >= 0).then_some(txn);
            let seen = last_timestamp;
            let p = Producer { id, epoch, batches, last_timestamp, coordinator_epoch, txn_first_offset, seen };
            producers.by_id.insert(id, p);
        }
        Ok(producers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Builder, Codec, check as check_batch};

    fn header(id: i64, epoch: i16, base_sequence: i32, count: usize) -> BatchHeader {
        let mut builder = Builder::new(Codec::None, None);
        builder.set_producer(id, epoch, base_sequence);
        (0..count).for_each(|_| builder.push(77, None, None, &[]));
        check_batch(&builder.finish()).unwrap()
    }

    /// Sends the batches of one producer, one line each: what was decided.
    fn story(producers: &mut Producers, batches: &[(i16, i32, usize)]) -> String {
        let mut end = 0;
        let mut out = String::new();
        for &(epoch, sequence, count) in batches {
            let batch = header(9, epoch, sequence, count);
            let verdict = producers.check(&batch);
            out += &match verdict {
                Ok(Verdict::New) => {
                    producers.apply(&batch, end, 0);
                    end += count as i64;
                    format!("@{}\n", end - count as i64)
                }
                Ok(Verdict::Duplicate { base_offset, timestamp }) => format!("dup @{base_offset} t{timestamp}\n"),
                Err(code) => format!("{}\n", code.name()),
            };
        }
        out
    }

    #[test]
    fn duplicates_gaps_and_epochs() {
        let told = story(
            &mut Producers::new(),
            &[
                (0, 0, 2),
                (0, 2, 1),
                (0, 0, 2),
                (0, 2, 1),
                (0, 4, 1),
                (0, 3, 1),
                (1, 4, 1),
                (1, 0, 1),
                (0, 4, 1),
                (1, 1, 1),
            ],
        );
        assert_eq!(
            told,
            "@0\n@2\ndup @0 t77\ndup @2 t77\nOUT_OF_ORDER_SEQUENCE_NUMBER\n@3\nOUT_OF_ORDER_SEQUENCE_NUMBER\n@4\n\
             INVALID_PRODUCER_EPOCH\n@5\n"
        );
    }

    #[test]
    fn five_batches_are_remembered_and_the_sixth_is_not() {
        let mut producers = Producers::new();
        let sent: Vec<_> = (0..6).map(|i| (0, i, 1)).collect();
        story(&mut producers, &sent);
        assert_eq!(story(&mut producers, &[(0, 1, 1), (0, 0, 1)]), "dup @1 t77\nOUT_OF_ORDER_SEQUENCE_NUMBER\n");
    }

    #[test]
    fn lost_state_accepts_any_sequence_and_sequences_wrap() {
        let mut producers = Producers::new();
        let told = story(&mut producers, &[(3, i32::MAX - 1, 2), (3, 0, 1), (3, i32::MAX - 1, 2), (3, 1, 1)]);
        assert_eq!(told, "@0\n@2\ndup @0 t77\n@3\n");
        // A batch over the seam.
        let told = story(&mut Producers::new(), &[(0, i32::MAX, 3), (0, 2, 1), (0, i32::MAX, 3)]);
        assert_eq!(told, "@0\n@3\ndup @0 t77\n");
    }

    #[test]
    fn silent_producers_expire() {
        let mut producers = Producers::new();
        producers.apply(&header(1, 0, 0, 1), 0, 1000);
        producers.apply(&header(2, 0, 0, 1), 1, 1500);
        assert_eq!(producers.expire(2000, 1000), 1);
        assert_eq!(producers.iter().map(|p| p.id).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn snapshot_keeps_the_latest_batch() {
        let mut producers = Producers::new();
        story(&mut producers, &[(0, 0, 2), (0, 2, 3)]);
        producers.apply(&header(4, 2, 10, 1), 5, 0);
        let bytes = producers.encode();
        let back = Producers::decode(&bytes).unwrap();
        assert_eq!(back.encode(), bytes);
        assert_eq!(back.get(9).unwrap().last_sequence(), 4);
        let mut back2 = back.clone();
        assert_eq!(story(&mut back2, &[(0, 2, 3), (0, 5, 1)]), "dup @2 t77\n@0\n");
        for at in 0..bytes.len() {
            assert!(Producers::decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(Producers::decode(&bad).is_err(), "byte {at}");
        }
    }
}
