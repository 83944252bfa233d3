//! Who the brokers are, where clients reach them, and who leads: what the image says, with what only this node knows of
//! itself (its real ports, whether its own logs serve).

use super::{Broker, Endpoint};
use crate::error::ErrorCode;
use crate::meta::{NO_LEADER, PartitionImage, TopicImage};
use crate::types::{Epoch, NodeId, Partition, TopicId};
use std::collections::BTreeSet;

/// A broker as clients of one listener see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its id.
    pub id: NodeId,
    /// Where that listener is.
    pub endpoint: Endpoint,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// It leads nothing, and is told only to who asks for such brokers.
    pub fenced: bool,
}

/// A partition as clients of one listener see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// [`ErrorCode::None`], or why nobody can be asked.
    pub code: ErrorCode,
    /// Who leads, -1 where nobody can be asked.
    pub leader: NodeId,
    /// Replicas that do not serve.
    pub offline: Vec<NodeId>,
}

/// New leaders that one answer tells of, each with its place once (KIP-951). Costs nothing until one is asked for.
#[derive(Debug)]
pub struct Elsewhere<'a> {
    broker: &'a Broker,
    listener: usize,
    living: Option<Vec<Living>>,
    named: BTreeSet<NodeId>,
}

impl Elsewhere<'_> {
    /// Who leads a partition, and in which epoch, for a client who took this broker for the leader. `None` where no other
    /// one does that it could be sent to.
    pub fn leader_of(&mut self, topic: TopicId, index: Partition) -> Option<(NodeId, Epoch)> {
        let broker = self.broker;
        let partition = broker.image.partition(topic, index)?;
        let living = self.living.get_or_insert_with(|| broker.living(self.listener));
        let is_there = partition.leader != broker.node && living.iter().any(|other| other.id == partition.leader);
        is_there.then(|| {
            self.named.insert(partition.leader);
            (partition.leader, partition.leader_epoch)
        })
    }

    /// Everyone who was told of.
    pub fn named(self) -> impl Iterator<Item = Living> {
        let named = self.named;
        self.living.into_iter().flatten().filter(move |broker| named.contains(&broker.id))
    }
}

impl Broker {
    /// Brokers that are registered and have this listener, by id, those that are fenced among them. This node is there
    /// from its start on.
    pub fn brokers_of(&self, listener: usize) -> Vec<Living> {
        let Some(name) = self.settings.listeners.get(listener).map(|listener| listener.name.as_str()) else {
            return Vec::new();
        };
        let mut brokers: Vec<Living> = self
            .image
            .brokers()
            .filter_map(|broker| {
                let (host, port) = broker.endpoint(name)?;
                let endpoint = Endpoint { host: host.to_owned(), port };
                Some(Living { id: broker.id, endpoint, rack: broker.rack.clone(), fenced: broker.fenced })
            })
            .collect();
        let at = brokers.binary_search_by_key(&self.node, |broker| broker.id);
        if let Some(endpoint) = self.endpoints.get(listener).cloned() {
            match at {
                // The registration of the process before this one may have had other ports.
                Ok(at) => brokers[at].endpoint = endpoint,
                Err(at) => {
                    let rack = self.settings.rack.clone();
                    brokers.insert(at, Living { id: self.node, endpoint, rack, fenced: false });
                }
            }
        }
        // Whoever answers is there, as far as anybody knows that is.
        if brokers.iter().all(|broker| broker.fenced) {
            brokers.iter_mut().filter(|broker| broker.id == self.node).for_each(|broker| broker.fenced = false);
        }
        brokers
    }

    /// The brokers that clients of a listener may be sent to, by id.
    pub fn living(&self, listener: usize) -> Vec<Living> {
        let mut brokers = self.brokers_of(listener);
        brokers.retain(|broker| !broker.fenced);
        brokers
    }

    /// The broker to name as the controller: the active one where clients reach it, else this one, which passes on what
    /// is for the controller.
    pub fn controller_of(&self, living: &[Living]) -> NodeId {
        let known = self.controller().filter(|id| living.iter().any(|broker| broker.id == *id));
        known.unwrap_or(self.node)
    }

