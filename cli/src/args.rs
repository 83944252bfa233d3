//! Flags that commands share, in small sets to flatten: so that `-o` may mean output here and offset there.

use crate::failure::Failure;
use crate::time;
use crate::ui::{Color, Format, Loudness, Settings, Ui};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Which cluster, and how to talk to it.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectArgs {
    /// Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile's, else 127.0.0.1:9092]
    #[arg(short = 'b', long = "bootstrap-server", value_name = "HOST:PORT", help_heading = "Connection")]
    pub bootstrap_server: Option<String>,
    /// Use this profile (see `kq profile`) [env: KQ_CLUSTER]
    #[arg(short = 'C', long = "cluster", value_name = "NAME", help_heading = "Connection")]
    pub cluster: Option<String>,
    /// Set a client setting by its Kafka name; `-X list` shows them
    #[arg(short = 'X', value_name = "K=V", help_heading = "Connection")]
    pub settings: Vec<String>,
    /// Read client settings from a Kafka properties file
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub command_config: Option<PathBuf>,
}

/// How long a command may take.
#[derive(Args, Clone, Debug, Default)]
pub struct TimeoutArgs {
    /// Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time::parse_duration, help_heading = "Connection")]
    pub timeout: Option<Duration>,
}

impl TimeoutArgs {
    /// The flag's value, if it was given.
    pub fn get(&self) -> Option<Duration> {
        self.timeout
    }
}

/// How much of the story to tell.
#[derive(Args, Clone, Debug, Default)]
pub struct StoryArgs {
    /// Say what is done; twice: every request
    #[arg(short = 'v', action = clap::ArgAction::Count, help_heading = "Output", conflicts_with = "quiet")]
    pub verbose: u8,
    /// Errors only
    #[arg(short = 'q', long, help_heading = "Output")]
    pub quiet: bool,
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub color: Color,
}

impl StoryArgs {
    /// With a form for stdout, all that the ui needs.
    pub fn settings(&self, format: Format) -> Settings {
        let loudness = match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (_, 0) => Loudness::Normal,
            (_, 1) => Loudness::Verbose,
            _ => Loudness::Chatty,
        };
        Settings { format, color: self.color, loudness }
    }
}

/// The form of what goes to stdout, and the story.
#[derive(Args, Clone, Debug, Default)]
pub struct OutputArgs {
    /// Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORM",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub format: Format,
    #[command(flatten)]
    pub story: StoryArgs,
}

impl OutputArgs {
    /// All that the ui needs.
    pub fn settings(&self) -> Settings {
        self.story.settings(self.format)
    }
}

/// What every verb of the admin families takes.
#[derive(Args, Clone, Debug, Default)]
pub struct CommonArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CommonArgs {
    /// All that the ui needs.
    pub fn settings(&self) -> Settings {
        self.output.settings()
    }
}

/// For verbs that change something.
#[derive(Args, Clone, Debug, Default)]
pub struct ChangeArgs {
    /// Go ahead without asking
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Say what would be done, and let the broker check it; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl ChangeArgs {
    /// Asks before something that cannot be undone, unless -y has answered already.
    ///
    /// # Errors
    /// When the answer is no, or nobody can be asked.
    pub fn confirm(&self, ui: &mut Ui, question: &str) -> Result<(), Failure> {
        if self.yes { Ok(()) } else { ui.confirm(question) }
    }

    /// As above, before things are deleted, each by its name, with what hangs on them.
    ///
    /// # Errors
    /// As above.
    pub fn confirm_delete(&self, ui: &mut Ui, kind: &str, names: &[String], with: &str) -> Result<(), Failure> {
        let what = match names {
            [only] => format!("{kind} {only}"),
            _ => format!("{} {kind}s ({})", names.len(), names.join(", ")),
        };
        self.confirm(ui, &format!("delete {what} with {with}?"))
    }
}

/// Splits `K=V`.
///
/// # Errors
/// A usage failure that names the flag.
pub fn key_value<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim(), value.trim())),
        _ => Err(Failure::usage(format!("{flag} {text}: expected NAME=VALUE"))),
    }
}
