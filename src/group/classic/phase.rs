//! The phases of a rebalance, and what time does to them.

use super::{ClassicGroup, JoinPhase, State};
use crate::error::ErrorCode;
use crate::group::command::{Joined, Reply};
use crate::group::{Alarm, Cx, Outcome, Refusal};
use crate::types::Millis;
use std::sync::Arc;

impl ClassicGroup {
    pub(super) fn rebalance_or_complete(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        if self.state == State::PreparingRebalance {
            self.complete_if_all(cx, out);
        } else {
            self.prepare_rebalance(cx, out);
        }
    }

    /// Everybody is to join again.
    pub(super) fn prepare_rebalance(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        if self.state == State::CompletingRebalance {
            // What was shared out last stays, though it is not shown any more: a cooperative member may still hold it,
            // should the group become a consumer group now.
            for member in self.members.values_mut() {
                member.is_outdated = true;
                let again = || Reply::Refused(Refusal::from(ErrorCode::RebalanceInProgress));
                Self::reply(out, member.syncing.take(), again);
            }
        }
        self.lead();
        self.unsynced.clear();
        self.sync_until = None;
        let initial = self.state == State::Empty;
        self.enter(cx.now, State::PreparingRebalance);
        if initial {
            let delay_ms = Millis::from(cx.settings.initial_rebalance_delay_ms.max(0));
            let remaining_ms = (self.rebalance_timeout_ms() - delay_ms).max(0);
            self.grew = false;
            self.set_phase(JoinPhase::Initial { at: cx.now.saturating_add(delay_ms), delay_ms, remaining_ms }, out);
        } else if self.all_joined() {
            self.complete_join(cx, out);
        } else {
            let until = cx.now.saturating_add(self.rebalance_timeout_ms());
            self.set_phase(JoinPhase::Until(until), out);
        }
    }

    /// Ends the join phase when all are here; a group that was empty waits on.
    pub(super) fn complete_if_all(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        if self.state == State::PreparingRebalance && !self.was_empty && self.all_joined() {
            self.complete_join(cx, out);
        }
    }

    fn all_joined(&self) -> bool {
        self.members.len() == self.joining && self.pending.is_empty()
    }

    fn rebalance_timeout_ms(&self) -> Millis {
        Millis::from(self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0))
    }

    fn set_phase(&mut self, phase: JoinPhase, out: &mut Outcome) {
        let (JoinPhase::Until(at) | JoinPhase::Initial { at, .. }) = phase;
        self.phase = Some(phase);
        out.alarms.push((at, Alarm::Group));
    }

    /// The next generation: who has not come is out, static members excepted.
    fn complete_join(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        self.phase = None;
        let late = self.members.iter().filter(|(_, m)| m.joining.is_none() && m.instance_id.is_none());
        let late: Vec<Arc<str>> = late.map(|(id, _)| Arc::clone(id)).collect();
        for id in &late {
            self.remove(id);
        }
        if !self.elect_leader() && !self.members.is_empty() {
            // Only static members, and none of them is here: sessions tell which of them are gone.
            let until = cx.now.saturating_add(self.rebalance_timeout_ms().max(1));
            return self.set_phase(JoinPhase::Until(until), out);
        }
        self.generation = self.generation.wrapping_add(1).max(0);
        self.unsynced.clear();
        if self.members.is_empty() {
            self.protocol = None;
            self.leader = None;
            self.enter(cx.now, State::Empty);
            self.understand();
            return out.records.push(self.record());
        }
        self.protocol = self.elect_protocol();
        self.enter(cx.now, State::CompletingRebalance);
        self.understand();
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            let is_leader = self.leader.as_ref() == Some(&id);
            if let Some(token) = self.take_join(&id) {
                out.replies.push((token, self.joined(&id, is_leader)));
            }
            self.touch(cx, &id, out);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            self.unsynced.insert(id);
        }
        let until = cx.now.saturating_add(self.rebalance_timeout_ms());
        self.sync_until = Some(until);
        out.alarms.push((until, Alarm::Group));
    }

    /// A leader that has not come hands over to one who has.
    fn elect_leader(&mut self) -> bool {
        let here = |id: &Arc<str>| self.members.get(id).is_some_and(|member| member.joining.is_some());
        match &self.leader {
            None => false,
            Some(leader) if here(leader) => true,
            Some(_) => match self.members.iter().find(|(_, member)| member.joining.is_some()) {
                Some((id, _)) => {
                    self.leader = Some(Arc::clone(id));
                    true
                }
                None => false,
            },
        }
    }

    pub(super) fn phase_alarm(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        match self.phase {
            Some(JoinPhase::Until(at)) if at <= cx.now => self.complete_join(cx, out),
            Some(JoinPhase::Initial { at, delay_ms, remaining_ms }) if at <= cx.now => {
                if !self.grew || remaining_ms == 0 {
                    return self.complete_join(cx, out);
                }
                self.grew = false;
                let next_ms = Millis::from(cx.settings.initial_rebalance_delay_ms.max(0)).min(remaining_ms);
                let phase = JoinPhase::Initial {
                    at: cx.now.saturating_add(next_ms),
                    delay_ms: next_ms,
                    remaining_ms: (remaining_ms - delay_ms).max(0),
                };
                self.set_phase(phase, out);
            }
            _ => {}
        }
        if self.sync_until.is_some_and(|until| until <= cx.now) {
            self.sync_until = None;
            let late: Vec<Arc<str>> = std::mem::take(&mut self.unsynced).into_iter().collect();
            if !late.is_empty() && matches!(self.state, State::CompletingRebalance | State::Stable) {
                for id in &late {
                    self.remove(id);
                }
                self.prepare_rebalance(cx, out);
            }
        }
    }

    pub(super) fn member_alarm(&mut self, cx: &Cx<'_>, id: &Arc<str>, out: &mut Outcome) {
        if let Some(until) = self.pending.get(id) {
            if *until <= cx.now {
                self.pending.remove(id);
                self.complete_if_all_were_awaited(cx, out);
            }
            return;
        }
        let Some(member) = self.members.get_mut(id) else { return };
        member.armed = Millis::MAX;
        if member.deadline > cx.now {
            return super::arm(member, id, out);
        }
        if !member.is_waiting() {
            self.expel(cx, id, out);
        }
    }

    /// A member is gone.
    pub(super) fn expel(&mut self, cx: &Cx<'_>, id: &Arc<str>, out: &mut Outcome) {
        self.dismiss(id, out);
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx, out),
            State::PreparingRebalance => self.complete_if_all_were_awaited(cx, out),
            State::Empty => {}
        }
    }

    /// Takes a member out; its own requests that wait are told.
    pub(super) fn dismiss(&mut self, id: &Arc<str>, out: &mut Outcome) {
        let join = self.take_join(id);
        Self::reply(out, join, || Joined::refused(ErrorCode::UnknownMemberId, ""));
        let sync = self.members.get_mut(id).and_then(|member| member.syncing.take());
        Self::reply(out, sync, || Reply::Refused(Refusal::from(ErrorCode::UnknownMemberId)));
        self.remove(id);
    }

    /// As Kafka does when somebody goes: even the first rebalance ends when nobody else is awaited.
    fn complete_if_all_were_awaited(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        if self.state == State::PreparingRebalance && self.all_joined() {
            self.complete_join(cx, out);
        }
    }
}
