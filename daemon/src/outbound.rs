//! What a connection is to send: replies in the order of their frames, each pass in as few system calls as can be.
//! The steps may answer frames in any order; only the ready prefix leaves.

use crate::disk::RealFile;
use kq::log::DiskFile as _;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Frames of one connection that may wait for their replies.
pub const IN_FLIGHT_MAX: usize = 64;
/// Reply bytes in memory at which a connection is read no further, in bytes.
pub const UNSENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What one connection may be sent in one pass, in bytes.
const WRITE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Parts in one system call.
const PARTS_MAX: usize = 256;

/// A part of what is to be sent.
#[derive(Debug)]
pub enum Part {
    /// A frame's length.
    Length([u8; 4]),
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// A run of a file.
    File(FilePart),
}

/// A run of bytes that goes from a file to the socket. The handle keeps a deleted segment readable.
#[derive(Debug)]
pub struct FilePart {
    /// The file.
    pub file: RealFile,
    /// Its next byte to send.
    pub position: u64,
    /// Bytes left.
    pub left: u64,
    /// Known to be in the page cache, or fetched into it.
    pub warm: bool,
}

/// A frame that is on its way through the core.
#[derive(Debug)]
pub struct Slot {
    /// Its key, for the metrics.
    pub api_key: i16,
    /// When it was read, in microseconds of the shell's own count.
    pub since_us: u64,
    reply: Option<Reply>,
}

#[derive(Debug)]
struct Reply {
    parts: Vec<Part>,
    throttle_ms: u32,
}

/// The sending half of a connection.
#[derive(Debug)]
pub struct Outbound {
    /// The socket.
    pub socket: OwnedFd,
    first_slot: u64,
    slots: VecDeque<Slot>,
    queue: VecDeque<Part>,
    /// Bytes of the front part that are sent.
    sent: usize,
    unsent_bytes: usize,
}

/// What a write ended with.
#[derive(Debug)]
pub enum WriteEnd {
    /// Everything that is ready was sent.
    Done,
    /// The socket takes no more for now, or the pass's share is used up.
    Blocked,
    /// The front part has to be fetched from disk first.
    Cold(RealFile, u64, u64),
    /// The connection is broken, with the reason.
    Broken(String),
}

impl Outbound {
    /// A connection that owes nothing yet.
    pub fn new(socket: OwnedFd) -> Outbound {
        Outbound { socket, first_slot: 0, slots: VecDeque::new(), queue: VecDeque::new(), sent: 0, unsent_bytes: 0 }
    }

    /// Takes a place for a frame that was read. Slots are numbered from 0, without gaps.
    pub fn expect(&mut self, slot: u64, api_key: i16, since_us: u64) {
        assert_eq!(slot, self.first_slot + self.slots.len() as u64, "frames are expected in order");
        self.slots.push_back(Slot { api_key, since_us, reply: None });
    }

    /// Fills a slot; `None` when it was filled already or was never expected. Returns what is known of the frame.
    pub fn fill(&mut self, slot: u64, parts: Vec<Part>, throttle_ms: u32) -> Option<&Slot> {
        let index = usize::try_from(slot.checked_sub(self.first_slot)?).ok()?;
        let slot = self.slots.get_mut(index)?;
        if slot.reply.is_some() {
            return None;
        }
        slot.reply = Some(Reply { parts, throttle_ms });
        Some(slot)
    }

    /// Queues a frame that answers nothing: a request to another node.
    pub fn push(&mut self, frame: Vec<u8>) {
        // A frame's length is signed: the core never sends more.
        let length = i32::try_from(frame.len()).unwrap_or(i32::MAX);
        self.unsent_bytes += 4 + frame.len();
        self.queue.push_back(Part::Length(length.to_be_bytes()));
        self.queue.push_back(Part::Bytes(frame));
    }

