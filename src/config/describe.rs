//! DescribeConfigs: every setting with its value, where the value comes from, and its synonyms in Kafka's order (KIP-226).

use super::broker::BrokerSettings;
use super::setting::{Dynamic, Setting};
use super::{group_config, table, topic};
use std::collections::BTreeMap;

/// Where a value comes from, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Set on the topic.
    DynamicTopic = 1,
    /// Set on this broker while running.
    DynamicBroker = 2,
    /// Set on all brokers while running.
    DynamicDefaultBroker = 3,
    /// In the broker's file.
    StaticBroker = 4,
    /// Nobody has set it.
    Default = 5,
    /// Set on the group.
    DynamicGroup = 8,
}

/// One value of a setting's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The name under which the value was set.
    pub name: &'static str,
    /// The value; `None` when it is hidden.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// One setting as DescribeConfigs tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Kafka's name.
    pub name: &'static str,
    /// The value in force; `None` when there is none or it is hidden.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// True when nobody has set it.
    pub is_default: bool,
    /// True when it cannot change while running.
    pub read_only: bool,
    /// True when the value is hidden.
    pub sensitive: bool,
    /// The chain: the value in force first.
    pub synonyms: Vec<Synonym>,
    /// Kafka's number of the type.
    pub kind: i8,
    /// One line of documentation.
    pub doc: &'static str,
}

/// Every setting of the broker, by name.
pub fn describe_broker(settings: &BrokerSettings) -> Vec<Described> {
    let shown = |setting: &&Setting| setting.listed || settings.value(setting.name) != setting.default;
    let mut all: Vec<Described> = table::all()
        .filter(shown)
        .map(|setting| {
            let synonyms = broker_synonyms(settings, setting);
            let value = settings.value(setting.name).map(|value| value.trim().to_owned());
            let value = value.filter(|_| !setting.sensitive);
            described(setting, value, setting.dynamic == Dynamic::ReadOnly, synonyms)
        })
        .collect();
    all.sort_by_key(|described| described.name);
    all
}

/// Every config of a topic with these own values, by name.
pub fn describe_topic(settings: &BrokerSettings, overrides: &BTreeMap<String, String>) -> Vec<Described> {
    let describe = |setting: &'static Setting| {
        let mut synonyms = Vec::new();
        if let Some(own) = overrides.get(setting.name) {
            let value = Some(own.trim().to_owned());
            synonyms.push(Synonym { name: setting.name, value, source: Source::DynamicTopic });
        }
        if let Some((first, _)) = table::topic::synonyms(setting.name).first()
            && let Some(row) = table::find(first)
        {
            synonyms.extend(broker_synonyms(settings, row));
        }
        let value = topic::value(settings, overrides, setting.name);
        described(setting, Some(value), false, synonyms)
    };
    let shown = |setting: &&Setting| setting.listed || overrides.contains_key(setting.name);
    topic::all().iter().filter(shown).map(describe).collect()
}

/// Every config of a group with these own values, by name. A group need not exist to have some.
pub fn describe_group(settings: &BrokerSettings, own: &BTreeMap<String, String>) -> Vec<Described> {
    let describe = |setting: &'static Setting| {
        let own_value = own.get(setting.name).map(|value| synonym(setting, value, Source::DynamicGroup));
        let mut synonyms: Vec<Synonym> = own_value.into_iter().collect();
        match table::group::synonym(setting.name) {
            Some(row) => synonyms.extend(broker_synonyms(settings, row)),
            None => synonyms.extend(setting.default.map(|value| synonym(setting, value, Source::Default))),
        }
        described(setting, Some(group_config::value(settings, own, setting.name)), false, synonyms)
    };
    group_config::all().iter().map(describe).collect()
}

fn described(setting: &'static Setting, value: Option<String>, read_only: bool, synonyms: Vec<Synonym>) -> Described {
    let source = synonyms.first().map_or(Source::Default, |first| first.source);
    Described {
        name: setting.name,
        value,
        source,
        is_default: source == Source::Default,
        read_only,
        sensitive: setting.sensitive,
        synonyms,
        kind: setting.kind as i8,
        doc: setting.doc,
    }
}

/// Kafka's order: layer by layer, in each the family's names; what stands before the first use of the name itself is left
/// out.
fn broker_synonyms(settings: &BrokerSettings, setting: &'static Setting) -> Vec<Synonym> {
    let own = [setting.name];
    let family = table::family(setting.name).unwrap_or(&own);
    let sources = [Source::DynamicBroker, Source::DynamicDefaultBroker, Source::StaticBroker];
    let mut chain = Vec::new();
    for (layer, source) in settings.layers().into_iter().zip(sources) {
        let set = family.iter().filter_map(|name| Some((table::find(name)?, layer.get(name)?)));
        chain.extend(set.map(|(row, value)| synonym(row, value, source)));
    }
    let defaults = family.iter().filter_map(|name| table::find(name).and_then(|row| Some((row, row.default?))));
    chain.extend(defaults.map(|(row, value)| synonym(row, value, Source::Default)));
    chain.into_iter().skip_while(|synonym| synonym.name != setting.name).collect()
}

