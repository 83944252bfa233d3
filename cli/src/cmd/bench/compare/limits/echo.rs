//! The least a broker could do for a small request: read it and answer, with nothing in between.

use super::{failed, pair};
use crate::cmd::bench::engine::{Engine, Load};
use crate::cmd::bench::outbox::Outbox;
use crate::failure::Failure;
use rustix::event::{Timespec, epoll};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the server waits before it looks whether it is still wanted.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const READ_BYTES: usize = 64 << 10;

/// Requests answered in a second, with so many bytes asked and answered.
///
/// # Errors
/// When sockets fail.
pub fn requests_per_sec(
    (request_bytes, answer_bytes): (u32, u32),
    connections: u16,
    in_flight: u16,
    time: Duration,
) -> Result<f64, Failure> {
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        let (one, other) = pair()?;
        near.push((one, "the echo".to_string()));
        other.set_nonblocking(true).map_err(failed)?;
        far.push(other);
    }
    let over = Arc::new(AtomicBool::new(false));
    let wanted = Arc::clone(&over);
    let server = std::thread::spawn(move || serve(far, request_bytes as usize, &frame(answer_bytes), &wanted));
    let slots = (0..in_flight).flat_map(|_| 0..usize::from(connections)).collect();
    let mut asking =
        Asking { request: frame(request_bytes), slots, open: 0, answered: 0, until: Instant::now() + time, lost: None };
    let began = Instant::now();
    let ran = Engine::new(near).and_then(|mut engine| engine.run(&mut asking, &AtomicBool::new(false)));
    let seconds = began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    server.join().map_err(|_| failed("the echo broke"))??;
    ran?;
    asking.lost.map_or(Ok(asking.answered as f64 / seconds), Err)
}

/// A frame of so many bytes with its length before it.
fn frame(bytes: u32) -> Vec<u8> {
    let mut frame = vec![0; bytes.max(8) as usize];
    frame[..4].copy_from_slice(&(bytes.max(8) - 4).to_be_bytes());
    frame
}

fn serve(mut streams: Vec<TcpStream>, request_bytes: usize, answer: &[u8], over: &AtomicBool) -> Result<(), Failure> {
    let watch = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
    for (index, stream) in streams.iter().enumerate() {
        epoll::add(&watch, stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN).map_err(failed)?;
    }
    let mut pending = vec![0usize; streams.len()];
    let mut buffer = vec![0; READ_BYTES];
    let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut answers = Vec::new();
    while !over.load(Ordering::Relaxed) {
        epoll::wait(&watch, rustix::buffer::spare_capacity(&mut events), Some(&PATIENCE)).map_err(failed)?;
        for event in events.drain(..) {
            let index = event.data.u64() as usize;
            match streams[index].read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(got) => pending[index] += got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(failed(error)),
            }
            let whole = pending[index] / request_bytes;
            pending[index] %= request_bytes;
            answers.clear();
            (0..whole).for_each(|_| answers.extend_from_slice(answer));
            // A few small answers always fit.
            streams[index].write_all(&answers).map_err(failed)?;
        }
    }
    Ok(())
}

struct Asking {
    request: Vec<u8>,
    slots: VecDeque<usize>,
    open: u64,
    answered: u64,
    until: Instant,
    lost: Option<Failure>,
}

impl Load for Asking {
    fn ready(&mut self, now: Instant) -> Option<usize> {
        if now >= self.until || self.lost.is_some() { None } else { self.slots.pop_front() }
    }

    fn put(&mut self, _now: Instant, _connection: usize, out: &mut Outbox) {
        out.put(&self.request);
        self.open += 1;
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn answered(&mut self, _now: Instant, connection: usize, _frame: &[u8]) -> Result<(), Failure> {
        self.slots.push_back(connection);
        self.open = self.open.saturating_sub(1);
        self.answered += 1;
        Ok(())
    }

    fn lost(&mut self, _connection: usize, why: Failure) {
        self.lost = Some(why);
    }

    fn tick(&mut self, _now: Instant) -> Option<usize> {
        None
    }

    fn is_done(&self) -> bool {
        self.lost.is_some() || (self.open == 0 && Instant::now() >= self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_asked_is_answered() {
        let rate = requests_per_sec((210, 60), 4, 2, Duration::from_millis(100)).unwrap();
        assert!(rate > 100.0, "{rate}");
        assert_eq!((frame(10).len(), frame(10)[3]), (10, 6));
    }
}
