//! InitProducerId (22), v0–v5. Gives a producer its id and epoch (KIP-98).
//!
//! Since 3 a producer can ask for its next epoch (KIP-360). Version 6 (two phase commit, KIP-939) is declared and not
//! served: Apache Kafka 4.3 does not serve it either.

use super::Api;
use crate::message;
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
