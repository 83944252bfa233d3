//! Opening, making and deleting logs: on helper threads, as many at a time as `num.recovery.threads.per.data.dir` says.

use super::{Done, Entry, HELD_FILES_LOGS_MAX, OpenDone, OpenRequest, Store, storage_fault};
use crate::disk::RealDisk;
use crate::flusher::Task;
use kq::error::ErrorCode;
use kq::event::{Input, Level, Opened, StorageFault};
use kq::log::checkpoint::Offsets;
use kq::log::{Disk, DiskResult, Log, Opening, exists, topic_id_of};
use kq::types::{LogId, Millis, Offset, TopicId};
use std::collections::btree_map;
use std::sync::Arc;

/// How a log is to be opened.
enum How {
    /// It may be there already: what the last stop left tells what to believe.
    AtStart { clean: bool, recovery_points: Arc<Offsets>, start: Option<Offset>, high_watermark: Offset },
    /// It was open in this process until an append failed: its bytes are what we wrote.
    Again { old: Box<Log<RealDisk>>, start: Offset },
}

impl Store {
    pub(super) fn open(&mut self, now: Millis, request: OpenRequest, inputs: &mut Vec<Input<'_>>) {
        let name = request.name.dir_name();
        if let btree_map::Entry::Occupied(mut waiting) = self.deleting.entry(name.clone()) {
            waiting.get_mut().push(request);
            return;
        }
        let index = request.log.0 as usize;
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        let old = self.entries[index].take();
        let (dir, how) = match old.map(|entry| (entry.dir, entry.log, entry.start)) {
            // Nobody may be told of a start that is not durable.
            Some((dir, Some(log), start)) => (Some(dir), How::Again { old: Box::new(log), start: start.unwrap_or(0) }),
            old => {
                let (dir, start) = old.map_or((None, None), |(dir, _, start)| (Some(dir), start));
                let dir = dir.or_else(|| self.choose_dir(&name));
                let state = dir.map(|dir| &self.dirs[dir]);
                let key = (request.name.topic.clone(), request.name.partition);
                let high_watermark = state.and_then(|dir| dir.high_watermarks.get(&key).copied()).unwrap_or(0);
                let how = How::AtStart {
                    high_watermark,
                    clean: state.is_some_and(|dir| dir.clean),
                    recovery_points: state.map_or_else(Arc::default, |dir| Arc::clone(&dir.recovery_points)),
                    // An earlier attempt that failed has not unmade what became durable before it.
                    start: start.or_else(|| state.and_then(|dir| dir.starts.get(&key).copied())),
                };
                (dir, how)
            }
        };
        let start = match &how {
            How::Again { start, .. } => Some(*start),
            // While it is being opened, and if it cannot be, the checkpoint keeps what it says of it.
            How::AtStart { start, .. } => *start,
        };
        if let Some(dir) = dir {
            // Also in a directory out of service: a checkpoint that is being written there keeps its start.
            let (generation, name) = (request.generation, request.name.clone());
            self.entries[index] = Some(Entry { generation, name, dir, log: None, start, held: None });
        }
        let Some(dir) = dir.filter(|dir| self.dirs[*dir].online) else {
            let message = format!("no log directory is in service for {name}");
            let fault = StorageFault { code: ErrorCode::KafkaStorageError, message };
            return inputs.push(Input::Opened { log: request.log, generation: request.generation, result: Err(fault) });
        };
        let (disk, mailbox) = (self.dirs[dir].disk.clone(), self.mailbox.clone());
        self.dirs[dir].openers.run(move || {
            let mut notes = Vec::new();
            let result = open_log(disk, dir, &request, how, now, &mut notes);
            let (log, generation) = (request.log, request.generation);
            let done = OpenDone { log, generation, name, dir, result, notes };
            mailbox.post(Done::Opened(Box::new(done)));
        });
    }

    /// Where a log is, or the directory with the fewest logs.
    fn choose_dir(&mut self, name: &str) -> Option<usize> {
        if let Some(dir) = self.dirs.iter().position(|dir| dir.found.contains(name)) {
            self.dirs[dir].found.remove(name);
            return Some(dir);
        }
        let online = (0..self.dirs.len()).filter(|dir| self.dirs[*dir].online);
        let dir = online.min_by_key(|dir| self.dirs[*dir].logs)?;
        self.dirs[dir].logs += 1;
        Some(dir)
    }

