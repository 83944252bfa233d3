//! What a rolling restart asks before it stops this broker, and after it has started it again. Both are answered from the
//! image: what every broker knows of every partition, as the controller last published it.
//!
//! A partition with a single replica is unavailable whenever its broker is restarted: it is told, and does not speak against
//! the restart, because waiting would not help.

use super::Broker;
use crate::meta::NO_LEADER;
use crate::types::NodeId;

/// So many partitions are named; the others are counted.
pub const PLACES_NAMED_MAX: usize = 100;

/// Partitions: how many, and the names of the first [`PLACES_NAMED_MAX`], as `topic-0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
}

impl Places {
    fn counted(&self) -> String {
        if self.count == 1 { "1 partition".to_owned() } else { format!("{} partitions", self.count) }
    }

    fn add(&mut self, topic: &str, index: usize) {
        self.count += 1;
        if self.names.len() < PLACES_NAMED_MAX {
            self.names.push(format!("{topic}-{index}"));
        }
    }
}

/// What stopping this broker would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeforeRestart {
    /// This broker.
    pub broker: NodeId,
    /// Partitions that it leads.
    pub leaders: usize,
    /// Partitions that nobody else could lead.
    pub unavailable: Places,
    /// Partitions that would have fewer than `min.insync.replicas` in sync: acks=all would be refused.
    pub under_min_isr: Places,
    /// Partitions that have no other replica.
    pub single_replica: Places,
    /// Why the broker should go on for now; empty when it may stop.
    pub reasons: Vec<String>,
}

/// How far this broker has come since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AfterRestart {
    /// This broker.
    pub broker: NodeId,
    /// Partitions that it has a replica of; those that are only on their way to it do not count.
    pub replicas: usize,
    /// Of these, where it is not in sync.
    pub out_of_sync: Places,
    /// Why the next broker should wait; empty when this one has caught up.
    pub reasons: Vec<String>,
}

impl Broker {
    /// Whether this broker may be stopped without harm, as far as it knows.
    pub fn before_restart(&self) -> BeforeRestart {
        let mut found = BeforeRestart { broker: self.node, ..BeforeRestart::default() };
        let me = self.node;
        for topic in self.image.topics() {
            let mine = topic.partitions.iter().enumerate().filter(|(_, p)| p.replicas.contains(&me));
            let mut min_isr = None;
            for (index, partition) in mine {
                found.leaders += usize::from(partition.leader == me);
                if partition.replicas.len() == 1 {
                    found.single_replica.add(&topic.name, index);
                    continue;
                }
                if !partition.isr.contains(&me) {
                    continue;
                }
                let min_isr = *min_isr.get_or_insert_with(|| self.topic_settings(&topic.name).min_insync_replicas);
                let min_isr = usize::try_from(min_isr).unwrap_or(1).min(partition.replicas.len());
                let rest = partition.isr.iter().filter(|id| **id != me && self.is_up(**id)).count();
                if rest == 0 {
                    found.unavailable.add(&topic.name, index);
                } else if rest < min_isr {
                    found.under_min_isr.add(&topic.name, index);
                }
            }
        }
        let reasons = &mut found.reasons;
        reasons.extend(self.blind());
        if found.unavailable.count > 0 {
            reasons.push(format!("{} would have no leader", found.unavailable.counted()));
        }
        if found.under_min_isr.count > 0 {
            let count = found.under_min_isr.counted();
            reasons.push(format!("{count} would have fewer in sync than min.insync.replicas"));
        }
        reasons.extend(self.quorum_would_go());
        found
    }

    /// Whether this broker has caught up with all that it has a replica of.
    pub fn after_restart(&self) -> AfterRestart {
        let mut found = AfterRestart { broker: self.node, ..AfterRestart::default() };
        for topic in self.image.topics() {
            for (index, partition) in topic.partitions.iter().enumerate() {
                let lists = [&partition.adding, &partition.removing];
                if !partition.replicas.contains(&self.node) || lists.iter().any(|list| list.contains(&self.node)) {
                    continue;
                }
                found.replicas += 1;
                if !partition.isr.contains(&self.node) || partition.leader == NO_LEADER {
                    found.out_of_sync.add(&topic.name, index);
                }
            }
        }
        if !self.is_ready() {
            found.reasons.push("the broker is starting".to_owned());
        }
        found.reasons.extend(self.blind());
        if self.image.broker(self.node).is_some_and(|known| known.fenced) {
            found.reasons.push("the controller has fenced this broker".to_owned());
        }
        if found.out_of_sync.count > 0 {
            let (behind, all) = (found.out_of_sync.count, found.replicas);
            found.reasons.push(format!("{behind} of {all} partitions are not in sync here"));
        }
        found
    }

    fn is_up(&self, id: NodeId) -> bool {
        self.image.broker(id).is_some_and(|broker| broker.is_active())
    }

    /// Without a controller nobody knows how the others are.
    fn blind(&self) -> Option<String> {
        let blind = self.controller().is_none();
        blind.then(|| "no controller can be reached: how the others are is not known".to_owned())
    }

