//! A cluster: three or five nodes, each with storage, a clock and a fate of its own; a network between them that delays,
//! breaks and cuts; clients that look for leaders; and what goes wrong. Everything that happens comes from a queue of
//! events, everything random from the seed.

mod committer;
mod ensemble;
mod host;
mod net;
mod observer;
mod seat;
mod trouble;
mod verdict;
mod witness;

use crate::admin::Admin;
use crate::chance::Chance;
use crate::client::Topic;
use crate::consumer::Consumer;
use crate::oracle::{Cleanup, Oracle, Promise};
use crate::producer::Producer;
use crate::store::{Done, Job};
use crate::world::{Summary, Telling};
use committer::Committer;
use ensemble::Keeper;
use host::{Ending, Host};
use kq::event::{Ask, Heard, Input};
use kq::types::{LogId, Millis, Offset};
use net::{Conn, Parcel, Roads, Way};
use observer::Observer;
use seat::{Seat, Someone};
use std::collections::BTreeMap;
use trouble::Cut;
use witness::Witness;

/// No run takes more events than this: beyond, something turns in circles.
const EVENTS_MAX: u64 = 1_000_000;
/// No node has to be called more often at one moment.
const TICKS_MAX: u64 = 100;
/// Places from which clients come, so that some of them can be cut off together with a node.
const CLIENT_ROOMS: usize = 2;

/// One cluster in so many has its metadata in a ZooKeeper ensemble.
const ENSEMBLE_ONE_IN: u64 = 3;

/// When a run begins: no clock of a node shows less than nothing.
const BEGINNING: Millis = 1_000_000_000;

enum Event {
    Arrive { conn: u64, way: Way, parcel: Parcel },
    Release { conn: u64, way: Way },
    Stuck { conn: u64, since: Millis },
    Wake { seat: usize, conn: u64 },
    Impatient { seat: usize, conn: u64, asked: u64 },
    Seek { seat: usize },
    Done { host: usize, life: u64, done: Done },
    Job { host: usize, life: u64, dir: usize, job: Job },
    Checkpoint { host: usize, life: u64 },
    Retain { host: usize, life: u64, log: LogId, generation: u32, upto: Offset },
    Gone { host: usize, life: u64, conn: u64 },
    Start { host: usize },
    StopLate { host: usize, life: u64 },
    Trouble,
    Strike { host: usize, ending: Ending },
    Heal { cut: u64 },
    Line { host: usize, life: u64, number: u64 },
    Ask { host: usize, number: u64, ask: Ask },
    Heard { host: usize, life: u64, number: u64, heard: Heard },
    Expiry { session: i64 },
}

/// See the module.
pub struct Cluster {
    chance: Chance,
    shape: Chance,
    now: Millis,
    events: BTreeMap<(Millis, u64), Event>,
    event_count: u64,
    /// When a node was called last because it wanted to be, and how often at that moment.
    ticked_at: Millis,
    ticks: u64,
    hosts: Vec<Host>,
    conns: BTreeMap<u64, Conn>,
    next_conn: u64,
    roads: Roads,
    /// The ZooKeeper ensemble that holds the metadata, if one does.
    keeper: Option<Keeper>,
    cuts: BTreeMap<u64, Cut>,
    /// One omen in so many comes true; 0 is none.
    omens: i64,
    next_omen_at: Millis,
    /// When a disk was lost last.
    lost_disk_at: Millis,
    seats: Vec<Seat>,
    topics: Vec<Topic>,
    oracle: Oracle,
    witness: Witness,
    /// Producers, committers and the administrator begin something new.
    busy: bool,
    /// Nothing goes wrong any more, and no topic is deleted.
    calm: bool,
    /// Settings that all nodes have.
    tuning: String,
    summary: Summary,
}

/// Lives through one seed.
///
/// # Errors
/// What was violated.
pub fn run(seed: u64, telling: Telling) -> Result<Summary, String> {
    let mut cluster = Cluster::new(seed);
    cluster.oracle.tells = telling == Telling::Story;
    cluster.live();
    cluster.oracle.tell(|| format!("{} the end, after {} events", cluster.now, cluster.event_count));
    match cluster.oracle.violation.take() {
        Some(what) => Err(what),
        None => Ok(Summary {
            acks: cluster.oracle.acks,
            reads: cluster.oracle.reads,
            commits: cluster.oracle.commits,
            ..cluster.summary
        }),
    }
}

