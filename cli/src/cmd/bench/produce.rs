//! `kq bench produce`: pipelined Produce requests, made once and patched. Its last line is that of Kafka's own tool.

use super::engine::Engine;
use super::figures::{self, Reporter, summed_up};
use super::flags::{DialArgs, KafkaArgs, Spot, TopicArgs, cpu_seconds, renew, sharpen_timers};
use super::frame::{Fixed, PRODUCE_VERSION_MAX};
use super::payload::Values;
use super::writer::{Lane, Plan, Writing};
use super::{interrupted, stop_flag};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::{Kafka, Link};
use crate::ui::{Format, Loudness, Ui};
use clap::ValueEnum;
use kq::api::init_producer_id::{InitProducerId, InitProducerIdRequest};
use kq::api::produce::Produce;
use kq::error::ErrorCode;
use kq::record::{Builder, Codec, HEADER_BYTES};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

/// Which partitions a connection writes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Spread {
    /// Each connection writes to all partitions of its broker in turns
    RoundRobin,
    /// Each connection keeps to one partition
    Sticky,
}

/// Measure writing: pipelined requests over several connections
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq bench produce --num-records 1000000 --record-size 100\n  kq bench produce -t orders --connections 16 --in-flight 5 --batch-size 65536 --acks all\n  kq bench produce --throughput 2000 --records-per-batch 1     # open loop: latency at a given rate, from when it was due"
)]
pub struct Args {
    #[command(flatten)]
    topic: TopicArgs,
    /// Records to write [default: 1000000, or as many as --duration allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    num_records: Option<u64>,
    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", default_value_t = 100, conflicts_with = "payload_file")]
    record_size: usize,
    /// Take the values from this file
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// What stands between two values in the file
    #[arg(long, value_name = "TEXT", default_value = "\\n")]
    payload_delimiter: String,
    /// Records a second, all connections together; -1 for as many as will go
    #[arg(long, value_name = "N", default_value_t = -1.0, allow_hyphen_values = true)]
    throughput: f64,
    /// Bytes of records in one request [default: batch.size, 16384]
    #[arg(long, value_name = "BYTES")]
    batch_size: Option<usize>,
    /// Records in one request, instead of --batch-size
    #[arg(long, value_name = "N", conflicts_with = "batch_size", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    records_per_batch: Option<u64>,
    #[command(flatten)]
    dial: DialArgs,
    /// Requests sent ahead of their answers, on each connection [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: Option<u16>,
    /// Which partitions a connection writes to
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Spread::RoundRobin)]
    partitions_spread: Spread,
    /// Who must have a record before it counts: all, 1, or 0 (nobody: no answer) [default: all]
    #[arg(long, value_name = "ACKS", allow_hyphen_values = true, value_parser = ["all", "-1", "1", "0"], hide_possible_values = true)]
    acks: Option<String>,
    /// Be an idempotent producer on each connection: a sequence and a checksum of its own for each request
    #[arg(long)]
    idempotent: bool,
    /// none, gzip, snappy, lz4, zstd [default: none]
    #[arg(short = 'z', long, value_name = "CODEC")]
    compression: Option<String>,
    /// The first so many of the records are summed up apart, as warm-up
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup_records: u64,
    /// Stop sending after this long
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse_duration)]
    duration: Option<Duration>,
    /// Draw the latencies even where stderr is not read by people
    #[arg(long)]
    histogram: bool,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

