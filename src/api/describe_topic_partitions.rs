//! DescribeTopicPartitions (75), v0. Tells the partitions of topics, a page at a time (KIP-966).
//!
//! A cursor in the answer says where the next page starts.

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// DescribeTopicPartitions's place in the table.
pub enum DescribeTopicPartitions {}

impl Api for DescribeTopicPartitions {
    const KEY: i16 = 75;
    const NAME: &'static str = "DescribeTopicPartitions";
    const SERVED: (i16, i16) = (0, 0);
    type Request<'a> = DescribeTopicPartitionsRequest<'a>;
    type Response<'a> = DescribeTopicPartitionsResponse<'a>;
}

message! {
    DescribeTopicPartitionsRequest<'a>: key 75, versions 0..=0, flexible 0;
    struct DescribeTopicPartitionsRequest<'a> {
        topics: Vec<TopicRequest<'a>> [0..],
        response_partition_limit: i32 [0.., default 2000],
        cursor: Option<Cursor<'a>> [0.., null 0..],
    }
    struct TopicRequest<'a> {
        name: Str<'a> [0..],
    }
    struct Cursor<'a> {
        topic_name: Str<'a> [0..],
        partition_index: i32 [0..],
    }
}

message! {
    DescribeTopicPartitionsResponse<'a>: key 75, versions 0..=0, flexible 0;
    struct DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<DescribeTopicPartitionsResponseTopic<'a>> [0..],
        next_cursor: Option<ResponseCursor<'a>> [0.., null 0..],
    }
    struct DescribeTopicPartitionsResponseTopic<'a> {
        error_code: i16 [0..],
        name: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        topic_id: Uuid [0..],
        is_internal: bool [0..],
        partitions: Vec<DescribeTopicPartitionsResponsePartition> [0..],
        topic_authorized_operations: i32 [0.., default i32::MIN],
    }
    struct DescribeTopicPartitionsResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0.., default -1],
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        eligible_leader_replicas: Option<Vec<i32>> [0.., null 0..],
        last_known_elr: Option<Vec<i32>> [0.., null 0..],
        offline_replicas: Vec<i32> [0..],
    }
    struct ResponseCursor<'a> {
        topic_name: Str<'a> [0..],
        partition_index: i32 [0..],
    }
}
