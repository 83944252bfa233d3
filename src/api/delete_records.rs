//! DeleteRecords (21), v0–v2. Moves the start of partitions' logs forward (KIP-107).
//!
//! Offset -1 stands for the high watermark.

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::parked::Part;
use crate::types::{LogId, Offset};
use crate::wire::Str;

/// DeleteRecords's place in the table.
pub enum DeleteRecords {}

impl Api for DeleteRecords {
    const KEY: i16 = 21;
    const NAME: &'static str = "DeleteRecords";
    const SERVED: (i16, i16) = (0, 2);
    type Request<'a> = DeleteRecordsRequest<'a>;
    type Response<'a> = DeleteRecordsResponse<'a>;
}

message! {
    DeleteRecordsRequest<'a>: key 21, versions 0..=2, flexible 2;
    struct DeleteRecordsRequest<'a> {
        topics: Vec<DeleteRecordsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
    }
    struct DeleteRecordsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DeleteRecordsPartition> [0..],
    }
    struct DeleteRecordsPartition {
        partition_index: i32 [0..],
        offset: i64 [0..],
    }
}

message! {
    DeleteRecordsResponse<'a>: key 21, versions 0..=2, flexible 2;
    struct DeleteRecordsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<DeleteRecordsTopicResult<'a>> [0..],
    }
    struct DeleteRecordsTopicResult<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DeleteRecordsPartitionResult> [0..],
    }
    struct DeleteRecordsPartitionResult {
        partition_index: i32 [0..],
        low_watermark: i64 [0..],
        error_code: i16 [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DeleteRecordsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let mut response = DeleteRecordsResponse::default();
    let mut waits = Vec::new();
    for (t, topic) in request.topics.into_iter().enumerate() {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (p, wanted) in topic.partitions.iter().enumerate() {
            let result = check(broker, &topic.name, wanted);
            let (low_watermark, code) = match result {
                Ok((log, start)) => {
                    waits.push((log, start, (t, p)));
                    (start, ErrorCode::None)
                }
                Err(code) => (-1, code),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: wanted.partition_index,
                low_watermark,
                error_code: code.code(),
            });
        }
        response.topics.push(DeleteRecordsTopicResult { name: topic.name.into_owned().into(), partitions });
    }
    if waits.is_empty() {
        return broker.reply(cx.to, &response, out);
    }
    let to = cx.to;
    let places: Vec<(usize, usize)> = waits.iter().map(|(_, _, place)| *place).collect();
    let then = move |broker: &mut Broker, parts: Vec<Part>, out: &mut Vec<Effect<'_>>| {
        for (part, (t, p)) in parts.into_iter().zip(places) {
            let code = match part {
                Part::Done => continue,
                Part::Open => ErrorCode::RequestTimedOut,
                Part::Failed(code) => code,
            };
            let answer = &mut response.topics[t].partitions[p];
            (answer.low_watermark, answer.error_code) = (-1, code.code());
        }
        broker.reply(to, &response, out);
    };
    let deadline = cx.now.saturating_add(i64::from(request.timeout_ms.max(0)));
    let token = broker.park_all(vec![Part::Open; waits.len()], Some(deadline), Box::new(then));
    for (index, (log, start, _)) in waits.into_iter().enumerate() {
        let Some(hosted) = broker.hosted_mut(log) else { continue };
        if hosted.leader().is_ok_and(|leader| leader.start() >= start) {
            broker.settle(token, index, Part::Done, out);
            continue;
        }
        hosted.until_trimmed.push_back((start, token, index));
        let generation = hosted.generation;
        out.push(Effect::Trim { log, generation, start });
    }
}

fn check(broker: &Broker, topic: &str, wanted: &DeleteRecordsPartition) -> Result<(LogId, Offset), ErrorCode> {
    let log = broker.log_of_name(topic, wanted.partition_index)?;
    let hosted = broker.hosted(log).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if hosted.settings.compact && !hosted.settings.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let leader = hosted.leader()?;
    let start = if wanted.offset == -1 { leader.high_watermark() } else { wanted.offset };
    if start < 0 || start > leader.high_watermark() {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    Ok((log, start.max(leader.start())))
}
