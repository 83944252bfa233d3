//! One thread, many connections: sends what a [`Load`] gives it as far as the sockets take it, and hands it the answers.
//!
//! So the client stays cheap: one write per connection and pass, no allocation per request, no hand-over between threads.

use super::outbox::Outbox;
use crate::failure::Failure;
use kq::client::frame_length;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::io::{self, Read};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a load is asked about progress and late answers.
const TICK: Duration = Duration::from_millis(50);
/// What a connection's read buffer begins with, in bytes.
const READ_BYTES: usize = 64 << 10;
/// What a read buffer grows by at most before those bytes have come.
const GROW_BYTES_MAX: usize = 8 << 20;

/// What is sent, and what becomes of it. Connections go by their index.
pub trait Load {
    /// A connection that is to send now.
    fn ready(&mut self, now: Instant) -> Option<usize>;
    /// Its next request.
    fn put(&mut self, now: Instant, connection: usize, out: &mut Outbox);
    /// When [`Load::ready`] has something, though no answer comes before.
    fn due(&self) -> Option<Instant>;
    /// A whole frame has come, without its length. A failure closes the connection.
    fn answered(&mut self, now: Instant, connection: usize, frame: &[u8]) -> Result<(), Failure>;
    /// Everything put so far has left; answers whether that makes [`Load::ready`] have more.
    fn written(&mut self, _now: Instant, _connection: usize) -> bool {
        false
    }
    /// The connection is gone, and what was in flight with it.
    fn lost(&mut self, connection: usize, why: Failure);
    /// A connection that has waited too long for an answer; called now and then, with time for a word on progress.
    fn tick(&mut self, now: Instant) -> Option<usize>;
    /// Nothing is left to send or to wait for.
    fn is_done(&self) -> bool;
}

struct Peer {
    stream: TcpStream,
    address: String,
    out: Outbox,
    input: Input,
    /// The socket takes no more for now.
    full: bool,
    /// epoll is told to say when it has room again.
    watched: bool,
    open: bool,
}

/// The connections, and what watches them.
pub struct Engine {
    epoll: OwnedFd,
    peers: Vec<Peer>,
}

fn watching(error: impl std::fmt::Display) -> Failure {
    Failure::new("EPOLL", "cannot watch the connections").because(error)
}

impl Engine {
    /// Takes negotiated connections, with the address of each.
    ///
    /// # Errors
    /// When the system gives no more descriptors.
    pub fn new(streams: Vec<(TcpStream, String)>) -> Result<Engine, Failure> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(watching)?;
        let mut peers = Vec::with_capacity(streams.len());
        for (index, (stream, address)) in streams.into_iter().enumerate() {
            stream.set_nonblocking(true).map_err(watching)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, &stream, data, epoll::EventFlags::IN).map_err(watching)?;
            peers.push(Peer {
                stream,
                address,
                out: Outbox::default(),
                input: Input::default(),
                full: false,
                watched: false,
                open: true,
            });
        }
        Ok(Engine { epoll, peers })
    }

    /// Until the load is done, or `stop` is set.
    ///
    /// # Errors
    /// When the connections cannot be watched any more. What happens to single connections is the load's to count.
    pub fn run(&mut self, load: &mut impl Load, stop: &AtomicBool) -> Result<(), Failure> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
        let mut touched: Vec<usize> = Vec::new();
        let mut next_tick = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                while let Some(late) = load.tick(now) {
                    self.close(load, late, &|address| {
                        Failure::timed_out(format!("{address} left a request unanswered"))
                            .hint("give it longer with -X request.timeout.ms=N")
                    });
                }
            }
            while let Some(connection) = load.ready(now) {
                load.put(now, connection, &mut self.peers[connection].out);
                if touched.last() != Some(&connection) {
                    touched.push(connection);
                }
            }
            let mut more = false;
            for connection in touched.drain(..) {
                more |= self.flush(load, connection);
            }
            if load.is_done() || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let until = if more { now } else { next_tick };
            self.wait(&mut events, until, load.due())?;
            for event in events.drain(..) {
                let (connection, flags) = (event.data.u64() as usize, event.flags);
                if flags.contains(epoll::EventFlags::OUT) {
                    self.peers[connection].full = false;
                    self.flush(load, connection);
                }
                if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    self.read(load, connection);
                }
            }
        }
    }

    /// Waits for sockets; at a given rate to the nanosecond, as epoll alone counts in milliseconds.
    fn wait(&self, events: &mut Vec<epoll::Event>, until: Instant, due: Option<Instant>) -> Result<(), Failure> {
        let pause = due.map_or(until, |due| due.min(until)).saturating_duration_since(Instant::now());
        let mut timeout = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: pause.subsec_nanos().into() };
        if due.is_some() && !pause.is_zero() {
            let mut polled = [PollFd::new(&self.epoll, PollFlags::IN)];
            match poll(&mut polled, Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => timeout = Timespec { tv_sec: 0, tv_nsec: 0 },
                Err(error) => return Err(watching(error)),
            }
        }
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(watching(error)),
        }
    }

    /// Sends what the socket takes; true when the load has more to send for that.
    fn flush(&mut self, load: &mut impl Load, connection: usize) -> bool {
        let peer = &mut self.peers[connection];
        if !peer.open || peer.full {
            return false;
        }
        let mut more = false;
        let interest = match peer.out.write(&mut peer.stream) {
            Ok(true) => {
                more = load.written(Instant::now(), connection);
                epoll::EventFlags::IN
            }
            Ok(false) => {
                peer.full = true;
                epoll::EventFlags::IN | epoll::EventFlags::OUT
            }
            Err(error) => {
                self.close(load, connection, &|address| {
                    Failure::new("DISCONNECTED", format!("cannot send to {address}")).because(&error)
                });
                return false;
            }
        };
        if peer.full != peer.watched {
            peer.watched = peer.full;
            let data = epoll::EventData::new_u64(connection as u64);
            let _ = epoll::modify(&self.epoll, peer.stream.as_fd(), data, interest);
        }
        more
    }

    fn read(&mut self, load: &mut impl Load, connection: usize) {
        let peer = &mut self.peers[connection];
        while peer.open {
            let room = peer.input.room();
            let room_bytes = room.len();
            let failure = match peer.stream.read(room) {
                Ok(0) => Failure::new("DISCONNECTED", format!("{} closed the connection", peer.address))
                    .hint("the broker's log says why"),
                Ok(got) => {
                    peer.input.end += got;
                    match deliver(&mut peer.input, load, connection) {
                        Ok(()) if got < room_bytes => return,
                        Ok(()) => continue,
                        Err(failure) => failure,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Failure::new("DISCONNECTED", format!("cannot read from {}", peer.address)).because(error),
            };
            return self.close(load, connection, &|_| failure.clone());
        }
    }

    fn close(&mut self, load: &mut impl Load, connection: usize, why: &dyn Fn(&str) -> Failure) {
        let peer = &mut self.peers[connection];
        if std::mem::take(&mut peer.open) {
            let _ = epoll::delete(&self.epoll, peer.stream.as_fd());
            let _ = peer.stream.shutdown(std::net::Shutdown::Both);
            load.lost(connection, why(&peer.address));
        }
    }
}

fn deliver(input: &mut Input, load: &mut impl Load, connection: usize) -> Result<(), Failure> {
    let now = Instant::now();
    while let Some(frame) = input.frame()? {
        load.answered(now, connection, &input.bytes[frame])?;
    }
    Ok(())
}

/// What has come and is not handed on yet.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Length of the frame that is not whole yet, with its prefix.
    wanted: usize,
}

