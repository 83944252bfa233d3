//! `kq bench consume`: reads a topic from its beginning. Its two lines are those of Kafka's own tool.

use super::engine::Engine;
use super::figures::{self, Figures, Reporter, summed_up};
use super::flags::{DialArgs, KafkaArgs, Spot, TOPIC, cpu_seconds, renew};
use super::reader::{AtEnd, FETCH_VERSION_MAX, Lane, Place, Plan, Reading, Verify};
use super::{interrupted, stop_flag};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::offsets::{EARLIEST, LATEST, TopicPartition};
use crate::time::{format_time, now_ms};
use crate::ui::{Format, Loudness, Ui};
use kq::api::fetch::Fetch;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::Duration;

/// Measure reading: a topic from its beginning to where it ends now
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq bench consume -t orders --connections 4 --fetch-size 1048576\n  kq bench consume -t orders --repeat --duration 3s     # the same records again, from the broker's cache"
)]
pub struct Args {
    /// The topic
    #[arg(short = 't', long, value_name = "NAME", default_value = TOPIC)]
    topic: String,
    /// Stop after this many records [default: all that there are]
    #[arg(long, alias = "messages", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    num_records: Option<u64>,
    /// Most bytes of one partition in one answer
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576, value_parser = clap::value_parser!(i32).range(1..))]
    fetch_size: i32,
    #[command(flatten)]
    dial: DialArgs,
    /// Read from the beginning again when the end is reached, until --num-records or --duration
    #[arg(long)]
    repeat: bool,
    /// Stop after this long
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse_duration)]
    duration: Option<Duration>,
    /// Check every batch's checksum
    #[arg(long)]
    verify: bool,
    /// Do not print the heading
    #[arg(long)]
    hide_header: bool,
    /// Draw the latencies of requests, on stderr
    #[arg(long)]
    histogram: bool,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

const HEADER: &str = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                      rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n";

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(figures::SCHEMA);
    }
    if args.repeat && args.num_records.is_none() && args.duration.is_none() {
        return Err(Failure::usage("--repeat has no end of its own: add --num-records or --duration"));
    }
    let stop = stop_flag()?;
    let connect = args.kafka.connect(ui, &args.common.connect)?;
    let mut kafka = ctx.kafka(ui, &connect, args.common.timeout.get())?;
    kafka.require_topics(&[&args.topic])?;
    let spots = args.dial.spots(ui, &kafka, &args.topic)?;
    let places = places(&mut kafka, &args.topic, &spots)?;
    let mut plan = plan(args, &kafka)?;
    let mut streams: Vec<(TcpStream, String)> = Vec::new();
    let mut lanes = Vec::new();
    for spot in &spots {
        renew(&mut kafka);
        let link = kafka.open(spot.leader)?;
        plan.version = plan.version.min(link.connection().version_of::<Fetch>()?);
        let (stream, address) = link.into_stream();
        args.dial.prepare(&stream)?;
        streams.push((stream, address));
        lanes.push(Lane::new(mine(spot).iter().filter_map(|partition| places.get(partition).copied()).collect()));
    }
    let there: u64 = lanes_total(&spots, &places);
    if args.repeat && there == 0 {
        return Err(Failure::new("EMPTY", format!("topic {}: nothing to read", args.topic))
            .hint(format!("`kq bench produce -t {}` writes something", args.topic)));
    }
    let mut engine = Engine::new(streams)?;
    let total = args.num_records.unwrap_or(if args.repeat { 0 } else { there });
    let spoken = ui.loudness() > Loudness::Quiet;
    let reporter = Reporter::new(ui.progress("consuming", total), args.kafka.interval(), spoken);
    let mut reading = Reading::new(plan, lanes, reporter);
    let (began_ms, cpu_before) = (now_ms(), cpu_seconds());
    let ran = engine.run(&mut reading, &stop);
    let cpu = cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
    drop(engine);
    let mut document = reading.all.to_json();
    document.insert("topic".into(), json!(args.topic));
    document.insert("partitions".into(), json!(places.len()));
    document.insert("connections".into(), json!(spots.len()));
    document.insert("errors".into(), json!(reading.errors));
    document.insert("client_cpu_seconds".into(), json!(cpu));
    if args.histogram && reading.all.requests > 0 {
        eprintln!("{}", reading.all.story("latency of requests"));
    }
    report(ui, args, began_ms, &reading.all, document.into())?;
    ran?;
    if let Some((code, words)) = summed_up(&reading.errors) {
        let mut failure = Failure::new(code, format!("reading ended early: {words}"));
        if let Some(first) = &reading.first_failure {
            failure.causes.push(first.message.clone());
            failure.causes.extend(first.causes.iter().cloned());
            failure.hint = first.hint.clone();
        }
        return Err(failure);
    }
    interrupted(&stop)?;
    match args.num_records {
        Some(wanted) if reading.all.records < wanted && args.duration.is_none() => Err(Failure::new(
            "TOO_FEW",
            format!("topic {}: {} of {wanted} records were there", args.topic, reading.all.records),
        )
        .hint("--repeat reads the same ones again")),
        _ => Ok(()),
    }
}

