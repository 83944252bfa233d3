//! JoinGroup (11), v0–v9. Takes a member into a group of the classic protocol and tells it the generation.
//!
//! Since 4 a new member is first given its id (KIP-394), since 5 a member can be static (KIP-345), since 7 the answer names
//! protocol type and name (KIP-559), since 8 a reason can be given (KIP-800), since 9 a leader may be told to skip the
//! assignment (KIP-814).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::{Bytes, Str};

/// JoinGroup's place in the table.
pub enum JoinGroup {}

impl Api for JoinGroup {
    const KEY: i16 = 11;
    const NAME: &'static str = "JoinGroup";
    const SERVED: (i16, i16) = (0, 9);
    type Request<'a> = JoinGroupRequest<'a>;
    type Response<'a> = JoinGroupResponse<'a>;
}

message! {
    JoinGroupRequest<'a>: key 11, versions 0..=9, flexible 6;
    struct JoinGroupRequest<'a> {
        group_id: Str<'a> [0..],
        session_timeout_ms: i32 [0..],
        rebalance_timeout_ms: i32 [1.., default -1],
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [5.., null 5..],
        protocol_type: Str<'a> [0..],
        protocols: Vec<JoinGroupRequestProtocol<'a>> [0..],
        reason: Option<Str<'a>> [8.., null 8..],
    }
    struct JoinGroupRequestProtocol<'a> {
        name: Str<'a> [0..],
        metadata: Bytes<'a> [0..],
    }
}

message! {
    JoinGroupResponse<'a>: key 11, versions 0..=9, flexible 6;
    struct JoinGroupResponse<'a> {
        throttle_time_ms: i32 [2..],
        error_code: i16 [0..],
        generation_id: i32 [0.., default -1],
        protocol_type: Option<Str<'a>> [7.., null 7..],
        protocol_name: Option<Str<'a>> [0.., null 7.., default Some(Str::Borrowed(""))],
        leader: Str<'a> [0..],
        skip_assignment: bool [9..],
        member_id: Str<'a> [0..],
        members: Vec<JoinGroupResponseMember<'a>> [0..],
    }
    struct JoinGroupResponseMember<'a> {
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [5.., null 5..],
        metadata: Bytes<'a> [0..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: JoinGroupRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let response = JoinGroupResponse {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        member_id: request.member_id,
        ..Default::default()
    };
    broker.reply(cx.to, &response, out);
}
