//! Newtypes and units. Nothing here decides anything.

use std::fmt;

/// A record's position in a partition's log: 0-based, dense but for compaction.
pub type Offset = i64;
/// Milliseconds since the Unix epoch, or -1 where Kafka has "no timestamp".
pub type Millis = i64;
/// A leader epoch (or any other fencing epoch): it only grows.
pub type Epoch = i32;
/// A partition's index in its topic.
pub type Partition = i32;
/// A broker's id.
pub type NodeId = i32;
/// An idempotent producer's id; -1 is "none".
pub type ProducerId = i64;

/// A topic's identity for life: a topic made again under the same name has another one (KIP-516).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

/// The name the protocol gives to a topic's identity.
pub type TopicId = Uuid;

impl Uuid {
    /// "No id": what a client sends when it only knows the name.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// True for the "no id" value.
    pub fn is_zero(&self) -> bool {
        *self == Uuid::ZERO
    }

    /// Kafka's text form: 22 characters of URL-safe base64, no padding.
    pub fn to_text(self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::with_capacity(22);
        for chunk in self.0.chunks(3) {
            let mut bits = 0u32;
            for i in 0..3 {
                bits = bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0));
            }
            for i in 0..=chunk.len() {
                text.push(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize] as char);
            }
        }
        text
    }

    /// Reads the text form; `None` when it is not 22 characters of URL-safe base64.
    pub fn from_text(text: &str) -> Option<Uuid> {
        let text = text.trim_end_matches('=');
        if text.len() != 22 {
            return None;
        }
        let mut bytes = Vec::with_capacity(17);
        let (mut bits, mut have) = (0u32, 0);
        for c in text.bytes() {
            let six = match c {
                b'A'..=b'Z' => c - b'A',
                b'a'..=b'z' => c - b'a' + 26,
                b'0'..=b'9' => c - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
            have += 6;
            if have >= 8 {
                have -= 8;
                bytes.push((bits >> have) as u8);
                bits &= (1 << have) - 1;
            }
        }
        bytes.try_into().ok().map(Uuid)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// A log inside one node: a small number that the node hands out, so that nothing on the hot path compares names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId(pub u32);

/// One client connection, as the shell numbers them; never used twice in a process's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// A run of bytes in one segment file of a log: what a fetch answers without the core ever seeing the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileRange {
    /// The log.
    pub log: LogId,
    /// The base offset of the segment that holds the bytes.
    pub segment: Offset,
    /// First byte in the segment file.
    pub position: u64,
    /// Length in bytes.
    pub len: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_text_is_kafkas() {
        // Made by Apache Kafka's Uuid.toString.
        let id = Uuid::from_text("GWWRBfA4S5qG1yQbCgT5sg").unwrap();
        assert_eq!(id.to_text(), "GWWRBfA4S5qG1yQbCgT5sg");
        assert_eq!(Uuid::ZERO.to_text(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid::from_text("short"), None);
        assert_eq!(Uuid::from_text("GWWRBfA4S5qG1yQbCgT5s!"), None);
    }
}
