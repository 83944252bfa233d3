//! Topic configs, and the broker settings that give their defaults.

use super::why::{QUOTAS, TIERED};
use crate::config::setting::{Kind, Rule, Setting};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// By name.
#[rustfmt::skip] // a table: one row a line
pub const TOPIC: &[Setting] = &[
    Setting::new("cleanup.policy", Kind::List, Some("delete"), Rule::OneOf(&["compact", "delete"]), "What becomes of old records: delete, compact, or both.").cluster_wide(),
    Setting::new("compression.gzip.level", Kind::Int, Some("-1"), Rule::BetweenOr(1, 9, -1), "Level when compression.type is gzip; -1 for zlib's own choice.").cluster_wide(),
    Setting::new("compression.lz4.level", Kind::Int, Some("9"), Rule::Between(1, 17), "Level when compression.type is lz4.").cluster_wide(),
    Setting::new("compression.type", Kind::String, Some("producer"), Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "How batches are stored: producer keeps what came, anything else compresses again.").cluster_wide(),
    Setting::new("compression.zstd.level", Kind::Int, Some("3"), Rule::Between(-131072, 22), "Level when compression.type is zstd.").cluster_wide(),
    Setting::new("delete.retention.ms", Kind::Long, Some("86400000"), Rule::AtLeast(0), "A tombstone stays so long after compaction, for consumers that lag.").cluster_wide(),
    Setting::new("file.delete.delay.ms", Kind::Long, Some("60000"), Rule::AtLeast(0), "A log file that is no longer needed is removed after this.").cluster_wide(),
    Setting::new("flush.messages", Kind::Long, Some("1"), Rule::AtLeast(1), "The log is synced to disk after so many records. 1: acknowledged means on disk, one sync for all that wait (Kafka: never, the page cache is trusted).").cluster_wide(),
    Setting::new("flush.ms", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(0), "Unsynced records wait at most this long.").cluster_wide(),
    Setting::new("follower.replication.throttled.replicas", Kind::List, Some(""), Rule::ThrottledReplicas, "Replicas whose copying is throttled on the follower: partition:broker pairs or *.").cluster_wide().accepted(QUOTAS),
    Setting::new("index.interval.bytes", Kind::Int, Some("4096"), Rule::AtLeast(0), "One entry of the offset index for so many bytes of log.").cluster_wide(),
    Setting::new("internal.segment.bytes", Kind::Int, None, Rule::Any, "segment.bytes without its lower bound, for tests.").cluster_wide().unlisted(),
    Setting::new("leader.replication.throttled.replicas", Kind::List, Some(""), Rule::ThrottledReplicas, "Replicas whose copying is throttled on the leader: partition:broker pairs or *.").cluster_wide().accepted(QUOTAS),
    Setting::new("local.retention.bytes", Kind::Long, Some("-2"), Rule::AtLeast(-2), "Local part of a tiered partition at most; -2 follows retention.bytes.").cluster_wide().accepted(TIERED),
    Setting::new("local.retention.ms", Kind::Long, Some("-2"), Rule::AtLeast(-2), "Local part of a tiered partition is kept so long; -2 follows retention.ms.").cluster_wide().accepted(TIERED),
    Setting::new("max.compaction.lag.ms", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(1), "A record is compacted at this age at the latest.").cluster_wide(),
    Setting::new("max.message.bytes", Kind::Int, Some("1048588"), Rule::AtLeast(0), "Largest record batch, as it is stored.").cluster_wide(),
    Setting::new("message.timestamp.after.max.ms", Kind::Long, Some("3600000"), Rule::AtLeast(0), "A record may carry a time this far in the future.").cluster_wide(),
    Setting::new("message.timestamp.before.max.ms", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(0), "A record may carry a time this far in the past.").cluster_wide(),
    Setting::new("message.timestamp.type", Kind::String, Some("CreateTime"), Rule::OneOf(&["CreateTime", "LogAppendTime"]), "Which time a record carries: the producer's (CreateTime) or the append's (LogAppendTime).").cluster_wide(),
    Setting::new("min.cleanable.dirty.ratio", Kind::Double, Some("0.5"), Rule::Fraction(0.0, 1.0), "The log is compacted when at least this part of it is new.").cluster_wide(),
    Setting::new("min.compaction.lag.ms", Kind::Long, Some("0"), Rule::AtLeast(0), "A record is not compacted before this age.").cluster_wide(),
    Setting::new("min.insync.replicas", Kind::Int, Some("1"), Rule::AtLeast(1), "Replicas that must have a record before acks=all is answered.").cluster_wide(),
    Setting::new("preallocate", Kind::Boolean, Some("false"), Rule::Any, "A new log file gets its full size at once.").cluster_wide(),
    Setting::new("remote.log.copy.disable", Kind::Boolean, Some("false"), Rule::Any, "Nothing more is copied to the tier.").cluster_wide().accepted(TIERED),
    Setting::new("remote.log.delete.on.disable", Kind::Boolean, Some("false"), Rule::Any, "Tiered data is deleted when tiering is switched off.").cluster_wide().accepted(TIERED),
    Setting::new("remote.storage.enable", Kind::Boolean, Some("false"), Rule::Any, "The topic is tiered.").cluster_wide().accepted(TIERED),
    Setting::new("retention.bytes", Kind::Long, Some("-1"), Rule::Any, "The oldest log files of a partition are deleted while it is larger; -1 for no limit.").cluster_wide(),
    Setting::new("retention.ms", Kind::Long, Some("604800000"), Rule::AtLeast(-1), "Log files whose newest record is older are deleted; -1 keeps them.").cluster_wide(),
    Setting::new("segment.bytes", Kind::Int, Some("1073741824"), Rule::AtLeast(1048576), "A log file is closed, and a new one begun, at this size.").cluster_wide(),
    Setting::new("segment.index.bytes", Kind::Int, Some("10485760"), Rule::AtLeast(4), "Size of an index file.").cluster_wide(),
    Setting::new("segment.jitter.ms", Kind::Long, Some("0"), Rule::AtLeast(0), "At most this is taken off segment.ms, at random, so that not all files close at once.").cluster_wide(),
    Setting::new("segment.ms", Kind::Long, Some("604800000"), Rule::AtLeast(1), "A log file is closed at this age, whatever its size.").cluster_wide(),
    Setting::new("unclean.leader.election.enable", Kind::Boolean, Some("false"), Rule::Any, "A replica that has missed records may become leader.").cluster_wide(),
];

