//! One connection to another node, for one lane. It is made when there is something to send, and made again after a pause
//! that grows while that fails. When it breaks, what was sent and not answered is lost, and so is what waited.

use super::{Around, patience_ms};
use crate::inbound::Inbound;
use crate::outbound::{Outbound, WriteEnd};
use kq::event::{Lane, Peer};
use kq::types::{Millis, NodeId};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_congestion, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_nodelay,
    set_tcp_user_timeout, socket_error,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, getsockname, socket_with};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Bytes that may wait to be sent on one lane; a single larger frame is let through.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An attempt to connect is given up after this, in milliseconds: names, and all addresses of the host.
const CONNECT_MS_MAX: i64 = 2000;
/// From a failure to the next attempt, in milliseconds: doubled with each, up to the second.
const BACKOFF_MS: i64 = 20;
const BACKOFF_MS_MAX: i64 = 1000;
/// A connection that has held for so long, in milliseconds, was a good one: the next pause is a short one again.
const GOOD_MS: i64 = 1000;
/// A host that does not acknowledge is given up after this, in milliseconds; the kernel asks it that often when idle.
const SILENT_MS_MAX: u32 = 4000;
const KEEPALIVE_SECONDS: u64 = 1;
const KEEPALIVES_MAX: u32 = 3;

/// See the file's promise.
#[derive(Debug)]
pub struct Line {
    /// The node.
    pub node: NodeId,
    /// The lane.
    pub lane: Lane,
    /// Names the attempt or connection in hand: never used twice.
    pub id: u64,
    host: String,
    port: u16,
    state: State,
    /// Frames that wait for the connection.
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
    /// When each request was sent that waits for its reply, oldest first.
    unanswered: VecDeque<Millis>,
    /// What the host's name stands for, once it is known.
    found: Option<Result<Vec<SocketAddr>, String>>,
    resolving: bool,
    failures: u32,
    retry_at: Millis,
}

#[derive(Debug)]
enum State {
    Idle,
    Resolving { until: Millis },
    Connecting { socket: OwnedFd, address: SocketAddr, left: VecDeque<SocketAddr>, until: Millis, woken: bool },
    Open(Box<Open>),
}

#[derive(Debug)]
struct Open {
    out: Outbound,
    inbound: Option<Inbound>,
    interest: EventFlags,
    readable: bool,
    since: Millis,
}

impl Line {
    /// A line without a connection.
    pub fn new(node: NodeId, lane: Lane, host: String, port: u16) -> Line {
        Line {
            node,
            lane,
            id: 0,
            host,
            port,
            state: State::Idle,
            waiting: Vec::new(),
            waiting_bytes: 0,
            unanswered: VecDeque::new(),
            found: None,
            resolving: false,
            failures: 0,
            retry_at: 0,
        }
    }

    /// Whether it leads there.
    pub fn leads_to(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port == port
    }

    /// For the log: `node 2 at host:9093 (control)`.
    pub fn name(&self) -> String {
        let lane = match self.lane {
            Lane::Quorum => "quorum",
            Lane::Control => "control",
            Lane::Fetch => "fetch",
        };
        format!("node {} at {}:{} ({lane})", self.node, self.host, self.port)
    }

