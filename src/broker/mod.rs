//! The broker: introduces the machines to each other. What each input means for partitions, metadata and those who wait.

mod brokers;
mod control;
mod follow;
mod group_configs;
mod groups;
mod hosting;
mod isr;
mod lanes;
mod membership;
mod metadata;
mod partition;
mod probe;
mod proposals;
mod quorum;
mod replication;
mod session;
mod storage;
mod waiting;

pub use brokers::{Elsewhere, Living, Seen};
pub use control::{Answered, Errand, Wanted};
pub use groups::{GroupResult, Groups};
pub use lanes::{FetchPart, SentFetch};
pub use partition::{Hosted, State};
pub use probe::{AfterRestart, BeforeRestart, Places};
pub use session::{Session, SessionKey, SessionPart, Sessions, next_epoch};
pub use waiting::Reader;

use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::event::{Answer, Effect, Question};
use crate::meta::{Command, Controller, Image, Reply};
use crate::parked::{Parked, Then, Token, Waiting};
use crate::replica::Leader;
use crate::types::{ConnId, Epoch, LogId, Millis, NodeId, Partition, TopicId, Uuid};
use crate::wire::{Message, Writer, header};
use quorum::Metadata;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The metadata log's id.
pub const META_LOG: LogId = LogId(0);

/// Whom a reply is for, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct ReplyTo {
    /// The connection.
    pub conn: ConnId,
    /// The frame's place on it.
    pub slot: u64,
    /// The request's version.
    pub version: i16,
    /// The client's number for the request.
    pub correlation_id: i32,
}

/// Where clients of one listener are told to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The broker's state.
#[derive(Debug)]
pub struct Broker {
    /// The time of the step in hand.
    pub now: Millis,
    /// This node.
    pub node: NodeId,
    /// The cluster's id, as text.
    pub cluster_id: String,
    /// Settings, dynamic ones included.
    pub settings: Arc<BrokerSettings>,
    /// Settings without the dynamic ones: what the file says.
    pub file_settings: Arc<BrokerSettings>,
    /// What clients are told, by listener index.
    pub endpoints: Vec<Endpoint>,
    /// Committed metadata.
    pub image: Image,
    /// Requests that wait.
    pub parked: Parked,
    /// Incremental fetch sessions (KIP-227).
    pub sessions: Sessions,
    /// Producer ids of this broker's block: next, and end.
    pub producer_ids: (i64, i64),
    /// Groups that are coordinated here.
    groups: Groups,
    controller: Controller,
    meta: Metadata,
    hosted: Vec<Option<Hosted>>,
    /// Logs by partition; `None` where this node has no copy.
    by_topic: BTreeMap<TopicId, Vec<Option<LogId>>>,
    replication: replication::Replication,
    proposals: isr::Proposals,
    generations: u32,
    /// Everything that was here at the start was closed cleanly, the metadata log among it.
    stopped_cleanly: bool,
    membership: membership::Membership,
    control: control::Control,
    lanes: lanes::Lanes,
    /// Proposed in-sync replicas are under way to the controller.
    proposing: bool,
    /// The ids of this node's log directories.
    log_dirs: Vec<Uuid>,
    start: Start,
    flush_watch: BTreeSet<(Millis, LogId)>,
    retention_at: Option<Millis>,
    offline_dirs: BTreeSet<usize>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The metadata log is being read.
    Metadata,
    /// Partitions' logs are being opened: so many to go.
    Logs(usize),
    /// All are open; the controller is to let this broker in.
    Joining,
    /// It serves.
    Ready,
}

impl Broker {
    /// A broker that knows its settings only.
    pub fn new(settings: Arc<BrokerSettings>, cluster_id: Uuid, endpoints: Vec<Endpoint>, seed: [u64; 2]) -> Self {
        let node = settings.node_id;
        Broker {
            now: 0,
            node,
            cluster_id: cluster_id.to_text(),
            controller: Controller::new(node, settings.clone(), seed),
            sessions: Sessions::new(
                settings.max_incremental_fetch_session_cache_slots.max(0) as usize,
                seed[0] ^ seed[1].rotate_left(17),
            ),
            file_settings: settings.clone(),
            settings,
            endpoints,
            image: Image::default(),
            parked: Parked::default(),
            producer_ids: (0, 0),
            groups: Groups::new([seed[0].rotate_left(23), seed[1].rotate_left(41)]),
            meta: Metadata::new(seed[0].rotate_left(7) ^ seed[1]),
            hosted: Vec::new(),
            by_topic: BTreeMap::new(),
            replication: replication::Replication::default(),
            proposals: isr::Proposals::default(),
            generations: 0,
            stopped_cleanly: true,
            membership: membership::Membership::new(seed),
            control: control::Control::default(),
            lanes: lanes::Lanes::default(),
            proposing: false,
            log_dirs: Vec::new(),
            start: Start::Metadata,
            flush_watch: BTreeSet::new(),
            retention_at: None,
            offline_dirs: BTreeSet::new(),
        }
    }

    /// The ids of this node's log directories, before it begins: a broker that comes back with all of them has what it had.
    pub fn set_log_dirs(&mut self, ids: Vec<Uuid>) {
        self.log_dirs = ids;
    }

