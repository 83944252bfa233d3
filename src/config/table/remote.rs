//! Tiered storage: settings of the broker.

use super::why::TIERED;
use crate::config::setting::{Kind, Rule, Setting};

/// By name.
#[rustfmt::skip] // a table: one row a line
pub(super) const ROWS: &[Setting] = &[
    Setting::new("remote.fetch.max.wait.ms", Kind::Int, Some("500"), Rule::AtLeast(1), "A fetch waits so long for tiered data.").cluster_wide().accepted(TIERED),
    Setting::new("remote.list.offsets.request.timeout.ms", Kind::Long, Some("30000"), Rule::AtLeast(1), "A lookup of tiered offsets is given up after this.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.index.file.cache.total.size.bytes", Kind::Long, Some("1073741824"), Rule::AtLeast(1), "Indexes of tiered files kept locally.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.index.file.cache.ttl.ms", Kind::Long, Some("900000"), Rule::AtLeast(-1), "An unused index is dropped after this.").unlisted().accepted(TIERED),
    Setting::new("remote.log.manager.copier.thread.pool.size", Kind::Int, Some("10"), Rule::AtLeast(1), "Threads that copy to the tier.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.manager.copy.max.bytes.per.second", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(1), "Copies to the tier at most this fast.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.manager.copy.quota.window.num", Kind::Int, Some("11"), Rule::AtLeast(1), "Samples kept for the copy quota.").accepted(TIERED),
    Setting::new("remote.log.manager.copy.quota.window.size.seconds", Kind::Int, Some("1"), Rule::AtLeast(1), "Length of one such sample.").accepted(TIERED),
    Setting::new("remote.log.manager.expiration.thread.pool.size", Kind::Int, Some("10"), Rule::AtLeast(1), "Threads that delete from the tier.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.manager.fetch.max.bytes.per.second", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(1), "Reads from the tier at most this fast.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.manager.fetch.quota.window.num", Kind::Int, Some("11"), Rule::AtLeast(1), "Samples kept for the read quota.").accepted(TIERED),
    Setting::new("remote.log.manager.fetch.quota.window.size.seconds", Kind::Int, Some("1"), Rule::AtLeast(1), "Length of one such sample.").accepted(TIERED),
    Setting::new("remote.log.manager.follower.thread.pool.size", Kind::Int, Some("2"), Rule::AtLeast(1), "Threads for followers of tiered partitions.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.manager.task.interval.ms", Kind::Long, Some("30000"), Rule::AtLeast(1), "How often tiering looks for work.").accepted(TIERED),
    Setting::new("remote.log.manager.task.retry.backoff.max.ms", Kind::Long, Some("30000"), Rule::AtLeast(1), "Longest wait before tiering tries again.").unlisted().accepted(TIERED),
    Setting::new("remote.log.manager.task.retry.backoff.ms", Kind::Long, Some("500"), Rule::AtLeast(1), "First wait before tiering tries again.").unlisted().accepted(TIERED),
    Setting::new("remote.log.manager.task.retry.jitter", Kind::Double, Some("0.2"), Rule::Fraction(0.0, 0.5), "Random part of that wait.").unlisted().accepted(TIERED),
    Setting::new("remote.log.manager.thread.pool.size", Kind::Int, Some("2"), Rule::AtLeast(1), "Threads of tiering, older setting.").accepted(TIERED),
    Setting::new("remote.log.metadata.custom.metadata.max.bytes", Kind::Int, Some("128"), Rule::AtLeast(0), "Data that a storage plugin may keep per file.").accepted(TIERED),
    Setting::new("remote.log.metadata.manager.class.name", Kind::String, Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"), Rule::Any, "Class that keeps track of tiered files.").accepted(TIERED),
    Setting::new("remote.log.metadata.manager.class.path", Kind::String, None, Rule::Any, "Where that class is.").accepted(TIERED),
    Setting::new("remote.log.metadata.manager.impl.prefix", Kind::String, Some("rlmm.config."), Rule::Any, "Beginning of that class's own settings.").accepted(TIERED),
    Setting::new("remote.log.metadata.manager.listener.name", Kind::String, None, Rule::Any, "Listener that the class uses.").accepted(TIERED),
    Setting::new("remote.log.reader.max.pending.tasks", Kind::Int, Some("100"), Rule::AtLeast(1), "Reads from the tier that may wait.").accepted(TIERED),
    Setting::new("remote.log.reader.threads", Kind::Int, Some("10"), Rule::AtLeast(1), "Threads that read from the tier.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.storage.manager.class.name", Kind::String, None, Rule::Any, "Class that stores tiered files.").accepted(TIERED),
    Setting::new("remote.log.storage.manager.class.path", Kind::String, None, Rule::Any, "Where that class is.").accepted(TIERED),
    Setting::new("remote.log.storage.manager.impl.prefix", Kind::String, Some("rsm.config."), Rule::Any, "Beginning of that class's own settings.").accepted(TIERED),
    Setting::new("remote.log.storage.system.enable", Kind::Boolean, Some("false"), Rule::Any, "Tiered storage is on.").accepted(TIERED),
];
