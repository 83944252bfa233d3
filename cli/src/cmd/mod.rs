//! The command tree: one file a subcommand, a folder a noun. Each file has its `Args`, whose doc comments are the help,
//! and `run(ui, ctx, args)`.
//!
//! To add a command: a file with those two, a line in the enum below (or in its noun's `Verb`), a line in the match that
//! runs it, and a line in `CONTENTS`, which a test holds against the enum.

mod console;
mod console_consumer;
mod topic;

use crate::args::ConnectArgs;
use crate::failure::Failure;
use crate::kafka::{KNOWN, Kafka, Settings};
use crate::profile::Profiles;
use crate::ui::{Format, Settings as UiSettings, Ui};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

const CONTENTS: &str = "\
Topics and records
  topic             create, list, describe, alter, delete, trim, offsets
  console-consumer  read records: `kq console-consumer -t orders --from-beginning`

Every command explains itself: `kq topic create --help`. Addresses come from -b, KQ_BOOTSTRAP_SERVER, or a profile.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 check failed, 10 unhealthy, 124 timed out, 130 interrupted.";

/// A Kafka cluster's operator in one tool
#[derive(Parser, Debug)]
#[command(
    name = "kq",
    version,
    about = "kq: operate kqd brokers, and any Kafka cluster",
    after_help = CONTENTS,
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{after-help}\n",
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create, list, describe, alter, delete and trim topics
    #[command(alias = "topics", subcommand_required = true, arg_required_else_help = true)]
    Topic {
        #[command(subcommand)]
        verb: topic::Verb,
    },
    #[command(alias = "consume")]
    ConsoleConsumer(Box<console_consumer::ConsumerArgs>),
}

impl Cli {
    /// Runs the command and returns the exit code.
    pub fn run(self) -> u8 {
        let ctx = &Ctx;
        match self.command {
            Command::Topic { verb } => verb.run(ctx),
            Command::ConsoleConsumer(args) => perform("console-consumer", args.story.settings(Format::Table), |ui| {
                console_consumer::run(ui, ctx, &args)
            }),
        }
    }
}

/// What commands share that is not the user's face: how to get at a cluster.
pub struct Ctx;

impl Ctx {
    /// The cluster that the flags, the environment and the profiles name. Nothing is connected yet.
    ///
    /// # Errors
    /// A usage failure for settings that are wrong.
    pub fn kafka(&self, ui: &Ui, connect: &ConnectArgs, timeout: Option<Duration>) -> Result<Kafka, Failure> {
        Ok(Kafka::new(Settings::resolve(connect, timeout, &Profiles::load()?)?, ui.loudness()))
    }
}

/// Runs one command under its dotted name, with its user; returns the exit code.
pub fn perform(name: &'static str, settings: UiSettings, run: impl FnOnce(&mut Ui) -> Result<(), Failure>) -> u8 {
    let mut ui = Ui::new(name, settings);
    let result = run(&mut ui);
    ui.finish(result)
}

/// What is answered before the command line is parsed: `-X list`.
pub fn early(words: &[OsString]) -> Option<ExitCode> {
    let listed = words.iter().any(|word| word == "-Xlist") || words.windows(2).any(|w| w[0] == "-X" && w[1] == "list");
    listed.then(|| {
        let width = KNOWN.iter().map(|known| known.name.len()).max().unwrap_or(0);
        ExitCode::from(perform("settings", UiSettings::default(), |ui| {
            KNOWN.iter().try_for_each(|k| ui.text(&format!("{:width$}  {} [{}]\n", k.name, k.about, k.default)))
        }))
    })
}

/// Shows what clap has to say: help on stdout, a usage error on stderr (and in the JSON envelope when JSON was asked for).
pub fn usage(error: &clap::Error, words: &[OsString]) -> u8 {
    let _ = error.print();
    if !error.use_stderr() {
        return 0;
    }
    let wants_json = words.iter().any(|word| word == "-ojson" || word == "--output=json")
        || words.windows(2).any(|w| (w[0] == "-o" || w[0] == "--output") && w[1] == "json");
    if wants_json {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
        println!("{:#}", serde_json::json!({ "kq": 1, "command": null, "error": Failure::usage(first).to_json() }));
    }
    2
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contents_name_every_command() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let line = format!("\n  {} ", command.get_name());
            let name = command.get_name();
            assert!(CONTENTS.contains(&line), "add a line for `{name}` to CONTENTS in cli/src/cmd/mod.rs");
        }
    }
}
