//! The logs on real files. Everything the loop asks of storage goes through here; what may block goes to helper threads
//! and comes back as [`Done`].

mod answer;
mod clean;
mod cut;
mod dirs;
mod open;

pub use dirs::{Identity, LogDir, open_all};

use crate::disk::{RealDisk, RealFile};
use crate::flusher::{CutLog, Round, Task};
use crate::helpers::Helpers;
use crate::mailbox::Mailbox;
use crate::metrics::LogFigures;
use kq::error::ErrorCode;
use kq::event::{Effect, Input, Lane, Level, LogName, Opened, StorageFault};
use kq::log::checkpoint::{
    CLEANED, HIGH_WATERMARKS, LOG_STARTS, Offsets, RECOVERY_POINTS, write_clean_shutdown, write_offsets,
};
use kq::log::{AppendBatch, Compacted, Cut, Disk, DiskError, DiskErrorKind, DiskResult, Log, LogConfig};
use kq::types::{ConnId, Epoch, FileRange, LogId, Millis, NodeId, Offset};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// From so many logs on a stop syncs their file system first.
const SYNC_TOGETHER_LOGS: usize = 64;
/// Recovered logs whose files stay open until they are synced; with more the file system is synced as a whole.
const HELD_FILES_LOGS_MAX: usize = 1024;

/// What a helper thread has finished.
pub enum Done {
    /// A log was opened, or not.
    Opened(Box<OpenDone>),
    /// A flusher has finished a round.
    Round(Round),
    /// A round of compaction is ready to be put in place, or failed.
    Compacted {
        /// The log.
        log: LogId,
        /// Its generation.
        generation: u32,
        /// What was made.
        result: DiskResult<Compacted>,
    },
    /// The core's question for a part of a log has its answer.
    Content {
        /// The question's token.
        token: u64,
        /// The bytes, or why there are none.
        result: Result<Vec<u8>, StorageFault>,
    },
    /// The bytes that a connection waits for are in the page cache, or cannot be had.
    Warmed {
        /// The connection.
        conn: ConnId,
        /// What went wrong.
        failure: Option<DiskError>,
    },
    /// The name of another node's host stands for this.
    Resolved {
        /// The node.
        node: NodeId,
        /// The lane that waits for it.
        lane: Lane,
        /// The addresses, or why there is none.
        found: Result<Vec<SocketAddr>, String>,
    },
}

/// A log that was opened, or not.
pub struct OpenDone {
    log: LogId,
    generation: u32,
    name: String,
    dir: usize,
    result: DiskResult<(Log<RealDisk>, Opened)>,
    notes: Vec<String>,
}

/// All logs.
pub struct Store {
    dirs: Vec<LogDir>,
    entries: Vec<Option<Entry>>,
    /// Folders that are being moved away, and who waits for their names.
    deleting: BTreeMap<String, Vec<OpenRequest>>,
    mailbox: Mailbox<Done>,
    /// Tasks of this pass, by directory.
    tasks: Vec<Vec<Task>>,
    /// Logs whose starts moved in this pass, by directory.
    moved: Vec<Vec<(LogId, u32, Offset)>>,
    /// Names of deleted logs that the checkpoints still mention, by directory.
    released: Vec<Vec<String>>,
    notes: Vec<(Level, String)>,
    /// When a removed segment's files may go.
    sweep_at: Option<Millis>,
    synced_since_checkpoint: bool,
    /// Recovered logs that wait for their first sync.
    held: usize,
    /// Logs that are being compacted.
    compacting: BTreeSet<LogId>,
    cleaners: Helpers,
    /// Short ranges that were located in this pass, with their bytes.
    loaded: Vec<(FileRange, Vec<u8>)>,
    /// `log.cleaner.enable`.
    pub compaction_enabled: bool,
}

struct Entry {
    generation: u32,
    name: LogName,
    dir: usize,
    log: Option<Log<RealDisk>>,
    /// Its start as the checkpoint has it: what it is opened again with, and what the checkpoint keeps meanwhile.
    start: Option<Offset>,
    /// What recovery found, while it is not on disk yet: nobody may be shown it.
    held: Option<Box<Opened>>,
}

/// [`Effect::Open`].
struct OpenRequest {
    log: LogId,
    generation: u32,
    name: LogName,
    config: Arc<LogConfig>,
    replay: bool,
}

