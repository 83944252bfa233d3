//! Puts records into a batch.

use super::batch::{BatchHeader, HEADER_BYTES, MAGIC, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType};
use super::compress::{Codec, compress};
use crate::types::{Epoch, Millis, Offset, ProducerId};
use crate::wire::Writer;

/// A record's header as it is pushed: its key and its value.
pub type HeaderRef<'a> = (&'a [u8], Option<&'a [u8]>);

/// Collects the records of one batch.
#[derive(Clone, Debug)]
pub struct Builder {
    codec: Codec,
    level: Option<i32>,
    header: BatchHeader,
    base_timestamp: Option<Millis>,
    writer: Writer,
}

impl Builder {
    /// An empty batch of `CreateTime`, without producer, at offset 0, to be compressed with `codec` at its `level`.
    pub fn new(codec: Codec, level: Option<i32>) -> Self {
        Builder::with_capacity(codec, level, 0)
    }

    /// The same, with room for a batch of `bytes`.
    pub fn with_capacity(codec: Codec, level: Option<i32>, bytes: usize) -> Self {
        let mut writer = Writer::with_capacity(bytes.max(HEADER_BYTES));
        writer.put(&[0; HEADER_BYTES]);
        let mut header = BatchHeader {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: 0,
            last_offset_delta: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: -1,
            base_sequence: NO_SEQUENCE,
            count: 0,
        };
        header.set_codec(codec);
        Builder { codec, level, header, base_timestamp: None, writer }
    }

    /// Adds a record at the next offset.
    pub fn push(&mut self, timestamp: Millis, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderRef<'_>]) {
        self.push_at(self.header.last_offset_delta.saturating_add(1), timestamp, key, value, headers);
    }

    /// Adds a record `offset_delta` after the base offset. Deltas only grow.
    ///
    /// # Panics
    /// When the delta is not above the last one.
    pub fn push_at(
        &mut self,
        offset_delta: i32,
        timestamp: Millis,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderRef<'_>],
    ) {
        assert!(offset_delta > self.header.last_offset_delta || self.header.count == 0, "offsets only grow");
        let headers_len = headers.iter().map(|(key, value)| bytes_len(Some(key)) + bytes_len(*value)).sum::<usize>();
        let fields = Fields { offset_delta, timestamp, key, value, headers_count: headers.len(), headers_len };
        self.put(fields, |w| {
            for (key, value) in headers {
                put_bytes(w, Some(key));
                put_bytes(w, *value);
            }
        });
    }

    /// The same, with headers that are in wire format already.
    pub(super) fn push_raw(&mut self, fields: Fields<'_>, headers: &[u8]) {
        self.put(fields, |w| w.put(headers));
    }

    fn put(&mut self, fields: Fields<'_>, headers: impl FnOnce(&mut Writer)) {
        let base = *self.base_timestamp.get_or_insert(fields.timestamp);
        let timestamp_delta = fields.timestamp.wrapping_sub(base);
        let size = 1
            + varlong_len(timestamp_delta)
            + varint_len(fields.offset_delta)
            + bytes_len(fields.key)
            + bytes_len(fields.value)
            + varint_len(fields.headers_count as i32)
            + fields.headers_len;
        let w = &mut self.writer;
        w.varint(size as i32);
        w.i8(0);
        w.varlong(timestamp_delta);
        w.varint(fields.offset_delta);
        put_bytes(w, fields.key);
        put_bytes(w, fields.value);
        w.varint(fields.headers_count as i32);
        headers(w);
        let h = &mut self.header;
        h.max_timestamp = if h.count == 0 { fields.timestamp } else { h.max_timestamp.max(fields.timestamp) };
        h.last_offset_delta = fields.offset_delta;
        h.count += 1;
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.header.count as usize
    }

    /// True before the first record.
    pub fn is_empty(&self) -> bool {
        self.header.count == 0
    }

    /// The batch's size in bytes before compression.
    pub fn size(&self) -> usize {
        self.writer.as_bytes().len()
    }

