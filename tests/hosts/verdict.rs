//! The verdict on one partition, from everything that clients saw and one more reading of it all: what was acknowledged
//! is there (I1), where it was told to be (I2), once (I3), and in its writer's order (I5).

use crate::history::{History, Mark};
use crate::reader::read_all;
use crate::stage::BROKERS;
use crate::writer::TOPIC;
use std::collections::BTreeMap;

/// How many told each kind of trouble.
const TOLD_MAX: usize = 3;

/// Judges; how many acknowledged records are lost.
pub fn judge(partition: i32, history: &History) -> usize {
    let all = match read_all(TOPIC, partition, BROKERS) {
        Ok(all) => all,
        Err(why) => {
            history.wrong(format!("I1: {why}"));
            return 0;
        }
    };
    let mut found: BTreeMap<Mark, i64> = BTreeMap::new();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    let mut told = 0;
    let mut tell = |what: String| {
        told += 1;
        if told <= TOLD_MAX {
            history.wrong(what);
        }
    };
    for (at, (offset, value)) in (0..).zip(&all) {
        history.read(partition, *offset, value);
        let Some(mark) = Mark::of(value) else { continue };
        if *offset != at {
            tell(format!("I2: partition {partition} goes on at offset {offset} after {at} records"));
        }
        if let Some(before) = found.insert(mark, *offset) {
            tell(format!("I3: partition {partition} has {mark:?} at {before} and again at {offset}"));
        }
        let expected = next.insert(mark.writer, mark.number + 1).unwrap_or(0);
        if expected != mark.number {
            tell(format!("I5: partition {partition} has {mark:?} at {offset}, where number {expected} was due"));
        }
    }
    let seen = history.of(partition);
    let (acks, read, latest, committed) = (seen.acks.clone(), seen.read.clone(), seen.latest, seen.committed);
    drop(seen);
    let mut lost = 0;
    for ack in &acks {
        match found.get(&ack.mark) {
            None => {
                lost += 1;
                tell(format!("I1: partition {partition} has lost {:?}, acknowledged at {:?}", ack.mark, ack.offset));
            }
            Some(offset) if ack.offset.is_some_and(|told| told != *offset) => {
                tell(format!("I2: partition {partition} has {:?} at {offset}, told was {:?}", ack.mark, ack.offset));
            }
            Some(_) => {}
        }
    }
    for (offset, mark) in &read {
        if found.get(mark) != Some(offset) {
            tell(format!("I1: partition {partition} showed {mark:?} at {offset} to a reader, and has lost it"));
        }
    }
    let end = all.len() as i64;
    if latest > end || committed > end {
        tell(format!("I6: partition {partition} ends at {end}; told was {latest}, committed {committed}"));
    }
    lost
}
