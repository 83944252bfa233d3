//! `kq doctor`: the path from this machine to the cluster, step by step.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::{Failure, Kind};
use crate::kafka::offsets::{LATEST, TopicPartition};
use crate::kafka::{BOOTSTRAP_DEFAULT, Kafka, Link, To};
use crate::time::now_ms;
use crate::ui::{Column, Ui};
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::error::ErrorCode;
use kq::record::{BatchHeader, Builder, Codec};
use kq::wire::Records;
use serde_json::json;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

/// Check the path from here to the cluster: names, ports, protocol, advertised addresses, leaders
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 3 when a check fails.\n\nExamples:\n  kq doctor -b kq1:9092\n  kq doctor --topic demo      # writes one record and reads it back"
)]
pub struct Args {
    /// Write one record to this topic and read it back
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    check: String,
    result: Outcome,
    value: String,
    fix: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Pass,
    Warn,
    Fail,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "Pass",
            Outcome::Warn => "Warn",
            Outcome::Fail => "Fail",
        }
    }
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("check", "string: what was looked at", |r| json!(r.check)),
    Column::new("result", "string: Pass, Warn or Fail", |r| json!(r.result.name())),
    Column::new("value", "string: what was found", |r| json!(r.value)),
    Column::new("fix", "string or null: what to do", |r| json!(r.fix)),
];

/// The keys without which nothing can be produced or consumed.
const NEEDED: &[i16] = &[0, 1, 2, 3, 18];

#[derive(Default)]
struct Report {
    rows: Vec<Row>,
}

impl Report {
    fn pass(&mut self, check: impl Into<String>, value: impl Into<String>) {
        self.rows.push(Row { check: check.into(), result: Outcome::Pass, value: value.into(), fix: None });
    }

    fn warn(&mut self, check: impl Into<String>, value: impl Into<String>, fix: &str) {
        self.rows.push(Row { check: check.into(), result: Outcome::Warn, value: value.into(), fix: Some(fix.into()) });
    }

    fn fail(&mut self, check: impl Into<String>, value: impl Into<String>, fix: &str) {
        self.rows.push(Row { check: check.into(), result: Outcome::Fail, value: value.into(), fix: Some(fix.into()) });
    }

    /// A failure as a row: its message and causes, and its hint as the fix.
    fn failure(&mut self, check: impl Into<String>, failure: &Failure, fix: &str) {
        let value = std::iter::once(&failure.message).chain(&failure.causes).cloned().collect::<Vec<_>>().join(": ");
        self.fail(check, value, fix);
    }
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let mut report = Report::default();
    let origin = kafka.settings().all.get("bootstrap.servers").map(|o| (o.value.clone(), o.from.clone()));
    let (servers, from) = origin.unwrap_or_else(|| (BOOTSTRAP_DEFAULT.into(), "default".into()));
    report.pass("bootstrap servers", format!("{servers} ({from})"));
    if seeds(&mut report, &kafka, ui) {
        cluster(&mut report, &mut kafka, args.topic.as_deref());
    }
    ui.rows(COLUMNS, &report.rows)?;
    let failed = report.rows.iter().filter(|row| row.result == Outcome::Fail).count();
    match failed {
        0 => Ok(()),
        failed => Err(Failure {
            kind: Kind::Preflight,
            ..Failure::new("CHECK_FAILED", format!("{failed} of {} checks failed", report.rows.len()))
        }),
    }
}

/// Names, ports, and the protocol of each bootstrap server; true when one can be used.
fn seeds(report: &mut Report, kafka: &Kafka, ui: &Ui) -> bool {
    let mut usable = false;
    for (host, port) in kafka.settings().seeds.clone() {
        match (host.as_str(), port).to_socket_addrs() {
            Ok(found) => {
                let found: Vec<String> = found.map(|address| address.ip().to_string()).collect();
                report.pass(format!("resolve {host}"), found.join(", "));
            }
            Err(error) => {
                report.fail(
                    format!("resolve {host}"),
                    error.to_string(),
                    "correct the name, or add it to DNS or /etc/hosts",
                );
                continue;
            }
        }
        let began = Instant::now();
        let check = format!("connect {host}:{port}");
        match Link::open(&host, port, kafka.settings(), ui.loudness(), kafka.deadline()) {
            Ok(link) => {
                report.pass(check, format!("{:.1?}, speaks Kafka", began.elapsed()));
                let versions = link.connection().versions().cloned().unwrap_or_default();
                let missing: Vec<&str> = NEEDED
                    .iter()
                    .filter(|key| !versions.contains_key(key))
                    .filter_map(|&key| kq::api::find(key).map(|row| row.name))
                    .collect();
                if missing.is_empty() {
                    report.pass("protocol", format!("{} APIs", versions.len()));
                } else {
                    report.fail(
                        "protocol",
                        format!("without {}", missing.join(", ")),
                        "connect to a broker, not to a controller",
                    );
                }
                usable = true;
            }
            Err(failure) => {
                let fix = match failure.code.as_str() {
                    "UNREACHABLE" => "start the broker, or correct the port; see listeners in its configuration",
                    "TIMED_OUT" => "open the port in the firewall between here and there",
                    "DISCONNECTED" => "the port may want TLS or SASL: use a PLAINTEXT listener",
                    _ => "the port does not speak Kafka: correct the address",
                };
                report.failure(check, &failure, fix);
            }
        }
    }
    usable
}