    /// Moves the ready prefix into the queue. Returns for how long, in milliseconds, the client is to be muted.
    pub fn advance(&mut self) -> u32 {
        let mut throttle_ms = 0;
        while let Some(reply) = self.slots.front_mut().and_then(|slot| slot.reply.take()) {
            self.slots.pop_front();
            self.first_slot += 1;
            throttle_ms = throttle_ms.max(reply.throttle_ms);
            if reply.parts.is_empty() {
                continue;
            }
            let bytes: u64 = reply.parts.iter().map(Part::bytes).sum();
            // A frame's length is signed: the core never answers with more.
            let length = i32::try_from(bytes).unwrap_or(i32::MAX);
            self.queue.push_back(Part::Length(length.to_be_bytes()));
            self.unsent_bytes += 4;
            for part in reply.parts {
                self.unsent_bytes += part.memory_bytes();
                self.queue.push_back(part);
            }
        }
        throttle_ms
    }

    /// Frames that wait for an answer.
    pub fn waiting(&self) -> usize {
        self.slots.len()
    }

    /// True while something is to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Bytes in memory that are to be sent.
    pub fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// True when no further frame is to be taken for now.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= IN_FLIGHT_MAX || self.unsent_bytes >= UNSENT_BYTES_MAX
    }

    /// The front part is in the page cache now.
    pub fn warmed(&mut self) {
        if let Some(Part::File(part)) = self.queue.front_mut() {
            part.warm = true;
        }
    }

    /// Sends what is ready, within a pass's share. Returns the bytes sent.
    pub fn write(&mut self) -> (u64, WriteEnd) {
        let mut total = 0;
        while let Some(front) = self.queue.front_mut() {
            if total >= WRITE_BYTES_MAX {
                return (total, WriteEnd::Blocked);
            }
            let sent = match front {
                Part::File(part) if part.left == 0 => {
                    self.queue.pop_front();
                    continue;
                }
                Part::File(part) => {
                    if !part.warm && !part.is_cached() {
                        return (total, WriteEnd::Cold(part.file.clone(), part.position, part.left));
                    }
                    part.warm = true;
                    send_file(&self.socket, part)
                }
                _ => self.send_bytes(),
            };
            match sent {
                Ok(n) => total += n,
                Err(SendError::Blocked) => return (total, WriteEnd::Blocked),
                Err(SendError::Broken(why)) => return (total, WriteEnd::Broken(why)),
            }
        }
        // A connection that has said all holds no queue.
        if self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
        if self.slots.is_empty() && self.slots.capacity() > 8 {
            self.slots = VecDeque::new();
        }
        (total, WriteEnd::Done)
    }

    fn send_bytes(&mut self) -> Result<u64, SendError> {
        let mut slices = Vec::with_capacity(self.queue.len().min(PARTS_MAX));
        let mut flags = SendFlags::NOSIGNAL;
        for part in &self.queue {
            let bytes = match part {
                Part::Length(bytes) => &bytes[..],
                Part::Bytes(bytes) => bytes,
                Part::File(_) => {
                    flags |= SendFlags::MORE;
                    break;
                }
            };
            if slices.len() == PARTS_MAX {
                break;
            }
            let bytes = if slices.is_empty() { &bytes[self.sent..] } else { bytes };
            slices.push(IoSlice::new(bytes));
        }
        let n = match sendmsg(&self.socket, &slices, &mut SendAncillaryBuffer::default(), flags) {
            Ok(n) => n,
            Err(Errno::INTR) => return Ok(0),
            Err(e) => return Err(e.into()),
        };
        self.take(n);
        Ok(n as u64)
    }

    /// Drops `n` sent bytes, and empty parts, from the front of the queue.
    fn take(&mut self, n: usize) {
        self.unsent_bytes -= n;
        self.sent += n;
        while let Some(front) = self.queue.front() {
            let len = match front {
                Part::Length(_) => 4,
                Part::Bytes(bytes) => bytes.len(),
                Part::File(_) => break,
            };
            if self.sent < len {
                break;
            }
            self.sent -= len;
            self.queue.pop_front();
        }
    }
}

impl Part {
    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Part::File(part) => part.left,
            _ => self.memory_bytes() as u64,
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Part::Length(bytes) => bytes.len(),
            Part::Bytes(bytes) => bytes.len(),
            Part::File(_) => 0,
        }
    }
}

