//! `kq bench e2e`: from sending a record to having read it, one at a time.

use super::flags::{KafkaArgs, TopicArgs, sharpen_timers};
use super::histogram::Histogram;
use super::payload;
use super::{far, interrupted, stop_flag};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Link;
use crate::kafka::offsets::{LATEST, TopicPartition};
use crate::time::now_ms;
use crate::ui::{Format, Ui};
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::error::ErrorCode;
use kq::record::{BatchHeader, Builder, Codec};
use kq::wire::Records;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Measure the time from sending a record to having read it, one at a time
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq bench e2e --num-records 1000 --record-size 100 --acks all")]
pub struct Args {
    #[command(flatten)]
    topic: TopicArgs,
    /// Records to send
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    num_records: u64,
    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    record_size: usize,
    /// Who must have a record before it counts: all or 1
    #[arg(long, value_name = "ACKS", default_value = "all", allow_hyphen_values = true, value_parser = ["all", "-1", "1"], hide_possible_values = true)]
    acks: String,
    /// Draw the latencies, on stderr
    #[arg(long)]
    histogram: bool,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

const SCHEMA: &str = "\
records         integer: sent and read
avg_ms          number: mean time from sending to having read
min_ms, max_ms  number
p50_ms, p90_ms, p95_ms, p99_ms, p999_ms, p9999_ms  number: what so many percent did not exceed
";

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(SCHEMA);
    }
    let stop = stop_flag()?;
    let connect = args.kafka.connect(ui, &args.common.connect)?;
    let mut kafka = ctx.kafka(ui, &connect, args.common.timeout.get())?;
    args.topic.ensure(ui, &mut kafka)?;
    let topic = args.topic.topic.as_str();
    let leader = kafka.cluster.leader(topic, 0).map_err(|code| Failure::answered(code, topic, None))?.id;
    let key: TopicPartition = (topic.to_string(), 0);
    let end = kafka.list_offsets(std::slice::from_ref(&key), LATEST)?.remove(&key);
    let Some(Ok((mut next, _))) = end else {
        return Err(Failure::new("UNKNOWN_OFFSET", format!("topic {topic}: the end of partition 0 is unknown")));
    };
    let (mut producer, mut consumer) = (kafka.open(leader)?, kafka.open(leader)?);
    let value = payload::text(args.record_size, 11);
    sharpen_timers();
    let mut latencies = Histogram::default();
    let progress = ui.progress("round trips", args.num_records);
    for round in 0..args.num_records {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        ask(&mut consumer, topic, next)?;
        let began = Instant::now();
        produce(&mut producer, args, &value)?;
        let until = began + Duration::from_secs(30);
        let mut sent = false;
        loop {
            if let Some(after) = read(&mut consumer, next)? {
                next = after;
                break;
            }
            if Instant::now() > until {
                return Err(Failure::timed_out(format!("topic {topic}: offset {next} did not come back")));
            }
            sent = sent || acknowledged(&mut producer, args)?;
            ask(&mut consumer, topic, next)?;
        }
        latencies.add(began.elapsed(), 1);
        if !sent {
            acknowledged(&mut producer, args)?;
        }
        progress.at(round + 1);
    }
    drop(progress);
    if args.histogram && latencies.count() > 0 {
        eprintln!("{}", latencies.bars().trim_end());
    }
    match ui.format() {
        Format::Json | Format::Yaml => {
            let mut document = latencies.to_json();
            document.insert("records".into(), json!(latencies.count()));
            ui.document(document.into())?;
        }
        _ => {
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| latencies.quantile_ms(part));
            ui.text(&format!(
                "Avg latency: {:.4} ms\nPercentiles: 50th = {p50:.3}, 99th = {p99:.3}, 99.9th = {p999:.3}\n",
                latencies.mean_ms()
            ))?;
        }
    }
    interrupted(&stop)
}

fn ask(link: &mut Link, topic: &str, offset: i64) -> Result<(), Failure> {
    let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topics = vec![FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() }];
    link.send_up_to::<Fetch>(&FetchRequest { max_wait_ms: 1_000, min_bytes: 1, topics, ..Default::default() }, 12)?;
    link.flush()
}

/// The offset after what came, if the record at `offset` is in it.
fn read(link: &mut Link, offset: i64) -> Result<Option<i64>, Failure> {
    let answer = link.receive::<Fetch>(far())?;
    let response = answer.read()?;
    let mut after = None;
    for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
        let code = ErrorCode::from_code(data.error_code);
        if !code.is_none() {
            return Err(Failure::answered(code, "cannot read partition 0", None));
        }
        if let Some(Records::Bytes(bytes)) = &data.records {
            let batch = BatchHeader::peek(bytes).ok();
            after = after.or(batch.map(|batch| batch.next_offset()).filter(|next| *next > offset));
        }
    }
    Ok(after)
}

fn produce(link: &mut Link, args: &Args, value: &[u8]) -> Result<(), Failure> {
    let mut batch = Builder::new(Codec::None, None);
    batch.push(now_ms(), None, Some(value), &[]);
    let batch = batch.finish();
    let partition = PartitionProduceData { index: 0, records: Some(Records::Bytes(batch.as_slice().into())) };
    let request = ProduceRequest {
        acks: if args.acks == "1" { 1 } else { -1 },
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: args.topic.topic.as_str().into(),
            partition_data: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    link.send_up_to::<Produce>(&request, 12)?;
    link.flush()
}

fn acknowledged(link: &mut Link, args: &Args) -> Result<bool, Failure> {
    let answer = link.receive::<Produce>(far())?;
    for partition in answer.read()?.responses.iter().flat_map(|topic| &topic.partition_responses) {
        let code = ErrorCode::from_code(partition.error_code);
        if !code.is_none() {
            return Err(Failure::answered(
                code,
                format!("topic {}", args.topic.topic),
                partition.error_message.as_deref(),
            ));
        }
    }
    Ok(true)
}
