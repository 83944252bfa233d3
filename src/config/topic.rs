//! The settings of a topic: the broker's defaults with the topic's own values on top.

use super::broker::BrokerSettings;
use super::error::ConfigError;
use super::setting::{Setting, list, parse_bool};
use super::table::topic::TOPIC;
use super::table::{self, row};
use std::collections::BTreeMap;

/// What the broker does with the compression of a produced batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// Keeps what the producer chose: batches pass through untouched.
    Producer,
    /// Stores batches uncompressed.
    Uncompressed,
    /// gzip, 1 (fast) to 9 (small), or -1 for zlib's own choice.
    Gzip {
        /// The level.
        level: i32,
    },
    /// snappy, which has no levels.
    Snappy,
    /// lz4, 1 to 17.
    Lz4 {
        /// The level.
        level: i32,
    },
    /// zstd, -131072 (fast) to 22 (small).
    Zstd {
        /// The level.
        level: i32,
    },
}

/// Which time a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// The settings of one topic, typed. Times in ms, sizes in bytes, -1 where Kafka says "no limit".
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// `segment.bytes`: a log file is closed when it reaches this size.
    pub segment_bytes: u32,
    /// `segment.ms`: or this age.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: less up to this, so that not all close at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: the size of an index file.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: one index entry for so many bytes of log.
    pub index_interval_bytes: u32,
    /// `retention.ms`; -1 keeps for ever.
    pub retention_ms: i64,
    /// `retention.bytes` per partition; -1 for no limit.
    pub retention_bytes: i64,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone stays.
    pub delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `preallocate`.
    pub preallocate: bool,
    /// `compression.type` with the level that belongs to it.
    pub compression: CompressionType,
    /// `max.message.bytes`: the largest batch.
    pub max_message_bytes: i32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record may lie in the past.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future.
    pub message_timestamp_after_max_ms: i64,
    /// `flush.messages`: 1 means that acknowledged is on disk.
    pub flush_messages: i64,
    /// `flush.ms`: unsynced data waits at most this long.
    pub flush_ms: i64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl TopicSettings {
    /// The settings of a topic with these own values, under this broker.
    ///
    /// # Errors
    /// In Kafka's words: `Unknown topic config name: NAME`, or `Invalid value V for configuration NAME: WHY`.
    pub fn resolve(
        broker: &BrokerSettings,
        overrides: &BTreeMap<String, String>,
    ) -> Result<TopicSettings, ConfigError> {
        for (name, value) in overrides {
            find(name).ok_or_else(|| unknown(name))?.check(value)?;
        }
        let settings = TopicSettings::read(|name| value(broker, overrides, name))?;
        settings.check(overrides)?;
        Ok(settings)
    }

    /// Reads all values through `value`, which knows every name of the table.
    pub(super) fn read(value: impl Fn(&'static str) -> String) -> Result<TopicSettings, ConfigError> {
        let policy = value("cleanup.policy");
        let has = |word: &str| list(&policy).any(|item| item == word);
        let level = |name| number::<i32>(&value, name);
        Ok(TopicSettings {
            segment_bytes: match value("internal.segment.bytes").trim() {
                "" => number(&value, "segment.bytes")?,
                _ => number(&value, "internal.segment.bytes")?,
            },
            segment_ms: number(&value, "segment.ms")?,
            segment_jitter_ms: number(&value, "segment.jitter.ms")?,
            segment_index_bytes: number(&value, "segment.index.bytes")?,
            index_interval_bytes: number(&value, "index.interval.bytes")?,
            retention_ms: number(&value, "retention.ms")?,
            retention_bytes: number::<i64>(&value, "retention.bytes")?.max(-1),
            delete: has("delete"),
            compact: has("compact"),
            min_compaction_lag_ms: number(&value, "min.compaction.lag.ms")?,
            max_compaction_lag_ms: number(&value, "max.compaction.lag.ms")?,
            delete_retention_ms: number(&value, "delete.retention.ms")?,
            min_cleanable_dirty_ratio: number(&value, "min.cleanable.dirty.ratio")?,
            file_delete_delay_ms: number(&value, "file.delete.delay.ms")?,
            preallocate: parse_bool(&value("preallocate")).unwrap_or(false),
            compression: match value("compression.type").trim() {
                "gzip" => CompressionType::Gzip { level: level("compression.gzip.level")? },
                "lz4" => CompressionType::Lz4 { level: level("compression.lz4.level")? },
                "zstd" => CompressionType::Zstd { level: level("compression.zstd.level")? },
                "snappy" => CompressionType::Snappy,
                "uncompressed" => CompressionType::Uncompressed,
                _ => CompressionType::Producer,
            },
            max_message_bytes: number(&value, "max.message.bytes")?,
            min_insync_replicas: number(&value, "min.insync.replicas")?,
            timestamp_type: match value("message.timestamp.type").trim() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            message_timestamp_before_max_ms: number(&value, "message.timestamp.before.max.ms")?,
            message_timestamp_after_max_ms: number(&value, "message.timestamp.after.max.ms")?,
            flush_messages: number(&value, "flush.messages")?,
            flush_ms: number(&value, "flush.ms")?,
            unclean_leader_election_enable: parse_bool(&value("unclean.leader.election.enable")).unwrap_or(false),
        })
    }

    /// What only shows when values are seen together.
    fn check(&self, overrides: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        if self.min_compaction_lag_ms > self.max_compaction_lag_ms {
            return Err(ConfigError::new(format!(
                "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                self.min_compaction_lag_ms, self.max_compaction_lag_ms
            )));
        }
        if overrides.get("remote.storage.enable").and_then(|value| parse_bool(value)) == Some(true) {
            return Err(ConfigError::new(
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                 storage.",
            ));
        }
        Ok(())
    }
}

/// The row of a topic config.
pub fn find(name: &str) -> Option<&'static Setting> {
    row(TOPIC, name)
}

