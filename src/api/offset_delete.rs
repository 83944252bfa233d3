//! OffsetDelete (47), v0. Forgets a group's offsets of partitions that it does not read (KIP-496).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::wire::Str;

/// OffsetDelete's place in the table.
pub enum OffsetDelete {}

impl Api for OffsetDelete {
    const KEY: i16 = 47;
    const NAME: &'static str = "OffsetDelete";
    const SERVED: (i16, i16) = (0, 0);
    type Request<'a> = OffsetDeleteRequest<'a>;
    type Response<'a> = OffsetDeleteResponse<'a>;
}

message! {
    OffsetDeleteRequest<'a>: key 47, versions 0..=0, flexible none;
    struct OffsetDeleteRequest<'a> {
        group_id: Str<'a> [0..],
        topics: Vec<OffsetDeleteRequestTopic<'a>> [0..],
    }
    struct OffsetDeleteRequestTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }
    struct OffsetDeleteRequestPartition {
        partition_index: i32 [0..],
    }
}

message! {
    OffsetDeleteResponse<'a>: key 47, versions 0..=0, flexible none;
    struct OffsetDeleteResponse<'a> {
        error_code: i16 [0..],
        throttle_time_ms: i32 [0..],
        topics: Vec<OffsetDeleteResponseTopic<'a>> [0..],
    }
    struct OffsetDeleteResponseTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }
    struct OffsetDeleteResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    _request: OffsetDeleteRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let response = OffsetDeleteResponse { error_code: ErrorCode::CoordinatorNotAvailable.code(), ..Default::default() };
    broker.reply(cx.to, &response, out);
}
