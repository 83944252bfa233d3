//! ListPartitionReassignments (46), v0. Which partitions are on their way to other brokers (KIP-455).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Refusal, Reply};
use crate::wire::Str;

/// ListPartitionReassignments's place in the table.
pub enum ListPartitionReassignments {}

impl Api for ListPartitionReassignments {
    const KEY: i16 = 46;
    const NAME: &'static str = "ListPartitionReassignments";
    const SERVED: (i16, i16) = (0, 0);
    const AT: At = At::Controller;
    type Request<'a> = ListPartitionReassignmentsRequest<'a>;
    type Response<'a> = ListPartitionReassignmentsResponse<'a>;
}

message! {
    ListPartitionReassignmentsRequest<'a>: key 46, versions 0..=0, flexible 0;
    struct ListPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 [0.., default 60000],
        topics: Option<Vec<ListPartitionReassignmentsTopics<'a>>> [0.., null 0..],
    }
    struct ListPartitionReassignmentsTopics<'a> {
        name: Str<'a> [0..],
        partition_indexes: Vec<i32> [0..],
    }
}

message! {
    ListPartitionReassignmentsResponse<'a>: key 46, versions 0..=0, flexible 0;
    struct ListPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [0.., null 0.., default Some(Str::Borrowed(""))],
        topics: Vec<OngoingTopicReassignment<'a>> [0..],
    }
    struct OngoingTopicReassignment<'a> {
        name: Str<'a> [0..],
        partitions: Vec<OngoingPartitionReassignment> [0..],
    }
    struct OngoingPartitionReassignment {
        partition_index: i32 [0..],
        replicas: Vec<i32> [0..],
        adding_replicas: Vec<i32> [0..],
        removing_replicas: Vec<i32> [0..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: ListPartitionReassignmentsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let to = cx.to;
    let chosen: Option<Vec<(String, i32)>> = request.topics.map(|topics| {
        let partitions = |topic: ListPartitionReassignmentsTopics<'_>| {
            let name = topic.name.into_owned();
            topic.partition_indexes.into_iter().map(move |index| (name.clone(), index))
        };
        topics.into_iter().flat_map(partitions).collect()
    });
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let mut response = ListPartitionReassignmentsResponse { error_message: None, ..Default::default() };
        match reply {
            Some(Reply::Reassignments(all)) => {
                for ongoing in all {
                    let part = OngoingPartitionReassignment {
                        partition_index: ongoing.partition,
                        replicas: ongoing.replicas,
                        adding_replicas: ongoing.adding,
                        removing_replicas: ongoing.removing,
                    };
                    match response.topics.last_mut() {
                        Some(last) if last.name == ongoing.topic => last.partitions.push(part),
                        _ => response
                            .topics
                            .push(OngoingTopicReassignment { name: ongoing.topic.into(), partitions: vec![part] }),
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
    broker.command(cx.now, Command::ListReassignments(chosen), Box::new(then), out);
}
