//! What the storage of the simulated node answers at once.

use super::{Store, fault};
use kq::event::{Answer, DirUse, Question, Read, StorageFault};
use kq::log::memory::MemoryDisk;
use kq::log::{DiskFile, DiskResult, Log};
use kq::types::{FileRange, LogId};

impl Store {
    pub(super) fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Locate(reads) => {
                Answer::Located(reads.iter().map(|read| self.look(read.log, |open| locate(open, read))).collect())
            }
            Question::FindTime { log, timestamp, upto } => {
                Answer::Found(self.look(log, |open| open.find_time(timestamp, upto)))
            }
            Question::Content(_) if self.unreadable > 0 => {
                self.unreadable -= 1;
                Answer::Content(Err(fault("it cannot be read just now")))
            }
            Question::Content(read) => Answer::Content(self.look(read.log, |open| open.content(&read))),
            Question::MaxTimestamp { log, upto } => Answer::Found(self.look(log, |open| open.max_timestamp(upto))),
            Question::Dirs => Answer::Dirs(Vec::<DirUse>::new()),
        }
    }

    fn look<T>(
        &mut self,
        log: LogId,
        work: impl FnOnce(&mut Log<MemoryDisk>) -> DiskResult<T>,
    ) -> Result<T, StorageFault> {
        let generation = self.entries.get(&log).map_or(0, |entry| entry.generation);
        let (_, open) = self.ready(log, generation)?;
        work(open).map_err(|error| fault(&error.what))
    }
}

/// As the daemon does: the short way first, whose bytes must be those of the file.
fn locate(open: &mut Log<MemoryDisk>, read: &Read) -> DiskResult<Option<FileRange>> {
    let mut bytes = Vec::new();
    let Some(range) = open.load(read, &mut bytes)? else { return open.locate(read) };
    let mut stored = vec![0; range.len as usize];
    let file = open.file_of(&range)?.expect("the segment is there");
    assert_eq!(file.read_at(&mut stored, range.position)?, bytes.len());
    assert!(stored == bytes, "loaded bytes are not the file's");
    Ok(Some(range))
}
