//! What members of a classic group tell each other through the coordinator: subscriptions and assignments.
//!
//! JoinGroup and SyncGroup carry them as opaque bytes: a version of two bytes, then the message in that version. A version
//! newer than [`VERSION`] is read as `VERSION`, and bytes after the last field are left alone, since newer versions only add
//! to the end; that is how Kafka's own readers hold it.

use super::{Bytes, Message, Reader, Str, WireError, Writer};
use crate::message;

/// The protocol type of groups whose members speak this protocol.
pub const PROTOCOL_TYPE: &str = "consumer";

/// The newest version that is read in full.
pub const VERSION: i16 = 3;

message! {
    /// What a member wants to read and what it owns. Since 1 with what it owns (KIP-429), since 2 with the generation in
    /// which it was given that (KIP-792), since 3 with its rack (KIP-881). No key: 0 is its place in this file.
    ConsumerProtocolSubscription<'a>: key 0, versions 0..=3, flexible none;
    struct ConsumerProtocolSubscription<'a> {
        topics: Vec<Str<'a>> [0..],
        user_data: Option<Bytes<'a>> [0.., null 0..],
        owned_partitions: Vec<OwnedPartitions<'a>> [1..],
        generation_id: i32 [2.., default -1],
        rack_id: Option<Str<'a>> [3.., null 3..],
    }
    struct OwnedPartitions<'a> {
        topic: Str<'a> [1..],
        partitions: Vec<i32> [1..],
    }
}

message! {
    /// What a member is given to read. No key: 1 is its place in this file.
    ConsumerProtocolAssignment<'a>: key 1, versions 0..=3, flexible none;
    struct ConsumerProtocolAssignment<'a> {
        assigned_partitions: Vec<AssignedPartitions<'a>> [0..],
        user_data: Option<Bytes<'a>> [0.., null 0..],
    }
    struct AssignedPartitions<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

/// Reads version and message; says which version the bytes claim.
fn read<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<(i16, M), WireError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if version < 0 {
        return Err(WireError::BadVersion(version));
    }
    let message = M::decode(&mut reader, M::cx(version.min(VERSION)))?;
    Ok((version, message))
}

fn write<'a, M: Message<'a>>(message: &M, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.i16(version);
    message.write(&mut writer, version);
    writer.into_bytes()
}

impl<'a> ConsumerProtocolSubscription<'a> {
    /// Reads a member's metadata of JoinGroup; with it the version that the bytes claim.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no subscription, [`WireError::BadVersion`] for a version below 0.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<(i16, Self), WireError> {
        read(bytes)
    }

    /// The metadata of JoinGroup, in `version`, 0 to [`VERSION`].
    pub fn to_bytes(&self, version: i16) -> Vec<u8> {
        write(self, version)
    }
}

impl<'a> ConsumerProtocolAssignment<'a> {
    /// Reads a member's assignment of SyncGroup; with it the version that the bytes claim. No bytes at all, which a member
    /// without partitions may get, are an empty assignment.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no assignment, [`WireError::BadVersion`] for a version below 0.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<(i16, Self), WireError> {
        if bytes.is_empty() {
            return Ok((0, Self::default()));
        }
        read(bytes)
    }

    /// The assignment of SyncGroup, in `version`, 0 to [`VERSION`].
    pub fn to_bytes(&self, version: i16) -> Vec<u8> {
        write(self, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> ConsumerProtocolSubscription<'static> {
        ConsumerProtocolSubscription {
            topics: vec!["a".into(), "b".into()],
            user_data: Some(vec![1, 2].into()),
            owned_partitions: vec![OwnedPartitions { topic: "a".into(), partitions: vec![0, 7] }],
            generation_id: 5,
            rack_id: Some("r1".into()),
        }
    }

    #[test]
    fn a_subscription_comes_back_in_every_version() {
        for version in 0..=VERSION {
            let bytes = subscription().to_bytes(version);
            let (read_version, read) = ConsumerProtocolSubscription::from_bytes(&bytes).unwrap();
            assert_eq!(read_version, version);
            assert_eq!(read.topics, subscription().topics);
            assert_eq!(read.owned_partitions.is_empty(), version < 1);
            assert_eq!(read.generation_id, if version < 2 { -1 } else { 5 });
            assert_eq!(read.rack_id.is_some(), version >= 3);
            assert_eq!(read.to_bytes(version), bytes);
        }
    }

    #[test]
    fn a_newer_version_is_read_as_the_newest_we_know() {
        let mut bytes = subscription().to_bytes(VERSION);
        bytes[..2].copy_from_slice(&9i16.to_be_bytes());
        bytes.extend_from_slice(b"fields of the future");
        let (version, read) = ConsumerProtocolSubscription::from_bytes(&bytes).unwrap();
        assert_eq!((version, read), (9, subscription()));
    }

    #[test]
    fn an_assignment_comes_back_and_none_is_empty() {
        let assignment = ConsumerProtocolAssignment {
            assigned_partitions: vec![AssignedPartitions { topic: "a".into(), partitions: vec![1] }],
            user_data: None,
        };
        let bytes = assignment.to_bytes(1);
        assert_eq!(ConsumerProtocolAssignment::from_bytes(&bytes), Ok((1, assignment)));
        assert_eq!(ConsumerProtocolAssignment::from_bytes(&[]), Ok((0, ConsumerProtocolAssignment::default())));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let read = |bytes: &[u8]| ConsumerProtocolSubscription::from_bytes(bytes).map(|_| ());
        assert_eq!(read(&[]), Err(WireError::Truncated { need: 2, have: 0 }));
        assert_eq!(read(&[0xff, 0xff, 0, 0, 0, 0]), Err(WireError::BadVersion(-1)));
        assert_eq!(read(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(WireError::Truncated { need: 0x7fff_ffff, have: 0 }));
        assert_eq!(read(&[0, 0, 0xff, 0xff, 0xff, 0xff]), Err(WireError::UnexpectedNull("array")));
        assert_eq!(read(&[0, 0, 0, 0, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(WireError::BadUtf8));
        let whole = subscription().to_bytes(VERSION);
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "cut at {end}");
        }
    }
}
