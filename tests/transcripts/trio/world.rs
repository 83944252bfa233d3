//! Three nodes in memory: lanes and disks that lose nothing and take no time. Only what the nodes wait for takes time.

use super::disk::Disk;
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, parse_properties};
use kq::event::*;
use kq::node::{Node, NodeConfig};
use kq::types::*;
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Message, Reader, Writer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The listener for clients and brokers, and the one for controllers.
const PLAINTEXT: usize = 0;
const CONTROLLER: usize = 1;

/// What is on its way.
enum News {
    Frame { to: NodeId, conn: ConnId, slot: u64, listener: usize, bytes: Vec<u8> },
    Gone { to: NodeId, conn: ConnId },
    Reply { to: NodeId, node: NodeId, lane: Lane, bytes: Vec<u8> },
    Lost { to: NodeId, node: NodeId, lane: Lane },
}

/// A connection between two nodes, or of a client.
#[derive(Default)]
struct Line {
    next_slot: u64,
    /// Replies by slot, which leave in this order.
    ready: BTreeMap<u64, Vec<u8>>,
    answered: u64,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Client,
    Node(NodeId, Lane),
}

#[derive(Default)]
struct Place {
    node: Option<Node>,
    disk: Disk,
    stopped: bool,
    lives: u64,
    peers: BTreeMap<(NodeId, Lane), ()>,
}

pub struct World {
    pub now: Millis,
    places: BTreeMap<NodeId, Place>,
    news: VecDeque<News>,
    lines: BTreeMap<ConnId, (Line, NodeId, Caller)>,
    conns: u64,
    replies: VecDeque<(ConnId, Vec<u8>)>,
    pub notes: Vec<String>,
}

impl World {
    pub fn new(ids: &[NodeId]) -> World {
        let places = ids.iter().map(|id| (*id, Place::default())).collect();
        let (news, replies) = (VecDeque::new(), VecDeque::new());
        let mut world =
            World { now: 1_000, places, news, lines: BTreeMap::new(), conns: 0, replies, notes: Vec::new() };
        ids.iter().for_each(|id| world.start(*id));
        world
    }

    pub fn start(&mut self, id: NodeId) {
        let voters: Vec<String> = self.places.keys().map(|id| format!("{id}@n{id}:9093")).collect();
        let voters =
            if voters.len() > 1 { format!("controller.quorum.voters={}\n", voters.join(",")) } else { String::new() };
        let text = format!(
            "node.id={id}\n{voters}listeners=PLAINTEXT://n{id}:9092,CONTROLLER://n{id}:9093\n\
             auto.create.topics.enable=false\noffsets.topic.num.partitions=3\n\
             group.initial.rebalance.delay.ms=0\nmin.insync.replicas={}\n",
            if self.places.len() > 1 { 2 } else { 1 }
        );
        let entries = parse_properties(&text).expect("properties");
        let (settings, _) = BrokerSettings::load(&entries).expect("settings");
        let place = self.places.get_mut(&id).expect("a node of this world");
        place.lives += 1;
        place.stopped = false;
        let mut node = Node::new(NodeConfig {
            settings: Arc::new(settings),
            cluster_id: Uuid([1; 16]),
            endpoints: vec![Endpoint { host: format!("n{id}"), port: 9092 }],
            seed: [id as u64, place.lives],
        });
        node.set_log_dirs(vec![Uuid([id as u8; 16])]);
        let mut effects = Vec::new();
        node.start(&mut effects);
        place.node = Some(node);
        self.perform(id, effects);
    }

    /// The process is gone at once, with what was not on disk.
    pub fn kill(&mut self, id: NodeId) {
        let place = self.places.get_mut(&id).expect("a node of this world");
        place.node = None;
        place.disk.crash();
        self.cut_off(id);
    }

    fn cut_off(&mut self, id: NodeId) {
        self.news.retain(|news| match news {
            News::Frame { to, .. } | News::Gone { to, .. } | News::Reply { to, .. } | News::Lost { to, .. } => {
                *to != id
            }
        });
        let conns: Vec<ConnId> = self.lines.keys().copied().collect();
        for conn in conns {
            let (_, at, caller) = &self.lines[&conn];
            match (*at, *caller) {
                (at, Caller::Node(from, lane)) if at == id => {
                    self.news.push_back(News::Lost { to: from, node: id, lane });
                    self.lines.remove(&conn);
                }
                (at, Caller::Node(from, _)) if from == id => {
                    self.news.push_back(News::Gone { to: at, conn });
                    self.lines.remove(&conn);
                }
                (at, Caller::Client) if at == id => {
                    self.lines.remove(&conn);
                }
                _ => {}
            }
        }
    }

