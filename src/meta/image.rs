//! The cluster's state as its records make it. Only [`Image::replay`] changes it.

use super::record::{PartitionChangeRecord, PartitionRecord, Record};
use crate::types::{Epoch, NodeId, Partition, ProducerId, TopicId, Uuid};
use std::collections::BTreeMap;

/// What a configuration belongs to, with Kafka's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ResourceType {
    /// A topic.
    Topic,
    /// A broker, or all of them under the empty name.
    Broker,
    /// A group of consumers, whether it is there or not.
    Group,
}

impl ResourceType {
    /// The type of a number from the wire.
    pub fn from_code(code: i8) -> Option<ResourceType> {
        match code {
            2 => Some(ResourceType::Topic),
            4 => Some(ResourceType::Broker),
            32 => Some(ResourceType::Group),
            _ => None,
        }
    }

    /// The number on the wire.
    pub fn code(self) -> i8 {
        match self {
            ResourceType::Topic => 2,
            ResourceType::Broker => 4,
            ResourceType::Group => 32,
        }
    }
}

/// A partition as the controller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Who leads it; -1 is nobody.
    pub leader: NodeId,
    /// Grows with every change of leader.
    pub leader_epoch: Epoch,
    /// Grows with every change at all.
    pub partition_epoch: Epoch,
    /// Who holds a copy, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Who of them is in sync. Empty only after the last member came back without its data.
    pub isr: Vec<NodeId>,
    /// Who left the in-sync replicas while these were too few, and still has every acknowledged record (KIP-966).
    pub elr: Vec<NodeId>,
    /// Who led when nobody in sync or eligible was left.
    pub last_known_elr: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<NodeId>,
    /// Replicas that a reassignment removes.
    pub removing: Vec<NodeId>,
    /// The leader was elected though it may lack records, and has not caught up with that yet (KIP-704).
    pub recovering: bool,
}

impl PartitionImage {
    /// Whether a reassignment is under way.
    pub fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// Applies one change, as Kafka's `PartitionRegistration.merge`: a leader that is named is a new leader epoch, though
    /// it be the same.
    pub(super) fn replay(&mut self, r: &PartitionChangeRecord) {
        let set = |known: &mut Vec<NodeId>, new: &Option<Vec<NodeId>>| {
            if let Some(new) = new {
                known.clone_from(new);
            }
        };
        set(&mut self.isr, &r.isr);
        set(&mut self.replicas, &r.replicas);
        set(&mut self.removing, &r.removing_replicas);
        set(&mut self.adding, &r.adding_replicas);
        set(&mut self.elr, &r.eligible_leader_replicas);
        set(&mut self.last_known_elr, &r.last_known_elr);
        if r.leader != super::LEADER_UNCHANGED {
            self.leader = r.leader;
            self.leader_epoch += 1;
        }
        if r.leader_recovery_state >= 0 {
            self.recovering = r.leader_recovery_state > 0;
        }
        self.partition_epoch += 1;
    }
}

/// A broker that belongs to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Its id.
    pub id: NodeId,
    /// The epoch of its registration: it grows over the cluster's life.
    pub epoch: i64,
    /// Its process.
    pub incarnation: Uuid,
    /// Name, host and port of its listeners.
    pub endpoints: Vec<(String, String, u16)>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// It leads nothing and is in no in-sync replicas but where it is the last.
    pub fenced: bool,
    /// It is about to stop: it leads nothing that another one could lead.
    pub shutting_down: bool,
    /// The ids of its log directories; empty where they are not known.
    pub log_dirs: Vec<Uuid>,
}

impl BrokerImage {
    /// Whether it may lead partitions and join their in-sync replicas (KIP-841).
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.shutting_down
    }

    /// Host and port of a listener.
    pub fn endpoint(&self, listener: &str) -> Option<(&str, u16)> {
        self.endpoints.iter().find(|(name, ..)| name == listener).map(|(_, host, port)| (host.as_str(), *port))
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: TopicId,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionImage>,
}

/// Overrides of one resource, by name.
pub type Overrides = BTreeMap<String, String>;

/// Everything the metadata log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    topics: BTreeMap<TopicId, TopicImage>,
    names: BTreeMap<String, TopicId>,
    configs: BTreeMap<(ResourceType, String), Overrides>,
    next_producer_id: ProducerId,
    brokers: BTreeMap<NodeId, BrokerImage>,
    last_broker_epoch: i64,
}

impl Image {
    /// The topic of a name.
    pub fn topic(&self, name: &str) -> Option<&TopicImage> {
        self.topics.get(self.names.get(name)?)
    }

    /// The topic of an id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&TopicImage> {
        self.topics.get(&id)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    /// All topics whose name is not below `from`, by name.
    pub fn topics_from(&self, from: &str) -> impl Iterator<Item = &TopicImage> {
        self.names.range(from.to_owned()..).filter_map(|(_, id)| self.topics.get(id))
    }

    /// Overrides of a resource; empty where there are none.
    pub fn overrides(&self, resource: ResourceType, name: &str) -> &Overrides {
        const NONE: &Overrides = &Overrides::new();
        self.configs.get(&(resource, name.to_owned())).unwrap_or(NONE)
    }

    /// All overrides, by resource.
    pub fn configs(&self) -> impl Iterator<Item = (ResourceType, &str, &Overrides)> {
        self.configs.iter().map(|((resource, name), overrides)| (*resource, name.as_str(), overrides))
    }

