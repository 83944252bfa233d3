//! From a frame to its handler: header, version, body. What cannot be answered closes the connection, as in Kafka.

use super::quorum_message::{self, QuorumMessageRequest};
use super::{Api, At, api_versions, find, handle};
use crate::broker::{Broker, ReplyTo};
use crate::event::{Effect, Peer};
use crate::types::{ConnId, Millis};
use crate::wire::header::RequestHeader;
use crate::wire::{Chunk, Message, Reader, WireError};

/// A request frame on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The connection.
    pub conn: ConnId,
    /// The frame's place on it.
    pub slot: u64,
    /// The other end.
    pub peer: &'a Peer,
    /// Header and body.
    pub bytes: &'a [u8],
}

/// What every handler is told besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Millis,
    /// Whom to answer.
    pub to: ReplyTo,
    /// The other end.
    pub peer: &'a Peer,
    /// The client's name for itself; empty when it has none.
    pub client_id: &'a str,
}

impl Context<'_> {
    /// The client's address in the form that Kafka keeps with members of groups.
    pub fn client_host(&self) -> String {
        format!("/{}", self.peer.host)
    }
}

/// Decodes a frame and runs its handler.
pub fn dispatch<'a>(broker: &mut Broker, now: Millis, frame: Frame<'a>, out: &mut Vec<Effect<'a>>) {
    if let Err(reason) = try_dispatch(broker, now, frame, out) {
        out.push(Effect::Close { conn: frame.conn, reason });
    }
}

fn try_dispatch<'a>(
    broker: &mut Broker,
    now: Millis,
    frame: Frame<'a>,
    out: &mut Vec<Effect<'a>>,
) -> Result<(), String> {
    let bad = |e: WireError| format!("bad request header: {e}");
    let (key, version, correlation_id) = RequestHeader::peek(frame.bytes).map_err(bad)?;
    let for_nodes = broker.settings.is_controller_listener(frame.peer.listener);
    let to = ReplyTo { conn: frame.conn, slot: frame.slot, version, correlation_id };
    if for_nodes && key == QuorumMessageRequest::KEY {
        return quorum_message::take(broker, now, to, frame.bytes, out).map_err(bad);
    }
    let Some(row) = find(key) else {
        return Err(format!("API key {key} version {version} is not served"));
    };
    match for_nodes {
        true if !row.is_for_nodes() => return Err(format!("{} is not served on a controller's listener", row.name)),
        false if !row.is_for_clients() => return Err(format!("{} is for nodes among each other", row.name)),
        _ => {}
    }
    if !row.serves(version) {
        if key == api_versions::ApiVersions::KEY {
            // KIP-511: the client learns the ranges from an answer that every client can read.
            let to = ReplyTo { version: 0, ..to };
            api_versions::refuse(broker, to, frame.peer.listener, out);
            return Ok(());
        }
        return Err(format!(
            "{} version {version} is not served (versions {} to {} are)",
            row.name, row.served.0, row.served.1
        ));
    }
    // What came from another node stays here: it must not go in circles while nobody is sure who the controller is.
    // A node that is alone finds no other controller: its handler says what is wrong.
    let elsewhere = broker.settings.cluster.is_cluster() && !broker.is_controller();
    if row.at == At::Controller && !for_nodes && elsewhere {
        broker.pass_on(now, frame.conn, frame.slot, frame.bytes, out);
        return Ok(());
    }
    if row.at == At::Controller && for_nodes && elsewhere {
        // Nor is it looked at: what is known here may be old. An answer without a body sends it on to the controller.
        let chunks = vec![Chunk::Bytes(correlation_id.to_be_bytes().to_vec())];
        out.push(Effect::Reply { conn: frame.conn, slot: frame.slot, chunks, throttle_ms: 0 });
        return Ok(());
    }
    let mut reader = Reader::new(frame.bytes);
    let header = RequestHeader::decode(&mut reader, version >= row.flexible_from).map_err(bad)?;
    let body = &frame.bytes[reader.position()..];
    let cx = Context { now, to, peer: frame.peer, client_id: header.client_id.as_deref().unwrap_or_default() };
    match handle(key, broker, cx, body, out) {
        Some(Ok(())) => Ok(()),
        Some(Err(e)) => Err(format!("bad {} v{version} request: {e}", row.name)),
        None => Err(format!("{} has no handler", row.name)),
    }
}
