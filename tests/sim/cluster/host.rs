//! One machine: disks, a clock that shows something else than the world's, and mostly a process that runs a node.

use super::net::{Parcel, Way};
use super::witness::First;
use super::{Cluster, Event};
use crate::chance::Chance;
use crate::store::{Done, Job, Pending, Store};
use crate::world::brief;
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, parse_properties};
use kq::event::{Effect, Input, Lane};
use kq::log::memory::MemoryDisk;
use kq::node::{Node, NodeConfig};
use kq::types::{ConnId, LogId, Millis, NodeId, Offset, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where clients and followers come in.
pub const DATA_PORT: u16 = 9092;
/// Where the quorum and the controller are reached.
pub const CONTROLLER_PORT: u16 = 9093;
/// How often recovery points are written, in milliseconds.
const CHECKPOINT_MS: Millis = 60;
/// The request that changes in-sync sets.
const ALTER_PARTITION: i16 = 56;
/// A node that was asked to stop and has not done so after this is killed, in milliseconds.
const STOP_MS_MAX: Millis = 3_000;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// kill -9.
    Kill,
    /// What was not synced is lost, kept, or torn.
    PowerCut,
    /// The process stops by itself.
    Clean,
}

/// See the module.
pub struct Host {
    /// Directories: the first has the metadata.
    pub disks: Vec<MemoryDisk>,
    /// Their ids (KIP-858): another disk has another one.
    pub disk_ids: Vec<Uuid>,
    /// What runs.
    pub process: Option<Process>,
    /// What its clock shows more than the world's, in milliseconds.
    pub skew_ms: Millis,
    /// Stopped by SIGSTOP until then.
    pub paused_until: Millis,
    /// After its next stop, it comes back without its second directory.
    pub loses_disk: bool,
    /// Grows with every end.
    pub life: u64,
}

/// A running kqd.
pub struct Process {
    /// The node.
    pub node: Node,
    /// Its logs.
    pub store: Store,
    /// Asked to stop.
    pub stopping: bool,
    /// Connections that it has made.
    pub lanes: BTreeMap<(NodeId, Lane), u64>,
    /// Where other nodes are.
    pub addresses: BTreeMap<(NodeId, Lane), (String, u16)>,
    /// When a lane broke.
    pub lost_at: BTreeMap<(NodeId, Lane), Millis>,
    pending: Vec<Pending>,
    done_at: Millis,
    job_at: Vec<Millis>,
}

impl Host {
    /// A machine that was never started.
    pub fn new(chance: &mut Chance) -> Host {
        let count = 1 + chance.below(2);
        Host {
            disks: (0..count).map(|_| MemoryDisk::new()).collect(),
            disk_ids: (0..count).map(|_| new_id(chance)).collect(),
            process: None,
            skew_ms: chance.below(7_200_000) - 3_600_000,
            paused_until: 0,
            loses_disk: false,
            life: 0,
        }
    }

    /// When its node wants to be called, by the world's clock.
    pub fn deadline(&self, now: Millis) -> Option<Millis> {
        let deadline = self.process.as_ref()?.node.deadline()?;
        Some(deadline.saturating_sub(self.skew_ms).max(now).max(self.paused_until))
    }

    /// Which listener a connection to `port` comes through; `None` where it is refused.
    pub fn listener(&self, port: u16) -> Option<usize> {
        let process = self.process.as_ref()?;
        match port {
            DATA_PORT if process.node.is_ready() && !process.stopping => Some(0),
            CONTROLLER_PORT => Some(1),
            _ => None,
        }
    }
}

fn new_id(chance: &mut Chance) -> Uuid {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&chance.bits().to_be_bytes());
    id[8..].copy_from_slice(&chance.bits().to_be_bytes());
    Uuid(id)
}

/// The settings of node `id` among `size`.
fn settings(id: usize, size: usize, tuning: &str) -> BrokerSettings {
    let voters: Vec<String> = (1..=size).map(|n| format!("{n}@node{n}:{CONTROLLER_PORT}")).collect();
    let text = format!(
        "node.id={id}\nlisteners=PLAINTEXT://node{id}:{DATA_PORT},CONTROLLER://node{id}:{CONTROLLER_PORT}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
         controller.quorum.voters={}\n{tuning}",
        voters.join(",")
    );
    let entries = parse_properties(&text).expect("properties");
    BrokerSettings::load(&entries).expect("settings").0
}

