//! `Disk`: all that the log asks of a file system. The daemon does it with real files, the simulator with memory that
//! forgets what was not synced.

use std::fmt;

/// Why a disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskErrorKind {
    /// No such file or directory.
    NotFound,
    /// It is already there.
    Exists,
    /// No space, or no quota, left.
    Full,
    /// The bytes are not what was written: what was asked for cannot be had, the rest can.
    Damaged,
    /// Anything else: the directory it happened in must be taken out of service.
    Io,
}

/// What failed, and on which path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskError {
    /// What kind of failure.
    pub kind: DiskErrorKind,
    /// Operation and path.
    pub what: String,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)
    }
}

impl std::error::Error for DiskError {}

/// The result of a disk operation.
pub type DiskResult<T> = Result<T, DiskError>;

/// One log directory. Paths are relative to it, with `/` between names.
///
/// A created, renamed or removed name survives a power cut only after [`Disk::sync_dir`] of the folder that holds it.
pub trait Disk: Clone + Send + 'static {
    /// An open file. Cloning gives another handle of the same file; it stays readable after the name is removed.
    type File: DiskFile;

    /// Makes a folder; its parent exists. No error when it is already there.
    fn create_dir(&self, path: &str) -> DiskResult<()>;
    /// Names in a folder, sorted, files and folders alike.
    fn list(&self, path: &str) -> DiskResult<Vec<String>>;
    /// Opens a file that exists.
    fn open(&self, path: &str) -> DiskResult<Self::File>;
    /// Makes an empty file, emptying one that exists.
    fn create(&self, path: &str) -> DiskResult<Self::File>;
    /// Renames a file or folder, replacing a file of the new name.
    fn rename(&self, from: &str, to: &str) -> DiskResult<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> DiskResult<()>;
    /// Removes a folder and all in it.
    fn remove_dir(&self, path: &str) -> DiskResult<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &str) -> DiskResult<()>;
}

/// An open file.
pub trait DiskFile: Clone + Send + 'static {
    /// Length in bytes.
    fn len(&self) -> DiskResult<u64>;
    /// True for a file without bytes.
    fn is_empty(&self) -> DiskResult<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buffer` from `position`; returns how many bytes were there (fewer only at the end of the file).
    fn read_at(&self, buffer: &mut [u8], position: u64) -> DiskResult<usize>;
    /// The same, but only bytes that can be had without waiting for the disk; none of them when it fails, too.
    fn read_cached(&self, buffer: &mut [u8], position: u64) -> usize {
        self.read_at(buffer, position).unwrap_or(0)
    }
    /// Writes the parts one after the other at `position`, all of them or an error.
    fn write_at(&self, parts: &[&[u8]], position: u64) -> DiskResult<()>;
    /// Cuts or extends the file.
    fn set_len(&self, bytes: u64) -> DiskResult<()>;
    /// Puts contents and length on disk.
    fn sync(&self) -> DiskResult<()>;
}
