//! The oracle: what was promised to clients, and what they saw. It knows nothing of the broker's insides.

pub mod groups;
pub mod offsets;

use kq::types::{Offset, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// Which partition of which topic, the topic by its identity.
pub type Place = (TopicId, i32);

/// How long what a topic acknowledged has to last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// Through power cuts.
    Disk,
    /// Through kill -9.
    PageCache,
}

/// What happens to old records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cleanup {
    /// Segments at the start may go.
    Delete,
    /// A record may go once a later one has its key.
    Compact,
}

/// What is known of one partition.
#[derive(Default)]
pub struct Known {
    /// Acknowledged on disk: offset and value.
    acked: BTreeMap<Offset, String>,
    /// Acknowledged from the page cache: gone with the next power cut.
    acked_cached: BTreeMap<Offset, String>,
    /// Acknowledged as a duplicate, without an offset.
    acked_somewhere: BTreeSet<String>,
    /// What consumers saw.
    seen: BTreeMap<Offset, String>,
    /// Every value ever sent here.
    sent: BTreeSet<String>,
    /// The highest high watermark that a client was told.
    pub high_watermark: Offset,
    /// The highest start that a client was told is durable.
    pub trimmed_to: Offset,
}

/// All that is known.
#[derive(Default)]
pub struct Oracle {
    /// Partitions of topics that exist.
    pub places: BTreeMap<Place, Known>,
    promises: BTreeMap<TopicId, (Promise, Cleanup)>,
    gone: BTreeSet<TopicId>,
    /// Leaders change: what one of them acknowledged alone promises nothing.
    replicated: bool,
    /// The first thing that went wrong.
    pub violation: Option<String>,
    /// Print the story.
    pub tells: bool,
    /// Records acknowledged, for the run's summary.
    pub acks: u64,
    /// Records seen by consumers, for the run's summary.
    pub reads: u64,
    /// Groups, by name.
    pub groups: BTreeMap<String, groups::Group>,
    /// Assignments that members were told, for the run's summary.
    pub shares: u64,
    /// Offsets committed, for the run's summary.
    pub commits: u64,
}

impl Oracle {
    /// For a world whose topics have several replicas.
    pub fn of_replicas() -> Oracle {
        Oracle { replicated: true, ..Oracle::default() }
    }

