//! What committed records mean for this node: logs to open and to delete, leaders and followers to be, settings to take.

use super::{Broker, Hosted, State, partition};
use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::event::{Effect, Level, LogName};
use crate::meta::{ResourceType, record::Record};
use crate::parked::Part;
use crate::types::{LogId, Partition, TopicId};
use std::sync::Arc;

impl Broker {
    /// Makes one committed record real; returns the log that it opens.
    pub(super) fn publish(&mut self, record: &Record, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
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
                self.partition_changed(log, r.topic_id, r.partition_id);
                None
            }
            _ => None,
        }
    }

    /// A partition that is hosted here has a new state in the image.
    pub(super) fn partition_changed(&mut self, log: LogId, id: TopicId, partition: Partition) {
        let Some(topic) = self.image.topic_by_id(id) else { return };
        let Some(epoch) = topic.partitions.get(partition as usize).map(|partition| partition.leader_epoch) else {
            return;
        };
        if let Some(Ok(leader)) = self.hosted_mut(log).map(Hosted::leader_mut) {
            leader.epoch = epoch;
        }
    }

    pub(super) fn host(&mut self, id: TopicId, partition: Partition, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
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

    pub(super) fn apply_configs(&mut self, records: &[Record], out: &mut Vec<Effect<'_>>) {
        let mut topics: Vec<String> = Vec::new();
        let mut brokers = false;
        for record in records {
            let Record::Config(r) = record else { continue };
            match ResourceType::from_code(r.resource_type) {
                Some(ResourceType::Topic) => topics.push(r.resource_name.to_string()),
                Some(ResourceType::Broker) => brokers = true,
                None => {}
            }
        }
        if brokers {
            self.apply_broker_settings(out);
            topics = self.image.topics().map(|topic| topic.name.clone()).collect();
        }
        topics.sort();
        topics.dedup();
        for topic in topics {
            self.reconfigure(&topic, out);
        }
    }

    /// All settings anew, from the image.
    pub(super) fn apply_all_configs(&mut self, out: &mut Vec<Effect<'_>>) {
        self.apply_broker_settings(out);
        let topics: Vec<String> = self.image.topics().map(|topic| topic.name.clone()).collect();
        for topic in topics {
            self.reconfigure(&topic, out);
        }
    }

    /// Dynamic broker settings over those of the file.
    pub(super) fn apply_broker_settings(&mut self, out: &mut Vec<Effect<'_>>) {
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
