//! The network: connections of clients and between nodes, each with two pipes that keep their order. A road that is
//! blocked holds bytes back; they arrive once it is free, or the connection breaks first, as TCP does it.

use super::host::{CONTROLLER_PORT, DATA_PORT, Ending};
use super::seat::Someone;
use super::{Cluster, Event};
use kq::event::{Input, Lane, Peer};
use kq::types::{ConnId, Millis, NodeId};
use kq::wire::Chunk;
use std::collections::{BTreeMap, VecDeque};

/// A connection whose bytes are not acknowledged breaks after this, in milliseconds, and up to as much again.
const STUCK_MS: Millis = 60;
/// How late one end may learn that the other is gone, when nothing tells it, in milliseconds.
const SILENCE_MS_MAX: Millis = 600;
/// A node makes a connection anew no sooner than this after it broke, in milliseconds.
const AGAIN_MS: Millis = 10;

/// Who made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Near {
    /// A client.
    Seat(usize),
    /// A node, to another one.
    Lane(usize, NodeId, Lane),
}

/// Which pipe of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the node that was connected to.
    There,
    /// To who made the connection.
    Back,
}

/// What goes through a pipe.
pub enum Parcel {
    /// The connection is to be made.
    Syn,
    /// A frame.
    Frame(Vec<u8>),
    /// The connection is over.
    Fin,
}

/// A connection.
pub struct Conn {
    near: Near,
    /// The node that was connected to.
    pub far: usize,
    port: u16,
    /// As that node sees who made it.
    pub peer: Peer,
    near_open: bool,
    far_open: bool,
    /// The place of the next frame that arrives.
    pub next_slot: u64,
    next_reply: u64,
    /// Replies that wait for earlier ones; `None` for requests that have no reply.
    ready: BTreeMap<u64, Option<Vec<u8>>>,
    /// When the last parcel of each pipe arrives.
    last_at: [Millis; 2],
    held: [VecDeque<Parcel>; 2],
    /// Since when something is not acknowledged.
    stuck_since: Option<Millis>,
}

impl Conn {
    /// The machine at the end of a pipe, if it is one.
    pub fn host_at(&self, way: Way) -> Option<usize> {
        match (way, self.near) {
            (Way::There, _) => Some(self.far),
            (Way::Back, Near::Lane(host, _, _)) => Some(host),
            (Way::Back, Near::Seat(_)) => None,
        }
    }
}

/// Which roads are free, from room to room: nodes first, then rooms of clients, then the ensemble.
pub struct Roads {
    /// How many cuts block each.
    blocked: Vec<Vec<u32>>,
    /// What each takes longer, in milliseconds.
    slow_ms: Vec<Vec<Millis>>,
}

impl Roads {
    /// Free roads.
    pub fn new(rooms: usize) -> Roads {
        Roads { blocked: vec![vec![0; rooms]; rooms], slow_ms: vec![vec![0; rooms]; rooms] }
    }

    /// Blocks some.
    pub fn block(&mut self, roads: &[(usize, usize)]) {
        for (from, to) in roads {
            self.blocked[*from][*to] += 1;
        }
    }

    /// Frees what was blocked.
    pub fn free(&mut self, roads: &[(usize, usize)]) {
        for (from, to) in roads {
            self.blocked[*from][*to] -= 1;
        }
    }

    /// Makes a road slow, or fast again.
    pub fn delay(&mut self, from: usize, to: usize, ms: Millis) {
        self.slow_ms[from][to] = ms;
    }

    /// All roads are as fast as they were.
    pub fn hurry(&mut self) {
        self.slow_ms.iter_mut().flatten().for_each(|ms| *ms = 0);
    }

    /// Whether nothing comes through.
    pub fn is_blocked(&self, (from, to): (usize, usize)) -> bool {
        self.blocked[from][to] > 0
    }
}

