//! Connections that this node makes to others: one for each node and lane, in the same loop as everything else.
//!
//! The core says where a node is ([`Peers::direct`]) and what to send ([`Peers::send`]); replies come back in order, and
//! a line that breaks is told once. Who is tried again, and when, is decided here: the core may send at any time.

mod line;
#[cfg(test)]
mod tests;

pub use line::{QUEUE_BYTES_MAX, watch_for_silence};

use crate::inbound::{Inbound, Next, ReadEnd, SpareBuffers};
use kq::config::BrokerSettings;
use kq::event::{Lane, Level};
use kq::types::{Millis, NodeId};
use line::Line;
use rustix::event::epoll::EventFlags;
use rustix::fd::OwnedFd;
use std::ops::Range;

/// What a reply may have beyond the bytes that were asked for, in bytes: names of topics, codes, one batch that is larger.
const REPLY_BYTES_EXTRA: i32 = 1024 * 1024;

/// What a line needs of its surroundings.
pub struct Around<'a> {
    /// Where events come from.
    pub epoll: &'a OwnedFd,
    /// The bits that make a connection's number an event's token.
    pub token: u64,
    /// The settings, as last changed.
    pub settings: &'a BrokerSettings,
    /// Congestion control for the sockets, when it is not the system's own.
    pub congestion: Option<&'a str>,
    /// Has a name looked up: [`Peers::resolved`] gets the answer.
    pub resolve: &'a dyn Fn(NodeId, Lane, String, u16),
}

/// All lines.
#[derive(Debug, Default)]
pub struct Peers {
    lines: Vec<Line>,
    next_id: u64,
    lost: Vec<(NodeId, Lane)>,
    notes: Vec<(Level, String)>,
    /// Something has not been settled yet.
    unsettled: bool,
}

/// A connection with news: what was received is in `inbound` until [`Peers::read_on`] gets it back.
pub struct Received {
    /// The node.
    pub node: NodeId,
    /// The lane.
    pub lane: Lane,
    /// The buffer.
    pub inbound: Inbound,
    id: u64,
    closed: bool,
}

/// How long a request may be under way on a lane, in milliseconds.
fn patience_ms(lane: Lane, settings: &BrokerSettings) -> i64 {
    match lane {
        Lane::Quorum => i64::MAX,
        Lane::Control => settings.cluster.controller_socket_timeout_ms.max(1),
        Lane::Fetch => settings.cluster.replica.socket_timeout_ms.max(1),
    }
}

impl Peers {
    /// Where a node is reached on a lane; `None` forgets it, without a word about what is lost with it.
    pub fn direct(&mut self, now: Millis, node: NodeId, lane: Lane, address: Option<(String, u16)>) {
        let at = self.position(node, lane);
        let Some((host, port)) = address else {
            if let Some(at) = at {
                self.lines.swap_remove(at);
            }
            return;
        };
        match at {
            None => self.lines.push(Line::new(node, lane, host, port)),
            Some(at) if self.lines[at].leads_to(&host, port) => {}
            Some(at) => {
                if !self.lines[at].is_idle() {
                    self.give_up(at, now, "it has another address now");
                }
                self.lines[at] = Line::new(node, lane, host, port);
            }
        }
    }

    /// Takes a frame for a node, to be sent at the end of the pass, or once there is a connection.
    pub fn send(&mut self, now: Millis, node: NodeId, lane: Lane, frame: Vec<u8>) {
        self.unsettled = true;
        let Some(at) = self.position(node, lane) else {
            // Nobody said where it is.
            self.lost.push((node, lane));
            return;
        };
        if let Err(why) = self.lines[at].send(now, frame) {
            self.give_up(at, now, &why);
        }
    }

