//! One change of one partition, as Kafka's `PartitionChangeBuilder` makes it: a reassignment that is complete ends, who
//! left too few in sync stays eligible (KIP-966), a leader is elected, and a record says what is different.
//!
//! Who may lead: an in-sync replica that lives; if none does, an eligible one that lives; if there is none of either
//! kind at all, who led last; and where the topic allows it, any replica that lives. The last two may lack acknowledged
//! records: the partition is then marked as recovering, and the operator is told.
//!
//! Other than in Kafka the last in-sync replica stays in the set when its broker is fenced. It means the same: it and the
//! eligible ones have every acknowledged record, and whichever lives first may lead.

use super::Controller;
use super::command::{Chosen, Election, PartitionResult, Refusal, Reply};
use crate::error::ErrorCode;
use crate::event::Level;
use crate::meta::image::{PartitionImage, TopicImage};
use crate::meta::record::{PartitionChangeRecord, Record};
use crate::meta::{LEADER_UNCHANGED, NO_LEADER};
use crate::types::{NodeId, Partition, TopicId, Uuid};
use std::collections::BTreeSet;

/// Which replica a change would like to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Who leads, or else the first that may.
    Stay,
    /// The first replica, or else as `Stay`.
    Preferred,
    /// As `Stay`; if nobody may, any that lives.
    Unclean,
}

/// How a leader was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    InSync(NodeId),
    Eligible(NodeId),
    /// It may lack acknowledged records.
    Unclean(NodeId),
    Nobody,
}

/// What a partition shall become.
#[derive(Debug)]
pub(super) struct Change<'a> {
    topic: TopicId,
    index: Partition,
    was: &'a PartitionImage,
    min_isr: usize,
    pub how: How,
    pub isr: Vec<NodeId>,
    pub replicas: Vec<NodeId>,
    pub adding: Vec<NodeId>,
    pub removing: Vec<NodeId>,
    pub recovering: bool,
    /// Whose data cannot be relied on: it came back after a stop that was not clean.
    pub lost: Option<NodeId>,
    elr: Vec<NodeId>,
    last_known: Vec<NodeId>,
}

