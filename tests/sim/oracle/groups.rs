//! What is known of each group: who was given what in which generation, and which offsets were committed.

use kq::types::{Millis, Offset};
use std::collections::{BTreeMap, BTreeSet};

/// A partition, by its topic's name.
pub type Part = (String, i32);

/// Who owns: a static member's own name, else a member's id.
pub type Owner = String;

/// What a leader has given to each.
pub type Shares = BTreeMap<Owner, BTreeSet<Part>>;

/// What a member of the consumer protocol holds, as it knows it.
#[derive(Default)]
struct Holding {
    parts: BTreeSet<Part>,
    /// Until then the coordinator must take it for alive.
    valid_until: Millis,
}

/// One group.
#[derive(Default)]
pub struct Group {
    /// What leaders have sent for each generation. There are several where a crash made a generation begin twice.
    sent: BTreeMap<i32, Vec<Shares>>,
    /// Who was told to own what, by generation.
    told: BTreeMap<i32, BTreeMap<Part, Owner>>,
    /// Under the consumer protocol: what each member holds.
    held: BTreeMap<Owner, Holding>,
    offsets: BTreeMap<Part, Committed>,
}

/// The offsets of one partition.
#[derive(Default)]
struct Committed {
    /// The highest that was acknowledged or read.
    floor: Option<Offset>,
    /// Every offset that was ever sent.
    sent: BTreeSet<Offset>,
}

impl Group {
    /// A leader sends its assignment.
    pub fn assigning(&mut self, generation: i32, shares: Shares) {
        self.sent.entry(generation).or_default().push(shares);
    }

    /// A member was told its part in a generation of the classic protocol.
    ///
    /// # Errors
    /// Somebody else was told the same in this generation, or its leader never said so.
    pub fn told(&mut self, generation: i32, owner: &str, parts: &BTreeSet<Part>) -> Result<(), String> {
        let none = BTreeSet::new();
        let sent = self.sent.get(&generation);
        let is_sent = |shares: &Shares| shares.get(owner).unwrap_or(&none) == parts;
        if !sent.is_some_and(|sent| sent.iter().any(is_sent)) {
            return Err(format!("{owner} was told {parts:?} in generation {generation}; its leader sent {sent:?}"));
        }
        let told = self.told.entry(generation).or_default();
        for part in parts {
            let other = told.insert(part.clone(), owner.to_owned()).filter(|other| other != owner);
            if let Some(other) = other {
                return Err(format!("{part:?} belongs to {other} and to {owner} in generation {generation}"));
            }
        }
        Ok(())
    }

    /// A member of the consumer protocol was told that it owns `parts`; the coordinator must take it for alive until
    /// `valid_until`.
    ///
    /// # Errors
    /// Somebody else, who must be taken for alive as well, has not given one of them back.
    pub fn holds(
        &mut self,
        now: Millis,
        owner: &str,
        parts: &BTreeSet<Part>,
        valid_until: Millis,
    ) -> Result<(), String> {
        self.held.insert(owner.to_owned(), Holding { parts: parts.clone(), valid_until });
        if valid_until <= now {
            return Ok(());
        }
        let others = self.held.iter().filter(|(other, held)| *other != owner && held.valid_until > now);
        for (other, held) in others {
            if let Some(part) = held.parts.intersection(parts).next() {
                return Err(format!("{part:?} belongs to {owner}, and {other} has not given it back"));
            }
        }
        Ok(())
    }

    /// A member says that it owns nothing but `parts`.
    pub fn gives_back(&mut self, owner: &str, parts: &BTreeSet<Part>) {
        if let Some(held) = self.held.get_mut(owner) {
            held.parts.retain(|part| parts.contains(part));
        }
    }

    /// The coordinator has heard from a member: it must take it for alive until then, unless that is earlier known.
    pub fn heard(&mut self, owner: &str, valid_until: Millis) {
        if let Some(held) = self.held.get_mut(owner) {
            held.valid_until = valid_until;
        }
    }

    /// A member is gone, or was told that it is none.
    pub fn gone(&mut self, owner: &str) {
        self.held.remove(owner);
    }

    /// An offset is on its way.
    pub fn committing(&mut self, part: &Part, offset: Offset) {
        self.offsets.entry(part.clone()).or_default().sent.insert(offset);
    }

    /// An offset was acknowledged.
    pub fn committed(&mut self, part: &Part, offset: Offset) {
        let known = self.offsets.entry(part.clone()).or_default();
        known.floor = known.floor.max(Some(offset));
    }

    /// What a reader who asks now must be told at least.
    pub fn floor(&self, part: &Part) -> Option<Offset> {
        self.offsets.get(part)?.floor
    }

    /// Everything that was acknowledged or read.
    pub fn floors(&self) -> BTreeMap<Part, Option<Offset>> {
        self.offsets.iter().map(|(part, known)| (part.clone(), known.floor)).collect()
    }

    /// A reader who asked when `floor` was the least was told `offset`; none where nothing is committed.
    ///
    /// # Errors
    /// That is less, or nobody ever sent it.
    pub fn read(&mut self, part: &Part, floor: Option<Offset>, offset: Option<Offset>) -> Result<(), String> {
        let known = self.offsets.entry(part.clone()).or_default();
        if offset < floor {
            return Err(format!("{part:?} was committed at {floor:?}, now it is at {offset:?}"));
        }
        if let Some(offset) = offset.filter(|offset| !known.sent.contains(offset)) {
            return Err(format!("nobody has committed {offset} of {part:?}"));
        }
        known.floor = known.floor.max(offset);
        Ok(())
    }
}
