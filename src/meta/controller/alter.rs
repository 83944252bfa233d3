//! AlterPartition: a leader proposes in-sync replicas, and the controller takes the proposal if nothing has changed since
//! (KIP-497), if every member may be in sync (KIP-841), and if it is still the process that the leader knows (KIP-903).

use super::Controller;
use super::command::{IsrChange, PartitionState, Reply};
use super::elect::{Change, How};
use crate::error::ErrorCode;
use crate::meta::image::PartitionImage;
use crate::meta::record::Record;
use crate::types::{NodeId, Partition, TopicId};
use std::collections::BTreeSet;

impl Controller {
    pub(super) fn decide_alter(&mut self, broker: NodeId, epoch: i64, parts: Vec<IsrChange>) -> (Vec<Record>, Reply) {
        if let Err(refusal) = self.check_broker_epoch(broker, epoch) {
            return (Vec::new(), Reply::Refused(refusal));
        }
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut seen: BTreeSet<(TopicId, Partition)> = BTreeSet::new();
        for part in parts {
            // A second proposal for the same partition builds on an epoch that the first has made old.
            let first = seen.insert((part.topic, part.partition));
            let result =
                if first { self.alter_one(broker, part, &mut records) } else { Err(ErrorCode::InvalidUpdateVersion) };
            results.push(result);
        }
        (records, Reply::Altered(results))
    }

    fn alter_one(
        &mut self,
        broker: NodeId,
        part: IsrChange,
        records: &mut Vec<Record>,
    ) -> Result<PartitionState, ErrorCode> {
        let topic = self.state.topic_by_id(part.topic).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = self.state.partition(part.topic, part.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        check(broker, &part, partition)?;
        if !part.isr.iter().all(|(id, epoch)| self.may_be_in_sync(*id, *epoch)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let name = topic.name.clone();
        let settings = self.topic_settings(&name);
        let mut change = Change::of(part.topic, part.partition, partition, settings.min_insync_replicas);
        change.isr = part.isr.iter().map(|(id, _)| *id).collect();
        change.recovering = part.recovering;
        if settings.unclean_leader_election_enable {
            change.how = How::Unclean;
        }
        let built = change.build(&|id| self.is_active_broker(id));
        let mut state = partition.clone();
        if let Some(record) = self.build(&name, built) {
            state.replay(&record);
            records.push(Record::PartitionChange(record));
        }
        if state.leader != broker {
            // The proposal completed a reassignment, and who proposed it leads no more.
            return Err(ErrorCode::NewLeaderElected);
        }
        Ok(PartitionState {
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            isr: state.isr,
            recovering: state.recovering,
        })
    }

    fn may_be_in_sync(&self, id: NodeId, epoch: i64) -> bool {
        let known = self.state.broker(id);
        self.is_active_broker(id) && known.is_none_or(|known| epoch == -1 || known.epoch == epoch)
    }
}

/// Whether a proposal fits the partition as it is: the checks of Kafka's `ReplicationControlManager`, in their order.
fn check(broker: NodeId, part: &IsrChange, partition: &PartitionImage) -> Result<(), ErrorCode> {
    if part.leader_epoch > partition.leader_epoch || part.partition_epoch > partition.partition_epoch {
        // The leader knows more than we do: another controller is active.
        return Err(ErrorCode::NotController);
    }
    if part.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if broker != partition.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if part.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let replica = |id: NodeId| partition.replicas.contains(&id);
    let twice = part.isr.iter().enumerate().any(|(at, (id, _))| part.isr[..at].iter().any(|(other, _)| other == id));
    let leads = part.isr.iter().any(|(id, _)| *id == broker);
    if twice || !leads || !part.isr.iter().all(|(id, _)| replica(*id)) {
        return Err(ErrorCode::InvalidRequest);
    }
    if part.recovering && (part.isr.len() > 1 || !partition.recovering) {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(())
}
