//! The records of a batch: unpacked, walked, searched, and packed again with another codec.

use super::batch::{BatchHeader, HEADER_BYTES, TimestampType, check};
use super::compress::{Codec, compress, decompress};
use super::error::RecordError;
use crate::types::{Millis, Offset};
use crate::wire::Reader;
use std::borrow::Cow;

/// The least bytes a record takes: length, attributes, two deltas, two null lengths, no headers.
const RECORD_BYTES_MIN: usize = 7;

/// A checked batch with its records unpacked.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// The batch's header.
    pub header: BatchHeader,
    payload: Cow<'a, [u8]>,
}

/// One record. What it holds is borrowed from its batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp; the append time in a batch of `LogAppendTime`.
    pub timestamp: Millis,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order; a key may come more than once.
    pub headers: Headers<'a>,
    /// The record's size in bytes, without its own length.
    pub size: usize,
}

/// The headers of a record: an iterator over key and value that can be cloned to start again.
#[derive(Clone, Debug, PartialEq)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The headers in wire format, without their count.
    pub(super) fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.count == 0 {
            return None;
        }
        let mut r = Reader::new(self.bytes);
        let (key, value) = header(&mut r)?;
        self.bytes = &self.bytes[r.position()..];
        self.count -= 1;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Checks a whole batch and unpacks its records, which may take `max_bytes`.
///
/// # Errors
/// [`RecordError`] says what is wrong.
pub fn decode(batch: &[u8], max_bytes: usize) -> Result<Decoded<'_>, RecordError> {
    let header = check(batch)?;
    let packed = &batch[HEADER_BYTES..];
    let payload = match header.codec()? {
        Codec::None => Cow::Borrowed(packed),
        _ if header.count == 0 => Cow::Borrowed(&[][..]),
        codec => Cow::Owned(decompress(codec, packed, max_bytes)?),
    };
    if (header.count as usize).saturating_mul(RECORD_BYTES_MIN) > payload.len() {
        return Err(RecordError::BadHeader("more records than the batch has bytes for"));
    }
    Ok(Decoded { header, payload })
}

impl Decoded<'_> {
    /// The records in order. Ends after the first error.
    pub fn iter(&self) -> Records<'_> {
        Records { header: self.header, reader: Reader::new(&self.payload), index: 0 }
    }

    /// Bytes of the records, unpacked.
    pub fn size(&self) -> usize {
        self.payload.len()
    }
}

impl<'a> IntoIterator for &'a Decoded<'_> {
    type Item = Result<Record<'a>, RecordError>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

/// See [`Decoded::iter`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: BatchHeader,
    reader: Reader<'a>,
    index: i32,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.header.count {
            return None;
        }
        let index = self.index;
        self.index += 1;
        match record(&mut self.reader, &self.header) {
            Ok(record) if index + 1 < self.header.count || self.reader.remaining() == 0 => Some(Ok(record)),
            Ok(_) => Some(Err(RecordError::BadRecord { index: index as u32, why: "bytes left after the last record" })),
            Err(why) => {
                self.index = self.header.count;
                Some(Err(RecordError::BadRecord { index: index as u32, why }))
            }
        }
    }
}

fn record<'a>(r: &mut Reader<'a>, batch: &BatchHeader) -> Result<Record<'a>, &'static str> {
    const CUT: &str = "it is cut short";
    let size = r.varint().map_err(|_| CUT)?;
    let size = usize::try_from(size).map_err(|_| "its length is negative")?;
    let body = r.take(size).map_err(|_| CUT)?;
    let mut r = Reader::new(body);
    let _attributes = r.i8().map_err(|_| CUT)?;
    let timestamp_delta = r.varlong().map_err(|_| CUT)?;
    let offset_delta = r.varint().map_err(|_| CUT)?;
    if !(0..=batch.last_offset_delta).contains(&offset_delta) {
        return Err("its offset is outside of the batch");
    }
    let key = bytes(&mut r).ok_or("its key does not fit")?;
    let value = bytes(&mut r).ok_or("its value does not fit")?;
    let count = r.varint().map_err(|_| CUT)?;
    let count = usize::try_from(count).map_err(|_| "its number of headers is negative")?;
    let headers = &body[r.position()..];
    for _ in 0..count {
        header(&mut r).ok_or("a header does not fit")?;
    }
    if r.remaining() > 0 {
        return Err("it has bytes after its last header");
    }
    let timestamp = match batch.timestamp_type() {
        TimestampType::CreateTime => batch.base_timestamp.wrapping_add(timestamp_delta),
        TimestampType::LogAppendTime => batch.max_timestamp,
    };
    let offset = batch.base_offset.wrapping_add(i64::from(offset_delta));
    Ok(Record { offset, timestamp, key, value, headers: Headers { count, bytes: headers }, size })
}

