//! The world: one node, its storage, its clients, a virtual clock, and what goes wrong. Everything that happens comes
//! from a queue of events, everything random from the seed.

mod groups;
mod lives;

pub use lives::{run, run_groups};

use crate::admin::Admin;
use crate::auditor::Auditor;
use crate::chance::Chance;
use crate::client::{Client, Cx, Topic};
use crate::consumer::Consumer;
use crate::member::Member;
use crate::oracle::{Cleanup, Oracle, Promise};
use crate::producer::Producer;
use crate::store::{Done, Job, Pending, Store};
use kq::api::produce::ProduceResponse;
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, parse_properties};
use kq::event::{Effect, Input, Peer};
use kq::log::memory::MemoryDisk;
use kq::node::{Node, NodeConfig};
use kq::types::{ConnId, Millis, Uuid};
use kq::wire::Chunk;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No run takes more events than this: beyond, something turns in circles.
const EVENTS_MAX: u64 = 200_000;
/// How long clients may take to finish once nothing goes wrong any more, in milliseconds.
const PATIENCE_MS: Millis = 20_000;
/// How often recovery points are written, in milliseconds.
const CHECKPOINT_MS: Millis = 60;

enum Someone {
    Producer(Producer),
    Consumer(Consumer),
    Admin(Admin),
    Member(Box<Member>),
    Auditor(Auditor),
}

impl Someone {
    fn client(&mut self) -> &mut dyn Client {
        match self {
            Someone::Producer(client) => client,
            Someone::Consumer(client) => client,
            Someone::Admin(client) => client,
            Someone::Member(client) => &mut **client,
            Someone::Auditor(client) => client,
        }
    }
}

#[derive(Default)]
struct Conn {
    id: u64,
    next_slot: u64,
    next_reply: u64,
    /// Replies that wait for earlier ones; `None` for requests that have no reply.
    ready: BTreeMap<u64, Option<Vec<u8>>>,
    /// Which slots are produce requests with acks=all.
    acks_all: BTreeMap<u64, ()>,
    to_node_at: Millis,
    to_client_at: Millis,
}

enum Event {
    Frame { client: usize, conn: u64, slot: u64, bytes: Vec<u8> },
    Reply { client: usize, conn: u64, bytes: Vec<u8> },
    Wake { client: usize, conn: u64 },
    Done(Done),
    Job(usize, Job),
    Checkpoint,
    Capacity(Option<u64>),
    Connect(usize),
    Gone(u64),
}

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Everything that clients were told, in order, mixed into a number.
    pub fingerprint: u64,
    /// Records acknowledged.
    pub acks: u64,
    /// Records read.
    pub reads: u64,
    /// Crashes.
    pub crashes: u64,
    /// Assignments that members were told.
    pub shares: u64,
    /// Offsets committed.
    pub commits: u64,
    /// The longest that a cluster took to work again once everything had healed, in milliseconds.
    pub slowest_ms: u64,
}

/// See the module.
pub struct World {
    chance: Chance,
    shape: Chance,
    now: Millis,
    node: Node,
    store: Option<Store>,
    disks: Vec<MemoryDisk>,
    events: BTreeMap<(Millis, u64), Event>,
    event_count: u64,
    clients: Vec<(Someone, Option<Conn>)>,
    topics: Vec<Topic>,
    oracle: Oracle,
    next_conn: u64,
    busy: bool,
    stopped: bool,
    /// The node was told that a directory is out of service.
    hurt: bool,
    /// Topics cannot be changed until the next start.
    metadata_hurt: bool,
    /// A log could not be opened.
    log_closed: bool,
    done_at: Millis,
    job_at: Vec<Millis>,
    pending: Vec<Pending>,
    summary: Summary,
    /// The broker's settings.
    settings: String,
    /// Members do nothing.
    silent: bool,
    /// Members do not commit.
    rests: bool,
    /// How many times slower than in most worlds members live.
    pace: Millis,
    /// How long a life may last, in milliseconds.
    life_ms: Millis,
}

/// How much a run prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Nothing.
    Nothing,
    /// Everything that happens.
    Story,
}

const SETTINGS: &str = "node.id=1\nauto.create.topics.enable=false\nlog.retention.check.interval.ms=50\n\
    metadata.log.max.record.bytes.between.snapshots=1000\n";

