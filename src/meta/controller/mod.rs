//! The controller: takes commands, decides records, and publishes them once they are committed.
//!
//! `decide` is pure but for seeds and sessions, which no record rests on; only [`Image::replay`] changes the state that it
//! decides on. The state runs ahead of what is committed by the batch in flight: nothing of it is seen outside before
//! [`Controller::committed`] hands it out, and a reply waits for its records.
//!
//! Only the active controller decides: the leader of the quorum, from [`Controller::activate`] on. What it knows beside
//! the records (who was heard when) begins anew with every activation.

mod alter;
mod brokers;
mod command;
mod elect;
mod move_replicas;
mod place;
mod topics;

#[cfg(test)]
mod tests;

pub use command::{
    Chosen, Command, Committed, ConfigChange, Created, DryRun, Election, FactorChange, Heartbeat, IsrChange,
    MorePartitions, NewTopic, Ongoing, PartitionResult, PartitionState, Reassignment, Refusal, Registration, Reply,
};
pub use topics::{TOPIC_NAME_BYTES_MAX, TOPIC_PARTITIONS_MAX, check_topic_name};

use super::NO_LEADER;
use super::image::{BrokerImage, Image, ResourceType, TopicImage};
use super::record::Record;
use crate::config::{BrokerSettings, TopicSettings};
use crate::error::ErrorCode;
use crate::event::Level;
use crate::types::{Millis, NodeId, Offset, Partition};
use brokers::Session;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Producer ids are handed to a broker in blocks of so many.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

/// The controller.
#[derive(Debug)]
pub struct Controller {
    node: NodeId,
    settings: Arc<BrokerSettings>,
    state: Image,
    /// Records and replies decided, not yet handed to the log.
    open: Vec<Record>,
    open_replies: Vec<(u64, Reply)>,
    /// The batch in flight.
    flight: Option<Flight>,
    /// Makes topic ids.
    seed: [u64; 2],
    /// Breaks ties between brokers where a partition is placed.
    place_seed: u64,
    active: bool,
    /// What is known of brokers' lives, and is no record.
    sessions: BTreeMap<NodeId, Session>,
    /// When preferred leaders are looked after.
    balance_at: Option<Millis>,
    /// When partitions without leader are looked after, where an unclean leader will do.
    unclean_at: Option<Millis>,
    notes: Vec<(Level, String)>,
}

#[derive(Debug)]
struct Flight {
    records: Vec<Record>,
    replies: Vec<(u64, Reply)>,
}

impl Controller {
    /// A controller that knows nothing yet; `seed` makes its topic ids.
    pub fn new(node: NodeId, settings: Arc<BrokerSettings>, seed: [u64; 2]) -> Self {
        Controller {
            node,
            settings,
            state: Image::default(),
            open: Vec::new(),
            open_replies: Vec::new(),
            flight: None,
            seed,
            place_seed: seed[0].rotate_left(29) ^ seed[1],
            active: false,
            sessions: BTreeMap::new(),
            balance_at: None,
            unclean_at: None,
            notes: Vec::new(),
        }
    }

    /// New broker settings: defaults of topics to come.
    pub fn set_settings(&mut self, settings: Arc<BrokerSettings>) {
        self.settings = settings;
    }

    /// This node decides from here on, from what is committed below `end`. Every broker gets a whole session timeout to
    /// find its new controller.
    pub fn activate(&mut self, now: Millis, state: Image, end: Offset) {
        assert!(self.flight.is_none() && self.open.is_empty(), "commands are abandoned first");
        self.state = state;
        self.active = true;
        self.begin_sessions(now, end);
        let cluster = &self.settings.cluster;
        let balance = cluster.auto_leader_rebalance_enable;
        self.balance_at = balance.then(|| now.saturating_add(cluster.leader_imbalance_check_interval_ms.max(1)));
        self.unclean_at = Some(now);
    }

