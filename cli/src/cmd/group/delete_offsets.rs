//! `kq group delete-offsets`.

use super::select::{Selected, chosen};
use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::groups::Offsets;
use crate::kafka::offsets::TopicPartition;
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeSet;

/// Forget what a group has committed for some partitions
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The group may have members, as long as none of them reads the topic. Asks first when it can; without a\nterminal, -y is needed.\n\nExamples:\n  kq group delete-offsets billing --topic orders\n  kq group delete-offsets billing --topic orders:0,1 -y"
)]
pub struct Args {
    /// The group
    #[arg(value_name = "GROUP", required_unless_present = "named")]
    group: Option<String>,
    /// Old way of naming the group, as in Kafka's tool
    #[arg(long = "group", value_name = "GROUP", hide = true, conflicts_with = "group")]
    named: Option<String>,
    /// The topic, or these partitions of it; several times for several topics
    #[arg(long = "topic", value_name = "T[:0,1]", required = true)]
    topics: Vec<Selected>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    place: TopicPartition,
    offset: Option<i64>,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: the topic", |r| json!(r.place.0)),
    Column::new("partition", "integer: its index", |r| json!(r.place.1)),
    Column::new("offset", "integer or null: what was committed", |r| json!(r.offset)),
    Column::new("result", "string: deleted, planned (--dry-run), or Kafka's name of the error", |r| json!(r.result)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let group = args.group.as_ref().or(args.named.as_ref()).ok_or_else(|| Failure::usage("which group?"))?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let names = std::slice::from_ref(group);
    kafka.describe_groups(names)?.remove(group).transpose()?;
    let current = kafka.committed(names)?.remove(group).unwrap_or_else(|| Ok(Offsets::new()))?;
    // What was named counts even where nothing is committed; a whole topic means what is.
    let mut places: BTreeSet<TopicPartition> = chosen(&args.topics, current.keys().cloned()).into_iter().collect();
    for selected in &args.topics {
        places.extend(selected.partitions.iter().map(|partition| (selected.topic.clone(), *partition)));
        if !places.iter().any(|place| place.0 == selected.topic) {
            let what = format!("group {group} has committed nothing for topic {}", selected.topic);
            return Err(Failure::new("NO_OFFSET", what).hint("`kq group describe` shows what it has committed"));
        }
    }
    let places: Vec<TopicPartition> = places.into_iter().collect();
    let mut failures = Vec::new();
    let offset = |place: &TopicPartition| current.get(place).map(|committed| committed.offset);
    let rows: Vec<Row> = if args.change.dry_run {
        let row =
            |place: &TopicPartition| Row { place: place.clone(), offset: offset(place), result: "planned".into() };
        places.iter().map(row).collect()
    } else {
        args.change.confirm(ui, &format!("delete the offsets of group {group} in {} partition(s)?", places.len()))?;
        let told = kafka.delete_offsets(group, &places)?;
        let mut rows = Vec::new();
        for (place, result) in told {
            let result = match result {
                Ok(()) => "deleted".to_string(),
                Err(failure) => {
                    let code = failure.code.clone();
                    failures.push(failure);
                    code
                }
            };
            rows.push(Row { offset: offset(&place), place, result });
        }
        rows
    };
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, rows.len())
}
