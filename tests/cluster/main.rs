//! Real kqd processes, real sockets, real files. Every test starts its own broker on free ports.

mod broker;
mod client;
mod member;

mod durability;
mod group_configs;
mod groups;
mod hostile;
mod limits;
mod seen;
mod settings;
mod start;
mod zookeeper;
