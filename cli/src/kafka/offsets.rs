//! Offsets of many partitions at once: asked of their leaders, again where a leader moved.

use super::{Kafka, To, UNREACHABLE};
use crate::failure::Failure;
use kq::api::list_offsets::{ListOffsets, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use kq::types::NodeId;
use std::collections::BTreeMap;

/// Asks for the first offset.
pub const EARLIEST: i64 = -2;
/// Asks for the end: the high watermark.
pub const LATEST: i64 = -1;
/// Asks for the record with the largest timestamp (KIP-734).
pub const MAX_TIMESTAMP: i64 = -3;

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// What was found: offset and timestamp, -1 where there is none.
pub type Found = (i64, i64);

/// What each partition's leader said.
type Answers = Vec<(TopicPartition, Result<Found, ErrorCode>)>;

impl Kafka {
    /// The offset of each partition at `timestamp` ([`EARLIEST`], [`LATEST`], [`MAX_TIMESTAMP`] or milliseconds: the
    /// first record at or after). The topics must be known ([`Kafka::refresh`]).
    ///
    /// # Errors
    /// When a leader cannot be asked. A partition's own error stands in its place.
    pub fn list_offsets(
        &mut self,
        partitions: &[TopicPartition],
        timestamp: i64,
    ) -> Result<BTreeMap<TopicPartition, Result<Found, ErrorCode>>, Failure> {
        let mut found = BTreeMap::new();
        let mut open: Vec<TopicPartition> = partitions.to_vec();
        let mut retry = self.retry();
        let mut unreachable = None;
        loop {
            let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
            for partition in open.drain(..) {
                match self.cluster.leader(&partition.0, partition.1) {
                    Ok(broker) => by_leader.entry(broker.id).or_default().push(partition),
                    Err(code) => drop(found.insert(partition, Err(code))),
                }
            }
            for (leader, asked) in by_leader {
                match self.offsets_at(leader, &asked, timestamp) {
                    Ok(answers) => found.extend(answers),
                    // It may be down, and another one leads soon.
                    Err(failure) if matches!(failure.code.as_str(), UNREACHABLE | "DISCONNECTED") => {
                        found.extend(asked.into_iter().map(|asked| (asked, Err(ErrorCode::NetworkException))));
                        unreachable = Some(failure);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            let elsewhere = |result: &Result<Found, ErrorCode>| {
                result.is_err_and(|code| matches!(verdict(code), Verdict::Elsewhere | Verdict::Again))
            };
            open.extend(found.iter().filter(|(_, result)| elsewhere(result)).map(|(partition, _)| partition.clone()));
            if open.is_empty() {
                return Ok(found);
            }
            if !self.pause(&mut retry) {
                let broken = found.values().any(|result| matches!(result, Err(ErrorCode::NetworkException)));
                return unreachable.filter(|_| broken).map_or(Ok(found), Err);
            }
            let topics: Vec<String> = open.iter().map(|(topic, _)| topic.clone()).collect();
            self.refresh(&topics)?;
        }
    }

    fn offsets_at(&mut self, leader: NodeId, asked: &[TopicPartition], timestamp: i64) -> Result<Answers, Failure> {
        let mut topics: Vec<ListOffsetsTopic<'_>> = Vec::new();
        for (topic, partition_index) in asked {
            if topics.last().is_none_or(|last| last.name != topic.as_str()) {
                topics.push(ListOffsetsTopic { name: topic.as_str().into(), partitions: Vec::new() });
            }
            if let Some(last) = topics.last_mut() {
                last.partitions.push(ListOffsetsPartition {
                    partition_index: *partition_index,
                    timestamp,
                    ..Default::default()
                });
            }
        }
        let request =
            ListOffsetsRequest { replica_id: -1, topics, timeout_ms: self.timeout_ms(), ..Default::default() };
        let answer = self.call::<ListOffsets>(To::Broker(leader), &request)?;
        let response = answer.read()?;
        let mut found = Vec::new();
        for topic in &response.topics {
            for partition in &topic.partitions {
                let result = match ErrorCode::from_code(partition.error_code) {
                    ErrorCode::None => Ok((partition.offset, partition.timestamp)),
                    code => Err(code),
                };
                found.push(((topic.name.to_string(), partition.partition_index), result));
            }
        }
        for partition in asked {
            if !found.iter().any(|(name, _)| name == partition) {
                found.push((partition.clone(), Err(ErrorCode::UnknownServerError)));
            }
        }
        Ok(found)
    }
}