    /// Another node decides from here on, or nobody. Returns the tokens of the commands that get no reply.
    pub fn deactivate(&mut self) -> Vec<u64> {
        self.active = false;
        self.sessions.clear();
        (self.balance_at, self.unclean_at) = (None, None);
        self.abandon()
    }

    /// Whether this node decides.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Decides a command; its reply comes out of [`Controller::committed`] under `token` when its records are durable.
    pub fn submit(&mut self, now: Millis, token: u64, command: Command) {
        let (records, reply) = self.decide(now, command);
        self.apply(records);
        self.open_replies.push((token, reply));
    }

    /// What time alone brings: sessions that end, leaders that can be put right.
    pub fn tick(&mut self, now: Millis) {
        if !self.active {
            return;
        }
        self.end_sessions(now);
        if self.unclean_at.is_some_and(|at| at <= now) {
            self.unclean_at = Some(now.saturating_add(self.unclean_interval_ms()));
            let records = self.elect_where_unclean_is_allowed();
            self.apply(records);
        }
        if self.balance_at.is_some_and(|at| at <= now) {
            let interval_ms = self.settings.cluster.leader_imbalance_check_interval_ms.max(1);
            self.balance_at = Some(now.saturating_add(interval_ms));
            let records = self.elect_preferred_everywhere();
            self.apply(records);
        }
    }

    /// When [`Controller::tick`] is due next.
    pub fn deadline(&self) -> Option<Millis> {
        if !self.active {
            return None;
        }
        [self.session_deadline(), self.balance_at, self.unclean_at].into_iter().flatten().min()
    }

    /// The next batch to propose, when none is in flight. Replies without records come with the batch before them, or at
    /// once through [`Controller::committed`].
    pub fn take_batch(&mut self) -> Option<&[Record]> {
        if self.flight.is_some() || (self.open.is_empty() && self.open_replies.is_empty()) {
            return None;
        }
        let records = std::mem::take(&mut self.open);
        let flight = Flight { records, replies: std::mem::take(&mut self.open_replies) };
        Some(&self.flight.insert(flight).records)
    }

    /// The batch in flight is decided for good. Whoever has replayed everything below `end` knows it.
    pub fn committed(&mut self, end: Offset) -> Option<Committed> {
        let flight = self.flight.take()?;
        for record in &flight.records {
            self.note_committed(record, end);
        }
        Some((flight.records, flight.replies))
    }

    /// Forgets what is not committed; returns the tokens of the commands that get no reply.
    pub fn abandon(&mut self) -> Vec<u64> {
        self.open.clear();
        let flight = self.flight.take().map(|flight| flight.replies).unwrap_or_default();
        flight.into_iter().chain(self.open_replies.drain(..)).map(|(token, _)| token).collect()
    }

