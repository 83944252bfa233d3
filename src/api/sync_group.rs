//! SyncGroup (14), v0–v5. Brings the leader's assignment to the coordinator, and to each member its part.
//!
//! Since 3 a member can be static (KIP-345), since 5 protocol type and name are checked (KIP-559).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::{Identity, Sync};
use crate::group::{Command, Reply};
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

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: SyncGroupRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    if request.group_id.is_empty() {
        return refuse(broker, to, ErrorCode::InvalidGroupId, out);
    }
    let assignments = request.assignments.into_iter().map(|a| (a.member_id.into_owned(), a.assignment.into_owned()));
    let sync = Sync {
        who: Identity {
            member_id: request.member_id.into_owned(),
            instance_id: request.group_instance_id.map(|id| id.into_owned()),
            generation: request.generation_id,
        },
        protocol_type: request.protocol_type.map(|name| name.into_owned()),
        protocol: request.protocol_name.map(|name| name.into_owned()),
        assignments: assignments.collect(),
    };
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
        let synced = match result {
            Ok(Reply::Sync(synced)) => synced,
            other => return refuse(broker, to, code_of(&other), out),
        };
        let response = SyncGroupResponse {
            protocol_type: synced.protocol_type.map(Into::into),
            protocol_name: synced.protocol.map(Into::into),
            assignment: synced.assignment.into(),
            ..Default::default()
        };
        broker.reply(to, &response, out);
    };
    broker.group(&request.group_id, Command::Sync(sync), Box::new(then), out);
}

fn refuse(broker: &Broker, to: ReplyTo, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
    broker.reply(to, &SyncGroupResponse { error_code: code.code(), ..Default::default() }, out);
}
