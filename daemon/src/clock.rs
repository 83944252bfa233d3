//! The clock: milliseconds since the Unix epoch that never run backwards.
//!
//! The core's deadlines and timestamps share one clock, so a step of the wall clock must neither fire nor delay what
//! waits. Time runs with the monotonic clock and leans towards the wall clock by at most an eighth of what passes;
//! only a wall clock that is more than an hour ahead (a machine that slept, or booted without a clock) is followed
//! at once.

use kq::types::Millis;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const JUMP_US: i64 = 3_600_000_000;

/// See the file's promise.
#[derive(Debug)]
pub struct Clock {
    last: Instant,
    now_us: i64,
}

impl Clock {
    /// A clock that begins at the wall clock's time.
    pub fn start() -> Clock {
        Clock { last: Instant::now(), now_us: wall_us() }
    }

    /// The time now.
    pub fn now(&mut self) -> Millis {
        let instant = Instant::now();
        let elapsed = instant.saturating_duration_since(self.last);
        self.last = instant;
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

/// The wall clock, in microseconds since the Unix epoch.
pub fn wall_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_set_back_slows_time_but_never_turns_it() {
        let mut clock = Clock { last: Instant::now(), now_us: 1_000_000_000 };
        clock.advance(Duration::from_secs(8), 1_000_000_000 - 60_000_000);
        assert_eq!(clock.now_us, 1_000_000_000 + 7_000_000);
        clock.advance(Duration::ZERO, 0);
        assert_eq!(clock.now_us, 1_007_000_000);
    }

    #[test]
    fn a_wall_clock_far_ahead_is_followed() {
        let mut clock = Clock { last: Instant::now(), now_us: 0 };
        clock.advance(Duration::from_secs(1), JUMP_US * 24);
        assert_eq!(clock.now_us, JUMP_US * 24);
    }
}
