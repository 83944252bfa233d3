//! ElectLeaders (43), v0–v2. Gives partitions their preferred leader, or any that lives where there is none (KIP-460).
//!
//! Since 1 the kind of election can be chosen, and there is an error for the whole request.

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Election, PartitionResult as Result1, Refusal, Reply};
use crate::wire::Str;

/// ElectLeaders's place in the table.
pub enum ElectLeaders {}

impl Api for ElectLeaders {
    const KEY: i16 = 43;
    const NAME: &'static str = "ElectLeaders";
    const SERVED: (i16, i16) = (0, 2);
    const AT: At = At::Controller;
    type Request<'a> = ElectLeadersRequest<'a>;
    type Response<'a> = ElectLeadersResponse<'a>;
}

message! {
    ElectLeadersRequest<'a>: key 43, versions 0..=2, flexible 2;
    struct ElectLeadersRequest<'a> {
        election_type: i8 [1..],
        topic_partitions: Option<Vec<TopicPartitions<'a>>> [0.., null 0.., default Some(Vec::new())],
        timeout_ms: i32 [0.., default 60000],
    }
    struct TopicPartitions<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    ElectLeadersResponse<'a>: key 43, versions 0..=2, flexible 2;
    struct ElectLeadersResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [1..],
        replica_election_results: Vec<ReplicaElectionResult<'a>> [0..],
    }
    struct ReplicaElectionResult<'a> {
        topic: Str<'a> [0..],
        partition_result: Vec<PartitionResult<'a>> [0..],
    }
    struct PartitionResult<'a> {
        partition_id: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: ElectLeadersRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let chosen: Option<Vec<(String, i32)>> = request.topic_partitions.map(|topics| {
        let partitions = |topic: TopicPartitions<'_>| {
            let name = topic.topic.into_owned();
            topic.partitions.into_iter().map(move |index| (name.clone(), index))
        };
        topics.into_iter().flat_map(partitions).collect()
    });
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        other => {
            let refusal = Refusal::new(ErrorCode::InvalidRequest, format!("There is no election of type {other}."));
            return broker.reply(to, &refused(refusal, chosen.unwrap_or_default()), out);
        }
    };
    let asked = chosen.clone().unwrap_or_default();
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let response = match reply {
            Some(Reply::Elected(results)) => elected(results),
            other => refused(Refusal::of(other), asked),
        };
        broker.reply(to, &response, out);
    };
    broker.command(cx.now, Command::ElectLeaders { election, partitions: chosen }, Box::new(then), out);
}

/// The first version has no error for the whole: there each partition has it.
fn refused(refusal: Refusal, asked: Vec<(String, i32)>) -> ElectLeadersResponse<'static> {
    let error_code = refusal.code.code();
    let each = asked.into_iter().map(|(topic, index)| (topic, index, Err(refusal.clone())));
    ElectLeadersResponse { error_code, ..elected(each.collect()) }
}

fn elected(results: Vec<Result1>) -> ElectLeadersResponse<'static> {
    let mut topics: Vec<ReplicaElectionResult<'static>> = Vec::new();
    for (topic, partition_id, result) in results {
        let (code, message) = match result {
            Ok(()) => (ErrorCode::None, None),
            Err(refusal) => (refusal.code, Some(refusal.message.into())),
        };
        let result = PartitionResult { partition_id, error_code: code.code(), error_message: message };
        match topics.last_mut() {
            Some(last) if last.topic == topic => last.partition_result.push(result),
            _ => topics.push(ReplicaElectionResult { topic: topic.into(), partition_result: vec![result] }),
        }
    }
    ElectLeadersResponse { replica_election_results: topics, ..Default::default() }
}
