//! The broker and its metadata log: reading it at start, appending to it, and making committed records real.

use super::{Broker, META_LOG, Start};
use crate::error::ErrorCode;
use crate::event::{Appended, Effect, Level, LogName, Opened, StorageFault};
use crate::log::LogConfig;
use crate::meta::{self, Command, METADATA_TOPIC, Reply, record::Record};
use crate::parked::{Part, Token, Waiting};
use crate::types::{ConnId, LogId, Millis, NodeId, Offset, Partition, TopicId, Uuid};
use std::borrow::Cow;
use std::sync::Arc;

/// How long after the start retention runs for the first time, in milliseconds, at most (Kafka's delay).
const RETENTION_DELAY_MS: i64 = 30_000;

/// The metadata log keeps everything.
pub(super) fn meta_log_config() -> LogConfig {
    LogConfig { retention_ms: -1, retention_bytes: -1, segment_ms: i64::MAX, delete: false, ..LogConfig::default() }
}

impl Broker {
    /// The active controller, as far as this node knows.
    pub fn controller(&self) -> Option<NodeId> {
        Some(self.node)
    }

    /// Whether this node is the active controller.
    pub fn is_controller(&self) -> bool {
        true
    }

    /// Passes a client's request on to the active controller, where that is another node.
    pub fn pass_on(&mut self, _now: Millis, conn: ConnId, _slot: u64, _frame: &[u8], out: &mut Vec<Effect<'_>>) {
        out.push(Effect::Close { conn, reason: "there is no controller".to_owned() });
    }

    pub(super) fn open_metadata(&mut self, out: &mut Vec<Effect<'_>>) {
        out.push(Effect::Open {
            log: META_LOG,
            generation: self.meta.generation,
            name: LogName { topic: METADATA_TOPIC.to_owned(), topic_id: Uuid::ZERO, partition: 0 },
            config: Arc::new(meta_log_config()),
            replay: true,
        });
    }

    pub(super) fn opened_metadata(
        &mut self,
        now: Millis,
        result: Result<Opened, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let read = result.and_then(|opened| match meta::record::decode_log(&opened.content) {
            Ok(records) => Ok((opened.end, records)),
            Err(e) => Err(StorageFault { code: ErrorCode::KafkaStorageError, message: e.to_string() }),
        });
        let (end, records) = match read {
            Ok(read) => read,
            Err(fault) if self.start == Start::Metadata => {
                let reason = format!("the metadata log cannot be read: {}", fault.message);
                return out.push(Effect::Fatal { reason });
            }
            Err(fault) => return self.metadata_failed(fault, out),
        };
        if self.start != Start::Metadata {
            return self.resume_metadata(end, &records, out);
        }
        for record in &records {
            self.controller.replay(record);
            self.image.replay(record);
        }
        self.controller.set_log_end(end);
        (self.meta.appended, self.meta.synced) = (end, end);
        self.apply_broker_settings(out);
        let partitions: Vec<(TopicId, Partition)> = self
            .image
            .topics()
            .flat_map(|topic| (0..topic.partitions.len()).map(|index| (topic.id, index as Partition)))
            .collect();
        self.start = Start::Logs(0);
        for (id, index) in &partitions {
            self.host(*id, *index, out);
        }
        if self.start == Start::Logs(0) {
            self.logs_are_open(now, out);
        }
    }

