//! One partition's replication, as a machine.

mod epochs;
mod follower;
mod isr;
mod leader;
mod local;
#[cfg(test)]
mod tests;

pub use epochs::Epochs;
pub use follower::{Copied, FOLLOW_BACKOFF_MS, FOLLOW_RETRY_MS, Follower, Heard, Position, Step};
pub use isr::{Assignment, IsrChange, Refused};
pub use leader::{Accepted, Durability, Leader, Moved};
