//! What a partition remembers of idempotent producers.

/// State of all producers of one partition.
#[derive(Clone, Debug, Default)]
pub struct Producers {}
