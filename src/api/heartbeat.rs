//! Heartbeat (12), v0–v4. Keeps a member of a classic group alive and tells it of rebalances.
//!
//! Since 3 a member can be static (KIP-345).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// Heartbeat's place in the table.
pub enum Heartbeat {}

impl Api for Heartbeat {
    const KEY: i16 = 12;
    const NAME: &'static str = "Heartbeat";
    const SERVED: (i16, i16) = (0, 4);
    type Request<'a> = HeartbeatRequest<'a>;
    type Response<'a> = HeartbeatResponse;
}

message! {
    HeartbeatRequest<'a>: key 12, versions 0..=4, flexible 4;
    struct HeartbeatRequest<'a> {
        group_id: Str<'a> [0..],
        generation_id: i32 [0..],
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [3.., null 3..],
    }
}

message! {
    HeartbeatResponse: key 12, versions 0..=4, flexible 4;
    struct HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, _request: HeartbeatRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let response = HeartbeatResponse { error_code: ErrorCode::CoordinatorNotAvailable.code(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
