//! DescribeGroups (15), v0–v6. Tells state and members of groups of the classic protocol.
//!
//! Since 3 the allowed operations can be asked for (KIP-430), since 4 static members show (KIP-345), since 6 a group that is
//! not there is an error with a message (KIP-1043).

use super::{Api, Context, GROUP_OPERATIONS, code_of};
use crate::broker::{Broker, GroupResult};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::{Command, Reply};
use crate::message;
use crate::wire::{Bytes, Str};

/// DescribeGroups's place in the table.
pub enum DescribeGroups {}

impl Api for DescribeGroups {
    const KEY: i16 = 15;
    const NAME: &'static str = "DescribeGroups";
    const SERVED: (i16, i16) = (0, 6);
    type Request<'a> = DescribeGroupsRequest<'a>;
    type Response<'a> = DescribeGroupsResponse<'a>;
}

message! {
    DescribeGroupsRequest<'a>: key 15, versions 0..=6, flexible 5;
    struct DescribeGroupsRequest<'a> {
        groups: Vec<Str<'a>> [0..],
        include_authorized_operations: bool [3..],
    }
}

message! {
    DescribeGroupsResponse<'a>: key 15, versions 0..=6, flexible 5;
    struct DescribeGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        groups: Vec<DescribedGroup<'a>> [0..],
    }
    struct DescribedGroup<'a> {
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [6.., null 6..],
        group_id: Str<'a> [0..],
        group_state: Str<'a> [0..],
        protocol_type: Str<'a> [0..],
        protocol_data: Str<'a> [0..],
        members: Vec<DescribedGroupMember<'a>> [0..],
        authorized_operations: i32 [3.., default i32::MIN],
    }
    struct DescribedGroupMember<'a> {
        member_id: Str<'a> [0..],
        group_instance_id: Option<Str<'a>> [4.., null 4..],
        client_id: Str<'a> [0..],
        client_host: Str<'a> [0..],
        member_metadata: Bytes<'a> [0..],
        member_assignment: Bytes<'a> [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeGroupsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let names: Vec<String> = request.groups.into_iter().map(|name| name.into_owned()).collect();
    let operations = if request.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let commands = names.iter().map(|name| (name.clone(), Command::Describe)).collect();
    let then = move |broker: &mut Broker, results: Vec<GroupResult>, out: &mut Vec<Effect<'_>>| {
        let groups = names.into_iter().zip(results).map(|(name, result)| DescribedGroup {
            authorized_operations: operations,
            ..one(name, result, to.version)
        });
        broker.reply(to, &DescribeGroupsResponse { groups: groups.collect(), ..Default::default() }, out);
    };
    broker.group_all(commands, Box::new(then), out);
}

fn one(name: String, result: GroupResult, version: i16) -> DescribedGroup<'static> {
    let group_id = name.into();
    match result {
        Ok(Reply::Described(group)) => {
            let members = group.members.into_iter().map(|m| DescribedGroupMember {
                member_id: m.member_id.into(),
                group_instance_id: m.instance_id.map(Into::into),
                client_id: m.client_id.into(),
                client_host: m.client_host.into(),
                member_metadata: m.metadata.into(),
                member_assignment: m.assignment.into(),
            });
            DescribedGroup {
                group_id,
                group_state: group.state.into(),
                protocol_type: group.protocol_type.into(),
                protocol_data: group.protocol.into(),
                members: members.collect(),
                ..Default::default()
            }
        }
        // Before version 6 a group that is not there was called dead, and that was no error.
        Ok(Reply::Refused(refusal)) if refusal.code == ErrorCode::GroupIdNotFound => DescribedGroup {
            group_id,
            group_state: "Dead".into(),
            error_code: if version >= 6 { refusal.code.code() } else { 0 },
            error_message: refusal.message.map(Into::into),
            ..Default::default()
        },
        other => DescribedGroup { group_id, error_code: code_of(&other).code(), ..Default::default() },
    }
}