impl Cluster {
    /// Makes a connection, not before a moment; what is sent on it follows.
    pub(super) fn connect(&mut self, near: Near, far: usize, port: u16, not_before: Millis) -> u64 {
        self.next_conn += 1;
        let id = self.next_conn;
        let host = match near {
            Near::Seat(seat) => format!("client{seat}"),
            Near::Lane(host, _, _) => format!("node{}", host + 1),
        };
        let conn = Conn {
            near,
            far,
            port,
            peer: Peer { listener: 0, host },
            near_open: true,
            far_open: false,
            next_slot: 0,
            next_reply: 0,
            ready: BTreeMap::new(),
            last_at: [not_before; 2],
            held: [VecDeque::new(), VecDeque::new()],
            stuck_since: None,
        };
        self.conns.insert(id, conn);
        self.post(id, Way::There, Parcel::Syn);
        id
    }

    /// A node's connection to another one, at an address of [`Host`](super::host::Host)'s making.
    pub(super) fn connect_lane(
        &mut self,
        h: usize,
        node: NodeId,
        lane: Lane,
        address: Option<(String, u16)>,
    ) -> Option<u64> {
        let (host, port) = address?;
        let far: usize = host.strip_prefix("node")?.parse().ok()?;
        assert!(port == DATA_PORT || port == CONTROLLER_PORT, "an address that no node has");
        let process = self.hosts[h].process.as_ref()?;
        let lost_at = process.lost_at.get(&(node, lane)).copied().unwrap_or(0);
        let id = self.connect(Near::Lane(h, node, lane), far - 1, port, lost_at + AGAIN_MS);
        if let Some(process) = &mut self.hosts[h].process {
            process.lanes.insert((node, lane), id);
        }
        Some(id)
    }

    fn road(&self, conn: &Conn, way: Way) -> (usize, usize) {
        let near = match conn.near {
            Near::Seat(seat) => self.seats[seat].room,
            Near::Lane(host, _, _) => host,
        };
        match way {
            Way::There => (near, conn.far),
            Way::Back => (conn.far, near),
        }
    }

    /// Puts something into a pipe.
    pub(super) fn post(&mut self, id: u64, way: Way, parcel: Parcel) {
        let Some(conn) = self.conns.get(&id) else { return };
        let (from, to) = self.road(conn, way);
        let ms = self.chance.below(4) + self.roads.slow_ms[from][to];
        self.post_after(id, way, parcel, ms);
    }

