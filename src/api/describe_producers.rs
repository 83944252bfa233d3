//! DescribeProducers (61), v0. Tells the active producers of partitions (KIP-664).
//!
//! Only the leader answers.

use super::{Api, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// DescribeProducers's place in the table.
pub enum DescribeProducers {}

impl Api for DescribeProducers {
    const KEY: i16 = 61;
    const NAME: &'static str = "DescribeProducers";
    const SERVED: (i16, i16) = (0, 0);
    type Request<'a> = DescribeProducersRequest<'a>;
    type Response<'a> = DescribeProducersResponse<'a>;
}

message! {
    DescribeProducersRequest<'a>: key 61, versions 0..=0, flexible 0;
    struct DescribeProducersRequest<'a> {
        topics: Vec<TopicRequest<'a>> [0..],
    }
    struct TopicRequest<'a> {
        name: Str<'a> [0..],
        partition_indexes: Vec<i32> [0..],
    }
}

message! {
    DescribeProducersResponse<'a>: key 61, versions 0..=0, flexible 0;
    struct DescribeProducersResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<TopicResponse<'a>> [0..],
    }
    struct TopicResponse<'a> {
        name: Str<'a> [0..],
        partitions: Vec<PartitionResponse<'a>> [0..],
    }
    struct PartitionResponse<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
        active_producers: Vec<ProducerState> [0..],
    }
    struct ProducerState {
        producer_id: i64 [0..],
        producer_epoch: i32 [0..],
        last_sequence: i32 [0.., default -1],
        last_timestamp: i64 [0.., default -1],
        coordinator_epoch: i32 [0..],
        current_txn_start_offset: i64 [0.., default -1],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeProducersRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| one(broker, &topic.name, *index)).collect();
        TopicResponse { name: topic.name, partitions }
    });
    let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}

fn one(broker: &Broker, topic: &str, partition_index: i32) -> PartitionResponse<'static> {
    let log = broker.log_of_name(topic, partition_index);
    match log.and_then(|log| broker.leader_at(log, -1)) {
        Err(code) => PartitionResponse { partition_index, error_code: code.code(), ..Default::default() },
        Ok(leader) => PartitionResponse {
            partition_index,
            active_producers: leader
                .producers()
                .iter()
                .map(|producer| ProducerState {
                    producer_id: producer.id,
                    producer_epoch: i32::from(producer.epoch),
                    last_sequence: producer.last_sequence(),
                    last_timestamp: producer.last_timestamp,
                    coordinator_epoch: producer.coordinator_epoch,
                    current_txn_start_offset: producer.txn_first_offset.unwrap_or(-1),
                })
                .collect(),
            ..Default::default()
        },
    }
}
