//! What is measured, what is to be reached, and whether it was: medians, ratios, verdicts.

use super::measure::{MEASURES, Measure};
use std::collections::BTreeMap;
use std::fmt;

<<<<<<< HEAD
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

=======
>>>>>>> main
/// What is to be reached.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// At least so many times Kafka's value.
    AtLeast(f64),
    /// At most so many times Kafka's value.
    AtMost(f64),
    /// At most this, whatever Kafka's is.
    Within(f64),
}

impl Goal {
    /// For people: `≥ 3 ×`, `≤ 10 ms`.
    pub fn show(self, measure: Measure) -> String {
        match self {
            Goal::AtLeast(times) => format!("≥ {times} ×"),
            Goal::AtMost(times) => format!("≤ {times} ×"),
            Goal::Within(most) => format!("≤ {}", measure.show(most)),
        }
    }
}

/// How it came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Reached.
    Reached,
    /// Not reached.
    Missed,
    /// Nothing to hold it against.
    Open,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Reached => "reached",
            Verdict::Missed => "missed",
            Verdict::Open => "-",
        })
    }
}

/// What one run measured.
pub type Sample = BTreeMap<Measure, f64>;

/// One quantity over all runs of a row.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub measure: Measure,
    /// One value a run.
    pub kqd: Vec<f64>,
    /// One value a run.
    pub kafka: Vec<f64>,
    /// What is to be reached, if anything.
    pub goal: Option<Goal>,
}

/// The middle one, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let high = *sorted.get(sorted.len() / 2)?;
    let low = *sorted.get((sorted.len() - 1) / 2)?;
    Some((low + high) / 2.0)
}

impl Finding {
    /// kqd's median in units of Kafka's.
    pub fn ratio(&self) -> Option<f64> {
        let (kqd, kafka) = median(&self.kqd).zip(median(&self.kafka))?;
        (kafka > 0.0).then(|| kqd / kafka)
    }

    /// Whether the goal is reached.
    pub fn verdict(&self) -> Verdict {
        let reached = match self.goal {
            Some(Goal::AtLeast(times)) => self.ratio().map(|ratio| ratio >= times),
            Some(Goal::AtMost(times)) => self.ratio().map(|ratio| ratio <= times),
            Some(Goal::Within(most)) => median(&self.kqd).map(|kqd| kqd <= most),
            None => None,
        };
        match reached {
            Some(true) => Verdict::Reached,
            Some(false) => Verdict::Missed,
            None => Verdict::Open,
        }
    }
}

/// Every quantity that was measured, with the goals of `targets`.
pub fn findings(kqd: &[Sample], kafka: &[Sample], targets: &[(Measure, Goal)]) -> Vec<Finding> {
    let of = |samples: &[Sample], measure| samples.iter().filter_map(|sample| sample.get(&measure)).copied().collect();
    let finding = |measure: Measure| {
        let goal = targets.iter().find(|target| target.0 == measure).map(|target| target.1);
        Finding { measure, kqd: of(kqd, measure), kafka: of(kafka, measure), goal }
    };
    let measured = |finding: &Finding| !(finding.kqd.is_empty() && finding.kafka.is_empty());
    MEASURES.into_iter().map(finding).filter(measured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Measure::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 100.0]), Some(3.0));
    }

    fn finding(kqd: &[f64], kafka: &[f64], goal: Option<Goal>) -> Finding {
        Finding { measure: P50, kqd: kqd.to_vec(), kafka: kafka.to_vec(), goal }
    }

    #[test]
    fn goals_are_reached_on_the_line_and_missed_beyond() {
        let cases = [
            (finding(&[6.0], &[2.0], Some(Goal::AtLeast(3.0))), Verdict::Reached),
            (finding(&[5.9], &[2.0], Some(Goal::AtLeast(3.0))), Verdict::Missed),
            (finding(&[0.5], &[2.0], Some(Goal::AtMost(0.25))), Verdict::Reached),
            (finding(&[0.6], &[2.0], Some(Goal::AtMost(0.25))), Verdict::Missed),
            (finding(&[10.0], &[], Some(Goal::Within(10.0))), Verdict::Reached),
            (finding(&[10.1], &[1.0], Some(Goal::Within(10.0))), Verdict::Missed),
            (finding(&[6.0], &[], Some(Goal::AtLeast(3.0))), Verdict::Open),
            (finding(&[6.0], &[0.0], Some(Goal::AtLeast(3.0))), Verdict::Open),
            (finding(&[], &[1.0], Some(Goal::Within(10.0))), Verdict::Open),
            (finding(&[6.0], &[2.0], None), Verdict::Open),
        ];
        for (finding, want) in cases {
            assert_eq!(finding.verdict(), want, "{finding:?}");
        }
    }

    #[test]
    fn findings_come_in_order_with_their_goals() {
        let kqd = [Sample::from([(P99, 2.0), (RequestsPerSec, 10.0)]), Sample::from([(RequestsPerSec, 30.0)])];
        let kafka = [Sample::from([(RequestsPerSec, 5.0), (CpuPerGb, 1.0)])];
        let found = findings(&kqd, &kafka, &[(RequestsPerSec, Goal::AtLeast(3.0)), (StartEmpty, Goal::Within(1.0))]);
        let short: Vec<_> = found.iter().map(|f| (f.measure, f.kqd.len(), f.kafka.len(), f.ratio())).collect();
        assert_eq!(short, [(RequestsPerSec, 2, 1, Some(4.0)), (P99, 1, 0, None), (CpuPerGb, 0, 1, None)]);
        assert_eq!(found[0].verdict(), Verdict::Reached);
    }
}