fn new_node(settings: &str, chance: &mut Chance) -> Node {
    let entries = parse_properties(settings).expect("properties");
    let (settings, _) = BrokerSettings::load(&entries).expect("settings");
    Node::new(NodeConfig {
        settings: Arc::new(settings),
        cluster_id: Uuid([7; 16]),
        endpoints: vec![Endpoint { host: "localhost".to_owned(), port: 9092 }],
        seed: [chance.bits(), chance.bits()],
    })
}

impl World {
    fn new(seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let shape = Chance::new(chance.bits());
        let disks: Vec<MemoryDisk> = (0..=chance.below(2)).map(|_| MemoryDisk::new()).collect();
        let mut topics = Vec::new();
        let mut clients = vec![(Someone::Admin(Admin::default()), None)];
        for index in 0..=chance.below(2) as usize {
            let promise = if chance.one_in(4) { Promise::PageCache } else { Promise::Disk };
            let cleanup = if chance.one_in(4) { Cleanup::Compact } else { Cleanup::Delete };
            let partitions = 1 + chance.below(2) as i32;
            topics.push(Topic { name: format!("topic-{index}"), id: None, partitions, replicas: 1, promise, cleanup });
            for partition in 0..partitions {
                for _ in 0..=chance.below(2) {
                    let id = clients.len();
                    let producer = match chance.below(5) {
                        0 => Producer::plain(id, index, partition, 0),
                        1 => Producer::plain(id, index, partition, 1),
                        2 => Producer::plain(id, index, partition, -1),
                        _ => Producer::idempotent(id, index, partition),
                    };
                    clients.push((Someone::Producer(producer), None));
                }
                clients.push((Someone::Consumer(Consumer::new(index, partition)), None));
            }
        }
        World::of(chance, shape, disks, topics, clients, SETTINGS.to_owned())
    }

    fn of(
        mut chance: Chance,
        shape: Chance,
        disks: Vec<MemoryDisk>,
        topics: Vec<Topic>,
        clients: Vec<(Someone, Option<Conn>)>,
        settings: String,
    ) -> World {
        let node = new_node(&settings, &mut chance);
        let job_at = vec![0; disks.len()];
        World {
            chance,
            shape,
            now: 1_000_000,
            node,
            store: None,
            disks,
            events: BTreeMap::new(),
            event_count: 0,
            clients,
            topics,
            oracle: Oracle::default(),
            next_conn: 0,
            busy: true,
            stopped: false,
            hurt: false,
            metadata_hurt: false,
            log_closed: false,
            done_at: 0,
            job_at,
            pending: Vec::new(),
            summary: Summary::default(),
            settings,
            silent: false,
            rests: false,
            pace: 1,
            life_ms: 250,
        }
    }

    fn connect(&mut self, client: usize) {
        self.next_conn += 1;
        self.clients[client].1 = Some(Conn { id: self.next_conn, ..Conn::default() });
        let at = self.now + self.chance.below(5);
        self.at(at, Event::Wake { client, conn: self.next_conn });
    }

    /// The node closes a connection: only acks=0 has no other way to learn of a failure.
    fn closed(&mut self, id: u64, reason: &str) {
        let found = self.clients.iter_mut().position(|(_, conn)| conn.as_ref().is_some_and(|conn| conn.id == id));
        let Some(client) = found else { return };
        let (someone, conn) = &mut self.clients[client];
        if !matches!(someone, Someone::Producer(producer) if producer.wants_no_reply()) {
            let name = someone.client().name();
            self.oracle.violated(format!("the connection of {name} was closed: {reason}"));
            return;
        }
        *conn = None;
        someone.client().disconnected();
        self.at(self.now, Event::Gone(id));
        let again = self.now + 1 + self.chance.below(20);
        self.at(again, Event::Connect(client));
    }

    fn is_frozen(&self) -> bool {
        self.disks.iter().any(MemoryDisk::is_frozen)
    }

    fn is_hurt_or_frozen(&self) -> bool {
        self.is_frozen() || self.store.as_ref().is_none_or(Store::is_hurt)
    }

    fn at(&mut self, time: Millis, event: Event) {
        self.event_count += 1;
        self.events.insert((time.max(self.now), self.event_count), event);
    }

    /// Everything that happens at the next moment; false when that is after `until`, or the disk stands still.
    fn pass(&mut self, until: Millis) -> bool {
        if self.is_frozen() {
            return false;
        }
        assert!(self.event_count < EVENTS_MAX, "turning in circles");
        let next = self.events.first_key_value().map(|((at, _), _)| *at);
        let deadline = self.node.deadline().map(|at| at.max(self.now));
        let Some(at) = next.into_iter().chain(deadline).min().filter(|at| *at <= until) else { return false };
        self.now = at;
        if deadline == Some(at) {
            self.event_count += 1;
            self.step(Input::Tick);
        }
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= at
        {
            let event = entry.remove();
            self.happen(event);
            if self.is_frozen() {
                return false;
            }
        }
        self.flush_appends();
        !self.is_frozen()
    }

