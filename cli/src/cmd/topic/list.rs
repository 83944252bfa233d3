//! `kq topic list`.

use super::whole;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::ui::{Column, Ui};
use kq::client::Topic;
use serde_json::json;

/// List topics
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq topic list\n  kq topic list -d -r 'orders-.*'\n  kq topic list -o tsv | cut -f1"
)]
pub struct Args {
    /// Show replicas, leaders and ids, too
    #[arg(short = 'd', long)]
    detailed: bool,
    /// Show Kafka's own topics, too
    #[arg(short = 'i', long)]
    internal: bool,
    /// Only topics whose whole name matches
    #[arg(short = 'r', long, value_name = "RE")]
    regex: Option<String>,
    #[command(flatten)]
    pub common: CommonArgs,
}

const COLUMNS: &[Column<Topic>] = &[
    Column::new("topic", "string: its name", |t| json!(t.name)),
    Column::new("partitions", "integer: how many", |t| json!(t.partitions.len())),
    Column::new("replication_factor", "integer: replicas of partition 0", |t| json!(replication_factor(t))),
    Column::wide("under_replicated", "integer: partitions with replicas out of sync", |t| {
        json!(t.partitions.iter().filter(|p| p.is_under_replicated()).count())
    }),
    Column::wide("leaderless", "integer: partitions without a leader", |t| {
        json!(t.partitions.iter().filter(|p| p.leader.is_none()).count())
    }),
    Column::wide("internal", "boolean: Kafka's own", |t| json!(t.internal)),
    Column::wide("id", "string: the topic's id, for life", |t| json!(t.id.to_text())),
];

/// How many replicas the first partition has.
pub fn replication_factor(topic: &Topic) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replicas.len())
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if args.detailed {
        ui.widen();
    }
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let regex = args.regex.as_deref().map(whole).transpose()?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.refresh_all()?;
    let shown = |topic: &&Topic| {
        (args.internal || !topic.internal) && regex.as_ref().is_none_or(|regex| regex.is_match(&topic.name))
    };
    let topics: Vec<Topic> = kafka.cluster.topics.values().filter(shown).cloned().collect();
    ui.rows(COLUMNS, &topics)?;
    if topics.is_empty() && ui.is_for_people() {
        let none = if regex.is_some() { "no topic matches" } else { "no topics; `kq topic create NAME` makes one" };
        ui.note(none);
    }
    Ok(())
}
