//! What a connection has received: bytes until they are frames. Nothing is reserved that has not arrived, and a
//! connection that says nothing holds no buffer.

use kq::event::Peer;
use rustix::buffer::spare_capacity;
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::ops::Range;

/// A read buffer's size until a larger frame is on its way, in bytes.
pub const BUFFER_BYTES: usize = 64 * 1024;
/// What one connection may be read in one pass, in bytes.
const READ_BYTES_MAX: usize = 1024 * 1024;
/// Spare buffers kept, and the largest that is.
const SPARE_BUFFERS_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Inbound {
    /// The other end.
    pub peer: Peer,
    buffer: Vec<u8>,
    taken: usize,
    frames: u64,
}

/// Buffers that connections hand back when they have nothing unread.
#[derive(Debug, Default)]
pub struct SpareBuffers(Vec<Vec<u8>>);

/// What a read ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// The socket has no more for now.
    Drained,
    /// There may be more; the next pass goes on.
    More,
    /// The client has closed its side, or the connection broke.
    Closed,
}

/// The next frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A whole frame: its slot, and where its bytes are in the buffer.
    Frame(u64, Range<usize>),
    /// Not all of it is here.
    Partial,
    /// The claimed length is outside what is allowed.
    BadLength(i32),
}

impl Inbound {
    /// A connection that has sent nothing yet.
    pub fn new(peer: Peer) -> Inbound {
        Inbound { peer, buffer: Vec::new(), taken: 0, frames: 0 }
    }

    /// Reads what is there, within a pass's share. Returns the bytes read.
    pub fn read(&mut self, socket: impl AsFd, spare: &mut SpareBuffers) -> (usize, ReadEnd) {
        let mut total = 0;
        loop {
            self.make_room(spare);
            let room = self.buffer.capacity() - self.buffer.len();
            match rustix::io::read(&socket, spare_capacity(&mut self.buffer)) {
                Ok(0) => return (total, ReadEnd::Closed),
                Ok(n) => {
                    total += n;
                    // A short read has emptied the socket: no second call just to hear EAGAIN.
                    if n < room {
                        return (total, ReadEnd::Drained);
                    }
                    if total >= READ_BYTES_MAX || !self.wants_more() {
                        return (total, ReadEnd::More);
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.give_back(spare);
                    return (total, ReadEnd::Drained);
                }
                Err(_) => return (total, ReadEnd::Closed),
            }
        }
    }

    /// Takes the next whole frame, if there is one. Its bytes stay until [`Inbound::consume`].
    pub fn next(&mut self, request_bytes_max: i32) -> Next {
        let Some(length) = self.claimed() else { return Next::Partial };
        if length < 0 || length > request_bytes_max {
            return Next::BadLength(length);
        }
        let start = self.taken + 4;
        let end = start + length as usize;
        if self.buffer.len() < end {
            return Next::Partial;
        }
        self.taken = end;
        self.frames += 1;
        Next::Frame(self.frames - 1, start..end)
    }

    /// The bytes of a frame that [`Inbound::next`] found.
    pub fn bytes(&self, frame: Range<usize>) -> &[u8] {
        &self.buffer[frame]
    }

    /// Forgets the frames taken so far; an empty buffer goes back.
    pub fn consume(&mut self, spare: &mut SpareBuffers) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.give_back(spare);
        // What a large frame needed is not held for the small ones that follow it.
        if self.buffer.capacity() > SPARE_BYTES_MAX && self.claimed().is_none_or(|n| (n as usize) < BUFFER_BYTES) {
            self.buffer.shrink_to(BUFFER_BYTES);
        }
    }

