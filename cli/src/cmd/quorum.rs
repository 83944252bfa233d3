//! `kq quorum`: the nodes that agree on the cluster's metadata.

use super::{Ctx, perform};
use crate::args::CommonArgs;
use crate::failure::Failure;
use crate::kafka::{Kafka, To};
use crate::ui::{Column, Ui, section};
use clap::Subcommand;
use kq::api::describe_quorum::{
    DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse, PartitionData, PartitionResult, TopicData,
};
use kq::error::ErrorCode;
use kq::meta::METADATA_TOPIC;
use serde_json::json;

/// What to know about the quorum.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Status(StatusArgs),
}

/// Show who leads the metadata quorum, and how far its members have come
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq quorum status")]
pub struct StatusArgs {
    #[command(flatten)]
    pub common: CommonArgs,
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, ctx: &Ctx) -> u8 {
        match self {
            Verb::Status(args) => perform("quorum.status", args.common.settings(), |ui| status(ui, ctx, &args)),
        }
    }
}

/// The quorum as a whole.
struct Summary {
    /// Where the metadata are, if not with these nodes.
    elsewhere: Option<String>,
    leader: i32,
    epoch: i32,
    high_watermark: i64,
    voters: usize,
}

/// One of its nodes.
struct Member {
    id: i32,
    role: &'static str,
    end: Option<i64>,
    lag: Option<i64>,
    address: Option<String>,
}

/// The role of who does not vote.
const OBSERVER: &str = "observer";

const SUMMARY: &[Column<Summary>] = &[
    Column::new("backend", "string: where the metadata are: quorum (with these nodes), or zookeeper", |s| {
        json!(if s.elsewhere.is_some() { "zookeeper" } else { "quorum" })
    }),
    Column::new("leader", "integer: the node that leads; -1 while there is none", |s| json!(s.leader)),
    Column::new("epoch", "integer: how often there was an election, at least", |s| json!(s.epoch)),
    Column::new("high_watermark", "integer: everything below is agreed upon", |s| json!(s.high_watermark)),
    Column::new("voters", "integer: nodes that vote", |s| json!(s.voters)),
];

const MEMBERS: &[Column<Member>] = &[
    Column::new("id", "integer: the node's id", |m| json!(m.id)),
    Column::new("role", "string: leader, follower, or observer (does not vote)", |m| json!(m.role)),
    Column::new("log_end", "integer or null: the end of its log; null where the leader does not know it", |m| {
        json!(m.end)
    }),
    Column::new("lag", "integer or null: how far that is behind the leader's", |m| json!(m.lag)),
    Column::new("address", "string or null: where its controller listens", |m| json!(m.address)),
];

fn status(ui: &mut Ui, ctx: &Ctx, args: &StatusArgs) -> Result<(), Failure> {
    let (mut summary, mut members) = (Vec::new(), Vec::new());
    if !ui.wants_schema() {
        let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
        (summary, members) = ask(&mut kafka)?;
        for words in summary.iter().filter_map(|summary| summary.elsewhere.as_deref()) {
            ui.note(words);
        }
    }
    ui.sections(&[section("summary", SUMMARY, &summary), section("members", MEMBERS, &members)])
}

fn ask(kafka: &mut Kafka) -> Result<(Vec<Summary>, Vec<Member>), Failure> {
    let partitions = vec![PartitionData { partition_index: 0 }];
    let request = DescribeQuorumRequest { topics: vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions }] };
    let answer = kafka.call::<DescribeQuorum>(To::Any, &request)?;
    let response = answer.read()?;
    let failed = |code: i16, words: Option<&str>| {
        let code = ErrorCode::from_code(code);
        if code.is_none() { Ok(()) } else { Err(Failure::answered(code, "the metadata quorum", words)) }
    };
    failed(response.error_code, response.error_message.as_deref())?;
    let quorum = response.topics.first().and_then(|topic| topic.partitions.first());
    let quorum = quorum.ok_or_else(|| Failure::new("PROTOCOL", "the answer does not have the metadata quorum"))?;
    failed(quorum.error_code, quorum.error_message.as_deref())?;
    // A quorum has nothing to say besides.
    let elsewhere = response.error_message.as_deref().filter(|words| words.contains("ZooKeeper")).map(str::to_owned);
    let summary = Summary {
        elsewhere,
        leader: quorum.leader_id,
        epoch: quorum.leader_epoch,
        high_watermark: quorum.high_watermark,
        voters: quorum.current_voters.len(),
    };
    Ok((vec![summary], members(&response, quorum)))
}

/// The node that leads the metadata quorum, if one does.
///
/// # Errors
/// When nobody can be asked, or the brokers know of no such quorum.
pub fn leader(kafka: &mut Kafka) -> Result<Option<i32>, Failure> {
    let (summary, _) = ask(kafka)?;
    Ok(summary.first().map(|summary| summary.leader).filter(|id| *id >= 0))
}

/// Whether a node votes in the metadata quorum, as far as that can be learnt.
pub fn is_voter(kafka: &mut Kafka, id: i32) -> bool {
    ask(kafka).is_ok_and(|(_, members)| members.iter().any(|member| member.id == id && member.role != OBSERVER))
}

fn members(response: &DescribeQuorumResponse<'_>, quorum: &PartitionResult<'_>) -> Vec<Member> {
    let voters = quorum
        .current_voters
        .iter()
        .map(|voter| (voter, if voter.replica_id == quorum.leader_id { "leader" } else { "follower" }));
    let observers = quorum.observers.iter().map(|observer| (observer, OBSERVER));
    let all: Vec<_> = voters.chain(observers).collect();
    let known = |end: i64| (end >= 0).then_some(end);
    let leader = all.iter().find(|(_, role)| *role == "leader").and_then(|(state, _)| known(state.log_end_offset));
    let mut members: Vec<Member> = all
        .iter()
        .map(|(state, role)| {
            let end = known(state.log_end_offset);
            let listener = response.nodes.iter().find(|node| node.node_id == state.replica_id);
            let listener = listener.and_then(|node| node.listeners.first());
            Member {
                id: state.replica_id,
                role,
                end,
                lag: leader.zip(end).map(|(leader, end)| (leader - end).max(0)),
                address: listener.map(|listener| format!("{}:{}", listener.host, listener.port)),
            }
        })
        .collect();
    members.sort_by_key(|member| member.id);
    members
}
