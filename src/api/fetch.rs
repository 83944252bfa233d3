//! Fetch (1), v4–v18. Reads record batches from partitions, for consumers and for followers.
//!
//! Sessions since 7 (KIP-227), reading from the nearest replica since 11 (KIP-392), truncation on divergence since 12
//! (KIP-595), topics by id since 13 (KIP-516), where a new leader is since 16 (KIP-951). The first batch comes whole
//! even when it is over the limits (KIP-74).

use super::{Api, Context};
use crate::broker::{Broker, Living, Reader, ReplyTo, SessionKey, SessionPart, next_epoch};
use crate::error::ErrorCode;
use crate::event::{Answer, Effect, Question, Read};
use crate::message;
use crate::parked::Woken;
use crate::replica::Leader;
use crate::types::{Epoch, LogId, Millis, NodeId, Offset, Uuid};
use crate::wire::{Records, Str};

/// Fetch's place in the table.
pub enum Fetch {}

impl Api for Fetch {
    const KEY: i16 = 1;
    const NAME: &'static str = "Fetch";
    const SERVED: (i16, i16) = (4, 18);
    type Request<'a> = FetchRequest<'a>;
    type Response<'a> = FetchResponse<'a>;
}

message! {
    FetchRequest<'a>: key 1, versions 4..=18, flexible 12;
    struct FetchRequest<'a> {
        cluster_id: Option<Str<'a>> [12.., null 12.., tag 0],
        replica_id: i32 [0..=14, default -1],
        replica_state: ReplicaState [15.., tag 1],
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [3.., default i32::MAX],
        isolation_level: i8 [4..],
        session_id: i32 [7..],
        session_epoch: i32 [7.., default -1],
        topics: Vec<FetchTopic<'a>> [0..],
        forgotten_topics_data: Vec<ForgottenTopic<'a>> [7..],
        rack_id: Str<'a> [11..],
    }
    struct ReplicaState {
        replica_id: i32 [15.., default -1],
        replica_epoch: i64 [15.., default -1],
    }
    struct FetchTopic<'a> {
        topic: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<FetchPartition> [0..],
    }
    struct FetchPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [9.., default -1],
        fetch_offset: i64 [0..],
        last_fetched_epoch: i32 [12.., default -1],
        log_start_offset: i64 [5.., default -1],
        partition_max_bytes: i32 [0..],
        replica_directory_id: Uuid [17.., tag 0],
        high_watermark: i64 [18.., tag 1, default i64::MAX],
    }
    struct ForgottenTopic<'a> {
        topic: Str<'a> [7..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32> [7..],
    }
}

message! {
    FetchResponse<'a>: key 1, versions 4..=18, flexible 12;
    struct FetchResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [7..],
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse<'a>> [0..],
        node_endpoints: Vec<NodeEndpoint<'a>> [16.., tag 0],
    }
    struct FetchableTopicResponse<'a> {
        topic: Str<'a> [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<PartitionData<'a>> [0..],
    }
    struct PartitionData<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        high_watermark: i64 [0..],
        last_stable_offset: i64 [4.., default -1],
        log_start_offset: i64 [5.., default -1],
        diverging_epoch: EpochEndOffset [12.., tag 0],
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        snapshot_id: SnapshotId [12.., tag 2],
        aborted_transactions: Option<Vec<AbortedTransaction>> [4.., null 4.., default Some(Vec::new())],
        preferred_read_replica: i32 [11.., default -1],
        records: Option<Records<'a>> [0.., null 0..],
    }
    struct EpochEndOffset {
        epoch: i32 [12.., default -1],
        end_offset: i64 [12.., default -1],
    }
    struct LeaderIdAndEpoch {
        leader_id: i32 [12.., default -1],
        leader_epoch: i32 [12.., default -1],
    }
    struct SnapshotId {
        end_offset: i64 [0.., default -1],
        epoch: i32 [0.., default -1],
    }
    struct AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }
    struct NodeEndpoint<'a> {
        node_id: i32 [16..],
        host: Str<'a> [16..],
        port: i32 [16..],
        rack: Option<Str<'a>> [16.., null 16..],
    }
}

/// Since this version clients are told of a new leader, where it is with that.
const LEADERS_TOLD_SINCE: i16 = 16;

/// What one fetch has asked for, kept while it waits.
struct Run {
    to: ReplyTo,
    listener: usize,
    reader: Reader,
    deadline: Millis,
    min_bytes: u64,
    max_bytes: u32,
    committed_only: CommittedOnly,
    session: InSession,
    parts: Vec<(SessionKey, SessionPart)>,
}

/// Whether the consumer reads committed transactions only (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommittedOnly {
    Yes,
    No,
}

/// What the fetch has to do with a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InSession {
    /// Nothing.
    None,
    /// It may open one.
    Open,
    /// It goes on with this one: only what changed is told.
    Continue(i32),
}

