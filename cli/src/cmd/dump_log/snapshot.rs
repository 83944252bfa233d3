//! `.snapshot` files (producers' state) and `.txnindex` files (aborted transactions).

use super::segment::optional_long;
use super::unreadable;
use crate::failure::Failure;
use crate::ui::Ui;
use kq::record::batch::sub_sequence;
use kq::record::producer::Producers;
use kq::wire::{Reader, WireError};
use std::path::Path;

const TXN_ENTRY_BYTES: usize = 34;

/// Prints a snapshot of producers' state.
pub fn dump_producers(ui: &mut Ui, path: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let producers = Producers::decode(&bytes).map_err(|error| unreadable(path, &error))?;
    for p in producers.iter() {
        let txn = optional_long(p.txn_first_offset);
        let mut line =
            format!("producerId: {} producerEpoch: {} coordinatorEpoch: {} ", p.id, p.epoch, p.coordinator_epoch);
        line += &format!("currentTxnFirstOffset: {txn} lastTimestamp: {} ", p.last_timestamp);
        if let Some(sent) = p.batches.front() {
            let first = sub_sequence(sent.last_sequence, sent.offset_delta);
            line += &format!(
                "firstSequence: {first} lastSequence: {} lastOffset: {} ",
                sent.last_sequence, sent.last_offset
            );
            line += &format!("offsetDelta: {} timestamp: {}", sent.offset_delta, sent.timestamp);
        }
        ui.text(&format!("{}\n", line.trim_end()))?;
    }
    Ok(())
}

/// Prints an index of aborted transactions.
pub fn dump_transactions(ui: &mut Ui, path: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    for entry in bytes.chunks_exact(TXN_ENTRY_BYTES) {
        ui.text(&transaction(entry).map_err(|error| unreadable(path, &error))?)?;
    }
    Ok(())
}

fn transaction(entry: &[u8]) -> Result<String, WireError> {
    let mut r = Reader::new(entry);
    let (version, producer, first, last, stable) = (r.i16()?, r.i64()?, r.i64()?, r.i64()?, r.i64()?);
    let line = format!("version: {version} producerId: {producer} firstOffset: {first} ");
    Ok(line + &format!("lastOffset: {last} lastStableOffset: {stable}\n"))
}
