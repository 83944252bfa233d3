//! LeaveGroup (13), v0–v5. Takes members out of a group of the classic protocol.
//!
//! One member per request up to 2, a batch from 3 on, static ones among them (KIP-345). Since 5 with a reason (KIP-800).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// LeaveGroup's place in the table.
pub enum LeaveGroup {}

impl Api for LeaveGroup {
    const KEY: i16 = 13;
    const NAME: &'static str = "LeaveGroup";
    const SERVED: (i16, i16) = (0, 5);
    type Request<'a> = LeaveGroupRequest<'a>;
    type Response<'a> = LeaveGroupResponse<'a>;
}

message! {
    LeaveGroupRequest<'a>: key 13, versions 0..=5, flexible 4;
    struct LeaveGroupRequest<'a> {
        group_id: Str<'a> [0..],
        member_id: Str<'a> [0..=2],
        members: Vec<MemberIdentity<'a>> [3..],
    }
    struct MemberIdentity<'a> {
        member_id: Str<'a> [3..],
        group_instance_id: Option<Str<'a>> [3.., null 3..],
        reason: Option<Str<'a>> [5.., null 5..],
    }
}

message! {
    LeaveGroupResponse<'a>: key 13, versions 0..=5, flexible 4;
    struct LeaveGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        members: Vec<MemberResponse<'a>> [3..],
    }
    struct MemberResponse<'a> {
        member_id: Str<'a> [3..],
        group_instance_id: Option<Str<'a>> [3.., null 3.., default Some(Str::Borrowed(""))],
        error_code: i16 [3..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, _request: LeaveGroupRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let response = LeaveGroupResponse {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        members: Vec::new(),
        ..Default::default()
    };
    broker.reply(cx.to, &response, out);
}
