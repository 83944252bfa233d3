//! What the broker's settings and the group's own configs (KIP-848's group resource) say.

use super::assign::Assignor;
use crate::error::ErrorCode;
use std::fmt;

/// Settings of one consumer group, the group's own before the broker's.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `group.consumer.session.timeout.ms` or `consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms` or `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.assignment.interval.ms` or `consumer.assignment.interval.ms` (KIP-1263).
    pub assignment_interval_ms: i32,
    /// `group.consumer.max.size`, in members.
    pub size_max: usize,
    /// `group.max.size`: what a group may have to go back to the classic protocol.
    pub classic_size_max: usize,
    /// `group.consumer.assignors`; the first is the default; never empty.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`.
    pub migration: Migration,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval_ms: i64,
}

impl Default for Settings {
    /// Apache Kafka's defaults.
    fn default() -> Settings {
        Settings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
            size_max: i32::MAX as usize,
            classic_size_max: i32::MAX as usize,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration: Migration::Bidirectional,
            regex_refresh_interval_ms: 600_000,
        }
    }
}

/// Whether a living group may change its protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migration {
    /// Neither way; members of the classic protocol cannot join a consumer group.
    Disabled,
    /// From consumer to classic.
    Downgrade,
    /// From classic to consumer.
    Upgrade,
    /// Both ways.
    Bidirectional,
}

impl Migration {
    /// The policy of a name, in any case, as in `group.consumer.migration.policy`.
    pub fn from_name(name: &str) -> Option<Migration> {
        match name.to_ascii_lowercase().as_str() {
            "disabled" => Some(Migration::Disabled),
            "downgrade" => Some(Migration::Downgrade),
            "upgrade" => Some(Migration::Upgrade),
            "bidirectional" => Some(Migration::Bidirectional),
            _ => None,
        }
    }

    /// Whether a classic group may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, Migration::Upgrade | Migration::Bidirectional)
    }

    /// Whether a consumer group may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, Migration::Downgrade | Migration::Bidirectional)
    }
}

/// Why a request is refused: nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The code on the wire.
    pub code: ErrorCode,
    /// What to say beside it.
    pub message: String,
}

impl Refused {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refused {
        Refused { code, message: message.into() }
    }

    /// That of a group that is not there.
    pub fn no_group(group_id: &str) -> Refused {
        Refused::new(ErrorCode::GroupIdNotFound, format!("Consumer group {group_id} not found."))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}
