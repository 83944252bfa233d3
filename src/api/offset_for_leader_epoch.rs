//! OffsetForLeaderEpoch (23), v2–v4. Says where a leader epoch ended.
//!
//! Clients and followers notice truncation by it (KIP-101, KIP-320). Since 3 a follower names itself.

use super::{Api, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// OffsetForLeaderEpoch's place in the table.
pub enum OffsetForLeaderEpoch {}

impl Api for OffsetForLeaderEpoch {
    const KEY: i16 = 23;
    const NAME: &'static str = "OffsetForLeaderEpoch";
    const SERVED: (i16, i16) = (2, 4);
    type Request<'a> = OffsetForLeaderEpochRequest<'a>;
    type Response<'a> = OffsetForLeaderEpochResponse<'a>;
}

message! {
    OffsetForLeaderEpochRequest<'a>: key 23, versions 2..=4, flexible 4;
    struct OffsetForLeaderEpochRequest<'a> {
        replica_id: i32 [3.., default -2],
        topics: Vec<OffsetForLeaderTopic<'a>> [0..],
    }
    struct OffsetForLeaderTopic<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<OffsetForLeaderPartition> [0..],
    }
    struct OffsetForLeaderPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [2.., default -1],
        leader_epoch: i32 [0..],
    }
}

message! {
    OffsetForLeaderEpochResponse<'a>: key 23, versions 2..=4, flexible 4;
    struct OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<OffsetForLeaderTopicResult<'a>> [0..],
    }
    struct OffsetForLeaderTopicResult<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<EpochEndOffset> [0..],
    }
    struct EpochEndOffset {
        error_code: i16 [0..],
        partition: i32 [0..],
        leader_epoch: i32 [1.., default -1],
        end_offset: i64 [0.., default -1],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: OffsetForLeaderEpochRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| one(broker, &topic.topic, wanted)).collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions }
    });
    let response = OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}

fn one(broker: &Broker, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let answer = EpochEndOffset { partition: wanted.partition, ..Default::default() };
    let log = broker.log_of_name(topic, wanted.partition);
    match log.and_then(|log| broker.leader_at(log, wanted.current_leader_epoch)) {
        Err(code) => EpochEndOffset { error_code: code.code(), ..answer },
        // The leader's own epoch ends where the log does, even before it has written anything.
        Ok(leader) if wanted.leader_epoch == leader.epoch => {
            EpochEndOffset { leader_epoch: leader.epoch, end_offset: leader.end(), ..answer }
        }
        Ok(leader) => match leader.epochs().end_of(wanted.leader_epoch, leader.end()) {
            Some((leader_epoch, end_offset)) if wanted.leader_epoch < leader.epoch => {
                EpochEndOffset { leader_epoch, end_offset, ..answer }
            }
            _ => answer,
        },
    }
}
