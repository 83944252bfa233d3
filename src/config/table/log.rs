//! Logs on disk: settings of the broker, most of them the default of a topic config.

use super::why::TIERED;
use crate::config::setting::{Kind, Rule, Setting};

/// By name.
#[rustfmt::skip] // a table: one row a line
pub(super) const ROWS: &[Setting] = &[
    Setting::new("compression.gzip.level", Kind::Int, Some("-1"), Rule::BetweenOr(1, 9, -1), "Level when compression.type is gzip; -1 for zlib's own choice.").cluster_wide().topic("compression.gzip.level"),
    Setting::new("compression.lz4.level", Kind::Int, Some("9"), Rule::Between(1, 17), "Level when compression.type is lz4.").cluster_wide().topic("compression.lz4.level"),
    Setting::new("compression.type", Kind::String, Some("producer"), Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "How batches are stored: producer keeps what came, anything else compresses again.").cluster_wide().topic("compression.type"),
    Setting::new("compression.zstd.level", Kind::Int, Some("3"), Rule::Between(-131072, 22), "Level when compression.type is zstd.").cluster_wide().topic("compression.zstd.level"),
    Setting::new("log.dir", Kind::List, Some("kq-data"), Rule::Any, "Data directory when log.dirs is not given, from the directory where kqd starts (Kafka: /tmp/kafka-logs, which a reboot may empty)."),
    Setting::new("log.dir.failure.timeout.ms", Kind::Long, Some("30000"), Rule::AtLeast(1), "A broker that cannot report a failed directory within this stops.").accepted("a failed directory takes its partitions offline, and the controller is not told yet"),
    Setting::new("log.dirs", Kind::List, None, Rule::Any, "Data directories, separated by commas; made when missing."),
    Setting::new("log.flush.interval.messages", Kind::Long, Some("1"), Rule::AtLeast(1), "A partition is synced to disk after so many records. 1: acknowledged means on disk, one sync for all that wait (Kafka: never, the page cache is trusted).").cluster_wide().topic("flush.messages"),
    Setting::new("log.flush.interval.ms", Kind::Long, None, Rule::Any, "Unsynced records wait at most this long; when not given, log.flush.scheduler.interval.ms.").cluster_wide().topic("flush.ms"),
    Setting::new("log.flush.offset.checkpoint.interval.ms", Kind::Int, Some("60000"), Rule::AtLeast(0), "How often the recovery point is written down.").accepted("kq writes its checkpoints when files are synced and at a clean stop"),
    Setting::new("log.flush.scheduler.interval.ms", Kind::Long, Some("9223372036854775807"), Rule::Any, "How often log.flush.interval.ms is looked at.").topic("flush.ms"),
    Setting::new("log.flush.start.offset.checkpoint.interval.ms", Kind::Int, Some("60000"), Rule::AtLeast(0), "How often the log start is written down.").accepted("kq writes the log start down as it moves"),
    Setting::new("log.index.interval.bytes", Kind::Int, Some("4096"), Rule::AtLeast(0), "One entry of the offset index for so many bytes of log.").cluster_wide().topic("index.interval.bytes"),
    Setting::new("log.index.size.max.bytes", Kind::Int, Some("10485760"), Rule::AtLeast(4), "Size of an index file.").cluster_wide().topic("segment.index.bytes"),
    Setting::new("log.initial.task.delay.ms", Kind::Long, Some("30000"), Rule::AtLeast(0), "Background work on logs begins so long after the start.").unlisted().accepted("background work begins at once"),
    Setting::new("log.local.retention.bytes", Kind::Long, Some("-2"), Rule::AtLeast(-2), "Local part of a tiered partition at most; -2 follows log.retention.bytes.").cluster_wide().topic("local.retention.bytes").accepted(TIERED),
    Setting::new("log.local.retention.ms", Kind::Long, Some("-2"), Rule::AtLeast(-2), "Local part of a tiered partition is kept so long; -2 follows log.retention.ms.").cluster_wide().topic("local.retention.ms").accepted(TIERED),
    Setting::new("log.message.timestamp.after.max.ms", Kind::Long, Some("3600000"), Rule::AtLeast(0), "A record may carry a time this far in the future.").cluster_wide().topic("message.timestamp.after.max.ms"),
    Setting::new("log.message.timestamp.before.max.ms", Kind::Long, Some("9223372036854775807"), Rule::AtLeast(0), "A record may carry a time this far in the past.").cluster_wide().topic("message.timestamp.before.max.ms"),
    Setting::new("log.message.timestamp.type", Kind::String, Some("CreateTime"), Rule::OneOf(&["CreateTime", "LogAppendTime"]), "Which time a record carries: the producer's (CreateTime) or the append's (LogAppendTime).").cluster_wide().topic("message.timestamp.type"),
    Setting::new("log.preallocate", Kind::Boolean, Some("false"), Rule::Any, "A new log file gets its full size at once.").cluster_wide().topic("preallocate"),
    Setting::new("log.segment.bytes", Kind::Int, Some("1073741824"), Rule::AtLeast(1048576), "A log file is closed, and a new one begun, at this size.").cluster_wide().topic("segment.bytes"),
    Setting::new("log.segment.delete.delay.ms", Kind::Long, Some("60000"), Rule::AtLeast(0), "A log file that is no longer needed is removed after this.").cluster_wide().topic("file.delete.delay.ms"),
    Setting::new("message.max.bytes", Kind::Int, Some("1048588"), Rule::AtLeast(0), "Largest record batch, as it is stored.").cluster_wide().topic("max.message.bytes"),
    Setting::new("min.insync.replicas", Kind::Int, Some("1"), Rule::AtLeast(1), "Replicas that must have a record before acks=all is answered.").cluster_wide().topic("min.insync.replicas"),
    Setting::new("server.log.dir", Kind::String, None, Rule::Any, "kq's own: directory of server.log; when not given, the first data directory's name with -logs."),
    Setting::new("server.log.files", Kind::Int, Some("10"), Rule::Between(0, 1000), "kq's own: rotated server.log files that are kept."),
    Setting::new("server.log.max.bytes", Kind::Long, Some("104857600"), Rule::AtLeast(65536), "kq's own: server.log is rotated at this size."),
];
