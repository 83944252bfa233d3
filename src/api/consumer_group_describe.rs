//! ConsumerGroupDescribe (69), v0–v1. Tells epochs, members and assignments of groups of the consumer protocol (KIP-848).
//!
//! Since 1 it tells which members still speak the classic protocol (KIP-1099).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// ConsumerGroupDescribe's place in the table.
pub enum ConsumerGroupDescribe {}

impl Api for ConsumerGroupDescribe {
    const KEY: i16 = 69;
    const NAME: &'static str = "ConsumerGroupDescribe";
    const SERVED: (i16, i16) = (0, 1);
    type Request<'a> = ConsumerGroupDescribeRequest<'a>;
    type Response<'a> = ConsumerGroupDescribeResponse<'a>;
}

message! {
    ConsumerGroupDescribeRequest<'a>: key 69, versions 0..=1, flexible 0;
    struct ConsumerGroupDescribeRequest<'a> {
        group_ids: Vec<Str<'a>> [0..],
        include_authorized_operations: bool [0..],
    }
}

message! {
    ConsumerGroupDescribeResponse<'a>: key 69, versions 0..=1, flexible 0;
    struct ConsumerGroupDescribeResponse<'a> {
        throttle_time_ms: i32 [0..],
        groups: Vec<DescribedGroup<'a>> [0..],
    }
    struct DescribedGroup<'a> {
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
        group_id: Str<'a> [0..],
        group_state: Str<'a> [0..],
        group_epoch: i32 [0..],
        assignment_epoch: i32 [0..],
        assignor_name: Str<'a> [0..],
        members: Vec<Member<'a>> [0..],
        authorized_operations: i32 [0.., default i32::MIN],
    }
    struct Member<'a> {
        member_id: Str<'a> [0..],
        instance_id: Option<Str<'a>> [0.., null 0..],
        rack_id: Option<Str<'a>> [0.., null 0..],
        member_epoch: i32 [0..],
        client_id: Str<'a> [0..],
        client_host: Str<'a> [0..],
        subscribed_topic_names: Vec<Str<'a>> [0..],
        subscribed_topic_regex: Option<Str<'a>> [0.., null 0..],
        assignment: Assignment<'a> [0..],
        target_assignment: Assignment<'a> [0..],
        member_type: i8 [1.., default -1],
    }
    struct Assignment<'a> {
        topic_partitions: Vec<TopicPartitions<'a>> [0..],
    }
    struct TopicPartitions<'a> {
        topic_id: Uuid [0..],
        topic_name: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: ConsumerGroupDescribeRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let groups = request.group_ids.into_iter().map(|group_id| DescribedGroup {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        group_id,
        ..Default::default()
    });
    let response = ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
