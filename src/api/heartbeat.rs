//! Heartbeat (12), v0–v4. Keeps a member of a classic group alive and tells it of rebalances.
//!
//! Since 3 a member can be static (KIP-345).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::Command;
use crate::group::command::Identity;
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

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: HeartbeatRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    if request.group_id.is_empty() {
        return answer(broker, to, ErrorCode::InvalidGroupId, out);
    }
    let who = Identity {
        member_id: request.member_id.into_owned(),
        instance_id: request.group_instance_id.map(|id| id.into_owned()),
        generation: request.generation_id,
    };
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
        let code = match code_of(&result) {
            // Nobody can be late before the coordinator knows its members: Kafka answers blindly, too.
            ErrorCode::CoordinatorLoadInProgress => ErrorCode::None,
            code => code,
        };
        answer(broker, to, code, out);
    };
    broker.group(&request.group_id, Command::Heartbeat(who), Box::new(then), out);
}

fn answer(broker: &Broker, to: ReplyTo, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
    broker.reply(to, &HeartbeatResponse { error_code: code.code(), ..Default::default() }, out);
}
