//! Produce (0), v3–v13. Appends record batches to partitions.
//!
//! Versions 0 to 2 are advertised and refused: librdkafka takes a minimum above 0 for a broker without compression
//! (KAFKA-18659). Topics go by id from 13 on (KIP-516); 10 tells clients of a new leader (KIP-951).

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::{Records, Str};

/// Produce's place in the table.
pub enum Produce {}

impl Api for Produce {
    const KEY: i16 = 0;
    const NAME: &'static str = "Produce";
    const SERVED: (i16, i16) = (3, 13);
    const ADVERTISED_MIN: i16 = 0;
    type Request<'a> = ProduceRequest<'a>;
    type Response<'a> = ProduceResponse<'a>;
}

message! {
    ProduceRequest<'a>: key 0, versions 3..=13, flexible 9;
    struct ProduceRequest<'a> {
        transactional_id: Option<Str<'a>> [3.., null 3..],
        acks: i16 [0..],
        timeout_ms: i32 [0..],
        topic_data: Vec<TopicProduceData<'a>> [0..],
    }
    struct TopicProduceData<'a> {
        name: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partition_data: Vec<PartitionProduceData<'a>> [0..],
    }
    struct PartitionProduceData<'a> {
        index: i32 [0..],
        records: Option<Records<'a>> [0.., null 0..],
    }
}

message! {
    ProduceResponse<'a>: key 0, versions 3..=13, flexible 9;
    struct ProduceResponse<'a> {
        responses: Vec<TopicProduceResponse<'a>> [0..],
        throttle_time_ms: i32 [1..],
        node_endpoints: Vec<NodeEndpoint<'a>> [10.., tag 0],
    }
    struct TopicProduceResponse<'a> {
        name: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partition_responses: Vec<PartitionProduceResponse<'a>> [0..],
    }
    struct PartitionProduceResponse<'a> {
        index: i32 [0..],
        error_code: i16 [0..],
        base_offset: i64 [0..],
        log_append_time_ms: i64 [2.., default -1],
        log_start_offset: i64 [5.., default -1],
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> [8..],
        error_message: Option<Str<'a>> [8.., null 8..],
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }
    struct BatchIndexAndErrorMessage<'a> {
        batch_index: i32 [8..],
        batch_index_error_message: Option<Str<'a>> [8.., null 8..],
    }
    struct LeaderIdAndEpoch {
        leader_id: i32 [10.., default -1],
        leader_epoch: i32 [10.., default -1],
    }
    struct NodeEndpoint<'a> {
        node_id: i32 [10..],
        host: Str<'a> [10..],
        port: i32 [10..],
        rack: Option<Str<'a>> [10.., null 10..],
    }
}
