//! What a member of a group says to its coordinator, as one call each.

use crate::broker::{Broker, eventually};
use crate::client::Client;
use kq::api::consumer_group_describe::{ConsumerGroupDescribe, ConsumerGroupDescribeRequest};
use kq::api::consumer_group_heartbeat::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest};
use kq::api::find_coordinator::{FindCoordinator, FindCoordinatorRequest};
use kq::api::heartbeat::{Heartbeat, HeartbeatRequest};
use kq::api::join_group::{JoinGroup, JoinGroupRequest, JoinGroupRequestProtocol};
use kq::api::leave_group::{LeaveGroup, LeaveGroupRequest};
use kq::api::offset_commit::{
    OffsetCommit, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kq::api::sync_group::{SyncGroup, SyncGroupRequest, SyncGroupRequestAssignment};
use kq::error::ErrorCode;
use kq::wire::consumer_protocol::ConsumerProtocolAssignment;

/// A connection to a coordinator that serves.
pub fn coordinator(broker: &Broker) -> Client {
    let mut client = broker.client();
    let request = FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() };
    eventually("there is a coordinator", || {
        client.call::<FindCoordinator, _>(4, &request, |response| response.coordinators[0].error_code == 0)
    });
    // Every partition of the offsets topic is to be loaded; a stranger is known as one once it is.
    for group in 0..200 {
        let group = format!("g{group}");
        eventually("its groups are loaded", || client.leave(&group, "stranger") == ErrorCode::UnknownMemberId);
    }
    client
}

/// A JoinGroup of version 3: it is let in at once.
pub fn join<'a>(group: &'a str, member: &'a str, metadata: &'a [u8]) -> JoinGroupRequest<'a> {
    JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata: metadata.into() }],
        ..Default::default()
    }
}

/// A first ConsumerGroupHeartbeat.
pub fn enter<'a>(group: &'a str, member: &'a str, topic: &'a str) -> ConsumerGroupHeartbeatRequest<'a> {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: member.into(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec![topic.into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

/// A later one that only says that the member is there.
pub fn stay<'a>(group: &'a str, member: &'a str, epoch: i32) -> ConsumerGroupHeartbeatRequest<'a> {
    let (group_id, member_id) = (group.into(), member.into());
    ConsumerGroupHeartbeatRequest {
        group_id,
        member_id,
        member_epoch: epoch,
        rebalance_timeout_ms: -1,
        ..Default::default()
    }
}

/// Who commits.
#[derive(Clone, Copy)]
pub struct As<'a>(pub &'a str, pub &'a str, pub i32);

impl Client {
    /// JoinGroup: error code, member id and generation.
    pub fn join(&mut self, request: &JoinGroupRequest<'_>) -> (ErrorCode, String, i32) {
        self.call::<JoinGroup, _>(3, request, |response| {
            (ErrorCode::from_code(response.error_code), response.member_id.to_string(), response.generation_id)
        })
    }

    /// SyncGroup, as a leader that gives itself something.
    pub fn sync(&mut self, group: &str, member: &str, generation: i32, assignment: &[u8]) -> ErrorCode {
        let own = SyncGroupRequestAssignment { member_id: member.into(), assignment: assignment.into() };
        let request = SyncGroupRequest {
            group_id: group.into(),
            generation_id: generation,
            member_id: member.into(),
            assignments: vec![own],
            ..Default::default()
        };
        self.call::<SyncGroup, _>(3, &request, |response| ErrorCode::from_code(response.error_code))
    }

    /// Joins as the only member, and syncs: member id and generation.
    pub fn settle(&mut self, group: &str, metadata: &[u8]) -> (String, i32) {
        let (code, member, generation) = self.join(&join(group, "", metadata));
        assert_eq!(code, ErrorCode::None);
        let nothing = ConsumerProtocolAssignment::default().to_bytes(0);
        assert_eq!(self.sync(group, &member, generation, &nothing), ErrorCode::None);
        (member, generation)
    }

    /// Heartbeat of the classic protocol.
    pub fn beat(&mut self, group: &str, member: &str, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: group.into(),
            generation_id: generation,
            member_id: member.into(),
            ..Default::default()
        };
        self.call::<Heartbeat, _>(3, &request, |response| ErrorCode::from_code(response.error_code))
    }

    /// LeaveGroup.
    pub fn leave(&mut self, group: &str, member: &str) -> ErrorCode {
        let request = LeaveGroupRequest { group_id: group.into(), member_id: member.into(), ..Default::default() };
        self.call::<LeaveGroup, _>(2, &request, |response| ErrorCode::from_code(response.error_code))
    }

    /// OffsetCommit of partitions 0, 1, … of a topic, each with its text: one code each.
    pub fn commit(&mut self, who: As<'_>, version: i16, topic: &str, texts: &[&str]) -> Vec<ErrorCode> {
        let partition = |(index, text): (usize, &&str)| OffsetCommitRequestPartition {
            partition_index: index as i32,
            committed_offset: 1,
            committed_metadata: Some(text.to_string().into()),
            ..Default::default()
        };
        let partitions = texts.iter().enumerate().map(partition).collect();
        let As(group, member, epoch) = who;
        let request = OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: epoch,
            member_id: member.into(),
            topics: vec![OffsetCommitRequestTopic { name: topic.into(), partitions, ..Default::default() }],
            ..Default::default()
        };
        self.call::<OffsetCommit, _>(version, &request, |response| {
            response.topics[0].partitions.iter().map(|p| ErrorCode::from_code(p.error_code)).collect()
        })
    }

    /// ConsumerGroupHeartbeat: error code, epoch and interval.
    pub fn consume(&mut self, request: &ConsumerGroupHeartbeatRequest<'_>) -> (ErrorCode, i32, i32) {
        self.call::<ConsumerGroupHeartbeat, _>(1, request, |response| {
            (ErrorCode::from_code(response.error_code), response.member_epoch, response.heartbeat_interval_ms)
        })
    }

    /// How many members a consumer group has.
    pub fn consumers(&mut self, group: &str) -> usize {
        let request = ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
        self.call::<ConsumerGroupDescribe, _>(0, &request, |response| response.groups[0].members.len())
    }
}
