//! The rows of the comparison: each with its load and what is to be reached, as data.

use super::measure::Measure::{self, *};
use super::plan::{Bound, Produce, Promise, Work};
use super::target::Goal::{self, AtLeast, AtMost, Within};

/// One row.
pub struct Row {
    /// What `--row` calls it.
    pub name: &'static str,
    /// What it measures, in words.
    pub about: &'static str,
    /// What is done.
    pub work: Work,
    /// What is to be reached.
    pub targets: &'static [(Measure, Goal)],
    /// Most runs of Kafka: fewer where one takes minutes, none where only a time of our own counts.
    pub kafka_rounds_max: u32,
    /// What this machine could do at most, and in which quantity.
    pub bound: Option<(Bound, Measure)>,
}

const TINY: Produce = Produce {
    record_bytes: 100,
    records_per_batch: 1,
    connections: 64,
    in_flight: 2,
    partitions: 1,
    rate: None,
    idempotent: false,
};
/// 16 KB batches on one connection; what fills topics before something else is measured, too.
pub const ONE: Produce = Produce {
    record_bytes: 1024,
    records_per_batch: 16,
    connections: 1,
    in_flight: 5,
    partitions: 1,
    rate: None,
    idempotent: false,
};
const SIXTEEN: Produce = Produce { connections: 16, ..ONE };
const LARGE: Produce = Produce { records_per_batch: 1000, connections: 4, ..ONE };
const PACED: Produce = Produce {
    records_per_batch: 1,
    connections: 16,
    in_flight: 64,
    rate: Some(2_000),
    idempotent: false,
    record_bytes: 1024,
    partitions: 1,
};
/// Partitions of the rows about many partitions with data.
pub const MANY: u32 = 1_000;
/// Partitions of the row about very many.
pub const VERY_MANY: u32 = 5_000;
const ALWAYS: u32 = u32::MAX;
/// Bytes of a tiny request on the wire, about.
const TINY_BYTES: u32 = 210;
const BATCH_BYTES: u32 = 16_640;

const fn row(name: &'static str, about: &'static str, work: Work, targets: &'static [(Measure, Goal)]) -> Row {
    Row { name, about, work, targets, kafka_rounds_max: ALWAYS, bound: None }
}