    /// The names of a type's resources that have overrides, in order.
    pub fn configured(&self, resource: ResourceType) -> impl Iterator<Item = &str> {
        let from = self.configs.range((resource, String::new())..);
        from.take_while(move |((kind, _), _)| *kind == resource).map(|((_, name), _)| name.as_str())
    }

    /// The first producer id that no block holds.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// A broker that is registered, fenced or not.
    pub fn broker(&self, id: NodeId) -> Option<&BrokerImage> {
        self.brokers.get(&id)
    }

    /// All brokers that are registered, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerImage> {
        self.brokers.values()
    }

    /// The highest broker epoch that was ever given out; 0 before the first.
    pub fn last_broker_epoch(&self) -> i64 {
        self.last_broker_epoch
    }

    /// A partition.
    pub fn partition(&self, topic: TopicId, partition: Partition) -> Option<&PartitionImage> {
        self.topics.get(&topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    /// How many partitions there are in all.
    pub fn partition_count(&self) -> usize {
        self.topics.values().map(|topic| topic.partitions.len()).sum()
    }

    /// Applies one record. A record that speaks of a topic that is gone changes nothing.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::Topic(r) => {
                let topic = TopicImage { name: r.name.to_string(), id: r.topic_id, partitions: Vec::new() };
                self.names.insert(topic.name.clone(), topic.id);
                self.topics.insert(topic.id, topic);
            }
            Record::Partition(r) => self.replay_partition(r),
            Record::PartitionChange(r) => self.replay_change(r),
            Record::RemoveTopic(r) => {
                if let Some(topic) = self.topics.remove(&r.topic_id) {
                    self.names.remove(&topic.name);
                    self.configs.remove(&(ResourceType::Topic, topic.name));
                }
            }
            Record::Config(r) => {
                let Some(resource) = ResourceType::from_code(r.resource_type) else { return };
                let key = (resource, r.resource_name.to_string());
                match &r.value {
                    Some(value) => {
                        self.configs.entry(key).or_default().insert(r.name.to_string(), value.to_string());
                    }
                    None => {
                        if let Some(overrides) = self.configs.get_mut(&key) {
                            overrides.remove(r.name.as_ref());
                            if overrides.is_empty() {
                                self.configs.remove(&key);
                            }
                        }
                    }
                }
            }
            Record::ProducerIds(r) => self.next_producer_id = r.next_producer_id,
            Record::RegisterBroker(r) => {
                let endpoints = r.end_points.iter().map(|e| (e.name.to_string(), e.host.to_string(), e.port)).collect();
                let broker = BrokerImage {
                    id: r.broker_id,
                    epoch: r.broker_epoch,
                    incarnation: r.incarnation_id,
                    endpoints,
                    rack: r.rack.as_deref().map(str::to_owned),
                    fenced: r.fenced,
                    shutting_down: r.in_controlled_shutdown,
                    log_dirs: r.log_dirs.clone(),
                };
                self.last_broker_epoch = self.last_broker_epoch.max(r.broker_epoch);
                self.brokers.insert(r.broker_id, broker);
            }
            Record::UnregisterBroker(r) => {
                self.last_broker_epoch = self.last_broker_epoch.max(r.broker_epoch);
                if self.brokers.get(&r.broker_id).is_some_and(|broker| broker.epoch == r.broker_epoch) {
                    self.brokers.remove(&r.broker_id);
                }
            }
            Record::BrokerChange(r) => {
                let Some(broker) = self.brokers.get_mut(&r.broker_id) else { return };
                if broker.epoch != r.broker_epoch {
                    return;
                }
                match r.fenced {
                    0 => {}
                    change => broker.fenced = change > 0,
                }
                if r.in_controlled_shutdown > 0 {
                    broker.shutting_down = true;
                }
            }
            Record::ClearElr(r) => {
                let named = |topic: &&mut TopicImage| r.topic_name.is_empty() || topic.name == r.topic_name;
                for topic in self.topics.values_mut().filter(named) {
                    for partition in &mut topic.partitions {
                        partition.elr.clear();
                        partition.last_known_elr.clear();
                    }
                }
            }
        }
    }

    fn replay_partition(&mut self, r: &PartitionRecord) {
        let Some(topic) = self.topics.get_mut(&r.topic_id) else { return };
        let partition = PartitionImage {
            leader: r.leader,
            leader_epoch: r.leader_epoch,
            partition_epoch: r.partition_epoch,
            replicas: r.replicas.clone(),
            isr: r.isr.clone(),
            elr: r.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: r.last_known_elr.clone().unwrap_or_default(),
            adding: r.adding_replicas.clone(),
            removing: r.removing_replicas.clone(),
            recovering: r.leader_recovery_state > 0,
        };
        // Partitions are written in the order of their indexes.
        if r.partition_id as usize == topic.partitions.len() {
            topic.partitions.push(partition);
        } else if let Some(known) = topic.partitions.get_mut(r.partition_id as usize) {
            *known = partition;
        }
    }

    fn replay_change(&mut self, r: &PartitionChangeRecord) {
        let Some(topic) = self.topics.get_mut(&r.topic_id) else { return };
        let Some(partition) = topic.partitions.get_mut(r.partition_id as usize) else { return };
        partition.replay(r);
    }
}
