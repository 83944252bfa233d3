//! Whether and when to try again.

use crate::error::ErrorCode;
use crate::types::Millis;

/// First pause before trying again, in milliseconds; each further one is twice as long.
const PAUSE_MS_FIRST: Millis = 20;
/// The longest pause, in milliseconds.
const PAUSE_MS_MAX: Millis = 1_000;

/// What an error code asks of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It worked.
    Done,
    /// Try again at the same broker.
    Again,
    /// Ask for fresh metadata, then try again at whoever leads now.
    Elsewhere,
    /// Trying again cannot help.
    Fail,
}

/// What `code` asks of a client.
pub fn verdict(code: ErrorCode) -> Verdict {
    match code {
        ErrorCode::None => Verdict::Done,
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::LeaderNotAvailable
        | ErrorCode::NotLeaderOrFollower
        | ErrorCode::ReplicaNotAvailable
        | ErrorCode::NotController
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::UnknownLeaderEpoch
        | ErrorCode::ListenerNotFound
        | ErrorCode::KafkaStorageError
        | ErrorCode::NetworkException
        | ErrorCode::InconsistentTopicId => Verdict::Elsewhere,
        code if code.is_retriable() => Verdict::Again,
        _ => Verdict::Fail,
    }
}

/// The pauses between attempts, up to a deadline.
#[derive(Clone, Debug)]
pub struct Retry {
    deadline: Millis,
    pause_ms: Millis,
}

impl Retry {
    /// Attempts until `deadline`.
    pub fn until(deadline: Millis) -> Self {
        Retry { deadline, pause_ms: PAUSE_MS_FIRST }
    }

    /// How long to wait before the next attempt, in milliseconds; `None` when that would pass the deadline.
    pub fn pause_ms(&mut self, now: Millis) -> Option<Millis> {
        let pause = self.pause_ms;
        self.pause_ms = (pause * 2).min(PAUSE_MS_MAX);
        (now.saturating_add(pause) < self.deadline).then_some(pause)
    }
}
