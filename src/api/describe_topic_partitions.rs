//! DescribeTopicPartitions (75), v0. Tells the partitions of topics, a page at a time (KIP-966).
//!
//! A cursor in the answer says where the next page starts.

use super::metadata::{TOPIC_OPERATIONS, is_internal};
use super::{Api, Context};
use crate::broker::{Broker, Living};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{TopicImage, check_topic_name};
use crate::types::Uuid;
use crate::wire::Str;
use std::ops::Range;

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

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeTopicPartitionsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let response = answer(broker, &request, &broker.living(cx.peer.listener));
    broker.reply(cx.to, &response, out);
}

fn answer(
    broker: &Broker,
    request: &DescribeTopicPartitionsRequest<'_>,
    living: &[Living],
) -> DescribeTopicPartitionsResponse<'static> {
    let limit = broker.settings.max_request_partition_size_limit.max(1);
    let mut left = request.response_partition_limit.clamp(1, limit) as usize;
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index.max(0) as usize),
        None => (String::new(), 0),
    };
    let mut names: Vec<String> = if request.topics.is_empty() {
        broker.image.topics_from(&from_topic).map(|topic| topic.name.clone()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.to_string()).filter(|name| *name >= from_topic).collect()
    };
    names.sort();
    names.dedup();

    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        if left == 0 {
            response.next_cursor = Some(ResponseCursor { topic_name: name.into(), partition_index: 0 });
            break;
        }
        let Some(topic) = broker.image.topic(&name) else {
            let code = check_topic_name(&name).err().map_or(ErrorCode::UnknownTopicOrPartition, |r| r.code);
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: code.code(),
                name: Some(name.into()),
                ..Default::default()
            });
            continue;
        };
        let first = if name == from_topic { from_partition } else { 0 };
        let last = topic.partitions.len().min(first.saturating_add(left));
        response.topics.push(describe(broker, topic, first..last, living));
        left -= last.saturating_sub(first);
        if last < topic.partitions.len() {
            response.next_cursor = Some(ResponseCursor { topic_name: name.into(), partition_index: last as i32 });
            break;
        }
    }
    response
}

fn describe(
    broker: &Broker,
    topic: &TopicImage,
    range: Range<usize>,
    living: &[Living],
) -> DescribeTopicPartitionsResponseTopic<'static> {
    let partitions = (0..).zip(&topic.partitions).take(range.end).skip(range.start).map(|(index, partition)| {
        let seen = broker.seen(topic, index, partition, living);
        DescribeTopicPartitionsResponsePartition {
            error_code: seen.code.code(),
            partition_index: index,
            leader_id: seen.leader,
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            eligible_leader_replicas: Some(partition.elr.clone()),
            last_known_elr: Some(partition.last_known_elr.clone()),
            offline_replicas: seen.offline,
        }
    });
    DescribeTopicPartitionsResponseTopic {
        error_code: 0,
        name: Some(topic.name.clone().into()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: partitions.collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
    }
}
