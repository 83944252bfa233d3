//! The control lane: what a broker asks the active controller, and clients' requests that are passed on to it.

use super::{request, response};
use crate::api::allocate_producer_ids::{AllocateProducerIds, AllocateProducerIdsRequest};
use crate::api::alter_partition::{self as alter, AlterPartition, AlterPartitionRequest};
use crate::api::broker_heartbeat::{BrokerHeartbeat, BrokerHeartbeatRequest};
use crate::api::broker_registration::{self as registration, BrokerRegistration, BrokerRegistrationRequest};
use crate::api::create_topics::{self, CreateTopics, CreateTopicsRequest};
use crate::broker::{Answered, Broker, Wanted};
use crate::error::ErrorCode;
use crate::event::{Effect, Lane};
use crate::meta::{
    Command, Created, DryRun, Heartbeat, IsrChange, NewTopic, PRODUCER_ID_BLOCK, PartitionState, Refusal, Registration,
    Reply,
};
use crate::types::{Millis, NodeId, Partition, TopicId};
use crate::wire::Chunk;
use std::collections::BTreeMap;

/// How long the controller may take to make topics, in milliseconds: it answers when their records are committed.
const CREATE_TOPICS_MS: i32 = 30_000;
/// Kafka's number of the security protocol of every listener.
const PLAINTEXT: i16 = 0;

/// What a reply to a command says.
enum Said {
    /// This.
    Reply(Reply),
    /// That node is not the controller, or not any more.
    NotController,
}

pub(super) fn pump(broker: &mut Broker, now: Millis, out: &mut Vec<Effect<'_>>) {
    while let Some((node, frame)) = next(broker, now) {
        out.push(Effect::Send { node, lane: Lane::Control, frame });
    }
}

fn next(broker: &mut Broker, now: Millis) -> Option<(NodeId, Vec<u8>)> {
    let cluster_id = broker.cluster_id.clone();
    let (node, errand) = broker.next_errand(now)?;
    let frame = match &errand.wanted {
        Wanted::Relay { frame, .. } => frame.clone(),
        Wanted::Command(command) => encode(command, &cluster_id, errand.correlation_id),
    };
    Some((node, frame))
}

pub(super) fn reply(broker: &mut Broker, now: Millis, node: NodeId, bytes: &[u8], out: &mut Vec<Effect<'_>>) {
    let errand = match broker.errand_answered(now, node) {
        Answered::Errand(errand) => errand,
        Answered::Late => return,
        Answered::Nobody => return broker.distrust(now, node, Lane::Control, "nothing was asked", out),
    };
    // The number alone: that node is not the controller.
    if bytes.len() == size_of::<i32>() {
        return broker.errand_again(now, errand);
    }
    let said = match &errand.wanted {
        Wanted::Relay { conn, slot, frame } => {
            // The client's own number: bytes 4 to 8 of its request, the first four of the reply.
            if bytes.first_chunk::<4>().map(<[u8; 4]>::as_slice) == frame.get(4..8) {
                let (conn, slot) = (*conn, *slot);
                if broker.relay_done(&errand) {
                    let chunks = vec![Chunk::Bytes(bytes.to_vec())];
                    out.push(Effect::Reply { conn, slot, chunks, throttle_ms: 0 });
                }
                return;
            }
            Err("it answers another client's request".to_owned())
        }
        Wanted::Command(command) => decode(command, errand.correlation_id, bytes),
    };
    match said {
        Ok(Said::Reply(reply)) => broker.errand_done(errand, reply, out),
        Ok(Said::NotController) => broker.errand_again(now, errand),
        Err(why) => {
            broker.distrust(now, node, Lane::Control, &why, out);
            broker.errand_again(now, errand);
        }
    }
}

fn encode(command: &Command, cluster_id: &str, number: i32) -> Vec<u8> {
    match command {
        Command::RegisterBroker(wanted) => request::<BrokerRegistration>(number, &register(wanted, cluster_id)),
        Command::Heartbeat(heartbeat) => request::<BrokerHeartbeat>(number, &beat(heartbeat)),
        Command::AlterPartition { broker, epoch, parts } => {
            let topics = by_topic(parts);
            let body = AlterPartitionRequest { broker_id: *broker, broker_epoch: *epoch, topics };
            request::<AlterPartition>(number, &body)
        }
        Command::AllocateProducerIds { broker, epoch } => {
            let body = AllocateProducerIdsRequest { broker_id: *broker, broker_epoch: *epoch };
            request::<AllocateProducerIds>(number, &body)
        }
        Command::CreateTopics { topics, dry_run } => {
            let body = CreateTopicsRequest {
                topics: topics.iter().map(new_topic).collect(),
                timeout_ms: CREATE_TOPICS_MS,
                validate_only: *dry_run == DryRun::Yes,
            };
            request::<CreateTopics>(number, &body)
        }
        other => unreachable!("no broker asks the controller for {other:?} by itself"),
    }
}

fn register<'m>(wanted: &'m Registration, cluster_id: &'m str) -> BrokerRegistrationRequest<'m> {
    let listener = |(name, host, port): &'m (String, String, u16)| registration::Listener {
        name: name.as_str().into(),
        host: host.as_str().into(),
        port: *port,
        security_protocol: PLAINTEXT,
    };
    BrokerRegistrationRequest {
        broker_id: wanted.id,
        cluster_id: cluster_id.into(),
        incarnation_id: wanted.incarnation,
        listeners: wanted.endpoints.iter().map(listener).collect(),
        rack: wanted.rack.as_deref().map(Into::into),
        log_dirs: wanted.log_dirs.clone(),
        previous_broker_epoch: wanted.previous_epoch,
        ..Default::default()
    }
}

