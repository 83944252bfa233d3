//! The broker and the cluster's metadata: what its controller proposes, what other nodes of the quorum say, or the ZooKeeper
//! ensemble, and how committed entries become the state of this node.

use super::{Broker, META_LOG, Start};
use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::event::{Effect, Heard, StorageFault};
use crate::meta::ensemble::{self, Ensemble, EnsembleConfig};
use crate::meta::quorum::{
    BadMessage, Entry, Index, Quorum, QuorumConfig, QuorumStatus, Ready, Restored, SnapshotData,
};
use crate::meta::quorum::{Term, Write};
use crate::meta::{self, Image, MetaLog, Refusal, Reply, record::BadRecord, record::Record};
use crate::parked::{Part, Token, Waiting};
use crate::types::{LogId, Millis, NodeId, Offset, Partition, TopicId};
use std::borrow::Cow;
use std::collections::VecDeque;

/// A leader of the quorum speaks so many times in the time after which its silence counts.
const HEARTBEATS: i64 = 5;

/// The metadata log, and how far this node has come in it.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub generation: u32,
    pub fault: Option<StorageFault>,
    pub seed: u64,
    /// Where the log is; none while the journal is not open, or out of service.
    pub log: Option<MetaLog>,
    /// Where the next batch goes.
    pub end: Offset,
    /// The ends of batches that are not known to be on disk, and their marks.
    pub writing: VecDeque<(Offset, u64)>,
    /// Bytes since the last snapshot.
    pub bytes: i64,
    /// The mark and the offset of a snapshot that is being written: what is before it goes.
    pub snapshot: Option<(u64, Offset)>,
    /// Committed, and not applied yet.
    backlog: VecDeque<Decided>,
    /// The last entry in the backlog, or applied.
    known: Index,
    /// The last entry that is part of the image.
    applied: Index,
    /// The term in which the controller decides here.
    active: Option<Term>,
    /// Where the controller's batch in flight stands.
    flight: Option<(Index, Term)>,
    outbox: Vec<(NodeId, Vec<u8>)>,
}

impl Metadata {
    pub fn new(seed: u64) -> Self {
        Metadata { seed, ..Metadata::default() }
    }
}

#[derive(Debug)]
enum Decided {
    State(SnapshotData),
    Entry(Entry),
}

impl Broker {
    /// Whether commands are decided here: this node leads the quorum, and knows everything that was decided before.
    pub fn is_controller(&self) -> bool {
        // A node that is alone has nobody to ask instead, whatever state its metadata log is in.
        self.meta.active.is_some() || !self.settings.cluster.is_cluster()
    }

    /// The active controller, as far as this node knows: who leads the quorum, and may not decide yet.
    pub fn controller(&self) -> Option<NodeId> {
        let log = self.meta.log.as_ref()?;
        if log.is_alone() { Some(self.node) } else { log.leader() }
    }

    /// Where the nodes of the quorum are; `None` while the metadata log is not open.
    pub fn quorum_status(&self) -> Option<QuorumStatus> {
        self.meta.log.as_ref().map(MetaLog::status)
    }

    /// This node has applied all metadata below this: the index of the next entry.
    pub fn metadata_end(&self) -> Offset {
        self.meta.applied as Offset + 1
    }

    /// Another node of the quorum says something.
    ///
    /// # Errors
    /// What no node of this quorum would say.
    pub fn quorum_told(&mut self, now: Millis, bytes: &[u8], out: &mut Vec<Effect<'_>>) -> Result<(), BadMessage> {
        if let Some(quorum) = self.meta.log.as_mut().and_then(MetaLog::quorum) {
            quorum.receive(bytes)?;
            self.drive_quorum(now, out);
        }
        Ok(())
    }

    /// The connection to another node of the quorum broke.
    pub fn quorum_lost(&mut self, now: Millis, node: NodeId, out: &mut Vec<Effect<'_>>) {
        if let Some(quorum) = self.meta.log.as_mut().and_then(MetaLog::quorum) {
            quorum.unreachable(node);
            self.drive_quorum(now, out);
        }
        self.voter_lost(node, out);
    }

    /// Lets another node lead the quorum, before this one stops.
    pub fn hand_over_quorum(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if let Some(log) = &mut self.meta.log {
            log.hand_over();
            self.drive_quorum(now, out);
        }
    }

    /// Something is heard of the ZooKeeper ensemble.
    pub fn ensemble_heard(&mut self, now: Millis, heard: Heard, out: &mut Vec<Effect<'_>>) {
        if let Some(ensemble) = self.meta.log.as_mut().and_then(MetaLog::ensemble) {
            ensemble.hear(now, heard);
            self.drive_quorum(now, out);
        }
    }

