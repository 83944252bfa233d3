//! The broker in the metadata quorum: what its controller proposes, what other nodes say, and how committed entries become
//! the state of this node.

use super::{Broker, META_LOG, Start};
use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::event::{Effect, StorageFault};
use crate::meta::quorum::{
    BadMessage, Entry, Index, Quorum, QuorumConfig, QuorumStatus, Ready, Restored, SnapshotData,
};
use crate::meta::quorum::{Term, Write};
use crate::meta::{self, Image, Refusal, Reply, record::BadRecord, record::Record};
use crate::parked::{Part, Token, Waiting};
use crate::types::{LogId, Millis, NodeId, Offset, Partition, TopicId};
use std::borrow::Cow;
use std::collections::VecDeque;

/// A leader of the quorum speaks so many times in the time after which its silence counts.
const HEARTBEATS: i64 = 5;

/// The metadata log, its quorum, and how far this node has come in it.
#[derive(Debug, Default)]
pub(super) struct MetaLog {
    pub generation: u32,
    pub fault: Option<StorageFault>,
    pub seed: u64,
    /// The quorum; none while the log is not open, or out of service.
    pub quorum: Option<Quorum>,
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

impl MetaLog {
    pub fn new(seed: u64) -> Self {
        MetaLog { seed, ..MetaLog::default() }
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
        let quorum = self.meta.quorum.as_ref()?;
        if quorum.is_alone() { Some(self.node) } else { quorum.leader() }
    }

    /// Where the nodes of the quorum are; `None` while the metadata log is not open.
    pub fn quorum_status(&self) -> Option<QuorumStatus> {
        self.meta.quorum.as_ref().map(Quorum::status)
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
        if let Some(quorum) = &mut self.meta.quorum {
            quorum.receive(bytes)?;
            self.drive_quorum(now, out);
        }
        Ok(())
    }

    /// The connection to another node of the quorum broke.
    pub fn quorum_lost(&mut self, now: Millis, node: NodeId, out: &mut Vec<Effect<'_>>) {
        if let Some(quorum) = &mut self.meta.quorum {
            quorum.unreachable(node);
            self.drive_quorum(now, out);
        }
        self.voter_lost(node, out);
    }

    /// Lets another node lead the quorum, before this one stops.
    pub fn hand_over_quorum(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if let Some(quorum) = &mut self.meta.quorum {
            quorum.hand_over();
            self.drive_quorum(now, out);
        }
    }

    /// What is to be sent to other nodes of the quorum since the last call.
    pub fn take_quorum_messages(&mut self) -> Vec<(NodeId, Vec<u8>)> {
        std::mem::take(&mut self.meta.outbox)
    }

    pub(super) fn quorum_deadline(&self) -> Option<Millis> {
        self.meta.quorum.as_ref()?.deadline()
    }

    pub(super) fn tick_quorum(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.controller.deadline().is_some_and(|at| at <= now) {
            self.controller.tick(now);
            self.drive_quorum(now, out);
        }
        let notes = self.controller.take_notes();
        out.extend(notes.into_iter().map(|(level, message)| Effect::Note { level, message }));
        let Some(quorum) = &mut self.meta.quorum else { return };
        if quorum.deadline().is_some_and(|at| at <= now) {
            quorum.tick(now);
            self.drive_quorum(now, out);
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
            && let Some(quorum) = self.meta.quorum.as_mut().filter(|quorum| quorum.is_alone())
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
            let Some(ready) = self.meta.quorum.as_mut().and_then(|quorum| quorum.ready(now)) else { break };
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
        let leads = self.meta.quorum.as_ref().and_then(Quorum::active);
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
            let proposed = self.meta.quorum.as_mut().and_then(|quorum| quorum.propose(data).ok());
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
        let due = self.meta.bytes >= self.settings.cluster.metadata_snapshot_bytes;
        if !due || self.meta.snapshot.is_some() || !self.meta.backlog.is_empty() {
            return;
        }
        let (index, image) = (self.meta.applied, &self.image);
        let Some(quorum) = self.meta.quorum.as_mut().filter(|quorum| quorum.applied() >= index) else { return };
        let written = quorum.compact(now, index, || match image.records() {
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
                let message = format!("metadata that the quorum has committed cannot be read: {e}");
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
