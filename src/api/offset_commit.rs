//! OffsetCommit (8), v2–v10. Keeps how far a group has come.
//!
//! Since 6 with the leader epoch (KIP-320), since 7 from static members (KIP-345), since 9 from members of the consumer protocol
//! (KIP-848), since 10 by topic id (KIP-516).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// OffsetCommit's place in the table.
pub enum OffsetCommit {}

impl Api for OffsetCommit {
    const KEY: i16 = 8;
    const NAME: &'static str = "OffsetCommit";
    const SERVED: (i16, i16) = (2, 10);
    type Request<'a> = OffsetCommitRequest<'a>;
    type Response<'a> = OffsetCommitResponse<'a>;
}

message! {
    OffsetCommitRequest<'a>: key 8, versions 2..=10, flexible 8;
    struct OffsetCommitRequest<'a> {
        group_id: Str<'a> [0..],
        generation_id_or_member_epoch: i32 [1.., default -1],
        member_id: Str<'a> [1..],
        group_instance_id: Option<Str<'a>> [7.., null 7..],
        retention_time_ms: i64 [2..=4, default -1],
        topics: Vec<OffsetCommitRequestTopic<'a>> [0..],
    }
    struct OffsetCommitRequestTopic<'a> {
        name: Str<'a> [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitRequestPartition<'a>> [0..],
    }
    struct OffsetCommitRequestPartition<'a> {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [6.., default -1],
        committed_metadata: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    OffsetCommitResponse<'a>: key 8, versions 2..=10, flexible 8;
    struct OffsetCommitResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetCommitResponseTopic<'a>> [0..],
    }
    struct OffsetCommitResponseTopic<'a> {
        name: Str<'a> [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitResponsePartition> [0..],
    }
    struct OffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: OffsetCommitRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics = request.topics.into_iter().map(|topic| OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: ErrorCode::CoordinatorNotAvailable.code(),
            })
            .collect(),
    });
    let response = OffsetCommitResponse { topics: topics.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
