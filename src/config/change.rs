//! Changes while running: IncrementalAlterConfigs operations (KIP-339) and which broker settings may change (KIP-226).

use super::error::ConfigError;
use super::nearest::nearest;
use super::setting::{Dynamic, Kind, Setting, list};
use super::{group_config, table, topic};
use std::collections::BTreeMap;

/// One operation of IncrementalAlterConfigs, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The name gets this value.
    Set = 0,
    /// The name goes back to its default.
    Delete = 1,
    /// The items are added to a list.
    Append = 2,
    /// The items are taken out of a list.
    Subtract = 3,
}

impl Op {
    /// The operation with this number on the wire.
    pub fn from_code(code: i8) -> Option<Op> {
        [Op::Set, Op::Delete, Op::Append, Op::Subtract].into_iter().find(|op| *op as i8 == code)
    }
}

/// The two layers of dynamic broker values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// All brokers (the resource with the empty name).
    Cluster,
    /// One broker.
    Broker,
}

/// Whose settings are meant, and so in which table their rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A topic's own configs.
    Topic,
    /// A broker's dynamic configs.
    Broker(Layer),
    /// A group's own configs.
    Group,
}

/// Applies one operation to a resource's own values. `inherited` is the value in force when the resource has none of its
/// own: APPEND and SUBTRACT start from it.
///
/// # Errors
/// In Kafka's words: an unknown name, a value that is refused, an operation that does not fit the type.
pub fn apply_op(
    resource: Resource,
    values: &mut BTreeMap<String, String>,
    inherited: Option<&str>,
    name: &str,
    op: Op,
    value: Option<&str>,
) -> Result<(), ConfigError> {
    let setting = row(resource, name);
    if let (Op::Append | Op::Subtract, Some(setting)) = (op, &setting)
        && setting.kind != Kind::List
    {
        return Err(ConfigError::new(
            format!("Can't {op:?} to key {name} because its type is not LIST.")
                .replace("Append", "APPEND")
                .replace("Subtract", "SUBTRACT"),
        ));
    }
    if op == Op::Delete {
        values.remove(name);
        return Ok(());
    }
    let Some(value) = value else {
        return Err(ConfigError::new(format!("Null value not supported for : {name}")));
    };
    let before = values.get(name).map(String::as_str).or(inherited).unwrap_or_default();
    let after = match op {
        Op::Append => join(list(before).chain(list(value).filter(|item| !list(before).any(|had| had == *item)))),
        Op::Subtract => join(list(before).filter(|item| !list(value).any(|out| out == *item))),
        Op::Set | Op::Delete => value.to_owned(),
    };
    check_change(resource, name, &after)?;
    values.insert(name.to_owned(), after);
    Ok(())
}

/// Checks one value that a resource is to have.
///
/// # Errors
/// In Kafka's words: an unknown name, a value that is refused, a broker setting that cannot change while running.
pub fn check_change(resource: Resource, name: &str, value: &str) -> Result<(), ConfigError> {
    match resource {
        Resource::Topic => topic::find(name).ok_or_else(|| topic::unknown(name))?.check(value),
        Resource::Broker(layer) => check_dynamic(layer, name, value),
        Resource::Group => group_config::find(name).ok_or_else(|| group_config::unknown(name))?.check(value),
    }
}

/// Checks one dynamic broker value.
pub(super) fn check_dynamic(layer: Layer, name: &str, value: &str) -> Result<(), ConfigError> {
    let Some(setting) = table::find(name) else {
        if table::known(name).is_some() {
            return Ok(());
        }
        let error = ConfigError::new(format!("Unknown broker config name: {name}"));
        return Err(match nearest(name, table::all().map(|setting| setting.name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        });
    };
    match (setting.dynamic, layer) {
        (Dynamic::ReadOnly, _) => {
            Err(ConfigError::new(format!("Cannot update these configs dynamically: Set({name})"))
                .hint("set it in the broker's file and restart"))
        }
        (Dynamic::PerBroker, Layer::Cluster) => Err(ConfigError::new(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: Set({name})"
        ))),
        _ => setting.check(value),
    }
}

fn row(resource: Resource, name: &str) -> Option<&'static Setting> {
    match resource {
        Resource::Topic => topic::find(name),
        Resource::Broker(_) => table::find(name),
        Resource::Group => group_config::find(name),
    }
}

fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Layer, Op, Resource, apply_op};
    use std::collections::BTreeMap;

    fn topic(values: &mut BTreeMap<String, String>, name: &str, op: Op, value: &str) -> Result<(), String> {
        apply_op(Resource::Topic, values, Some("delete"), name, op, Some(value)).map_err(|error| error.message)
    }

    #[test]
    fn list_operations_start_from_the_inherited_value() {
        let mut values = BTreeMap::new();
        topic(&mut values, "cleanup.policy", Op::Append, "compact").expect("a list");
        assert_eq!(values["cleanup.policy"], "delete,compact");
        topic(&mut values, "cleanup.policy", Op::Append, "compact").expect("again");
        assert_eq!(values["cleanup.policy"], "delete,compact");
        topic(&mut values, "cleanup.policy", Op::Subtract, "delete").expect("a list");
        assert_eq!(values["cleanup.policy"], "compact");
        topic(&mut values, "cleanup.policy", Op::Delete, "").expect("back to the default");
        assert!(values.is_empty());
    }

    #[test]
    fn refusals() {
        let mut values = BTreeMap::new();
        let message = topic(&mut values, "retention.ms", Op::Append, "1").expect_err("no list");
        assert_eq!(message, "Can't APPEND to key retention.ms because its type is not LIST.");
        assert_eq!(topic(&mut values, "no.such", Op::Set, "1").expect_err("x"), "Unknown topic config name: no.such");
        assert!(topic(&mut values, "retention.ms", Op::Set, "-2").expect_err("x").contains("at least -1"));
        let mut broker = |layer, name| {
            let done = apply_op(Resource::Broker(layer), &mut values, None, name, Op::Set, Some("1"));
            done.map_err(|error| error.message)
        };
        assert!(broker(Layer::Broker, "node.id").expect_err("x").contains("Cannot update these configs dynamically"));
        assert!(broker(Layer::Cluster, "cordoned.log.dirs").expect_err("x").contains("broker id must be specified"));
        assert!(broker(Layer::Cluster, "num.io.thread").expect_err("x").contains("Unknown broker config name"));
        broker(Layer::Cluster, "num.io.threads").expect("dynamic for all");
        broker(Layer::Broker, "log.retention.ms").expect("dynamic for one");
        assert_eq!(Op::from_code(3), Some(Op::Subtract));
        assert_eq!(Op::from_code(9), None);
    }
}
