//! QuorumMessage (16000, kq's own), v0. What the nodes of the metadata quorum tell each other (Raft). One way: it has no
//! reply, and comes through a controller listener only.

use crate::broker::{Broker, ReplyTo};
use crate::event::{Effect, Lane};
use crate::message;
use crate::types::Millis;
use crate::wire::header::RequestHeader;
use crate::wire::{Bytes, Message, Reader, WireError, Writer};

message! {
    QuorumMessageRequest<'a>: key 16000, versions 0..=0, flexible 0;
    struct QuorumMessageRequest<'a> {
        message: Bytes<'a> [0..],
    }
}

/// Reads a request frame and hands its message to the quorum. A sender of nonsense loses its connection.
///
/// # Errors
/// What cannot be read.
pub(super) fn take(
    broker: &mut Broker,
    now: Millis,
    to: ReplyTo,
    frame: &[u8],
    out: &mut Vec<Effect<'_>>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(frame);
    RequestHeader::decode(&mut reader, true)?;
    let request = QuorumMessageRequest::read(&frame[reader.position()..], 0)?;
    let ReplyTo { conn, slot, .. } = to;
    match broker.quorum_told(now, &request.message, out) {
        Ok(()) => out.push(Effect::Reply { conn, slot, chunks: Vec::new(), throttle_ms: 0 }),
        Err(e) => out.push(Effect::Close { conn, reason: format!("bad message of the quorum: {e}") }),
    }
    Ok(())
}

/// Sends what the quorum has to say: to be called after every step.
pub fn pump(broker: &mut Broker, out: &mut Vec<Effect<'_>>) {
    for (node, message) in broker.take_quorum_messages() {
        out.push(Effect::Send { node, lane: Lane::Quorum, frame: frame(message) });
    }
}

/// A message as a request frame, without its four length bytes.
fn frame(message: Vec<u8>) -> Vec<u8> {
    let header = RequestHeader { api_key: QuorumMessageRequest::KEY, ..RequestHeader::default() };
    let mut w = Writer::with_capacity(message.len() + 32);
    header.encode(&mut w, true);
    QuorumMessageRequest { message: message.into() }.write(&mut w, 0);
    w.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_frame() {
        let frame = frame(vec![1, 2, 3]);
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader, true).expect("a header");
        assert_eq!((header.api_key, header.api_version), (16000, 0));
        let request = QuorumMessageRequest::read(&frame[reader.position()..], 0).expect("a body");
        assert_eq!(request.message.as_ref(), [1, 2, 3]);
    }
}
