//! `kq config set` and `kq config unset`.

use super::EntityArgs;
use crate::args::{CommonArgs, key_value};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Change, Documented, Entity, Setting, ValidateOnly};
use crate::ui::{Column, Ui};
use serde_json::json;

/// Change settings; they take effect at once
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq config set topic orders retention.ms=86400000 cleanup.policy=compact\n  kq config set broker 1 log.cleaner.threads=2\n  kq config set cluster log.retention.ms=3600000 --dry-run"
)]
pub struct SetArgs {
    #[command(flatten)]
    entity: EntityArgs,
    /// Let the broker check it; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Take settings back to their defaults
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq config unset topic orders retention.ms")]
pub struct UnsetArgs {
    #[command(flatten)]
    entity: EntityArgs,
    /// Let the broker check it; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    name: String,
    before: Option<String>,
    after: Option<String>,
    result: &'static str,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("name", "string: the setting", |r| json!(r.name)),
    Column::new("before", "string or null: its value before", |r| json!(r.before)),
    Column::new("after", "string or null: its value now", |r| json!(r.after)),
    Column::new("result", "string: set, unset, or valid (--dry-run)", |r| json!(r.result)),
];

pub fn set(ui: &mut Ui, ctx: &Ctx, args: &SetArgs) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let (entity, words) = args.entity.entity()?;
    let pair = |text: &String| {
        let (name, value) = key_value("setting", text)?;
        Ok((Change::Set, name.to_string(), Some(value.to_string())))
    };
    let changes = words.iter().map(pair).collect::<Result<Vec<_>, Failure>>()?;
    change(ui, ctx, &args.common, &entity, &changes, args.dry_run.into())
}

pub fn unset(ui: &mut Ui, ctx: &Ctx, args: &UnsetArgs) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let (entity, words) = args.entity.entity()?;
    let changes: Vec<_> = words.iter().map(|name| (Change::Unset, name.clone(), None)).collect();
    change(ui, ctx, &args.common, &entity, &changes, args.dry_run.into())
}

impl From<bool> for ValidateOnly {
    fn from(dry_run: bool) -> Self {
        if dry_run { ValidateOnly::Yes } else { ValidateOnly::No }
    }
}

fn change(
    ui: &mut Ui,
    ctx: &Ctx,
    common: &CommonArgs,
    entity: &Entity,
    changes: &[(Change, String, Option<String>)],
    validate: ValidateOnly,
) -> Result<(), Failure> {
    if changes.is_empty() {
        return Err(Failure::usage(format!("{entity}: which settings?")));
    }
    let mut kafka = ctx.kafka(ui, &common.connect, common.timeout.get())?;
    let before = kafka.describe_configs(std::slice::from_ref(entity), Documented::No)?.remove(0)?;
    let find = |name: &str| before.iter().find(|setting: &&Setting| setting.name == name);
    if let Some((_, name, _)) = changes.iter().find(|(_, name, _)| find(name).is_some_and(|s| s.read_only)) {
        return Err(Failure::new("READ_ONLY", format!("{entity}: {name} cannot be changed while the broker runs"))
            .hint(format!("put {name} into the broker's configuration file, then restart it")));
    }
    kafka.alter_configs(entity, changes, validate)?;
    let row = |(change, name, value): &(Change, String, Option<String>)| {
        let setting = find(name);
        Row {
            name: name.clone(),
            before: setting.and_then(|setting| setting.value.clone()),
            after: value.clone().or_else(|| setting.and_then(|setting| setting.default.clone())),
            result: match (validate, change) {
                (ValidateOnly::Yes, _) => "valid",
                (ValidateOnly::No, Change::Unset) => "unset",
                (ValidateOnly::No, _) => "set",
            },
        }
    };
    ui.rows(COLUMNS, &changes.iter().map(row).collect::<Vec<_>>())
}
