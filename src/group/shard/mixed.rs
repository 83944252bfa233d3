//! Consumer groups (KIP-848), members of the classic protocol in them, and the way from one protocol to the other while
//! the group lives.

use super::{ConsumerGroup, Group, Shard, consumer, gone, not_found};
use crate::error::ErrorCode;
use crate::group::command::{Identity, Join, Joined, Leaver, Reply, Sync};
use crate::group::{Cx, GroupId, Outcome, Record, Refusal};
use std::sync::Arc;

impl Shard {
    /// ConsumerGroupHeartbeat. The first one makes the group: of nothing, of a classic group without members, or of a
    /// living classic group, when the settings allow that.
    pub(super) fn consume(
        &mut self,
        cx: &Cx<'_>,
        id: &GroupId,
        mut request: consumer::Heartbeat,
        version: i16,
        all: &mut Outcome,
    ) -> Result<Reply, Refusal> {
        consumer::check_heartbeat(cx, version, id, &request)?;
        if request.member_id.is_empty() {
            request.member_id = cx.fresh.to_text();
        }
        if let Some(Group::Consumer(group)) = self.groups.get_mut(id) {
            let decision = group.heartbeat(cx, &request)?;
            let reply = self.take(cx, id, decision, all);
            return Ok(Reply::Consuming(Box::new(reply)));
        }
        let joins = request.member_epoch == consumer::JOIN_EPOCH;
        let (records, mut waiting) = match self.groups.get_mut(id) {
            None if joins => (Vec::new(), Vec::new()),
            // Kafka has other words for who leaves.
            None if request.member_epoch < consumer::JOIN_EPOCH => return Err(not_found(id)),
            None => {
                return Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Consumer group {id} not found.")));
            }
            Some(Group::Classic(old)) if joins => {
                let records = if old.is_vacant() { Vec::new() } else { consumer::upgrade(cx, id, old)? };
                (records, vec![old])
            }
            Some(_) => {
                return Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} is not a consumer group.")));
            }
        };
        // Nothing has changed before this heartbeat is let in.
        let mut group = ConsumerGroup::new(id);
        records.iter().for_each(|record| group.replay(record));
        let mut alarms = if records.is_empty() { Vec::new() } else { group.loaded(cx) };
        let decision = group.heartbeat(cx, &request)?;
        decision.records.iter().for_each(|record| group.replay(record));
        alarms.extend(decision.alarms);
        if let Some(old) = waiting.pop() {
            all.records.push(gone(id));
            let again = ErrorCode::RebalanceInProgress;
            let told = |token| (token, Reply::Refused(again.into()));
            all.replies.extend(old.abandon().into_iter().map(told));
        }
        let records = records.into_iter().chain(decision.records);
        all.records.extend(records.map(|record| Record::Consumer(Arc::clone(id), record)));
        self.alarms.extend(alarms.into_iter().map(|(at, alarm)| (at, Arc::clone(id), alarm)));
        self.groups.insert(Arc::clone(id), Group::Consumer(Box::new(group)));
        Ok(Reply::Consuming(Box::new(decision.reply.reply)))
    }

    /// Does what a consumer group has decided; its end as such may be a classic group's beginning.
    pub(super) fn take<A>(
        &mut self,
        cx: &Cx<'_>,
        id: &GroupId,
        decision: consumer::Decision<A>,
        all: &mut Outcome,
    ) -> A {
        let records = decision.records.into_iter().map(|record| Record::Consumer(Arc::clone(id), record));
        let out = Outcome { records: records.collect(), replies: Vec::new(), alarms: decision.alarms };
        self.settle(id, out, all);
        if let Some(mut group) = decision.reply.becomes {
            all.records.push(group.record());
            let mut out = Outcome::default();
            group.loaded(cx, &mut out);
            self.groups.insert(Arc::clone(id), Group::Classic(group));
            self.settle(id, out, all);
        }
        decision.reply.reply
    }

    /// JoinGroup to a consumer group.
    pub(super) fn join_mixed(&mut self, cx: &Cx<'_>, id: &GroupId, request: Join, all: &mut Outcome) -> Reply {
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { unreachable!("the caller has looked") };
        match group.join(cx, &request) {
            Err(refusal) => Joined::refused(refusal.code, &request.member_id),
            Ok(decision) => Reply::Join(Box::new(self.take(cx, id, decision, all))),
        }
    }

    /// SyncGroup to a consumer group.
    pub(super) fn sync_mixed(&mut self, cx: &Cx<'_>, id: &GroupId, request: Sync, all: &mut Outcome) -> Reply {
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { unreachable!("the caller has looked") };
        match group.sync(cx, &request) {
            Err(refusal) => Reply::Refused(refusal),
            Ok(decision) => self.take(cx, id, decision, all),
        }
    }

    /// Heartbeat of the classic protocol to a consumer group.
    pub(super) fn heartbeat_mixed(&mut self, cx: &Cx<'_>, id: &GroupId, who: Identity, all: &mut Outcome) -> Reply {
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { unreachable!("the caller has looked") };
        match group.classic_heartbeat(cx, &who) {
            Err(refusal) => Reply::Refused(refusal),
            Ok(decision) => self.take(cx, id, decision, all).into(),
        }
    }

    /// LeaveGroup to a consumer group.
    pub(super) fn leave_mixed(&mut self, cx: &Cx<'_>, id: &GroupId, leavers: &[Leaver], all: &mut Outcome) -> Reply {
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { unreachable!("the caller has looked") };
        let decision = group.leave(cx, leavers);
        Reply::Leave(self.take(cx, id, decision, all))
    }
}
