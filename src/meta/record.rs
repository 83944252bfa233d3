//! The records of the metadata log, in the form that Apache Kafka gives them (KIP-631).
//!
//! A record's `key` is its type on disk. Before its body stand a frame version, the type and the version, each an
//! unsigned varint.

use super::controller::Registration;
use super::image::ResourceType;
use super::{LEADER_UNCHANGED, NO_LEADER};
use crate::message;
use crate::record::RecordError;
use crate::record::batch;
use crate::record::builder::Builder;
use crate::record::compress::Codec;
use crate::record::records;
use crate::types::{Millis, NodeId, Partition, ProducerId, TopicId, Uuid};
use crate::wire::{Message, Reader, Str, Writer};
use std::fmt;

/// A batch of the metadata log holds no more than so many bytes once decoded.
const BATCH_BYTES_MAX: usize = 256 << 20;
/// The frame version before every record's type.
const FRAME_VERSION: u32 = 1;
/// The highest version that any record is declared in.
const RECORD_VERSION_MAX: u32 = 4;
/// Kafka's number of the security protocol of every listener.
const PLAINTEXT: i16 = 0;

message! {
    RegisterBrokerRecord<'a>: key 0, versions 0..=4, flexible 0;
    struct RegisterBrokerRecord<'a> {
        broker_id: i32 [0..],
        is_migrating_zk_broker: bool [2..],
        incarnation_id: Uuid [0..],
        broker_epoch: i64 [0..],
        end_points: Vec<BrokerEndpoint<'a>> [0..],
        features: Vec<BrokerFeature<'a>> [0..],
        rack: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        fenced: bool [0.., default true],
        in_controlled_shutdown: bool [1..],
        log_dirs: Vec<Uuid> [3.., tag 0],
        cordoned_log_dirs: Option<Vec<Uuid>> [4.., null 4.., tag 1],
    }
    struct BrokerEndpoint<'a> {
        name: Str<'a> [0..],
        host: Str<'a> [0..],
        port: u16 [0..],
        security_protocol: i16 [0..],
    }
    struct BrokerFeature<'a> {
        name: Str<'a> [0..],
        min_supported_version: i16 [0..],
        max_supported_version: i16 [0..],
    }
}

message! {
    UnregisterBrokerRecord: key 1, versions 0..=0, flexible 0;
    struct UnregisterBrokerRecord {
        broker_id: i32 [0..],
        broker_epoch: i64 [0..],
    }
}

message! {
    TopicRecord<'a>: key 2, versions 0..=0, flexible 0;
    struct TopicRecord<'a> {
        name: Str<'a> [0..],
        topic_id: Uuid [0..],
    }
}

message! {
    PartitionRecord: key 3, versions 0..=2, flexible 0;
    struct PartitionRecord {
        partition_id: i32 [0.., default -1],
        topic_id: Uuid [0..],
        replicas: Vec<i32> [0..],
        isr: Vec<i32> [0..],
        removing_replicas: Vec<i32> [0..],
        adding_replicas: Vec<i32> [0..],
        leader: i32 [0.., default -1],
        leader_recovery_state: i8 [0.., tag 0],
        leader_epoch: i32 [0.., default -1],
        partition_epoch: i32 [0.., default -1],
        directories: Vec<Uuid> [1..],
        eligible_leader_replicas: Option<Vec<i32>> [2.., null 2.., tag 1],
        last_known_elr: Option<Vec<i32>> [2.., null 2.., tag 2],
    }
}

message! {
    ConfigRecord<'a>: key 4, versions 0..=0, flexible 0;
    struct ConfigRecord<'a> {
        resource_type: i8 [0..],
        resource_name: Str<'a> [0..],
        name: Str<'a> [0..],
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    PartitionChangeRecord: key 5, versions 0..=2, flexible 0;
    struct PartitionChangeRecord {
        partition_id: i32 [0.., default -1],
        topic_id: Uuid [0..],
        isr: Option<Vec<i32>> [0.., null 0.., tag 0],
        leader: i32 [0.., tag 1, default -2],
        replicas: Option<Vec<i32>> [0.., null 0.., tag 2],
        removing_replicas: Option<Vec<i32>> [0.., null 0.., tag 3],
        adding_replicas: Option<Vec<i32>> [0.., null 0.., tag 4],
        leader_recovery_state: i8 [0.., tag 5, default -1],
        directories: Option<Vec<Uuid>> [1.., null 1.., tag 8],
        eligible_leader_replicas: Option<Vec<i32>> [2.., null 2.., tag 6],
        last_known_elr: Option<Vec<i32>> [2.., null 2.., tag 7],
    }
}

