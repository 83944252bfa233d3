//! InitProducerId (22), v0–v5. Gives a producer its id and epoch (KIP-98).
//!
//! Since 3 a producer can ask for its next epoch (KIP-360). Version 6 (two phase commit, KIP-939) is declared and not
//! served: Apache Kafka 4.3 does not serve it either.

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, PRODUCER_ID_BLOCK, Refusal, Reply};
use crate::wire::Str;

/// InitProducerId's place in the table.
pub enum InitProducerId {}

impl Api for InitProducerId {
    const KEY: i16 = 22;
    const NAME: &'static str = "InitProducerId";
    const SERVED: (i16, i16) = (0, 5);
    type Request<'a> = InitProducerIdRequest<'a>;
    type Response<'a> = InitProducerIdResponse;
}

message! {
    InitProducerIdRequest<'a>: key 22, versions 0..=6, flexible 2;
    struct InitProducerIdRequest<'a> {
        transactional_id: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        transaction_timeout_ms: i32 [0..],
        producer_id: i64 [3.., default -1],
        producer_epoch: i16 [3.., default -1],
        enable2_pc: bool [6..],
        keep_prepared_txn: bool [6..],
    }
}

message! {
    InitProducerIdResponse: key 22, versions 0..=6, flexible 2;
    struct InitProducerIdResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        producer_id: i64 [0.., default -1],
        producer_epoch: i16 [0..],
        ongoing_txn_producer_id: i64 [6.., default -1],
        ongoing_txn_producer_epoch: i16 [6.., default -1],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: InitProducerIdRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let refused = match &request.transactional_id {
        Some(id) if id.is_empty() => Some(ErrorCode::InvalidRequest),
        Some(_) => Some(ErrorCode::CoordinatorNotAvailable), // transactions are not served yet
        None => None,
    };
    if let Some(code) = refused {
        return refuse(broker, cx, code, out);
    }
    if broker.producer_ids.0 < broker.producer_ids.1 {
        return give(broker, cx, out);
    }
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::ProducerIds(first)) => {
                // Others may have asked meanwhile: each of them got a block, the last one is kept.
                broker.producer_ids = (first + 1, first + PRODUCER_ID_BLOCK);
                InitProducerIdResponse { producer_id: first, producer_epoch: 0, ..Default::default() }
            }
            // No controller answered in time, or it does not know this broker any more: the producer tries again.
            _ if broker.settings.cluster.is_cluster() => InitProducerIdResponse {
                error_code: ErrorCode::CoordinatorLoadInProgress.code(),
                producer_epoch: -1,
                ..Default::default()
            },
            other => InitProducerIdResponse {
                error_code: Refusal::of(other).code.code(),
                producer_epoch: -1,
                ..Default::default()
            },
        };
        broker.reply(to, &response, out);
    };
    let (node, epoch) = (broker.node, broker.broker_epoch());
    broker.ask_controller(cx.now, Command::AllocateProducerIds { broker: node, epoch }, Box::new(then), out);
}

fn give(broker: &mut Broker, cx: Context<'_>, out: &mut Vec<Effect<'_>>) {
    let producer_id = broker.producer_ids.0;
    broker.producer_ids.0 += 1;
    broker.reply(cx.to, &InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() }, out);
}

fn refuse(broker: &Broker, cx: Context<'_>, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
    let response = InitProducerIdResponse { error_code: code.code(), producer_epoch: -1, ..Default::default() };
    broker.reply(cx.to, &response, out);
}
