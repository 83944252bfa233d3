//! Where new partitions go: Kafka's `StripedReplicaPlacer`.
//!
//! Leaders and replicas go round the brokers and the racks, so that every broker leads and follows about as much as any
//! other; a partition has its replicas in as many racks as there are; a fenced broker never leads, and is used only where
//! its rack has no other broker left. A cluster without racks is one rack.

use super::splitmix;
use crate::types::NodeId;
use std::collections::BTreeMap;

/// A broker that may hold replicas.
#[derive(Clone, Debug)]
pub(super) struct Usable {
    pub id: NodeId,
    pub rack: Option<String>,
    /// Whether it may lead.
    pub active: bool,
}

/// Replicas of `partitions` new partitions, `factor` each, the leader first.
///
/// # Errors
/// Kafka's sentence, where there are too few brokers.
pub(super) fn place(
    brokers: Vec<Usable>,
    partitions: usize,
    factor: usize,
    seed: &mut u64,
) -> Result<Vec<Vec<NodeId>>, String> {
    let total = brokers.len();
    let mut racks = Racks::new(brokers, seed);
    if factor == 0 {
        return Err("Invalid replication factor 0: the replication factor must be positive.".to_owned());
    }
    if racks.active == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    if factor > total {
        return Err(format!(
            "The target replication factor of {factor} cannot be reached because only {total} broker(s) are registered."
        ));
    }
    Ok((0..partitions).map(|_| racks.place(factor, seed)).collect())
}

/// Brokers that take turns. A round is one partition: in each, every broker comes once, beginning one further on.
#[derive(Debug, Default)]
struct Turns {
    brokers: Vec<NodeId>,
    index: usize,
    offset: usize,
    round: u64,
}

impl Turns {
    fn begin(&mut self, seed: &mut u64) {
        self.brokers.sort_unstable();
        self.offset = below(self.brokers.len(), seed);
    }

    fn next(&mut self, round: u64) -> Option<NodeId> {
        let count = self.brokers.len();
        if count == 0 {
            return None;
        }
        if self.round != round {
            self.round = round;
            self.index = 0;
            self.offset = (self.offset + 1) % count;
        }
        if self.index >= count {
            return None;
        }
        self.index += 1;
        Some(self.brokers[(self.index - 1 + self.offset) % count])
    }
}

#[derive(Debug, Default)]
struct Rack {
    active: Turns,
    others: Turns,
}

impl Rack {
    fn next(&mut self, round: u64) -> Option<NodeId> {
        self.active.next(round).or_else(|| self.others.next(round))
    }
}

#[derive(Debug)]
struct Racks {
    racks: Vec<Rack>,
    /// Brokers that may lead.
    active: usize,
    round: u64,
    /// Partitions placed since the last shuffle.
    placed: usize,
    /// The rack that the next partition begins with.
    offset: usize,
}

impl Racks {
    fn new(brokers: Vec<Usable>, seed: &mut u64) -> Racks {
        let active = brokers.iter().filter(|broker| broker.active).count();
        let mut racks: BTreeMap<Option<String>, Rack> = BTreeMap::new();
        for broker in brokers {
            let rack = racks.entry(broker.rack).or_default();
            let turns = if broker.active { &mut rack.active } else { &mut rack.others };
            turns.brokers.push(broker.id);
        }
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for rack in &mut racks {
            rack.active.begin(seed);
            rack.others.begin(seed);
        }
        let offset = below(racks.len(), seed);
        Racks { racks, active, round: 0, placed: 0, offset }
    }

