//! DeleteTopics (20), v1–v6. Deletes topics, by name or, since 6, by id (KIP-516).
//!
//! Since 5 the answer can carry a message (KIP-599).

use super::{Api, At, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::message;
use crate::meta::{Command, Refusal, Reply};
use crate::types::Uuid;
use crate::wire::Str;

/// DeleteTopics's place in the table.
pub enum DeleteTopics {}

impl Api for DeleteTopics {
    const KEY: i16 = 20;
    const NAME: &'static str = "DeleteTopics";
    const SERVED: (i16, i16) = (1, 6);
    const AT: At = At::Controller;
    type Request<'a> = DeleteTopicsRequest<'a>;
    type Response<'a> = DeleteTopicsResponse<'a>;
}

message! {
    DeleteTopicsRequest<'a>: key 20, versions 1..=6, flexible 4;
    struct DeleteTopicsRequest<'a> {
        topics: Vec<DeleteTopicState<'a>> [6..],
        topic_names: Vec<Str<'a>> [0..=5],
        timeout_ms: i32 [0..],
    }
    struct DeleteTopicState<'a> {
        name: Option<Str<'a>> [6.., null 6..],
        topic_id: Uuid [6..],
    }
}

message! {
    DeleteTopicsResponse<'a>: key 20, versions 1..=6, flexible 4;
    struct DeleteTopicsResponse<'a> {
        throttle_time_ms: i32 [1..],
        responses: Vec<DeletableTopicResult<'a>> [0..],
    }
    struct DeletableTopicResult<'a> {
        name: Option<Str<'a>> [0.., null 6.., default Some(Str::Borrowed(""))],
        topic_id: Uuid [6..],
        error_code: i16 [0..],
        error_message: Option<Str<'a>> [5.., null 5..],
    }
}

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DeleteTopicsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let mut wanted: Vec<(Option<String>, Uuid)> =
        request.topic_names.into_iter().map(|name| (Some(name.into_owned()), Uuid::ZERO)).collect();
    wanted.extend(request.topics.into_iter().map(|t| (t.name.map(|name| name.into_owned()), t.topic_id)));

    let mut responses = Vec::new();
    let mut ids = Vec::new();
    for (name, id) in wanted {
        match find(broker, name.as_deref(), id) {
            Ok(found) if ids.contains(&found) => {
                let refusal = Refusal::new(ErrorCode::InvalidRequest, "The topic is named twice in this request.");
                responses.push(refused(name, id, refusal));
            }
            Ok(found) => ids.push(found),
            Err(refusal) => responses.push(refused(name, id, refusal)),
        }
    }
    let to = cx.to;
    if ids.is_empty() {
        return broker.reply(to, &DeleteTopicsResponse { responses, ..Default::default() }, out);
    }
    let names: Vec<(Uuid, String)> =
        ids.iter().filter_map(|id| Some((*id, broker.image.topic_by_id(*id)?.name.clone()))).collect();
    let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
        let results = match reply {
            Some(Reply::Deleted(results)) => results,
            other => {
                let refusal = Refusal::of(other);
                names.iter().map(|(id, _)| (*id, Err(refusal.clone()))).collect()
            }
        };
        for (id, result) in results {
            let name = names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
            responses.push(match result {
                Ok(name) => {
                    DeletableTopicResult { name: Some(name.into()), topic_id: id, error_code: 0, error_message: None }
                }
                Err(refusal) => refused(name, id, refusal),
            });
        }
        broker.reply(to, &DeleteTopicsResponse { responses, ..Default::default() }, out);
    };
    broker.command(cx.now, Command::DeleteTopics(ids), Box::new(then), out);
}

fn find(broker: &Broker, name: Option<&str>, id: Uuid) -> Result<Uuid, Refusal> {
    if !broker.settings.delete_topic_enable {
        return Err(Refusal::new(
            ErrorCode::TopicDeletionDisabled,
            "Topic deletion is disabled (delete.topic.enable).",
        ));
    }
    match name {
        Some(_) if !id.is_zero() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "You may not specify both topic name and topic id."))
        }
        Some(name) => broker.image.topic(name).map(|topic| topic.id).ok_or_else(|| {
            Refusal::new(ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.")
        }),
        None => broker
            .image
            .topic_by_id(id)
            .map(|topic| topic.id)
            .ok_or_else(|| Refusal::new(ErrorCode::UnknownTopicId, "This server does not host this topic ID.")),
    }
}

fn refused(name: Option<String>, topic_id: Uuid, refusal: Refusal) -> DeletableTopicResult<'static> {
    DeletableTopicResult {
        name: name.map(Into::into),
        topic_id,
        error_code: refusal.code.code(),
        error_message: Some(refusal.message.into()),
    }
}
