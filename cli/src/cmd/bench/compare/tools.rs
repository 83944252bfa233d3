//! The loads of Kafka's own tools, unmodified; and a process as a whole.

use super::Bench;
use super::broker::Broker;
use super::child::{Ended, last_lines, run};
use super::load::GB;
use super::measure::Measure::*;
use super::target::Sample;
use crate::failure::Failure;
use std::process::Command;
use std::time::Duration;

/// How long a run may take: records expire after two minutes.
const PATIENCE: Duration = Duration::from_secs(240);

fn tool(bench: &Bench<'_>, class: &str, words: &[&str]) -> Result<Ended, Failure> {
    let mut command = bench.jars()?.tool(class);
    command.args(words);
    run(&mut command, PATIENCE, &bench.stop)
}

fn bad_tool(name: &str, ended: &Ended) -> Failure {
    let mut failure = Failure::new("LOAD", format!("{name} ended without a result: {}", ended.status));
    failure.causes.extend(last_lines(&ended.stderr));
    failure
}

/// The numbers of a line, in their order.
fn numbers(line: &str) -> Vec<f64> {
    line.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter_map(|word| word.parse().ok()).collect()
}

/// The last line of Kafka's producer tool: records, records/s, MB/s, and p50, p99, p99.9.
fn producer_line(stdout: &str) -> Option<[f64; 6]> {
    let line = stdout.lines().rfind(|line| line.contains(" records sent, ") && line.contains("99.9th"))?;
    // 5 records sent, 6 records/sec (7 MB/sec), 8 ms avg latency, 9 ms max latency, 1 ms 50th, 2 ms 95th, …
    match numbers(line)[..] {
        [records, per_sec, mb, _, _, p50, _, _, _, p99, _, p999, _] => Some([records, per_sec, mb, p50, p99, p999]),
        _ => None,
    }
}

/// Kafka's `ProducerPerformance` with its defaults: records, and bytes of each.
///
/// # Errors
/// When it prints no result.
pub fn producer_tool(
    bench: &Bench<'_>,
    broker: &Broker,
    topic: &str,
    (records, bytes): (u32, u32),
) -> Result<Sample, Failure> {
    let class = "org.apache.kafka.tools.ProducerPerformance";
    let (address, count, size) = (broker.address.to_string(), records.to_string(), bytes.to_string());
    let words = ["--bootstrap-server", &address, "--topic", topic, "--num-records", &count, "--record-size", &size];
    let before = broker.cpu_seconds();
    let ended = tool(bench, class, &[&words[..], &["--throughput", "-1"]].concat())?;
    let cpu = broker.cpu_seconds() - before;
    let line = producer_line(&ended.stdout).ok_or_else(|| bad_tool("ProducerPerformance", &ended))?;
    let [sent, per_sec, mb, p50, p99, p999] = line;
    let written = (sent * f64::from(bytes)).max(1.0);
    Ok(Sample::from([
        (RecordsPerSec, per_sec),
        (MbPerSec, mb),
        (P50, p50),
        (P99, p99),
        (P999, p999),
        (CpuPerGb, cpu * GB / written),
        (FailedRecords, f64::from(records) - sent),
    ]))
}

/// Kafka's `ConsumerPerformance`, in a group.
///
/// # Errors
/// When it prints no result.
pub fn consumer_tool(bench: &Bench<'_>, broker: &Broker, topic: &str, records: u32) -> Result<Sample, Failure> {
    let class = "org.apache.kafka.tools.ConsumerPerformance";
    let (address, count) = (broker.address.to_string(), records.to_string());
    let words = ["--bootstrap-server", &address, "--topic", topic, "--num-records", &count, "--hide-header"];
    let before = broker.cpu_seconds();
    let ended = tool(bench, class, &words)?;
    let cpu = broker.cpu_seconds() - before;
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
    let line = ended.stdout.lines().rfind(|line| line.split(", ").count() == 10);
    let fields: Vec<f64> = line.unwrap_or_default().split(", ").filter_map(|field| field.parse().ok()).collect();
    let [mb, _, got, _, _, _, fetch_mb, fetch_records] = fields[..] else {
        return Err(bad_tool("ConsumerPerformance", &ended));
    };
    Ok(Sample::from([
        (RecordsPerSec, fetch_records),
        (MbPerSec, fetch_mb),
        (CpuPerGb, cpu * 1024.0 / mb.max(1e-9)),
        (FailedRecords, (f64::from(records) - got).max(0.0)),
    ]))
}

/// How long a program takes from start to exit, in milliseconds.
///
/// # Errors
/// When it fails.
pub fn whole_process(bench: &Bench<'_>, command: &mut Command) -> Result<f64, Failure> {
    let ended = run(command, PATIENCE, &bench.stop)?;
    if !ended.status.success() {
        let mut failure = Failure::new("LOAD", format!("listing topics failed: {}", ended.status));
        failure.causes.extend(last_lines(&ended.stderr));
        return Err(failure);
    }
    Ok(ended.took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_last_line_is_read() {
        let text = "50 records sent, 10.0 records/sec (0.1 MB/sec), 6.0 ms avg latency, 9.0 ms max latency.\n\
             50000 records sent, 59952.038369 records/sec (5.72 MB/sec), 61.67 ms avg latency, 295.00 ms max latency, \
             63 ms 50th, 81 ms 95th, 93 ms 99th, 100 ms 99.9th.\n";
        assert_eq!(producer_line(text), Some([50_000.0, 59_952.038369, 5.72, 63.0, 93.0, 100.0]));
        assert_eq!(producer_line("nothing"), None);
    }
}
