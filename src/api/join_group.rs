//! JoinGroup (11), v0–v9. Takes a member into a group of the classic protocol and tells it the generation.
//!
//! Since 4 a new member is first given its id (KIP-394), since 5 a member can be static (KIP-345), since 7 the answer names
//! protocol type and name (KIP-559), since 8 a reason can be given (KIP-800), since 9 a leader may be told to skip the
//! assignment (KIP-814).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::Join;
use crate::group::{Command, Reply};
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
    let to = cx.to;
    let settings = &broker.settings.groups;
    let refused = if request.group_id.is_empty() {
        Some(ErrorCode::InvalidGroupId)
    } else if !(settings.min_session_timeout_ms..=settings.max_session_timeout_ms).contains(&request.session_timeout_ms)
    {
        Some(ErrorCode::InvalidSessionTimeout)
    } else {
        None
    };
    let member_id = request.member_id.into_owned();
    if let Some(code) = refused {
        return refuse(broker, to, code, member_id, out);
    }
    let join = Join {
        member_id: member_id.clone(),
        instance_id: request.group_instance_id.map(|id| id.into_owned()),
        client_id: cx.client_id.to_owned(),
        client_host: cx.client_host(),
        session_timeout_ms: request.session_timeout_ms,
        // Version 0 knows one timeout for both.
        rebalance_timeout_ms: if to.version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms },
        protocol_type: request.protocol_type.into_owned(),
        protocols: request.protocols.into_iter().map(|p| (p.name.into_owned(), p.metadata.into_owned())).collect(),
        needs_member_id: to.version >= 4,
        may_skip_assignment: to.version >= 9,
    };
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
        let joined = match result {
            Ok(Reply::Join(joined)) => joined,
            other => return refuse(broker, to, code_of(&other), member_id, out),
        };
        if !joined.code.is_none() {
            return refuse(broker, to, joined.code, joined.member_id, out);
        }
        let members = joined.members.into_iter().map(|m| JoinGroupResponseMember {
            member_id: m.member_id.into(),
            group_instance_id: m.instance_id.map(Into::into),
            metadata: m.metadata.into(),
        });
        let response = JoinGroupResponse {
            generation_id: joined.generation,
            protocol_type: joined.protocol_type.map(Into::into),
            protocol_name: Some(joined.protocol.unwrap_or_default().into()),
            leader: joined.leader.into(),
            skip_assignment: joined.skip_assignment,
            member_id: joined.member_id.into(),
            members: members.collect(),
            ..Default::default()
        };
        broker.reply(to, &response, out);
    };
    broker.group(&request.group_id, Command::Join(join), Box::new(then), out);
}

fn refuse(broker: &Broker, to: ReplyTo, code: ErrorCode, member_id: String, out: &mut Vec<Effect<'_>>) {
    let response = JoinGroupResponse { error_code: code.code(), member_id: member_id.into(), ..Default::default() };
    broker.reply(to, &response, out);
}
