//! kq: the operator's tool. stdout is data, stderr is the story, the exit code tells.

mod args;
mod cmd;
mod failure;
mod kafka;
mod placement;
mod profile;
mod time;
mod ui;

use clap::Parser;
use std::process::ExitCode;

/// The first word that makes this executable the broker daemon: how `kq playground` starts one.
pub const DAEMON_WORD: &str = "--daemon";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(code) = cmd::early(&words) {
        return code;
    }
    match cmd::Cli::try_parse_from(&words) {
        Ok(cli) => ExitCode::from(cli.run()),
        Err(error) => ExitCode::from(cmd::usage(&error, &words)),
    }
}
