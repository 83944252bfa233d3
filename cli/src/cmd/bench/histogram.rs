//! Latencies in a bounded space: 32 steps to each doubling, so at most three percent off.

use std::fmt::Write;
use std::time::Duration;

const STEPS: usize = 32;
const BUCKETS: usize = STEPS * 40;

/// Counts of latencies, in microseconds.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum_us: u128,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; BUCKETS], count: 0, sum_us: 0, max_us: 0 }
    }
}

fn bucket_of(us: u64) -> usize {
    if us < STEPS as u64 {
        return us as usize;
    }
    let doubling = (63 - us.leading_zeros()) as usize - STEPS.trailing_zeros() as usize;
    let step = (us >> doubling) as usize - STEPS;
    ((doubling + 1) * STEPS + step).min(BUCKETS - 1)
}

/// The largest latency of a bucket.
fn end_of(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (doubling, step) = (bucket / STEPS - 1, bucket % STEPS);
    (((STEPS + step + 1) as u64) << doubling) - 1
}

impl Histogram {
    /// `times` records took this long.
    pub fn add(&mut self, latency: Duration, times: u64) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)] += times;
        self.count += times;
        self.sum_us += u128::from(us) * u128::from(times);
        self.max_us = self.max_us.max(us);
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: &Histogram) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(a, b)| *a += b);
        self.count += other.count;
        self.sum_us += other.sum_us;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_us as f64 / self.count as f64 / 1_000.0 }
    }

    /// The largest in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.max_us as f64 / 1_000.0
    }

    /// The latency in milliseconds that `part` (0 to 1) of all do not exceed.
    pub fn quantile_ms(&self, part: f64) -> f64 {
        let rank = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return end_of(bucket).min(self.max_us) as f64 / 1_000.0;
            }
        }
        0.0
    }

    /// One line for each doubling that was seen, with a bar.
    pub fn bars(&self) -> String {
        let mut text = String::new();
        let most = self.buckets.chunks(STEPS).map(|chunk| chunk.iter().sum::<u64>()).max().unwrap_or(0).max(1);
        for (doubling, chunk) in self.buckets.chunks(STEPS).enumerate() {
            let count: u64 = chunk.iter().sum();
            if count > 0 {
                let to = (end_of((doubling + 1) * STEPS - 1) + 1) as f64 / 1_000.0;
                let bar = "#".repeat((count * 40).div_ceil(most) as usize);
                let _ = writeln!(text, "  < {to:>9.3} ms {count:>10} {bar}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_they_say() {
        for us in [0, 1, 31, 32, 33, 63, 64, 65, 1_000, 65_535, 65_536, 123_456_789] {
            let bucket = bucket_of(us);
            assert!(us <= end_of(bucket), "{us}");
            assert!(bucket == 0 || end_of(bucket - 1) < us, "{us}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_close() {
        let mut histogram = Histogram::default();
        (1..=1_000u64).for_each(|ms| histogram.add(Duration::from_millis(ms), 1));
        for (part, want) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let got = histogram.quantile_ms(part);
            assert!((want..want * 1.04).contains(&got), "{part}: {got}");
        }
        assert_eq!((histogram.count(), histogram.mean_ms(), histogram.max_ms()), (1_000, 500.5, 1_000.0));
    }
}