pub(super) fn handle(broker: &mut Broker, cx: Context<'_>, request: FetchRequest<'_>, out: &mut Vec<Effect<'_>>) {
    let (node, broker_epoch) = match cx.to.version {
        ..=14 => (request.replica_id, -1),
        _ => (request.replica_state.replica_id, request.replica_state.replica_epoch),
    };
    let started = match cx.peer.listener == broker.settings.cluster.inter_broker_listener {
        // What a replica says it holds counts as acknowledged: only where brokers come is it believed.
        false if node >= 0 => Err(ErrorCode::ClusterAuthorizationFailed),
        _ => start(broker, &cx, &request),
    };
    let started = match started {
        Ok(started) => started,
        Err(code) => {
            let response = FetchResponse { error_code: code.code(), ..Default::default() };
            return broker.reply(cx.to, &response, out);
        }
    };
    let (session, mut parts) = started;
    parts.sort_by_key(|(_, part)| part.turn);
    let reader = if node >= 0 { Reader::Replica(node) } else { Reader::Consumer };
    if node >= 0 {
        broker.release_replica(node, out);
        for (key, part) in &parts {
            note_replica(broker, cx.to.version, (node, broker_epoch), key, part, out);
        }
    }
    let run = Run {
        to: cx.to,
        listener: cx.peer.listener,
        reader,
        deadline: cx.now.saturating_add(i64::from(request.max_wait_ms.max(0))),
        min_bytes: request.min_bytes.max(0) as u64,
        max_bytes: request.max_bytes.min(broker.settings.fetch_max_bytes).max(0) as u32,
        committed_only: if request.isolation_level == 1 { CommittedOnly::Yes } else { CommittedOnly::No },
        session,
        parts,
    };
    attempt(broker, run, out);
}

type Started = (InSession, Vec<(SessionKey, SessionPart)>);

/// Which partitions this fetch is about: those it names, or those of its session after its changes (KIP-227).
fn start(broker: &mut Broker, cx: &Context<'_>, request: &FetchRequest<'_>) -> Result<Started, ErrorCode> {
    let named = request.topics.iter().flat_map(|topic| {
        let (name, id) = (topic.topic.clone().into_owned(), topic.topic_id);
        topic.partitions.iter().map(move |wanted| (key(&name, id, wanted.partition), part(wanted)))
    });
    if request.session_epoch <= 0 {
        if request.session_id != 0 {
            broker.sessions.close(request.session_id);
        }
        let session = if request.session_epoch == 0 && cx.to.version >= 7 { InSession::Open } else { InSession::None };
        let parts = named.enumerate().map(|(turn, (key, part))| (key, SessionPart { turn: turn as u64, ..part }));
        return Ok((session, parts.collect()));
    }
    let session = broker.sessions.get_mut(cx.now, request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
    if session.epoch != request.session_epoch {
        return Err(ErrorCode::InvalidFetchSessionEpoch);
    }
    // A session speaks in names or in ids, as it began; a client that changed over has to begin anew.
    let by_id = cx.to.version >= 13;
    if session.parts.keys().any(|key| key.topic_id.is_zero() == by_id) {
        return Err(ErrorCode::FetchSessionTopicIdError);
    }
    session.epoch = next_epoch(session.epoch);
    for (key, wanted) in named {
        let turn = session.next_turn();
        let known = session.parts.entry(key).or_insert(SessionPart { turn, ..wanted });
        *known = SessionPart {
            told_high_watermark: known.told_high_watermark,
            told_start: known.told_start,
            turn: known.turn,
            ..wanted
        };
    }
    for topic in &request.forgotten_topics_data {
        for partition in &topic.partitions {
            session.parts.remove(&key(&topic.topic, topic.topic_id, *partition));
        }
    }
    let parts = session.parts.iter().map(|(key, part)| (key.clone(), *part)).collect();
    Ok((InSession::Continue(request.session_id), parts))
}

fn key(topic: &str, topic_id: Uuid, partition: i32) -> SessionKey {
    SessionKey { topic: topic.to_owned(), topic_id, partition }
}

fn part(wanted: &FetchPartition) -> SessionPart {
    SessionPart {
        fetch_offset: wanted.fetch_offset,
        max_bytes: wanted.partition_max_bytes,
        current_epoch: wanted.current_leader_epoch,
        last_fetched_epoch: wanted.last_fetched_epoch,
        told_high_watermark: -1,
        told_start: -1,
        turn: 0,
    }
}

/// What can be said of a partition before its bytes are looked for.
struct Checked {
    data: PartitionData<'static>,
    /// What to read, where there is something.
    read: Option<Read>,
    log: Option<LogId>,
}

/// Looks at every partition; reads what is there, or waits.
fn attempt(broker: &mut Broker, run: Run, out: &mut Vec<Effect<'_>>) {
    let mut checked: Vec<Checked> = run.parts.iter().map(|(key, part)| check(broker, &run, key, part)).collect();
    if let Some(first) = checked.iter_mut().find_map(|c| c.read.as_mut()) {
        first.at_least_one = true;
    }
    let reads: Vec<Read> = checked.iter().filter_map(|c| c.read).collect();
    if reads.is_empty() || run.max_bytes == 0 {
        return settle(broker, run, checked, out);
    }
    let then = move |broker: &mut Broker, answer: Answer, out: &mut Vec<Effect<'_>>| {
        let Answer::Located(found) = answer else { return settle(broker, run, checked, out) };
        let mut total = 0u64;
        for (checked, found) in checked.iter_mut().filter(|c| c.read.is_some()).zip(found) {
            match found {
                // The first batch comes whole; after it, what does not fit waits for its turn.
                Ok(Some(range)) if total == 0 || total + u64::from(range.len) <= u64::from(run.max_bytes) => {
                    total += u64::from(range.len);
                    checked.data.records = Some(Records::Range(range));
                }
                Ok(_) => {}
                Err(fault) => checked.data.error_code = fault.code.code(),
            }
        }
        settle(broker, run, checked, out);
    };
    broker.ask(Question::Locate(reads), Box::new(then), out);
}

