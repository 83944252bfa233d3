//! Rows that need more than clients of the oracle's topic: moves of leaders and replicas, other topics, other groups.

use crate::chance::Chance;
use crate::fault::{Fault, Role};
use crate::history::History;
use crate::link::Link;
use crate::member;
use crate::reader::read_all;
use crate::rows::rounds;
use crate::stage::{BROKERS, HEAL_PATIENCE, PARTITIONS, Stage, until};
use crate::watcher::ask;
use crate::writer::{PRODUCE_VERSION, TOPIC};
use kq::api::alter_partition_reassignments::{
    AlterPartitionReassignments, AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use kq::api::delete_topics::{DeleteTopicState, DeleteTopics, DeleteTopicsRequest};
use kq::api::elect_leaders::{ElectLeaders, ElectLeadersRequest, TopicPartitions};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::client::{Cluster, Partition};
use kq::error::ErrorCode;
use kq::record::builder::Builder;
use kq::record::compress::Codec;
use kq::wire::Records;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
/// What a topic of many partitions may take until all are led again.
const WIDE_LIMIT: Duration = Duration::from_secs(10);
const WIDE_TOPICS: usize = 3;
const WIDE_PARTITIONS: i32 = 1000;

impl Stage {
    /// Asks for new replicas, and does not wait.
    pub fn reassign(&self, topic: &str, partition: i32, replicas: &[i32]) {
        let part = ReassignablePartition { partition_index: partition, replicas: Some(replicas.to_vec()) };
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: 10_000,
            topics: vec![ReassignableTopic { name: topic.into(), partitions: vec![part] }],
            ..Default::default()
        };
        match self.call::<AlterPartitionReassignments>(&request, 1) {
            Ok(answer) => {
                let code = answer.read().map_or(-1, |response| {
                    response.responses.first().map_or(response.error_code, |topic| topic.partitions[0].error_code)
                });
                if code != 0 {
                    self.history.overcome("reassignment", ErrorCode::from_code(code).name());
                }
            }
            Err(why) => self.history.overcome("reassignment", &why),
        }
    }

    /// Gives leadership to the first replica.
    fn elect(&self, topic: &str, partition: i32) {
        let parts = vec![TopicPartitions { topic: topic.into(), partitions: vec![partition] }];
        let request = ElectLeadersRequest { election_type: 0, topic_partitions: Some(parts), timeout_ms: 10_000 };
        if let Err(why) = self.call::<ElectLeaders>(&request, 2) {
            self.history.overcome("election", &why);
        }
    }

    fn delete(&self, topic: &str) {
        let state = DeleteTopicState { name: Some(topic.into()), ..Default::default() };
        let request = DeleteTopicsRequest { topics: vec![state], timeout_ms: 10_000, ..Default::default() };
        let gone = until(HEAL_PATIENCE, || {
            let Ok(answer) = self.call::<DeleteTopics>(&request, 6) else { return false };
            let code = answer.read().map_or(-1, |response| response.responses[0].error_code);
            matches!(ErrorCode::from_code(code), ErrorCode::None | ErrorCode::UnknownTopicOrPartition)
        });
        if !gone {
            self.history.wrong(format!("topic {topic} cannot be deleted"));
        }
    }

    /// The replicas of a partition as some broker knows them.
    pub fn replicas(&self, topic: &str, partition: i32) -> Vec<i32> {
        let found = (1..=BROKERS).find_map(|broker| self.view(broker, topic).ok());
        let found = found.and_then(|cluster| cluster.topics.get(topic)?.partitions.get(partition as usize).cloned());
        found.map(|part| part.replicas).unwrap_or_default()
    }
}

/// The next of the in-sync replicas becomes the leader, ten times a second (KIP-279).
pub fn transfers(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    let mut turn: Vec<i32> = (1..=BROKERS).collect();
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        turn.rotate_left(1);
        stage.reassign(TOPIC, partition, &turn);
        stage.elect(TOPIC, partition);
        stage.wait(Duration::from_millis(chance.below(120)));
        if round % 60 == 59 {
            stage.make(Fault::Kill(Role::Leader(partition)));
            stage.wait(Duration::from_millis(chance.below(1500)));
            stage.heal(10 * SECOND);
        }
        if round % 20 == 0 {
            stage.recover(5 * SECOND);
        }
    });
}

