//! What compaction does to one batch: records go, everything else stays where it was (rule 23, KIP-534).

use super::batch::{BatchHeader, TimestampType};
use super::builder::{Builder, Fields};
use super::compress::Codec;
use super::error::RecordError;
use super::records::{Record, decode};
use crate::types::{Epoch, Millis, Offset};

/// What is left of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it, as it is.
    Whole,
    /// Some of it, or the same records with a delete horizon: this batch takes its place.
    Part(Vec<u8>),
    /// No record. See [`empty`] for when the batch itself must stay.
    Nothing,
}

/// Keeps the records that `keep` wants. Offsets, producer, sequence, epoch and flags stay; a `horizon` is set on a batch
/// that has none yet.
///
/// # Errors
/// [`RecordError`] when the batch does not unpack into `max_bytes`.
pub fn filter(
    batch: &[u8],
    horizon: Option<Millis>,
    max_bytes: usize,
    mut keep: impl FnMut(&Record<'_>) -> bool,
) -> Result<Kept, RecordError> {
    let decoded = decode(batch, max_bytes)?;
    let old = decoded.header;
    let horizon = old.delete_horizon().or(horizon);
    let codec = old.codec()?;
    let mut builder = like(&old, codec, batch.len());
    if let Some(horizon) = horizon {
        builder.set_delete_horizon(horizon);
    }
    for record in &decoded {
        let record = record?;
        if !keep(&record) {
            continue;
        }
        let headers = record.headers.as_bytes();
        let fields = Fields {
            offset_delta: (record.offset - old.base_offset) as i32,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers_count: record.headers.len(),
            headers_len: headers.len(),
        };
        builder.push_raw(fields, headers);
    }
    if builder.is_empty() {
        return Ok(Kept::Nothing);
    }
    if builder.len() == old.count as usize && horizon == old.delete_horizon() {
        return Ok(Kept::Whole);
    }
    Ok(Kept::Part(finish(builder, &old)))
}

/// The batch without its records: it keeps the last sequence of a producer, or the last offset of a log, known.
///
/// # Errors
/// [`RecordError`] when the header does not read.
pub fn empty(batch: &[u8]) -> Result<Vec<u8>, RecordError> {
    let old = BatchHeader::peek(batch)?;
    Ok(finish(like(&old, Codec::None, 0), &old))
}

/// A batch without records or a producer that stands for the offsets `base` to `last`: where a leader's compaction left
/// a gap, it keeps a follower's log without one.
///
/// # Panics
/// When `last` is below `base`, or 2^31 or more above it.
pub fn filler(base: Offset, last: Offset, epoch: Epoch) -> Vec<u8> {
    let delta = i32::try_from(last - base).expect("a batch spans less than 2^31 offsets");
    assert!(delta >= 0, "a gap is not empty");
    let mut builder = Builder::new(Codec::None, None);
    builder.set_position(base, epoch);
    builder.set_last_offset_delta(delta);
    builder.finish()
}

fn like(old: &BatchHeader, codec: Codec, bytes: usize) -> Builder {
    let mut builder = Builder::with_capacity(codec, None, bytes);
    builder.set_position(old.base_offset, old.leader_epoch);
    builder.set_producer(old.producer_id, old.producer_epoch, old.base_sequence);
    if old.is_transactional() {
        builder.set_transactional();
    }
    if old.is_control() {
        builder.set_control();
    }
    builder
}

fn finish(mut builder: Builder, old: &BatchHeader) -> Vec<u8> {
    builder.set_last_offset_delta(old.last_offset_delta);
    if builder.is_empty() {
        builder.set_max_timestamp(old.max_timestamp);
    }
    if old.timestamp_type() == TimestampType::LogAppendTime {
        builder.set_append_time(old.max_timestamp);
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::check;

    const MAX: usize = 1 << 20;

    fn batch(codec: Codec) -> Vec<u8> {
        let mut builder = Builder::new(codec, None);
        builder.set_position(100, 4);
        builder.set_producer(5, 1, 50);
        for i in 0..6i64 {
            let value = (i % 3 != 2).then_some(&b"value"[..]);
            builder.push(1000 + i, Some(&[i as u8]), value, &[(b"h", None)]);
        }
        builder.finish()
    }

    #[test]
    fn offsets_sequences_and_timestamps_stay() {
        for codec in Codec::ALL {
            let old = batch(codec);
            let Kept::Part(new) = filter(&old, None, MAX, |r| r.offset == 102 || r.offset == 104).unwrap() else {
                panic!("some records are left");
            };
            let (before, after) = (check(&old).unwrap(), check(&new).unwrap());
            assert_eq!((after.base_offset, after.last_offset(), after.count), (100, 105, 2));
            assert_eq!((after.producer_id, after.last_sequence()), (5, before.last_sequence()));
            assert_eq!((after.max_timestamp, after.codec().unwrap()), (1004, codec));
            let decoded = decode(&new, MAX).unwrap();
            let left: Vec<_> = decoded.iter().map(|r| r.unwrap()).map(|r| (r.offset, r.timestamp, r.value)).collect();
            assert_eq!(left, [(102, 1002, None), (104, 1004, Some(&b"value"[..]))]);
            assert!(decoded.iter().all(|r| r.unwrap().headers.eq([(&b"h"[..], None)])));
        }
    }

    #[test]
    fn nothing_and_everything() {
        let old = batch(Codec::Zstd);
        assert_eq!(filter(&old, None, MAX, |_| true).unwrap(), Kept::Whole);
        assert_eq!(filter(&old, None, MAX, |_| false).unwrap(), Kept::Nothing);
        let shell = empty(&old).unwrap();
        let header = check(&shell).unwrap();
        assert_eq!((header.count, header.base_offset, header.last_offset()), (0, 100, 105));
        assert_eq!((header.last_sequence(), header.max_timestamp, shell.len()), (55, 1005, 61));
        assert_eq!(decode(&shell, MAX).unwrap().iter().count(), 0);
    }

    #[test]
    fn a_delete_horizon_is_set_once_and_keeps_timestamps() {
        let Kept::Part(once) = filter(&batch(Codec::None), Some(9_000_000), MAX, |_| true).unwrap() else {
            panic!("the horizon changes the batch");
        };
        assert_eq!(check(&once).unwrap().delete_horizon(), Some(9_000_000));
        let times: Vec<_> = decode(&once, MAX).unwrap().iter().map(|r| r.unwrap().timestamp).collect();
        assert_eq!(times, [1000, 1001, 1002, 1003, 1004, 1005]);
        assert_eq!(filter(&once, Some(1), MAX, |_| true).unwrap(), Kept::Whole);
    }

    #[test]
    fn append_time_stays() {
        let mut old = batch(Codec::None);
        crate::record::batch::stamp_append_time(&mut old, 7777);
        let Kept::Part(new) = filter(&old, None, MAX, |r| r.offset > 103).unwrap() else { panic!("two are left") };
        let header = check(&new).unwrap();
        assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::LogAppendTime, 7777));
    }
}
