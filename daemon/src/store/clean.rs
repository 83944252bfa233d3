//! Retention and compaction. Retention moves a log's start on the loop; compaction is planned and put in place on the
//! loop, its work is done on a helper thread, one log at a time.

use super::{Done, Store};
use crate::flusher::Task;
use kq::event::{Input, Level};
use kq::log::checkpoint::CLEANED;
use kq::log::{Compacted, DiskErrorKind, DiskResult, Log};
use kq::types::{LogId, Millis, Offset};

impl Store {
    pub(super) fn retain(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        upto: Offset,
        inputs: &mut Vec<Input<'_>>,
    ) {
        let Ok((dir, _)) = self.ready(log, generation) else { return };
        if let Err(error) = self.dirs[dir].begin() {
            return self.disk_failed(dir, &error, inputs);
        }
        let Ok((_, open)) = self.ready(log, generation) else { return };
        match open.retain(now, upto) {
            Ok(None) => {}
            Ok(Some(start)) => {
                let name = open.name().dir_name();
                self.moved[dir].push((log, generation, start));
                self.note(Level::Info, format!("{name}: retention moved the log's start to {start}"));
            }
            Err(error) => return self.disk_failed(dir, &error, inputs),
        }
        if self.compaction_enabled
            && let Err((dir, error)) = self.compact(now, log, generation, upto)
        {
            self.disk_failed(dir, &error, inputs);
        }
    }

    fn compact(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        upto: Offset,
    ) -> Result<(), (usize, kq::log::DiskError)> {
        let under_way = self.compacting.contains(&log);
        let Ok((dir, open)) = self.ready(log, generation) else { return Ok(()) };
        if under_way || !open.config().compact {
            return Ok(());
        }
        open.roll_if_due(now).map_err(|error| (dir, error))?;
        let plan = open.compaction_plan(now, upto).map_err(|error| (dir, error))?;
        // Only what is on disk is compacted: where nobody else asks for that, we do, for the next time.
        if open.recovery_point() < upto.min(open.end()) {
            let dirty = open.take_dirty();
            self.tasks[dir].push(Task::Sync { log, generation, dirty });
        }
        let Some(plan) = plan else { return Ok(()) };
        self.compacting.insert(log);
        let mailbox = self.mailbox.clone();
        self.cleaners.run(move || {
            let result = plan.run();
            mailbox.post(Done::Compacted { log, generation, result });
        });
        Ok(())
    }

    pub(super) fn compacted(
        &mut self,
        log: LogId,
        generation: u32,
        result: DiskResult<Compacted>,
        inputs: &mut Vec<Input<'_>>,
    ) {
        self.compacting.remove(&log);
        // Deleted or opened anew meanwhile: what was made belongs to nothing.
        let Ok((dir, open)) = self.ready(log, generation) else { return };
        let name = open.name().dir_name();
        let installed = result.and_then(|mut made| {
            let notes = std::mem::take(&mut made.notes);
            let (kept, dropped) = (made.records_kept, made.records_dropped);
            Ok((open.install(made)?, kept, dropped, notes))
        });
        match installed {
            Ok((freed, kept, dropped, notes)) => {
                for line in notes {
                    self.note(Level::Warn, line);
                }
                let what = format!("{name}: compaction dropped {dropped} records, kept {kept}, freed {freed} bytes");
                self.note(Level::Info, what);
                let offsets = self.offsets_of(dir, Log::cleaned_to);
                self.tasks[dir].push(Task::Checkpoint(CLEANED, offsets));
            }
            Err(error) if error.kind == DiskErrorKind::Full => {
                self.note(Level::Warn, format!("{name}: no room to compact: {error}"));
            }
            Err(error) => self.disk_failed(dir, &error, inputs),
        }
    }
}
