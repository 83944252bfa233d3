//! Configs of one group (KIP-848, KIP-932, KIP-1071), and the broker settings that give their defaults and bounds.

use super::why::{SHARE, STREAMS};
use crate::config::setting::{Kind, Rule, Setting};

/// By name.
#[rustfmt::skip] // a table: one row a line
pub const GROUP: &[Setting] = &[
    Setting::new("consumer.assignment.interval.ms", Kind::Int, Some("1000"), Rule::AtLeast(0), "Shortest time between two assignments of a consumer group.").cluster_wide(),
    Setting::new("consumer.heartbeat.interval.ms", Kind::Int, Some("5000"), Rule::AtLeast(1), "How often members of a consumer group report.").cluster_wide(),
    Setting::new("consumer.session.timeout.ms", Kind::Int, Some("45000"), Rule::AtLeast(1), "A member of a consumer group that is silent for so long is out.").cluster_wide(),
    Setting::new("share.assignment.interval.ms", Kind::Int, Some("1000"), Rule::AtLeast(0), "Shortest time between two assignments of a share group.").cluster_wide().accepted(SHARE),
    Setting::new("share.auto.offset.reset", Kind::String, Some("latest"), Rule::OffsetReset, "Where a share group begins: earliest, latest or by_duration:PnDTnHnMn.nS.").cluster_wide().accepted(SHARE),
    Setting::new("share.delivery.count.limit", Kind::Int, Some("5"), Rule::AtLeast(2), "A record is handed out to a share group so many times at most.").cluster_wide().accepted(SHARE),
    Setting::new("share.heartbeat.interval.ms", Kind::Int, Some("5000"), Rule::AtLeast(1), "How often members of a share group report.").cluster_wide().accepted(SHARE),
    Setting::new("share.isolation.level", Kind::String, Some("read_uncommitted"), Rule::OneOf(&["read_committed", "read_uncommitted"]), "Whether a share group sees records of transactions that are not committed.").cluster_wide().accepted(SHARE),
    Setting::new("share.partition.max.record.locks", Kind::Int, Some("2000"), Rule::AtLeast(100), "Records of a share partition that may be out at once.").cluster_wide().accepted(SHARE),
    Setting::new("share.record.lock.duration.ms", Kind::Int, Some("30000"), Rule::AtLeast(1000), "A record that is handed out to a share group comes back after this.").cluster_wide().accepted(SHARE),
    Setting::new("share.renew.acknowledge.enable", Kind::Boolean, Some("true"), Rule::Any, "A member of a share group may keep a record longer.").cluster_wide().accepted(SHARE),
    Setting::new("share.session.timeout.ms", Kind::Int, Some("45000"), Rule::AtLeast(1), "A member of a share group that is silent for so long is out.").cluster_wide().accepted(SHARE),
    Setting::new("streams.assignment.interval.ms", Kind::Int, Some("1000"), Rule::AtLeast(0), "Shortest time between two assignments of a streams group.").cluster_wide().accepted(STREAMS),
    Setting::new("streams.heartbeat.interval.ms", Kind::Int, Some("5000"), Rule::AtLeast(1), "How often members of a streams group report.").cluster_wide().accepted(STREAMS),
    Setting::new("streams.initial.rebalance.delay.ms", Kind::Int, Some("3000"), Rule::AtLeast(0), "A new streams group waits so long for members.").cluster_wide().accepted(STREAMS),
    Setting::new("streams.num.standby.replicas", Kind::Int, Some("0"), Rule::AtLeast(0), "Standby tasks of a streams group.").cluster_wide().accepted(STREAMS),
    Setting::new("streams.session.timeout.ms", Kind::Int, Some("45000"), Rule::AtLeast(1), "A member of a streams group that is silent for so long is out.").cluster_wide().accepted(STREAMS),
];

/// A group config, then the broker settings that bound it: the least, and the most that a group may choose.
#[rustfmt::skip] // a table: one row a line
pub(in crate::config) const BOUNDS: &[(&str, Option<&str>, Option<&str>)] = &[
    ("consumer.heartbeat.interval.ms", Some("group.consumer.min.heartbeat.interval.ms"), Some("group.consumer.max.heartbeat.interval.ms")),
    ("consumer.session.timeout.ms", Some("group.consumer.min.session.timeout.ms"), Some("group.consumer.max.session.timeout.ms")),
    ("consumer.assignment.interval.ms", Some("group.consumer.min.assignment.interval.ms"), Some("group.consumer.max.assignment.interval.ms")),
    ("share.heartbeat.interval.ms", Some("group.share.min.heartbeat.interval.ms"), Some("group.share.max.heartbeat.interval.ms")),
    ("share.session.timeout.ms", Some("group.share.min.session.timeout.ms"), Some("group.share.max.session.timeout.ms")),
    ("share.record.lock.duration.ms", Some("group.share.min.record.lock.duration.ms"), Some("group.share.max.record.lock.duration.ms")),
    ("share.delivery.count.limit", Some("group.share.min.delivery.count.limit"), Some("group.share.max.delivery.count.limit")),
    ("share.partition.max.record.locks", Some("group.share.min.partition.max.record.locks"), Some("group.share.max.partition.max.record.locks")),
    ("share.assignment.interval.ms", Some("group.share.min.assignment.interval.ms"), Some("group.share.max.assignment.interval.ms")),
    ("streams.heartbeat.interval.ms", Some("group.streams.min.heartbeat.interval.ms"), Some("group.streams.max.heartbeat.interval.ms")),
    ("streams.session.timeout.ms", Some("group.streams.min.session.timeout.ms"), Some("group.streams.max.session.timeout.ms")),
    ("streams.num.standby.replicas", None, Some("group.streams.max.standby.replicas")),
    ("streams.assignment.interval.ms", Some("group.streams.min.assignment.interval.ms"), Some("group.streams.max.assignment.interval.ms")),
];

/// The broker setting that gives a group config its default: `group.` before the name, where there is one.
pub fn synonym(name: &str) -> Option<&'static Setting> {
    super::find(&format!("group.{name}"))
}
