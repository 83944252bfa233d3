//! OffsetFetch (9), v1–v10. Tells how far groups have come.
//!
//! Null topics ask for all of them, since 2. Since 5 with the leader epoch (KIP-320), since 7 a pending commit can be refused
//! (KIP-447), since 8 several groups in one request (KIP-709), since 9 from members of the consumer protocol (KIP-848), since
//! 10 by topic id (KIP-516).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::FetchOffsets;
use crate::group::{Command, Reply};
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
    let to = cx.to;
    let groups = if to.version >= 8 { request.groups } else { vec![old_group(request.group_id, request.topics)] };
    let mut answers = Vec::with_capacity(groups.len());
    let mut commands = Vec::with_capacity(groups.len());
    for group in groups {
        let asked_all = group.topics.is_none();
        let mut answer = OffsetFetchResponseGroup { group_id: group.group_id.to_string().into(), ..Default::default() };
        let mut wanted = Vec::new();
        for topic in group.topics.into_iter().flatten() {
            let name = match to.version {
                10.. => broker.image.topic_by_id(topic.topic_id).map(|known| known.name.clone()),
                _ => Some(topic.name.into_owned()),
            };
            match name {
                Some(name) => {
                    if to.version < 2 {
                        let indexes = topic.partition_indexes.iter();
                        let partitions = indexes.map(|partition| nothing(*partition, ErrorCode::None)).collect();
                        let name = name.clone().into();
                        answer.topics.push(OffsetFetchResponseTopics { name, partitions, ..Default::default() });
                    }
                    wanted.push((name, topic.partition_indexes));
                }
                None => answer.topics.push(OffsetFetchResponseTopics {
                    topic_id: topic.topic_id,
                    partitions: topic
                        .partition_indexes
                        .into_iter()
                        .map(|partition| nothing(partition, ErrorCode::UnknownTopicId))
                        .collect(),
                    ..Default::default()
                }),
            }
        }
        let command = Command::FetchOffsets(FetchOffsets {
            member_id: group.member_id.map(|id| id.into_owned()),
            member_epoch: group.member_epoch,
            topics: (!asked_all).then_some(wanted),
        });
        commands.push((group.group_id.into_owned(), command));
        answers.push(answer);
    }
    let then = move |broker: &mut Broker, results: Vec<GroupResult>, out: &mut Vec<Effect<'_>>| {
        let groups = answers.into_iter().zip(results).map(|(answer, result)| one(broker, to.version, answer, result));
        let groups: Vec<_> = groups.collect();
        if to.version >= 8 {
            return broker.reply(to, &OffsetFetchResponse { groups, ..Default::default() }, out);
        }
        let Some(group) = groups.into_iter().next() else { return };
        broker.reply(to, &old_response(group), out);
    };
    broker.group_all(commands, Box::new(then), out);
}

fn one(
    broker: &Broker,
    version: i16,
    mut answer: OffsetFetchResponseGroup<'static>,
    result: GroupResult,
) -> OffsetFetchResponseGroup<'static> {
    let topics = match result {
        Ok(Reply::Offsets(topics)) => topics,
        other => {
            let code = code_of(&other);
            answer.error_code = code.code();
            if version >= 2 {
                answer.topics.clear();
            }
            // Version 1 has no place for the code but at each partition.
            for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                *partition = nothing(partition.partition_index, code);
            }
            return answer;
        }
    };
    if version < 2 {
        answer.topics.clear();
    }
    for (name, partitions) in topics {
        let topic_id = broker.image.topic(&name).map(|topic| topic.id).unwrap_or_default();
        if version >= 10 && topic_id.is_zero() {
            continue; // deleted meanwhile: it has no id to be named by
        }
        let partitions = partitions.into_iter().map(|(partition, committed)| match committed {
            Some(at) => OffsetFetchResponsePartitions {
                partition_index: partition,
                committed_offset: at.offset,
                committed_leader_epoch: at.leader_epoch,
                metadata: Some(at.metadata.into()),
                error_code: 0,
            },
            None => nothing(partition, ErrorCode::None),
        });
        answer.topics.push(OffsetFetchResponseTopics { name: name.into(), topic_id, partitions: partitions.collect() });
    }
    answer
}

/// No offset.
fn nothing(partition_index: i32, code: ErrorCode) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        error_code: code.code(),
        ..Default::default()
    }
}

/// The one group of a request up to version 7, as later versions say it.
fn old_group<'a>(group_id: Str<'a>, topics: Option<Vec<OffsetFetchRequestTopic<'a>>>) -> OffsetFetchRequestGroup<'a> {
    let topic = |topic: OffsetFetchRequestTopic<'a>| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..Default::default()
    };
    let topics = topics.map(|topics| topics.into_iter().map(topic).collect());
    OffsetFetchRequestGroup { group_id, topics, ..Default::default() }
}

fn old_response(group: OffsetFetchResponseGroup<'static>) -> OffsetFetchResponse<'static> {
    let partition = |p: OffsetFetchResponsePartitions<'static>| OffsetFetchResponsePartition {
        partition_index: p.partition_index,
        committed_offset: p.committed_offset,
        committed_leader_epoch: p.committed_leader_epoch,
        metadata: p.metadata,
        error_code: p.error_code,
    };
    let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: group.error_code, ..Default::default() }
}
