//! Produce (0), v3–v13. Appends record batches to partitions.
//!
//! Versions 0 to 2 are advertised and refused: librdkafka takes a minimum above 0 for a broker without compression
//! (KAFKA-18659). Topics go by id from 13 on (KIP-516); 10 tells clients of a new leader (KIP-951).

use super::{Api, Context};
use crate::broker::{Broker, Living, ReplyTo};
use crate::config::{CompressionType, TimestampType};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::parked::Part;
use crate::record::batch::{self, BatchHeader};
use crate::record::compress::Codec;
use crate::record::records;
use crate::replica::Accepted;
use crate::types::Uuid;
use crate::types::{LogId, Millis, Offset};
use crate::wire::Bytes;
use crate::wire::{Records, Str};

/// Produce's place in the table.
pub enum Produce {}

impl Api for Produce {
    const KEY: i16 = 0;
    const NAME: &'static str = "Produce";
    const SERVED: (i16, i16) = (3, 13);
    const ADVERTISED_MIN: i16 = 0;
    type Request<'a> = ProduceRequest<'a>;
    type Response<'a> = ProduceResponse<'a>;
}

message! {
    ProduceRequest<'a>: key 0, versions 3..=13, flexible 9;
    struct ProduceRequest<'a> {
        transactional_id: Option<Str<'a>> [3.., null 3..],
        acks: i16 [0..],
        timeout_ms: i32 [0..],
        topic_data: Vec<TopicProduceData<'a>> [0..],
    }
    struct TopicProduceData<'a> {
        name: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partition_data: Vec<PartitionProduceData<'a>> [0..],
    }
    struct PartitionProduceData<'a> {
        index: i32 [0..],
        records: Option<Records<'a>> [0.., null 0..],
    }
}

message! {
    ProduceResponse<'a>: key 0, versions 3..=13, flexible 9;
    struct ProduceResponse<'a> {
        responses: Vec<TopicProduceResponse<'a>> [0..],
        throttle_time_ms: i32 [1..],
        node_endpoints: Vec<NodeEndpoint<'a>> [10.., tag 0],
    }
    struct TopicProduceResponse<'a> {
        name: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partition_responses: Vec<PartitionProduceResponse<'a>> [0..],
    }
    struct PartitionProduceResponse<'a> {
        index: i32 [0..],
        error_code: i16 [0..],
        base_offset: i64 [0..],
        log_append_time_ms: i64 [2.., default -1],
        log_start_offset: i64 [5.., default -1],
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> [8..],
        error_message: Option<Str<'a>> [8.., null 8..],
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }
    struct BatchIndexAndErrorMessage<'a> {
        batch_index: i32 [8..],
        batch_index_error_message: Option<Str<'a>> [8.., null 8..],
    }
    struct LeaderIdAndEpoch {
        leader_id: i32 [10.., default -1],
        leader_epoch: i32 [10.., default -1],
    }
    struct NodeEndpoint<'a> {
        node_id: i32 [10..],
        host: Str<'a> [10..],
        port: i32 [10..],
        rack: Option<Str<'a>> [10.., null 10..],
    }
}

/// How far a batch is decompressed for a check, in bytes: a small one that claims gigabytes is refused.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// A partition's share of the request, once its batch has been looked at.
struct Outcome {
    response: PartitionProduceResponse<'static>,
    /// Where it waits, and until which offset.
    wait: Option<(LogId, Offset)>,
}

/// Why a batch is refused.
struct Refused {
    code: ErrorCode,
    message: Option<String>,
    /// The records at fault, where it is not the whole batch (KIP-467).
    records: Vec<i32>,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Refused { code, message: None, records: Vec::new() }
    }
}

impl Refused {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refused { code, message: Some(message.into()), records: Vec::new() }
    }
}

pub(super) fn handle<'a>(broker: &mut Broker, cx: Context<'_>, request: ProduceRequest<'a>, out: &mut Vec<Effect<'a>>) {
    let acks = request.acks;
    let mut response = ProduceResponse::default();
    let mut waits = Vec::new();
    for (t, topic) in request.topic_data.into_iter().enumerate() {
        let known = match cx.to.version {
            ..=12 => broker.image.topic(&topic.name).map(|known| known.id).ok_or(ErrorCode::UnknownTopicOrPartition),
            _ => broker.image.topic_by_id(topic.topic_id).map(|known| known.id).ok_or(ErrorCode::UnknownTopicId),
        };
        let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
        for (p, data) in topic.partition_data.into_iter().enumerate() {
            let log = known.and_then(|id| broker.log_of(id, data.index));
            let result = match (log, acks) {
                (_, ..=-2 | 2..) => Err(ErrorCode::InvalidRequiredAcks.into()),
                (Err(code), _) => Err(code.into()),
                (Ok(log), _) => append(broker, cx.now, log, acks, data.records, out),
            };
            let outcome = result.unwrap_or_else(|refused: Refused| Outcome {
                response: PartitionProduceResponse {
                    error_code: refused.code.code(),
                    base_offset: -1,
                    record_errors: refused
                        .records
                        .into_iter()
                        .map(|batch_index| BatchIndexAndErrorMessage { batch_index, batch_index_error_message: None })
                        .collect(),
                    error_message: refused.message.map(Into::into),
                    ..Default::default()
                },
                wait: None,
            });
            waits.extend(outcome.wait.map(|wait| (wait, (t, p))));
            partition_responses.push(PartitionProduceResponse { index: data.index, ..outcome.response });
        }
        response.responses.push(TopicProduceResponse {
            name: topic.name.into_owned().into(),
            topic_id: topic.topic_id,
            partition_responses,
        });
    }
    match acks {
        0 => answer_nobody(cx.to, &response, out),
        _ if waits.is_empty() => {
            point_to_leaders(broker, cx.peer.listener, &mut response);
            broker.reply(cx.to, &response, out);
        }
        _ => park(broker, cx, acks, i64::from(request.timeout_ms.max(0)), response, waits, out),
    }
}

