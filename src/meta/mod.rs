//! The cluster's metadata as a log of records: who decides them ([`Controller`]) and what they make ([`Image`]).

mod controller;
mod image;
pub mod quorum;
pub mod record;
mod snapshot;

pub use controller::{
    Chosen, Command, Committed, ConfigChange, Controller, Created, DryRun, Election, FactorChange, Heartbeat,
    IsrChange, MorePartitions, NewTopic, Ongoing, PRODUCER_ID_BLOCK, PartitionResult, PartitionState, Reassignment,
    Refusal, Registration, Reply, TOPIC_NAME_BYTES_MAX, TOPIC_PARTITIONS_MAX, check_topic_name, splitmix,
};
pub use image::{BrokerImage, Image, Overrides, PartitionImage, ResourceType, TopicImage};

/// The name that the metadata log's directory carries, as in Kafka.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// "The leader stays" in a change record.
pub const LEADER_UNCHANGED: i32 = -2;

/// Nobody leads.
pub const NO_LEADER: i32 = -1;

#[cfg(test)]
mod tests;
