//! CreatePartitions (37), v0–v3. Gives topics more partitions (KIP-195).
//!
//! `count` is the new total, not what is added.

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, DryRun, MorePartitions, Refusal, Reply};
use crate::wire::Str;

/// CreatePartitions's place in the table.
pub enum CreatePartitions {}

impl Api for CreatePartitions {
    const KEY: i16 = 37;
    const NAME: &'static str = "CreatePartitions";
    const SERVED: (i16, i16) = (0, 3);
    const AT: At = At::Controller;
    type Request<'a> = CreatePartitionsRequest<'a>;
    type Response<'a> = CreatePartitionsResponse<'a>;
}

message! {
    CreatePartitionsRequest<'a>: key 37, versions 0..=3, flexible 2;
    struct CreatePartitionsRequest<'a> {
        topics: Vec<CreatePartitionsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
        validate_only: bool [0..],
    }
    struct CreatePartitionsTopic<'a> {
        name: Str<'a> [0..],
        count: i32 [0..],
        assignments: Option<Vec<CreatePartitionsAssignment>> [0.., null 0.., default Some(Vec::new())],
    }
    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32> [0..],
    }
}

message! {
    CreatePartitionsResponse<'a>: key 37, versions 0..=3, flexible 2;
    struct CreatePartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<CreatePartitionsTopicResult<'a>> [0..],
    }
    struct CreatePartitionsTopicResult<'a> {
        name: Str<'a> [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: CreatePartitionsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let topics: Vec<_> = request
        .topics
        .into_iter()
        .map(|topic| {
            let assignments = topic.assignments.map(|all| all.into_iter().map(|a| a.broker_ids).collect());
            MorePartitions { topic: topic.name.into_owned(), total: topic.count, assignments }
        })
        .collect();
    let names: Vec<String> = topics.iter().map(|more| more.topic.clone()).collect();
    let to = cx.to;
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let results = match reply {
            Some(Reply::Partitions(results)) => results,
            other => {
                let refusal = Refusal::of(other);
                names.into_iter().map(|name| (name, Err(refusal.clone()))).collect()
            }
        };
        let results = results.into_iter().map(|(name, result)| {
            let (code, message) = match result {
                Ok(()) => (ErrorCode::None, None),
                Err(refusal) => (refusal.code, Some(refusal.message.into())),
            };
            CreatePartitionsTopicResult { name: name.into(), error_code: code.code(), error_message: message }
        });
        broker.reply(to, &CreatePartitionsResponse { results: results.collect(), ..Default::default() }, out);
    };
    let dry_run = if request.validate_only { DryRun::Yes } else { DryRun::No };
    broker.command(cx.now, Command::CreatePartitions { topics, dry_run }, Box::new(then), out);
}