    /// What epoll says of the connection with this number.
    pub fn event(&mut self, id: u64, flags: EventFlags) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.id == id) {
            line.event(flags);
        }
    }

    /// The answer to [`Around::resolve`].
    pub fn resolved(&mut self, node: NodeId, lane: Lane, found: Result<Vec<std::net::SocketAddr>, String>) {
        self.unsettled = true;
        if let Some(at) = self.position(node, lane) {
            self.lines[at].resolved(found);
        }
    }

    /// When something is due, if nothing happens before.
    pub fn next(&self, around: &Around<'_>) -> Option<Millis> {
        let at_once = (self.unsettled || !self.lost.is_empty()).then_some(0);
        self.lines.iter().filter_map(|line| line.next(around)).chain(at_once).min()
    }

    /// Connects, sends, and gives up what is broken or late.
    pub fn settle(&mut self, now: Millis, around: &Around<'_>) {
        self.unsettled = false;
        for at in 0..self.lines.len() {
            let line = &mut self.lines[at];
            let was_open = line.is_open();
            if let Err(why) = line.settle(now, &mut self.next_id, around) {
                self.give_up(at, now, &why);
            } else if !was_open && line.is_open() {
                // The end of a series of failures is told as its beginning was.
                let level = if line.failures() > 0 { Level::Info } else { Level::Debug };
                self.notes.push((level, format!("connected to {}", line.name())));
            }
        }
    }

    /// The next connection that has something to read. Reads it, within a pass's share.
    pub fn receive(&mut self, spare: &mut SpareBuffers) -> Option<Received> {
        self.lines.iter_mut().find_map(|line| {
            let mut inbound = line.take_inbound()?;
            let closed = line.socket().is_none_or(|socket| inbound.read(socket, spare).1 == ReadEnd::Closed);
            Some(Received { node: line.node, lane: line.lane, id: line.id, inbound, closed })
        })
    }

    /// The next whole reply in what was received.
    ///
    /// # Errors
    /// What makes the connection useless: a reply that nobody asked for, or one that is too large.
    pub fn next_reply(
        &mut self,
        received: &mut Received,
        settings: &BrokerSettings,
    ) -> Result<Option<Range<usize>>, String> {
        let asked = settings.socket_request_max_bytes.max(settings.cluster.replica.fetch_response_max_bytes);
        match received.inbound.next(asked.saturating_add(REPLY_BYTES_EXTRA)) {
            Next::Partial => Ok(None),
            Next::BadLength(length) => Err(format!("a reply of {length} bytes is not allowed")),
            Next::Frame(_, bytes) => {
                let line = self.lines.iter_mut().find(|line| line.id == received.id);
                match line.map(Line::answered) {
                    Some(true) => Ok(Some(bytes)),
                    Some(false) => Err("a reply came that nobody asked for".into()),
                    None => Ok(None),
                }
            }
        }
    }

    /// Goes on reading the connection, unless it is over: then `trouble` or its end is the reason.
    pub fn read_on(&mut self, now: Millis, received: Received, trouble: Option<String>) {
        let Received { id, inbound, closed, .. } = received;
        let Some(at) = self.lines.iter().position(|line| line.id == id && line.is_open()) else { return };
        match trouble {
            Some(why) => self.give_up(at, now, &why),
            None if closed => self.give_up(at, now, "the connection was closed"),
            None => self.lines[at].put_inbound(inbound),
        }
    }

    /// Lines that broke since the last call.
    pub fn take_lost(&mut self) -> Vec<(NodeId, Lane)> {
        std::mem::take(&mut self.lost)
    }

    /// Notes for the log since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.notes)
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.lines.iter().filter(|line| line.is_open()).count()
    }

    fn position(&self, node: NodeId, lane: Lane) -> Option<usize> {
        self.lines.iter().position(|line| line.node == node && line.lane == lane)
    }

    fn give_up(&mut self, at: usize, now: Millis, why: &str) {
        let line = &mut self.lines[at];
        let (name, was_open) = (line.name(), line.is_open());
        line.lose(now);
        self.lost.push((line.node, line.lane));
        // Once for each series of failures; the rest is for who looks for it.
        match (was_open, line.failures()) {
            (true, _) => self.notes.push((Level::Warn, format!("lost the connection to {name}: {why}"))),
            (false, 1) => self.notes.push((Level::Warn, format!("cannot reach {name}: {why}; trying again"))),
            (false, _) => self.notes.push((Level::Debug, format!("cannot reach {name}: {why}"))),
        }
    }
}
