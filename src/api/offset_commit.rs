//! OffsetCommit (8), v2–v10. Keeps how far a group has come.
//!
//! Since 6 with the leader epoch (KIP-320), since 7 from static members (KIP-345), since 9 from members of the consumer protocol
//! (KIP-848), since 10 by topic id (KIP-516).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::{Commit, CommitTopic, Identity};
use crate::group::{Command, Reply};
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
    let to = cx.to;
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut commits = Vec::new();
    for topic in request.topics {
        let (known, unknown) = match to.version {
            ..=9 => (broker.image.topic(&topic.name), ErrorCode::UnknownTopicOrPartition),
            _ => (broker.image.topic_by_id(topic.topic_id), ErrorCode::UnknownTopicId),
        };
        let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: match known {
                None => unknown.code(),
                Some(known) if is_there(partition.partition_index, known.partitions.len()) => PENDING,
                Some(_) => ErrorCode::UnknownTopicOrPartition.code(),
            },
        });
        let partitions: Vec<_> = partitions.collect();
        if let Some(known) = known {
            let wanted =
                topic.partitions.into_iter().zip(&partitions).filter(|(_, answer)| answer.error_code == PENDING);
            let wanted = wanted.map(|(p, _)| {
                let metadata = p.committed_metadata.map(|text| text.into_owned()).unwrap_or_default();
                (p.partition_index, p.committed_offset, p.committed_leader_epoch, metadata)
            });
            let partitions: Vec<_> = wanted.collect();
            if !partitions.is_empty() {
                commits.push(CommitTopic { name: known.name.clone(), id: known.id, partitions });
            }
        }
        topics.push(OffsetCommitResponseTopic {
            name: topic.name.into_owned().into(),
            topic_id: topic.topic_id,
            partitions,
        });
    }
    let mut response = OffsetCommitResponse { topics, ..Default::default() };
    if commits.is_empty() {
        return broker.reply(to, &response, out);
    }
    let commit = Commit {
        who: Identity {
            member_id: request.member_id.into_owned(),
            instance_id: request.group_instance_id.map(|id| id.into_owned()),
            generation: request.generation_id_or_member_epoch,
        },
        retention_ms: request.retention_time_ms,
        version: to.version,
        topics: commits,
    };
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
        let (mut codes, otherwise) = match result {
            Ok(Reply::Committed(codes)) => (codes.into_iter(), ErrorCode::UnknownServerError),
            other => (Vec::new().into_iter(), code_of(&other)),
        };
        let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in partitions.filter(|partition| partition.error_code == PENDING) {
            partition.error_code = codes.next().unwrap_or(otherwise).code();
        }
        broker.reply(to, &response, out);
    };
    broker.group(&request.group_id, Command::Commit(commit), Box::new(then), out);
}

/// Stands for a code that the coordinator is to give: Kafka has no such number.
const PENDING: i16 = i16::MIN;

fn is_there(partition: i32, partitions: usize) -> bool {
    usize::try_from(partition).is_ok_and(|partition| partition < partitions)
}
