//! One partition's log, in Kafka's own on-disk format: Apache Kafka can take over a directory, and the other way round.
//! All numbers are big-endian.
//!
//! # A log directory
//!
//! ```text
//! meta.properties                       whose directory it is: version=1, cluster.id, node.id, directory.id
//! .kafka_cleanshutdown                  there after a clean stop only; removed before the first log is opened
//! recovery-point-offset-checkpoint      per log: everything below is on disk
//! log-start-offset-checkpoint           per log: first offset that may be read
//! replication-offset-checkpoint         per log: high watermark
//! cleaner-offset-checkpoint             per log: everything below was compacted
//! <topic>-<partition>/                  one log
//! <topic>-<partition>.<32 hex>-delete/  one that was deleted; removed when found at start
//! ```
//!
//! The checkpoints are text: a line `0`, a line with the number of entries, one line `topic partition offset` each.
//!
//! # A log
//!
//! ```text
//! partition.metadata          text: `version: 0`, `topic_id: ` and 22 characters of base64
//! leader-epoch-checkpoint     text: `0`, number of entries, one line `epoch first-offset` each, both growing
//! <20 digits>.log             a segment; the digits are its base offset: no batch in it begins below
//! <20 digits>.index           its offset index
//! <20 digits>.timeindex       its time index
//! <20 digits>.snapshot        producers as of that offset; see `record::producer`
//! *.cleaned, *.swap           compaction under way; see `compact`
//! ```
//!
//! The segment with the largest base offset is the active one: the only one that grows.
//!
//! # A segment file
//!
//! Batches of format 2 (KIP-98), one after the other, offsets growing. Without compaction each begins where the one
//! before ended; the first begins at the base offset. At most 2^31-1 bytes, and no offset 2^31 or more above the base.
//!
//! ```text
//! byte  bytes  field
//!    0      8  base offset            set by the broker, not in the checksum
//!    8      4  length of the rest     size of the batch less 12
//!   12      4  leader epoch           set by the broker, not in the checksum
//!   16      1  format                 2
//!   17      4  CRC-32C of byte 21 to the end
//!   21      2  attributes             codec (bits 0-2), LogAppendTime (3), transactional (4), control (5),
//!                                     delete horizon (6)
//!   23      4  last offset, relative  compaction leaves it as it was
//!   27      8  base timestamp         or the delete horizon
//!   35      8  largest timestamp
//!   43      8  producer id            -1 without idempotence
//!   51      2  producer epoch
//!   53      4  sequence of the first record
//!   57      4  number of records      0 where compaction kept only the batch itself
//!   61      .  records, compressed as the codec says
//! ```
//!
//! # The indexes
//!
//! ```text
//! .index      8 bytes an entry:  last offset of a batch, less the base (4), where that batch begins (4)
//! .timeindex  12 bytes an entry: the largest timestamp so far (8), last offset, less the base, of the batch that
//!                                brought it (4)
//! ```
//!
//! A batch gets an entry when more than `index.interval.bytes` of batches came since the last entry; a closed segment's
//! time index ends with its largest timestamp. Both only grow. They are a help, not the truth: whatever misses or does
//! not fit is made anew from the batches.
//!
//! # What survives what
//!
//! - Below the recovery point everything is on disk: files were synced, and then the folder that names them.
//! - What was appended later may be there, in part, or torn: after an unclean stop it is read from the recovery point
//!   on, and the log ends before the first batch that is not whole and good ([`Log::open`]).
//! - Files go only after the checkpoint that makes them unneeded is written: the log start before old segments.

pub mod checkpoint;
pub mod compact;
mod config;
mod cut;
mod disk;
mod epochs;
mod index;
pub mod memory;
mod names;
mod partition;
mod places;
mod read;
mod recover;
mod retain;
mod segment;
#[cfg(test)]
mod tests;
mod walk;

pub use compact::{Compacted, CompactionPlan};
pub use config::LogConfig;
pub use cut::Cut;
pub use disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
pub use epochs::{SavedEpochs, StagedEpochs};
pub use names::{EPOCHS_FILE, METADATA_FILE, is_deleted_dir, parse_dir_name, replace_file, topic_id_of};
pub use partition::{AppendBatch, DirtyFiles, Log};
pub use recover::{Opening, Recovered, exists};
