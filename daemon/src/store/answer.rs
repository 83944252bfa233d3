//! Lookups in storage. They run on the loop: indexes and batch headers, most of them in the page cache.

use super::{Store, storage_fault};
use kq::event::{Answer, DirUse, Input, Question, Read, StorageFault};
use kq::log::{DiskResult, Log};
use kq::types::{FileRange, LogId};

/// Ranges whose bytes are held at most until they are sent off.
const LOADED_MAX: usize = 16;

impl Store {
    /// Answers a question.
    pub fn answer(&mut self, question: Question, inputs: &mut Vec<Input<'_>>) -> Answer {
        match question {
            Question::Locate(reads) => Answer::Located(reads.iter().map(|read| self.locate(read, inputs)).collect()),
            Question::FindTime { log, timestamp, upto } => {
                Answer::Found(self.look(log, inputs, |open| open.find_time(timestamp, upto)))
            }
            Question::Content(read) => Answer::Content(self.look(read.log, inputs, |open| open.content(&read))),
            Question::MaxTimestamp { log, upto } => {
                Answer::Found(self.look(log, inputs, |open| open.max_timestamp(upto)))
            }
            Question::Dirs => Answer::Dirs((0..self.dirs.len()).map(|dir| self.usage(dir)).collect()),
        }
    }

    fn locate(&mut self, read: &Read, inputs: &mut Vec<Input<'_>>) -> Result<Option<FileRange>, StorageFault> {
        let mut bytes = Vec::new();
        let may_load = self.loaded.len() < LOADED_MAX;
        let found = self.look(read.log, inputs, |open| match may_load {
            true => open.load(read, &mut bytes),
            false => Ok(None),
        })?;
        let Some(range) = found else { return self.look(read.log, inputs, |open| open.locate(read)) };
        self.loaded.push((range, bytes));
        Ok(Some(range))
    }

    /// The bytes of a range that were read when it was located in this pass.
    pub fn take_loaded(&mut self, range: &FileRange) -> Option<Vec<u8>> {
        let at = self.loaded.iter().position(|(loaded, _)| loaded == range)?;
        Some(self.loaded.swap_remove(at).1)
    }

    /// A pass is over: what nobody took is not wanted.
    pub fn drop_loaded(&mut self) {
        self.loaded.clear();
    }

    fn look<T>(
        &mut self,
        log: LogId,
        inputs: &mut Vec<Input<'_>>,
        work: impl FnOnce(&mut Log<crate::disk::RealDisk>) -> DiskResult<T>,
    ) -> Result<T, StorageFault> {
        let generation = self.entry(log).map_or(0, |entry| entry.generation);
        let (dir, open) = self.ready(log, generation)?;
        work(open).map_err(|error| {
            self.disk_failed(dir, &error, inputs);
            storage_fault(&error)
        })
    }

    fn usage(&self, dir: usize) -> DirUse {
        let state = &self.dirs[dir];
        let space = rustix::fs::statvfs(&state.path);
        let bytes = |blocks: u64, size: u64| i64::try_from(blocks.saturating_mul(size)).unwrap_or(i64::MAX);
        let logs = self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let entry = entry.as_ref().filter(|entry| entry.dir == dir)?;
            let size = entry.log.as_ref()?.size_bytes();
            Some((LogId(u32::try_from(index).ok()?), i64::try_from(size).unwrap_or(i64::MAX)))
        });
        DirUse {
            path: state.path.display().to_string(),
            online: state.online && space.is_ok(),
            total_bytes: space.as_ref().map_or(-1, |s| bytes(s.f_blocks, s.f_frsize)),
            usable_bytes: space.as_ref().map_or(-1, |s| bytes(s.f_bavail, s.f_frsize)),
            logs: logs.collect(),
        }
    }
}