    /// What is to be sent to other nodes of the quorum since the last call.
    pub fn take_quorum_messages(&mut self) -> Vec<(NodeId, Vec<u8>)> {
        std::mem::take(&mut self.meta.outbox)
    }

    pub(super) fn quorum_deadline(&self) -> Option<Millis> {
        self.meta.log.as_ref()?.deadline()
    }

    pub(super) fn tick_quorum(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.controller.deadline().is_some_and(|at| at <= now) {
            self.controller.tick(now);
            self.drive_quorum(now, out);
        }
        let notes = self.controller.take_notes();
        out.extend(notes.into_iter().map(|(level, message)| Effect::Note { level, message }));
        let Some(log) = &mut self.meta.log else { return };
        if log.deadline().is_some_and(|at| at <= now) {
            log.tick(now);
            self.drive_quorum(now, out);
        }
    }

    /// Asks the ensemble for what the journal of a node in a quorum would hold.
    pub(super) fn open_ensemble(&self, now: Millis) -> Ensemble {
        let listener = |(listener, at): (&crate::config::Listener, &super::Endpoint)| ensemble::Endpoint {
            name: listener.name.clone(),
            protocol: listener.protocol.name().to_owned(),
            host: at.host.clone(),
            port: at.port,
        };
        let endpoints = self.settings.listeners.iter().zip(&self.endpoints).map(listener).collect();
        Ensemble::new(EnsembleConfig { node: self.node, endpoints, rack: self.settings.rack.clone() }, now)
    }

    /// Takes all that the ensemble had when it was read for the first time as the state of a node that has just started.
    fn begin_with_ensemble(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let read = self.meta.backlog.drain(..).try_for_each(|decided| {
            let (index, data) = match &decided {
                Decided::State(snapshot) => (snapshot.index, &snapshot.data),
                Decided::Entry(entry) => (entry.index, &entry.data),
            };
            if matches!(decided, Decided::State(_)) {
                self.image = Image::default();
            }
            self.meta.applied = index;
            meta::record::decode_log(data).map(|records| records.iter().for_each(|record| self.image.replay(record)))
        });
        match read {
            Ok(()) => {
                // The controller is reached where its registration says.
                self.lanes.brokers_changed();
                self.open_logs(now, out);
            }
            Err(e) => out.push(Effect::Fatal { reason: format!("the metadata in ZooKeeper cannot be read: {e}") }),
        }
    }

    /// Opens the quorum on what its journal holds.
    pub(super) fn open_quorum(&self, now: Millis, journal: &[u8]) -> Result<(Quorum, Restored), BadRecord> {
        let cluster = &self.file_settings.cluster;
        let election_ms = cluster.quorum_fetch_timeout_ms.max(HEARTBEATS);
        let config = QuorumConfig {
            node: self.node,
            voters: voters(&self.file_settings),
            election_ms,
            heartbeat_ms: election_ms / HEARTBEATS,
            seed: self.meta.seed,
        };
        Quorum::open(config, now, journal)
    }

    /// Takes what is known to be committed as the state of a node that has just started.
    pub(super) fn begin_with(&mut self, restored: &Restored) -> Result<(), BadRecord> {
        if let Some(snapshot) = &restored.snapshot {
            self.meta.known = snapshot.index;
            meta::record::decode_log(&snapshot.data)?.iter().for_each(|record| self.image.replay(record));
        }
        for entry in &restored.entries {
            self.meta.known = entry.index;
            meta::record::decode_log(&entry.data)?.iter().for_each(|record| self.image.replay(record));
        }
        self.meta.applied = self.meta.known;
        Ok(())
    }

    /// Takes what the log held when it was opened anew.
    pub(super) fn go_on_with(&mut self, restored: Restored) {
        self.queue(restored.snapshot, restored.entries);
    }

    /// Whether a command can be decided here now. A quorum of one leads as soon as somebody wants something.
    pub(super) fn may_decide(&mut self, out: &mut Vec<Effect<'_>>) -> bool {
        if self.meta.active.is_none()
            && let Some(quorum) = self.meta.log.as_mut().and_then(MetaLog::quorum).filter(|quorum| quorum.is_alone())
        {
            quorum.campaign();
            self.follow_leadership(out);
        }
        self.meta.active.is_some()
    }

    /// Does what the quorum has to do, until it has no more.
    pub(super) fn drive_quorum(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        loop {
            self.follow_leadership(out);
            self.propose_decided(now, out);
            let Some(ready) = self.meta.log.as_mut().and_then(|log| log.ready(now)) else { break };
            let Ready { journal, messages, snapshot, committed } = ready;
            if let Some(write) = journal {
                self.write_journal(write, out);
            }
            self.meta.outbox.extend(messages);
            // In a queue: who is answered while one entry is applied may ask for more, and so come here again.
            self.queue(snapshot, committed);
            self.apply_decided(out);
        }
        self.snapshot_if_due(now, out);
        self.ask_ensemble(now, out);
    }

