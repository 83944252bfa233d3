//! Record batches (format v2, KIP-98): parse, check, build, compress; idempotent producers' state.
//!
//! Everything that reads takes hostile bytes: it returns [`RecordError`], never panics, and never takes more memory
//! than its `max_bytes` allows.
//!
//! ```text
//!  0 base_offset i64 | 8 length i32 | 12 leader_epoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16
//! 23 last_offset_delta i32 | 27 base_timestamp i64 | 35 max_timestamp i64 | 43 producer_id i64
//! 51 producer_epoch i16 | 53 base_sequence i32 | 57 count i32 | 61 records, compressed as attributes say
//! ```
//!
//! The checksum (CRC-32C) covers everything from the attributes on, so a broker may set the base offset and the
//! leader epoch of a batch without touching it.

pub mod batch;
pub mod builder;
pub mod compact;
pub mod compress;
pub mod crc;
mod error;
pub mod producer;
pub mod records;

pub use batch::{BatchHeader, Batches, HEADER_BYTES, TimestampType, batches, check, check_produced};
pub use builder::Builder;
pub use compress::Codec;
pub use error::RecordError;
pub use records::{Decoded, Headers, Record, Records, decode};

#[cfg(test)]
mod golden;