/// Topic config, then the broker settings that give its default: the first that is set counts, times its number of ms.
const SYNONYMS: &[(&str, &[(&str, i64)])] = &[
    ("cleanup.policy", &[("log.cleanup.policy", 1)]),
    ("compression.gzip.level", &[("compression.gzip.level", 1)]),
    ("compression.lz4.level", &[("compression.lz4.level", 1)]),
    ("compression.type", &[("compression.type", 1)]),
    ("compression.zstd.level", &[("compression.zstd.level", 1)]),
    ("delete.retention.ms", &[("log.cleaner.delete.retention.ms", 1)]),
    ("file.delete.delay.ms", &[("log.segment.delete.delay.ms", 1)]),
    ("flush.messages", &[("log.flush.interval.messages", 1)]),
    ("flush.ms", &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    ("index.interval.bytes", &[("log.index.interval.bytes", 1)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", 1)]),
    ("local.retention.ms", &[("log.local.retention.ms", 1)]),
    ("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", 1)]),
    ("max.message.bytes", &[("message.max.bytes", 1)]),
    ("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", 1)]),
    ("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", 1)]),
    ("message.timestamp.type", &[("log.message.timestamp.type", 1)]),
    ("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", 1)]),
    ("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", 1)]),
    ("min.insync.replicas", &[("min.insync.replicas", 1)]),
    ("preallocate", &[("log.preallocate", 1)]),
    ("retention.bytes", &[("log.retention.bytes", 1)]),
    (
        "retention.ms",
        &[("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS)],
    ),
    ("segment.bytes", &[("log.segment.bytes", 1)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", 1)]),
    ("segment.jitter.ms", &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)]),
    ("segment.ms", &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)]),
    ("unclean.leader.election.enable", &[("unclean.leader.election.enable", 1)]),
];

/// The broker settings behind a topic config, strongest first, each with what its number is multiplied by.
pub fn synonyms(topic: &str) -> &'static [(&'static str, i64)] {
    SYNONYMS.iter().find(|(name, _)| *name == topic).map_or(&[], |(_, chain)| *chain)
}
