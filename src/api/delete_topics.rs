//! DeleteTopics (20), v1–v6. Deletes topics, by name or, since 6, by id (KIP-516).
//!
//! Since 5 the answer can carry a message (KIP-599).

use super::Api;
use crate::message;
use crate::types::Uuid;
use crate::wire::Str;

/// DeleteTopics's place in the table.
pub enum DeleteTopics {}

impl Api for DeleteTopics {
    const KEY: i16 = 20;
    const NAME: &'static str = "DeleteTopics";
    const SERVED: (i16, i16) = (1, 6);
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
