//! The records of `__consumer_offsets`, in the form that Apache Kafka gives them: a key begins with its type, a value
//! with its version, each two bytes. No value is a tombstone. Types that this version does not know are passed over.

use super::{GroupId, consumer};
use crate::message;
use crate::types::{Millis, Uuid};
use crate::wire::{Bytes, Message, Reader, Str, WireError, Writer};
use std::fmt;

message! {
    OffsetCommitKey<'a>: key 1, versions 0..=0, flexible none;
    struct OffsetCommitKey<'a> {
        group: Str<'a> [0..],
        topic: Str<'a> [0..],
        partition: i32 [0..],
    }
}

message! {
    OffsetCommitValue<'a>: key 1, versions 0..=4, flexible 4;
    struct OffsetCommitValue<'a> {
        offset: i64 [0..],
        leader_epoch: i32 [3.., default -1],
        metadata: Str<'a> [0..],
        commit_timestamp: i64 [0..],
        expire_timestamp: i64 [1..=1, default -1],
        topic_id: Uuid [4.., tag 0],
    }
}

message! {
    GroupMetadataKey<'a>: key 2, versions 0..=0, flexible none;
    struct GroupMetadataKey<'a> {
        group: Str<'a> [0..],
    }
}

message! {
    GroupMetadataValue<'a>: key 2, versions 0..=4, flexible 4;
    struct GroupMetadataValue<'a> {
        protocol_type: Str<'a> [0..],
        generation: i32 [0..],
        protocol: Option<Str<'a>> [0.., null 0..],
        leader: Option<Str<'a>> [0.., null 0..],
        current_state_timestamp: i64 [2.., default -1],
        members: Vec<MemberMetadata<'a>> [0..],
    }
    struct MemberMetadata<'a> {
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [3.., null 3..],
        client_id: Str<'a> [0..],
        client_host: Str<'a> [0..],
        rebalance_timeout: i32 [1.., default -1],
        session_timeout: i32 [0..],
        subscription: Bytes<'a> [0..],
        assignment: Bytes<'a> [0..],
    }
}

/// Types of older versions of Kafka: the same as type 1.
const LEGACY_OFFSET_COMMIT: i16 = 0;
/// The version of a group's value that is written: the last one that every version of Kafka reads.
const GROUP_METADATA_VERSION: i16 = 3;

/// One record of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<'a> {
    /// An offset is committed; none: it is gone.
    Offset(OffsetCommitKey<'a>, Option<OffsetCommitValue<'a>>),
    /// A classic group's members and assignments; none: the group is gone.
    Group(GroupMetadataKey<'a>, Option<GroupMetadataValue<'a>>),
    /// A record of a consumer group (KIP-848), and the group that it belongs to.
    Consumer(GroupId, consumer::Record),
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord(String);

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<WireError> for BadRecord {
    fn from(e: WireError) -> Self {
        BadRecord(e.to_string())
    }
}

impl<'a> Record<'a> {
    /// The group that it belongs to.
    pub fn group(&self) -> &str {
        match self {
            Record::Offset(key, _) => &key.group,
            Record::Group(key, _) => &key.group,
            Record::Consumer(group, _) => group,
        }
    }

    /// Key and value as the log has them.
    pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        match self {
            Record::Offset(key, value) => {
                // A time to live per commit is of old clients, and only version 1 can say it.
                let version = value.as_ref().map_or(0, |v| if v.expire_timestamp == -1 { 4 } else { 1 });
                (encode_key(key), value.as_ref().map(|value| encode_value(value, version)))
            }
            Record::Group(key, value) => {
                (encode_key(key), value.as_ref().map(|value| encode_value(value, GROUP_METADATA_VERSION)))
            }
            Record::Consumer(group, record) => record.encode(group),
        }
    }

    /// A record of the log; `None` for a type that this version does not know.
    ///
    /// # Errors
    /// [`BadRecord`] for bytes that are not what their type says.
    pub fn decode(key: &'a [u8], value: Option<&'a [u8]>) -> Result<Option<Record<'a>>, BadRecord> {
        let mut reader = Reader::new(key);
        let kind = reader.i16()?;
        let body = &key[reader.position()..];
        Ok(Some(match kind {
            LEGACY_OFFSET_COMMIT | OffsetCommitKey::KEY => {
                Record::Offset(OffsetCommitKey::read(body, 0)?, value.map(decode_value).transpose()?)
            }
            GroupMetadataKey::KEY => {
                Record::Group(GroupMetadataKey::read(body, 0)?, value.map(decode_value).transpose()?)
            }
            _ => {
                let read = consumer::record::decode(key, value)?;
                return Ok(read.map(|(group, record)| Record::Consumer(group.into(), record)));
            }
        }))
    }
}

/// A key: its type and its fields.
pub fn encode_key<'m, M: Message<'m>>(key: &M) -> Vec<u8> {
    let mut w = Writer::with_capacity(64);
    w.i16(M::KEY);
    key.write(&mut w, 0);
    w.into_bytes()
}

/// A value: its version and its fields.
pub fn encode_value<'m, M: Message<'m>>(value: &M, version: i16) -> Vec<u8> {
    let mut w = Writer::with_capacity(64);
    w.i16(version);
    value.write(&mut w, version);
    w.into_bytes()
}

/// A value of any version that is declared.
///
/// # Errors
/// [`BadRecord`] for a version that is not known, or bytes that are no such value.
pub fn decode_value<'m, M: Message<'m>>(bytes: &'m [u8]) -> Result<M, BadRecord> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(M::VERSIONS.0..=M::VERSIONS.1).contains(&version) {
        return Err(BadRecord(format!("{} has version {version}: written by a newer broker?", M::NAME)));
    }
    Ok(M::read(&bytes[reader.position()..], version)?)
}

/// The latest time that a value of an offset is kept, where its client has set one.
pub fn expires_at(value: &OffsetCommitValue<'_>) -> Option<Millis> {
    (value.expire_timestamp != -1).then_some(value.expire_timestamp)
}
