//! One partition's log, in Kafka's own segment format.

mod disk;

pub use disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};

/// A log's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {}
