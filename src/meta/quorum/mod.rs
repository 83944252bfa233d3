//! The metadata quorum: which metadata records are decided, and who may decide more (Raft).
//!
//! A machine around raft-rs. It is told the time, what other nodes say and what is on disk; it tells what to write, what
//! to send and what is committed, through [`Quorum::ready`]. Its promises:
//!
//! - What is handed out as committed is on disk here and on a majority, and no other entry will ever have its index.
//! - A message that promises something (a vote, an acknowledgement) is handed out only after the write that keeps the
//!   promise was reported as being on disk ([`Quorum::persisted`]).
//! - A quorum of one does nothing by itself: it leads from [`Quorum::campaign`] on, and never waits for a time.
//! - Timeouts come from the seed and the term, so that a run can be repeated.
//!
//! After every call that tells it something, [`Quorum::ready`] is asked until it has nothing more.
//!
//! A voter whose disk was wiped is a danger that Raft knows no answer to: it may vote against what it forgot. It is
//! filled again when the others are there (see [`message`]), as in Kafka.

mod journal;
mod message;
mod ready;
mod store;

pub use journal::JournalRecord;
pub use message::BadMessage;
pub use ready::{Entry, NotLeader, QuorumConfig, QuorumStatus, Ready, Restored, SnapshotData, Write};

use super::record::BadRecord;
use super::splitmix;
use crate::types::{Millis, NodeId};
use message::Told;
use raft::eraftpb::{Message, MessageType};
use raft::{Config, ProgressState, RawNode, SnapshotStatus, StateRole};
use std::collections::{BTreeMap, VecDeque};
use store::{Base, Store};

/// An entry's place in the quorum's log, from 1.
pub type Index = u64;
/// A leader's term of office; it only grows.
pub type Term = u64;

/// So many ticks make an election timeout: elections of several nodes rarely fall on the same tick.
const ELECTION_TICKS: i64 = 50;
/// Entries in one message, in bytes; a single entry may be larger.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// Messages with entries on their way to one follower.
const MESSAGES_IN_FLIGHT_MAX: usize = 64;
/// A snapshot that nobody confirms is sent again after so many election timeouts.
const SNAPSHOT_RETRY_ELECTIONS: i64 = 4;

/// A node of the quorum.
pub struct Quorum {
    me: NodeId,
    voters: Vec<NodeId>,
    node: RawNode<Store>,
    seed: u64,
    tick_ms: i64,
    ticked: Millis,
    snapshot_retry_ms: i64,
    marks: u64,
    writing: VecDeque<Writing>,
    released: Vec<Message>,
    told: Vec<(NodeId, Vec<u8>)>,
    installed: Option<SnapshotData>,
    /// Since when a follower is known to be waiting for a snapshot.
    installing: BTreeMap<u64, Millis>,
}

/// A write that is not known to be on disk, and what waits for it.
struct Writing {
    mark: u64,
    /// The last of raft's own numbers that it keeps.
    number: u64,
    messages: Vec<Message>,
    snapshot: Option<SnapshotData>,
}

