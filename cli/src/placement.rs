//! Which brokers partitions should be on: for `kq topic move --brokers` and `kq broker decommission`. Decides only; the
//! same input gives the same plan.

use crate::kafka::offsets::TopicPartition;
use std::collections::BTreeMap;

/// A broker that may get replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// Replicas of partitions, the preferred leader first.
pub type Assignments = BTreeMap<TopicPartition, Vec<i32>>;

/// How much brokers carry.
#[derive(Clone, Debug, Default)]
struct Load {
    replicas: BTreeMap<i32, usize>,
    preferred: BTreeMap<i32, usize>,
}

impl Load {
    fn of<'a>(assignments: impl IntoIterator<Item = &'a Vec<i32>>) -> Load {
        let mut load = Load::default();
        for replicas in assignments {
            load.add(replicas);
        }
        load
    }

    fn add(&mut self, replicas: &[i32]) {
        for id in replicas {
            *self.replicas.entry(*id).or_default() += 1;
        }
        if let Some(first) = replicas.first() {
            *self.preferred.entry(*first).or_default() += 1;
        }
    }

    fn replicas(&self, id: i32) -> usize {
        self.replicas.get(&id).copied().unwrap_or(0)
    }

    fn preferred(&self, id: i32) -> usize {
        self.preferred.get(&id).copied().unwrap_or(0)
    }
}

/// How many of `others` are in the rack of `site`: fewer is better. Without racks, none.
fn neighbours(site: &Site, others: &[i32], sites: &[Site]) -> usize {
    let rack_of = |id: i32| sites.iter().find(|other| other.id == id).and_then(|other| other.rack.as_ref());
    let same = |id: &&i32| site.rack.is_some() && rack_of(**id) == site.rack.as_ref();
    others.iter().filter(same).count()
}

/// Takes a broker out of every partition that it is in: another one takes its place in the list, so that leaders stay
/// where they are. Who has the fewest replicas comes first, of those in racks that the partition is not in yet. `all` is
/// every partition of the cluster, `sites` who may get replicas.
///
/// # Errors
/// The partitions that have no broker to go to.
pub fn drain(all: &Assignments, leaving: i32, sites: &[Site]) -> Result<Assignments, Vec<TopicPartition>> {
    let mut load = Load::of(all.values());
    let (mut plan, mut stuck) = (Assignments::new(), Vec::new());
    for (place, replicas) in all.iter().filter(|(_, replicas)| replicas.contains(&leaving)) {
        let others: Vec<i32> = replicas.iter().copied().filter(|id| *id != leaving).collect();
        let leads = replicas.first() == Some(&leaving);
        let cost = |site: &&Site| {
            let preferred = if leads { load.preferred(site.id) } else { 0 };
            (neighbours(site, &others, sites), load.replicas(site.id) + preferred, site.id)
        };
        let free = sites.iter().filter(|site| site.id != leaving && !others.contains(&site.id));
        let Some(chosen) = free.min_by_key(cost) else {
            stuck.push(place.clone());
            continue;
        };
        let target = replicas.iter().map(|id| if *id == leaving { chosen.id } else { *id }).collect::<Vec<i32>>();
        load.replicas.entry(chosen.id).and_modify(|count| *count += 1).or_insert(1);
        if leads {
            load.preferred.entry(chosen.id).and_modify(|count| *count += 1).or_insert(1);
        }
        plan.insert(place.clone(), target);
    }
    if stuck.is_empty() { Ok(plan) } else { Err(stuck) }
}

/// Spreads the partitions of a topic evenly over `sites`, with as many replicas as they have, and moves as little as that
/// takes. Preferred leaders are even, too.
///
/// # Errors
/// How many replicas a partition has, when there are fewer sites.
pub fn spread(topic: &Assignments, sites: &[Site]) -> Result<Assignments, usize> {
    let mut plan: Assignments = topic.clone();
    if let Some(most) = topic.values().map(Vec::len).max().filter(|most| *most > sites.len()) {
        return Err(most);
    }
    let mut load = Load::default();
    // Who is on one of them stays, for now.
    for replicas in plan.values_mut() {
        replicas.retain(|id| sites.iter().any(|site| site.id == *id));
        load.add(replicas);
    }
    for (place, replicas) in &mut plan {
        while replicas.len() < topic[place].len() {
            let free = sites.iter().filter(|site| !replicas.contains(&site.id));
            let cost = |site: &&Site| (neighbours(site, replicas, sites), load.replicas(site.id), site.id);
            let Some(chosen) = free.min_by_key(cost) else { break };
            *load.replicas.entry(chosen.id).or_default() += 1;
            replicas.push(chosen.id);
        }
    }
    while level(&mut plan, &mut load, sites) {}
    even_leaders(&mut plan);
    Ok(plan)
}

