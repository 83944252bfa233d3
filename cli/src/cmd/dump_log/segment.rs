//! `.log` and `.checkpoint` files: batches and their records.

use super::{Depth, base_offset, metadata, unreadable};
use crate::cmd::console::decoder::Decoder;
use crate::failure::Failure;
use crate::ui::Ui;
use kq::record::batch::{HEADER_BYTES, add_sequence};
use kq::record::{BatchHeader, Record, check, decode};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

/// The most that one batch's records may take unpacked, in bytes.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// Reads whole batches one after the other.
pub struct Batches {
    reader: BufReader<File>,
    /// Where the next batch begins.
    pub position: u64,
    end: u64,
}

impl Batches {
    /// From the file's start, up to `max_bytes`.
    pub fn open(path: &Path, max_bytes: u64) -> Result<Batches, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let size = file.metadata().map_err(|error| unreadable(path, &error))?.len();
        Ok(Batches { reader: BufReader::with_capacity(1 << 20, file), position: 0, end: size.min(max_bytes) })
    }

    /// The next whole batch; nothing at the end, or where the bytes are no batch.
    pub fn next(&mut self) -> Option<(u64, BatchHeader, Vec<u8>)> {
        let left = self.end - self.position;
        if left < HEADER_BYTES as u64 {
            return None;
        }
        let mut bytes = vec![0; HEADER_BYTES];
        self.reader.read_exact(&mut bytes).ok()?;
        let header = BatchHeader::peek(&bytes).ok()?;
        let size = header.size();
        if size as u64 > left {
            return None;
        }
        bytes.resize(size, 0);
        self.reader.read_exact(&mut bytes[HEADER_BYTES..]).ok()?;
        let at = self.position;
        self.position += size as u64;
        Some((at, header, bytes))
    }

    /// Bytes that are no whole batch.
    pub fn left(&self) -> u64 {
        self.end - self.position
    }
}

/// Prints a log file.
pub fn dump(ui: &mut Ui, path: &Path, depth: &Depth, complaints: &mut Vec<String>) -> Result<(), Failure> {
    let is_snapshot = path.extension().is_some_and(|extension| extension == "checkpoint");
    if is_snapshot && path.file_stem().is_some_and(|stem| stem == "bootstrap") {
        ui.text("KRaft bootstrap snapshot\n")?;
    } else if is_snapshot {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let epoch = stem.split('-').nth(1).and_then(|epoch| epoch.parse::<i32>().ok()).unwrap_or(-1);
        ui.text(&format!("Snapshot end offset: {}, epoch: {epoch}\n", base_offset(path)?))?;
    } else {
        ui.text(&format!("Log starting offset: {}\n", base_offset(path)?))?;
    }
    let mut batches = Batches::open(path, depth.max_bytes)?;
    let mut last_offset = -1;
    let mut gaps: Vec<(i64, i64)> = Vec::new();
    let mut out: Vec<u8> = Vec::new();
    while let Some((position, header, bytes)) = batches.next() {
        let valid = check(&bytes).is_ok();
        batch_line(&header, position, valid, &mut out);
        if depth.records && valid {
            match decode(&bytes, BATCH_BYTES_MAX) {
                Ok(decoded) => {
                    for record in &decoded {
                        let Ok(record) = record else {
                            complaints
                                .push(format!("{}: a record at position {position} does not read", path.display()));
                            break;
                        };
                        if last_offset >= 0 && record.offset != last_offset + 1 {
                            gaps.push((last_offset, record.offset));
                        }
                        last_offset = record.offset;
                        record_line(&header, &record, depth, &mut out);
                    }
                }
                Err(error) => complaints.push(format!("{}: the batch at position {position}: {error}", path.display())),
            }
        }
        ui.bytes(&out)?;
        out.clear();
    }
    if batches.left() > 0 && depth.max_bytes == u64::MAX {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ui.text(&format!("Found {} invalid bytes at the end of {name}\n", batches.left()))?;
    }
    if !gaps.is_empty() {
        ui.flush()?;
        ui.note(format!("Non-consecutive offsets in {}", path.display()));
        gaps.iter().for_each(|(before, after)| ui.note(format!("  {before} is followed by {after}")));
    }
    Ok(())
}

/// Writing to memory does not fail.
fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

