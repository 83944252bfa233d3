//! The fetch lane: followers' fetches, without sessions, and what leaders answer.

use super::{request, response};
use crate::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic, PartitionData, ReplicaState};
use crate::broker::{Broker, FetchPart, SentFetch};
use crate::error::ErrorCode;
use crate::event::{Effect, Lane};
use crate::replica::Heard;
use crate::types::{Millis, NodeId, Partition, TopicId};
use crate::wire::Records;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A fetch that is no part of a session (KIP-227).
const NO_SESSION: i32 = -1;

pub(super) fn pump(broker: &mut Broker, now: Millis, out: &mut Vec<Effect<'_>>) {
    while let Some((node, frame)) = next(broker, now) {
        out.push(Effect::Send { node, lane: Lane::Fetch, frame });
    }
}

fn next(broker: &mut Broker, now: Millis) -> Option<(NodeId, Vec<u8>)> {
    let settings = broker.settings.cluster.replica.clone();
    let replica_state = ReplicaState { replica_id: broker.node, replica_epoch: broker.broker_epoch() };
    let (node, sent) = broker.next_fetch(now)?;
    let body = FetchRequest {
        replica_state,
        max_wait_ms: settings.fetch_wait_max_ms,
        min_bytes: settings.fetch_min_bytes,
        max_bytes: settings.fetch_response_max_bytes,
        session_epoch: NO_SESSION,
        topics: by_topic(&sent.parts, settings.fetch_max_bytes),
        ..FetchRequest::default()
    };
    Some((node, request::<Fetch>(sent.correlation_id, &body)))
}

/// The parts in their order, those of one topic together where they follow one another.
fn by_topic(parts: &[FetchPart], max_bytes: i32) -> Vec<FetchTopic<'static>> {
    let mut topics: Vec<FetchTopic<'static>> = Vec::new();
    for part in parts {
        let position = &part.position;
        let wanted = FetchPartition {
            partition: part.partition,
            current_leader_epoch: position.epoch,
            fetch_offset: position.offset,
            last_fetched_epoch: position.last_epoch,
            log_start_offset: position.start,
            partition_max_bytes: max_bytes,
            ..FetchPartition::default()
        };
        match topics.last_mut() {
            Some(last) if last.topic_id == part.topic => last.partitions.push(wanted),
            _ => topics.push(FetchTopic { topic_id: part.topic, partitions: vec![wanted], ..FetchTopic::default() }),
        }
    }
    topics
}

pub(super) fn reply<'a>(broker: &mut Broker, now: Millis, node: NodeId, bytes: &'a [u8], out: &mut Vec<Effect<'a>>) {
    let Some(sent) = broker.fetch_answered(now, node) else {
        return broker.distrust(now, node, Lane::Fetch, "nothing was asked", out);
    };
    if let Err(why) = take(broker, now, node, &sent, bytes, out) {
        broker.distrust(now, node, Lane::Fetch, &why, out);
    }
}

fn take<'a>(
    broker: &mut Broker,
    now: Millis,
    node: NodeId,
    sent: &SentFetch,
    bytes: &'a [u8],
    out: &mut Vec<Effect<'a>>,
) -> Result<(), String> {
    let said = response::<Fetch>(sent.correlation_id, bytes)?;
    if said.error_code != 0 {
        let code = ErrorCode::from_code(said.error_code);
        broker.fetch_refused(now, node, code, out);
        return Ok(());
    }
    let mut asked: BTreeMap<(TopicId, Partition), &FetchPart> =
        sent.parts.iter().map(|part| ((part.topic, part.partition), part)).collect();
    for topic in said.responses {
        for data in topic.partitions {
            // What was not asked, or is said twice, is nobody's business.
            let Some(part) = asked.remove(&(topic.topic_id, data.partition_index)) else {
                return Err(format!("partition {} of {} was not asked for", data.partition_index, topic.topic_id));
            };
            hear(broker, now, node, part, data, out);
        }
    }
    for part in asked.into_values() {
        broker.fetch_ignored(now, node, part.log);
    }
    Ok(())
}

fn hear<'a>(
    broker: &mut Broker,
    now: Millis,
    node: NodeId,
    part: &FetchPart,
    data: PartitionData<'a>,
    out: &mut Vec<Effect<'a>>,
) {
    let batches: &'a [u8] = match data.records {
        Some(Records::Bytes(Cow::Borrowed(bytes))) => bytes,
        _ => &[],
    };
    let error = ErrorCode::from_code(data.error_code);
    let diverging = &data.diverging_epoch;
    let heard = Heard {
        error,
        high_watermark: data.high_watermark,
        start: data.log_start_offset,
        diverging: (diverging.epoch >= 0 || diverging.end_offset >= 0)
            .then_some((diverging.epoch, diverging.end_offset)),
        batches,
    };
    broker.heard_from_leader(now, part.log, part.position, heard, out);
    broker.fetched(now, node, part.log);
}
