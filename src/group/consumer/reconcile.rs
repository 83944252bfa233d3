//! One member's way from what it holds to what it shall hold: give back first, take later (KIP-848).
//!
//! A partition is given to a member only when nobody holds it. A member that was told to give partitions back holds
//! them until it says that it no longer owns them, or is out of the group; so no partition has two owners.

use super::member::{Held, Member, MemberState, Partitions, holds};
use crate::error::ErrorCode;
use crate::group::Refusal;
use crate::types::{Epoch, Partition, TopicId};
use std::collections::BTreeSet;

/// What a member is brought to.
pub(super) struct Reconcile<'a> {
    /// The epoch of the target.
    pub target_epoch: Epoch,
    /// What the member shall have.
    pub target: &'a Partitions,
    /// The topics it is subscribed to now: the target may be older.
    pub topics: &'a BTreeSet<TopicId>,
    /// Whether its subscription has just changed.
    pub subscription_changed: bool,
    /// What it says it owns; `None` when it said nothing.
    pub owned: Option<&'a Partitions>,
    /// Whether another member holds a partition.
    pub is_taken: &'a dyn Fn(TopicId, Partition) -> bool,
}

impl Reconcile<'_> {
    /// The member's next state; the same one when it cannot move yet.
    pub fn next(&self, member: &Member) -> Result<Member, Refusal> {
        Ok(match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => self.towards_target(member),
            MemberState::Stable => self.within_epoch(member),
            MemberState::UnrevokedPartitions if self.still_owns(&member.revoking) => self.within_epoch(member),
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => self.towards_target(member),
            MemberState::Unknown if self.owned.is_some_and(Partitions::is_empty) => self.towards_target(member),
            MemberState::Unknown => {
                let text = "The consumer group member is in a unknown state. The member must abandon all its \
                            partitions and rejoin.";
                return Err(Refusal::new(ErrorCode::FencedMemberEpoch, text));
            }
        })
    }

    /// True as well when the member did not say what it owns.
    fn still_owns(&self, revoking: &Held) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, partitions)| partitions.iter().any(|partition| holds(revoking, *topic, *partition)))
    }

    /// Takes back, without waiting for the next target, what the member is no longer subscribed to.
    fn within_epoch(&self, member: &Member) -> Member {
        let mut next = member.clone();
        if !self.subscription_changed || member.assigned.keys().all(|topic| self.topics.contains(topic)) {
            return next;
        }
        let lost = |topic: &TopicId| !self.topics.contains(topic);
        for (topic, partitions) in member.assigned.iter().filter(|(topic, _)| lost(topic)) {
            next.revoking.entry(*topic).or_default().extend(partitions);
        }
        next.assigned.retain(|topic, _| !lost(topic));
        next.enter(member.epoch);
        if self.still_owns(&next.revoking) {
            next.state = MemberState::UnrevokedPartitions;
        } else {
            next.revoking.clone_from(&member.revoking);
        }
        next
    }

    fn towards_target(&self, member: &Member) -> Member {
        let is_target = |topic: TopicId, partition: Partition| {
            self.topics.contains(&topic) && self.target.get(&topic).is_some_and(|of| of.contains(&partition))
        };
        let (mut kept, mut revoking) = (Held::new(), Held::new());
        for (topic, partitions) in &member.assigned {
            for (partition, epoch) in partitions {
                let side = if is_target(*topic, *partition) { &mut kept } else { &mut revoking };
                side.entry(*topic).or_default().insert(*partition, *epoch);
            }
        }
        let mut next = member.clone();
        if !revoking.is_empty() && self.still_owns(&revoking) {
            next.enter(member.epoch);
            (next.assigned, next.revoking) = (kept, revoking);
            next.state = MemberState::UnrevokedPartitions;
            return next;
        }
        let mut waits = false;
        for (topic, partitions) in self.target.iter().filter(|(topic, _)| self.topics.contains(topic)) {
            for partition in partitions {
                if holds(&kept, *topic, *partition) {
                    continue;
                }
                if (self.is_taken)(*topic, *partition) {
                    waits = true;
                } else {
                    kept.entry(*topic).or_default().insert(*partition, self.target_epoch);
                }
            }
        }
        next.enter(self.target_epoch);
        (next.assigned, next.revoking) = (kept, Held::new());
        next.state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Uuid;

    const T: TopicId = Uuid([1; 16]);
    const U: TopicId = Uuid([2; 16]);

    fn held(list: &[(TopicId, Partition, Epoch)]) -> Held {
        let mut held = Held::new();
        for (topic, partition, epoch) in list {
            held.entry(*topic).or_default().insert(*partition, *epoch);
        }
        held
    }

    fn parts(list: &[(TopicId, Partition)]) -> Partitions {
        let mut all = Partitions::new();
        for (topic, partition) in list {
            all.entry(*topic).or_default().insert(*partition);
        }
        all
    }

    struct Case {
        member: Member,
        epoch: Epoch,
        target: Partitions,
        topics: BTreeSet<TopicId>,
        changed: bool,
        owned: Option<Partitions>,
        taken: Vec<(TopicId, Partition)>,
    }

    impl Case {
        fn new(state: MemberState, assigned: Held, revoking: Held) -> Case {
            let member = Member { state, epoch: 10, previous_epoch: 9, assigned, revoking, ..Member::new("m") };
            let (topics, taken) = ([T, U].into(), Vec::new());
            Case { member, epoch: 11, target: Partitions::new(), topics, changed: false, owned: None, taken }
        }
        fn run(&self) -> Member {
            let is_taken = |topic: TopicId, partition: Partition| self.taken.contains(&(topic, partition));
            let reconcile = Reconcile {
                target_epoch: self.epoch,
                target: &self.target,
                topics: &self.topics,
                subscription_changed: self.changed,
                owned: self.owned.as_ref(),
                is_taken: &is_taken,
            };
            reconcile.next(&self.member).expect("a known state")
        }
        fn check(&self, state: MemberState, epoch: Epoch, assigned: Held, revoking: Held) {
            let next = self.run();
            assert_eq!((next.state, next.epoch, next.assigned, next.revoking), (state, epoch, assigned, revoking));
        }
    }

    use MemberState::*;

    #[test]
    fn stable_takes_what_is_free_and_keeps_the_epoch_of_what_it_had() {
        let mut case = Case::new(Stable, held(&[(T, 0, 3)]), Held::new());
        case.target = parts(&[(T, 0), (T, 1)]);
        case.check(Stable, 11, held(&[(T, 0, 3), (T, 1, 11)]), Held::new());
        assert_eq!(case.run().previous_epoch, 10);
    }

    #[test]
    fn what_others_hold_is_waited_for() {
        let mut case = Case::new(Stable, Held::new(), Held::new());
        (case.target, case.taken) = (parts(&[(T, 0), (T, 1)]), vec![(T, 1)]);
        case.check(UnreleasedPartitions, 11, held(&[(T, 0, 11)]), Held::new());
        (case.member, case.taken) = (case.run(), vec![]);
        case.check(Stable, 11, held(&[(T, 0, 11), (T, 1, 11)]), Held::new());
    }

    #[test]
    fn giving_back_comes_before_taking() {
        let mut case = Case::new(Stable, held(&[(T, 0, 3), (T, 1, 3)]), Held::new());
        case.target = parts(&[(T, 1), (T, 2)]);
        case.check(UnrevokedPartitions, 10, held(&[(T, 1, 3)]), held(&[(T, 0, 3)]));
        case.member = case.run();
        // It says nothing, or that it still owns it: no step.
        assert_eq!(case.run(), case.member);
        case.owned = Some(parts(&[(T, 0), (T, 1)]));
        assert_eq!(case.run(), case.member);
        case.owned = Some(parts(&[(T, 1)]));
        case.check(Stable, 11, held(&[(T, 1, 3), (T, 2, 11)]), Held::new());
    }

    #[test]
    fn a_target_that_comes_back_is_taken_back() {
        let mut case = Case::new(UnrevokedPartitions, Held::new(), held(&[(T, 0, 3)]));
        (case.target, case.owned) = (parts(&[(T, 0)]), Some(Partitions::new()));
        case.check(Stable, 11, held(&[(T, 0, 11)]), Held::new());
    }

    #[test]
    fn a_waiting_member_gives_back_when_the_target_says_so() {
        let mut case = Case::new(UnreleasedPartitions, held(&[(T, 0, 3)]), Held::new());
        (case.target, case.owned) = (parts(&[(U, 0)]), Some(parts(&[(T, 0)])));
        case.check(UnrevokedPartitions, 10, Held::new(), held(&[(T, 0, 3)]));
    }

    #[test]
    fn a_topic_it_no_longer_wants_is_given_back_at_once() {
        let mut case = Case::new(Stable, held(&[(T, 0, 3), (U, 0, 3)]), Held::new());
        (case.epoch, case.topics, case.changed) = (10, [U].into(), true);
        case.check(UnrevokedPartitions, 10, held(&[(U, 0, 3)]), held(&[(T, 0, 3)]));
        case.owned = Some(parts(&[(U, 0)]));
        case.check(Stable, 10, held(&[(U, 0, 3)]), Held::new());
        // An old target does not bring it back.
        let mut case = Case::new(Stable, Held::new(), Held::new());
        (case.target, case.topics) = (parts(&[(T, 0)]), [U].into());
        case.check(Stable, 11, Held::new(), Held::new());
    }

    #[test]
    fn a_state_of_the_future_starts_over() {
        let mut case = Case::new(Unknown, held(&[(T, 0, 3)]), Held::new());
        (case.target, case.owned) = (parts(&[(T, 0)]), Some(Partitions::new()));
        case.check(Stable, 11, held(&[(T, 0, 3)]), Held::new());
        let nothing = Partitions::new();
        let reconcile = Reconcile {
            target_epoch: 11,
            target: &nothing,
            topics: &case.topics,
            subscription_changed: false,
            owned: None,
            is_taken: &|_, _| false,
        };
        assert_eq!(reconcile.next(&case.member).unwrap_err().code, ErrorCode::FencedMemberEpoch);
    }
}
