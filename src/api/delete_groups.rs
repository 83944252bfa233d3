//! DeleteGroups (42), v0–v2. Deletes groups without members, and their offsets (KIP-229).

use super::{Api, Context, code_of};
use crate::broker::{Broker, GroupResult};
use crate::event::Effect;
use crate::group::Command;
use crate::message;
use crate::wire::Str;

/// DeleteGroups's place in the table.
pub enum DeleteGroups {}

impl Api for DeleteGroups {
    const KEY: i16 = 42;
    const NAME: &'static str = "DeleteGroups";
    const SERVED: (i16, i16) = (0, 2);
    type Request<'a> = DeleteGroupsRequest<'a>;
    type Response<'a> = DeleteGroupsResponse<'a>;
}

message! {
    DeleteGroupsRequest<'a>: key 42, versions 0..=2, flexible 2;
    struct DeleteGroupsRequest<'a> {
        groups_names: Vec<Str<'a>> [0..],
    }
}

message! {
    DeleteGroupsResponse<'a>: key 42, versions 0..=2, flexible 2;
    struct DeleteGroupsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<DeletableGroupResult<'a>> [0..],
    }
    struct DeletableGroupResult<'a> {
        group_id: Str<'a> [0..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DeleteGroupsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let names: Vec<String> = request.groups_names.into_iter().map(|name| name.into_owned()).collect();
    let commands = names.iter().map(|name| (name.clone(), Command::Delete)).collect();
    let then = move |broker: &mut Broker, results: Vec<GroupResult>, out: &mut Vec<Effect<'_>>| {
        let results = names
            .into_iter()
            .zip(&results)
            .map(|(name, result)| DeletableGroupResult { group_id: name.into(), error_code: code_of(result).code() });
        broker.reply(to, &DeleteGroupsResponse { results: results.collect(), ..Default::default() }, out);
    };
    broker.group_all(commands, Box::new(then), out);
}
