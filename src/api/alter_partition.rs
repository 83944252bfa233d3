//! AlterPartition (56), v2–v3. A leader proposes in-sync replicas to the active controller (KIP-497).
//!
//! Since 3 each member comes with its broker epoch (KIP-903).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, IsrChange, Refusal, Reply};
use crate::types::{Partition, Uuid};

/// AlterPartition's place in the table.
pub enum AlterPartition {}

impl Api for AlterPartition {
    const KEY: i16 = 56;
    const NAME: &'static str = "AlterPartition";
    const SERVED: (i16, i16) = (2, 3);
    const AT: At = At::Internal;
    type Request<'a> = AlterPartitionRequest;
    type Response<'a> = AlterPartitionResponse;
}

message! {
    AlterPartitionRequest: key 56, versions 2..=3, flexible 0;
    struct AlterPartitionRequest {
        broker_id: i32 [0..],
        broker_epoch: i64 [0.., default -1],
        topics: Vec<TopicData> [0..],
    }
    struct TopicData {
        topic_id: Uuid [2..],
        partitions: Vec<PartitionData> [0..],
    }
    struct PartitionData {
        partition_index: i32 [0..],
        leader_epoch: i32 [0..],
        new_isr: Vec<i32> [0..=2],
        new_isr_with_epochs: Vec<BrokerState> [3..],
        leader_recovery_state: i8 [1..],
        partition_epoch: i32 [0..],
    }
    struct BrokerState {
        broker_id: i32 [3..],
        broker_epoch: i64 [3.., default -1],
    }
}

message! {
    AlterPartitionResponse: key 56, versions 2..=3, flexible 0;
    struct AlterPartitionResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        topics: Vec<TopicResult> [0..],
    }
    struct TopicResult {
        topic_id: Uuid [2..],
        partitions: Vec<PartitionResult> [0..],
    }
    struct PartitionResult {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
        isr: Vec<i32> [0..],
        leader_recovery_state: i8 [1..],
        partition_epoch: i32 [0..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: AlterPartitionRequest, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    let mut parts = Vec::new();
    let mut asked: Vec<(Uuid, Vec<Partition>)> = Vec::new();
    for topic in request.topics {
        asked.push((topic.topic_id, topic.partitions.iter().map(|part| part.partition_index).collect()));
        parts.extend(topic.partitions.into_iter().map(|part| proposal(topic.topic_id, part)));
    }
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::Altered(results)) => {
                let mut results = results.into_iter();
                let topics = asked.into_iter().map(|(topic_id, partitions)| TopicResult {
                    topic_id,
                    partitions: partitions.into_iter().zip(&mut results).map(one).collect(),
                });
                AlterPartitionResponse { topics: topics.collect(), ..Default::default() }
            }
            other => AlterPartitionResponse { error_code: Refusal::of(other).code.code(), ..Default::default() },
        };
        broker.reply(to, &response, out);
    };
    let command = Command::AlterPartition { broker: request.broker_id, epoch: request.broker_epoch, parts };
    broker.command(cx.now, command, Box::new(then), out);
}

fn proposal(topic: Uuid, part: PartitionData) -> IsrChange {
    // Only one of the two lists is in a version.
    let mut isr: Vec<(i32, i64)> = part.new_isr.into_iter().map(|id| (id, -1)).collect();
    isr.extend(part.new_isr_with_epochs.into_iter().map(|member| (member.broker_id, member.broker_epoch)));
    IsrChange {
        topic,
        partition: part.partition_index,
        leader_epoch: part.leader_epoch,
        partition_epoch: part.partition_epoch,
        isr,
        recovering: part.leader_recovery_state > 0,
    }
}

fn one((index, result): (Partition, Result<crate::meta::PartitionState, crate::error::ErrorCode>)) -> PartitionResult {
    match result {
        Ok(state) => PartitionResult {
            partition_index: index,
            error_code: 0,
            leader_id: state.leader,
            leader_epoch: state.leader_epoch,
            isr: state.isr,
            leader_recovery_state: i8::from(state.recovering),
            partition_epoch: state.partition_epoch,
        },
        Err(code) => PartitionResult { partition_index: index, error_code: code.code(), ..Default::default() },
    }
}
