//! The file of a log's leader epochs: staged when a sync is asked for, put in place within it, so that it is on disk
//! before the recovery point passes the batches that tell of the same.

use super::checkpoint::format_epochs;
use super::disk::{Disk, DiskFile, DiskResult};
use super::names::EPOCHS_FILE;
use super::partition::Log;
use crate::types::{Epoch, Offset};

/// Leader epochs and where each began, oldest first, on their way to the file.
#[derive(Clone, Debug, Default)]
pub struct SavedEpochs {
    pub(super) entries: Vec<(Epoch, Offset)>,
    /// The file does not have them yet.
    pub(super) due: bool,
    /// Makes the names of what is staged different: an earlier one may wait to be put in place.
    serial: u32,
}

/// What waits beside a log's epochs' file.
#[derive(Debug)]
pub struct StagedEpochs {
    /// The log's folder: to be synced after [`StagedEpochs::put_in_place`].
    pub folder: String,
    serial: u32,
}

impl StagedEpochs {
    /// Lets it take the file's place; it must have been synced.
    ///
    /// # Errors
    /// Any disk error.
    pub fn put_in_place<D: Disk>(&self, disk: &D) -> DiskResult<()> {
        disk.rename(&staged_path(&self.folder, self.serial), &format!("{}/{EPOCHS_FILE}", self.folder))
    }
}

fn staged_path(folder: &str, serial: u32) -> String {
    format!("{folder}/{EPOCHS_FILE}.{serial}.tmp")
}

impl<D: Disk> Log<D> {
    /// Takes in the leader epochs and where each began, oldest first. They go to their file with the next sync.
    pub fn save_epochs(&mut self, epochs: Vec<(Epoch, Offset)>) {
        self.epochs.entries = epochs;
        self.epochs.due = true;
    }

    /// The leader epochs as last told or found.
    pub fn epochs(&self) -> &SavedEpochs {
        &self.epochs
    }

    /// Goes on with what the handle before this one knew, whose file may be being put in place just now. Returns the
    /// epochs, as far as the log reaches.
    pub fn inherit_epochs(&mut self, mut before: SavedEpochs) -> Vec<(Epoch, Offset)> {
        before.entries.retain(|(_, offset)| *offset < self.end);
        before.due = !before.entries.is_empty();
        self.epochs = before;
        self.epochs.entries.clone()
    }

    /// Writes beside the file what is to replace it; returns the file to be synced first. Where there is no room, it
    /// stays due: records that are on disk are not to be refused for its sake.
    pub(super) fn stage_epochs(&mut self) -> Option<(D::File, StagedEpochs)> {
        if !self.epochs.due {
            return None;
        }
        self.epochs.serial = self.epochs.serial.wrapping_add(1);
        let staged = StagedEpochs { folder: self.dir.clone(), serial: self.epochs.serial };
        let path = staged_path(&self.dir, staged.serial);
        let text = format_epochs(&self.epochs.entries);
        let written = self.disk.create(&path).and_then(|file| file.write_at(&[text.as_bytes()], 0).map(|()| file));
        match written {
            Ok(file) => {
                self.epochs.due = false;
                Some((file, staged))
            }
            Err(_) => {
                let _ = self.disk.remove(&path);
                None
            }
        }
    }
}
