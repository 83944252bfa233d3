//! `kq bench produce`: pipelined Produce requests. Its last line is that of Kafka's own tool.

use super::histogram::Histogram;
use super::{Share, TOPIC, ensure_topic, far, interrupted, payload, shares, stop_flag};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Link;
use crate::time::now_ms;
use crate::ui::{Format, Ui};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::error::ErrorCode;
use kq::record::{Builder, Codec};
use kq::types::NodeId;
use kq::wire::Records;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Measure writing: pipelined requests over several connections
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq bench produce --num-records 1000000 --record-size 100\n  kq bench produce -t orders --connections 16 --in-flight 5 --batch-size 65536 --acks all\n  kq bench produce --throughput 2000 --record-size 1024     # open loop: latency at a given rate"
)]
pub struct Args {
    /// The topic; made when it is missing
    #[arg(short = 't', long, value_name = "NAME", default_value = TOPIC)]
    topic: String,
    /// Partitions of the topic, when it is made
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Records to write
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    num_records: u64,
    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    record_size: usize,
    /// Records a second, all connections together; -1 for as many as will go
    #[arg(long, value_name = "N", default_value_t = -1.0, allow_hyphen_values = true)]
    throughput: f64,
    /// Bytes of records in one request
    #[arg(long, value_name = "BYTES", default_value_t = 16_384)]
    batch_size: usize,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Requests sent ahead of their answers, on each connection
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
    /// Who must have a record before it counts: all, 1, or 0 (nobody: no answer)
    #[arg(long, value_name = "ACKS", default_value = "all", value_parser = ["all", "-1", "1", "0"], hide_possible_values = true)]
    acks: String,
    /// none, gzip, snappy, lz4, zstd
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none")]
    compression: String,
    /// Stop after this long, whatever was written
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse_duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What all workers share.
struct Shared<'a> {
    args: &'a Args,
    codec: Codec,
    acks: i16,
    value: Vec<u8>,
    records_per_batch: u64,
    left: AtomicU64,
    done: AtomicU64,
    stop: &'a AtomicBool,
    began: Instant,
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(SCHEMA);
    }
    let codec = Codec::from_name(&args.compression).ok_or_else(|| {
        Failure::usage(format!("--compression {}: expected none, gzip, snappy, lz4 or zstd", args.compression))
    })?;
    let stop = stop_flag()?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    ensure_topic(ui, &mut kafka, &args.topic, args.partitions)?;
    let workers = usize::from(args.connections);
    let shares = shares(&mut kafka, &args.topic, workers)?;
    let value = payload(args.record_size, 7);
    let record_bytes = Builder::size_of(None, Some(&value), &[]);
    let shared = Shared {
        args,
        codec,
        acks: match args.acks.as_str() {
            "0" => 0,
            "1" => 1,
            _ => -1,
        },
        records_per_batch: (args.batch_size / record_bytes.max(1)).max(1) as u64,
        value,
        left: AtomicU64::new(args.num_records),
        done: AtomicU64::new(0),
        stop: &stop,
        began: Instant::now(),
    };
    let progress = ui.progress("producing", args.num_records);
    let results: Vec<(Histogram, Result<(), Failure>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| work(&shared, share))).collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            progress.at(shared.done.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(20));
        }
        let lost = |_| (Histogram::default(), Err(Failure::new("BUG", "a worker panicked")));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(lost)).collect()
    });
    let seconds = shared.began.elapsed().as_secs_f64();
    drop(progress);
    let mut all = Histogram::default();
    let mut failures = Vec::new();
    for (histogram, result) in results {
        all.merge(&histogram);
        failures.extend(result.err());
    }
    report(ui, args, &all, shared.done.load(Ordering::Relaxed), seconds)?;
    Failure::of_many(failures, workers)?;
    interrupted(&stop)
}

const SCHEMA: &str = "\
records          integer: acknowledged (with acks=0: sent)
seconds          number: from the first request to the last answer
records_per_sec  number
mb_per_sec       number: of values, in units of 1048576 bytes
avg_ms           number: mean time from sending a request to its answer, each record counted once
max_ms           number
p50_ms           number
p95_ms           number
p99_ms           number
p999_ms          number
";

fn report(ui: &mut Ui, args: &Args, all: &Histogram, records: u64, seconds: f64) -> Result<(), Failure> {
    let rate = records as f64 / seconds.max(1e-9);
    let mb = rate * args.record_size as f64 / 1_048_576.0;
    let quantiles = [0.5, 0.95, 0.99, 0.999].map(|part| all.quantile_ms(part));
    match ui.format() {
        Format::Json | Format::Yaml => ui.document(json!({
            "records": records, "seconds": seconds, "records_per_sec": rate, "mb_per_sec": mb,
            "avg_ms": all.mean_ms(), "max_ms": all.max_ms(), "p50_ms": quantiles[0], "p95_ms": quantiles[1],
            "p99_ms": quantiles[2], "p999_ms": quantiles[3],
        })),
        _ => {
            if all.count() > 0 {
                ui.note(format!(
                    "latency of requests: p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms\n{}",
                    quantiles[0],
                    quantiles[1],
                    quantiles[2],
                    quantiles[3],
                    all.bars().trim_end()
                ));
            }
            let [p50, p95, p99, p999] = quantiles.map(|ms| ms as i64);
            ui.text(&format!(
                "{records} records sent, {rate:.6} records/sec ({mb:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, \
                 {p50} ms 50th, {p95} ms 95th, {p99} ms 99th, {p999} ms 99.9th.\n",
                all.mean_ms(),
                all.max_ms()
            ))
        }
    }
}