    /// Whether there is a connection.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether nothing would be lost with it.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.waiting.is_empty() && self.unanswered.is_empty()
    }

    /// Attempts that failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes a frame to send.
    ///
    /// # Errors
    /// Too much waits already: the line is to be given up.
    pub fn send(&mut self, now: Millis, frame: Vec<u8>) -> Result<(), String> {
        let queued = match &self.state {
            State::Open(open) => open.out.unsent_bytes(),
            _ => self.waiting_bytes,
        };
        if queued > 0 && queued + frame.len() > QUEUE_BYTES_MAX {
            return Err(format!("{queued} bytes wait to be sent already"));
        }
        if self.lane != Lane::Quorum {
            self.unanswered.push_back(now);
        }
        match &mut self.state {
            State::Open(open) => open.out.push(frame),
            _ => {
                self.waiting_bytes += frame.len();
                self.waiting.push(frame);
            }
        }
        Ok(())
    }

    /// What epoll says of the connection.
    pub fn event(&mut self, flags: EventFlags) {
        match &mut self.state {
            State::Connecting { woken, .. } => *woken = true,
            State::Open(open) => {
                open.readable |= flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR);
            }
            State::Idle | State::Resolving { .. } => {}
        }
    }

    /// What the host's name stands for.
    pub fn resolved(&mut self, result: Result<Vec<SocketAddr>, String>) {
        self.resolving = false;
        self.found = Some(result);
    }

    /// When it has to be looked at, if nothing happens before.
    pub fn next(&self, around: &Around<'_>) -> Option<Millis> {
        let step = match &self.state {
            State::Idle if self.waiting.is_empty() => None,
            State::Idle => Some(self.retry_at),
            State::Resolving { until } | State::Connecting { until, .. } => Some(*until),
            State::Open(_) => None,
        };
        let oldest = self.unanswered.front();
        let given_up = oldest.map(|since| since.saturating_add(patience_ms(self.lane, around.settings)));
        [step, given_up].into_iter().flatten().min()
    }

    /// Goes as far as it can: connects, sends. `next_id` numbers connections.
    ///
    /// # Errors
    /// Why the line is to be given up.
    pub fn settle(&mut self, now: Millis, next_id: &mut u64, around: &Around<'_>) -> Result<(), String> {
        let patience_ms = patience_ms(self.lane, around.settings);
        if self.unanswered.front().is_some_and(|since| since.saturating_add(patience_ms) <= now) {
            return Err(format!("a request was not answered within {patience_ms} ms"));
        }
        loop {
            match &mut self.state {
                State::Idle if self.waiting.is_empty() || now < self.retry_at => return Ok(()),
                State::Idle => {
                    *next_id += 1;
                    self.id = *next_id;
                    self.resolve(around);
                    self.state = State::Resolving { until: now + CONNECT_MS_MAX };
                }
                State::Resolving { until } => match self.found.take() {
                    Some(found) => {
                        let until = *until;
                        let left = found?.into();
                        self.state = self.connect(left, until, "it has no address".into(), around)?;
                    }
                    None if now >= *until => return Err(format!("{} is not resolved yet", self.host)),
                    None => return Ok(()),
                },
                State::Connecting { woken: false, until, address, .. } => {
                    return match now >= *until {
                        true => Err(format!("no answer from {address} within {CONNECT_MS_MAX} ms")),
                        false => Ok(()),
                    };
                }
                State::Connecting { .. } => self.state = self.connected(now, around)?,
                State::Open(open) => return open.flush(self.id, around),
            }
        }
    }

    /// Gives the connection up, and all that was to come of it. The next one is made after a pause.
    pub fn lose(&mut self, now: Millis) {
        if let State::Open(open) = &self.state
            && now - open.since >= GOOD_MS
        {
            self.failures = 0;
        }
        self.retry_at = now + (BACKOFF_MS << self.failures.min(16)).min(BACKOFF_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Idle;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.unanswered.clear();
    }

    /// What was received, to be read into and handed back; `None` when there is nothing new.
    pub fn take_inbound(&mut self) -> Option<Inbound> {
        match &mut self.state {
            State::Open(open) if open.readable => {
                open.readable = false;
                open.inbound.take()
            }
            _ => None,
        }
    }

    /// The socket, to read from.
    pub fn socket(&self) -> Option<&OwnedFd> {
        match &self.state {
            State::Open(open) => Some(&open.out.socket),
            _ => None,
        }
    }

    /// Takes back what [`Line::take_inbound`] gave.
    pub fn put_inbound(&mut self, inbound: Inbound) {
        if let State::Open(open) = &mut self.state {
            open.inbound = Some(inbound);
        }
    }

    /// A reply has come. False when nothing was asked.
    pub fn answered(&mut self) -> bool {
        self.unanswered.pop_front().is_some()
    }

    /// An address is taken as it is; a name is looked up on a thread that may wait.
    fn resolve(&mut self, around: &Around<'_>) {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            self.found = Some(Ok(vec![SocketAddr::new(ip, self.port)]));
        } else if !self.resolving {
            self.resolving = true;
            self.found = None;
            (around.resolve)(self.node, self.lane, self.host.clone(), self.port);
        }
    }

    /// Begins with the next address; `why` is what the last one failed with.
    fn connect(
        &self,
        mut left: VecDeque<SocketAddr>,
        until: Millis,
        mut why: String,
        around: &Around<'_>,
    ) -> Result<State, String> {
        while let Some(address) = left.pop_front() {
            match begin(address, self.id, around) {
                Ok(socket) => return Ok(State::Connecting { socket, address, left, until, woken: false }),
                Err(e) => why = format!("cannot connect to {address}: {e}"),
            }
        }
        Err(why)
    }

    /// The kernel has an answer: the connection, or the next address.
    fn connected(&mut self, now: Millis, around: &Around<'_>) -> Result<State, String> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        let State::Connecting { socket, address, left, until, .. } = state else { return Ok(state) };
        let outcome = socket_error(&socket).and_then(|result| result).and_then(|()| not_to_itself(&socket));
        if let Err(e) = outcome {
            return self.connect(left, until, format!("cannot connect to {address}: {e}"), around);
        }
        let mut out = Outbound::new(socket);
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).into_iter().for_each(|frame| out.push(frame));
        // The listener's index means nothing here: these are replies.
        let inbound = Inbound::new(Peer { listener: 0, host: address.ip().to_string() });
        let interest = EventFlags::IN | EventFlags::OUT;
        Ok(State::Open(Box::new(Open { out, inbound: Some(inbound), interest, readable: false, since: now })))
    }
}

