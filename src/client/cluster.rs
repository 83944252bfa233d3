//! What a client knows of a cluster: brokers, topics, leaders.

use crate::api::metadata::MetadataResponse;
use crate::error::ErrorCode;
use crate::types::{Epoch, NodeId, TopicId};
use std::collections::BTreeMap;

/// A broker as it advertises itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: NodeId,
    /// Host name or address.
    pub host: String,
    /// Port; 0 when the broker sent none that is possible.
    pub port: u16,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A partition as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its index.
    pub index: i32,
    /// Its leader, if it has one.
    pub leader: Option<NodeId>,
    /// The leader's epoch, -1 from brokers that do not tell.
    pub leader_epoch: Epoch,
    /// All replicas, preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub isr: Vec<NodeId>,
    /// Those whose broker or directory is down.
    pub offline: Vec<NodeId>,
    /// The partition's own error.
    pub error: ErrorCode,
}

/// A topic as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id, zero from brokers that have none.
    pub id: TopicId,
    /// Whether it is Kafka's own, like `__consumer_offsets`.
    pub internal: bool,
    /// By index.
    pub partitions: Vec<Partition>,
    /// Why it could not be described.
    pub error: ErrorCode,
}

/// The cache of a cluster's metadata.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The cluster's id, from brokers that tell.
    pub id: Option<String>,
    /// Where to send what is the controller's; in KRaft clusters any broker, which passes it on.
    pub controller: Option<NodeId>,
    /// Brokers by id.
    pub brokers: BTreeMap<NodeId, Broker>,
    /// Topics by name: those asked for so far.
    pub topics: BTreeMap<String, Topic>,
}

impl Cluster {
    /// Takes in an answer: brokers and controller are replaced, the topics in it are replaced, others stay.
    pub fn absorb(&mut self, response: &MetadataResponse<'_>) {
        self.id = response.cluster_id.as_ref().map(|id| id.to_string());
        self.controller = Some(response.controller_id).filter(|&id| id >= 0);
        self.brokers = response
            .brokers
            .iter()
            .map(|broker| {
                let known = Broker {
                    id: broker.node_id,
                    host: broker.host.to_string(),
                    port: u16::try_from(broker.port).unwrap_or(0),
                    rack: broker.rack.as_ref().map(|rack| rack.to_string()),
                };
                (known.id, known)
            })
            .collect();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let mut partitions: Vec<Partition> = topic
                .partitions
                .iter()
                .map(|partition| Partition {
                    index: partition.partition_index,
                    leader: Some(partition.leader_id).filter(|&id| id >= 0),
                    leader_epoch: partition.leader_epoch,
                    replicas: partition.replica_nodes.clone(),
                    isr: partition.isr_nodes.clone(),
                    offline: partition.offline_replicas.clone(),
                    error: ErrorCode::from_code(partition.error_code),
                })
                .collect();
            partitions.sort_by_key(|partition| partition.index);
            let known = Topic {
                name: name.to_string(),
                id: topic.topic_id,
                internal: topic.is_internal,
                partitions,
                error: ErrorCode::from_code(topic.error_code),
            };
            self.topics.insert(known.name.clone(), known);
        }
    }

    /// The leader of a partition.
    ///
    /// # Errors
    /// The code that says why there is none to ask: the topic's, the partition's, or `LEADER_NOT_AVAILABLE`.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<&Broker, ErrorCode> {
        let topic = self.topics.get(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if !topic.error.is_none() {
            return Err(topic.error);
        }
        let found = topic.partitions.iter().find(|found| found.index == partition);
        let found = found.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        match found.leader.and_then(|leader| self.brokers.get(&leader)) {
            Some(broker) => Ok(broker),
            None if found.error.is_none() => Err(ErrorCode::LeaderNotAvailable),
            None => Err(found.error),
        }
    }

    /// The name of a topic by its id.
    pub fn name_of(&self, id: TopicId) -> Option<&str> {
        self.topics.values().find(|topic| topic.id == id && !id.is_zero()).map(|topic| topic.name.as_str())
    }
}

impl Partition {
    /// Fewer in sync than there are replicas.
    pub fn is_under_replicated(&self) -> bool {
        self.isr.len() < self.replicas.len()
    }
}
