//! `kq broker describe`.

use super::{list, logdirs};
use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::configs::{Documented, Entity, Setting, Source};
use crate::kafka::unknown_broker;
use crate::ui::{Column, Ui, section};
use serde_json::json;

/// Describe one broker: address, load, directories, settings
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq broker describe 1")]
pub struct Args {
    /// Its id
    #[arg(value_name = "ID")]
    id: i32,
    #[command(flatten)]
    pub common: CommonArgs,
}

const SETTINGS: &[Column<Setting>] = &[
    Column::new("name", "string: Kafka's name of the setting", |s| json!(s.name)),
    Column::new("value", "string or null: its value; null when secret or unset", |s| json!(s.value)),
    Column::new("source", "string: where the value comes from", |s| json!(s.source.name())),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let (mut brokers, mut dirs, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    if !ui.wants_schema() {
        let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
        brokers = list::rows(&mut kafka)?;
        brokers.retain(|row| row.broker.id == args.id);
        let Some(broker) = brokers.first() else {
            return Err(unknown_broker(args.id));
        };
        if broker.fenced {
            ui.note(format!("broker {} is down: its directories and settings cannot be asked for", args.id));
        } else {
            dirs = logdirs::dirs(&mut kafka, args.id)?;
            settings = kafka.describe_configs(&[Entity::Broker(args.id)], Documented::No)?.remove(0)?;
            settings.retain(|setting| setting.source != Source::DEFAULT);
        }
    }
    ui.sections(&[
        section("summary", list::COLUMNS, &brokers),
        section("logdirs", logdirs::DIRS, &dirs),
        section("configs", SETTINGS, &settings),
    ])
}
