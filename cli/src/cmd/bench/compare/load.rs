//! The loads: `kq bench` as a process of its own, and Kafka's own tools. Each becomes a sample.

use super::Bench;
use super::broker::Broker;
use super::child::{Ended, last_lines, run};
use super::congestion::CUBIC;
use super::rows::Produce;
use super::target::Measure::*;
use super::target::Sample;
use crate::failure::Failure;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// How much longer than planned a load may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a run of Kafka's tools may take: records expire after two minutes.
const TOOL_PATIENCE: Duration = Duration::from_secs(240);
const GB: f64 = 1_073_741_824.0;

/// How long a load of ours lasts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Length {
    /// Seconds.
    Time(f64),
    /// Records.
    Records(u64),
}

fn length_words(length: Length) -> [String; 2] {
    match length {
        Length::Time(seconds) => ["--duration".into(), format!("{}ms", (seconds * 1000.0).round())],
        Length::Records(records) => ["--num-records".into(), records.to_string()],
    }
}

fn produce_words(plan: &Produce, length: Length) -> Vec<String> {
    let mut words: Vec<String> = vec!["bench".into(), "produce".into(), "--acks".into(), "all".into()];
    let rate = plan.rate.map(|requests| u64::from(requests) * u64::from(plan.records_per_batch));
    for (flag, value) in [
        ("--record-size", Some(u64::from(plan.record_bytes))),
        ("--records-per-batch", Some(plan.records_per_batch.into())),
        ("--connections", Some(plan.connections.into())),
        ("--in-flight", Some(plan.in_flight.into())),
        ("--throughput", rate),
    ] {
        words.extend(value.into_iter().flat_map(|value| [flag.to_string(), value.to_string()]));
    }
    words.extend(plan.idempotent.then(|| "--idempotent".to_string()));
    words.extend(length_words(length));
    words
}

/// Runs `kq` against the broker and returns its data.
fn own(bench: &Bench<'_>, broker: &Broker, topic: &str, words: &[String]) -> Result<Value, Failure> {
    let mut command = Command::new(&bench.program);
    command.args(words).args(["-q", "-o", "json", "--reporting-interval", "60000"]);
    command.args(["-t", topic, "-b", &broker.address.to_string()]);
    if bench.cubic {
        command.args(["--tcp-congestion", CUBIC]);
    }
    let ended = run(&mut command, PATIENCE, &bench.stop)?;
    let document: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    if !ended.status.success() {
        let mut failure = Failure::new("LOAD", format!("the load on {} failed: {}", broker.kind, ended.status));
        failure.causes.extend(last_lines(&ended.stderr));
        return Err(failure);
    }
    Ok(document["data"].clone())
}

/// A sample of what `kq bench` measured while the broker used so much processor time.
fn sample(data: &Value, cpu_seconds: f64) -> Sample {
    let names = [
        (RequestsPerSec, "requests_per_sec"),
        (MbPerSec, "mb_per_sec"),
        (P50, "p50_ms"),
        (P99, "p99_ms"),
        (P999, "p999_ms"),
    ];
    let mut sample: Sample =
        names.into_iter().filter_map(|(measure, name)| Some((measure, data[name].as_f64()?))).collect();
    let (requests, bytes) = (data["requests"].as_f64().unwrap_or(0.0), data["bytes"].as_f64().unwrap_or(0.0));
    if requests > 0.0 {
        sample.insert(CpuPerRequest, cpu_seconds * 1e6 / requests);
    }
    if bytes > 0.0 {
        sample.insert(CpuPerGb, cpu_seconds * GB / bytes);
    }
    sample
}

/// Pipelined requests to a topic that is there.
///
/// # Errors
/// When one of them failed.
pub fn produce(
    bench: &Bench<'_>,
    broker: &Broker,
    topic: &str,
    plan: &Produce,
    length: Length,
) -> Result<Sample, Failure> {
    let before = broker.cpu_seconds();
    let data = own(bench, broker, topic, &produce_words(plan, length))?;
    Ok(sample(&data, broker.cpu_seconds() - before))
}

/// One connection reads the topic from its beginning, again and again.
///
/// # Errors
/// When a request failed.
pub fn consume(
    bench: &Bench<'_>,
    broker: &Broker,
    topic: &str,
    fetch_bytes: u32,
    seconds: f64,
) -> Result<Sample, Failure> {
    let mut words: Vec<String> = ["bench", "consume", "--repeat", "--fetch-size"].map(String::from).to_vec();
    words.push(fetch_bytes.to_string());
    words.extend(length_words(Length::Time(seconds)));
    let before = broker.cpu_seconds();
    let data = own(bench, broker, topic, &words)?;
    Ok(sample(&data, broker.cpu_seconds() - before))
}

fn tool(bench: &Bench<'_>, class: &str, words: &[&str]) -> Result<Ended, Failure> {
    let mut command = bench.jars()?.tool(class);
    command.args(words);
    run(&mut command, TOOL_PATIENCE, &bench.stop)
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
    use serde_json::json;

    #[test]
    fn the_flags_are_those_of_the_row() {
        let plan = Produce {
            record_bytes: 100,
            records_per_batch: 2,
            connections: 64,
            in_flight: 3,
            partitions: 1,
            rate: Some(2_000),
            idempotent: true,
        };
        assert_eq!(
            produce_words(&plan, Length::Time(1.5)).join(" "),
            "bench produce --acks all --record-size 100 --records-per-batch 2 --connections 64 --in-flight 3 \
             --throughput 4000 --idempotent --duration 1500ms"
        );
        let words = produce_words(&Produce { rate: None, idempotent: false, ..plan }, Length::Records(7));
        assert!(words.ends_with(&["--in-flight".into(), "3".into(), "--num-records".into(), "7".into()]));
    }

    #[test]
    fn processor_time_is_told_by_request_and_by_gigabyte() {
        let data = json!({"requests": 2_000_000, "bytes": 536_870_912, "requests_per_sec": 5.0, "p50_ms": 0.25});
        let got = sample(&data, 3.0);
        assert_eq!(got, Sample::from([(RequestsPerSec, 5.0), (P50, 0.25), (CpuPerRequest, 1.5), (CpuPerGb, 6.0)]));
    }

    #[test]
    fn kafkas_last_line_is_read() {
        let text = "50 records sent, 10.0 records/sec (0.1 MB/sec), 6.0 ms avg latency, 9.0 ms max latency.\n\
             50000 records sent, 59952.038369 records/sec (5.72 MB/sec), 61.67 ms avg latency, 295.00 ms max latency, \
             63 ms 50th, 81 ms 95th, 93 ms 99th, 100 ms 99.9th.\n";
        assert_eq!(producer_line(text), Some([50_000.0, 59_952.038369, 5.72, 63.0, 93.0, 100.0]));
        assert_eq!(producer_line("nothing"), None);
    }
}
