//! `kq bench`: how fast a cluster takes and gives records, and how soon; how kqd compares with Apache Kafka, and how it
//! grows.

mod compare;
mod consume;
mod curves;
mod e2e;
mod engine;
mod figures;
mod flags;
mod frame;
mod histogram;
mod outbox;
mod payload;
mod produce;
mod reader;
mod writer;

use super::{Ctx, perform};
use crate::failure::{Failure, Kind};
use clap::Subcommand;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long one request may go unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Produce(Box<produce::Args>),
    Consume(Box<consume::Args>),
    E2e(Box<e2e::Args>),
    Compare(Box<compare::Args>),
    Curves(Box<curves::Args>),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Produce(args) => perform("bench.produce", args.common.settings(), |ui| produce::run(ui, ctx, &args)),
            Verb::Consume(args) => perform("bench.consume", args.common.settings(), |ui| consume::run(ui, ctx, &args)),
            Verb::E2e(args) => perform("bench.e2e", args.common.settings(), |ui| e2e::run(ui, ctx, &args)),
            Verb::Compare(args) => perform("bench.compare", args.output.settings(), |ui| compare::run(ui, &args)),
            Verb::Curves(args) => perform("bench.curves", args.output.settings(), |ui| curves::run(ui, &args)),
        }
    }
}

/// Set by Ctrl-C.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    Ok(stop)
}

fn interrupted(stop: &AtomicBool) -> Result<(), Failure> {
    if stop.load(Ordering::Relaxed) {
        return Err(Failure {
            kind: Kind::Interrupted,
            ..Failure::new("INTERRUPTED", "interrupted: the numbers are of a part")
        });
    }
    Ok(())
}

fn far() -> Instant {
    Instant::now() + ANSWER_TIMEOUT
}
