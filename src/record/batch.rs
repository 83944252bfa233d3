//! One record batch: its header, its checksum, and the few bytes a broker may change.

use super::compress::Codec;
use super::crc::crc32c;
use super::error::RecordError;
use crate::types::{Epoch, Millis, Offset, ProducerId};
use crate::wire::Reader;

/// Bytes before the first record.
pub const HEADER_BYTES: usize = 61;
/// Bytes that the length field does not count: base offset and the length itself.
pub const LENGTH_OVERHEAD_BYTES: usize = 12;
/// The one format there is.
pub const MAGIC: i8 = 2;
/// "No producer": batches of producers that are not idempotent.
pub const NO_PRODUCER_ID: ProducerId = -1;
/// "No sequence".
pub const NO_SEQUENCE: i32 = -1;
/// "No timestamp".
pub const NO_TIMESTAMP: Millis = -1;

const LENGTH_MIN: i32 = (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

const CODEC_MASK: i16 = 0x07;
const APPEND_TIME_FLAG: i16 = 0x08;
const TRANSACTIONAL_FLAG: i16 = 0x10;
const CONTROL_FLAG: i16 = 0x20;
const DELETE_HORIZON_FLAG: i16 = 0x40;

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    /// The producer, each record its own.
    CreateTime,
    /// The broker, one for the whole batch.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

/// The fixed part of a batch, field by field as on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of the batch's first record (or of the one that was there before compaction).
    pub base_offset: Offset,
    /// Bytes after the first twelve.
    pub length: i32,
    /// The leader epoch in which the batch was appended.
    pub leader_epoch: Epoch,
    /// The format, always 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: i16,
    /// Last offset minus base offset. Compaction does not change it.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to; the delete horizon when that flag is set (KIP-534).
    pub base_timestamp: Millis,
    /// The largest timestamp, or the append time.
    pub max_timestamp: Millis,
    /// The idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// How many records there are.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; does not look at the records or at the checksum.
    ///
    /// # Errors
    /// [`RecordError`] when there are fewer than 61 bytes, or the length or the format is impossible.
    pub fn peek(bytes: &[u8]) -> Result<BatchHeader, RecordError> {
        let Some(head) = bytes.get(..HEADER_BYTES) else {
            return Err(RecordError::Truncated { need: HEADER_BYTES, have: bytes.len() });
        };
        let mut r = Reader::new(head);
        let header = BatchHeader {
            base_offset: r.i64()?,
            length: r.i32()?,
            leader_epoch: r.i32()?,
            magic: r.i8()?,
            crc: r.u32()?,
            attributes: r.i16()?,
            last_offset_delta: r.i32()?,
            base_timestamp: r.i64()?,
            max_timestamp: r.i64()?,
            producer_id: r.i64()?,
            producer_epoch: r.i16()?,
            base_sequence: r.i32()?,
            count: r.i32()?,
        };
        if header.magic != MAGIC {
            return Err(RecordError::BadMagic(header.magic));
        }
        if header.length < LENGTH_MIN {
            return Err(RecordError::BadLength(header.length));
        }
        Ok(header)
    }

    /// The header's 61 bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.length.to_be_bytes());
        out[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        out[16] = self.magic as u8;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.count.to_be_bytes());
        out
    }

    /// The whole batch's size in bytes.
    pub fn size(&self) -> usize {
        LENGTH_OVERHEAD_BYTES + self.length.max(0) as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// The first offset after the batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().saturating_add(1)
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`RecordError::UnknownCodec`].
    pub fn codec(&self) -> Result<Codec, RecordError> {
        Codec::from_id(self.attributes & CODEC_MASK)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.attributes & APPEND_TIME_FLAG {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }

    /// Part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_FLAG != 0
    }

    /// Written by a broker for brokers (transaction markers, Raft control records); consumers skip it.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_FLAG != 0
    }

    /// The base timestamp is the time after which tombstones may go (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON_FLAG != 0
    }

    /// The delete horizon, if compaction has set one.
    pub fn delete_horizon(&self) -> Option<Millis> {
        self.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// Comes from an idempotent producer.
    pub fn has_producer(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Sequence number of the last record: after 2^31-1 comes 0. -1 without a producer.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence {
            ..0 => NO_SEQUENCE,
            base => add_sequence(base, self.last_offset_delta.max(0)),
        }
    }

    pub(super) fn set_codec(&mut self, codec: Codec) {
        self.attributes = self.attributes & !CODEC_MASK | codec.id();
    }

    pub(super) fn set_append_time(&mut self) {
        self.attributes |= APPEND_TIME_FLAG;
    }

    pub(super) fn set_transactional(&mut self) {
        self.attributes |= TRANSACTIONAL_FLAG;
    }

    pub(super) fn set_control(&mut self) {
        self.attributes |= CONTROL_FLAG;
    }

    pub(super) fn set_delete_horizon(&mut self, horizon: Millis) {
        self.attributes |= DELETE_HORIZON_FLAG;
        self.base_timestamp = horizon;
    }

    /// Puts this header in front of `payload`, with length and checksum made to match. `out` must begin with the
    /// 61 bytes to overwrite.
    pub(super) fn seal(&mut self, out: &mut [u8]) {
        assert!(out.len() >= HEADER_BYTES, "no room for the header");
        self.length = (out.len() - LENGTH_OVERHEAD_BYTES) as i32;
        self.magic = MAGIC;
        out[..HEADER_BYTES].copy_from_slice(&self.to_bytes());
        self.crc = write_crc(out);
    }
}

