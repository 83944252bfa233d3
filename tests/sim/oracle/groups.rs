//! What is known of each group: who was given what in which generation, and which offsets were committed.

use super::offsets::Offsets;
use kq::types::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

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

/// Why a commit may not be let in: it was sent when this was so already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bar {
    /// A member was told its part in this generation, and the commit comes from an earlier one.
    Generation(i32),
    /// The partition is another's.
    Owner(Part, Owner),
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
    /// What was committed.
    offsets: Offsets,
}

impl Deref for Group {
    type Target = Offsets;
    fn deref(&self) -> &Offsets {
        &self.offsets
    }
}

impl DerefMut for Group {
    fn deref_mut(&mut self) -> &mut Offsets {
        &mut self.offsets
    }
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

    /// A topic goes: whoever holds a partition of it holds nothing, and another topic of its name may come.
    pub fn topic_goes(&mut self, topic: &str) {
        for held in self.held.values_mut() {
            held.parts.retain(|(name, _)| name != topic);
        }
        self.offsets.topic_goes(topic);
    }

    /// The group may have been deleted: the next one of its name counts its generations anew.
    pub fn begins_anew(&mut self) {
        self.told.clear();
    }

    /// Why a commit of `owner` that is sent now may not be let in.
    pub fn bars(&self, now: Millis, owner: &str, generation: Option<i32>, parts: &[Part]) -> Option<Bar> {
        let last = self.told.last_key_value().map(|(last, _)| *last);
        if let (Some(last), Some(generation)) = (last, generation)
            && generation < last
        {
            return Some(Bar::Generation(last));
        }
        let is_others = |(other, held): (&Owner, &Holding)| -> Option<Bar> {
            let part = parts.iter().find(|part| held.parts.contains(*part))?;
            (other != owner && held.valid_until > now).then(|| Bar::Owner(part.clone(), other.clone()))
        };
        self.held.iter().find_map(is_others)
    }

    /// A commit was let in, although that was so when it was sent.
    ///
    /// # Errors
    /// It is still so.
    pub fn let_in(&self, now: Millis, bar: &Bar) -> Result<(), String> {
        match bar {
            Bar::Generation(last) if self.told.contains_key(last) => {
                Err(format!("a commit of an earlier generation than {last} was let in"))
            }
            Bar::Owner(part, other)
                if self.held.get(other).is_some_and(|held| held.parts.contains(part) && held.valid_until > now) =>
            {
                Err(format!("a commit of {part:?} was let in, which {other} owns"))
            }
            _ => Ok(()),
        }
    }
}