    /// Every log is open: those that were not closed cleanly get a new leader epoch before anybody writes to them. Where
    /// there are other replicas, the registration of this process sees to that.
    pub(super) fn logs_are_open(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let delay = self.settings.log_retention_check_interval_ms.clamp(1, RETENTION_DELAY_MS);
        self.retention_at = Some(now.saturating_add(delay));
        let unclean: Vec<(TopicId, Partition)> = std::mem::take(&mut self.unclean)
            .into_iter()
            .filter_map(|log| self.hosted(log))
            .filter(|hosted| hosted.leader().is_ok_and(|leader| !leader.has_followers()))
            .map(|hosted| (hosted.name.topic_id, hosted.name.partition))
            .collect();
        if unclean.is_empty() {
            self.start = Start::Ready;
            return;
        }
        self.start = Start::Epochs;
        let then = |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
            if reply.is_none() {
                let message = "new leader epochs could not be recorded after a stop that was not clean: \
                               clients cannot notice that records which were never acknowledged are gone";
                out.push(Effect::Note { level: Level::Warn, message: message.to_owned() });
            }
            broker.start = Start::Ready;
        };
        self.command(now, Command::BumpLeaderEpochs(unclean), Box::new(then), out);
    }

    /// Hands the controller's next batch to the log.
    pub(super) fn pump_controller(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while let Some((base_offset, records)) = self.controller.take_batch() {
            if records.is_empty() {
                self.publish_committed(out);
                continue;
            }
            let batch = Cow::Owned(meta::record::encode_batch(now, records));
            let generation = self.meta.generation;
            out.push(Effect::Append { log: META_LOG, generation, base_offset, epoch: 0, batch });
        }
    }

    pub(super) fn appended_metadata(
        &mut self,
        generation: u32,
        result: Result<Appended, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if generation != self.meta.generation {
            return;
        }
        match result {
            Ok(appended) => {
                self.meta.appended = appended.end;
                out.push(Effect::Sync { log: META_LOG, generation });
            }
            Err(fault) => self.metadata_stumbled(&fault, out),
        }
    }

    pub(super) fn synced_metadata(
        &mut self,
        now: Millis,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if generation != self.meta.generation {
            return;
        }
        match result {
            Ok(end) => {
                self.meta.synced = self.meta.synced.max(end.min(self.meta.appended));
                self.publish_committed(out);
                self.pump_controller(now, out);
            }
            Err(fault) => self.metadata_failed(fault, out),
        }
    }

    /// An append did not happen, for lack of space perhaps: its commands fail, and the log is opened anew to see what it
    /// really holds. Later commands are tried again: one that deletes a topic may be what makes room.
    fn metadata_stumbled(&mut self, fault: &StorageFault, out: &mut Vec<Effect<'_>>) {
        let message = format!("append to the metadata log failed: {}; opening it anew", fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        self.meta.generation += 1;
        self.meta.reopening = true;
        self.open_metadata(out);
        self.abandon_commands(out);
    }

    /// The log holds what is committed (one record an offset, from 0), and perhaps what the failed append left of its
    /// batch: that is on disk now and counts, though who asked for it was told otherwise.
    fn resume_metadata(&mut self, end: Offset, records: &[Record], out: &mut Vec<Effect<'_>>) {
        let committed = usize::try_from(self.meta.synced).unwrap_or(0);
        let left = records.get(committed..).unwrap_or_default();
        for record in left {
            self.publish(record, out);
        }
        self.apply_configs(left, out);
        (self.meta.appended, self.meta.synced) = (end, end);
        self.meta.reopening = false;
        self.controller.restore(self.image.clone(), end);
    }

    /// Without its metadata log a broker serves what it has, and refuses every change.
    fn metadata_failed(&mut self, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        let message =
            format!("the metadata log is out of service: {}; topics cannot be changed until a restart", fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        self.meta.fault = Some(fault);
        self.abandon_commands(out);
    }

    fn abandon_commands(&mut self, out: &mut Vec<Effect<'_>>) {
        for token in self.controller.abandon() {
            if let Some(Waiting::Meta(then)) = self.parked.take(token) {
                then(self, None, out);
            }
        }
    }

    fn publish_committed(&mut self, out: &mut Vec<Effect<'_>>) {
        let Some((records, replies)) = self.controller.committed(self.meta.synced) else { return };
        let mut opening = Vec::new();
        for record in &records {
            opening.extend(self.publish(record, out));
        }
        self.apply_configs(&records, out);
        self.answer_when_open(opening, replies, out);
    }

    /// Replies wait for the logs that their records call for, so that a created topic can be written at once.
    fn answer_when_open(&mut self, opening: Vec<LogId>, replies: Vec<(Token, Reply)>, out: &mut Vec<Effect<'_>>) {
        if opening.is_empty() {
            return self.answer_commands(replies, out);
        }
        let parts = vec![Part::Open; opening.len()];
        let then = move |broker: &mut Broker, _, out: &mut Vec<Effect<'_>>| broker.answer_commands(replies, out);
        let token = self.park_all(parts, None, Box::new(then));
        for (index, log) in opening.into_iter().enumerate() {
            if let Some(hosted) = self.hosted_mut(log) {
                hosted.until_open.push((token, index));
            }
        }
    }

    fn answer_commands(&mut self, replies: Vec<(Token, Reply)>, out: &mut Vec<Effect<'_>>) {
        for (token, reply) in replies {
            if let Some(Waiting::Meta(then)) = self.parked.take(token) {
                then(self, Some(reply), out);
            }
        }
    }
}
