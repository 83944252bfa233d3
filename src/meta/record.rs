//! The records of the metadata log, in the form that Apache Kafka gives them (KIP-631).
//!
//! A record's `key` is its type on disk. Before its body stand a frame version, the type and the version, each an
//! unsigned varint.

use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

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
    FeatureLevelRecord<'a>: key 12, versions 0..=0, flexible 0;
    struct FeatureLevelRecord<'a> {
        name: Str<'a> [0..],
        feature_level: i16 [0..],
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
    NoOpRecord: key 20, versions 0..=0, flexible 0;
    struct NoOpRecord {}
}

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
