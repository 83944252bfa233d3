//! Settings of topics, brokers and groups, as the cluster has them.

use super::{Kafka, To};
use crate::failure::Failure;
use crate::time::now_ms;
use kq::api::describe_configs::{DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResource};
use kq::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigs, IncrementalAlterConfigsRequest,
};
use kq::client::Retry;
use kq::error::ErrorCode;
use kq::types::NodeId;

/// How long a change may take to be seen, in milliseconds.
const SETTLE_MS_MAX: i64 = 1_000;

/// What has settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entity {
    /// A topic by name.
    Topic(String),
    /// A broker by id.
    Broker(NodeId),
    /// All brokers: the dynamic defaults.
    Cluster,
    /// A group by its id (KIP-848).
    Group(String),
}

impl Entity {
    fn resource(&self) -> (i8, String) {
        match self {
            Entity::Topic(name) => (2, name.clone()),
            Entity::Broker(id) => (4, id.to_string()),
            Entity::Cluster => (4, String::new()),
            Entity::Group(name) => (32, name.clone()),
        }
    }

    /// A broker's own settings are only known to itself.
    fn to(&self, change: Direction) -> To {
        match (self, change) {
            (Entity::Broker(id), _) => To::Broker(*id),
            (_, Direction::Read) => To::Any,
            (_, Direction::Write) => To::Controller,
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl std::fmt::Display for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Entity::Topic(name) => write!(f, "topic {name}"),
            Entity::Broker(id) => write!(f, "broker {id}"),
            Entity::Cluster => f.write_str("cluster"),
            Entity::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name.
    pub name: String,
    /// Its value; `None` when it is secret or unset.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether it can only be changed in the broker's file.
    pub read_only: bool,
    /// Whether the value is kept secret.
    pub sensitive: bool,
    /// The default, where the broker tells.
    pub default: Option<String>,
    /// What it does, where the broker tells.
    pub about: Option<String>,
}

/// Where a value comes from, under the names that Kafka's tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub i8);

impl Source {
    /// Nothing set it.
    pub const DEFAULT: Source = Source(5);

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "DYNAMIC_TOPIC_CONFIG",
            2 => "DYNAMIC_BROKER_CONFIG",
            3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            4 => "STATIC_BROKER_CONFIG",
            5 => "DEFAULT_CONFIG",
            6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
            7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
            8 => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        }
    }
}

/// What to do with a setting, as in KIP-339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Give it a value.
    Set = 0,
    /// Back to the default.
    Unset = 1,
    /// Add to a list.
    Append = 2,
    /// Take from a list.
    Subtract = 3,
}