impl Cluster {
    /// Starts a process, where none runs.
    pub(super) fn start(&mut self, h: usize) {
        if self.hosts[h].process.is_some() {
            return;
        }
        let id = h + 1;
        let mut node = Node::new(NodeConfig {
            settings: Arc::new(settings(id, self.hosts.len(), &self.tuning)),
            cluster_id: Uuid([7; 16]),
            endpoints: vec![Endpoint { host: format!("node{id}"), port: DATA_PORT }],
            seed: [self.chance.bits(), self.chance.bits()],
        });
        node.set_log_dirs(self.hosts[h].disk_ids.clone());
        let mut shape = self.shape.clone();
        let mut store = Store::open(self.hosts[h].disks.clone(), &mut shape).expect("disks that work");
        store.written = Some(Vec::new());
        let host = &mut self.hosts[h];
        host.process = Some(Process {
            node,
            store,
            stopping: false,
            lanes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            lost_at: BTreeMap::new(),
            pending: Vec::new(),
            done_at: 0,
            job_at: vec![0; host.disks.len()],
        });
        self.oracle.tell(|| format!("{} n{id} starts", self.now));
        let mut effects = Vec::new();
        if let Some(process) = &mut self.hosts[h].process {
            process.node.start(&mut effects);
        }
        self.perform(h, effects);
        self.after_step(h);
        let life = self.hosts[h].life;
        self.at(self.now + CHECKPOINT_MS, Event::Checkpoint { host: h, life });
    }

    /// Ends a life, and begins the next one after `down_ms`.
    pub(super) fn end(&mut self, h: usize, ending: Ending, down_ms: Millis) {
        let Some(process) = self.hosts[h].process.take() else { return };
        self.summary.crashes += 1;
        self.oracle.tell(|| format!("{} n{} ends: {ending:?}, for {down_ms} ms", self.now, h + 1));
        if ending == Ending::Clean {
            process.store.close().expect("disks that work");
        }
        for disk in 0..self.hosts[h].disks.len() {
            let disk = &mut self.hosts[h].disks[disk];
            *disk = match ending {
                Ending::PowerCut => disk.power_cut(&mut || self.chance.bits()),
                Ending::Kill | Ending::Clean => disk.kill(),
            };
        }
        if std::mem::take(&mut self.hosts[h].loses_disk) {
            self.hosts[h].disks[1] = MemoryDisk::new();
            self.hosts[h].disk_ids[1] = new_id(&mut self.chance);
            self.lost_disk_at = self.now;
            self.oracle.tell(|| format!("{} n{} has lost a disk", self.now, h + 1));
        }
        self.hosts[h].life += 1;
        self.hosts[h].paused_until = 0;
        self.hang_up_all(h, ending);
        self.at(self.now + down_ms, Event::Start { host: h });
    }

    /// SIGTERM: finish, hand over, stop.
    pub(super) fn ask_to_stop(&mut self, h: usize) {
        let life = self.hosts[h].life;
        if self.hosts[h].paused_until > self.now {
            return;
        }
        let Some(process) = self.hosts[h].process.as_mut().filter(|process| !process.stopping) else { return };
        process.stopping = true;
        self.oracle.tell(|| format!("{} n{} is asked to stop", self.now, h + 1));
        self.at(self.now + STOP_MS_MAX, Event::StopLate { host: h, life });
        self.step(h, Input::Stop);
    }

    pub(super) fn stop_late(&mut self, h: usize, life: u64) {
        if self.hosts[h].life == life {
            self.end(h, Ending::Kill, 5);
        }
    }

    /// Steps a node, if one runs.
    pub(super) fn step(&mut self, h: usize, input: Input<'_>) {
        let host = &mut self.hosts[h];
        let Some(process) = &mut host.process else { return };
        let mut effects = Vec::new();
        process.node.step(self.now + host.skew_ms, input, &mut effects);
        self.perform(h, effects);
        // Small passes and large ones.
        if self.chance.one_in(3) {
            self.flush(h);
        } else {
            self.after_step(h);
        }
    }

    fn perform(&mut self, h: usize, effects: Vec<Effect<'_>>) {
        let mut stopped = false;
        for effect in effects {
            let now = self.now + self.hosts[h].skew_ms;
            let Some(process) = &mut self.hosts[h].process else { return };
            self.oracle.tell(|| format!("{} n{}   {}", self.now, h + 1, brief(&effect)));
            // What was located in this pass must be there until it is over.
            if let Effect::Retain { log, generation, upto } = effect {
                let life = self.hosts[h].life;
                self.at(self.now, Event::Retain { host: h, life, log, generation, upto });
                continue;
            }
            match process.store.perform(now, effect) {
                Some(Effect::Append { log, generation, base_offset, epoch, batch }) => {
                    let bytes = batch.into_owned();
                    process.pending.push(Pending { log, generation, base_offset, epoch, bytes });
                }
                Some(Effect::Reply { conn, slot, chunks, .. }) => self.replied(h, conn.0, slot, chunks),
                Some(Effect::Close { conn, reason }) => self.close(h, conn.0, &reason),
                Some(Effect::Peer { node, lane, address }) => match address {
                    Some(address) => {
                        process.addresses.insert((node, lane), address);
                    }
                    None => {
                        process.addresses.remove(&(node, lane));
                        if let Some(conn) = process.lanes.remove(&(node, lane)) {
                            self.hang_up(conn);
                        }
                    }
                },
                Some(Effect::Send { node, lane, frame }) => {
                    if frame.starts_with(&ALTER_PARTITION.to_be_bytes()) {
                        self.omen(h);
                    }
                    self.send(h, node, lane, frame);
                }
                Some(Effect::Stopped) => stopped = true,
                Some(Effect::Fatal { reason }) => self.oracle.violated(format!("n{} gives up: {reason}", h + 1)),
                _ => {}
            }
        }
        if stopped {
            self.flush(h);
            let down_ms = 5 + self.chance.below(200);
            self.end(h, Ending::Clean, down_ms);
        }
    }

