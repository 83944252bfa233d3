//! Metadata (3), v0–v13. Tells brokers, topics, partitions and their leaders; makes topics when asked and allowed.
//!
//! In version 0 an empty list of topics means all of them; from 1 on, null does. Topics can be asked by id from 12 on
//! (KIP-516).

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// Metadata's place in the table.
pub enum Metadata {}

impl Api for Metadata {
    const KEY: i16 = 3;
    const NAME: &'static str = "Metadata";
    const SERVED: (i16, i16) = (0, 13);
    type Request<'a> = MetadataRequest<'a>;
    type Response<'a> = MetadataResponse<'a>;
}

message! {
    MetadataRequest<'a>: key 3, versions 0..=13, flexible 9;
    struct MetadataRequest<'a> {
        topics: Option<Vec<MetadataRequestTopic<'a>>> [0.., null 1.., default Some(Vec::new())],
        allow_auto_topic_creation: bool [4.., default true],
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }
    struct MetadataRequestTopic<'a> {
        topic_id: Uuid [10..],
        name: Option<Str<'a>> [0.., null 10.., default Some(Str::Borrowed(""))],
    }
}

message! {
    MetadataResponse<'a>: key 3, versions 0..=13, flexible 9;
    struct MetadataResponse<'a> {
        throttle_time_ms: i32 [3..],
        brokers: Vec<MetadataResponseBroker<'a>> [0..],
        cluster_id: Option<Str<'a>> [2.., null 2..],
        controller_id: i32 [1.., default -1],
        topics: Vec<MetadataResponseTopic<'a>> [0..],
        cluster_authorized_operations: i32 [8..=10, default i32::MIN],
        error_code: i16 [13..],
    }
    struct MetadataResponseBroker<'a> {
        node_id: i32 [0..],
        host: Str<'a> [0..],
        port: i32 [0..],
        rack: Option<Str<'a>> [1.., null 1..],
    }
    struct MetadataResponseTopic<'a> {
        error_code: i16 [0..],
        name: Option<Str<'a>> [0.., null 12.., default Some(Str::Borrowed(""))],
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Vec<MetadataResponsePartition> [0..],
        topic_authorized_operations: i32 [8.., default i32::MIN],
    }
    struct MetadataResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [7.., default -1],
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        offline_replicas: Vec<i32> [5..],
    }
}
