//! One partition's log, in Kafka's own segment format.

pub mod checkpoint;
pub mod compact;
mod config;
mod disk;
mod index;
pub mod memory;
mod names;
mod partition;
mod read;
mod recover;
mod retain;
mod segment;
#[cfg(test)]
mod tests;
mod walk;

pub use compact::{Compacted, CompactionPlan};
pub use config::LogConfig;
pub use disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
pub use names::{EPOCHS_FILE, METADATA_FILE, is_deleted_dir, parse_dir_name, replace_file, topic_id_of};
pub use partition::{AppendBatch, DirtyFiles, Log};
pub use recover::{Opening, Recovered, exists};
