//! What must hold of every assignment, and what it looks like for a few groups.

use super::{Assignor, Subscriber};
use crate::group::consumer::member::Partitions;
use crate::types::{TopicId, Uuid};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

fn topic(at: usize) -> TopicId {
    Uuid([at as u8 + 1; 16])
}

#[derive(Clone, Debug)]
struct Group {
    counts: Vec<i32>,
    /// Of each member: the topics it wants and the partitions it has.
    members: Vec<(BTreeSet<usize>, Partitions)>,
    statics: bool,
}

impl Group {
    fn run(&self, assignor: Assignor) -> Vec<Partitions> {
        let ids: Vec<String> = (0..self.members.len()).map(|at| format!("m{at:02}")).collect();
        let counts: BTreeMap<TopicId, i32> = self.counts.iter().enumerate().map(|(at, n)| (topic(at), *n)).collect();
        let members: Vec<Subscriber<'_>> = self
            .members
            .iter()
            .zip(&ids)
            .map(|((topics, current), id)| Subscriber {
                id,
                instance_id: self.statics.then_some(id.as_str()),
                topics: Rc::new(topics.iter().map(|at| topic(*at)).collect()),
                current,
            })
            .collect();
        assignor.assign(&members, &counts)
    }

    fn with(&self, targets: Vec<Partitions>) -> Group {
        let members = self.members.iter().zip(targets).map(|((topics, _), target)| (topics.clone(), target)).collect();
        Group { members, ..self.clone() }
    }

    fn wanted(&self, at: usize) -> bool {
        self.members.iter().any(|(topics, _)| topics.contains(&at))
    }
}

fn size(partitions: &Partitions) -> usize {
    partitions.values().map(BTreeSet::len).sum()
}

/// How many partitions of `target` the member does not have yet.
fn moves(group: &Group, targets: &[Partitions]) -> usize {
    let new = |(had, target): (&Partitions, &Partitions)| -> usize {
        target
            .iter()
            .map(|(topic, of)| of.iter().filter(|p| !had.get(topic).is_some_and(|h| h.contains(p))).count())
            .sum()
    };
    group.members.iter().map(|(_, had)| had).zip(targets).map(new).sum()
}

fn every_partition_has_one_subscribed_owner(group: &Group, targets: &[Partitions]) {
    let mut seen = BTreeSet::new();
    for ((topics, _), target) in group.members.iter().zip(targets) {
        for (id, partitions) in target {
            let at = usize::from(id.0[0]) - 1;
            assert!(topics.contains(&at), "a member got {id} without having asked for it");
            assert!(!partitions.is_empty(), "an empty set is written for {id}");
            for partition in partitions {
                assert!(*partition >= 0 && *partition < group.counts[at], "{id}-{partition} does not exist");
                assert!(seen.insert((at, *partition)), "{id}-{partition} has two owners");
            }
        }
    }
    let wanted: i32 = (0..group.counts.len()).filter(|at| group.wanted(*at)).map(|at| group.counts[at]).sum();
    assert_eq!(seen.len() as i32, wanted, "partitions without an owner");
}

/// Nobody who wants a partition has two less than its owner.
fn nothing_can_be_improved(group: &Group, targets: &[Partitions]) {
    for (from, target) in targets.iter().enumerate() {
        for id in target.keys() {
            let at = usize::from(id.0[0]) - 1;
            for (to, (topics, _)) in group.members.iter().enumerate().filter(|(_, (topics, _))| topics.contains(&at)) {
                let (large, small) = (size(&targets[from]), size(&targets[to]));
                assert!(large <= small + 1, "m{from} has {large}, m{to} has {small}, both want {id}: {topics:?}");
            }
        }
    }
}

fn current(topics: usize) -> impl Strategy<Value = Partitions> {
    let partitions = prop::collection::btree_set(0..12i32, 0..6);
    prop::collection::btree_map((0..topics + 1).prop_map(topic), partitions, 0..4)
}

