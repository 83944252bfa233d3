//! DescribeConfigs: every setting with its value, where the value comes from, and its synonyms in Kafka's order (KIP-226).

use super::broker::BrokerSettings;
use super::setting::{Dynamic, Setting};
use super::{table, topic};
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
        described(setting, Some(topic::value(settings, overrides, setting.name)), false, synonyms)
    };
    topic::all().iter().map(describe).collect()
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
