//! `kq broker list`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Ui};
use kq::api::describe_cluster::{DescribeCluster, DescribeClusterRequest};
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
    pub fenced: bool,
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
    Column::new("state", "string: up, or fenced (registered, and not heard of: it leads nothing)", |r| {
        json!(if r.fenced { "fenced" } else { "up" })
    }),
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
    let fenced = fenced(kafka)?;
    let cluster = &kafka.cluster;
    let partitions = || cluster.topics.values().flat_map(|topic| &topic.partitions);
    let row = |(broker, fenced): (&Broker, bool)| {
        let id = broker.id;
        Row {
            broker: broker.clone(),
            leaders: partitions().filter(|p| p.leader == Some(id)).count(),
            replicas: partitions().filter(|p| p.replicas.contains(&id)).count(),
            out_of_sync: partitions().filter(|p| p.replicas.contains(&id) && !p.isr.contains(&id)).count(),
            controller: cluster.controller == Some(id),
            fenced,
        }
    };
    let up = cluster.brokers.values().map(|broker| (broker, false));
    let fenced = fenced.iter().filter(|broker| !cluster.brokers.contains_key(&broker.id)).map(|broker| (broker, true));
    let mut rows: Vec<Row> = up.chain(fenced).map(row).collect();
    rows.sort_by_key(|row| row.broker.id);
    Ok(rows)
}

/// Brokers that are registered and fenced; none where the cluster does not tell (before KIP-1073).
fn fenced(kafka: &mut Kafka) -> Result<Vec<Broker>, Failure> {
    let request = DescribeClusterRequest { include_fenced_brokers: true, ..Default::default() };
    let version = kafka.link(To::Any)?.connection().version_of::<DescribeCluster>();
    if !version.is_ok_and(|version| version >= 2) {
        return Ok(Vec::new());
    }
    let answer = kafka.call::<DescribeCluster>(To::Any, &request)?;
    let response = answer.read()?;
    let fenced = response.brokers.iter().filter(|broker| broker.is_fenced).map(|broker| Broker {
        id: broker.broker_id,
        host: broker.host.to_string(),
        port: u16::try_from(broker.port).unwrap_or(0),
        rack: broker.rack.as_ref().map(ToString::to_string),
    });
    Ok(fenced.collect())
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let rows = rows(&mut kafka)?;
    ui.rows(COLUMNS, &rows)
}
