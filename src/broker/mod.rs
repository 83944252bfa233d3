//! The broker: introduces the machines to each other. What each input means for partitions, metadata and those who wait.

mod group_configs;
mod groups;
mod metadata;
mod partition;
mod session;

pub use groups::{GroupResult, Groups};
pub use partition::{Hosted, State};
pub use session::{Session, SessionKey, SessionPart, Sessions, next_epoch};

use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::event::{Answer, Appended, Effect, Level, Opened, Question, StorageFault};
use crate::meta::{Command, Controller, Image, Reply};
use crate::parked::{Parked, Part, Then, Token, Waiting};
use crate::replica::{Leader, Moved};
use crate::types::{ConnId, Epoch, LogId, Millis, NodeId, Offset, Partition, TopicId, Uuid};
use crate::wire::{Message, Writer, header};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The metadata log's id.
pub const META_LOG: LogId = LogId(0);

/// Whom a reply is for, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct ReplyTo {
    /// The connection.
    pub conn: ConnId,
    /// The frame's place on it.
    pub slot: u64,
    /// The request's version.
    pub version: i16,
    /// The client's number for the request.
    pub correlation_id: i32,
}

/// Where clients of one listener are told to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The broker's state.
#[derive(Debug)]
pub struct Broker {
    /// The time of the step in hand.
    pub now: Millis,
    /// This node.
    pub node: NodeId,
    /// The cluster's id, as text.
    pub cluster_id: String,
    /// Settings, dynamic ones included.
    pub settings: Arc<BrokerSettings>,
    /// Settings without the dynamic ones: what the file says.
    pub file_settings: Arc<BrokerSettings>,
    /// What clients are told, by listener index.
    pub endpoints: Vec<Endpoint>,
    /// Committed metadata.
    pub image: Image,
    /// Requests that wait.
    pub parked: Parked,
    /// Incremental fetch sessions (KIP-227).
    pub sessions: Sessions,
    /// Producer ids of this broker's block: next, and end.
    pub producer_ids: (i64, i64),
    /// Groups that are coordinated here.
    groups: Groups,
    controller: Controller,
    meta: MetaLog,
    hosted: Vec<Option<Hosted>>,
    by_topic: BTreeMap<TopicId, Vec<LogId>>,
    generations: u32,
    unclean: Vec<LogId>,
    start: Start,
    flush_watch: BTreeSet<(Millis, LogId)>,
    retention_at: Option<Millis>,
    offline_dirs: BTreeSet<usize>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The metadata log is being read.
    Metadata,
    /// Partitions' logs are being opened: so many to go.
    Logs(usize),
    /// New leader epochs are being committed.
    Epochs,
    /// It serves.
    Ready,
}

/// The metadata log's positions.
#[derive(Debug, Default)]
struct MetaLog {
    generation: u32,
    /// An append failed, and the log is being opened anew.
    reopening: bool,
    appended: Offset,
    synced: Offset,
    fault: Option<StorageFault>,
}

impl Broker {
    /// A broker that knows its settings only.
    pub fn new(settings: Arc<BrokerSettings>, cluster_id: Uuid, endpoints: Vec<Endpoint>, seed: [u64; 2]) -> Self {
        let node = settings.node_id;
        Broker {
            now: 0,
            node,
            cluster_id: cluster_id.to_text(),
            controller: Controller::new(node, settings.clone(), seed),
            sessions: Sessions::new(
                settings.max_incremental_fetch_session_cache_slots.max(0) as usize,
                seed[0] ^ seed[1].rotate_left(17),
            ),
            file_settings: settings.clone(),
            settings,
            endpoints,
            image: Image::default(),
            parked: Parked::default(),
            producer_ids: (0, 0),
            groups: Groups::new([seed[0].rotate_left(23), seed[1].rotate_left(41)]),
            meta: MetaLog::default(),
            hosted: Vec::new(),
            by_topic: BTreeMap::new(),
            generations: 0,
            unclean: Vec::new(),
            start: Start::Metadata,
            flush_watch: BTreeSet::new(),
            retention_at: None,
            offline_dirs: BTreeSet::new(),
        }
    }

