//! ConsumerGroupDescribe (69), v0–v1. Tells epochs, members and assignments of groups of the consumer protocol (KIP-848).
//!
//! Since 1 it tells which members still speak the classic protocol (KIP-1099).

use super::{Api, Context, GROUP_OPERATIONS, code_of};
use crate::broker::{Broker, GroupResult};
use crate::event::Effect;
use crate::group::consumer::Partitions;
use crate::group::{Command, Reply};
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;
use std::collections::BTreeSet;

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
    let to = cx.to;
    let names: Vec<String> = request.group_ids.into_iter().map(|name| name.into_owned()).collect();
    let operations = if request.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let commands = names.iter().map(|name| (name.clone(), Command::DescribeConsumer)).collect();
    let then = move |broker: &mut Broker, results: Vec<GroupResult>, out: &mut Vec<Effect<'_>>| {
        let groups = names
            .into_iter()
            .zip(results)
            .map(|(name, result)| DescribedGroup { authorized_operations: operations, ..one(broker, name, result) });
        broker.reply(to, &ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() }, out);
    };
    broker.group_all(commands, Box::new(then), out);
}

fn one(broker: &Broker, name: String, result: GroupResult) -> DescribedGroup<'static> {
    let group_id = name.into();
    let group = match result {
        Ok(Reply::Consumers(group)) => group,
        Ok(Reply::Refused(refusal)) => {
            return DescribedGroup {
                group_id,
                error_code: refusal.code.code(),
                error_message: refusal.message.map(Into::into),
                ..Default::default()
            };
        }
        other => return DescribedGroup { group_id, error_code: code_of(&other).code(), ..Default::default() },
    };
    let members = group.members.into_iter().map(|m| Member {
        member_id: m.id.into(),
        instance_id: m.instance_id.map(Into::into),
        rack_id: m.rack_id.map(Into::into),
        member_epoch: m.epoch,
        client_id: m.client_id.into(),
        client_host: m.client_host.into(),
        subscribed_topic_names: m.topic_names.into_iter().map(Into::into).collect(),
        subscribed_topic_regex: (!m.topic_regex.is_empty()).then(|| m.topic_regex.into()),
        assignment: named(broker, m.assignment),
        target_assignment: named(broker, m.target),
        member_type: if m.is_classic { CLASSIC_MEMBER } else { CONSUMER_MEMBER },
    });
    DescribedGroup {
        group_id,
        group_state: group.state.name().into(),
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: group.assignor.name().into(),
        members: members.collect(),
        ..Default::default()
    }
}

/// Which protocol a member speaks.
const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;

/// Topics that are gone have no name, and are left out.
fn named(broker: &Broker, partitions: Partitions) -> Assignment<'static> {
    let topic = |(topic_id, partitions): (Uuid, BTreeSet<i32>)| {
        let topic_name = broker.image.topic_by_id(topic_id)?.name.clone().into();
        Some(TopicPartitions { topic_id, topic_name, partitions: partitions.into_iter().collect() })
    };
    Assignment { topic_partitions: partitions.into_iter().filter_map(topic).collect() }
}
