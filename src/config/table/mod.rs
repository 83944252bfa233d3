//! The table of broker settings: every one of Apache Kafka 4.3, those of older versions that files still have, kq's own.
//!
//! One file per theme, each sorted by name. The topic configs are in [`topic`], those of one group in [`group`].

mod clean;
mod cluster;
pub mod group;
mod groups;
mod log;
mod node;
mod remote;
mod retired;
mod sasl;
mod security;
mod share;
pub mod topic;
mod why;

use super::error::ConfigError;
use super::nearest::nearest;
use super::setting::{Kind, Setting};

type Theme = (&'static str, &'static [Setting]);

const THEMES: [Theme; 10] = [
    ("Connections, threads, topics", node::ROWS),
    ("The node", cluster::ROWS),
    ("Logs on disk", log::ROWS),
    ("Retention, rolling, compaction", clean::ROWS),
    ("Groups, offsets, transactions, producers", groups::ROWS),
    ("Share groups and streams groups", share::ROWS),
    ("TLS and who may do what", security::ROWS),
    ("SASL", sasl::ROWS),
    ("Tiered storage", remote::ROWS),
    ("Of older versions, of classes, or only while running", retired::ROWS),
];

/// The themes, each with its rows by name.
pub fn themes() -> &'static [Theme] {
    &THEMES
}

/// Names that belong together: in one layer the first that is set counts (KIP-226).
const FAMILIES: &[&[&str]] = &[
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
];

/// Beginnings of names whose rest is free, and why they have no effect.
const PREFIXES: &[(&str, &str)] = &[
    ("listener.name.", "settings for one listener alone are not built yet"),
    ("rlmm.config.", why::TIERED),
    ("rsm.config.", why::TIERED),
    ("remote.log.storage.", why::TIERED),
    ("remote.log.metadata.", why::TIERED),
    ("config.providers.", why::JAVA),
    ("metrics.context.", why::METRICS),
    ("kafka.metrics.", why::METRICS),
];

/// What is known about a name.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// It has a row.
    Setting(&'static Setting),
    /// Its beginning is known; the text says why it has no effect.
    Prefix(&'static str),
}

/// All rows, theme by theme.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    THEMES.iter().flat_map(|(_, rows)| *rows)
}

/// The row of a name.
pub fn find(name: &str) -> Option<&'static Setting> {
    THEMES.iter().find_map(|(_, rows)| row(rows, name))
}

/// The row of a name among rows that are sorted by name.
pub fn row(rows: &'static [Setting], name: &str) -> Option<&'static Setting> {
    let at = rows.binary_search_by(|setting| setting.name.cmp(name)).ok()?;
    rows.get(at)
}

/// Kafka's message for a name that none of these rows has; `kind` says of what they are the configs.
pub fn unknown(kind: &str, rows: &'static [Setting], name: &str) -> ConfigError {
    let error = ConfigError::new(format!("Unknown {kind} config name: {name}"));
    match nearest(name, rows.iter().map(|setting| setting.name)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}

/// What is known about a name, if anything.
pub fn known(name: &str) -> Option<Known> {
    let prefix = || PREFIXES.iter().find(|(start, _)| name.len() > start.len() && name.starts_with(start));
    find(name).map(Known::Setting).or_else(|| prefix().map(|(_, why)| Known::Prefix(why)))
}

/// The names that share one value with this one, strongest first.
pub fn family(name: &str) -> Option<&'static [&'static str]> {
    let with = |family: &&[&str]| family.contains(&name) && name != "log.flush.scheduler.interval.ms";
    FAMILIES.iter().copied().find(with)
}

/// True when the value must not be shown: a password, or a setting whose type is not known.
pub fn is_sensitive(name: &str) -> bool {
    match known(name) {
        Some(Known::Setting(setting)) => setting.kind == Kind::Password,
        Some(Known::Prefix(_)) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{THEMES, all, family, find, group, is_sensitive, topic};
    use crate::config::setting::Use;

    #[test]
    fn every_theme_is_sorted_and_no_name_is_there_twice() {
        for (title, rows) in THEMES {
            assert!(rows.is_sorted_by(|a, b| a.name < b.name), "sort the rows of {title:?}");
        }
        let mut names: Vec<_> = all().map(|row| row.name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "a name is in two themes");
        assert!(topic::TOPIC.is_sorted_by(|a, b| a.name < b.name));
        assert!(group::GROUP.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn every_default_is_valid_and_every_row_is_documented() {
        for row in all().chain(topic::TOPIC).chain(group::GROUP) {
            if let Some(default) = row.default {
                row.check(default).expect("a default that its own rule accepts");
            }
            assert!(row.doc.ends_with('.') && row.doc.len() > 10, "{}: {}", row.name, row.doc);
            if let Use::Accepted(why) = row.usage {
                assert!(why.len() > 10, "{}", row.name);
            }
        }
    }

    #[test]
    fn links_between_the_tables_hold() {
        for row in all() {
            let Some(name) = row.topic else { continue };
            let topic = super::super::topic::find(name).expect("the topic config of a row");
            assert!(topic::synonyms(name).iter().any(|(broker, _)| *broker == row.name), "{name} <- {}", row.name);
            if topic::synonyms(name).len() == 1 {
                assert_eq!(topic.default, row.default, "{name} and {} differ in their default", row.name);
                assert_eq!(topic.rule, row.rule, "{name} and {} differ in their rule", row.name);
            }
        }
        for topic in topic::TOPIC {
            for (broker, _) in topic::synonyms(topic.name) {
                assert_eq!(find(broker).and_then(|row| row.topic), Some(topic.name));
            }
        }
        assert_eq!(family("log.retention.hours").map(<[_]>::len), Some(3));
        assert_eq!(family("num.partitions"), None);
    }

    #[test]
    fn unknown_names_are_hidden() {
        assert!(is_sensitive("listener.name.a.ssl.keystore.password"));
        assert!(is_sensitive("no.such.thing"));
        assert!(is_sensitive("ssl.key.password"));
        assert!(!is_sensitive("num.partitions"));
    }
}
