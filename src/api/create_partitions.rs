//! CreatePartitions (37), v0–v3. Gives topics more partitions (KIP-195).
//!
//! `count` is the new total, not what is added.

use super::Api;
use crate::message;
use crate::wire::Str;

/// CreatePartitions's place in the table.
pub enum CreatePartitions {}

impl Api for CreatePartitions {
    const KEY: i16 = 37;
    const NAME: &'static str = "CreatePartitions";
    const SERVED: (i16, i16) = (0, 3);
    type Request<'a> = CreatePartitionsRequest<'a>;
    type Response<'a> = CreatePartitionsResponse<'a>;
}

message! {
    CreatePartitionsRequest<'a>: key 37, versions 0..=3, flexible 2;
    struct CreatePartitionsRequest<'a> {
        topics: Vec<CreatePartitionsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
        validate_only: bool [0..],
    }
    struct CreatePartitionsTopic<'a> {
        name: Str<'a> [0..],
        count: i32 [0..],
        assignments: Option<Vec<CreatePartitionsAssignment>> [0.., null 0.., default Some(Vec::new())],
    }
    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32> [0..],
    }
}

message! {
    CreatePartitionsResponse<'a>: key 37, versions 0..=3, flexible 2;
    struct CreatePartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<CreatePartitionsTopicResult<'a>> [0..],
    }
    struct CreatePartitionsTopicResult<'a> {
        name: Str<'a> [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
    }
}