/// All topic configs, by name.
pub fn all() -> &'static [Setting] {
    TOPIC
}

/// Kafka's message for a name that no topic config has.
pub fn unknown(name: &str) -> ConfigError {
    table::unknown("topic", TOPIC, name)
}

/// The value that is in force for one topic config: the topic's own, the broker's, the default.
pub(super) fn value(broker: &BrokerSettings, overrides: &BTreeMap<String, String>, name: &'static str) -> String {
    match overrides.get(name) {
        Some(own) => own.trim().to_owned(),
        None => broker.topic_default(name),
    }
}

fn number<T: std::str::FromStr>(value: &impl Fn(&'static str) -> String, name: &'static str) -> Result<T, ConfigError> {
    let text = value(name);
    text.trim().parse().map_err(|_| ConfigError::invalid(name, &text, "Not a number in range"))
}

#[cfg(test)]
mod tests {
    use super::{CompressionType, TimestampType, TopicSettings, all};
    use crate::config::{BrokerSettings, Dynamic, parse_properties};
    use std::collections::BTreeMap;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn broker(text: &str) -> BrokerSettings {
        BrokerSettings::load(&parse_properties(text).expect("properties")).expect("settings").0
    }

    fn resolve(text: &str, own: &[(&str, &str)]) -> TopicSettings {
        TopicSettings::resolve(&broker(text), &map(own)).expect("valid")
    }

    #[test]
    fn the_topic_beats_the_broker_beats_the_default() {
        const HOUR_MS: i64 = 3_600_000;
        assert_eq!(resolve("", &[]).retention_ms, 168 * HOUR_MS);
        assert_eq!(resolve("log.retention.hours=2", &[]).retention_ms, 2 * HOUR_MS);
        assert_eq!(resolve("log.retention.hours=2\nlog.retention.minutes=3", &[]).retention_ms, 180_000);
        assert_eq!(resolve("log.retention.ms=7\nlog.retention.minutes=3", &[]).retention_ms, 7);
        assert_eq!(resolve("log.retention.hours=-1", &[]).retention_ms, -1);
        assert_eq!(resolve("log.retention.ms=7", &[("retention.ms", " 9 ")]).retention_ms, 9);
        assert_eq!(resolve("log.roll.hours=1", &[]).segment_ms, HOUR_MS);
        assert_eq!(resolve("log.roll.jitter.hours=1", &[]).segment_jitter_ms, HOUR_MS);
        assert_eq!(resolve("log.flush.scheduler.interval.ms=50", &[]).flush_ms, 50);
        assert_eq!(resolve("", &[("internal.segment.bytes", "100")]).segment_bytes, 100);
    }

    #[test]
    fn every_topic_config_has_its_effect() {
        let before = resolve("", &[]);
        let changed: &[(&str, &str)] = &[
            ("cleanup.policy", "compact"),
            ("compression.type", "snappy"),
            ("delete.retention.ms", "5"),
            ("file.delete.delay.ms", "5"),
            ("flush.messages", "5"),
            ("flush.ms", "5"),
            ("index.interval.bytes", "5"),
            ("internal.segment.bytes", "5"),
            ("max.compaction.lag.ms", "5"),
            ("max.message.bytes", "5"),
            ("message.timestamp.after.max.ms", "5"),
            ("message.timestamp.before.max.ms", "5"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.cleanable.dirty.ratio", "0.1"),
            ("min.compaction.lag.ms", "5"),
            ("min.insync.replicas", "5"),
            ("preallocate", "true"),
            ("retention.bytes", "5"),
            ("retention.ms", "5"),
            ("segment.bytes", "1048576"),
            ("segment.index.bytes", "5"),
            ("segment.jitter.ms", "5"),
            ("segment.ms", "5"),
            ("unclean.leader.election.enable", "true"),
        ];
        for pair in changed {
            assert_ne!(resolve("", &[*pair]), before, "{pair:?} changes nothing");
        }
        for (codec, level) in [("gzip", "3"), ("lz4", "3"), ("zstd", "4")] {
            let name = format!("compression.{codec}.level");
            let with = |level| resolve("", &[("compression.type", codec), (&name, level)]);
            assert_ne!(with(level), with("5"), "{name} changes nothing");
        }
        assert_eq!(resolve("", &[("compression.type", "gzip")]).compression, CompressionType::Gzip { level: -1 });
        assert_eq!(before.timestamp_type, TimestampType::CreateTime);
        assert!(before.delete && !before.compact && before.flush_messages == 1);
        assert!(all().iter().all(|row| row.dynamic == Dynamic::ClusterWide));
    }

    #[test]
    fn refusals_have_kafkas_words() {
        let why = |own: &[(&str, &str)]| {
            TopicSettings::resolve(&BrokerSettings::default(), &map(own)).expect_err("refused").message
        };
        assert_eq!(why(&[("no.such", "1")]), "Unknown topic config name: no.such");
        assert_eq!(
            why(&[("retention.ms", "x")]),
            "Invalid value x for configuration retention.ms: Not a number of type LONG"
        );
        assert!(why(&[("min.compaction.lag.ms", "9"), ("max.compaction.lag.ms", "5")]).contains("conflict"));
        assert!(why(&[("remote.storage.enable", "true")]).contains("Tiered Storage"));
        assert!(why(&[("cleanup.policy", "shred")]).contains("one of: compact, delete"));
    }
}
