//! dump-log on files made of the golden batches: the lines are those of Kafka's own tool.

use crate::screen::{check_alone, kq, scratch};
use expect_test::expect;
use std::path::Path;

const GOLDEN: &str = include_str!("../golden/records.txt");

fn golden(name: &str) -> Vec<u8> {
    let line = GOLDEN.lines().find(|line| line.starts_with(&format!("{name} "))).expect("the golden file has it");
    let hex = line.rsplit(' ').next().unwrap_or_default();
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

/// A log of three batches (one of them a transaction's marker) with its indexes, and a snapshot.
fn files(home: &Path) {
    std::fs::create_dir_all(home).expect("a directory");
    let mut log = Vec::new();
    let mut positions = Vec::new();
    for (name, base) in [("batch transactional", 7i64), ("batch marker", 9), ("batch zstd-small", 10)] {
        positions.push(log.len() as u32);
        let mut batch = golden(name);
        kq::record::batch::patch(&mut batch, base, 3);
        log.extend(batch);
    }
    let mut offsets = Vec::new();
    let mut times = Vec::new();
    for (relative, position, time) in
        [(8u32 - 7, positions[0], 1_700_000_000_000i64), (12 - 7, positions[2], 1_700_000_002_000)]
    {
        offsets.extend([relative.to_be_bytes(), position.to_be_bytes()].concat());
        times.extend(time.to_be_bytes());
        times.extend(relative.to_be_bytes());
    }
    let base = "00000000000000000007";
    let write = |extension: &str, bytes: &[u8]| {
        std::fs::write(home.join(format!("{base}.{extension}")), bytes).expect("written");
    };
    log.extend([0; 5]);
    write("log", &log);
    write("index", &offsets);
    write("timeindex", &times);
    write("snapshot", &golden("snapshot two"));
}

#[test]
fn the_lines_of_kafkas_tool() {
    let home = scratch("dump");
    let _ = std::fs::remove_dir_all(&home);
    files(&home);
    let file = |extension: &str| home.join(format!("00000000000000000007.{extension}")).display().to_string();
    let all = [file("log"), file("index"), file("timeindex"), file("snapshot")].join(",");
    let output = kq("none").args(["dump-log", "--print-data-log", "--files", &all]).output().expect("kq runs");
    let text = String::from_utf8_lossy(&output.stdout).replace(&home.display().to_string(), "DIR");
    expect![[r#"
        Dumping DIR/00000000000000000007.log
        Log starting offset: 7
        baseOffset: 7 lastOffset: 8 count: 2 baseSequence: 2147483646 lastSequence: 2147483647 producerId: 12345 producerEpoch: 6 partitionLeaderEpoch: 3 isTransactional: true isControl: false deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: 1700000000000 size: 99 magic: 2 compresscodec: none crc: 805627495 isvalid: true
        | offset: 7 CreateTime: 1700000000000 keySize: 5 valueSize: 6 sequence: 2147483646 headerKeys: [] key: key-0 payload: value 
        | offset: 8 CreateTime: 1699999999000 keySize: -1 valueSize: 6 sequence: 2147483647 headerKeys: [h0] payload: value 
        baseOffset: 9 lastOffset: 9 count: 1 baseSequence: -1 lastSequence: -1 producerId: 9 producerEpoch: 3 partitionLeaderEpoch: 3 isTransactional: true isControl: true deleteHorizonMs: OptionalLong.empty position: 99 CreateTime: 1700000000000 size: 78 magic: 2 compresscodec: none crc: 2940651522 isvalid: true
        | offset: 9 CreateTime: 1700000000000 keySize: 4 valueSize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 14
        baseOffset: 10 lastOffset: 12 count: 3 baseSequence: 2147483646 lastSequence: 0 producerId: 12345 producerEpoch: 6 partitionLeaderEpoch: 3 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: 177 CreateTime: 1700000002000 size: 134 magic: 2 compresscodec: zstd crc: 500041199 isvalid: true
        | offset: 10 CreateTime: 1700000000000 keySize: 5 valueSize: 6 sequence: 2147483646 headerKeys: [] key: key-0 payload: value 
        | offset: 11 CreateTime: 1699999999000 keySize: -1 valueSize: 6 sequence: 2147483647 headerKeys: [h0] payload: value 
        | offset: 12 CreateTime: 1700000002000 keySize: 5 valueSize: -1 sequence: 0 headerKeys: [h0,h1] key: key-2
        Found 5 invalid bytes at the end of 00000000000000000007.log
        Dumping DIR/00000000000000000007.index
        offset: 8 position: 0
        offset: 12 position: 177
        Dumping DIR/00000000000000000007.timeindex
        timestamp: 1700000000000 offset: 8
        timestamp: 1700000002000 offset: 12
        Dumping DIR/00000000000000000007.snapshot
        producerId: 4000 producerEpoch: 7 coordinatorEpoch: 3 currentTxnFirstOffset: OptionalLong[88] lastTimestamp: 1700000000123 firstSequence: 17 lastSequence: 21 lastOffset: 1021 offsetDelta: 4 timestamp: 1700000000123
        producerId: 4001 producerEpoch: 0 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty lastTimestamp: 1700000000999
    "#]].assert_eq(&text);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    // An index that points between batches is told.
    std::fs::write(file("index"), [0, 0, 0, 1, 0, 0, 0, 3]).expect("written");
    let output =
        kq("none").args(["dump-log", "--files", &file("index"), "--verify-index-only"]).output().expect("kq runs");
    let text = String::from_utf8_lossy(&output.stderr).replace(&home.display().to_string(), "DIR");
    expect![[r#"
        Mismatches in :DIR/00000000000000000007.index
          Index offset: 8, log offset: -1
        error: the files do not fit each other (see above)
    "#]]
    .assert_eq(&text);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_usage() {
    check_alone(
        "dump-wrong",
        "dump-log
         dump-log --files nosuch.log
         dump-log --files 00000000000000000000.log --offsets-decoder",
        expect![[r#"
            $ kq dump-log
            ! error: the following required arguments were not provided:
            !   --files <FILE>
            ! 
            ! Usage: kq dump-log --files <FILE>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq dump-log --files nosuch.log
            Dumping nosuch.log
            ! error: nosuch.log: its name does not begin with an offset
            !   hint:  files of a log are called like 00000000000000000000.log
            exit 2
            $ kq dump-log --files 00000000000000000000.log --offsets-decoder
            ! error: --offsets-decoder: this version of kq does not read these records
            !   hint:  --print-data-log shows them as they are
            exit 2
        "#]],
    );
}
