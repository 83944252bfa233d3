//! DescribeCluster (60), v0–v2. Tells cluster id, controller and brokers (KIP-700).
//!
//! Since 1 the endpoints can be the controllers' (KIP-919), since 2 fenced brokers can be asked for (KIP-1073).

use super::metadata::CLUSTER_OPERATIONS;
use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::types::NodeId;
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

/// Whose endpoints are asked for.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: DescribeClusterRequest, out: &mut Vec<Effect<'_>>) {
    let mut response = DescribeClusterResponse { endpoint_type: request.endpoint_type, ..Default::default() };
    let here = if broker.settings.is_controller_listener(cx.peer.listener) { CONTROLLERS } else { BROKERS };
    if request.endpoint_type == here {
        response.cluster_id = broker.cluster_id.clone().into();
        (response.controller_id, response.brokers) = match here {
            CONTROLLERS => controllers(broker),
            _ => brokers(broker, cx.peer.listener, request.include_fenced_brokers),
        };
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
    } else {
        let whose = if here == CONTROLLERS { "controller" } else { "broker" };
        response.error_code = ErrorCode::MismatchedEndpointType.code();
        response.error_message = Some(format!("this listener is a {whose}'s: ask for endpoint type {here}").into());
    }
    broker.reply(cx.to, &response, out);
}

fn brokers(broker: &Broker, listener: usize, with_fenced: bool) -> (NodeId, Vec<DescribeClusterBroker<'static>>) {
    let controller = broker.controller_of(&broker.living(listener));
    let mut brokers = broker.brokers_of(listener);
    brokers.retain(|one| with_fenced || !one.fenced);
    let brokers = brokers.into_iter().map(|one| DescribeClusterBroker {
        broker_id: one.id,
        host: one.endpoint.host.into(),
        port: i32::from(one.endpoint.port),
        rack: one.rack.map(Into::into),
        is_fenced: one.fenced,
    });
    (controller, brokers.collect())
}

fn controllers(broker: &Broker) -> (NodeId, Vec<DescribeClusterBroker<'static>>) {
    let voters = broker.settings.cluster.voters.iter().map(|voter| DescribeClusterBroker {
        broker_id: voter.id,
        host: voter.host.clone().into(),
        port: i32::from(voter.port),
        rack: None,
        is_fenced: false,
    });
    (broker.controller().unwrap_or(-1), voters.collect())
}
