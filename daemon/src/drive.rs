//! THE loop: wait, read, step, perform, write. One thread owns the sockets, the core and the clock.
//!
//! A pass: what is ready is read and parsed into whole frames; they are staged, stepped together, and their appends
//! coalesced into one write a log ([`crate::shell`]); then every connection with ready replies is written to once. A
//! stage ends early at its byte bound, and after a connection with a large frame, so that large buffers are used again.

mod door;
mod peers;

use crate::clock::Clock;
use crate::inbound::{Inbound, Next, ReadEnd, SpareBuffers};
use crate::links::index_of;
use crate::outbound::WriteEnd;
use crate::pages::Pages;
use crate::shell::Shell;
use crate::store::Done;
use crate::timers::Timer;
use kq::event::{Effect, Input, Level};
use kq::node::Node;
use kq::types::{ConnId, Millis};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::ops::Range;

/// A frame that is stepped straight after its connection was read, in bytes.
const LARGE_FRAME_BYTES: usize = 64 * 1024;
/// Frames that are staged before they are stepped, in bytes.
const STAGED_BYTES_MAX: usize = 1024 * 1024;
/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 512;

/// What an epoll event belongs to: the two highest bits, the rest is the number.
const KIND: u64 = 3 << 62;
const KIND_HTTP: u64 = 1 << 62;
const KIND_LISTENER: u64 = 2 << 62;
const KIND_OTHER: u64 = 3 << 62;
const MAILBOX: u64 = KIND_OTHER;
const SIGNAL: u64 = KIND_OTHER | 1;
/// A connection to another node, with its number in the lower bits.
const PEER: u64 = KIND_OTHER | 1 << 61;

/// A listener's socket.
pub struct ListenSocket {
    /// The listener's index in the settings; `None` for HTTP.
    pub listener: Option<usize>,
    /// The socket.
    pub socket: OwnedFd,
}

/// The loop's state.
pub struct Drive {
    node: Node,
    clock: Clock,
    epoll: OwnedFd,
    sockets: Vec<ListenSocket>,
    accepting: bool,
    accepting_nodes: bool,
    signals: std::os::unix::net::UnixStream,
    signals_seen: usize,
    congestion: Option<String>,
    shell: Shell,
    pages: Pages,
    inbounds: Vec<Option<Inbound>>,
    spare: SpareBuffers,
    events: Vec<Event>,
    readable: Vec<ConnId>,
    resumed: Vec<ConnId>,
    gone: Vec<ConnId>,
    stage: Vec<Staged>,
    staged_bytes: usize,
    mail: Vec<Done>,
}

/// Whether the stage took all that it was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It did.
    Open,
    /// It was full and has been stepped: there may be more.
    Full,
}

struct Staged {
    conn: ConnId,
    slot: u64,
    bytes: Range<usize>,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything that was asked is answered.
    Stopped,
    /// A second signal: at once.
    Killed,
}

impl Drive {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the kernel refuses an epoll.
    pub fn new(
        node: Node,
        shell: Shell,
        sockets: Vec<ListenSocket>,
        signals: std::os::unix::net::UnixStream,
    ) -> Result<Drive, String> {
        let failed = |e: Errno| format!("cannot set up the event loop: {e}");
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(failed)?;
        epoll::add(&epoll, shell.mailbox.fd(), EventData::new_u64(MAILBOX), EventFlags::IN).map_err(failed)?;
        epoll::add(&epoll, &signals, EventData::new_u64(SIGNAL), EventFlags::IN).map_err(failed)?;
        for (i, socket) in sockets.iter().enumerate().filter(|(_, socket)| socket.listener.is_none()) {
            let data = EventData::new_u64(KIND_LISTENER | i as u64);
            epoll::add(&epoll, &socket.socket, data, EventFlags::IN).map_err(failed)?;
        }
        Ok(Drive {
            node,
            clock: Clock::start(),
            epoll,
            sockets,
            accepting: false,
            accepting_nodes: false,
            signals,
            signals_seen: 0,
            congestion: std::env::var("KQD_TCP_CONGESTION").ok(),
            shell,
            pages: Pages::default(),
            inbounds: Vec::new(),
            spare: SpareBuffers::default(),
            events: Vec::with_capacity(EVENTS_MAX),
            readable: Vec::new(),
            resumed: Vec::new(),
            gone: Vec::new(),
            stage: Vec::new(),
            staged_bytes: 0,
            mail: Vec::new(),
        })
    }

