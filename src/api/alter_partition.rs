//! AlterPartition (56), v2–v3. A leader proposes another set of in-sync replicas (KIP-497).
//!
//! Since 3 each member comes with its broker epoch (KIP-903).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, IsrChange, PartitionState, Reply};
use crate::types::{Partition, TopicId, Uuid};

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
    for topic in request.topics {
        for part in topic.partitions {
            let isr = match to.version {
                ..3 => part.new_isr.into_iter().map(|id| (id, -1)).collect(),
                _ => part.new_isr_with_epochs.into_iter().map(|member| (member.broker_id, member.broker_epoch)).collect(),
            };
            parts.push(IsrChange {
                topic: topic.topic_id,
                partition: part.partition_index,
                leader_epoch: part.leader_epoch,
                partition_epoch: part.partition_epoch,
                isr,
                recovering: part.leader_recovery_state > 0,
            });
        }
    }
    let asked: Vec<(TopicId, Partition)> = parts.iter().map(|part| (part.topic, part.partition)).collect();
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let mut response = AlterPartitionResponse::default();
        match reply {
            Some(Reply::Altered(results)) => {
                for ((topic, partition), result) in asked.into_iter().zip(results) {
                    add(&mut response, topic, one(partition, result));
                }
            }
            Some(Reply::Refused(refusal)) => response.error_code = refusal.code.code(),
            _ => response.error_code = ErrorCode::NotController.code(),
        }
        broker.reply(to, &response, out);
    };
    let command = Command::AlterPartition { broker: request.broker_id, epoch: request.broker_epoch, parts };
    broker.command(cx.now, command, Box::new(then), out);
}

fn one(partition: Partition, result: Result<PartitionState, ErrorCode>) -> PartitionResult {
    match result {
        Ok(state) => PartitionResult {
            partition_index: partition,
            error_code: 0,
            leader_id: state.leader,
            leader_epoch: state.leader_epoch,
            isr: state.isr,
            leader_recovery_state: i8::from(state.recovering),
            partition_epoch: state.partition_epoch,
        },
        Err(code) => PartitionResult { partition_index: partition, error_code: code.code(), ..Default::default() },
    }
}

fn add(response: &mut AlterPartitionResponse, topic: TopicId, result: PartitionResult) {
    match response.topics.last_mut() {
        Some(last) if last.topic_id == topic => last.partitions.push(result),
        _ => response.topics.push(TopicResult { topic_id: topic, partitions: vec![result] }),
    }
}