/// Timeouts so short that much happens in a short life.
fn tuning(chance: &mut Chance) -> String {
    let mut text = String::new();
    let mut set = |name: &str, value: i64| text.push_str(&format!("{name}={value}\n"));
    set("log.retention.check.interval.ms", 50);
    set("min.insync.replicas", 2);
    set("offsets.topic.replication.factor", 3);
    set("offsets.topic.num.partitions", 1 + chance.below(2));
    let heartbeat_ms = 10 + chance.below(20);
    set("broker.heartbeat.interval.ms", heartbeat_ms);
    set("broker.session.timeout.ms", heartbeat_ms * (3 + chance.below(6)));
    let election_ms = 40 + chance.below(80);
    set("controller.quorum.election.timeout.ms", election_ms);
    set("controller.quorum.fetch.timeout.ms", election_ms * 2);
    set("controller.quorum.request.timeout.ms", 100);
    set("replica.lag.time.max.ms", 40 + chance.below(200));
    set("replica.fetch.wait.max.ms", 1 + chance.below(30));
    set("replica.fetch.backoff.ms", 1 + chance.below(20));
    set("replica.high.watermark.checkpoint.interval.ms", 30 + chance.below(100));
    // Clocks are hours apart.
    set("log.message.timestamp.after.max.ms", i64::MAX);
    text.push_str("auto.create.topics.enable=false\n");
    text
}

impl Cluster {
    fn new(seed: u64) -> Cluster {
        let mut chance = Chance::new(seed);
        let shape = Chance::new(chance.bits());
        let size = if chance.one_in(4) { 5 } else { 3 };
        let hosts: Vec<Host> = (0..size).map(|_| Host::new(&mut chance)).collect();
        let mut topics = Vec::new();
        let mut people = vec![Someone::Admin(Admin::of_cluster()), Someone::Observer(Observer::default())];
        people.extend((0..=chance.below(2)).map(|id| Someone::Committer(Committer::new(id))));
        for index in 0..=chance.below(2) as usize {
            let cleanup = if chance.one_in(6) { Cleanup::Compact } else { Cleanup::Delete };
            let partitions = 1 + chance.below(2) as i32;
            let name = format!("topic-{index}");
            topics.push(Topic { name, id: None, partitions, replicas: 3, promise: Promise::Disk, cleanup });
            for partition in 0..partitions {
                for _ in 0..=chance.below(2) {
                    let id = people.len();
                    people.push(Someone::Producer(match chance.below(5) {
                        0 => Producer::plain(id, index, partition, 1),
                        1 => Producer::plain(id, index, partition, -1),
                        _ => Producer::idempotent(id, index, partition),
                    }));
                }
                people.push(Someone::Consumer(Consumer::roaming(index, partition)));
            }
        }
        let compacted = topics.iter().filter(|topic: &&Topic| topic.cleanup == Cleanup::Compact);
        let compacted = compacted.map(|topic| topic.name.clone()).collect();
        let keeper = (seed % ENSEMBLE_ONE_IN == 2).then(|| Keeper::new(size, 60 + chance.below(140)));
        let mut room = || size + chance.below(CLIENT_ROOMS as i64) as usize;
        let seats: Vec<Seat> = people.into_iter().map(|someone| Seat::new(someone, room())).collect();
        Cluster {
            tuning: tuning(&mut chance),
            omens: chance.below(5),
            chance,
            shape,
            now: BEGINNING,
            events: BTreeMap::new(),
            event_count: 0,
            ticked_at: 0,
            ticks: 0,
            hosts,
            conns: BTreeMap::new(),
            next_conn: 0,
            roads: Roads::new(size + CLIENT_ROOMS + 1),
            keeper,
            cuts: BTreeMap::new(),
            next_omen_at: 0,
            lost_disk_at: 0,
            seats,
            topics,
            oracle: Oracle::of_replicas(),
            witness: Witness::new(compacted),
            busy: true,
            calm: false,
            summary: Summary::default(),
        }
    }

    /// From the first start to the verdict.
    /// How many partitions offsets have.
    fn offsets_partitions(&self) -> i32 {
        let told = self.tuning.lines().find_map(|line| line.strip_prefix("offsets.topic.num.partitions="));
        told.and_then(|count| count.parse().ok()).expect("it is told")
    }

