//! `kq group lag`.

use super::standing::{Line, Standing, named_or_all, standings};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::{Failure, Kind};
use crate::kafka::Kafka;
use crate::time::parse_duration;
use crate::ui::{Column, Format, Ui};
use clap::ValueEnum;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum By {
    /// A group
    Group,
    /// A topic that a group reads
    Topic,
    /// A partition that a group reads
    Partition,
}

/// Show how far groups are behind; exit with 10 when one is too far
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A partition without a commit has no lag; `kq group describe` shows it.\n\nExamples:\n  kq group lag\n  kq group lag billing --by partition\n  kq group lag billing --max-lag 1000 || page-someone\n  kq group lag --watch"
)]
pub struct Args {
    /// Their ids [default: all groups]
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// One line a group, topic or partition
    #[arg(long, value_name = "WHAT", value_enum, default_value = "group", hide_possible_values = true)]
    by: By,
    /// Exit with 10 when a line shows more than this
    #[arg(long, value_name = "N")]
    max_lag: Option<i64>,
    /// Show it again and again, until interrupted or --max-lag is exceeded
    #[arg(long)]
    watch: bool,
    /// How often --watch looks
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "2s", requires = "watch")]
    interval: Duration,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Some partitions of a group together.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    group: String,
    topic: Option<String>,
    state: String,
    members: usize,
    partitions: usize,
    uncommitted: usize,
    lag: i64,
    most: i64,
}

const GROUPS: &[Column<Sum>] = &[
    Column::new("group", "string: the group", |s| json!(s.group)),
    Column::new("state", "string: Stable, Empty, …", |s| json!(s.state)),
    Column::new("members", "integer: how many", |s| json!(s.members)),
    Column::new("partitions", "integer: those that it reads or has read", |s| json!(s.partitions)),
    Column::new("lag", "integer: records left to read, of all partitions", |s| json!(s.lag)),
    Column::new("max_lag", "integer: the largest lag of one partition", |s| json!(s.most)),
    Column::wide("uncommitted", "integer: partitions without a commit, or whose log is not there", |s| {
        json!(s.uncommitted)
    }),
];

const TOPICS: &[Column<Sum>] = &[
    Column::new("group", "string: the group", |s| json!(s.group)),
    Column::new("topic", "string: the topic", |s| json!(s.topic)),
    Column::new("members", "integer: how many read it", |s| json!(s.members)),
    Column::new("partitions", "integer: those that it reads or has read", |s| json!(s.partitions)),
    Column::new("lag", "integer: records left to read, of all partitions", |s| json!(s.lag)),
    Column::new("max_lag", "integer: the largest lag of one partition", |s| json!(s.most)),
    Column::wide("uncommitted", "integer: partitions without a commit, or whose log is not there", |s| {
        json!(s.uncommitted)
    }),
];

const PARTITIONS: &[Column<Line>] = &[
    Column::new("group", "string: the group", |l| json!(l.group)),
    Column::new("topic", "string: the topic", |l| json!(l.place.as_ref().map(|place| &place.0))),
    Column::new("partition", "integer: its index", |l| json!(l.place.as_ref().map(|place| place.1))),
    Column::new("current_offset", "integer or null: what the group committed", |l| {
        json!(l.committed.as_ref().map(|committed| committed.offset))
    }),
    Column::new("log_end_offset", "integer or null: the offset after the last record", |l| json!(l.end)),
    Column::new("lag", "integer or null: records left to read", |l| json!(l.lag())),
];

/// Adds up the lines of one group, or of one of its topics.
fn sum(standing: &Standing, topic: Option<&str>) -> Sum {
    let mine = |line: &&Line| line.place.as_ref().is_some_and(|place| topic.is_none_or(|topic| topic == place.0));
    let lines: Vec<&Line> = standing.lines.iter().filter(mine).collect();
    let lags = || lines.iter().filter_map(|line| line.lag());
    let readers: BTreeSet<&str> =
        lines.iter().filter_map(|line| line.member.as_ref()).map(|member| member.id.as_str()).collect();
    Sum {
        group: standing.described.group.clone(),
        topic: topic.map(str::to_string),
        state: standing.described.state.clone(),
        members: if topic.is_some() { readers.len() } else { standing.described.members.len() },
        partitions: lines.len(),
        uncommitted: lines.len() - lags().count(),
        lag: lags().fold(0, i64::saturating_add),
        most: lags().max().unwrap_or(0),
    }
}

