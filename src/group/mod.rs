//! Groups: who reads which partition, and how far they got.

pub mod consumer;
