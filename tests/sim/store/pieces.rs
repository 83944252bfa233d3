//! What goes in and out of storage: completions, jobs for the flusher, batches, and all of a log.

use kq::event::{Answer, Appended, Input, LogName, Opened, StorageFault};
use kq::log::DirtyFiles;
use kq::log::memory::MemoryDisk;
use kq::types::{Epoch, LogId, Offset};

/// A completion on its way to the node.
#[derive(Debug)]
pub enum Done {
    Opened { log: LogId, generation: u32, result: Result<Opened, StorageFault> },
    Appended { log: LogId, generation: u32, result: Result<Appended, StorageFault> },
    Synced { log: LogId, generation: u32, result: Result<Offset, StorageFault> },
    Trimmed { log: LogId, generation: u32, result: Result<Offset, StorageFault> },
    Answer { token: u64, answer: Answer },
    DirFailed { dir: usize },
}

impl Done {
    /// As the node is told.
    pub fn into_input(self) -> Input<'static> {
        match self {
            Done::Opened { log, generation, result } => Input::Opened { log, generation, result },
            Done::Appended { log, generation, result } => Input::Appended { log, generation, result },
            Done::Synced { log, generation, result } => Input::Synced { log, generation, result },
            Done::Trimmed { log, generation, result } => Input::Trimmed { log, generation, result },
            Done::Answer { token, answer } => Input::Answer { token, answer },
            Done::DirFailed { dir } => Input::DirFailed { dir },
        }
    }
}

/// What the flusher of a directory has to do.
pub enum Job {
    Sync { log: LogId, generation: u32, dirty: DirtyFiles<MemoryDisk> },
    Starts { log: LogId, generation: u32, start: Offset },
}

/// A batch waiting for the end of the pass.
pub struct Pending {
    pub log: LogId,
    pub generation: u32,
    pub base_offset: Offset,
    pub epoch: Epoch,
    pub bytes: Vec<u8>,
}

/// A batch that went into a log.
pub struct Written {
    pub name: LogName,
    pub base_offset: Offset,
    pub epoch: Epoch,
    pub bytes: Vec<u8>,
}

/// All of a log, as its node sees it.
pub struct Content {
    pub name: LogName,
    pub start: Offset,
    pub end: Offset,
    pub bytes: Vec<u8>,
}
