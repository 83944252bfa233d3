//! The cluster's state as its records make it. Only [`Image::replay`] changes it.

use super::record::Record;
use crate::types::{Epoch, NodeId, ProducerId, TopicId};
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
    /// Who of them is in sync.
    pub isr: Vec<NodeId>,
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

    /// The names of a type's resources that have overrides, in order.
    pub fn configured(&self, resource: ResourceType) -> impl Iterator<Item = &str> {
        let from = self.configs.range((resource, String::new())..);
        from.take_while(move |((kind, _), _)| *kind == resource).map(|((_, name), _)| name.as_str())
    }

    /// The first producer id that no block holds.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
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
            Record::Partition(r) => {
                let Some(topic) = self.topics.get_mut(&r.topic_id) else { return };
                let partition = PartitionImage {
                    leader: r.leader,
                    leader_epoch: r.leader_epoch,
                    partition_epoch: r.partition_epoch,
                    replicas: r.replicas.clone(),
                    isr: r.isr.clone(),
                };
                // Partitions are written in the order of their indexes.
                if r.partition_id as usize == topic.partitions.len() {
                    topic.partitions.push(partition);
                } else if let Some(known) = topic.partitions.get_mut(r.partition_id as usize) {
                    *known = partition;
                }
            }
            Record::PartitionChange(r) => {
                let Some(topic) = self.topics.get_mut(&r.topic_id) else { return };
                let Some(partition) = topic.partitions.get_mut(r.partition_id as usize) else { return };
                if let Some(isr) = &r.isr {
                    partition.isr = isr.clone();
                }
                if let Some(replicas) = &r.replicas {
                    partition.replicas = replicas.clone();
                }
                if r.leader != super::LEADER_UNCHANGED {
                    partition.leader = r.leader;
                    partition.leader_epoch += 1;
                }
                partition.partition_epoch += 1;
            }
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
        }
    }
}
