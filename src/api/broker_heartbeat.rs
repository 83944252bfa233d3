//! BrokerHeartbeat (63), v0–v2. A broker tells the active controller that it lives, and what it wants (KIP-500).
//!
//! The offline and cordoned log directories of versions 1 and 2 are read and not used.

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Heartbeat, Refusal, Reply};
use crate::types::Uuid;

/// BrokerHeartbeat's place in the table.
pub enum BrokerHeartbeat {}

impl Api for BrokerHeartbeat {
    const KEY: i16 = 63;
    const NAME: &'static str = "BrokerHeartbeat";
    const SERVED: (i16, i16) = (0, 2);
    const AT: At = At::Internal;
    type Request<'a> = BrokerHeartbeatRequest;
    type Response<'a> = BrokerHeartbeatResponse;
}

message! {
    BrokerHeartbeatRequest: key 63, versions 0..=2, flexible 0;
    struct BrokerHeartbeatRequest {
        broker_id: i32 [0..],
        broker_epoch: i64 [0.., default -1],
        current_metadata_offset: i64 [0..],
        want_fence: bool [0..],
        want_shut_down: bool [0..],
        offline_log_dirs: Vec<Uuid> [1.., tag 0],
        cordoned_log_dirs: Option<Vec<Uuid>> [2.., null 2.., tag 1],
    }
}

message! {
    BrokerHeartbeatResponse: key 63, versions 0..=2, flexible 0;
    struct BrokerHeartbeatResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        is_caught_up: bool [0..],
        is_fenced: bool [0.., default true],
        should_shut_down: bool [0..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: BrokerHeartbeatRequest, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    let heartbeat = Heartbeat {
        id: request.broker_id,
        epoch: request.broker_epoch,
        caught_up: request.current_metadata_offset,
        want_fence: request.want_fence,
        want_shutdown: request.want_shut_down,
    };
    broker.broker_speaks_on(to.conn, request.broker_id);
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::Heartbeat { caught_up, fenced, should_shutdown }) => BrokerHeartbeatResponse {
                is_caught_up: caught_up,
                is_fenced: fenced,
                should_shut_down: should_shutdown,
                ..Default::default()
            },
            other => BrokerHeartbeatResponse { error_code: Refusal::of(other).code.code(), ..Default::default() },
        };
        broker.reply(to, &response, out);
    };
    broker.command(cx.now, Command::Heartbeat(heartbeat), Box::new(then), out);
}
