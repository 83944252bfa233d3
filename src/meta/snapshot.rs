//! An image as the fewest records that make it again: what a snapshot holds.

use super::image::{Image, PartitionImage};
use super::record::{PartitionRecord, Record};
use crate::types::{Partition, TopicId, Uuid};

impl Image {
    /// Records that make this image when they are replayed into an empty one.
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for topic in self.topics() {
            records.push(Record::topic(&topic.name, topic.id));
            for (index, partition) in topic.partitions.iter().enumerate() {
                records.push(whole(topic.id, index as Partition, partition));
            }
        }
        for (resource, name, overrides) in self.configs() {
            let set =
                |(key, value): (&String, &String)| Record::config(resource, name, key.clone(), Some(value.clone()));
            records.extend(overrides.iter().map(set));
        }
        if self.next_producer_id() > 0 {
            records.push(Record::producer_ids(-1, self.next_producer_id()));
        }
        records
    }
}

/// A partition with everything that is known of it.
fn whole(topic: TopicId, index: Partition, partition: &PartitionImage) -> Record {
    Record::Partition(PartitionRecord {
        partition_id: index,
        topic_id: topic,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        directories: vec![Uuid::ZERO; partition.replicas.len()],
        ..PartitionRecord::default()
    })
}
