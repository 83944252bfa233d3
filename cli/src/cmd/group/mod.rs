//! `kq group`: groups of consumers, and how far they have come.

mod copy;
mod delete;
mod delete_offsets;
mod describe;
mod lag;
mod list;
mod place;
mod plan;
mod seek;
mod select;
mod standing;

use super::{Ctx, perform};
use clap::Subcommand;

/// What to do with groups.
#[derive(Subcommand, Debug)]
pub enum Verb {
    #[command(alias = "ls")]
    List(list::Args),
    Describe(describe::Args),
    Lag(lag::Args),
    #[command(alias = "reset-offsets")]
    Seek(Box<seek::Args>),
    #[command(alias = "rm")]
    Delete(delete::Args),
    DeleteOffsets(delete_offsets::Args),
    Copy(copy::Args),
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::List(args) => perform("group.list", args.common.settings(), |ui| list::run(ui, ctx, &args)),
            Verb::Describe(args) => {
                perform("group.describe", args.common.settings(), |ui| describe::run(ui, ctx, &args))
            }
            Verb::Lag(args) => perform("group.lag", args.common.settings(), |ui| lag::run(ui, ctx, &args)),
            Verb::Seek(args) => perform("group.seek", args.common.settings(), |ui| seek::run(ui, ctx, &args)),
            Verb::Delete(args) => perform("group.delete", args.common.settings(), |ui| delete::run(ui, ctx, &args)),
            Verb::DeleteOffsets(args) => {
                perform("group.delete-offsets", args.common.settings(), |ui| delete_offsets::run(ui, ctx, &args))
            }
            Verb::Copy(args) => perform("group.copy", args.common.settings(), |ui| copy::run(ui, ctx, &args)),
        }
    }
}
