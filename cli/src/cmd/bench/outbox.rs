//! What one connection is to send. Small pieces are gathered in one buffer; large ones are shared, not copied.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::rc::Rc;

/// Pieces in one system call.
const PIECES_MAX: usize = 64;
/// Shared pieces shorter than this are copied: cheaper than a piece of their own.
const SHARED_BYTES_MIN: usize = 4 << 10;

enum Piece {
    Own(Vec<u8>),
    Shared(Rc<[u8]>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Shared(bytes) => bytes,
        }
    }
}

/// Bytes on their way out.
#[derive(Default)]
pub struct Outbox {
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that are sent.
    sent: usize,
    spare: Vec<u8>,
}

impl Outbox {
    /// Copies bytes in.
    pub fn put(&mut self, bytes: &[u8]) {
        match self.pieces.back_mut() {
            Some(Piece::Own(last)) => last.extend_from_slice(bytes),
            _ => {
                let mut own = std::mem::take(&mut self.spare);
                own.extend_from_slice(bytes);
                self.pieces.push_back(Piece::Own(own));
            }
        }
    }

    /// Adds bytes that others hold too.
    pub fn share(&mut self, bytes: &Rc<[u8]>) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.put(bytes);
        } else {
            self.pieces.push_back(Piece::Shared(Rc::clone(bytes)));
        }
    }

    /// Writes as much as `to` takes; true when nothing is left.
    ///
    /// # Errors
    /// Those of the writer, but for being full.
    pub fn write(&mut self, to: &mut impl Write) -> io::Result<bool> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES_MAX];
            let mut skip = self.sent;
            let mut count = 0;
            let mut wanted = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                let bytes = piece.bytes().get(std::mem::take(&mut skip)..).unwrap_or_default();
                *slice = IoSlice::new(bytes);
                wanted += bytes.len();
                count += 1;
            }
            match to.write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.advance(written);
                    if written < wanted {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, written: usize) {
        self.sent += written;
        while let Some(first) = self.pieces.front() {
            let length = first.bytes().len();
            if self.sent < length {
                break;
            }
            self.sent -= length;
            if let Some(Piece::Own(mut own)) = self.pieces.pop_front() {
                own.clear();
                self.spare = own;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, and is full now and then.
    struct Slow {
        got: Vec<u8>,
        calls: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(1_000);
            self.got.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_leaves_once_and_in_order() {
        let shared: Rc<[u8]> = (0..SHARED_BYTES_MIN * 3).map(|i| (i % 251) as u8).collect();
        let mut outbox = Outbox::default();
        let mut want = Vec::new();
        let mut slow = Slow { got: Vec::new(), calls: 0 };
        for round in 0..20u8 {
            outbox.put(&[round; 10]);
            outbox.share(&shared);
            want.extend_from_slice(&[round; 10]);
            want.extend_from_slice(&shared);
            let _ = outbox.write(&mut slow).unwrap();
        }
        while !outbox.write(&mut slow).unwrap() {}
        assert!(outbox.pieces.is_empty() && slow.got == want);
    }
}