impl Quorum {
    /// A node that knows what its journal says.
    ///
    /// # Errors
    /// A journal that cannot be read, or that other voters wrote.
    pub fn open(config: QuorumConfig, now: Millis, journal: &[u8]) -> Result<(Quorum, Restored), BadRecord> {
        let QuorumConfig { node: me, mut voters, election_ms, heartbeat_ms, seed } = config;
        voters.sort_unstable();
        voters.dedup();
        assert!(voters.contains(&me), "a node of the quorum is one of its voters");
        let mut content = journal::decode(journal)?;
        let before = if content.old { vec![me] } else { std::mem::take(&mut content.voters) };
        if !before.is_empty() && before != voters {
            return Err(BadRecord::new(format!(
                "it was written by the voters {before:?}, and controller.quorum.voters names {voters:?}: \
                 the voters of a cluster cannot be changed"
            )));
        }
        if voters.len() == 1 {
            // What the only voter has on disk is decided.
            content.hard.commit = content.base.index + content.entries.len() as u64;
        }
        let (applied, base_index) = (content.hard.commit, content.base.index);
        let known = content.entries.iter().take((applied - base_index) as usize);
        let restored = Restored {
            snapshot: (base_index > 0).then(|| SnapshotData { index: base_index, data: content.base.data.clone() }),
            entries: known.map(entry).collect(),
        };
        let ids: Vec<u64> = voters.iter().map(|id| raft_id(*id)).collect();
        let tick_ms = (election_ms / ELECTION_TICKS).max(1);
        let election_ticks = (election_ms / tick_ms).max(2) as usize;
        let config = Config {
            id: raft_id(me),
            election_tick: election_ticks,
            heartbeat_tick: ((heartbeat_ms / tick_ms).max(1) as usize).min(election_ticks - 1),
            applied,
            max_size_per_msg: MESSAGE_BYTES_MAX,
            max_inflight_msgs: MESSAGES_IN_FLIGHT_MAX,
            check_quorum: true,
            pre_vote: true,
            ..Config::default()
        };
        let store = Store::new(content.hard, &ids, content.base, content.entries);
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, store, &logger).expect("a sound configuration and a sound store");
        let mut quorum = Quorum {
            me,
            voters,
            node,
            seed: seed ^ raft_id(me).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            tick_ms,
            ticked: now,
            snapshot_retry_ms: election_ms.saturating_mul(SNAPSHOT_RETRY_ELECTIONS),
            marks: 0,
            writing: VecDeque::new(),
            released: Vec::new(),
            told: Vec::new(),
            installed: None,
            installing: BTreeMap::new(),
        };
        quorum.retime();
        Ok((quorum, restored))
    }

    /// Whether this node is the only voter.
    pub fn is_alone(&self) -> bool {
        self.voters.len() == 1
    }

    /// Who leads, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        node_id(self.node.raft.leader_id)
    }

    /// The term in which this node may decide: it leads, and everything decided before was handed out.
    pub fn active(&self) -> Option<Term> {
        let raft = &self.node.raft;
        let leads = raft.state == StateRole::Leader && (self.is_alone() || raft.apply_to_current_term());
        leads.then_some(raft.term)
    }

    /// The last entry that was handed out.
    pub fn applied(&self) -> Index {
        self.node.raft.raft_log.applied
    }

    /// Who is where.
    pub fn status(&self) -> QuorumStatus {
        let raft = &self.node.raft;
        let leads = raft.state == StateRole::Leader;
        let end = |id: NodeId| match raft.prs().get(raft_id(id)) {
            _ if id == self.me => Some(raft.raft_log.persisted),
            Some(progress) if leads => Some(progress.matched),
            _ => None,
        };
        QuorumStatus {
            leader: self.leader(),
            term: raft.term,
            committed: raft.raft_log.committed,
            voters: self.voters.iter().map(|id| (*id, end(*id))).collect(),
        }
    }

    /// When [`Quorum::tick`] has something to do; never for a quorum of one.
    pub fn deadline(&self) -> Option<Millis> {
        (!self.is_alone()).then(|| self.ticked.saturating_add(self.ticks_to_event().saturating_mul(self.tick_ms)))
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis) {
        if self.is_alone() {
            return;
        }
        if now < self.ticked {
            self.ticked = now;
        }
        let passed = (now - self.ticked) / self.tick_ms;
        if passed == 0 {
            return;
        }
        // A process that stood still has yet to read what it was sent meanwhile: for it, only what was due has passed.
        let ticks = passed.min(self.ticks_to_event() + 1);
        self.ticked = if ticks < passed { now } else { self.ticked + passed * self.tick_ms };
        for _ in 0..ticks {
            self.node.tick();
            self.retime();
        }
        self.retry_snapshots(now);
    }

    /// Another node says something.
    ///
    /// # Errors
    /// What no node of this quorum would say; nothing has changed then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), BadMessage> {
        match message::decode(bytes)? {
            Told::Raft(mut message) => {
                let last = self.node.raft.raft_log.last_index();
                // Who leads has all that others confirm to it; what it sent before a crash, it may have forgotten.
                let leads = self.node.raft.state == StateRole::Leader && self.node.raft.term == message.term;
                let sent = if leads { last } else { Index::MAX };
                message::check(&message, self.me, &self.voters, sent)?;
                let (from, term) = (message.from, message.term);
                // This node once confirmed what it does not have any more: its disk was replaced.
                let short = message.msg_type == MessageType::MsgHeartbeat && message.commit > last;
                if short {
                    message.commit = 0;
                }
                // What raft refuses here, it ignores: a message of the past, or one without effect.
                let _ = self.node.step(*message);
                self.retime();
                if short && self.node.raft.term == term {
                    self.told.extend(node_id(from).map(|to| (to, message::encode_short(self.me, term, last))));
                }
            }
            Told::Short { from, term, last } => self.fill_again(from, term, last)?,
        }
        Ok(())
    }

    /// What was sent to `node` last may be lost.
    pub fn unreachable(&mut self, node: NodeId) {
        let id = raft_id(node);
        self.node.report_unreachable(id);
        if self.installing.remove(&id).is_some() || self.is_installing(id) {
            self.node.report_snapshot(id, SnapshotStatus::Failure);
        }
    }

    /// Wants to lead, without waiting for a time. A quorum of one leads when this returns.
    pub fn campaign(&mut self) {
        let _ = self.node.campaign();
        self.retime();
    }

    /// Lets the follower lead that has the most, if there is one: this node is about to stop.
    pub fn hand_over(&mut self) {
        if self.node.raft.state != StateRole::Leader {
            return;
        }
        let raft = &self.node.raft;
        let of = |id: &NodeId| raft.prs().get(raft_id(*id)).filter(|p| p.recent_active).map(|p| p.matched);
        let others = self.voters.iter().filter(|id| **id != self.me);
        let best = others.filter_map(|id| Some((of(id)?, *id))).max_by_key(|(matched, id)| (*matched, -id));
        if let Some((_, id)) = best {
            self.node.transfer_leader(raft_id(id));
            self.retime();
        }
    }

    /// Proposes `data`, which is not empty; returns the place and term that it has if it is ever committed.
    ///
    /// # Errors
    /// [`NotLeader`], or a leader that hands over.
    pub fn propose(&mut self, data: Vec<u8>) -> Result<(Index, Term), NotLeader> {
        assert!(!data.is_empty(), "an entry without data is a leader's first");
        if self.node.raft.state != StateRole::Leader {
            return Err(NotLeader);
        }
        self.node.propose(Vec::new(), data).map_err(|_| NotLeader)?;
        Ok((self.node.raft.raft_log.last_index(), self.node.raft.term))
    }

    /// Replaces all entries up to `index`, the last that was handed out, by what they make. `None` when there is no use.
    pub fn compact(&mut self, now: Millis, index: Index, data: impl FnOnce() -> Vec<u8>) -> Option<Write> {
        assert!(index <= self.applied(), "only what was handed out makes a snapshot");
        let busy = self.writing.iter().any(|writing| writing.snapshot.is_some());
        if busy || index <= self.node.store().base().index {
            return None;
        }
        self.node.mut_store().compact(index, data());
        Some(self.write(now, 0, Vec::new(), None, Wrote::Everything))
    }

    /// The write of this mark, and all before it, are on disk.
    pub fn persisted(&mut self, mark: u64) {
        while let Some(done) = self.writing.pop_front_if(|writing| writing.mark <= mark) {
            self.released.extend(done.messages);
            if done.snapshot.is_some() {
                self.installed = done.snapshot;
            }
            if done.number > 0 {
                self.node.on_persist_ready(done.number);
            }
        }
    }

    /// What there is to do; `None` when there is nothing.
    pub fn ready(&mut self, now: Millis) -> Option<Ready> {
        let mut ready = Ready { snapshot: self.installed.take(), ..Ready::default() };
        let mut messages = std::mem::take(&mut self.released);
        if self.node.has_ready() {
            self.take_ready(now, &mut ready, &mut messages);
        }
        ready.messages = messages.iter().filter_map(|m| Some((node_id(m.to)?, message::encode(m)))).collect();
        ready.messages.append(&mut self.told);
        (ready != Ready::default()).then_some(ready)
    }

    fn take_ready(&mut self, now: Millis, ready: &mut Ready, messages: &mut Vec<Message>) {
        let mut raft = self.node.ready();
        let number = raft.number();
        let snapshot = (!raft.snapshot().is_empty()).then(|| {
            let (metadata, data) = (raft.snapshot().get_metadata(), raft.snapshot().data.to_vec());
            Base { index: metadata.index, term: metadata.term, data }
        });
        let entries = raft.take_entries();
        messages.append(&mut raft.take_messages());
        let promises = raft.take_persisted_messages();
        ready.committed = raft.take_committed_entries().iter().map(entry).collect();
        // A commit that moved by itself is no promise: it goes with the next write.
        let must_write = raft.must_sync();
        let installs = snapshot.as_ref().map(|base| SnapshotData { index: base.index, data: base.data.clone() });
        if let Some(base) = snapshot {
            self.node.mut_store().restart(base);
        }
        self.node.mut_store().append(&entries);
        self.node.advance_append_async(raft);
        if let Some(snapshot) = &installs {
            // What the snapshot holds is not handed out as entries; an election may look at what comes after it.
            self.node.raft.raft_log.applied = snapshot.index;
        }
        if let Some(last) = ready.committed.last() {
            self.node.advance_apply_to(last.index);
        }
        if must_write {
            let wrote = if installs.is_some() { Wrote::Everything } else { Wrote::These(&entries) };
            ready.journal = Some(self.write(now, number, promises, installs, wrote));
        } else if let Some(last) = self.writing.back_mut() {
            last.number = number;
            last.messages.extend(promises);
        } else {
            messages.extend(promises);
            self.node.on_persist_ready(number);
        }
    }

    fn write(
        &mut self,
        now: Millis,
        number: u64,
        messages: Vec<Message>,
        snapshot: Option<SnapshotData>,
        wrote: Wrote<'_>,
    ) -> Write {
        self.marks += 1;
        let hard = self.node.raft.hard_state();
        let store = self.node.store();
        let batch = match wrote {
            Wrote::These(entries) => journal::encode(now, None, entries, &hard, &self.voters),
            Wrote::Everything => journal::encode(now, Some(store.base()), store.entries(), &hard, &self.voters),
        };
        self.writing.push_back(Writing { mark: self.marks, number, messages, snapshot });
        let (count, replaces_all) = (journal::count(&batch), matches!(wrote, Wrote::Everything));
        Write { batch, count, mark: self.marks, replaces_all }
    }

    /// A follower has less than it once confirmed: what it has is looked for again from the beginning.
    fn fill_again(&mut self, from: NodeId, term: Term, last: Index) -> Result<(), BadMessage> {
        if from == self.me || !self.voters.contains(&from) {
            return Err(BadMessage::new(format!("node {from} is not among the other controller.quorum.voters")));
        }
        let raft = &mut self.node.raft;
        if raft.state != StateRole::Leader || raft.term != term {
            return Ok(());
        }
        let Some(progress) = raft.mut_prs().get_mut(raft_id(from)) else { return Ok(()) };
        if progress.matched > last {
            progress.become_probe();
            (progress.matched, progress.next_idx) = (0, 1);
        }
        Ok(())
    }

    fn is_installing(&self, id: u64) -> bool {
        let raft = &self.node.raft;
        raft.state == StateRole::Leader && raft.prs().get(id).is_some_and(|p| p.state == ProgressState::Snapshot)
    }

    /// Raft waits for ever for a snapshot's confirmation, which may be lost as well as the snapshot.
    fn retry_snapshots(&mut self, now: Millis) {
        for id in self.voters.iter().map(|id| raft_id(*id)) {
            if !self.is_installing(id) {
                self.installing.remove(&id);
                continue;
            }
            let since = *self.installing.entry(id).or_insert(now);
            if now.saturating_sub(since) >= self.snapshot_retry_ms {
                self.installing.remove(&id);
                self.node.report_snapshot(id, SnapshotStatus::Failure);
            }
        }
    }

    fn ticks_to_event(&self) -> i64 {
        let raft = &self.node.raft;
        let ticks = match raft.state {
            StateRole::Leader => {
                let heartbeat = raft.heartbeat_timeout().saturating_sub(raft.heartbeat_elapsed());
                heartbeat.min(raft.election_timeout().saturating_sub(raft.election_elapsed))
            }
            _ => raft.randomized_election_timeout().saturating_sub(raft.election_elapsed),
        };
        ticks.max(1) as i64
    }

    /// Raft draws a new election timeout from the system's randomness now and then; ours depends on seed and term.
    fn retime(&mut self) {
        let raft = &mut self.node.raft;
        let ticks = raft.election_timeout();
        let mut state = self.seed ^ raft.term.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let more = splitmix(&mut state) % ticks as u64;
        raft.set_randomized_election_timeout(ticks + more as usize);
    }
}

impl std::fmt::Debug for Quorum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raft = &self.node.raft;
        write!(f, "Quorum({:?} of {:?} in term {}, applied {})", raft.state, self.voters, raft.term, self.applied())
    }
}

/// What goes into a write.
#[derive(Clone, Copy)]
enum Wrote<'a> {
    /// New entries.
    These(&'a [raft::eraftpb::Entry]),
    /// The snapshot and everything after it.
    Everything,
}

/// Raft's number of a node: 0 is nobody there.
fn raft_id(node: NodeId) -> u64 {
    (i64::from(node) + 1) as u64
}

fn node_id(id: u64) -> Option<NodeId> {
    NodeId::try_from(id.checked_sub(1)?).ok()
}

fn entry(e: &raft::eraftpb::Entry) -> Entry {
    Entry { index: e.index, term: e.term, data: e.data.to_vec() }
}

#[cfg(test)]
mod tests;