    pub fn stop(&mut self, id: NodeId) {
        self.step(id, Input::Stop);
        assert!(self.run(10_000, |world| world.places[&id].stopped), "{id} does not stop: {:#?}", self.notes);
        let place = self.places.get_mut(&id).expect("a node of this world");
        place.node = None;
        place.disk.close();
        self.cut_off(id);
    }

    pub fn is_ready(&self, id: NodeId) -> bool {
        self.places[&id].node.as_ref().is_some_and(Node::is_ready)
    }

    pub fn parked(&self, id: NodeId) -> usize {
        self.places[&id].node.as_ref().map_or(0, Node::parked)
    }

    /// A client's connection to a node.
    pub fn connect(&mut self, id: NodeId) -> ConnId {
        self.line(id, Caller::Client)
    }

    fn line(&mut self, to: NodeId, caller: Caller) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns);
        self.lines.insert(conn, (Line::default(), to, caller));
        conn
    }

    /// Sends a request and waits for its reply; `read` takes its body.
    pub fn ask<'m, M: Message<'m>, T>(
        &mut self,
        conn: ConnId,
        version: i16,
        request: &M,
        read: impl FnOnce(&[u8]) -> T,
    ) -> T {
        self.send(conn, version, request);
        self.reply(conn, M::KEY, version >= M::FLEXIBLE_FROM, read)
    }

    pub fn send<'m, M: Message<'m>>(&mut self, conn: ConnId, version: i16, request: &M) {
        let header =
            RequestHeader { api_key: M::KEY, api_version: version, correlation_id: 7, client_id: Some("c".into()) };
        let mut writer = Writer::new();
        header.encode(&mut writer, version >= M::FLEXIBLE_FROM);
        request.write(&mut writer, version);
        let (line, to, _) = self.lines.get_mut(&conn).expect("an open connection");
        let (slot, to) = (line.next_slot, *to);
        line.next_slot += 1;
        self.news.push_back(News::Frame { to, conn, slot, listener: PLAINTEXT, bytes: writer.into_bytes() });
    }

    pub fn reply<T>(&mut self, conn: ConnId, key: i16, flexible: bool, read: impl FnOnce(&[u8]) -> T) -> T {
        let came = self.run(60_000, |world| world.replies.iter().any(|(to, _)| *to == conn));
        assert!(came, "no reply to request {key}: {:#?}", self.notes);
        let at = self.replies.iter().position(|(to, _)| *to == conn).expect("it is there");
        let (_, bytes) = self.replies.remove(at).expect("it is there");
        let mut reader = Reader::new(&bytes);
        assert_eq!(decode_response(&mut reader, key, flexible), Ok(7));
        read(&bytes[reader.position()..])
    }

    /// Lets things happen until `done`, for so many milliseconds at most.
    pub fn run(&mut self, ms: Millis, done: impl Fn(&World) -> bool) -> bool {
        let until = self.now + ms;
        loop {
            let mut steps = 0;
            while let Some(news) = self.news.pop_front() {
                self.deliver(news);
                steps += 1;
                assert!(steps < 200_000, "it never ends: {:#?}", self.notes);
            }
            if done(self) {
                return true;
            }
            if self.now >= until {
                return false;
            }
            let deadlines = self.places.values().filter_map(|place| place.node.as_ref()?.deadline());
            self.now = deadlines.min().unwrap_or(until).clamp(self.now + 1, until);
            let ids: Vec<NodeId> = self.places.keys().copied().collect();
            for id in ids {
                let due = self.places[&id].node.as_ref().and_then(Node::deadline).is_some_and(|at| at <= self.now);
                if due {
                    self.step(id, Input::Tick);
                }
            }
        }
    }

    fn deliver(&mut self, news: News) {
        match news {
            News::Frame { to, conn, slot, listener, bytes } => {
                let peer = Peer { listener, host: "h".to_owned() };
                self.step(to, Input::Frame { conn, slot, peer: &peer, bytes: &bytes });
            }
            News::Gone { to, conn } => self.step(to, Input::Disconnected { conn }),
            News::Reply { to, node, lane, bytes } => self.step(to, Input::PeerReply { node, lane, bytes: &bytes }),
            News::Lost { to, node, lane } => self.step(to, Input::PeerLost { node, lane }),
        }
    }

    fn step(&mut self, id: NodeId, input: Input<'_>) {
        let mut effects = Vec::new();
        let Some(node) = self.places.get_mut(&id).and_then(|place| place.node.as_mut()) else { return };
        node.step(self.now, input, &mut effects);
        self.perform(id, effects);
    }

    fn perform(&mut self, id: NodeId, effects: Vec<Effect<'_>>) {
        for effect in effects {
            let place = self.places.get_mut(&id).expect("a node of this world");
            let Some(effect) = place.disk.perform(effect) else { continue };
            match effect {
                Effect::Reply { conn, slot, chunks, .. } => {
                    let bytes = place.disk.bytes_of(&chunks);
                    self.answer(id, conn, slot, bytes);
                }
                Effect::Close { conn, reason } => self.close(id, conn, &reason),
                Effect::Peer { node, lane, address: Some((host, _)) } => {
                    assert_eq!(host, format!("n{node}"));
                    place.peers.insert((node, lane), ());
                }
                Effect::Peer { node, lane, address: None } => {
                    place.peers.remove(&(node, lane));
                    self.hang_up(id, node, lane);
                }
                Effect::Send { node, lane, frame } => self.send_to_node(id, node, lane, frame),
                Effect::Note { level, message } => self.notes.push(format!("{} {id} {level:?}: {message}", self.now)),
                Effect::Fatal { reason } => panic!("{id}: {reason}"),
                Effect::Stopped => place.stopped = true,
                _ => {}
            }
        }
        // Completions come at once, one after the other.
        while let Some(done) = self.places.get_mut(&id).and_then(|place| place.disk.next_completion()) {
            self.step(id, done);
        }
    }

    fn send_to_node(&mut self, from: NodeId, node: NodeId, lane: Lane, bytes: Vec<u8>) {
        assert!(self.places[&from].peers.contains_key(&(node, lane)), "{from} was told nothing of {node} {lane:?}");
        if self.places[&node].node.is_none() {
            return self.news.push_back(News::Lost { to: from, node, lane });
        }
        let caller = Caller::Node(from, lane);
        let known = self.lines.iter().find(|(_, (_, to, by))| *to == node && *by == caller).map(|(conn, _)| *conn);
        let conn = known.unwrap_or_else(|| self.line(node, caller));
        let (line, ..) = self.lines.get_mut(&conn).expect("an open connection");
        let slot = line.next_slot;
        line.next_slot += 1;
        let listener = if lane == Lane::Fetch { PLAINTEXT } else { CONTROLLER };
        self.news.push_back(News::Frame { to: node, conn, slot, listener, bytes });
    }

    fn answer(&mut self, at: NodeId, conn: ConnId, slot: u64, bytes: Vec<u8>) {
        let Some((line, _, caller)) = self.lines.get_mut(&conn) else { return };
        line.ready.insert(slot, bytes);
        while let Some(bytes) = line.ready.remove(&line.answered) {
            line.answered += 1;
            match *caller {
                _ if bytes.is_empty() => {}
                Caller::Client => self.replies.push_back((conn, bytes)),
                Caller::Node(from, lane) => self.news.push_back(News::Reply { to: from, node: at, lane, bytes }),
            }
        }
    }

    fn close(&mut self, at: NodeId, conn: ConnId, reason: &str) {
        self.notes.push(format!("{} {at} closes {conn:?}: {reason}", self.now));
        if let Some((_, _, Caller::Node(from, lane))) = self.lines.remove(&conn) {
            self.news.push_back(News::Lost { to: from, node: at, lane });
        }
        self.news.push_back(News::Gone { to: at, conn });
    }

    fn hang_up(&mut self, from: NodeId, node: NodeId, lane: Lane) {
        let caller = Caller::Node(from, lane);
        let known = self.lines.iter().find(|(_, (_, to, by))| *to == node && *by == caller).map(|(conn, _)| *conn);
        if let Some(conn) = known {
            self.lines.remove(&conn);
            self.news.push_back(News::Gone { to: node, conn });
        }
    }
}