impl Open {
    fn flush(&mut self, id: u64, around: &Around<'_>) -> Result<(), String> {
        if let (_, WriteEnd::Broken(why)) = self.out.write() {
            return Err(why);
        }
        let mut wanted = EventFlags::IN;
        wanted.set(EventFlags::OUT, self.out.has_unsent());
        if wanted != self.interest {
            self.interest = wanted;
            epoll::modify(around.epoll, &self.out.socket, EventData::new_u64(around.token | id), wanted)
                .map_err(|e| format!("cannot watch it: {e}"))?;
        }
        Ok(())
    }
}

fn begin(address: SocketAddr, id: u64, around: &Around<'_>) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    watch_for_silence(&socket)?;
    if let Some(name) = around.congestion {
        let _ = set_tcp_congestion(&socket, name);
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(e) => return Err(e),
    }
    epoll::add(around.epoll, &socket, EventData::new_u64(around.token | id), EventFlags::IN | EventFlags::OUT)?;
    Ok(socket)
}

/// Small frames leave at once, and a host that is gone is noticed within seconds, idle or not.
///
/// # Errors
/// What the kernel says.
pub fn watch_for_silence(socket: impl AsFd) -> Result<(), Errno> {
    let socket = socket.as_fd();
    set_tcp_nodelay(socket, true)?;
    set_socket_keepalive(socket, true)?;
    set_tcp_keepidle(socket, Duration::from_secs(KEEPALIVE_SECONDS))?;
    set_tcp_keepintvl(socket, Duration::from_secs(KEEPALIVE_SECONDS))?;
    set_tcp_keepcnt(socket, KEEPALIVES_MAX)?;
    set_tcp_user_timeout(socket, SILENT_MS_MAX)
}

/// Where nobody listens on a port of the range that the kernel gives out, a socket can connect to itself.
fn not_to_itself(socket: &OwnedFd) -> Result<(), Errno> {
    match getsockname(socket)? == getpeername(socket)?.ok_or(Errno::NOTCONN)? {
        true => Err(Errno::CONNREFUSED),
        false => Ok(()),
    }
}