    /// Asks for the metadata log; everything else follows from it.
    pub fn begin(&mut self, out: &mut Vec<Effect<'_>>) {
        self.hosted.push(None); // the metadata log's place
        self.open_metadata(out);
    }

    /// Whether clients may come.
    pub fn is_ready(&self) -> bool {
        self.start == Start::Ready
    }

    /// When something is due next.
    pub fn deadline(&self) -> Option<Millis> {
        let flush = self.flush_watch.first().map(|(at, _)| *at);
        [self.parked.deadline(), flush, self.retention_at, self.groups.deadline()].into_iter().flatten().min()
    }

    /// A partition's slot.
    pub fn hosted(&self, log: LogId) -> Option<&Hosted> {
        self.hosted.get(log.0 as usize)?.as_ref()
    }

    /// A partition's slot, to change it.
    pub fn hosted_mut(&mut self, log: LogId) -> Option<&mut Hosted> {
        self.hosted.get_mut(log.0 as usize)?.as_mut()
    }

    /// All partitions hosted here.
    pub fn all_hosted(&self) -> impl Iterator<Item = (LogId, &Hosted)> {
        self.hosted.iter().enumerate().filter_map(|(i, hosted)| Some((LogId(i as u32), hosted.as_ref()?)))
    }

    /// The log of a partition, by topic id.
    pub fn log_of(&self, topic: TopicId, partition: Partition) -> Option<LogId> {
        self.by_topic.get(&topic)?.get(usize::try_from(partition).ok()?).copied()
    }

    /// The log of a partition, by topic name.
    pub fn log_of_name(&self, topic: &str, partition: Partition) -> Option<LogId> {
        self.log_of(self.image.topic(topic)?.id, partition)
    }

    /// The leader of a partition, checked against the epoch that the client believes in (KIP-320); -1 believes nothing.
    ///
    /// # Errors
    /// The code for the client.
    pub fn leader_at(&self, log: LogId, current_epoch: Epoch) -> Result<&Leader, ErrorCode> {
        let leader = self.hosted(log).ok_or(ErrorCode::UnknownTopicOrPartition)?.leader()?;
        match current_epoch {
            -1 => Ok(leader),
            epoch if epoch < leader.epoch => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > leader.epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(leader),
        }
    }

    /// Sends a reply.
    pub fn reply<'m, M: Message<'m>>(&self, to: ReplyTo, response: &M, out: &mut Vec<Effect<'_>>) {
        let mut writer = Writer::with_capacity(128);
        let flexible = to.version >= M::FLEXIBLE_FROM;
        header::encode_response(&mut writer, M::KEY, to.correlation_id, flexible);
        response.write(&mut writer, to.version);
        out.push(Effect::Reply { conn: to.conn, slot: to.slot, chunks: writer.into_chunks(), throttle_ms: 0 });
    }

    /// Asks storage; `then` gets the answer.
    pub fn ask(&mut self, question: Question, then: Then<Answer>, out: &mut Vec<Effect<'_>>) {
        let token = self.parked.put(Waiting::Answer(then), None);
        out.push(Effect::Ask { token, question });
    }

    /// Asks the controller; `then` gets its reply once the records are on disk and the logs that they call for are open.
    pub fn command(&mut self, now: Millis, command: Command, then: Then<Option<Reply>>, out: &mut Vec<Effect<'_>>) {
        if self.meta.fault.is_some() || self.meta.reopening {
            return then(self, None, out);
        }
        let token = self.parked.put(Waiting::Meta(then), None);
        self.controller.submit(token, command);
        self.pump_controller(now, out);
    }