    /// The caller has seen to it that some broker may lead, and that there are at least `factor` brokers.
    fn place(&mut self, factor: usize, seed: &mut u64) -> Vec<NodeId> {
        self.round += 1;
        self.placed += 1;
        // After as many partitions as there are leaders the same assignments would come again.
        if self.placed == self.active && self.active > 1 {
            self.shuffle(seed);
            self.placed = 0;
        }
        let count = self.racks.len();
        let begin = self.offset % count;
        self.offset = (begin + 1) % count;
        let mut replicas = Vec::with_capacity(factor);
        let mut leaders = (0..count).map(|step| (begin + step) % count);
        let found = leaders.find_map(|at| Some((at, self.racks[at].active.next(self.round)?)));
        let (mut first, leader) = match found {
            Some((at, leader)) => (Some(at), leader),
            None => unreachable!("some rack has a broker that may lead, and this round has asked none"),
        };
        replicas.push(leader);
        let mut at = begin;
        while replicas.len() < factor {
            // The leader's rack has had its turn in the first time round.
            if first == Some(at) {
                first = None;
            } else {
                replicas.extend(self.racks[at].next(self.round));
            }
            at = (at + 1) % count;
        }
        replicas
    }

    fn shuffle(&mut self, seed: &mut u64) {
        shuffle(&mut self.racks, seed);
        for rack in &mut self.racks {
            shuffle(&mut rack.active.brokers, seed);
            shuffle(&mut rack.others.brokers, seed);
        }
    }
}

/// A number below `count`; 0 where there is none.
fn below(count: usize, seed: &mut u64) -> usize {
    if count < 2 { 0 } else { (splitmix(seed) % count as u64) as usize }
}

fn shuffle<T>(items: &mut [T], seed: &mut u64) {
    for at in (1..items.len()).rev() {
        items.swap(at, below(at + 1, seed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(racks: &[Option<&str>], fenced: &[NodeId]) -> Vec<Usable> {
        let broker = |(id, rack): (usize, &Option<&str>)| Usable {
            id: id as NodeId,
            rack: rack.map(str::to_owned),
            active: !fenced.contains(&(id as NodeId)),
        };
        racks.iter().enumerate().map(broker).collect()
    }

    #[test]
    fn every_broker_leads_and_follows_as_much_as_any_other() {
        for seed in 0..50 {
            let placed = place(brokers(&[None; 4], &[]), 400, 3, &mut { seed }).expect("there are enough");
            for id in 0..4 {
                let leads = placed.iter().filter(|replicas| replicas[0] == id).count();
                let holds = placed.iter().filter(|replicas| replicas.contains(&id)).count();
                assert!((80..=120).contains(&leads) && (250..=350).contains(&holds), "{id}: {leads} {holds}");
            }
        }
    }

    #[test]
    fn replicas_differ_and_lie_in_different_racks() {
        let racks = [Some("a"), Some("a"), Some("b"), Some("b"), Some("c"), Some("c")];
        for seed in 0..50 {
            for replicas in place(brokers(&racks, &[]), 60, 3, &mut { seed }).expect("there are enough") {
                let mut of: Vec<_> = replicas.iter().map(|id| racks[*id as usize]).collect();
                of.sort_unstable();
                of.dedup();
                assert_eq!(of.len(), 3, "{replicas:?}");
            }
            for mut replicas in place(brokers(&racks, &[1, 2]), 60, 6, &mut { seed }).expect("there are enough") {
                assert!(![1, 2].contains(&replicas[0]), "a fenced broker leads");
                replicas.sort_unstable();
                assert_eq!(replicas, [0, 1, 2, 3, 4, 5]);
            }
        }
    }

    #[test]
    fn a_fenced_broker_comes_last() {
        for seed in 0..50 {
            let placed = place(brokers(&[None; 4], &[2]), 40, 3, &mut { seed }).expect("there are enough");
            assert!(placed.iter().all(|replicas| !replicas.contains(&2)), "three others are there");
            let placed = place(brokers(&[None; 3], &[2]), 40, 3, &mut { seed }).expect("there are enough");
            assert!(placed.iter().all(|replicas| replicas[2] == 2), "it is needed");
        }
    }

    #[test]
    fn too_few_brokers() {
        let told = |brokers, factor| place(brokers, 1, factor, &mut 1).expect_err("too few");
        assert_eq!(
            told(brokers(&[None; 2], &[]), 3),
            "The target replication factor of 3 cannot be reached because only 2 broker(s) are registered."
        );
        assert_eq!(told(brokers(&[None; 2], &[0, 1]), 1), "All brokers are currently fenced.");
        assert_eq!(told(Vec::new(), 1), "All brokers are currently fenced.");
    }
}
