//! Members of the classic protocol in a consumer group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup (KIP-848).
//!
//! For the group they are members like all others; nobody of them leads and none of them waits for another: JoinGroup
//! answers at once with the member's epoch as generation, SyncGroup with what it may read. A rebalance is told by
//! Heartbeat. A member that may not keep all it has revokes at the next join, as cooperative assignors do; an eager one
//! joins with nothing.

use super::convert::{assignment_bytes, by_id, classic_group, downgrades_by_replacing, tombstones_after, version_of};
use super::draft::{Draft, check_instance, check_size, find, find_static, is_target_young};
use super::member::{ClassicMetadata, Member, MemberState, holds, without_epochs};
use super::soft::Timer;
use super::state::State;
use super::{Answer, ConsumerGroup, Decision};
use crate::config::MigrationPolicy;
use crate::error::ErrorCode;
use crate::group::command::{Identity, Join, Joined, Leaver, Reply, Sync, Synced};
use crate::group::{Cx, Refusal};
use crate::wire::consumer_protocol::{ConsumerProtocolSubscription, PROTOCOL_TYPE};
use std::collections::BTreeSet;

impl ConsumerGroup {
    /// Decides a JoinGroup to a group that has members; one to an empty group makes a classic group of it (see
    /// [`ConsumerGroup::tombstones`]). Session timeouts out of bounds are refused before. Writes down when the member
    /// is due again; nothing else is touched.
    ///
    /// # Errors
    /// `INCONSISTENT_GROUP_PROTOCOL`, `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`,
    /// `UNKNOWN_SERVER_ERROR` for a subscription that cannot be read.
    pub fn join(&mut self, cx: &Cx<'_>, request: &Join) -> Result<Decision<Joined>, Refusal> {
        let state = &self.state;
        let inconsistent = |text| Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, text));
        if cx.settings.consumer.migration_policy == MigrationPolicy::Disabled {
            return inconsistent(format!(
                "Cannot join the consumer group {} with the classic protocol because the group migration is disabled.",
                self.id
            ));
        }
        let is_unknown = request.member_id.is_empty();
        let id = if is_unknown { cx.fresh.to_text() } else { request.member_id.clone() };
        check_size(state, cx, &id)?;
        if !supports(state, request) {
            return inconsistent(format!("Member {id}'s protocols are not supported."));
        }
        let first = request.protocols.first().map(|(name, _)| name.clone()).unwrap_or_default();
        let mut reply = Joined {
            code: ErrorCode::None,
            member_id: id.clone(),
            generation: 0,
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol: Some(first),
            leader: String::new(),
            skip_assignment: false,
            members: Vec::new(),
        };
        if request.needs_member_id && is_unknown && request.instance_id.is_none() {
            (reply.code, reply.generation) = (ErrorCode::MemberIdRequired, -1);
            reply.protocol = Some(String::new());
            return Ok(self.decided(cx, Vec::new(), &[], Answer::plain(reply)));
        }
        let said = request.protocols.first().map_or(&[][..], |(_, said)| said);
        let (_, said) = ConsumerProtocolSubscription::from_bytes(said).map_err(|error| {
            let text = format!("Malformed embedded consumer protocol in subscription deserialization: {error}.");
            Refusal::new(ErrorCode::UnknownServerError, text)
        })?;

        let mut draft = Draft::new(state, cx, &self.seen, &id);
        let before = request.instance_id.as_deref().and_then(|instance| state.static_member(instance));
        match (&request.instance_id, before) {
            (Some(_), Some(old)) if is_unknown => draft.replace(old),
            (Some(instance), Some(old)) => check_instance(old, &id, instance)?,
            (Some(instance), None) if !is_unknown => {
                find_static(state, instance)?;
            }
            _ => {}
        }
        let owned = said.owned_partitions.iter().map(|of| (&*of.topic, of.partitions.as_slice()));
        let owned = by_id(owned, cx.topics);
        let member = &mut draft.member;
        member.instance_id = request.instance_id.clone().or(member.instance_id.take());
        if let Some(rack) = said.rack_id.filter(|rack| !rack.is_empty()) {
            member.rack_id = Some(rack.into_owned());
        }
        if request.rebalance_timeout_ms != -1 {
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        member.topic_names = said.topics.into_iter().map(|name| name.into_owned()).collect();
        member.topic_regex.clear();
        member.client_id.clone_from(&request.client_id);
        member.client_host.clone_from(&request.client_host);
        let protocols = request.protocols.clone();
        member.classic = Some(ClassicMetadata { session_timeout_ms: request.session_timeout_ms, protocols });

        draft.write_member();
        draft.write_regexes()?;
        draft.write_epoch();
        let mut becomes = None;
        if before.is_some_and(|old| downgrades_by_replacing(state, cx, old)) {
            let is_old = state.target_epoch < draft.epoch;
            if !is_old {
                let target = draft.old.map(|old| state.target(&old.id)).cloned().unwrap_or_default();
                draft.reconcile(state.target_epoch, &target, Some(&owned))?;
            }
            let replaced = before.map(|old| old.id.as_str());
            let others = state.members.values().filter(|member| Some(member.id.as_str()) != replaced);
            let members: Vec<&Member> = others.chain([&draft.member]).collect();
            let group = classic_group(cx, &self.id, draft.epoch, &members);
            let is_settled = !is_old && members.iter().all(|member| member.is_reconciled_to(state.target_epoch));
            becomes = Some(Box::new(if is_settled { group.settled() } else { group }));
            let tombstones = tombstones_after(state, &draft.records);
            draft.records.extend(tombstones);
        } else {
            let (target_epoch, target) = draft.write_target();
            draft.reconcile(target_epoch, &target, Some(&owned))?;
            let ms = i64::from(request.session_timeout_ms);
            draft.timers.push((id.clone(), Timer::NoJoin));
            draft.timers.push((id.clone(), Timer::NoRebalance));
            draft.timers.push((id.clone(), Timer::Session(ms)));
            draft.timers.push((id, Timer::Sync(i64::from(request.rebalance_timeout_ms.max(0)))));
        }
        reply.generation = draft.member.epoch;
        let Draft { records, timers, now_seen, .. } = draft;
        self.seen = now_seen;
        Ok(self.decided(cx, records, &timers, Answer { reply, becomes }))
    }

    /// Decides a SyncGroup; what a leader assigns is not looked at. No records; the answer is what the member may read, or
    /// `REBALANCE_IN_PROGRESS`. Writes down when the member is due again.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `INCONSISTENT_GROUP_PROTOCOL`.
    pub fn sync(&mut self, cx: &Cx<'_>, request: &Sync) -> Result<Decision<Reply>, Refusal> {
        let member = self.classic_member(&request.who)?;
        let classic = member.classic.clone().unwrap_or_default();
        let first = classic.protocols.first().map_or("", |(name, _)| name);
        let other_type = request.protocol_type.as_deref().filter(|name| *name != PROTOCOL_TYPE);
        let other_name = request.protocol.as_deref().filter(|name| *name != first);
        if let Some(name) = other_type {
            let text = format!(
                "The protocol type {name} from member {} request is not equal to the group protocol type consumer.",
                member.id
            );
            return Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, text));
        }
        if let Some(name) = other_name {
            let text = format!(
                "The protocol name {name} from member {} request is not equal to the protocol name {first} returned in \
                 the join response.",
                member.id
            );
            return Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, text));
        }
        let id = member.id.clone();
        if self.state.target_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
            let timers = [(id, Timer::Join(i64::from(member.rebalance_timeout_ms.max(0))))];
            let again = Answer::plain(ErrorCode::RebalanceInProgress.into());
            return Ok(self.decided(cx, Vec::new(), &timers, again));
        }
        let version = classic.protocols.first().map_or(0, |(_, said)| version_of(said));
        let assignment = assignment_bytes(&without_epochs(&member.assigned), cx.topics, version);
        let session = Timer::Session(i64::from(classic.session_timeout_ms));
        let timers = [(id.clone(), Timer::NoSync), (id, session)];
        let (protocol_type, protocol) = (request.protocol_type.clone(), request.protocol.clone());
        let reply = Reply::Sync(Synced { protocol_type, protocol, assignment });
        Ok(self.decided(cx, Vec::new(), &timers, Answer::plain(reply)))
    }

    /// Decides a Heartbeat: no records; the answer is `NONE` or `REBALANCE_IN_PROGRESS`. Writes down when the member is
    /// due again.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`.
    pub fn classic_heartbeat(&mut self, cx: &Cx<'_>, who: &Identity) -> Result<Decision<ErrorCode>, Refusal> {
        let member = self.classic_member(who)?;
        let session = member.classic.as_ref().map_or(0, |classic| i64::from(classic.session_timeout_ms));
        let mut timers = vec![(member.id.clone(), Timer::Session(session))];
        let mut error = ErrorCode::None;
        let has_news = match member.state {
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !self.waits(member),
            _ => false,
        };
        let has_target = member.epoch < self.state.target_epoch;
        let (id, rebalance_timeout_ms) = (member.id.clone(), member.rebalance_timeout_ms);
        // Kafka leaves the last two to members of the consumer protocol; there may be none.
        if has_target || has_news || self.needs_target(cx) || self.is_picture_old(cx) {
            error = ErrorCode::RebalanceInProgress;
            timers.push((id, Timer::Join(i64::from(rebalance_timeout_ms.max(0)))));
        } else {
            // The answer that told it to join may be lost, and the reason for it gone: it does not know of any hurry.
            timers.push((id, Timer::NoJoin));
        }
        Ok(self.decided(cx, Vec::new(), &timers, Answer::plain(error)))
    }

    /// Decides a LeaveGroup, of members of either protocol: a code for each.
    pub fn leave(&mut self, cx: &Cx<'_>, leavers: &[Leaver]) -> Decision<Vec<ErrorCode>> {
        let mut ids = BTreeSet::new();
        let left = leavers
            .iter()
            .map(|leaver| {
                let found = match &leaver.instance_id {
                    None => find(&self.state, &self.id, &leaver.member_id),
                    Some(instance) => find_static(&self.state, instance).and_then(|member| {
                        if !leaver.member_id.is_empty() {
                            check_instance(member, &leaver.member_id, instance)?;
                        }
                        Ok(member)
                    }),
                };
                match found {
                    Ok(member) => {
                        ids.insert(member.id.clone());
                        ErrorCode::None
                    }
                    Err(refusal) => refusal.code,
                }
            })
            .collect();
        self.fence(cx, &ids, left)
    }

    /// Whether another member still holds something of the member's target.
    fn waits(&self, member: &Member) -> bool {
        self.state.target(&member.id).iter().any(|(topic, partitions)| {
            partitions.iter().any(|partition| {
                !holds(&member.assigned, *topic, *partition) && self.state.owners.contains_key(&(*topic, *partition))
            })
        })
    }

    /// Whether a target is due that whoever joins next computes.
    fn needs_target(&self, cx: &Cx<'_>) -> bool {
        self.state.epoch > self.state.target_epoch && !is_target_young(&self.state, cx)
    }

    /// Whether the topics are others than in the group's epoch, which whoever joins next raises.
    fn is_picture_old(&mut self, cx: &Cx<'_>) -> bool {
        let version = Some(cx.topics.version());
        if self.seen.metadata == version {
            return false;
        }
        let state = &self.state;
        let is_old = State::hash(&state.names, &state.regexes, &state.resolved, cx.topics) != state.metadata_hash;
        if !is_old {
            self.seen.metadata = version;
        }
        is_old
    }

    fn classic_member(&self, who: &Identity) -> Result<&Member, Refusal> {
        let (id, instance_id, generation) = (&*who.member_id, who.instance_id.as_deref(), who.generation);
        let member = match instance_id {
            None => find(&self.state, &self.id, id)?,
            Some(instance) => {
                let member = self.state.static_member(instance).ok_or_else(|| {
                    let text = format!("Member with instance id {instance} is not a member of group {}.", self.id);
                    Refusal::new(ErrorCode::UnknownMemberId, text)
                })?;
                check_instance(member, id, instance)?;
                member
            }
        };
        if member.classic.is_none() {
            let text = format!("Member {} does not use the classic protocol.", member.id);
            return Err(Refusal::new(ErrorCode::UnknownMemberId, text));
        }
        if member.epoch != generation {
            let text = format!(
                "The request generation id {generation} is not equal to the member epoch {} of member {}.",
                member.epoch, member.id
            );
            return Err(Refusal::new(ErrorCode::IllegalGeneration, text));
        }
        Ok(member)
    }
}

/// All classic members must know one of its assignors; the first to come may bring any.
fn supports(state: &State, request: &Join) -> bool {
    let votes = |name: &str| state.protocols.get(name).copied().unwrap_or(0);
    request.protocol_type == PROTOCOL_TYPE
        && request.protocols.iter().any(|(name, _)| state.members.is_empty() || votes(name) == state.classic_members)
}