fn beat(heartbeat: &Heartbeat) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest {
        broker_id: heartbeat.id,
        broker_epoch: heartbeat.epoch,
        current_metadata_offset: heartbeat.caught_up,
        want_fence: heartbeat.want_fence,
        want_shut_down: heartbeat.want_shutdown,
        ..Default::default()
    }
}

fn by_topic(parts: &[IsrChange]) -> Vec<alter::TopicData> {
    let mut topics: BTreeMap<TopicId, Vec<alter::PartitionData>> = BTreeMap::new();
    for part in parts {
        let member = |(id, epoch): &(NodeId, i64)| alter::BrokerState { broker_id: *id, broker_epoch: *epoch };
        topics.entry(part.topic).or_default().push(alter::PartitionData {
            partition_index: part.partition,
            leader_epoch: part.leader_epoch,
            new_isr_with_epochs: part.isr.iter().map(member).collect(),
            leader_recovery_state: i8::from(part.recovering),
            partition_epoch: part.partition_epoch,
            ..Default::default()
        });
    }
    topics.into_iter().map(|(topic_id, partitions)| alter::TopicData { topic_id, partitions }).collect()
}

fn new_topic(topic: &NewTopic) -> create_topics::CreatableTopic<'_> {
    create_topics::CreatableTopic {
        name: topic.name.as_str().into(),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .iter()
            .map(|(partition_index, broker_ids)| create_topics::CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: broker_ids.clone(),
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| create_topics::CreatableTopicConfig {
                name: name.as_str().into(),
                value: value.as_deref().map(Into::into),
            })
            .collect(),
    }
}

fn decode(command: &Command, number: i32, bytes: &[u8]) -> Result<Said, String> {
    match command {
        Command::RegisterBroker(_) => {
            let said = response::<BrokerRegistration>(number, bytes)?;
            Ok(unless(said.error_code, "BrokerRegistration", || Reply::Registered { epoch: said.broker_epoch }))
        }
        Command::Heartbeat(_) => {
            let said = response::<BrokerHeartbeat>(number, bytes)?;
            Ok(unless(said.error_code, "BrokerHeartbeat", || Reply::Heartbeat {
                caught_up: said.is_caught_up,
                fenced: said.is_fenced,
                should_shutdown: said.should_shut_down,
            }))
        }
        Command::AlterPartition { parts, .. } => {
            let said = response::<AlterPartition>(number, bytes)?;
            Ok(unless(said.error_code, "AlterPartition", || Reply::Altered(altered(parts, said.topics))))
        }
        Command::AllocateProducerIds { .. } => {
            let said = response::<AllocateProducerIds>(number, bytes)?;
            if said.error_code == 0 && i64::from(said.producer_id_len) < PRODUCER_ID_BLOCK {
                return Err(format!("a block of {} producer ids", said.producer_id_len));
            }
            Ok(unless(said.error_code, "AllocateProducerIds", || Reply::ProducerIds(said.producer_id_start)))
        }
        Command::CreateTopics { .. } => created(response::<CreateTopics>(number, bytes)?),
        other => unreachable!("no broker asks the controller for {other:?} by itself"),
    }
}

/// What `done` makes, unless there is an error.
fn unless(error_code: i16, what: &str, done: impl FnOnce() -> Reply) -> Said {
    match ErrorCode::from_code(error_code) {
        ErrorCode::None => Said::Reply(done()),
        ErrorCode::NotController => Said::NotController,
        code => Said::Reply(Reply::Refused(Refusal::new(code, format!("{what} was answered with {code}")))),
    }
}

/// A result for each proposal, in order.
fn altered(parts: &[IsrChange], topics: Vec<alter::TopicResult>) -> Vec<Result<PartitionState, ErrorCode>> {
    let mut results: BTreeMap<(TopicId, Partition), Result<PartitionState, ErrorCode>> = BTreeMap::new();
    for topic in topics {
        for part in topic.partitions {
            let result = match ErrorCode::from_code(part.error_code) {
                ErrorCode::None => Ok(PartitionState {
                    leader: part.leader_id,
                    leader_epoch: part.leader_epoch,
                    partition_epoch: part.partition_epoch,
                    isr: part.isr,
                    recovering: part.leader_recovery_state > 0,
                }),
                code => Err(code),
            };
            results.insert((topic.topic_id, part.partition_index), result);
        }
    }
    let one = |part: &IsrChange| results.remove(&(part.topic, part.partition));
    parts.iter().map(one).map(|result| result.unwrap_or(Err(ErrorCode::UnknownServerError))).collect()
}

fn created(said: create_topics::CreateTopicsResponse<'_>) -> Result<Said, String> {
    let mut results = Vec::with_capacity(said.topics.len());
    for topic in said.topics {
        let result = match ErrorCode::from_code(topic.error_code) {
            ErrorCode::None => Ok(Created {
                id: topic.topic_id,
                partitions: topic.num_partitions,
                replication_factor: topic.replication_factor,
            }),
            ErrorCode::NotController => return Ok(Said::NotController),
            code => Err(Refusal::new(code, topic.error_message.unwrap_or_default())),
        };
        results.push((topic.name.into_owned(), result));
    }
    Ok(Said::Reply(Reply::Topics(results)))
}
