//! The records of a consumer group in `__consumer_offsets` (KIP-848): types 3 to 8 and 16, as in Apache Kafka 4.3.
//!
//! A key is its type in two bytes and the ids; a value is its version in two bytes and the fields. No value deletes.
//! The keys are not flexible, the values are. Type 4 is only ever deleted: KIP-1101 put a checksum in its place.

use super::member::{ClassicMetadata, Held, Member, MemberState, Partitions};
use crate::message;
use crate::types::{Epoch, Millis, Uuid};
use crate::wire::{Bytes, Message, Reader, Str, WireError, Writer};
use std::collections::BTreeSet;

message! {
    /// Type 3: whose epoch.
    ConsumerGroupMetadataKey<'a>: key 3, versions 0..=0, flexible none;
    struct ConsumerGroupMetadataKey<'a> {
        group_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 3: the group's epoch.
    ConsumerGroupMetadataValue: key 3, versions 0..=0, flexible 0;
    struct ConsumerGroupMetadataValue {
        epoch: i32 [0..],
        metadata_hash: i64 [0.., tag 0],
    }
}

message! {
    /// Type 4: whose topics, before Kafka 4.1.
    ConsumerGroupPartitionMetadataKey<'a>: key 4, versions 0..=0, flexible none;
    struct ConsumerGroupPartitionMetadataKey<'a> {
        group_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 5: which member.
    ConsumerGroupMemberMetadataKey<'a>: key 5, versions 0..=0, flexible none;
    struct ConsumerGroupMemberMetadataKey<'a> {
        group_id: Str<'a> [0..=0],
        member_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 5: what a member says of itself.
    ConsumerGroupMemberMetadataValue<'a>: key 5, versions 0..=0, flexible 0;
    struct ConsumerGroupMemberMetadataValue<'a> {
        instance_id: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        rack_id: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        client_id: Str<'a> [0..],
        client_host: Str<'a> [0..],
        subscribed_topic_names: Vec<Str<'a>> [0..],
        subscribed_topic_regex: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        rebalance_timeout_ms: i32 [0.., default -1],
        server_assignor: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        classic_member_metadata: Option<ClassicMemberMetadata<'a>> [
            0.., null 0.., tag 0, default Some(ClassicMemberMetadata::default())
        ],
    }
    /// Of a member that speaks the classic protocol.
    struct ClassicMemberMetadata<'a> {
        session_timeout_ms: i32 [0..],
        supported_protocols: Vec<ClassicProtocol<'a>> [0..],
    }
    /// One assignor of such a member.
    struct ClassicProtocol<'a> {
        name: Str<'a> [0..],
        metadata: Bytes<'a> [0..],
    }
}

message! {
    /// Type 6: whose target.
    ConsumerGroupTargetAssignmentMetadataKey<'a>: key 6, versions 0..=0, flexible none;
    struct ConsumerGroupTargetAssignmentMetadataKey<'a> {
        group_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 6: the epoch and the time of the target.
    ConsumerGroupTargetAssignmentMetadataValue: key 6, versions 0..=0, flexible 0;
    struct ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32 [0..],
        assignment_timestamp: i64 [0.., tag 0],
    }
}

message! {
    /// Type 7: which member.
    ConsumerGroupTargetAssignmentMemberKey<'a>: key 7, versions 0..=0, flexible none;
    struct ConsumerGroupTargetAssignmentMemberKey<'a> {
        group_id: Str<'a> [0..=0],
        member_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 7: what a member shall have.
    ConsumerGroupTargetAssignmentMemberValue: key 7, versions 0..=0, flexible 0;
    struct ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: Vec<TopicPartition> [0..],
    }
    /// Partitions of one topic.
    struct TopicPartition {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    /// Type 8: which member.
    ConsumerGroupCurrentMemberAssignmentKey<'a>: key 8, versions 0..=0, flexible none;
    struct ConsumerGroupCurrentMemberAssignmentKey<'a> {
        group_id: Str<'a> [0..=0],
        member_id: Str<'a> [0..=0],
    }
}

