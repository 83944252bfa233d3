//! `kq group delete`.

use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::ui::{Column, Ui};
use serde_json::json;

/// Delete groups and all that they have committed
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A group with members is not deleted. Asks first when it can; without a terminal, -y is needed.\n\nExamples:\n  kq group delete billing\n  kq group delete -y test-1 test-2"
)]
pub struct Args {
    /// Their ids
    #[arg(required_unless_present = "more", value_name = "GROUP")]
    groups: Vec<String>,
    /// Old way of naming a group, as in Kafka's tool
    #[arg(long = "group", value_name = "GROUP", hide = true)]
    more: Vec<String>,
    /// A group that does not exist is fine
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    group: String,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("group", "string: its id", |r| json!(r.group)),
    Column::new(
        "result",
        "string: deleted, absent (--if-exists), empty or active (--dry-run), or Kafka's name of the error",
        |r| json!(r.result),
    ),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let groups: Vec<String> = args.groups.iter().chain(&args.more).cloned().collect();
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let told: Vec<(String, Result<String, Failure>)> = if args.change.dry_run {
        let mut told = kafka.describe_groups(&groups)?;
        let one = |group: &String| {
            let found = told.remove(group)?;
            Some((group.clone(), found.map(|found| if found.is_inactive() { "empty" } else { "active" }.to_string())))
        };
        groups.iter().filter_map(one).collect()
    } else {
        args.change.confirm_delete(ui, "group", &groups, "all offsets")?;
        let mut told = kafka.delete_groups(&groups)?;
        let one = |group: &String| Some((group.clone(), told.remove(group)?.map(|()| "deleted".to_string())));
        groups.iter().filter_map(one).collect()
    };
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (group, result) in told {
        let result = match result {
            Ok(word) => word,
            Err(failure) if failure.code == "GROUP_ID_NOT_FOUND" && args.if_exists => "absent".into(),
            Err(failure) => {
                let code = failure.code.clone();
                failures.push(failure);
                code
            }
        };
        rows.push(Row { group, result });
    }
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, rows.len())
}