    /// A voter counts as there when it is up as a broker, too: nodes have both roles.
    fn quorum_would_go(&self) -> Option<String> {
        let voters: Vec<NodeId> = self.quorum_status()?.voters.into_iter().map(|(id, _)| id).collect();
        if voters.len() < 2 || !voters.contains(&self.node) {
            return None;
        }
        let rest = voters.iter().filter(|id| **id != self.node && self.is_up(**id)).count();
        let all = voters.len();
        (rest <= all / 2)
            .then(|| format!("the metadata quorum would have {rest} of {all} voters, which is no majority"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Endpoint;
    use crate::config::BrokerSettings;
    use crate::meta::record::{PartitionChangeRecord, Record};
    use crate::meta::{LEADER_UNCHANGED, Registration, ResourceType};
    use crate::types::Uuid;
    use std::sync::Arc;

    const TOPIC: Uuid = Uuid([9; 16]);

    /// Broker 1 of three that are up, with one partition of each assignment.
    fn broker(assignments: &[&[NodeId]]) -> Broker {
        let endpoints = vec![Endpoint { host: "h1".into(), port: 9092 }];
        let mut broker = Broker::new(Arc::new(BrokerSettings::default()), Uuid([7; 16]), endpoints, [1, 2]);
        for id in 1..=3 {
            let registration = Registration { id, ..Registration::default() };
            broker.image.replay(&Record::register(&registration, i64::from(id)));
            broker.image.replay(&Record::unfence(id, i64::from(id)));
        }
        broker.image.replay(&Record::topic("t", TOPIC));
        for (index, replicas) in (0..).zip(assignments) {
            broker.image.replay(&Record::partition(TOPIC, index, replicas.to_vec()));
        }
        broker
    }

    fn isr(broker: &mut Broker, index: i32, isr: &[NodeId]) {
        let change = PartitionChangeRecord {
            partition_id: index,
            topic_id: TOPIC,
            leader: LEADER_UNCHANGED,
            isr: Some(isr.to_vec()),
            leader_recovery_state: -1,
            ..PartitionChangeRecord::default()
        };
        broker.image.replay(&Record::PartitionChange(change));
    }

    /// What is named: unavailable, under min.insync.replicas, with a single replica.
    fn before(broker: &Broker) -> [Vec<String>; 3] {
        let found = broker.before_restart();
        [found.unavailable.names, found.under_min_isr.names, found.single_replica.names]
    }

    #[test]
    fn a_broker_may_stop_where_the_others_have_everything() {
        let mut broker = broker(&[&[1, 2, 3], &[2, 3, 1], &[2, 3], &[1]]);
        assert_eq!(before(&broker), [vec![], vec![], vec!["t-3".to_owned()]]);
        assert_eq!(broker.before_restart().leaders, 2);
        // Who is not in sync is not missed.
        isr(&mut broker, 1, &[2]);
        assert_eq!(before(&broker), [vec![], vec![], vec!["t-3".to_owned()]]);
        isr(&mut broker, 0, &[1]);
        assert_eq!(before(&broker)[0], ["t-0"]);
        assert!(broker.before_restart().reasons.contains(&"1 partition would have no leader".to_owned()));
    }

    #[test]
    fn in_sync_and_down_does_not_help() {
        let mut broker = broker(&[&[1, 2]]);
        assert_eq!(before(&broker)[0], [""; 0]);
        broker.image.replay(&Record::fence(2, 2));
        assert_eq!(before(&broker)[0], ["t-0"]);
    }

    #[test]
    fn acks_all_counts() {
        let mut broker = broker(&[&[1, 2, 3]]);
        let two = Record::config(ResourceType::Topic, "t", "min.insync.replicas".into(), Some("2".into()));
        broker.image.replay(&two);
        assert_eq!(before(&broker)[1], [""; 0]);
        isr(&mut broker, 0, &[1, 3]);
        assert_eq!(before(&broker), [vec![], vec!["t-0".to_owned()], vec![]]);
        isr(&mut broker, 0, &[2, 3]);
        assert_eq!(before(&broker)[1], [""; 0]);
    }

    #[test]
    fn a_broker_has_caught_up_when_it_is_in_sync_everywhere() {
        let mut broker = broker(&[&[1, 2, 3], &[2, 3, 1], &[2, 3]]);
        let after = broker.after_restart();
        assert_eq!((after.replicas, after.out_of_sync.count), (2, 0));
        isr(&mut broker, 1, &[2, 3]);
        let after = broker.after_restart();
        assert_eq!(after.out_of_sync.names, ["t-1"]);
        assert!(after.reasons.contains(&"1 of 2 partitions are not in sync here".to_owned()), "{:?}", after.reasons);
    }

    #[test]
    fn many_are_counted_and_some_named() {
        let assignments: Vec<&[NodeId]> = vec![&[1]; PLACES_NAMED_MAX + 5];
        let found = broker(&assignments).before_restart().single_replica;
        assert_eq!((found.count, found.names.len()), (PLACES_NAMED_MAX + 5, PLACES_NAMED_MAX));
    }
}