impl<'a> Change<'a> {
    /// No change yet. `min_isr` is the topic's `min.insync.replicas`.
    pub fn of(topic: TopicId, index: Partition, was: &'a PartitionImage, min_isr: i32) -> Change<'a> {
        Change {
            topic,
            index,
            was,
            min_isr: usize::try_from(min_isr).unwrap_or(1).max(1),
            how: How::Stay,
            isr: was.isr.clone(),
            replicas: was.replicas.clone(),
            adding: was.adding.clone(),
            removing: was.removing.clone(),
            recovering: was.recovering,
            lost: None,
            elr: was.elr.clone(),
            last_known: was.last_known_elr.clone(),
        }
    }

    /// The record, where something changes; and whether its leader may lack acknowledged records.
    pub fn build(mut self, may_lead: &dyn Fn(NodeId) -> bool) -> Option<(PartitionChangeRecord, Cleanness)> {
        self.complete_reassignment();
        self.keep_eligible();
        let mut leader = LEADER_UNCHANGED;
        let mut cleanness = Cleanness::Clean;
        let found = self.elect(may_lead);
        let elected = match found {
            Found::InSync(id) | Found::Eligible(id) | Found::Unclean(id) => id,
            Found::Nobody => NO_LEADER,
        };
        if elected != self.was.leader {
            leader = elected;
            match found {
                Found::Eligible(id) => {
                    // What the others have beyond the acknowledged is not known to the new leader.
                    let others = self.isr.iter().filter(|other| !self.elr.contains(other)).copied().collect::<Vec<_>>();
                    self.elr.extend(others);
                    self.elr.retain(|other| *other != id);
                    self.isr = vec![id];
                    self.forget_eligible_if_enough();
                }
                Found::Unclean(id) => {
                    self.isr = vec![id];
                    self.elr.clear();
                    self.last_known.clear();
                    self.recovering = true;
                    cleanness = Cleanness::Unclean;
                }
                Found::InSync(_) | Found::Nobody => {}
            }
        }
        if leader == LEADER_UNCHANGED && self.was.leader != NO_LEADER && self.drops_a_replica() {
            // Whoever is not a replica any more must not go on as one of this epoch.
            leader = self.was.leader;
        }
        let was = self.was;
        let new = |now: Vec<NodeId>, before: &Vec<NodeId>| (now != *before).then_some(now);
        let replicas = new(self.replicas, &was.replicas);
        let record = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic,
            leader,
            isr: new(self.isr, &was.isr),
            directories: replicas.as_ref().map(|replicas| vec![Uuid::ZERO; replicas.len()]),
            replicas,
            removing_replicas: new(self.removing, &was.removing),
            adding_replicas: new(self.adding, &was.adding),
            leader_recovery_state: if self.recovering == was.recovering { -1 } else { i8::from(self.recovering) },
            eligible_leader_replicas: new(self.elr, &was.elr),
            last_known_elr: new(self.last_known, &was.last_known_elr),
        };
        let nothing = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic,
            ..PartitionChangeRecord::default()
        };
        (record != nothing).then_some((record, cleanness))
    }

    /// A reassignment ends when everybody who comes is in sync and somebody stays (KIP-455).
    fn complete_reassignment(&mut self) {
        if self.adding.is_empty() && self.removing.is_empty() {
            return;
        }
        let stay =
            |ids: &[NodeId]| -> Vec<NodeId> { ids.iter().copied().filter(|id| !self.removing.contains(id)).collect() };
        let (isr, replicas) = (stay(&self.isr), stay(&self.replicas));
        if isr.is_empty() || replicas.is_empty() || !self.adding.iter().all(|id| isr.contains(id)) {
            return;
        }
        (self.isr, self.replicas) = (isr, replicas);
        self.adding.clear();
        self.removing.clear();
    }

    /// Who leaves the in-sync replicas while they are too few has every acknowledged record: nothing more is acknowledged
    /// until they are enough again (KIP-966).
    fn keep_eligible(&mut self) {
        let gone = |id: &NodeId| self.isr.contains(id) || Some(*id) == self.lost || !self.replicas.contains(id);
        let mut elr: Vec<NodeId> = Vec::new();
        for id in self.elr.iter().chain(&self.was.isr) {
            if !gone(id) && !elr.contains(id) {
                elr.push(*id);
            }
        }
        self.elr = elr;
        if self.isr.is_empty() && !self.was.isr.is_empty() {
            let last = if self.was.leader != NO_LEADER { Some(self.was.leader) } else { self.was.isr.first().copied() };
            self.last_known = last.into_iter().collect();
        }
        self.forget_eligible_if_enough();
    }

    fn forget_eligible_if_enough(&mut self) {
        if self.isr.len() >= self.min_isr.min(self.replicas.len()) {
            self.elr.clear();
            self.last_known.clear();
        }
    }

    fn elect(&self, may_lead: &dyn Fn(NodeId) -> bool) -> Found {
        let in_sync = |id: NodeId| self.isr.contains(&id) && self.replicas.contains(&id) && may_lead(id);
        // A replica that goes leads only where nobody else can.
        let first = |wanted: &dyn Fn(NodeId) -> bool| {
            let stays = self.replicas.iter().copied().find(|id| !self.removing.contains(id) && wanted(*id));
            stays.or_else(|| self.replicas.iter().copied().find(|id| wanted(*id)))
        };
        let preferred = self.replicas.first().copied().filter(|id| self.how == How::Preferred && in_sync(*id));
        let leader = Some(self.was.leader).filter(|id| in_sync(*id));
        if let Some(id) = preferred.or(leader).or_else(|| first(&in_sync)) {
            return Found::InSync(id);
        }
        if let Some(id) = first(&|id| self.elr.contains(&id) && may_lead(id)) {
            return Found::Eligible(id);
        }
        if self.isr.is_empty()
            && self.elr.is_empty()
            && let [last] = self.last_known[..]
            && self.replicas.contains(&last)
            && may_lead(last)
        {
            return Found::Unclean(last);
        }
        match first(&may_lead) {
            Some(id) if self.how == How::Unclean => Found::Unclean(id),
            _ => Found::Nobody,
        }
    }

    fn drops_a_replica(&self) -> bool {
        self.was.replicas.iter().any(|id| !self.replicas.contains(id))
    }
}

/// Whether a leader has every acknowledged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleanness {
    /// It has.
    Clean,
    /// It may lack some.
    Unclean,
}

impl Controller {
    /// The record of a change; loud where acknowledged records may be lost by it.
    pub(super) fn build(
        &mut self,
        topic: &str,
        change: Option<(PartitionChangeRecord, Cleanness)>,
    ) -> Option<PartitionChangeRecord> {
        let (record, cleanness) = change?;
        if cleanness == Cleanness::Unclean {
            let message = format!(
                "unclean election: broker {} leads {topic}-{} though it may lack acknowledged records; those that it lacks \
                 are lost",
                record.leader, record.partition_id
            );
            self.note(Level::Error, message);
        }
        Some(record)
    }