message! {
    /// Type 8: what a member has.
    ConsumerGroupCurrentMemberAssignmentValue: key 8, versions 0..=0, flexible 0;
    struct ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: i32 [0..],
        previous_member_epoch: i32 [0..],
        state: i8 [0..],
        assigned_partitions: Vec<TopicPartitions> [0..],
        partitions_pending_revocation: Vec<TopicPartitions> [0..],
    }
    /// Partitions of one topic, and since which epoch.
    struct TopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
        assignment_epochs: Option<Vec<i32>> [0.., null 0.., tag 0, default Some(Vec::new())],
    }
}

message! {
    /// Type 16: which pattern.
    ConsumerGroupRegularExpressionKey<'a>: key 16, versions 0..=0, flexible none;
    struct ConsumerGroupRegularExpressionKey<'a> {
        group_id: Str<'a> [0..=0],
        regular_expression: Str<'a> [0..=0],
    }
}

message! {
    /// Type 16: the topics that match a pattern.
    ConsumerGroupRegularExpressionValue<'a>: key 16, versions 0..=0, flexible 0;
    struct ConsumerGroupRegularExpressionValue<'a> {
        topics: Vec<Str<'a>> [0..],
        version: i64 [0..],
        timestamp: i64 [0..],
    }
}

/// The topics that match a pattern, as of a version of the topics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolved {
    /// Their names.
    pub topics: BTreeSet<String>,
    /// The version of the topics.
    pub version: i64,
    /// When they were looked up.
    pub timestamp: Millis,
}

/// What a member has now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Current {
    /// The member's epoch.
    pub epoch: Epoch,
    /// The one before.
    pub previous_epoch: Epoch,
    /// Where it stands.
    pub state: MemberState,
    /// What it may read.
    pub assigned: Held,
    /// What it has to give back.
    pub revoking: Held,
}

impl From<&Member> for Current {
    fn from(member: &Member) -> Current {
        Current {
            epoch: member.epoch,
            previous_epoch: member.previous_epoch,
            state: member.state,
            assigned: member.assigned.clone(),
            revoking: member.revoking.clone(),
        }
    }
}

/// One record of a group; `None` deletes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Type 3: the group's epoch and the checksum of its topics.
    Epoch(Option<(Epoch, i64)>),
    /// Type 4: true when it is there, written before Kafka 4.1; its content counts for nothing, it is only ever deleted.
    PartitionMetadata(bool),
    /// Type 5: what a member says of itself. Of the [`Member`], what it holds counts for nothing here.
    Member(String, Option<Box<Member>>),
    /// Type 6: the epoch of the target and when it was computed.
    TargetEpoch(Option<(Epoch, Millis)>),
    /// Type 7: what a member shall have.
    Target(String, Option<Partitions>),
    /// Type 8: what a member has.
    Current(String, Option<Current>),
    /// Type 16: the topics of a pattern.
    Regex(String, Option<Resolved>),
}

/// The types that [`decode`] reads.
pub const TYPES: [i16; 7] = [3, 4, 5, 6, 7, 8, 16];

impl Record {
    /// Whether the record makes a group that is not there yet.
    pub fn makes_group(&self) -> bool {
        match self {
            Record::Epoch(value) => value.is_some(),
            Record::PartitionMetadata(there) => *there,
            Record::Member(_, value) => value.is_some(),
            Record::TargetEpoch(value) => value.is_some(),
            Record::Target(_, value) => value.is_some(),
            Record::Current(_, value) => value.is_some(),
            Record::Regex(_, value) => value.is_some(),
        }
    }

    /// Whether the group is gone after the record.
    pub fn ends_group(&self) -> bool {
        matches!(self, Record::Epoch(None))
    }

