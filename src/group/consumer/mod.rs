//! Consumer groups of the new protocol (KIP-848).

pub mod assign;
pub mod member;
pub mod record;
pub mod topics;