    /// Bytes that belong to no whole frame yet.
    pub fn unread(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The bytes that are here but in no frame yet: for telling who speaks another protocol.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    fn claimed(&self) -> Option<i32> {
        let length = self.buffer[self.taken..].first_chunk::<4>()?;
        Some(i32::from_be_bytes(*length))
    }

    /// True while the frame at the front is larger than what is here.
    fn wants_more(&self) -> bool {
        self.claimed().is_some_and(|length| length as usize + 4 > self.unread())
    }

    /// Room to read into: the spare of the buffer, doubled when it is full, up to the frame that is on its way.
    fn make_room(&mut self, spare: &mut SpareBuffers) {
        if self.buffer.capacity() == 0 {
            self.buffer = spare.0.pop().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
        }
        if self.buffer.len() < self.buffer.capacity() {
            return;
        }
        let frame = self.claimed().map_or(0, |length| usize::try_from(length).unwrap_or(0) + 4);
        let wanted = frame.clamp(BUFFER_BYTES, self.buffer.len() * 2).max(self.buffer.len() + BUFFER_BYTES / 4);
        self.buffer.reserve_exact(wanted - self.buffer.len());
    }

    fn give_back(&mut self, spare: &mut SpareBuffers) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            let buffer = std::mem::take(&mut self.buffer);
            spare.put(buffer);
        }
    }
}

impl SpareBuffers {
    fn put(&mut self, buffer: Vec<u8>) {
        if self.0.len() < SPARE_BUFFERS_MAX && (BUFFER_BYTES..=SPARE_BYTES_MAX).contains(&buffer.capacity()) {
            self.0.push(buffer);
        }
    }

    /// Lets go of what a quiet broker does not need.
    pub fn shrink(&mut self) {
        self.0.truncate(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn inbound() -> (UnixStream, UnixStream, Inbound, SpareBuffers) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let peer = Peer { listener: 0, host: "127.0.0.1".into() };
        (ours, theirs, Inbound::new(peer), SpareBuffers::default())
    }

    #[test]
    fn frames_come_whole_and_in_order() {
        let (ours, mut theirs, mut inbound, mut spare) = inbound();
        theirs.write_all(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(inbound.read(&ours, &mut spare), (13, ReadEnd::Drained));
        assert_eq!(inbound.next(100), Next::Frame(0, 4..6));
        assert_eq!(inbound.bytes(4..6), [7, 8]);
        assert_eq!(inbound.next(100), Next::Frame(1, 10..10));
        assert_eq!(inbound.next(100), Next::Partial);
        inbound.consume(&mut spare);
        theirs.write_all(&[1, 9]).unwrap();
        drop(theirs);
        assert_eq!(inbound.read(&ours, &mut spare), (2, ReadEnd::Drained));
        assert_eq!(inbound.next(100), Next::Frame(2, 4..5));
        inbound.consume(&mut spare);
        assert_eq!(inbound.buffer.capacity(), 0);
        assert_eq!(inbound.read(&ours, &mut spare).1, ReadEnd::Closed);
    }

    #[test]
    fn a_claim_reserves_nothing() {
        let (ours, mut theirs, mut inbound, mut spare) = inbound();
        theirs.write_all(&100_000_000i32.to_be_bytes()).unwrap();
        inbound.read(&ours, &mut spare);
        assert_eq!(inbound.next(104_857_600), Next::Partial);
        assert!(inbound.buffer.capacity() <= BUFFER_BYTES);
        assert_eq!(inbound.next(99_999_999), Next::BadLength(100_000_000));
        let (ours, mut theirs, mut inbound, mut spare) = self::inbound();
        theirs.write_all(&[255; 4]).unwrap();
        inbound.read(&ours, &mut spare);
        assert_eq!(inbound.next(100), Next::BadLength(-1));
    }

    #[test]
    fn a_large_frame_grows_with_its_bytes() {
        let (ours, mut theirs, mut inbound, mut spare) = inbound();
        let body = vec![5u8; 3_000_000];
        let sent = body.clone();
        let sender = std::thread::spawn(move || {
            theirs.write_all(&(sent.len() as i32).to_be_bytes()).unwrap();
            theirs.write_all(&sent).unwrap();
            theirs
        });
        let frame = loop {
            inbound.read(&ours, &mut spare);
            assert!(inbound.buffer.capacity() <= (inbound.buffer.len() * 2).max(BUFFER_BYTES));
            if let Next::Frame(0, frame) = inbound.next(4_000_000) {
                break frame;
            }
        };
        assert!(inbound.bytes(frame) == body);
        inbound.consume(&mut spare);
        assert_eq!((inbound.buffer.capacity(), spare.0.len()), (0, 0));
        drop(sender.join());
    }
}