/// `sequence + by`, where 0 follows 2^31-1.
pub fn add_sequence(sequence: i32, by: i32) -> i32 {
    ((i64::from(sequence) + i64::from(by)) & i64::from(i32::MAX)) as i32
}

/// `sequence - by`, where 2^31-1 comes before 0.
pub fn sub_sequence(sequence: i32, by: i32) -> i32 {
    ((i64::from(sequence) - i64::from(by)) & i64::from(i32::MAX)) as i32
}

/// Checks one whole batch, as it may stand in a log: exact length, checksum, and a count that fits the offsets
/// (compaction may have taken records out, even all of them).
///
/// # Errors
/// [`RecordError`] says what is wrong.
pub fn check(batch: &[u8]) -> Result<BatchHeader, RecordError> {
    let header = BatchHeader::peek(batch)?;
    let size = header.size();
    if batch.len() < size {
        return Err(RecordError::Truncated { need: size, have: batch.len() });
    }
    if batch.len() > size {
        return Err(RecordError::TrailingBytes(batch.len() - size));
    }
    let computed = crc32c(&batch[CRC_FROM..]);
    if computed != header.crc {
        return Err(RecordError::BadCrc { stored: header.crc, computed });
    }
    if header.last_offset_delta < 0 {
        return Err(RecordError::BadHeader("the last offset is before the first"));
    }
    if header.count < 0 || i64::from(header.count) > i64::from(header.last_offset_delta) + 1 {
        return Err(RecordError::BadHeader("the number of records does not fit the offsets"));
    }
    Ok(header)
}

/// Checks one whole batch from a producer: [`check`], and that it has a record for every offset, a sequence when it
/// has a producer, a codec that exists, and no control records.
///
/// # Errors
/// [`RecordError`] says what is wrong.
pub fn check_produced(batch: &[u8]) -> Result<BatchHeader, RecordError> {
    let header = check(batch)?;
    if header.count == 0 || i64::from(header.count) != i64::from(header.last_offset_delta) + 1 {
        return Err(RecordError::BadHeader("the number of records does not fit the offsets"));
    }
    if header.has_producer() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return Err(RecordError::BadHeader("a producer id without a sequence or an epoch"));
    }
    if header.is_control() {
        return Err(RecordError::BadHeader("clients may not write control records"));
    }
    if header.has_delete_horizon() {
        return Err(RecordError::BadHeader("clients may not set a delete horizon"));
    }
    header.codec()?;
    Ok(header)
}

/// Walks over consecutive batches; looks at lengths and formats only (use [`check`] on what it returns).
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { bytes, position: 0 }
}

/// See [`batches`]. Ends at a partial batch (fetch responses may end in one), which [`Batches::rest`] then returns;
/// ends after an error.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Batches<'a> {
    /// Where the next batch begins: after the end, the length of the whole batches.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What has not been returned yet: at the end, the partial batch, or nothing.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Bytes the next batch takes, as far as there are enough bytes to know.
    pub fn next_size(&self) -> Option<usize> {
        let length = self.rest().get(8..LENGTH_OVERHEAD_BYTES)?;
        let length = i32::from_be_bytes(length.try_into().ok()?);
        Some(LENGTH_OVERHEAD_BYTES + length.max(0) as usize)
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest();
        let size = self.next_size()?;
        if size < HEADER_BYTES {
            self.bytes = &self.bytes[..self.position];
            return Some(Err(RecordError::BadLength((size - LENGTH_OVERHEAD_BYTES) as i32)));
        }
        let batch = rest.get(..size)?;
        match BatchHeader::peek(batch) {
            Ok(header) => {
                self.position += size;
                Some(Ok((header, batch)))
            }
            Err(error) => {
                self.bytes = &self.bytes[..self.position];
                Some(Err(error))
            }
        }
    }
}