/// acks=0: not a byte is answered. The only way to tell the client of an error is to close.
fn answer_nobody(to: ReplyTo, response: &ProduceResponse<'_>, out: &mut Vec<Effect<'_>>) {
    let parts = response.responses.iter().flat_map(|topic| topic.partition_responses.iter());
    match parts.map(|part| part.error_code).find(|code| *code != 0) {
        Some(code) => {
            let reason = format!("produce with acks=0 failed: {}", ErrorCode::from_code(code));
            out.push(Effect::Close { conn: to.conn, reason });
        }
        None => out.push(Effect::Reply { conn: to.conn, slot: to.slot, chunks: Vec::new(), throttle_ms: 0 }),
    }
}

fn park(
    broker: &mut Broker,
    cx: Context<'_>,
    acks: i16,
    timeout_ms: Millis,
    mut response: ProduceResponse<'static>,
    waits: Vec<((LogId, Offset), (usize, usize))>,
    out: &mut Vec<Effect<'_>>,
) {
    let (to, listener) = (cx.to, cx.peer.listener);
    let places = waits.clone();
    let then = move |broker: &mut Broker, parts: Vec<Part>, out: &mut Vec<Effect<'_>>| {
        for (part, ((log, _), (t, p))) in parts.into_iter().zip(places) {
            let code = match part {
                Part::Done => continue,
                // It is in the log, and may yet be committed, once enough replicas are in sync again.
                Part::Open if acks == -1 && is_under_min_isr(broker, log) => ErrorCode::NotEnoughReplicasAfterAppend,
                Part::Open => ErrorCode::RequestTimedOut,
                Part::Failed(code) => code,
            };
            let answer = &mut response.responses[t].partition_responses[p];
            answer.error_code = code.code();
            answer.base_offset = -1;
            answer.log_append_time_ms = -1;
        }
        point_to_leaders(broker, listener, &mut response);
        broker.reply(to, &response, out);
    };
    let deadline = cx.now.saturating_add(timeout_ms);
    let token = broker.park_all(vec![Part::Open; waits.len()], Some(deadline), Box::new(then));
    for (index, ((log, until), _)) in waits.into_iter().enumerate() {
        let Some(hosted) = broker.hosted_mut(log) else { continue };
        let reached = match hosted.leader() {
            Ok(leader) if acks == 1 => leader.appended(),
            Ok(leader) => leader.high_watermark(),
            Err(_) => continue,
        };
        if reached >= until {
            broker.settle(token, index, Part::Done, out);
        } else if acks == 1 {
            hosted.until_appended.push_back((until, token, index));
        } else {
            hosted.until_committed.push_back((until, token, index));
        }
    }
}

/// Tells who leads what is not led here any more, and where that is (KIP-951).
fn point_to_leaders(broker: &Broker, listener: usize, response: &mut ProduceResponse<'_>) {
    let mut elsewhere = broker.elsewhere(listener);
    for topic in &mut response.responses {
        let parts = topic.partition_responses.iter_mut();
        for part in parts.filter(|part| part.error_code == ErrorCode::NotLeaderOrFollower.code()) {
            let by_name = || broker.image.topic(&topic.name).map(|known| known.id);
            let id = if topic.topic_id.is_zero() { by_name() } else { Some(topic.topic_id) };
            if let Some((leader_id, leader_epoch)) = id.and_then(|id| elsewhere.leader_of(id, part.index)) {
                part.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch };
            }
        }
    }
    response.node_endpoints = elsewhere.named().map(endpoint).collect();
}

fn endpoint(of: Living) -> NodeEndpoint<'static> {
    let Living { id, endpoint, rack, .. } = of;
    NodeEndpoint { node_id: id, host: endpoint.host.into(), port: i32::from(endpoint.port), rack: rack.map(Into::into) }
}

fn is_under_min_isr(broker: &Broker, log: LogId) -> bool {
    let leader = broker.hosted(log).and_then(|hosted| hosted.leader().ok());
    leader.is_some_and(|leader| leader.is_under_min_isr())
}