    fn live(&mut self) {
        for host in 0..self.hosts.len() {
            let at = self.now + self.chance.below(30);
            self.at(at, Event::Start { host });
        }
        for seat in 0..self.seats.len() {
            let at = self.now + self.chance.below(60);
            self.at(at, Event::Seek { seat });
        }
        let first = self.now + self.chance.below(300);
        self.at(first, Event::Trouble);
        let until = first + 200 + self.chance.below(1500);
        self.advance(until);
        self.finish();
    }

    fn at(&mut self, time: Millis, event: Event) {
        self.event_count += 1;
        self.events.insert((time.max(self.now), self.event_count), event);
    }

    /// Lets time pass until `until`, or until something is violated.
    fn advance(&mut self, until: Millis) {
        while self.oracle.violation.is_none() && self.pass(until) {}
        self.now = self.now.max(until);
    }

    /// Lets time pass until `done`, for `limit_ms` at most; whether it came to that.
    fn advance_until(&mut self, limit_ms: Millis, done: impl Fn(&mut Cluster) -> bool) -> bool {
        let limit = self.now + limit_ms;
        while self.oracle.violation.is_none() && self.now < limit {
            if done(self) {
                return true;
            }
            self.advance((self.now + 20).min(limit));
        }
        false
    }

    /// Everything that happens at the next moment; false when that is after `until`.
    fn pass(&mut self, until: Millis) -> bool {
        assert!(self.event_count < EVENTS_MAX, "turning in circles");
        let next = self.events.first_key_value().map(|((at, _), _)| *at);
        let ticks = self.hosts.iter().enumerate().filter_map(|(h, host)| Some((host.deadline(self.now)?, h)));
        let tick = ticks.min();
        let Some(at) = next.into_iter().chain(tick.map(|tick| tick.0)).min().filter(|at| *at <= until) else {
            return false;
        };
        self.now = at;
        if let Some((_, host)) = tick.filter(|tick| tick.0 == at) {
            self.ticks = if at == self.ticked_at { self.ticks + 1 } else { 0 };
            self.ticked_at = at;
            if self.ticks > TICKS_MAX {
                self.oracle.violated(format!("n{} wants to be called again and again", host + 1));
                return false;
            }
            self.step(host, Input::Tick);
        }
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= at
        {
            let (key, event) = entry.remove_entry();
            match self.sleeps_until(&event) {
                Some(later) if later > at => {
                    self.events.insert((later, key.1), event);
                }
                _ => self.happen(event),
            }
        }
        for host in 0..self.hosts.len() {
            self.flush(host);
        }
        true
    }

    /// Until when the node that an event belongs to does nothing.
    fn sleeps_until(&self, event: &Event) -> Option<Millis> {
        let host = match event {
            Event::Arrive { conn, way, .. } | Event::Release { conn, way } => self.conns.get(conn)?.host_at(*way)?,
            Event::Done { host, .. }
            | Event::Job { host, .. }
            | Event::Checkpoint { host, .. }
            | Event::Retain { host, .. }
            | Event::Gone { host, .. }
            | Event::Line { host, .. }
            | Event::Heard { host, .. } => *host,
            _ => return None,
        };
        Some(self.hosts[host].paused_until)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { conn, way, parcel } => self.arrive(conn, way, parcel),
            Event::Release { conn, way } => self.release(conn, way),
            Event::Stuck { conn, since } => self.stuck(conn, since),
            Event::Wake { seat, conn } => self.wake(seat, conn),
            Event::Impatient { seat, conn, asked } => self.impatient(seat, conn, asked),
            Event::Seek { seat } => self.seek(seat),
            Event::Done { host, life, done } => self.done(host, life, done),
            Event::Job { host, life, dir, job } => self.job(host, life, dir, job),
            Event::Checkpoint { host, life } => self.checkpoint(host, life),
            Event::Retain { host, life, log, generation, upto } => self.retain(host, life, log, generation, upto),
            Event::Gone { host, life, conn } => self.gone(host, life, conn),
            Event::Start { host } => self.start(host),
            Event::StopLate { host, life } => self.stop_late(host, life),
            Event::Trouble => self.trouble(),
            Event::Strike { host, ending } => self.strike(host, ending),
            Event::Heal { cut } => self.heal(cut),
            Event::Line { host, life, number } => self.line(host, life, number),
            Event::Ask { host, number, ask } => self.asked_keeper(host, number, ask),
            Event::Heard { host, life, number, heard } => self.hear_keeper(host, life, number, heard),
            Event::Expiry { session } => self.expire_if_silent(session),
        }
    }
}
