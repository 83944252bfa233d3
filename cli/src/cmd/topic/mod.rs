//! `kq topic`: topics and their settings.

mod alter;
mod create;
mod delete;
mod describe;
mod elect_leaders;
mod list;
mod offsets;
mod plan_file;
mod reassign;
mod trim;

pub use offsets::chosen;

use super::{Ctx, perform};
use crate::failure::Failure;
use crate::kafka::Kafka;
use clap::Subcommand;
use regex_lite::Regex;

/// What to do with topics.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Create(create::Args),
    #[command(alias = "ls")]
    List(list::Args),
    Describe(describe::Args),
    Alter(alter::Args),
    #[command(alias = "rm")]
    Delete(delete::Args),
    Trim(trim::Args),
    Offsets(offsets::Args),
    ElectLeaders(elect_leaders::Args),
    #[command(alias = "reassign")]
    Move(reassign::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Create(args) => perform("topic.create", args.common.settings(), |ui| create::run(ui, ctx, &args)),
            Verb::List(args) => perform("topic.list", args.common.settings(), |ui| list::run(ui, ctx, &args)),
            Verb::Describe(args) => {
                perform("topic.describe", args.common.settings(), |ui| describe::run(ui, ctx, &args))
            }
            Verb::Alter(args) => perform("topic.alter", args.common.settings(), |ui| alter::run(ui, ctx, &args)),
            Verb::Delete(args) => perform("topic.delete", args.common.settings(), |ui| delete::run(ui, ctx, &args)),
            Verb::Trim(args) => perform("topic.trim", args.common.settings(), |ui| trim::run(ui, ctx, &args)),
            Verb::Offsets(args) => perform("topic.offsets", args.common.settings(), |ui| offsets::run(ui, ctx, &args)),
            Verb::ElectLeaders(args) => {
                perform("topic.elect-leaders", args.common.settings(), |ui| elect_leaders::run(ui, ctx, &args))
            }
            Verb::Move(args) => perform("topic.move", args.common.settings(), |ui| reassign::run(ui, ctx, &args)),
        }
    }
}

/// A regular expression that must match a whole name.
fn whole(pattern: &str) -> Result<Regex, Failure> {
    Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| Failure::usage(format!("-r {pattern}: not a regular expression")).because(error))
}

/// The topics that match `pattern`, of those that the cluster has now; Kafka's own ones only when the pattern is
/// longer than a dot and a star, so that `-r '.*'` is harmless.
fn matching(kafka: &mut Kafka, pattern: &str) -> Result<Vec<String>, Failure> {
    let regex = whole(pattern)?;
    kafka.refresh_all()?;
    let topics = kafka.cluster.topics.values().filter(|topic| !topic.internal && regex.is_match(&topic.name));
    Ok(topics.map(|topic| topic.name.clone()).collect())
}
