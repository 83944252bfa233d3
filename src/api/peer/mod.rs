//! Requests to other nodes: written here, and their replies read, which are taken for hostile until they make sense.
//!
//! Nodes of a cluster are of one version: every request goes out in the highest version that this one serves. State is
//! kept in `broker`: who is asked what, and what a reply answers.

mod control;
mod fetch;

use super::{Api, quorum_message};
use crate::broker::Broker;
use crate::event::{Effect, Lane};
use crate::types::{Millis, NodeId};
use crate::wire::header::{RequestHeader, decode_response};
use crate::wire::{Message, Reader, Writer};

/// What a node calls itself towards the others.
const CLIENT_ID: &str = "kqd";

/// Sends what is due. Called after every step.
pub fn pump(broker: &mut Broker, now: Millis, out: &mut Vec<Effect<'_>>) {
    if !broker.settings.cluster.is_cluster() {
        return;
    }
    quorum_message::pump(broker, out);
    control::pump(broker, now, out);
    fetch::pump(broker, now, out);
}

/// The next reply on a lane.
pub fn reply<'a>(
    broker: &mut Broker,
    now: Millis,
    node: NodeId,
    lane: Lane,
    bytes: &'a [u8],
    out: &mut Vec<Effect<'a>>,
) {
    match lane {
        Lane::Quorum => broker.distrust(now, node, lane, "nothing was asked", out),
        Lane::Control => control::reply(broker, now, node, bytes, out),
        Lane::Fetch => fetch::reply(broker, now, node, bytes, out),
    }
}

/// A lane broke: what was under way on it has no reply.
pub fn lost(broker: &mut Broker, now: Millis, node: NodeId, lane: Lane, out: &mut Vec<Effect<'_>>) {
    match lane {
        Lane::Quorum => {
            broker.quorum_lost(now, node, out);
            broker.broker_may_be_gone(now, node, out);
        }
        Lane::Control => broker.control_lost(now, node),
        Lane::Fetch => broker.fetch_lost(now, node),
    }
}

/// A request frame.
fn request<'m, A: Api>(correlation_id: i32, body: &A::Request<'m>) -> Vec<u8> {
    let version = A::SERVED.1;
    let header =
        RequestHeader { api_key: A::KEY, api_version: version, correlation_id, client_id: Some(CLIENT_ID.into()) };
    let mut w = Writer::with_capacity(256);
    header.encode(&mut w, version >= <A::Request<'m> as Message<'m>>::FLEXIBLE_FROM);
    body.write(&mut w, version);
    w.into_bytes()
}

/// The reply to the request of this number.
///
/// # Errors
/// Why it is none.
fn response<'a, A: Api>(correlation_id: i32, bytes: &'a [u8]) -> Result<A::Response<'a>, String> {
    let version = A::SERVED.1;
    let flexible = version >= <A::Response<'a> as Message<'a>>::FLEXIBLE_FROM;
    let mut r = Reader::new(bytes);
    let bad = |e| format!("{}: {e}", A::NAME);
    let number = decode_response(&mut r, A::KEY, flexible).map_err(bad)?;
    if number != correlation_id {
        return Err(format!("{}: it answers request {number}, and {correlation_id} is the next", A::NAME));
    }
    let at = r.position();
    A::Response::read(&bytes[at..], version).map_err(bad)
}