    /// Key and value as they stand in the log.
    pub fn encode(&self, group_id: &str) -> (Vec<u8>, Option<Vec<u8>>) {
        let group_id = Str::Borrowed(group_id);
        match self {
            Record::Epoch(value) => (
                put(3, &ConsumerGroupMetadataKey { group_id }),
                value.map(|(epoch, metadata_hash)| put(0, &ConsumerGroupMetadataValue { epoch, metadata_hash })),
            ),
            Record::PartitionMetadata(_) => (put(4, &ConsumerGroupPartitionMetadataKey { group_id }), None),
            Record::Member(id, value) => (
                put(5, &ConsumerGroupMemberMetadataKey { group_id, member_id: id.into() }),
                value.as_deref().map(|member| put(0, &metadata(member))),
            ),
            Record::TargetEpoch(value) => (
                put(6, &ConsumerGroupTargetAssignmentMetadataKey { group_id }),
                value.map(|(assignment_epoch, assignment_timestamp)| {
                    put(0, &ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch, assignment_timestamp })
                }),
            ),
            Record::Target(id, value) => (
                put(7, &ConsumerGroupTargetAssignmentMemberKey { group_id, member_id: id.into() }),
                value.as_ref().map(|partitions| put(0, &target(partitions))),
            ),
            Record::Current(id, value) => (
                put(8, &ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id: id.into() }),
                value.as_ref().map(|current| put(0, &assignment(current))),
            ),
            Record::Regex(regex, value) => (
                put(16, &ConsumerGroupRegularExpressionKey { group_id, regular_expression: regex.into() }),
                value.as_ref().map(|resolved| {
                    let topics = resolved.topics.iter().map(Str::from).collect();
                    let (version, timestamp) = (resolved.version, resolved.timestamp);
                    put(0, &ConsumerGroupRegularExpressionValue { topics, version, timestamp })
                }),
            ),
        }
    }
}

fn put<'m, M: Message<'m>>(head: i16, message: &M) -> Vec<u8> {
    let mut w = Writer::new();
    w.i16(head);
    message.write(&mut w, 0);
    w.into_bytes()
}

fn metadata(member: &Member) -> ConsumerGroupMemberMetadataValue<'_> {
    fn text(value: &Option<String>) -> Option<Str<'_>> {
        value.as_ref().map(Str::from)
    }
    ConsumerGroupMemberMetadataValue {
        instance_id: text(&member.instance_id),
        rack_id: text(&member.rack_id),
        client_id: (&member.client_id).into(),
        client_host: (&member.client_host).into(),
        subscribed_topic_names: member.topic_names.iter().map(Str::from).collect(),
        subscribed_topic_regex: Some((&member.topic_regex).into()),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: text(&member.assignor),
        classic_member_metadata: member.classic.as_ref().map(|classic| ClassicMemberMetadata {
            session_timeout_ms: classic.session_timeout_ms,
            supported_protocols: classic
                .protocols
                .iter()
                .map(|(name, metadata)| ClassicProtocol { name: name.into(), metadata: Bytes::Borrowed(metadata) })
                .collect(),
        }),
    }
}

fn target(partitions: &Partitions) -> ConsumerGroupTargetAssignmentMemberValue {
    let of = |(topic_id, partitions): (&Uuid, &BTreeSet<i32>)| TopicPartition {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
    };
    ConsumerGroupTargetAssignmentMemberValue { topic_partitions: partitions.iter().map(of).collect() }
}

fn assignment(current: &Current) -> ConsumerGroupCurrentMemberAssignmentValue {
    let list = |held: &Held| {
        held.iter()
            .map(|(topic_id, partitions)| TopicPartitions {
                topic_id: *topic_id,
                partitions: partitions.keys().copied().collect(),
                assignment_epochs: Some(partitions.values().copied().collect()),
            })
            .collect()
    };
    ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: current.epoch,
        previous_member_epoch: current.previous_epoch,
        state: current.state.code(),
        assigned_partitions: list(&current.assigned),
        partitions_pending_revocation: list(&current.revoking),
    }
}

