//! The one writer: bytes out, with holes for what stays in files.

use crate::types::FileRange;

/// A part of a frame that is ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// Bytes that go from a segment file to the socket.
    Range(FileRange),
}

impl Chunk {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Chunk::Bytes(bytes) => bytes.len(),
            Chunk::Range(range) => range.len as usize,
        }
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Collects a message. Everything is big-endian.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    cuts: Vec<(usize, FileRange)>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Writer::default()
    }

    /// A writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Writer { bytes: Vec::with_capacity(bytes), cuts: Vec::new() }
    }

    /// Bytes written so far, file ranges included.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.cuts.iter().map(|(_, range)| range.len as usize).sum::<usize>()
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Raw bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One signed byte.
    #[inline]
    pub fn i8(&mut self, v: i8) {
        self.put(&v.to_be_bytes());
    }

    /// Two bytes, signed.
    #[inline]
    pub fn i16(&mut self, v: i16) {
        self.put(&v.to_be_bytes());
    }

    /// Two bytes, unsigned.
    #[inline]
    pub fn u16(&mut self, v: u16) {
        self.put(&v.to_be_bytes());
    }

    /// Four bytes, signed.
    #[inline]
    pub fn i32(&mut self, v: i32) {
        self.put(&v.to_be_bytes());
    }

    /// Four bytes, unsigned.
    #[inline]
    pub fn u32(&mut self, v: u32) {
        self.put(&v.to_be_bytes());
    }

    /// Eight bytes, signed.
    #[inline]
    pub fn i64(&mut self, v: i64) {
        self.put(&v.to_be_bytes());
    }

    /// Eight bytes, IEEE 754.
    #[inline]
    pub fn f64(&mut self, v: f64) {
        self.put(&v.to_be_bytes());
    }

    /// An unsigned variable-length integer.
    #[inline]
    pub fn uvarint(&mut self, mut v: u32) {
        while v >= 0x80 {
            self.bytes.push(v as u8 | 0x80);
            v >>= 7;
        }
        self.bytes.push(v as u8);
    }

    /// A zigzag variable-length integer.
    #[inline]
    pub fn varint(&mut self, v: i32) {
        self.uvarint(((v << 1) ^ (v >> 31)) as u32);
    }

    /// A zigzag variable-length integer of 64 bits.
    #[inline]
    pub fn varlong(&mut self, v: i64) {
        let mut raw = ((v << 1) ^ (v >> 63)) as u64;
        while raw >= 0x80 {
            self.bytes.push(raw as u8 | 0x80);
            raw >>= 7;
        }
        self.bytes.push(raw as u8);
    }

    /// A hole that is filled from a file when the frame is sent.
    pub fn range(&mut self, range: FileRange) {
        self.cuts.push((self.bytes.len(), range));
    }

    /// Overwrites four bytes at `position` (of a writer without file ranges before it): for lengths and checksums known late.
    pub fn patch_u32(&mut self, position: usize, v: u32) {
        self.bytes[position..position + 4].copy_from_slice(&v.to_be_bytes());
    }

    /// The bytes written, for messages without file ranges.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of it as one buffer.
    ///
    /// # Panics
    /// When a file range was put in: such a message is taken with [`Writer::into_chunks`].
    pub fn into_bytes(self) -> Vec<u8> {
        assert!(self.cuts.is_empty(), "a message with file ranges has no single buffer");
        self.bytes
    }

    /// All of it, in order.
    pub fn into_chunks(mut self) -> Vec<Chunk> {
        let mut chunks = Vec::with_capacity(self.cuts.len() * 2 + 1);
        for (at, range) in self.cuts.drain(..).rev() {
            let tail = self.bytes.split_off(at);
            if !tail.is_empty() {
                chunks.push(Chunk::Bytes(tail));
            }
            chunks.push(Chunk::Range(range));
        }
        if !self.bytes.is_empty() {
            chunks.push(Chunk::Bytes(self.bytes));
        }
        chunks.reverse();
        chunks
    }
}
