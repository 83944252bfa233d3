//! The controller's room: what the cluster knows, as a log of records and the image they add up to.

pub mod record;
