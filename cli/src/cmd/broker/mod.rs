//! `kq broker`: who serves the cluster.

mod api_versions;
mod decommission;
mod describe;
pub mod list;
mod logdirs;

use super::{Ctx, perform};
use clap::Subcommand;

/// What to know about brokers, and to do with them.
#[derive(Subcommand, Debug)]
pub enum Verb {
    #[command(alias = "ls")]
    List(list::Args),
    Describe(describe::Args),
    #[command(name = "logdirs", alias = "log-dirs")]
    Logdirs(logdirs::Args),
    Decommission(decommission::Args),
    ApiVersions(api_versions::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::List(args) => perform("broker.list", args.common.settings(), |ui| list::run(ui, ctx, &args)),
            Verb::Describe(args) => {
                perform("broker.describe", args.common.settings(), |ui| describe::run(ui, ctx, &args))
            }
            Verb::Logdirs(args) => perform("broker.logdirs", args.common.settings(), |ui| logdirs::run(ui, ctx, &args)),
            Verb::Decommission(args) => {
                perform("broker.decommission", args.common.settings(), |ui| decommission::run(ui, ctx, &args))
            }
            Verb::ApiVersions(args) => {
                perform("broker.api-versions", args.common.settings(), |ui| api_versions::run(ui, ctx, &args))
            }
        }
    }
}
