//! `kq topic describe`.

use super::list::replication_factor;
use super::offsets::split;
use super::whole;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Documented, Entity, Setting, Source};
use crate::kafka::eligible::Eligible;
use crate::kafka::moves::{Moves, Moving, is_under_min_isr, is_under_replicated};
use crate::kafka::offsets::{EARLIEST, LATEST, TopicPartition};
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Format, Ui, section};
use clap::ValueEnum;
use kq::api::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirs, DescribeLogDirsRequest};
use kq::client::{Partition, Topic};
use serde_json::json;
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

/// A partition with all that its line needs.
struct Line {
    topic: String,
    partition: Partition,
    /// `min.insync.replicas`, where it is known.
    min_isr: Option<usize>,
    eligible: Eligible,
    moving: Option<Moving>,
}

impl Line {
    fn is_under_replicated(&self) -> bool {
        is_under_replicated(&self.partition, self.moving.as_ref())
    }

    /// The worst that is to be said of it.
    fn health(&self) -> &'static str {
        match self.min_isr {
            _ if self.partition.leader.is_none() => "unavailable",
            Some(min) if is_under_min_isr(&self.partition, min) => "under-min-isr",
            _ if self.is_under_replicated() => "under-replicated",
            _ if self.moving.is_some() => "moving",
            _ => "ok",
        }
    }
}

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

