//! DescribeConfigs (32), v1–v4. Tells the settings of topics, brokers and groups.
//!
//! Synonyms since 1 (KIP-226), types and documentation since 3 (KIP-569).

use super::{Api, Context};
use crate::broker::Broker;
use crate::config::{self, Described};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Refusal, ResourceType};
use crate::wire::Str;

/// DescribeConfigs's place in the table.
pub enum DescribeConfigs {}

impl Api for DescribeConfigs {
    const KEY: i16 = 32;
    const NAME: &'static str = "DescribeConfigs";
    const SERVED: (i16, i16) = (1, 4);
    type Request<'a> = DescribeConfigsRequest<'a>;
    type Response<'a> = DescribeConfigsResponse<'a>;
}

message! {
    DescribeConfigsRequest<'a>: key 32, versions 1..=4, flexible 4;
    struct DescribeConfigsRequest<'a> {
        resources: Vec<DescribeConfigsResource<'a>> [0..],
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }
    struct DescribeConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: Str<'a> [0..],
        configuration_keys: Option<Vec<Str<'a>>> [0.., null 0.., default Some(Vec::new())],
    }
}

message! {
    DescribeConfigsResponse<'a>: key 32, versions 1..=4, flexible 4;
    struct DescribeConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<DescribeConfigsResult<'a>> [0..],
    }
    struct DescribeConfigsResult<'a> {
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        resource_type: i8 [0..],
        resource_name: Str<'a> [0..],
        configs: Vec<DescribeConfigsResourceResult<'a>> [0..],
    }
    struct DescribeConfigsResourceResult<'a> {
        name: Str<'a> [0..],
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        read_only: bool [0..],
        config_source: i8 [1.., default -1],
        is_sensitive: bool [0..],
        synonyms: Vec<DescribeConfigsSynonym<'a>> [1..],
        config_type: i8 [3..],
        documentation: Option<Str<'a>> [3.., null 0.., default Some(Str::Borrowed(""))],
    }
    struct DescribeConfigsSynonym<'a> {
        name: Str<'a> [1..],
        value: Option<Str<'a>> [1.., null 0.., default Some(Str::Borrowed(""))],
        source: i8 [1..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeConfigsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let (synonyms, docs) = (request.include_synonyms, request.include_documentation);
    let results = request.resources.into_iter().map(|resource| {
        let described = describe(broker, resource.resource_type, &resource.resource_name);
        let (code, message, settings) = match described {
            Ok(settings) => (ErrorCode::None, None, settings),
            Err(refusal) => (refusal.code, Some(refusal.message.into()), Vec::new()),
        };
        // An empty list of keys means all of them, as null does.
        let keys = resource.configuration_keys.unwrap_or_default();
        let wanted = |setting: &Described| keys.is_empty() || keys.iter().any(|key| *key == setting.name);
        let configs = settings.into_iter().filter(wanted).map(|setting| one(setting, synonyms, docs)).collect();
        DescribeConfigsResult {
            error_code: code.code(),
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs,
        }
    });
    let response = DescribeConfigsResponse { results: results.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}

/// All settings of a resource.
fn describe(broker: &Broker, kind: i8, name: &str) -> Result<Vec<Described>, Refusal> {
    match ResourceType::from_code(kind) {
        Some(ResourceType::Topic) => {
            crate::meta::check_topic_name(name)?;
            if broker.image.topic(name).is_none() {
                return Err(Refusal::new(
                    ErrorCode::UnknownTopicOrPartition,
                    "This server does not host this topic-partition.",
                ));
            }
            Ok(config::describe_topic(&broker.settings, broker.image.overrides(ResourceType::Topic, name)))
        }
        // The empty name stands for what is set for all brokers: only that is told.
        Some(ResourceType::Broker) if name.is_empty() => {
            let cluster = broker.image.overrides(ResourceType::Broker, "");
            let all = config::describe_broker(&broker.settings);
            Ok(all.into_iter().filter_map(|setting| cluster_wide(setting, cluster)).collect())
        }
        Some(ResourceType::Broker) if name == broker.node.to_string() => Ok(config::describe_broker(&broker.settings)),
        Some(ResourceType::Broker) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Unexpected broker id, expected {} or empty string, but received {name}", broker.node),
        )),
        Some(ResourceType::Group) if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Group name must not be empty"))
        }
        // A group need not be there to have settings.
        Some(ResourceType::Group) => {
            Ok(config::describe_group(&broker.settings, broker.image.overrides(ResourceType::Group, name)))
        }
        None => {
            Err(Refusal::new(ErrorCode::InvalidRequest, format!("kq has no configuration of resource type {kind}")))
        }
    }
}

fn cluster_wide(mut setting: Described, cluster: &crate::meta::Overrides) -> Option<Described> {
    let value = cluster.get(setting.name)?;
    setting.synonyms.retain(|synonym| synonym.source == config::Source::DynamicDefaultBroker);
    setting.source = config::Source::DynamicDefaultBroker;
    setting.value = (!setting.sensitive).then(|| value.clone());
    Some(setting)
}

fn one(setting: Described, synonyms: bool, docs: bool) -> DescribeConfigsResourceResult<'static> {
    let synonyms = setting.synonyms.into_iter().filter(|_| synonyms).map(|synonym| DescribeConfigsSynonym {
        name: synonym.name.into(),
        value: synonym.value.map(Into::into),
        source: synonym.source as i8,
    });
    DescribeConfigsResourceResult {
        name: setting.name.into(),
        value: setting.value.map(Into::into),
        read_only: setting.read_only,
        config_source: setting.source as i8,
        is_sensitive: setting.sensitive,
        synonyms: synonyms.collect(),
        config_type: setting.kind,
        documentation: docs.then(|| setting.doc.into()),
    }
}
