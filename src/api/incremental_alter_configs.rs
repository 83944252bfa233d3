//! IncrementalAlterConfigs (44), v0–v1. Sets, deletes, appends to and subtracts from single settings (KIP-339).
//!
//! Operations: 0 set, 1 delete, 2 append, 3 subtract.

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::config::change::{Layer, Resource};
use crate::config::{Op, TopicSettings, apply_op, describe_broker, describe_group, describe_topic, group_config};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, ConfigChange, DryRun, Overrides, Refusal, Reply, ResourceType};
use crate::parked::Then;
use crate::types::NodeId;
use crate::wire::Str;

/// IncrementalAlterConfigs's place in the table.
pub enum IncrementalAlterConfigs {}

impl Api for IncrementalAlterConfigs {
    const KEY: i16 = 44;
    const NAME: &'static str = "IncrementalAlterConfigs";
    const SERVED: (i16, i16) = (0, 1);
    const AT: At = At::Controller;
    type Request<'a> = IncrementalAlterConfigsRequest<'a>;
    type Response<'a> = IncrementalAlterConfigsResponse<'a>;
}

message! {
    IncrementalAlterConfigsRequest<'a>: key 44, versions 0..=1, flexible 1;
    struct IncrementalAlterConfigsRequest<'a> {
        resources: Vec<AlterConfigsResource<'a>> [0..],
        validate_only: bool [0..],
    }
    struct AlterConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: Str<'a> [0..],
        configs: Vec<AlterableConfig<'a>> [0..],
    }
    struct AlterableConfig<'a> {
        name: Str<'a> [0..],
        config_operation: i8 [0..],
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    IncrementalAlterConfigsResponse<'a>: key 44, versions 0..=1, flexible 1;
    struct IncrementalAlterConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        responses: Vec<AlterConfigsResourceResponse<'a>> [0..],
    }
    struct AlterConfigsResourceResponse<'a> {
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        resource_type: i8 [0..],
        resource_name: Str<'a> [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: IncrementalAlterConfigsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let changes = request.resources.into_iter().map(|resource| Change {
        kind: resource.resource_type,
        name: resource.resource_name.into_owned(),
        replace_all: false,
        ops: resource
            .configs
            .into_iter()
            .map(|config| {
                (config.name.into_owned(), config.config_operation, config.value.map(|value| value.into_owned()))
            })
            .collect(),
    });
    let dry_run = if request.validate_only { DryRun::Yes } else { DryRun::No };
    let to = cx.to;
    let then = move |broker: &mut Broker, results: Vec<(Change, Result<(), Refusal>)>, out: &mut Vec<Effect<'_>>| {
        let responses = results.into_iter().map(|(change, result)| {
            let (error_code, error_message) = Change::answer(result);
            AlterConfigsResourceResponse {
                error_code,
                error_message: error_message.map(Into::into),
                resource_type: change.kind,
                resource_name: change.name.into(),
            }
        });
        broker.reply(
            to,
            &IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() },
            out,
        );
    };
    alter(broker, cx, changes.collect(), dry_run, Box::new(then), out);
}

/// What is asked of one resource's settings, by either of the two keys.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Kafka's number of the resource's type.
    pub kind: i8,
    /// Its name.
    pub name: String,
    /// AlterConfigs: what is not named goes back to its default.
    pub replace_all: bool,
    /// Name, operation and value.
    pub ops: Vec<(String, i8, Option<String>)>,
}

impl Change {
    /// Code and message of an answer.
    pub fn answer(result: Result<(), Refusal>) -> (i16, Option<String>) {
        match result {
            Ok(()) => (0, None),
            Err(refusal) => (refusal.code.code(), Some(refusal.message)),
        }
    }
}