    /// Takes to the ensemble what is wanted of it.
    fn ask_ensemble(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let Some(MetaLog::Ensemble(ensemble)) = &mut self.meta.log else { return };
        if self.meta.active.is_some() {
            ensemble.watch_brokers(self.image.brokers().filter(|broker| !broker.fenced).map(|broker| broker.id));
        }
        let gone = ensemble.take_gone();
        out.extend(ensemble.take_asks().into_iter().map(Effect::Ensemble));
        let notes = ensemble.take_notes();
        out.extend(notes.into_iter().map(|(level, message)| Effect::Note { level, message }));
        let (loaded, broken) = (ensemble.is_loaded(), ensemble.broken().map(str::to_owned));
        if let Some(why) = broken {
            let message = format!("the metadata in ZooKeeper cannot be read: {why}");
            return match self.start {
                Start::Metadata => out.push(Effect::Fatal { reason: message }),
                _ => self.metadata_failed(StorageFault { code: ErrorCode::KafkaStorageError, message }, out),
            };
        }
        if loaded && self.start == Start::Metadata {
            self.begin_with_ensemble(now, out);
        }
        for id in gone {
            self.broker_may_be_gone(now, id, out);
        }
    }

    /// Every log is open: this node may be the controller.
    pub(super) fn stand(&mut self) {
        if let Some(ensemble) = self.meta.log.as_mut().and_then(MetaLog::ensemble) {
            ensemble.stand();
        }
    }

