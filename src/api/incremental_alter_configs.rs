//! IncrementalAlterConfigs (44), v0–v1. Sets, deletes, appends to and subtracts from single settings (KIP-339).
//!
//! Operations: 0 set, 1 delete, 2 append, 3 subtract.

use super::Api;
use crate::message;
use crate::wire::Str;

/// IncrementalAlterConfigs's place in the table.
pub enum IncrementalAlterConfigs {}

impl Api for IncrementalAlterConfigs {
    const KEY: i16 = 44;
    const NAME: &'static str = "IncrementalAlterConfigs";
    const SERVED: (i16, i16) = (0, 1);
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