    fn post_after(&mut self, id: u64, way: Way, parcel: Parcel, ms: Millis) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let last_at = &mut conn.last_at[way as usize];
        *last_at = (*last_at).max(self.now + ms);
        let at = *last_at;
        self.at(at, Event::Arrive { conn: id, way, parcel });
    }

    /// Something has come to the end of its pipe, if the road is free.
    pub(super) fn arrive(&mut self, id: u64, way: Way, parcel: Parcel) {
        let Some(conn) = self.conns.get(&id) else { return };
        let (forth, back) = (self.road(conn, way), self.road(conn, opposite(way)));
        let (forth, back) = (self.roads.is_blocked(forth), self.roads.is_blocked(back));
        // Making a connection takes both ways.
        let waits = forth || (back && matches!(parcel, Parcel::Syn));
        if forth || back {
            self.note_stuck(id);
        }
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if waits || !conn.held[way as usize].is_empty() {
            conn.held[way as usize].push_back(parcel);
        } else {
            self.deliver(id, way, parcel);
        }
    }

    fn note_stuck(&mut self, id: u64) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.stuck_since.is_none()) else { return };
        conn.stuck_since = Some(now);
        let at = now + STUCK_MS + self.chance.below(STUCK_MS);
        self.at(at, Event::Stuck { conn: id, since: now });
    }

    /// Nothing was acknowledged for too long: each end gives up, one of them later.
    pub(super) fn stuck(&mut self, id: u64, since: Millis) {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.stuck_since == Some(since)) else { return };
        conn.held = [VecDeque::new(), VecDeque::new()];
        let late = self.chance.below(SILENCE_MS_MAX);
        let (first, second) = if self.chance.one_in(2) { (Way::There, Way::Back) } else { (Way::Back, Way::There) };
        self.oracle.tell(|| format!("{} connection {id} breaks", self.now));
        self.deliver(id, first, Parcel::Fin);
        // What comes now, comes to nobody: the other end's pipe is over, too.
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.stuck_since = None;
            conn.last_at[second as usize] = conn.last_at[second as usize].max(self.now + late);
            let at = conn.last_at[second as usize];
            self.at(at, Event::Arrive { conn: id, way: second, parcel: Parcel::Fin });
        }
    }

    /// Roads were freed: what was held back goes on.
    pub(super) fn resume_pipes(&mut self) {
        let mut free = Vec::new();
        for (id, conn) in &self.conns {
            let blocked = |way| self.roads.is_blocked(self.road(conn, way));
            let (there, back) = (blocked(Way::There), blocked(Way::Back));
            if conn.stuck_since.is_some() && !there && !back {
                free.push((*id, Some(Way::There), Some(Way::Back)));
            } else if !there || !back {
                free.push((*id, (!there).then_some(Way::There), (!back).then_some(Way::Back)));
            }
        }
        for (id, there, back) in free {
            let delay = self.chance.below(30);
            let Some(conn) = self.conns.get_mut(&id) else { continue };
            if there.is_some() && back.is_some() {
                conn.stuck_since = None;
            }
            let ways = [there, back].into_iter().flatten().filter(|way| !conn.held[*way as usize].is_empty());
            for way in ways.collect::<Vec<_>>() {
                self.at(self.now + delay, Event::Release { conn: id, way });
            }
        }
    }

    /// What was held back in a pipe arrives, if its road is still free.
    pub(super) fn release(&mut self, id: u64, way: Way) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        for parcel in std::mem::take(&mut conn.held[way as usize]) {
            self.arrive(id, way, parcel);
        }
    }

    fn deliver(&mut self, id: u64, way: Way, parcel: Parcel) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        match (way, parcel) {
            (Way::There, Parcel::Syn) => match self.hosts[conn.far].listener(conn.port) {
                Some(listener) if conn.near_open => {
                    conn.peer.listener = listener;
                    conn.far_open = true;
                }
                _ => self.post(id, Way::Back, Parcel::Fin),
            },
            (Way::There, Parcel::Frame(bytes)) if conn.far_open => self.frame_for(id, &bytes),
            // Nobody there knows of this connection: it is reset.
            (Way::There, Parcel::Frame(_)) if conn.near_open => self.post(id, Way::Back, Parcel::Fin),
            (Way::There, Parcel::Fin) if conn.far_open => {
                let far = conn.far;
                conn.far_open = false;
                self.step(far, Input::Disconnected { conn: ConnId(id) });
            }
            (Way::Back, Parcel::Frame(bytes)) if conn.near_open => match conn.near {
                Near::Seat(seat) => self.answered(seat, id, &bytes),
                Near::Lane(host, node, lane) => {
                    self.oracle.tell(|| format!("{} n{} reply on {lane:?} of {node}: {bytes:?}", self.now, host + 1));
                    self.step(host, Input::PeerReply { node, lane, bytes: &bytes });
                }
            },
            (Way::Back, Parcel::Fin) if conn.near_open => {
                let near = conn.near;
                conn.near_open = false;
                match near {
                    Near::Seat(seat) => self.cut_off(seat, id),
                    Near::Lane(host, node, lane) => self.lane_lost(host, node, lane),
                }
            }
            _ => {}
        }
        if self.conns.get(&id).is_some_and(|conn| !conn.near_open && !conn.far_open) {
            self.conns.remove(&id);
        }
    }

    fn lane_lost(&mut self, h: usize, node: NodeId, lane: Lane) {
        let now = self.now;
        self.oracle.tell(|| format!("{now} n{} has lost {lane:?} to {node}", h + 1));
        if let Some(process) = &mut self.hosts[h].process {
            process.lanes.remove(&(node, lane));
            process.lost_at.insert((node, lane), now);
        }
        self.step(h, Input::PeerLost { node, lane });
    }

    /// Who made a connection gives it up: what was sent may still arrive.
    pub(super) fn hang_up(&mut self, id: u64) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.near_open = false;
            self.post(id, Way::There, Parcel::Fin);
        }
    }

    /// As [`Cluster::hang_up`], but nothing more arrives.
    pub(super) fn hang_up_at_once(&mut self, id: u64) {
        let Some(conn) = self.conns.remove(&id) else { return };
        if conn.far_open {
            self.step(conn.far, Input::Disconnected { conn: ConnId(id) });
        }
    }

    /// A node closes a connection.
    pub(super) fn close(&mut self, h: usize, id: u64, reason: &str) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.far_open = false;
        // Only what is passed on to a controller that does not answer has no other way to fail.
        if let Near::Seat(seat) = conn.near
            && !matches!(self.seats[seat].someone, Someone::Admin(_))
        {
            let name = self.seats[seat].someone.client().name();
            self.oracle.violated(format!("n{} closed the connection of {name}: {reason}", h + 1));
        }
        self.post(id, Way::Back, Parcel::Fin);
        let life = self.hosts[h].life;
        self.at(self.now, Event::Gone { host: h, life, conn: id });
    }

    /// A node hears of a connection that it closed itself.
    pub(super) fn gone(&mut self, h: usize, life: u64, id: u64) {
        if self.hosts[h].life == life {
            self.step(h, Input::Disconnected { conn: ConnId(id) });
        }
    }

    /// All connections of a machine that is gone: the system closes them, or nobody is left who could.
    pub(super) fn hang_up_all(&mut self, h: usize, ending: Ending) {
        let ids: Vec<u64> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(conn) = self.conns.get_mut(&id) else { continue };
            let near = matches!(conn.near, Near::Lane(host, _, _) if host == h) && conn.near_open;
            let far = conn.far == h && conn.far_open;
            conn.near_open &= !near;
            conn.far_open &= !far;
            let (near_open, far_open) = (conn.near_open, conn.far_open);
            for (lost, way) in [(near && far_open, Way::There), (far && near_open, Way::Back)] {
                if lost && ending == Ending::PowerCut {
                    let ms = self.chance.below(SILENCE_MS_MAX);
                    self.post_after(id, way, Parcel::Fin, ms);
                } else if lost {
                    self.post(id, way, Parcel::Fin);
                }
            }
            // One that was still being made is refused on arrival.
            if near && !far_open {
                self.conns.remove(&id);
            }
        }
    }

    /// A reply leaves when all earlier ones of its connection have left.
    pub(super) fn replied(&mut self, h: usize, id: u64, slot: u64, chunks: Vec<Chunk>) {
        let Some(process) = &mut self.hosts[h].process else { return };
        let parts = chunks.iter().map(|chunk| match chunk {
            Chunk::Bytes(bytes) => bytes.clone(),
            Chunk::Range(range) => process.store.read(range),
        });
        let bytes: Vec<u8> = parts.collect::<Vec<_>>().concat();
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.far_open) else { return };
        let before = conn.ready.insert(slot, Some(bytes).filter(|bytes| !bytes.is_empty()));
        assert!(before.is_none() && slot >= conn.next_reply, "two replies to one request");
        let mut leaving = Vec::new();
        while let Some(reply) = conn.ready.remove(&conn.next_reply) {
            conn.next_reply += 1;
            leaving.extend(reply);
        }
        for bytes in leaving {
            self.post(id, Way::Back, Parcel::Frame(bytes));
        }
    }
}

fn opposite(way: Way) -> Way {
    match way {
        Way::There => Way::Back,
        Way::Back => Way::There,
    }
}
