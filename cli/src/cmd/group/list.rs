//! `kq group list`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::groups::Listed;
use crate::ui::{Column, Ui};
use serde_json::json;

/// The states that Kafka knows, for words in any case.
const STATES: [&str; 8] =
    ["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling", "NotReady"];
/// The types that Kafka knows.
const KINDS: [&str; 4] = ["Classic", "Consumer", "Share", "Streams"];

/// List groups
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq group list\n  kq group list --state stable,empty\n  kq group list --type classic -o tsv | cut -f1"
)]
pub struct Args {
    /// Only groups in these states: stable, empty, dead, preparing-rebalance, completing-rebalance, assigning, reconciling
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// Only groups of these types: classic, consumer, share, streams
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    kind: Vec<String>,
    #[command(flatten)]
    pub common: CommonArgs,
}

const COLUMNS: &[Column<Listed>] = &[
    Column::new("group", "string: its id", |g| json!(g.group)),
    Column::new("type", "string: Classic, Consumer, Share or Streams; empty where the broker does not tell", |g| {
        json!(g.kind)
    }),
    Column::new("protocol", "string: consumer, connect, …; empty for groups that only commit", |g| json!(g.protocol)),
    Column::new("state", "string: Stable, Empty, …; empty where the broker does not tell", |g| json!(g.state)),
    Column::wide("coordinator", "integer: the broker that coordinates it", |g| json!(g.coordinator)),
];

/// Kafka's spelling of a word in any case, with or without dashes.
fn spelled(flag: &str, words: &[String], known: &[&str]) -> Result<Vec<String>, Failure> {
    let plain = |word: &str| word.replace(['-', '_'], "").to_lowercase();
    let one = |word: &String| {
        let found = known.iter().find(|known| plain(known) == plain(word));
        found
            .map(|known| (*known).to_string())
            .ok_or_else(|| Failure::usage(format!("{flag} {word}: expected one of {}", known.join(", "))))
    };
    words.iter().map(one).collect()
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let (states, kinds) = (spelled("--state", &args.state, &STATES)?, spelled("--type", &args.kind, &KINDS)?);
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let groups = kafka.list_groups(&states, &kinds)?;
    ui.rows(COLUMNS, &groups)?;
    if groups.is_empty() && ui.is_for_people() {
        ui.note(if states.is_empty() && kinds.is_empty() { "no groups" } else { "no group matches" });
    }
    Ok(())
}
