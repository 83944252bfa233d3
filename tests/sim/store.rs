//! Storage as the daemon does it, on disks that forget: effects in, completions out, each after a while of its own.

mod answer;
mod pieces;

pub use pieces::{Content, Done, Job, Pending, Written};

use crate::chance::Chance;
use kq::error::ErrorCode;
use kq::event::{Effect, LogName, Opened, StorageFault};
use kq::log::checkpoint::{
    HIGH_WATERMARKS, LOG_STARTS, Offsets, RECOVERY_POINTS, read_offsets, take_clean_shutdown, write_clean_shutdown,
    write_offsets,
};
use kq::log::memory::MemoryDisk;
use kq::log::{
    AppendBatch, Cut, Disk, DiskError, DiskErrorKind, DiskFile, DiskResult, Log, LogConfig, Opening, exists,
    is_deleted_dir, topic_id_of,
};
use kq::types::{FileRange, LogId, Millis, Offset};
use std::collections::BTreeMap;
use std::sync::Arc;

struct Dir {
    disk: MemoryDisk,
    online: bool,
    /// A sync failed: like the daemon's flusher, nothing more is put on disk, and nothing said to be.
    broken: bool,
    clean: bool,
    recovery_points: Offsets,
    starts: Offsets,
    high_watermarks: Offsets,
}

struct Entry {
    generation: u32,
    name: LogName,
    dir: usize,
    log: Option<Log<MemoryDisk>>,
}

/// All logs of one life of the node.
pub struct Store {
    dirs: Vec<Dir>,
    entries: BTreeMap<LogId, Entry>,
    retention_bytes: i64,
    segment_bytes: u32,
    index_interval_bytes: u32,
    /// So many questions for the content of a log are not answered: it cannot be read just now.
    pub unreadable: u32,
    pub done: Vec<Done>,
    pub jobs: Vec<(usize, Job)>,
    /// What was appended, for a world that compares nodes.
    pub written: Option<Vec<Written>>,
}

impl Store {
    /// Storage over what an earlier life left.
    pub fn open(disks: Vec<MemoryDisk>, shape: &mut Chance) -> DiskResult<Store> {
        let mut dirs = Vec::new();
        for disk in disks {
            let clean = take_clean_shutdown(&disk)?;
            for name in disk.list("")?.iter().filter(|name| is_deleted_dir(name)) {
                disk.remove_dir(name)?;
            }
            let (recovery_points, starts) = (read_offsets(&disk, RECOVERY_POINTS)?, read_offsets(&disk, LOG_STARTS)?);
            let high_watermarks = read_offsets(&disk, HIGH_WATERMARKS)?;
            dirs.push(Dir { disk, online: true, broken: false, clean, recovery_points, starts, high_watermarks });
        }
        Ok(Store {
            dirs,
            entries: BTreeMap::new(),
            retention_bytes: if shape.one_in(3) { 4000 + shape.below(8000) } else { -1 },
            segment_bytes: 600 + shape.below(4000) as u32,
            index_interval_bytes: 1 + shape.below(500) as u32,
            unreadable: 0,
            done: Vec::new(),
            jobs: Vec::new(),
            written: None,
        })
    }

    /// Settings so small that much happens in a short life.
    fn shrink(&self, config: &LogConfig) -> Arc<LogConfig> {
        Arc::new(LogConfig {
            segment_bytes: self.segment_bytes,
            index_interval_bytes: self.index_interval_bytes,
            retention_bytes: if config.delete { self.retention_bytes } else { -1 },
            file_delete_delay_ms: 20,
            ..config.clone()
        })
    }

