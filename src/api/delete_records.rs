//! DeleteRecords (21), v0–v2. Moves the start of partitions' logs forward (KIP-107).
//!
//! Offset -1 stands for the high watermark.

use super::Api;
use crate::message;
use crate::wire::Str;

/// DeleteRecords's place in the table.
pub enum DeleteRecords {}

impl Api for DeleteRecords {
    const KEY: i16 = 21;
    const NAME: &'static str = "DeleteRecords";
    const SERVED: (i16, i16) = (0, 2);
    type Request<'a> = DeleteRecordsRequest<'a>;
    type Response<'a> = DeleteRecordsResponse<'a>;
}

message! {
    DeleteRecordsRequest<'a>: key 21, versions 0..=2, flexible 2;
    struct DeleteRecordsRequest<'a> {
        topics: Vec<DeleteRecordsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
    }
    struct DeleteRecordsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DeleteRecordsPartition> [0..],
    }
    struct DeleteRecordsPartition {
        partition_index: i32 [0..],
        offset: i64 [0..],
    }
}

message! {
    DeleteRecordsResponse<'a>: key 21, versions 0..=2, flexible 2;
    struct DeleteRecordsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<DeleteRecordsTopicResult<'a>> [0..],
    }
    struct DeleteRecordsTopicResult<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DeleteRecordsPartitionResult> [0..],
    }
    struct DeleteRecordsPartitionResult {
        partition_index: i32 [0..],
        low_watermark: i64 [0..],
        error_code: i16 [0..],
    }
}
