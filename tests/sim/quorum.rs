//! Quorums of three and five nodes whose messages are lost, doubled, late and out of order, whose links are cut one way or
//! both, and which crash with the loss of what was not synced.
//!
//! What must hold: no two nodes ever apply different entries under one index, whatever they forgot and were told again; a
//! term has one leader; what a proposer was told to be committed stays; and once all is well again, all nodes agree.

use crate::chance::Chance;
use crate::world::{Summary, Telling};
use kq::meta::quorum::{Entry, Index, Quorum, QuorumConfig, Ready, SnapshotData, Term};
use kq::types::{Millis, NodeId};
use std::collections::{BTreeMap, BTreeSet};

const ELECTION_MS: i64 = 50;
const HEARTBEAT_MS: i64 = 10;
/// How long faults happen.
const FAULTS_MS: i64 = 3_000;
/// How long everything may take to be well again.
const QUIET_MS: i64 = 3_000;

/// A disk that keeps what was synced.
#[derive(Default)]
struct Disk {
    synced: Vec<Vec<u8>>,
    /// Written, in order: mark, batch, whether it replaces all before it.
    written: Vec<(u64, Vec<u8>, bool)>,
}

impl Disk {
    /// Syncs the first `count` writes; returns the last one's mark.
    fn sync(&mut self, count: usize) -> Option<u64> {
        let mut last = None;
        for (mark, batch, replaces_all) in self.written.drain(..count) {
            if replaces_all {
                self.synced.clear();
            }
            self.synced.push(batch);
            last = Some(mark);
        }
        last
    }
}

/// What the entries make: a chain over all of them.
#[derive(Clone, Copy, Default)]
struct State {
    index: Index,
    chain: u64,
}

struct Node {
    quorum: Option<Quorum>,
    disk: Disk,
    state: State,
    /// What was proposed here and waits: place and term.
    waiting: Vec<(Index, Term)>,
}

struct World {
    chance: Chance,
    now: Millis,
    nodes: Vec<Node>,
    /// Time of arrival, sender, receiver, message.
    wire: Vec<(Millis, NodeId, NodeId, Vec<u8>)>,
    /// Links that are cut, from and to.
    cut: BTreeSet<(NodeId, NodeId)>,
    faulty: bool,
    /// The chain at each index, as the first node to get there had it.
    chains: BTreeMap<Index, u64>,
    leaders: BTreeMap<Term, NodeId>,
    proposals: u64,
    summary: Summary,
    telling: Telling,
}

/// Lives through a seed.
pub fn run(seed: u64, telling: Telling) -> Result<Summary, String> {
    let mut chance = Chance::new(seed);
    let count = if chance.one_in(3) { 5 } else { 3 };
    let mut world = World {
        chance,
        now: 1_000,
        nodes: Vec::new(),
        wire: Vec::new(),
        cut: BTreeSet::new(),
        faulty: true,
        chains: BTreeMap::new(),
        leaders: BTreeMap::new(),
        proposals: 0,
        summary: Summary::default(),
        telling,
    };
    for _ in 0..count {
        world.nodes.push(Node { quorum: None, disk: Disk::default(), state: State::default(), waiting: Vec::new() });
    }
    for id in 0..count {
        world.start(id)?;
    }
    while world.now < 1_000 + FAULTS_MS {
        world.mishap()?;
        world.step()?;
    }
    world.faulty = false;
    world.cut.clear();
    for id in 0..count {
        if world.nodes[id as usize].quorum.is_none() {
            world.start(id)?;
        }
    }
    world.recover()
}