    fn queue(&mut self, snapshot: Option<SnapshotData>, entries: Vec<Entry>) {
        if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.index > self.meta.known) {
            self.meta.known = snapshot.index;
            self.meta.backlog.push_back(Decided::State(snapshot));
        }
        for entry in entries {
            if entry.index > self.meta.known {
                assert_eq!(entry.index, self.meta.known + 1, "no committed entry is left out");
                self.meta.known = entry.index;
                self.meta.backlog.push_back(Decided::Entry(entry));
            }
        }
    }

    /// The controller decides here while this node leads and has applied what was decided before.
    fn follow_leadership(&mut self, out: &mut Vec<Effect<'_>>) {
        let leads = self.meta.log.as_ref().and_then(MetaLog::active);
        if self.meta.active == leads {
            return;
        }
        self.stop_deciding(out);
        if self.meta.active.is_none() && self.meta.backlog.is_empty() {
            self.meta.active = leads;
            if leads.is_some() {
                self.controller.activate(self.now, self.image.clone(), self.metadata_end());
            }
        }
    }

    /// What the controller knows ahead of the log is void, and who waits for it is told so. What is already proposed may be
    /// committed all the same, by the next leader.
    pub(super) fn stop_deciding(&mut self, out: &mut Vec<Effect<'_>>) {
        self.meta.active = None;
        self.meta.flight = None;
        for token in self.controller.deactivate() {
            if let Some(Waiting::Meta(then)) = self.parked.take(token) {
                let reply = self.not_decided();
                then(self, reply, out);
            }
        }
    }

    /// What a command comes to that cannot be decided here: somewhere else it can, where there are other nodes.
    pub(super) fn not_decided(&self) -> Option<Reply> {
        self.settings.cluster.is_cluster().then(not_controller)
    }

    /// Proposes the controller's next batch.
    fn propose_decided(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        while self.meta.active.is_some()
            && let Some(records) = self.controller.take_batch()
        {
            if records.is_empty() {
                let end = self.metadata_end();
                let (_, replies) = self.controller.committed(end).expect("the batch that was just taken");
                self.answer_commands(replies, out);
                continue;
            }
            let data = meta::record::encode_batch(now, records);
            let proposed = self.meta.log.as_mut().and_then(|log| log.propose(data).ok());
            match proposed {
                Some(at) => self.meta.flight = Some(at),
                None => self.stop_deciding(out),
            }
        }
    }

    fn write_journal(&mut self, write: Write, out: &mut Vec<Effect<'_>>) {
        let base_offset = self.meta.end;
        self.meta.end += write.count;
        self.meta.writing.push_back((self.meta.end, write.mark));
        if write.replaces_all {
            self.meta.bytes = 0;
            self.meta.snapshot = Some((write.mark, base_offset));
        } else {
            self.meta.bytes += write.batch.len() as i64;
        }
        let (generation, batch) = (self.meta.generation, Cow::Owned(write.batch));
        out.push(Effect::Append { log: META_LOG, generation, base_offset, epoch: 0, batch });
    }

    /// The log must not grow for ever: from time to time, what its entries make takes their place.
    fn snapshot_if_due(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let bytes_max = self.settings.cluster.metadata_snapshot_bytes;
        let due = match &self.meta.log {
            Some(MetaLog::Quorum(_)) => self.meta.bytes >= bytes_max,
            Some(MetaLog::Ensemble(ensemble)) => ensemble.wants_snapshot(bytes_max),
            None => false,
        };
        if !due || self.meta.snapshot.is_some() || !self.meta.backlog.is_empty() {
            return;
        }
        let (index, image) = (self.meta.applied, &self.image);
        let Some(log) = self.meta.log.as_mut().filter(|log| log.applied() >= index) else { return };
        let written = log.compact(now, index, || match image.records() {
            records if records.is_empty() => Vec::new(),
            records => meta::record::encode_batch(now, &records),
        });
        if let Some(write) = written {
            self.write_journal(write, out);
        }
    }

    /// Makes committed entries real, but not while logs are being opened at the start: they count what they wait for.
    pub(super) fn apply_decided(&mut self, out: &mut Vec<Effect<'_>>) {
        while !matches!(self.start, Start::Metadata | Start::Logs(_))
            && let Some(next) = self.meta.backlog.pop_front()
        {
            let applied = match next {
                Decided::Entry(entry) => self.apply_entry(entry, out),
                Decided::State(snapshot) => self.install(&snapshot, out),
            };
            if let Err(e) = applied {
                let message = format!("committed metadata cannot be read: {e}");
                return self.metadata_failed(StorageFault { code: ErrorCode::KafkaStorageError, message }, out);
            }
        }
    }

    fn apply_entry(&mut self, entry: Entry, out: &mut Vec<Effect<'_>>) -> Result<(), BadRecord> {
        let (records, replies) = if self.meta.flight == Some((entry.index, entry.term)) {
            self.meta.flight = None;
            let end = entry.index as Offset + 1;
            self.controller.committed(end).expect("the batch in flight is the controller's")
        } else {
            (meta::record::decode_log(&entry.data)?, Vec::new())
        };
        self.meta.applied = entry.index;
        let mut opening = Vec::new();
        for record in &records {
            opening.extend(self.publish(record, out));
        }
        self.apply_configs(&records, out);
        self.answer_when_open(opening, replies, out);
        Ok(())
    }

    /// Goes over from the image to another one that is further on.
    fn install(&mut self, snapshot: &SnapshotData, out: &mut Vec<Effect<'_>>) -> Result<(), BadRecord> {
        let mut image = Image::default();
        meta::record::decode_log(&snapshot.data)?.iter().for_each(|record| image.replay(record));
        let gone: Vec<TopicId> =
            self.image.topics().map(|topic| topic.id).filter(|id| image.topic_by_id(*id).is_none()).collect();
        for id in gone {
            self.publish(&Record::remove_topic(id), out);
        }
        self.image = image;
        self.meta.applied = snapshot.index;
        self.groups.topics_version += 1;
        self.brokers_changed();
        let partitions: Vec<(TopicId, Partition)> = self.all_partitions();
        for (id, partition) in partitions {
            self.place(id, partition, out);
        }
        self.apply_all_configs(out);
        Ok(())
    }

    pub(super) fn all_partitions(&self) -> Vec<(TopicId, Partition)> {
        let topics = self.image.topics();
        topics.flat_map(|topic| (0..topic.partitions.len()).map(|index| (topic.id, index as Partition))).collect()
    }

    /// Replies wait for the logs that their records call for, so that a created topic can be written at once.
    fn answer_when_open(&mut self, opening: Vec<LogId>, replies: Vec<(Token, Reply)>, out: &mut Vec<Effect<'_>>) {
        if opening.is_empty() || replies.is_empty() {
            return self.answer_commands(replies, out);
        }
        let parts = vec![Part::Open; opening.len()];
        let then = move |broker: &mut Broker, _, out: &mut Vec<Effect<'_>>| broker.answer_commands(replies, out);
        let token = self.park_all(parts, None, Box::new(then));
        for (index, log) in opening.into_iter().enumerate() {
            if let Some(hosted) = self.hosted_mut(log) {
                hosted.until_open.push((token, index));
            }
        }
    }

    fn answer_commands(&mut self, replies: Vec<(Token, Reply)>, out: &mut Vec<Effect<'_>>) {
        for (token, reply) in replies {
            if let Some(Waiting::Meta(then)) = self.parked.take(token) {
                then(self, Some(reply), out);
            }
        }
    }
}

/// What becomes of a command whose controller leads no more: another one may be asked.
fn not_controller() -> Reply {
    let message = "This is not the correct controller for this cluster.";
    Reply::Refused(Refusal::new(ErrorCode::NotController, message))
}

/// A node without `controller.quorum.voters` is its own quorum.
fn voters(settings: &BrokerSettings) -> Vec<NodeId> {
    let named = settings.cluster.voter_ids();
    if named.is_empty() { vec![settings.node_id] } else { named }
}
