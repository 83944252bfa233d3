//! `kq group copy`.

use super::seek::{at_rest, commit_all};
use super::select::{Selected, chosen};
use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::groups::Offsets;
use crate::kafka::offsets::TopicPartition;
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeMap;

/// Give a group the offsets of another one
#[derive(clap::Args, Debug)]
#[command(
    after_help = "What is committed beside the offsets (metadata, leader epochs) comes along. The second group must have no\nmembers; where it has offsets already, it asks first, or needs -y.\n\nExamples:\n  kq group copy billing billing-test\n  kq group copy billing billing-v2 --topic orders -y"
)]
pub struct Args {
    /// The group to copy from
    #[arg(value_name = "FROM")]
    from: String,
    /// The group to copy to
    #[arg(value_name = "TO")]
    to: String,
    /// Only this topic, or these partitions of it
    #[arg(long = "topic", value_name = "T[:0,1]")]
    topics: Vec<Selected>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    place: TopicPartition,
    before: Option<i64>,
    after: i64,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: the topic", |r| json!(r.place.0)),
    Column::new("partition", "integer: its index", |r| json!(r.place.1)),
    Column::new("current_offset", "integer or null: what the second group had committed", |r| json!(r.before)),
    Column::new("new_offset", "integer: the first group's", |r| json!(r.after)),
    Column::new("result", "string: copied, planned (--dry-run), or Kafka's name of the error", |r| json!(r.result)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    if args.from == args.to {
        return Err(Failure::usage(format!("{} cannot be copied to itself", args.from)));
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let from = std::slice::from_ref(&args.from);
    kafka.describe_groups(from)?.remove(&args.from).transpose()?;
    let theirs = kafka.committed(from)?.remove(&args.from).unwrap_or_else(|| Ok(Offsets::new()))?;
    let wanted = chosen(&args.topics, theirs.keys().cloned());
    let offsets: Offsets = theirs.into_iter().filter(|(place, _)| wanted.contains(place)).collect();
    if offsets.is_empty() {
        return Err(Failure::new("NO_OFFSET", format!("group {} has nothing committed to copy", args.from))
            .hint(format!("`kq group describe {}` shows what it has", args.from)));
    }
    let current = at_rest(&mut kafka, &args.to)?;
    let replaced = offsets.keys().filter(|place| current.contains_key(*place)).count();
    let mut failures = Vec::new();
    let mut said = BTreeMap::new();
    if !args.change.dry_run {
        if replaced > 0 {
            args.change
                .confirm(ui, &format!("replace the offsets of group {} in {replaced} partition(s)?", args.to))?;
        }
        said = commit_all(&mut kafka, &args.to, &offsets, "copied", &mut failures)?;
    }
    let row = |(place, committed): (&TopicPartition, &crate::kafka::groups::Committed)| Row {
        place: place.clone(),
        before: current.get(place).map(|committed| committed.offset),
        after: committed.offset,
        result: said.get(place).cloned().unwrap_or_else(|| "planned".into()),
    };
    let rows: Vec<Row> = offsets.iter().map(row).collect();
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, rows.len())
}
