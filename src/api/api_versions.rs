//! ApiVersions (18), v0–v4. The first words on a connection: which keys and versions this broker speaks.
//!
//! A version we do not know is answered in version 0 with error 35 and the ranges (KIP-511); the response's header is
//! always the oldest one, without tags.

use super::{Api, Context, Row, TABLE};
use crate::broker::{Broker, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// ApiVersions's place in the table.
pub enum ApiVersions {}

impl Api for ApiVersions {
    const KEY: i16 = 18;
    const NAME: &'static str = "ApiVersions";
    const SERVED: (i16, i16) = (0, 4);
    type Request<'a> = ApiVersionsRequest<'a>;
    type Response<'a> = ApiVersionsResponse<'a>;
}

message! {
    ApiVersionsRequest<'a>: key 18, versions 0..=4, flexible 3;
    struct ApiVersionsRequest<'a> {
        client_software_name: Str<'a> [3..],
        client_software_version: Str<'a> [3..],
    }
}

message! {
    ApiVersionsResponse<'a>: key 18, versions 0..=4, flexible 3;
    struct ApiVersionsResponse<'a> {
        error_code: i16 [0..],
        api_keys: Vec<ApiVersion> [0..],
        throttle_time_ms: i32 [1..],
        supported_features: Vec<SupportedFeatureKey<'a>> [3.., tag 0],
        finalized_features_epoch: i64 [3.., tag 1, default -1],
        finalized_features: Vec<FinalizedFeatureKey<'a>> [3.., tag 2],
        zk_migration_ready: bool [3.., tag 3],
    }
    struct ApiVersion {
        api_key: i16 [0..],
        min_version: i16 [0..],
        max_version: i16 [0..],
    }
    struct SupportedFeatureKey<'a> {
        name: Str<'a> [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }
    struct FinalizedFeatureKey<'a> {
        name: Str<'a> [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: ApiVersionsRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let code = match cx.to.version {
        3.. if !is_plain(&request.client_software_name) || !is_plain(&request.client_software_version) => {
            ErrorCode::InvalidRequest
        }
        _ => ErrorCode::None,
    };
    answer(broker, cx.to, cx.peer.listener, code, out);
}

/// The answer to a version that nobody knows yet: the ranges all the same (KIP-511).
pub(super) fn refuse(broker: &Broker, to: ReplyTo, listener: usize, out: &mut Vec<Effect<'_>>) {
    answer(broker, to, listener, ErrorCode::UnsupportedVersion, out);
}

fn answer(broker: &Broker, to: ReplyTo, listener: usize, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
    let here = match broker.settings.is_controller_listener(listener) {
        true => Row::is_for_nodes,
        false => Row::is_for_clients,
    };
    let api_keys = match code {
        ErrorCode::InvalidRequest => Vec::new(),
        _ => TABLE
            .iter()
            .filter(|row| here(row))
            .map(|row| ApiVersion { api_key: row.key, min_version: row.advertised_min, max_version: row.served.1 })
            .collect(),
    };
    broker.reply(to, &ApiVersionsResponse { error_code: code.code(), api_keys, ..Default::default() }, out);
}

/// What KIP-511 allows a client to call itself: letters and digits, with dashes and dots inside.
fn is_plain(name: &str) -> bool {
    let inside = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
    let ends = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    ends(name.as_bytes().first()) && ends(name.as_bytes().last()) && name.bytes().all(inside)
}