impl Input {
    /// Where the next bytes go: never empty.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let have = self.end - self.start;
        let needed = self.wanted.max(READ_BYTES).min(have + GROW_BYTES_MAX).max(have + 1);
        if self.bytes.len() - self.start < needed {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, have);
            if self.bytes.len() < needed {
                self.bytes.resize(needed, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Where the next whole frame is, without its length.
    fn frame(&mut self) -> Result<Option<Range<usize>>, Failure> {
        let Some(prefix) = self.bytes[self.start..self.end].first_chunk::<4>() else {
            self.wanted = 0;
            return Ok(None);
        };
        let length = frame_length(*prefix)?;
        if self.end - self.start < 4 + length {
            self.wanted = 4 + length;
            return Ok(None);
        }
        let from = self.start + 4;
        self.start = from + length;
        self.wanted = 0;
        Ok(Some(from..from + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(input: &mut Input, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = input.room();
            let taken = room.len().min(rest.len());
            room[..taken].copy_from_slice(&rest[..taken]);
            input.end += taken;
            rest = &rest[taken..];
            while let Some(frame) = input.frame().unwrap() {
                found.push(input.bytes[frame].to_vec());
            }
        }
        found
    }

    #[test]
    fn frames_come_out_whole_however_they_came_in() {
        let frames: Vec<Vec<u8>> =
            [0usize, 1, 5, READ_BYTES - 4, READ_BYTES, 3 * READ_BYTES, 7].iter().map(|n| vec![*n as u8; *n]).collect();
        let mut wire = Vec::new();
        for frame in &frames {
            wire.extend_from_slice(&(frame.len() as u32).to_be_bytes());
            wire.extend_from_slice(frame);
        }
        for step in [1, 3, 1_000, READ_BYTES, wire.len()] {
            let mut input = Input::default();
            let found: Vec<Vec<u8>> = wire.chunks(step).flat_map(|chunk| feed(&mut input, chunk)).collect();
            assert!(found == frames, "in steps of {step}");
        }
    }

    #[test]
    fn a_claimed_length_reserves_little() {
        let mut input = Input::default();
        feed(&mut input, &(400u32 << 20).to_be_bytes());
        assert!(input.room().len() <= GROW_BYTES_MAX + READ_BYTES);
        let mut input = Input::default();
        let room = input.room();
        room[..4].copy_from_slice(&[0xff; 4]);
        input.end = 4;
        assert!(input.frame().is_err());
    }
}