impl FilePart {
    /// Looks at the first and the last byte: a hint, the price of being wrong is one blocking read.
    fn is_cached(&self) -> bool {
        let mut byte = [0];
        self.file.read_cached(&mut byte, self.position) == 1
            && self.file.read_cached(&mut byte, self.position + self.left - 1) == 1
    }
}

enum SendError {
    Blocked,
    Broken(String),
}

impl From<Errno> for SendError {
    fn from(errno: Errno) -> SendError {
        match errno {
            Errno::AGAIN => SendError::Blocked,
            e => SendError::Broken(format!("cannot send: {e}")),
        }
    }
}

fn send_file(socket: &OwnedFd, part: &mut FilePart) -> Result<u64, SendError> {
    let mut position = part.position;
    let wanted = part.left.min(WRITE_BYTES_MAX) as usize;
    match rustix::fs::sendfile(socket, part.file.as_fd(), Some(&mut position), wanted) {
        // The file ends early: the frame that was promised cannot be finished.
        Ok(0) => Err(SendError::Broken(format!("{} is shorter than its log says", part.file.path().display()))),
        Ok(n) => {
            part.position += n as u64;
            part.left -= n as u64;
            Ok(n as u64)
        }
        Err(Errno::INTR) => Ok(0),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use kq::log::{Disk, DiskFile};
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn outbound() -> (Outbound, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Outbound::new(ours.into()), theirs)
    }

    #[test]
    fn only_the_ready_prefix_leaves_and_in_order() {
        let (mut out, mut theirs) = outbound();
        (0..4).for_each(|slot| out.expect(slot, 0, 0));
        assert!(out.fill(2, vec![Part::Bytes(vec![2])], 0).is_some());
        assert_eq!(out.advance(), 0);
        assert!(!out.has_unsent());
        assert!(out.fill(1, Vec::new(), 0).is_some());
        assert!(out.fill(0, vec![Part::Bytes(vec![0, 0])], 9).is_some());
        assert!(out.fill(0, vec![Part::Bytes(vec![9])], 0).is_none());
        assert!(out.fill(17, Vec::new(), 0).is_none());
        assert_eq!(out.advance(), 9);
        assert!(matches!(out.write(), (11, WriteEnd::Done)));
        let mut got = [0; 11];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(got, [0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((out.waiting(), out.unsent_bytes), (1, 0));
        assert!(out.fill(2, Vec::new(), 0).is_none());
    }

    #[test]
    fn files_and_bytes_survive_a_slow_reader() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open_root(dir.path()).unwrap();
        let file = disk.create("f").unwrap();
        let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_be_bytes).collect();
        file.write_at(&[&content], 0).unwrap();
        let (mut out, mut theirs) = outbound();
        let part = FilePart { file, position: 400, left: 1_000_000, warm: false };
        for slot in 0..2 {
            out.expect(slot, 1, 0);
        }
        let head = vec![3; 100_000];
        out.fill(0, vec![Part::Bytes(head.clone()), Part::File(part), Part::Bytes(vec![4])], 0);
        out.fill(1, vec![Part::Bytes(vec![5; 500_000])], 0);
        out.advance();
        let reader = std::thread::spawn(move || {
            let mut got = vec![0; 1_600_009];
            theirs.read_exact(&mut got).unwrap();
            got
        });
        let mut total = 0;
        while out.has_unsent() {
            let (n, end) = out.write();
            total += n;
            match end {
                WriteEnd::Broken(why) => panic!("{why}"),
                WriteEnd::Cold(..) => out.warmed(),
                WriteEnd::Blocked => std::thread::yield_now(),
                WriteEnd::Done => {}
            }
        }
        let got = reader.join().unwrap();
        assert!(total <= 1_600_009);
        assert_eq!(got[..4], 1_100_001i32.to_be_bytes());
        assert!(got[4..100_004] == head);
        assert!(got[100_004..1_100_004] == content[400..1_000_400]);
        assert_eq!(got[1_100_004..1_100_009], [4, 0, 7, 0xa1, 0x20]);
        assert!(got[1_100_009..] == [5; 500_000]);
    }
}
