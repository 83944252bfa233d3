//! An image as the fewest records that make it again: what a snapshot holds.

use super::image::{Image, PartitionImage};
use super::record::{BrokerEndpoint, PartitionRecord, Record, RegisterBrokerRecord};
use crate::types::{Partition, TopicId, Uuid};

impl Image {
    /// Records that make this image when they are replayed into an empty one.
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        // The highest broker epoch may be that of a broker which is gone: it must not be given out again.
        if self.last_broker_epoch() > 0 {
            records.push(Record::unregister(-1, self.last_broker_epoch()));
        }
        for broker in self.brokers() {
            let endpoint = |(name, host, port): &(String, String, u16)| BrokerEndpoint {
                name: name.clone().into(),
                host: host.clone().into(),
                port: *port,
                security_protocol: 0,
            };
            records.push(Record::RegisterBroker(RegisterBrokerRecord {
                broker_id: broker.id,
                incarnation_id: broker.incarnation,
                broker_epoch: broker.epoch,
                end_points: broker.endpoints.iter().map(endpoint).collect(),
                rack: broker.rack.clone().map(Into::into),
                fenced: broker.fenced,
                in_controlled_shutdown: broker.shutting_down,
                log_dirs: broker.log_dirs.clone(),
                ..RegisterBrokerRecord::default()
            }));
        }
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
    let some = |list: &Vec<i32>| (!list.is_empty()).then(|| list.clone());
    Record::Partition(PartitionRecord {
        partition_id: index,
        topic_id: topic,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        removing_replicas: partition.removing.clone(),
        adding_replicas: partition.adding.clone(),
        leader: partition.leader,
        leader_recovery_state: i8::from(partition.recovering),
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        directories: vec![Uuid::ZERO; partition.replicas.len()],
        eligible_leader_replicas: some(&partition.elr),
        last_known_elr: some(&partition.last_known_elr),
    })
}
