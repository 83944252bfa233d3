//! Quantities: their names, their units, and how a value reads.

/// One quantity. The order is that of the output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Measure {
    /// Requests answered in a second.
    RequestsPerSec,
    /// Records written in a second.
    RecordsPerSec,
    /// Megabytes (of 1048576 bytes) of values or batches in a second.
    MbPerSec,
    /// What half of the answers did not exceed, in milliseconds.
    P50,
    /// What 99 of 100 answers did not exceed.
    P99,
    /// What 999 of 1,000 answers did not exceed.
    P999,
    /// As [`Measure::P50`], with every answer after a sync.
    SyncedP50,
    /// As [`Measure::P99`], with every answer after a sync.
    SyncedP99,
    /// As [`Measure::P999`], with every answer after a sync.
    SyncedP999,
    /// Processor time of the broker for one request: seconds per million requests.
    CpuPerRequest,
    /// Processor time of the broker for a gigabyte (of 1073741824 bytes), in seconds.
    CpuPerGb,
    /// Resident memory a second after the start.
    IdleMemory,
    /// The most memory that was resident.
    PeakMemory,
    /// From starting the process to serving, with no data.
    StartEmpty,
    /// The same with data in many partitions, after a clean stop.
    StartFull,
    /// The same after kill -9.
    StartKilled,
    /// From the start of the process until a coordinator has loaded all its offsets.
    StartLoaded,
    /// From the first request to join until every member has its assignment.
    Stable,
    /// A whole process, from start to exit.
    WholeProcess,
    /// Records that were sent and not written.
    FailedRecords,
}

use Measure::*;

/// All of them, in the order of the output.
pub const MEASURES: [Measure; 20] = [
    RequestsPerSec,
    RecordsPerSec,
    MbPerSec,
    P50,
    P99,
    P999,
    SyncedP50,
    SyncedP99,
    SyncedP999,
    CpuPerRequest,
    CpuPerGb,
    IdleMemory,
    PeakMemory,
    StartEmpty,
    StartFull,
    StartKilled,
    StartLoaded,
    Stable,
    WholeProcess,
    FailedRecords,
];

impl Measure {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            RequestsPerSec => "requests_per_sec",
            RecordsPerSec => "records_per_sec",
            MbPerSec => "mb_per_sec",
            P50 => "p50_ms",
            P99 => "p99_ms",
            P999 => "p999_ms",
            SyncedP50 => "synced_p50_ms",
            SyncedP99 => "synced_p99_ms",
            SyncedP999 => "synced_p999_ms",
            CpuPerRequest => "cpu_us_per_request",
            CpuPerGb => "cpu_s_per_gb",
            IdleMemory => "memory_idle_mib",
            PeakMemory => "memory_peak_mib",
            StartEmpty => "start_empty_ms",
            StartFull => "start_full_ms",
            StartKilled => "start_killed_ms",
            StartLoaded => "start_loaded_ms",
            Stable => "stable_ms",
            WholeProcess => "process_ms",
            FailedRecords => "failed_records",
        }
    }

    /// Its name and unit for people.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            RequestsPerSec => ("requests", "/s"),
            RecordsPerSec => ("records", "/s"),
            MbPerSec => ("throughput", "MB/s"),
            P50 => ("p50", "ms"),
            P99 => ("p99", "ms"),
            P999 => ("p99.9", "ms"),
            SyncedP50 => ("p50 synced", "ms"),
            SyncedP99 => ("p99 synced", "ms"),
            SyncedP999 => ("p99.9 synced", "ms"),
            CpuPerRequest => ("CPU per request", "µs"),
            CpuPerGb => ("CPU per GB", "s"),
            IdleMemory => ("memory idle", "MiB"),
            PeakMemory => ("memory peak", "MiB"),
            StartEmpty => ("start empty", "ms"),
            StartFull => ("start with data", "ms"),
            StartKilled => ("start after kill -9", "ms"),
            StartLoaded => ("start to all offsets", "ms"),
            Stable => ("until stable", "ms"),
            WholeProcess => ("whole process", "ms"),
            FailedRecords => ("failed records", ""),
        }
    }

    /// A value with its unit.
    pub fn show(self, value: f64) -> String {
        let (_, unit) = self.words();
        let number = number(value);
        if unit.is_empty() || unit.starts_with('/') { format!("{number}{unit}") } else { format!("{number} {unit}") }
    }
}

/// Three digits that count, thousands apart.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let digits = format!("{:.0}", size);
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        return if value < 0.0 { format!("-{text}") } else { text };
    }
    match size {
        0.0 => "0".into(),
        _ if size >= 99.95 => format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let texts = [0.0, 0.0123, 0.5, 7.25, 12.34, 99.96, 512.4, 1234.0, 1_234_567.8, -1234.0].map(number);
        assert_eq!(texts, ["0", "0.012", "0.50", "7.25", "12.3", "100", "512", "1,234", "1,234,568", "-1,234"]);
        assert_eq!((RequestsPerSec.show(58_000.0), P50.show(0.2)), ("58,000/s".into(), "0.20 ms".into()));
        assert_eq!((FailedRecords.show(0.0), MbPerSec.show(130.0)), ("0".into(), "130 MB/s".into()));
    }

    #[test]
    fn every_measure_is_in_the_list_once_and_has_its_own_name() {
        let mut names: Vec<&str> = MEASURES.iter().map(|measure| measure.name()).collect();
        assert!(MEASURES.is_sorted());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MEASURES.len());
    }
}