    /// What the operator should read, since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, level: Level, message: String) {
        self.notes.push((level, message));
    }

    fn apply(&mut self, records: Vec<Record>) {
        for record in &records {
            self.state.replay(record);
        }
        self.open.extend(records);
    }

    fn decide(&mut self, now: Millis, command: Command) -> (Vec<Record>, Reply) {
        match command {
            Command::CreateTopics { topics, dry_run } => self.decide_create(topics, dry_run),
            Command::DeleteTopics(ids) => self.decide_delete(ids),
            Command::CreatePartitions { topics, dry_run } => self.decide_partitions(topics, dry_run),
            Command::SetConfigs(changes) => self.decide_configs(now, changes),
            Command::AllocateProducerIds { broker, epoch } => {
                if epoch != -1
                    && let Err(refusal) = self.check_broker_epoch(broker, epoch)
                {
                    return (Vec::new(), Reply::Refused(refusal));
                }
                let first = self.state.next_producer_id();
                let record = Record::producer_ids(broker, first + PRODUCER_ID_BLOCK);
                (vec![record], Reply::ProducerIds(first))
            }
            Command::BumpLeaderEpochs(partitions) => {
                let led = partitions.into_iter().filter_map(|(id, index)| {
                    let leader = self.state.partition(id, index)?.leader;
                    (leader != NO_LEADER).then(|| Record::new_leader(id, index, leader))
                });
                (led.collect(), Reply::Done)
            }
            Command::RegisterBroker(registration) => self.decide_register(now, registration),
            Command::Heartbeat(heartbeat) => self.decide_heartbeat(now, heartbeat),
            Command::UnregisterBroker(id) => self.decide_unregister(id),
            Command::BrokerGone(id) => {
                self.broker_gone(now, id);
                (Vec::new(), Reply::Done)
            }
            Command::AlterPartition { broker, epoch, parts } => self.decide_alter(broker, epoch, parts),
            Command::ElectLeaders { election, partitions } => self.decide_elect(election, partitions),
            Command::Reassign { partitions, factor_change } => self.decide_reassign(partitions, factor_change),
            Command::ListReassignments(chosen) => (Vec::new(), Reply::Reassignments(self.ongoing(chosen))),
        }
    }

    fn decide_configs(&mut self, now: Millis, changes: Vec<ConfigChange>) -> (Vec<Record>, Reply) {
        let mut records = Vec::new();
        for ConfigChange { resource, name, values } in changes {
            for (key, value) in values {
                match key.as_str() {
                    // Who is eligible was decided under the old number (KIP-966).
                    "min.insync.replicas" => {
                        let topic = if resource == ResourceType::Topic { name.as_str() } else { "" };
                        records.extend(self.has_elr(topic).then(|| Record::clear_elr(topic)));
                    }
                    "unclean.leader.election.enable" => self.unclean_at = self.unclean_at.map(|_| now),
                    _ => {}
                }
                records.push(Record::config(resource, &name, key, value));
            }
        }
        (records, Reply::Done)
    }

    /// Whether a topic (or any, under the empty name) has partitions with eligible leader replicas.
    fn has_elr(&self, topic: &str) -> bool {
        let mut topics = self.state.topics().filter(|known| topic.is_empty() || known.name == topic);
        topics.any(|topic| topic.partitions.iter().any(|p| !p.elr.is_empty() || !p.last_known_elr.is_empty()))
    }

    fn every_partition(&self) -> Vec<(String, Partition)> {
        let of = |topic: &TopicImage| {
            let name = topic.name.clone();
            (0..topic.partitions.len()).map(move |index| (name.clone(), index as Partition))
        };
        self.state.topics().flat_map(of).collect()
    }

    /// Whether a broker may lead and be in sync. A node without any registered broker is its own only one: so it is until
    /// the node registers itself like every other.
    fn is_active_broker(&self, id: NodeId) -> bool {
        match self.state.broker(id) {
            Some(broker) => broker.is_active(),
            None => id == self.node && self.state.brokers().next().is_none(),
        }
    }

    fn is_registered(&self, id: NodeId) -> bool {
        self.state.broker(id).is_some() || self.is_active_broker(id)
    }

    fn check_broker_epoch(&self, id: NodeId, epoch: i64) -> Result<&BrokerImage, Refusal> {
        let stale = |message: String| Err(Refusal::new(ErrorCode::StaleBrokerEpoch, message));
        match self.state.broker(id) {
            Some(broker) if broker.epoch == epoch => Ok(broker),
            Some(broker) => {
                stale(format!("Expected broker epoch {}, but got broker epoch {epoch} instead.", broker.epoch))
            }
            None => stale(format!("No broker registration found for broker id {id}")),
        }
    }

    fn topic_settings(&self, topic: &str) -> TopicSettings {
        let overrides = self.state.overrides(ResourceType::Topic, topic);
        if overrides.is_empty() {
            return self.settings.topic.clone();
        }
        // They were checked when they were set; a broker setting that no longer goes with them must not stop us.
        TopicSettings::resolve(&self.settings, overrides).unwrap_or_else(|_| self.settings.topic.clone())
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
