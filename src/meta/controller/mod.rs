//! The controller: takes commands, decides records, and publishes them once they are committed.
//!
//! `decide` is pure; only [`Image::replay`] changes the state that it decides on. The state runs ahead of what is
//! committed by the batch in flight: nothing of it is seen outside before [`Controller::committed`] hands it out, and
//! a reply waits for its records.

use super::image::{Image, Overrides, ResourceType};
use super::record::Record;
use crate::config::{BrokerSettings, TopicSettings};
use crate::error::ErrorCode;
use crate::types::{NodeId, Offset, Partition, ProducerId, TopicId};
use std::sync::Arc;

/// Producer ids are handed to a broker in blocks of so many.
pub const PRODUCER_ID_BLOCK: i64 = 1000;
/// A topic has at most so many partitions: what one directory of a file system bears, and then some.
pub const TOPIC_PARTITIONS_MAX: i32 = 100_000;
/// Kafka's limit for a topic name, in bytes: a file name holds it with its partition.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// A topic to make.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the broker's default.
    pub partitions: i32,
    /// How many copies; -1 for the broker's default.
    pub replication_factor: i16,
    /// Which brokers hold which partition, where the caller says so.
    pub assignments: Vec<(Partition, Vec<NodeId>)>,
    /// Overrides.
    pub configs: Vec<(String, Option<String>)>,
}

/// Partitions to add to a topic.
#[derive(Clone, Debug, Default)]
pub struct MorePartitions {
    /// The topic.
    pub topic: String,
    /// How many it shall have in all.
    pub total: i32,
    /// Which brokers hold the new ones, where the caller says so.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// Overrides of one resource to set (`Some`) and to remove (`None`).
#[derive(Clone, Debug)]
pub struct ConfigChange {
    /// What it is.
    pub resource: ResourceType,
    /// Its name.
    pub name: String,
    /// Names and values.
    pub values: Vec<(String, Option<String>)>,
}

/// What is decided for good: records to publish, and replies by their commands' tokens.
pub type Committed = (Vec<Record>, Vec<(u64, Reply)>);

/// Something the controller is asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make topics.
    CreateTopics {
        /// Which.
        topics: Vec<NewTopic>,
        /// Decide and answer, but change nothing.
        dry_run: DryRun,
    },
    /// Delete topics by id.
    DeleteTopics(Vec<TopicId>),
    /// Add partitions.
    CreatePartitions {
        /// Which.
        topics: Vec<MorePartitions>,
        /// Decide and answer, but change nothing.
        dry_run: DryRun,
    },
    /// Set (`Some`) and remove (`None`) overrides; checked by the caller.
    SetConfigs(Vec<ConfigChange>),
    /// A block of producer ids.
    AllocateProducerIds,
    /// New leader epochs for the partitions that this node leads: after a stop that was not clean.
    BumpLeaderEpochs(Vec<(TopicId, Partition)>),
}

/// Whether a command only says what it would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It only says.
    Yes,
    /// It does.
    No,
}

/// Why the controller refuses one item of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code for the client.
    pub code: ErrorCode,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into() }
    }
}

/// What became of a created topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its identity.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: i32,
    /// Its copies.
    pub replication_factor: i16,
}

/// The controller's answer, item by item.
#[derive(Clone, Debug)]
pub enum Reply {
    /// For `CreateTopics`: name and result.
    Topics(Vec<(String, Result<Created, Refusal>)>),
    /// For `DeleteTopics`: id, name and result.
    Deleted(Vec<(TopicId, Result<String, Refusal>)>),
    /// For `CreatePartitions`: name and result.
    Partitions(Vec<(String, Result<(), Refusal>)>),
    /// For `AllocateProducerIds`: the block's first id; it has [`PRODUCER_ID_BLOCK`].
    ProducerIds(ProducerId),
    /// For the others.
    Done,
}

/// The controller.
#[derive(Debug)]
pub struct Controller {
    node: NodeId,
    settings: Arc<BrokerSettings>,
    state: Image,
    /// Records and replies decided, not yet handed to the log.
    open: Vec<Record>,
    open_replies: Vec<(u64, Reply)>,
    /// The batch in flight: committed when the log is on disk up to its offset.
    flight: Option<Flight>,
    seed: [u64; 2],
    log_end: Offset,
}

#[derive(Debug)]
struct Flight {
    end: Offset,
    records: Vec<Record>,
    replies: Vec<(u64, Reply)>,
}

impl Controller {
    /// A controller that knows nothing yet; `seed` makes its topic ids.
    pub fn new(node: NodeId, settings: Arc<BrokerSettings>, seed: [u64; 2]) -> Self {
        Controller {
            node,
            settings,
            state: Image::default(),
            open: Vec::new(),
            open_replies: Vec::new(),
            flight: None,
            seed,
            log_end: 0,
        }
    }

    /// New broker settings: defaults of topics to come.
    pub fn set_settings(&mut self, settings: Arc<BrokerSettings>) {
        self.settings = settings;
    }

    /// Where the log ends when the node starts.
    pub fn set_log_end(&mut self, end: Offset) {
        self.log_end = end;
    }

    /// A record from the log, at start.
    pub fn replay(&mut self, record: &Record) {
        self.state.replay(record);
    }

    /// Decides a command; its reply comes out of [`Controller::committed`] under `token` when its records are durable.
    pub fn submit(&mut self, token: u64, command: Command) {
        let (records, reply) = self.decide(command);
        for record in &records {
            self.state.replay(record);
        }
        self.open.extend(records);
        self.open_replies.push((token, reply));
    }

