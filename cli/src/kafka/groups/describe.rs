//! Members and assignments of groups, of the classic and of the consumer protocol (KIP-848).

use super::{Kafka, Told, Trouble};
use crate::failure::Failure;
use crate::kafka::To;
use kq::api::consumer_group_describe::{
    self as consumer, ConsumerGroupDescribe, ConsumerGroupDescribeRequest, DescribedGroup,
};
use kq::api::describe_groups::{self as classic, DescribeGroups, DescribeGroupsRequest};
use kq::error::ErrorCode;
use kq::types::NodeId;
use kq::wire::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, PROTOCOL_TYPE};
use std::collections::BTreeMap;

/// The first version of DescribeGroups in which a group that is not there is an error (KIP-1043).
const NOT_FOUND_FROM: i16 = 6;
/// The state in which older coordinators describe a group that is not there.
const DEAD: &str = "Dead";

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its id.
    pub group: String,
    /// `Classic` or `Consumer`.
    pub kind: &'static str,
    /// `Stable`, `Empty`, …
    pub state: String,
    /// The assignor or protocol in use; empty while there is none.
    pub assignor: String,
    /// Its epoch, of the consumer protocol.
    pub epoch: Option<i32>,
    /// The epoch of its assignment, of the consumer protocol.
    pub assignment_epoch: Option<i32>,
    /// Who coordinates it.
    pub coordinator: NodeId,
    /// Its members.
    pub members: Vec<Member>,
}

impl Described {
    /// Whether nobody is in it, so that its offsets can be changed from outside.
    pub fn is_inactive(&self) -> bool {
        matches!(self.state.as_str(), "Empty" | DEAD)
    }
}

/// A member as the coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// What it calls itself.
    pub client_id: String,
    /// From where it is connected, as Kafka writes it: `/127.0.0.1`.
    pub host: String,
    /// Its epoch, of the consumer protocol.
    pub epoch: Option<i32>,
    /// What it asks for: topics by name, or a regular expression.
    pub subscribed: Vec<String>,
    /// What it is given to read: topics and partitions.
    pub assigned: BTreeMap<String, Vec<i32>>,
    /// What it will be given, where that is something else.
    pub target: Option<BTreeMap<String, Vec<i32>>>,
}

impl Member {
    /// How many partitions it reads.
    pub fn partitions(&self) -> usize {
        self.assigned.values().map(Vec::len).sum()
    }
}

impl Kafka {
    /// Describes groups of either protocol; a group's own failure stands in its place.
    ///
    /// # Errors
    /// When a coordinator cannot be asked.
    pub fn describe_groups(
        &mut self,
        groups: &[String],
    ) -> Result<BTreeMap<String, Result<Described, Failure>>, Failure> {
        self.at_coordinators(groups, |kafka, id, groups| {
            let speaks = kafka.link(To::Broker(id))?.connection().version_of::<ConsumerGroupDescribe>().is_ok();
            let mut told = if speaks { consumers(kafka, id, groups)? } else { Vec::new() };
            // A group of the classic protocol is not found there.
            let elsewhere = |result: &Result<Described, Trouble>| {
                matches!(result, Err(trouble)
                    if matches!(trouble.code, ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion))
            };
            told.retain(|(_, result)| !elsewhere(result));
            let rest: Vec<String> =
                groups.iter().filter(|group| !told.iter().any(|(name, _)| name == *group)).cloned().collect();
            if !rest.is_empty() {
                told.extend(classics(kafka, id, &rest)?);
            }
            Ok(told)
        })
    }
}

fn consumers(kafka: &mut Kafka, id: NodeId, groups: &[String]) -> Result<Told<Described>, Failure> {
    let request = ConsumerGroupDescribeRequest {
        group_ids: groups.iter().map(|group| group.as_str().into()).collect(),
        include_authorized_operations: false,
    };
    let answer = kafka.call::<ConsumerGroupDescribe>(To::Broker(id), &request)?;
    let response = answer.read()?;
    let one = |group: &DescribedGroup<'_>| match ErrorCode::from_code(group.error_code) {
        ErrorCode::None => Ok(Described {
            group: group.group_id.to_string(),
            kind: "Consumer",
            state: group.group_state.to_string(),
            assignor: group.assignor_name.to_string(),
            epoch: Some(group.group_epoch),
            assignment_epoch: Some(group.assignment_epoch),
            coordinator: id,
            members: in_order(group.members.iter().map(consumer_member)),
        }),
        code => Err(Trouble { code, words: group.error_message.as_ref().map(|words| words.to_string()) }),
    };
    Ok(response.groups.iter().map(|group| (group.group_id.to_string(), one(group))).collect())
}

