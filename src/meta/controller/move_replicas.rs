//! Reassignment (KIP-455): replicas that come are added, and catch up; once all of them are in sync, those that go are
//! dropped. Until then it can be called off, which brings back what was there before.

use super::Controller;
use super::command::{Chosen, FactorChange, Ongoing, PartitionResult, Reassignment, Refusal, Reply};
use super::elect::{Change, How};
use crate::error::ErrorCode;
use crate::event::Level;
use crate::meta::image::PartitionImage;
use crate::meta::record::Record;
use crate::types::{NodeId, Partition};
use std::collections::BTreeSet;

impl Controller {
    pub(super) fn decide_reassign(
        &mut self,
        partitions: Vec<Reassignment>,
        factor_change: FactorChange,
    ) -> (Vec<Record>, Reply) {
        let mut records = Vec::new();
        let mut results: Vec<PartitionResult> = Vec::new();
        let mut seen: BTreeSet<(String, Partition)> = BTreeSet::new();
        for wanted in partitions {
            let (topic, partition) = (wanted.topic.clone(), wanted.partition);
            let result = if seen.insert((topic.clone(), partition)) {
                self.reassign_one(wanted, factor_change).map(|record| records.extend(record))
            } else {
                let message = format!("Partition {topic}-{partition} is named twice in this request.");
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            };
            results.push((topic, partition, result));
        }
        (records, Reply::Reassigned(results))
    }

    fn reassign_one(&mut self, wanted: Reassignment, factor_change: FactorChange) -> Result<Option<Record>, Refusal> {
        let Reassignment { topic: name, partition: index, replicas } = wanted;
        let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self.state.topic(&name).ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let partition = self
            .state
            .partition(topic.id, index)
            .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        let settings = self.topic_settings(&name);
        let mut change = Change::of(topic.id, index, partition, settings.min_insync_replicas);
        if settings.unclean_leader_election_enable {
            change.how = How::Unclean;
        }
        let original = original(partition);
        let target = match replicas {
            None if !partition.is_moving() => {
                let message = "No partition reassignment is in progress.";
                return Err(Refusal::new(ErrorCode::NoReassignmentInProgress, message));
            }
            None => original.clone(),
            Some(target) => {
                self.check_replicas(&target, None)?;
                if factor_change == FactorChange::Forbidden && target.len() != original.len() {
                    let message =
                        format!("The replication factor is changed from {} to {}", original.len(), target.len());
                    return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
                }
                target
            }
        };
        // What was to come and is not wanted any more goes at once: it never counted.
        change.adding = target.iter().copied().filter(|id| !original.contains(id)).collect();
        change.removing = original.iter().copied().filter(|id| !target.contains(id)).collect();
        change.replicas = target;
        change.replicas.extend(change.removing.iter().copied());
        let stays = change.replicas.clone();
        let mut unclean = false;
        change.isr.retain(|id| stays.contains(id));
        if change.isr.is_empty() && !partition.isr.is_empty() {
            if !settings.unclean_leader_election_enable {
                let message = format!(
                    "Unable to revert partition assignment for {name}:{index} because it would require an unclean \
                     leader election."
                );
                return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
            }
            change.isr.extend(original.first());
            unclean = true;
        }
        let built = change.build(&|id| self.is_active_broker(id));
        if unclean {
            let message =
                format!("{name}-{index} goes back to where it was before all in-sync replicas came; records are lost");
            self.note(Level::Error, message);
        }
        Ok(self.build(&name, built).map(Record::PartitionChange))
    }

    pub(super) fn ongoing(&self, chosen: Chosen) -> Vec<Ongoing> {
        let chosen = chosen.unwrap_or_else(|| self.every_partition());
        let moving = |(topic, index): (String, Partition)| {
            let partition = self.state.partition(self.state.topic(&topic)?.id, index)?;
            partition.is_moving().then(|| Ongoing {
                topic,
                partition: index,
                replicas: partition.replicas.clone(),
                adding: partition.adding.clone(),
                removing: partition.removing.clone(),
            })
        };
        chosen.into_iter().filter_map(moving).collect()
    }
}

/// The replicas before a reassignment began.
fn original(partition: &PartitionImage) -> Vec<NodeId> {
    partition.replicas.iter().copied().filter(|id| !partition.adding.contains(id)).collect()
}
