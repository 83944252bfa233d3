//! The witness: what no client sees, and what must be true of all nodes together. One leader an epoch; one batch for an
//! epoch and an offset, wherever it lies; replicas that are the same once everything is calm.

use super::observer::{News, Said, news};
use crate::oracle::Place;
use crate::store::{Content, Written};
use kq::api::metadata::MetadataResponse;
use kq::group::OFFSETS_TOPIC;
use kq::meta::METADATA_TOPIC;
use kq::record::{BatchHeader, batches};
use kq::types::{Epoch, Millis, NodeId, Offset};
use std::collections::BTreeMap;

/// Bytes of a batch that the leader sets: base offset, length, epoch.
const STAMPED_BYTES: usize = 16;

/// See the module.
pub struct Witness {
    /// Topics of which each node keeps what it likes.
    compacted: Vec<String>,
    leaders: BTreeMap<(Place, Epoch), NodeId>,
    written: BTreeMap<(Place, Epoch, Offset), (u64, usize)>,
    epochs: BTreeMap<Place, Epoch>,
    /// The last epoch of each partition of offsets, by node that has written it.
    coordinated: BTreeMap<i32, BTreeMap<usize, Epoch>>,
    last: Option<Sight>,
    /// A partition of it that is not whole.
    broken: String,
}

/// Whether a batch is the first of its leader epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It is.
    InEpoch,
    /// It is not.
    No,
}

/// What the observer saw last.
#[derive(Clone, Copy)]
pub struct Sight {
    /// When it asked.
    pub asked_at: Millis,
    /// Brokers.
    pub brokers: usize,
    /// Whether all replicas of all partitions are in sync.
    pub in_sync: bool,
}

impl Witness {
    /// One who has seen nothing; `compacted` topics are not compared.
    pub fn new(mut compacted: Vec<String>) -> Witness {
        compacted.extend([METADATA_TOPIC.to_owned(), OFFSETS_TOPIC.to_owned()]);
        Witness {
            compacted,
            leaders: BTreeMap::new(),
            written: BTreeMap::new(),
            epochs: BTreeMap::new(),
            coordinated: BTreeMap::new(),
            last: None,
            broken: String::new(),
        }
    }

    /// Somebody was told who leads.
    pub fn heard(&mut self, response: &MetadataResponse<'_>) -> Result<(), String> {
        news(response, 0).said.iter().try_for_each(|said| self.leads(said))
    }

    /// The observer was told about everything.
    pub fn noted(&mut self, news: &News) -> Result<(), String> {
        let broken = news.said.iter().find(|said| !said.is_whole());
        self.broken = broken.map_or_else(String::new, |said| {
            let Said { topic, partition, leader, epoch, replicas, isr, .. } = said;
            format!("{topic}-{partition} of {replicas:?}, led by {leader} in epoch {epoch}, has only {isr:?} in sync")
        });
        let in_sync = broken.is_none();
        self.last = Some(Sight { asked_at: news.asked_at, brokers: news.brokers, in_sync });
        news.said.iter().try_for_each(|said| self.leads(said))
    }

    /// What the observer saw last.
    pub fn last(&self) -> Option<Sight> {
        self.last
    }

    /// A partition that was not whole then, in words.
    pub fn broken(&self) -> &str {
        &self.broken
    }

    fn leads(&mut self, said: &Said) -> Result<(), String> {
        if said.leader < 0 {
            return Ok(());
        }
        let key = ((said.id, said.partition), said.epoch);
        match self.leaders.insert(key, said.leader).filter(|before| *before != said.leader) {
            Some(before) => Err(format!(
                "{}-{} has two leaders in epoch {}: {before} and {}",
                said.topic, said.partition, said.epoch, said.leader
            )),
            None => Ok(()),
        }
    }

    /// Whether each node keeps what it likes of a topic.
    pub fn is_compacted(&self, topic: &str) -> bool {
        self.compacted.iter().any(|name| name == topic)
    }

    /// Whether somebody has written to this partition of offsets in an epoch that this node knows nothing of. Until it
    /// hears of that, it tells what it knows: no request for offsets carries an epoch, in Apache Kafka neither.
    pub fn is_deposed(&self, host: usize, partition: i32) -> bool {
        self.coordinated.get(&partition).is_some_and(|epochs| epochs.get(&host) < epochs.values().max())
    }

    /// A batch went into a log of a node.
    pub fn wrote(&mut self, host: usize, batch: &Written) -> Result<First, String> {
        if batch.name.topic == OFFSETS_TOPIC {
            let epochs = self.coordinated.entry(batch.name.partition).or_default();
            let last = epochs.entry(host).or_default();
            *last = batch.epoch.max(*last);
        }
        // A batch without records stands for what retention took before it could be copied.
        let is_empty = BatchHeader::peek(&batch.bytes).is_ok_and(|header| header.count == 0);
        if is_empty || self.is_compacted(&batch.name.topic) {
            return Ok(First::No);
        }
        let body = batch.bytes.get(STAMPED_BYTES..).unwrap_or_default();
        let print = body.iter().fold(17u64, |print, byte| (print ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        let place = (batch.name.topic_id, batch.name.partition);
        let key = (place, batch.epoch, batch.base_offset);
        match self.written.insert(key, (print, host)).filter(|before| before.0 != print) {
            Some((_, before)) => Err(format!(
                "{} has two batches at {} in epoch {}: n{} wrote one, n{} another",
                batch.name.dir_name(),
                batch.base_offset,
                batch.epoch,
                before + 1,
                host + 1
            )),
            None => {
                let newer = self.epochs.insert(place, batch.epoch).is_none_or(|before| before < batch.epoch);
                Ok(if newer { First::InEpoch } else { First::No })
            }
        }
    }
}

/// Whether two nodes have the same in a log, as far as both reach back; what differs.
pub fn compare(one: (usize, &Content), other: (usize, &Content)) -> Result<(), String> {
    let ((host, a), (host_b, b)) = (one, other);
    let name = a.name.dir_name();
    let nodes = format!("n{} and n{}", host + 1, host_b + 1);
    if a.end != b.end {
        return Err(format!("{name} ends at {} and {} on {nodes}", a.end, b.end));
    }
    let start = a.start.max(b.start);
    let mut there = from(b, start);
    for (offset, batch) in from(a, start) {
        match there.next() {
            Some((_, same)) if same == batch => {}
            Some((found, _)) => return Err(format!("{name} differs on {nodes}: at {offset} and {found}")),
            None => return Err(format!("{name} differs on {nodes}: only one has a batch at {offset}")),
        }
    }
    match there.next() {
        Some((offset, _)) => Err(format!("{name} differs on {nodes}: only one has a batch at {offset}")),
        None => Ok(()),
    }
}

/// The batches of a log that begin at `start` or later.
fn from(content: &Content, start: Offset) -> impl Iterator<Item = (Offset, &[u8])> {
    let all = batches(&content.bytes).map(|batch| batch.expect("whole batches"));
    all.map(|(header, bytes)| (header.base_offset, bytes)).filter(move |(offset, _)| *offset >= start)
}
