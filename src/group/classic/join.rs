//! JoinGroup: who may come in, and whether that begins a rebalance.

use super::{ClassicGroup, Member, NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_MEMBERS_MAX, State, arm};
use crate::error::ErrorCode;
use crate::group::command::{Join, Joined, JoinedMember, Reply, Synced, Token};
use crate::group::{Alarm, Cx, Outcome, Refusal};
use crate::types::{Millis, Uuid};
use std::sync::Arc;

impl ClassicGroup {
    /// JoinGroup. It is answered when all have joined, or their time is up.
    pub fn join(&mut self, cx: &Cx<'_>, token: Token, request: Join, out: &mut Outcome) {
        let refuse =
            |out: &mut Outcome, code, member_id: &str| out.replies.push((token, Joined::refused(code, member_id)));
        if request.protocols.iter().any(|(_, metadata)| metadata.len() > cx.record_bytes_max) {
            // The group's record could never be written.
            return refuse(out, ErrorCode::UnknownServerError, &request.member_id);
        }
        if !self.has_room(cx, &request.member_id) {
            self.remove(&request.member_id);
            refuse(out, ErrorCode::GroupMaxSizeReached, "");
            // It may have been the last one that the others waited for.
            return self.complete_if_all(cx, out);
        }
        if !self.supports(&request.protocol_type, &request.protocols) {
            return refuse(out, ErrorCode::InconsistentGroupProtocol, &request.member_id);
        }
        if request.member_id.is_empty() {
            return self.join_new(cx, token, request, out);
        }
        if self.pending.contains_key(&*request.member_id) {
            if request.instance_id.is_some() {
                // A static member is never given an id to come back with.
                return refuse(out, ErrorCode::InvalidRequest, &request.member_id);
            }
            let id: Arc<str> = request.member_id.as_str().into();
            return self.add(cx, token, id, request, out);
        }
        if let Err(code) = self.check_member(&request.member_id, request.instance_id.as_deref()) {
            return refuse(out, code, &request.member_id);
        }
        self.rejoin(cx, token, request, out);
    }

    fn has_room(&self, cx: &Cx<'_>, member_id: &str) -> bool {
        let max = cx.settings.max_size.max(1) as usize;
        let known = self.members.get(member_id);
        match self.state {
            State::Empty => true,
            // Members that wait are counted: the last ones to come back to a group that is too large are left out.
            State::PreparingRebalance => known.is_some_and(|m| m.joining.is_some()) || self.joining < max,
            State::CompletingRebalance | State::Stable => known.is_some() || self.members.len() < max,
        }
    }

    fn join_new(&mut self, cx: &Cx<'_>, token: Token, request: Join, out: &mut Outcome) {
        let name = request.instance_id.as_ref().unwrap_or(&request.client_id);
        let id: Arc<str> = format!("{name}-{}", hyphenated(cx.fresh)).into();
        if let Some(known) = request.instance_id.as_ref().and_then(|instance| self.statics.get(instance)).cloned() {
            return self.replace_static(cx, token, &known, id, request, out);
        }
        if request.instance_id.is_some() || !request.needs_member_id {
            return self.add(cx, token, id, request, out);
        }
        if self.pending.len() >= PENDING_MEMBERS_MAX {
            return out.replies.push((token, Joined::refused(ErrorCode::GroupMaxSizeReached, "")));
        }
        let until = cx.now.saturating_add(Millis::from(request.session_timeout_ms));
        self.pending.insert(Arc::clone(&id), until);
        out.alarms.push((until, Alarm::Member(Arc::clone(&id))));
        out.replies.push((token, Joined::refused(ErrorCode::MemberIdRequired, &id)));
    }