fn consumer_member(member: &consumer::Member<'_>) -> Member {
    let partitions = |assignment: &consumer::Assignment<'_>| -> BTreeMap<String, Vec<i32>> {
        let topics = assignment.topic_partitions.iter();
        sorted(topics.map(|topic| (topic.topic_name.to_string(), topic.partitions.clone())))
    };
    let (assigned, target) = (partitions(&member.assignment), partitions(&member.target_assignment));
    let names = member.subscribed_topic_names.iter().chain(&member.subscribed_topic_regex);
    Member {
        id: member.member_id.to_string(),
        instance: member.instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: Some(member.member_epoch),
        subscribed: names.map(|name| name.to_string()).filter(|name| !name.is_empty()).collect(),
        target: (target != assigned).then_some(target),
        assigned,
    }
}

fn classics(kafka: &mut Kafka, id: NodeId, groups: &[String]) -> Result<Told<Described>, Failure> {
    let request = DescribeGroupsRequest {
        groups: groups.iter().map(|group| group.as_str().into()).collect(),
        include_authorized_operations: false,
    };
    let answer = kafka.call::<DescribeGroups>(To::Broker(id), &request)?;
    let response = answer.read()?;
    let missing = |group: &classic::DescribedGroup<'_>| answer.version() < NOT_FOUND_FROM && group.group_state == DEAD;
    let one = |group: &classic::DescribedGroup<'_>| match ErrorCode::from_code(group.error_code) {
        ErrorCode::None if missing(group) => Err(ErrorCode::GroupIdNotFound.into()),
        ErrorCode::None => Ok(Described {
            group: group.group_id.to_string(),
            kind: "Classic",
            state: group.group_state.to_string(),
            assignor: group.protocol_data.to_string(),
            epoch: None,
            assignment_epoch: None,
            coordinator: id,
            members: in_order(group.members.iter().map(|member| classic_member(member, &group.protocol_type))),
        }),
        code => Err(Trouble { code, words: group.error_message.as_ref().map(|words| words.to_string()) }),
    };
    Ok(response.groups.iter().map(|group| (group.group_id.to_string(), one(group))).collect())
}

/// Members of other protocols than the consumers' (Connect) bring bytes of their own: those are left alone.
fn classic_member(member: &classic::DescribedGroupMember<'_>, protocol_type: &str) -> Member {
    let ours = protocol_type == PROTOCOL_TYPE;
    let subscription = ConsumerProtocolSubscription::from_bytes(&member.member_metadata);
    let subscription = subscription.ok().filter(|_| ours).map(|(_, subscription)| subscription);
    let assignment = ConsumerProtocolAssignment::from_bytes(&member.member_assignment);
    let assignment = assignment.ok().filter(|_| ours).map(|(_, assignment)| assignment);
    let topics = assignment.iter().flat_map(|assignment| &assignment.assigned_partitions);
    Member {
        id: member.member_id.to_string(),
        instance: member.group_instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: None,
        subscribed: subscription.iter().flat_map(|s| &s.topics).map(|topic| topic.to_string()).collect(),
        assigned: sorted(topics.map(|topic| (topic.topic.to_string(), topic.partitions.clone()))),
        target: None,
    }
}

/// Coordinators tell members in no order.
fn in_order(members: impl Iterator<Item = Member>) -> Vec<Member> {
    let mut members: Vec<Member> = members.collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    members
}

fn sorted(topics: impl Iterator<Item = (String, Vec<i32>)>) -> BTreeMap<String, Vec<i32>> {
    let mut by_name: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (name, partitions) in topics {
        by_name.entry(name).or_default().extend(partitions);
    }
    by_name.values_mut().for_each(|partitions| partitions.sort_unstable());
    by_name.retain(|_, partitions| !partitions.is_empty());
    by_name
}
