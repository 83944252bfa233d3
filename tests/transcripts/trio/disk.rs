//! A disk that is as simple as can be: logs are batches in memory, and those that were not synced go with a crash.

use kq::event::*;
use kq::record::batch::{self, BatchHeader};
use kq::record::producer::Producers;
use kq::types::*;
use kq::wire::Chunk;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, Default)]
struct File {
    start: Offset,
    end: Offset,
    synced: Offset,
    batches: Vec<(Offset, Vec<u8>)>,
    epochs: Vec<(Epoch, Offset)>,
    high_watermark: Offset,
}

#[derive(Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
    open: BTreeMap<LogId, (String, u32)>,
    clean: bool,
    completions: VecDeque<Input<'static>>,
    /// What ranges in replies stand for.
    ranges: Vec<Vec<u8>>,
}

impl File {
    fn opened(&self, unclean: bool, replay: bool) -> Opened {
        let mut producers = Producers::new();
        for (base, bytes) in &self.batches {
            producers.apply(&BatchHeader::peek(bytes).expect("a batch"), *base, 0);
        }
        Opened {
            dir: 0,
            start: self.start,
            end: self.end,
            synced: self.end,
            high_watermark: self.high_watermark,
            producers,
            epochs: self.epochs.clone(),
            unclean,
            content: if replay {
                self.batches.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
            } else {
                Vec::new()
            },
        }
    }

    fn cut(&mut self, to: Offset) {
        self.batches.retain(|(_, bytes)| BatchHeader::peek(bytes).expect("a batch").next_offset() <= to);
        let last = self.batches.last().map(|(_, bytes)| BatchHeader::peek(bytes).expect("a batch").next_offset());
        self.end = last.unwrap_or(self.start);
        self.synced = self.synced.min(self.end);
        self.epochs.retain(|(_, first)| *first < self.end);
    }

    fn between(&self, read: &Read) -> Vec<u8> {
        let mut found = Vec::new();
        for (base, bytes) in &self.batches {
            let next = BatchHeader::peek(bytes).expect("a batch").next_offset();
            let fits = found.len() + bytes.len() <= read.max_bytes as usize || (found.is_empty() && read.at_least_one);
            if next > read.offset && *base < read.upto && fits {
                found.extend_from_slice(bytes);
            }
        }
        found
    }
}

impl Disk {
    pub fn next_completion(&mut self) -> Option<Input<'static>> {
        self.completions.pop_front()
    }

    pub fn crash(&mut self) {
        for file in self.files.values_mut() {
            file.cut(file.synced);
        }
        self.forget();
    }

    pub fn close(&mut self) {
        self.forget();
        self.clean = true;
    }

    fn forget(&mut self) {
        (self.clean, self.open, self.completions) = (false, BTreeMap::new(), VecDeque::new());
    }

    pub fn bytes_of(&self, chunks: &[Chunk]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in chunks {
            match chunk {
                Chunk::Bytes(more) => bytes.extend_from_slice(more),
                Chunk::Range(range) => bytes.extend_from_slice(&self.ranges[range.position as usize]),
            }
        }
        bytes
    }

    fn file(&mut self, log: LogId) -> &mut File {
        self.files.get_mut(&self.open[&log].0).expect("an open log")
    }

    /// Performs an effect on storage; gives back what is none.
    pub fn perform<'a>(&mut self, effect: Effect<'a>) -> Option<Effect<'a>> {
        match effect {
            Effect::Open { log, generation, name, replay, .. } => {
                let unclean = !self.clean && !self.open.contains_key(&log);
                let name = name.dir_name();
                let is_new = !self.files.contains_key(&name);
                let file = self.files.entry(name.clone()).or_default();
                let result = Ok(file.opened(unclean && !is_new, replay));
                self.open.insert(log, (name, generation));
                self.completions.push_back(Input::Opened { log, generation, result });
            }
            Effect::Delete { log } => {
                if let Some((name, _)) = self.open.remove(&log) {
                    self.files.remove(&name);
                }
            }
            Effect::Append { log, generation, base_offset, epoch, batch } => {
                let file = self.file(log);
                assert_eq!(base_offset, file.end, "an append that leaves a gap");
                let mut bytes = batch.into_owned();
                batch::patch(&mut bytes, base_offset, epoch);
                file.end = BatchHeader::peek(&bytes).expect("a batch").next_offset();
                file.batches.push((base_offset, bytes));
                let result = Ok(Appended { end: file.end, rolled: false });
                self.completions.push_back(Input::Appended { log, generation, result });
            }
            Effect::Sync { log, generation } => {
                let file = self.file(log);
                file.synced = file.end;
                let result = Ok(file.end);
                self.completions.push_back(Input::Synced { log, generation, result });
            }
            Effect::Truncate { log, generation, to } => {
                self.file(log).cut(to);
                self.reopened(log, generation);
            }
            Effect::Restart { log, generation, start } => {
                *self.file(log) = File { start, end: start, synced: start, ..File::default() };
                self.reopened(log, generation);
            }
            Effect::Trim { log, generation, start } => {
                self.file(log).start = start;
                self.completions.push_back(Input::Trimmed { log, generation, result: Ok(start) });
            }
            Effect::SaveEpochs { log, epochs, .. } => self.file(log).epochs = epochs,
            Effect::SaveHighWatermarks { offsets } => {
                for (log, offset) in offsets {
                    self.file(log).high_watermark = offset;
                }
            }
            Effect::Ask { token, question } => {
                let answer = self.answer(question);
                self.completions.push_back(Input::Answer { token, answer });
            }
            Effect::Configure { .. } | Effect::Retain { .. } | Effect::SaveProducers { .. } => {}
            other => return Some(other),
        }
        None
    }

    fn reopened(&mut self, log: LogId, generation: u32) {
        let result = Ok(self.file(log).opened(false, false));
        self.open.get_mut(&log).expect("an open log").1 = generation;
        self.completions.push_back(Input::Opened { log, generation, result });
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Locate(reads) => {
                let found = reads.iter().map(|read| {
                    let bytes = self.file(read.log).between(read);
                    let range = FileRange {
                        log: read.log,
                        segment: 0,
                        position: self.ranges.len() as u64,
                        len: bytes.len() as u32,
                    };
                    self.ranges.push(bytes);
                    Ok((range.len > 0).then_some(range))
                });
                Answer::Located(found.collect::<Vec<_>>())
            }
            Question::Content(read) => Answer::Content(Ok(self.file(read.log).between(&read))),
            other => panic!("nobody asks this in these stories: {other:?}"),
        }
    }
}
