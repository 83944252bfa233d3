//! ConsumerGroupHeartbeat: joining, staying and leaving with the consumer protocol (KIP-848).

use super::assign::Assignor;
use super::draft::{Draft, check_instance, check_released, check_size, find, find_static};
use super::member::{
    Held, JOIN_EPOCH, LEAVE_EPOCH, Member, Partitions, STATIC_LEAVE_EPOCH, holds, with_epoch, without_epochs,
};
use super::record::{Current, Record};
use super::soft::Timer;
use super::{Answer, ConsumerGroup, Decision};
use crate::error::ErrorCode;
use crate::group::{Cx, Refusal};
use crate::types::Epoch;
use std::collections::BTreeSet;

/// What a member of the consumer protocol says. `None`: as it said last time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heartbeat {
    /// Its id; it may only be empty before [`check_heartbeat`].
    pub member_id: String,
    /// Its epoch; 0 to join, -1 to leave, -2 for a static member that comes back.
    pub member_epoch: Epoch,
    /// Its name across restarts.
    pub instance_id: Option<String>,
    /// Its rack.
    pub rack_id: Option<String>,
    /// How long it may take to give partitions back; -1 for "as before".
    pub rebalance_timeout_ms: i32,
    /// The topics it wants, by name.
    pub topic_names: Option<BTreeSet<String>>,
    /// The topics it wants, by pattern; empty for none.
    pub topic_regex: Option<String>,
    /// The assignor it would like.
    pub assignor: Option<String>,
    /// What it owns.
    pub owned: Option<Partitions>,
    /// The client's name for itself.
    pub client_id: String,
    /// Its address.
    pub client_host: String,
}

/// The answer to a [`Heartbeat`].
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatReply {
    /// The member's id.
    pub member_id: String,
    /// The epoch with which it goes on.
    pub member_epoch: Epoch,
    /// When it shall be heard of again; 0 for one that left.
    pub heartbeat_interval_ms: i32,
    /// All that it may read from now on; `None` when that did not change.
    pub assignment: Option<Partitions>,
}

/// What can be said of a heartbeat without looking at the group. `version` is the request's.
///
/// # Errors
/// `INVALID_REQUEST`, `UNSUPPORTED_ASSIGNOR`.
pub fn check_heartbeat(cx: &Cx<'_>, version: i16, group_id: &str, request: &Heartbeat) -> Result<(), Refusal> {
    let blank = |text: &str| text.trim().is_empty();
    let is_blank = |text: &Option<String>| text.as_deref().is_some_and(blank);
    let epoch = request.member_epoch;
    // From version 1 on the member makes its own id (KIP-1082).
    let needs_id = version >= 1 || epoch > JOIN_EPOCH || epoch == LEAVE_EPOCH;
    let why = if needs_id && blank(&request.member_id) {
        "MemberId can't be empty."
    } else if blank(group_id) {
        "GroupId can't be empty."
    } else if is_blank(&request.instance_id) {
        "InstanceId can't be empty."
    } else if is_blank(&request.rack_id) {
        "RackId can't be empty."
    } else if epoch == JOIN_EPOCH && request.rebalance_timeout_ms == -1 {
        "RebalanceTimeoutMs must be provided in first request."
    } else if epoch == JOIN_EPOCH && !request.owned.as_ref().is_some_and(Partitions::is_empty) {
        "TopicPartitions must be empty when (re-)joining."
    } else if epoch == JOIN_EPOCH && request.topic_names.is_none() && request.topic_regex.is_none() {
        "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."
    } else if epoch == STATIC_LEAVE_EPOCH && request.instance_id.is_none() {
        "InstanceId can't be null."
    } else if epoch < STATIC_LEAVE_EPOCH {
        "MemberEpoch is invalid."
    } else {
        ""
    };
    if !why.is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidRequest, why));
    }
    let supported = &cx.settings.consumer.assignors;
    match &request.assignor {
        Some(name) if !supported.contains(name) || Assignor::from_name(name).is_none() => {
            let supported = supported.join(", ");
            let text = format!("ServerAssignor {name} is not supported. Supported assignors: {supported}.");
            Err(Refusal::new(ErrorCode::UnsupportedAssignor, text))
        }
        _ => Ok(()),
    }
}

impl ConsumerGroup {
    /// Decides a heartbeat that [`check_heartbeat`] let pass, whose member id is not empty. Writes down when the member
    /// is due again; nothing else is touched.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_MEMBER_EPOCH`, `FENCED_INSTANCE_ID`, `UNRELEASED_INSTANCE_ID`,
    /// `GROUP_MAX_SIZE_REACHED`, `INVALID_REGULAR_EXPRESSION`.
    pub fn heartbeat(&mut self, cx: &Cx<'_>, request: &Heartbeat) -> Result<Decision<HeartbeatReply>, Refusal> {
        match request.member_epoch {
            LEAVE_EPOCH | STATIC_LEAVE_EPOCH => self.leave_with_heartbeat(cx, request),
            _ => self.stay(cx, request),
        }
    }

