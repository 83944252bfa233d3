//! SyncGroup, Heartbeat, LeaveGroup, and whether a commit is a member's.

use super::{ClassicGroup, State};
use crate::error::ErrorCode;
use crate::group::command::{Identity, Leaver, Reply, Sync, Token};
use crate::group::{Cx, Outcome, Record, Refusal};
use std::collections::BTreeMap;
use std::sync::Arc;

impl ClassicGroup {
    /// SyncGroup. Followers are answered when the leader has assigned.
    pub fn sync(&mut self, cx: &Cx<'_>, token: Token, request: Sync, out: &mut Outcome) {
        if let Err(code) = self.check_sync(&request) {
            return out.replies.push((token, Reply::Refused(code.into())));
        }
        let Some((id, member)) = self.members.get_key_value(&*request.who.member_id) else { return };
        let id = Arc::clone(id);
        match self.state {
            State::Empty => out.replies.push((token, ErrorCode::UnknownMemberId.into())),
            State::PreparingRebalance => out.replies.push((token, ErrorCode::RebalanceInProgress.into())),
            State::Stable => {
                let reply = self.synced(&member.assignment);
                self.unsynced.remove(&id);
                out.replies.push((token, reply));
            }
            State::CompletingRebalance => {
                self.unsynced.remove(&id);
                if let Some(member) = self.members.get_mut(&id) {
                    let again = || Reply::Refused(Refusal::from(ErrorCode::RebalanceInProgress));
                    Self::reply(out, member.syncing.replace(token), again);
                }
                if self.leader.as_ref() == Some(&id) {
                    self.assign(cx, request.assignments, out);
                }
            }
        }
    }

    fn check_sync(&self, request: &Sync) -> Result<(), ErrorCode> {
        let differ = |told: &Option<String>, known: &Option<String>| matches!((told, known), (Some(told), Some(known)) if told != known);
        self.check_member(&request.who.member_id, request.who.instance_id.as_deref())?;
        if request.who.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if differ(&request.protocol_type, &self.protocol_type) || differ(&request.protocol, &self.protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// The leader's word: a snapshot, and everybody who waits gets its share once that is committed.
    fn assign(&mut self, cx: &Cx<'_>, assignments: Vec<(String, Vec<u8>)>, out: &mut Outcome) {
        let shares: BTreeMap<String, Vec<u8>> = assignments.into_iter().collect();
        let share = |id: &str| shares.get(id).map_or(&[][..], Vec::as_slice);
        let sizes = self.members.iter().map(|(id, m)| {
            let metadata = m.metadata(self.protocol.as_deref().unwrap_or_default());
            2 * id.len() + m.client_id.len() + m.client_host.len() + metadata.len() + share(id).len() + 32
        });
        if sizes.sum::<usize>() > cx.record_bytes_max {
            for member in self.members.values_mut() {
                Self::reply(out, member.syncing.take(), || ErrorCode::UnknownServerError.into());
            }
            return self.prepare_rebalance(cx, out);
        }
        self.since = Some(cx.now);
        let record = self.snapshot(|_, _| &[]);
        let Record::Group(key, Some(mut value)) = record else { return };
        for member in &mut value.members {
            member.assignment = share(&member.member_id).to_vec().into();
        }
        out.records.push(Record::Group(key, Some(value)));
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            let token = self.members.get_mut(&id).and_then(|member| member.syncing.take());
            if let Some(token) = token {
                out.replies.push((token, self.synced(share(&id))));
                self.touch(cx, &id, out);
            }
        }
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, cx: &Cx<'_>, who: &Identity, out: &mut Outcome) -> ErrorCode {
        if let Err(code) = self.check_member(&who.member_id, who.instance_id.as_deref()) {
            return code;
        }
        if who.generation != self.generation {
            return ErrorCode::IllegalGeneration;
        }
        self.heard_of(cx, &who.member_id, out);
        match self.state {
            State::Empty => ErrorCode::UnknownMemberId,
            State::PreparingRebalance => ErrorCode::RebalanceInProgress,
            State::CompletingRebalance | State::Stable => ErrorCode::None,
        }
    }

    fn heard_of(&mut self, cx: &Cx<'_>, member_id: &str, out: &mut Outcome) {
        let Some(id) = self.members.get_key_value(member_id).map(|(id, _)| Arc::clone(id)) else { return };
        self.touch(cx, &id, out);
    }

    /// LeaveGroup: a code for each who leaves.
    pub fn leave(&mut self, cx: &Cx<'_>, leavers: &[Leaver], out: &mut Outcome) -> Vec<ErrorCode> {
        let codes: Vec<ErrorCode> = leavers.iter().map(|leaver| self.leave_one(leaver, out)).collect();
        if codes.contains(&ErrorCode::None) {
            match self.state {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx, out),
                State::PreparingRebalance => self.complete_if_all(cx, out),
                State::Empty => {}
            }
        }
        codes
    }

    fn leave_one(&mut self, leaver: &Leaver, out: &mut Outcome) -> ErrorCode {
        let instance = leaver.instance_id.as_deref();
        let id = if leaver.member_id.is_empty() {
            // An administrator names a static member by its own name alone.
            match instance.and_then(|instance| self.statics.get(instance)) {
                Some(id) => Arc::clone(id),
                None => return ErrorCode::UnknownMemberId,
            }
        } else if self.pending.remove(&*leaver.member_id).is_some() {
            return ErrorCode::None;
        } else {
            if let Err(code) = self.check_member(&leaver.member_id, instance) {
                return code;
            }
            leaver.member_id.as_str().into()
        };
        self.dismiss(&id, out);
        ErrorCode::None
    }

    /// Whether offsets may be committed by `who`.
    ///
    /// # Errors
    /// The code for the client.
    pub fn check_commit(&mut self, cx: &Cx<'_>, who: &Identity, out: &mut Outcome) -> Result<(), ErrorCode> {
        let anonymous = who.generation < 0 && who.member_id.is_empty() && who.instance_id.is_none();
        if self.state == State::Empty && who.generation < 0 {
            return Ok(());
        }
        if anonymous {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.check_member(&who.member_id, who.instance_id.as_deref())?;
        if who.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.heard_of(cx, &who.member_id, out);
        Ok(())
    }
}
