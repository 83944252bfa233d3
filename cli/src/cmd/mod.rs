//! The command tree: one file a subcommand, a folder a noun. Each file has its `Args`, whose doc comments are the help,
//! and `run(ui, ctx, args)`.
//!
//! To add a command: a file with those two, a line in the enum below (or in its noun's `Verb`), a line in the match that
//! runs it, and a line in `CONTENTS`, which a test holds against the enum.

mod bench;
mod broker;
mod cluster;
mod config;
mod console;
mod console_consumer;
mod console_producer;
mod doctor;
mod dump_log;
mod group;
mod moving;
mod playground;
mod profile;
mod quorum;
mod topic;
mod tree;
mod version;

use crate::args::ConnectArgs;
use crate::failure::Failure;
use crate::kafka::{KNOWN, Kafka, Settings};
use crate::profile::Profiles;
use crate::ui::{Format, Settings as UiSettings, Ui};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

const CONTENTS: &str = "\
Begin
  playground        brokers to try things on, on this machine: `kq playground -n 3`; kill, restart

Topics and records
  topic             create, list, describe, alter, delete, trim, offsets, elect-leaders, move
  console-producer  write records: `kq console-producer -t orders`
  console-consumer  read records: `kq console-consumer -t orders --from-beginning`

Groups
  group             list, describe, lag, seek, delete, delete-offsets, copy

The cluster
  cluster           health: is every broker up, and every partition complete?
  broker            list, describe, logdirs, decommission, api-versions
  quorum            status: who leads the metadata, how far the others are
  config            get, set, unset, diff: settings of topics, brokers and groups while they run
  doctor            check the path from here to the cluster
  dump-log          what stands in log segments, indexes and snapshots
  bench             produce, consume, e2e: how fast, how soon; compare: against Apache Kafka; curves

This tool
  profile           named clusters, so that -b need not be typed
  completion        for bash, zsh, fish, powershell
  version           print it

Every command explains itself: `kq topic create --help`. Addresses come from -b, KQ_BOOTSTRAP_SERVER, or a profile.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 check failed, 10 unhealthy or over a limit,
124 timed out, 130 interrupted.";

/// A Kafka cluster's operator in one tool
#[derive(Parser, Debug)]
#[command(
    name = "kq",
    version,
    about = "kq: operate kqd brokers, and any Kafka cluster",
    after_help = CONTENTS,
    help_template = "{about}\n\n{usage-heading} {usage}{after-help}\n",
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
    /// Create, list, describe, alter, delete, trim and move topics
    #[command(alias = "topics", subcommand_required = true, arg_required_else_help = true)]
    Topic {
        #[command(subcommand)]
        verb: topic::Verb,
    },
    #[command(alias = "produce")]
    ConsoleProducer(Box<console_producer::ProducerArgs>),
    #[command(alias = "consume")]
    ConsoleConsumer(Box<console_consumer::ConsumerArgs>),
    DumpLog(Box<dump_log::DumpArgs>),
    /// List and describe groups, watch their lag, move their offsets
    #[command(alias = "groups", subcommand_required = true, arg_required_else_help = true)]
    Group {
        #[command(subcommand)]
        verb: group::Verb,
    },
    /// Look at the cluster as a whole
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Cluster {
        #[command(subcommand)]
        verb: cluster::Verb,
    },
    /// List, describe and decommission brokers
    #[command(alias = "brokers", subcommand_required = true, arg_required_else_help = true)]
    Broker {
        #[command(subcommand)]
        verb: broker::Verb,
    },
    /// Look at the metadata quorum
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Quorum {
        #[command(subcommand)]
        verb: quorum::Verb,
    },
    /// Get, set, unset and compare settings
    #[command(alias = "configs", subcommand_required = true, arg_required_else_help = true)]
    Config {
        #[command(subcommand)]
        verb: config::Verb,
    },
    Playground(playground::Args),
    Doctor(doctor::Args),
    /// Measure how fast a cluster takes and gives records
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Bench {
        #[command(subcommand)]
        verb: bench::Verb,
    },
    /// Keep named clusters with their settings
    #[command(alias = "profiles", subcommand_required = true, arg_required_else_help = true)]
    Profile {
        #[command(subcommand)]
        verb: profile::Verb,
    },
    #[command(alias = "completions")]
    Completion(tree::CompletionArgs),
    #[command(hide = true)]
    Generate(tree::GenerateArgs),
    Version(version::Args),
}

impl Cli {
    /// Runs the command and returns the exit code.
    pub fn run(self) -> u8 {
        let ctx = &Ctx;
        match self.command {
            Command::Topic { verb } => verb.run(ctx),
            Command::ConsoleProducer(args) => perform("console-producer", args.story.settings(Format::Table), |ui| {
                console_producer::run(ui, ctx, &args)
            }),
            Command::DumpLog(args) => {
                perform("dump-log", args.story.settings(Format::Table), |ui| dump_log::run(ui, ctx, &args))
            }
            Command::ConsoleConsumer(args) => perform("console-consumer", args.story.settings(Format::Table), |ui| {
                console_consumer::run(ui, ctx, &args)
            }),
            Command::Group { verb } => verb.run(ctx),
            Command::Cluster { verb } => verb.run(ctx),
            Command::Broker { verb } => verb.run(ctx),
            Command::Quorum { verb } => verb.run(ctx),
            Command::Config { verb } => verb.run(ctx),
            Command::Playground(args) => args.run(),
            Command::Doctor(args) => perform("doctor", args.common.settings(), |ui| doctor::run(ui, ctx, &args)),
            Command::Bench { verb } => verb.run(ctx),
            Command::Profile { verb } => verb.run(ctx),
            Command::Completion(args) => {
                perform("completion", UiSettings::default(), |ui| tree::completion(ui, Cli::command(), &args))
            }
            Command::Generate(args) => {
                perform("generate", UiSettings::default(), |ui| tree::generate(ui, &Cli::command(), &args))
            }
            Command::Version(args) => perform("version", args.settings(), version::run),
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

/// What is answered before the command line is parsed: the daemon's part, `--help-json`, `-X list`.
pub fn early(words: &[OsString]) -> Option<ExitCode> {
    if words.get(1).is_some_and(|word| word == crate::DAEMON_WORD) {
        return Some(kqd::main(words.iter().skip(2).cloned()));
    }
    let mine: Vec<&OsString> = words.iter().skip(1).take_while(|word| *word != "--").collect();
    if mine.iter().any(|word| *word == "--help-json") {
        let names: Vec<String> = mine.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let code = perform("help", UiSettings::default(), |ui| tree::help_json(ui, Cli::command(), &names));
        return Some(ExitCode::from(code));
    }
    let listed = mine.iter().any(|word| *word == "-Xlist") || mine.windows(2).any(|w| w[0] == "-X" && w[1] == "list");
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
