//! The operator's tool as its users meet it: command lines in; stdout, stderr and exit codes out, pinned by snapshots.
//!
//! Every story runs against kqd, which the tests start themselves (or `KQ_TEST_BOOTSTRAP` names a broker); stories that
//! hold for any broker run against Apache Kafka, too, where its jars are (`KAFKA_JARS`), with the same expected text.
//! `UPDATE_EXPECT=1 cargo test -p kq-cli --test cli` rewrites the snapshots.

#![allow(clippy::disallowed_methods, reason = "it starts processes and reads files")]

mod bench;
mod broker;
mod cluster;
mod config;
mod console;
mod dump_log;
mod generated;
mod group;
mod group_live;
mod playground;
mod screen;
mod topic;
mod usage;
