//! The loads of `kq bench`, as a process of its own. Each becomes a sample.

use super::Bench;
use super::broker::Broker;
use super::child::{last_lines, run};
use super::congestion::CUBIC;
use super::measure::Measure::*;
use super::plan::Produce;
use super::target::Sample;
use crate::failure::Failure;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// How much longer than planned a load may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A gigabyte, as processor time is told by.
pub const GB: f64 = 1_073_741_824.0;

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
}
