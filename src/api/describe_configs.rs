//! DescribeConfigs (32), v1–v4. Tells the settings of topics, brokers and groups.
//!
//! Synonyms since 1 (KIP-226), types and documentation since 3 (KIP-569).

use super::Api;
use crate::message;
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
