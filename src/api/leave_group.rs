//! LeaveGroup (13), v0–v5. Takes members out of a group of the classic protocol.
//!
//! One member per request up to 2, a batch from 3 on, static ones among them (KIP-345). Since 5 with a reason (KIP-800).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::Leaver;
use crate::group::{Command, Reply};
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

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: LeaveGroupRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    if request.group_id.is_empty() {
        return answer(broker, to, ErrorCode::InvalidGroupId, Vec::new(), out);
    }
    let leavers: Vec<Leaver> = if to.version <= 2 {
        vec![Leaver { member_id: request.member_id.into_owned(), instance_id: None }]
    } else {
        let leaver = |m: MemberIdentity<'_>| Leaver {
            member_id: m.member_id.into_owned(),
            instance_id: m.group_instance_id.map(|id| id.into_owned()),
        };
        request.members.into_iter().map(leaver).collect()
    };
    let asked = leavers.clone();
    let then = move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| match result {
        Ok(Reply::Leave(codes)) => {
            let members = asked.into_iter().zip(codes).map(|(leaver, code)| MemberResponse {
                member_id: leaver.member_id.into(),
                group_instance_id: leaver.instance_id.map(Into::into),
                error_code: code.code(),
            });
            answer(broker, to, ErrorCode::None, members.collect(), out);
        }
        other => answer(broker, to, code_of(&other), Vec::new(), out),
    };
    broker.group(&request.group_id, Command::Leave(leavers), Box::new(then), out);
}

fn answer(broker: &Broker, to: ReplyTo, code: ErrorCode, members: Vec<MemberResponse<'_>>, out: &mut Vec<Effect<'_>>) {
    // Up to version 2 there is one member, and one code.
    let one = members.first().filter(|_| to.version <= 2).map(|member| member.error_code);
    let error_code = one.unwrap_or(code.code());
    broker.reply(to, &LeaveGroupResponse { error_code, members, ..Default::default() }, out);
}