fn check(broker: &Broker, run: &Run, key: &SessionKey, part: &SessionPart) -> Checked {
    let mut data = PartitionData {
        partition_index: key.partition,
        high_watermark: -1,
        // Kafka tells an empty list of aborted transactions only to who asked for committed ones.
        aborted_transactions: (run.committed_only == CommittedOnly::Yes).then(Vec::new),
        records: Some(Records::Bytes(Vec::new().into())),
        ..Default::default()
    };
    let log = log_of(broker, run.to.version, key);
    let leader = match log.and_then(|log| leader_for(broker, run.reader, log, part)) {
        Ok(leader) => leader,
        Err(code) => {
            data.error_code = code.code();
            return Checked { data, read: None, log: None };
        }
    };
    let committed = leader.high_watermark();
    (data.high_watermark, data.last_stable_offset, data.log_start_offset) = (committed, committed, leader.start());
    if let Some((epoch, end_offset)) = diverging(leader, part) {
        data.diverging_epoch = EpochEndOffset { epoch, end_offset };
        return Checked { data, read: None, log: None };
    }
    // A consumer that has records of the batches that are just being written keeps its place.
    let upto = if run.reader == Reader::Consumer { committed } else { leader.appended() };
    let end = if run.reader == Reader::Consumer { leader.end() } else { upto };
    if part.fetch_offset < leader.start() || part.fetch_offset > end {
        data.error_code = ErrorCode::OffsetOutOfRange.code();
        data.high_watermark = -1;
        data.last_stable_offset = -1;
        // A follower learns where it has to begin.
        data.log_start_offset = if run.reader == Reader::Consumer { -1 } else { leader.start() };
        return Checked { data, read: None, log: None };
    }
    let read = (part.fetch_offset < upto && part.max_bytes >= 0).then_some(Read {
        log: leader.log,
        offset: part.fetch_offset,
        upto,
        max_bytes: (part.max_bytes as u32).min(run.max_bytes),
        at_least_one: false,
    });
    Checked { data, read, log: Some(leader.log) }
}

fn log_of(broker: &Broker, version: i16, key: &SessionKey) -> Result<LogId, ErrorCode> {
    let found = match version {
        13.. => broker.image.topic_by_id(key.topic_id).map(|topic| topic.id).ok_or(ErrorCode::UnknownTopicId),
        _ => broker.image.topic(&key.topic).map(|topic| topic.id).ok_or(ErrorCode::UnknownTopicOrPartition),
    };
    found.and_then(|id| broker.log_of(id, key.partition))
}

/// The leader that answers, where both are in the same leader epoch. A follower has to say in which one it is.
fn leader_for<'b>(broker: &'b Broker, reader: Reader, log: LogId, part: &SessionPart) -> Result<&'b Leader, ErrorCode> {
    let leader = broker.leader_at(log, part.current_epoch)?;
    match reader {
        Reader::Replica(_) if part.current_epoch < 0 => Err(ErrorCode::UnknownLeaderEpoch),
        Reader::Replica(node) if !leader.has_replica(node) => Err(ErrorCode::NotLeaderOrFollower),
        _ => Ok(leader),
    }
}

fn diverging(leader: &Leader, part: &SessionPart) -> Option<(Epoch, Offset)> {
    if part.last_fetched_epoch < 0 { None } else { leader.diverging(part.last_fetched_epoch, part.fetch_offset) }
}

