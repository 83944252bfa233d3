//! UnregisterBroker (64), v0. A broker will not come back: the cluster forgets it (KIP-500).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Refusal, Reply};
use crate::wire::Str;

/// UnregisterBroker's place in the table.
pub enum UnregisterBroker {}

impl Api for UnregisterBroker {
    const KEY: i16 = 64;
    const NAME: &'static str = "UnregisterBroker";
    const SERVED: (i16, i16) = (0, 0);
    const AT: At = At::Controller;
    type Request<'a> = UnregisterBrokerRequest;
    type Response<'a> = UnregisterBrokerResponse<'a>;
}

message! {
    UnregisterBrokerRequest: key 64, versions 0..=0, flexible 0;
    struct UnregisterBrokerRequest {
        broker_id: i32 [0..],
    }
}

message! {
    UnregisterBrokerResponse<'a>: key 64, versions 0..=0, flexible 0;
    struct UnregisterBrokerResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: UnregisterBrokerRequest,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::Done) => UnregisterBrokerResponse { error_message: None, ..Default::default() },
            other => {
                let Refusal { code, message } = Refusal::of(other);
                UnregisterBrokerResponse {
                    error_code: code.code(),
                    error_message: Some(message.into()),
                    ..Default::default()
                }
            }
        };
        broker.reply(to, &response, out);
    };
    broker.command(cx.now, Command::UnregisterBroker(request.broker_id), Box::new(then), out);
}
