//! Finding an offset in a log: the segment, its index, the batch.

use crate::filled;
use divan::{Bencher, black_box};
use kq::event::{LogName, Read};
use kq::log::memory::MemoryDisk;
use kq::log::{AppendBatch, Log, LogConfig};
use kq::types::{LogId, Uuid};
use std::sync::Arc;

/// A log of so many batches of one record, in segments of 64 KiB.
fn log(batches: i64) -> Log<MemoryDisk> {
    let name = LogName { topic: "orders".into(), topic_id: Uuid([1; 16]), partition: 0 };
    let config = LogConfig { segment_bytes: 64 << 10, ..LogConfig::default() };
    let mut log = Log::create(MemoryDisk::new(), &name, Arc::new(config), 0).expect("a log in memory");
    let bytes = filled(1, 100);
    for base_offset in 0..batches {
        log.append(0, &[AppendBatch { base_offset, epoch: 0, bytes: &bytes }]).expect("an append in memory");
    }
    log
}

#[divan::bench(args = [1, 1_000, 100_000], sample_size = 200)]
fn locate_offset(bencher: Bencher<'_, '_>, batches: i64) {
    let mut log = log(batches);
    let mut offset = 0;
    bencher.bench_local(|| {
        // Far from the one before, and none twice in a row.
        offset = (offset + 7_919) % batches;
        let read = Read { log: LogId(1), offset, upto: batches, max_bytes: 1 << 10, at_least_one: true };
        let found = log.locate(black_box(&read)).expect("a read in memory");
        assert!(found.is_some());
        found
    });
}