const SCHEMA: &str = "\
failed_records     integer: refused, or in flight when their connection broke
unsent_records     integer: left over when no connection was left
steady             object or null: the same figures without the warm-up
topic              string
partitions         integer: written to
acks               integer: -1 is all
in_flight          integer: on each connection
records_per_batch  integer
request_bytes      integer: of a full request
";

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(&format!("{}{SCHEMA}", figures::SCHEMA));
    }
    let stop = stop_flag()?;
    let connect = args.kafka.connect(ui, &args.common.connect)?;
    let mut kafka = ctx.kafka(ui, &connect, args.common.timeout.get())?;
    let mut plan = plan(args, &kafka)?;
    let values = match &args.payload_file {
        Some(path) => Values::of_file(path, &args.payload_delimiter)?,
        None => Values::of_size(args.record_size, args.records_per_batch.unwrap_or(64)),
    };
    plan.records_per_batch = records_per_batch(args, &kafka, &values)?;
    args.topic.ensure(ui, &mut kafka)?;
    let spots = args.dial.spots(ui, &kafka, &args.topic.topic)?;
    let idempotent = args.idempotent || kafka.settings().get("enable.idempotence") == Some("true");
    if idempotent && plan.fixed.acks != -1 {
        return Err(Failure::usage("--idempotent goes with --acks all only"));
    }
    let mut streams: Vec<(TcpStream, String)> = Vec::new();
    let mut lanes = Vec::new();
    for spot in &spots {
        renew(&mut kafka);
        let mut link = kafka.open(spot.leader)?;
        let version = link.connection().version_of::<Produce>()?.min(PRODUCE_VERSION_MAX);
        plan.fixed.version = plan.fixed.version.min(version);
        let producer = if idempotent { Some(producer_id(&mut link, &kafka)?) } else { None };
        lanes.push(lane(spot, args.partitions_spread, producer));
        let (stream, address) = link.into_stream();
        args.dial.prepare(&stream)?;
        streams.push((stream, address));
    }
    let mut partitions: Vec<i32> = spots.iter().flat_map(|spot| spot.partitions.clone()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let mut engine = Engine::new(streams)?;
    sharpen_timers();
    let total = if plan.records == u64::MAX { 0 } else { plan.records };
    let spoken = ui.loudness() > Loudness::Quiet;
    let reporter = Reporter::new(ui.progress("producing", total), args.kafka.interval(), spoken);
    let (acks, in_flight, per_batch, warmup) =
        (plan.fixed.acks, plan.in_flight, plan.records_per_batch, plan.warmup_records);
    let mut writing = Writing::new(plan, values, lanes, reporter);
    let cpu_before = cpu_seconds();
    let ran = engine.run(&mut writing, &stop);
    let cpu = cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
    drop(engine);
    let steady = (warmup > 0).then_some(&writing.steady);
    let mut document = writing.all.to_json();
    let mut put = |name: &str, value: Value| drop(document.insert(name.into(), value));
    put("failed_records", json!(writing.failed));
    put("unsent_records", json!(writing.unsent()));
    put("errors", json!(writing.errors));
    put("steady", json!(steady.map(|steady| steady.to_json())));
    put("topic", json!(args.topic.topic));
    put("partitions", json!(partitions.len()));
    put("connections", json!(spots.len()));
    put("acks", json!(acks));
    put("in_flight", json!(in_flight));
    put("records_per_batch", json!(per_batch));
    put("request_bytes", json!(writing.request_bytes()));
    put("client_cpu_seconds", json!(cpu));
    let figures = steady.unwrap_or(&writing.all);
    if (args.histogram || ui.is_for_people()) && figures.records > 0 {
        let story = figures.story("latency of records");
        if args.histogram { eprintln!("{story}") } else { ui.note(story) }
    }
    match ui.format() {
        Format::Json | Format::Yaml => ui.document(Value::Object(document))?,
        _ => {
            ui.text(&writing.all.producer_line(""))?;
            steady.map_or(Ok(()), |steady| ui.text(&steady.producer_line(" steady state")))?;
        }
    }
    ran?;
    verdict(&writing)?;
    interrupted(&stop)
}

/// What failed is no success, however fast it was.
fn verdict(writing: &Writing) -> Result<(), Failure> {
    let Some((code, words)) = summed_up(&writing.errors) else { return Ok(()) };
    let sent = writing.all.records + writing.failed + writing.open();
    let mut failure = Failure::new(code, format!("{} of {sent} records failed: {words}", writing.failed));
    if writing.unsent() > 0 {
        failure.message.push_str(&format!("; {} were never sent", writing.unsent()));
    }
    if let Some(first) = &writing.first_failure {
        failure.causes.push(first.message.clone());
        failure.causes.extend(first.causes.iter().cloned());
        failure.hint = first.hint.clone();
    }
    Err(failure)
}