/// A batch of a pass that is to be appended.
pub struct PendingAppend<'a> {
    /// The log.
    pub log: LogId,
    /// Its generation.
    pub generation: u32,
    /// The offset of the batch's first record.
    pub base_offset: Offset,
    /// The leader epoch.
    pub epoch: Epoch,
    /// The batch.
    pub batch: std::borrow::Cow<'a, [u8]>,
}

impl Store {
    /// A store over directories that [`open_all`] has opened.
    pub fn new(dirs: Vec<LogDir>, mailbox: Mailbox<Done>) -> Store {
        let count = dirs.len();
        Store {
            dirs,
            entries: Vec::new(),
            deleting: BTreeMap::new(),
            mailbox,
            tasks: (0..count).map(|_| Vec::new()).collect(),
            moved: vec![Vec::new(); count],
            released: vec![Vec::new(); count],
            notes: Vec::new(),
            sweep_at: None,
            synced_since_checkpoint: false,
            held: 0,
            compacting: BTreeSet::new(),
            cleaners: Helpers::new("kqd-clean", 1),
            loaded: Vec::new(),
            compaction_enabled: true,
        }
    }

    /// Appends one log's batches of a pass in one write. `batches` all name the same log, in order.
    pub fn append<'a>(&mut self, now: Millis, batches: &[PendingAppend<'_>], inputs: &mut Vec<Input<'a>>) {
        let Some(PendingAppend { log, generation, base_offset, .. }) = batches.first() else { return };
        let (log, generation, base_offset) = (*log, *generation, *base_offset);
        let answer = |result| Input::Appended { log, generation, result };
        let (dir, open) = match self.ready(log, generation) {
            Ok(ready) => ready,
            Err(fault) => return inputs.push(answer(Err(fault))),
        };
        let before = open.end();
        if before != base_offset {
            // The batches were placed before the core heard of an append that failed.
            let message = format!("{} ends at {before}, not {base_offset}", open.name().dir_name());
            return inputs.push(answer(Err(StorageFault { code: ErrorCode::KafkaStorageError, message })));
        }
        let list: Vec<AppendBatch<'_>> = batches
            .iter()
            .map(|b| AppendBatch { base_offset: b.base_offset, epoch: b.epoch, bytes: &b.batch })
            .collect();
        let appended = match self.dirs[dir].begin() {
            Ok(()) => self.ready(log, generation).map(|(_, open)| open.append(now, &list)),
            Err(error) => Ok(Err(error)),
        };
        let appended = match appended {
            Ok(appended) => appended,
            Err(fault) => return inputs.push(answer(Err(fault))),
        };
        match appended {
            Ok(done) => inputs.push(answer(Ok(done))),
            Err(error) => {
                inputs.push(answer(Err(storage_fault(&error))));
                // The core notes what it was answered; lack of space is nothing more than that.
                if error.kind != DiskErrorKind::Full {
                    self.disk_failed(dir, &error, inputs);
                }
            }
        }
    }

    /// Puts a log's files into the next round of its directory's flusher.
    pub fn sync(&mut self, log: LogId, generation: u32, inputs: &mut Vec<Input<'_>>) {
        match self.ready(log, generation) {
            Ok((_, open)) if open.recovery_point() == open.end() => {
                inputs.push(Input::Synced { log, generation, result: Ok(open.end()) });
            }
            Ok((dir, open)) => {
                let dirty = open.take_dirty();
                self.tasks[dir].push(Task::Sync { log, generation, dirty });
            }
            Err(fault) => inputs.push(Input::Synced { log, generation, result: Err(fault) }),
        }
    }

    /// Performs every effect on a log that is neither an append nor a sync. Others are ignored.
    pub fn perform(&mut self, now: Millis, effect: Effect<'_>, inputs: &mut Vec<Input<'_>>) {
        match effect {
            Effect::Open { log, generation, name, config, replay } => {
                self.open(now, OpenRequest { log, generation, name, config, replay }, inputs);
            }
            Effect::Delete { log } => self.delete(log),
            Effect::Configure { log, config } => {
                if let Some(open) = self.entry(log).and_then(|entry| entry.log.as_mut()) {
                    open.configure(config);
                }
            }
            Effect::Trim { log, generation, start } => match self.ready(log, generation) {
                Ok((dir, open)) => {
                    let start = open.trim(start);
                    self.moved[dir].push((log, generation, start));
                }
                Err(fault) => inputs.push(Input::Trimmed { log, generation, result: Err(fault) }),
            },
            Effect::Retain { log, generation, upto } => self.retain(now, log, generation, upto, inputs),
            Effect::SaveProducers { log, generation, offset, bytes } => {
                self.attempt(log, generation, inputs, |open| open.save_producers(offset, &bytes));
            }
            Effect::SaveEpochs { log, generation, epochs } => {
                if let Ok((_, open)) = self.ready(log, generation) {
                    open.save_epochs(epochs);
                }
            }
            Effect::Truncate { log, generation, to } => self.cut(now, log, generation, Cut::From(to), inputs),
            Effect::Restart { log, generation, start } => self.cut(now, log, generation, Cut::All(start), inputs),
            Effect::SaveHighWatermarks { offsets } => self.save_high_watermarks(&offsets),
            _ => {}
        }
    }

    /// Hands what this pass has collected to the flushers.
    pub fn hand_over(&mut self) {
        for dir in 0..self.dirs.len() {
            let (moved, released) = (std::mem::take(&mut self.moved[dir]), std::mem::take(&mut self.released[dir]));
            if !moved.is_empty() || !released.is_empty() {
                let starts = self.starts_of(dir);
                self.tasks[dir].push(Task::Starts { starts, moved });
            }
            if !released.is_empty() {
                // A later topic of the same name must not inherit what the checkpoints say of this one.
                let (points, cleaned) =
                    (self.offsets_of(dir, Log::recovery_point), self.offsets_of(dir, Log::cleaned_to));
                self.tasks[dir].push(Task::Checkpoint(RECOVERY_POINTS, points));
                self.tasks[dir].push(Task::Checkpoint(CLEANED, cleaned));
                if self.forget_high_watermarks(dir, &released) {
                    let offsets = self.dirs[dir].high_watermarks.clone();
                    self.tasks[dir].push(Task::Checkpoint(HIGH_WATERMARKS, offsets));
                }
                self.tasks[dir].extend(released.into_iter().map(Task::Release));
            }
            if !self.tasks[dir].is_empty() {
                self.dirs[dir].flusher.add(self.tasks[dir].drain(..));
            }
        }
    }

    /// Takes in what a helper has finished. Rounds are handed back, for the metrics.
    pub fn done(&mut self, now: Millis, done: Done, inputs: &mut Vec<Input<'_>>) -> Option<Round> {
        match done {
            Done::Opened(done) => self.opened(now, *done, inputs),
            Done::Round(mut round) => {
                let cut = std::mem::take(&mut round.cut);
                self.round(now, &round, inputs);
                for (log, outcome) in cut {
                    self.was_cut(now, *log, outcome, inputs);
                }
                return Some(round);
            }
            Done::Compacted { log, generation, result } => self.compacted(log, generation, result, inputs),
            Done::Warmed { .. } | Done::Content { .. } | Done::Resolved { .. } => {}
        }
        None
    }

    fn round(&mut self, now: Millis, round: &Round, inputs: &mut Vec<Input<'_>>) {
        self.synced_since_checkpoint |= !round.synced.is_empty();
        let fault = round.failure.as_ref().map(storage_fault);
        for (log, generation, end) in &round.synced {
            let (log, generation) = (*log, *generation);
            if let (None, Ok((_, open))) = (&fault, self.ready(log, generation)) {
                open.synced(*end);
            }
            let held = self.entry(log).filter(|entry| entry.generation == generation).and_then(|e| e.held.take());
            let result = fault.clone().map_or(Ok(()), Err);
            inputs.push(match held {
                Some(opened) => {
                    self.held -= 1;
                    Input::Opened { log, generation, result: result.map(|()| *opened) }
                }
                None => Input::Synced { log, generation, result: result.map(|()| *end) },
            });
        }
        for (name, gone) in &round.deleted {
            self.released[round.dir].push(name.clone());
            let (disk, gone) = (self.dirs[round.dir].disk.clone(), gone.clone());
            // What cannot be removed now is removed at the next start.
            self.dirs[round.dir].openers.run(move || drop(disk.remove_dir(&gone)));
        }
        let unmoved = fault.or_else(|| round.checkpoint_failure.as_ref().map(storage_fault));
        for (log, generation, start) in &round.moved {
            let result = unmoved.clone().map_or(Ok(*start), Err);
            if let (Ok(start), Some(entry)) = (&result, self.entry(*log)) {
                entry.start = entry.start.max(Some(*start));
            }
            inputs.push(Input::Trimmed { log: *log, generation: *generation, result });
        }
        for name in &round.released {
            self.name_is_free(now, name, inputs);
        }
        match (&round.failure, &round.checkpoint_failure) {
            // Whatever its kind: what was not synced may be lost, also when it was space that was missing.
            (Some(error), _) => {
                let error = DiskError { kind: DiskErrorKind::Io, ..error.clone() };
                self.disk_failed(round.dir, &error, inputs);
            }
            // A full disk may refuse the small checkpoint files: nothing was promised, nothing is lost.
            (None, Some(error)) => self.disk_failed(round.dir, error, inputs),
            (None, None) if !round.moved.is_empty() => self.sweep(now, inputs),
            (None, None) => {}
        }
    }

    /// Removes files of segments that have left their logs long enough ago.
    pub fn sweep(&mut self, now: Millis, inputs: &mut Vec<Input<'_>>) {
        self.sweep_at = None;
        for index in 0..self.entries.len() {
            let Some(Entry { dir, log: Some(open), .. }) = &mut self.entries[index] else { continue };
            let (dir, swept) = (*dir, open.sweep(now));
            if let Some(due) = open.sweep_due() {
                self.sweep_at = Some(self.sweep_at.map_or(due, |at| at.min(due)));
            }
            if let Err(error) = swept {
                self.disk_failed(dir, &error, inputs);
            }
        }
    }

    /// When [`Store::sweep`] has something to do; asked once.
    pub fn take_sweep_at(&mut self) -> Option<Millis> {
        self.sweep_at.take()
    }

    /// Whether anything was synced since the recovery points were last written.
    pub fn wants_checkpoint(&self) -> bool {
        self.synced_since_checkpoint
    }

    /// Has the recovery points written.
    pub fn checkpoint(&mut self) {
        self.synced_since_checkpoint = false;
        for dir in 0..self.dirs.len() {
            if self.dirs[dir].online {
                let points = self.offsets_of(dir, Log::recovery_point);
                self.tasks[dir].push(Task::Checkpoint(RECOVERY_POINTS, points));
            }
        }
        self.hand_over();
    }

    /// The file behind a range that was located in this pass.
    ///
    /// # Errors
    /// One line, when there is none any more.
    pub fn file_of(&mut self, range: &FileRange) -> Result<RealFile, String> {
        let entry = self.entries.get_mut(range.log.0 as usize).and_then(Option::as_mut);
        let Some(open) = entry.and_then(|entry| entry.log.as_mut()) else {
            return Err("the log is not open any more".into());
        };
        match open.file_of(range) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(format!("segment {} of {} is gone", range.segment, open.name().dir_name())),
            Err(error) => Err(error.what),
        }
    }

    /// Closes every log, writes the checkpoints and leaves the mark of a clean stop, directory by directory.
    ///
    /// # Errors
    /// What failed: those directories carry no mark.
    pub fn close(mut self) -> Result<(), String> {
        let mut failures = Vec::new();
        self.hand_over();
        for dir in 0..self.dirs.len() {
            self.dirs[dir].openers.drain();
            let stopped = self.dirs[dir].flusher.stop();
            if !self.dirs[dir].online {
                failures.push(format!("{} is out of service", self.dirs[dir].path.display()));
            } else if let Err(error) = stopped {
                failures.push(error.what);
            } else if let Err(error) = self.close_dir(dir) {
                failures.push(error.what);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    }

    fn close_dir(&mut self, dir: usize) -> DiskResult<()> {
        let disk = self.dirs[dir].disk.clone();
        let logs = self.entries.iter().flatten().filter(|entry| entry.dir == dir).count();
        // Everything at once, where there is much.
        let together = logs >= SYNC_TOGETHER_LOGS;
        let mut epochs = Vec::new();
        let starts = self.starts_of(dir);
        let mut points = Offsets::new();
        let mut opening = false;
        for entry in self.entries.iter_mut().flatten().filter(|entry| entry.dir == dir) {
            match entry.log.take() {
                Some(mut open) => {
                    let end = if together {
                        epochs.extend(open.finish()?.epochs);
                        open.end()
                    } else {
                        open.close()?
                    };
                    points.insert((entry.name.topic.clone(), entry.name.partition), end);
                }
                None => opening = true,
            }
        }
        if together {
            disk.sync_file_system()?;
            epochs.iter().try_for_each(|staged| staged.put_in_place(&disk))?;
            disk.sync_file_system()?;
        }
        write_offsets(&disk, RECOVERY_POINTS, &points)?;
        write_offsets(&disk, LOG_STARTS, &starts)?;
        // A log that did not open was not closed either: the next start has to look.
        if opening { Ok(()) } else { write_clean_shutdown(&disk) }
    }

    /// Notes that came up since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.notes)
    }

    /// True when no directory is left.
    pub fn is_lost(&self) -> bool {
        self.dirs.iter().all(|dir| !dir.online)
    }

    /// Path and state of each directory.
    pub fn dir_states(&self) -> Vec<(String, bool)> {
        self.dirs.iter().map(|dir| (dir.path.display().to_string(), dir.online)).collect()
    }

    /// What `/metrics` tells of each log.
    pub fn figures(&self) -> Vec<LogFigures> {
        let open = self.entries.iter().flatten().filter_map(|entry| Some((entry, entry.log.as_ref()?)));
        open.map(|(entry, log)| LogFigures {
            topic: entry.name.topic.clone(),
            partition: entry.name.partition,
            bytes: log.size_bytes(),
            offsets: (log.start(), log.end()),
        })
        .collect()
    }

    fn starts_of(&self, dir: usize) -> Offsets {
        let entries = self.entries.iter().flatten().filter(|entry| entry.dir == dir);
        let known = entries.filter_map(|entry| Some((entry, entry.log.as_ref().map(Log::start).or(entry.start)?)));
        known.map(|(entry, start)| ((entry.name.topic.clone(), entry.name.partition), start)).collect()
    }

    fn offsets_of(&self, dir: usize, of: impl Fn(&Log<RealDisk>) -> Offset) -> Offsets {
        let entries = self.entries.iter().flatten().filter(|entry| entry.dir == dir);
        let open = entries.filter_map(|entry| Some((entry, entry.log.as_ref()?)));
        open.map(|(entry, log)| ((entry.name.topic.clone(), entry.name.partition), of(log))).collect()
    }

    fn entry(&mut self, log: LogId) -> Option<&mut Entry> {
        self.entries.get_mut(log.0 as usize)?.as_mut()
    }

    /// A log that can be worked with, and its directory.
    fn ready(&mut self, log: LogId, generation: u32) -> Result<(usize, &mut Log<RealDisk>), StorageFault> {
        let fault = |message: String| StorageFault { code: ErrorCode::KafkaStorageError, message };
        let Some(entry) = self.entries.get_mut(log.0 as usize).and_then(Option::as_mut) else {
            return Err(fault("the log is deleted".into()));
        };
        if entry.generation != generation {
            return Err(fault(format!("{} was opened anew", entry.name.dir_name())));
        }
        if !self.dirs[entry.dir].online {
            return Err(fault(format!("{} is out of service", self.dirs[entry.dir].path.display())));
        }
        match &mut entry.log {
            Some(open) => Ok((entry.dir, open)),
            None => Err(fault(format!("{} is not open", entry.name.dir_name()))),
        }
    }

    fn attempt(
        &mut self,
        log: LogId,
        generation: u32,
        inputs: &mut Vec<Input<'_>>,
        work: impl FnOnce(&mut Log<RealDisk>) -> DiskResult<()>,
    ) {
        if let Ok((dir, open)) = self.ready(log, generation)
            && let Err(error) = work(open)
        {
            self.disk_failed(dir, &error, inputs);
        }
    }

    /// An operation failed. Lack of space passes; anything else takes the directory out of service.
    fn disk_failed(&mut self, dir: usize, error: &DiskError, inputs: &mut Vec<Input<'_>>) {
        self.note(Level::Error, error.what.clone());
        if error.kind == DiskErrorKind::Io && std::mem::take(&mut self.dirs[dir].online) {
            let path = self.dirs[dir].path.display();
            let message =
                format!("{path} is out of service until the next start (hint: check the disk, then restart kqd)");
            self.note(Level::Error, message);
            inputs.push(Input::DirFailed { dir });
        }
    }

    fn note(&mut self, level: Level, message: String) {
        self.notes.push((level, message));
    }
}

/// What the core is told of a disk error.
fn storage_fault(error: &DiskError) -> StorageFault {
    StorageFault { code: ErrorCode::KafkaStorageError, message: error.what.clone() }
}