fn group(homogeneous: bool) -> impl Strategy<Value = Group> {
    (1..5usize).prop_flat_map(move |topics| {
        let wants = prop::collection::btree_set(0..topics, 0..=topics);
        let member = (wants, current(topics));
        (prop::collection::vec(0..12i32, topics), prop::collection::vec(member, 1..14), any::<bool>()).prop_map(
            move |(counts, mut members, statics)| {
                if homogeneous {
                    let first = members[0].0.clone();
                    members.iter_mut().for_each(|(topics, _)| topics.clone_from(&first));
                }
                Group { counts, members, statics }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn uniform_is_even_to_one(group in group(true)) {
        let targets = group.run(Assignor::Uniform);
        every_partition_has_one_subscribed_owner(&group, &targets);
        let sizes: Vec<usize> = targets.iter().map(size).collect();
        let (least, most) = (sizes.iter().min(), sizes.iter().max());
        prop_assert!(most.unwrap() - least.unwrap() <= 1, "{:?}", sizes);
    }

    #[test]
    fn uniform_over_different_topics_cannot_be_improved(group in group(false)) {
        let targets = group.run(Assignor::Uniform);
        every_partition_has_one_subscribed_owner(&group, &targets);
        nothing_can_be_improved(&group, &targets);
    }

    #[test]
    fn uniform_moves_nothing_the_second_time(group in group(false)) {
        let targets = group.run(Assignor::Uniform);
        let again = group.with(targets.clone());
        prop_assert_eq!(again.run(Assignor::Uniform), targets);
    }

    /// One more member takes its share and nothing else moves.
    #[test]
    fn uniform_moves_only_the_new_members_share(group in group(true)) {
        let mut more = group.with(group.run(Assignor::Uniform));
        more.members.push((more.members[0].0.clone(), Partitions::new()));
        let targets = more.run(Assignor::Uniform);
        every_partition_has_one_subscribed_owner(&more, &targets);
        prop_assert_eq!(moves(&more, &targets), size(targets.last().unwrap()));
    }

    /// What a member leaves behind moves and nothing else.
    #[test]
    fn uniform_moves_only_what_a_member_leaves(group in group(true)) {
        let mut less = group.with(group.run(Assignor::Uniform));
        let Some((_, left)) = less.members.pop() else { return Ok(()) };
        if less.members.is_empty() {
            return Ok(());
        }
        let targets = less.run(Assignor::Uniform);
        every_partition_has_one_subscribed_owner(&less, &targets);
        prop_assert_eq!(moves(&less, &targets), size(&left));
    }

    #[test]
    fn range_gives_runs_and_is_even_in_each_topic(group in group(false)) {
        let targets = group.run(Assignor::Range);
        every_partition_has_one_subscribed_owner(&group, &targets);
        for (at, count) in group.counts.iter().enumerate() {
            let subscribers: Vec<usize> =
                (0..group.members.len()).filter(|member| group.members[*member].0.contains(&at)).collect();
            for member in &subscribers {
                let of = targets[*member].get(&topic(at)).cloned().unwrap_or_default();
                let least = *count as usize / subscribers.len();
                prop_assert!((least..=least + 1).contains(&of.len()));
                if let (Some(first), Some(last)) = (of.first(), of.last()) {
                    prop_assert_eq!((last - first + 1) as usize, of.len(), "not a run");
                }
            }
        }
    }
}

fn show(targets: &[Partitions]) -> String {
    let member = |target: &Partitions| {
        let of = |(id, partitions): (&TopicId, &BTreeSet<i32>)| format!("t{}{partitions:?}", id.0[0] - 1);
        target.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    targets.iter().map(member).collect::<Vec<_>>().join(" | ")
}

#[test]
fn range_keeps_topics_together_and_uniform_does_not() {
    let both: BTreeSet<usize> = [0, 1].into();
    let members = vec![(both.clone(), Partitions::new()), (both, Partitions::new())];
    let group = Group { counts: vec![3, 3], members, statics: false };
    assert_eq!(show(&group.run(Assignor::Range)), "t0{0, 1} t1{0, 1} | t0{2} t1{2}");
    assert_eq!(show(&group.run(Assignor::Uniform)), "t0{0, 1, 2} | t1{0, 1, 2}");
}

#[test]
fn no_topic_and_no_partition_are_fine() {
    let nobody = Group { counts: vec![0], members: vec![([0].into(), Partitions::new()); 2], statics: true };
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert_eq!(nobody.run(assignor), vec![Partitions::new(); 2]);
        assert!(assignor.assign(&[], &BTreeMap::new()).is_empty());
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("sticky"), None);
}