    /// Asks for the metadata log; everything else follows from it.
    pub fn begin(&mut self, out: &mut Vec<Effect<'_>>) {
        self.tell_voters(out);
        self.hosted.push(None); // the metadata log's place
        self.open_metadata(out);
    }

    /// Whether clients may come.
    pub fn is_ready(&self) -> bool {
        self.start == Start::Ready
    }

    /// When something is due next.
    pub fn deadline(&self) -> Option<Millis> {
        let flush = self.flush_watch.first().map(|(at, _)| *at);
        let replica = &self.settings.cluster.replica;
        [
            self.parked.deadline(),
            flush,
            self.retention_at,
            self.groups.deadline(),
            self.replication.deadline(),
            self.proposals.deadline(),
            self.quorum_deadline(),
            self.controller.deadline(),
            self.membership_deadline(),
            self.control.deadline(self.settings.cluster.controller_socket_timeout_ms.max(1)),
            self.lanes.deadline(replica.socket_timeout_ms.max(1)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A partition's slot.
    pub fn hosted(&self, log: LogId) -> Option<&Hosted> {
        self.hosted.get(log.0 as usize)?.as_ref()
    }

    /// A partition's slot, to change it.
    pub fn hosted_mut(&mut self, log: LogId) -> Option<&mut Hosted> {
        self.hosted.get_mut(log.0 as usize)?.as_mut()
    }

    /// All partitions hosted here.
    pub fn all_hosted(&self) -> impl Iterator<Item = (LogId, &Hosted)> {
        self.hosted.iter().enumerate().filter_map(|(i, hosted)| Some((LogId(i as u32), hosted.as_ref()?)))
    }

    /// The log of a partition, by topic id.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_OR_PARTITION where there is no such partition, NOT_LEADER_OR_FOLLOWER where this node has no copy.
    pub fn log_of(&self, topic: TopicId, partition: Partition) -> Result<LogId, ErrorCode> {
        let index = usize::try_from(partition).map_err(|_| ErrorCode::UnknownTopicOrPartition)?;
        if let Some(Some(log)) = self.by_topic.get(&topic).and_then(|logs| logs.get(index)) {
            return Ok(*log);
        }
        let known = self.image.topic_by_id(topic).is_some_and(|topic| index < topic.partitions.len());
        Err(if known { ErrorCode::NotLeaderOrFollower } else { ErrorCode::UnknownTopicOrPartition })
    }

    /// The log of a partition, by topic name.
    ///
    /// # Errors
    /// As [`Broker::log_of`].
    pub fn log_of_name(&self, topic: &str, partition: Partition) -> Result<LogId, ErrorCode> {
        self.log_of(self.image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?.id, partition)
    }

    /// The leader of a partition, checked against the epoch that the client believes in (KIP-320); -1 believes nothing.
    ///
    /// # Errors
    /// The code for the client.
    pub fn leader_at(&self, log: LogId, current_epoch: Epoch) -> Result<&Leader, ErrorCode> {
        let leader = self.hosted(log).ok_or(ErrorCode::UnknownTopicOrPartition)?.leader()?;
        match current_epoch {
            -1 => Ok(leader),
            epoch if epoch < leader.epoch => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > leader.epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(leader),
        }
    }

    /// Sends a reply.
    pub fn reply<'m, M: Message<'m>>(&self, to: ReplyTo, response: &M, out: &mut Vec<Effect<'_>>) {
        let mut writer = Writer::with_capacity(128);
        let flexible = to.version >= M::FLEXIBLE_FROM;
        header::encode_response(&mut writer, M::KEY, to.correlation_id, flexible);
        response.write(&mut writer, to.version);
        out.push(Effect::Reply { conn: to.conn, slot: to.slot, chunks: writer.into_chunks(), throttle_ms: 0 });
    }

    /// Asks storage; `then` gets the answer.
    pub fn ask(&mut self, question: Question, then: Then<Answer>, out: &mut Vec<Effect<'_>>) {
        let token = self.parked.put(Waiting::Answer(then), None);
        out.push(Effect::Ask { token, question });
    }

    /// Asks the controller; `then` gets its reply once the records are on disk and the logs that they call for are open.
    pub fn command(&mut self, now: Millis, command: Command, then: Then<Option<Reply>>, out: &mut Vec<Effect<'_>>) {
        if !self.may_decide(out) {
            let reply = self.not_decided();
            return then(self, reply, out);
        }
        let token = self.parked.put(Waiting::Meta(then), None);
        self.controller.submit(now, token, command);
        self.drive_quorum(now, out);
    }

    /// An answer from storage.
    pub fn answered(&mut self, token: Token, answer: Answer, out: &mut Vec<Effect<'_>>) {
        if let Some(Waiting::Answer(then)) = self.parked.take(token) {
            then(self, answer, out);
        }
    }

    /// Runs what is due.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while let Some((token, waiting)) = self.parked.take_due(now) {
            self.run_late(token, waiting, out);
        }
        self.flush_due(now, out);
        if self.retention_at.is_some_and(|at| at <= now) {
            self.retain(now, out);
        }
        self.tick_replication(now, out);
        self.mind_proposals(now, out);
        self.tick_groups(now, out);
        self.mind_membership(now, out);
        self.tick_quorum(now, out);
        if self.settings.cluster.is_cluster() {
            self.mind_errands(now, out);
            self.send_proposals(now, out);
            self.mind_lanes(now, out);
        }
    }
}