fn lane(spot: &Spot, spread: Spread, producer: Option<(i64, i16)>) -> Lane {
    let count = spot.partitions.len().max(1);
    match spread {
        Spread::Sticky => Lane::new(vec![spot.partitions[spot.nth % count]], 0, producer),
        Spread::RoundRobin => Lane::new(spot.partitions.clone(), spot.nth * count / spot.of.max(1), producer),
    }
}

fn producer_id(link: &mut Link, kafka: &Kafka) -> Result<(i64, i16), Failure> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let mut retry = kafka.retry();
    loop {
        let answer = link.call::<InitProducerId>(&request, kafka.deadline())?;
        let response = answer.read()?;
        let code = ErrorCode::from_code(response.error_code);
        if code.is_none() {
            return Ok((response.producer_id, response.producer_epoch));
        }
        if !code.is_retriable() || !kafka.pause(&mut retry) {
            return Err(Failure::answered(code, "no producer id", None));
        }
    }
}

fn plan(args: &Args, kafka: &Kafka) -> Result<Plan, Failure> {
    let settings = kafka.settings();
    let codec = args.compression.as_deref().or(settings.get("compression.type")).unwrap_or("none");
    let codec = Codec::from_name(codec)
        .ok_or_else(|| Failure::usage(format!("compression {codec}: expected none, gzip, snappy, lz4 or zstd")))?;
    let acks = match args.acks.as_deref().or(settings.get("acks")).unwrap_or("all") {
        "all" | "-1" => -1,
        "1" => 1,
        "0" => 0,
        other => return Err(Failure::usage(format!("acks={other}: expected all, 1 or 0"))),
    };
    if args.throughput == 0.0 || args.throughput.is_nan() {
        return Err(Failure::usage("--throughput 0: nothing would be sent; -1 is for as much as will go"));
    }
    let records = args.num_records.unwrap_or(if args.duration.is_some() { u64::MAX } else { 1_000_000 });
    if args.warmup_records >= records {
        return Err(Failure::usage("--warmup-records must be fewer than --num-records"));
    }
    let in_flight = settings.number("max.in.flight.requests.per.connection")?;
    let in_flight = args.in_flight.map(u64::from).or(in_flight).unwrap_or(5).clamp(1, 1_024);
    Ok(Plan {
        fixed: Fixed {
            topic: args.topic.topic.clone(),
            client_id: settings.client_id().into(),
            acks,
            timeout_ms: i32::try_from(settings.request_timeout.as_millis()).unwrap_or(i32::MAX),
            version: PRODUCE_VERSION_MAX,
        },
        codec,
        records,
        records_per_batch: 1,
        warmup_records: args.warmup_records,
        rate: (args.throughput > 0.0).then_some(args.throughput),
        duration: args.duration,
        in_flight: usize::try_from(in_flight).unwrap_or(5),
        patience: settings.request_timeout + Duration::from_secs(1),
    })
}

/// The most that one request may hold, in bytes: far above what brokers take.
const REQUEST_BYTES_MAX: u64 = 512 << 20;

fn records_per_batch(args: &Args, kafka: &Kafka, values: &Values) -> Result<u64, Failure> {
    let longest = vec![0; values.longest()];
    let record_bytes = exact_size(&longest);
    let batch_size = match args.batch_size {
        Some(bytes) => bytes as u64,
        None => kafka.settings().number("batch.size")?.unwrap_or(16_384),
    };
    let room = batch_size.saturating_sub(HEADER_BYTES as u64);
    let records = args.records_per_batch.unwrap_or((room / record_bytes).max(1));
    if records.saturating_mul(record_bytes) > REQUEST_BYTES_MAX {
        return Err(Failure::usage(format!("{records} records of {record_bytes} bytes are too many for one request")));
    }
    Ok(records)
}

/// What a record adds to a batch, in bytes; later ones in a batch may take two more.
fn exact_size(value: &[u8]) -> u64 {
    let mut builder = Builder::new(Codec::None, None);
    let before = builder.size();
    builder.push(0, None, Some(value), &[]);
    (builder.size() - before + 1) as u64
}
