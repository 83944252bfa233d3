//! `kq topic trim`.

use super::offsets::{chosen, split};
use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::To;
use crate::kafka::offsets::{LATEST, TopicPartition};
use crate::time::{now_ms, parse_time};
use crate::ui::{Column, Ui};
use kq::api::delete_records::{DeleteRecords, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kq::error::ErrorCode;
use kq::types::NodeId;
use serde_json::json;
use std::collections::BTreeMap;

/// Delete a topic's oldest records
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Everything below the offset is deleted; the offset itself stays.\n\nExamples:\n  kq topic trim orders --to @-7d\n  kq topic trim orders --to 1000 -p 0\n  kq topic trim orders --to end"
)]
pub struct Args {
    /// The topic
    #[arg(value_name = "NAME")]
    name: String,
    /// The new first offset: a number, end, or @TIME (the first record at or after it)
    #[arg(long, value_name = "OFFSET|@TIME|end")]
    to: String,
    /// Only these partitions
    #[arg(short = 'p', long = "partition", value_name = "P", value_delimiter = ',')]
    partitions: Vec<i32>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    partition: i32,
    start: Option<i64>,
    result: &'static str,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("partition", "integer: its index", |r| json!(r.partition)),
    Column::new("start", "integer or null: the first offset that is left", |r| json!(r.start)),
    Column::new("result", "string: trimmed, valid (--dry-run), or Kafka's name of the error", |r| json!(r.result)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let time = match args.to.as_str() {
        "end" | "latest" => Some(LATEST),
        text if text.starts_with('@') => {
            Some(parse_time(text, now_ms()).map_err(|why| Failure::usage(format!("--to: {why}")))?)
        }
        _ => None,
    };
    let number = args.to.parse::<i64>().ok().filter(|&n| n >= 0);
    if time.is_none() && number.is_none() {
        return Err(Failure::usage(format!("--to {}: expected an offset, end, or @TIME", args.to)));
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.require_topics(&[&args.name])?;
    let wanted = chosen(&kafka, &args.name, &args.partitions)?;
    let mut failures = Vec::new();
    let mut targets: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    match time {
        Some(time) => {
            let found = split(kafka.list_offsets(&wanted, time)?, &mut failures);
            let ends = split(kafka.list_offsets(&wanted, LATEST)?, &mut Vec::new());
            // No record is that young: everything goes.
            for (key, (offset, _)) in found {
                let end = ends.get(&key).map_or(0, |end| end.0);
                targets.insert(key, if offset < 0 { end } else { offset });
            }
        }
        None => targets.extend(wanted.iter().map(|key| (key.clone(), number.unwrap_or(0)))),
    }
    if args.change.dry_run {
        let row =
            |(key, offset): (&TopicPartition, &i64)| Row { partition: key.1, start: Some(*offset), result: "valid" };
        return ui.rows(COLUMNS, &targets.iter().map(row).collect::<Vec<_>>());
    }
    let (name, to, count) = (&args.name, &args.to, targets.len());
    args.change.confirm(ui, &format!("delete the records of topic {name} below {to} in {count} partition(s)?"))?;
    let mut by_leader: BTreeMap<NodeId, Vec<DeleteRecordsPartition>> = BTreeMap::new();
    for ((topic, partition_index), &offset) in &targets {
        match kafka.cluster.leader(topic, *partition_index) {
            Ok(broker) => by_leader
                .entry(broker.id)
                .or_default()
                .push(DeleteRecordsPartition { partition_index: *partition_index, offset }),
            Err(code) => failures.push(Failure::answered(code, format!("partition {partition_index}"), None)),
        }
    }
    let mut rows = Vec::new();
    for (leader, partitions) in by_leader {
        let topics = vec![DeleteRecordsTopic { name: args.name.as_str().into(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: kafka.timeout_ms() };
        let answer = kafka.call::<DeleteRecords>(To::Broker(leader), &request)?;
        let response = answer.read()?;
        let mut results: Vec<_> = response.topics.iter().flat_map(|topic| &topic.partitions).collect();
        results.sort_by_key(|result| result.partition_index);
        for result in results {
            let code = ErrorCode::from_code(result.error_code);
            if !code.is_none() {
                let what = format!("topic {}, partition {}", args.name, result.partition_index);
                let hint = match code {
                    ErrorCode::PolicyViolation => "only topics whose cleanup.policy has delete can be trimmed",
                    _ => "`kq topic offsets` shows what there is",
                };
                failures.push(Failure::answered(code, what, None).hint(hint));
            }
            rows.push(Row {
                partition: result.partition_index,
                start: Some(result.low_watermark).filter(|_| code.is_none()),
                result: if code.is_none() { "trimmed" } else { code.name() },
            });
        }
    }
    rows.sort_by_key(|row| row.partition);
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, wanted.len())
}
