//! `kq config`: settings of topics, brokers and groups, while they run.

mod change;
mod diff;
mod get;

use super::{Ctx, perform};
use crate::failure::Failure;
use crate::kafka::configs::Entity;
use clap::{Subcommand, ValueEnum};

/// What to do with settings.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Get(get::Args),
    Set(change::SetArgs),
    Unset(change::UnsetArgs),
    Diff(diff::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Get(args) => perform("config.get", args.common.settings(), |ui| get::run(ui, ctx, &args)),
            Verb::Set(args) => perform("config.set", args.common.settings(), |ui| change::set(ui, ctx, &args)),
            Verb::Unset(args) => perform("config.unset", args.common.settings(), |ui| change::unset(ui, ctx, &args)),
            Verb::Diff(args) => perform("config.diff", args.common.settings(), |ui| diff::run(ui, ctx, &args)),
        }
    }
}

/// A kind of thing that has settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// A topic
    Topic,
    /// One broker
    Broker,
    /// All brokers
    Cluster,
    /// A group of consumers
    Group,
}

/// Which thing.
#[derive(clap::Args, Clone, Debug)]
pub struct EntityArgs {
    /// What has the settings: topic, broker, cluster or group; may stand first among the words instead
    #[arg(long, value_name = "KIND", value_enum, hide_possible_values = true)]
    entity: Option<Kind>,
    /// [topic|broker|cluster|group] NAME, then what the verb takes; cluster has no name
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
}

impl EntityArgs {
    /// The kind, and the words after it.
    fn kind(&self) -> Result<(Kind, &[String]), Failure> {
        if let Some(kind) = self.entity {
            return Ok((kind, &self.words));
        }
        let (first, rest) = self.words.split_first().ok_or_else(|| Failure::usage("which topic or broker?"))?;
        let kind = Kind::from_str(first, true).map_err(|_| {
            Failure::usage(format!("`{first}` has no settings: expected topic, broker, cluster or group"))
                .hint(format!("for a topic of that name: kq config get topic {first}"))
        })?;
        Ok((kind, rest))
    }

    /// The thing, and the words after its name.
    fn entity(&self) -> Result<(Entity, &[String]), Failure> {
        let (kind, words) = self.kind()?;
        if kind == Kind::Cluster {
            return Ok((Entity::Cluster, words));
        }
        let missing = || {
            Failure::usage(format!(
                "which {}?",
                kind.to_possible_value().map_or_else(String::new, |v| v.get_name().into())
            ))
        };
        let (name, rest) = words.split_first().ok_or_else(missing)?;
        Ok((named(kind, name)?, rest))
    }
}

fn named(kind: Kind, name: &str) -> Result<Entity, Failure> {
    match kind {
        Kind::Topic => Ok(Entity::Topic(name.to_string())),
        Kind::Broker => match name.parse() {
            Ok(id) => Ok(Entity::Broker(id)),
            Err(_) => Err(Failure::usage(format!("`{name}` is no broker id")).hint("see `kq broker list`")),
        },
        Kind::Cluster => Ok(Entity::Cluster),
        Kind::Group => Ok(Entity::Group(name.to_string())),
    }
}
