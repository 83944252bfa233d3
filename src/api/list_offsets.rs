//! ListOffsets (2), v1–v11. Finds offsets by time or by a mark.
//!
//! The marks are -1 latest, -2 earliest, and since 7 -3 for the largest timestamp (KIP-734); those of tiered storage
//! are -4 (KIP-405), -5 (KIP-1005) and -6 (KIP-1023). Fenced by leader epoch since 4 (KIP-320).

use super::{Api, Context};
use crate::broker::{Broker, Reader, ReplyTo};
use crate::error::ErrorCode;
use crate::event::{Answer, Effect, Question};
use crate::message;
use crate::types::LogId;
use crate::wire::Str;

/// ListOffsets's place in the table.
pub enum ListOffsets {}

impl Api for ListOffsets {
    const KEY: i16 = 2;
    const NAME: &'static str = "ListOffsets";
    const SERVED: (i16, i16) = (1, 11);
    type Request<'a> = ListOffsetsRequest<'a>;
    type Response<'a> = ListOffsetsResponse<'a>;
}

message! {
    ListOffsetsRequest<'a>: key 2, versions 1..=11, flexible 6;
    struct ListOffsetsRequest<'a> {
        replica_id: i32 [0..],
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic<'a>> [0..],
        timeout_ms: i32 [10..],
    }
    struct ListOffsetsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ListOffsetsPartition> [0..],
    }
    struct ListOffsetsPartition {
        partition_index: i32 [0..],
        current_leader_epoch: i32 [4.., default -1],
        timestamp: i64 [0..],
    }
}

message! {
    ListOffsetsResponse<'a>: key 2, versions 1..=11, flexible 6;
    struct ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse<'a>> [0..],
    }
    struct ListOffsetsTopicResponse<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }
    struct ListOffsetsPartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        timestamp: i64 [1.., default -1],
        offset: i64 [1.., default -1],
        leader_epoch: i32 [4.., default -1],
    }
}

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// A request whose lookups are done one after the other.
struct Lookups {
    to: ReplyTo,
    response: ListOffsetsResponse<'static>,
    /// Which answer each question is for; the next one is last.
    questions: Vec<((usize, usize), LogId, Question)>,
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: ListOffsetsRequest<'_>, out: &mut Vec<Effect<'_>>) {
    // A follower may know what is not committed yet.
    let reader = if request.replica_id >= 0 { Reader::Replica(request.replica_id) } else { Reader::Consumer };
    let mut lookups = Lookups { to: cx.to, response: ListOffsetsResponse::default(), questions: Vec::new() };
    for (t, topic) in request.topics.into_iter().enumerate() {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (p, wanted) in topic.partitions.iter().enumerate() {
            let (answer, question) = one(broker, cx.to.version, reader, &topic.name, wanted);
            partitions.push(answer);
            lookups.questions.extend(question.map(|(log, question)| ((t, p), log, question)));
        }
        lookups.response.topics.push(ListOffsetsTopicResponse { name: topic.name.into_owned().into(), partitions });
    }
    next(broker, lookups, out);
}

/// Asks the next question, or answers the client when there is none.
fn next(broker: &mut Broker, mut lookups: Lookups, out: &mut Vec<Effect<'_>>) {
    let Some(((t, p), log, question)) = lookups.questions.pop() else {
        return broker.reply(lookups.to, &lookups.response, out);
    };
    let then = move |broker: &mut Broker, answer: Answer, out: &mut Vec<Effect<'_>>| {
        let partition = &mut lookups.response.topics[t].partitions[p];
        match answer {
            Answer::Found(Ok(Some((offset, timestamp)))) => {
                partition.offset = offset;
                partition.timestamp = timestamp;
                let leader = broker.hosted(log).and_then(|hosted| hosted.leader().ok());
                partition.leader_epoch = leader.map_or(-1, |leader| leader.epochs().of(offset));
            }
            Answer::Found(Ok(None)) => {}
            Answer::Found(Err(fault)) => partition.error_code = fault.code.code(),
            _ => partition.error_code = ErrorCode::UnknownServerError.code(),
        }
        next(broker, lookups, out);
    };
    broker.ask(question, Box::new(then), out);
}

fn one(
    broker: &Broker,
    version: i16,
    reader: Reader,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> (ListOffsetsPartitionResponse, Option<(LogId, Question)>) {
    let mut answer = ListOffsetsPartitionResponse { partition_index: wanted.partition_index, ..Default::default() };
    let found = broker.log_of_name(topic, wanted.partition_index);
    let found = found.and_then(|log| Ok((log, broker.leader_at(log, wanted.current_leader_epoch)?)));
    let (log, leader) = match found {
        Ok(found) => found,
        Err(code) => {
            answer.error_code = code.code();
            return (answer, None);
        }
    };
    let (upto, is_known) = match reader {
        Reader::Consumer => (leader.high_watermark(), leader.knows_high_watermark()),
        Reader::Replica(_) => (leader.appended(), true),
    };
    let known_from = match wanted.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        timestamp if timestamp < EARLIEST_PENDING_UPLOAD => i16::MAX,
        _ => 0,
    };
    if version < known_from {
        answer.error_code = ErrorCode::UnsupportedVersion.code();
        return (answer, None);
    }
    let is_earliest = matches!(wanted.timestamp, EARLIEST | EARLIEST_LOCAL);
    if !is_known && !is_earliest {
        // A new leader may not know yet how much was committed: an answer now could go back behind an earlier one
        // (KIP-207).
        let code = if version >= 5 { ErrorCode::OffsetNotAvailable } else { ErrorCode::LeaderNotAvailable };
        answer.error_code = code.code();
        return (answer, None);
    }
    let question = match wanted.timestamp {
        LATEST => {
            (answer.offset, answer.leader_epoch) = (upto, leader.epoch);
            None
        }
        EARLIEST | EARLIEST_LOCAL => {
            let start = leader.start();
            let epoch = leader.epochs().of(start);
            (answer.offset, answer.leader_epoch) = (start, if epoch < 0 { leader.epoch } else { epoch });
            None
        }
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => None, // nothing is ever tiered
        MAX_TIMESTAMP => Some(Question::MaxTimestamp { log, upto }),
        timestamp => Some(Question::FindTime { log, timestamp, upto }),
    };
    (answer, question.map(|question| (log, question)))
}
