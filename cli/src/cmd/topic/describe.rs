//! `kq topic describe`.

use super::list::replication_factor;
use super::offsets::split;
use super::whole;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Documented, Entity, Setting, Source};
use crate::kafka::offsets::{EARLIEST, LATEST, TopicPartition};
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Format, Ui, section};
use clap::ValueEnum;
use kq::api::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirs, DescribeLogDirsRequest};
use kq::client::{Partition, Topic};
use kq::error::ErrorCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a description consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// One line a topic, with its durability promise
    Summary,
    /// One line a partition
    Partitions,
    /// Settings that differ from the default
    Configs,
    /// First and next offset of each partition
    Offsets,
    /// Bytes of each replica
    Size,
}

/// Describe topics: partitions, settings, and what an acknowledgement promises
#[derive(clap::Args, Debug)]
#[command(
    after_help = "With -o tsv the lines are those of Kafka's own topic tool. Names are literal; -r takes a pattern.\n\nExamples:\n  kq topic describe orders\n  kq topic describe --under-replicated\n  kq topic describe orders --section offsets,size\n  kq topic describe -r 'orders-.*' -o json"
)]
pub struct Args {
    /// Their names [default: all topics but Kafka's own]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Topics whose whole name matches
    #[arg(short = 'r', long, value_name = "RE", conflicts_with = "names")]
    regex: Option<String>,
    /// Only these parts: summary, partitions, configs, offsets, size
    #[arg(long = "section", value_name = "PART", value_enum, value_delimiter = ',', hide_possible_values = true)]
    sections: Vec<Part>,
    /// Only partitions with replicas out of sync
    #[arg(long)]
    under_replicated: bool,
    /// Only partitions without a leader
    #[arg(long)]
    unavailable: bool,
    /// Only partitions with fewer in sync than min.insync.replicas
    #[arg(long)]
    under_min_isr: bool,
    /// Only partitions with exactly min.insync.replicas in sync
    #[arg(long)]
    at_min_isr: bool,
    /// Only topics with settings of their own
    #[arg(long)]
    with_overrides: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

impl Args {
    fn filters(&self) -> bool {
        self.under_replicated || self.unavailable || self.under_min_isr || self.at_min_isr
    }
}

/// A topic with all that its lines need.
struct Described {
    topic: Topic,
    settings: Option<Vec<Setting>>,
}

impl Described {
    fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.as_ref()?.iter().find(|setting| setting.name == name)
    }

    fn changed(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter().flatten().filter(|setting| setting.source != Source::DEFAULT)
    }

    /// What acks=all means for this topic. A broker whose default is to flush every message commits in groups.
    fn durability(&self) -> Option<String> {
        let flush = self.setting("flush.messages")?;
        Some(match (flush.value.as_deref(), flush.default.as_deref()) {
            (Some("1"), Some("1")) => "acks=all: on disk (group commit)".to_string(),
            (Some("1"), _) => "acks=all: on disk (flush.messages=1)".to_string(),
            _ => "acks=all: page cache".to_string(),
        })
    }
}

type Line<'a> = (&'a Topic, &'a Partition);

const SUMMARY: &[Column<Described>] = &[
    Column::new("topic", "string: its name", |d| json!(d.topic.name)),
    Column::new("id", "string: the topic's id, for life", |d| json!(d.topic.id.to_text())),
    Column::new("partitions", "integer: how many", |d| json!(d.topic.partitions.len())),
    Column::new("replication_factor", "integer: replicas of partition 0", |d| json!(replication_factor(&d.topic))),
    Column::wide("internal", "boolean: Kafka's own", |d| json!(d.topic.internal)),
    Column::new("durability", "string: what acks=all promises: on disk, or in the page cache", |d| {
        json!(d.durability())
    }),
];

const SETTINGS: &[Column<(String, Setting)>] = &[
    Column::new("topic", "string: its name", |r| json!(r.0)),
    Column::new("name", "string: the setting", |r| json!(r.1.name)),
    Column::new("value", "string or null: its value", |r| json!(r.1.value)),
    Column::new("source", "string: where the value comes from", |r| json!(r.1.source.name())),
    Column::wide("default", "string or null: the default", |r| json!(r.1.default)),
];