fn plan(args: &Args, kafka: &Kafka) -> Result<Plan, Failure> {
    let settings = kafka.settings();
    let answer_bytes_max = settings.number("fetch.max.bytes")?.unwrap_or(50 << 20);
    Ok(Plan {
        topic: args.topic.clone(),
        client_id: settings.client_id().into(),
        version: FETCH_VERSION_MAX,
        records: args.num_records.unwrap_or(u64::MAX),
        fetch_bytes: args.fetch_size,
        answer_bytes_max: i32::try_from(answer_bytes_max).unwrap_or(i32::MAX).max(args.fetch_size),
        duration: args.duration,
        patience: settings.request_timeout,
        verify: if args.verify { Verify::Checksums } else { Verify::Nothing },
        at_end: if args.repeat { AtEnd::Again } else { AtEnd::Stop },
    })
}

/// The partitions of one connection: its share, or one that others read too when there are more connections.
fn mine(spot: &Spot) -> Vec<i32> {
    let share: Vec<i32> = spot.partitions.iter().skip(spot.nth).step_by(spot.of.max(1)).copied().collect();
    match share.is_empty() {
        true => spot.partitions.get(spot.nth % spot.partitions.len().max(1)).copied().into_iter().collect(),
        false => share,
    }
}

fn lanes_total(spots: &[Spot], places: &BTreeMap<i32, Place>) -> u64 {
    let length = |place: &Place| u64::try_from(place.end - place.start).unwrap_or(0);
    spots.iter().flat_map(mine).filter_map(|partition| places.get(&partition)).map(length).sum()
}

/// Where the partitions begin and end.
fn places(kafka: &mut Kafka, topic: &str, spots: &[Spot]) -> Result<BTreeMap<i32, Place>, Failure> {
    let mut keys: Vec<TopicPartition> =
        spots.iter().flat_map(|spot| &spot.partitions).map(|partition| (topic.to_string(), *partition)).collect();
    keys.sort_unstable();
    keys.dedup();
    let starts = kafka.list_offsets(&keys, EARLIEST)?;
    let ends = kafka.list_offsets(&keys, LATEST)?;
    let mut places = BTreeMap::new();
    for key in &keys {
        let what = || format!("topic {topic}, partition {}", key.1);
        let (Some(start), Some(end)) = (starts.get(key), ends.get(key)) else {
            return Err(Failure::new("BAD_ANSWER", format!("{}: the broker did not tell its offsets", what())));
        };
        let (start, _) = start.map_err(|code| Failure::answered(code, what(), None))?;
        let (end, _) = end.map_err(|code| Failure::answered(code, what(), None))?;
        places.insert(key.1, Place { partition: key.1, start, next: start, end });
    }
    Ok(places)
}

fn report(ui: &mut Ui, args: &Args, began_ms: i64, all: &Figures, document: Value) -> Result<(), Failure> {
    if matches!(ui.format(), Format::Json | Format::Yaml) {
        return ui.document(document);
    }
    if !args.hide_header {
        ui.text(HEADER)?;
    }
    // Kafka's tool prints local time with a colon before the milliseconds; this one is UTC.
    let stamp = |ms: i64| {
        let text = format_time(ms).replace('T', " ");
        format!("{}:{}", &text[..19], &text[20..23])
    };
    let ms = i64::try_from(all.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (mb_sec, records_sec) = (all.mb_per_sec(), all.records_per_sec());
    ui.text(&format!(
        "{}, {}, {:.4}, {mb_sec:.4}, {}, {records_sec:.4}, 0, {ms}, {mb_sec:.4}, {records_sec:.4}\n",
        stamp(began_ms),
        stamp(began_ms.saturating_add(ms)),
        all.mb(),
        all.records,
    ))
}