fn cluster(report: &mut Report, kafka: &mut Kafka, topic: Option<&str>) {
    if let Err(failure) = kafka.refresh_all() {
        report.failure("metadata", &failure, "the broker's log says why");
        return;
    }
    let id = kafka.cluster.id.clone().unwrap_or_else(|| "unknown".into());
    report.pass("metadata", format!("cluster {id}, {} broker(s)", kafka.cluster.brokers.len()));
    for broker in kafka.cluster.brokers.values().cloned().collect::<Vec<_>>() {
        let check = format!("broker {} advertises {}:{}", broker.id, broker.host, broker.port);
        let began = Instant::now();
        match kafka.open(broker.id) {
            Ok(_) => report.pass(check, format!("reachable, {:.1?}", began.elapsed())),
            Err(failure) => {
                report.failure(check, &failure, "set advertised.listeners to an address that clients can reach");
            }
        }
    }
    leaders(report, kafka);
    if let Some(topic) = topic {
        let began = Instant::now();
        match round_trip(kafka, topic) {
            Ok(offset) => {
                report.pass(format!("round trip {topic}"), format!("offset {offset}, {:.1?}", began.elapsed()))
            }
            Err(failure) => {
                let fix = failure.hint.clone().unwrap_or_else(|| "the broker's log says why".into());
                report.failure(format!("round trip {topic}"), &failure, &fix);
            }
        }
    }
}

fn leaders(report: &mut Report, kafka: &Kafka) {
    let partitions: Vec<_> = kafka.cluster.topics.values().flat_map(|topic| &topic.partitions).collect();
    let leaderless = partitions.iter().filter(|partition| partition.leader.is_none()).count();
    let behind = partitions.iter().filter(|partition| partition.is_under_replicated()).count();
    let value = format!("{} partitions, {leaderless} without leader, {behind} under-replicated", partitions.len());
    if leaderless > 0 {
        report.fail(
            "partitions",
            value,
            "`kq topic describe --unavailable` names them; start the brokers that have them",
        );
    } else if behind > 0 {
        report.warn("partitions", value, "`kq topic describe --under-replicated` names them");
    } else {
        report.pass("partitions", value);
    }
}

/// Writes one record to partition 0 with acks=all and reads it back; returns its offset.
pub fn round_trip(kafka: &mut Kafka, topic: &str) -> Result<i64, Failure> {
    kafka.require_topics(&[topic])?;
    let leader =
        kafka.cluster.leader(topic, 0).map_err(|code| Failure::answered(code, format!("topic {topic}"), None))?.id;
    let deadline = kafka.deadline();
    let timeout_ms = kafka.timeout_ms();
    let key: TopicPartition = (topic.to_string(), 0);
    kafka.list_offsets(std::slice::from_ref(&key), LATEST)?;
    let mut batch = Builder::new(Codec::None, None);
    batch.push(now_ms(), Some(b"kq-doctor"), Some(b"kq doctor was here"), &[]);
    let batch = batch.finish();
    let request = ProduceRequest {
        acks: -1,
        timeout_ms,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index: 0,
                records: Some(Records::Bytes(batch.as_slice().into())),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let link = kafka.link(To::Broker(leader))?;
    link.send_up_to::<Produce>(&request, 12)?;
    let answer = link.receive::<Produce>(deadline)?;
    let response = answer.read()?;
    let result = response.responses.first().and_then(|topic| topic.partition_responses.first());
    let result = result.ok_or_else(|| Failure::new("BAD_ANSWER", "the broker did not answer for the partition"))?;
    let code = ErrorCode::from_code(result.error_code);
    if !code.is_none() {
        return Err(Failure::answered(
            code,
            format!("topic {topic}: the record was refused"),
            result.error_message.as_deref(),
        ));
    }
    let offset = result.base_offset;
    let until = deadline.min(Instant::now() + Duration::from_secs(10));
    while Instant::now() < until {
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: vec![FetchPartition {
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        link.send_up_to::<Fetch>(&request, 12)?;
        let answer = link.receive::<Fetch>(deadline)?;
        let response = answer.read()?;
        let found = response.responses.iter().flat_map(|topic| &topic.partitions).any(|partition| {
            let Some(Records::Bytes(bytes)) = &partition.records else { return false };
            BatchHeader::peek(bytes).is_ok_and(|batch| batch.base_offset <= offset && offset <= batch.last_offset())
        });
        if found {
            return Ok(offset);
        }
    }
    Err(Failure::timed_out(format!("topic {topic}: the record at offset {offset} did not come back")))
}
