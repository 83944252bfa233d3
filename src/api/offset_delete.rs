//! OffsetDelete (47), v0. Forgets a group's offsets of partitions that it does not read (KIP-496).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::{Command, Reply};
use crate::message;
use crate::wire::Str;

/// OffsetDelete's place in the table.
pub enum OffsetDelete {}

impl Api for OffsetDelete {
    const KEY: i16 = 47;
    const NAME: &'static str = "OffsetDelete";
    const SERVED: (i16, i16) = (0, 0);
    type Request<'a> = OffsetDeleteRequest<'a>;
    type Response<'a> = OffsetDeleteResponse<'a>;
}

message! {
    OffsetDeleteRequest<'a>: key 47, versions 0..=0, flexible none;
    struct OffsetDeleteRequest<'a> {
        group_id: Str<'a> [0..],
        topics: Vec<OffsetDeleteRequestTopic<'a>> [0..],
    }
    struct OffsetDeleteRequestTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }
    struct OffsetDeleteRequestPartition {
        partition_index: i32 [0..],
    }
}

message! {
    OffsetDeleteResponse<'a>: key 47, versions 0..=0, flexible none;
    struct OffsetDeleteResponse<'a> {
        error_code: i16 [0..],
        throttle_time_ms: i32 [0..],
        topics: Vec<OffsetDeleteResponseTopic<'a>> [0..],
    }
    struct OffsetDeleteResponseTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }
    struct OffsetDeleteResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: OffsetDeleteRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    if request.group_id.is_empty() {
        return refuse(broker, to, ErrorCode::InvalidGroupId, out);
    }
    let (mut topics, mut wanted) = (Vec::new(), Vec::new());
    for topic in request.topics {
        let count = broker.image.topic(&topic.name).map_or(0, |known| known.partitions.len());
        let is_known = |index: i32| usize::try_from(index).is_ok_and(|index| index < count);
        let name = topic.name.into_owned();
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        let partitions = indexes.clone().map(|partition_index| OffsetDeleteResponsePartition {
            partition_index,
            error_code: if is_known(partition_index) { PENDING } else { ErrorCode::UnknownTopicOrPartition.code() },
        });
        topics.push(OffsetDeleteResponseTopic { name: name.clone().into(), partitions: partitions.collect() });
        let known: Vec<i32> = indexes.filter(|index| is_known(*index)).collect();
        if !known.is_empty() {
            wanted.push((name, known));
        }
    }
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| match result {
        Ok(Reply::OffsetsDeleted(codes)) => {
            let mut codes = codes.into_iter();
            let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            for partition in partitions.filter(|partition| partition.error_code == PENDING) {
                partition.error_code = codes.next().unwrap_or(ErrorCode::UnknownServerError).code();
            }
            broker.reply(to, &OffsetDeleteResponse { topics, ..Default::default() }, out);
        }
        other => refuse(broker, to, code_of(&other), out),
    };
    broker.group(&request.group_id, Command::DeleteOffsets(wanted), Box::new(then), out);
}

/// Stands for a code that the coordinator is to give: Kafka has no such number.
const PENDING: i16 = i16::MIN;

fn refuse(broker: &Broker, to: ReplyTo, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
    broker.reply(to, &OffsetDeleteResponse { error_code: code.code(), ..Default::default() }, out);
}
