//! kqd, the shell around the core: it owns the sockets, the files, the threads and the clock, and decides nothing.
//!
//! ```text
//! args, start        from a command line to a running broker
//! drive              THE loop: wait, read, step, perform, write
//! shell              performs effects: one match
//! links inbound outbound listen peers  connections, and those to other nodes
//! store flusher disk helpers           logs on real files, group commit, threads for what may block
//! http pages probes metrics histogram note   what can be seen from outside
//! clock timers mailbox                 time, and news from helper threads
//! zookeeper                            a session with the ensemble that holds the metadata, if one does
//! ```

pub mod args;
pub mod clock;
pub mod disk;
pub mod drive;
pub mod flusher;
pub mod helpers;
pub mod histogram;
pub mod http;
pub mod inbound;
pub mod links;
pub mod listen;
pub mod mailbox;
pub mod metrics;
pub mod note;
pub mod outbound;
pub mod pages;
pub mod peers;
pub mod probes;
pub mod shell;
pub mod start;
pub mod store;
pub mod timers;
pub mod zookeeper;

pub use args::Options;
pub use start::{Addresses, Failure, run};

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// The whole program, from its arguments (without the program's name) to its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match args::parse(args) {
        Ok(args::Command::Run(options)) => options,
        Ok(args::Command::Print(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("kqd: {why} (hint: kqd --help)");
            return ExitCode::from(2);
        }
    };
    let ended = run(&options, |addresses| {
        if options.ready_line {
            let http = addresses.http.as_deref().unwrap_or("off");
            // Whoever does not listen does not miss it.
            let _ = writeln!(std::io::stdout(), "READY {} http={http}", addresses.listeners.join(","));
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(why)) => {
            eprintln!("kqd: {why}");
            ExitCode::from(2)
        }
        Err(Failure::Run(why)) => {
            eprintln!("kqd: {why}");
            ExitCode::FAILURE
        }
    }
}