/// Checks the changes, has the good ones decided, and tells of each what became of it.
pub(super) fn alter(
    broker: &mut Broker,
    cx: Context<'_>,
    changes: Vec<Change>,
    dry_run: DryRun,
    then: Then<Vec<(Change, Result<(), Refusal>)>>,
    out: &mut Vec<Effect<'_>>,
) {
    let mut records = Vec::new();
    let mut results = Vec::new();
    let mut seen: Vec<(i8, String)> = Vec::new();
    for change in changes {
        let place = (change.kind, change.name.clone());
        let result = if seen.contains(&place) {
            Err(Refusal::new(ErrorCode::InvalidRequest, "The resource is named twice in this request."))
        } else {
            check(broker, &change)
        };
        seen.push(place);
        results.push((
            change,
            result.map(|change| {
                if !change.values.is_empty() {
                    records.push(change);
                }
            }),
        ));
    }
    if records.is_empty() || dry_run == DryRun::Yes {
        return then(broker, results, out);
    }
    let done = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        if !matches!(reply, Some(Reply::Done)) {
            let refusal = Refusal::of(reply);
            for (_, result) in &mut results {
                *result = Err(refusal.clone());
            }
        }
        then(broker, results, out);
    };
    broker.command(cx.now, Command::SetConfigs(records), Box::new(done), out);
}

/// The settings that would change, with their new values.
fn check(broker: &Broker, change: &Change) -> Result<ConfigChange, Refusal> {
    let invalid = |message: String| Refusal::new(ErrorCode::InvalidConfig, message);
    let kind = ResourceType::from_code(change.kind).ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidRequest, format!("kq has no configuration of resource type {}", change.kind))
    })?;
    let (resource, described) = match kind {
        ResourceType::Topic if broker.image.topic(&change.name).is_none() => {
            return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, "The topic does not exist."));
        }
        ResourceType::Topic => {
            (Resource::Topic, describe_topic(&broker.settings, broker.image.overrides(kind, &change.name)))
        }
        ResourceType::Broker if change.name.is_empty() => {
            (Resource::Broker(Layer::Cluster), describe_broker(&broker.settings))
        }
        // The controller decides for every broker: what comes to it was passed on.
        ResourceType::Broker if is_broker(broker, &change.name) => {
            (Resource::Broker(Layer::Broker), describe_broker(&broker.settings))
        }
        ResourceType::Broker => {
            let message =
                format!("Unexpected broker id, expected {} or empty string, but received {}", broker.node, change.name);
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        ResourceType::Group if change.name.is_empty() => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "Default group resources are not allowed."));
        }
        ResourceType::Group => {
            (Resource::Group, describe_group(&broker.settings, broker.image.overrides(kind, &change.name)))
        }
    };
    let before = broker.image.overrides(kind, &change.name);
    let mut after = if change.replace_all { Overrides::new() } else { before.clone() };
    let mut named: Vec<&str> = Vec::new();
    for (name, op, value) in &change.ops {
        let op = Op::from_code(*op)
            .ok_or_else(|| Refusal::new(ErrorCode::InvalidRequest, format!("unknown operation {op} on {name}")))?;
        if named.contains(&name.as_str()) {
            let message = format!("Error due to duplicate config keys: {name}");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        named.push(name);
        let inherited = described.iter().find(|setting| setting.name == name.as_str()).and_then(|s| s.value.as_deref());
        apply_op(resource, &mut after, inherited, name, op, value.as_deref()).map_err(|e| invalid(e.to_string()))?;
    }
    match resource {
        Resource::Topic => {
            TopicSettings::resolve(&broker.settings, &after).map_err(|e| invalid(e.to_string()))?;
        }
        Resource::Group => group_config::check(&broker.settings, &after).map_err(|e| invalid(e.to_string()))?,
        Resource::Broker(layer) => {
            let (cluster, own) = match layer {
                Layer::Cluster => (&after, broker.image.overrides(kind, &broker.node.to_string())),
                Layer::Broker => (broker.image.overrides(kind, ""), &after),
            };
            broker.file_settings.with_dynamic(cluster, own).map_err(|e| invalid(e.to_string()))?;
        }
    }
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let set = set.map(|(name, value)| (name.clone(), Some(value.clone())));
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), None));
    Ok(ConfigChange { resource: kind, name: change.name.clone(), values: set.chain(gone).collect() })
}

fn is_broker(broker: &Broker, name: &str) -> bool {
    let id = name.parse().ok().filter(|id: &NodeId| id.to_string() == name);
    id.is_some_and(|id| id == broker.node || broker.image.broker(id).is_some())
}
