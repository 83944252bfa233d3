//! `kq cluster health`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::cmd::broker::list;
use crate::cmd::quorum;
use crate::failure::{Failure, Kind};
use crate::kafka::Kafka;
use crate::kafka::configs::{Documented, Entity};
use crate::kafka::moves::{is_under_min_isr, is_under_replicated};
use crate::time::parse_duration;
use crate::ui::{Column, Format, Ui, section};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A single look takes no longer than this.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// Say whether every broker is up and every partition has all its replicas; exit with 10 when not
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit codes: 0 healthy, 10 unhealthy, 1 nobody can be asked, 124 not healthy within --timeout\n(with --exit-when-healthy).\n\nExamples:\n  kq cluster health\n  kq cluster health --exit-when-healthy --timeout 2m\n  kq cluster health --watch"
)]
pub struct Args {
    /// Wait until it is healthy: for --timeout where it is given
    #[arg(long)]
    exit_when_healthy: bool,
    /// Show it again whenever something is different, until interrupted
    #[arg(long)]
    watch: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "500ms")]
    interval: Duration,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The cluster in one line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Health {
    controller: Option<i32>,
    brokers: usize,
    fenced: Vec<i32>,
    topics: usize,
    partitions: usize,
    leaderless: usize,
    under_min_isr: usize,
    under_replicated: usize,
    moving: usize,
}

const SUMMARY: &[Column<Health>] = &[
    Column::new("health", "string: healthy, or unhealthy", |h| {
        json!(if h.reasons().is_empty() { "healthy" } else { "unhealthy" })
    }),
    Column::new("controller", "integer or null: the node that leads the metadata quorum", |h| json!(h.controller)),
    Column::new("brokers", "integer: those that are registered", |h| json!(h.brokers)),
    Column::new("fenced", "list of integers: of these, those that are down", |h| json!(h.fenced)),
    Column::new("topics", "integer: Kafka's own among them", |h| json!(h.topics)),
    Column::new("partitions", "integer: of all topics", |h| json!(h.partitions)),
    Column::new("leaderless", "integer: of these, those that nobody leads", |h| json!(h.leaderless)),
    Column::new("under_min_isr", "integer: those that refuse acks=all", |h| json!(h.under_min_isr)),
    Column::new("under_replicated", "integer: those with replicas out of sync", |h| json!(h.under_replicated)),
    Column::wide("moving", "integer: those on their way to other brokers", |h| json!(h.moving)),
];

struct Reason(String);

const REASONS: &[Column<Reason>] = &[Column::new("reason", "string: what is not as it should be", |r| json!(r.0))];

impl Health {
    /// What is not as it should be.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.controller.is_none() {
            reasons.push("nobody leads the metadata quorum".to_string());
        }
        if !self.fenced.is_empty() {
            let ids: Vec<String> = self.fenced.iter().map(i32::to_string).collect();
            reasons.push(format!("down: broker {}", ids.join(", broker ")));
        }
        for (count, what) in [
            (self.leaderless, "without a leader"),
            (self.under_min_isr, "with fewer in sync than min.insync.replicas"),
            (self.under_replicated, "with replicas out of sync"),
        ] {
            let partitions = if count == 1 { "partition" } else { "partitions" };
            if count > 0 {
                reasons.push(format!("{count} {partitions} {what}"));
            }
        }
        reasons
    }
}

fn look(kafka: &mut Kafka) -> Result<Health, Failure> {
    let brokers = list::rows(kafka)?;
    // Brokers that are as old as ZooKeeper have no quorum; their controller is in the metadata.
    let controller = match quorum::leader(kafka) {
        Err(failure) if failure.code == "PROTOCOL" => kafka.cluster.controller,
        leader => leader?,
    };
    let moves = kafka.moves_if_told()?;
    let topics: Vec<String> = kafka.cluster.topics.keys().cloned().collect();
    let min_isr = min_isr(kafka, &topics)?;
    let mut health = Health {
        controller,
        brokers: brokers.len(),
        fenced: brokers.iter().filter(|row| row.fenced).map(|row| row.broker.id).collect(),
        topics: topics.len(),
        moving: moves.len(),
        ..Health::default()
    };
    for topic in kafka.cluster.topics.values() {
        let min = min_isr.get(&topic.name).copied().unwrap_or(1);
        for partition in &topic.partitions {
            let moving = moves.get(&(topic.name.clone(), partition.index));
            health.partitions += 1;
            health.leaderless += usize::from(partition.leader.is_none());
            health.under_min_isr += usize::from(is_under_min_isr(partition, min));
            health.under_replicated += usize::from(is_under_replicated(partition, moving));
        }
    }
    Ok(health)
}