    pub(super) fn opened(&mut self, now: Millis, done: OpenDone, inputs: &mut Vec<Input<'_>>) {
        for line in done.notes {
            self.note(Level::Warn, line);
        }
        let name = done.name.clone();
        if self.deleting.contains_key(&name) {
            // Deleted while it was being opened.
            match done.result {
                Ok((log, _)) => self.tasks[done.dir].push(Task::Delete(name, Box::new(log))),
                Err(_) => self.name_is_free(now, &name, inputs),
            }
            return;
        }
        let key = self.entry(done.log).map(|entry| (entry.name.topic.clone(), entry.name.partition));
        let cleaned = key.as_ref().and_then(|key| self.dirs[done.dir].cleaned.get(key).copied());
        let known_start = key.and_then(|key| self.dirs[done.dir].starts.get(&key).copied());
        let (id, generation, dir) = (done.log, done.generation, done.dir);
        let Some(entry) = self.entry(id).filter(|entry| entry.generation == generation) else { return };
        let (mut log, opened) = match done.result {
            Ok(done) => done,
            Err(error) => {
                let result = Err(storage_fault(&error));
                self.disk_failed(dir, &error, inputs);
                return inputs.push(Input::Opened { log: id, generation, result });
            }
        };
        log.set_cleaned_to(cleaned.unwrap_or(0).min(log.end()));
        let recovered = log.recovery_point() < log.end();
        let dirty = log.is_dirty().then(|| log.take_dirty());
        // The checkpoint speaks of an earlier topic of this name, whose deletion a crash cut short.
        let stale = known_start.is_some_and(|known| known > opened.start);
        entry.start = Some(opened.start);
        entry.log = Some(log);
        if recovered {
            entry.held = Some(Box::new(opened));
            self.held += 1;
        } else {
            inputs.push(Input::Opened { log: id, generation, result: Ok(opened) });
        }
        // A new log goes to disk, too, though nobody waits for that yet.
        if let Some(mut dirty) = dirty {
            if self.held > HELD_FILES_LOGS_MAX {
                (dirty.files, dirty.dirs) = (Vec::new(), Vec::new());
                self.tasks[dir].push(Task::Everything);
            }
            self.tasks[dir].push(Task::Sync { log: id, generation, dirty });
        }
        if stale {
            let starts = self.starts_of(dir);
            self.tasks[dir].push(Task::Starts { starts, moved: Vec::new() });
        }
    }

    /// Takes a log away; its files go on a helper thread.
    pub(super) fn delete(&mut self, log: LogId) {
        let Some(entry) = self.entries.get_mut(log.0 as usize).and_then(Option::take) else { return };
        let dir = &mut self.dirs[entry.dir];
        dir.logs = dir.logs.saturating_sub(1);
        let name = entry.name.dir_name();
        self.deleting.insert(name.clone(), Vec::new());
        self.held -= usize::from(entry.held.is_some());
        // One that is still being opened goes when that is done.
        if let Some(open) = entry.log {
            self.tasks[entry.dir].push(Task::Delete(name, Box::new(open)));
        }
    }

    /// A deleted log's folder is out of the way: whoever waits for its name may have it.
    pub(super) fn name_is_free(&mut self, now: Millis, name: &str, inputs: &mut Vec<Input<'_>>) {
        for request in self.deleting.remove(name).unwrap_or_default() {
            self.open(now, request, inputs);
        }
    }

    /// Logs that are in the directories but belong to no topic: they are left alone.
    pub fn strays(&self) -> Vec<String> {
        let found = self.dirs.iter().flat_map(|dir| dir.found.iter().map(|name| dir.path.join(name)));
        found.map(|path| path.display().to_string()).collect()
    }
}

fn open_log(
    disk: RealDisk,
    dir: usize,
    request: &OpenRequest,
    how: How,
    now: Millis,
    notes: &mut Vec<String>,
) -> DiskResult<(Log<RealDisk>, Opened)> {
    let name = &request.name;
    let config = Arc::clone(&request.config);
    let mut epochs = None;
    let (opening, unclean, high_watermark) = match how {
        How::AtStart { clean, recovery_points, start, high_watermark } => {
            let key = (name.topic.clone(), name.partition);
            let recovery_point = recovery_points.get(&key).copied().unwrap_or(0);
            let opening = Opening { clean, recovery_point, log_start: start.unwrap_or(0) };
            (opening, !clean, high_watermark)
        }
        How::Again { mut old, start } => {
            // What the old handle had written is synced through it, or it would be taken for synced.
            old.sync_all()?;
            epochs = Some(old.epochs().clone());
            // The core knows the high watermark better.
            (Opening { clean: true, recovery_point: old.recovery_point(), log_start: start }, false, 0)
        }
    };
    if exists(&disk, name)? {
        let id = topic_id_of(&disk, &name.dir_name())?;
        match id {
            Some(id) if id != name.topic_id => move_away(&disk, &name.dir_name(), id, notes)?,
            // A power cut took the id of one that was just made, before anything in it was promised: it may be a deleted
            // topic's.
            None if !opening.clean => move_away(&disk, &name.dir_name(), TopicId::ZERO, notes)?,
            _ => {
                let (mut log, mut found) = Log::open_unsynced(disk, name, config, opening, now)?;
                if let Some(epochs) = epochs {
                    // The flusher may be at the file just now: what the old handle knew counts, and is saved again.
                    found.epochs = log.inherit_epochs(epochs);
                }
                if id.is_none() {
                    log.claim()?;
                }
                notes.extend(found.notes);
                let content = if request.replay { log.read_all()? } else { Vec::new() };
                let (start, end) = (found.start, found.end);
                let (producers, epochs) = (found.producers, found.epochs);
                let opened =
                    Opened { dir, start, end, synced: end, high_watermark, producers, epochs, unclean, content };
                return Ok((log, opened));
            }
        }
    }
    let log = Log::create(disk, name, config, now)?;
    Ok((log, Opened { dir, ..Opened::default() }))
}

/// A folder of an earlier topic of the same name, whose deletion a crash cut short.
fn move_away(disk: &RealDisk, dir: &str, id: TopicId, notes: &mut Vec<String>) -> DiskResult<()> {
    let hex: String = id.0.iter().map(|b| format!("{b:02x}")).collect();
    let mut gone = dir.to_owned();
    gone.truncate(255 - ".-delete".len() - hex.len());
    gone.push_str(&format!(".{hex}-delete"));
    notes.push(format!("{dir} belongs to a deleted topic of the same name: it is removed"));
    disk.rename(dir, &gone)?;
    disk.sync_dir("")?;
    disk.remove_dir(&gone)
}
