//! The settings of consumer groups, typed. Times in ms and sizes in bytes unless the name says otherwise.

use super::error::ConfigError;
use super::setting::list;
use std::str::FromStr;

/// Settings of groups and their offsets.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSettings {
    /// `offsets.topic.num.partitions`: of `__consumer_offsets`, when it is made.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.replication.factor`, when it is made.
    pub offsets_topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`, when it is made.
    pub offsets_topic_segment_bytes: i32,
    /// `offsets.topic.compression.codec`: how records are packed, by number.
    pub offsets_topic_codec: i16,
    /// `offset.metadata.max.bytes`: the text that a client may store with an offset.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`, in ms: how long offsets that nobody uses are kept.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `offsets.load.buffer.size`: how much of a log is read at a time when a coordinator loads.
    pub offsets_load_buffer_bytes: i32,
    /// `offsets.commit.timeout.ms`: a write of the coordinator is given up after this.
    pub offsets_commit_timeout_ms: i64,
    /// `group.min.session.timeout.ms` of classic members.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms` of classic members.
    pub max_session_timeout_ms: i32,
    /// `group.max.size` of classic groups.
    pub max_size: i32,
    /// `group.initial.rebalance.delay.ms`: how long a new classic group waits for members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.coordinator.rebalance.protocols` has `consumer`.
    pub consumer_protocol: bool,
    /// The protocol of KIP-848.
    pub consumer: ConsumerGroupSettings,
}

/// Settings of consumer groups (KIP-848). A group may have its own values for some of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerGroupSettings {
    /// `group.consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.consumer.min.session.timeout.ms`: the least that a group may choose.
    pub min_session_timeout_ms: i32,
    /// `group.consumer.max.session.timeout.ms`: the most that a group may choose.
    pub max_session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.min.heartbeat.interval.ms`: the least that a group may choose.
    pub min_heartbeat_interval_ms: i32,
    /// `group.consumer.max.heartbeat.interval.ms`: the most that a group may choose.
    pub max_heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`.
    pub max_size: i32,
    /// `group.consumer.assignors`, the default first.
    pub assignors: Vec<String>,
    /// `group.consumer.migration.policy`.
    pub migration_policy: MigrationPolicy,
    /// `group.consumer.assignment.interval.ms`.
    pub assignment_interval_ms: i32,
    /// `group.consumer.min.assignment.interval.ms`: the least that a group may choose.
    pub min_assignment_interval_ms: i32,
    /// `group.consumer.max.assignment.interval.ms`: the most that a group may choose.
    pub max_assignment_interval_ms: i32,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval_ms: i32,
}

/// Which way a group may change its protocol while it has members (`group.consumer.migration.policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Neither way.
    Disabled,
    /// From consumer to classic, when the last member of the new protocol leaves.
    Downgrade,
    /// From classic to consumer, when the first member of the new protocol joins.
    Upgrade,
    /// Both ways.
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    /// Whether a consumer group may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
}

impl GroupSettings {
    /// Reads the settings; `raw` has each one's text.
    ///
    /// # Errors
    /// A value that is not of its type.
    pub fn read<'v>(raw: impl Fn(&str) -> &'v str) -> Result<GroupSettings, ConfigError> {
        fn number<T: FromStr>(name: &str, text: &str) -> Result<T, ConfigError> {
            text.trim().parse().map_err(|_| ConfigError::invalid(name, text, "Not a number in range"))
        }
        let int = |name: &str| number::<i32>(name, raw(name));
        let policy = "group.consumer.migration.policy";
        Ok(GroupSettings {
            offsets_topic_num_partitions: int("offsets.topic.num.partitions")?,
            offsets_topic_replication_factor: number(
                "offsets.topic.replication.factor",
                raw("offsets.topic.replication.factor"),
            )?,
            offsets_topic_segment_bytes: int("offsets.topic.segment.bytes")?,
            offsets_topic_codec: number("offsets.topic.compression.codec", raw("offsets.topic.compression.codec"))?,
            offset_metadata_max_bytes: int("offset.metadata.max.bytes")?,
            offsets_retention_ms: i64::from(int("offsets.retention.minutes")?) * 60_000,
            offsets_retention_check_interval_ms: number(
                "offsets.retention.check.interval.ms",
                raw("offsets.retention.check.interval.ms"),
            )?,
            offsets_load_buffer_bytes: int("offsets.load.buffer.size")?,
            offsets_commit_timeout_ms: i64::from(int("offsets.commit.timeout.ms")?),
            min_session_timeout_ms: int("group.min.session.timeout.ms")?,
            max_session_timeout_ms: int("group.max.session.timeout.ms")?,
            max_size: int("group.max.size")?,
            initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms")?,
            consumer_protocol: list(raw("group.coordinator.rebalance.protocols")).any(|name| name == "consumer"),
            consumer: ConsumerGroupSettings {
                session_timeout_ms: int("group.consumer.session.timeout.ms")?,
                min_session_timeout_ms: int("group.consumer.min.session.timeout.ms")?,
                max_session_timeout_ms: int("group.consumer.max.session.timeout.ms")?,
                heartbeat_interval_ms: int("group.consumer.heartbeat.interval.ms")?,
                min_heartbeat_interval_ms: int("group.consumer.min.heartbeat.interval.ms")?,
                max_heartbeat_interval_ms: int("group.consumer.max.heartbeat.interval.ms")?,
                max_size: int("group.consumer.max.size")?,
                assignors: list(raw("group.consumer.assignors")).map(str::to_owned).collect(),
                migration_policy: match raw(policy).trim().to_ascii_uppercase().as_str() {
                    "DISABLED" => MigrationPolicy::Disabled,
                    "DOWNGRADE" => MigrationPolicy::Downgrade,
                    "UPGRADE" => MigrationPolicy::Upgrade,
                    "BIDIRECTIONAL" => MigrationPolicy::Bidirectional,
                    other => return Err(ConfigError::invalid(policy, other, "Not a migration policy")),
                },
                assignment_interval_ms: int("group.consumer.assignment.interval.ms")?,
                min_assignment_interval_ms: int("group.consumer.min.assignment.interval.ms")?,
                max_assignment_interval_ms: int("group.consumer.max.assignment.interval.ms")?,
                regex_refresh_interval_ms: int("group.consumer.regex.refresh.interval.ms")?,
            },
        })
    }
}
