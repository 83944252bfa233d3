//! ListConfigResources (74), v0–v1. Lists the resources that have settings (KIP-1142).
//!
//! In version 0 only client metrics (KIP-714); since 1 the types can be named.

use super::Api;
use crate::message;
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