/// Checks one partition's batch, gives it its offsets and asks for the append.
fn append<'a>(
    broker: &mut Broker,
    now: Millis,
    log: LogId,
    acks: i16,
    records: Option<Records<'a>>,
    out: &mut Vec<Effect<'a>>,
) -> Result<Outcome, Refused> {
    let hosted = broker.hosted_mut(log).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let settings = hosted.settings.clone();
    let generation = hosted.generation;
    if let Some(Records::Bytes(bytes)) = &records {
        hosted.refused_while_opening(bytes);
    }
    let leader = hosted.leader_mut()?;
    if acks == -1 && leader.is_under_min_isr() {
        if let Some(Records::Bytes(bytes)) = &records {
            leader.refused_for_now(now, bytes);
        }
        return Err(ErrorCode::NotEnoughReplicas.into());
    }
    let Some(Records::Bytes(bytes)) = records else {
        return Err(Refused::new(ErrorCode::InvalidRecord, "no record batch for this partition"));
    };
    let header = batch::check_produced(&bytes).map_err(|e| Refused::new(e.code(), e.to_string()))?;
    if header.is_transactional() {
        return Err(Refused::new(ErrorCode::InvalidTxnState, "transactions are not served by this version of kq"));
    }
    let (bytes, header) = prepare(now, &settings, bytes, header)?;
    if bytes.len() > settings.max_message_bytes as usize {
        return Err(Refused::new(
            ErrorCode::MessageTooLarge,
            format!(
                "the batch of {} bytes is larger than max.message.bytes = {}",
                bytes.len(),
                settings.max_message_bytes
            ),
        ));
    }
    let append_time = if settings.timestamp_type == TimestampType::LogAppendTime { now } else { -1 };
    let (base, end, time) = match leader.accept(now, &header)? {
        Accepted::Duplicate { base, end, timestamp } => (base, end, if append_time == -1 { -1 } else { timestamp }),
        Accepted::Append { base, end, new_epoch } => {
            let epoch = leader.epoch;
            if new_epoch {
                let epochs = leader.epochs().entries().to_vec();
                out.push(Effect::SaveEpochs { log, generation, epochs });
            }
            out.push(Effect::Append { log, generation, base_offset: base, epoch, batch: bytes });
            (base, end, append_time)
        }
    };
    let response = PartitionProduceResponse {
        base_offset: base,
        log_append_time_ms: time,
        log_start_offset: leader.start(),
        ..Default::default()
    };
    Ok(Outcome { response, wait: (acks != 0).then_some((log, end)) })
}

/// What the topic's settings ask of a batch: keys, timestamps, compression.
fn prepare<'a>(
    now: Millis,
    settings: &crate::config::TopicSettings,
    mut bytes: Bytes<'a>,
    mut header: BatchHeader,
) -> Result<(Bytes<'a>, BatchHeader), Refused> {
    let bad = |e: crate::record::RecordError| Refused::new(e.code(), e.to_string());
    if settings.compact {
        let keyless = records::without_key(&bytes, DECOMPRESSED_BYTES_MAX).map_err(bad)?;
        if !keyless.is_empty() {
            let refused = Refused::new(ErrorCode::InvalidRecord, "a compacted topic takes no record without a key");
            return Err(Refused { records: keyless, ..refused });
        }
    }
    let codec = header.codec().map_err(bad)?;
    let wanted = match settings.compression {
        CompressionType::Producer => None,
        CompressionType::Uncompressed => Some((Codec::None, None)),
        CompressionType::Gzip { level } => Some((Codec::Gzip, Some(level))),
        CompressionType::Snappy => Some((Codec::Snappy, None)),
        CompressionType::Lz4 { level } => Some((Codec::Lz4, Some(level))),
        CompressionType::Zstd { level } => Some((Codec::Zstd, Some(level))),
    };
    if let Some((wanted, level)) = wanted.filter(|(wanted, _)| *wanted != codec) {
        let again = records::recompress(&bytes, wanted, level, DECOMPRESSED_BYTES_MAX).map_err(bad)?;
        header = BatchHeader::peek(&again).map_err(bad)?;
        bytes = again.into();
    }
    match settings.timestamp_type {
        TimestampType::CreateTime => {
            let late = header.max_timestamp.saturating_sub(now);
            let early = now.saturating_sub(header.base_timestamp);
            if late > settings.message_timestamp_after_max_ms
                || (header.base_timestamp >= 0 && early > settings.message_timestamp_before_max_ms)
            {
                return Err(Refused::new(
                    ErrorCode::InvalidTimestamp,
                    format!(
                        "timestamps {} to {} are not within message.timestamp.before.max.ms = {} and \
                         message.timestamp.after.max.ms = {} of the broker's clock",
                        header.base_timestamp,
                        header.max_timestamp,
                        settings.message_timestamp_before_max_ms,
                        settings.message_timestamp_after_max_ms
                    ),
                ));
            }
        }
        TimestampType::LogAppendTime => batch::stamp_append_time(bytes.to_mut(), now),
    }
    Ok((bytes, header))
}