    /// The pass's appends are written.
    pub(super) fn flush(&mut self, h: usize) {
        let now = self.now + self.hosts[h].skew_ms;
        let Some(process) = &mut self.hosts[h].process else { return };
        if !process.pending.is_empty() {
            let pending = std::mem::take(&mut process.pending);
            process.store.append(now, pending);
            let written = process.store.written.replace(Vec::new()).unwrap_or_default();
            for batch in written {
                match self.witness.wrote(h, &batch) {
                    Ok(First::InEpoch) => self.omen(h),
                    Ok(First::No) => {}
                    Err(what) => self.oracle.violated(what),
                }
            }
        }
        self.after_step(h);
    }

    /// Sends completions and jobs on their ways. Answers come at once: the ranges in them are good for this pass.
    fn after_step(&mut self, h: usize) {
        loop {
            let life = self.hosts[h].life;
            let Some(process) = &mut self.hosts[h].process else { return };
            let (done, jobs) = (std::mem::take(&mut process.store.done), std::mem::take(&mut process.store.jobs));
            if done.is_empty() && jobs.is_empty() {
                return;
            }
            let mut coming = Vec::new();
            for (dir, job) in jobs {
                let at = process.job_at[dir].max(self.now + self.chance.below(6));
                process.job_at[dir] = at;
                coming.push((at, Event::Job { host: h, life, dir, job }));
            }
            let mut answers = Vec::new();
            for done in done {
                if matches!(done, Done::Answer { .. }) {
                    answers.push(done);
                } else {
                    process.done_at = process.done_at.max(self.now + self.chance.below(4));
                    coming.push((process.done_at, Event::Done { host: h, life, done }));
                }
            }
            for (at, event) in coming {
                self.at(at, event);
            }
            for answer in answers {
                let host = &mut self.hosts[h];
                let Some(process) = &mut host.process else { return };
                let mut effects = Vec::new();
                process.node.step(self.now + host.skew_ms, answer.into_input(), &mut effects);
                self.perform(h, effects);
            }
        }
    }

    pub(super) fn done(&mut self, h: usize, life: u64, done: Done) {
        if self.hosts[h].life == life {
            self.oracle.tell(|| format!("{} n{} {done:?}", self.now, h + 1));
            self.step(h, done.into_input());
        }
    }

    pub(super) fn job(&mut self, h: usize, life: u64, dir: usize, job: Job) {
        let now = self.now + self.hosts[h].skew_ms;
        if self.hosts[h].life == life
            && let Some(process) = &mut self.hosts[h].process
        {
            process.store.run(now, dir, job);
            self.after_step(h);
        }
    }

    pub(super) fn retain(&mut self, h: usize, life: u64, log: LogId, generation: u32, upto: Offset) {
        let now = self.now + self.hosts[h].skew_ms;
        if self.hosts[h].life == life
            && let Some(process) = &mut self.hosts[h].process
        {
            process.store.perform(now, Effect::Retain { log, generation, upto });
            self.after_step(h);
        }
    }

    pub(super) fn checkpoint(&mut self, h: usize, life: u64) {
        if self.hosts[h].life == life
            && let Some(process) = &mut self.hosts[h].process
        {
            process.store.checkpoint();
            self.after_step(h);
            self.at(self.now + CHECKPOINT_MS, Event::Checkpoint { host: h, life });
        }
    }

    /// Sends a frame on a lane, over a new connection where there is none.
    fn send(&mut self, h: usize, node: NodeId, lane: Lane, frame: Vec<u8>) {
        let Some(process) = &mut self.hosts[h].process else { return };
        let conn = match process.lanes.get(&(node, lane)) {
            Some(conn) => *conn,
            None => {
                let address = process.addresses.get(&(node, lane)).cloned();
                let Some(conn) = self.connect_lane(h, node, lane, address) else {
                    return self.oracle.violated(format!("n{} sends to node {node}, and does not know where", h + 1));
                };
                conn
            }
        };
        self.post(conn, Way::There, Parcel::Frame(frame));
    }

    /// A frame came for a node.
    pub(super) fn frame_for(&mut self, conn: u64, bytes: &[u8]) {
        let Some(known) = self.conns.get_mut(&conn) else { return };
        let (host, slot, peer) = (known.far, known.next_slot, known.peer.clone());
        known.next_slot += 1;
        self.oracle.tell(|| {
            format!("{} n{} frame {slot} of {}, {conn}: key {:?}", self.now, host + 1, peer.host, &bytes[..2])
        });
        self.step(host, Input::Frame { conn: ConnId(conn), slot, peer: &peer, bytes });
    }
}
