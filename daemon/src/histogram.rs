//! Durations counted in buckets that double: 100 µs, 200 µs, … 52 s, in Prometheus' text form.

use std::fmt::Write as _;

const BUCKETS: usize = 20;
const FIRST_US: u64 = 100;

/// Counts of durations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Histogram {
    buckets: [u64; BUCKETS + 1],
    count: u64,
    sum_us: u64,
}

impl Histogram {
    /// Counts one duration, in microseconds.
    pub fn record(&mut self, us: u64) {
        let index = us.saturating_sub(1) / FIRST_US;
        let index = (u64::BITS - index.leading_zeros()) as usize;
        self.buckets[index.min(BUCKETS)] += 1;
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Appends the series of `name` with `labels` (without braces).
    pub fn render(&self, out: &mut String, name: &str, labels: &str) {
        let mut cumulative = 0;
        for (i, n) in self.buckets.iter().enumerate() {
            cumulative += n;
            if i == BUCKETS {
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {cumulative}");
            } else {
                let le = (FIRST_US << i) as f64 / 1e6;
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{le}\"}} {cumulative}");
            }
        }
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.sum_us as f64 / 1e6);
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn bounds_are_inclusive() {
        let mut h = Histogram::default();
        [0, 100, 101, 200, 201, u64::MAX].into_iter().for_each(|us| h.record(us));
        assert_eq!(h.buckets[..3], [2, 2, 1]);
        let mut out = String::new();
        h.render(&mut out, "x_seconds", "api=\"Produce\"");
        assert!(out.starts_with("x_seconds_bucket{api=\"Produce\",le=\"0.0001\"} 2\n"), "{out}");
        assert!(out.contains("le=\"0.0002\"} 4\n"), "{out}");
        assert!(out.contains("le=\"+Inf\"} 6\n"), "{out}");
    }
}