    pub(super) fn decide_elect(&mut self, election: Election, chosen: Chosen) -> (Vec<Record>, Reply) {
        let all = chosen.is_none();
        let partitions = chosen.unwrap_or_else(|| self.every_partition());
        let mut records = Vec::new();
        let mut results: Vec<PartitionResult> = Vec::new();
        let mut seen: BTreeSet<(String, Partition)> = BTreeSet::new();
        for (topic, index) in partitions {
            if !seen.insert((topic.clone(), index)) {
                continue;
            }
            let result = self.elect_one(&topic, index, election).map(|record| records.push(record));
            if !(all && result.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::ElectionNotNeeded)) {
                results.push((topic, index, result));
            }
        }
        (records, Reply::Elected(results))
    }

    fn elect_one(&mut self, name: &str, index: Partition, election: Election) -> Result<Record, Refusal> {
        let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self.state.topic(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = self
            .state
            .partition(topic.id, index)
            .ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let needed = match election {
            Election::Preferred => partition.replicas.first() != Some(&partition.leader),
            Election::Unclean => partition.leader == NO_LEADER,
        };
        if !needed {
            let message = "Leader election not needed for topic partition.";
            return Err(Refusal::new(ErrorCode::ElectionNotNeeded, message));
        }
        let mut change = Change::of(topic.id, index, partition, self.topic_settings(name).min_insync_replicas);
        change.how = match election {
            Election::Preferred => How::Preferred,
            Election::Unclean => How::Unclean,
        };
        let built = change.build(&|id| self.is_active_broker(id));
        match (self.build(name, built), election) {
            (Some(record), _) => Ok(Record::PartitionChange(record)),
            (None, Election::Preferred) => {
                let message = "The preferred leader was not available.";
                Err(Refusal::new(ErrorCode::PreferredLeaderNotAvailable, message))
            }
            (None, Election::Unclean) => {
                let message = "Eligible topic partition leaders are not available.";
                Err(Refusal::new(ErrorCode::EligibleLeadersNotAvailable, message))
            }
        }
    }

    /// Leadership back to the first replicas (`auto.leader.rebalance.enable`).
    pub(super) fn elect_preferred_everywhere(&mut self) -> Vec<Record> {
        let away = |_: &TopicImage, p: &PartitionImage| p.leader != NO_LEADER && p.replicas.first() != Some(&p.leader);
        self.change_where(&away, |change, _| change.how = How::Preferred, None)
    }

    /// Leaders for partitions without one, where the topic takes an unclean one.
    pub(super) fn elect_where_unclean_is_allowed(&mut self) -> Vec<Record> {
        self.change_where(&|_, p| p.leader == NO_LEADER, |_, _| {}, None)
    }

    /// The records of the same change to all partitions that `wanted` picks. `also` counts as living, and where the topic
    /// allows it, an unclean leader will do.
    pub(super) fn change_where(
        &mut self,
        wanted: &dyn Fn(&TopicImage, &PartitionImage) -> bool,
        alter: impl Fn(&mut Change<'_>, &crate::config::TopicSettings),
        also: Option<NodeId>,
    ) -> Vec<Record> {
        self.change_without(wanted, alter, also, None)
    }

    /// The same; `without` counts as gone.
    pub(super) fn change_without(
        &mut self,
        wanted: &dyn Fn(&TopicImage, &PartitionImage) -> bool,
        alter: impl Fn(&mut Change<'_>, &crate::config::TopicSettings),
        also: Option<NodeId>,
        without: Option<NodeId>,
    ) -> Vec<Record> {
        let may_lead = |id: NodeId| Some(id) != without && (Some(id) == also || self.is_active_broker(id));
        let mut built = Vec::new();
        for topic in self.state.topics() {
            let mut settings = None;
            for (index, partition) in topic.partitions.iter().enumerate().filter(|(_, p)| wanted(topic, p)) {
                let settings = settings.get_or_insert_with(|| self.topic_settings(&topic.name));
                let mut change = Change::of(topic.id, index as Partition, partition, settings.min_insync_replicas);
                if settings.unclean_leader_election_enable {
                    change.how = How::Unclean;
                }
                alter(&mut change, settings);
                if let Some(change) = change.build(&may_lead) {
                    built.push((topic.name.clone(), change));
                }
            }
        }
        let records = built.into_iter().filter_map(|(topic, change)| self.build(&topic, Some(change)));
        let records: Vec<PartitionChangeRecord> = records.collect();
        records.into_iter().map(Record::PartitionChange).collect()
    }
}
