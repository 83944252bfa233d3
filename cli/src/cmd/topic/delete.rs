//! `kq topic delete`.

use super::matching;
use crate::args::{ChangeArgs, CommonArgs};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::To;
use crate::ui::{Column, Ui};
use kq::api::delete_topics::{DeleteTopicState, DeleteTopics, DeleteTopicsRequest};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use serde_json::json;

/// Delete topics and all their records
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Names are literal. Asks first when it can; without a terminal, -y is needed.\n\nExamples:\n  kq topic delete orders\n  kq topic delete -y -r 'test-.*'\n  kq topic delete -y orders --if-exists"
)]
pub struct Args {
    /// Their names
    #[arg(required_unless_present = "regex", value_name = "NAME")]
    names: Vec<String>,
    /// Topics whose whole name matches (never Kafka's own)
    #[arg(short = 'r', long, value_name = "RE", conflicts_with = "names")]
    regex: Option<String>,
    /// A topic that does not exist is fine
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    topic: String,
    result: &'static str,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: its name", |r| json!(r.topic)),
    Column::new(
        "result",
        "string: deleted, absent (--if-exists), exists (--dry-run), or Kafka's name of the error",
        |r| json!(r.result),
    ),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let names = match &args.regex {
        Some(pattern) => matching(&mut kafka, pattern)?,
        None => args.names.clone(),
    };
    if names.is_empty() {
        ui.note("no topic matches");
        return ui.rows(COLUMNS, &[]);
    }
    kafka.refresh(&names)?;
    if args.change.dry_run {
        let exists = |name: &String| kafka.cluster.topics.get(name).is_some_and(|topic| topic.error.is_none());
        let row = |name: &String| Row { topic: name.clone(), result: if exists(name) { "exists" } else { "absent" } };
        return ui.rows(COLUMNS, &names.iter().map(row).collect::<Vec<_>>());
    }
    args.change.confirm_delete(ui, "topic", &names, "all records")?;
    let mut retry = kafka.retry();
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    let mut open = names.clone();
    while !open.is_empty() {
        let request = DeleteTopicsRequest {
            topics: open
                .iter()
                .map(|name| DeleteTopicState { name: Some(name.as_str().into()), ..Default::default() })
                .collect(),
            topic_names: open.iter().map(|name| name.as_str().into()).collect(),
            timeout_ms: kafka.timeout_ms(),
        };
        let answer = kafka.call::<DeleteTopics>(To::Controller, &request)?;
        let response = answer.read()?;
        let mut again = Vec::new();
        for result in &response.responses {
            let name = result.name.as_deref().unwrap_or_default().to_string();
            let code = ErrorCode::from_code(result.error_code);
            let missing = code == ErrorCode::UnknownTopicOrPartition;
            if !missing && verdict(code) == Verdict::Elsewhere && kafka.pause(&mut retry) {
                again.push(name);
                continue;
            }
            let fine = code.is_none() || (missing && args.if_exists);
            if !fine {
                let mut failure = Failure::answered(code, format!("topic {name}"), None);
                if missing {
                    failure = failure.hint("--if-exists makes this no error");
                }
                failures.push(failure);
            }
            let result = match code {
                ErrorCode::None => "deleted",
                _ if fine => "absent",
                code => code.name(),
            };
            rows.push(Row { topic: name, result });
        }
        if !again.is_empty() {
            kafka.refresh::<&str>(&[])?;
        }
        open = again;
    }
    rows.sort_by_key(|row| names.iter().position(|name| *name == row.topic));
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, names.len())
}
