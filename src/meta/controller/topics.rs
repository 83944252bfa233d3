//! Topics: made, given more partitions, deleted.

use super::command::{Created, DryRun, MorePartitions, NewTopic, Refusal, Reply};
use super::place::{Usable, place};
use super::{Controller, splitmix};
use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::meta::image::{Overrides, ResourceType};
use crate::meta::record::Record;
use crate::types::{NodeId, Partition, TopicId, Uuid};

/// A topic has at most so many partitions: what one directory of a file system bears, and then some.
pub const TOPIC_PARTITIONS_MAX: i32 = 100_000;
/// Kafka's limit for a topic name, in bytes: a file name holds it with its partition.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// A new partition's replicas, and who of them is in sync from the start.
type Placed = (Vec<NodeId>, Vec<NodeId>);

impl Controller {
    pub(super) fn decide_create(&mut self, topics: Vec<NewTopic>, dry_run: DryRun) -> (Vec<Record>, Reply) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for topic in topics {
            let name = topic.name.clone();
            let result = if names.contains(&name) {
                Err(Refusal::new(ErrorCode::InvalidRequest, format!("Topic '{name}' is named twice in this request.")))
            } else {
                self.decide_one_topic(topic, &mut records)
            };
            names.push(name.clone());
            results.push((name, result));
        }
        if dry_run == DryRun::Yes {
            records.clear();
        }
        (records, Reply::Topics(results))
    }

    fn decide_one_topic(&mut self, topic: NewTopic, records: &mut Vec<Record>) -> Result<Created, Refusal> {
        check_topic_name(&topic.name)?;
        if self.state.topic(&topic.name).is_some() {
            return Err(Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{}' already exists.", topic.name)));
        }
        if let Some(other) = self.state.topics().find(|t| collide(&t.name, &topic.name)) {
            return Err(Refusal::new(
                ErrorCode::InvalidTopicException,
                format!("Topic '{}' collides with existing topic: {}", topic.name, other.name),
            ));
        }
        let partitions = self.decide_assignment(&topic)?;
        let mut overrides = Overrides::new();
        for (key, value) in &topic.configs {
            let Some(value) = value else {
                let message = format!("Null value not supported for topic configs: {key}");
                return Err(Refusal::new(ErrorCode::InvalidConfig, message));
            };
            overrides.insert(key.clone(), value.clone());
        }
        TopicSettings::resolve(&self.settings, &overrides)
            .map_err(|e| Refusal::new(ErrorCode::InvalidConfig, e.to_string()))?;

        let id = self.new_topic_id();
        records.push(Record::topic(&topic.name, id));
        records
            .extend(overrides.into_iter().map(|(k, v)| Record::config(ResourceType::Topic, &topic.name, k, Some(v))));
        let created = Created {
            id,
            partitions: partitions.len() as i32,
            replication_factor: partitions.first().map_or(0, |(replicas, _)| replicas.len() as i16),
        };
        for (index, (replicas, isr)) in partitions.into_iter().enumerate() {
            records.push(Record::new_partition(id, index as Partition, replicas, isr));
        }
        Ok(created)
    }

    fn decide_assignment(&mut self, topic: &NewTopic) -> Result<Vec<Placed>, Refusal> {
        if !topic.assignments.is_empty() {
            return self.manual_assignment(topic);
        }
        let partitions = if topic.partitions == -1 { self.settings.num_partitions } else { topic.partitions };
        if !(1..=TOPIC_PARTITIONS_MAX).contains(&partitions) {
            let message = if partitions > 0 {
                format!("Number of partitions must not be larger than {TOPIC_PARTITIONS_MAX}.")
            } else {
                "Number of partitions was set to an invalid non-positive value.".to_owned()
            };
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
        let factor = match topic.replication_factor {
            -1 => self.settings.default_replication_factor,
            n => i32::from(n),
        };
        if factor < 1 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
        let why = |why: String| {
            let message = format!("Unable to replicate the partition {factor} time(s): {why}");
            Refusal::new(ErrorCode::InvalidReplicationFactor, message)
        };
        self.place(partitions as usize, factor as usize).map_err(why)
    }

    fn manual_assignment(&self, topic: &NewTopic) -> Result<Vec<Placed>, Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        if topic.partitions != -1 || topic.replication_factor != -1 {
            let message = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let mut sorted: Vec<&(Partition, Vec<NodeId>)> = topic.assignments.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return refuse(format!("Found multiple manual partition assignments for partition {}", twice[0].0));
        }
        let mut factor = None;
        let mut placed = Vec::with_capacity(sorted.len());
        for (want, (index, replicas)) in sorted.into_iter().enumerate() {
            if *index != want as Partition {
                return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
            }
            self.check_replicas(replicas, factor)?;
            factor = Some(replicas.len());
            placed.push(self.manual(*index, replicas.clone())?);
        }
        Ok(placed)
    }

    /// A partition where the caller wants it; at least one of its brokers must be there to lead it.
    fn manual(&self, index: Partition, replicas: Vec<NodeId>) -> Result<Placed, Refusal> {
        let isr = self.active_of(&replicas);
        if isr.is_empty() {
            let message = format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        Ok((replicas, isr))
    }

    fn active_of(&self, replicas: &[NodeId]) -> Vec<NodeId> {
        replicas.iter().copied().filter(|id| self.is_active_broker(*id)).collect()
    }

    /// Replicas for new partitions, as even as can be.
    fn place(&mut self, partitions: usize, factor: usize) -> Result<Vec<Placed>, String> {
        let usable = |broker: &crate::meta::BrokerImage| Usable {
            id: broker.id,
            rack: broker.rack.clone(),
            active: broker.is_active(),
        };
        let mut brokers: Vec<Usable> = self.state.brokers().map(usable).collect();
        if brokers.is_empty() {
            // So it is until the node registers itself like every other: see `is_active_broker`.
            brokers.push(Usable { id: self.node, rack: None, active: true });
        }
        let placed = place(brokers, partitions, factor, &mut self.place_seed)?;
        let with_isr = |replicas: Vec<NodeId>| {
            let isr = self.active_of(&replicas);
            (replicas, isr)
        };
        Ok(placed.into_iter().map(with_isr).collect())
    }

    /// Kafka's rules for a list of brokers that somebody wrote down; `factor` is what the partitions before it have.
    pub(super) fn check_replicas(&self, replicas: &[NodeId], factor: Option<usize>) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        if replicas.is_empty() {
            return refuse("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut sorted = replicas.to_vec();
        sorted.sort_unstable();
        for (at, id) in sorted.iter().enumerate() {
            if !self.is_registered(*id) {
                return refuse(format!(
                    "The manual partition assignment includes broker {id}, but no such broker is registered."
                ));
            }
            if at > 0 && sorted[at - 1] == *id {
                return refuse(format!("The manual partition assignment includes the broker {id} more than once."));
            }
        }
        match factor {
            Some(factor) if factor != replicas.len() => refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
                 with previous partitions, which have {factor} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn decide_delete(&self, ids: Vec<TopicId>) -> (Vec<Record>, Reply) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for id in ids {
            match self.state.topic_by_id(id) {
                Some(topic) => {
                    records.push(Record::remove_topic(id));
                    results.push((id, Ok(topic.name.clone())));
                }
                None => {
                    let refusal = Refusal::new(ErrorCode::UnknownTopicId, "This server does not host this topic ID.");
                    results.push((id, Err(refusal)));
                }
            }
        }
        (records, Reply::Deleted(results))
    }

    pub(super) fn decide_partitions(&mut self, topics: Vec<MorePartitions>, dry_run: DryRun) -> (Vec<Record>, Reply) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for more in topics {
            let name = more.topic.clone();
            let result = self.decide_more_partitions(more, &mut records);
            results.push((name, result));
        }
        if dry_run == DryRun::Yes {
            records.clear();
        }
        (records, Reply::Partitions(results))
    }

    fn decide_more_partitions(&mut self, more: MorePartitions, records: &mut Vec<Record>) -> Result<(), Refusal> {
        let MorePartitions { topic: name, total, assignments } = more;
        let topic = self.state.topic(&name).ok_or_else(|| {
            Refusal::new(ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.")
        })?;
        let have = topic.partitions.len() as i32;
        if total == have {
            let message = format!("Topic already has {have} partition(s).");
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
        if total < have {
            let message =
                format!("The topic {name} currently has {have} partition(s); {total} would not be an increase.");
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
        if total > TOPIC_PARTITIONS_MAX {
            let message = format!("Number of partitions must not be larger than {TOPIC_PARTITIONS_MAX}.");
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
        let id = topic.id;
        let factor = topic.partitions.first().map_or(1, |partition| partition.replicas.len());
        let new = match assignments {
            None => {
                let why = |why: String| Refusal::new(ErrorCode::InvalidReplicationFactor, why);
                self.place((total - have) as usize, factor).map_err(why)?
            }
            Some(assignments) => {
                if assignments.len() as i32 != total - have {
                    return Err(Refusal::new(
                        ErrorCode::InvalidReplicaAssignment,
                        format!(
                            "Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                            total - have,
                            assignments.len()
                        ),
                    ));
                }
                let placed = (have..).zip(assignments).map(|(index, replicas)| {
                    self.check_replicas(&replicas, Some(factor))?;
                    self.manual(index, replicas)
                });
                placed.collect::<Result<Vec<Placed>, Refusal>>()?
            }
        };
        for (index, (replicas, isr)) in (have..).zip(new) {
            records.push(Record::new_partition(id, index, replicas, isr));
        }
        Ok(())
    }

    /// A random (version 4) id that no topic has and that does not begin with a dash, as in Kafka.
    fn new_topic_id(&mut self) -> TopicId {
        loop {
            let mut id = Uuid::ZERO;
            for (half, bytes) in id.0.chunks_mut(8).enumerate() {
                bytes.copy_from_slice(&splitmix(&mut self.seed[half]).to_be_bytes());
            }
            id.0[6] = id.0[6] & 0x0f | 0x40;
            id.0[8] = id.0[8] & 0x3f | 0x80;
            if self.state.topic_by_id(id).is_none() && !id.to_text().starts_with('-') {
                return id;
            }
        }
    }
}

/// Kafka's rules for topic names.
///
/// # Errors
/// INVALID_TOPIC_EXCEPTION with Kafka's sentence.
pub fn check_topic_name(name: &str) -> Result<(), Refusal> {
    let refuse =
        |what: String| Err(Refusal::new(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {what}")));
    if name.is_empty() {
        return refuse("the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return refuse(format!("'{name}' is not allowed"));
    }
    if name.len() > TOPIC_NAME_BYTES_MAX {
        return refuse(format!("the length of '{name}' is longer than the max allowed length {TOPIC_NAME_BYTES_MAX}"));
    }
    if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-')) {
        return refuse(format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ));
    }
    if name == crate::meta::METADATA_TOPIC {
        return refuse(format!("'{name}' is the metadata log's own name"));
    }
    Ok(())
}

/// Whether two names would share a metric's name: Kafka keeps `a.b` and `a_b` apart.
fn collide(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b || matches!((a, b), (b'.', b'_') | (b'_', b'.')))
}
