//! What a shard is asked, and what it answers.

use super::consumer;
use crate::error::ErrorCode;
use crate::types::{Epoch, Millis, Offset, Partition, TopicId};

/// Names who waits for a reply.
pub type Token = u64;

/// What a group is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// JoinGroup.
    Join(Join),
    /// SyncGroup.
    Sync(Sync),
    /// Heartbeat.
    Heartbeat(Identity),
    /// LeaveGroup: who leaves; all of them are answered one by one.
    Leave(Vec<Leaver>),
    /// OffsetCommit.
    Commit(Commit),
    /// OffsetFetch.
    FetchOffsets(FetchOffsets),
    /// OffsetDelete: partitions by topic.
    DeleteOffsets(Vec<(String, Vec<Partition>)>),
    /// DescribeGroups.
    Describe,
    /// ConsumerGroupHeartbeat, and the request's version.
    Consume(Box<consumer::Heartbeat>, i16),
    /// ConsumerGroupDescribe.
    DescribeConsumer,
    /// DeleteGroups.
    Delete,
}

/// Who speaks: a member of a classic group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The member's id; empty when it has none.
    pub member_id: String,
    /// Its own name, when it is a static member (KIP-345).
    pub instance_id: Option<String>,
    /// The generation that it believes in; for a member of KIP-848, its epoch. -1 is none.
    pub generation: i32,
}

/// JoinGroup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Join {
    /// The member's id; empty for a new member.
    pub member_id: String,
    /// Its own name, when it is a static member.
    pub instance_id: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Silent for so long, it is out.
    pub session_timeout_ms: i32,
    /// It needs so long at most to rejoin.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, …
    pub protocol_type: String,
    /// Names and metadata of the protocols it knows, the preferred first.
    pub protocols: Vec<(String, Vec<u8>)>,
    /// A new member gets its id first and comes again (KIP-394).
    pub needs_member_id: bool,
    /// It understands that it may be the leader and yet need not assign (KIP-814).
    pub may_skip_assignment: bool,
}

/// SyncGroup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sync {
    /// Who speaks.
    pub who: Identity,
    /// The type that it believes in (KIP-559).
    pub protocol_type: Option<String>,
    /// The protocol that it believes in.
    pub protocol: Option<String>,
    /// From the leader: member ids and what each of them is to do.
    pub assignments: Vec<(String, Vec<u8>)>,
}

/// One who leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leaver {
    /// Its id; empty when it is named by its instance id alone.
    pub member_id: String,
    /// Its own name.
    pub instance_id: Option<String>,
}

/// OffsetCommit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// Who speaks.
    pub who: Identity,
    /// Keep it so long; -1 leaves that to the broker.
    pub retention_ms: Millis,
    /// The request's version: since 9 clients know GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH.
    pub version: i16,
    /// What to commit, by topic.
    pub topics: Vec<CommitTopic>,
}

/// A topic's share of a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommitTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero when it is not known.
    pub id: TopicId,
    /// Partition, offset, leader epoch (-1 is none) and the client's text.
    pub partitions: Vec<(Partition, Offset, Epoch, String)>,
}

/// OffsetFetch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchOffsets {
    /// Of a member of KIP-848: its id and epoch are checked. No id and -1: nothing is.
    pub member_id: Option<String>,
    /// The member's epoch.
    pub member_epoch: i32,
    /// Which, by topic; `None` is all.
    pub topics: Option<Vec<(String, Vec<Partition>)>>,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The offset to read next.
    pub offset: Offset,
    /// The leader epoch of the last record that was read; -1 is none.
    pub leader_epoch: Epoch,
    /// The client's text.
    pub metadata: String,
}

/// Offsets of one topic, by partition; none where nothing is committed.
pub type TopicOffsets = (String, Vec<(Partition, Option<Committed>)>);

/// What a shard answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// For [`Command::Join`].
    Join(Box<Joined>),
    /// For [`Command::Sync`].
    Sync(Synced),
    /// For [`Command::Leave`]: a code for each.
    Leave(Vec<ErrorCode>),
    /// For [`Command::Commit`]: a code for each partition, in the request's order.
    Committed(Vec<ErrorCode>),
    /// For [`Command::FetchOffsets`]: by topic; no offset where none is committed.
    Offsets(Vec<TopicOffsets>),
    /// For [`Command::DeleteOffsets`]: a code for each partition, in the request's order.
    OffsetsDeleted(Vec<ErrorCode>),
    /// For [`Command::Describe`].
    Described(Box<Described>),
    /// For [`Command::Consume`].
    Consuming(Box<consumer::HeartbeatReply>),
    /// For [`Command::DescribeConsumer`].
    Consumers(Box<consumer::Description>),
    /// All groups of the shard.
    Listed(Vec<Listed>),
    /// For what has no other answer than that it is done.
    Done,
    /// It is refused.
    Refused(super::Refusal),
}

impl From<ErrorCode> for Reply {
    fn from(code: ErrorCode) -> Reply {
        if code.is_none() { Reply::Done } else { Reply::Refused(code.into()) }
    }
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// What is wrong.
    pub code: ErrorCode,
    /// The member's id.
    pub member_id: String,
    /// The generation; -1 is none.
    pub generation: i32,
    /// The group's type.
    pub protocol_type: Option<String>,
    /// The protocol that was chosen.
    pub protocol: Option<String>,
    /// The leader's id.
    pub leader: String,
    /// The leader need not assign.
    pub skip_assignment: bool,
    /// For the leader: all members.
    pub members: Vec<JoinedMember>,
}

impl Joined {
    /// A refusal.
    pub fn refused(code: ErrorCode, member_id: &str) -> Reply {
        Reply::Join(Box::new(Joined {
            code,
            member_id: member_id.to_owned(),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            members: Vec::new(),
        }))
    }
}

/// A member, as the leader is told.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: String,
    /// Its own name.
    pub instance_id: Option<String>,
    /// Its metadata for the chosen protocol.
    pub metadata: Vec<u8>,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct Synced {
    /// The group's type.
    pub protocol_type: Option<String>,
    /// The protocol that was chosen.
    pub protocol: Option<String>,
    /// What the member is to do.
    pub assignment: Vec<u8>,
}

/// The answer to DescribeGroups.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The state's name.
    pub state: &'static str,
    /// The group's type.
    pub protocol_type: String,
    /// The protocol that was chosen; empty but for a stable group.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// A member, as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: String,
    /// Its own name.
    pub instance_id: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Its metadata for the chosen protocol; empty but for a stable group.
    pub metadata: Vec<u8>,
    /// What it is to do.
    pub assignment: Vec<u8>,
}

/// A group, as ListGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// `consumer`, `connect`, …; empty for a group that only commits.
    pub protocol_type: String,
    /// The state's name.
    pub state: &'static str,
    /// `Classic` or `Consumer`.
    pub kind: &'static str,
}
