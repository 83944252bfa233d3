//! Which offsets of a group were committed, and when one may be gone: its topic or its group was deleted, an
//! administrator took it away, or nobody used it for too long.

use super::groups::Part;
use kq::types::{Millis, Offset};
use std::collections::{BTreeMap, BTreeSet};

/// `offsets.retention.minutes` of a run, in milliseconds: one.
pub const RETENTION_MS: Millis = 60_000;

/// The offsets of one partition.
#[derive(Default)]
struct Committed {
    /// The highest that was acknowledged or read.
    floor: Option<Offset>,
    /// Every offset that was ever sent, and when that was first.
    sent: BTreeMap<Offset, Millis>,
}

/// What may be gone, and nobody knows yet whether it is.
struct Doubt {
    /// Offsets of this topic, or all.
    topic: Option<String>,
    floors: BTreeMap<Part, Offset>,
}

impl Doubt {
    fn covers(&self, part: &Part) -> bool {
        self.topic.as_ref().is_none_or(|topic| *topic == part.0)
    }
}

/// What somebody who asks now may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    at_least: Option<Offset>,
    age: u64,
}

/// See the module.
#[derive(Default)]
pub struct Offsets {
    known: BTreeMap<Part, Committed>,
    doubts: Vec<Doubt>,
    age: u64,
    /// Topics that were deleted at least once.
    deleted: BTreeSet<String>,
    /// Topics whose offsets do not expire, since members read them.
    pub in_use: BTreeSet<String>,
}

impl Offsets {
    /// Grows whenever offsets, or the group, may be gone: what was asked or sent before proves nothing afterwards.
    pub fn age(&self) -> u64 {
        self.age
    }

    /// An offset is on its way.
    pub fn committing(&mut self, now: Millis, part: &Part, offset: Offset) {
        self.known.entry(part.clone()).or_default().sent.entry(offset).or_insert(now);
    }

    /// Whether what was asked of a partition at `floor` still proves something.
    pub fn is_current(&self, part: &Part, floor: Floor) -> bool {
        floor.age == self.age && !self.is_in_doubt(part)
    }

    /// Whether a topic was ever deleted.
    pub fn was_in_doubt(&self, topic: &str) -> bool {
        self.deleted.contains(topic)
    }

    /// A topic is to be deleted.
    pub fn topic_goes(&mut self, topic: &str) {
        self.deleted.insert(topic.to_owned());
        self.doubt(Some(topic));
    }

    /// An offset was acknowledged that was sent at `age`.
    pub fn committed(&mut self, part: &Part, offset: Offset, age: u64) {
        if age == self.age && !self.is_in_doubt(part) {
            let known = self.known.entry(part.clone()).or_default();
            known.floor = known.floor.max(Some(offset));
        }
    }

    /// What a reader who asks now must be told at least.
    pub fn floor(&self, part: &Part) -> Floor {
        let known = self.known.get(part).filter(|_| !self.is_in_doubt(part));
        Floor { at_least: known.and_then(|known| known.floor), age: self.age }
    }

    /// Everything that was acknowledged or read.
    pub fn floors(&self) -> BTreeMap<Part, Floor> {
        self.known.keys().map(|part| (part.clone(), self.floor(part))).collect()
    }

    /// A reader who asked when `floor` was the least is told `offset` now; none where nothing is committed.
    ///
    /// # Errors
    /// That is less, or nobody ever sent it.
    pub fn read(&mut self, now: Millis, part: &Part, floor: Floor, offset: Option<Offset>) -> Result<(), String> {
        let is_current = self.is_current(part, floor);
        let known = self.known.entry(part.clone()).or_default();
        if let Some(offset) = offset.filter(|offset| !known.sent.contains_key(offset)) {
            return Err(format!("nobody has committed {offset} of {part:?}"));
        }
        if !is_current {
            return Ok(());
        }
        if offset < floor.at_least {
            let sent_at = floor.at_least.and_then(|at| known.sent.get(&at)).copied().unwrap_or(now);
            if offset.is_some() || self.in_use.contains(&part.0) || now < sent_at + RETENTION_MS {
                return Err(format!("{part:?} was committed at {:?}, now it is at {offset:?}", floor.at_least));
            }
            // It has expired; what was committed meanwhile counts.
            if known.floor == floor.at_least {
                known.floor = None;
            }
        }
        known.floor = known.floor.max(offset);
        Ok(())
    }

    /// Offsets of a topic, or all, may be gone from here on.
    pub fn doubt(&mut self, topic: Option<&str>) {
        self.age += 1;
        let mut doubt = Doubt { topic: topic.map(str::to_owned), floors: BTreeMap::new() };
        for (part, known) in self.known.iter_mut().filter(|(part, _)| topic.is_none_or(|topic| part.0 == topic)) {
            doubt.floors.extend(known.floor.take().map(|floor| (part.clone(), floor)));
        }
        self.doubts.push(doubt);
    }

    /// They are gone.
    pub fn forgotten(&mut self, topic: Option<&str>) {
        self.age += 1;
        self.doubts.retain(|doubt| doubt.topic.as_deref() != topic);
    }

    /// They are not.
    pub fn kept(&mut self, topic: Option<&str>) {
        self.age += 1;
        let Some(at) = self.doubts.iter().position(|doubt| doubt.topic.as_deref() == topic) else { return };
        for (part, floor) in self.doubts.remove(at).floors {
            if !self.is_in_doubt(&part) {
                let known = self.known.entry(part).or_default();
                known.floor = known.floor.max(Some(floor));
            }
        }
    }

    /// Whether the group as a whole may be gone.
    pub fn may_be_gone(&self) -> bool {
        self.doubts.iter().any(|doubt| doubt.topic.is_none())
    }

    fn is_in_doubt(&self, part: &Part) -> bool {
        self.doubts.iter().any(|doubt| doubt.covers(part))
    }
}
