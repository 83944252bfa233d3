//! What the nodes of a quorum tell each other: raft's own messages, checked before raft sees them, because it ends the
//!
//! ```text
//! 0, then a raft message (protobuf, raft-rs' eraftpb.proto)
//! 1, then from i32, term i64, last i64: the sender's log ends at `last`, before what it once said it had
//! ```

use super::{Index, Term, raft_id};
use crate::types::NodeId;
use crate::wire::{Reader, WireError, Writer};
use protobuf::Message as _;
use raft::eraftpb::{EntryType, Message, MessageType};
use std::fmt;

const RAFT: u8 = 0;
const SHORT: u8 = 1;

/// Why a message is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMessage(String);

impl BadMessage {
    pub(super) fn new(what: impl Into<String>) -> Self {
        BadMessage(what.into())
    }
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message that can be read.
pub(super) enum Told {
    Raft(Box<Message>),
    Short { from: NodeId, term: Term, last: Index },
}

pub(super) fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = vec![RAFT];
    message.write_to_vec(&mut bytes).expect("a message of our own has all its fields");
    bytes
}

pub(super) fn encode_short(from: NodeId, term: Term, last: Index) -> Vec<u8> {
    let mut w = Writer::new();
    w.i8(SHORT as i8);
    w.i32(from);
    w.i64(term as i64);
    w.i64(last as i64);
    w.into_bytes()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Told, BadMessage> {
    match bytes.split_first() {
        Some((&RAFT, rest)) => {
            let message = Message::parse_from_bytes(rest).map_err(|e| BadMessage::new(e.to_string()))?;
            Ok(Told::Raft(Box::new(message)))
        }
        Some((&SHORT, rest)) => {
            let bad = |e: WireError| BadMessage::new(e.to_string());
            let mut r = Reader::new(rest);
            let (from, term, last) = (r.i32().map_err(bad)?, r.i64().map_err(bad)?, r.i64().map_err(bad)?);
            Ok(Told::Short { from, term: term as u64, last: last as u64 })
        }
        Some((kind, _)) => Err(BadMessage::new(format!("kind {kind} is not known: sent by a newer kqd?"))),
        None => Err(BadMessage::new("it is empty")),
    }
}

/// Whether `message` may reach the node `me` among `voters`, which has sent entries up to `last`.
pub(super) fn check(message: &Message, me: NodeId, voters: &[NodeId], last: Index) -> Result<(), BadMessage> {
    use MessageType::{
        MsgAppend, MsgAppendResponse, MsgHeartbeat, MsgHeartbeatResponse, MsgRequestPreVote, MsgRequestPreVoteResponse,
        MsgRequestVote, MsgRequestVoteResponse, MsgSnapshot, MsgTimeoutNow,
    };
    let refuse = |what: &str| Err(BadMessage::new(format!("{:?} from {}: {what}", message.msg_type, message.from)));
    if message.to != raft_id(me) {
        return refuse("it is for another node");
    }
    if !voters.iter().any(|id| *id != me && raft_id(*id) == message.from) {
        return refuse("the sender is not among controller.quorum.voters");
    }
    if message.term == 0 {
        return refuse("it has no term");
    }
    match message.msg_type {
        MsgAppend => {
            if (message.index == 0) != (message.log_term == 0) || message.log_term > message.term {
                return refuse("its place in the log cannot be");
            }
            let mut before = (message.index, message.log_term);
            for entry in message.entries.iter() {
                let follows = before.0.checked_add(1) == Some(entry.index);
                let grows = before.1.max(1) <= entry.term && entry.term <= message.term;
                if !follows || !grows || entry.entry_type != EntryType::EntryNormal {
                    return refuse("its entries do not follow each other");
                }
                before = (entry.index, entry.term);
            }
        }
        MsgAppendResponse if !message.reject && message.index > last => {
            return refuse("it confirms what was never sent");
        }
        MsgAppendResponse if message.reject && message.reject_hint > message.index || message.request_snapshot != 0 => {
            return refuse("it cannot be an answer");
        }
        MsgSnapshot => {
            let metadata = message.get_snapshot().get_metadata();
            let mut named = metadata.get_conf_state().voters.clone();
            let mut ours: Vec<u64> = voters.iter().map(|id| raft_id(*id)).collect();
            named.sort_unstable();
            ours.sort_unstable();
            if metadata.index == 0 || metadata.term == 0 || metadata.term > message.term || named != ours {
                return refuse("its snapshot is of another quorum");
            }
        }
        MsgAppendResponse
        | MsgHeartbeat
        | MsgHeartbeatResponse
        | MsgRequestPreVote
        | MsgRequestPreVoteResponse
        | MsgRequestVote
        | MsgRequestVoteResponse
        | MsgTimeoutNow => {}
        _ => return refuse("no node sends this to another"),
    }
    Ok(())
}
