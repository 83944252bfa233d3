//! What the shell itself waits for. Nothing ticks: an entry is there only while there is something to wait for.

use kq::types::{ConnId, Millis};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Timers of closed connections that are not worth looking for.
const FORGET_MIN: usize = 4096;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// See whether the connection did anything lately.
    Idle(ConnId),
    /// A throttled connection may be read again.
    Unmute(ConnId),
    /// Try to accept again after the process had no file descriptor left.
    Accept,
    /// An HTTP connection has had its time.
    Http(u64),
    /// Write the recovery points.
    Checkpoint,
    /// A removed segment's files have been kept long enough, or compaction may look again.
    Chores,
}

/// The timers, soonest first.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(Millis, Timer)>>);

impl Timers {
    /// Adds one.
    pub fn add(&mut self, at: Millis, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    /// Forgets connections that are gone, once there are many of those.
    pub fn forget(&mut self, open: usize, is_open: impl Fn(ConnId) -> bool) {
        if self.0.len() > 2 * open + FORGET_MIN {
            self.0.retain(|Reverse((_, timer))| match timer {
                Timer::Idle(id) | Timer::Unmute(id) => is_open(*id),
                _ => true,
            });
        }
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Millis> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due.
    pub fn take(&mut self, now: Millis) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_connections_are_forgotten() {
        let mut timers = Timers::default();
        timers.add(1, Timer::Checkpoint);
        (0..FORGET_MIN as u64 + 1).for_each(|i| timers.add(5, Timer::Idle(ConnId(i))));
        timers.forget(1, |id| id == ConnId(7));
        assert_eq!(timers.0.len(), FORGET_MIN + 2);
        timers.forget(0, |id| id == ConnId(7));
        assert_eq!(timers.0.len(), 2);
    }

    #[test]
    fn soonest_first() {
        let mut timers = Timers::default();
        timers.add(20, Timer::Accept);
        timers.add(10, Timer::Checkpoint);
        assert_eq!((timers.next(), timers.take(9)), (Some(10), None));
        assert_eq!(timers.take(30), Some(Timer::Checkpoint));
        assert_eq!(timers.take(30), Some(Timer::Accept));
        assert_eq!(timers.take(30), None);
    }
}
