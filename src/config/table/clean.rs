//! Compaction, retention and rolling of logs: settings of the broker, most of them the default of a topic config.

use crate::config::setting::{Kind, Rule, Setting};

/// By name.
#[rustfmt::skip] // a table: one row a line
pub(super) const ROWS: &[Setting] = &[
    Setting::new("log.cleaner.backoff.ms", Kind::Long, Some("15000"), Rule::AtLeast(0), "Compaction sleeps so long when there is nothing to do.").cluster_wide(),
    Setting::new("log.cleaner.dedupe.buffer.size", Kind::Long, Some("134217728"), Rule::Any, "Memory of all compaction threads for the map of keys.").cluster_wide().accepted("compaction sizes its map of keys by the log at hand"),
    Setting::new("log.cleaner.delete.retention.ms", Kind::Long, Some("86400000"), Rule::AtLeast(0), "A tombstone stays so long after compaction, for consumers that lag.").cluster_wide().topic("delete.retention.ms"),
    Setting::new("log.cleaner.enable", Kind::Boolean, Some("true"), Rule::Any, "Compaction runs."),
    Setting::new("log.cleaner.io.buffer.load.factor", Kind::Double, Some("0.9"), Rule::Any, "How full the map of keys may get.").cluster_wide().accepted("compaction sizes its map of keys by the log at hand"),
    Setting::new("log.cleaner.io.buffer.size", Kind::Int, Some("524288"), Rule::AtLeast(0), "Memory of all compaction threads for reading and writing.").cluster_wide().accepted("compaction sizes its buffers by the log at hand"),
    Setting::new("log.cleaner.io.max.bytes.per.second", Kind::Double, Some("1.7976931348623157E308"), Rule::Any, "Compaction reads and writes at most this fast.").cluster_wide().accepted("compaction is not throttled yet"),
    Setting::new("log.cleaner.max.compaction.lag.ms", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(1), "A record is compacted at this age at the latest.").cluster_wide().topic("max.compaction.lag.ms"),
    Setting::new("log.cleaner.min.cleanable.ratio", Kind::Double, Some("0.5"), Rule::Fraction(0.0, 1.0), "A log is compacted when at least this part of it is new.").cluster_wide().topic("min.cleanable.dirty.ratio"),
    Setting::new("log.cleaner.min.compaction.lag.ms", Kind::Long, Some("0"), Rule::AtLeast(0), "A record is not compacted before this age.").cluster_wide().topic("min.compaction.lag.ms"),
    Setting::new("log.cleaner.threads", Kind::Int, Some("1"), Rule::AtLeast(0), "Threads that compact.").cluster_wide().accepted("compaction has one helper thread"),
    Setting::new("log.cleanup.policy", Kind::List, Some("delete"), Rule::OneOf(&["compact", "delete"]), "What becomes of old records: delete, compact, or both.").cluster_wide().topic("cleanup.policy"),
    Setting::new("log.retention.bytes", Kind::Long, Some("-1"), Rule::Any, "The oldest log files of a partition are deleted while it is larger; -1 for no limit.").cluster_wide().topic("retention.bytes"),
    Setting::new("log.retention.check.interval.ms", Kind::Long, Some("300000"), Rule::AtLeast(1), "How often retention is looked at."),
    Setting::new("log.retention.hours", Kind::Int, Some("168"), Rule::Any, "Log files whose newest record is older are deleted; -1 keeps them.").topic("retention.ms"),
    Setting::new("log.retention.minutes", Kind::Int, None, Rule::Any, "Log files whose newest record is older are deleted; -1 keeps them. Beats hours.").topic("retention.ms"),
    Setting::new("log.retention.ms", Kind::Long, None, Rule::Any, "Log files whose newest record is older are deleted; -1 keeps them. Beats minutes and hours.").cluster_wide().topic("retention.ms"),
    Setting::new("log.roll.hours", Kind::Int, Some("168"), Rule::AtLeast(1), "A log file is closed at this age, whatever its size.").topic("segment.ms"),
    Setting::new("log.roll.jitter.hours", Kind::Int, Some("0"), Rule::AtLeast(0), "At most this is taken off log.roll.hours, at random.").topic("segment.jitter.ms"),
    Setting::new("log.roll.jitter.ms", Kind::Long, None, Rule::Any, "At most this is taken off log.roll.ms, at random, so that not all files close at once. Beats log.roll.jitter.hours.").cluster_wide().topic("segment.jitter.ms"),
    Setting::new("log.roll.ms", Kind::Long, None, Rule::Any, "A log file is closed at this age, whatever its size. Beats log.roll.hours.").cluster_wide().topic("segment.ms"),
];
