//! DescribeCluster (60), v0–v2. Tells cluster id, controller and brokers (KIP-700).
//!
//! Since 1 the endpoints can be the controllers' (KIP-919), since 2 fenced brokers can be asked for (KIP-1073).

use super::metadata::CLUSTER_OPERATIONS;
use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
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

/// The endpoints of brokers.
const BROKERS: i8 = 1;

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: DescribeClusterRequest, out: &mut Vec<Effect<'_>>) {
    let mut response = DescribeClusterResponse { endpoint_type: request.endpoint_type, ..Default::default() };
    if request.endpoint_type == BROKERS {
        let endpoint = broker.endpoints[cx.peer.listener].clone();
        response.cluster_id = broker.cluster_id.clone().into();
        response.controller_id = broker.node;
        response.brokers = vec![DescribeClusterBroker {
            broker_id: broker.node,
            host: endpoint.host.into(),
            port: i32::from(endpoint.port),
            rack: broker.settings.rack.clone().map(Into::into),
            is_fenced: false,
        }];
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
    } else {
        response.error_code = ErrorCode::MismatchedEndpointType.code();
        response.error_message = Some("this listener is a broker's: ask for endpoint type 1".into());
    }
    broker.reply(cx.to, &response, out);
}