    /// Runs until the node has stopped. `on_ready` is called once, when clients may come.
    ///
    /// # Errors
    /// What made it impossible to go on.
    pub fn run(&mut self, on_ready: impl FnOnce(&mut Shell)) -> Result<End, String> {
        let mut on_ready = Some(on_ready);
        self.shell.now = self.clock.now();
        let mut effects = Vec::new();
        self.node.start(&mut effects);
        self.shell.perform(&mut self.node, effects);
        loop {
            if on_ready.is_some() && self.node.is_ready() {
                self.shell.ready = true;
                if let Some(on_ready) = on_ready.take() {
                    on_ready(&mut self.shell);
                }
            }
            self.settle();
            if let Some(end) = self.end()? {
                return Ok(end);
            }
            self.mind_the_door();
            self.wait()?;
            self.shell.new_pass(self.clock.now());
            self.take_events()?;
            self.fire_timers();
            self.receive();
            self.run_stage();
            self.receive_replies();
            if self.node.deadline().is_some_and(|at| at <= self.shell.now) {
                self.step(Input::Tick);
            }
        }
    }

    /// Hands the shell over, to close the logs.
    pub fn into_shell(self) -> Shell {
        self.shell
    }

    fn end(&mut self) -> Result<Option<End>, String> {
        if let Some(why) = self.shell.fatal.take() {
            return Err(why);
        }
        if self.signals_seen > 1 {
            return Ok(Some(End::Killed));
        }
        // A broker that is still opening its logs has nothing to finish.
        let stopped = self.shell.stopped || (self.signals_seen > 0 && !self.shell.ready);
        Ok(stopped.then_some(End::Stopped))
    }