/// Sets the base offset and the leader epoch, which the checksum does not cover.
///
/// # Panics
/// When `batch` is shorter than a header: it must have been checked.
pub fn patch(batch: &mut [u8], base_offset: Offset, leader_epoch: Epoch) {
    batch[0..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Makes the batch one of `LogAppendTime`: sets the flag and the time, and computes the checksum anew.
///
/// # Panics
/// When `batch` is shorter than a header: it must have been checked.
pub fn stamp_append_time(batch: &mut [u8], now: Millis) {
    let attributes = i16::from_be_bytes([batch[CRC_FROM], batch[CRC_FROM + 1]]) | APPEND_TIME_FLAG;
    batch[CRC_FROM..CRC_FROM + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&now.to_be_bytes());
    write_crc(batch);
}

/// Sets the largest timestamp, for a producer that did not; computes the checksum anew.
///
/// # Panics
/// When `batch` is shorter than a header: it must have been checked.
pub fn set_max_timestamp(batch: &mut [u8], max_timestamp: Millis) {
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    write_crc(batch);
}

/// Sets producer, epoch and the first sequence number of a batch that has not been sent; computes the checksum anew.
///
/// # Panics
/// When `batch` is shorter than a header: it must have been checked.
pub fn set_producer(batch: &mut [u8], id: ProducerId, epoch: i16, base_sequence: i32) {
    batch[43..51].copy_from_slice(&id.to_be_bytes());
    batch[51..53].copy_from_slice(&epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&base_sequence.to_be_bytes());
    write_crc(batch);
}

fn write_crc(batch: &mut [u8]) -> u32 {
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Builder;

    fn batch(values: &[&str]) -> Vec<u8> {
        let mut builder = Builder::new(Codec::None, None);
        for (i, value) in values.iter().enumerate() {
            builder.push(1000 + i as i64, None, Some(value.as_bytes()), &[]);
        }
        builder.set_producer(7, 1, i32::MAX - 1);
        builder.finish()
    }

    #[test]
    fn header_reads_back_and_sequences_wrap() {
        let mut bytes = batch(&["a", "b", "c"]);
        patch(&mut bytes, 40, 3);
        let header = check_produced(&bytes).unwrap();
        assert_eq!((header.base_offset, header.last_offset(), header.next_offset()), (40, 42, 43));
        assert_eq!((header.leader_epoch, header.count, header.size()), (3, 3, bytes.len()));
        assert_eq!((header.base_timestamp, header.max_timestamp), (1000, 1002));
        assert_eq!(header.last_sequence(), 0);
        assert_eq!(header.to_bytes(), bytes[..HEADER_BYTES]);
        assert_eq!((add_sequence(i32::MAX, 1), sub_sequence(0, 1)), (0, i32::MAX));
    }

    #[test]
    fn append_time_changes_the_checksum_too() {
        let mut bytes = batch(&["a"]);
        stamp_append_time(&mut bytes, 5);
        let header = check(&bytes).unwrap();
        assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::LogAppendTime, 5));
    }

    #[test]
    fn a_producer_can_be_set_later() {
        let mut bytes = batch(&["a", "b"]);
        set_producer(&mut bytes, 99, 4, 17);
        let header = check_produced(&bytes).unwrap();
        assert_eq!((header.producer_id, header.producer_epoch, header.last_sequence()), (99, 4, 18));
    }

    #[test]
    fn every_flipped_bit_under_the_checksum_is_found() {
        let good = batch(&["hello"]);
        for at in CRC_AT..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(check(&bad), Err(RecordError::BadCrc { .. })), "byte {at}");
        }
        for at in 0..good.len() {
            assert!(check(&good[..at]).is_err(), "cut at {at}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(check(&long), Err(RecordError::TrailingBytes(1)));
    }

    #[test]
    fn a_partial_last_batch_ends_the_walk() {
        let (one, two) = (batch(&["a"]), batch(&["b", "c"]));
        let both = [one.clone(), two.clone()].concat();
        for cut in 0..=both.len() {
            let mut walk = batches(&both[..cut]);
            let found: Vec<_> = walk.by_ref().map(|b| b.unwrap().1.len()).collect();
            let whole = [one.len(), two.len()];
            let n = if cut == both.len() { 2 } else { usize::from(cut >= one.len()) };
            assert_eq!(found, whole[..n], "cut at {cut}");
            assert_eq!(walk.rest().len(), cut - whole[..n].iter().sum::<usize>());
        }
        let mut bad = both.clone();
        bad[one.len() + 16] = 1;
        let found: Vec<_> = batches(&bad).map(|b| b.map(|b| b.0.count)).collect();
        assert_eq!(found, [Ok(1), Err(RecordError::BadMagic(1))]);
        bad[8..12].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(batches(&bad).count(), 1);
    }
}
