//! `kq bench`: how fast a cluster takes and gives records, and how soon.

mod consume;
mod e2e;
mod histogram;
mod produce;

use super::{Ctx, perform};
use crate::failure::{Failure, Kind};
use crate::kafka::offsets::{LATEST, TopicPartition};
use crate::kafka::{Kafka, Link, To};
use crate::ui::Ui;
use clap::Subcommand;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::error::ErrorCode;
use kq::types::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The topic that is written to when none is named.
const TOPIC: &str = "kq-bench";
/// How long one request may go unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Produce(produce::Args),
    Consume(consume::Args),
    E2e(e2e::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Produce(args) => perform("bench.produce", args.common.settings(), |ui| produce::run(ui, ctx, &args)),
            Verb::Consume(args) => perform("bench.consume", args.common.settings(), |ui| consume::run(ui, ctx, &args)),
            Verb::E2e(args) => perform("bench.e2e", args.common.settings(), |ui| e2e::run(ui, ctx, &args)),
        }
    }
}

/// The connections of one worker, and the partitions it works on.
struct Share {
    links: BTreeMap<NodeId, Link>,
    partitions: Vec<(i32, NodeId)>,
}

/// Set by Ctrl-C.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    Ok(stop)
}

fn interrupted(stop: &AtomicBool) -> Result<(), Failure> {
    if stop.load(Ordering::Relaxed) {
        return Err(Failure {
            kind: Kind::Interrupted,
            ..Failure::new("INTERRUPTED", "interrupted: the numbers are of a part")
        });
    }
    Ok(())
}

/// The topic's partitions dealt out to `workers`, each with connections of its own.
fn shares(kafka: &mut Kafka, topic: &str, workers: usize) -> Result<Vec<Share>, Failure> {
    let mut partitions = Vec::new();
    let known = kafka.cluster.topics.get(topic).map_or(Vec::new(), |topic| topic.partitions.clone());
    for partition in known {
        let leader = kafka.cluster.leader(topic, partition.index);
        let leader = leader
            .map_err(|code| Failure::answered(code, format!("topic {topic}, partition {}", partition.index), None))?;
        partitions.push((partition.index, leader.id));
    }
    let mut shares = Vec::new();
    for worker in 0..workers {
        let mut mine: Vec<(i32, NodeId)> = partitions.iter().skip(worker).step_by(workers).copied().collect();
        if mine.is_empty() {
            mine.extend(partitions.get(worker % partitions.len().max(1)));
        }
        let mut links = BTreeMap::new();
        for (_, leader) in &mine {
            if !links.contains_key(leader) {
                links.insert(*leader, kafka.open(*leader)?);
            }
        }
        shares.push(Share { links, partitions: mine });
    }
    Ok(shares)
}

/// Learns the topic, and makes it when it is missing.
fn ensure_topic(ui: &Ui, kafka: &mut Kafka, topic: &str, partitions: i32) -> Result<(), Failure> {
    kafka.refresh(&[topic])?;
    let missing = kafka.cluster.topics.get(topic).is_none_or(|known| known.error == ErrorCode::UnknownTopicOrPartition);
    if missing {
        let wanted = CreatableTopic {
            name: topic.into(),
            num_partitions: partitions,
            replication_factor: -1,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![wanted], timeout_ms: kafka.timeout_ms(), validate_only: false };
        let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
        for result in &answer.read()?.topics {
            let code = ErrorCode::from_code(result.error_code);
            if !code.is_none() && code != ErrorCode::TopicAlreadyExists {
                return Err(Failure::answered(code, format!("topic {topic}"), result.error_message.as_deref()));
            }
        }
        ui.note(format!("topic {topic} made with {partitions} partition(s); `kq topic delete {topic}` removes it"));
        kafka.await_topics(&[topic])?;
    }
    kafka.require_topics(&[topic])?;
    // A broker that has just become leader may not know it yet: asking for offsets waits until it does.
    let known = kafka.cluster.topics.get(topic).map_or(Vec::new(), |topic| topic.partitions.clone());
    let keys: Vec<TopicPartition> = known.iter().map(|partition| (topic.to_string(), partition.index)).collect();
    kafka.list_offsets(&keys, LATEST).map(drop)
}

/// A record's value: bytes that compress about as badly as text.
fn payload(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"[(state >> 33) as usize % 64]
    };
    (0..size).map(|_| next()).collect()
}

fn far() -> Instant {
    Instant::now() + ANSWER_TIMEOUT
}
