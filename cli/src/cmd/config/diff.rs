//! `kq config diff`.

use super::{EntityArgs, Kind, named};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::Documented;
use crate::ui::{Column, Ui};
use serde_json::json;
use std::collections::BTreeMap;

/// Compare settings: of two topics or brokers, or of one with its defaults
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq config diff topic orders payments\n  kq config diff broker 1 2\n  kq config diff topic orders        # with the defaults"
)]
pub struct Args {
    #[command(flatten)]
    entity: EntityArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    name: String,
    left: Option<String>,
    right: Option<String>,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("name", "string: the setting", |r| json!(r.name)),
    Column::new("left", "string or null: the first one's value", |r| json!(r.left)),
    Column::new("right", "string or null: the second one's value, or the default", |r| json!(r.right)),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let (kind, names) = args.entity.kind()?;
    if names.is_empty() != (kind == Kind::Cluster) || names.len() > 2 {
        return Err(Failure::usage("expected one name (compared with the defaults) or two"));
    }
    let mut entities = names.iter().map(|name| named(kind, name)).collect::<Result<Vec<_>, _>>()?;
    if kind == Kind::Cluster {
        entities.push(named(kind, "")?);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let mut sides = Vec::new();
    for settings in kafka.describe_configs(&entities, Documented::No)? {
        sides.push(settings?);
    }
    let left: BTreeMap<_, _> = sides[0].iter().map(|s| (s.name.clone(), s.value.clone())).collect();
    let right: BTreeMap<_, _> = match sides.get(1) {
        Some(right) => right.iter().map(|s| (s.name.clone(), s.value.clone())).collect(),
        // A setting that nothing set is at its default, whether or not the broker spells it out.
        None => sides[0]
            .iter()
            .map(|s| {
                let at_default = s.source == crate::kafka::configs::Source::DEFAULT;
                (s.name.clone(), if at_default { s.value.clone() } else { s.default.clone() })
            })
            .collect(),
    };
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let value = |side: &BTreeMap<String, Option<String>>, name: &str| side.get(name).cloned().flatten();
    let rows: Vec<Row> = names
        .into_iter()
        .map(|name| Row { name: name.clone(), left: value(&left, name), right: value(&right, name) })
        .filter(|row| row.left != row.right)
        .collect();
    ui.rows(COLUMNS, &rows)?;
    if rows.is_empty() && ui.is_for_people() {
        ui.note("no difference");
    }
    Ok(())
}