/// The coordinator dies, again and again; members come and go.
pub fn coordinators(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    let mut turn = 0;
    rounds(time, |round| {
        // Further members for a while, so that partitions move.
        let guests = 1 + chance.below(3) as usize;
        stage.invite(guests, Duration::from_millis(2000 + chance.below(4000)));
        if let Ok(link) = member::coordinator(member::GROUP, BROKERS, &mut turn) {
            let id = link.broker;
            stage.note(&format!("round {round}: broker {id} coordinates, and dies; {guests} guests"));
            stage.host(id).kill();
            stage.wait(Duration::from_millis(500 + chance.below(3000)));
        }
        stage.heal(5 * SECOND);
        stage.wait(Duration::from_millis(1000 + chance.below(3000)));
    });
}

/// Replicas move away and back while brokers die; a topic is deleted and made again under the same name.
pub fn moves(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    let sets: [&[i32]; 4] = [&[1, 2], &[2, 3], &[3, 1], &[2, 3, 1]];
    rounds(time, |round| {
        for partition in 0..PARTITIONS {
            stage.reassign(TOPIC, partition, sets[chance.below(4) as usize]);
        }
        let name = "again";
        let made = stage.create(name, 1);
        let text = format!("life {round}");
        if let Err(why) = made.and_then(|()| put(name, &text)) {
            stage.history.wrong(format!("topic {name}: {why}"));
        }
        match chance.below(4) {
            0 => stage.make(Fault::Kill(Role::Leader(0))),
            1 => stage.make(Fault::Isolate(Role::Follower(1))),
            2 => stage.make(Fault::Kill(Role::Controller)),
            _ => {}
        }
        stage.wait(Duration::from_millis(chance.below(2500)));
        stage.heal(15 * SECOND);
        match read_all(name, 0, BROKERS) {
            Ok(all) if all == [(0, text.clone().into_bytes())] => {}
            Ok(all) => stage.history.wrong(format!("topic {name} in its {text} has {all:?}")),
            Err(why) => stage.history.wrong(format!("topic {name} in its {text}: {why}")),
        }
        stage.delete(name);
        stage.note(&format!("round {round}: replicas of partition 0 are {:?}", stage.replicas(TOPIC, 0)));
    });
    for partition in 0..PARTITIONS {
        stage.reassign(TOPIC, partition, &[1, 2, 3]);
    }
}

/// One record, until it is acknowledged.
fn put(topic: &str, text: &str) -> Result<(), String> {
    let mut builder = Builder::new(Codec::None, None);
    builder.push(0, None, Some(text.as_bytes()), &[]);
    let batch = builder.finish();
    let (mut turn, mut why) = (0, String::new());
    let done = until(HEAL_PATIENCE, || {
        let outcome = crate::writer::leader(topic, 0, BROKERS, &mut turn, PATIENCE)
            .and_then(|leader| Link::open(leader, HEAL_PATIENCE))
            .and_then(|mut link| produce(&mut link, topic, -1, &batch));
        match outcome {
            Ok(()) => return true,
            Err(error) => why = error,
        }
        false
    });
    if done { Ok(()) } else { Err(why) }
}

fn produce(link: &mut Link, topic: &str, acks: i16, batch: &[u8]) -> Result<(), String> {
    let data = PartitionProduceData { index: 0, records: Some(Records::Bytes(batch.into())) };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topic_data: vec![topic] };
    let answer = link.call::<Produce>(&request, PRODUCE_VERSION)?;
    let response = answer.read().map_err(|error| error.to_string())?;
    match ErrorCode::from_code(response.responses[0].partition_responses[0].error_code) {
        ErrorCode::None => Ok(()),
        code => Err(code.to_string()),
    }
}

