//! CreateTopics (19), v2–v7. Makes topics, or checks whether it could (`validate_only`).
//!
//! Since 5 the answer carries the configuration (KIP-525), since 7 the topic's id (KIP-516).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::config::{self, Described};
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Created, DryRun, NewTopic, Refusal, Reply};
use crate::types::Uuid;
use crate::wire::Str;
use std::collections::BTreeMap;

/// CreateTopics's place in the table.
pub enum CreateTopics {}

impl Api for CreateTopics {
    const KEY: i16 = 19;
    const NAME: &'static str = "CreateTopics";
    const SERVED: (i16, i16) = (2, 7);
    const AT: At = At::Controller;
    type Request<'a> = CreateTopicsRequest<'a>;
    type Response<'a> = CreateTopicsResponse<'a>;
}

message! {
    CreateTopicsRequest<'a>: key 19, versions 2..=7, flexible 5;
    struct CreateTopicsRequest<'a> {
        topics: Vec<CreatableTopic<'a>> [0..],
        timeout_ms: i32 [0.., default 60000],
        validate_only: bool [1..],
    }
    struct CreatableTopic<'a> {
        name: Str<'a> [0..],
        num_partitions: i32 [0..],
        replication_factor: i16 [0..],
        assignments: Vec<CreatableReplicaAssignment> [0..],
        configs: Vec<CreatableTopicConfig<'a>> [0..],
    }
    struct CreatableReplicaAssignment {
        partition_index: i32 [0..],
        broker_ids: Vec<i32> [0..],
    }
    struct CreatableTopicConfig<'a> {
        name: Str<'a> [0..],
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    CreateTopicsResponse<'a>: key 19, versions 2..=7, flexible 5;
    struct CreateTopicsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<CreatableTopicResult<'a>> [0..],
    }
    struct CreatableTopicResult<'a> {
        name: Str<'a> [0..],
        topic_id: Uuid [7..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [1.., null 0.., default Some(Str::Borrowed(""))],
        topic_config_error_code: i16 [5.., tag 0],
        num_partitions: i32 [5.., default -1],
        replication_factor: i16 [5.., default -1],
        configs: Option<Vec<CreatableTopicConfigs<'a>>> [5.., null 5.., default Some(Vec::new())],
    }
    struct CreatableTopicConfigs<'a> {
        name: Str<'a> [5..],
        value: Option<Str<'a>> [5.., null 5.., default Some(Str::Borrowed(""))],
        read_only: bool [5..],
        config_source: i8 [5.., default -1],
        is_sensitive: bool [5..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: CreateTopicsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics: Vec<NewTopic> = request
        .topics
        .into_iter()
        .map(|topic| NewTopic {
            name: topic.name.into_owned(),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            assignments: topic.assignments.into_iter().map(|a| (a.partition_index, a.broker_ids)).collect(),
            configs: topic
                .configs
                .into_iter()
                .map(|c| (c.name.into_owned(), c.value.map(|value| value.into_owned())))
                .collect(),
        })
        .collect();
    let to = cx.to;
    let asked: BTreeMap<String, Vec<(String, Option<String>)>> =
        topics.iter().map(|topic| (topic.name.clone(), topic.configs.clone())).collect();
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let results = match reply {
            Some(Reply::Topics(results)) => results,
            other => {
                let refusal = Refusal::of(other);
                asked.keys().map(|name| (name.clone(), Err(refusal.clone()))).collect()
            }
        };
        let topics = results.into_iter().map(|(name, result)| one(broker, &asked, name, result)).collect();
        broker.reply(to, &CreateTopicsResponse { topics, ..Default::default() }, out);
    };
    let dry_run = if request.validate_only { DryRun::Yes } else { DryRun::No };
    broker.command(cx.now, Command::CreateTopics { topics, dry_run }, Box::new(then), out);
}

fn one(
    broker: &Broker,
    asked: &BTreeMap<String, Vec<(String, Option<String>)>>,
    name: String,
    result: Result<Created, Refusal>,
) -> CreatableTopicResult<'static> {
    match result {
        Err(refusal) => CreatableTopicResult {
            name: name.into(),
            error_code: refusal.code.code(),
            error_message: Some(refusal.message.into()),
            configs: None,
            ..Default::default()
        },
        Ok(created) => {
            let overrides = asked.get(&name).into_iter().flatten();
            let overrides = overrides.filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
            let configs = config::describe_topic(&broker.settings, &overrides);
            CreatableTopicResult {
                name: name.into(),
                topic_id: created.id,
                error_message: None,
                num_partitions: created.partitions,
                replication_factor: created.replication_factor,
                configs: Some(configs.into_iter().map(describe).collect()),
                ..Default::default()
            }
        }
    }
}

fn describe(setting: Described) -> CreatableTopicConfigs<'static> {
    CreatableTopicConfigs {
        name: setting.name.into(),
        value: setting.value.map(Into::into),
        read_only: setting.read_only,
        config_source: setting.source as i8,
        is_sensitive: setting.sensitive,
    }
}
