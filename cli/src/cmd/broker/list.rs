//! `kq broker list`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::ui::{Column, Ui};
use kq::client::Broker;
use serde_json::json;

/// List the cluster's brokers
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq broker list -o wide")]
pub struct Args {
    #[command(flatten)]
    pub common: CommonArgs,
}

/// A broker and what it carries.
pub struct Row {
    pub broker: Broker,
    pub leaders: usize,
    pub replicas: usize,
    pub out_of_sync: usize,
    pub controller: bool,
}

/// What a broker's line says.
pub const COLUMNS: &[Column<Row>] = &[
    Column::new("id", "integer: its id", |r| json!(r.broker.id)),
    Column::new("host", "string: the host that it advertises", |r| json!(r.broker.host)),
    Column::new("port", "integer: the port that it advertises", |r| json!(r.broker.port)),
    Column::new("rack", "string or null: its rack", |r| json!(r.broker.rack)),
    Column::new("leaders", "integer: partitions that it leads", |r| json!(r.leaders)),
    Column::new("replicas", "integer: replicas that it keeps", |r| json!(r.replicas)),
    Column::new("out_of_sync", "integer: of these, out of sync", |r| json!(r.out_of_sync)),
    Column::wide(
        "controller",
        "boolean: takes changes to the cluster (in KRaft clusters, any broker may say so)",
        |r| json!(r.controller),
    ),
];

/// All brokers with what they carry.
///
/// # Errors
/// When the cluster cannot be asked.
pub fn rows(kafka: &mut Kafka) -> Result<Vec<Row>, Failure> {
    kafka.refresh_all()?;
    let cluster = &kafka.cluster;
    let partitions = || cluster.topics.values().flat_map(|topic| &topic.partitions);
    let row = |broker: &Broker| {
        let id = broker.id;
        Row {
            broker: broker.clone(),
            leaders: partitions().filter(|p| p.leader == Some(id)).count(),
            replicas: partitions().filter(|p| p.replicas.contains(&id)).count(),
            out_of_sync: partitions().filter(|p| p.replicas.contains(&id) && !p.isr.contains(&id)).count(),
            controller: cluster.controller == Some(id),
        }
    };
    Ok(cluster.brokers.values().map(row).collect())
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let rows = rows(&mut kafka)?;
    ui.rows(COLUMNS, &rows)
}
