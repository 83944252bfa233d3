//! ListGroups (16), v0–v5. Lists the groups that this broker coordinates.
//!
//! Since 4 by state (KIP-518), since 5 by type (KIP-848).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// ListGroups's place in the table.
pub enum ListGroups {}

impl Api for ListGroups {
    const KEY: i16 = 16;
    const NAME: &'static str = "ListGroups";
    const SERVED: (i16, i16) = (0, 5);
    type Request<'a> = ListGroupsRequest<'a>;
    type Response<'a> = ListGroupsResponse<'a>;
}

message! {
    ListGroupsRequest<'a>: key 16, versions 0..=5, flexible 3;
    struct ListGroupsRequest<'a> {
        states_filter: Vec<Str<'a>> [4..],
        types_filter: Vec<Str<'a>> [5..],
    }
}

message! {
    ListGroupsResponse<'a>: key 16, versions 0..=5, flexible 3;
    struct ListGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        groups: Vec<ListedGroup<'a>> [0..],
    }
    struct ListedGroup<'a> {
        group_id: Str<'a> [0..],
        protocol_type: Str<'a> [0..],
        group_state: Str<'a> [4..],
        group_type: Str<'a> [5..],
    }
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, _request: ListGroupsRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let response = ListGroupsResponse { error_code: ErrorCode::CoordinatorNotAvailable.code(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