fn partition_columns() -> [Column<Line<'static>>; 7] {
    [
        Column::new("topic", "string: its name", |r| json!(r.0.name)),
        Column::new("partition", "integer: its index", |r| json!(r.1.index)),
        Column::new("leader", "integer or null: the leading broker", |r| json!(r.1.leader)),
        Column::wide("epoch", "integer: the leader epoch", |r| json!(r.1.leader_epoch)),
        Column::new("replicas", "list of integers: brokers, the preferred leader first", |r| json!(r.1.replicas)),
        Column::new("isr", "list of integers: brokers in sync", |r| json!(r.1.isr)),
        Column::new("offline", "list of integers: brokers or directories that are down", |r| json!(r.1.offline)),
    ]
}

struct Offsets {
    key: TopicPartition,
    start: Option<i64>,
    end: Option<i64>,
}

const OFFSETS: &[Column<Offsets>] = &[
    Column::new("topic", "string: its name", |r| json!(r.key.0)),
    Column::new("partition", "integer: its index", |r| json!(r.key.1)),
    Column::new("start", "integer or null: the first offset that can be read", |r| json!(r.start)),
    Column::new("end", "integer or null: the offset after the last one", |r| json!(r.end)),
];

struct Size {
    key: TopicPartition,
    broker: i32,
    bytes: i64,
    dir: String,
}