/// Reads a record of one of [`TYPES`]: the group's id and the record; `None` for any other type.
///
/// # Errors
/// [`WireError`] for bytes that are no such record.
pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<(String, Record)>, WireError> {
    let mut r = Reader::new(key);
    let kind = r.i16()?;
    let key = &key[r.position()..];
    let (group, record) = match kind {
        3 => {
            let k = ConsumerGroupMetadataKey::read(key, 0)?;
            let value = get::<ConsumerGroupMetadataValue>(value)?;
            (k.group_id, Record::Epoch(value.map(|v| (v.epoch, v.metadata_hash))))
        }
        4 => {
            let k = ConsumerGroupPartitionMetadataKey::read(key, 0)?;
            (k.group_id, Record::PartitionMetadata(value.is_some()))
        }
        5 => {
            let k = ConsumerGroupMemberMetadataKey::read(key, 0)?;
            let value = get::<ConsumerGroupMemberMetadataValue<'_>>(value)?;
            let member = value.map(|v| Box::new(member_of(&k.member_id, v)));
            (k.group_id, Record::Member(k.member_id.into_owned(), member))
        }
        6 => {
            let k = ConsumerGroupTargetAssignmentMetadataKey::read(key, 0)?;
            let value = get::<ConsumerGroupTargetAssignmentMetadataValue>(value)?;
            (k.group_id, Record::TargetEpoch(value.map(|v| (v.assignment_epoch, v.assignment_timestamp))))
        }
        7 => {
            let k = ConsumerGroupTargetAssignmentMemberKey::read(key, 0)?;
            let value = get::<ConsumerGroupTargetAssignmentMemberValue>(value)?;
            let of = |t: TopicPartition| (t.topic_id, t.partitions.into_iter().collect());
            let target = value.map(|v| v.topic_partitions.into_iter().map(of).collect());
            (k.group_id, Record::Target(k.member_id.into_owned(), target))
        }
        8 => {
            let k = ConsumerGroupCurrentMemberAssignmentKey::read(key, 0)?;
            let value = get::<ConsumerGroupCurrentMemberAssignmentValue>(value)?;
            (k.group_id, Record::Current(k.member_id.into_owned(), value.map(current_of)))
        }
        16 => {
            let k = ConsumerGroupRegularExpressionKey::read(key, 0)?;
            let value = get::<ConsumerGroupRegularExpressionValue<'_>>(value)?;
            let resolved = value.map(|v| Resolved {
                topics: v.topics.into_iter().map(Str::into_owned).collect(),
                version: v.version,
                timestamp: v.timestamp,
            });
            (k.group_id, Record::Regex(k.regular_expression.into_owned(), resolved))
        }
        _ => return Ok(None),
    };
    Ok(Some((group.into_owned(), record)))
}

fn get<'a, M: Message<'a>>(value: Option<&'a [u8]>) -> Result<Option<M>, WireError> {
    let Some(bytes) = value else { return Ok(None) };
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    if !(M::VERSIONS.0..=M::VERSIONS.1).contains(&version) {
        return Err(WireError::BadLength(version.into()));
    }
    M::read(&bytes[r.position()..], version).map(Some)
}

fn member_of(id: &str, v: ConsumerGroupMemberMetadataValue<'_>) -> Member {
    let owned = |text: Option<Str<'_>>| text.map(Str::into_owned);
    Member {
        instance_id: owned(v.instance_id),
        rack_id: owned(v.rack_id),
        client_id: v.client_id.into_owned(),
        client_host: v.client_host.into_owned(),
        topic_names: v.subscribed_topic_names.into_iter().map(Str::into_owned).collect(),
        topic_regex: owned(v.subscribed_topic_regex).unwrap_or_default(),
        rebalance_timeout_ms: v.rebalance_timeout_ms,
        assignor: owned(v.server_assignor),
        // Where Kafka leaves the field out it means an empty one; a member that speaks the classic protocol never has that.
        classic: v.classic_member_metadata.filter(|classic| !classic.supported_protocols.is_empty()).map(|classic| {
            ClassicMetadata {
                session_timeout_ms: classic.session_timeout_ms,
                protocols: classic
                    .supported_protocols
                    .into_iter()
                    .map(|protocol| (protocol.name.into_owned(), protocol.metadata.into_owned()))
                    .collect(),
            }
        }),
        ..Member::new(id)
    }
}

fn current_of(v: ConsumerGroupCurrentMemberAssignmentValue) -> Current {
    // Before Kafka 4.2 no epochs were written; then every partition counts as got in the member's epoch.
    let since = v.member_epoch.max(0);
    let held = |topics: Vec<TopicPartitions>| {
        let of = |t: TopicPartitions| {
            let epochs = t.assignment_epochs.filter(|epochs| epochs.len() == t.partitions.len());
            let epochs = epochs.unwrap_or_else(|| vec![since; t.partitions.len()]);
            (t.topic_id, t.partitions.into_iter().zip(epochs).collect())
        };
        topics.into_iter().map(of).collect()
    };
    Current {
        epoch: v.member_epoch,
        previous_epoch: v.previous_member_epoch,
        state: MemberState::from_code(v.state),
        assigned: held(v.assigned_partitions),
        revoking: held(v.partitions_pending_revocation),
    }
}
