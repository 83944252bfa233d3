//! The core of kq: a Kafka-compatible broker that decides and touches nothing.
//!
//! # Floors
//!
//! Imports only go down (`tests/tidy` checks it):
//!
//! ```text
//!  6  node  client                           the doors
//!  5  api                                    wire <-> domain; the only place that sees a version number
//!  4  broker  parked                         wiring
//!  3  replica  group  txn  meta  security    machines; siblings never import each other
//!  2  log  event                             storage over Disk; the two enums
//!  1  wire  record  config                   formats
//!  0  types  error
//! ```

pub mod api;
pub mod broker;
pub mod client;
pub mod config;
pub mod error;
pub mod event;
pub mod group;
pub mod log;
pub mod meta;
pub mod node;
pub mod parked;
pub mod record;
pub mod replica;
pub mod types;
pub mod wire;
