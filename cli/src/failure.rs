//! One failure type: what and where, why, what next, and the exit code.

use kq::client::ClientError;
use kq::error::ErrorCode;
use kq::wire::WireError;
use serde_json::{Value, json};
use std::fmt;

/// What went wrong, as far as the exit code cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Something that was asked for failed (or one item of several).
    Failed,
    /// The command line is wrong, or a question could not be asked.
    Usage,
    /// A preflight check said no.
    Preflight,
    /// What was watched is above the limit that was given.
    OverLimit,
    /// Time ran out.
    TimedOut,
    /// The user interrupted.
    Interrupted,
}

impl Kind {
    /// The process's exit code. 4 (host unreachable) and 5 (remote command failed) belong to commands that watch over
    /// hosts.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Preflight => 3,
            Kind::OverLimit => 10,
            Kind::TimedOut => 124,
            Kind::Interrupted => 130,
        }
    }
}

/// A failure on its way to the user.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which exit code.
    pub kind: Kind,
    /// A word for scripts: Kafka's error name, or one of ours in capitals.
    pub code: String,
    /// What failed, and where.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// Something failed: exit 1.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Failure { kind: Kind::Failed, code: code.into(), message: message.into(), causes: Vec::new(), hint: None }
    }

    /// The command line is wrong: exit 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Usage, ..Failure::new("USAGE", message) }
    }

    /// Time ran out: exit 124.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Failure {
            kind: Kind::TimedOut,
            hint: Some("give it longer with --timeout".into()),
            ..Failure::new("TIMED_OUT", message)
        }
    }

    /// The broker's answer to one item: its code, and its own words where it sent some.
    pub fn answered(code: ErrorCode, what: impl fmt::Display, words: Option<&str>) -> Self {
        let message = match words {
            // Some brokers have words for this one and some do not; they say no more than ours.
            Some(words) if !words.is_empty() && code != ErrorCode::UnknownTopicOrPartition => {
                format!("{what}: {words}")
            }
            _ => format!("{what}: {}", explain(code)),
        };
        let mut failure = Failure::new(code.name(), message);
        if code == ErrorCode::RequestTimedOut {
            failure.kind = Kind::TimedOut;
        }
        failure
    }

    /// Adds the reason.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As it stands in the JSON envelope.
    pub fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "cause": self.causes, "hint": self.hint })
    }

    /// Several items failed: the first failure decides the exit code, unless a later one is no time-out.
    pub fn of_many(mut failures: Vec<Failure>, of: usize) -> Result<(), Failure> {
        match failures.len() {
            0 => Ok(()),
            1 if of == 1 => Err(failures.remove(0)),
            failed => Err(Failure::new(
                &failures[0].code.clone(),
                format!("{failed} of {of} failed: {}", join(failures.iter().map(|f| f.message.clone()), "; ")),
            )),
        }
    }
}

fn join(items: impl Iterator<Item = String>, separator: &str) -> String {
    items.collect::<Vec<_>>().join(separator)
}

/// Plain words for the codes that users meet; the name for the others.
pub fn explain(code: ErrorCode) -> String {
    let words = match code {
        ErrorCode::UnknownTopicOrPartition => "no such topic or partition",
        ErrorCode::TopicAlreadyExists => "the topic exists already",
        ErrorCode::InvalidTopicException => "not a valid topic name",
        ErrorCode::LeaderNotAvailable => "the partition has no leader",
        ErrorCode::NotController => "the broker is not the controller any more",
        ErrorCode::OffsetOutOfRange => "the offset is outside the log",
        ErrorCode::UnsupportedVersion => "the broker does not support this request",
        ErrorCode::TopicDeletionDisabled => "the broker has delete.topic.enable=false",
        ErrorCode::PolicyViolation => "a policy forbids it",
        ErrorCode::KafkaStorageError => "the log directory is out of service",
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            "fewer replicas in sync than min.insync.replicas"
        }
        other => return format!("the broker answered {other}"),
    };
    format!("{words} ({})", code.name())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Failure::new("BAD_ANSWER", "the broker sent bytes that are no answer to the request").because(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Failure::new("PROTOCOL", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let codes = [Kind::Failed, Kind::Usage, Kind::Preflight, Kind::OverLimit, Kind::TimedOut, Kind::Interrupted];
        assert_eq!(codes.map(Kind::exit_code), [1, 2, 3, 10, 124, 130]);
    }

    #[test]
    fn several_failures_become_one() {
        assert!(Failure::of_many(Vec::new(), 3).is_ok());
        let two = vec![Failure::new("A", "a broke"), Failure::new("B", "b broke")];
        let one = Failure::of_many(two, 3).unwrap_err();
        assert_eq!((one.code.as_str(), one.message.as_str()), ("A", "2 of 3 failed: a broke; b broke"));
    }
}
