//! `kq group describe`.

use super::standing::{Line, Standing, named_or_all, standings};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::groups::{Described, Member};
use crate::ui::{Column, Section, Ui, section};
use serde_json::json;

/// Describe groups: offsets and lag, members, state
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Without --offsets, --members or --state: the offsets. -o wide adds what the coordinator knows beside.\n\nExamples:\n  kq group describe billing\n  kq group describe billing --members -o wide\n  kq group describe --only-lag\n  kq group describe --state"
)]
pub struct Args {
    /// Their ids [default: all groups]
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Old way of naming a group, as in Kafka's tool
    #[arg(long = "group", value_name = "GROUP", hide = true)]
    more: Vec<String>,
    /// Committed offsets, ends of the logs, lag, and who reads
    #[arg(long)]
    offsets: bool,
    /// One line a member
    #[arg(long)]
    members: bool,
    /// One line a group
    #[arg(long)]
    state: bool,
    /// Only partitions with records left to read
    #[arg(long, conflicts_with_all = ["members", "state"])]
    only_lag: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

const OFFSETS: &[Column<Line>] = &[
    Column::new("group", "string: the group", |l| json!(l.group)),
    Column::new("topic", "string or null: null for a member without partitions", |l| {
        json!(l.place.as_ref().map(|place| &place.0))
    }),
    Column::new("partition", "integer or null: its index", |l| json!(l.place.as_ref().map(|place| place.1))),
    Column::new("current_offset", "integer or null: what the group committed", |l| {
        json!(l.committed.as_ref().map(|committed| committed.offset))
    }),
    Column::new("log_end_offset", "integer or null: the offset after the last record", |l| json!(l.end)),
    Column::new("lag", "integer or null: records left to read", |l| json!(l.lag())),
    Column::new("consumer_id", "string or null: the member that reads it", |l| json!(l.member.as_ref().map(|m| &m.id))),
    Column::new("host", "string or null: where that member is", |l| json!(l.member.as_ref().map(|m| &m.host))),
    Column::new("client_id", "string or null: what it calls itself", |l| {
        json!(l.member.as_ref().map(|m| &m.client_id))
    }),
    Column::wide("leader_epoch", "integer or null: the leader epoch committed with the offset", |l| {
        json!(l.committed.as_ref().map(|committed| committed.leader_epoch).filter(|epoch| *epoch >= 0))
    }),
    Column::wide("metadata", "string or null: what was committed beside the offset", |l| {
        json!(l.committed.as_ref().map(|committed| &committed.metadata))
    }),
];

/// A member with the group that it is in.
type InGroup = (String, Member);

const MEMBERS: &[Column<InGroup>] = &[
    Column::new("group", "string: the group", |(group, _)| json!(group)),
    Column::new("consumer_id", "string: the member's id", |(_, m)| json!(m.id)),
    Column::new("group_instance_id", "string or null: of a static member", |(_, m)| json!(m.instance)),
    Column::new("host", "string: where it is", |(_, m)| json!(m.host)),
    Column::new("client_id", "string: what it calls itself", |(_, m)| json!(m.client_id)),
    Column::new("partitions", "integer: how many it reads", |(_, m)| json!(m.partitions())),
    Column::wide("epoch", "integer or null: its epoch, of the consumer protocol", |(_, m)| json!(m.epoch)),
    Column::wide("assignment", "object: partitions by topic", |(_, m)| json!(m.assigned)),
    Column::wide("target", "object or null: what it will read, where that differs", |(_, m)| json!(m.target)),
    Column::wide("subscribed", "array: the topics that it asks for, or its regular expression", |(_, m)| {
        json!(m.subscribed)
    }),
];

const STATE: &[Column<Described>] = &[
    Column::new("group", "string: the group", |g| json!(g.group)),
    Column::new("coordinator", "integer: the broker that coordinates it", |g| json!(g.coordinator)),
    Column::new("type", "string: Classic or Consumer", |g| json!(g.kind)),
    Column::new("assignment_strategy", "string: the assignor in use", |g| json!(g.assignor)),
    Column::new("state", "string: Stable, Empty, …", |g| json!(g.state)),
    Column::new("members", "integer: how many", |g| json!(g.members.len())),
    Column::wide("epoch", "integer or null: the group's epoch, of the consumer protocol", |g| json!(g.epoch)),
    Column::wide("assignment_epoch", "integer or null: the epoch of its assignment", |g| json!(g.assignment_epoch)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let offsets = args.offsets || args.only_lag || !(args.members || args.state);
    if ui.wants_schema() {
        return show(ui, args, offsets, &[], &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let named: Vec<String> = args.groups.iter().chain(&args.more).cloned().collect();
    let groups = named_or_all(&mut kafka, &named)?;
    let mut failures = Vec::new();
    let mut described: Vec<Described> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    if offsets {
        for Standing { described: group, lines: more } in standings(&mut kafka, &groups, &mut failures)? {
            described.push(group);
            lines.extend(more.into_iter().filter(|line| !args.only_lag || line.lag().is_some_and(|lag| lag > 0)));
        }
    } else {
        for (_, found) in kafka.describe_groups(&groups)? {
            match found {
                Ok(found) => described.push(found),
                Err(failure) => failures.push(failure),
            }
        }
    }
    if ui.is_for_people() {
        for group in described.iter().filter(|group| group.members.is_empty()) {
            ui.note(format!("group {} has no active members", group.group));
        }
    }
    if !described.is_empty() || named.is_empty() || !ui.is_for_people() {
        show(ui, args, offsets, &described, &lines)?;
    }
    Failure::of_many(failures, groups.len())
}

fn show(ui: &mut Ui, args: &Args, offsets: bool, described: &[Described], lines: &[Line]) -> Result<(), Failure> {
    let members: Vec<InGroup> = described
        .iter()
        .flat_map(|group| group.members.iter().map(|member| (group.group.clone(), member.clone())))
        .collect();
    match (offsets, args.members, args.state) {
        (true, false, false) => ui.rows(OFFSETS, lines),
        (false, true, false) => ui.rows(MEMBERS, &members),
        (false, false, true) => ui.rows(STATE, described),
        _ => {
            let mut sections: Vec<Section> = Vec::new();
            if args.state {
                sections.push(section("state", STATE, described));
            }
            if args.members {
                sections.push(section("members", MEMBERS, &members));
            }
            if offsets {
                sections.push(section("offsets", OFFSETS, lines));
            }
            ui.sections(&sections)
        }
    }
}