const SIZES: &[Column<Size>] = &[
    Column::new("topic", "string: its name", |r| json!(r.key.0)),
    Column::new("partition", "integer: its index", |r| json!(r.key.1)),
    Column::new("broker", "integer: whose replica", |r| json!(r.broker)),
    Column::new("bytes", "integer: on disk", |r| json!(r.bytes)),
    Column::wide("log_dir", "string: where", |r| json!(r.dir)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let parts = if !args.sections.is_empty() {
        args.sections.clone()
    } else if args.filters() {
        vec![Part::Partitions]
    } else {
        vec![Part::Summary, Part::Partitions, Part::Configs]
    };
    let mut described = Vec::new();
    let mut kafka = None;
    if !ui.wants_schema() {
        let kafka = kafka.insert(ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?);
        described = describe(kafka, args)?;
    }
    let keep = |d: &Described, partition: &Partition| keeps(args, d, partition);
    let lines: Vec<(&Described, &Partition)> = described
        .iter()
        .flat_map(|d| d.topic.partitions.iter().map(move |partition| (d, partition)))
        .filter(|(d, partition)| keep(d, partition))
        .collect();
    if ui.format() == Format::Tsv && args.sections.is_empty() {
        return kafkas_lines(ui, args, &described, &lines);
    }
    let keys: Vec<TopicPartition> =
        lines.iter().map(|(d, partition)| (d.topic.name.clone(), partition.index)).collect();
    let mut failures = Vec::new();
    let mut sections = Vec::new();
    for part in parts {
        sections.push(match part {
            Part::Summary => section("summary", SUMMARY, &described),
            Part::Partitions => {
                let rows: Vec<Vec<Value>> = lines.iter().map(|(d, p)| partition_cells(&d.topic, p)).collect();
                let mut section = section("partitions", &partition_columns(), &[]);
                section.rows = rows;
                section
            }
            Part::Configs => {
                let rows: Vec<(String, Setting)> = described
                    .iter()
                    .flat_map(|d| d.changed().map(|setting| (d.topic.name.clone(), setting.clone())))
                    .collect();
                section("configs", SETTINGS, &rows)
            }
            Part::Offsets => {
                let rows = match &mut kafka {
                    Some(kafka) => offsets(kafka, &keys, &mut failures)?,
                    None => Vec::new(),
                };
                section("offsets", OFFSETS, &rows)
            }
            Part::Size => {
                let rows = match &mut kafka {
                    Some(kafka) => sizes(kafka, &keys)?,
                    None => Vec::new(),
                };
                section("size", SIZES, &rows)
            }
        });
    }
    ui.sections(&sections)?;
    Failure::of_many(failures, keys.len())
}

fn partition_cells(topic: &Topic, p: &Partition) -> Vec<Value> {
    vec![
        json!(topic.name),
        json!(p.index),
        json!(p.leader),
        json!(p.leader_epoch),
        json!(p.replicas),
        json!(p.isr),
        json!(p.offline),
    ]
}

fn describe(kafka: &mut Kafka, args: &Args) -> Result<Vec<Described>, Failure> {
    if args.names.is_empty() {
        kafka.refresh_all()?;
    } else {
        kafka.refresh(&args.names)?;
    }
    let regex = args.regex.as_deref().map(whole).transpose()?;
    let mut failures = Vec::new();
    let mut topics = Vec::new();
    let named: Vec<String> = if args.names.is_empty() {
        let all = kafka.cluster.topics.values();
        let shown = |topic: &&Topic| match &regex {
            Some(regex) => regex.is_match(&topic.name),
            None => !topic.internal,
        };
        all.filter(shown).map(|topic| topic.name.clone()).collect()
    } else {
        args.names.clone()
    };
    for name in &named {
        match kafka.cluster.topics.get(name) {
            Some(topic) if topic.error.is_none() => topics.push(topic.clone()),
            other => {
                let code = other.map_or(ErrorCode::UnknownTopicOrPartition, |topic| topic.error);
                failures.push(
                    Failure::answered(code, format!("topic {name}"), None).hint("`kq topic list` shows what exists"),
                );
            }
        }
    }
    Failure::of_many(failures, named.len())?;
    let entities: Vec<Entity> = topics.iter().map(|topic| Entity::Topic(topic.name.clone())).collect();
    let settings = kafka.describe_configs(&entities, Documented::No)?;
    let described =
        topics.into_iter().zip(settings).map(|(topic, settings)| Described { topic, settings: settings.ok() });
    Ok(described.filter(|d| !args.with_overrides || d.changed().any(|s| s.source == Source(1))).collect())
}

fn keeps(args: &Args, d: &Described, partition: &Partition) -> bool {
    let min_isr = d.setting("min.insync.replicas").and_then(|setting| setting.value.as_ref()?.parse::<usize>().ok());
    let isr = partition.isr.len();
    !args.filters()
        || (args.under_replicated && partition.is_under_replicated())
        || (args.unavailable && partition.leader.is_none())
        || (args.under_min_isr && min_isr.is_some_and(|min| isr < min))
        || (args.at_min_isr && min_isr.is_some_and(|min| isr == min))
}

fn offsets(kafka: &mut Kafka, keys: &[TopicPartition], failures: &mut Vec<Failure>) -> Result<Vec<Offsets>, Failure> {
    let starts = split(kafka.list_offsets(keys, EARLIEST)?, failures);
    let ends = split(kafka.list_offsets(keys, LATEST)?, &mut Vec::new());
    let row = |key: &TopicPartition| Offsets {
        key: key.clone(),
        start: starts.get(key).map(|found| found.0),
        end: ends.get(key).map(|found| found.0),
    };
    Ok(keys.iter().map(row).collect())
}

fn sizes(kafka: &mut Kafka, keys: &[TopicPartition]) -> Result<Vec<Size>, Failure> {
    let mut asked: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in keys {
        asked.entry(topic).or_default().push(*partition);
    }
    let mut rows = Vec::new();
    for id in kafka.cluster.brokers.keys().copied().collect::<Vec<_>>() {
        let topics = asked
            .iter()
            .map(|(topic, partitions)| DescribableLogDirTopic {
                topic: (*topic).into(),
                partitions: partitions.clone(),
            })
            .collect();
        let answer = kafka.call::<DescribeLogDirs>(To::Broker(id), &DescribeLogDirsRequest { topics: Some(topics) })?;
        for dir in &answer.read()?.results {
            for topic in &dir.topics {
                rows.extend(topic.partitions.iter().map(|partition| Size {
                    key: (topic.name.to_string(), partition.partition_index),
                    broker: id,
                    bytes: partition.partition_size,
                    dir: dir.log_dir.to_string(),
                }));
            }
        }
    }
    rows.sort_by(|a, b| (&a.key, a.broker).cmp(&(&b.key, b.broker)));
    Ok(rows)
}

/// The lines of Kafka's own tool, tabs and all.
fn kafkas_lines(
    ui: &mut Ui,
    args: &Args,
    described: &[Described],
    lines: &[(&Described, &Partition)],
) -> Result<(), Failure> {
    let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    for d in described {
        let topic = &d.topic;
        if !args.filters() {
            let configs: Vec<String> =
                d.changed().map(|s| format!("{}={}", s.name, s.value.as_deref().unwrap_or(""))).collect();
            ui.text(&format!(
                "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n",
                topic.name,
                topic.id,
                topic.partitions.len(),
                replication_factor(topic),
                configs.join(",")
            ))?;
        }
        for (_, p) in lines.iter().filter(|(of, _)| of.topic.name == topic.name) {
            let leader = p.leader.map_or("none".to_string(), |leader| leader.to_string());
            ui.text(&format!(
                "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: \tLastKnownElr: \n",
                topic.name,
                p.index,
                list(&p.replicas),
                list(&p.isr)
            ))?;
        }
    }
    Ok(())
}
