//! Text to typed settings: `server.properties` or `server.toml` in, [`BrokerSettings`] and [`TopicSettings`] out.
//!
//! Every setting is one row of [`table`], under Kafka's name: type, default, rule, documentation, and whether kq acts on
//! it. What has an effect becomes a typed field; what kq does not need is accepted with a note; what nobody knows is an
//! error that suggests the nearest name.

pub mod broker;
pub mod change;
pub mod client;
pub mod cluster;
pub mod describe;
mod duration;
mod error;
pub mod group;
pub mod group_config;
pub mod listener;
pub mod nearest;
pub mod parse;
pub mod sample;
pub mod setting;
pub mod table;
pub mod topic;
mod values;

pub use broker::BrokerSettings;
pub use change::{Op, apply_op};
pub use client::ClientSettings;
pub use cluster::{ClusterSettings, ReplicaSettings, Voter};
pub use describe::{Described, Source, Synonym, describe_broker, describe_group, describe_topic};
pub use error::ConfigError;
pub use group::{ConsumerGroupSettings, GroupSettings, MigrationPolicy};
pub use listener::{Listener, SecurityProtocol};
pub use parse::{Entry, parse_properties, parse_toml};
pub use setting::{Dynamic, Kind, Rule, Setting, Use};
pub use topic::{CompressionType, TimestampType, TopicSettings};
pub use values::Values;