    /// The next batch to append, when none is in flight: base offset and records. Replies without records come with
    /// the batch before them, or at once through [`Controller::committed`].
    pub fn take_batch(&mut self) -> Option<(Offset, &[Record])> {
        if self.flight.is_some() || (self.open.is_empty() && self.open_replies.is_empty()) {
            return None;
        }
        let base = self.log_end;
        let records = std::mem::take(&mut self.open);
        self.log_end += records.len() as Offset;
        let flight = Flight { end: self.log_end, records, replies: std::mem::take(&mut self.open_replies) };
        let flight = self.flight.insert(flight);
        Some((base, &flight.records))
    }

    /// The log is on disk below `end`: what is thereby decided for good.
    pub fn committed(&mut self, end: Offset) -> Option<Committed> {
        let flight = self.flight.take_if(|flight| flight.end <= end)?;
        Some((flight.records, flight.replies))
    }

    /// Forgets what is not committed; returns the tokens of the commands that get no reply.
    pub fn abandon(&mut self) -> Vec<u64> {
        self.open.clear();
        let flight = self.flight.take().map(|flight| flight.replies).unwrap_or_default();
        flight.into_iter().chain(self.open_replies.drain(..)).map(|(token, _)| token).collect()
    }

    /// Goes on from what is committed, in a log that ends at `end`.
    pub fn restore(&mut self, state: Image, end: Offset) {
        assert!(self.flight.is_none() && self.open.is_empty(), "commands are abandoned first");
        self.state = state;
        self.log_end = end;
    }

    fn decide(&mut self, command: Command) -> (Vec<Record>, Reply) {
        match command {
            Command::CreateTopics { topics, dry_run } => self.decide_create(topics, dry_run),
            Command::DeleteTopics(ids) => self.decide_delete(ids),
            Command::CreatePartitions { topics, dry_run } => self.decide_partitions(topics, dry_run),
            Command::SetConfigs(changes) => {
                let mut records = Vec::new();
                for ConfigChange { resource, name, values } in changes {
                    records.extend(values.into_iter().map(|(key, value)| Record::config(resource, &name, key, value)));
                }
                (records, Reply::Done)
            }
            Command::AllocateProducerIds => {
                let first = self.state.next_producer_id();
                let record = Record::producer_ids(self.node, first + PRODUCER_ID_BLOCK);
                (vec![record], Reply::ProducerIds(first))
            }
            Command::BumpLeaderEpochs(partitions) => {
                let records = partitions.into_iter().map(|(id, p)| Record::new_leader(id, p, self.node)).collect();
                (records, Reply::Done)
            }
        }
    }

    fn decide_create(&mut self, topics: Vec<NewTopic>, dry_run: DryRun) -> (Vec<Record>, Reply) {
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
        let assignments = self.decide_assignment(&topic)?;
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
            partitions: assignments.len() as i32,
            replication_factor: assignments.first().map_or(0, |replicas| replicas.len() as i16),
        };
        for (index, replicas) in assignments.into_iter().enumerate() {
            records.push(Record::partition(id, index as Partition, replicas));
        }
        Ok(created)
    }

    fn decide_assignment(&self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        if !topic.assignments.is_empty() {
            if topic.partitions != -1 || topic.replication_factor != -1 {
                let message = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
            let mut sorted = topic.assignments.clone();
            sorted.sort();
            for (want, (index, replicas)) in sorted.iter().enumerate() {
                if *index != want as Partition {
                    let message = "partitions should be a consecutive 0-based integer sequence";
                    return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
                }
                self.check_replicas(replicas)?;
            }
            return Ok(sorted.into_iter().map(|(_, replicas)| replicas).collect());
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
        if factor > 1 {
            return Err(Refusal::new(
                ErrorCode::InvalidReplicationFactor,
                format!(
                    "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                     cannot be reached because only 1 broker(s) are registered."
                ),
            ));
        }
        Ok(vec![vec![self.node]; partitions as usize])
    }

    fn check_replicas(&self, replicas: &[NodeId]) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        if replicas.is_empty() {
            return refuse("The manual partition assignment includes an empty replica list.".to_owned());
        }
        if let Some(unknown) = replicas.iter().find(|id| **id != self.node) {
            return refuse(format!(
                "The manual partition assignment includes broker {unknown}, but no such broker is registered."
            ));
        }
        if replicas.len() > 1 {
            return refuse(format!(
                "The manual partition assignment includes the broker {} more than once.",
                replicas[0]
            ));
        }
        Ok(())
    }

    fn decide_delete(&self, ids: Vec<TopicId>) -> (Vec<Record>, Reply) {
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

    fn decide_partitions(&self, topics: Vec<MorePartitions>, dry_run: DryRun) -> (Vec<Record>, Reply) {
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

    fn decide_more_partitions(&self, more: MorePartitions, records: &mut Vec<Record>) -> Result<(), Refusal> {
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
        let new = match assignments {
            None => vec![vec![self.node]; (total - have) as usize],
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
                assignments.iter().try_for_each(|replicas| self.check_replicas(replicas))?;
                assignments
            }
        };
        for (index, replicas) in (have..).zip(new) {
            records.push(Record::partition(topic.id, index, replicas));
        }
        Ok(())
    }

    /// A random (version 4) id that no topic has and that does not begin with a dash, as in Kafka.
    fn new_topic_id(&mut self) -> TopicId {
        loop {
            let mut id = crate::types::Uuid::ZERO;
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

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
    if name == super::METADATA_TOPIC {
        return refuse(format!("'{name}' is the metadata log's own name"));
    }
    Ok(())
}

/// Whether two names would share a metric's name: Kafka keeps `a.b` and `a_b` apart.
fn collide(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b || matches!((a, b), (b'.', b'_') | (b'_', b'.')))
}
