//! `kq broker logdirs`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Ui};
use clap::ValueEnum;
use kq::api::describe_log_dirs::{DescribeLogDirs, DescribeLogDirsRequest};
use kq::error::ErrorCode;
use serde_json::json;

/// What a line stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum By {
    /// A directory
    #[default]
    Dir,
    /// A replica
    Partition,
    /// A topic, all brokers together
    Topic,
}

/// The lines' order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Sort {
    /// By broker, directory, topic
    #[default]
    Name,
    /// Largest first
    Size,
}

/// Show the log directories and what is in them
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  kq broker logdirs\n  kq broker logdirs 1 --by topic --sort size")]
pub struct Args {
    /// Only these brokers
    #[arg(value_name = "ID")]
    ids: Vec<i32>,
    /// One line a dir, partition, or topic
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    by: By,
    /// In the order of name or size
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    sort: Sort,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// One directory of one broker.
pub struct Dir {
    broker: i32,
    path: String,
    state: String,
    replicas: usize,
    bytes: i64,
    total_bytes: Option<i64>,
    usable_bytes: Option<i64>,
    parts: Vec<(String, i32, i64)>,
}

struct Part {
    broker: i32,
    path: String,
    topic: String,
    partition: i32,
    bytes: i64,
}

struct Topic {
    topic: String,
    replicas: usize,
    bytes: i64,
}

/// What a directory's line says.
pub const DIRS: &[Column<Dir>] = &[
    Column::new("broker", "integer: whose", |d| json!(d.broker)),
    Column::new("log_dir", "string: where", |d| json!(d.path)),
    Column::new("state", "string: online, or Kafka's name of the error", |d| json!(d.state)),
    Column::new("replicas", "integer: how many it keeps", |d| json!(d.replicas)),
    Column::new("bytes", "integer: of records", |d| json!(d.bytes)),
    Column::wide("usable_bytes", "integer or null: free on the volume", |d| json!(d.usable_bytes)),
    Column::wide("total_bytes", "integer or null: the volume's size", |d| json!(d.total_bytes)),
];

const PARTS: &[Column<Part>] = &[
    Column::new("broker", "integer: whose", |p| json!(p.broker)),
    Column::new("topic", "string: its name", |p| json!(p.topic)),
    Column::new("partition", "integer: its index", |p| json!(p.partition)),
    Column::new("bytes", "integer: of records", |p| json!(p.bytes)),
    Column::new("log_dir", "string: where", |p| json!(p.path)),
];

const TOPICS: &[Column<Topic>] = &[
    Column::new("topic", "string: its name", |t| json!(t.topic)),
    Column::new("replicas", "integer: all brokers together", |t| json!(t.replicas)),
    Column::new("bytes", "integer: all replicas together", |t| json!(t.bytes)),
];

/// A broker's directories.
///
/// # Errors
/// When it cannot be asked.
pub fn dirs(kafka: &mut Kafka, id: i32) -> Result<Vec<Dir>, Failure> {
    let answer = kafka.call::<DescribeLogDirs>(To::Broker(id), &DescribeLogDirsRequest { topics: None })?;
    let response = answer.read()?;
    let error = ErrorCode::from_code(response.error_code);
    if !error.is_none() {
        return Err(Failure::answered(error, format!("broker {id}"), None));
    }
    let dir = |dir: &kq::api::describe_log_dirs::DescribeLogDirsResult<'_>| {
        let part = |topic: &kq::api::describe_log_dirs::DescribeLogDirsTopic<'_>| -> Vec<(String, i32, i64)> {
            topic.partitions.iter().map(|p| (topic.name.to_string(), p.partition_index, p.partition_size)).collect()
        };
        let parts: Vec<_> = dir.topics.iter().flat_map(part).collect();
        let code = ErrorCode::from_code(dir.error_code);
        Dir {
            broker: id,
            path: dir.log_dir.to_string(),
            state: if code.is_none() { "online".into() } else { code.name().into() },
            replicas: parts.len(),
            bytes: parts.iter().map(|part| part.2).sum(),
            total_bytes: Some(dir.total_bytes).filter(|&bytes| bytes >= 0),
            usable_bytes: Some(dir.usable_bytes).filter(|&bytes| bytes >= 0),
            parts,
        }
    };
    Ok(response.results.iter().map(dir).collect())
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let mut all = Vec::new();
    if !ui.wants_schema() {
        let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
        kafka.refresh::<&str>(&[])?;
        let ids = if args.ids.is_empty() { kafka.cluster.brokers.keys().copied().collect() } else { args.ids.clone() };
        for id in ids {
            all.extend(dirs(&mut kafka, id)?);
        }
    }
    match args.by {
        By::Dir => {
            all.sort_by(|a, b| (a.broker, &a.path).cmp(&(b.broker, &b.path)));
            if args.sort == Sort::Size {
                all.sort_by_key(|dir| -dir.bytes);
            }
            ui.rows(DIRS, &all)
        }
        By::Partition => {
            let mut parts: Vec<Part> = all.iter().flat_map(parts_of).collect();
            parts.sort_by(|a, b| (&a.topic, a.partition, a.broker).cmp(&(&b.topic, b.partition, b.broker)));
            if args.sort == Sort::Size {
                parts.sort_by_key(|part| -part.bytes);
            }
            ui.rows(PARTS, &parts)
        }
        By::Topic => {
            let mut topics: std::collections::BTreeMap<String, Topic> = std::collections::BTreeMap::new();
            for part in all.iter().flat_map(parts_of) {
                let topic =
                    topics.entry(part.topic.clone()).or_insert(Topic { topic: part.topic, replicas: 0, bytes: 0 });
                topic.replicas += 1;
                topic.bytes += part.bytes;
            }
            let mut topics: Vec<Topic> = topics.into_values().collect();
            if args.sort == Sort::Size {
                topics.sort_by_key(|topic| -topic.bytes);
            }
            ui.rows(TOPICS, &topics)
        }
    }
}

fn parts_of(dir: &Dir) -> Vec<Part> {
    let part = |(topic, partition, bytes): &(String, i32, i64)| Part {
        broker: dir.broker,
        path: dir.path.clone(),
        topic: topic.clone(),
        partition: *partition,
        bytes: *bytes,
    };
    dir.parts.iter().map(part).collect()
}