    /// The pass's appends are written.
    fn flush_appends(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if let Some(store) = &mut self.store {
            store.append(self.now, pending);
        }
        self.after_step();
    }

    fn happen(&mut self, event: Event) {
        if let Event::Done(done) = &event {
            self.oracle.tell(|| format!("{} {done:?}", self.now));
            // A log that could not be opened, for want of space, stays closed until the next start.
            self.log_closed |= matches!(done, Done::Opened { result: Err(_), .. });
        }
        match event {
            Event::Frame { client, conn, slot, bytes } => {
                if self.clients[client].1.as_ref().is_some_and(|c| c.id == conn) {
                    let peer = Peer { listener: 0, host: "127.0.0.1".to_owned() };
                    self.step(Input::Frame { conn: ConnId(conn), slot, peer: &peer, bytes: &bytes });
                }
            }
            Event::Reply { client, conn, bytes } => self.call(client, conn, |client, cx| client.reply(cx, &bytes)),
            Event::Wake { client, conn } => self.call(client, conn, |client, cx| client.act(cx)),
            Event::Done(done) => {
                // Completions come in order: what was synced before is answered by now.
                self.hurt |= matches!(done, Done::DirFailed { .. });
                self.step(done.into_input())
            }
            Event::Job(dir, job) => {
                if let Some(store) = &mut self.store {
                    store.run(self.now, dir, job);
                }
                self.after_step();
            }
            Event::Checkpoint => {
                if let Some(store) = &mut self.store {
                    store.checkpoint();
                }
                self.after_step();
                self.at(self.now + CHECKPOINT_MS * self.pace, Event::Checkpoint);
            }
            Event::Connect(client) => self.connect(client),
            Event::Gone(conn) => self.step(Input::Disconnected { conn: ConnId(conn) }),
            Event::Capacity(bytes) => self.disks.iter().for_each(|disk| disk.set_capacity(bytes)),
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.node.step(self.now, input, &mut effects);
        self.perform(effects);
        // Small passes and large ones.
        if self.chance.one_in(3) {
            self.flush_appends();
        } else {
            self.after_step();
        }
    }

    fn perform(&mut self, effects: Vec<Effect<'_>>) {
        for effect in effects {
            let Some(store) = &mut self.store else { return };
            self.oracle.tell(|| format!("{}   {}", self.now, brief(&effect)));
            match store.perform(self.now, effect) {
                None => {}
                Some(Effect::Append { log, generation, base_offset, epoch, batch }) => {
                    let bytes = batch.into_owned();
                    self.pending.push(Pending { log, generation, base_offset, epoch, bytes });
                }
                Some(Effect::Reply { conn, slot, chunks, .. }) => self.replied(conn.0, slot, chunks),
                Some(Effect::Stopped) => self.stopped = true,
                Some(Effect::Fatal { .. }) => self.metadata_hurt = true,
                Some(Effect::Note { message, .. }) => {
                    self.metadata_hurt |= message.starts_with("the metadata log is out of service");
                }
                Some(Effect::Close { conn, reason }) => self.closed(conn.0, &reason),
                Some(_) => {}
            }
        }
    }

    /// Sends completions and jobs on their ways. Answers come at once: the ranges in them are good for this pass.
    fn after_step(&mut self) {
        loop {
            let Some(store) = &mut self.store else { return };
            let (done, jobs) = (std::mem::take(&mut store.done), std::mem::take(&mut store.jobs));
            if done.is_empty() && jobs.is_empty() {
                return;
            }
            for (dir, job) in jobs {
                self.job_at[dir] = self.job_at[dir].max(self.now + self.chance.below(6));
                self.at(self.job_at[dir], Event::Job(dir, job));
            }
            for done in done {
                if let Done::Answer { token, answer } = done {
                    let mut effects = Vec::new();
                    self.node.step(self.now, Input::Answer { token, answer }, &mut effects);
                    self.perform(effects);
                } else {
                    self.done_at = self.done_at.max(self.now + self.chance.below(4));
                    self.at(self.done_at, Event::Done(done));
                }
            }
        }
    }

    /// A reply leaves when all earlier ones of its connection have left.
    fn replied(&mut self, id: u64, slot: u64, chunks: Vec<Chunk>) {
        let bytes = chunks.iter().map(|chunk| match (chunk, &mut self.store) {
            (Chunk::Bytes(bytes), _) => bytes.clone(),
            (Chunk::Range(range), Some(store)) => store.read(range),
            (Chunk::Range(_), None) => Vec::new(),
        });
        let bytes: Vec<u8> = bytes.collect::<Vec<_>>().concat();
        let found = self.clients.iter().position(|(_, conn)| conn.as_ref().is_some_and(|conn| conn.id == id));
        let Some(client) = found else { return };
        let delay = self.chance.below(4);
        let hurt = self.hurt && self.disks.len() == 1;
        let Some(conn) = &mut self.clients[client].1 else { return };
        if hurt && conn.acks_all.remove(&slot).is_some() && !is_refusal(&bytes) {
            self.oracle.violated("acks=all was answered after a failed sync".to_owned());
        }
        let before = conn.ready.insert(slot, Some(bytes).filter(|bytes| !bytes.is_empty()));
        assert!(before.is_none() && slot >= conn.next_reply, "two replies to one request");
        let mut leaving = Vec::new();
        while let Some(reply) = conn.ready.remove(&conn.next_reply) {
            conn.next_reply += 1;
            conn.to_client_at = conn.to_client_at.max(self.now + delay);
            leaving.extend(reply.map(|bytes| (conn.to_client_at, bytes)));
        }
        for (at, bytes) in leaving {
            for byte in &bytes {
                self.summary.fingerprint = (self.summary.fingerprint ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
            self.at(at, Event::Reply { client, conn: id, bytes });
        }
    }

    fn call(&mut self, client: usize, id: u64, act: impl FnOnce(&mut dyn Client, &mut Cx<'_>)) {
        let (someone, conn) = &mut self.clients[client];
        let Some(conn) = conn.as_mut().filter(|conn| conn.id == id) else { return };
        if self.silent && matches!(someone, Someone::Member(_)) {
            return;
        }
        let mut cx = Cx {
            now: self.now,
            chance: &mut self.chance,
            oracle: &mut self.oracle,
            topics: &mut self.topics,
            busy: self.busy,
            rests: self.rests,
            pace: self.pace,
            frames: Vec::new(),
            wake_in: None,
            hang_up: None,
            elsewhere: false,
            deposed: false,
        };
        act(someone.client(), &mut cx);
        let (frames, wake_in, hang_up) = (cx.frames, cx.wake_in, cx.hang_up);
        if let Some(again_in) = hang_up {
            someone.client().disconnected();
            self.clients[client].1 = None;
            self.at(self.now, Event::Gone(id));
            self.at(self.now + again_in, Event::Connect(client));
            return;
        }
        let mut leaving = Vec::new();
        for bytes in frames {
            conn.to_node_at = conn.to_node_at.max(self.now + self.chance.below(4));
            if is_produce_to_all(&bytes) {
                conn.acks_all.insert(conn.next_slot, ());
            }
            leaving.push((conn.to_node_at, conn.next_slot, bytes));
            conn.next_slot += 1;
        }
        for (at, slot, bytes) in leaving {
            self.at(at, Event::Frame { client, conn: id, slot, bytes });
        }
        if let Some(wake_in) = wake_in {
            self.at(self.now + wake_in.max(1), Event::Wake { client, conn: id });
        }
    }
}

/// An effect on one line.
pub fn brief(effect: &Effect<'_>) -> String {
    let mut text = match effect {
        Effect::Append { log, base_offset, .. } => format!("Append {log:?} at {base_offset}"),
        Effect::Reply { conn, slot, .. } => format!("Reply {conn:?} {slot}"),
        Effect::Send { node, lane, frame } => format!("Send {lane:?} to {node}: key {:?}", &frame[..2]),
        other => format!("{other:?}"),
    };
    text.truncate(160);
    text
}

/// Whether a frame is a produce request with acks=all: header (flexible, client id of three letters), no transactional
/// id, acks.
fn is_produce_to_all(frame: &[u8]) -> bool {
    frame[..2] == [0, 0] && frame[15..17] == [0xff, 0xff]
}

fn is_refusal(reply: &[u8]) -> bool {
    let response: ProduceResponse<'_> = crate::client::read(reply, 13);
    response.responses.iter().flat_map(|topic| &topic.partition_responses).all(|part| part.error_code != 0)
}
