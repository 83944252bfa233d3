//! FindCoordinator (10), v0–v6. Says which broker coordinates a group or a transactional id.
//!
//! One key per request up to 3, a batch from 4 on (KIP-699).

use super::{Api, Context};
use crate::broker::{Broker, Living, ReplyTo};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::{OFFSETS_TOPIC, partition_of};
use crate::message;
use crate::wire::Str;

/// FindCoordinator's place in the table.
pub enum FindCoordinator {}

impl Api for FindCoordinator {
    const KEY: i16 = 10;
    const NAME: &'static str = "FindCoordinator";
    const SERVED: (i16, i16) = (0, 6);
    type Request<'a> = FindCoordinatorRequest<'a>;
    type Response<'a> = FindCoordinatorResponse<'a>;
}

message! {
    FindCoordinatorRequest<'a>: key 10, versions 0..=6, flexible 3;
    struct FindCoordinatorRequest<'a> {
        key: Str<'a> [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<Str<'a>> [4..],
    }
}

message! {
    FindCoordinatorResponse<'a>: key 10, versions 0..=6, flexible 3;
    struct FindCoordinatorResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..=3],
        error_message: Option<Str<'a>> [1..=3, null 1..=3, default Some(Str::Borrowed(""))],
        node_id: i32 [0..=3],
        host: Str<'a> [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator<'a>> [4..],
    }
    struct Coordinator<'a> {
        key: Str<'a> [4..],
        node_id: i32 [4..],
        host: Str<'a> [4..],
        port: i32 [4..],
        error_code: i16 [4..],
        error_message: Option<Str<'a>> [4.., null 4.., default Some(Str::Borrowed(""))],
    }
}

/// What this version has to say of transactions and share groups.
const NOT_SERVED: &str = "kq does not serve transactions and share groups yet";
/// Who is asked for, by number.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: FindCoordinatorRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let (to, listener) = (cx.to, cx.peer.listener);
    let keys: Vec<String> = match to.version {
        ..=3 => vec![request.key.into_owned()],
        _ => request.coordinator_keys.into_iter().map(|key| key.into_owned()).collect(),
    };
    let refused = match request.key_type {
        GROUP => None,
        TRANSACTION | SHARE => Some((ErrorCode::CoordinatorNotAvailable, NOT_SERVED)),
        _ => Some((ErrorCode::InvalidRequest, "The key type is not known.")),
    };
    if let Some((code, message)) = refused {
        let one = |key| Coordinator { error_message: Some(message.into()), ..nobody(key, code) };
        return answer(broker, to, keys.into_iter().map(one).collect(), out);
    }
    // The first who asks for a coordinator makes the topic that its groups live in.
    let then = move |broker: &mut Broker, (), out: &mut Vec<Effect<'_>>| {
        let living = broker.living(listener);
        let one = |key: String| match coordinator(broker, &key, &living) {
            Some(broker) => Coordinator {
                key: key.into(),
                node_id: broker.id,
                host: broker.endpoint.host.clone().into(),
                port: i32::from(broker.endpoint.port),
                ..Default::default()
            },
            None => nobody(key, ErrorCode::CoordinatorNotAvailable),
        };
        answer(broker, to, keys.into_iter().map(one).collect(), out);
    };
    broker.with_offsets_topic(Box::new(then), out);
}

/// Who leads the partition that a group belongs to.
fn coordinator<'l>(broker: &Broker, group: &str, living: &'l [Living]) -> Option<&'l Living> {
    let topic = broker.image.topic(OFFSETS_TOPIC)?;
    let index = partition_of(group, i32::try_from(topic.partitions.len()).ok()?);
    let partition = topic.partitions.get(usize::try_from(index).ok()?)?;
    living.iter().find(|broker| broker.id == partition.leader)
}

fn nobody(key: String, code: ErrorCode) -> Coordinator<'static> {
    Coordinator { key: key.into(), node_id: -1, port: -1, error_code: code.code(), ..Default::default() }
}

fn answer(broker: &Broker, to: ReplyTo, coordinators: Vec<Coordinator<'_>>, out: &mut Vec<Effect<'_>>) {
    if to.version >= 4 {
        return broker.reply(to, &FindCoordinatorResponse { coordinators, ..Default::default() }, out);
    }
    let Some(one) = coordinators.into_iter().next() else { return };
    let message = if one.error_code == 0 { Some(ErrorCode::None.name().into()) } else { one.error_message };
    let response = FindCoordinatorResponse {
        error_code: one.error_code,
        error_message: message,
        node_id: one.node_id,
        host: one.host,
        port: one.port,
        ..Default::default()
    };
    broker.reply(to, &response, out);
}