fn synonym(row: &'static Setting, value: &str, source: Source) -> Synonym {
    let value = (!row.sensitive).then(|| value.trim().to_owned());
    Synonym { name: row.name, value, source }
}

#[cfg(test)]
mod tests {
    use super::{Described, Source, describe_broker, describe_group, describe_topic};
    use crate::config::{BrokerSettings, parse_properties};
    use std::collections::BTreeMap;

    fn broker(text: &str) -> BrokerSettings {
        BrokerSettings::load(&parse_properties(text).expect("properties")).expect("settings").0
    }

    fn chain(described: &Described) -> String {
        let one = |s: &super::Synonym| format!("{:?}:{}={}", s.source, s.name, s.value.as_deref().unwrap_or("null"));
        described.synonyms.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn find<'a>(all: &'a [Described], name: &str) -> &'a Described {
        all.iter().find(|described| described.name == name).expect("listed")
    }

    #[test]
    fn synonyms_in_kafkas_order() {
        let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let settings = broker("log.retention.hours=5\nnum.io.threads=4\nmin.insync.replicas=2")
            .with_dynamic(&own(&[("num.io.threads", "5")]), &own(&[("num.io.threads", "6")]))
            .expect("dynamic");
        let all = describe_broker(&settings);
        let threads = find(&all, "num.io.threads");
        assert_eq!(
            chain(threads),
            "DynamicBroker:num.io.threads=6, DynamicDefaultBroker:num.io.threads=5, StaticBroker:num.io.threads=4, \
             Default:num.io.threads=8"
        );
        assert_eq!((threads.value.as_deref(), threads.source), (Some("6"), Source::DynamicBroker));
        assert!(!threads.read_only && !threads.is_default);
        assert_eq!(chain(find(&all, "log.retention.ms")), "");
        assert_eq!(find(&all, "log.retention.ms").value, None);
        assert_eq!(
            chain(find(&all, "log.retention.hours")),
            "StaticBroker:log.retention.hours=5, Default:log.retention.hours=168"
        );
        assert!(find(&all, "node.id").read_only);

        let all = describe_topic(&settings, &own(&[("min.insync.replicas", "3")]));
        assert_eq!(
            chain(find(&all, "min.insync.replicas")),
            "DynamicTopic:min.insync.replicas=3, StaticBroker:min.insync.replicas=2, Default:min.insync.replicas=1"
        );
        let retention = find(&all, "retention.ms");
        assert_eq!((retention.value.as_deref(), chain(retention)), (Some("18000000"), String::new()));
        assert_eq!(chain(find(&all, "flush.messages")), "Default:log.flush.interval.messages=1");
        assert_eq!(find(&all, "flush.ms").value.as_deref(), Some("9223372036854775807"));
        assert!(all.iter().all(|config| config.name != "internal.segment.bytes"));
        assert_eq!(all.len(), 33);
    }

    #[test]
    fn a_group_stands_on_its_broker() {
        let settings = broker("group.consumer.session.timeout.ms=50000");
        let own = BTreeMap::from([("consumer.heartbeat.interval.ms".to_owned(), "6000".to_owned())]);
        let all = describe_group(&settings, &own);
        let beat = find(&all, "consumer.heartbeat.interval.ms");
        assert_eq!((beat.value.as_deref(), beat.source, beat.is_default), (Some("6000"), Source::DynamicGroup, false));
        assert_eq!(
            chain(beat),
            "DynamicGroup:consumer.heartbeat.interval.ms=6000, Default:group.consumer.heartbeat.interval.ms=5000"
        );
        let session = find(&all, "consumer.session.timeout.ms");
        assert_eq!((session.value.as_deref(), session.source), (Some("50000"), Source::StaticBroker));
        assert_eq!(chain(find(&all, "share.isolation.level")), "Default:share.isolation.level=read_uncommitted");
        assert!(all.len() == 17 && all.iter().all(|config| !config.read_only && !config.doc.is_empty()));
    }

    #[test]
    fn passwords_stay_hidden() {
        let settings = broker("ssl.key.password=hunter2\ndelegation.token.secret.key=hunter2");
        let all = describe_broker(&settings);
        let key = find(&all, "ssl.key.password");
        assert!(key.sensitive && key.value.is_none() && key.source == Source::StaticBroker);
        assert!(!format!("{all:?} {settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_dynamic_family_member_beats_the_file() {
        let dynamic: BTreeMap<String, String> = [("log.retention.ms".to_owned(), "9".to_owned())].into();
        let settings = broker("log.retention.minutes=5").with_dynamic(&dynamic, &BTreeMap::new()).expect("valid");
        assert_eq!(settings.topic.retention_ms, 9);
        assert_eq!(
            chain(find(&describe_topic(&settings, &BTreeMap::new()), "retention.ms")),
            "DynamicDefaultBroker:log.retention.ms=9, StaticBroker:log.retention.minutes=5, Default:log.retention.hours=168"
        );
    }
}
