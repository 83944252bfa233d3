//! One thread per log directory that puts things on disk: group commit. While one round is under way the loop collects
//! the next; each round takes all that waits and answers it in one batch. After a failure nothing is tried again.

use crate::disk::{RealDisk, RealFile};
use crate::mailbox::Mailbox;
use crate::store::Done;
use kq::log::checkpoint::{LOG_STARTS, MetaProperties, Offsets, write_offsets};
use kq::log::{Cut, DirtyFiles, Disk, DiskError, DiskErrorKind, DiskFile, DiskResult, Log, StagedEpochs};
use kq::types::{LogId, Millis, Offset};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// From so many files on, syncing their file system as a whole may be quicker than syncing each.
const SYNCFS_FILES: usize = 16;
/// Rounds until the way that was slower is tried again.
const RETRY_ROUNDS: u32 = 64;

/// What a flusher is asked to do.
pub enum Task {
    /// The first of all: mark a directory that carries no mark yet with whose it is, and make durable that the mark of a
    /// clean stop is gone.
    Begin(Option<MetaProperties>),
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
        starts: Offsets,
        /// Whose starts moved, with generation and new start.
        moved: Vec<(LogId, u32, Offset)>,
    },
    /// Replace another checkpoint file.
    Checkpoint(&'static str, Offsets),
    /// Tell that what was asked before is on disk, for the folder of this name.
    Release(String),
    /// Move a deleted log's folder of this name out of the way: here, so that no sync of it is under way.
    Delete(String, Box<Log<RealDisk>>),
    /// Cut a log, once every checkpoint asked for before is in place: here, so that no sync of it is under way.
    Cut(Box<CutLog>),
    /// Sync the whole file system: what else is to be synced has too many files to hold them open.
    Everything,
}

/// A log that is to be cut, or was.
pub struct CutLog {
    /// The log.
    pub log: LogId,
    /// Its generation.
    pub generation: u32,
    /// Its folder.
    pub name: String,
    /// Its log directory.
    pub dir: usize,
    /// Its files.
    pub open: Log<RealDisk>,
    /// What goes.
    pub cut: Cut,
    /// When it was asked for.
    pub now: Millis,
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
    /// Folder names whose [`Task::Release`] came round.
    pub released: Vec<String>,
    /// Folders that [`Task::Delete`] moved away: their names, and what they are called now.
    pub deleted: Vec<(String, String)>,
    /// Logs that [`Task::Cut`] was about, and how it went.
    pub cut: Vec<(Box<CutLog>, DiskResult<()>)>,
    /// Why none of it counts: the directory is done with.
    pub failure: Option<DiskError>,
    /// Why the checkpoint files were not replaced, when all else went well: `moved` does not count.
    pub checkpoint_failure: Option<DiskError>,
}

/// The handle of the thread.
pub struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<DiskError>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    begun: Condvar,
}

#[derive(Default)]
struct State {
    tasks: Vec<Task>,
    stop: bool,
    /// How [`Task::Begin`] went, once it is done.
    begun: Option<DiskResult<()>>,
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

    /// Waits until the directory is durably marked as in use: nothing in it may change before.
    ///
    /// # Errors
    /// Why it is not.
    pub fn wait_begun(&self) -> DiskResult<()> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &state.begun {
                Some(outcome) => return outcome.clone(),
                None => state = self.shared.begun.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Does what waits, then ends the thread.
    ///
    /// # Errors
    /// When a round has failed: what it was about is not on disk, whatever a later sync says.
    pub fn stop(&mut self) -> DiskResult<()> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.wake.notify_one();
        let failure = self.thread.take().and_then(|thread| thread.join().unwrap_or(None));
        failure.map_or(Ok(()), Err)
    }
}

