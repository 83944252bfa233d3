//! `kq topic offsets`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::offsets::{EARLIEST, Found, LATEST, MAX_TIMESTAMP, TopicPartition};
use crate::time::{format_time, now_ms, parse_time};
use crate::ui::{Column, Ui};
use kq::error::ErrorCode;
use serde_json::json;
use std::collections::BTreeMap;

/// Show a topic's offsets: first and next of each partition, or the offset at a point in time
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq topic offsets orders\n  kq topic offsets orders --time @2026-11-23T08:00:00Z\n  kq topic offsets orders --time @-1h -p 0"
)]
pub struct Args {
    /// The topic
    #[arg(value_name = "NAME")]
    name: String,
    /// earliest, latest, max (the record with the largest timestamp), or @TIME: the first record at or after it
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    time: Option<String>,
    /// Only these partitions
    #[arg(short = 'p', long = "partition", value_name = "P", value_delimiter = ',')]
    partitions: Vec<i32>,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Ends {
    partition: i32,
    start: Option<i64>,
    end: Option<i64>,
}

struct At {
    partition: i32,
    found: Option<Found>,
}

const ENDS: &[Column<Ends>] = &[
    Column::new("partition", "integer: its index", |r| json!(r.partition)),
    Column::new("start", "integer or null: the first offset that can be read", |r| json!(r.start)),
    Column::new("end", "integer or null: the offset after the last one", |r| json!(r.end)),
    Column::new("offsets", "integer or null: end minus start; compaction leaves fewer records", |r| {
        json!(r.start.zip(r.end).map(|(start, end)| end - start))
    }),
];

const AT: &[Column<At>] = &[
    Column::new("partition", "integer: its index", |r| json!(r.partition)),
    Column::new("offset", "integer or null: the offset found", |r| json!(known(r).map(|f| f.0))),
    Column::new("timestamp", "string or null: that record's time", |r| {
        json!(known(r).filter(|f| f.1 >= 0).map(|f| format_time(f.1)))
    }),
];

fn known(row: &At) -> Option<Found> {
    row.found.filter(|found| found.0 >= 0)
}

/// The partitions of `topic`, or the chosen ones of them.
///
/// # Errors
/// When one does not exist.
pub fn chosen(kafka: &crate::kafka::Kafka, topic: &str, chosen: &[i32]) -> Result<Vec<TopicPartition>, Failure> {
    let all: Vec<i32> =
        kafka.cluster.topics.get(topic).map_or(Vec::new(), |t| t.partitions.iter().map(|p| p.index).collect());
    if let Some(missing) = chosen.iter().find(|p| !all.contains(p)) {
        let what = format!("topic {topic} has no partition {missing}");
        return Err(Failure::new(ErrorCode::UnknownTopicOrPartition.name(), what).hint(format!(
            "it has {}: 0 to {}",
            all.len(),
            all.len().saturating_sub(1)
        )));
    }
    let wanted = all.iter().filter(|p| chosen.is_empty() || chosen.contains(p));
    Ok(wanted.map(|&partition| (topic.to_string(), partition)).collect())
}

/// Takes the errors out of what was found.
pub fn split(
    found: BTreeMap<TopicPartition, Result<Found, ErrorCode>>,
    failures: &mut Vec<Failure>,
) -> BTreeMap<TopicPartition, Found> {
    let mut good = BTreeMap::new();
    for ((topic, partition), result) in found {
        match result {
            Ok(found) => drop(good.insert((topic, partition), found)),
            Err(code) => failures.push(Failure::answered(code, format!("topic {topic}, partition {partition}"), None)),
        }
    }
    good
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let timestamp = match args.time.as_deref() {
        None => None,
        Some("earliest" | "start") => Some(EARLIEST),
        Some("latest" | "end") => Some(LATEST),
        Some("max" | "max-timestamp") => Some(MAX_TIMESTAMP),
        Some(text) => {
            let ms = parse_time(text, now_ms());
            Some(ms.map_err(|why| Failure::usage(format!("--time: {why}; or earliest, latest, max")))?)
        }
    };
    if ui.wants_schema() {
        return if timestamp.is_some() { ui.rows(AT, &[]) } else { ui.rows(ENDS, &[]) };
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.require_topics(&[&args.name])?;
    let wanted = chosen(&kafka, &args.name, &args.partitions)?;
    let mut failures = Vec::new();
    if let Some(timestamp) = timestamp {
        let found = split(kafka.list_offsets(&wanted, timestamp)?, &mut failures);
        let row = |key: &TopicPartition| At { partition: key.1, found: found.get(key).copied() };
        ui.rows(AT, &wanted.iter().map(row).collect::<Vec<_>>())?;
    } else {
        let starts = split(kafka.list_offsets(&wanted, EARLIEST)?, &mut failures);
        let ends = split(kafka.list_offsets(&wanted, LATEST)?, &mut Vec::new());
        let row = |key: &TopicPartition| Ends {
            partition: key.1,
            start: starts.get(key).map(|found| found.0),
            end: ends.get(key).map(|found| found.0),
        };
        ui.rows(ENDS, &wanted.iter().map(row).collect::<Vec<_>>())?;
    }
    Failure::of_many(failures, wanted.len())
}