/// Moves one replica from who has many to who has few; false when nobody has two more than another one.
fn level(plan: &mut Assignments, load: &mut Load, sites: &[Site]) -> bool {
    let mut by_load: Vec<&Site> = sites.iter().collect();
    by_load.sort_by_key(|site| (load.replicas(site.id), site.id));
    for few in &by_load {
        for many in by_load.iter().rev() {
            if load.replicas(many.id) < load.replicas(few.id) + 2 {
                break;
            }
            for replicas in plan.values_mut() {
                let Some(at) = replicas.iter().position(|id| *id == many.id) else { continue };
                let others: Vec<i32> = replicas.iter().copied().filter(|id| *id != many.id).collect();
                let worse = neighbours(few, &others, sites) > neighbours(many, &others, sites);
                if replicas.contains(&few.id) || worse {
                    continue;
                }
                replicas[at] = few.id;
                *load.replicas.entry(many.id).or_default() -= 1;
                *load.replicas.entry(few.id).or_default() += 1;
                return true;
            }
        }
    }
    false
}

/// Puts another replica first where one broker is preferred at least twice more often than another one of the same
/// partition.
fn even_leaders(plan: &mut Assignments) {
    let mut load = Load::of(plan.values());
    loop {
        let mut changed = false;
        for replicas in plan.values_mut() {
            let Some(&first) = replicas.first() else { continue };
            let least = (0..replicas.len()).min_by_key(|at| (load.preferred(replicas[*at]), *at)).unwrap_or(0);
            if load.preferred(first) < load.preferred(replicas[least]) + 2 {
                continue;
            }
            *load.preferred.entry(first).or_default() -= 1;
            *load.preferred.entry(replicas[least]).or_default() += 1;
            replicas[..=least].rotate_right(1);
            changed = true;
        }
        if !changed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(ids: &[i32]) -> Vec<Site> {
        ids.iter().map(|id| Site { id: *id, rack: None }).collect()
    }

    fn racks(ids: &[(i32, &str)]) -> Vec<Site> {
        ids.iter().map(|(id, rack)| Site { id: *id, rack: Some((*rack).into()) }).collect()
    }

    fn topic(replicas: &[&[i32]]) -> Assignments {
        (0..).zip(replicas).map(|(index, replicas)| (("t".to_string(), index), replicas.to_vec())).collect()
    }

    fn counts(plan: &Assignments) -> (Vec<usize>, Vec<usize>) {
        let load = Load::of(plan.values());
        (load.replicas.values().copied().collect(), load.preferred.values().copied().collect())
    }

    #[test]
    fn a_broker_is_drained_in_place() {
        let all = topic(&[&[1, 2], &[3, 1], &[2, 3], &[1, 3]]);
        let plan = drain(&all, 1, &sites(&[1, 2, 3, 4])).unwrap();
        let plan: Vec<(i32, Vec<i32>)> = plan.into_iter().map(|(place, replicas)| (place.1, replicas)).collect();
        assert_eq!(plan, [(0, vec![4, 2]), (1, vec![3, 4]), (3, vec![2, 3])]);
    }

    #[test]
    fn a_partition_without_a_free_broker_is_named() {
        let all = topic(&[&[1, 2, 3], &[1, 2]]);
        assert_eq!(drain(&all, 1, &sites(&[1, 2, 3])), Err(vec![("t".into(), 0)]));
    }

    #[test]
    fn drained_replicas_stay_in_racks_of_their_own() {
        let all = topic(&[&[1, 2]]);
        let plan = drain(&all, 1, &racks(&[(1, "a"), (2, "b"), (3, "b"), (4, "a")])).unwrap();
        assert_eq!(plan[&("t".into(), 0)], [4, 2]);
    }

    #[test]
    fn spreading_is_even_and_moves_little() {
        let before = topic(&[&[1, 2], &[2, 1], &[1, 2], &[2, 1], &[1, 2], &[2, 1]]);
        let plan = spread(&before, &sites(&[1, 2, 3])).unwrap();
        assert_eq!(counts(&plan), (vec![4, 4, 4], vec![2, 2, 2]));
        let moved: usize =
            plan.iter().map(|(place, now)| now.iter().filter(|id| !before[place].contains(id)).count()).sum();
        assert_eq!(moved, 4);
        assert_eq!(spread(&plan, &sites(&[1, 2, 3])).unwrap(), plan, "what is even stays");
    }

    #[test]
    fn spreading_leaves_the_brokers_that_are_not_named() {
        let plan = spread(&topic(&[&[1, 2], &[2, 1]]), &sites(&[3, 4])).unwrap();
        assert_eq!(counts(&plan), (vec![2, 2], vec![1, 1]));
        assert_eq!(spread(&topic(&[&[1, 2]]), &sites(&[3])), Err(2));
    }

    #[test]
    fn spreading_keeps_racks_apart() {
        let sites = racks(&[(1, "a"), (2, "a"), (3, "b"), (4, "b")]);
        let plan = spread(&topic(&[&[1, 2], &[1, 2], &[2, 1], &[3, 4]]), &sites).unwrap();
        // A partition that is in one rack stays there: only what moves anyway gets a better place.
        assert_eq!(counts(&plan).0, [2, 2, 2, 2]);
        let fresh = spread(&topic(&[&[9, 8], &[9, 8]]), &sites).unwrap();
        assert!(fresh.values().all(|replicas| (replicas[0] <= 2) != (replicas[1] <= 2)), "{fresh:?}");
    }
}