/// Returns why a round failed, if one did.
fn work(dir: usize, disk: &RealDisk, shared: &Shared, mailbox: &Mailbox<Done>) -> Option<DiskError> {
    let mut broken = None;
    let mut pace = Pace::default();
    loop {
        let tasks = {
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            while state.tasks.is_empty() && !state.stop {
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.tasks.is_empty() {
                return broken;
            }
            std::mem::take(&mut state.tasks)
        };
        let begins = tasks.iter().any(|task| matches!(task, Task::Begin(_)));
        let round = run(dir, disk, tasks, broken.clone(), &mut pace);
        // An fsync error is reported once and the pages are then taken for clean: trying again would lie.
        broken = round.failure.clone();
        if begins {
            let outcome = broken.clone().map_or(Ok(()), Err);
            shared.state.lock().unwrap_or_else(PoisonError::into_inner).begun = Some(outcome);
            shared.begun.notify_all();
        }
        mailbox.post(Done::Round(round));
    }
}

fn run(dir: usize, disk: &RealDisk, tasks: Vec<Task>, broken: Option<DiskError>, pace: &mut Pace) -> Round {
    let began = Instant::now();
    let mut round = Round {
        dir,
        us: 0,
        synced: Vec::new(),
        moved: Vec::new(),
        released: Vec::new(),
        deleted: Vec::new(),
        cut: Vec::new(),
        failure: broken,
        checkpoint_failure: None,
    };
    let (mut mark, mut dirt) = (None, Dirt::default());
    let (mut new_starts, mut checkpoints, mut deleted, mut cuts) = (None, Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        match task {
            Task::Begin(unwritten) => {
                mark = unwritten;
                dirt.folders.push(String::new());
            }
            Task::Sync { log, generation, dirty } => {
                round.synced.push((log, generation, dirty.end));
                dirt.files.extend(dirty.files);
                dirt.folders.extend(dirty.dirs);
                dirt.epochs.extend(dirty.epochs);
            }
            Task::Everything => dirt.everything = true,
            Task::Delete(name, log) => deleted.push((name, log)),
            Task::Starts { starts, moved } => {
                round.moved.extend(moved);
                new_starts = Some(starts);
            }
            Task::Release(name) => round.released.push(name),
            Task::Cut(cut) => cuts.push(cut),
            Task::Checkpoint(name, offsets) => checkpoints.push((name, offsets)),
        }
    }
    if round.failure.is_none() {
        let marked = mark.map_or(Ok(()), |mark| mark.write(disk));
        round.failure = marked.and_then(|()| dirt.sync(disk, pace)).err();
    }
    if round.failure.is_none() && !deleted.is_empty() {
        round.failure = delete(disk, deleted, &mut round.deleted).err();
    }
    if round.failure.is_none() {
        let outcome = new_starts
            .map_or(Ok(()), |starts| write_offsets(disk, LOG_STARTS, &starts))
            .and_then(|()| checkpoints.iter().try_for_each(|(name, offsets)| write_offsets(disk, name, offsets)));
        round.checkpoint_failure = outcome.err();
    }
    for mut log in cuts {
        // Without its checkpoint a crash would believe what a cut leaves.
        let outcome = match round.failure.as_ref().or(round.checkpoint_failure.as_ref()) {
            Some(error) => Err(error.clone()),
            None => log.open.cut(log.cut, log.now),
        };
        if let Err(error) = outcome.as_ref().map_err(Clone::clone)
            && error.kind != DiskErrorKind::Full
        {
            round.failure.get_or_insert(error);
        }
        round.cut.push((log, outcome));
    }
    round.us = began.elapsed().as_micros() as u64;
    round
}

/// What each way of syncing took lately: a neighbour's unwritten data on the same file system makes `syncfs` wait for it.
#[derive(Debug, Default)]
struct Pace {
    file_us: u64,
    file_system_us: u64,
    rounds: u32,
}

impl Pace {
    fn whole_file_system(&mut self, files: usize) -> bool {
        if files < SYNCFS_FILES {
            return false;
        }
        self.rounds = (self.rounds + 1) % RETRY_ROUNDS;
        self.rounds == 1 || self.file_system_us <= self.file_us * files as u64
    }
}

/// Moves folders out of the way, and makes that durable once for all of them.
fn delete(
    disk: &RealDisk,
    logs: Vec<(String, Box<Log<RealDisk>>)>,
    deleted: &mut Vec<(String, String)>,
) -> DiskResult<()> {
    let mut gone = Vec::with_capacity(logs.len());
    for (name, log) in logs {
        gone.push((name, log.move_away()?));
    }
    disk.sync_dir("")?;
    deleted.append(&mut gone);
    Ok(())
}

/// What a round has to put on disk.
#[derive(Default)]
struct Dirt {
    files: Vec<RealFile>,
    folders: Vec<String>,
    epochs: Vec<StagedEpochs>,
    everything: bool,
}

impl Dirt {
    fn sync(mut self, disk: &RealDisk, pace: &mut Pace) -> DiskResult<()> {
        self.folders.sort();
        self.folders.dedup();
        let count = self.files.len() + self.folders.len();
        let began = Instant::now();
        if self.everything || pace.whole_file_system(count) {
            disk.sync_file_system()?;
            if !self.epochs.is_empty() {
                self.epochs.iter().try_for_each(|epochs| epochs.put_in_place(disk))?;
                disk.sync_file_system()?;
            }
            pace.file_system_us = began.elapsed().as_micros() as u64;
            return Ok(());
        }
        if self.files.len() > 1 {
            self.files.iter().for_each(RealFile::start_writeback);
        }
        self.files.iter().try_for_each(DiskFile::sync)?;
        self.epochs.iter().try_for_each(|epochs| epochs.put_in_place(disk))?;
        self.folders.iter().try_for_each(|folder| disk.sync_dir(folder))?;
        if count > 0 {
            let us = began.elapsed().as_micros() as u64 / count as u64;
            pace.file_us = if pace.file_us == 0 { us } else { (pace.file_us * 7 + us) / 8 };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::types::LogId;

    #[test]
    fn many_files_are_synced_the_quicker_way() {
        let mut pace = Pace { file_us: 100, file_system_us: 0, rounds: 0 };
        assert!(!pace.whole_file_system(15));
        assert!(pace.whole_file_system(16));
        pace.file_system_us = 50_000;
        assert!(!pace.whole_file_system(32));
        assert!(pace.whole_file_system(1000));
        let tried = (0..RETRY_ROUNDS).filter(|_| pace.whole_file_system(32)).count();
        assert_eq!(tried, 1, "the slower way is tried again from time to time");
    }

    #[test]
    fn a_failed_directory_is_never_retried_into_a_success() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open_root(dir.path()).unwrap();
        let task = |dirs| {
            let dirty = DirtyFiles { files: vec![disk.create("f").unwrap()], dirs, epochs: None, end: 7 };
            vec![Task::Sync { log: LogId(1), generation: 2, dirty }]
        };
        let mut pace = Pace::default();
        let good = run(0, &disk, task(vec![String::new()]), None, &mut pace);
        assert_eq!((good.synced.as_slice(), good.failure), (&[(LogId(1), 2, 7)][..], None));
        let bad = run(0, &disk, task(vec!["not there".into()]), None, &mut pace);
        let why = bad.failure.unwrap();
        assert!(why.what.contains("not there"), "{why}");
        let later = run(0, &disk, task(Vec::new()), Some(why.clone()), &mut pace);
        assert_eq!(later.failure, Some(why));
    }
}
