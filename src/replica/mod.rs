//! One partition's replication, as a machine.

mod epochs;
mod leader;

pub use epochs::Epochs;
pub use leader::{Accepted, Durability, Leader, Moved};
