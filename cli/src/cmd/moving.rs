//! What the commands that move partitions share: the rows they show, and waiting until everything is where it should be.

use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::offsets::TopicPartition;
use crate::placement::{Assignments, Site};
use crate::time::now_ms;
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks at what moves.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// All brokers know where a partition is so long after the move is over.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// A partition, where it is and where it goes.
pub struct Row {
    pub place: TopicPartition,
    pub before: Vec<i32>,
    pub after: Vec<i32>,
    pub result: String,
}

/// What a partition's line says.
pub const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: its name", |r| json!(r.place.0)),
    Column::new("partition", "integer: its index", |r| json!(r.place.1)),
    Column::new("replicas", "list of integers: brokers, the preferred leader first", |r| json!(r.before)),
    Column::new("target", "list of integers: brokers when the move is over", |r| json!(r.after)),
    Column::new(
        "result",
        "string: planned (without -y), same, moving, moved, called-off, or Kafka's name of the error",
        |r| json!(r.result),
    ),
];

/// The cluster's brokers that are up.
pub fn sites(kafka: &Kafka) -> Vec<Site> {
    kafka.cluster.brokers.values().map(|broker| Site { id: broker.id, rack: broker.rack.clone() }).collect()
}

/// Where the partitions of these topics are.
pub fn assignments<'a>(kafka: &Kafka, topics: impl IntoIterator<Item = &'a String>) -> Assignments {
    let topics = topics.into_iter().filter_map(|name| kafka.cluster.topics.get(name));
    let parts = topics.flat_map(|topic| {
        topic.partitions.iter().map(|p| ((topic.name.clone(), p.index), p.replicas.clone())).collect::<Vec<_>>()
    });
    parts.collect()
}

/// Waits until none of these moves any more, until `deadline` where there is one. Moves go on when this gives up.
///
/// # Errors
/// When the time is up, or nobody can be asked.
pub fn wait(
    ui: &Ui,
    kafka: &mut Kafka,
    wanted: &Assignments,
    deadline: Option<Instant>,
) -> Result<BTreeMap<TopicPartition, &'static str>, Failure> {
    let progress = ui.progress("moving partitions", wanted.len() as u64);
    loop {
        let patience = kafka.settings().timeout;
        kafka.set_deadline(Instant::now() + patience);
        let left = kafka.moves()?.keys().filter(|place| wanted.contains_key(*place)).count();
        progress.at((wanted.len() - left) as u64);
        if left == 0 {
            break;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let mut failure = Failure::timed_out(format!("{left} of {} partitions still move", wanted.len()));
            failure.hint = Some("they go on: `kq topic move --status` shows them, --cancel calls them off".into());
            return Err(failure);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    drop(progress);
    arrived(kafka, wanted)
}

/// What came of moves that are over: somebody may have called them off.
fn arrived(kafka: &mut Kafka, wanted: &Assignments) -> Result<BTreeMap<TopicPartition, &'static str>, Failure> {
    let until = now_ms().saturating_add(i64::try_from(SETTLED_WITHIN.as_millis()).unwrap_or(0));
    let mut names: Vec<String> = wanted.keys().map(|place| place.0.clone()).collect();
    names.dedup();
    loop {
        kafka.refresh(&names)?;
        let now = assignments(kafka, &names);
        let there = |place: &TopicPartition, target: &Vec<i32>| now.get(place) == Some(target);
        if now_ms() >= until || wanted.iter().all(|(place, target)| there(place, target)) {
            let word = |place, target| if there(place, target) { "moved" } else { "called-off" };
            return Ok(wanted.iter().map(|(place, target)| (place.clone(), word(place, target))).collect());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
