//! `kq group seek`: what Kafka's tool calls reset-offsets.

use super::place::Target;
use super::plan::{plan, to_csv};
use super::select::Selected;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::groups::{Committed, Offsets};
use crate::kafka::offsets::TopicPartition;
use crate::time::now_ms;
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Move a group's offsets; shows what would change, and changes it with -y
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The group must have no members. An offset outside of the log is taken to its nearest end. CSV is Kafka's:\nTOPIC,PARTITION,OFFSET a line, with or without the group before it.\n\nExamples:\n  kq group seek billing --to earliest\n  kq group seek billing --to @2026-11-23T08:00:00Z --topic orders -y\n  kq group seek billing --to -100 --topic orders:0,1 -y\n  kq group seek billing --to current --export before.csv\n  kq group seek billing --to file:before.csv -y"
)]
pub struct Args {
    /// The group
    #[arg(value_name = "GROUP", required_unless_present = "named")]
    group: Option<String>,
    /// Old way of naming the group, as in Kafka's tool
    #[arg(long = "group", value_name = "GROUP", hide = true, conflicts_with = "group")]
    named: Option<String>,
    /// earliest, latest, current, an OFFSET, +N, -N (so many records further or back), @TIME, -PT1H, group:GROUP, file:CSV
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    to: String,
    /// Only this topic, or these partitions of it [default: all that the group has committed]
    #[arg(long = "topic", value_name = "T[:0,1]")]
    topics: Vec<Selected>,
    /// Write the new offsets into this file as CSV; - is standard output
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Do it
    #[arg(short = 'y', long, visible_alias = "execute")]
    yes: bool,
    /// Only show what would change, as without -y
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    group: String,
    place: TopicPartition,
    before: Option<i64>,
    after: i64,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("group", "string: the group", |r| json!(r.group)),
    Column::new("topic", "string: the topic", |r| json!(r.place.0)),
    Column::new("partition", "integer: its index", |r| json!(r.place.1)),
    Column::new("current_offset", "integer or null: what was committed", |r| json!(r.before)),
    Column::new("new_offset", "integer: what is committed with -y", |r| json!(r.after)),
    Column::new("result", "string: moved, same, planned (without -y), or Kafka's name of the error", |r| {
        json!(r.result)
    }),
];

/// A group's commits, when nobody is in it; a group that is not there yet has none.
///
/// # Errors
/// When the group has members, or cannot be asked about.
pub fn at_rest(kafka: &mut Kafka, group: &str) -> Result<Offsets, Failure> {
    let names = [group.to_string()];
    match kafka.describe_groups(&names)?.remove(group) {
        Some(Ok(described)) if !described.is_inactive() => {
            return Err(Failure::new(
                "NON_EMPTY_GROUP",
                format!("group {group} has members: its state is {}", described.state),
            )
            .hint(format!("stop them first; `kq group describe {group} --members` shows them")));
        }
        Some(Err(failure)) if failure.code != "GROUP_ID_NOT_FOUND" => return Err(failure),
        _ => {}
    }
    kafka.committed(&names)?.remove(group).unwrap_or_else(|| Ok(Offsets::new()))
}

/// Commits, and says what came of each partition: `done`, or Kafka's name of the error.
///
/// # Errors
/// When the coordinator cannot be asked.
pub fn commit_all(
    kafka: &mut Kafka,
    group: &str,
    offsets: &Offsets,
    done: &str,
    failures: &mut Vec<Failure>,
) -> Result<BTreeMap<TopicPartition, String>, Failure> {
    let mut said = BTreeMap::new();
    if offsets.is_empty() {
        return Ok(said);
    }
    for (place, result) in kafka.commit(group, offsets)? {
        let word = match result {
            Ok(()) => done.to_string(),
            Err(failure) => {
                let code = failure.code.clone();
                failures.push(failure);
                code
            }
        };
        said.insert(place, word);
    }
    Ok(said)
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let target = Target::parse(&args.to, now_ms()).map_err(|why| Failure::usage(format!("--to: {why}")))?;
    let group = args.group.as_ref().or(args.named.as_ref()).ok_or_else(|| Failure::usage("which group?"))?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let current = at_rest(&mut kafka, group)?;
    let plan = plan(ui, &mut kafka, group, &current, &target, &args.topics)?;
    if plan.is_empty() {
        return Err(Failure::new("NO_OFFSET", format!("group {group}: there are no partitions to move"))
            .hint("--topic T names some; `kq group describe` shows what the group has committed"));
    }
    if let Some(path) = args.export.as_ref().filter(|path| path.as_os_str() != "-") {
        std::fs::write(path, to_csv(&plan))
            .map_err(|error| Failure::new("FILE", format!("cannot write {}", path.display())).because(error))?;
    }
    let before = |place: &TopicPartition| current.get(place).map(|committed| committed.offset);
    let mut failures = Vec::new();
    let mut said = BTreeMap::new();
    if args.yes {
        let offsets: Offsets = plan.iter().map(|(place, offset)| (place.clone(), Committed::at(*offset))).collect();
        said = commit_all(&mut kafka, group, &offsets, "moved", &mut failures)?;
    }
    let rows: Vec<Row> = plan
        .iter()
        .map(|(place, after)| Row {
            group: group.clone(),
            place: place.clone(),
            before: before(place),
            after: *after,
            result: match said.get(place).map(String::as_str) {
                Some("moved") if before(place) == Some(*after) => "same".into(),
                Some(word) => word.into(),
                None => "planned".into(),
            },
        })
        .collect();
    if args.export.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        ui.text(&to_csv(&plan))?;
    } else {
        ui.rows(COLUMNS, &rows)?;
    }
    if !args.yes {
        ui.note("dry run: nothing was changed; -y (or --execute) does it");
    }
    Failure::of_many(failures, rows.len())
}