/// A replica's fetch says what it holds, once its log is known to agree with the leader's.
fn note_replica(
    broker: &mut Broker,
    version: i16,
    (node, broker_epoch): (NodeId, i64),
    key: &SessionKey,
    part: &SessionPart,
    out: &mut Vec<Effect<'_>>,
) {
    let Ok(log) = log_of(broker, version, key) else { return };
    let Ok(leader) = leader_for(broker, Reader::Replica(node), log, part) else { return };
    let agrees = diverging(leader, part).is_none();
    if agrees && part.fetch_offset >= leader.start() && part.fetch_offset <= leader.appended() {
        // Who is refused here is an earlier life of that node: what it is sent does no harm.
        let _ = broker.fetched_by(log, node, broker_epoch, part.fetch_offset, out);
    }
}

/// Answers when there is enough, an error, or no time left; waits otherwise.
fn settle(broker: &mut Broker, run: Run, checked: Vec<Checked>, out: &mut Vec<Effect<'_>>) {
    let bytes: u64 = checked.iter().map(|c| bytes_of(&c.data)).sum();
    let odd = checked.iter().any(|c| c.data.error_code != 0 || c.data.diverging_epoch.epoch >= 0);
    let nothing_to_wait_for = checked.is_empty();
    if bytes >= run.min_bytes.max(1) || odd || nothing_to_wait_for || run.min_bytes == 0 || broker.now >= run.deadline {
        return answer(broker, run, checked, out);
    }
    let mut logs: Vec<LogId> = checked.iter().filter_map(|c| c.log).collect();
    logs.sort();
    logs.dedup();
    let (deadline, reader) = (run.deadline, run.reader);
    let then = move |broker: &mut Broker, woken: Woken, out: &mut Vec<Effect<'_>>| {
        let deadline = if woken == Woken::Late { broker.now.min(run.deadline) } else { run.deadline };
        attempt(broker, Run { deadline, ..run }, out);
    };
    broker.park_any(reader, logs, deadline, Box::new(then));
}

fn bytes_of(data: &PartitionData<'_>) -> u64 {
    match &data.records {
        Some(Records::Range(range)) => u64::from(range.len),
        _ => 0,
    }
}

fn answer(broker: &mut Broker, run: Run, checked: Vec<Checked>, out: &mut Vec<Effect<'_>>) {
    let mut response = FetchResponse::default();
    let now = broker.now;
    if let InSession::Open = run.session {
        let parts = run.parts.iter().cloned().collect();
        response.session_id = broker.sessions.open(now, run.to.conn, parts).unwrap_or(0);
    }
    if let InSession::Continue(id) = run.session {
        response.session_id = id;
    }
    for ((key, _), checked) in run.parts.into_iter().zip(checked) {
        let data = checked.data;
        let mut changed = true;
        if let Some(session) = broker.sessions.get_mut(now, response.session_id) {
            let turn = session.next_turn();
            if let Some(known) = session.parts.get_mut(&key) {
                let has_bytes = bytes_of(&data) > 0;
                changed = has_bytes
                    || data.error_code != 0
                    || data.diverging_epoch.epoch >= 0
                    || known.told_high_watermark != data.high_watermark
                    || known.told_start != data.log_start_offset;
                if data.error_code == 0 {
                    known.told_high_watermark = data.high_watermark;
                    known.told_start = data.log_start_offset;
                } else {
                    known.told_high_watermark = -1; // told again once the error is over
                }
                if has_bytes {
                    known.turn = turn;
                }
            }
        }
        if changed || !matches!(run.session, InSession::Continue(_)) {
            add(&mut response, key, data);
        }
    }
    if run.reader == Reader::Consumer && run.to.version >= LEADERS_TOLD_SINCE {
        point_to_leaders(broker, run.listener, &mut response);
    }
    broker.reply(run.to, &response, out);
}

/// Tells who leads what is not led here any more, and where that is (KIP-951).
fn point_to_leaders(broker: &Broker, listener: usize, response: &mut FetchResponse<'_>) {
    let moved = [ErrorCode::NotLeaderOrFollower, ErrorCode::FencedLeaderEpoch].map(ErrorCode::code);
    let mut elsewhere = broker.elsewhere(listener);
    for topic in &mut response.responses {
        for part in topic.partitions.iter_mut().filter(|part| moved.contains(&part.error_code)) {
            if let Some((leader_id, leader_epoch)) = elsewhere.leader_of(topic.topic_id, part.partition_index) {
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

fn add(response: &mut FetchResponse<'static>, key: SessionKey, data: PartitionData<'static>) {
    match response.responses.last_mut() {
        Some(last) if last.topic == key.topic.as_str() && last.topic_id == key.topic_id => last.partitions.push(data),
        _ => response.responses.push(FetchableTopicResponse {
            topic: key.topic.into(),
            topic_id: key.topic_id,
            partitions: vec![data],
        }),
    }
}
