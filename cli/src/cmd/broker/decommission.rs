//! `kq broker decommission`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::cmd::broker::list;
use crate::cmd::moving::{self, COLUMNS, Row};
use crate::cmd::quorum;
use crate::failure::Failure;
use crate::kafka::moves::{Moves, Results};
use crate::kafka::offsets::TopicPartition;
use crate::kafka::{Kafka, unknown_broker};
use crate::placement::{Assignments, drain};
use crate::ui::Ui;
use std::collections::BTreeMap;
use std::time::Instant;

/// Partitions that are named in a message.
const NAMED_MAX: usize = 5;

/// Take everything off a broker and let the cluster forget it; shows the plan, and carries it out with -y
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Its partitions go to the brokers that have the fewest, other racks first. When nothing is left there, stop the broker\nand run the same again: the cluster forgets a broker only when it is down. Interrupted, it goes on where it was.\n\nExamples:\n  kq broker decommission 3\n  kq broker decommission 3 -y\n  kq broker decommission 3 --status\n  kq broker decommission 3 --cancel -y"
)]
pub struct Args {
    /// Its id
    #[arg(value_name = "ID")]
    id: i32,
    /// Show how far it is
    #[arg(long, conflicts_with_all = ["cancel", "yes", "dry_run"])]
    status: bool,
    /// Call it off: what moves goes back to it. What has moved stays where it is
    #[arg(long)]
    cancel: bool,
    /// Do it
    #[arg(short = 'y', long)]
    yes: bool,
    /// Only show what would be done, as without -y
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// How things stand.
struct Standing {
    /// It is up.
    up: bool,
    /// All partitions of the cluster, and where they are going to be.
    goes: Assignments,
    /// Replicas of all that it has, now.
    here: Assignments,
    /// Those of them that have nobody else in sync, and nobody can copy from.
    stranded: Vec<TopicPartition>,
    moves: Moves,
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let standing = look(&mut kafka, args.id)?;
    if args.cancel {
        return cancel(ui, &mut kafka, args, &standing);
    }
    let leaves = leaving(&standing, args.id);
    if args.status {
        return show(ui, &standing, &leaves, &Results::new(), "moving");
    }
    if !standing.stranded.is_empty() {
        let what = format!("broker {} is down, and has the only replica in sync of {}", args.id, {
            named(&standing.stranded)
        });
        return Err(Failure::new("LEADER_NOT_AVAILABLE", what)
            .hint("start it again, or delete these topics: nobody can copy from a broker that is down"));
    }
    if !args.yes {
        let plan = rest(&kafka, &standing, args.id)?;
        let mut all = leaves;
        all.extend(plan);
        show(ui, &standing, &all, &Results::new(), "planned")?;
        let last = if standing.up { "it is to be stopped then" } else { "it is forgotten then" };
        ui.note(format!("dry run: nothing was changed; -y does it, and {last}"));
        return Ok(());
    }
    carry_out(ui, &mut kafka, args, standing)
}

/// Where what does not leave it yet is to go.
fn rest(kafka: &Kafka, standing: &Standing, id: i32) -> Result<Assignments, Failure> {
    drain(&standing.goes, id, &moving::sites(kafka)).map_err(|stuck| {
        Failure::new("INVALID_REPLICATION_FACTOR", format!("there is no other broker for {}", named(&stuck)))
            .hint("start another broker first, or give these partitions fewer replicas: kq topic move NAME -p 0:1,2")
    })
}

fn named(places: &[TopicPartition]) -> String {
    let names: Vec<String> = places.iter().take(NAMED_MAX).map(|(topic, index)| format!("{topic}-{index}")).collect();
    let more = places.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn look(kafka: &mut Kafka, id: i32) -> Result<Standing, Failure> {
    let brokers = list::rows(kafka)?;
    let moves = kafka.moves()?;
    let names: Vec<String> = kafka.cluster.topics.keys().cloned().collect();
    let all = moving::assignments(kafka, &names);
    let mut here = all.clone();
    here.retain(|_, replicas| replicas.contains(&id));
    let known = brokers.iter().find(|row| row.broker.id == id);
    if known.is_none() && here.is_empty() {
        return Err(unknown_broker(id));
    }
    let up = known.is_some_and(|row| !row.fenced);
    let mut stranded = Vec::new();
    for topic in kafka.cluster.topics.values().filter(|_| !up) {
        let alone = topic.partitions.iter().filter(|p| p.isr == [id] && p.leader.is_none());
        stranded.extend(alone.map(|p| (topic.name.clone(), p.index)));
    }
    let mut goes = all;
    goes.extend(moves.iter().map(|(place, moving)| (place.clone(), moving.target())));
    Ok(Standing { up, goes, here, stranded, moves })
}

/// What it has still, and is on its way elsewhere.
fn leaving(standing: &Standing, id: i32) -> Assignments {
    let leaves = standing.here.keys().filter_map(|place| {
        let target = standing.goes.get(place)?;
        (!target.contains(&id)).then(|| (place.clone(), target.clone()))
    });
    leaves.collect()
}

fn show(ui: &mut Ui, standing: &Standing, to: &Assignments, said: &Results, word: &str) -> Result<(), Failure> {
    let row = |(place, after): (&TopicPartition, &Vec<i32>)| Row {
        place: place.clone(),
        before: standing.here.get(place).cloned().unwrap_or_default(),
        after: after.clone(),
        result: match said.get(place) {
            Some(Err(failure)) => failure.code.clone(),
            Some(Ok(())) => word.into(),
            None if standing.moves.contains_key(place) && word == "planned" => "moving".into(),
            None => word.into(),
        },
    };
    let rows: Vec<Row> = to.iter().map(row).collect();
    ui.rows(COLUMNS, &rows)
}

fn cancel(ui: &mut Ui, kafka: &mut Kafka, args: &Args, standing: &Standing) -> Result<(), Failure> {
    let leaves = leaving(standing, args.id);
    let origins: Assignments = leaves.keys().map(|place| (place.clone(), standing.moves[place].origin())).collect();
    if !args.yes {
        show(ui, standing, &origins, &Results::new(), "planned")?;
        ui.note("dry run: nothing was changed; -y does it");
        return Ok(());
    }
    let said = match origins.is_empty() {
        true => Results::new(),
        false => kafka.reassign(&origins.keys().map(|place| (place.clone(), None)).collect())?,
    };
    show(ui, standing, &origins, &said, "called-off")?;
    let total = origins.len();
    Failure::of_many(said.into_values().filter_map(Result::err).collect(), total)
}

/// Moves everything, again where something new came meanwhile, and forgets the broker if it is down.
fn carry_out(ui: &mut Ui, kafka: &mut Kafka, args: &Args, mut standing: Standing) -> Result<(), Failure> {
    let deadline = args.common.timeout.get().map(|timeout| Instant::now() + timeout);
    let mut rows: BTreeMap<TopicPartition, Row> = BTreeMap::new();
    let mut failures = Vec::new();
    while !standing.here.is_empty() && failures.is_empty() {
        let plan = rest(kafka, &standing, args.id)?;
        let said = match plan.is_empty() {
            true => Results::new(),
            false => kafka.reassign(&plan.iter().map(|(place, to)| (place.clone(), Some(to.clone()))).collect())?,
        };
        let mut wanted = leaving(&standing, args.id);
        wanted.extend(plan);
        for (place, after) in &wanted {
            let before = standing.here.get(place).cloned().unwrap_or_default();
            let result = match said.get(place) {
                Some(Err(failure)) => failure.code.clone(),
                _ => "moving".into(),
            };
            rows.insert(place.clone(), Row { place: place.clone(), before, after: after.clone(), result });
        }
        failures.extend(said.into_values().filter_map(Result::err));
        wanted.retain(|place, _| rows.get(place).is_some_and(|row| row.result == "moving"));
        match moving::wait(ui, kafka, &wanted, deadline) {
            Ok(words) => {
                for (place, word) in words {
                    rows.entry(place).and_modify(|row| row.result = word.into());
                }
            }
            Err(failure) => failures.push(failure),
        }
        if failures.is_empty() {
            standing = look(kafka, args.id)?;
        }
    }
    let rows: Vec<Row> = rows.into_values().collect();
    ui.rows(COLUMNS, &rows)?;
    let total = rows.len();
    if !failures.is_empty() {
        return Failure::of_many(failures, total);
    }
    let id = args.id;
    if standing.up {
        ui.note(format!("nothing is left on broker {id}: stop it, and run `kq broker decommission {id} -y` again"));
        return Ok(());
    }
    kafka.unregister(id)?;
    ui.note(format!("broker {id} is not part of the cluster any more"));
    if quorum::is_voter(kafka, id) {
        ui.warn(format!("node {id} is still a voter of the metadata quorum: it counts for the majority, and is down"));
    }
    Ok(())
}
