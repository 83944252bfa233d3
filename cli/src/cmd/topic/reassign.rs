//! `kq topic move`.

use super::plan_file;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::cmd::moving::{self, COLUMNS, Row};
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::moves::{Moves, Results};
use crate::kafka::offsets::TopicPartition;
use crate::placement::{Assignments, spread};
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Move partitions to other brokers; shows the plan, and carries it out with -y
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A plan file is the JSON of Kafka's kafka-reassign-partitions. --export writes one to go back with.\n\nExamples:\n  kq topic move orders --brokers 1,2,3\n  kq topic move orders --brokers 1,2,3 --export before.json -y --wait\n  kq topic move orders -p 0:1,2,3 -p 1:2,3,1 -y\n  kq topic move --plan before.json -y\n  kq topic move --status\n  kq topic move orders --cancel -y"
)]
#[group(id = "where", required = true, multiple = false, args = ["parts", "brokers", "plan", "status", "cancel"])]
pub struct Args {
    /// The topics [default with --status and --cancel: all that move]
    #[arg(value_name = "NAME", required_unless_present_any = ["plan", "status", "cancel"], conflicts_with = "plan")]
    names: Vec<String>,
    /// These replicas for this partition, the preferred leader first; repeat for more
    #[arg(short = 'p', long = "partition", value_name = "P:ID,ID…", value_parser = one_part)]
    parts: Vec<Part>,
    /// Spread the partitions over these brokers, and move as little as that takes
    #[arg(long, value_name = "ID,ID…", value_delimiter = ',')]
    brokers: Vec<i32>,
    /// What this file says
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Show what moves now
    #[arg(long)]
    status: bool,
    /// Call moves off: partitions go back to where they were
    #[arg(long)]
    cancel: bool,
    /// Write where the partitions are now into this file, as --plan takes it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["status", "cancel"])]
    export: Option<PathBuf>,
    /// Wait until all is where it should be, however long that takes, or for --timeout
    #[arg(long, conflicts_with = "status")]
    wait: bool,
    /// Do it
    #[arg(short = 'y', long, visible_alias = "execute", conflicts_with = "status")]
    yes: bool,
    /// Only show what would be done, as without -y
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// A partition and its replicas.
#[derive(Clone, Debug)]
struct Part {
    index: i32,
    replicas: Vec<i32>,
}

fn one_part(text: &str) -> Result<Part, String> {
    let wrong = || format!("`{text}` is not PARTITION:ID,ID, such as 0:1,2,3");
    let (index, replicas) = text.split_once(':').ok_or_else(wrong)?;
    let replicas: Vec<i32> =
        replicas.split(',').map(|id| id.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    if (1..replicas.len()).any(|at| replicas[..at].contains(&replicas[at])) {
        return Err(format!("`{text}` names a broker twice"));
    }
    Ok(Part { index: index.trim().parse().map_err(|_| wrong())?, replicas })
}

struct Ongoing {
    topic: String,
    partition: i32,
    replicas: Vec<i32>,
    target: Vec<i32>,
    adding: Vec<i32>,
    removing: Vec<i32>,
    behind: Vec<i32>,
}

const ONGOING: &[Column<Ongoing>] = &[
    Column::new("topic", "string: its name", |r| json!(r.topic)),
    Column::new("partition", "integer: its index", |r| json!(r.partition)),
    Column::wide("replicas", "list of integers: all brokers that have a replica for now", |r| json!(r.replicas)),
    Column::new("target", "list of integers: brokers when the move is over", |r| json!(r.target)),
    Column::new("adding", "list of integers: brokers that come", |r| json!(r.adding)),
    Column::new("removing", "list of integers: brokers that go", |r| json!(r.removing)),
    Column::new("behind", "list of integers: of those that come, the ones that still copy", |r| json!(r.behind)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return if args.status { ui.rows(ONGOING, &[]) } else { ui.rows(COLUMNS, &[]) };
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    if args.status {
        return status(ui, &mut kafka, args);
    }
    let moves = kafka.moves()?;
    let (before, wanted) = if args.cancel { origins(args, &moves) } else { targets(&mut kafka, args, &moves)? };
    if wanted.is_empty() {
        ui.note("nothing moves");
        return ui.rows(COLUMNS, &[]);
    }
    if let Some(path) = &args.export {
        plan_file::write(path, &before)?;
    }
    let moves_already =
        |place: &TopicPartition, target: &Vec<i32>| moves.get(place).is_some_and(|moving| moving.target() == *target);
    let same =
        |place: &TopicPartition, target: &Vec<i32>| before.get(place) == Some(target) && !moves.contains_key(place);
    let changed: Assignments = wanted
        .iter()
        .filter(|(place, target)| args.cancel || !(same(place, target) || moves_already(place, target)))
        .map(|(place, target)| (place.clone(), target.clone()))
        .collect();
    let mut said: Results = BTreeMap::new();
    if args.yes && !changed.is_empty() {
        let orders = changed.iter().map(|(place, to)| (place.clone(), (!args.cancel).then(|| to.clone())));
        said = kafka.reassign(&orders.collect())?;
    }
    let refused = |place: &TopicPartition| matches!(said.get(place), Some(Err(_)));
    let mut awaited = wanted.clone();
    awaited.retain(|place, target| !same(place, target) && !refused(place));
    let mut late = None;
    let mut arrived = BTreeMap::new();
    if args.yes && args.wait && !awaited.is_empty() {
        let deadline = args.common.timeout.get().map(|timeout| Instant::now() + timeout);
        match moving::wait(ui, &mut kafka, &awaited, deadline) {
            Ok(words) => arrived = words,
            Err(failure) => late = Some(failure),
        }
    }
    let word = |place: &TopicPartition, target: &Vec<i32>| match said.get(place) {
        Some(Err(failure)) => failure.code.clone(),
        _ if args.cancel && args.yes => "called-off".to_string(),
        _ if same(place, target) => "same".to_string(),
        _ if arrived.contains_key(place) => arrived[place].to_string(),
        Some(Ok(())) => "moving".to_string(),
        None if moves_already(place, target) => "moving".to_string(),
        None => "planned".to_string(),
    };
    let rows: Vec<Row> = wanted
        .iter()
        .map(|(place, target)| Row {
            place: place.clone(),
            before: before.get(place).cloned().unwrap_or_default(),
            after: target.clone(),
            result: word(place, target),
        })
        .collect();
    ui.rows(COLUMNS, &rows)?;
    if !args.yes {
        ui.note("dry run: nothing was changed; -y (or --execute) does it");
    } else if rows.iter().any(|row| row.result == "moving") && late.is_none() {
        ui.note("`kq topic move --status` shows how far it is");
    }
    let failures: Vec<Failure> = said.into_values().filter_map(Result::err).chain(late).collect();
    Failure::of_many(failures, rows.len())
}

/// The moves of the topics that are named, and where they came from.
fn origins(args: &Args, moves: &Moves) -> (Assignments, Assignments) {
    let mine = || moves.iter().filter(|((topic, _), _)| args.names.is_empty() || args.names.contains(topic));
    let before = mine().map(|(place, moving)| (place.clone(), moving.replicas.clone())).collect();
    (before, mine().map(|(place, moving)| (place.clone(), moving.origin())).collect())
}

/// Where the partitions are, and where they are to be. A partition that moves already counts as where it goes.
fn targets(kafka: &mut Kafka, args: &Args, moves: &Moves) -> Result<(Assignments, Assignments), Failure> {
    let planned = args.plan.as_deref().map(plan_file::read).transpose()?;
    let mut names: Vec<String> = match &planned {
        Some(plan) => plan.keys().map(|place| place.0.clone()).collect(),
        None => args.names.clone(),
    };
    names.sort();
    names.dedup();
    kafka.refresh(&names)?;
    for name in &names {
        kafka.topic(name)?;
    }
    let mut now = moving::assignments(kafka, &names);
    let wanted = if let Some(plan) = planned {
        plan
    } else if args.brokers.is_empty() {
        let [name] = &names[..] else {
            return Err(Failure::usage("-p says where one topic's partitions go: name one topic"));
        };
        args.parts.iter().map(|part| ((name.clone(), part.index), part.replicas.clone())).collect()
    } else {
        let mut goes = now.clone();
        goes.extend(moves.iter().filter(|(place, _)| now.contains_key(*place)).map(|(p, m)| (p.clone(), m.target())));
        spread_all(kafka, args, &names, &goes)?
    };
    if let Some((place, _)) = wanted.iter().find(|(place, _)| !now.contains_key(*place)) {
        return Err(Failure::usage(format!("topic {} has no partition {}", place.0, place.1)));
    }
    let known: Vec<i32> = kafka.cluster.brokers.keys().copied().collect();
    if let Some(id) =
        wanted.values().flatten().find(|id| !known.contains(id) && !now.values().flatten().any(|n| n == *id))
    {
        return Err(not_up(*id));
    }
    now.retain(|place, _| wanted.contains_key(place));
    Ok((now, wanted))
}

fn not_up(id: i32) -> Failure {
    Failure::usage(format!("there is no broker {id} that is up")).hint("see `kq broker list`")
}

fn spread_all(kafka: &Kafka, args: &Args, names: &[String], goes: &Assignments) -> Result<Assignments, Failure> {
    let sites = moving::sites(kafka);
    let chosen: Vec<_> = sites.iter().filter(|site| args.brokers.contains(&site.id)).cloned().collect();
    if let Some(id) = args.brokers.iter().find(|id| !chosen.iter().any(|site| site.id == **id)) {
        return Err(not_up(*id));
    }
    let mut wanted = Assignments::new();
    for name in names {
        let mine = goes.iter().filter(|(place, _)| place.0 == *name).map(|(place, to)| (place.clone(), to.clone()));
        let spread = spread(&mine.collect(), &chosen).map_err(|most| {
            let (has, many) = (chosen.len(), if chosen.len() == 1 { "broker" } else { "brokers" });
            Failure::usage(format!("topic {name} has {most} replicas of a partition: {has} {many} cannot hold them"))
        })?;
        wanted.extend(spread);
    }
    Ok(wanted)
}

fn status(ui: &mut Ui, kafka: &mut Kafka, args: &Args) -> Result<(), Failure> {
    let mut moves = kafka.moves()?;
    moves.retain(|(topic, _), _| args.names.is_empty() || args.names.contains(topic));
    let mut names: Vec<&String> = moves.keys().map(|place| &place.0).collect();
    names.dedup();
    kafka.refresh(&names)?;
    let isr = |topic: &str, index: i32| {
        let partitions = kafka.cluster.topics.get(topic).map(|topic| &topic.partitions)?;
        Some(&partitions.iter().find(|partition| partition.index == index)?.isr)
    };
    let row = |((topic, partition), moving): (&(String, i32), &crate::kafka::moves::Moving)| Ongoing {
        topic: topic.clone(),
        partition: *partition,
        replicas: moving.replicas.clone(),
        target: moving.target(),
        behind: match isr(topic, *partition) {
            Some(isr) => moving.adding.iter().copied().filter(|id| !isr.contains(id)).collect(),
            None => moving.adding.clone(),
        },
        adding: moving.adding.clone(),
        removing: moving.removing.clone(),
    };
    let rows: Vec<Ongoing> = moves.iter().map(row).collect();
    ui.rows(ONGOING, &rows)?;
    if rows.is_empty() && ui.is_for_people() {
        ui.note("nothing moves");
    }
    Ok(())
}