    /// Who leads what is not led here, for one answer to a client of that listener.
    pub fn elsewhere(&self, listener: usize) -> Elsewhere<'_> {
        Elsewhere { broker: self, listener, living: None, named: BTreeSet::new() }
    }

    /// A partition as clients see it who may be sent to the brokers in `living`.
    pub fn seen(&self, topic: &TopicImage, index: Partition, partition: &PartitionImage, living: &[Living]) -> Seen {
        let lives = |id: NodeId| living.iter().any(|broker| broker.id == id);
        // A log of ours in a directory that is out of service is offline, whatever the image says.
        let serves = self
            .log_of(topic.id, index)
            .map(|log| self.hosted(log).is_some_and(|hosted| hosted.leader().is_ok()))
            .unwrap_or(false);
        let down = |id: NodeId| !lives(id) || (id == self.node && id == partition.leader && !serves);
        let offline: Vec<NodeId> = partition.replicas.iter().copied().filter(|id| down(*id)).collect();
        match partition.leader {
            leader if leader != NO_LEADER && !down(leader) => Seen { code: ErrorCode::None, leader, offline },
            _ => Seen { code: ErrorCode::LeaderNotAvailable, leader: NO_LEADER, offline },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerSettings;
    use crate::meta::Registration;
    use crate::meta::record::Record;
    use crate::types::Uuid;
    use std::sync::Arc;

    fn broker() -> Broker {
        let endpoints = vec![Endpoint { host: "h1".into(), port: 4444 }];
        Broker::new(Arc::new(BrokerSettings::default()), Uuid([7; 16]), endpoints, [1, 2])
    }

    fn ids(brokers: &[Living]) -> Vec<NodeId> {
        brokers.iter().map(|broker| broker.id).collect()
    }

    #[test]
    fn a_node_alone_is_there_before_it_is_registered() {
        let broker = broker();
        let living = broker.living(0);
        assert_eq!(ids(&living), [1]);
        assert_eq!(living[0].endpoint, Endpoint { host: "h1".into(), port: 4444 });
        assert_eq!(broker.controller_of(&living), 1);
        assert_eq!(broker.living(1), [], "nobody comes to a controller's listener to be sent elsewhere");
    }

    fn register(broker: &mut Broker, id: NodeId, listener: &str) {
        let registration = Registration {
            id,
            endpoints: vec![(listener.to_owned(), format!("h{id}"), 9092)],
            rack: Some("r".into()),
            ..Registration::default()
        };
        broker.image.replay(&Record::register(&registration, i64::from(id)));
        broker.image.replay(&Record::unfence(id, i64::from(id)));
    }

    #[test]
    fn clients_are_told_of_those_that_live_and_have_their_listener() {
        let mut broker = broker();
        register(&mut broker, 3, "PLAINTEXT");
        register(&mut broker, 0, "PLAINTEXT");
        register(&mut broker, 2, "INSIDE");
        assert_eq!(ids(&broker.living(0)), [0, 1, 3]);
        broker.image.replay(&Record::fence(3, 3));
        assert_eq!(ids(&broker.living(0)), [0, 1]);
        assert_eq!(ids(&broker.brokers_of(0)), [0, 1, 3]);
        register(&mut broker, 1, "PLAINTEXT");
        assert_eq!(broker.living(0)[1].endpoint.port, 4444, "the port that this process has");
        broker.image.replay(&Record::fence(1, 1));
        assert_eq!(ids(&broker.living(0)), [0]);
        broker.image.replay(&Record::fence(0, 0));
        assert_eq!(ids(&broker.living(0)), [1], "whoever answers is there");
    }

    #[test]
    fn a_partition_is_led_where_its_leader_lives() {
        let mut broker = broker();
        register(&mut broker, 1, "PLAINTEXT");
        register(&mut broker, 2, "PLAINTEXT");
        let id = Uuid([9; 16]);
        broker.image.replay(&Record::topic("t", id));
        broker.image.replay(&Record::partition(id, 0, vec![2, 1]));
        broker.image.replay(&Record::partition(id, 1, vec![1, 2]));
        let see = |broker: &Broker, index: Partition| {
            let topic = broker.image.topic_by_id(id).unwrap();
            broker.seen(topic, index, &topic.partitions[index as usize], &broker.living(0))
        };
        assert_eq!(see(&broker, 0), Seen { code: ErrorCode::None, leader: 2, offline: vec![] });
        // This node leads it, and has not opened its log.
        assert_eq!(see(&broker, 1), Seen { code: ErrorCode::LeaderNotAvailable, leader: -1, offline: vec![1] });
        let elsewhere = |broker: &Broker, index: Partition| {
            let mut elsewhere = broker.elsewhere(0);
            let told = [index, index].map(|index| elsewhere.leader_of(id, index));
            (told[1], elsewhere.named().map(|leader| leader.endpoint.host).collect::<Vec<_>>())
        };
        assert_eq!(elsewhere(&broker, 0), (Some((2, 0)), vec!["h2".to_owned()]));
        assert_eq!(elsewhere(&broker, 1), (None, vec![]), "it is this one");
        broker.image.replay(&Record::fence(2, 2));
        assert_eq!(see(&broker, 0), Seen { code: ErrorCode::LeaderNotAvailable, leader: -1, offline: vec![2] });
        assert_eq!(elsewhere(&broker, 0), (None, vec![]), "nobody is there");
    }
}
