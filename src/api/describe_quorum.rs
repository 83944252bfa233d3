//! DescribeQuorum (55), v0–v2. Who is in the metadata quorum, who leads it, and how far each has come (KIP-595).
//!
//! Offsets are places in the quorum's own log. When a voter last asked for entries is not known: entries are sent to it.
//! Where the metadata are in ZooKeeper there is no quorum: the answer has the controller alone, and a message that says so.

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::METADATA_TOPIC;
use crate::types::Uuid;
use crate::wire::Str;

/// DescribeQuorum's place in the table.
pub enum DescribeQuorum {}

impl Api for DescribeQuorum {
    const KEY: i16 = 55;
    const NAME: &'static str = "DescribeQuorum";
    const SERVED: (i16, i16) = (0, 2);
    const AT: At = At::Controller;
    type Request<'a> = DescribeQuorumRequest<'a>;
    type Response<'a> = DescribeQuorumResponse<'a>;
}

message! {
    DescribeQuorumRequest<'a>: key 55, versions 0..=2, flexible 0;
    struct DescribeQuorumRequest<'a> {
        topics: Vec<TopicData<'a>> [0..],
    }
    struct TopicData<'a> {
        topic_name: Str<'a> [0..],
        partitions: Vec<PartitionData> [0..],
    }
    struct PartitionData {
        partition_index: i32 [0..],
    }
}

message! {
    DescribeQuorumResponse<'a>: key 55, versions 0..=2, flexible 0;
    struct DescribeQuorumResponse<'a> {
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [2.., null 2.., default Some(Str::Borrowed(""))],
        topics: Vec<TopicResult<'a>> [0..],
        nodes: Vec<Node<'a>> [2..],
    }
    struct TopicResult<'a> {
        topic_name: Str<'a> [0..],
        partitions: Vec<PartitionResult<'a>> [0..],
    }
    struct PartitionResult<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [2.., null 2.., default Some(Str::Borrowed(""))],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
        high_watermark: i64 [0..],
        current_voters: Vec<ReplicaState> [0..],
        observers: Vec<ReplicaState> [0..],
    }
    struct ReplicaState {
        replica_id: i32 [0..],
        replica_directory_id: Uuid [2..],
        log_end_offset: i64 [0..],
        last_fetch_timestamp: i64 [1.., default -1],
        last_caught_up_timestamp: i64 [1.., default -1],
    }
    struct Node<'a> {
        node_id: i32 [2..],
        listeners: Vec<Listener<'a>> [2..],
    }
    struct Listener<'a> {
        name: Str<'a> [2..],
        host: Str<'a> [2..],
        port: u16 [2..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeQuorumRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics = request.topics.into_iter().map(|topic| TopicResult {
        partitions: topic.partitions.iter().map(|part| describe(broker, cx, &topic.topic_name, part)).collect(),
        topic_name: topic.topic_name.into_owned().into(),
    });
    let topics = topics.collect();
    let cluster = &broker.settings.cluster;
    let listener = cluster.controller_listeners.first().map_or("CONTROLLER", |listener| listener.name.as_str());
    let node = |voter: &crate::config::Voter| Node {
        node_id: voter.id,
        listeners: vec![Listener {
            name: listener.to_owned().into(),
            host: voter.host.clone().into(),
            port: voter.port,
        }],
    };
    let nodes = cluster.voters.iter().map(node).collect();
    let ensemble = cluster.zookeeper.as_ref();
    let error_message = ensemble
        .map(|at| format!("The metadata are in ZooKeeper at {}, not in a quorum of nodes.", at.connect()).into());
    let response = DescribeQuorumResponse { error_message, topics, nodes, ..Default::default() };
    broker.reply(cx.to, &response, out);
}

fn describe(broker: &Broker, cx: Context<'_>, topic: &str, part: &PartitionData) -> PartitionResult<'static> {
    let mut result =
        PartitionResult { partition_index: part.partition_index, error_message: None, ..Default::default() };
    let status = match broker.quorum_status() {
        Some(status) if topic == METADATA_TOPIC && part.partition_index == 0 => status,
        _ => {
            result.error_code = ErrorCode::UnknownTopicOrPartition.code();
            return result;
        }
    };
    // What is committed is known to the leader at once.
    let leader = broker.controller();
    result.leader_id = leader.unwrap_or(-1);
    result.leader_epoch = i32::try_from(status.term).unwrap_or(i32::MAX);
    result.high_watermark = i64::try_from(status.committed).unwrap_or(i64::MAX).saturating_add(1);
    let voter = |(id, end): (i32, Option<u64>)| ReplicaState {
        replica_id: id,
        // An end is the offset after the last entry.
        log_end_offset: end.map_or(-1, |end| i64::try_from(end).unwrap_or(i64::MAX).saturating_add(1)),
        last_caught_up_timestamp: if Some(id) == leader { cx.now } else { -1 },
        ..Default::default()
    };
    result.current_voters = status.voters.into_iter().map(voter).collect();
    result
}