    fn wait(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        let timeout = if self.resumed.is_empty() {
            let next = [self.node.deadline(), self.shell.timers.next(), self.peers_next()];
            let next = next.into_iter().flatten().min();
            // A deadline that the last tick did not move must not make the loop spin.
            next.map(|at| at.saturating_sub(now).max(i64::from(at <= now)))
        } else {
            Some(0)
        };
        let timeout = timeout.map(|ms| Timespec { tv_sec: ms / 1000, tv_nsec: (ms % 1000) * 1_000_000 });
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(format!("the event loop failed: {e}")),
        }
    }

    fn take_events(&mut self) -> Result<(), String> {
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let (token, flags) = (event.data.u64(), event.flags);
            match token & KIND {
                KIND_HTTP => self.advance_page(token & !KIND),
                KIND_LISTENER => self.accept((token & !KIND) as usize),
                KIND_OTHER if token == MAILBOX => self.take_mail(),
                KIND_OTHER if token & PEER == PEER => self.take_peer_event(token, flags),
                KIND_OTHER => self.take_signal(),
                _ => self.take_connection_event(ConnId(token), flags),
            }
        }
        self.events = events;
        Ok(())
    }

    fn take_connection_event(&mut self, id: ConnId, flags: EventFlags) {
        let Some(link) = self.shell.links.get(id) else { return };
        if link.interest.contains(EventFlags::IN) {
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.readable.push(id);
            }
        } else if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
            // Nobody is there to be answered, and nothing is being read.
            self.gone.push(id);
        }
        if flags.contains(EventFlags::OUT) {
            self.shell.links.touch(id);
        }
    }

    fn take_mail(&mut self) {
        let mut mail = std::mem::take(&mut self.mail);
        self.shell.mailbox.take(&mut mail);
        let mut inputs = Vec::new();
        for done in mail.drain(..) {
            self.shell.take_done(done, &mut inputs);
        }
        self.mail = mail;
        self.step_all(inputs);
    }

    fn take_signal(&mut self) {
        let mut bytes = [0; 16];
        let seen = rustix::io::read(&self.signals, &mut bytes[..]).unwrap_or(0);
        if seen == 0 {
            return;
        }
        self.signals_seen += seen;
        if self.signals_seen == seen {
            self.shell.notes.info("stopping: a signal came; finishing what is under way");
            self.step(Input::Stop);
        }
    }

    fn step(&mut self, input: Input<'static>) {
        self.step_all(vec![input]);
    }

    fn step_all(&mut self, inputs: Vec<Input<'static>>) {
        let mut effects: Vec<Effect<'static>> = Vec::new();
        for input in inputs {
            self.node.step(self.shell.now, input, &mut effects);
        }
        self.shell.perform(&mut self.node, effects);
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.shell.timers.take(self.shell.now) {
            match timer {
                Timer::Idle(id) => self.check_idle(id),
                Timer::Unmute(id) => self.shell.links.touch(id),
                Timer::Accept => self.shell.accept_paused = false,
                Timer::Http(number) => self.pages.remove(number),
                Timer::Checkpoint => self.shell.checkpoint(),
                Timer::Chores => {
                    let mut inputs = Vec::new();
                    self.shell.sweep(&mut inputs);
                    self.step_all(inputs);
                }
            }
        }
    }

    fn check_idle(&mut self, id: ConnId) {
        let (now, idle_ms) = (self.shell.now, self.shell.settings.connections_max_idle_ms);
        let Some(link) = self.shell.links.get(id) else { return };
        // A request that the core holds back is no idleness of the client's.
        let busy = link.out.waiting() > 0 && !link.out.has_unsent() && idle_ms >= 0;
        let due = if busy { now + idle_ms.max(1) } else { link.last_active.saturating_add(idle_ms.max(0)) };
        if idle_ms < 0 {
            self.shell.timers.add(now + 60_000, Timer::Idle(id));
        } else if due > now {
            self.shell.timers.add(due, Timer::Idle(id));
        } else {
            self.shell.notes.write(Level::Debug, &format!("closed a connection that was idle for {idle_ms} ms"));
            self.gone.push(id);
        }
    }

    /// Reads what is ready, and takes the frames.
    fn receive(&mut self) {
        for id in std::mem::take(&mut self.resumed) {
            self.take_frames(id);
            self.shell.links.touch(id);
        }
        let mut readable = std::mem::take(&mut self.readable);
        for id in readable.drain(..) {
            let now = self.shell.now;
            let Some(link) = self.shell.links.get(id) else { continue };
            if !link.takes_frames(now) || link.backlog {
                self.shell.links.touch(id);
                continue;
            }
            let Some(inbound) = self.inbounds.get_mut(index_of(id)).and_then(Option::as_mut) else { continue };
            let (n, end) = inbound.read(link.out.socket.as_fd(), &mut self.spare);
            link.received(n, now);
            self.shell.metrics.bytes_in += n as u64;
            self.take_frames(id);
            if end == ReadEnd::Closed {
                // What it asked before is still stepped; nothing can be sent any more once it is gone for good.
                self.run_stage();
                self.gone.push(id);
            }
        }
        self.readable = readable;
    }

    /// Takes whole frames out of a connection's buffer, as many as it may have under way; a full stage is stepped in
    /// between.
    fn take_frames(&mut self, id: ConnId) {
        while self.stage_frames(id) == Stage::Full {}
    }

    fn stage_frames(&mut self, id: ConnId) -> Stage {
        let queued_max = usize::try_from(self.shell.settings.queued_max_requests).unwrap_or(1).max(1);
        let max = self.shell.settings.socket_request_max_bytes;
        let (now, now_us) = (self.shell.now, self.shell.now_us);
        let Some(inbound) = self.inbounds.get_mut(index_of(id)).and_then(Option::as_mut) else { return Stage::Open };
        let Some(link) = self.shell.links.get(id) else { return Stage::Open };
        let (mut large, mut took) = (false, false);
        link.backlog = false;
        loop {
            if !link.takes_frames(now) {
                link.backlog = inbound.unread() >= 4;
                break;
            }
            match inbound.next(max) {
                Next::Partial => break,
                Next::Frame(slot, bytes) => {
                    let key =
                        inbound.bytes(bytes.clone()).first_chunk::<2>().map_or(-1, |key| i16::from_be_bytes(*key));
                    link.out.expect(slot, key, now_us);
                    link.is_alive(now);
                    self.staged_bytes += bytes.len();
                    large |= bytes.len() >= LARGE_FRAME_BYTES;
                    took = true;
                    self.stage.push(Staged { conn: id, slot, bytes });
                    if self.stage.len() >= queued_max {
                        break;
                    }
                }
                Next::BadLength(length) => {
                    let hint = hint_for(inbound.rest());
                    let host = &inbound.peer.host;
                    let message = format!(
                        "closed a connection from {host}: a request of {length} bytes is not allowed \
                         (socket.request.max.bytes = {max}){hint}"
                    );
                    link.closing = true;
                    self.shell.metrics.protocol_errors += 1;
                    self.shell.notes.warn(&message);
                    self.shell.links.touch(id);
                    break;
                }
            }
        }
        self.shell.links.touch(id);
        let full = self.stage.len() >= queued_max;
        if large || self.staged_bytes >= STAGED_BYTES_MAX || full {
            self.run_stage();
        } else if !took {
            // Nothing whole came: the buffer may still be empty and go back.
            self.consume(id);
        }
        if full { Stage::Full } else { Stage::Open }
    }

    /// Steps what is staged.
    fn run_stage(&mut self) {
        if self.stage.is_empty() {
            return;
        }
        let Drive { node, inbounds, shell, stage, .. } = self;
        let mut effects = Vec::with_capacity(stage.len() * 2);
        for staged in stage.iter() {
            let Some(inbound) = inbounds.get(index_of(staged.conn)).and_then(Option::as_ref) else { continue };
            let bytes = inbound.bytes(staged.bytes.clone());
            let input = Input::Frame { conn: staged.conn, slot: staged.slot, peer: &inbound.peer, bytes };
            node.step(shell.now, input, &mut effects);
        }
        shell.perform(node, effects);
        let mut stage = std::mem::take(&mut self.stage);
        let mut last = None;
        for staged in stage.drain(..) {
            if last != Some(staged.conn) {
                self.consume(staged.conn);
            }
            last = Some(staged.conn);
        }
        self.stage = stage;
        self.staged_bytes = 0;
    }

    fn consume(&mut self, id: ConnId) {
        if let Some(inbound) = self.inbounds.get_mut(index_of(id)).and_then(Option::as_mut) {
            inbound.consume(&mut self.spare);
        }
    }

    /// Writes what is ready, and lets go of connections that are over, until nothing new comes of it.
    fn settle(&mut self) {
        loop {
            self.settle_peers();
            while let Some(id) = self.shell.links.next_touched() {
                self.flush(id);
            }
            if self.gone.is_empty() {
                break;
            }
            let mut inputs = Vec::new();
            for id in std::mem::take(&mut self.gone) {
                if self.shell.links.remove(id) {
                    self.inbounds[index_of(id)] = None;
                    inputs.push(Input::Disconnected { conn: id });
                }
            }
            self.step_all(inputs);
            let Shell { timers, links, .. } = &mut self.shell;
            timers.forget(links.len(), |id| links.is_open(id));
        }
        if self.shell.links.is_empty() {
            self.spare.shrink();
        }
        self.shell.note_from_store();
    }

    fn flush(&mut self, id: ConnId) {
        let shell = &mut self.shell;
        let now = shell.now;
        let Some(link) = shell.links.get(id) else { return };
        let throttle_ms = link.out.advance();
        if throttle_ms > 0 {
            link.muted_until = now + Millis::from(throttle_ms);
            shell.timers.add(link.muted_until, Timer::Unmute(id));
        }
        if !link.cold {
            let (sent, end) = link.out.write();
            if sent > 0 {
                link.is_alive(now);
                shell.metrics.bytes_out += sent;
            }
            match end {
                WriteEnd::Done | WriteEnd::Blocked => {}
                WriteEnd::Cold(file, position, length) => {
                    link.cold = true;
                    shell.metrics.cold_reads += 1;
                    shell.warm(id, file, position, length);
                }
                WriteEnd::Broken(why) => {
                    shell.notes.write(Level::Debug, &format!("closed a connection: {why}"));
                    self.gone.push(id);
                    return;
                }
            }
        }
        let Some(link) = self.shell.links.get(id) else { return };
        if link.closing && !link.out.has_unsent() {
            self.gone.push(id);
            return;
        }
        if link.backlog && link.takes_frames(now) {
            self.resumed.push(id);
        }
        let wanted = link.wanted(now);
        if wanted != link.interest {
            link.interest = wanted;
            let data = EventData::new_u64(id.0);
            if epoll::modify(&self.epoll, &link.out.socket, data, wanted).is_err() {
                self.gone.push(id);
            }
        }
    }
}

/// Who speaks another protocol is told so, in the log.
fn hint_for(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'G', b'E', b'T', b' ', ..] | [b'P', b'O', b'S', b'T', ..] | [b'H', b'E', b'A', b'D', ..] => {
            " (hint: this looks like HTTP; http.listener answers that)"
        }
        [0x16, 0x03, ..] => " (hint: this looks like TLS; the listener is plaintext)",
        _ => "",
    }
}