    /// Answers [`Effect::Open`].
    pub fn opened(&mut self, now: Millis, log: LogId, result: Result<Opened, StorageFault>, out: &mut Vec<Effect<'_>>) {
        if log == META_LOG {
            return self.opened_metadata(now, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        let partition = self.image.topic_by_id(hosted.name.topic_id);
        let epoch = partition
            .and_then(|topic| topic.partitions.get(hosted.name.partition as usize))
            .map_or(0, |partition| partition.leader_epoch);
        let part = match result {
            Ok(mut opened) => {
                opened.producers.expect_first(&std::mem::take(&mut hosted.overtaken));
                hosted.dir = opened.dir;
                if opened.unclean && opened.end > 0 {
                    self.unclean.push(log);
                }
                let leader = Leader::new(log, hosted.generation, epoch, opened, hosted.durability());
                hosted.state = State::Online(Box::new(leader));
                Part::Done
            }
            Err(fault) => {
                let message = format!("{} is offline: {}", hosted.name.dir_name(), fault.message);
                out.push(Effect::Note { level: Level::Error, message });
                hosted.state = State::Offline(fault);
                Part::Failed(ErrorCode::KafkaStorageError)
            }
        };
        let waiting = std::mem::take(&mut hosted.until_open);
        self.group_log_opened(log, out);
        for (token, index) in waiting {
            self.settle(token, index, part, out);
        }
        if let Start::Logs(left) = self.start {
            self.start = Start::Logs(left - 1);
            if left == 1 {
                self.logs_are_open(now, out);
            }
        }
    }

    /// Answers [`Effect::Append`].
    pub fn appended(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        result: Result<Appended, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.appended_metadata(generation, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        let State::Online(leader) = &mut hosted.state else { return };
        let done = match result {
            Ok(done) => done,
            Err(fault) => return self.append_failed(log, fault, out),
        };
        if done.rolled {
            let offset = leader.end();
            let bytes = leader.producers().encode();
            out.push(Effect::SaveProducers { log, generation, offset, bytes });
        }
        let moved = leader.appended_to(now, done.end);
        let flush_at = leader.flush_deadline().filter(|at| *at < Millis::MAX);
        self.flush_watch.extend(flush_at.map(|at| (at, log)));
        self.wake(log, moved, out);
    }

    /// Answers [`Effect::Sync`].
    pub fn synced(
        &mut self,
        now: Millis,
        log: LogId,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if log == META_LOG {
            return self.synced_metadata(now, generation, result, out);
        }
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        match result {
            Ok(end) => {
                let State::Online(leader) = &mut hosted.state else { return };
                let moved = leader.synced_to(now, end);
                self.wake(log, moved, out);
            }
            // Nothing is retried into a success: what was not synced may be lost, whatever the next sync says.
            Err(fault) => self.take_offline(log, fault, out),
        }
    }

    /// The log's start moved.
    pub fn trimmed(
        &mut self,
        log: LogId,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        if hosted.generation != generation {
            return;
        }
        let State::Online(leader) = &mut hosted.state else { return };
        match result {
            Ok(start) => {
                leader.trimmed_to(start);
                self.settle_queue(log, |hosted| &mut hosted.until_trimmed, start, out);
            }
            Err(fault) => {
                let code = fault.code;
                self.fail_queue(log, |hosted| &mut hosted.until_trimmed, code, out);
            }
        }
    }

    /// An answer from storage.
    pub fn answered(&mut self, token: Token, answer: Answer, out: &mut Vec<Effect<'_>>) {
        if let Some(Waiting::Answer(then)) = self.parked.take(token) {
            then(self, answer, out);
        }
    }

    /// A log directory is out of service: all its partitions are.
    pub fn dir_failed(&mut self, dir: usize, out: &mut Vec<Effect<'_>>) {
        self.offline_dirs.insert(dir);
        let logs: Vec<LogId> = self.all_hosted().filter(|(_, h)| h.dir == dir).map(|(log, _)| log).collect();
        for log in logs {
            let fault = StorageFault {
                code: ErrorCode::KafkaStorageError,
                message: "its log directory is out of service".to_owned(),
            };
            self.take_offline(log, fault, out);
        }
    }

    /// Runs what is due.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while let Some((token, waiting)) = self.parked.take_due(now) {
            self.run_late(token, waiting, out);
        }
        while let Some(&(at, log)) = self.flush_watch.first() {
            if at > now {
                break;
            }
            self.flush_watch.pop_first();
            let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { continue };
            let State::Online(leader) = &mut hosted.state else { continue };
            if leader.flush_due(now) {
                out.push(Effect::Sync { log, generation: hosted.generation });
            } else if let Some(later) = leader.flush_deadline() {
                self.flush_watch.insert((later, log));
            }
        }
        if self.retention_at.is_some_and(|at| at <= now) {
            self.retain(now, out);
        }
        self.tick_groups(now, out);
    }

    /// Asks for a producer snapshot at the end of every log that has records, so that the next start need not read
    /// batches to know its producers. A log with an append under way goes without.
    pub fn save_producers(&mut self, out: &mut Vec<Effect<'_>>) {
        for (log, hosted) in (0..).map(LogId).zip(&self.hosted) {
            let Some(Hosted { generation, state: State::Online(leader), .. }) = hosted else { continue };
            let offset = leader.end();
            if offset > leader.start() && offset == leader.appended() {
                let bytes = leader.producers().encode();
                out.push(Effect::SaveProducers { log, generation: *generation, offset, bytes });
            }
        }
    }

    /// Answers the fetches that wait, as if their deadline had come. What waits for the disk is left to finish.
    pub fn drain_fetches(&mut self, out: &mut Vec<Effect<'_>>) {
        for token in self.parked.fetches() {
            if let Some(waiting) = self.parked.take(token) {
                self.run_late(token, waiting, out);
            }
        }
    }

    /// Parks a request until its parts are settled; `register` tells where each part waits.
    pub fn park_all(&mut self, parts: Vec<Part>, deadline: Option<Millis>, then: Then<Vec<Part>>) -> Token {
        let open = parts.iter().filter(|part| **part == Part::Open).count();
        self.parked.put(Waiting::All { parts, open, then }, deadline)
    }

    /// Parks a fetch until one of `logs` grows.
    pub fn park_any(&mut self, logs: Vec<LogId>, deadline: Millis, then: Then<()>) {
        let token = self.parked.put(Waiting::Any { logs: logs.clone(), then }, Some(deadline));
        for log in logs {
            if let Some(hosted) = self.hosted_mut(log) {
                hosted.fetches.push(token);
            }
        }
    }

    /// Settles one part of a request, and runs the request when it was the last.
    pub fn settle(&mut self, token: Token, index: usize, part: Part, out: &mut Vec<Effect<'_>>) {
        if let Some((parts, then)) = self.parked.settle(token, index, part) {
            then(self, parts, out);
        }
    }

    fn run_late(&mut self, token: Token, waiting: Waiting, out: &mut Vec<Effect<'_>>) {
        match waiting {
            Waiting::All { parts, then, .. } => then(self, parts, out),
            Waiting::Any { logs, then } => {
                self.forget_fetch(token, &logs);
                then(self, (), out);
            }
            Waiting::Answer(_) => {}
            Waiting::Meta(then) => then(self, None, out),
            Waiting::Group(then) => then(self, Err(ErrorCode::CoordinatorNotAvailable), out),
        }
    }

    fn forget_fetch(&mut self, token: Token, logs: &[LogId]) {
        for log in logs {
            if let Some(hosted) = self.hosted_mut(*log) {
                hosted.fetches.retain(|waiting| *waiting != token);
            }
        }
    }

    /// Applies what a completion moved: sync, acks=1, acks=all, fetches.
    fn wake(&mut self, log: LogId, moved: Moved, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted(log) else { return };
        let Ok(leader) = hosted.leader() else { return };
        let (appended, high_watermark) = (leader.appended(), leader.high_watermark());
        if moved.sync {
            out.push(Effect::Sync { log, generation: hosted.generation });
        }
        self.settle_queue(log, |hosted| &mut hosted.until_appended, appended, out);
        if moved.high_watermark {
            self.settle_queue(log, |hosted| &mut hosted.until_committed, high_watermark, out);
            self.wake_fetches(log, out);
        }
    }

    fn wake_fetches(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        for token in std::mem::take(&mut hosted.fetches) {
            if let Some(Waiting::Any { logs, then }) = self.parked.take(token) {
                self.forget_fetch(token, &logs);
                then(self, (), out);
            }
        }
    }

    fn settle_queue(
        &mut self,
        log: LogId,
        queue: fn(&mut Hosted) -> &mut partition::OffsetQueue,
        reached: Offset,
        out: &mut Vec<Effect<'_>>,
    ) {
        while let Some(hosted) = self.hosted_mut(log) {
            let Some((_, token, index)) = queue(hosted).pop_front_if(|(until, _, _)| *until <= reached) else { break };
            self.settle(token, index, Part::Done, out);
        }
    }

    fn fail_queue(
        &mut self,
        log: LogId,
        queue: fn(&mut Hosted) -> &mut partition::OffsetQueue,
        code: ErrorCode,
        out: &mut Vec<Effect<'_>>,
    ) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        for (_, token, index) in std::mem::take(queue(hosted)) {
            self.settle(token, index, Part::Failed(code), out);
        }
    }

