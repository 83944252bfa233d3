//! AlterConfigs (33), v0–v2. Replaces all the dynamic settings of a resource (KIP-133).
//!
//! What the request does not name goes back to its default; clients had better use IncrementalAlterConfigs.

use super::Api;
use crate::message;
use crate::wire::Str;

/// AlterConfigs's place in the table.
pub enum AlterConfigs {}

impl Api for AlterConfigs {
    const KEY: i16 = 33;
    const NAME: &'static str = "AlterConfigs";
    const SERVED: (i16, i16) = (0, 2);
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