    /// An upper bound of what a record adds to [`Builder::size`].
    pub fn size_of(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderRef<'_>]) -> usize {
        let headers = headers.iter().map(|(k, v)| k.len() + v.map_or(0, <[u8]>::len) + 10).sum::<usize>();
        36 + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers
    }

    /// The idempotent producer, its epoch, and the sequence number of the first record.
    pub fn set_producer(&mut self, id: ProducerId, epoch: i16, base_sequence: i32) {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
    }

    /// Where the batch stands in the log.
    pub fn set_position(&mut self, base_offset: Offset, leader_epoch: Epoch) {
        self.header.base_offset = base_offset;
        self.header.leader_epoch = leader_epoch;
    }

    /// Makes it a batch of `LogAppendTime`, appended at `now`.
    pub fn set_append_time(&mut self, now: Millis) {
        self.header.set_append_time();
        self.header.max_timestamp = now;
    }

    /// Makes it part of a transaction.
    pub fn set_transactional(&mut self) {
        self.header.set_transactional();
    }

    /// Makes it a batch for brokers' eyes only.
    pub fn set_control(&mut self) {
        self.header.set_control();
    }

    /// What records' timestamps are relative to, before the first record: for a batch whose base is a delete horizon.
    pub(super) fn set_delete_horizon(&mut self, horizon: Millis) {
        self.header.set_delete_horizon(horizon);
        self.base_timestamp = Some(horizon);
    }

    /// Keeps the offsets that a batch had before records were taken out of it.
    pub(super) fn set_last_offset_delta(&mut self, delta: i32) {
        self.header.last_offset_delta = delta;
    }

    /// The largest timestamp of a batch that has lost its records.
    pub(super) fn set_max_timestamp(&mut self, timestamp: Millis) {
        self.header.max_timestamp = timestamp;
    }

    /// The batch, whole and checksummed.
    pub fn finish(self) -> Vec<u8> {
        let mut header = self.header;
        header.last_offset_delta = header.last_offset_delta.max(0);
        header.base_timestamp = self.base_timestamp.unwrap_or(NO_TIMESTAMP);
        if header.timestamp_type() == TimestampType::LogAppendTime && self.base_timestamp.is_none() {
            header.base_timestamp = header.max_timestamp;
        }
        let mut out = self.writer.into_bytes();
        if self.codec != Codec::None {
            let packed = compress(self.codec, self.level, &out[HEADER_BYTES..]);
            out.truncate(HEADER_BYTES);
            out.extend_from_slice(&packed);
        }
        header.seal(&mut out);
        out
    }
}

/// A record's fields but for its headers, of which only the count and the size in wire format are known.
pub(super) struct Fields<'a> {
    pub offset_delta: i32,
    pub timestamp: Millis,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers_count: usize,
    pub headers_len: usize,
}

#[inline]
fn put_bytes(w: &mut Writer, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            w.varint(bytes.len() as i32);
            w.put(bytes);
        }
        None => w.varint(-1),
    }
}

#[inline]
fn bytes_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint_len(bytes.len() as i32) + bytes.len())
}

#[inline]
fn varint_len(v: i32) -> usize {
    varlong_len(i64::from(v))
}

#[inline]
fn varlong_len(v: i64) -> usize {
    let raw = ((v << 1) ^ (v >> 63)) as u64;
    (70 - (raw | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_variable_integers() {
        for v in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN]
        {
            let mut w = Writer::new();
            w.varlong(v);
            assert_eq!(varlong_len(v), w.len(), "{v}");
        }
    }

    #[test]
    fn the_estimate_is_an_upper_bound() {
        let headers: [HeaderRef<'_>; 2] = [(b"h", Some(b"v")), (b"none", None)];
        let mut builder = Builder::new(Codec::None, None);
        let before = builder.size();
        builder.push(i64::MAX, Some(b"key"), Some(&[1; 300]), &headers);
        let added = builder.size() - before;
        assert!(added <= Builder::size_of(Some(b"key"), Some(&[1; 300]), &headers));
        assert_eq!(builder.size(), builder.finish().len());
    }
}
