//! The log of a shard becomes its state again, portion by portion. What cannot be read is passed over and counted: one
//! damaged record must not cost a partition all its groups.

use super::{Record, Shard};
use crate::record::{self, RecordError};
use crate::types::Offset;

/// A batch of a coordinator's log holds no more than so many bytes once it is decoded.
const BATCH_BYTES_MAX: usize = 256 << 20;

/// What a portion of a log came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The offset after its last batch; none where there is no batch.
    pub end: Option<Offset>,
    /// How many records, or batches as a whole, could not be read.
    pub skipped: u64,
    /// The first of them: where it is, and what is wrong with it.
    pub first: Option<String>,
}

impl Loaded {
    fn skip(&mut self, offset: Offset, why: impl std::fmt::Display) {
        self.skipped += 1;
        self.first.get_or_insert_with(|| format!("at offset {offset}: {why}"));
    }
}

/// Makes the records of whole batches state. Records of types that this version does not know are left alone.
///
/// # Errors
/// Bytes that are no batches: where the next one begins cannot be known.
pub fn replay_batches(shard: &mut Shard, content: &[u8]) -> Result<Loaded, RecordError> {
    let mut loaded = Loaded::default();
    for batch in record::batches(content) {
        let (header, bytes) = batch?;
        loaded.end = Some(header.next_offset());
        // Offsets of transactions are not offsets before their transaction ends; there are none here yet.
        if header.is_control() || header.is_transactional() {
            continue;
        }
        let decoded = match record::decode(bytes, BATCH_BYTES_MAX) {
            Ok(decoded) => decoded,
            Err(error) => {
                loaded.skip(header.base_offset, error);
                continue;
            }
        };
        for one in &decoded {
            let one = match one {
                Ok(one) => one,
                Err(error) => {
                    // Where the next record of this batch would begin is not known.
                    loaded.skip(header.base_offset, error);
                    break;
                }
            };
            let Some(key) = one.key else { continue };
            match Record::decode(key, one.value) {
                Ok(Some(read)) => shard.replay(&read),
                Ok(None) => {}
                Err(error) => loaded.skip(one.offset, error),
            }
        }
    }
    Ok(loaded)
}
