//! Real kqd processes, real sockets, real files. Every test starts its own broker on free ports.

mod broker;
mod client;

mod durability;
mod hostile;
mod limits;
mod seen;
mod settings;
mod start;
