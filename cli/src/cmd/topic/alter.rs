//! `kq topic alter`.

use crate::args::{CommonArgs, key_value};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Change, Entity, ValidateOnly};
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Ui};
use kq::api::create_partitions::{CreatePartitions, CreatePartitionsRequest, CreatePartitionsTopic};
use kq::error::ErrorCode;
use serde_json::json;

/// Change topics: settings, and the number of partitions
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq topic alter orders --set retention.ms=86400000 --unset segment.bytes\n  kq topic alter orders --append cleanup.policy=compact\n  kq topic alter orders --partitions 24"
)]
#[group(id = "what", required = true, multiple = true, args = ["set", "unset", "append", "subtract", "partitions", "add_partitions"])]
pub struct Args {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Set a setting
    #[arg(long, value_name = "K=V")]
    set: Vec<String>,
    /// Take a setting back to its default
    #[arg(long, value_name = "K")]
    unset: Vec<String>,
    /// Add to a setting that is a list
    #[arg(long, value_name = "K=V")]
    append: Vec<String>,
    /// Take from a setting that is a list
    #[arg(long, value_name = "K=V")]
    subtract: Vec<String>,
    /// Grow to this many partitions
    #[arg(long, value_name = "TOTAL", conflicts_with = "add_partitions", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Grow by this many partitions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    add_partitions: Option<i32>,
    /// Say what would be done, and let the broker check it; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    topic: String,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: its name", |r| json!(r.topic)),
    Column::new("result", "string: altered, valid (--dry-run), or Kafka's name of the error", |r| json!(r.result)),
];

/// The changes of `--set`, `--unset`, `--append`, `--subtract`.
///
/// # Errors
/// A usage failure for a pair without `=`.
pub fn changes(
    set: &[String],
    unset: &[String],
    append: &[String],
    subtract: &[String],
) -> Result<Vec<(Change, String, Option<String>)>, Failure> {
    let mut all = Vec::new();
    for (change, flag, texts) in
        [(Change::Set, "--set", set), (Change::Append, "--append", append), (Change::Subtract, "--subtract", subtract)]
    {
        for text in texts {
            let (name, value) = key_value(flag, text)?;
            all.push((change, name.to_string(), Some(value.to_string())));
        }
    }
    all.extend(unset.iter().map(|name| (Change::Unset, name.clone(), None)));
    Ok(all)
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let changes = changes(&args.set, &args.unset, &args.append, &args.subtract)?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.require_topics(&args.names)?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for name in &args.names {
        let result = alter(&mut kafka, args, name, &changes);
        let word = match &result {
            Ok(()) if args.dry_run => "valid".to_string(),
            Ok(()) => "altered".to_string(),
            Err(failure) => failure.code.clone(),
        };
        rows.push(Row { topic: name.clone(), result: word });
        failures.extend(result.err());
    }
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, args.names.len())
}

fn alter(
    kafka: &mut Kafka,
    args: &Args,
    name: &str,
    changes: &[(Change, String, Option<String>)],
) -> Result<(), Failure> {
    if !changes.is_empty() {
        let validate = if args.dry_run { ValidateOnly::Yes } else { ValidateOnly::No };
        kafka.alter_configs(&Entity::Topic(name.to_string()), changes, validate)?;
    }
    let now = kafka.cluster.topics.get(name).map_or(0, |topic| topic.partitions.len());
    let now = i32::try_from(now).unwrap_or(i32::MAX);
    let Some(count) = args.partitions.or(args.add_partitions.map(|add| now.saturating_add(add))) else { return Ok(()) };
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: name.into(), count, assignments: None }],
        timeout_ms: kafka.timeout_ms(),
        validate_only: args.dry_run,
    };
    let answer = kafka.call::<CreatePartitions>(To::Controller, &request)?;
    for result in &answer.read()?.results {
        let code = ErrorCode::from_code(result.error_code);
        if !code.is_none() {
            return Err(Failure::answered(code, format!("topic {name}"), result.error_message.as_deref()));
        }
    }
    // Done when who asks sees it, too.
    let mut retry = kafka.retry();
    let wanted = usize::try_from(count).unwrap_or(0);
    while !args.dry_run && kafka.cluster.topics.get(name).is_none_or(|topic| topic.partitions.len() < wanted) {
        if !kafka.pause(&mut retry) {
            return Err(Failure::timed_out(format!("topic {name}: the new partitions did not appear")));
        }
        kafka.refresh(&[name])?;
    }
    kafka.require_topics(&[name])
}
