//! What committed records mean for this node: logs to open and to delete, leaders and followers to be, settings to take.

use super::{Broker, Hosted, Start, State, partition};
use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::event::{Effect, Level, LogName, Opened};
use crate::meta::{ResourceType, record::Record};
use crate::parked::Part;
use crate::replica::{Assignment, Follower, Leader, Moved};
use crate::types::{LogId, Millis, NodeId, Partition, TopicId};
use std::sync::Arc;

/// Whether this node leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    /// It does.
    Yes,
    /// The image says so, but an earlier life of this node may have led in this leader epoch, and what it had then may be
    /// lost: it waits for another one.
    InAnotherEpoch,
    /// Another one does, or nobody.
    No,
}

impl Broker {
    /// Makes one committed record real; returns the log that it opens.
    pub(super) fn publish(&mut self, record: &Record, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
        let gone = match record {
            Record::RemoveTopic(r) => self.image.topic_by_id(r.topic_id).map(|topic| topic.name.clone()),
            _ => None,
        };
        self.image.replay(record);
        if let Record::RemoveTopic(r) = record {
            self.unhost_topic(r.topic_id, out);
        }
        if matches!(record, Record::Topic(_) | Record::Partition(_) | Record::RemoveTopic(_)) {
            self.groups.topics_version += 1;
        }
        if let Some(topic) = gone {
            self.forget_group_offsets(&topic, out);
        }
        match record {
            Record::RegisterBroker(_) | Record::UnregisterBroker(_) | Record::BrokerChange(_) => {
                self.brokers_changed();
                None
            }
            Record::Partition(r) => self.place(r.topic_id, r.partition_id, out),
            Record::PartitionChange(r) => self.place(r.topic_id, r.partition_id, out),
            _ => None,
        }
    }

    /// A partition is what the image says now: this node begins to hold a copy, has another role for it, or gives it up.
    pub(super) fn place(&mut self, id: TopicId, partition: Partition, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
        let here = self.image.partition(id, partition)?.replicas.contains(&self.node);
        match (self.log_of(id, partition), here) {
            (Ok(log), true) => self.change_role(log, out),
            (Ok(log), false) => self.unhost(log, ErrorCode::NotLeaderOrFollower, out),
            (Err(_), true) => return self.host(id, partition, out),
            (Err(_), false) => {}
        }
        None
    }

    /// Begins to hold a copy of a partition, where the image says that this node does; returns the log that it opens.
    pub(super) fn host(&mut self, id: TopicId, partition: Partition, out: &mut Vec<Effect<'_>>) -> Option<LogId> {
        let topic = self.image.topic_by_id(id)?;
        let index = usize::try_from(partition).ok()?;
        let known = topic.partitions.get(index).filter(|known| known.replicas.contains(&self.node))?;
        // An epoch of this life begins after its registration.
        let lead_after = if self.replication.registered { -1 } else { known.leader_epoch };
        let name = LogName { topic: topic.name.clone(), topic_id: id, partition };
        let settings = self.topic_settings(&topic.name);
        self.generations += 1;
        let generation = self.generations;
        let log = LogId(self.hosted.len() as u32);
        let config = Arc::new(partition::log_config(&settings, self.settings.producer_id_expiration_ms));
        self.hosted.push(Some(Hosted::new(name.clone(), generation, settings, lead_after)));
        let logs = self.by_topic.entry(id).or_default();
        logs.resize(logs.len().max(index + 1), None);
        logs[index] = Some(log);
        if let Start::Logs(left) = &mut self.start {
            *left += 1;
        }
        out.push(Effect::Open { log, generation, name, config, replay: false });
        Some(log)
    }

    /// Gives up a copy: it is no longer this node's, or the topic is gone. Its files go.
    fn unhost(&mut self, log: LogId, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted_mut(log) else { return };
        let (id, index) = (hosted.name.topic_id, hosted.name.partition as usize);
        let was_opening = matches!(hosted.state, State::Opening);
        // Fetches run again when they are woken: they must not find it.
        if let Some(place) = self.by_topic.get_mut(&id).and_then(|logs| logs.get_mut(index)) {
            *place = None;
        }
        self.fail_waiters(log, code, out);
        let opening = self.hosted_mut(log).map(|hosted| std::mem::take(&mut hosted.until_open)).unwrap_or_default();
        self.hosted[log.0 as usize] = None;
        self.note_role(log);
        for (token, index) in opening {
            self.settle(token, index, Part::Failed(code), out);
        }
        out.push(Effect::Delete { log });
        if was_opening {
            self.one_is_open(self.now, out);
        }
    }

    fn unhost_topic(&mut self, id: TopicId, out: &mut Vec<Effect<'_>>) {
        for log in self.by_topic.remove(&id).unwrap_or_default().into_iter().flatten() {
            self.unhost(log, ErrorCode::UnknownTopicOrPartition, out);
        }
    }

