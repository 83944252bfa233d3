//! What is counted, and its Prometheus text.

use crate::histogram::Histogram;
use kq::api::TABLE;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Bytes received from clients.
    pub bytes_in: u64,
    /// Bytes sent to clients.
    pub bytes_out: u64,
    /// Connections that were accepted.
    pub connections_accepted: u64,
    /// Connections that were refused for a limit.
    pub connections_refused: u64,
    /// Connections that were closed for what they sent.
    pub protocol_errors: u64,
    /// Batches that were appended.
    pub batches_appended: u64,
    /// Writes that appended them.
    pub append_writes: u64,
    /// Reads that had to wait for the disk.
    pub cold_reads: u64,
    /// From the last byte of a request to the reply's place in the queue, by row of the table; the last for all that
    /// nobody serves.
    requests: Vec<Histogram>,
    /// Rounds of fdatasync, by log directory.
    syncs: BTreeMap<usize, Histogram>,
}

/// What is told of a log.
#[derive(Clone, Debug)]
pub struct LogFigures {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Bytes of its segments.
    pub bytes: u64,
    /// First and next offset.
    pub offsets: (i64, i64),
}

/// What is known only at the moment of asking.
#[derive(Debug, Default)]
pub struct Moment {
    /// Open connections.
    pub connections: usize,
    /// Open connections to other nodes.
    pub peers: usize,
    /// Requests that wait in the core.
    pub parked: usize,
    /// When the process started, in seconds since the Unix epoch.
    pub started_seconds: f64,
    /// All logs.
    pub logs: Vec<LogFigures>,
    /// Log directories, and whether each is in service.
    pub dirs: Vec<(String, bool)>,
}

impl Metrics {
    /// Counts an answered request.
    pub fn answered(&mut self, api_key: i16, us: u64) {
        if self.requests.is_empty() {
            self.requests = vec![Histogram::default(); TABLE.len() + 1];
        }
        let row = TABLE.binary_search_by_key(&api_key, |row| row.key).unwrap_or(TABLE.len());
        self.requests[row].record(us);
    }

    /// Counts a round of a flusher.
    pub fn synced(&mut self, dir: usize, us: u64) {
        self.syncs.entry(dir).or_default().record(us);
    }

    /// Kafka's name and the histogram of every API that was asked.
    fn by_api(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        let names = TABLE.iter().map(|row| row.name).chain(["unknown"]);
        names.zip(&self.requests).filter(|(_, histogram)| histogram.count() > 0)
    }

    /// The text of `/metrics`.
    pub fn render(&self, now: &Moment) -> String {
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        head(&mut out, "kqd_requests_total", "counter", "Requests answered, by API.");
        for (api, histogram) in self.by_api() {
            let _ = writeln!(out, "kqd_requests_total{{api=\"{api}\"}} {}", histogram.count());
        }
        head(&mut out, "kqd_request_seconds", "histogram", "From a request's last byte to its reply, by API.");
        for (api, histogram) in self.by_api() {
            histogram.render(&mut out, "kqd_request_seconds", &format!("api=\"{api}\""));
        }
        head(&mut out, "kqd_fsync_seconds", "histogram", "Rounds of group commit, by log directory.");
        for (dir, histogram) in &self.syncs {
            let path = now.dirs.get(*dir).map_or("", |(path, _)| path);
            histogram.render(&mut out, "kqd_fsync_seconds", &format!("dir=\"{}\"", escape(path)));
        }
        for (name, kind, help, value) in [
            ("kqd_bytes_in_total", "counter", "Bytes received from clients.", self.bytes_in),
            ("kqd_bytes_out_total", "counter", "Bytes sent to clients.", self.bytes_out),
            ("kqd_connections", "gauge", "Open client connections.", now.connections as u64),
            ("kqd_peer_connections", "gauge", "Open connections to other nodes.", now.peers as u64),
            ("kqd_connections_accepted_total", "counter", "Connections accepted.", self.connections_accepted),
            ("kqd_connections_refused_total", "counter", "Connections over a limit.", self.connections_refused),
            ("kqd_protocol_errors_total", "counter", "Connections closed for what they sent.", self.protocol_errors),
            ("kqd_requests_parked", "gauge", "Requests that wait for data, disk or time.", now.parked as u64),
            ("kqd_batches_appended_total", "counter", "Record batches appended.", self.batches_appended),
            ("kqd_append_writes_total", "counter", "Writes that appended them.", self.append_writes),
            ("kqd_cold_reads_total", "counter", "Reads that waited for the disk.", self.cold_reads),
        ] {
            head(&mut out, name, kind, help);
            let _ = writeln!(out, "{name} {value}");
        }
        head(&mut out, "kqd_log_dir_online", "gauge", "Whether a log directory is in service.");
        for (path, online) in &now.dirs {
            let _ = writeln!(out, "kqd_log_dir_online{{dir=\"{}\"}} {}", escape(path), u8::from(*online));
        }
        let mut per_log = |name: &str, help: &str, value: fn(&LogFigures) -> i64| {
            head(&mut out, name, "gauge", help);
            for log in &now.logs {
                let (topic, partition) = (escape(&log.topic), log.partition);
                let _ = writeln!(out, "{name}{{topic=\"{topic}\",partition=\"{partition}\"}} {}", value(log));
            }
        };
        per_log("kqd_log_size_bytes", "Bytes of a partition's segments.", |log| log.bytes as i64);
        per_log("kqd_log_start_offset", "First offset of a partition.", |log| log.offsets.0);
        per_log("kqd_log_end_offset", "Next offset of a partition.", |log| log.offsets.1);
        head(&mut out, "kqd_build_info", "gauge", "Version of this build.");
        let _ = writeln!(out, "kqd_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        head(&mut out, "process_start_time_seconds", "gauge", "When the process started, Unix time.");
        let _ = writeln!(out, "process_start_time_seconds {}", now.started_seconds);
        out
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_was_counted() {
        let mut metrics = Metrics { bytes_in: 12, ..Metrics::default() };
        metrics.answered(0, 150);
        metrics.answered(9999, 1);
        metrics.synced(0, 300);
        let log = LogFigures { topic: "t".into(), partition: 3, bytes: 70, offsets: (1, 9) };
        let dirs = vec![("/d\"1".to_owned(), true)];
        let text = metrics.render(&Moment { connections: 2, logs: vec![log], dirs, ..Moment::default() });
        for line in [
            "kqd_requests_total{api=\"Produce\"} 1",
            "kqd_requests_total{api=\"unknown\"} 1",
            "kqd_request_seconds_bucket{api=\"Produce\",le=\"0.0002\"} 1",
            "kqd_fsync_seconds_count{dir=\"/d\\\"1\"} 1",
            "kqd_bytes_in_total 12",
            "kqd_connections 2",
            "kqd_log_size_bytes{topic=\"t\",partition=\"3\"} 70",
            "kqd_log_end_offset{topic=\"t\",partition=\"3\"} 9",
            "kqd_log_dir_online{dir=\"/d\\\"1\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
