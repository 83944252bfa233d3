//! ListOffsets (2), v1–v11. Finds offsets by time, or by a mark: latest -1, earliest -2, largest timestamp -3 (KIP-734).
//!
//! Fenced by leader epoch since 4 (KIP-320).
//! The marks for tiered storage are -4 (KIP-405), -5 (KIP-1005) and -6 (KIP-1023).

use super::Api;
use crate::message;
use crate::wire::Str;

/// ListOffsets's place in the table.
pub enum ListOffsets {}

impl Api for ListOffsets {
    const KEY: i16 = 2;
    const NAME: &'static str = "ListOffsets";
    const SERVED: (i16, i16) = (1, 11);
    type Request<'a> = ListOffsetsRequest<'a>;
    type Response<'a> = ListOffsetsResponse<'a>;
}

message! {
    ListOffsetsRequest<'a>: key 2, versions 1..=11, flexible 6;
    struct ListOffsetsRequest<'a> {
        replica_id: i32 [0..],
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic<'a>> [0..],
        timeout_ms: i32 [10..],
    }
    struct ListOffsetsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ListOffsetsPartition> [0..],
    }
    struct ListOffsetsPartition {
        partition_index: i32 [0..],
        current_leader_epoch: i32 [4.., default -1],
        timestamp: i64 [0..],
    }
}

message! {
    ListOffsetsResponse<'a>: key 2, versions 1..=11, flexible 6;
    struct ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse<'a>> [0..],
    }
    struct ListOffsetsTopicResponse<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }
    struct ListOffsetsPartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        timestamp: i64 [1.., default -1],
        offset: i64 [1.., default -1],
        leader_epoch: i32 [4.., default -1],
    }
}