/// All rows, in the order in which they are run.
pub const ROWS: &[Row] = &[
    Row {
        bound: Some((
            Bound::Echo { request_bytes: TINY_BYTES, answer_bytes: 60, connections: 64, in_flight: 2 },
            RequestsPerSec,
        )),
        ..row(
            "tiny",
            "1 record of 100 B a request, 64 connections × 2 in flight, page cache",
            Work::Produce(TINY, Promise::PageCache),
            &[(RequestsPerSec, AtLeast(3.0)), (CpuPerRequest, AtMost(0.25))],
        )
    },
    Row {
        bound: Some((Bound::Sync { bytes: TINY_BYTES, at_once: 128, files: 1 }, RequestsPerSec)),
        ..row(
            "tiny-synced",
            "1 record of 100 B a request, 64 connections × 2 in flight, synced",
            Work::Produce(TINY, Promise::Synced),
            &[(RequestsPerSec, AtLeast(10.0))],
        )
    },
    Row {
        bound: Some((Bound::Copy(BATCH_BYTES), MbPerSec)),
        ..row(
            "16k-1",
            "16 KB batches, 1 connection × 5 in flight, page cache",
            Work::Produce(ONE, Promise::PageCache),
            &[(MbPerSec, AtLeast(3.0)), (CpuPerGb, AtMost(0.25))],
        )
    },
    Row {
        bound: Some((Bound::Copy(BATCH_BYTES), MbPerSec)),
        ..row(
            "16k-16",
            "16 KB batches, 16 connections × 5 in flight, page cache",
            Work::Produce(SIXTEEN, Promise::PageCache),
            &[(MbPerSec, AtLeast(2.0)), (CpuPerGb, AtMost(0.35))],
        )
    },
    Row {
        bound: Some((Bound::Sync { bytes: BATCH_BYTES, at_once: 80, files: 1 }, MbPerSec)),
        ..row(
            "16k-16-synced",
            "16 KB batches, 16 connections × 5 in flight, synced",
            Work::Produce(SIXTEEN, Promise::Synced),
            &[(MbPerSec, AtLeast(8.0))],
        )
    },
    Row {
        bound: Some((Bound::Copy(1 << 20), MbPerSec)),
        ..row(
            "1m-4",
            "1 MB batches, 4 connections × 5 in flight, page cache",
            Work::Produce(LARGE, Promise::PageCache),
            &[(MbPerSec, AtLeast(1.3)), (CpuPerGb, AtMost(0.5))],
        )
    },
    Row {
        bound: Some((Bound::Send(64 << 10), MbPerSec)),
        ..row(
            "fetch-64k",
            "fetch from cache, 64 KB at a time, 1 connection",
            Work::Fetch(64 << 10),
            &[(MbPerSec, AtLeast(2.5)), (CpuPerGb, AtMost(0.35))],
        )
    },
    Row {
        bound: Some((Bound::Send(1 << 20), MbPerSec)),
        ..row(
            "fetch-1m",
            "fetch from cache, 1 MB at a time, 1 connection",
            Work::Fetch(1 << 20),
            &[(MbPerSec, AtLeast(1.3)), (CpuPerGb, AtMost(0.75))],
        )
    },
    Row {
        bound: Some((Bound::Sync { bytes: 1100, at_once: 1, files: 1 }, SyncedP50)),
        ..row(
            "open-loop",
            "2,000 requests/s of 1 KB over 16 connections, page cache and synced",
            Work::OpenLoop(PACED),
            &[(P99, AtMost(0.4)), (SyncedP99, AtMost(0.4)), (SyncedP50, AtMost(0.5))],
        )
    },
    row(
        "producer-tool",
        "Kafka's ProducerPerformance, 1 KB records, defaults",
        Work::ProducerTool(250_000, 1024, 1),
        &[(RecordsPerSec, AtLeast(1.0)), (CpuPerGb, AtMost(0.3))],
    ),
    Row {
        kafka_rounds_max: 1,
        ..row(
            "producer-tool-1000",
            "Kafka's ProducerPerformance, a million 200 B records into 1,000 partitions",
            Work::ProducerTool(1_000_000, 200, MANY),
            &[(RecordsPerSec, AtLeast(10.0)), (FailedRecords, Within(0.0))],
        )
    },
    Row {
        kafka_rounds_max: 0,
        bound: Some((Bound::Sync { bytes: TINY_BYTES, at_once: 128, files: VERY_MANY }, P50)),
        ..row(
            "partitions-5000",
            "5,000 partitions written round-robin, synced, 64 connections × 2 in flight",
            Work::Produce(Produce { partitions: VERY_MANY, ..TINY }, Promise::Synced),
            &[(P50, Within(10.0))],
        )
    },
    row(
        "memory",
        "resident memory, idle and under the loads above",
        Work::Memory,
        &[(IdleMemory, Within(16.0)), (PeakMemory, Within(128.0))],
    ),
    row(
        "start",
        "start to serving, empty and with 1,000 partitions of data after a clean stop",
        Work::Start(MANY),
        &[(StartEmpty, Within(50.0)), (StartFull, Within(300.0))],
    ),
    row(
        "kill",
        "kill -9 with 1,000 partitions of data, restart to serving",
        Work::Killed(MANY),
        &[(StartKilled, Within(1000.0))],
    ),
    row("topic-list", "`kq topic list`, whole process", Work::TopicList, &[(WholeProcess, Within(15.0))]),
    row(
        "group-join",
        "100 members join one group (classic protocol), until all have their assignment",
        Work::GroupJoin(100),
        &[(Stable, AtMost(0.5))],
    ),
    row(
        "group-commits",
        "10,000 OffsetCommits a second from 100 groups, page cache",
        Work::GroupCommits(100, 10_000),
        &[(CpuPerRequest, AtMost(0.3))],
    ),
    Row {
        kafka_rounds_max: 3,
        ..row(
            "group-load",
            "start to the last of 1,000,000 committed offsets in 1,000 groups",
            Work::GroupLoad(1_000),
            &[(StartLoaded, AtMost(0.3)), (StartLoaded, Within(2000.0))],
        )
    },
    row(
        "consumer-tool",
        "Kafka's ConsumerPerformance, 1 KB records, in a group (no target)",
        Work::ConsumerTool(500_000, 1024),
        &[],
    ),
];

/// The loads that the memory row puts on a broker one after the other.
pub const MEMORY_LOADS: [Produce; 4] = [TINY, SIXTEEN, LARGE, Produce { partitions: MANY, ..TINY }];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_all_but_one_have_goals() {
        let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
        assert_eq!(ROWS.iter().filter(|row| !row.targets.is_empty()).count(), 19);
    }

    /// A ratio needs Kafka's number.
    #[test]
    fn rows_without_kafka_have_goals_of_their_own() {
        for row in ROWS.iter().filter(|row| row.kafka_rounds_max == 0) {
            assert!(row.targets.iter().all(|target| matches!(target.1, Within(_))), "{}", row.name);
        }
    }
}
