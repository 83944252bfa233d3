//! Requests that wait: until offsets are reached, logs are opened, a question is answered, records are committed, or a
//! deadline passes. What waits is a closure that runs to the request's end.

use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::{Answer, Effect};
use crate::meta;
use crate::types::{LogId, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// At most so many requests wait at once; beyond, requests are answered as if their deadline had passed.
pub const PARKED_REQUESTS_MAX: usize = 1_000_000;

/// Names one waiting request.
pub type Token = u64;

/// Runs a request to its end.
pub type Then<T> = Box<dyn for<'e> FnOnce(&mut Broker, T, &mut Vec<Effect<'e>>) + Send>;

/// What became of one part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Still open: the deadline came first.
    Open,
    /// As asked.
    Done,
    /// It failed.
    Failed(ErrorCode),
}

/// Why a fetch runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// One of its logs has grown.
    Grown,
    /// It must not wait any longer: it is to be answered with what there is.
    Late,
}

/// What a request waits for.
pub enum Waiting {
    /// Every part, or the deadline.
    All {
        /// The parts' states.
        parts: Vec<Part>,
        /// How many are open.
        open: usize,
        /// What then.
        then: Then<Vec<Part>>,
    },
    /// Any of these logs to grow, or the deadline.
    Any {
        /// The logs.
        logs: Vec<LogId>,
        /// What then.
        then: Then<Woken>,
    },
    /// The answer to a question.
    Answer(Then<Answer>),
    /// A group's reply, or why its coordinator has none.
    Group(Then<crate::broker::GroupResult>),
    /// The controller's reply; `None` when the metadata log is out of service.
    Meta(Then<Option<meta::Reply>>),
}

/// All that wait.
#[derive(Default)]
pub struct Parked {
    next: Token,
    waiting: BTreeMap<Token, (Waiting, Option<Millis>)>,
    deadlines: BTreeSet<(Millis, Token)>,
}

impl Parked {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Parks a request.
    pub fn put(&mut self, waiting: Waiting, deadline: Option<Millis>) -> Token {
        self.next += 1;
        self.waiting.insert(self.next, (waiting, deadline));
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, self.next));
        }
        self.next
    }

    /// Whether a request still waits.
    pub fn holds(&self, token: Token) -> bool {
        self.waiting.contains_key(&token)
    }

    /// Takes a request out.
    pub fn take(&mut self, token: Token) -> Option<Waiting> {
        let (waiting, deadline) = self.waiting.remove(&token)?;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, token));
        }
        Some(waiting)
    }

    /// One part of an `All` is settled; the request comes out when it was the last one.
    pub fn settle(&mut self, token: Token, index: usize, part: Part) -> Option<(Vec<Part>, Then<Vec<Part>>)> {
        let (Waiting::All { parts, open, .. }, _) = self.waiting.get_mut(&token)? else { return None };
        if parts[index] != Part::Open {
            return None;
        }
        parts[index] = part;
        *open -= 1;
        if *open > 0 {
            return None;
        }
        match self.take(token) {
            Some(Waiting::All { parts, then, .. }) => Some((parts, then)),
            _ => None,
        }
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A request whose deadline has passed.
    pub fn take_due(&mut self, now: Millis) -> Option<(Token, Waiting)> {
        let &(deadline, token) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.take(token).map(|waiting| (token, waiting))
    }

    /// Everything that waits, oldest first.
    pub fn all(&self) -> Vec<Token> {
        self.waiting.keys().copied().collect()
    }

    /// Fetches that wait, oldest first.
    pub fn fetches(&self) -> Vec<Token> {
        let any = self.waiting.iter().filter(|(_, (waiting, _))| matches!(waiting, Waiting::Any { .. }));
        any.map(|(token, _)| *token).collect()
    }
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parked({} waiting)", self.waiting.len())
    }
}