message! {
    RemoveTopicRecord: key 9, versions 0..=0, flexible 0;
    struct RemoveTopicRecord {
        topic_id: Uuid [0..],
    }
}

message! {
    ProducerIdsRecord: key 15, versions 0..=0, flexible 0;
    struct ProducerIdsRecord {
        broker_id: i32 [0..],
        broker_epoch: i64 [0.., default -1],
        next_producer_id: i64 [0..],
    }
}

message! {
    BrokerRegistrationChangeRecord: key 17, versions 0..=3, flexible 0;
    struct BrokerRegistrationChangeRecord {
        broker_id: i32 [0..],
        broker_epoch: i64 [0..],
        fenced: i8 [0.., tag 0],
        in_controlled_shutdown: i8 [1.., tag 1],
        log_dirs: Vec<Uuid> [2.., tag 2],
        cordoned_log_dirs: Option<Vec<Uuid>> [3.., null 3.., tag 3],
    }
}

message! {
    ClearElrRecord<'a>: key 28, versions 0..=0, flexible 0;
    struct ClearElrRecord<'a> {
        topic_name: Str<'a> [0..],
    }
}

/// One record of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A topic is made.
    Topic(TopicRecord<'static>),
    /// A partition is made.
    Partition(PartitionRecord),
    /// A setting is set or removed.
    Config(ConfigRecord<'static>),
    /// A partition's leader or replicas change.
    PartitionChange(PartitionChangeRecord),
    /// A topic is deleted.
    RemoveTopic(RemoveTopicRecord),
    /// A block of producer ids is given out.
    ProducerIds(ProducerIdsRecord),
    /// A broker's process belongs to the cluster.
    RegisterBroker(RegisterBrokerRecord<'static>),
    /// A broker does not belong to it any more.
    UnregisterBroker(UnregisterBrokerRecord),
    /// A broker is fenced, unfenced, or stops.
    BrokerChange(BrokerRegistrationChangeRecord),
    /// A topic's eligible leader replicas are forgotten; those of all topics under the empty name.
    ClearElr(ClearElrRecord<'static>),
}

impl Record {
    /// A topic.
    pub fn topic(name: &str, id: TopicId) -> Record {
        Record::Topic(TopicRecord { name: name.to_owned().into(), topic_id: id })
    }

    /// A partition whose first replica leads it, all of them in sync.
    pub fn partition(id: TopicId, partition: Partition, replicas: Vec<NodeId>) -> Record {
        let isr = replicas.clone();
        Record::new_partition(id, partition, replicas, isr)
    }

    /// A partition that the first of its in-sync replicas leads.
    pub fn new_partition(id: TopicId, partition: Partition, replicas: Vec<NodeId>, isr: Vec<NodeId>) -> Record {
        Record::Partition(PartitionRecord {
            partition_id: partition,
            topic_id: id,
            leader: isr.first().copied().unwrap_or(NO_LEADER),
            isr,
            leader_epoch: 0,
            partition_epoch: 0,
            directories: vec![Uuid::ZERO; replicas.len()],
            replicas,
            ..PartitionRecord::default()
        })
    }

    /// A new leader epoch under `leader`.
    pub fn new_leader(id: TopicId, partition: Partition, leader: NodeId) -> Record {
        assert!(leader != LEADER_UNCHANGED, "a new leader is somebody");
        Record::PartitionChange(PartitionChangeRecord {
            partition_id: partition,
            topic_id: id,
            leader,
            ..PartitionChangeRecord::default()
        })
    }

    /// A deleted topic.
    pub fn remove_topic(id: TopicId) -> Record {
        Record::RemoveTopic(RemoveTopicRecord { topic_id: id })
    }

    /// A setting; `None` removes it.
    pub fn config(resource: ResourceType, resource_name: &str, name: String, value: Option<String>) -> Record {
        Record::Config(ConfigRecord {
            resource_type: resource.code(),
            resource_name: resource_name.to_owned().into(),
            name: name.into(),
            value: value.map(Into::into),
        })
    }

    /// Producer ids below `next` are given out.
    pub fn producer_ids(broker: NodeId, next: ProducerId) -> Record {
        Record::ProducerIds(ProducerIdsRecord { broker_id: broker, broker_epoch: -1, next_producer_id: next })
    }

    /// A broker's process under the epoch that it is given, fenced.
    pub fn register(registration: &Registration, epoch: i64) -> Record {
        let endpoint = |(name, host, port): &(String, String, u16)| BrokerEndpoint {
            name: name.clone().into(),
            host: host.clone().into(),
            port: *port,
            security_protocol: PLAINTEXT,
        };
        Record::RegisterBroker(RegisterBrokerRecord {
            broker_id: registration.id,
            incarnation_id: registration.incarnation,
            broker_epoch: epoch,
            end_points: registration.endpoints.iter().map(endpoint).collect(),
            rack: registration.rack.clone().map(Into::into),
            fenced: true,
            log_dirs: registration.log_dirs.clone(),
            ..RegisterBrokerRecord::default()
        })
    }

    /// A broker's registration is over. An epoch of no broker only says that it was given out.
    pub fn unregister(broker: NodeId, epoch: i64) -> Record {
        Record::UnregisterBroker(UnregisterBrokerRecord { broker_id: broker, broker_epoch: epoch })
    }

    /// A broker is fenced (1), unfenced (-1), or neither (0); and stops, if `stops` is 1.
    fn broker_change(broker: NodeId, epoch: i64, fenced: i8, stops: i8) -> Record {
        Record::BrokerChange(BrokerRegistrationChangeRecord {
            broker_id: broker,
            broker_epoch: epoch,
            fenced,
            in_controlled_shutdown: stops,
            ..BrokerRegistrationChangeRecord::default()
        })
    }

    /// A broker is fenced.
    pub fn fence(broker: NodeId, epoch: i64) -> Record {
        Record::broker_change(broker, epoch, 1, 0)
    }

    /// A broker may lead and be in sync.
    pub fn unfence(broker: NodeId, epoch: i64) -> Record {
        Record::broker_change(broker, epoch, -1, 0)
    }

    /// A broker is about to stop.
    pub fn shutting_down(broker: NodeId, epoch: i64) -> Record {
        Record::broker_change(broker, epoch, 0, 1)
    }

    /// A topic's eligible leader replicas are forgotten; those of all topics under the empty name.
    pub fn clear_elr(topic: &str) -> Record {
        Record::ClearElr(ClearElrRecord { topic_name: topic.to_owned().into() })
    }

    /// Frame version, type, version and body.
    fn encode(&self) -> Vec<u8> {
        fn put<'m, M: Message<'m>>(message: &M, version: i16) -> Vec<u8> {
            let mut w = Writer::new();
            w.uvarint(FRAME_VERSION);
            w.uvarint(M::KEY as u32);
            w.uvarint(version as u32);
            message.write(&mut w, version);
            w.into_bytes()
        }
        match self {
            Record::Topic(r) => put(r, 0),
            Record::Partition(r) if r.eligible_leader_replicas.is_some() || r.last_known_elr.is_some() => put(r, 2),
            Record::Partition(r) => put(r, 1),
            Record::Config(r) => put(r, 0),
            Record::PartitionChange(r) if r.eligible_leader_replicas.is_some() || r.last_known_elr.is_some() => {
                put(r, 2)
            }
            Record::PartitionChange(r) if r.directories.is_some() => put(r, 1),
            Record::PartitionChange(r) => put(r, 0),
            Record::RemoveTopic(r) => put(r, 0),
            Record::ProducerIds(r) => put(r, 0),
            Record::RegisterBroker(r) => put(r, 3),
            Record::UnregisterBroker(r) => put(r, 0),
            Record::BrokerChange(r) => put(r, 1),
            Record::ClearElr(r) => put(r, 0),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Record, BadRecord> {
        let mut r = Reader::new(bytes);
        let bad = |e: crate::wire::WireError| BadRecord(e.to_string());
        let frame = r.uvarint().map_err(bad)?;
        let key = r.uvarint().map_err(bad)?;
        let version = r.uvarint().map_err(bad)?;
        if frame != FRAME_VERSION || version > RECORD_VERSION_MAX {
            return Err(BadRecord(format!("frame version {frame}, record version {version}: written by a newer kqd?")));
        }
        let (body, version) = (&bytes[r.position()..], version as i16);
        Ok(match key {
            0 => Record::RegisterBroker(owned(RegisterBrokerRecord::read(body, version).map_err(bad)?)),
            1 => Record::UnregisterBroker(UnregisterBrokerRecord::read(body, version).map_err(bad)?),
            2 => {
                let TopicRecord { name, topic_id } = TopicRecord::read(body, version).map_err(bad)?;
                Record::Topic(TopicRecord { name: name.into_owned().into(), topic_id })
            }
            3 => Record::Partition(PartitionRecord::read(body, version).map_err(bad)?),
            4 => {
                let r = ConfigRecord::read(body, version).map_err(bad)?;
                Record::Config(ConfigRecord {
                    resource_type: r.resource_type,
                    resource_name: r.resource_name.into_owned().into(),
                    name: r.name.into_owned().into(),
                    value: r.value.map(|value| value.into_owned().into()),
                })
            }
            5 => Record::PartitionChange(PartitionChangeRecord::read(body, version).map_err(bad)?),
            9 => Record::RemoveTopic(RemoveTopicRecord::read(body, version).map_err(bad)?),
            15 => Record::ProducerIds(ProducerIdsRecord::read(body, version).map_err(bad)?),
            17 => Record::BrokerChange(BrokerRegistrationChangeRecord::read(body, version).map_err(bad)?),
            28 => {
                let ClearElrRecord { topic_name } = ClearElrRecord::read(body, version).map_err(bad)?;
                Record::ClearElr(ClearElrRecord { topic_name: topic_name.into_owned().into() })
            }
            other => return Err(BadRecord(format!("record type {other} is not known: written by a newer kqd?"))),
        })
    }
}

fn owned(r: RegisterBrokerRecord<'_>) -> RegisterBrokerRecord<'static> {
    let endpoint = |e: BrokerEndpoint<'_>| BrokerEndpoint {
        name: e.name.into_owned().into(),
        host: e.host.into_owned().into(),
        port: e.port,
        security_protocol: e.security_protocol,
    };
    let feature = |f: BrokerFeature<'_>| BrokerFeature {
        name: f.name.into_owned().into(),
        min_supported_version: f.min_supported_version,
        max_supported_version: f.max_supported_version,
    };
    RegisterBrokerRecord {
        broker_id: r.broker_id,
        is_migrating_zk_broker: r.is_migrating_zk_broker,
        incarnation_id: r.incarnation_id,
        broker_epoch: r.broker_epoch,
        end_points: r.end_points.into_iter().map(endpoint).collect(),
        features: r.features.into_iter().map(feature).collect(),
        rack: r.rack.map(|rack| rack.into_owned().into()),
        fenced: r.fenced,
        in_controlled_shutdown: r.in_controlled_shutdown,
        log_dirs: r.log_dirs,
        cordoned_log_dirs: r.cordoned_log_dirs,
    }
}

/// Why the metadata log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord(String);

impl BadRecord {
    pub(super) fn new(what: impl Into<String>) -> Self {
        BadRecord(what.into())
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RecordError> for BadRecord {
    fn from(e: RecordError) -> Self {
        BadRecord(e.to_string())
    }
}

/// Records as one batch, whose base offset and leader epoch the log stamps.
pub fn encode_batch(now: Millis, records: &[Record]) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    for record in records {
        builder.push(now, None, Some(&record.encode()), &[]);
    }
    builder.finish()
}

/// All records of a metadata log, given its batches one after the other.
///
/// # Errors
/// [`BadRecord`] says what this version cannot read.
pub fn decode_log(content: &[u8]) -> Result<Vec<Record>, BadRecord> {
    let mut all = Vec::new();
    for batch in batch::batches(content) {
        let (_, bytes) = batch?;
        let decoded = records::decode(bytes, BATCH_BYTES_MAX)?;
        for record in decoded.iter() {
            let record = record?;
            all.push(Record::decode(record.value.unwrap_or_default())?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reads_back() {
        let id = Uuid([7; 16]);
        let all = vec![
            Record::topic("orders", id),
            Record::config(ResourceType::Topic, "orders", "retention.ms".to_owned(), Some("5".to_owned())),
            Record::partition(id, 0, vec![1]),
            Record::new_leader(id, 0, 1),
            Record::config(ResourceType::Topic, "orders", "retention.ms".to_owned(), None),
            Record::producer_ids(1, 1000),
            Record::register(
                &Registration {
                    id: 2,
                    incarnation: Uuid([9; 16]),
                    endpoints: vec![("PLAINTEXT".to_owned(), "localhost".to_owned(), 9092)],
                    rack: Some("r1".to_owned()),
                    previous_epoch: -1,
                    log_dirs: vec![Uuid([3; 16])],
                },
                5,
            ),
            Record::unfence(2, 5),
            Record::shutting_down(2, 5),
            Record::fence(2, 5),
            Record::unregister(2, 5),
            Record::clear_elr("orders"),
            Record::PartitionChange(PartitionChangeRecord {
                partition_id: 0,
                topic_id: id,
                isr: Some(vec![1]),
                replicas: Some(vec![1, 2]),
                directories: Some(vec![Uuid::ZERO; 2]),
                eligible_leader_replicas: Some(vec![2]),
                ..PartitionChangeRecord::default()
            }),
            Record::remove_topic(id),
        ];
        assert_eq!(decode_log(&encode_batch(1, &all)), Ok(all));
    }
}
