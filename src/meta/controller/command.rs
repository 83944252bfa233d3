//! What the controller is asked, and what it answers.

use crate::error::ErrorCode;
use crate::meta::image::ResourceType;
use crate::meta::record::Record;
use crate::types::{Epoch, NodeId, Offset, Partition, ProducerId, TopicId, Uuid};

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

/// A broker's process that wants to belong to the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The broker.
    pub id: NodeId,
    /// The process: another one at every start.
    pub incarnation: Uuid,
    /// Name, host and port of each listener that clients and brokers may use.
    pub endpoints: Vec<(String, String, u16)>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The broker epoch under which this broker was stopped cleanly, everything on disk; -1 after any other stop, and
    /// at the first start (KIP-966).
    pub previous_epoch: i64,
    /// The ids of its log directories (KIP-858): a directory that is not among them any more is lost. Empty where they
    /// are not known.
    pub log_dirs: Vec<Uuid>,
}

/// A broker's sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The broker.
    pub id: NodeId,
    /// The epoch that it got when it registered.
    pub epoch: i64,
    /// It has replayed all metadata below this, in the measure of
    /// [`Controller::committed`](super::Controller::committed).
    pub caught_up: Offset,
    /// It cannot serve yet, or not any more.
    pub want_fence: bool,
    /// It wants to stop: its leaderships shall go elsewhere.
    pub want_shutdown: bool,
}

/// What a leader proposes as the in-sync replicas of a partition (KIP-497).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: Partition,
    /// The leader epoch of who proposes.
    pub leader_epoch: Epoch,
    /// The partition epoch that the proposal builds on.
    pub partition_epoch: Epoch,
    /// The members and their broker epochs (KIP-903); -1 where the leader does not know it, which is not checked.
    pub isr: Vec<(NodeId, i64)>,
    /// Whether the leader still recovers from an unclean election (KIP-704).
    pub recovering: bool,
}

/// A partition as the controller leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// Who leads; -1 is nobody.
    pub leader: NodeId,
    /// The leader epoch.
    pub leader_epoch: Epoch,
    /// The partition epoch.
    pub partition_epoch: Epoch,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Whether the leader recovers from an unclean election.
    pub recovering: bool,
}

/// Which leader an election looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first replica, where it is in sync (KIP-460).
    Preferred,
    /// Any living replica, where there is no leader: records may be lost (KIP-106).
    Unclean,
}

/// Where a partition shall live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: Partition,
    /// The brokers, the preferred leader first; `None` goes back to where it was (KIP-455).
    pub replicas: Option<Vec<NodeId>>,
}

/// Whether a reassignment may change how many copies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorChange {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

/// A reassignment that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: Partition,
    /// All replicas, those that come and those that go among them.
    pub replicas: Vec<NodeId>,
    /// Those that come.
    pub adding: Vec<NodeId>,
    /// Those that go.
    pub removing: Vec<NodeId>,
}

/// Partitions by topic name; `None` stands for all.
pub type Chosen = Option<Vec<(String, Partition)>>;

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
    AllocateProducerIds {
        /// Who wants it.
        broker: NodeId,
        /// Its broker epoch; -1 is not checked: the node's own, before it is registered.
        epoch: i64,
    },
    /// New leader epochs for these partitions under the leaders that they have: after a stop that was not clean.
    BumpLeaderEpochs(Vec<(TopicId, Partition)>),
    /// A broker comes.
    RegisterBroker(Registration),
    /// A broker lives.
    Heartbeat(Heartbeat),
    /// In-sync replicas change.
    AlterPartition {
        /// The leader that proposes it.
        broker: NodeId,
        /// Its broker epoch.
        epoch: i64,
        /// The partitions.
        parts: Vec<IsrChange>,
    },
    /// Elect leaders.
    ElectLeaders {
        /// Of which kind.
        election: Election,
        /// For which partitions. With all, those that need no election are not named in the reply.
        partitions: Chosen,
    },
    /// Move partitions, or stop moving them.
    Reassign {
        /// Which, and where to.
        partitions: Vec<Reassignment>,
        /// Whether the number of copies may change.
        factor_change: FactorChange,
    },
    /// Which partitions move.
    ListReassignments(Chosen),
    /// A broker will not come back.
    UnregisterBroker(NodeId),
    /// A broker's connection to the controller broke: if it makes no other one soon, it counts as gone.
    BrokerGone(NodeId),
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

    /// Why a command has no reply of its kind: it was refused as a whole, or the metadata log is out of service.
    pub fn of(reply: Option<Reply>) -> Refusal {
        match reply {
            Some(Reply::Refused(refusal)) => refusal,
            _ => Refusal::new(ErrorCode::KafkaStorageError, "the metadata log is out of service"),
        }
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

/// Topic, partition, and what became of it.
pub type PartitionResult = (String, Partition, Result<(), Refusal>);

/// The controller's answer, item by item.
#[derive(Clone, Debug)]
pub enum Reply {
    /// For `CreateTopics`: name and result.
    Topics(Vec<(String, Result<Created, Refusal>)>),
    /// For `DeleteTopics`: id, name and result.
    Deleted(Vec<(TopicId, Result<String, Refusal>)>),
    /// For `CreatePartitions`: name and result.
    Partitions(Vec<(String, Result<(), Refusal>)>),
    /// For `AllocateProducerIds`: the block's first id; it has [`PRODUCER_ID_BLOCK`](super::PRODUCER_ID_BLOCK).
    ProducerIds(ProducerId),
    /// For `RegisterBroker`.
    Registered {
        /// The broker epoch; it grows over the cluster's life.
        epoch: i64,
    },
    /// For `Heartbeat`.
    Heartbeat {
        /// Whether the broker has replayed its own registration.
        caught_up: bool,
        /// Whether it is fenced: it leads nothing and joins no in-sync replicas.
        fenced: bool,
        /// It leads nothing that another one could lead: it may stop.
        should_shutdown: bool,
    },
    /// For `AlterPartition`: a result for each proposal, in order.
    Altered(Vec<Result<PartitionState, ErrorCode>>),
    /// For `ElectLeaders`.
    Elected(Vec<PartitionResult>),
    /// For `Reassign`.
    Reassigned(Vec<PartitionResult>),
    /// For `ListReassignments`.
    Reassignments(Vec<Ongoing>),
    /// For any: nothing of the command is done.
    Refused(Refusal),
    /// For the others.
    Done,
}