/// Requests in flight on one connection: when each was sent (or should have been), and its records.
type Pending = VecDeque<(Instant, u64)>;

fn work(shared: &Shared<'_>, mut share: Share) -> (Histogram, Result<(), Failure>) {
    let mut latencies = Histogram::default();
    let result = work_until_done(shared, &mut share, &mut latencies);
    (latencies, result)
}

fn work_until_done(shared: &Shared<'_>, share: &mut Share, latencies: &mut Histogram) -> Result<(), Failure> {
    let args = shared.args;
    let mut pending: BTreeMap<NodeId, Pending> = share.links.keys().map(|&id| (id, Pending::new())).collect();
    // Each worker keeps its part of the rate.
    let pace = (args.throughput > 0.0).then(|| {
        let requests = args.throughput / f64::from(args.connections) / shared.records_per_batch as f64;
        Duration::from_secs_f64(1.0 / requests.max(1e-6))
    });
    let mut due = Instant::now();
    for turn in 0.. {
        let Some(&(partition, leader)) = share.partitions.get(turn % share.partitions.len().max(1)) else { break };
        let Some((link, pending)) = share.links.get_mut(&leader).zip(pending.get_mut(&leader)) else { break };
        let out_of_time = args.duration.is_some_and(|duration| shared.began.elapsed() >= duration);
        let count = if out_of_time || shared.stop.load(Ordering::Relaxed) {
            0
        } else {
            take(&shared.left, shared.records_per_batch)
        };
        if count == 0 {
            break;
        }
        if pace.is_some() {
            loop {
                let wait = due.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                if pending.is_empty() {
                    std::thread::sleep(wait);
                } else if link.wait_readable(wait) {
                    receive(shared, link, pending, latencies)?;
                }
            }
        }
        while pending.len() >= usize::from(args.in_flight) {
            receive(shared, link, pending, latencies)?;
        }
        // At a given rate, a request that starts late has waited since it was due.
        let since = if pace.is_some() { due } else { Instant::now() };
        send(shared, link, partition, count)?;
        match shared.acks {
            0 => drop(shared.done.fetch_add(count, Ordering::Relaxed)),
            _ => pending.push_back((since, count)),
        }
        due += pace.unwrap_or_default();
        while !pending.is_empty() && link.wait_readable(Duration::ZERO) {
            receive(shared, link, pending, latencies)?;
        }
    }
    for (leader, pending) in &mut pending {
        while let (false, Some(link)) = (pending.is_empty(), share.links.get_mut(leader)) {
            receive(shared, link, pending, latencies)?;
        }
    }
    Ok(())
}

/// Takes up to `want` of what is left.
fn take(left: &AtomicU64, want: u64) -> u64 {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(want)));
    taken.unwrap_or(0).min(want)
}

fn send(shared: &Shared<'_>, link: &mut Link, partition: i32, count: u64) -> Result<(), Failure> {
    let now = now_ms();
    let mut batch = Builder::with_capacity(shared.codec, None, shared.args.batch_size + 128);
    (0..count).for_each(|_| batch.push(now, None, Some(&shared.value), &[]));
    let batch = batch.finish();
    let request = ProduceRequest {
        acks: shared.acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: shared.args.topic.as_str().into(),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(Records::Bytes(batch.as_slice().into())),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    match shared.acks {
        0 => link.send_unanswered::<Produce>(&request, 12)?,
        _ => link.send_up_to::<Produce>(&request, 12)?,
    }
    link.flush()
}

fn receive(
    shared: &Shared<'_>,
    link: &mut Link,
    pending: &mut Pending,
    latencies: &mut Histogram,
) -> Result<(), Failure> {
    let answer = link.receive::<Produce>(far())?;
    let (sent, count) = pending.pop_front().unwrap_or((Instant::now(), 0));
    let response = answer.read()?;
    for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
        let code = ErrorCode::from_code(partition.error_code);
        if !code.is_none() {
            let what = format!("topic {}, partition {}", shared.args.topic, partition.index);
            return Err(Failure::answered(code, what, partition.error_message.as_deref()));
        }
    }
    latencies.add(sent.elapsed(), count);
    shared.done.fetch_add(count, Ordering::Relaxed);
    Ok(())
}
