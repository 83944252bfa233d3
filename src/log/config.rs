//! `LogConfig`: one log's settings, typed, with Kafka's defaults. Names are the topic settings' own, dots as underscores.

use crate::types::Millis;

/// A log's settings. Times in milliseconds, sizes in bytes; -1 is "no limit" where Kafka has it so.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it would grow past this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is closed when it spans more time than this.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much is taken off `segment_ms`, so that not all logs roll at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment is closed when one of its indexes has this size.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: one index entry after so many bytes.
    pub index_interval_bytes: u32,
    /// `retention.ms`: segments whose newest record is older go; -1 keeps all.
    pub retention_ms: i64,
    /// `retention.bytes`: oldest segments go while the rest is at least this much; -1 keeps all.
    pub retention_bytes: i64,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `min.compaction.lag.ms`: younger records are left alone.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: records older than this are compacted whatever the dirty ratio.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long tombstones stay after they were first compacted.
    pub delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio`: compact when so much of the log was not compacted before.
    pub min_cleanable_dirty_ratio: f64,
    /// `file.delete.delay.ms`: a removed segment's files stay readable for so long.
    pub file_delete_delay_ms: i64,
    /// `preallocate`: give a new segment its full size at once.
    pub preallocate: bool,
    /// `producer.id.expiration.ms` of the broker: a producer silent for so long is forgotten.
    pub producer_id_expiration_ms: i64,
    /// `max.message.bytes`: the largest batch that may be appended; the caller enforces it.
    pub max_message_bytes: u32,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            delete: true,
            compact: false,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: DAY_MS,
            min_cleanable_dirty_ratio: 0.5,
            file_delete_delay_ms: 60_000,
            preallocate: false,
            producer_id_expiration_ms: DAY_MS,
            max_message_bytes: 1_048_588,
        }
    }
}

impl LogConfig {
    /// `segment_ms` less this segment's share of the jitter: always the same for the same log and segment.
    pub(super) fn roll_ms(&self, seed: u64) -> Millis {
        if self.segment_jitter_ms <= 0 {
            return self.segment_ms;
        }
        let mixed = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
        let jitter = (mixed as i64) % self.segment_jitter_ms.min(self.segment_ms.max(1));
        self.segment_ms - jitter
    }
}
