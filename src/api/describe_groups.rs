//! DescribeGroups (15), v0–v6. Tells state and members of groups of the classic protocol.
//!
//! Since 3 the allowed operations can be asked for (KIP-430), since 4 static members show (KIP-345), since 6 a group that is
//! not there is an error with a message (KIP-1043).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
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
    let groups = request.groups.into_iter().map(|group_id| DescribedGroup {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        group_id,
        ..Default::default()
    });
    let response = DescribeGroupsResponse { groups: groups.collect(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
