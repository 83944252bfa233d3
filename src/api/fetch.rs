//! Fetch (1), v4–v18. Reads record batches from partitions, for consumers and for followers.
//!
//! Sessions since 7 (KIP-227), reading from the nearest replica since 11 (KIP-392), truncation on divergence since 12
//! (KIP-595), topics by id since 13 (KIP-516). The first batch comes whole even when it is over the limits (KIP-74).

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::{Records, Str};

/// Fetch's place in the table.
pub enum Fetch {}

impl Api for Fetch {
    const KEY: i16 = 1;
    const NAME: &'static str = "Fetch";
    const SERVED: (i16, i16) = (4, 18);
    type Request<'a> = FetchRequest<'a>;
    type Response<'a> = FetchResponse<'a>;
}

message! {
    FetchRequest<'a>: key 1, versions 4..=18, flexible 12;
    struct FetchRequest<'a> {
        cluster_id: Option<Str<'a>> [12.., null 12.., tag 0],
        replica_id: i32 [0..=14, default -1],
        replica_state: ReplicaState [15.., tag 1],
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [3.., default i32::MAX],
        isolation_level: i8 [4..],
        session_id: i32 [7..],
        session_epoch: i32 [7.., default -1],
        topics: Vec<FetchTopic<'a>> [0..],
        forgotten_topics_data: Vec<ForgottenTopic<'a>> [7..],
        rack_id: Str<'a> [11..],
    }
    struct ReplicaState {
        replica_id: i32 [15.., default -1],
        replica_epoch: i64 [15.., default -1],
    }
    struct FetchTopic<'a> {
        topic: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<FetchPartition> [0..],
    }
    struct FetchPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [9.., default -1],
        fetch_offset: i64 [0..],
        last_fetched_epoch: i32 [12.., default -1],
        log_start_offset: i64 [5.., default -1],
        partition_max_bytes: i32 [0..],
        replica_directory_id: Uuid [17.., tag 0],
        high_watermark: i64 [18.., tag 1, default i64::MAX],
    }
    struct ForgottenTopic<'a> {
        topic: Str<'a> [7..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32> [7..],
    }
}

message! {
    FetchResponse<'a>: key 1, versions 4..=18, flexible 12;
    struct FetchResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [7..],
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse<'a>> [0..],
        node_endpoints: Vec<NodeEndpoint<'a>> [16.., tag 0],
    }
    struct FetchableTopicResponse<'a> {
        topic: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<PartitionData<'a>> [0..],
    }
    struct PartitionData<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        high_watermark: i64 [0..],
        last_stable_offset: i64 [4.., default -1],
        log_start_offset: i64 [5.., default -1],
        diverging_epoch: EpochEndOffset [12.., tag 0],
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        snapshot_id: SnapshotId [12.., tag 2],
        aborted_transactions: Option<Vec<AbortedTransaction>> [4.., null 4.., default Some(Vec::new())],
        preferred_read_replica: i32 [11.., default -1],
        records: Option<Records<'a>> [0.., null 0..],
    }
    struct EpochEndOffset {
        epoch: i32 [12.., default -1],
        end_offset: i64 [12.., default -1],
    }
    struct LeaderIdAndEpoch {
        leader_id: i32 [12.., default -1],
        leader_epoch: i32 [12.., default -1],
    }
    struct SnapshotId {
        end_offset: i64 [0.., default -1],
        epoch: i32 [0.., default -1],
    }
    struct AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }
    struct NodeEndpoint<'a> {
        node_id: i32 [16..],
        host: Str<'a> [16..],
        port: i32 [16..],
        rack: Option<Str<'a>> [16.., null 16..],
    }
}
