//! The quorum's journal: the content of the metadata log. Nothing in it is ever overwritten.
//!
//! A write is one record batch, so that a crash leaves all of it or nothing. A record's key is one byte:
//!
//! ```text
//! key        value (big-endian)
//! 1 entry    index i64, term i64, data: batches of metadata records, or nothing where a leader begins its term
//! 2 promises term i64, vote i64 (0 is nobody), commit i64, voters: a count i32 and so many ids i32
//! 3 snapshot index i64, term i64, data: batches of metadata records, which make the state up to index
//! ```
//!
//! Reading goes from the start to the end: an entry replaces what stood under its index and all that followed it, the
//! last promises hold, a snapshot replaces everything before it. The batch of a snapshot also has every entry that
//! comes after the snapshot: all batches before it may be trimmed once it is on disk.
//!
//! A log that older versions wrote has metadata records without keys. All of them were committed: they read as a
//! snapshot at index 1 of term 1, by a quorum of one.

use super::store::Base;
use super::{Index, Term, node_id, raft_id};
use crate::meta::record::BadRecord;
use crate::record::builder::Builder;
use crate::record::compress::Codec;
use crate::record::{batch, records};
use crate::types::{Millis, NodeId};
use crate::wire::{Reader, WireError, Writer};
use raft::eraftpb::{Entry, HardState};

/// A batch of the journal holds no more than so many bytes: none is compressed.
const BATCH_BYTES_MAX: usize = 1 << 30;

const ENTRY: u8 = 1;
const PROMISES: u8 = 2;
const SNAPSHOT: u8 = 3;
/// Index and term, before an entry's or a snapshot's data.
const NUMBERS_BYTES: usize = 16;

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub hard: HardState,
    pub base: Base,
    pub entries: Vec<Entry>,
    /// Who the voters were when it was last written; empty where nothing was.
    pub voters: Vec<NodeId>,
    /// Written by an older version, and not since.
    pub old: bool,
}

/// One write.
pub(super) fn encode(
    now: Millis,
    base: Option<&Base>,
    entries: &[Entry],
    hard: &HardState,
    voters: &[NodeId],
) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    let mut put = |kind: u8, w: Writer| builder.push(now, Some(&[kind]), Some(&w.into_bytes()), &[]);
    if let Some(base) = base {
        put(SNAPSHOT, entry(base.index, base.term, &base.data));
    }
    for e in entries {
        put(ENTRY, entry(e.index, e.term, &e.data));
    }
    let mut w = Writer::new();
    for number in [hard.term, hard.vote, hard.commit] {
        w.i64(number as i64);
    }
    w.i32(voters.len() as i32);
    voters.iter().for_each(|id| w.i32(*id));
    put(PROMISES, w);
    builder.finish()
}

fn entry(index: u64, term: u64, data: &[u8]) -> Writer {
    let mut w = Writer::with_capacity(16 + data.len());
    w.i64(index as i64);
    w.i64(term as i64);
    w.put(data);
    w
}

/// How many records, and so offsets of the log, a write has.
pub(super) fn count(write: &[u8]) -> i64 {
    batch::BatchHeader::peek(write).map_or(0, |header| i64::from(header.last_offset_delta) + 1)
}

/// Reads a whole journal.
///
/// # Errors
/// [`BadRecord`] says what cannot be read.
pub(super) fn decode(content: &[u8]) -> Result<Content, BadRecord> {
    let mut all = Content::default();
    let mut old = Vec::new();
    for batch in batch::batches(content) {
        let (_, bytes) = batch?;
        let decoded = records::decode(bytes, BATCH_BYTES_MAX)?;
        for (at, record) in decoded.iter().enumerate() {
            let record = record?;
            match record.key {
                Some(&[key]) => all.take(JournalRecord::read(key, record.value.unwrap_or_default())?)?,
                None if all.voters.is_empty() => {
                    if at == 0 {
                        old.extend_from_slice(bytes);
                        all.base = Base { index: 1, term: 1, data: Vec::new() };
                    }
                }
                _ => return Err(BadRecord::new("the metadata log mixes forms: written by a newer kqd?")),
            }
        }
    }
    if all.base.index == 1 && !old.is_empty() {
        all.base.data = old;
        all.old = all.voters.is_empty();
    }
    all.hard.term = all.hard.term.max(all.base.term);
    // A batch may promise a commit beyond its entries: those on their way to the disk in the next one.
    let last = all.base.index + all.entries.len() as u64;
    all.hard.commit = all.hard.commit.clamp(all.base.index, last);
    Ok(all)
}

/// One record of the journal, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalRecord<'a> {
    /// An entry: in the place of what stood under its index, and of all that followed it.
    Entry {
        /// Its place.
        index: Index,
        /// The term of the leader who proposed it.
        term: Term,
        /// Batches of metadata records, or nothing where a leader began its term.
        data: &'a [u8],
    },
    /// What the node may not forget.
    Promises {
        /// The latest term that it knows.
        term: Term,
        /// Whom it has its vote in that term.
        vote: Option<NodeId>,
        /// The last entry that it knew to be committed.
        commit: Index,
        /// All voters.
        voters: Vec<NodeId>,
    },
    /// The state that all entries up to `index` make; nothing before it counts.
    Snapshot {
        /// The last entry in it.
        index: Index,
        /// That entry's term.
        term: Term,
        /// Batches of metadata records.
        data: &'a [u8],
    },
}

impl<'a> JournalRecord<'a> {
    /// Reads the record of a key and a value.
    ///
    /// # Errors
    /// [`BadRecord`] says what cannot be read.
    pub fn read(key: u8, value: &'a [u8]) -> Result<Self, BadRecord> {
        let bad = |e: WireError| BadRecord::new(format!("journal record {key}: {e}"));
        let mut r = Reader::new(value);
        let mut number = || r.i64().map(|number| number as u64).map_err(bad);
        match key {
            ENTRY => Ok(JournalRecord::Entry { index: number()?, term: number()?, data: &value[NUMBERS_BYTES..] }),
            SNAPSHOT => {
                Ok(JournalRecord::Snapshot { index: number()?, term: number()?, data: &value[NUMBERS_BYTES..] })
            }
            PROMISES => {
                let (term, vote, commit) = (number()?, node_id(number()?), number()?);
                let count = r.i32().map_err(bad)?;
                let voters = (0..count).map(|_| r.i32()).collect::<Result<_, _>>().map_err(bad)?;
                r.finish().map_err(bad)?;
                Ok(JournalRecord::Promises { term, vote, commit, voters })
            }
            other => Err(BadRecord::new(format!("journal record {other} is not known: written by a newer kqd?"))),
        }
    }
}

impl Content {
    fn take(&mut self, record: JournalRecord<'_>) -> Result<(), BadRecord> {
        match record {
            JournalRecord::Snapshot { index, term, data } => {
                self.base = Base { index, term, data: data.to_vec() };
                self.entries.clear();
            }
            JournalRecord::Entry { index, term, data } => {
                let have = self.entries.len() as u64;
                let place = index.checked_sub(self.base.index + 1).filter(|place| *place <= have);
                let Some(place) = place else {
                    let last = self.base.index + have;
                    return Err(BadRecord::new(format!("entry {index} follows entry {last}: some are missing")));
                };
                self.entries.truncate(place as usize);
                self.entries.push(Entry { index, term, data: data.to_vec().into(), ..Entry::default() });
            }
            JournalRecord::Promises { term, vote, commit, voters } => {
                self.hard = HardState { term, vote: vote.map_or(0, raft_id), commit, ..HardState::default() };
                self.voters = voters;
            }
        }
        Ok(())
    }
}
