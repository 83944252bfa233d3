//! Record batches (format v2): parse, check, build, compress; idempotent producers' state.

pub mod producer;
