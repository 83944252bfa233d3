//! Consumer groups of the new protocol (KIP-848): the broker assigns, members reconcile one by one.
//!
//! # The epochs
//!
//! The *group epoch* is raised by every change of what the group is about: a member comes or goes, its subscription
//! changes, a topic of it gets partitions or is deleted. The *target* says who shall read what; it is computed for a
//! group epoch, at most once per `group.consumer.assignment.interval.ms` (KIP-1263). Each member has an epoch, too: that
//! of the last target it has fully taken. [`reconcile`](self) is the way there, with each of its heartbeats: give back
//! first, take what nobody holds. So a partition has one owner at any time.
//!
//! # Decide, then replay
//!
//! Every command is decided against what the records say and gives records; [`ConsumerGroup::replay`] takes them in.
//! Records of a [`Decision`] must be replayed before the next command. Deadlines are soft state (`soft`): commands set
//! them, nobody writes them down.
//!
//! # Both protocols in one group
//!
//! Members that speak the classic protocol (JoinGroup, SyncGroup, Heartbeat) may be members, too, while a group moves
//! from one to the other (`group.consumer.migration.policy`): [`ConsumerGroup::join`] and its like. For the broker
//! they are members whose target reaches them by SyncGroup. A living classic group becomes a consumer group by
//! [`upgrade`]; when the last member of the new protocol leaves, [`Answer::becomes`] is the classic group that is left.
//!
//! # Not here
//!
//! Who may do what is for who calls. Racks are written down and not looked at, as in Apache Kafka 4.

mod assign;
mod classic;
mod convert;
mod describe;
mod draft;
mod heartbeat;
mod member;
mod offsets;
mod reconcile;
pub mod record;
mod regex;
mod soft;
mod state;
mod topics;

#[cfg(test)]
mod tests;

pub use assign::{Assignor, Subscriber};
pub use convert::upgrade;
pub use describe::{Description, GroupState, MemberDescription};
pub use heartbeat::{Heartbeat, HeartbeatReply, check_heartbeat};
pub use member::{JOIN_EPOCH, LEAVE_EPOCH, MemberState, Partitions, STATIC_LEAVE_EPOCH};
pub use offsets::{CommitCheck, Committer};
pub use record::Record;

use crate::group::classic::ClassicGroup;
use crate::group::{Alarm, Cx};
use crate::types::Millis;
use convert::downgrade;
use draft::gone;
use soft::{Deadlines, Overdue, Seen, Timer};
use state::{State, sub};
use std::collections::BTreeSet;

/// What comes of a command.
pub type Decision<A> = crate::group::Decision<Record, Answer<A>>;

/// The answer to a command, and what the group turns into.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<A> {
    /// The answer.
    pub reply: A,
    /// Set when the records end this group and it goes on as a classic group: its record belongs into the same batch.
    pub becomes: Option<Box<ClassicGroup>>,
}

impl<A> Answer<A> {
    fn plain(reply: A) -> Answer<A> {
        Answer { reply, becomes: None }
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    id: String,
    state: State,
    seen: Seen,
    deadlines: Deadlines,
}

impl ConsumerGroup {
    /// An empty group.
    pub fn new(id: &str) -> ConsumerGroup {
        let (state, seen, deadlines) = (State::default(), Seen::default(), Deadlines::default());
        ConsumerGroup { id: id.to_owned(), state, seen, deadlines }
    }

    /// Takes one record in: of this group, from the log or from a [`Decision`]. After [`Record::ends_group`] the group
    /// is to be dropped.
    pub fn replay(&mut self, record: &Record) {
        self.state.replay(record);
    }

    /// Everybody is due a session from now: after a load, or after [`upgrade`]. What comes back are alarms to set.
    pub fn loaded(&mut self, cx: &Cx<'_>) -> Vec<(Millis, Alarm)> {
        let session = i64::from(cx.settings.consumer.session_timeout_ms);
        let mut timers = Vec::new();
        for member in self.state.members.values() {
            let own = member.classic.as_ref().map(|classic| i64::from(classic.session_timeout_ms));
            timers.push((member.id.clone(), Timer::Session(own.unwrap_or(session))));
            if member.state == MemberState::UnrevokedPartitions && member.classic.is_none() {
                let ms = i64::from(member.rebalance_timeout_ms.max(0));
                timers.push((member.id.clone(), Timer::Rebalance(member.epoch, ms)));
            }
        }
        self.deadlines.apply(cx.now, &timers)
    }

    /// An alarm went off: members that are overdue are out.
    pub fn alarm(&mut self, cx: &Cx<'_>, alarm: &Alarm) -> Decision<()> {
        let nothing = |alarms| Decision { records: Vec::new(), alarms, reply: Answer::plain(()) };
        let Alarm::Member(id) = alarm else { return nothing(Vec::new()) };
        let (overdue, next) = self.deadlines.look(cx.now, id);
        let is_out = match (overdue, self.state.members.get(&**id)) {
            (Overdue::No, _) | (_, None) => false,
            (Overdue::Yes, Some(_)) => true,
            (Overdue::InEpoch(epoch), Some(member)) => member.epoch == epoch,
        };
        if is_out {
            return self.fence(cx, &BTreeSet::from([id.to_string()]), ());
        }
        nothing(next.into_iter().collect())
    }

    /// The records after which nothing is left of the group, its offsets aside.
    pub fn tombstones(&self) -> Vec<Record> {
        self.state.tombstones()
    }

    fn decided<A>(
        &mut self,
        cx: &Cx<'_>,
        records: Vec<Record>,
        timers: &[(String, Timer)],
        reply: Answer<A>,
    ) -> Decision<A> {
        let alarms = self.deadlines.apply(cx.now, timers);
        Decision { records, alarms, reply }
    }

    /// Takes members out. When only members of the classic protocol are left, the group may become a classic one.
    fn fence<A>(&mut self, cx: &Cx<'_>, ids: &BTreeSet<String>, reply: A) -> Decision<A> {
        if ids.is_empty() {
            return self.decided(cx, Vec::new(), &[], Answer::plain(reply));
        }
        let state = &self.state;
        if let Some(classic) = downgrade(state, cx, &self.id, ids) {
            let becomes = Some(Box::new(classic));
            let records = state.tombstones();
            return self.decided(cx, records, &[], Answer { reply, becomes });
        }
        let mut records: Vec<Record> = ids.iter().flat_map(|id| gone(id)).collect();
        let (mut names, mut regexes) = (state.names.clone(), state.regexes.clone());
        for member in ids.iter().filter_map(|id| state.members.get(id)) {
            member.topic_names.iter().for_each(|name| sub(&mut names, name));
            member.regex().into_iter().for_each(|regex| sub(&mut regexes, regex));
        }
        let unused = state.regexes.keys().filter(|regex| !regexes.contains_key(*regex));
        records.extend(unused.map(|regex| Record::Regex(regex.clone(), None)));
        let hash = State::hash(&names, &regexes, &state.resolved, cx.topics);
        records.push(Record::Epoch(Some((state.epoch.saturating_add(1), hash))));
        let timers: Vec<_> = ids.iter().map(|id| (id.clone(), Timer::Gone)).collect();
        self.decided(cx, records, &timers, Answer::plain(reply))
    }
}
