//! BrokerRegistration (62), v0–v4. A broker's process asks the active controller to belong to the cluster (KIP-500).
//!
//! Since 2 it names its log directories (KIP-858), since 3 the epoch that it was stopped under in good order (KIP-966).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Refusal, Registration, Reply};
use crate::types::Uuid;
use crate::wire::Str;

/// BrokerRegistration's place in the table.
pub enum BrokerRegistration {}

impl Api for BrokerRegistration {
    const KEY: i16 = 62;
    const NAME: &'static str = "BrokerRegistration";
    const SERVED: (i16, i16) = (0, 4);
    const AT: At = At::Internal;
    type Request<'a> = BrokerRegistrationRequest<'a>;
    type Response<'a> = BrokerRegistrationResponse;
}

message! {
    BrokerRegistrationRequest<'a>: key 62, versions 0..=4, flexible 0;
    struct BrokerRegistrationRequest<'a> {
        broker_id: i32 [0..],
        cluster_id: Str<'a> [0..],
        incarnation_id: Uuid [0..],
        listeners: Vec<Listener<'a>> [0..],
        features: Vec<Feature<'a>> [0..],
        rack: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        is_migrating_zk_broker: bool [1..],
        log_dirs: Vec<Uuid> [2..],
        previous_broker_epoch: i64 [3.., default -1],
    }
    struct Listener<'a> {
        name: Str<'a> [0..],
        host: Str<'a> [0..],
        port: u16 [0..],
        security_protocol: i16 [0..],
    }
    struct Feature<'a> {
        name: Str<'a> [0..],
        min_supported_version: i16 [0..],
        max_supported_version: i16 [0..],
    }
}

message! {
    BrokerRegistrationResponse: key 62, versions 0..=4, flexible 0;
    struct BrokerRegistrationResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        broker_epoch: i64 [0.., default -1],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: BrokerRegistrationRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    if request.cluster_id != broker.cluster_id {
        let error_code = ErrorCode::InconsistentClusterId.code();
        return broker.reply(to, &BrokerRegistrationResponse { error_code, ..Default::default() }, out);
    }
    let listener = |l: Listener<'_>| (l.name.into_owned(), l.host.into_owned(), l.port);
    let registration = Registration {
        id: request.broker_id,
        incarnation: request.incarnation_id,
        endpoints: request.listeners.into_iter().map(listener).collect(),
        rack: request.rack.map(|rack| rack.into_owned()),
        previous_epoch: request.previous_broker_epoch,
        log_dirs: request.log_dirs,
    };
    broker.broker_speaks_on(to.conn, request.broker_id);
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::Registered { epoch }) => {
                BrokerRegistrationResponse { broker_epoch: epoch, ..Default::default() }
            }
            other => {
                let error_code = Refusal::of(other).code.code();
                BrokerRegistrationResponse { error_code, ..Default::default() }
            }
        };
        broker.reply(to, &response, out);
    };
    broker.command(cx.now, Command::RegisterBroker(registration), Box::new(then), out);
}
