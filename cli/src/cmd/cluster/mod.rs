//! `kq cluster`: the cluster as a whole.

mod health;

use super::{Ctx, perform};
use clap::Subcommand;

/// What to know about the cluster.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Health(health::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Health(args) => perform("cluster.health", args.common.settings(), |ui| health::run(ui, ctx, &args)),
        }
    }
}
