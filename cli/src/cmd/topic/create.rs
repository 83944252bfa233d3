//! `kq topic create`.

use crate::args::{CommonArgs, key_value};
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::To;
use crate::ui::{Column, Ui};
use kq::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopics, CreateTopicsRequest,
};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use serde_json::json;

/// Create topics
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq topic create orders -p 12 -c retention.ms=86400000\n  kq topic create a b c --if-not-exists\n  kq topic create pinned --replica-assignment 1:2,2:3"
)]
pub struct Args {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Partitions of each [default: the broker's num.partitions]
    #[arg(short = 'p', long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Replicas of each partition [default: the broker's default.replication.factor]
    #[arg(short = 'r', long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A topic setting; repeat for more
    #[arg(short = 'c', long = "config", value_name = "K=V")]
    configs: Vec<String>,
    /// Brokers of each partition: 1:2,2:3 puts partition 0 on brokers 1 and 2, partition 1 on 2 and 3
    #[arg(long, value_name = "LIST", conflicts_with_all = ["partitions", "replication_factor"])]
    replica_assignment: Option<String>,
    /// A topic that exists already is fine
    #[arg(long)]
    if_not_exists: bool,
    /// Wait until every partition has a leader
    #[arg(long)]
    wait: bool,
    /// Say what would be done, and let the broker check it; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    topic: String,
    id: Option<String>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    result: String,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("topic", "string: its name", |r| json!(r.topic)),
    Column::new("partitions", "integer or null: how many", |r| json!(r.partitions)),
    Column::new("replication_factor", "integer or null: replicas of each", |r| json!(r.replication_factor)),
    Column::new("result", "string: created, exists, valid (--dry-run), or Kafka's name of the error", |r| {
        json!(r.result)
    }),
    Column::wide("id", "string or null: the topic's id", |r| json!(r.id)),
];

fn assignment(text: &str) -> Result<Vec<CreatableReplicaAssignment>, Failure> {
    let wrong = || Failure::usage(format!("--replica-assignment {text}: expected broker ids such as 1:2,2:3"));
    let partition = |(index, brokers): (usize, &str)| {
        let broker_ids =
            brokers.split(':').map(|id| id.trim().parse::<i32>().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        Ok(CreatableReplicaAssignment { partition_index: i32::try_from(index).map_err(|_| wrong())?, broker_ids })
    };
    text.split(',').enumerate().map(partition).collect()
}

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let assignments = args.replica_assignment.as_deref().map(assignment).transpose()?.unwrap_or_default();
    let configs = args.configs.iter().map(|text| key_value("-c", text)).collect::<Result<Vec<_>, _>>()?;
    let topic = |name: &'_ String| CreatableTopic {
        name: name.clone().into(),
        num_partitions: args.partitions.filter(|_| assignments.is_empty()).unwrap_or(-1),
        replication_factor: args.replication_factor.filter(|_| assignments.is_empty()).unwrap_or(-1),
        assignments: assignments.clone(),
        configs: configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) })
            .collect(),
    };
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    kafka.refresh::<&str>(&[])?;
    let mut retry = kafka.retry();
    let (rows, failures) = loop {
        let request = CreateTopicsRequest {
            topics: args.names.iter().map(topic).collect(),
            timeout_ms: kafka.timeout_ms(),
            validate_only: args.dry_run,
        };
        let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
        let response = answer.read()?;
        let moved = |code: i16| verdict(ErrorCode::from_code(code)) == Verdict::Elsewhere;
        if response.topics.iter().any(|topic| moved(topic.error_code)) && kafka.pause(&mut retry) {
            kafka.refresh::<&str>(&[])?;
            continue;
        }
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for topic in &response.topics {
            let code = ErrorCode::from_code(topic.error_code);
            let fine = code == ErrorCode::TopicAlreadyExists && args.if_not_exists;
            let result = match code {
                ErrorCode::None if args.dry_run => "valid",
                ErrorCode::None => "created",
                ErrorCode::TopicAlreadyExists if fine => "exists",
                code => code.name(),
            };
            if !code.is_none() && !fine {
                let mut failure =
                    Failure::answered(code, format!("topic {}", topic.name), topic.error_message.as_deref());
                if code == ErrorCode::TopicAlreadyExists {
                    failure = failure.hint("--if-not-exists makes this no error");
                }
                failures.push(failure);
            }
            rows.push(Row {
                topic: topic.name.to_string(),
                id: Some(topic.topic_id.to_text()).filter(|_| !topic.topic_id.is_zero()),
                partitions: Some(topic.num_partitions).filter(|&n| n >= 0),
                replication_factor: Some(topic.replication_factor).filter(|&n| n >= 0),
                result: result.to_string(),
            });
        }
        rows.sort_by_key(|row| args.names.iter().position(|name| *name == row.topic));
        break (rows, failures);
    };
    if args.wait {
        let there = rows.iter().filter(|row| matches!(row.result.as_str(), "created" | "exists"));
        kafka.await_topics(&there.map(|row| row.topic.clone()).collect::<Vec<_>>())?;
    }
    ui.rows(COLUMNS, &rows)?;
    Failure::of_many(failures, args.names.len())
}
