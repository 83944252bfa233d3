//! AlterPartitionReassignments (45), v0–v1. Moves partitions to other brokers, or calls a move off (KIP-455).
//!
//! Since 1 a change of the replication factor can be forbidden (KIP-860).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, FactorChange, Reassignment, Refusal, Reply};
use crate::wire::Str;

/// AlterPartitionReassignments's place in the table.
pub enum AlterPartitionReassignments {}

impl Api for AlterPartitionReassignments {
    const KEY: i16 = 45;
    const NAME: &'static str = "AlterPartitionReassignments";
    const SERVED: (i16, i16) = (0, 1);
    const AT: At = At::Controller;
    type Request<'a> = AlterPartitionReassignmentsRequest<'a>;
    type Response<'a> = AlterPartitionReassignmentsResponse<'a>;
}

message! {
    AlterPartitionReassignmentsRequest<'a>: key 45, versions 0..=1, flexible 0;
    struct AlterPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 [0.., default 60000],
        allow_replication_factor_change: bool [1.., default true],
        topics: Vec<ReassignableTopic<'a>> [0..],
    }
    struct ReassignableTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ReassignablePartition> [0..],
    }
    struct ReassignablePartition {
        partition_index: i32 [0..],
        replicas: Option<Vec<i32>> [0.., null 0..],
    }
}

message! {
    AlterPartitionReassignmentsResponse<'a>: key 45, versions 0..=1, flexible 0;
    struct AlterPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32 [0..],
        allow_replication_factor_change: bool [1.., default true],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        responses: Vec<ReassignableTopicResponse<'a>> [0..],
    }
    struct ReassignableTopicResponse<'a> {
        name: Str<'a> [0..],
        partitions: Vec<ReassignablePartitionResponse<'a>> [0..],
    }
    struct ReassignablePartitionResponse<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: AlterPartitionReassignmentsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let allowed = request.allow_replication_factor_change;
    let mut partitions = Vec::new();
    for topic in request.topics {
        let name = topic.name.into_owned();
        partitions.extend(topic.partitions.into_iter().map(|part| Reassignment {
            topic: name.clone(),
            partition: part.partition_index,
            replicas: part.replicas,
        }));
    }
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let mut response = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: allowed,
            error_message: None,
            ..Default::default()
        };
        match reply {
            Some(Reply::Reassigned(results)) => {
                for (topic, partition_index, result) in results {
                    let (code, message) = match result {
                        Ok(()) => (ErrorCode::None, None),
                        Err(refusal) => (refusal.code, Some(refusal.message.into())),
                    };
                    let part = ReassignablePartitionResponse {
                        partition_index,
                        error_code: code.code(),
                        error_message: message,
                    };
                    match response.responses.last_mut() {
                        Some(last) if last.name == topic => last.partitions.push(part),
                        _ => response
                            .responses
                            .push(ReassignableTopicResponse { name: topic.into(), partitions: vec![part] }),
                    }
                }
            }
            other => {
                let Refusal { code, message } = Refusal::of(other);
                response.error_code = code.code();
                response.error_message = Some(message.into());
            }
        }
        broker.reply(to, &response, out);
    };
    let factor_change = if allowed { FactorChange::Allowed } else { FactorChange::Forbidden };
    broker.command(cx.now, Command::Reassign { partitions, factor_change }, Box::new(then), out);
}
