//! The consumer's embedded protocol: what classic members write into JoinGroup and read from SyncGroup.
//!
//! A version in two bytes, then fields; not flexible. A newer version than 3 is read as 3, and what stands behind it is
//! passed over: versions may only add at the end.

use crate::message;
use crate::wire::{Bytes, Cx, Field, Reader, Str, WireError, Writer};

/// The last version that is known.
const VERSION_MAX: i16 = 3;

message! {
    /// What a member wants (it has no key of its own; -1 stands for that).
    ConsumerProtocolSubscription<'a>: key -1, versions 0..=3, flexible none;
    struct ConsumerProtocolSubscription<'a> {
        topics: Vec<Str<'a>> [0..],
        user_data: Option<Bytes<'a>> [0.., null 0..],
        owned_partitions: Vec<TopicPartition<'a>> [1..],
        generation_id: i32 [2.., default -1],
        rack_id: Option<Str<'a>> [3.., null 3..],
    }
    /// Partitions of one topic.
    struct TopicPartition<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    /// What a member gets.
    ConsumerProtocolAssignment<'a>: key -2, versions 0..=3, flexible none;
    struct ConsumerProtocolAssignment<'a> {
        assigned_partitions: Vec<TopicPartition<'a>> [0..],
        user_data: Option<Bytes<'a>> [0.., null 0..],
    }
}

/// Reads a subscription.
///
/// # Errors
/// [`WireError`] for bytes that are none.
pub fn subscription(bytes: &[u8]) -> Result<ConsumerProtocolSubscription<'_>, WireError> {
    read(bytes)
}

/// Reads an assignment; no bytes at all are an empty one.
///
/// # Errors
/// [`WireError`] for bytes that are none.
pub fn assignment(bytes: &[u8]) -> Result<ConsumerProtocolAssignment<'_>, WireError> {
    if bytes.is_empty() {
        return Ok(ConsumerProtocolAssignment::default());
    }
    read(bytes)
}

/// Writes an assignment in the version in which the member wrote its subscription.
pub fn write_assignment(assignment: &ConsumerProtocolAssignment<'_>, subscription: &[u8]) -> Vec<u8> {
    let version = Reader::new(subscription).i16().unwrap_or(0).clamp(0, VERSION_MAX);
    let mut w = Writer::new();
    w.i16(version);
    assignment.encode(&mut w, Cx { version, flexible: false });
    w.into_bytes()
}

fn read<'a, M: Field<'a>>(bytes: &'a [u8]) -> Result<M, WireError> {
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    if version < 0 {
        return Err(WireError::BadLength(version.into()));
    }
    M::decode(&mut r, Cx { version: version.min(VERSION_MAX), flexible: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_of_the_future_is_read_as_far_as_it_is_known() {
        let mut w = Writer::new();
        w.i16(7);
        let said = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            owned_partitions: vec![TopicPartition { topic: "t".into(), partitions: vec![1, 2] }],
            generation_id: 4,
            rack_id: Some("r".into()),
            ..Default::default()
        };
        said.encode(&mut w, Cx { version: 3, flexible: false });
        w.put(b"more");
        let bytes = w.into_bytes();
        assert_eq!(subscription(&bytes), Ok(said));
        assert!(subscription(&bytes[..5]).is_err());
        assert!(subscription(&[]).is_err());
        assert!(subscription(&[0xff, 0xff, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn an_assignment_is_written_in_the_members_version() {
        let given = ConsumerProtocolAssignment {
            assigned_partitions: vec![TopicPartition { topic: "t".into(), partitions: vec![0] }],
            user_data: None,
        };
        for (said, version) in [(&[0u8, 1][..], 1), (&[0, 9], 3), (&[], 0), (&[0xff, 0xff], 0)] {
            let bytes = write_assignment(&given, said);
            assert_eq!(bytes[..2], [0, version]);
            assert_eq!(assignment(&bytes).as_ref(), Ok(&given));
        }
        assert_eq!(assignment(&[]), Ok(ConsumerProtocolAssignment::default()));
    }
}
