//! OffsetFetch (9), v1–v10. Tells how far groups have come.
//!
//! Null topics ask for all of them, since 2. Since 5 with the leader epoch (KIP-320), since 7 a pending commit can be refused
//! (KIP-447), since 8 several groups in one request (KIP-709), since 9 from members of the consumer protocol (KIP-848), since
//! 10 by topic id (KIP-516).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// OffsetFetch's place in the table.
pub enum OffsetFetch {}

impl Api for OffsetFetch {
    const KEY: i16 = 9;
    const NAME: &'static str = "OffsetFetch";
    const SERVED: (i16, i16) = (1, 10);
    type Request<'a> = OffsetFetchRequest<'a>;
    type Response<'a> = OffsetFetchResponse<'a>;
}

message! {
    OffsetFetchRequest<'a>: key 9, versions 1..=10, flexible 6;
    struct OffsetFetchRequest<'a> {
        group_id: Str<'a> [0..=7],
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>> [0..=7, null 2..=7, default Some(Vec::new())],
        groups: Vec<OffsetFetchRequestGroup<'a>> [8..],
        require_stable: bool [7..],
    }
    struct OffsetFetchRequestTopic<'a> {
        name: Str<'a> [0..=7],
        partition_indexes: Vec<i32> [0..=7],
    }
    struct OffsetFetchRequestGroup<'a> {
        group_id: Str<'a> [8..],
        member_id: Option<Str<'a>> [9.., null 9..],
        member_epoch: i32 [9.., default -1],
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>> [8.., null 8.., default Some(Vec::new())],
    }
    struct OffsetFetchRequestTopics<'a> {
        name: Str<'a> [8..=9],
        topic_id: Uuid [10..],
        partition_indexes: Vec<i32> [8..],
    }
}

message! {
    OffsetFetchResponse<'a>: key 9, versions 1..=10, flexible 6;
    struct OffsetFetchResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetFetchResponseTopic<'a>> [0..=7],
        error_code: i16 [2..=7],
        groups: Vec<OffsetFetchResponseGroup<'a>> [8..],
    }
    struct OffsetFetchResponseTopic<'a> {
        name: Str<'a> [0..=7],
        partitions: Vec<OffsetFetchResponsePartition<'a>> [0..=7],
    }
    struct OffsetFetchResponsePartition<'a> {
        partition_index: i32 [0..=7],
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7, default -1],
        metadata: Option<Str<'a>> [0..=7, null 0..=7, default Some(Str::Borrowed(""))],
        error_code: i16 [0..=7],
    }
    struct OffsetFetchResponseGroup<'a> {
        group_id: Str<'a> [8..],
        topics: Vec<OffsetFetchResponseTopics<'a>> [8..],
        error_code: i16 [8..],
    }
    struct OffsetFetchResponseTopics<'a> {
        name: Str<'a> [8..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetFetchResponsePartitions<'a>> [8..],
    }
    struct OffsetFetchResponsePartitions<'a> {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8.., default -1],
        metadata: Option<Str<'a>> [8.., null 8.., default Some(Str::Borrowed(""))],
        error_code: i16 [8..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: OffsetFetchRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let code = ErrorCode::CoordinatorNotAvailable.code();
    let topics = request.topics.into_iter().flatten().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partition_indexes
            .into_iter()
            .map(|partition_index| OffsetFetchResponsePartition {
                partition_index,
                committed_offset: -1,
                error_code: code,
                ..Default::default()
            })
            .collect(),
    });
    let groups = request.groups.into_iter().map(|group| OffsetFetchResponseGroup {
        group_id: group.group_id,
        topics: Vec::new(),
        error_code: code,
    });
    let response = OffsetFetchResponse {
        topics: topics.collect(),
        error_code: code,
        groups: groups.collect(),
        ..Default::default()
    };
    broker.reply(cx.to, &response, out);
}