    /// Everybody who waits for this log gets an error.
    fn fail_waiters(&mut self, log: LogId, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
        self.group_log_lost(log, out);
        self.fail_queue(log, |hosted| &mut hosted.until_appended, code, out);
        self.fail_queue(log, |hosted| &mut hosted.until_committed, code, out);
        self.fail_queue(log, |hosted| &mut hosted.until_trimmed, code, out);
        self.wake_fetches(log, out);
    }

    /// An append did not happen (no space, for one): offsets that were given out after it are void. The log is opened
    /// anew, which brings back what it really holds.
    fn append_failed(&mut self, log: LogId, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        self.generations += 1;
        let generation = self.generations;
        let expire_ms = self.settings.producer_id_expiration_ms;
        let Some(hosted) = self.hosted_mut(log) else { return };
        let message = format!("append to {} failed: {}; opening the log anew", hosted.name.dir_name(), fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        hosted.generation = generation;
        hosted.overtaken = hosted.leader().map(|leader| leader.producers().clone()).unwrap_or_default();
        hosted.state = State::Opening;
        out.push(Effect::Open {
            log,
            generation,
            name: hosted.name.clone(),
            config: Arc::new(partition::log_config(&hosted.settings, expire_ms)),
            replay: false,
        });
        self.fail_waiters(log, fault.code, out);
    }

    fn take_offline(&mut self, log: LogId, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        if matches!(hosted.state, State::Offline(_)) {
            return;
        }
        let message = format!("{} is offline: {}", hosted.name.dir_name(), fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        hosted.state = State::Offline(fault);
        self.fail_waiters(log, ErrorCode::KafkaStorageError, out);
    }

    fn retain(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        self.retention_at = Some(now.saturating_add(self.settings.log_retention_check_interval_ms.max(1)));
        let expire_ms = self.settings.producer_id_expiration_ms;
        for (i, hosted) in self.hosted.iter_mut().enumerate() {
            let Some(hosted) = hosted else { continue };
            let State::Online(leader) = &mut hosted.state else { continue };
            leader.expire_producers(now, expire_ms);
            let upto = leader.high_watermark();
            out.push(Effect::Retain { log: LogId(i as u32), generation: hosted.generation, upto });
        }
    }
}
