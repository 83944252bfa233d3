//! What can be wrong with record bytes, and the code a client gets for it.

use super::compress::Codec;
use crate::error::ErrorCode;
use crate::wire::WireError;
use std::fmt;

/// What was wrong with a record batch or with a file of this room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end before the batch does.
    Truncated {
        /// Bytes wanted.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The batch's length field is one that no batch has.
    BadLength(i32),
    /// More bytes than the batch says it has.
    TrailingBytes(usize),
    /// Not format v2.
    BadMagic(i8),
    /// The checksum does not match the bytes.
    BadCrc {
        /// The checksum in the batch.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A compression codec that does not exist.
    UnknownCodec(i16),
    /// The compressed records cannot be unpacked.
    Decompress {
        /// The codec.
        codec: Codec,
        /// Why.
        why: String,
    },
    /// The records take more memory than allowed.
    TooLarge {
        /// What is allowed, in bytes.
        max_bytes: usize,
    },
    /// Header fields that contradict each other, or that a client may not set.
    BadHeader(&'static str),
    /// A record that breaks the format.
    BadRecord {
        /// Its index in the batch.
        index: u32,
        /// Why.
        why: &'static str,
    },
    /// A producer snapshot that is not one.
    BadSnapshot(&'static str),
}

impl RecordError {
    /// The code a client gets.
    pub fn code(&self) -> ErrorCode {
        match self {
            RecordError::Truncated { .. }
            | RecordError::BadLength(_)
            | RecordError::BadCrc { .. }
            | RecordError::Decompress { .. } => ErrorCode::CorruptMessage,
            RecordError::TrailingBytes(_)
            | RecordError::BadMagic(_)
            | RecordError::BadHeader(_)
            | RecordError::BadRecord { .. } => ErrorCode::InvalidRecord,
            RecordError::UnknownCodec(_) => ErrorCode::UnsupportedCompressionType,
            RecordError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            RecordError::BadSnapshot(_) => ErrorCode::KafkaStorageError,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Truncated { need, have } => {
                write!(f, "record batch truncated: {need} bytes needed, {have} there")
            }
            RecordError::BadLength(n) => write!(f, "record batch says it is {n} bytes long"),
            RecordError::TrailingBytes(n) => {
                write!(f, "{n} bytes after the end of the record batch; a partition takes one batch a request")
            }
            RecordError::BadMagic(magic) => write!(f, "record batch of format v{magic}; only v2 is supported"),
            RecordError::BadCrc { stored, computed } => {
                write!(f, "record batch is corrupt: its checksum is {stored:#010x}, its bytes make {computed:#010x}")
            }
            RecordError::UnknownCodec(id) => write!(f, "unknown compression codec {id}"),
            RecordError::Decompress { codec, why } => write!(f, "cannot unpack {codec} records: {why}"),
            RecordError::TooLarge { max_bytes } => write!(f, "unpacked records take more than {max_bytes} bytes"),
            RecordError::BadHeader(why) => write!(f, "bad record batch: {why}"),
            RecordError::BadRecord { index, why } => write!(f, "bad record {index} in its batch: {why}"),
            RecordError::BadSnapshot(why) => write!(f, "bad producer snapshot: {why}"),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<WireError> for RecordError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated { need, have } => RecordError::Truncated { need, have },
            WireError::TrailingBytes(n) => RecordError::TrailingBytes(n),
            _ => RecordError::BadHeader("a field does not read"),
        }
    }
}