/// Topics are made while the quorum loses one voter, then two, and while one comes back with an empty disk: what was
/// confirmed is there.
pub fn quorum(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    let mut made = Vec::new();
    rounds(time, |round| {
        let churn = |stage: &Stage, made: &mut Vec<String>| {
            for _ in 0..5 {
                let name = format!("churn-{}", made.len());
                match stage.create(&name, 1) {
                    Ok(()) => made.push(name),
                    Err(why) => stage.history.wrong(why),
                }
            }
        };
        let controller = stage.controller();
        match round % 3 {
            0 => {
                stage.make(Fault::Kill(Role::Controller));
                churn(stage, &mut made);
            }
            1 => {
                for id in [controller, stage.other(controller)] {
                    stage.note(&format!("broker {id} dies"));
                    stage.host(id).kill();
                }
                stage.wait(Duration::from_millis(500 + chance.below(3000)));
            }
            _ => {
                stage.settle();
                let id = stage.other(controller);
                stage.note(&format!("broker {id} dies, and comes back with an empty disk"));
                stage.host(id).kill();
                stage.host(id).wipe();
                churn(stage, &mut made);
                if round % 2 == 0 {
                    // What is not there must not be counted on.
                    stage.start(id);
                    stage.wait(Duration::from_millis(50 + chance.below(400)));
                    stage.note(&format!("broker {controller} dies"));
                    stage.host(controller).kill();
                    stage.wait(Duration::from_millis(chance.below(3000)));
                }
            }
        }
        stage.heal(15 * SECOND);
        churn(stage, &mut made);
        stage.settle();
    });
    for broker in 1..=BROKERS {
        let lost: Vec<&String> = made.iter().filter(|name| !knows(stage, broker, name)).collect();
        if !lost.is_empty() {
            stage.history.wrong(format!("broker {broker} does not know topics that were confirmed: {lost:?}"));
        }
    }
    stage.note(&format!("{} topics made", made.len()));
}

fn knows(stage: &Stage, broker: i32, topic: &str) -> bool {
    until(5 * SECOND, || {
        let view = stage.view(broker, topic);
        view.is_ok_and(|cluster| cluster.topics.get(topic).is_some_and(|topic| topic.partitions.len() == 1))
    })
}

/// A follower that cannot keep up leaves the in-sync set once, and comes back once it can.
pub fn narrow(stage: &mut Stage, _: &mut Chance, time: Duration) {
    let topic = "bulk";
    if let Err(why) = stage.create(topic, 1) {
        return stage.history.wrong(why);
    }
    let leader = until_led(topic);
    let slow = stage.other(leader);
    stage.note(&format!("broker {leader} leads {topic}, broker {slow} hears 5 MB/s"));
    stage.host(slow).slow_down("40mbit");
    let (writing, over) = (AtomicBool::new(true), AtomicBool::new(false));
    let (history, hosts) = (stage.history.clone(), &mut stage.hosts);
    let (changes, sent) = std::thread::scope(|scope| {
        let bulk = scope.spawn(|| saturate(topic, &writing));
        let census = scope.spawn(|| census(topic, &history, &over));
        std::thread::sleep(time);
        writing.store(false, Ordering::Relaxed);
        hosts[slow as usize - 1].heal();
        let whole =
            |view: Cluster| view.topics.get(topic).is_some_and(|t| t.partitions.iter().all(|p| p.isr.len() == 3));
        until(HEAL_PATIENCE, || {
            std::thread::sleep(Duration::from_millis(200));
            Link::open(leader, PATIENCE).and_then(|mut link| ask(&mut link, topic)).is_ok_and(whole)
        });
        std::thread::sleep(SECOND);
        over.store(true, Ordering::Relaxed);
        (census.join().unwrap_or_default(), bulk.join().unwrap_or_default())
    });
    stage.note(&format!("{} MB written, in-sync sets {changes:?}", sent >> 20));
    // It leaves, and comes back: one more of each is chance, anything beyond is a swing.
    if changes.len() > 4 || changes.last().is_some_and(|isr| *isr < 3) {
        stage.history.wrong(format!("the in-sync set swings: {changes:?}"));
    }
}

