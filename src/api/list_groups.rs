//! ListGroups (16), v0–v5. Lists the groups that this broker coordinates.
//!
//! Since 4 by state (KIP-518), since 5 by type (KIP-848).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::command::Listed;
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

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: ListGroupsRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let to = cx.to;
    let owned = |filter: Vec<Str<'_>>| filter.into_iter().map(|word| word.trim().to_owned()).collect::<Vec<String>>();
    let (states, kinds) = (owned(request.states_filter), owned(request.types_filter));
    let then = move |broker: &mut Broker, result: Result<Vec<Listed>, ErrorCode>, out: &mut Vec<Effect<'_>>| {
        let groups = match result {
            Ok(groups) => groups,
            Err(code) => {
                let response = ListGroupsResponse { error_code: code.code(), ..Default::default() };
                return broker.reply(to, &response, out);
            }
        };
        let wanted = |filter: &[String], value: &str| {
            filter.is_empty() || filter.iter().any(|word| word.eq_ignore_ascii_case(value))
        };
        let groups = groups.into_iter().filter(|group| wanted(&states, group.state) && wanted(&kinds, group.kind)).map(
            |group| ListedGroup {
                group_id: group.id.into(),
                protocol_type: group.protocol_type.into(),
                group_state: group.state.into(),
                group_type: group.kind.into(),
            },
        );
        broker.reply(to, &ListGroupsResponse { groups: groups.collect(), ..Default::default() }, out);
    };
    broker.list_groups(Box::new(then), out);
}
