//! ApiVersions (18), v0–v4. The first words on a connection: which keys and versions this broker speaks.
//!
//! A version we do not know is answered in version 0 with error 35 and the ranges (KIP-511); the response's header is
//! always the oldest one, without tags.

use super::Api;
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