fn batch_line(h: &BatchHeader, position: u64, valid: bool, out: &mut Vec<u8>) {
    let (base, last) = (h.base_offset, h.last_offset());
    put(out, format_args!("baseOffset: {base} lastOffset: {last} count: {} ", h.count));
    put(out, format_args!("baseSequence: {} lastSequence: {} ", h.base_sequence, h.last_sequence()));
    put(out, format_args!("producerId: {} producerEpoch: {} ", h.producer_id, h.producer_epoch));
    put(out, format_args!("partitionLeaderEpoch: {} ", h.leader_epoch));
    put(out, format_args!("isTransactional: {} isControl: {} ", h.is_transactional(), h.is_control()));
    put(out, format_args!("deleteHorizonMs: {} ", optional_long(h.delete_horizon())));
    put(out, format_args!("position: {position} {}: {} ", h.timestamp_type().name(), h.max_timestamp));
    let codec = h.codec().map_or("unknown", |codec| codec.name());
    put(
        out,
        format_args!("size: {} magic: {} compresscodec: {codec} crc: {} isvalid: {valid}\n", h.size(), h.magic, h.crc),
    );
}

/// As Java prints one.
pub fn optional_long(value: Option<i64>) -> String {
    value.map_or("OptionalLong.empty".into(), |value| format!("OptionalLong[{value}]"))
}

fn record_line(batch: &BatchHeader, record: &Record<'_>, depth: &Depth, out: &mut Vec<u8>) {
    let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
    let mut gap = "| ";
    if depth.metadata {
        let (key, value) = (size(record.key), size(record.value));
        let sequence = match batch.base_sequence {
            ..0 => -1,
            base => add_sequence(base, (record.offset - batch.base_offset) as i32),
        };
        let kind = batch.timestamp_type().name();
        put(
            out,
            format_args!("| offset: {} {kind}: {} keySize: {key} valueSize: {value}", record.offset, record.timestamp),
        );
        put(out, format_args!(" sequence: {sequence} headerKeys: ["));
        for (index, (key, _)) in record.headers.clone().enumerate() {
            put(out, format_args!("{}{}", if index > 0 { "," } else { "" }, String::from_utf8_lossy(key)));
        }
        out.push(b']');
        if batch.is_control() {
            control(record, out);
        }
        gap = " ";
    }
    if depth.contents && !batch.is_control() {
        // A key of the quorum's journal is part of what the decoder shows.
        if let Some(key) = record.key.filter(|_| !depth.cluster) {
            put(out, format_args!("{gap}key: "));
            gap = " ";
            content(depth.key, key, out);
        }
        if let Some(value) = record.value {
            put(out, format_args!("{gap}payload: "));
            match depth.cluster {
                true => put(out, format_args!("{}", metadata::to_json(record.key, value))),
                false => content(depth.value, value, out),
            }
        }
    }
    out.push(b'\n');
}

/// A key or value; bytes that are no text are shown as such.
fn content(decoder: Decoder, bytes: &[u8], out: &mut Vec<u8>) {
    match decoder {
        Decoder::Bytes => out.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes()),
        decoder => decoder.write(bytes, out).unwrap_or_else(|why| put(out, format_args!("<{why}>"))),
    }
}

/// What a control record says: the key is its version and type, the value depends on that.
fn control(record: &Record<'_>, out: &mut Vec<u8>) {
    let kind = record.key.and_then(|key| key.get(2..4)).map(|kind| i16::from_be_bytes([kind[0], kind[1]]));
    let epoch = record.value.and_then(|value| value.get(2..6)).and_then(|epoch| epoch.try_into().ok());
    match (kind, epoch.map(i32::from_be_bytes)) {
        (Some(kind @ 0..=1), Some(epoch)) => {
            let name = if kind == 0 { "ABORT" } else { "COMMIT" };
            put(out, format_args!(" endTxnMarker: {name} coordinatorEpoch: {epoch}"));
        }
        (Some(kind), _) => {
            let name = match kind {
                2 => "LEADER_CHANGE",
                3 => "SNAPSHOT_HEADER",
                4 => "SNAPSHOT_FOOTER",
                5 => "KRAFT_VERSION",
                6 => "KRAFT_VOTERS",
                _ => "UNKNOWN",
            };
            put(out, format_args!(" controlType: {name}({kind})"));
        }
        (None, _) => put(out, format_args!(" controlType: UNKNOWN(-1)")),
    }
}