fn by_topic(standing: &Standing) -> Vec<Sum> {
    let topics: BTreeSet<&str> =
        standing.lines.iter().filter_map(|line| line.place.as_ref()).map(|place| place.0.as_str()).collect();
    topics.into_iter().map(|topic| sum(standing, Some(topic))).collect()
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return show(ui, args, Vec::new()).map(drop);
    }
    if !args.watch {
        let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
        return once(ui, &mut kafka, args);
    }
    if matches!(ui.format(), Format::Json | Format::Yaml) {
        return Err(Failure::usage("--watch: one document has no end").hint("use -o tsv, or ask again and again"));
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    loop {
        let next = Instant::now() + args.interval;
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        once(ui, &mut kafka, args)?;
        ui.flush()?;
        while Instant::now() < next {
            if interrupted.load(Ordering::Relaxed) {
                return Err(Failure { kind: Kind::Interrupted, ..Failure::new("INTERRUPTED", "stopped watching") });
            }
            std::thread::sleep(Duration::from_millis(50).min(next.saturating_duration_since(Instant::now())));
        }
        if ui.is_for_people() {
            ui.text("\n")?;
        }
    }
}

/// Looks once. A lag over the limit is told after everything was shown.
fn once(ui: &mut Ui, kafka: &mut Kafka, args: &Args) -> Result<(), Failure> {
    let groups = named_or_all(kafka, &args.groups)?;
    let mut failures = Vec::new();
    let standings = standings(kafka, &groups, &mut failures)?;
    let none = standings.is_empty() && !args.groups.is_empty() && ui.is_for_people();
    let over = if none { Vec::new() } else { show(ui, args, standings)? };
    Failure::of_many(failures, groups.len())?;
    match over.first() {
        None => Ok(()),
        Some((what, lag)) => {
            let more = if over.len() > 1 { format!(", and {} more", over.len() - 1) } else { String::new() };
            let limit = args.max_lag.unwrap_or(0);
            let message = format!("{what} is {lag} records behind, more than {limit}{more}");
            Err(Failure { kind: Kind::OverLimit, ..Failure::new("MAX_LAG_EXCEEDED", message) }
                .hint("`kq group describe --only-lag` shows where"))
        }
    }
}

/// Shows the lines; answers which are over the limit.
fn show(ui: &mut Ui, args: &Args, standings: Vec<Standing>) -> Result<Vec<(String, i64)>, Failure> {
    let mut over: BTreeMap<String, i64> = BTreeMap::new();
    let mut check = |what: String, lag: i64| {
        if args.max_lag.is_some_and(|limit| lag > limit) {
            over.insert(what, lag);
        }
    };
    match args.by {
        By::Group => {
            let sums: Vec<Sum> = standings.iter().map(|standing| sum(standing, None)).collect();
            sums.iter().for_each(|sum| check(format!("group {}", sum.group), sum.lag));
            ui.rows(GROUPS, &sums)?;
        }
        By::Topic => {
            let sums: Vec<Sum> = standings.iter().flat_map(by_topic).collect();
            for sum in &sums {
                check(format!("group {} in topic {}", sum.group, sum.topic.as_deref().unwrap_or_default()), sum.lag);
            }
            ui.rows(TOPICS, &sums)?;
        }
        By::Partition => {
            let lines = standings.into_iter().flat_map(|standing| standing.lines);
            let lines: Vec<Line> = lines.filter(|line| line.place.is_some()).collect();
            for line in &lines {
                if let (Some((topic, partition)), Some(lag)) = (&line.place, line.lag()) {
                    check(format!("group {} in topic {topic}, partition {partition}", line.group), lag);
                }
            }
            ui.rows(PARTITIONS, &lines)?;
        }
    }
    Ok(over.into_iter().collect())
}