/// How many are in sync, whenever that changes.
fn census(topic: &str, history: &History, over: &AtomicBool) -> Vec<usize> {
    let (mut changes, mut last) = (Vec::new(), 3);
    while !over.load(Ordering::Relaxed) {
        let view = (1..=BROKERS).find_map(|broker| ask(&mut Link::open(broker, PATIENCE).ok()?, topic).ok());
        let isr = view.and_then(|view| Some(view.topics.get(topic)?.partitions.first()?.isr.len()));
        if let Some(isr) = isr.filter(|isr| *isr != last) {
            eprintln!("  {:7.3} s  {isr} of {topic} in sync", history.clock());
            changes.push(isr);
            last = isr;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    changes
}

fn until_led(topic: &str) -> i32 {
    let (mut turn, mut found) = (0, 1);
    until(HEAL_PATIENCE, || {
        crate::writer::leader(topic, 0, BROKERS, &mut turn, PATIENCE).is_ok_and(|leader| {
            found = leader;
            true
        })
    });
    found
}

fn saturate(topic: &str, writing: &AtomicBool) -> usize {
    let mut builder = Builder::new(Codec::None, None);
    for _ in 0..8 {
        builder.push(0, None, Some(&[b'x'; 64 << 10]), &[]);
    }
    let batch = builder.finish();
    let (mut sent, mut turn) = (0, 0);
    while writing.load(Ordering::Relaxed) {
        let leader = crate::writer::leader(topic, 0, BROKERS, &mut turn, PATIENCE);
        let Ok(mut link) = leader.and_then(|leader| Link::open(leader, PATIENCE)) else { continue };
        while writing.load(Ordering::Relaxed) && produce(&mut link, topic, 1, &batch).is_ok() {
            sent += batch.len();
            // About twice what the slow link carries.
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    sent
}

/// Many partitions: all are led again soon after their broker's death, and in sync after its return.
pub fn wide(stage: &mut Stage, _: &mut Chance, time: Duration) {
    let names: Vec<String> = (0..WIDE_TOPICS).map(|index| format!("wide-{index}")).collect();
    for name in &names {
        let began = Instant::now();
        if let Err(why) = stage.create(name, WIDE_PARTITIONS) {
            return stage.history.wrong(why);
        }
        stage.note(&format!("{name} made in {:.1?}", began.elapsed()));
    }
    let all = |stage: &Stage, broker: i32, holds: &dyn Fn(&Partition) -> bool| {
        names.iter().all(|name| {
            stage.view(broker, name).is_ok_and(|view| {
                let parts = view.topics.get(name).map_or(&[][..], |topic| &topic.partitions);
                parts.len() == WIDE_PARTITIONS as usize && parts.iter().all(holds)
            })
        })
    };
    if !until(2 * HEAL_PATIENCE, || all(stage, 1, &|part| part.isr.len() == 3)) {
        return stage.history.wrong("3,000 partitions never were in sync");
    }
    stage.note("all in sync");
    rounds(time, |round| {
        let id = round as i32 % BROKERS + 1;
        let other = stage.other(id);
        stage.note(&format!("broker {id} dies"));
        stage.host(id).kill();
        let began = Instant::now();
        let led =
            until(2 * HEAL_PATIENCE, || all(stage, other, &|part| part.leader.is_some_and(|leader| leader != id)));
        let took = began.elapsed();
        stage.note(&format!("all led again after {took:.1?}"));
        if !led || took > WIDE_LIMIT {
            stage.history.wrong(format!("3,000 partitions were led again after {took:.1?}, at most {WIDE_LIMIT:?}"));
        }
        stage.recover(5 * SECOND);
        stage.heal(10 * SECOND);
        let began = Instant::now();
        if !until(2 * HEAL_PATIENCE, || all(stage, other, &|part| part.isr.len() == 3)) {
            stage.history.wrong("3,000 partitions did not come in sync again within a minute");
        }
        stage.note(&format!("all in sync again after {:.1?}", began.elapsed()));
    });
}