impl Kafka {
    /// All settings of each entity, by name; an entity's own error stands in its place.
    ///
    /// # Errors
    /// When nobody can be asked.
    pub fn describe_configs(
        &mut self,
        entities: &[Entity],
        documented: Documented,
    ) -> Result<Vec<Result<Vec<Setting>, Failure>>, Failure> {
        if entities.iter().any(|entity| matches!(entity, Entity::Broker(_))) && self.cluster.brokers.is_empty() {
            self.refresh::<&str>(&[])?;
        }
        // A broker answers for itself only; topics are asked all at once.
        let mut all = Vec::new();
        let mut rest = entities;
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|entity| entity.to(Direction::Read) == first.to(Direction::Read)).count();
            let (now, later) = rest.split_at(same.min(500));
            all.extend(self.describe_at(first.to(Direction::Read), now, documented)?);
            rest = later;
        }
        Ok(all)
    }

    fn describe_at(
        &mut self,
        to: To,
        entities: &[Entity],
        documented: Documented,
    ) -> Result<Vec<Result<Vec<Setting>, Failure>>, Failure> {
        let resource = |entity: &Entity| {
            let (resource_type, name) = entity.resource();
            DescribeConfigsResource { resource_type, resource_name: name.into(), configuration_keys: None }
        };
        let request = DescribeConfigsRequest {
            resources: entities.iter().map(resource).collect(),
            include_synonyms: true,
            include_documentation: documented == Documented::Yes,
        };
        let answer = self.call::<DescribeConfigs>(to, &request)?;
        let response = answer.read()?;
        let one = |entity: &Entity| {
            let (resource_type, name) = entity.resource();
            let result = response.results.iter().find(|r| r.resource_type == resource_type && r.resource_name == name);
            let Some(result) = result else {
                return Err(Failure::new("BAD_ANSWER", format!("{entity}: the broker did not answer for it")));
            };
            let code = ErrorCode::from_code(result.error_code);
            if !code.is_none() {
                return Err(Failure::answered(code, entity, result.error_message.as_deref()));
            }
            let mut settings: Vec<Setting> = result
                .configs
                .iter()
                .map(|config| Setting {
                    name: config.name.to_string(),
                    value: config.value.as_ref().map(|value| value.to_string()),
                    source: Source(config.config_source),
                    read_only: config.read_only,
                    sensitive: config.is_sensitive,
                    default: config
                        .synonyms
                        .iter()
                        .find(|synonym| Source(synonym.source) == Source::DEFAULT)
                        .and_then(|synonym| synonym.value.as_ref())
                        .map(|value| value.to_string()),
                    about: config.documentation.as_ref().filter(|text| !text.is_empty()).map(|text| text.to_string()),
                })
                .collect();
            settings.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(settings)
        };
        Ok(entities.iter().map(one).collect())
    }

    /// Changes settings of one entity.
    ///
    /// # Errors
    /// When nobody can be asked, or the broker refuses.
    pub fn alter_configs(
        &mut self,
        entity: &Entity,
        changes: &[(Change, String, Option<String>)],
        validate_only: ValidateOnly,
    ) -> Result<(), Failure> {
        self.refresh::<&str>(&[])?;
        let (resource_type, name) = entity.resource();
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type,
                resource_name: name.into(),
                configs: changes
                    .iter()
                    .map(|(change, name, value)| AlterableConfig {
                        name: name.as_str().into(),
                        config_operation: *change as i8,
                        value: value.as_deref().map(Into::into),
                    })
                    .collect(),
            }],
            validate_only: validate_only == ValidateOnly::Yes,
        };
        let answer = self.call::<IncrementalAlterConfigs>(entity.to(Direction::Write), &request)?;
        let response = answer.read()?;
        for result in &response.responses {
            let code = ErrorCode::from_code(result.error_code);
            if !code.is_none() {
                return Err(Failure::answered(code, entity, result.error_message.as_deref()));
            }
        }
        if validate_only == ValidateOnly::No { self.settle(entity, changes) } else { Ok(()) }
    }

    /// Waits until who asks sees the changes, too: the broker that took them tells the others. Not for ever, as a broker
    /// may write a value in its own way.
    fn settle(&mut self, entity: &Entity, changes: &[(Change, String, Option<String>)]) -> Result<(), Failure> {
        let mut retry = Retry::until(now_ms().saturating_add(SETTLE_MS_MAX));
        loop {
            let settings = self.describe_configs(std::slice::from_ref(entity), Documented::No)?.remove(0)?;
            let value = |name: &str| settings.iter().find(|s| s.name == name).and_then(|s| s.value.as_deref());
            let has = |list: Option<&str>, item: Option<&str>| {
                list.is_some_and(|list| list.split(',').any(|part| Some(part.trim()) == item))
            };
            let seen = changes.iter().all(|(change, name, wanted)| match change {
                Change::Set => value(name).is_none_or(|value| Some(value) == wanted.as_deref()),
                Change::Append => has(value(name), wanted.as_deref()),
                Change::Subtract => !has(value(name), wanted.as_deref()),
                Change::Unset => true,
            });
            if seen || !self.pause(&mut retry) {
                return Ok(());
            }
        }
    }
}

/// Whether settings come with their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Documented {
    /// With it.
    Yes,
    /// Without.
    No,
}

/// Whether a change is only checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValidateOnly {
    /// Checked, not made.
    Yes,
    /// Made.
    No,
}
