//! Eligible leader replicas (KIP-966), from brokers that tell.

use super::offsets::TopicPartition;
use super::{Kafka, To};
use crate::failure::Failure;
use kq::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitions, DescribeTopicPartitionsRequest, TopicRequest,
};
use std::collections::BTreeMap;

/// Partitions of one answer at most.
const PAGE: i32 = 2000;

/// Who may lead a partition though it is not in sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Eligible {
    /// They have every acknowledged record.
    pub elr: Vec<i32>,
    /// Who led last, when nobody was left.
    pub last_known: Vec<i32>,
}

impl Kafka {
    /// The eligible leader replicas of every partition of `topics`; empty where the broker does not tell.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn eligible(&mut self, topics: &[String]) -> Result<BTreeMap<TopicPartition, Eligible>, Failure> {
        let mut found = BTreeMap::new();
        let told = self.link(To::Any)?.connection().version_of::<DescribeTopicPartitions>().is_ok();
        let mut from: Option<(String, i32)> = None;
        while told && !topics.is_empty() {
            let topics = topics.iter().map(|name| TopicRequest { name: name.as_str().into() }).collect();
            let cursor =
                from.take().map(|(topic, partition_index)| Cursor { topic_name: topic.into(), partition_index });
            let request = DescribeTopicPartitionsRequest { topics, response_partition_limit: PAGE, cursor };
            let answer = self.call::<DescribeTopicPartitions>(To::Any, &request)?;
            let response = answer.read()?;
            for topic in &response.topics {
                let name = topic.name.as_deref().unwrap_or_default();
                for partition in &topic.partitions {
                    let eligible = Eligible {
                        elr: partition.eligible_leader_replicas.clone().unwrap_or_default(),
                        last_known: partition.last_known_elr.clone().unwrap_or_default(),
                    };
                    found.insert((name.to_string(), partition.partition_index), eligible);
                }
            }
            match &response.next_cursor {
                Some(next) => from = Some((next.topic_name.to_string(), next.partition_index)),
                None => break,
            }
        }
        Ok(found)
    }
}