    fn stay(&mut self, cx: &Cx<'_>, request: &Heartbeat) -> Result<Decision<HeartbeatReply>, Refusal> {
        let state = &self.state;
        check_size(state, cx, &request.member_id)?;
        let joins = request.member_epoch == JOIN_EPOCH;
        let mut draft = Draft::new(state, cx, &self.seen, &request.member_id);
        match &request.instance_id {
            None if joins => {}
            None => check_epoch(find(state, &self.id, &request.member_id)?, request)?,
            Some(instance_id) if joins => match state.static_member(instance_id) {
                None => {}
                Some(old) => {
                    if old.classic.is_none() {
                        check_released(old, &request.member_id, instance_id)?;
                    }
                    draft.replace(old);
                }
            },
            Some(instance_id) => {
                let member = find_static(state, instance_id)?;
                check_instance(member, &request.member_id, instance_id)?;
                check_epoch(member, request)?;
            }
        }
        let member = &mut draft.member;
        update(&mut member.instance_id, &request.instance_id);
        update(&mut member.rack_id, &request.rack_id);
        update(&mut member.assignor, &request.assignor);
        if request.rebalance_timeout_ms != -1 {
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(names) = &request.topic_names {
            member.topic_names.clone_from(names);
        }
        if let Some(regex) = &request.topic_regex {
            member.topic_regex.clone_from(regex);
        }
        member.client_id.clone_from(&request.client_id);
        member.client_host.clone_from(&request.client_host);
        member.classic = None;
        draft.run(request.owned.as_ref())?;

        let is_full = request.rebalance_timeout_ms != -1
            && (request.topic_names.is_some() || request.topic_regex.is_some())
            && request.owned.is_some();
        let reply = HeartbeatReply {
            member_id: draft.member.id.clone(),
            member_epoch: draft.member.epoch,
            heartbeat_interval_ms: cx.settings.consumer.heartbeat_interval_ms,
            assignment: (joins || is_full || draft.assignment_changed())
                .then(|| without_epochs(&draft.member.assigned)),
        };
        let session = i64::from(cx.settings.consumer.session_timeout_ms);
        draft.timers.push((reply.member_id.clone(), Timer::Session(session)));
        let Draft { records, timers, now_seen, .. } = draft;
        self.seen = now_seen;
        Ok(self.decided(cx, records, &timers, Answer::plain(reply)))
    }

    fn leave_with_heartbeat(&mut self, cx: &Cx<'_>, request: &Heartbeat) -> Result<Decision<HeartbeatReply>, Refusal> {
        let reply = HeartbeatReply {
            member_id: request.member_id.clone(),
            member_epoch: request.member_epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
        };
        let member = match &request.instance_id {
            None => find(&self.state, &self.id, &request.member_id)?,
            Some(instance_id) => {
                let member = find_static(&self.state, instance_id)?;
                check_instance(member, &request.member_id, instance_id)?;
                member
            }
        };
        if request.member_epoch == STATIC_LEAVE_EPOCH {
            // It keeps what it has until it comes back or its session ends. What it had to give back is given back.
            let away = Member {
                epoch: STATIC_LEAVE_EPOCH,
                revoking: Held::new(),
                assigned: with_epoch(&without_epochs(&member.assigned), 0),
                ..member.clone()
            };
            let records = vec![Record::Current(away.id.clone(), Some(Current::from(&away)))];
            return Ok(self.decided(cx, records, &[], Answer::plain(reply)));
        }
        let ids = BTreeSet::from([member.id.clone()]);
        Ok(self.fence(cx, &ids, reply))
    }
}

fn update(field: &mut Option<String>, said: &Option<String>) {
    if said.is_some() {
        field.clone_from(said);
    }
}

/// An answer may be lost: the epoch before is good as long as the member owns nothing that it may not.
fn check_epoch(member: &Member, request: &Heartbeat) -> Result<(), Refusal> {
    let (received, known) = (request.member_epoch, member.epoch);
    let owns_only_its_own = || {
        let is_own = |owned: &Partitions| {
            owned.iter().all(|(topic, of)| {
                // An empty set of a topic it does not have is one too many for Kafka, too.
                member.assigned.contains_key(topic) && of.iter().all(|p| holds(&member.assigned, *topic, *p))
            })
        };
        request.owned.as_ref().is_some_and(is_own)
    };
    let side = if received > known {
        "greater"
    } else if received < known && !(received == member.previous_epoch && owns_only_its_own()) {
        "smaller"
    } else {
        return Ok(());
    };
    let text = format!(
        "The consumer group member has a {side} member epoch ({received}) than the one known by the group coordinator \
         ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, text))
}
