//! Batches and a snapshot made by Apache Kafka's own classes (`tests/golden/GoldenRecords.java` says how).

use super::records::recompress;
use super::{Builder, Codec, check, crc, decode, producer::Producers};
use std::fmt::Write;

const GOLDEN: &str = include_str!("../../tests/golden/records.txt");
const MAX: usize = 1 << 20;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn text(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_string(),
        Some(bytes) if bytes.len() <= 24 => format!("'{}'", hex(bytes)),
        Some(bytes) => format!("'{}:{:x}'", bytes.len(), crc::crc32c(bytes)),
    }
}

/// What `GoldenRecords.print` prints for a batch.
fn print(batch: &[u8]) -> String {
    let decoded = decode(batch, MAX).unwrap();
    let h = &decoded.header;
    let mut out = format!(
        "  {}..{} {} {} max {} epoch {} producer {}/{} sequence {}..{}",
        h.base_offset,
        h.last_offset(),
        h.codec().unwrap(),
        h.timestamp_type().name(),
        h.max_timestamp,
        h.leader_epoch,
        h.producer_id,
        h.producer_epoch,
        h.base_sequence,
        h.last_sequence()
    );
    out += if h.is_transactional() { " txn" } else { "" };
    out += if h.is_control() { " control" } else { "" };
    out.push('\n');
    for r in &decoded {
        let r = r.unwrap();
        write!(out, "  {} {} {} {}", r.offset, r.timestamp, text(r.key), text(r.value)).unwrap();
        for (key, value) in r.headers {
            write!(out, " {}={}", String::from_utf8_lossy(key), text(value)).unwrap();
        }
        out.push('\n');
    }
    out
}

/// Name, bytes and printed records of each golden batch.
fn golden_batches() -> Vec<(&'static str, Vec<u8>, String)> {
    let mut found: Vec<(&str, Vec<u8>, String)> = Vec::new();
    for line in GOLDEN.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["batch", name, bytes] => found.push((name, unhex(bytes), String::new())),
            ["", "", ..] => {
                let expected = &mut found.last_mut().unwrap().2;
                expected.push_str(line);
                expected.push('\n');
            }
            _ => {}
        }
    }
    found
}

#[test]
fn kafkas_batches_read_as_kafka_reads_them() {
    let batches = golden_batches();
    assert_eq!(batches.len(), 12);
    for (name, bytes, expected) in batches {
        assert_eq!(check(&bytes).map(|h| h.size()), Ok(bytes.len()), "{name}");
        assert_eq!(print(&bytes), expected, "{name}");
    }
}

#[test]
fn our_uncompressed_bytes_are_kafkas() {
    for (name, bytes, _) in golden_batches() {
        let decoded = decode(&bytes, MAX).unwrap();
        let old = decoded.header;
        let mut builder = Builder::new(Codec::None, None);
        builder.set_position(old.base_offset, old.leader_epoch);
        builder.set_producer(old.producer_id, old.producer_epoch, old.base_sequence);
        old.is_transactional().then(|| builder.set_transactional());
        old.is_control().then(|| builder.set_control());
        for r in &decoded {
            let r = r.unwrap();
            let headers: Vec<_> = r.headers.clone().collect();
            builder.push(r.timestamp, r.key, r.value, &headers);
        }
        let plain = recompress(&bytes, Codec::None, None, MAX).unwrap();
        if name != "append-time" {
            assert_eq!(hex(&builder.finish()), hex(&plain), "{name}");
        }
    }
}

/// With `--nocapture`, what this prints is for `GoldenRecords.java read`.
#[test]
fn every_batch_in_every_codec_reads_the_same() {
    for (name, bytes, expected) in golden_batches() {
        for codec in Codec::ALL {
            let ours = recompress(&bytes, codec, None, MAX).unwrap();
            println!("batch {name}-as-{codec} {}", hex(&ours));
            let was = check(&bytes).unwrap().codec().unwrap();
            assert_eq!(print(&ours), expected.replacen(&format!(" {was} "), &format!(" {codec} "), 1), "{name}");
        }
    }
}

#[test]
fn kafkas_producer_snapshot_reads_and_writes_back() {
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix("snapshot two ")).unwrap();
    let bytes = unhex(line);
    let producers = Producers::decode(&bytes).unwrap();
    let p = producers.get(4000).unwrap();
    assert_eq!((p.epoch, p.last_sequence(), p.last_offset(), p.coordinator_epoch), (7, 21, 1021, 3));
    assert_eq!((p.last_timestamp, p.txn_first_offset), (1_700_000_000_123, Some(88)));
    assert_eq!(producers.get(4001).unwrap().last_sequence(), -1);
    assert_eq!(hex(&producers.encode()), line);
}
