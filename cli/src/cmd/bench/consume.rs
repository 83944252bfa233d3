//! `kq bench consume`: reads a topic from its beginning. Its two lines are those of Kafka's own tool.

use super::{Share, TOPIC, far, interrupted, shares, stop_flag};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Link;
use crate::kafka::offsets::{EARLIEST, LATEST, TopicPartition};
use crate::time::{format_time, now_ms};
use crate::ui::{Format, Ui};
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::error::ErrorCode;
use kq::record::BatchHeader;
use kq::types::NodeId;
use kq::wire::Records;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Measure reading: a topic from its beginning to where it ends now
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq bench consume -t orders --connections 4 --fetch-size 1048576")]
pub struct Args {
    /// The topic
    #[arg(short = 't', long, value_name = "NAME", default_value = TOPIC)]
    topic: String,
    /// Stop after this many records
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    num_records: u64,
    /// Most bytes of one partition in one answer
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576, value_parser = clap::value_parser!(i32).range(1..))]
    fetch_size: i32,
    /// Connections; partitions are dealt out to them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Do not print the heading
    #[arg(long)]
    hide_header: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Shared<'a> {
    args: &'a Args,
    records: AtomicU64,
    bytes: AtomicU64,
    stop: &'a AtomicBool,
}

/// Where one partition is, and where it ends.
type Position = (i64, i64);

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(SCHEMA);
    }
    let stop = stop_flag()?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.require_topics(&[&args.topic])?;
    let count = kafka.cluster.topics.get(&args.topic).map_or(0, |topic| topic.partitions.len());
    let keys: Vec<TopicPartition> =
        (0..count).map(|index| (args.topic.clone(), i32::try_from(index).unwrap_or(0))).collect();
    let starts = kafka.list_offsets(&keys, EARLIEST)?;
    let ends = kafka.list_offsets(&keys, LATEST)?;
    let mut positions: BTreeMap<i32, Position> = BTreeMap::new();
    for key in &keys {
        let offset = |found: &BTreeMap<TopicPartition, Result<(i64, i64), ErrorCode>>| match found.get(key) {
            Some(Ok(found)) => Ok(found.0),
            Some(Err(code)) => Err(Failure::answered(*code, format!("topic {}, partition {}", key.0, key.1), None)),
            None => Err(Failure::new("BAD_ANSWER", "the broker did not answer for every partition")),
        };
        positions.insert(key.1, (offset(&starts)?, offset(&ends)?));
    }
    let total: i64 = positions.values().map(|(start, end)| end - start).sum();
    let workers = usize::from(args.connections).min(count.max(1));
    let shares = shares(&mut kafka, &args.topic, workers)?;
    let shared = Shared { args, records: AtomicU64::new(0), bytes: AtomicU64::new(0), stop: &stop };
    let progress = ui.progress("consuming", u64::try_from(total).unwrap_or(0).min(args.num_records));
    let (began, began_ms) = (Instant::now(), now_ms());
    let results: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let spawn = |share: Share| {
            let mine = share
                .partitions
                .iter()
                .map(|(index, _)| (*index, positions.get(index).copied().unwrap_or((0, 0))))
                .collect();
            let shared = &shared;
            scope.spawn(move || work(shared, share, mine))
        };
        let workers: Vec<_> = shares.into_iter().map(spawn).collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            progress.at(shared.records.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(20));
        }
        let lost = |_| Err(Failure::new("BUG", "a worker panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(lost)).collect()
    });
    let elapsed = began.elapsed();
    drop(progress);
    report(ui, args, began_ms, elapsed, shared.bytes.into_inner(), shared.records.into_inner())?;
    Failure::of_many(results.into_iter().filter_map(Result::err).collect(), workers)?;
    interrupted(&stop)
}

const SCHEMA: &str = "\
records          integer: read
bytes            integer: of record batches, as the broker keeps them
seconds          number: from the first request to the last answer
records_per_sec  number
mb_per_sec       number: in units of 1048576 bytes
";

fn report(ui: &mut Ui, args: &Args, began_ms: i64, elapsed: Duration, bytes: u64, records: u64) -> Result<(), Failure> {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let mb = bytes as f64 / 1_048_576.0;
    match ui.format() {
        Format::Json | Format::Yaml => ui.document(json!({
            "records": records, "bytes": bytes, "seconds": seconds,
            "records_per_sec": records as f64 / seconds, "mb_per_sec": mb / seconds,
        })),
        _ => {
            if !args.hide_header {
                ui.text("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n")?;
            }
            // Kafka's tool prints local time with a colon before the milliseconds; this one is UTC.
            let stamp = |ms: i64| {
                let text = format_time(ms).replace('T', " ");
                format!("{}:{}", &text[..19], &text[20..23])
            };
            let ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
            let (mb_sec, records_sec) = (mb / seconds, records as f64 / seconds);
            ui.text(&format!(
                "{}, {}, {mb:.4}, {mb_sec:.4}, {records}, {records_sec:.4}, 0, {ms}, {mb_sec:.4}, {records_sec:.4}\n",
                stamp(began_ms),
                stamp(began_ms.saturating_add(ms))
            ))
        }
    }
}

fn work(shared: &Shared<'_>, mut share: Share, mut positions: BTreeMap<i32, Position>) -> Result<(), Failure> {
    loop {
        positions.retain(|_, (next, end)| next < end);
        let enough = shared.records.load(Ordering::Relaxed) >= shared.args.num_records;
        if positions.is_empty() || enough || shared.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        for (&leader, link) in &mut share.links {
            let mine: Vec<(i32, i64)> = share
                .partitions
                .iter()
                .filter(|(_, of): &&(i32, NodeId)| *of == leader)
                .filter_map(|(index, _)| positions.get(index).map(|(next, _)| (*index, *next)))
                .collect();
            if !mine.is_empty() {
                fetch(shared, link, &mine, &mut positions)?;
            }
        }
    }
}

fn fetch(
    shared: &Shared<'_>,
    link: &mut Link,
    mine: &[(i32, i64)],
    positions: &mut BTreeMap<i32, Position>,
) -> Result<(), Failure> {
    let topic = shared.args.topic.as_str();
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: shared.args.fetch_size,
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: mine.iter().map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    link.send_up_to::<Fetch>(&request, 12)?;
    let answer = link.receive::<Fetch>(far())?;
    let response = answer.read()?;
    for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
        let code = ErrorCode::from_code(data.error_code);
        if !code.is_none() {
            return Err(Failure::answered(code, format!("topic {topic}, partition {}", data.partition_index), None));
        }
        let Some(Records::Bytes(all)) = &data.records else { continue };
        let mut rest: &[u8] = all;
        let Some((next, _)) = positions.get_mut(&data.partition_index) else { continue };
        let (mut records, mut bytes) = (0, 0);
        // The last batch may be cut off: it comes again.
        while let Ok(batch) = BatchHeader::peek(rest) {
            if batch.size() > rest.len() {
                break;
            }
            if batch.last_offset() >= *next {
                records += u64::try_from(batch.count).unwrap_or(0);
                bytes += batch.size() as u64;
                *next = batch.next_offset();
            }
            rest = &rest[batch.size()..];
        }
        shared.records.fetch_add(records, Ordering::Relaxed);
        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(())
}
