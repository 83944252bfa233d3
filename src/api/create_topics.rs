//! CreateTopics (19), v2–v7. Makes topics, or checks whether it could (`validate_only`).
//!
//! Since 5 the answer carries the configuration (KIP-525), since 7 the topic's id (KIP-516).

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// CreateTopics's place in the table.
pub enum CreateTopics {}

impl Api for CreateTopics {
    const KEY: i16 = 19;
    const NAME: &'static str = "CreateTopics";
    const SERVED: (i16, i16) = (2, 7);
    type Request<'a> = CreateTopicsRequest<'a>;
    type Response<'a> = CreateTopicsResponse<'a>;
}

message! {
    CreateTopicsRequest<'a>: key 19, versions 2..=7, flexible 5;
    struct CreateTopicsRequest<'a> {
        topics: Vec<CreatableTopic<'a>> [0..],
        timeout_ms: i32 [0.., default 60000],
        validate_only: bool [1..],
    }
    struct CreatableTopic<'a> {
        name: Str<'a> [0..],
        num_partitions: i32 [0..],
        replication_factor: i16 [0..],
        assignments: Vec<CreatableReplicaAssignment> [0..],
        configs: Vec<CreatableTopicConfig<'a>> [0..],
    }
    struct CreatableReplicaAssignment {
        partition_index: i32 [0..],
        broker_ids: Vec<i32> [0..],
    }
    struct CreatableTopicConfig<'a> {
        name: Str<'a> [0..],
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    CreateTopicsResponse<'a>: key 19, versions 2..=7, flexible 5;
    struct CreateTopicsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<CreatableTopicResult<'a>> [0..],
    }
    struct CreatableTopicResult<'a> {
        name: Str<'a> [0..],
        topic_id: Uuid [7..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [1.., null 0.., default Some(Str::Borrowed(""))],
        topic_config_error_code: i16 [5.., tag 0],
        num_partitions: i32 [5.., default -1],
        replication_factor: i16 [5.., default -1],
        configs: Option<Vec<CreatableTopicConfigs<'a>>> [5.., null 5.., default Some(Vec::new())],
    }
    struct CreatableTopicConfigs<'a> {
        name: Str<'a> [5..],
        value: Option<Str<'a>> [5.., null 5.., default Some(Str::Borrowed(""))],
        read_only: bool [5..],
        config_source: i8 [5.., default -1],
        is_sensitive: bool [5..],
    }
}
