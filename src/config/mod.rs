//! Text to typed settings.

/// All broker settings, typed.
#[derive(Clone, Debug)]
pub struct BrokerSettings {}
