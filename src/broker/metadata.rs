//! The broker and its metadata log: reading it at start, appending to it, and making committed records real.

use super::{Broker, Hosted, META_LOG, Start, State, partition};
use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::event::{Appended, Effect, Level, LogName, Opened, StorageFault};
use crate::log::LogConfig;
use crate::meta::{self, Command, METADATA_TOPIC, Reply, ResourceType, record::Record};
use crate::parked::{Part, Token, Waiting};
use crate::types::{LogId, Millis, Offset, Partition, TopicId, Uuid};
use std::borrow::Cow;
use std::sync::Arc;

/// How long after the start retention runs for the first time, in milliseconds, at most (Kafka's delay).
const RETENTION_DELAY_MS: i64 = 30_000;

/// The metadata log keeps everything.
pub(super) fn meta_log_config() -> LogConfig {
    LogConfig { retention_ms: -1, retention_bytes: -1, segment_ms: i64::MAX, delete: false, ..LogConfig::default() }
}

impl Broker {
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
        self.configure_groups();
        let partitions: Vec<(TopicId, Partition)> = self
            .image
            .topics()
            .flat_map(|topic| (0..topic.partitions.len()).map(|index| (topic.id, index as Partition)))
            .collect();
        self.start = Start::Logs(partitions.len());
        for (id, index) in &partitions {
            self.host(*id, *index, out);
        }
        if partitions.is_empty() {
            self.logs_are_open(now, out);
        }
    }

    /// Every log is open: those that were not closed cleanly get a new leader epoch before anybody writes to them.
    pub(super) fn logs_are_open(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let delay = self.settings.log_retention_check_interval_ms.clamp(1, RETENTION_DELAY_MS);
        self.retention_at = Some(now.saturating_add(delay));
        let unclean: Vec<(TopicId, Partition)> = std::mem::take(&mut self.unclean)
            .into_iter()
            .filter_map(|log| self.hosted(log))
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

    /// Makes one committed record real; returns the log that it opens.
    fn publish(&mut self, record: &Record, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
        let mut gone = None;
        if let Record::RemoveTopic(r) = record {
            self.unhost(r.topic_id, out);
            gone = self.image.topic_by_id(r.topic_id).map(|topic| topic.name.clone());
        }
        self.image.replay(record);
        if matches!(record, Record::Topic(_) | Record::Partition(_) | Record::RemoveTopic(_)) {
            self.groups.topics_version += 1;
        }
        if let Some(topic) = gone {
            self.forget_group_offsets(&topic, out);
        }
        match record {
            Record::Partition(r) => self.host(r.topic_id, r.partition_id, out),
            Record::PartitionChange(r) => {
                let log = self.log_of(r.topic_id, r.partition_id)?;
                let partition = self.image.topic_by_id(r.topic_id)?.partitions.get(r.partition_id as usize)?;
                let epoch = partition.leader_epoch;
                if let Ok(leader) = self.hosted_mut(log)?.leader_mut() {
                    leader.epoch = epoch;
                }
                None
            }
            _ => None,
        }
    }

    fn host(&mut self, id: TopicId, partition: Partition, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
        let topic = self.image.topic_by_id(id)?;
        let name = LogName { topic: topic.name.clone(), topic_id: id, partition };
        let settings = self.topic_settings(&topic.name);
        self.generations += 1;
        let generation = self.generations;
        let log = LogId(self.hosted.len() as u32);
        let config = Arc::new(partition::log_config(&settings, self.settings.producer_id_expiration_ms));
        self.hosted.push(Some(Hosted::new(name.clone(), generation, settings)));
        self.by_topic.entry(id).or_default().push(log);
        out.push(Effect::Open { log, generation, name, config, replay: false });
        Some(log)
    }

    fn unhost(&mut self, id: TopicId, out: &mut Vec<Effect<'_>>) {
        for log in self.by_topic.remove(&id).unwrap_or_default() {
            self.fail_waiters(log, ErrorCode::UnknownTopicOrPartition, out);
            let opening = self.hosted_mut(log).map(|hosted| std::mem::take(&mut hosted.until_open)).unwrap_or_default();
            self.hosted[log.0 as usize] = None;
            for (token, index) in opening {
                self.settle(token, index, Part::Failed(ErrorCode::UnknownTopicOrPartition), out);
            }
            out.push(Effect::Delete { log });
        }
    }

    /// A topic's settings: its overrides over the broker's defaults.
    pub fn topic_settings(&self, topic: &str) -> Arc<TopicSettings> {
        let overrides = self.image.overrides(ResourceType::Topic, topic);
        // Overrides were checked when they were set; a broker setting that no longer goes with them must not stop us.
        let settings =
            TopicSettings::resolve(&self.settings, overrides).unwrap_or_else(|_| self.settings.topic.clone());
        Arc::new(settings)
    }

    fn apply_configs(&mut self, records: &[Record], out: &mut Vec<Effect<'_>>) {
        let mut topics: Vec<String> = Vec::new();
        let mut groups: Vec<String> = Vec::new();
        let mut brokers = false;
        for record in records {
            let Record::Config(r) = record else { continue };
            match ResourceType::from_code(r.resource_type) {
                Some(ResourceType::Topic) => topics.push(r.resource_name.to_string()),
                Some(ResourceType::Broker) => brokers = true,
                Some(ResourceType::Group) => groups.push(r.resource_name.to_string()),
                None => {}
            }
        }
        if brokers {
            self.apply_broker_settings(out);
            topics = self.image.topics().map(|topic| topic.name.clone()).collect();
            self.configure_groups();
        }
        for group in groups {
            self.configure_group(&group);
        }
        topics.sort();
        topics.dedup();
        for topic in topics {
            self.reconfigure(&topic, out);
        }
    }

    /// Dynamic broker settings over those of the file.
    fn apply_broker_settings(&mut self, out: &mut Vec<Effect<'_>>) {
        let cluster = self.image.overrides(ResourceType::Broker, "");
        let own = self.image.overrides(ResourceType::Broker, &self.node.to_string());
        if cluster.is_empty() && own.is_empty() && Arc::ptr_eq(&self.settings, &self.file_settings) {
            return;
        }
        match self.file_settings.with_dynamic(cluster, own) {
            Ok(settings) => {
                self.settings = Arc::new(settings);
                self.controller.set_settings(self.settings.clone());
                self.sessions.set_slots(self.settings.max_incremental_fetch_session_cache_slots.max(0) as usize);
                out.push(Effect::Settings { settings: self.settings.clone() });
            }
            Err(e) => {
                let message = format!("dynamic broker settings ignored: {e}");
                out.push(Effect::Note { level: Level::Error, message });
            }
        }
    }

    fn reconfigure(&mut self, topic: &str, out: &mut Vec<Effect<'_>>) {
        let Some(id) = self.image.topic(topic).map(|topic| topic.id) else { return };
        let settings = self.topic_settings(topic);
        let config = Arc::new(partition::log_config(&settings, self.settings.producer_id_expiration_ms));
        for log in self.by_topic.get(&id).cloned().unwrap_or_default() {
            let Some(hosted) = self.hosted_mut(log) else { continue };
            if hosted.settings == settings {
                continue;
            }
            hosted.settings = settings.clone();
            let durability = hosted.durability();
            out.push(Effect::Configure { log, config: config.clone() });
            if let State::Online(leader) = &mut hosted.state {
                let moved = leader.set_durability(durability);
                self.wake(log, moved, out);
            }
        }
    }
}