    /// One of the logs that the start waits for is open, or will not be.
    pub(super) fn one_is_open(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let Start::Logs(left) = &mut self.start else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.logs_are_open(now, out);
        }
    }

    /// What the image says of a log's partition, and whether this node is to lead it.
    fn role_of(&self, hosted: &Hosted) -> (Assignment, NodeId, Leads) {
        let node = self.node;
        let min_isr = usize::try_from(hosted.settings.min_insync_replicas).unwrap_or(1);
        let Some(known) = self.image.partition(hosted.name.topic_id, hosted.name.partition) else {
            // The topic is about to go.
            return (Assignment { node, min_isr, ..Assignment::default() }, -1, Leads::No);
        };
        let assignment = Assignment {
            node,
            leader_epoch: known.leader_epoch,
            partition_epoch: known.partition_epoch,
            replicas: known.replicas.clone(),
            isr: known.isr.clone(),
            min_isr,
        };
        // A copy that is the only one cannot part from any other.
        let may_lead = known.replicas.len() == 1 || known.leader_epoch > hosted.lead_after;
        let leads = match (known.leader == node, may_lead) {
            (true, true) => Leads::Yes,
            (true, false) => Leads::InAnotherEpoch,
            (false, _) => Leads::No,
        };
        (assignment, known.leader, leads)
    }

    /// A log was opened: this node leads its partition, or follows, as the image says by now.
    pub(super) fn take_role(&mut self, now: Millis, log: LogId, opened: Opened) {
        let Some(hosted) = self.hosted(log) else { return };
        let (generation, durability) = (hosted.generation, hosted.durability());
        let known = if hosted.high_watermark >= 0 { hosted.high_watermark } else { opened.high_watermark };
        let (assignment, leader, leads) = self.role_of(hosted);
        let epoch = assignment.leader_epoch;
        let state = match leads {
            Leads::Yes => {
                // With a single replica, what is in the log after recovery is committed.
                let high_watermark = if assignment.replicas.len() == 1 { opened.end } else { known };
                let leader = Leader::new(now, log, generation, &assignment, opened, high_watermark, durability);
                State::Online(Box::new(leader))
            }
            Leads::No | Leads::InAnotherEpoch => {
                let follower = Follower::new(log, generation, epoch, leader, opened, known, durability);
                State::Following(Box::new(follower))
            }
        };
        if let Some(hosted) = self.hosted_mut(log) {
            hosted.state = state;
        }
        self.note_role(log);
    }

    /// The image says something new of a log's partition.
    fn change_role(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        let now = self.now;
        let Some(hosted) = self.hosted(log) else { return };
        let (assignment, leader, leads) = self.role_of(hosted);
        let (epoch, registered) = (assignment.leader_epoch, self.replication.registered);
        let Some(hosted) = self.hosted_mut(log) else { return };
        let leads = if registered || matches!(hosted.state, State::Online(_)) {
            leads
        } else {
            // It may be of an earlier life of this node.
            hosted.lead_after = hosted.lead_after.max(epoch);
            if assignment.replicas.len() > 1 && leads == Leads::Yes { Leads::InAnotherEpoch } else { leads }
        };
        let stays = matches!(&hosted.state, State::Online(known) if known.epoch == epoch) && leads != Leads::No;
        match std::mem::replace(&mut hosted.state, State::Opening) {
            State::Online(mut known) if leads == Leads::Yes || stays => {
                let moved = known.assigned(now, &assignment);
                hosted.state = State::Online(known);
                self.note_role(log);
                self.wake(log, moved, out);
            }
            State::Online(known) => {
                hosted.state = State::Following(Box::new(Follower::step_down(*known, epoch, leader)));
                self.note_role(log);
                self.fail_waiters(log, ErrorCode::NotLeaderOrFollower, out);
            }
            State::Following(known) if leads == Leads::Yes && epoch > known.epoch => {
                hosted.state = State::Online(Box::new(Leader::take_over(now, *known, &assignment)));
                self.note_role(log);
                self.group_log_opened(log, out);
            }
            State::Following(mut known) => {
                known.follow(epoch, leader);
                hosted.state = State::Following(known);
                self.note_role(log);
            }
            // It takes its role when it is open.
            state @ (State::Opening | State::Offline(_)) => hosted.state = state,
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

    /// All settings anew, from the image.
    pub(super) fn apply_all_configs(&mut self, out: &mut Vec<Effect<'_>>) {
        self.apply_broker_settings(out);
        self.configure_groups();
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
        for log in self.by_topic.get(&id).cloned().unwrap_or_default().into_iter().flatten() {
            let Some(hosted) = self.hosted_mut(log) else { continue };
            if hosted.settings == settings {
                continue;
            }
            hosted.settings = settings.clone();
            let durability = hosted.durability();
            out.push(Effect::Configure { log, config: config.clone() });
            let min_isr = usize::try_from(settings.min_insync_replicas).unwrap_or(1);
            let generation = hosted.generation;
            match &mut hosted.state {
                State::Online(leader) => {
                    let high_watermark = leader.set_min_isr(min_isr).high_watermark;
                    let moved = leader.set_durability(durability);
                    let high_watermark = high_watermark || moved.high_watermark;
                    self.wake(log, Moved { high_watermark, ..moved }, out);
                }
                State::Following(follower) => {
                    if follower.set_durability(durability).sync {
                        out.push(Effect::Sync { log, generation });
                    }
                }
                State::Opening | State::Offline(_) => {}
            }
        }
    }
}
