//! `.index` and `.timeindex` files, held against the log beside them.

use super::segment::Batches;
use super::{DumpArgs, base_offset, unreadable};
use crate::failure::Failure;
use crate::ui::Ui;
use kq::record::BatchHeader;
use kq::record::batch::HEADER_BYTES;
use kq::record::records::max_timestamp;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The most that one batch's records may take unpacked, in bytes.
const BATCH_BYTES_MAX: usize = 1 << 30;
const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;

/// Offset and position of each entry.
fn offset_entries(bytes: &[u8], base: i64) -> Vec<(i64, u32)> {
    let entries = bytes.chunks_exact(OFFSET_ENTRY_BYTES).map(|entry| {
        let word = |at: usize| u32::from_be_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
        (base + i64::from(word(0)), word(4))
    });
    // The active segment's index is made large and filled later: the rest is zero.
    let mut first = true;
    entries.take_while(|entry| std::mem::take(&mut first) || entry.0 != base).collect()
}

/// Timestamp and offset of each entry.
fn time_entries(bytes: &[u8], base: i64) -> Vec<(i64, i64)> {
    let entries = bytes.chunks_exact(TIME_ENTRY_BYTES).map(|entry| {
        let mut timestamp = [0; 8];
        timestamp.copy_from_slice(&entry[..8]);
        let offset = u32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]);
        (i64::from_be_bytes(timestamp), base + i64::from(offset))
    });
    let mut first = true;
    entries.take_while(|entry| std::mem::take(&mut first) || entry.1 != base).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn sane(ui: &mut Ui, path: &Path, bytes: &[u8], entry_bytes: usize, ordered: bool) -> Result<(), Failure> {
    let corrupt = |why: &str| Err(Failure::new("CORRUPT_INDEX", format!("{}: {why}", path.display())));
    if !bytes.len().is_multiple_of(entry_bytes) {
        return corrupt("its size is no multiple of its entries' size");
    }
    if !ordered {
        return corrupt("its last entry is before its first");
    }
    ui.text(&format!("{} passed sanity check.\n", path.display()))
}

/// Prints an offset index.
pub fn dump_offsets(ui: &mut Ui, path: &Path, args: &DumpArgs, complaints: &mut Vec<String>) -> Result<(), Failure> {
    let base = base_offset(path)?;
    let bytes = read(path)?;
    let entries = offset_entries(&bytes, base);
    if args.index_sanity_check {
        let ordered = entries.is_sorted_by_key(|entry| entry.0);
        return sane(ui, path, &bytes, OFFSET_ENTRY_BYTES, ordered);
    }
    if bytes.is_empty() {
        return ui.text(&format!("{} is empty.\n", path.display()));
    }
    let log_path = path.with_extension("log");
    let log = File::open(&log_path).map_err(|error| unreadable(&log_path, &error))?;
    let mut wrong = Vec::new();
    for (offset, position) in entries {
        let mut head = [0; HEADER_BYTES];
        let found = log.read_exact_at(&mut head, u64::from(position)).ok().and_then(|()| BatchHeader::peek(&head).ok());
        let found = found.filter(|header| header.size() <= args.max_message_size);
        match found.map(|header| header.last_offset()) {
            // A preallocated index that holds nothing yet.
            _ if offset == base && position == 0 => {}
            Some(last) if last == offset => {}
            last => wrong.push(format!("  Index offset: {offset}, log offset: {}", last.unwrap_or(-1))),
        }
        if !args.verify_index_only {
            ui.text(&format!("offset: {offset} position: {position}\n"))?;
        }
    }
    if !wrong.is_empty() {
        complaints.push(format!("Mismatches in :{}", absolute(path)));
        complaints.append(&mut wrong);
    }
    Ok(())
}

/// Prints a time index.
pub fn dump_times(ui: &mut Ui, path: &Path, args: &DumpArgs, complaints: &mut Vec<String>) -> Result<(), Failure> {
    let base = base_offset(path)?;
    let bytes = read(path)?;
    let entries = time_entries(&bytes, base);
    if args.index_sanity_check {
        return sane(ui, path, &bytes, TIME_ENTRY_BYTES, entries.is_sorted_by_key(|entry| entry.0));
    }
    if bytes.is_empty() {
        return ui.text(&format!("{} is empty.\n", path.display()));
    }
    let mut batches = Batches::open(&path.with_extension("log"), u64::MAX)?;
    let mut found = batches.next();
    let (mut missing, mut wrong, mut unordered) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = -1;
    for (timestamp, offset) in entries {
        while found.as_ref().is_some_and(|(_, header, _)| header.last_offset() < offset) {
            found = batches.next();
        }
        match &found {
            // A preallocated index that holds nothing yet.
            _ if timestamp == 0 && offset == base => {}
            Some((_, header, batch)) if header.last_offset() == offset => {
                let largest =
                    max_timestamp(batch, BATCH_BYTES_MAX).ok().flatten().map_or(-1, |(_, timestamp)| timestamp);
                if largest != timestamp {
                    wrong.push(format!("  Index timestamp: {timestamp}, log timestamp: {largest}"));
                }
                if before >= timestamp {
                    unordered.push(format!("  Index timestamp: {timestamp}, Previously indexed timestamp: {before}"));
                }
            }
            other => {
                let last = other.as_ref().map_or(-1, |(_, header, _)| header.last_offset());
                missing.push(format!("Indexed offset: {offset}, found log offset: {last}"));
            }
        }
        if !args.verify_index_only {
            ui.text(&format!("timestamp: {timestamp} offset: {offset}\n"))?;
        }
        before = timestamp;
    }
    for (title, mut lines) in [
        ("Found timestamp mismatch in :", wrong),
        ("Found out of order timestamp in :", unordered),
        ("The following indexed offsets are not found in :", missing),
    ] {
        if !lines.is_empty() {
            complaints.push(format!("{title}{}", absolute(path)));
            complaints.append(&mut lines);
        }
    }
    Ok(())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_after_the_last_entry_are_no_entries() {
        let mut bytes = vec![0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 2, 0];
        bytes.extend([0; 80]);
        assert_eq!(offset_entries(&bytes, 100), [(105, 256), (109, 512)]);
        assert_eq!(offset_entries(&[0; 16], 100), [(100, 0)]);
        assert_eq!(time_entries(&[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2], 100), [(7, 102)]);
        assert_eq!(time_entries(&[1; 11], 100), []);
    }
}
