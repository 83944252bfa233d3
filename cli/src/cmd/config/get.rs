//! `kq config get`.

use super::EntityArgs;
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Documented, Setting, Source};
use crate::ui::{Column, Format, Ui};
use serde_json::json;

/// Show settings in force: those that differ from the default, or the ones named, or all
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq config get topic orders\n  kq config get topic orders retention.ms cleanup.policy\n  kq config get broker 1 --all -o wide\n  kq config get cluster"
)]
pub struct Args {
    #[command(flatten)]
    entity: EntityArgs,
    /// Those at their defaults, too
    #[arg(short = 'a', long)]
    all: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

const COLUMNS: &[Column<Setting>] = &[
    Column::new("name", "string: Kafka's name of the setting", |s| json!(s.name)),
    Column::new("value", "string or null: its value; null when secret or unset", |s| json!(s.value)),
    Column::new("source", "string: where the value comes from", |s| json!(s.source.name())),
    Column::wide("default", "string or null: the default, where the broker tells", |s| json!(s.default)),
    Column::wide("read_only", "boolean: only the broker's file can change it (restart required)", |s| {
        json!(s.read_only)
    }),
    Column::wide("about", "string or null: what it does", |s| json!(s.about)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let (entity, keys) = args.entity.entity()?;
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let documented = if ui.format() == Format::Table { Documented::No } else { Documented::Yes };
    let all = kafka.describe_configs(std::slice::from_ref(&entity), documented)?.remove(0)?;
    if let Some(missing) = keys.iter().find(|key| !all.iter().any(|setting| setting.name == **key)) {
        return Err(Failure::new("UNKNOWN_CONFIG", format!("{entity} has no setting named {missing}"))
            .hint("add --all to see every setting"));
    }
    let total = all.len();
    let shown = |setting: &Setting| {
        if keys.is_empty() { args.all || setting.source != Source::DEFAULT } else { keys.contains(&setting.name) }
    };
    let rows: Vec<Setting> = all.into_iter().filter(shown).collect();
    ui.rows(COLUMNS, &rows)?;
    if ui.is_for_people() && keys.is_empty() && !args.all && total > rows.len() {
        ui.note(format!("{} more at their defaults; --all shows them", total - rows.len()));
    }
    Ok(())
}
