//! Record batches both ways: `records.txt` is what Apache Kafka writes, and Kafka reads what we compress.

use crate::lines::unhex;
use crate::stale::{golden_java, kafka};
use kq::record::Codec;
use kq::record::records::recompress;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

/// The most bytes that a batch of `records.txt` unpacks to.
const UNPACKED_BYTES_MAX: usize = 1 << 20;

#[test]
fn the_committed_batches_are_what_kafka_writes() {
    let Some(mut java) = kafka("GoldenRecords.java") else { return };
    let output = java.arg("write").output().expect("java runs");
    let fresh = golden_java(output);
    let kept = include_str!("records.txt");
    assert!(fresh == kept, "tests/golden/records.txt is stale; GoldenRecords.java says how it is made");
}

#[test]
fn kafka_reads_every_codec_that_we_write() {
    let Some(mut java) = kafka("GoldenRecords.java") else { return };
    let (mut sent, mut wanted) = (String::new(), String::new());
    for codec in Codec::ALL {
        let (mut was, mut first) = (String::new(), false);
        for line in include_str!("records.txt").lines() {
            if let Some(batch) = line.strip_prefix("batch ") {
                let (name, hex) = batch.split_once(' ').expect("a name and bytes");
                let bytes = unhex(hex).expect("bytes in hex");
                was = kq::record::check(&bytes).and_then(|header| header.codec()).expect("a good batch").to_string();
                let ours = recompress(&bytes, codec, None, UNPACKED_BYTES_MAX).expect("it unpacks");
                writeln!(sent, "batch {name}-as-{codec} {}", crate::hex(&ours)).expect("memory");
                writeln!(wanted, "batch {name}-as-{codec}").expect("memory");
                first = true;
            } else if line.starts_with("  ") {
                // A batch's first line tells its header, the codec among it; the others are its records.
                let line =
                    if first { line.replacen(&format!(" {was} "), &format!(" {codec} "), 1) } else { line.into() };
                writeln!(wanted, "{line}").expect("memory");
                first = false;
            }
        }
    }
    let mut child = java
        .arg("read")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || stdin.write_all(sent.as_bytes()));
    let read = golden_java(child.wait_with_output().expect("java ends"));
    feeder.join().expect("no panic").expect("java takes all of it");
    assert!(wanted.lines().count() > 100, "records.txt has batches");
    for (ours, kafkas) in wanted.lines().zip(read.lines()) {
        assert_eq!(ours, kafkas, "Kafka reads something else");
    }
    assert_eq!(wanted.lines().count(), read.lines().count());
}
