//! AlterConfigs (33), v0–v2. Replaces all the dynamic settings of a resource (KIP-133).
//!
//! What the request does not name goes back to its default; clients had better use IncrementalAlterConfigs.

use super::incremental_alter_configs::{Change, alter};
use super::{Api, At, Context};
use crate::broker::Broker;
use crate::config::Op;
use crate::event::Effect;
use crate::message;
use crate::meta::{DryRun, Refusal};
use crate::wire::Str;

/// AlterConfigs's place in the table.
pub enum AlterConfigs {}

impl Api for AlterConfigs {
    const KEY: i16 = 33;
    const NAME: &'static str = "AlterConfigs";
    const SERVED: (i16, i16) = (0, 2);
    const AT: At = At::Controller;
    type Request<'a> = AlterConfigsRequest<'a>;
    type Response<'a> = AlterConfigsResponse<'a>;
}

message! {
    AlterConfigsRequest<'a>: key 33, versions 0..=2, flexible 2;
    struct AlterConfigsRequest<'a> {
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
        value: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

message! {
    AlterConfigsResponse<'a>: key 33, versions 0..=2, flexible 2;
    struct AlterConfigsResponse<'a> {
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
    request: AlterConfigsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let changes = request.resources.into_iter().map(|resource| Change {
        kind: resource.resource_type,
        name: resource.resource_name.into_owned(),
        replace_all: true,
        ops: resource
            .configs
            .into_iter()
            .map(|config| (config.name.into_owned(), Op::Set as i8, config.value.map(|value| value.into_owned())))
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
        broker.reply(to, &AlterConfigsResponse { responses: responses.collect(), ..Default::default() }, out);
    };
    alter(broker, cx, changes.collect(), dry_run, Box::new(then), out);
}
