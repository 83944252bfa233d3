//! Turns places into offsets: asks each partition's leader.

use super::range::Point;
use crate::failure::Failure;
use crate::kafka::{Kafka, To};
use kq::api::list_offsets::{ListOffsets, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use std::collections::BTreeMap;

/// A partition of a topic.
pub type Place = (String, i32);

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// Start and end of partitions, and what was looked up in them.
pub struct Places<'k> {
    kafka: &'k mut Kafka,
    isolation_level: i8,
    asked: BTreeMap<i64, BTreeMap<Place, i64>>,
}

impl<'k> Places<'k> {
    /// Nothing asked yet.
    pub fn new(kafka: &'k mut Kafka, isolation_level: i8) -> Self {
        Places { kafka, isolation_level, asked: BTreeMap::new() }
    }

    /// The offset of `point` in each partition, never outside of what is there.
    ///
    /// # Errors
    /// When a leader cannot be asked.
    pub fn offsets(&mut self, partitions: &[Place], point: Point) -> Result<BTreeMap<Place, i64>, Failure> {
        let start = self.ask(partitions, EARLIEST)?;
        let end = self.ask(partitions, LATEST)?;
        let found = match point {
            Point::Time(time) => self.ask(partitions, time.max(0))?,
            _ => BTreeMap::new(),
        };
        let mut offsets = BTreeMap::new();
        for place in partitions {
            let at = |of: &BTreeMap<Place, i64>| of.get(place).copied().unwrap_or(-1);
            let (start, end) = (at(&start), at(&end));
            let offset = match point {
                Point::Start => start,
                Point::End => end,
                Point::At(offset) => offset,
                Point::BeforeEnd(count) => end.saturating_sub(count),
                Point::AfterStart(count) => start.saturating_add(count),
                Point::Time(_) => match at(&found) {
                    -1 => end,
                    offset => offset,
                },
            };
            offsets.insert(place.clone(), offset.clamp(start, end.max(start)));
        }
        Ok(offsets)
    }

    /// ListOffsets for one mark or time; remembered.
    fn ask(&mut self, partitions: &[Place], timestamp: i64) -> Result<BTreeMap<Place, i64>, Failure> {
        if let Some(known) = self.asked.get(&timestamp) {
            return Ok(known.clone());
        }
        let mut found: BTreeMap<Place, i64> = BTreeMap::new();
        let mut retry = self.kafka.retry();
        loop {
            let mut trouble = None;
            let mut by_leader: BTreeMap<i32, Vec<&Place>> = BTreeMap::new();
            for place in partitions.iter().filter(|place| !found.contains_key(*place)) {
                match self.kafka.cluster.leader(&place.0, place.1) {
                    Ok(leader) => by_leader.entry(leader.id).or_default().push(place),
                    Err(code) => trouble = Some((place.clone(), code)),
                }
            }
            for (leader, places) in by_leader {
                let mut topics: Vec<ListOffsetsTopic<'_>> = Vec::new();
                for (topic, partition_index) in places {
                    if topics.last().is_none_or(|last| last.name != topic.as_str()) {
                        topics.push(ListOffsetsTopic { name: topic.as_str().into(), ..Default::default() });
                    }
                    let wanted =
                        ListOffsetsPartition { partition_index: *partition_index, timestamp, ..Default::default() };
                    topics.last_mut().into_iter().for_each(|last| last.partitions.push(wanted.clone()));
                }
                let request = ListOffsetsRequest {
                    replica_id: -1,
                    isolation_level: self.isolation_level,
                    topics,
                    timeout_ms: self.kafka.timeout_ms(),
                };
                let answer = self.kafka.call::<ListOffsets>(To::Broker(leader), &request)?;
                for topic in answer.read()?.topics {
                    for partition in topic.partitions {
                        let place = (topic.name.to_string(), partition.partition_index);
                        match ErrorCode::from_code(partition.error_code) {
                            ErrorCode::None => drop(found.insert(place, partition.offset)),
                            code => trouble = Some((place, code)),
                        }
                    }
                }
            }
            let Some(((topic, partition), code)) = trouble else { break };
            if verdict(code) == Verdict::Fail || !self.kafka.pause(&mut retry) {
                return Err(Failure::answered(code, format!("offsets of {topic}-{partition}"), None));
            }
            let topics: Vec<&str> = partitions.iter().map(|place| place.0.as_str()).collect();
            self.kafka.refresh(&topics)?;
        }
        self.asked.insert(timestamp, found.clone());
        Ok(found)
    }
}
