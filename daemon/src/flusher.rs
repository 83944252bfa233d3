//! One thread per log directory that puts things on disk: group commit. While one round is under way the loop collects
//! the next; each round takes all that waits and answers it in one batch. After a failure nothing is tried again.

use crate::disk::{RealDisk, RealFile};
use crate::mailbox::Mailbox;
use crate::store::Done;
use kq::log::checkpoint::{LOG_STARTS, Offsets, RECOVERY_POINTS, write_offsets};
use kq::log::{DirtyFiles, Disk, DiskError, DiskFile, DiskResult};
use kq::types::{LogId, Offset};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// From so many files on, syncing their file system as a whole is quicker than syncing each.
const SYNCFS_FILES: usize = 16;

/// What a flusher is asked to do.
pub enum Task {
    /// Put a log's files on disk.
    Sync {
        /// The log.
        log: LogId,
        /// Its generation.
        generation: u32,
        /// What to sync.
        dirty: DirtyFiles<RealDisk>,
    },
    /// Replace the log-start checkpoint.
    Starts {
        /// Its content.
        starts: Arc<Offsets>,
        /// Whose starts moved, with generation and new start.
        moved: Vec<(LogId, u32, Offset)>,
    },
    /// Replace the recovery-point checkpoint.
    RecoveryPoints(Offsets),
}

/// What a round has done.
pub struct Round {
    /// The directory.
    pub dir: usize,
    /// How long it took, in microseconds.
    pub us: u64,
    /// Logs with their generation, and up to where each is on disk.
    pub synced: Vec<(LogId, u32, Offset)>,
    /// Logs with their generation, and where each starts, durably.
    pub moved: Vec<(LogId, u32, Offset)>,
    /// Why none of it counts: the directory is done with.
    pub failure: Option<DiskError>,
    /// Why the checkpoint files were not replaced, when all else went well: `moved` does not count.
    pub checkpoint_failure: Option<DiskError>,
}

/// The handle of the thread.
pub struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    tasks: Vec<Task>,
    stop: bool,
}

impl Flusher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(dir: usize, disk: RealDisk, mailbox: Mailbox<Done>) -> Result<Flusher, String> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("kqd-flush-{dir}"))
            .spawn(move || work(dir, &disk, &theirs, &mailbox))
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        Ok(Flusher { shared, thread: Some(thread) })
    }

    /// Adds tasks for the next round.
    pub fn add(&self, tasks: impl IntoIterator<Item = Task>) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = state.tasks.is_empty();
        state.tasks.extend(tasks);
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    /// Does what waits, then ends the thread.
    pub fn stop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(dir: usize, disk: &RealDisk, shared: &Shared, mailbox: &Mailbox<Done>) {
    let mut broken = None;
    loop {
        let tasks = {
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            while state.tasks.is_empty() && !state.stop {
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.tasks.is_empty() {
                return;
            }
            std::mem::take(&mut state.tasks)
        };
        let round = run(dir, disk, tasks, broken.clone());
        // An fsync error is reported once and the pages are then taken for clean: trying again would lie.
        broken = round.failure.clone();
        mailbox.post(Done::Round(round));
    }
}

fn run(dir: usize, disk: &RealDisk, tasks: Vec<Task>, broken: Option<DiskError>) -> Round {
    let began = Instant::now();
    let mut round =
        Round { dir, us: 0, synced: Vec::new(), moved: Vec::new(), failure: broken, checkpoint_failure: None };
    let (mut files, mut folders): (Vec<RealFile>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut new_starts, mut points) = (None, None);
    for task in tasks {
        match task {
            Task::Sync { log, generation, dirty } => {
                round.synced.push((log, generation, dirty.end));
                files.extend(dirty.files);
                folders.extend(dirty.dirs);
            }
            Task::Starts { starts, moved } => {
                round.moved.extend(moved);
                new_starts = Some(starts);
            }
            Task::RecoveryPoints(offsets) => points = Some(offsets),
        }
    }
    if round.failure.is_none() {
        round.failure = sync(disk, &files, &mut folders).err();
    }
    if round.failure.is_none() {
        let outcome = new_starts
            .map_or(Ok(()), |starts| write_offsets(disk, LOG_STARTS, &starts))
            .and_then(|()| points.map_or(Ok(()), |points| write_offsets(disk, RECOVERY_POINTS, &points)));
        round.checkpoint_failure = outcome.err();
    }
    round.us = began.elapsed().as_micros() as u64;
    round
}

fn sync(disk: &RealDisk, files: &[RealFile], folders: &mut Vec<String>) -> DiskResult<()> {
    folders.sort();
    folders.dedup();
    if files.len() + folders.len() >= SYNCFS_FILES {
        return disk.sync_file_system();
    }
    if files.len() > 1 {
        files.iter().for_each(RealFile::start_writeback);
    }
    files.iter().try_for_each(DiskFile::sync)?;
    folders.iter().try_for_each(|folder| disk.sync_dir(folder))
}
