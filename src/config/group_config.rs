//! The configs of one group: what it has chosen for itself, within the bounds of its broker (Kafka's `GroupConfig`).
//!
//! Those of consumer groups count. Those of share groups and streams groups are checked, kept and told as by Kafka, so
//! that scripts and files that set them go through; nothing depends on them, as kq has no such groups.

use super::broker::BrokerSettings;
use super::error::ConfigError;
use super::group::GroupSettings;
use super::setting::Setting;
use super::table::group::{BOUNDS, GROUP, synonym};
use super::table::{self, row};
use std::collections::BTreeMap;

/// The row of a group config.
pub fn find(name: &str) -> Option<&'static Setting> {
    row(GROUP, name)
}

/// All group configs, by name.
pub fn all() -> &'static [Setting] {
    GROUP
}

/// Kafka's message for a name that no group config has.
pub fn unknown(name: &str) -> ConfigError {
    table::unknown("group", GROUP, name)
}

/// Checks all own values of a group, seen together and beside what the broker allows.
///
/// # Errors
/// In Kafka's words: `Unknown group config name: NAME`, `Invalid value V for configuration NAME: WHY`, or `NAME must be
/// greater than or equal to OTHER` and its like.
pub fn check(broker: &BrokerSettings, own: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    for (name, value) in own {
        find(name).ok_or_else(|| unknown(name))?.check(value)?;
    }
    let of_broker = |name: &str| number(broker.value(name)?);
    for (name, least, most) in BOUNDS {
        let Some(value) = own.get(*name).and_then(|text| number(text)) else { continue };
        if let Some(bound) = least.filter(|bound| of_broker(bound).is_some_and(|least| value < least)) {
            return Err(ConfigError::new(format!("{name} must be greater than or equal to {bound}")));
        }
        if let Some(bound) = most.filter(|bound| of_broker(bound).is_some_and(|most| value > most)) {
            return Err(ConfigError::new(format!("{name} must be less than or equal to {bound}")));
        }
    }
    for [session, heartbeat] in [
        ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"],
        ["share.session.timeout.ms", "share.heartbeat.interval.ms"],
        ["streams.session.timeout.ms", "streams.heartbeat.interval.ms"],
    ] {
        // What the broker's file says is not the group's fault.
        let is_own = own.contains_key(session) || own.contains_key(heartbeat);
        if is_own && number(&value(broker, own, session)) <= number(&value(broker, own, heartbeat)) {
            return Err(ConfigError::new(format!("{session} must be greater than {heartbeat}")));
        }
    }
    Ok(())
}

/// The settings under which a group with these own values lives. The broker may allow less by now than when they were
/// set: each is taken to the nearest value that it allows, as by Kafka since 4.3.
pub fn effective(broker: &GroupSettings, own: &BTreeMap<String, String>) -> GroupSettings {
    let mut settings = broker.clone();
    let consumer = &mut settings.consumer;
    let choose = |of_broker: &mut i32, name: &str, least: i32, most: i32| {
        if let Some(value) = own.get(name).and_then(|text| text.trim().parse::<i32>().ok()) {
            *of_broker = value.max(least).min(most);
        }
    };
    choose(
        &mut consumer.session_timeout_ms,
        "consumer.session.timeout.ms",
        consumer.min_session_timeout_ms,
        consumer.max_session_timeout_ms,
    );
    choose(
        &mut consumer.heartbeat_interval_ms,
        "consumer.heartbeat.interval.ms",
        consumer.min_heartbeat_interval_ms,
        consumer.max_heartbeat_interval_ms,
    );
    choose(
        &mut consumer.assignment_interval_ms,
        "consumer.assignment.interval.ms",
        consumer.min_assignment_interval_ms,
        consumer.max_assignment_interval_ms,
    );
    settings
}

/// The value of one group config, as text: the group's own, the broker's, the default.
pub(super) fn value(broker: &BrokerSettings, own: &BTreeMap<String, String>, name: &str) -> String {
    let of_broker = || synonym(name).and_then(|row| broker.value(row.name));
    let default = || find(name).and_then(|row| row.default);
    let text = own.get(name).map(String::as_str).or_else(of_broker).or_else(default);
    text.unwrap_or_default().trim().to_owned()
}

fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{all, check, effective, find};
    use crate::config::table::group::{BOUNDS, synonym};
    use crate::config::{BrokerSettings, Dynamic, parse_properties, table};
    use std::collections::BTreeMap;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn broker(text: &str) -> BrokerSettings {
        BrokerSettings::load(&parse_properties(text).expect("properties")).expect("settings").0
    }

    #[test]
    fn refusals_have_kafkas_words() {
        let why = |own: &[(&str, &str)]| match check(&BrokerSettings::default(), &map(own)) {
            Ok(()) => String::new(),
            Err(error) => error.message,
        };
        let (session, beat) = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms");
        assert_eq!(why(&[(session, "50000"), (beat, " 6000 "), ("consumer.assignment.interval.ms", "0")]), "");
        assert_eq!(why(&[("no.such", "1")]), "Unknown group config name: no.such");
        assert_eq!(
            why(&[("consumer.assignor.offload.enable", "true")]),
            "Unknown group config name: consumer.assignor.offload.enable"
        );
        assert_eq!(
            why(&[(session, "x")]),
            format!("Invalid value x for configuration {session}: Not a number of type INT")
        );
        assert_eq!(
            why(&[(session, "0")]),
            format!("Invalid value 0 for configuration {session}: Value must be at least 1")
        );
        let bound = |name: &str, value, words: &str, bound: &str| {
            assert_eq!(why(&[(name, value)]), format!("{name} must be {words} than or equal to {bound}"));
        };
        bound(session, "44999", "greater", "group.consumer.min.session.timeout.ms");
        bound(session, "60001", "less", "group.consumer.max.session.timeout.ms");
        bound(beat, "4999", "greater", "group.consumer.min.heartbeat.interval.ms");
        bound("share.delivery.count.limit", "11", "less", "group.share.max.delivery.count.limit");
        bound("streams.num.standby.replicas", "3", "less", "group.streams.max.standby.replicas");
        assert_eq!(
            why(&[("share.auto.offset.reset", "never")]),
            "Invalid value never for configuration share.auto.offset.reset: Invalid value `never` for configuration \
             share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format \
             'by_duration:<PnDTnHnMn.nS>'."
        );
        assert_eq!(why(&[("share.auto.offset.reset", "by_duration:P1DT2H")]), "");
    }

    #[test]
    fn a_session_is_longer_than_a_heartbeat_whoever_says_so() {
        let broker = broker("group.consumer.min.session.timeout.ms=100\ngroup.consumer.min.heartbeat.interval.ms=1");
        let why = |own: &[(&str, &str)]| check(&broker, &map(own)).err().map(|error| error.message);
        let (session, beat) = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms");
        let said = Some(format!("{session} must be greater than {beat}"));
        assert_eq!(why(&[(session, "5000")]), said, "the broker's heartbeat counts");
        assert_eq!(why(&[(session, "5001")]), None);
        assert_eq!(why(&[(session, "300"), (beat, "300")]), said);
        assert_eq!(why(&[("share.renew.acknowledge.enable", "false")]), None);
    }

    #[test]
    fn a_group_lives_within_what_the_broker_allows_now() {
        let own = map(&[
            ("consumer.session.timeout.ms", "50000"),
            ("consumer.heartbeat.interval.ms", "15000"),
            ("consumer.assignment.interval.ms", "0"),
            ("share.session.timeout.ms", "50000"),
        ]);
        let lives = |text: &str| {
            let consumer = effective(&broker(text).groups, &own).consumer;
            (consumer.session_timeout_ms, consumer.heartbeat_interval_ms, consumer.assignment_interval_ms)
        };
        assert_eq!(lives(""), (50_000, 15_000, 0));
        let strict = "group.consumer.max.heartbeat.interval.ms=9000\ngroup.consumer.min.session.timeout.ms=55000\n\
                      group.consumer.min.assignment.interval.ms=7";
        assert_eq!(lives(strict), (55_000, 9_000, 7));
        let upside_down = "group.consumer.min.session.timeout.ms=9\ngroup.consumer.max.session.timeout.ms=8";
        assert_eq!(lives(upside_down).0, 8);
        let broker = broker("group.consumer.session.timeout.ms=47000").groups;
        assert_eq!(effective(&broker, &BTreeMap::new()), broker);
    }

    #[test]
    fn links_to_the_broker_hold() {
        for row in all() {
            if let Some(of_broker) = synonym(row.name) {
                assert_eq!((of_broker.default, of_broker.kind), (row.default, row.kind), "{}", row.name);
            }
            assert_eq!(row.dynamic, Dynamic::ClusterWide);
        }
        for (name, least, most) in BOUNDS {
            assert!(find(name).is_some(), "{name}");
            for bound in [least, most].into_iter().flatten() {
                assert!(table::find(bound).is_some(), "{bound}");
            }
        }
    }
}