const PARTITIONS: &[Column<Line>] = &[
    Column::new("topic", "string: its name", |r| json!(r.topic)),
    Column::new("partition", "integer: its index", |r| json!(r.partition.index)),
    Column::new("leader", "integer or null: the leading broker", |r| json!(r.partition.leader)),
    Column::new("epoch", "integer: the leader epoch, which grows with every election", |r| {
        json!(r.partition.leader_epoch)
    }),
    Column::new("replicas", "list of integers: brokers, the preferred leader first", |r| json!(r.partition.replicas)),
    Column::new("isr", "list of integers: brokers in sync", |r| json!(r.partition.isr)),
    Column::new("elr", "list of integers: brokers out of sync that have every acknowledged record (KIP-966)", |r| {
        json!(r.eligible.elr)
    }),
    Column::wide("last_known_elr", "list of integers: who led last, when nobody was left", |r| {
        json!(r.eligible.last_known)
    }),
    Column::new("offline", "list of integers: brokers or directories that are down", |r| json!(r.partition.offline)),
    Column::wide("adding", "list of integers: brokers that it moves to", |r| {
        json!(r.moving.as_ref().map_or(&[][..], |moving| &moving.adding))
    }),
    Column::wide("removing", "list of integers: brokers that it moves away from", |r| {
        json!(r.moving.as_ref().map_or(&[][..], |moving| &moving.removing))
    }),
    Column::new("health", "string: ok, moving, under-replicated, under-min-isr, unavailable: the worst of it", |r| {
        json!(r.health())
    }),
];

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
    let mut eligible = BTreeMap::new();
    let mut moves = Moves::new();
    if !ui.wants_schema() {
        let kafka = kafka.insert(ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?);
        described = describe(kafka, args)?;
        let names: Vec<String> = described.iter().map(|d| d.topic.name.clone()).collect();
        eligible = kafka.eligible(&names)?;
        moves = kafka.moves_if_told()?;
    }
    let mut lines: Vec<Line> = Vec::new();
    for d in &described {
        for partition in &d.topic.partitions {
            let place = (d.topic.name.clone(), partition.index);
            lines.push(Line {
                partition: partition.clone(),
                min_isr: d.setting("min.insync.replicas").and_then(|setting| setting.value.as_ref()?.parse().ok()),
                eligible: eligible.get(&place).cloned().unwrap_or_default(),
                moving: moves.get(&place).cloned(),
                topic: place.0,
            });
        }
    }
    lines.retain(|line| keeps(args, line));
    if ui.format() == Format::Tsv && args.sections.is_empty() {
        return kafkas_lines(ui, args, &described, &lines);
    }
    let keys: Vec<TopicPartition> = lines.iter().map(|line| (line.topic.clone(), line.partition.index)).collect();
    let led: Vec<TopicPartition> = (keys.iter().zip(&lines))
        .filter(|(_, line)| line.partition.leader.is_some())
        .map(|(key, _)| key.clone())
        .collect();
    let mut failures = Vec::new();
    let mut sections = Vec::new();
    for part in parts {
        sections.push(match part {
            Part::Summary => section("summary", SUMMARY, &described),
            Part::Partitions => section("partitions", PARTITIONS, &lines),
            Part::Configs => {
                let rows: Vec<(String, Setting)> = described
                    .iter()
                    .flat_map(|d| d.changed().map(|setting| (d.topic.name.clone(), setting.clone())))
                    .collect();
                section("configs", SETTINGS, &rows)
            }
            Part::Offsets => {
                let rows = match &mut kafka {
                    Some(kafka) => offsets(kafka, &keys, &led, &mut failures)?,
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
        match kafka.topic(name) {
            Ok(topic) => topics.push(topic.clone()),
            Err(failure) => failures.push(failure),
        }
    }
    Failure::of_many(failures, named.len())?;
    let entities: Vec<Entity> = topics.iter().map(|topic| Entity::Topic(topic.name.clone())).collect();
    let settings = kafka.describe_configs(&entities, Documented::No)?;
    let described =
        topics.into_iter().zip(settings).map(|(topic, settings)| Described { topic, settings: settings.ok() });
    Ok(described.filter(|d| !args.with_overrides || d.changed().any(|s| s.source == Source(1))).collect())
}

fn keeps(args: &Args, line: &Line) -> bool {
    let isr = line.partition.isr.len();
    !args.filters()
        || (args.under_replicated && line.is_under_replicated())
        || (args.unavailable && line.partition.leader.is_none())
        || (args.under_min_isr && line.min_isr.is_some_and(|min| isr < min))
        || (args.at_min_isr && line.min_isr.is_some_and(|min| isr == min))
}

/// The ends of the logs; unknown where nobody leads (`led` is where somebody does).
fn offsets(
    kafka: &mut Kafka,
    keys: &[TopicPartition],
    led: &[TopicPartition],
    failures: &mut Vec<Failure>,
) -> Result<Vec<Offsets>, Failure> {
    let starts = split(kafka.list_offsets(led, EARLIEST)?, failures);
    let ends = split(kafka.list_offsets(led, LATEST)?, &mut Vec::new());
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
fn kafkas_lines(ui: &mut Ui, args: &Args, described: &[Described], lines: &[Line]) -> Result<(), Failure> {
    let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    for d in described {
        let topic = &d.topic;
        if !args.filters() {
            let configs: Vec<String> =
                d.changed().map(|s| format!("{}={}", s.name, s.value.as_deref().unwrap_or(""))).collect();
            // What is on its way to a partition does not count.
            let first = lines.iter().find(|line| line.topic == topic.name && line.partition.index == 0);
            let moving = first.and_then(|line| line.moving.as_ref()).map(|moving| moving.origin().len());
            ui.text(&format!(
                "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n",
                topic.name,
                topic.id,
                topic.partitions.len(),
                moving.unwrap_or_else(|| replication_factor(topic)),
                configs.join(",")
            ))?;
        }
        for line in lines.iter().filter(|line| line.topic == topic.name) {
            let p = &line.partition;
            let leader = p.leader.map_or("none".to_string(), |leader| leader.to_string());
            let moving = line.moving.as_ref().map(|moving| {
                let (adding, removing) = (list(&moving.adding), list(&moving.removing));
                format!("\tAdding Replicas: {adding}\tRemoving Replicas: {removing}")
            });
            ui.text(&format!(
                "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}{}\tElr: {}\tLastKnownElr: {}\n",
                topic.name,
                p.index,
                list(&p.replicas),
                list(&p.isr),
                moving.unwrap_or_default(),
                list(&line.eligible.elr),
                list(&line.eligible.last_known)
            ))?;
        }
    }
    Ok(())
}
