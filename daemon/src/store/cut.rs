//! Followers' logs: cut where their leader's differ, with high watermarks written down.
//!
//! The flusher cuts, after the recovery points are on disk without that log: a crash in between has all of it looked
//! through. Its producers are then read anew on a helper thread, as when it is opened.

use super::{CutLog, Done, HIGH_WATERMARKS, OpenDone, RECOVERY_POINTS, Store, Task, storage_fault};
use kq::error::ErrorCode;
use kq::event::{Input, Opened, StorageFault};
use kq::log::checkpoint::Offsets;
use kq::log::{Cut, DiskResult, Log, parse_dir_name};
use kq::types::{LogId, Millis, Offset};

impl Store {
    pub(super) fn cut(&mut self, now: Millis, log: LogId, generation: u32, cut: Cut, inputs: &mut Vec<Input<'_>>) {
        let Some(entry) = self.entry(log) else { return };
        entry.generation = generation;
        let (dir, name) = (entry.dir, entry.name.dir_name());
        let taken = entry.log.take();
        let begun = self.dirs[dir].begin();
        let open = match (taken, begun) {
            (Some(open), Ok(())) if self.dirs[dir].online => open,
            (_, begun) => {
                let message = format!("{name} cannot be cut: it is not open");
                let fault = StorageFault { code: ErrorCode::KafkaStorageError, message };
                if let Err(error) = begun {
                    self.disk_failed(dir, &error, inputs);
                }
                return inputs.push(Input::Opened { log, generation, result: Err(fault) });
            }
        };
        let points = self.offsets_of(dir, Log::recovery_point);
        self.tasks[dir].push(Task::Checkpoint(RECOVERY_POINTS, points));
        self.synced_since_checkpoint = true;
        self.tasks[dir].push(Task::Cut(Box::new(CutLog { log, generation, name, dir, open, cut, now })));
    }

    pub(super) fn was_cut(&mut self, now: Millis, cut: CutLog, outcome: DiskResult<()>, inputs: &mut Vec<Input<'_>>) {
        let CutLog { log, generation, name, dir, mut open, cut, .. } = cut;
        if let Err(error) = outcome {
            self.disk_failed(dir, &error, inputs);
            // Deleted meanwhile, as one that was being opened.
            if self.deleting.contains_key(&name) {
                return self.name_is_free(now, &name, inputs);
            }
            return inputs.push(Input::Opened { log, generation, result: Err(storage_fault(&error)) });
        }
        if let (Some(entry), Cut::All(start)) = (self.entry(log), cut)
            && entry.generation == generation
        {
            entry.start = Some(start);
            let starts = self.starts_of(dir);
            self.tasks[dir].push(Task::Starts { starts, moved: Vec::new() });
        }
        let mailbox = self.mailbox.clone();
        self.dirs[dir].openers.run(move || {
            let result = open.stand(now).map(|found| {
                let (start, end) = (found.start, found.end);
                let (producers, epochs) = (found.producers, found.epochs);
                let opened = Opened { dir, start, end, synced: end, producers, epochs, ..Opened::default() };
                (open, opened)
            });
            let done = OpenDone { log, generation, name, dir, result, notes: Vec::new() };
            mailbox.post(Done::Opened(Box::new(done)));
        });
    }

    /// Has the high watermarks written that the core tells: these, and no others.
    pub(super) fn save_high_watermarks(&mut self, offsets: &[(LogId, Offset)]) {
        let mut by_dir: Vec<Offsets> = vec![Offsets::new(); self.dirs.len()];
        for (log, offset) in offsets {
            let Some(entry) = self.entry(*log) else { continue };
            by_dir[entry.dir].insert((entry.name.topic.clone(), entry.name.partition), *offset);
        }
        for (dir, offsets) in by_dir.into_iter().enumerate() {
            if self.dirs[dir].online && self.dirs[dir].high_watermarks != offsets {
                self.dirs[dir].high_watermarks.clone_from(&offsets);
                self.tasks[dir].push(Task::Checkpoint(HIGH_WATERMARKS, offsets));
            }
        }
    }

    /// Logs of these folders are gone; true when one of them had a high watermark.
    pub(super) fn forget_high_watermarks(&mut self, dir: usize, folders: &[String]) -> bool {
        let known = &mut self.dirs[dir].high_watermarks;
        let before = known.len();
        for (topic, partition) in folders.iter().filter_map(|name| parse_dir_name(name)) {
            known.remove(&(topic.to_owned(), partition));
        }
        known.len() < before
    }
}
