//! ConsumerGroupHeartbeat (68), v0–v1. Joins, keeps alive, changes and leaves a group of the consumer protocol (KIP-848).
//!
//! Since 1 a subscription can be a regular expression, and members bring their own id (KIP-1082).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// ConsumerGroupHeartbeat's place in the table.
pub enum ConsumerGroupHeartbeat {}

impl Api for ConsumerGroupHeartbeat {
    const KEY: i16 = 68;
    const NAME: &'static str = "ConsumerGroupHeartbeat";
    const SERVED: (i16, i16) = (0, 1);
    type Request<'a> = ConsumerGroupHeartbeatRequest<'a>;
    type Response<'a> = ConsumerGroupHeartbeatResponse<'a>;
}

message! {
    ConsumerGroupHeartbeatRequest<'a>: key 68, versions 0..=1, flexible 0;
    struct ConsumerGroupHeartbeatRequest<'a> {
        group_id: Str<'a> [0..],
        member_id: Str<'a> [0..],
        member_epoch: i32 [0..],
        instance_id: Option<Str<'a>> [0.., null 0..],
        rack_id: Option<Str<'a>> [0.., null 0..],
        rebalance_timeout_ms: i32 [0.., default -1],
        subscribed_topic_names: Option<Vec<Str<'a>>> [0.., null 0..],
        subscribed_topic_regex: Option<Str<'a>> [1.., null 1..],
        server_assignor: Option<Str<'a>> [0.., null 0..],
        topic_partitions: Option<Vec<TopicPartitions>> [0.., null 0..],
    }
    struct TopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    ConsumerGroupHeartbeatResponse<'a>: key 68, versions 0..=1, flexible 0;
    struct ConsumerGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
        member_id: Option<Str<'a>> [0.., null 0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        assignment: Option<Assignment> [0.., null 0..],
    }
    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: ConsumerGroupHeartbeatRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let response = ConsumerGroupHeartbeatResponse {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        member_id: Some(request.member_id),
        ..Default::default()
    };
    broker.reply(cx.to, &response, out);
}
