//! What a group does not write down: when members are overdue, and which picture of the topics it has looked at.
//! After a restart every member has a full session to show itself again.

use crate::group::Alarm;
use crate::types::{Epoch, Millis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The pictures of the topics that were looked at; none after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// The version with which the group's checksum was compared.
    pub metadata: Option<u64>,
    /// The version in which patterns were resolved, and when.
    pub patterns: Option<(u64, Millis)>,
}

/// A change of what is due for a member; times in ms from now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// It is out unless it is heard of before.
    Session(i64),
    /// It is out unless it leaves the epoch before: it has partitions to give back.
    Rebalance(Epoch, i64),
    /// It has nothing to give back.
    NoRebalance,
    /// It speaks the classic protocol and is out unless it joins before; what is set already stays.
    Join(i64),
    /// It has joined.
    NoJoin,
    /// It speaks the classic protocol and is out unless it syncs before.
    Sync(i64),
    /// It has synced.
    NoSync,
    /// It is no longer a member.
    Gone,
}

#[derive(Clone, Debug, Default)]
struct Due {
    session: Option<Millis>,
    rebalance: Option<(Millis, Epoch)>,
    join: Option<Millis>,
    sync: Option<Millis>,
    /// The earliest alarm that is set.
    alarm: Option<Millis>,
}

impl Due {
    fn earliest(&self) -> Option<Millis> {
        [self.session, self.rebalance.map(|(at, _)| at), self.join, self.sync].into_iter().flatten().min()
    }
}

/// What is due, by member.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeMap<String, Due>);

/// What an alarm found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overdue {
    /// Nothing.
    No,
    /// It was silent for too long, or did not do what its protocol asks of it in time.
    Yes,
    /// It did not leave this epoch in time.
    InEpoch(Epoch),
}

impl Deadlines {
    /// Takes changes in; what comes back are alarms to set.
    pub fn apply(&mut self, now: Millis, timers: &[(String, Timer)]) -> Vec<(Millis, Alarm)> {
        let mut alarms = Vec::new();
        for (id, timer) in timers {
            if *timer == Timer::Gone {
                self.0.remove(id);
                continue;
            }
            let due = self.0.entry(id.clone()).or_default();
            match *timer {
                Timer::Session(ms) => due.session = Some(now.saturating_add(ms)),
                Timer::Rebalance(epoch, ms) => due.rebalance = Some((now.saturating_add(ms), epoch)),
                Timer::NoRebalance => due.rebalance = None,
                Timer::Join(ms) => due.join = due.join.or(Some(now.saturating_add(ms))),
                Timer::NoJoin => due.join = None,
                Timer::Sync(ms) => due.sync = Some(now.saturating_add(ms)),
                Timer::NoSync => due.sync = None,
                Timer::Gone => {}
            }
            alarms.extend(due.set_alarm(id));
        }
        alarms
    }

    /// An alarm went off: what is overdue; and the next alarm when nothing is.
    pub fn look(&mut self, now: Millis, id: &str) -> (Overdue, Option<(Millis, Alarm)>) {
        let Some(due) = self.0.get_mut(id) else { return (Overdue::No, None) };
        if due.alarm.is_some_and(|at| at <= now) {
            due.alarm = None;
        }
        if [due.session, due.join, due.sync].into_iter().flatten().any(|at| at <= now) {
            return (Overdue::Yes, None);
        }
        if let Some((_, epoch)) = due.rebalance.filter(|(at, _)| *at <= now) {
            due.rebalance = None;
            return (Overdue::InEpoch(epoch), due.set_alarm(id));
        }
        (Overdue::No, due.set_alarm(id))
    }
}

impl Due {
    fn set_alarm(&mut self, id: &str) -> Option<(Millis, Alarm)> {
        let at = self.earliest().filter(|at| self.alarm.is_none_or(|set| *at < set))?;
        self.alarm = Some(at);
        Some((at, Alarm::Member(Arc::from(id))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_only_writes_a_deadline() {
        let mut deadlines = Deadlines::default();
        let beat = [("m".to_owned(), Timer::Session(100))];
        let alarm = |at| (at, Alarm::Member(Arc::from("m")));
        assert_eq!(deadlines.apply(0, &beat), [alarm(100)]);
        assert_eq!(deadlines.apply(60, &beat), []);
        assert_eq!(deadlines.look(100, "m"), (Overdue::No, Some(alarm(160))));
        assert_eq!(deadlines.look(160, "m"), (Overdue::Yes, None));
    }

    #[test]
    fn the_earliest_counts_and_a_join_is_not_put_off() {
        let mut deadlines = Deadlines::default();
        let alarm = |at| (at, Alarm::Member(Arc::from("m")));
        let mut apply = |now, timer| deadlines.apply(now, &[("m".to_owned(), timer)]);
        assert_eq!(apply(0, Timer::Session(100)), [alarm(100)]);
        assert_eq!(apply(0, Timer::Rebalance(3, 50)), [alarm(50)]);
        assert_eq!(apply(10, Timer::Join(30)), [alarm(40)]);
        assert_eq!(apply(20, Timer::Join(30)), []);
        assert_eq!(apply(30, Timer::NoJoin), []);
        assert_eq!(deadlines.look(40, "m"), (Overdue::No, Some(alarm(50))));
        assert_eq!(deadlines.look(50, "m"), (Overdue::InEpoch(3), Some(alarm(100))));
        assert_eq!(deadlines.apply(60, &[("m".to_owned(), Timer::Gone)]), []);
        assert_eq!(deadlines.look(100, "m"), (Overdue::No, None));
    }
}
