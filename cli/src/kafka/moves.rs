//! Partitions on their way to other brokers (KIP-455), elections, and brokers that will not come back.

use super::offsets::TopicPartition;
use super::{Kafka, To};
use crate::failure::Failure;
use kq::api::Api;
use kq::api::alter_partition_reassignments::{
    AlterPartitionReassignments, AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use kq::api::elect_leaders::{ElectLeaders, ElectLeadersRequest, TopicPartitions};
use kq::api::list_partition_reassignments::{ListPartitionReassignments, ListPartitionReassignmentsRequest};
use kq::api::unregister_broker::{UnregisterBroker, UnregisterBrokerRequest};
use kq::client::{Answer, Partition, Retry, Verdict, verdict};
use kq::error::ErrorCode;
use std::collections::BTreeMap;

/// A partition that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    /// All replicas: those that come and those that go, too.
    pub replicas: Vec<i32>,
    /// Those that come.
    pub adding: Vec<i32>,
    /// Those that go.
    pub removing: Vec<i32>,
}

impl Moving {
    /// The replicas when it is done.
    pub fn target(&self) -> Vec<i32> {
        self.replicas.iter().copied().filter(|id| !self.removing.contains(id)).collect()
    }

    /// The replicas before it began.
    pub fn origin(&self) -> Vec<i32> {
        self.replicas.iter().copied().filter(|id| !self.adding.contains(id)).collect()
    }
}

/// The partitions that move, of all topics.
pub type Moves = BTreeMap<TopicPartition, Moving>;

/// What became of each partition.
pub type Results = BTreeMap<TopicPartition, Result<(), Failure>>;

/// Replicas that a partition is to have and are not in sync: those on their way to it do not count, nor does it count
/// whether those that leave are in sync.
pub fn is_under_replicated(partition: &Partition, moving: Option<&Moving>) -> bool {
    let wanted = moving.map_or_else(|| partition.replicas.len(), |moving| moving.origin().len());
    partition.isr.len() < wanted
}

/// acks=all is refused: fewer in sync than `min_isr`, or than there are replicas where these are fewer.
pub fn is_under_min_isr(partition: &Partition, min_isr: usize) -> bool {
    partition.isr.len() < min_isr.min(partition.replicas.len())
}

fn by_topic<T>(parts: impl IntoIterator<Item = (TopicPartition, T)>) -> BTreeMap<String, Vec<(i32, T)>> {
    let mut topics: BTreeMap<String, Vec<(i32, T)>> = BTreeMap::new();
    for ((topic, partition), value) in parts {
        topics.entry(topic).or_default().push((partition, value));
    }
    topics
}

fn result(place: &TopicPartition, code: i16, words: Option<&str>) -> Result<(), Failure> {
    let code = ErrorCode::from_code(code);
    let what = || format!("topic {}, partition {}", place.0, place.1);
    if code.is_none() { Ok(()) } else { Err(Failure::answered(code, what(), words)) }
}

impl Kafka {
    /// Asks the controller for what may be asked twice: again where the connection breaks, which is what happens when the
    /// controller moves meanwhile.
    fn ask_controller<A: Api>(&mut self, request: &A::Request<'_>, retry: &mut Retry) -> Result<Answer<A>, Failure> {
        loop {
            match self.call::<A>(To::Controller, request) {
                Err(failure) if failure.code == "DISCONNECTED" && self.pause(retry) => self.cluster.controller = None,
                answer => return answer,
            }
        }
    }

    /// Whether to ask again after `code`: another controller is elected, and this has waited a moment.
    ///
    /// # Errors
    /// Any other code: what it says of `what`, in the controller's words where it has some.
    fn asks_again(&mut self, code: i16, what: &str, words: Option<&str>, retry: &mut Retry) -> Result<bool, Failure> {
        let code = ErrorCode::from_code(code);
        if matches!(verdict(code), Verdict::Elsewhere | Verdict::Again) && self.pause(retry) {
            self.refresh::<&str>(&[])?;
            return Ok(true);
        }
        if code.is_none() { Ok(false) } else { Err(Failure::answered(code, what, words)) }
    }