fn min_isr(kafka: &mut Kafka, topics: &[String]) -> Result<BTreeMap<String, usize>, Failure> {
    let entities: Vec<Entity> = topics.iter().map(|name| Entity::Topic(name.clone())).collect();
    let settings = kafka.describe_configs(&entities, Documented::No)?;
    let value = |settings: &Vec<crate::kafka::configs::Setting>| {
        let setting = settings.iter().find(|setting| setting.name == "min.insync.replicas")?;
        setting.value.as_ref()?.parse().ok()
    };
    let known = topics.iter().zip(settings).filter_map(|(name, settings)| {
        let settings = settings.ok()?;
        Some((name.clone(), value(&settings)?))
    });
    Ok(known.collect())
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return show(ui, &[]);
    }
    if args.watch && matches!(ui.format(), Format::Json | Format::Yaml) {
        return Err(Failure::usage("--watch: one document has no end").hint("use -o tsv, or ask again and again"));
    }
    let begin = Instant::now();
    let deadline = args.common.timeout.get().map(|timeout| begin + timeout);
    let stop = Arc::new(AtomicBool::new(false));
    if args.watch || args.exit_when_healthy {
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let again = args.watch || args.exit_when_healthy;
    let mut shown = None;
    loop {
        if again {
            let look_until = Instant::now() + LOOK_WITHIN;
            kafka.set_deadline(deadline.map_or(look_until, |deadline| deadline.min(look_until)));
        }
        let health = match look(&mut kafka) {
            Ok(health) => health,
            // Brokers that start, or an election that is under way.
            Err(failure) if args.exit_when_healthy && failure.kind != Kind::Usage => {
                ui.detail(format!("cannot look: {failure}"));
                rest(args, deadline, &stop, std::slice::from_ref(&failure.message))?;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let reasons = health.reasons();
        let done = !again || (args.exit_when_healthy && reasons.is_empty());
        if done || (args.watch && shown.as_ref() != Some(&health)) {
            if shown.is_some() && ui.is_for_people() {
                ui.text("\n")?;
            }
            show(ui, std::slice::from_ref(&health))?;
            ui.flush()?;
        }
        if done {
            return verdict(&reasons);
        }
        shown = Some(health);
        rest(args, deadline, &stop, &reasons)?;
    }
}

fn show(ui: &mut Ui, health: &[Health]) -> Result<(), Failure> {
    let reasons: Vec<Reason> = health.iter().flat_map(Health::reasons).map(Reason).collect();
    if ui.is_for_people() && reasons.is_empty() {
        return ui.rows(SUMMARY, health);
    }
    ui.sections(&[section("summary", SUMMARY, health), section("reasons", REASONS, &reasons)])
}

fn verdict(reasons: &[String]) -> Result<(), Failure> {
    if reasons.is_empty() {
        return Ok(());
    }
    let message = format!("the cluster is unhealthy: {}", reasons.join("; "));
    Err(Failure { kind: Kind::OverLimit, ..Failure::new("UNHEALTHY", message) }
        .hint("`kq broker list` and `kq topic describe --under-replicated --unavailable` show where"))
}

/// Sleeps until the next look.
fn rest(args: &Args, deadline: Option<Instant>, stop: &AtomicBool, reasons: &[String]) -> Result<(), Failure> {
    let next = Instant::now() + args.interval;
    if let Some(deadline) = deadline.filter(|deadline| args.exit_when_healthy && *deadline <= next) {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        return Err(Failure::timed_out(format!("the cluster did not become healthy: {}", reasons.join("; "))));
    }
    while Instant::now() < next {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure { kind: Kind::Interrupted, ..Failure::new("INTERRUPTED", "stopped watching") });
        }
        std::thread::sleep(Duration::from_millis(50).min(next.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let well = Health { controller: Some(1), brokers: 3, topics: 1, partitions: 6, moving: 2, ..Health::default() };
        assert_eq!(well.reasons(), [""; 0], "partitions that move are well");
        let ill = Health { controller: None, fenced: vec![2, 3], leaderless: 1, under_min_isr: 4, ..well };
        assert_eq!(
            ill.reasons(),
            [
                "nobody leads the metadata quorum",
                "down: broker 2, broker 3",
                "1 partition without a leader",
                "4 partitions with fewer in sync than min.insync.replicas"
            ]
        );
    }

    #[test]
    fn unhealthy_is_exit_10() {
        assert!(verdict(&[]).is_ok());
        let failure = verdict(&["down: broker 2".into()]).unwrap_err();
        assert_eq!((failure.kind.exit_code(), failure.code.as_str()), (10, "UNHEALTHY"));
    }
}
