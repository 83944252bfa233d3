//! `kq topic elect-leaders`.

use super::offsets::chosen;
use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::moves::Results;
use crate::kafka::offsets::TopicPartition;
use crate::ui::{Column, Ui};
use clap::ValueEnum;
use kq::client::Partition;
use kq::error::ErrorCode;
use serde_json::json;
use std::time::{Duration, Instant};

/// All brokers know who leads so long after an election.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// Who is to lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Kind {
    /// The first replica, where it is in sync
    #[default]
    Preferred,
    /// Where nobody leads: any replica that lives. Records may be lost
    Unclean,
}

/// Give partitions back to their preferred leaders, or, at a cost, a leader to those that have none
#[derive(clap::Args, Debug)]
#[command(
    after_help = "An unclean leader may lack records that were acknowledged: they are lost. It asks first when it can; without a\nterminal, -y is needed.\n\nExamples:\n  kq topic elect-leaders\n  kq topic elect-leaders orders -p 0,3\n  kq topic elect-leaders orders --type unclean -y"
)]
pub struct Args {
    /// Their names [default: all topics]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only these partitions of the one topic that is named
    #[arg(short = 'p', long = "partition", value_name = "P", value_delimiter = ',', requires = "names")]
    partitions: Vec<i32>,
    /// preferred, or unclean
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t, hide_possible_values = true)]
    kind: Kind,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    place: TopicPartition,
    before: Option<i32>,
    after: Option<i32>,
    preferred: Option<i32>,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: its name", |r| json!(r.place.0)),
    Column::new("partition", "integer: its index", |r| json!(r.place.1)),
    Column::new("was", "integer or null: who led", |r| json!(r.before)),
    Column::new("leader", "integer or null: who leads", |r| json!(r.after)),
    Column::new("preferred", "integer or null: the first replica", |r| json!(r.preferred)),
    Column::new("result", "string: elected, unneeded, planned (--dry-run), or Kafka's name of the error", |r| {
        json!(r.result)
    }),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    if !args.partitions.is_empty() && args.names.len() != 1 {
        return Err(Failure::usage("-p names partitions of one topic: name one topic"));
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let scope = scope(&mut kafka, args)?;
    let needed = |partition: &Partition| match args.kind {
        Kind::Preferred => partition.leader != partition.replicas.first().copied(),
        Kind::Unclean => partition.leader.is_none(),
    };
    let wanted: Vec<TopicPartition> =
        scope.iter().filter(|(_, partition)| needed(partition)).map(|(place, _)| place.clone()).collect();
    let mut said = Results::new();
    if !args.change.dry_run && !wanted.is_empty() {
        if args.kind == Kind::Unclean {
            let what = format!("elect leaders of {} that may lack acknowledged records, which are lost then?", {
                match &wanted[..] {
                    [(topic, partition)] => format!("topic {topic}, partition {partition}"),
                    many => format!("{} partitions", many.len()),
                }
            });
            args.change.confirm(ui, &what)?;
        }
        let kind = if args.kind == Kind::Unclean { 1 } else { 0 };
        said = kafka.elect(kind, &wanted)?;
        see(&mut kafka, &said)?;
    }
    let mut failures = Vec::new();
    let mut rows = Vec::new();
    for (place, before) in &scope {
        // Without names only what changes is of interest.
        if args.names.is_empty() && !wanted.contains(place) {
            continue;
        }
        let result = match said.remove(place) {
            Some(Ok(())) => "elected".to_string(),
            Some(Err(failure)) if failure.code == ErrorCode::ElectionNotNeeded.name() => "unneeded".into(),
            Some(Err(failure)) => {
                let code = failure.code.clone();
                failures.push(failure);
                code
            }
            None if wanted.contains(place) => "planned".into(),
            None => "unneeded".into(),
        };
        let now = leader_of(&kafka, place);
        let preferred = before.replicas.first().copied();
        rows.push(Row { place: place.clone(), before: before.leader, after: now, preferred, result });
    }
    ui.rows(COLUMNS, &rows)?;
    if wanted.is_empty() && ui.is_for_people() {
        ui.note(match args.kind {
            Kind::Preferred => "every partition is led by its preferred replica",
            Kind::Unclean => "every partition has a leader",
        });
    }
    Failure::of_many(failures, rows.len())
}

/// The partitions that are asked for.
fn scope(kafka: &mut Kafka, args: &Args) -> Result<Vec<(TopicPartition, Partition)>, Failure> {
    if args.names.is_empty() {
        kafka.refresh_all()?;
    } else {
        kafka.refresh(&args.names)?;
    }
    let names: Vec<String> = match &args.names[..] {
        [] => kafka.cluster.topics.keys().cloned().collect(),
        names => names.to_vec(),
    };
    let mut scope = Vec::new();
    for name in &names {
        let partitions = kafka.topic(name)?.partitions.clone();
        let places = chosen(kafka, name, &args.partitions)?;
        let of = |place: &TopicPartition| partitions.iter().find(|partition| partition.index == place.1).cloned();
        scope.extend(places.into_iter().filter_map(|place| Some((place.clone(), of(&place)?))));
    }
    Ok(scope)
}

fn leader_of(kafka: &Kafka, place: &TopicPartition) -> Option<i32> {
    let topic = kafka.cluster.topics.get(&place.0)?;
    topic.partitions.iter().find(|partition| partition.index == place.1)?.leader
}

/// Waits a moment until the broker that is asked knows the new leaders, too.
fn see(kafka: &mut Kafka, said: &Results) -> Result<(), Failure> {
    let mut names: Vec<&String> = said.keys().map(|place| &place.0).collect();
    names.dedup();
    let before: Vec<(TopicPartition, Option<i32>)> = said
        .iter()
        .filter(|(_, result)| result.is_ok())
        .map(|(place, _)| (place.clone(), leader_of(kafka, place)))
        .collect();
    let until = Instant::now() + TOLD_WITHIN;
    loop {
        kafka.refresh(&names)?;
        let told = before.iter().all(|(place, leader)| leader_of(kafka, place) != *leader);
        if told || Instant::now() >= until {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
