//! ConsumerGroupHeartbeat (68), v0–v1. Joins, keeps alive, changes and leaves a group of the consumer protocol (KIP-848).
//!
//! Since 1 a subscription can be a regular expression, and members bring their own id (KIP-1082).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::consumer::{Heartbeat, Partitions};
use crate::group::{Command, Refusal, Reply};
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;
use std::collections::BTreeSet;

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
    let to = cx.to;
    if !broker.settings.groups.consumer_protocol {
        let refusal = Refusal::from(ErrorCode::UnsupportedVersion);
        return refuse(broker, to, refusal, out);
    }
    let owned = |text: Option<Str<'_>>| text.map(|text| text.into_owned());
    let heartbeat = Heartbeat {
        member_id: request.member_id.into_owned(),
        member_epoch: request.member_epoch,
        instance_id: owned(request.instance_id),
        rack_id: owned(request.rack_id),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        topic_names: request.subscribed_topic_names.map(|names| names.into_iter().map(|n| n.into_owned()).collect()),
        topic_regex: owned(request.subscribed_topic_regex),
        assignor: owned(request.server_assignor),
        owned: request.topic_partitions.map(by_id),
        client_id: cx.client_id.to_owned(),
        client_host: cx.client_host(),
    };
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
        let reply = match result {
            Ok(Reply::Consuming(reply)) => reply,
            Ok(Reply::Refused(refusal)) => return refuse(broker, to, refusal, out),
            other => return refuse(broker, to, code_of(&other).into(), out),
        };
        let assignment = reply.assignment.map(|assigned| {
            let topic = |(topic_id, partitions): (Uuid, BTreeSet<i32>)| TopicPartitions {
                topic_id,
                partitions: partitions.into_iter().collect(),
            };
            Assignment { topic_partitions: assigned.into_iter().map(topic).collect() }
        });
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(reply.member_id.into()),
            member_epoch: reply.member_epoch,
            heartbeat_interval_ms: reply.heartbeat_interval_ms,
            assignment,
            ..Default::default()
        };
        broker.reply(to, &response, out);
    };
    let command = Command::Consume(Box::new(heartbeat), to.version);
    broker.group(&request.group_id, command, Box::new(then), out);
}

fn by_id(topics: Vec<TopicPartitions>) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in topics {
        partitions.entry(topic.topic_id).or_default().extend(topic.partitions);
    }
    partitions
}

fn refuse(broker: &Broker, to: ReplyTo, refusal: Refusal, out: &mut Vec<Effect<'_>>) {
    let response = ConsumerGroupHeartbeatResponse {
        error_code: refusal.code.code(),
        error_message: refusal.message.map(Into::into),
        ..Default::default()
    };
    broker.reply(to, &response, out);
}
