//! What was measured, in Kafka's words and in JSON.

use super::histogram::Histogram;
use crate::ui::Progress;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MB: f64 = 1_048_576.0;

/// Records that came through, and how long each took.
#[derive(Clone, Default)]
pub struct Figures {
    /// Records.
    pub records: u64,
    /// Requests they were in.
    pub requests: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// One for each record (or request, as the command says).
    pub latencies: Histogram,
    /// First request sent, or due.
    pub began: Option<Instant>,
    /// Last answer.
    pub ended: Option<Instant>,
}

impl Figures {
    /// Counts one request.
    pub fn add(&mut self, began: Instant, ended: Instant, records: u64, bytes: u64, weight: u64) {
        self.records += records;
        self.requests += 1;
        self.bytes += bytes;
        self.latencies.add(ended.saturating_duration_since(began), weight);
        self.began = Some(self.began.map_or(began, |first| first.min(began)));
        self.ended = Some(self.ended.map_or(ended, |last| last.max(ended)));
    }

    /// From the first request to the last answer.
    pub fn elapsed(&self) -> Duration {
        self.began.zip(self.ended).map_or(Duration::ZERO, |(began, ended)| ended.saturating_duration_since(began))
    }

    /// Records in a second.
    pub fn records_per_sec(&self) -> f64 {
        self.records as f64 / self.elapsed().as_secs_f64().max(1e-9)
    }

    /// Megabytes (of 1048576 bytes) in a second.
    pub fn mb_per_sec(&self) -> f64 {
        self.bytes as f64 / MB / self.elapsed().as_secs_f64().max(1e-9)
    }

    /// Megabytes (of 1048576 bytes).
    pub fn mb(&self) -> f64 {
        self.bytes as f64 / MB
    }

    /// The last line of Kafka's producer tool. `which` is `""` or `" steady state"`.
    pub fn producer_line(&self, which: &str) -> String {
        let [p50, p95, p99, p999] = [0.5, 0.95, 0.99, 0.999].map(|part| self.latencies.quantile_ms(part) as i64);
        format!(
            "{}{which} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, \
             {p50} ms 50th, {p95} ms 95th, {p99} ms 99th, {p999} ms 99.9th.\n",
            self.records,
            self.records_per_sec(),
            self.mb_per_sec(),
            self.latencies.mean_ms(),
            self.latencies.max_ms()
        )
    }

    /// Quantiles finer than Kafka's whole milliseconds, and the histogram.
    pub fn story(&self, of: &str) -> String {
        let [p50, p95, p99, p999] = [0.5, 0.95, 0.99, 0.999].map(|part| self.latencies.quantile_ms(part));
        let bars = self.latencies.bars();
        let numbers = format!("{of}: p50 {p50:.3} ms, p95 {p95:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms");
        format!("{numbers}\n{}", bars.trim_end())
    }

    /// All of it, as fields of a JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        let seconds = self.elapsed().as_secs_f64();
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.into(), value));
        put("records", json!(self.records));
        put("requests", json!(self.requests));
        put("bytes", json!(self.bytes));
        put("seconds", json!(seconds));
        put("records_per_sec", json!(self.records_per_sec()));
        put("requests_per_sec", json!(self.requests as f64 / seconds.max(1e-9)));
        put("mb_per_sec", json!(self.mb_per_sec()));
        fields.extend(self.latencies.to_json());
        fields
    }
}

/// What `-o schema` says of [`Figures::to_json`].
pub const SCHEMA: &str = "\
records            integer: that came through
requests           integer: that they were in
bytes              integer: of record values (produce), of record batches (consume)
seconds            number: from the first request to the last answer
records_per_sec    number
requests_per_sec   number
mb_per_sec         number: in units of 1048576 bytes
avg_ms             number: mean latency; of records (produce), of requests (consume)
min_ms, max_ms     number
p50_ms, p90_ms, p95_ms, p99_ms, p999_ms, p9999_ms  number: what so many percent did not exceed
errors             object: Kafka's name of each error, and how many requests it failed
connections        integer
client_cpu_seconds number or null: processor time of this client; near `seconds`, the client was the limit
";

/// Errors by Kafka's name, with the number of requests.
pub type Errors = BTreeMap<String, u64>;

/// The most frequent error, and all of them in words.
pub fn summed_up(errors: &Errors) -> Option<(&str, String)> {
    let most = errors.iter().max_by_key(|(_, count)| **count)?;
    let words: Vec<String> = errors.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
    Some((most.0, words.join(", ")))
}

/// A word on progress now and then, on stderr.
pub struct Reporter {
    progress: Progress,
    interval: Duration,
    /// Nothing is said when the user wants quiet.
    spoken: bool,
    next: Option<Instant>,
    window: Figures,
}

impl Reporter {
    /// One word each `interval`, if `spoken`.
    pub fn new(progress: Progress, interval: Duration, spoken: bool) -> Reporter {
        Reporter { progress, interval, spoken, next: None, window: Figures::default() }
    }

    /// As [`Figures::add`].
    pub fn add(&mut self, began: Instant, ended: Instant, records: u64, bytes: u64) {
        self.window.add(began, ended, records, bytes, records);
    }

    /// Moves the bar, and says the word if it is time: what happened to records is `verb`.
    pub fn at(&mut self, now: Instant, done: u64, verb: &str) {
        self.progress.at(done);
        let next = *self.next.get_or_insert(now + self.interval);
        if now >= next {
            self.next = Some(now + self.interval);
            let window = std::mem::take(&mut self.window);
            let seconds = self.interval.as_secs_f64();
            if self.spoken {
                self.progress.line(&format!(
                    "{} records {verb}, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
                    window.records,
                    window.records as f64 / seconds,
                    window.mb() / seconds,
                    window.latencies.mean_ms(),
                    window.latencies.max_ms()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_kafkas() {
        let mut figures = Figures::default();
        let began = Instant::now();
        for n in 1..=10u64 {
            figures.add(began, began + Duration::from_millis(n * 100), 10, 1_048_576, 10);
        }
        let line = figures.producer_line("");
        let start =
            "100 records sent, 100.000000 records/sec (10.00 MB/sec), 550.00 ms avg latency, 1000.00 ms max latency, ";
        assert!(line.starts_with(start), "{line}");
        let shape =
            regex_lite::Regex::new(r"latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.\n$").unwrap();
        assert!(shape.is_match(&line), "{line}");
        assert!(figures.producer_line(" steady state").starts_with("100 steady state records sent, "));
    }

    #[test]
    fn the_schema_names_every_field() {
        for name in Figures::default().to_json().keys() {
            assert!(SCHEMA.contains(name.as_str()), "{name}");
        }
        let errors = Errors::from([("A".into(), 1), ("B".into(), 3)]);
        assert_eq!(summed_up(&errors), Some(("B", "A ×1, B ×3".into())));
    }
}