impl World {
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling == Telling::Story {
            println!("{:>6} {}", self.now, what());
        }
    }

    fn start(&mut self, id: NodeId) -> Result<(), String> {
        let voters = (0..self.nodes.len() as NodeId).collect();
        let config = QuorumConfig { node: id, voters, election_ms: ELECTION_MS, heartbeat_ms: HEARTBEAT_MS, seed: 7 };
        let node = &mut self.nodes[id as usize];
        let journal = node.disk.synced.concat();
        let (quorum, restored) = Quorum::open(config, self.now, &journal).map_err(|e| format!("node {id}: {e}"))?;
        node.quorum = Some(quorum);
        node.state = State::default();
        self.tell(|| format!("node {id} starts with {} entries", restored.entries.len()));
        self.apply(id, restored.snapshot, restored.entries)?;
        self.drive(id)
    }

    /// Something goes wrong, perhaps.
    fn mishap(&mut self) -> Result<(), String> {
        let count = self.nodes.len() as i64;
        let id = self.chance.below(count) as NodeId;
        match self.chance.below(400) {
            0..=1 => self.crash(id),
            23..=29 if self.nodes[id as usize].quorum.is_some() => {
                self.crash(id);
                self.start(id)?;
            }
            2..=11 if self.nodes[id as usize].quorum.is_none() => self.start(id)?,
            12..=13 => {
                let other = self.chance.below(count) as NodeId;
                self.cut.insert((id, other));
                if self.chance.one_in(2) {
                    self.cut.insert((other, id));
                }
                self.tell(|| format!("node {other} does not hear node {id}"));
            }
            14 => {
                let all: Vec<NodeId> = (0..count as NodeId).filter(|other| *other != id).collect();
                self.cut.extend(all.iter().flat_map(|other| [(id, *other), (*other, id)]));
                self.tell(|| format!("node {id} is alone"));
            }
            15..=18 => self.cut.clear(),
            19 => self.now += self.chance.below(200),
            20..=21 => {
                let other = self.chance.below(count) as NodeId;
                if let Some(quorum) = &mut self.nodes[id as usize].quorum {
                    quorum.unreachable(other);
                    self.drive(id)?;
                }
            }
            22 => {
                if let Some(quorum) = &mut self.nodes[id as usize].quorum {
                    quorum.hand_over();
                    self.drive(id)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The power goes: of what was written since the last sync, a beginning may be there.
    fn crash(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize];
        if node.quorum.take().is_none() {
            return;
        }
        let kept = self.chance.below(node.disk.written.len() as i64 + 1) as usize;
        node.disk.sync(kept);
        node.disk.written.clear();
        node.waiting.clear();
        self.summary.crashes += 1;
        self.tell(|| format!("node {id} crashes and keeps {kept} unsynced writes"));
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += 1 + self.chance.below(3);
        for id in 0..self.nodes.len() as NodeId {
            let Some(quorum) = &mut self.nodes[id as usize].quorum else { continue };
            if quorum.deadline().is_some_and(|at| at <= self.now) {
                quorum.tick(self.now);
                self.drive(id)?;
            }
            let written = self.nodes[id as usize].disk.written.len();
            if written > 0 && self.chance.one_in(3) {
                let synced = 1 + self.chance.below(written as i64) as usize;
                let node = &mut self.nodes[id as usize];
                if let (Some(mark), Some(quorum)) = (node.disk.sync(synced), &mut node.quorum) {
                    quorum.persisted(mark);
                }
                self.drive(id)?;
            }
            if self.chance.one_in(10) {
                self.propose(id)?;
            }
            if self.chance.one_in(200) {
                self.compact(id)?;
            }
        }
        self.deliver()
    }

    fn deliver(&mut self) -> Result<(), String> {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.wire).into_iter().partition(|(at, ..)| *at <= self.now);
        self.wire = later;
        for (_, from, to, bytes) in due {
            if self.cut.contains(&(from, to)) {
                continue;
            }
            if let Some(quorum) = &mut self.nodes[to as usize].quorum {
                quorum.receive(&bytes).map_err(|e| format!("node {to} refuses what node {from} says: {e}"))?;
                self.drive(to)?;
            }
        }
        Ok(())
    }

    fn propose(&mut self, id: NodeId) -> Result<(), String> {
        let node = &mut self.nodes[id as usize];
        let Some(quorum) = node.quorum.as_mut().filter(|quorum| quorum.active().is_some()) else { return Ok(()) };
        self.proposals += 1;
        let data = format!("{id} proposes {}", self.proposals).into_bytes();
        if let Ok(at) = quorum.propose(data) {
            node.waiting.push(at);
        }
        self.drive(id)
    }

    fn compact(&mut self, id: NodeId) -> Result<(), String> {
        let node = &mut self.nodes[id as usize];
        let State { index, chain } = node.state;
        let Some(quorum) = node.quorum.as_mut().filter(|quorum| quorum.applied() == index) else { return Ok(()) };
        if let Some(write) = quorum.compact(self.now, index, || chain.to_be_bytes().to_vec()) {
            node.disk.written.push((write.mark, write.batch, write.replaces_all));
            self.tell(|| format!("node {id} makes a snapshot at {index}"));
        }
        self.drive(id)
    }

    /// Does what a node wants done.
    fn drive(&mut self, id: NodeId) -> Result<(), String> {
        loop {
            let node = &mut self.nodes[id as usize];
            let Some(quorum) = &mut node.quorum else { return Ok(()) };
            let status = quorum.status();
            if status.leader == Some(id) && *self.leaders.entry(status.term).or_insert(id) != id {
                return Err(format!("term {} has two leaders", status.term));
            }
            let Some(ready) = quorum.ready(self.now) else { return Ok(()) };
            let Ready { journal, messages, snapshot, committed } = ready;
            if let Some(write) = journal {
                node.disk.written.push((write.mark, write.batch, write.replaces_all));
            }
            for (to, bytes) in messages {
                self.send(id, to, bytes);
            }
            self.apply(id, snapshot, committed)?;
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, bytes: Vec<u8>) {
        let mut copies = 1;
        if self.faulty {
            copies = if self.chance.one_in(10) { self.chance.below(3) } else { 1 };
        }
        for _ in 0..copies {
            let late = if self.faulty && self.chance.one_in(10) { 100 } else { 4 };
            let at = self.now + 1 + self.chance.below(late);
            self.wire.push((at, from, to, bytes.clone()));
        }
    }

    fn apply(&mut self, id: NodeId, snapshot: Option<SnapshotData>, entries: Vec<Entry>) -> Result<(), String> {
        if let Some(SnapshotData { index, data }) = snapshot {
            let chain = data.try_into().map(u64::from_be_bytes).map_err(|_| format!("node {id}: another snapshot"))?;
            self.tell(|| format!("node {id} is given a snapshot at {index}"));
            if index < self.nodes[id as usize].state.index {
                return Err(format!("node {id} goes back to {index}"));
            }
            self.agree(id, State { index, chain })?;
        }
        for Entry { index, term, data } in entries {
            let node = &mut self.nodes[id as usize];
            if index != node.state.index + 1 {
                return Err(format!("node {id} applies {index} after {}", node.state.index));
            }
            let mut chain = node.state.chain ^ index ^ term.rotate_left(32);
            data.iter().for_each(|byte| chain = (chain ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            let before = node.waiting.len();
            node.waiting.retain(|at| *at != (index, term));
            self.summary.acks += (before - node.waiting.len()) as u64;
            self.agree(id, State { index, chain })?;
        }
        Ok(())
    }

    fn agree(&mut self, id: NodeId, state: State) -> Result<(), String> {
        self.nodes[id as usize].state = state;
        match *self.chains.entry(state.index).or_insert(state.chain) == state.chain {
            true => Ok(()),
            false => Err(format!("node {id} has another history at {}", state.index)),
        }
    }

    /// Without faults, all come to agree on everything that was committed, and on something new; and so does a node whose
    /// disk was replaced.
    fn recover(&mut self) -> Result<Summary, String> {
        self.agree_on_more()?;
        let id = self.chance.below(self.nodes.len() as i64) as NodeId;
        self.crash(id);
        self.nodes[id as usize].disk = Disk::default();
        self.start(id)?;
        self.agree_on_more()?;
        self.summary.fingerprint = self.nodes[0].state.chain ^ self.now as u64;
        Ok(self.summary)
    }

    fn agree_on_more(&mut self) -> Result<(), String> {
        let (until, known) = (self.now + QUIET_MS, self.chains.keys().last().copied().unwrap_or(0));
        let acks = self.summary.acks;
        while self.now < until {
            self.step()?;
            let first = self.nodes[0].state.index;
            let same = self.nodes.iter().all(|node| node.state.index == first);
            if same && first > known && self.summary.acks > acks {
                return Ok(());
            }
        }
        let reached: Vec<Index> = self.nodes.iter().map(|node| node.state.index).collect();
        Err(format!("{known} entries were committed, and without faults the nodes only reach {reached:?}"))
    }
}
