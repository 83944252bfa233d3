//! ListConfigResources (74), v0–v1. Lists the resources that have settings (KIP-1142).
//!
//! In version 0 only client metrics (KIP-714); since 1 the types can be named.

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::ResourceType;
use crate::wire::Str;

/// ListConfigResources's place in the table.
pub enum ListConfigResources {}

impl Api for ListConfigResources {
    const KEY: i16 = 74;
    const NAME: &'static str = "ListConfigResources";
    const SERVED: (i16, i16) = (0, 1);
    type Request<'a> = ListConfigResourcesRequest;
    type Response<'a> = ListConfigResourcesResponse<'a>;
}

message! {
    ListConfigResourcesRequest: key 74, versions 0..=1, flexible 0;
    struct ListConfigResourcesRequest {
        resource_types: Vec<i8> [1..],
    }
}

message! {
    ListConfigResourcesResponse<'a>: key 74, versions 0..=1, flexible 0;
    struct ListConfigResourcesResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        config_resources: Vec<ConfigResource<'a>> [0..],
    }
    struct ConfigResource<'a> {
        resource_name: Str<'a> [0..],
        resource_type: i8 [1.., default 16],
    }
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: ListConfigResourcesRequest,
    out: &mut Vec<Effect<'_>>,
) {
    let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    let wanted = match cx.to.version {
        0 => vec![CLIENT_METRICS],
        _ if request.resource_types.is_empty() => known.to_vec(),
        _ => request.resource_types,
    };
    let mut response = ListConfigResourcesResponse::default();
    if wanted.iter().any(|kind| !known.contains(kind)) {
        response.error_code = ErrorCode::UnsupportedVersion.code();
        return broker.reply(cx.to, &response, out);
    }
    let resource = |name: String, kind| ConfigResource { resource_name: name.into(), resource_type: kind };
    if wanted.contains(&TOPIC) {
        response.config_resources.extend(broker.image.topics().map(|topic| resource(topic.name.clone(), TOPIC)));
    }
    if wanted.contains(&GROUP) {
        let groups = broker.image.configured(ResourceType::Group);
        response.config_resources.extend(groups.map(|group| resource(group.to_owned(), GROUP)));
    }
    for kind in [BROKER, BROKER_LOGGER] {
        if wanted.contains(&kind) {
            let brokers = broker.brokers_of(cx.peer.listener).into_iter();
            response.config_resources.extend(brokers.map(|one| resource(one.id.to_string(), kind)));
        }
    }
    broker.reply(cx.to, &response, out);
}
