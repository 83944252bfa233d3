//! Latencies in a bounded space: 64 steps to each doubling, so at most 1.6 percent off, from 1 ns to 584 years.

use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::Duration;

const STEPS: usize = 64;
/// Every doubling of a u64 from [`STEPS`] on, and the exact values below it.
const BUCKETS: usize = STEPS * (64 - STEPS.trailing_zeros() as usize + 1);
const BAR_CHARS: u64 = 40;

/// Counts of latencies, in nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; BUCKETS], count: 0, sum_ns: 0, min_ns: u64::MAX, max_ns: 0 }
    }
}

fn bucket_of(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let doubling = (63 - ns.leading_zeros()) as usize - STEPS.trailing_zeros() as usize;
    let step = (ns >> doubling) as usize - STEPS;
    (doubling + 1) * STEPS + step
}

/// The largest latency of a bucket.
fn end_of(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (doubling, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((((STEPS + step + 1) as u128) << doubling) - 1) as u64
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

impl Histogram {
    /// `times` records took this long.
    pub fn add(&mut self, latency: Duration, times: u64) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(ns)] += times;
        self.count += times;
        self.sum_ns += u128::from(ns) * u128::from(times);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Histogram) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine += theirs);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_ns as f64 / self.count as f64 / 1e6 }
    }

    /// The smallest in milliseconds.
    pub fn min_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { ms(self.min_ns) }
    }

    /// The largest in milliseconds.
    pub fn max_ms(&self) -> f64 {
        ms(self.max_ns)
    }

    /// The latency in milliseconds that `part` (0 to 1) of all do not exceed.
    pub fn quantile_ms(&self, part: f64) -> f64 {
        let rank = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return ms(end_of(bucket).min(self.max_ns));
            }
        }
        0.0
    }

    /// Mean, extremes and quantiles, as fields of a JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, value) in [("avg_ms", self.mean_ms()), ("min_ms", self.min_ms()), ("max_ms", self.max_ms())] {
            fields.insert(name.into(), json!(value));
        }
        for (name, part) in [
            ("p50_ms", 0.5),
            ("p90_ms", 0.9),
            ("p95_ms", 0.95),
            ("p99_ms", 0.99),
            ("p999_ms", 0.999),
            ("p9999_ms", 0.9999),
        ] {
            fields.insert(name.into(), json!(self.quantile_ms(part)));
        }
        fields
    }

    /// One line for each doubling between the smallest and the largest, with a bar and how many have come so far.
    pub fn bars(&self) -> String {
        let mut text = String::new();
        let counts: Vec<u64> = self.buckets.chunks(STEPS).map(|chunk| chunk.iter().sum::<u64>()).collect();
        let seen = |at: Option<usize>| at.unwrap_or(0);
        let first = seen(counts.iter().position(|&count| count > 0));
        let last = seen(counts.iter().rposition(|&count| count > 0));
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let mut so_far = 0;
        for (doubling, &count) in counts.iter().enumerate().take(last + 1).skip(first).filter(|_| self.count > 0) {
            so_far += count;
            let to = ms(end_of((doubling + 1) * STEPS - 1));
            let bar = "#".repeat((u128::from(count) * u128::from(BAR_CHARS)).div_ceil(u128::from(most)) as usize);
            let part = 100.0 * so_far as f64 / self.count as f64;
            let _ = writeln!(text, "  < {to:>10.3} ms {count:>10} {part:>7.3} % {bar}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_they_say() {
        for ns in [0, 1, 63, 64, 65, 127, 128, 129, 1_000, 65_535, 65_536, 123_456_789, u64::MAX / 3, u64::MAX] {
            let bucket = bucket_of(ns);
            assert!(ns <= end_of(bucket), "{ns}");
            assert!(bucket == 0 || end_of(bucket - 1) < ns, "{ns}");
            assert!(end_of(bucket) - ns <= ns / STEPS as u64 + 1, "{ns}");
        }
        assert_eq!((bucket_of(u64::MAX), end_of(BUCKETS - 1)), (BUCKETS - 1, u64::MAX));
    }

    #[test]
    fn quantiles_are_close() {
        let mut histogram = Histogram::default();
        (1..=1_000u64).for_each(|ms| histogram.add(Duration::from_millis(ms), 1));
        for (part, want) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let got = histogram.quantile_ms(part);
            assert!((want..want * 1.02).contains(&got), "{part}: {got}");
        }
        assert_eq!((histogram.count(), histogram.mean_ms(), histogram.max_ms()), (1_000, 500.5, 1_000.0));
        assert_eq!(histogram.min_ms(), 1.0);
        assert_eq!(Histogram::default().quantile_ms(0.5), 0.0);
    }

    #[test]
    fn a_bar_for_each_doubling() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.bars(), "");
        histogram.add(Duration::from_micros(100), 30);
        histogram.add(Duration::from_micros(400), 10);
        let bars = histogram.bars();
        let lines: Vec<&str> = bars.lines().collect();
        assert_eq!(lines.len(), 3, "{bars}");
        assert!(lines[0].ends_with(&"#".repeat(40)) && lines[0].contains("75.000 %"), "{bars}");
        assert!(lines[1].contains(" 0 ") && lines[2].contains("100.000 %"), "{bars}");
    }
}
