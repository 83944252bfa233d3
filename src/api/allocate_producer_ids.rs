//! AllocateProducerIds (67), v0. A broker gets a block of producer ids from the active controller (KIP-730).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, PRODUCER_ID_BLOCK, Refusal, Reply};

/// AllocateProducerIds's place in the table.
pub enum AllocateProducerIds {}

impl Api for AllocateProducerIds {
    const KEY: i16 = 67;
    const NAME: &'static str = "AllocateProducerIds";
    const SERVED: (i16, i16) = (0, 0);
    const AT: At = At::Internal;
    type Request<'a> = AllocateProducerIdsRequest;
    type Response<'a> = AllocateProducerIdsResponse;
}

message! {
    AllocateProducerIdsRequest: key 67, versions 0..=0, flexible 0;
    struct AllocateProducerIdsRequest {
        broker_id: i32 [0..],
        broker_epoch: i64 [0.., default -1],
    }
}

message! {
    AllocateProducerIdsResponse: key 67, versions 0..=0, flexible 0;
    struct AllocateProducerIdsResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        producer_id_start: i64 [0..],
        producer_id_len: i32 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: AllocateProducerIdsRequest,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::ProducerIds(first)) => AllocateProducerIdsResponse {
                producer_id_start: first,
                producer_id_len: PRODUCER_ID_BLOCK as i32,
                ..Default::default()
            },
            other => AllocateProducerIdsResponse { error_code: Refusal::of(other).code.code(), ..Default::default() },
        };
        broker.reply(to, &response, out);
    };
    let command = Command::AllocateProducerIds { broker: request.broker_id, epoch: request.broker_epoch };
    broker.command(cx.now, command, Box::new(then), out);
}
