//! Metadata (3), v0–v13. Tells brokers, topics, partitions and their leaders; makes topics when asked and allowed.
//!
//! In version 0 an empty list of topics means all of them; from 1 on, null does. Topics can be asked by id from 12 on
//! (KIP-516).

use super::{Api, Context};
use crate::broker::{Broker, Living};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, DryRun, NewTopic, Reply, TopicImage, check_topic_name};
use crate::types::Uuid;
use crate::wire::Str;

/// Metadata's place in the table.
pub enum Metadata {}

impl Api for Metadata {
    const KEY: i16 = 3;
    const NAME: &'static str = "Metadata";
    const SERVED: (i16, i16) = (0, 13);
    type Request<'a> = MetadataRequest<'a>;
    type Response<'a> = MetadataResponse<'a>;
}

message! {
    MetadataRequest<'a>: key 3, versions 0..=13, flexible 9;
    struct MetadataRequest<'a> {
        topics: Option<Vec<MetadataRequestTopic<'a>>> [0.., null 1.., default Some(Vec::new())],
        allow_auto_topic_creation: bool [4.., default true],
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }
    struct MetadataRequestTopic<'a> {
        topic_id: Uuid [10..],
        name: Option<Str<'a>> [0.., null 10.., default Some(Str::Borrowed(""))],
    }
}

message! {
    MetadataResponse<'a>: key 3, versions 0..=13, flexible 9;
    struct MetadataResponse<'a> {
        throttle_time_ms: i32 [3..],
        brokers: Vec<MetadataResponseBroker<'a>> [0..],
        cluster_id: Option<Str<'a>> [2.., null 2..],
        controller_id: i32 [1.., default -1],
        topics: Vec<MetadataResponseTopic<'a>> [0..],
        cluster_authorized_operations: i32 [8..=10, default i32::MIN],
        error_code: i16 [13..],
    }
    struct MetadataResponseBroker<'a> {
        node_id: i32 [0..],
        host: Str<'a> [0..],
        port: i32 [0..],
        rack: Option<Str<'a>> [1.., null 1..],
    }
    struct MetadataResponseTopic<'a> {
        error_code: i16 [0..],
        name: Option<Str<'a>> [0.., null 12.., default Some(Str::Borrowed(""))],
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Vec<MetadataResponsePartition> [0..],
        topic_authorized_operations: i32 [8.., default i32::MIN],
    }
    struct MetadataResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [7.., default -1],
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        offline_replicas: Vec<i32> [5..],
    }
}

/// All that may be done with a topic, as a set of bits by operation (KIP-430): read, write, create, delete, alter, describe, and the configurations.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// All that may be done with the cluster: create, alter, describe, cluster action, the configurations, idempotent write.
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// Topics that only the broker itself makes.
pub(super) fn is_internal(topic: &str) -> bool {
    matches!(topic, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// What the client asked for, kept while topics are being made.
struct Asked {
    listener: usize,
    topics: Option<Vec<(Uuid, Option<String>)>>,
    topic_operations: bool,
    cluster_operations: bool,
    version: i16,
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: MetadataRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let all = match &request.topics {
        None => true,
        Some(topics) => cx.to.version == 0 && topics.is_empty(),
    };
    let topics = request.topics.filter(|_| !all).map(|topics| {
        topics.into_iter().map(|t| (t.topic_id, t.name.map(|name| name.into_owned()))).collect::<Vec<_>>()
    });
    let missing: Vec<String> = topics
        .iter()
        .flatten()
        .filter(|(id, _)| id.is_zero())
        .filter_map(|(_, name)| name.clone())
        .filter(|name| broker.image.topic(name).is_none() && !is_internal(name) && check_topic_name(name).is_ok())
        .collect();
    let asked = Asked {
        listener: cx.peer.listener,
        topics,
        topic_operations: request.include_topic_authorized_operations,
        cluster_operations: request.include_cluster_authorized_operations,
        version: cx.to.version,
    };
    let to = cx.to;
    if missing.is_empty() || !request.allow_auto_topic_creation || !broker.settings.auto_create_topics_enable {
        let response = answer(broker, &asked, &[]);
        return broker.reply(to, &response, out);
    }
    let mut missing = missing;
    missing.sort();
    missing.dedup();
    let topics = missing
        .into_iter()
        .map(|name| NewTopic { name, partitions: -1, replication_factor: -1, ..Default::default() })
        .collect();
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let mut refused = Vec::new();
        if let Some(Reply::Topics(results)) = reply {
            for (name, result) in results {
                refused.extend(result.err().map(|refusal| (name, refusal.code)));
            }
        }
        let response = answer(broker, &asked, &refused);
        broker.reply(to, &response, out);
    };
    broker.ask_controller(cx.now, Command::CreateTopics { topics, dry_run: DryRun::No }, Box::new(then), out);
}

fn answer(broker: &Broker, asked: &Asked, refused: &[(String, ErrorCode)]) -> MetadataResponse<'static> {
    let living = broker.living(asked.listener);
    let topics = match &asked.topics {
        None => broker.image.topics().map(|topic| describe(broker, asked, topic, &living)).collect(),
        Some(topics) => {
            topics.iter().map(|(id, name)| one(broker, asked, *id, name.as_deref(), refused, &living)).collect()
        }
    };
    let controller_id = broker.controller_of(&living);
    let brokers = living.into_iter().map(|broker| MetadataResponseBroker {
        node_id: broker.id,
        host: broker.endpoint.host.into(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.map(Into::into),
    });
    MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(broker.cluster_id.clone().into()),
        controller_id,
        topics,
        cluster_authorized_operations: if asked.cluster_operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..Default::default()
    }
}

fn one(
    broker: &Broker,
    asked: &Asked,
    id: Uuid,
    name: Option<&str>,
    refused: &[(String, ErrorCode)],
    living: &[Living],
) -> MetadataResponseTopic<'static> {
    let found = match name {
        Some(name) if id.is_zero() => broker.image.topic(name),
        _ => broker.image.topic_by_id(id),
    };
    if let Some(topic) = found {
        return describe(broker, asked, topic, living);
    }
    let code = match name {
        Some(name) if id.is_zero() => {
            let refusal = refused.iter().find(|(refused, _)| refused == name).map(|(_, code)| *code);
            let unknown = refusal.unwrap_or(ErrorCode::UnknownTopicOrPartition);
            check_topic_name(name).err().map_or(unknown, |refusal| refusal.code)
        }
        _ => ErrorCode::UnknownTopicId,
    };
    // Only from version 12 on may the name of an unknown id be null.
    let nameless = if asked.version >= 12 { None } else { Some("".into()) };
    MetadataResponseTopic {
        error_code: code.code(),
        name: name.map_or(nameless, |name| Some(name.to_owned().into())),
        topic_id: id,
        is_internal: name.is_some_and(is_internal),
        ..Default::default()
    }
}

fn describe(broker: &Broker, asked: &Asked, topic: &TopicImage, living: &[Living]) -> MetadataResponseTopic<'static> {
    let partitions = (0..).zip(&topic.partitions).map(|(index, partition)| {
        let seen = broker.seen(topic, index, partition, living);
        MetadataResponsePartition {
            error_code: seen.code.code(),
            partition_index: index,
            leader_id: seen.leader,
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            offline_replicas: seen.offline,
        }
    });
    MetadataResponseTopic {
        error_code: 0,
        name: Some(topic.name.clone().into()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: partitions.collect(),
        topic_authorized_operations: if asked.topic_operations { TOPIC_OPERATIONS } else { i32::MIN },
    }
}
