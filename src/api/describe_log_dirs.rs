//! DescribeLogDirs (35), v1–v5. Tells the log directories and the size of each replica in them (KIP-113).
//!
//! Total and usable bytes since 4 (KIP-827), whether a directory is cordoned since 5 (KIP-1066).

use super::Api;
use crate::message;
use crate::wire::Str;

/// DescribeLogDirs's place in the table.
pub enum DescribeLogDirs {}

impl Api for DescribeLogDirs {
    const KEY: i16 = 35;
    const NAME: &'static str = "DescribeLogDirs";
    const SERVED: (i16, i16) = (1, 5);
    type Request<'a> = DescribeLogDirsRequest<'a>;
    type Response<'a> = DescribeLogDirsResponse<'a>;
}

message! {
    DescribeLogDirsRequest<'a>: key 35, versions 1..=5, flexible 2;
    struct DescribeLogDirsRequest<'a> {
        topics: Option<Vec<DescribableLogDirTopic<'a>>> [0.., null 0.., default Some(Vec::new())],
    }
    struct DescribableLogDirTopic<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    DescribeLogDirsResponse<'a>: key 35, versions 1..=5, flexible 2;
    struct DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [3..],
        results: Vec<DescribeLogDirsResult<'a>> [0..],
    }
    struct DescribeLogDirsResult<'a> {
        error_code: i16 [0..],
        log_dir: Str<'a> [0..],
        topics: Vec<DescribeLogDirsTopic<'a>> [0..],
        total_bytes: i64 [4.., default -1],
        usable_bytes: i64 [4.., default -1],
        is_cordoned: bool [5..],
    }
    struct DescribeLogDirsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DescribeLogDirsPartition> [0..],
    }
    struct DescribeLogDirsPartition {
        partition_index: i32 [0..],
        partition_size: i64 [0..],
        offset_lag: i64 [0..],
        is_future_key: bool [0..],
    }
}
