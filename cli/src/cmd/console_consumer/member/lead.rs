//! The leader of a group deals its partitions out.

use super::EMBEDDED_VERSION;
use crate::cmd::console_consumer::assignor::{Subscriber, range};
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::offsets::TopicPartition;
use kq::api::join_group::JoinGroupResponse;
use kq::api::sync_group::SyncGroupRequestAssignment;
use kq::wire::consumer_protocol::{AssignedPartitions, ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use std::collections::{BTreeMap, BTreeSet};

/// The leader's work: deals the partitions of all topics out to all members.
pub(super) fn deal(
    kafka: &mut Kafka,
    joined: &JoinGroupResponse<'_>,
) -> Result<Vec<SyncGroupRequestAssignment<'static>>, Failure> {
    let mut members = Vec::new();
    for member in &joined.members {
        // Bytes that are no subscription want nothing.
        let subscription = ConsumerProtocolSubscription::from_bytes(&member.metadata);
        let topics = subscription.map(|(_, subscription)| subscription.topics).unwrap_or_default();
        members.push(Subscriber {
            id: member.member_id.to_string(),
            instance: member.group_instance_id.as_ref().map(|id| id.to_string()),
            topics: topics.iter().map(|topic| topic.to_string()).collect(),
        });
    }
    let wanted: BTreeSet<String> = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
    let wanted: Vec<String> = wanted.into_iter().collect();
    if !wanted.is_empty() {
        kafka.refresh(&wanted)?;
    }
    let partitions = |name: &String| {
        let topic = kafka.cluster.topics.get(name).filter(|topic| topic.error.is_none())?;
        Some((name.clone(), i32::try_from(topic.partitions.len()).ok()?))
    };
    let topics: BTreeMap<String, i32> = wanted.iter().filter_map(partitions).collect();
    let encoded = |(member, places): (String, Vec<TopicPartition>)| {
        let mut by_topic: Vec<AssignedPartitions<'_>> = Vec::new();
        for (topic, partition) in places {
            if by_topic.last().is_none_or(|last| last.topic != topic) {
                by_topic.push(AssignedPartitions { topic: topic.into(), partitions: Vec::new() });
            }
            by_topic.last_mut().into_iter().for_each(|last| last.partitions.push(partition));
        }
        let assignment = ConsumerProtocolAssignment { assigned_partitions: by_topic, user_data: None };
        SyncGroupRequestAssignment {
            member_id: member.into(),
            assignment: assignment.to_bytes(EMBEDDED_VERSION).into(),
        }
    };
    Ok(range(&members, &topics).into_iter().map(encoded).collect())
}