    /// All partitions that move.
    ///
    /// # Errors
    /// As [`Kafka::call`], or what the controller says.
    pub fn moves(&mut self) -> Result<Moves, Failure> {
        let mut retry = self.retry();
        loop {
            let request = ListPartitionReassignmentsRequest { timeout_ms: self.timeout_ms(), topics: None };
            let answer = self.ask_controller::<ListPartitionReassignments>(&request, &mut retry)?;
            let response = answer.read()?;
            let (code, words) = (response.error_code, response.error_message.as_deref());
            if self.asks_again(code, "cannot learn which partitions move", words, &mut retry)? {
                continue;
            }
            let mut moves = Moves::new();
            for topic in &response.topics {
                for part in &topic.partitions {
                    let moving = Moving {
                        replicas: part.replicas.clone(),
                        adding: part.adding_replicas.clone(),
                        removing: part.removing_replicas.clone(),
                    };
                    moves.insert((topic.name.to_string(), part.partition_index), moving);
                }
            }
            return Ok(moves);
        }
    }

    /// As [`Kafka::moves`]; none where the broker does not know of such a thing, or its answer has to wait.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn moves_if_told(&mut self) -> Result<Moves, Failure> {
        let told = self.link(To::Any)?.connection().version_of::<ListPartitionReassignments>().is_ok();
        if told { self.moves() } else { Ok(Moves::new()) }
    }

    /// Moves partitions to these replicas; `None` calls a move off.
    ///
    /// # Errors
    /// As [`Kafka::call`], or what the controller says of the whole. A partition's own failure stands in its place.
    pub fn reassign(&mut self, wanted: &BTreeMap<TopicPartition, Option<Vec<i32>>>) -> Result<Results, Failure> {
        let mut retry = self.retry();
        loop {
            let topics = by_topic(wanted.clone()).into_iter().map(|(name, partitions)| ReassignableTopic {
                name: name.into(),
                partitions: partitions
                    .into_iter()
                    .map(|(partition_index, replicas)| ReassignablePartition { partition_index, replicas })
                    .collect(),
            });
            let request = AlterPartitionReassignmentsRequest {
                timeout_ms: self.timeout_ms(),
                allow_replication_factor_change: true,
                topics: topics.collect(),
            };
            let answer = self.ask_controller::<AlterPartitionReassignments>(&request, &mut retry)?;
            let response = answer.read()?;
            let (code, words) = (response.error_code, response.error_message.as_deref());
            if self.asks_again(code, "cannot move partitions", words, &mut retry)? {
                continue;
            }
            let mut results = Results::new();
            for topic in &response.responses {
                for part in &topic.partitions {
                    let place = (topic.name.to_string(), part.partition_index);
                    let result = result(&place, part.error_code, part.error_message.as_deref());
                    results.insert(place, result);
                }
            }
            return Ok(results);
        }
    }

    /// Elects leaders: `kind` is Kafka's number, 0 for the preferred ones, 1 for any that lives.
    ///
    /// # Errors
    /// As [`Kafka::reassign`].
    pub fn elect(&mut self, kind: i8, places: &[TopicPartition]) -> Result<Results, Failure> {
        let mut retry = self.retry();
        loop {
            let topics = by_topic(places.iter().map(|place| (place.clone(), ())));
            let topics = topics.into_iter().map(|(topic, partitions)| TopicPartitions {
                topic: topic.into(),
                partitions: partitions.into_iter().map(|(partition, ())| partition).collect(),
            });
            let request = ElectLeadersRequest {
                election_type: kind,
                topic_partitions: Some(topics.collect()),
                timeout_ms: self.timeout_ms(),
            };
            let answer = self.ask_controller::<ElectLeaders>(&request, &mut retry)?;
            let response = answer.read()?;
            if self.asks_again(response.error_code, "cannot elect leaders", None, &mut retry)? {
                continue;
            }
            let mut results = Results::new();
            for topic in &response.replica_election_results {
                for part in &topic.partition_result {
                    let place = (topic.topic.to_string(), part.partition_id);
                    let result = result(&place, part.error_code, part.error_message.as_deref());
                    results.insert(place, result);
                }
            }
            return Ok(results);
        }
    }

    /// Lets the cluster forget a broker.
    ///
    /// # Errors
    /// As [`Kafka::call`], or what the controller says.
    pub fn unregister(&mut self, broker_id: i32) -> Result<(), Failure> {
        let mut retry = self.retry();
        loop {
            let answer = self.ask_controller::<UnregisterBroker>(&UnregisterBrokerRequest { broker_id }, &mut retry)?;
            let response = answer.read()?;
            let (code, words) = (response.error_code, response.error_message.as_deref());
            if self.asks_again(code, &format!("broker {broker_id}"), words, &mut retry)? {
                continue;
            }
            return Ok(());
        }
    }
}
