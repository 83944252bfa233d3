//! DescribeCluster (60), v0–v2. Tells cluster id, controller and brokers (KIP-700).
//!
//! Since 1 the endpoints can be the controllers' (KIP-919), since 2 fenced brokers can be asked for (KIP-1073).

use super::Api;
use crate::message;
use crate::wire::Str;

/// DescribeCluster's place in the table.
pub enum DescribeCluster {}

impl Api for DescribeCluster {
    const KEY: i16 = 60;
    const NAME: &'static str = "DescribeCluster";
    const SERVED: (i16, i16) = (0, 2);
    type Request<'a> = DescribeClusterRequest;
    type Response<'a> = DescribeClusterResponse<'a>;
}

message! {
    DescribeClusterRequest: key 60, versions 0..=2, flexible 0;
    struct DescribeClusterRequest {
        include_cluster_authorized_operations: bool [0..],
        endpoint_type: i8 [1.., default 1],
        include_fenced_brokers: bool [2..],
    }
}

message! {
    DescribeClusterResponse<'a>: key 60, versions 0..=2, flexible 0;
    struct DescribeClusterResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
        endpoint_type: i8 [1.., default 1],
        cluster_id: Str<'a> [0..],
        controller_id: i32 [0.., default -1],
        brokers: Vec<DescribeClusterBroker<'a>> [0..],
        cluster_authorized_operations: i32 [0.., default i32::MIN],
    }
    struct DescribeClusterBroker<'a> {
        broker_id: i32 [0..],
        host: Str<'a> [0..],
        port: i32 [0..],
        rack: Option<Str<'a>> [0.., null 0..],
        is_fenced: bool [2..],
    }
}