    /// Performs an effect on storage; gives back what is none.
    pub fn perform<'a>(&mut self, now: Millis, effect: Effect<'a>) -> Option<Effect<'a>> {
        match effect {
            Effect::Open { log, generation, name, config, replay } => {
                let result = self.open_log(now, log, generation, &name, &config, replay);
                self.done.push(Done::Opened { log, generation, result });
            }
            Effect::Delete { log } => self.delete(log),
            Effect::Configure { log, config } => {
                let config = self.shrink(&config);
                if let Some(open) = self.entries.get_mut(&log).and_then(|entry| entry.log.as_mut()) {
                    open.configure(config);
                }
            }
            Effect::Sync { log, generation } => match self.ready(log, generation) {
                Ok((dir, open)) => {
                    let dirty = open.take_dirty();
                    self.jobs.push((dir, Job::Sync { log, generation, dirty }));
                }
                Err(fault) => self.done.push(Done::Synced { log, generation, result: Err(fault) }),
            },
            Effect::Trim { log, generation, start } => match self.ready(log, generation) {
                Ok((dir, open)) => {
                    let start = open.trim(start);
                    self.jobs.push((dir, Job::Starts { log, generation, start }));
                }
                Err(fault) => self.done.push(Done::Trimmed { log, generation, result: Err(fault) }),
            },
            Effect::Retain { log, generation, upto } => {
                if let Ok((dir, open)) = self.ready(log, generation) {
                    let result = retain(open, now, upto);
                    match result {
                        Ok(Some(start)) => self.jobs.push((dir, Job::Starts { log, generation, start })),
                        Ok(None) => {}
                        Err(error) => self.failed(dir, &error),
                    }
                }
            }
            Effect::SaveProducers { log, generation, offset, bytes } => {
                self.attempt(log, generation, |open| open.save_producers(offset, &bytes));
            }
            Effect::SaveEpochs { log, generation, epochs } => {
                if let Ok((_, open)) = self.ready(log, generation) {
                    open.save_epochs(epochs);
                }
            }
            Effect::Ask { token, question } => {
                let answer = self.answer(question);
                self.done.push(Done::Answer { token, answer });
            }
            Effect::Truncate { log, generation, to } => self.cut(now, log, generation, Cut::From(to)),
            Effect::Restart { log, generation, start } => self.cut(now, log, generation, Cut::All(start)),
            Effect::SaveHighWatermarks { offsets } => self.save_high_watermarks(&offsets),
            other => return Some(other),
        }
        None
    }

    fn open_log(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        name: &LogName,
        config: &LogConfig,
        replay: bool,
    ) -> Result<Opened, StorageFault> {
        let config = self.shrink(config);
        let old = self.entries.remove(&log).and_then(|entry| Some((entry.dir, entry.log?)));
        let folder = name.dir_name();
        let dir = match &old {
            Some((dir, _)) => *dir,
            None => {
                let there = self.dirs.iter().position(|d| d.disk.list("").is_ok_and(|names| names.contains(&folder)));
                let online: Vec<usize> = (0..self.dirs.len()).filter(|dir| self.dirs[*dir].online).collect();
                there.unwrap_or_else(|| online.get(log.0 as usize % online.len().max(1)).copied().unwrap_or(0))
            }
        };
        if !self.dirs[dir].online {
            // Its start stays in the checkpoint, should one be written still.
            self.entries.insert(log, Entry { generation, name: name.clone(), dir, log: None });
            return Err(fault("out of service"));
        }
        let key = (name.topic.clone(), name.partition);
        let state = &self.dirs[dir];
        let known = |offsets: &Offsets| offsets.get(&key).copied().unwrap_or(0);
        let mut opening = Opening {
            clean: state.clean,
            recovery_point: known(&state.recovery_points),
            log_start: known(&state.starts),
        };
        let first = old.is_none();
        let high_watermark = if first { known(&state.high_watermarks) } else { 0 };
        let unclean = !state.clean && first;
        let result = (|| {
            let mut epochs = None;
            if let Some((_, mut old)) = old {
                old.sync_all()?;
                epochs = Some(old.epochs().clone());
                // Its start as the checkpoint has it: nobody may be told of one that is not durable.
                opening = Opening { clean: true, recovery_point: old.recovery_point(), ..opening };
            }
            let there = exists(&state.disk, name)?;
            let id = if there { topic_id_of(&state.disk, &folder)? } else { None };
            let strange =
                if opening.clean { id.is_some_and(|id| id != name.topic_id) } else { id != Some(name.topic_id) };
            if there && strange {
                state.disk.rename(&folder, &format!("{folder}.{generation}-delete"))?;
                state.disk.sync_dir("")?;
            }
            if !exists(&state.disk, name)? {
                let open = Log::create(state.disk.clone(), name, config, now)?;
                return Ok((open, Opened { dir, unclean: false, ..Opened::default() }));
            }
            let (mut open, mut found) = Log::open(state.disk.clone(), name, config, opening, now)?;
            if let Some(epochs) = epochs {
                found.epochs = open.inherit_epochs(epochs);
            }
            if id.is_none() {
                open.claim()?;
            }
            let content = if replay { open.read_all()? } else { Vec::new() };
            let (start, end) = (found.start, found.end);
            let (producers, epochs) = (found.producers, found.epochs);
            Ok((open, Opened { dir, start, end, synced: end, high_watermark, producers, epochs, unclean, content }))
        })();
        let name = name.clone();
        let (open, result) = match result {
            Ok((mut open, opened)) => {
                // Also a new log goes to disk, before anything that is asked of it later: its start must not be durable
                // when its folder is not.
                if open.is_dirty() {
                    let dirty = open.take_dirty();
                    self.jobs.push((dir, Job::Sync { log, generation, dirty }));
                }
                // What the checkpoint says may be of an earlier topic of this name, or of a log that is lost.
                if first {
                    self.dirs[dir].starts.insert(key, opened.start);
                }
                (Some(open), Ok(opened))
            }
            Err(error) => {
                self.failed(dir, &error);
                (None, Err(fault(&error.what)))
            }
        };
        self.entries.insert(log, Entry { generation, name, dir, log: open });
        result
    }

    /// Cuts a log, as the daemon does: the recovery points go to disk without it first.
    fn cut(&mut self, now: Millis, log: LogId, generation: u32, cut: Cut) {
        let Some(entry) = self.entries.get_mut(&log) else { return };
        entry.generation = generation;
        let (dir, key) = (entry.dir, (entry.name.topic.clone(), entry.name.partition));
        let Some(mut open) = entry.log.take().filter(|_| self.dirs[dir].online && !self.dirs[dir].broken) else {
            return self.done.push(Done::Opened { log, generation, result: Err(fault("out of service")) });
        };
        self.dirs[dir].recovery_points.remove(&key);
        let points = self.offsets_of(dir, &self.dirs[dir].recovery_points, Log::recovery_point);
        let disk = self.dirs[dir].disk.clone();
        let done = write_offsets(&disk, RECOVERY_POINTS, &points).and_then(|()| open.cut(cut, now)).and_then(|()| {
            if let Cut::All(start) = cut {
                self.dirs[dir].starts.insert(key, start);
                let starts = self.offsets_of(dir, &self.dirs[dir].starts, Log::start);
                write_offsets(&disk, LOG_STARTS, &starts)?;
            }
            open.stand(now)
        });
        let result = match done {
            Ok(found) => {
                let (start, end, producers, epochs) = (found.start, found.end, found.producers, found.epochs);
                if let Some(entry) = self.entries.get_mut(&log) {
                    entry.log = Some(open);
                }
                Ok(Opened { dir, start, end, synced: end, producers, epochs, ..Opened::default() })
            }
            Err(error) => {
                self.failed(dir, &error);
                Err(fault(&error.what))
            }
        };
        self.done.push(Done::Opened { log, generation, result });
    }

    fn save_high_watermarks(&mut self, offsets: &[(LogId, Offset)]) {
        for dir in 0..self.dirs.len() {
            let told = offsets.iter().filter_map(|(log, offset)| {
                let entry = self.entries.get(log).filter(|entry| entry.dir == dir)?;
                Some(((entry.name.topic.clone(), entry.name.partition), *offset))
            });
            let told: Offsets = told.collect();
            if self.dirs[dir].online && self.dirs[dir].high_watermarks != told {
                self.dirs[dir].high_watermarks.clone_from(&told);
                if let Err(error) = write_offsets(&self.dirs[dir].disk, HIGH_WATERMARKS, &told) {
                    self.failed(dir, &error);
                }
            }
        }
    }

    fn delete(&mut self, log: LogId) {
        let Some(Entry { dir, log: Some(open), name, .. }) = self.entries.remove(&log) else { return };
        // A topic made anew under this name must not inherit its offsets.
        let key = (name.topic, name.partition);
        self.dirs[dir].starts.remove(&key);
        self.dirs[dir].recovery_points.remove(&key);
        let had = self.dirs[dir].high_watermarks.remove(&key).is_some();
        let marks = self.dirs[dir].high_watermarks.clone();
        let starts = self.offsets_of(dir, &self.dirs[dir].starts, Log::start);
        let points = self.offsets_of(dir, &self.dirs[dir].recovery_points, Log::recovery_point);
        let disk = self.dirs[dir].disk.clone();
        let done = open
            .delete()
            .and_then(|gone| disk.remove_dir(&gone))
            .and_then(|()| write_offsets(&disk, LOG_STARTS, &starts))
            .and_then(|()| write_offsets(&disk, RECOVERY_POINTS, &points))
            .and_then(|()| if had { write_offsets(&disk, HIGH_WATERMARKS, &marks) } else { Ok(()) });
        if let Err(error) = done {
            self.failed(dir, &error);
        }
    }

    /// Appends what a pass has collected, each log's contiguous batches in one write.
    pub fn append(&mut self, now: Millis, pending: Vec<Pending>) {
        let mut by_log: BTreeMap<(LogId, u32), Vec<Pending>> = BTreeMap::new();
        for batch in pending {
            by_log.entry((batch.log, batch.generation)).or_default().push(batch);
        }
        for ((log, generation), batches) in by_log {
            let (dir, open) = match self.ready(log, generation) {
                Ok(ready) => ready,
                Err(fault) => {
                    self.done.push(Done::Appended { log, generation, result: Err(fault) });
                    continue;
                }
            };
            if open.end() != batches[0].base_offset {
                let result = Err(fault("after an append that failed"));
                self.done.push(Done::Appended { log, generation, result });
                continue;
            }
            let list: Vec<AppendBatch<'_>> = batches
                .iter()
                .map(|b| AppendBatch { base_offset: b.base_offset, epoch: b.epoch, bytes: &b.bytes })
                .collect();
            let result = open.append(now, &list);
            let name = open.name().clone();
            match &result {
                Ok(_) => self.note_written(&name, batches),
                Err(error) => {
                    let error = error.clone();
                    self.failed(dir, &error);
                }
            }
            let result = result.map_err(|error| fault(&error.what));
            self.done.push(Done::Appended { log, generation, result });
        }
    }

    fn note_written(&mut self, name: &LogName, batches: Vec<Pending>) {
        let Some(written) = &mut self.written else { return };
        written.extend(batches.into_iter().map(|batch| Written {
            name: name.clone(),
            base_offset: batch.base_offset,
            epoch: batch.epoch,
            bytes: batch.bytes,
        }));
    }

    /// All of every log that is open.
    pub fn contents(&mut self) -> DiskResult<Vec<Content>> {
        let logs = self.entries.values_mut().filter_map(|entry| entry.log.as_mut());
        logs.map(|log| {
            let (name, start, end) = (log.name().clone(), log.start(), log.end());
            Ok(Content { name, start, end, bytes: log.read_all()? })
        })
        .collect()
    }

    /// Does what a flusher does, on a thread of its own in the daemon.
    pub fn run(&mut self, now: Millis, dir: usize, job: Job) {
        match job {
            // The daemon moves a deleted log's folder away between two rounds of its flusher, never within one.
            Job::Sync { log, .. } if !self.entries.contains_key(&log) => {}
            Job::Sync { log, generation, .. } if self.dirs[dir].broken => {
                self.done.push(Done::Synced { log, generation, result: Err(fault("after a sync that failed")) });
            }
            Job::Starts { log, generation, .. } if self.dirs[dir].broken => {
                self.done.push(Done::Trimmed { log, generation, result: Err(fault("after a sync that failed")) });
            }
            Job::Sync { log, generation, dirty } => {
                let synced = dirty.sync(&self.dirs[dir].disk);
                let result = match synced {
                    Ok(()) if self.dirs[dir].online => {
                        if let Ok((_, open)) = self.ready(log, generation) {
                            open.synced(dirty.end);
                        }
                        Ok(dirty.end)
                    }
                    Ok(()) => Err(fault("out of service")),
                    Err(error) => {
                        self.dirs[dir].broken = true;
                        self.failed(dir, &error);
                        Err(fault(&error.what))
                    }
                };
                self.done.push(Done::Synced { log, generation, result });
            }
            Job::Starts { log, generation, start } => {
                let starts = self.offsets_of(dir, &self.dirs[dir].starts, Log::start);
                let result = write_offsets(&self.dirs[dir].disk, LOG_STARTS, &starts);
                if let Err(error) = &result {
                    self.failed(dir, error);
                } else {
                    self.dirs[dir].starts = starts;
                    self.sweep(now, dir);
                }
                let result = result.map(|()| start).map_err(|error| fault(&error.what));
                self.done.push(Done::Trimmed { log, generation, result });
            }
        }
    }

    fn sweep(&mut self, now: Millis, dir: usize) {
        let mut failure = None;
        for entry in self.entries.values_mut().filter(|entry| entry.dir == dir) {
            if let Some(open) = &mut entry.log {
                failure = open.sweep(now).err().or(failure);
            }
        }
        if let Some(error) = failure {
            self.failed(dir, &error);
        }
    }

    /// Writes the recovery points.
    pub fn checkpoint(&mut self) {
        for dir in 0..self.dirs.len() {
            let points = self.offsets_of(dir, &self.dirs[dir].recovery_points, Log::recovery_point);
            if self.dirs[dir].online
                && let Err(error) = write_offsets(&self.dirs[dir].disk, RECOVERY_POINTS, &points)
            {
                self.failed(dir, &error);
            }
        }
    }

    /// A clean stop.
    pub fn close(mut self) -> DiskResult<()> {
        for dir in 0..self.dirs.len() {
            let starts = self.offsets_of(dir, &self.dirs[dir].starts, Log::start);
            let disk = self.dirs[dir].disk.clone();
            let mut points = Offsets::new();
            let mut whole = self.dirs[dir].online;
            for entry in self.entries.values_mut().filter(|entry| entry.dir == dir) {
                match entry.log.take() {
                    Some(open) => {
                        let end = open.close()?;
                        points.insert((entry.name.topic.clone(), entry.name.partition), end);
                    }
                    None => whole = false,
                }
            }
            if whole {
                write_offsets(&disk, RECOVERY_POINTS, &points)?;
                write_offsets(&disk, LOG_STARTS, &starts)?;
                write_clean_shutdown(&disk)?;
            }
        }
        Ok(())
    }

    /// The bytes of a range that was located in this pass.
    pub fn read(&mut self, range: &FileRange) -> Vec<u8> {
        let open = self.entries.get_mut(&range.log).and_then(|entry| entry.log.as_mut()).expect("an open log");
        let file = open.file_of(range).expect("the disk works").expect("the segment is there");
        let mut bytes = vec![0; range.len as usize];
        let read = file.read_at(&mut bytes, range.position).expect("the disk works");
        assert_eq!(read, bytes.len(), "a range beyond the end of its file");
        bytes
    }

    /// Whether any directory is out of service.
    pub fn is_hurt(&self) -> bool {
        self.dirs.iter().any(|dir| !dir.online)
    }

    fn ready(&mut self, log: LogId, generation: u32) -> Result<(usize, &mut Log<MemoryDisk>), StorageFault> {
        let entry = self.entries.get_mut(&log).filter(|entry| entry.generation == generation);
        let Some(entry) = entry else { return Err(fault("no such log")) };
        match &mut entry.log {
            Some(open) if self.dirs[entry.dir].online => Ok((entry.dir, open)),
            _ => Err(fault("out of service")),
        }
    }

    fn attempt(&mut self, log: LogId, generation: u32, work: impl FnOnce(&mut Log<MemoryDisk>) -> DiskResult<()>) {
        if let Ok((dir, open)) = self.ready(log, generation)
            && let Err(error) = work(open)
        {
            self.failed(dir, &error);
        }
    }

    fn failed(&mut self, dir: usize, error: &DiskError) {
        if error.kind != DiskErrorKind::Full && std::mem::take(&mut self.dirs[dir].online) {
            self.done.push(Done::DirFailed { dir });
        }
    }

    /// An offset of each log of a directory; of one that is not open just now, what was known of it before.
    fn offsets_of(&self, dir: usize, before: &Offsets, of: impl Fn(&Log<MemoryDisk>) -> Offset) -> Offsets {
        let entries = self.entries.values().filter(|entry| entry.dir == dir);
        entries
            .filter_map(|entry| {
                let key = (entry.name.topic.clone(), entry.name.partition);
                let offset = entry.log.as_ref().map(&of).or_else(|| before.get(&key).copied())?;
                Some((key, offset))
            })
            .collect()
    }
}

/// Retention and compaction, as they fall due.
fn retain(open: &mut Log<MemoryDisk>, now: Millis, upto: Offset) -> DiskResult<Option<Offset>> {
    if let Some(plan) = open.compaction_plan(now, upto)? {
        let compacted = plan.run()?;
        open.install(compacted)?;
    }
    open.retain(now, upto)
}

fn fault(message: &str) -> StorageFault {
    StorageFault { code: ErrorCode::KafkaStorageError, message: message.to_owned() }
}
