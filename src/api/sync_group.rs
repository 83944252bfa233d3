//! SyncGroup (14), v0–v5. Brings the leader's assignment to the coordinator, and to each member its part.
//!
//! Since 3 a member can be static (KIP-345), since 5 protocol type and name are checked (KIP-559).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::{Bytes, Str};

/// SyncGroup's place in the table.
pub enum SyncGroup {}

impl Api for SyncGroup {
    const KEY: i16 = 14;
    const NAME: &'static str = "SyncGroup";
    const SERVED: (i16, i16) = (0, 5);
    type Request<'a> = SyncGroupRequest<'a>;
    type Response<'a> = SyncGroupResponse<'a>;
}

message! {
    SyncGroupRequest<'a>: key 14, versions 0..=5, flexible 4;
    struct SyncGroupRequest<'a> {
        group_id: Str<'a> [0..],
        generation_id: i32 [0..],
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [3.., null 3..],
        protocol_type: Option<Str<'a>> [5.., null 5..],
        protocol_name: Option<Str<'a>> [5.., null 5..],
        assignments: Vec<SyncGroupRequestAssignment<'a>> [0..],
    }
    struct SyncGroupRequestAssignment<'a> {
        member_id: Str<'a> [0..],
        assignment: Bytes<'a> [0..],
    }
}

message! {
    SyncGroupResponse<'a>: key 14, versions 0..=5, flexible 4;
    struct SyncGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        protocol_type: Option<Str<'a>> [5.., null 5..],
        protocol_name: Option<Str<'a>> [5.., null 5..],
        assignment: Bytes<'a> [0..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, _request: SyncGroupRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let response = SyncGroupResponse { error_code: ErrorCode::CoordinatorNotAvailable.code(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