    /// A member that the group knows.
    fn rejoin(&mut self, cx: &Cx<'_>, token: Token, request: Join, out: &mut Outcome) {
        let Some((id, member)) = self.members.get_key_value(&*request.member_id) else { return };
        let (id, same) = (Arc::clone(id), member.protocols == request.protocols);
        let is_leader = self.leader.as_ref() == Some(&id);
        match self.state {
            State::Empty => out.replies.push((token, Joined::refused(ErrorCode::UnknownMemberId, &id))),
            // It has not heard of the generation that it is part of.
            State::CompletingRebalance if same => out.replies.push((token, self.joined(&id, is_leader))),
            // A leader may want everybody to think again: the topics have changed, perhaps.
            State::Stable if same && !is_leader => out.replies.push((token, self.joined(&id, false))),
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update(&id, token, request, out);
                self.rebalance_or_complete(cx, out);
            }
        }
    }

    fn add(&mut self, cx: &Cx<'_>, token: Token, id: Arc<str>, request: Join, out: &mut Outcome) {
        self.grew |= self.state == State::PreparingRebalance && self.was_empty;
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        self.pending.remove(&id);
        let mut member = Member {
            instance_id: request.instance_id,
            protocols: request.protocols,
            is_new: true,
            joining: Some(token),
            deadline: cx.now.saturating_add(NEW_MEMBER_JOIN_TIMEOUT_MS),
            ..Member::new(
                request.client_id,
                request.client_host,
                request.session_timeout_ms,
                request.rebalance_timeout_ms,
            )
        };
        arm(&mut member, &id, out);
        self.leader.get_or_insert_with(|| Arc::clone(&id));
        self.insert(id, member);
        self.rebalance_or_complete(cx, out);
    }

    fn update(&mut self, id: &Arc<str>, token: Token, request: Join, out: &mut Outcome) {
        let Some(mut member) = self.members.remove(id) else { return };
        self.uncount(&member.protocols);
        self.joining -= usize::from(member.joining.is_some());
        // A client that asks again does not wait for its first request any more.
        Self::reply(out, member.joining.replace(token), || Joined::refused(ErrorCode::RebalanceInProgress, id));
        member.protocols = request.protocols;
        member.session_timeout_ms = request.session_timeout_ms;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.insert(Arc::clone(id), member);
    }

    /// A static member has started again (KIP-345): it takes its own place under a new id, and whoever speaks under the
    /// old one is fenced.
    fn replace_static(
        &mut self,
        cx: &Cx<'_>,
        token: Token,
        old: &Arc<str>,
        id: Arc<str>,
        request: Join,
        out: &mut Outcome,
    ) {
        let Some(mut member) = self.members.remove(old) else { return };
        self.uncount(&member.protocols);
        self.joining -= usize::from(member.joining.is_some());
        Self::reply(out, member.joining.take(), || Joined::refused(ErrorCode::FencedInstanceId, old));
        let fenced = || Reply::Refused(Refusal::from(ErrorCode::FencedInstanceId));
        Self::reply(out, member.syncing.take(), fenced);
        let was_leader = self.leader.as_ref() == Some(old);
        if was_leader {
            self.leader = Some(Arc::clone(&id));
        }
        self.unsynced.remove(old);
        let may_skip = request.may_skip_assignment;
        member.joining = Some(token);
        member.protocols = request.protocols;
        member.session_timeout_ms = request.session_timeout_ms;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.armed = Millis::MAX;
        self.insert(Arc::clone(&id), member);
        self.touch(cx, &id, out);
        match self.state {
            State::Stable if self.elect_protocol() == self.protocol => {
                out.records.push(self.record());
                let Reply::Join(mut joined) = self.joined(&id, was_leader && may_skip) else { return };
                joined.skip_assignment = was_leader && may_skip;
                if was_leader && !may_skip {
                    // An old client that is told to lead would assign: it is told that the old one leads.
                    joined.leader = old.to_string();
                }
                self.take_join(&id);
                out.replies.push((token, Reply::Join(joined)));
            }
            State::Stable => self.rebalance_or_complete(cx, out),
            // The leader may know the old id already: an assignment to it would be lost.
            State::CompletingRebalance => self.prepare_rebalance(cx, out),
            State::Empty | State::PreparingRebalance => self.complete_if_all(cx, out),
        }
    }

    /// Who waits for the member's join is to be answered.
    pub(super) fn take_join(&mut self, id: &str) -> Option<Token> {
        let token = self.members.get_mut(id)?.joining.take();
        self.joining -= usize::from(token.is_some());
        token
    }

    /// The answer to a member's join in this generation.
    pub(super) fn joined(&self, id: &str, with_members: bool) -> Reply {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, m): (&Arc<str>, &Member)| JoinedMember {
            member_id: id.to_string(),
            instance_id: m.instance_id.clone(),
            metadata: m.metadata(protocol).to_vec(),
        };
        Reply::Join(Box::new(Joined {
            code: ErrorCode::None,
            member_id: id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.as_deref().unwrap_or_default().to_owned(),
            skip_assignment: false,
            members: if with_members { self.members.iter().map(member).collect() } else { Vec::new() },
        }))
    }

    /// The answer to a member's sync.
    pub(super) fn synced(&self, assignment: &[u8]) -> Reply {
        Reply::Sync(Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: assignment.to_vec(),
        })
    }
}

/// The form that Java gives to a UUID.
fn hyphenated(id: Uuid) -> String {
    let hex = |range: std::ops::Range<usize>| id.0[range].iter().map(|b| format!("{b:02x}")).collect::<String>();
    format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16))
}