    /// A line of the story.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{}", line());
        }
    }

    /// Something is wrong.
    pub fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// What is known of a group.
    pub fn group(&mut self, name: &str) -> &mut groups::Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), groups::Group::default());
        }
        self.groups.get_mut(name).expect("just made")
    }

    /// Something may be wrong.
    pub fn judge(&mut self, who: &str, result: Result<(), String>) {
        if let Err(what) = result {
            self.violated(format!("{who}: {what}"));
        }
    }

    /// A topic exists.
    pub fn created(&mut self, id: TopicId, partitions: i32, promise: Promise, cleanup: Cleanup) {
        self.promises.insert(id, (promise, cleanup));
        for partition in 0..partitions {
            self.places.entry((id, partition)).or_default();
        }
    }

    /// A topic is gone.
    pub fn deleted(&mut self, id: TopicId) {
        self.places.retain(|(topic, _), _| *topic != id);
        self.gone.insert(id);
    }

    /// Whether a topic is gone, or may be.
    pub fn is_deleted(&self, id: TopicId) -> bool {
        self.gone.contains(&id)
    }

    /// A value is on its way.
    pub fn sending(&mut self, place: Place, value: &str) {
        if let Some(known) = self.places.get_mut(&place) {
            known.sent.insert(value.to_owned());
        }
    }

    /// A batch was acknowledged.
    pub fn acked(&mut self, place: Place, base_offset: Offset, values: &[String], acks: i16) {
        let promise = self.promises.get(&place.0).map(|(promise, _)| *promise);
        let Some(known) = self.places.get_mut(&place) else { return };
        self.acks += values.len() as u64;
        if self.replicated && acks != -1 {
            return;
        }
        for (offset, value) in (base_offset..).zip(values) {
            let on_disk = acks == -1 && promise == Some(Promise::Disk);
            let map = if on_disk { &mut known.acked } else { &mut known.acked_cached };
            let other = map.insert(offset, value.clone()).filter(|other| other != value);
            let seen = known.seen.get(&offset).filter(|seen| *seen != value);
            if let Some(other) = other.as_ref().or(seen) {
                self.violation.get_or_insert(format!("offset {offset} of {place:?} holds {other} and {value}"));
            }
        }
    }

    /// A batch was acknowledged as one that came before.
    pub fn acked_before(&mut self, place: Place, values: &[String]) {
        if let Some(known) = self.places.get_mut(&place) {
            known.acked_somewhere.extend(values.iter().cloned());
        }
    }

    /// A consumer got a record.
    pub fn saw(&mut self, place: Place, offset: Offset, value: &str) {
        let Some(known) = self.places.get_mut(&place) else { return };
        self.reads += 1;
        if !known.sent.contains(value) {
            self.violation.get_or_insert(format!("{value} at {offset} of {place:?} was never sent there"));
        }
        let promised = known.acked.get(&offset).or(known.acked_cached.get(&offset)).or(known.seen.get(&offset));
        if let Some(other) = promised.filter(|other| *other != value) {
            self.violation.get_or_insert(format!("offset {offset} of {place:?} held {other}, now {value}"));
        }
        known.seen.insert(offset, value.to_owned());
    }

    /// A client was told a high watermark.
    pub fn told_high_watermark(&mut self, place: Place, high_watermark: Offset) {
        if let Some(known) = self.places.get_mut(&place) {
            known.high_watermark = known.high_watermark.max(high_watermark);
        }
    }

    /// DeleteRecords was answered.
    pub fn trimmed(&mut self, place: Place, start: Offset) {
        if let Some(known) = self.places.get_mut(&place) {
            known.trimmed_to = known.trimmed_to.max(start);
        }
    }

    /// The power went: what was only promised by the page cache is void.
    pub fn power_cut(&mut self) {
        for ((topic, _), known) in &mut self.places {
            known.acked_cached.clear();
            if self.promises.get(topic).is_some_and(|(promise, _)| *promise == Promise::PageCache) {
                known.seen.clear();
                known.acked_somewhere.clear();
                known.high_watermark = 0;
            }
        }
    }

    /// Compares a partition's whole content, from `start` to `end`, with everything that is known.
    pub fn check(&mut self, place: Place, start: Offset, end: Offset, content: &BTreeMap<Offset, String>) {
        let Some(known) = self.places.get(&place) else { return };
        let compacted = self.promises.get(&place.0).is_some_and(|(_, cleanup)| *cleanup == Cleanup::Compact);
        let superseded = |offset: Offset, value: &str| {
            compacted && content.range(offset + 1..).any(|(_, later)| key_of(later) == key_of(value))
        };
        let mut wrong = Vec::new();
        for (what, map) in [("acks=all", &known.acked), ("acks", &known.acked_cached), ("read", &known.seen)] {
            for (offset, value) in map.range(start..) {
                let now = content.get(offset);
                if now != Some(value) && !(now.is_none() && superseded(*offset, value)) {
                    wrong.push(format!(
                        "{what}: {value} was at {offset} of {place:?}, there is {now:?} ({start}..{end})"
                    ));
                }
            }
        }
        if end < known.high_watermark {
            wrong.push(format!("{place:?} ends at {end}, a client was told {}", known.high_watermark));
        }
        if start < known.trimmed_to {
            wrong.push(format!("{place:?} starts at {start}, deleted up to {}", known.trimmed_to));
        }
        let mut values = BTreeSet::new();
        let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
        for (offset, value) in content {
            if !known.sent.contains(value) {
                wrong.push(format!("{value} at {offset} of {place:?} was never sent"));
            }
            if !values.insert(value) {
                wrong.push(format!("{value} is twice in {place:?}, again at {offset}"));
            }
            // Values are `producer:number:key`, and numbers only grow.
            let mut parts = value.split(':');
            let (Some(producer), Some(number)) = (parts.next(), parts.next()) else { continue };
            let number = number.parse().unwrap_or(0);
            if latest.insert(producer, number).is_some_and(|before| before > number) {
                wrong.push(format!("{value} at {offset} of {place:?} comes after a later one of its producer"));
            }
        }
        if start == 0 && !compacted {
            let missing = known.acked_somewhere.iter().find(|value| !values.contains(value));
            wrong.extend(missing.map(|value| format!("{value} was acknowledged and is not in {place:?}")));
        }
        if let Some(first) = wrong.into_iter().next() {
            self.violated(first);
        }
    }
}

/// The key that a value was sent under.
fn key_of(value: &str) -> Option<&str> {
    value.rsplit_once(':').map(|(_, key)| key)
}
