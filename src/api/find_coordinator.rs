//! FindCoordinator (10), v0–v6. Says which broker coordinates a group or a transactional id.
//!
//! One key per request up to 3, a batch from 4 on (KIP-699).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// FindCoordinator's place in the table.
pub enum FindCoordinator {}

impl Api for FindCoordinator {
    const KEY: i16 = 10;
    const NAME: &'static str = "FindCoordinator";
    const SERVED: (i16, i16) = (0, 6);
    type Request<'a> = FindCoordinatorRequest<'a>;
    type Response<'a> = FindCoordinatorResponse<'a>;
}

message! {
    FindCoordinatorRequest<'a>: key 10, versions 0..=6, flexible 3;
    struct FindCoordinatorRequest<'a> {
        key: Str<'a> [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<Str<'a>> [4..],
    }
}

message! {
    FindCoordinatorResponse<'a>: key 10, versions 0..=6, flexible 3;
    struct FindCoordinatorResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..=3],
        error_message: Option<Str<'a>> [1..=3, null 1..=3, default Some(Str::Borrowed(""))],
        node_id: i32 [0..=3],
        host: Str<'a> [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator<'a>> [4..],
    }
    struct Coordinator<'a> {
        key: Str<'a> [4..],
        node_id: i32 [4..],
        host: Str<'a> [4..],
        port: i32 [4..],
        error_code: i16 [4..],
        error_message: Option<Str<'a>> [4.., null 4.., default Some(Str::Borrowed(""))],
    }
}

/// What this version has to say of groups and transactions.
const NOT_SERVED: &str = "kq does not serve consumer groups and transactions yet: assign partitions by hand";

/// No coordinator is there, and a client that hears so retries in vain no more than it must: the honest answer.
pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: FindCoordinatorRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let code = match request.key_type {
        0..=2 => ErrorCode::CoordinatorNotAvailable.code(),
        _ => ErrorCode::InvalidRequest.code(),
    };
    let coordinators = request.coordinator_keys.into_iter().map(|key| Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code: code,
        error_message: Some(NOT_SERVED.into()),
        ..Default::default()
    });
    let response = FindCoordinatorResponse {
        error_code: code,
        error_message: Some(NOT_SERVED.into()),
        node_id: -1,
        port: -1,
        coordinators: coordinators.collect(),
        ..Default::default()
    };
    broker.reply(cx.to, &response, out);
}
