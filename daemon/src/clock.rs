//! The clock: milliseconds since the Unix epoch that never run backwards.
//!
//! The core's deadlines and timestamps share one clock, so a step of the wall clock must neither fire nor delay what
//! waits: a broker whose clock was set a day ahead once fenced all others and forgot their producers. Time runs with the
//! time since boot, in which a machine's sleep counts, and leans towards the wall clock by at most an eighth of what
//! passes. Only a wall clock that is more than a year ahead (a machine that booted without one) is followed at once.

use kq::types::Millis;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const JUMP_US: i64 = 365 * 24 * 3_600_000_000;

/// See the file's promise.
#[derive(Debug)]
pub struct Clock {
    last: Duration,
    now_us: i64,
}

impl Clock {
    /// A clock that begins at the wall clock's time.
    pub fn start() -> Clock {
        Clock { last: since_boot(), now_us: wall_us() }
    }

    /// The time now.
    pub fn now(&mut self) -> Millis {
        let since_boot = since_boot();
        let elapsed = since_boot.saturating_sub(self.last);
        self.last = since_boot;
        self.advance(elapsed, wall_us());
        self.now_us / 1000
    }

    fn advance(&mut self, elapsed: Duration, wall_us: i64) {
        let elapsed_us = elapsed.as_micros() as i64;
        let next = self.now_us + elapsed_us;
        let drift = wall_us - next;
        self.now_us = match drift {
            JUMP_US.. => wall_us,
            _ => next + drift.clamp(-elapsed_us / 8, elapsed_us / 8),
        };
    }
}

fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The wall clock, in microseconds since the Unix epoch.
pub fn wall_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_set_back_slows_time_but_never_turns_it() {
        let mut clock = Clock { last: since_boot(), now_us: 1_000_000_000 };
        clock.advance(Duration::from_secs(8), 1_000_000_000 - 60_000_000);
        assert_eq!(clock.now_us, 1_000_000_000 + 7_000_000);
        clock.advance(Duration::ZERO, 0);
        assert_eq!(clock.now_us, 1_007_000_000);
    }

    #[test]
    fn a_wall_clock_set_ahead_ends_no_lease() {
        let day_us = 24 * 3_600_000_000;
        let mut clock = Clock { last: since_boot(), now_us: 0 };
        clock.advance(Duration::from_secs(8), day_us);
        assert_eq!(clock.now_us, 9_000_000);
    }

    #[test]
    fn a_sleep_counts() {
        let day_us = 24 * 3_600_000_000;
        let mut clock = Clock { last: since_boot(), now_us: 0 };
        clock.advance(Duration::from_secs(24 * 3600), day_us + 5);
        assert_eq!(clock.now_us, day_us + 5);
    }

    #[test]
    fn a_machine_that_booted_without_a_clock_is_set_right_at_once() {
        let mut clock = Clock { last: since_boot(), now_us: 0 };
        clock.advance(Duration::from_secs(1), JUMP_US * 50);
        assert_eq!(clock.now_us, JUMP_US * 50);
    }
}