/// A nullable run of bytes; the outer `None` is an error.
#[inline]
fn bytes<'a>(r: &mut Reader<'a>) -> Option<Option<&'a [u8]>> {
    match r.varint().ok()? {
        -1 => Some(None),
        n => Some(Some(r.take(usize::try_from(n).ok()?).ok()?)),
    }
}

#[inline]
fn header<'a>(r: &mut Reader<'a>) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let key = bytes(r)??;
    Some((key, bytes(r)?))
}

/// Checks a batch down to each record: that they are as many as the header says, and their offsets dense from the base
/// offset. For batches from producers.
///
/// # Errors
/// [`RecordError`] says what is wrong.
pub fn validate(batch: &[u8], max_bytes: usize) -> Result<BatchHeader, RecordError> {
    let decoded = decode(batch, max_bytes)?;
    let header = decoded.header;
    for (index, record) in decoded.iter().enumerate() {
        if record?.offset != header.base_offset.wrapping_add(index as i64) {
            return Err(RecordError::BadRecord { index: index as u32, why: "its offset is not the next one" });
        }
    }
    if i64::from(header.count) != i64::from(header.last_offset_delta) + 1 {
        return Err(RecordError::BadHeader("the number of records does not fit the offsets"));
    }
    Ok(header)
}

/// The indexes of the records without a key: for them a batch is refused by compacted topics.
///
/// # Errors
/// [`RecordError`] when the batch does not unpack.
pub fn without_key(batch: &[u8], max_bytes: usize) -> Result<Vec<i32>, RecordError> {
    let mut found = Vec::new();
    for (index, record) in (0..).zip(&decode(batch, max_bytes)?) {
        if record?.key.is_none() {
            found.push(index);
        }
    }
    Ok(found)
}

/// The largest timestamp in a batch and the first record that has it; `None` when there is no record.
///
/// # Errors
/// [`RecordError`] when the batch does not unpack.
pub fn max_timestamp(batch: &[u8], max_bytes: usize) -> Result<Option<(Offset, Millis)>, RecordError> {
    let mut max: Option<(Offset, Millis)> = None;
    for record in &decode(batch, max_bytes)? {
        let record = record?;
        if max.is_none_or(|(_, timestamp)| record.timestamp > timestamp) {
            max = Some((record.offset, record.timestamp));
        }
    }
    Ok(max)
}

/// The first record at or after `from` whose timestamp is at least `timestamp`.
///
/// # Errors
/// [`RecordError`] when the batch does not unpack.
pub fn find_time(
    batch: &[u8],
    timestamp: Millis,
    from: Offset,
    max_bytes: usize,
) -> Result<Option<(Offset, Millis)>, RecordError> {
    if BatchHeader::peek(batch)?.max_timestamp < timestamp {
        return Ok(None);
    }
    for record in &decode(batch, max_bytes)? {
        let record = record?;
        if record.timestamp >= timestamp && record.offset >= from {
            return Ok(Some((record.offset, record.timestamp)));
        }
    }
    Ok(None)
}

/// The same records under another codec: offsets, timestamps, producer, headers and flags stay as they are.
///
/// # Errors
/// [`RecordError`] when the batch does not unpack.
pub fn recompress(batch: &[u8], codec: Codec, level: Option<i32>, max_bytes: usize) -> Result<Vec<u8>, RecordError> {
    let decoded = decode(batch, max_bytes)?;
    let mut header = decoded.header;
    header.set_codec(codec);
    let payload = match codec {
        Codec::None => decoded.payload,
        _ => Cow::Owned(compress(codec, level, &decoded.payload)),
    };
    let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
    out.resize(HEADER_BYTES, 0);
    out.extend_from_slice(&payload);
    header.seal(&mut out);
    Ok(out)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
