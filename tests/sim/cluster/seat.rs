//! Clients of a cluster: each has one connection at a time, looks for the node that leads its partition or coordinates
//! its group, and looks again when it is told that it is elsewhere, or is not answered.

use super::committer::Committer;
use super::host::DATA_PORT;
use super::net::{Near, Parcel, Way};
use super::observer::Observer;
use super::{Cluster, Event};
use crate::admin::Admin;
use crate::client::{Client, Cx, Topic, read};
use crate::consumer::Consumer;
use crate::producer::Producer;
use kq::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kq::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kq::group::partition_of;
use kq::types::{Millis, NodeId};

const METADATA_VERSION: i16 = 12;
const COORDINATOR_VERSION: i16 = 4;
/// A client that is not answered for so long, and up to as much again, breaks its connection, in milliseconds.
const IMPATIENT_MS: Millis = 250;

/// Who sits there.
pub enum Someone {
    /// Writes to one partition.
    Producer(Producer),
    /// Reads one partition.
    Consumer(Consumer),
    /// Creates and deletes topics.
    Admin(Admin),
    /// Commits offsets.
    Committer(Committer),
    /// Asks for metadata.
    Observer(Observer),
}

impl Someone {
    /// What all of them can do.
    pub fn client(&mut self) -> &mut dyn Client {
        match self {
            Someone::Producer(client) => client,
            Someone::Consumer(client) => client,
            Someone::Admin(client) => client,
            Someone::Committer(client) => client,
            Someone::Observer(client) => client,
        }
    }
}

/// Whom a client needs.
enum Needs {
    Anyone,
    LeaderOf(usize, i32),
    CoordinatorOf(String),
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It asks whoever answers where to go.
    Asking,
    /// It is where it wants to be.
    There,
}

/// See the module.
pub struct Seat {
    /// Who.
    pub someone: Someone,
    /// Where in the network.
    pub room: usize,
    stage: Stage,
    conn: Option<u64>,
    asked: u64,
    answered: u64,
    /// Whether whom it asked last was a coordinator that is deposed.
    asked_deposed: bool,
}

impl Seat {
    /// Somebody who has no connection yet.
    pub fn new(someone: Someone, room: usize) -> Seat {
        Seat { someone, room, stage: Stage::Asking, conn: None, asked: 0, answered: 0, asked_deposed: false }
    }

    /// The partition of offsets of its group, if it has one.
    fn coordinated_in(&self, partitions: i32) -> Option<i32> {
        match &self.someone {
            Someone::Committer(committer) => Some(partition_of(&committer.group(), partitions)),
            _ => None,
        }
    }

    fn needs(&self) -> Needs {
        match &self.someone {
            Someone::Producer(producer) => Needs::LeaderOf(producer.of().0, producer.of().1),
            Someone::Consumer(consumer) => Needs::LeaderOf(consumer.of().0, consumer.of().1),
            Someone::Committer(committer) => Needs::CoordinatorOf(committer.group()),
            Someone::Admin(_) | Someone::Observer(_) => Needs::Anyone,
        }
    }
}

impl Cluster {
    /// Connects to any node.
    pub(super) fn seek(&mut self, seat: usize) {
        if self.seats[seat].conn.is_some() {
            return;
        }
        let stage = match self.seats[seat].needs() {
            Needs::Anyone => Stage::There,
            _ => Stage::Asking,
        };
        let host = self.chance.below(self.hosts.len() as i64) as usize;
        self.sit_down(seat, host, stage);
    }

    fn sit_down(&mut self, seat: usize, host: usize, stage: Stage) {
        let conn = self.connect(Near::Seat(seat), host, DATA_PORT, self.now);
        let known = &mut self.seats[seat];
        (known.stage, known.conn, known.asked, known.answered) = (stage, Some(conn), 0, 0);
        let at = self.now + self.chance.below(5);
        self.at(at, Event::Wake { seat, conn });
    }

    /// Gives its connection up.
    pub(super) fn leave(&mut self, seat: usize) {
        let Some(conn) = self.seats[seat].conn.take() else { return };
        self.seats[seat].someone.client().disconnected();
        match self.seats[seat].someone {
            // Commits have no numbers that would tell an old one that comes late.
            Someone::Committer(_) => self.hang_up_at_once(conn),
            _ => self.hang_up(conn),
        }
    }

    /// Its connection is gone.
    pub(super) fn cut_off(&mut self, seat: usize, conn: u64) {
        if self.seats[seat].conn != Some(conn) {
            return;
        }
        self.seats[seat].conn = None;
        self.seats[seat].someone.client().disconnected();
        let at = self.now + 1 + self.chance.below(20);
        self.at(at, Event::Seek { seat });
    }

    pub(super) fn impatient(&mut self, seat: usize, conn: u64, asked: u64) {
        if self.seats[seat].conn == Some(conn) && self.seats[seat].answered < asked {
            self.leave(seat);
            self.at(self.now + 1, Event::Seek { seat });
        }
    }

    pub(super) fn wake(&mut self, seat: usize, conn: u64) {
        if self.seats[seat].conn != Some(conn) {
            return;
        }
        match self.seats[seat].stage {
            Stage::There => self.call(seat, conn, |client, cx| client.act(cx)),
            Stage::Asking if self.seats[seat].asked > self.seats[seat].answered => {}
            Stage::Asking => {
                let needs = self.seats[seat].needs();
                self.call(seat, conn, |_, cx| ask(&needs, cx));
            }
        }
    }

    /// A reply for a client.
    pub(super) fn answered(&mut self, seat: usize, conn: u64, bytes: &[u8]) {
        if self.seats[seat].conn != Some(conn) {
            return;
        }
        for byte in bytes {
            self.summary.fingerprint = (self.summary.fingerprint ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.seats[seat].answered += 1;
        if self.seats[seat].stage == Stage::There {
            return self.call(seat, conn, |client, cx| client.reply(cx, bytes));
        }
        let found = match self.seats[seat].needs() {
            Needs::LeaderOf(topic, partition) => {
                let response: MetadataResponse<'_> = read(bytes, METADATA_VERSION);
                if let Err(what) = self.witness.heard(&response) {
                    self.oracle.violated(what);
                }
                leader(&response, &self.topics[topic], partition)
            }
            Needs::CoordinatorOf(_) => {
                let response: FindCoordinatorResponse<'_> = read(bytes, COORDINATOR_VERSION);
                response.coordinators.first().filter(|found| found.error_code == 0).map(|found| found.node_id)
            }
            Needs::Anyone => None,
        };
        let here = self.conns.get(&conn).map(|conn| conn.far);
        match found.and_then(|node| usize::try_from(node - 1).ok()).filter(|host| *host < self.hosts.len()) {
            Some(host) if Some(host) == here => {
                self.seats[seat].stage = Stage::There;
                self.at(self.now, Event::Wake { seat, conn });
            }
            Some(host) => {
                self.leave(seat);
                self.sit_down(seat, host, Stage::There);
            }
            None if self.chance.one_in(3) => {
                self.leave(seat);
                let at = self.now + 1 + self.chance.below(20);
                self.at(at, Event::Seek { seat });
            }
            None => {
                let at = self.now + 5 + self.chance.below(20);
                self.at(at, Event::Wake { seat, conn });
            }
        }
    }

    fn call(&mut self, seat: usize, conn: u64, act: impl FnOnce(&mut dyn Client, &mut Cx<'_>)) {
        let deposed = self.seats[seat].asked_deposed;
        let someone = &mut self.seats[seat].someone;
        // Nobody waits for who only wants the leader; what it writes keeps followers busy.
        let rests = self.calm
            && match someone {
                Someone::Admin(_) => true,
                Someone::Producer(producer) => !producer.wants_all(),
                _ => false,
            };
        let mut cx = Cx {
            now: self.now,
            chance: &mut self.chance,
            oracle: &mut self.oracle,
            topics: &mut self.topics,
            busy: self.busy && !rests,
            rests: false,
            pace: 1,
            frames: Vec::new(),
            wake_in: None,
            hang_up: None,
            elsewhere: false,
            deposed,
        };
        act(someone.client(), &mut cx);
        let (frames, wake_in, hang_up, elsewhere) = (cx.frames, cx.wake_in, cx.hang_up, cx.elsewhere);
        if let Someone::Observer(observer) = someone
            && let Some(Err(what)) = observer.take_news().map(|news| self.witness.noted(&news))
        {
            self.oracle.violated(what);
        }
        if hang_up.is_some() || elsewhere {
            self.leave(seat);
            let at = self.now + hang_up.unwrap_or(1);
            return self.at(at, Event::Seek { seat });
        }
        if !frames.is_empty() {
            let host = self.conns.get(&conn).map(|conn| conn.far);
            let partition = self.seats[seat].coordinated_in(self.offsets_partitions());
            self.seats[seat].asked_deposed =
                host.zip(partition).is_some_and(|(host, partition)| self.witness.is_deposed(host, partition));
        }
        for bytes in frames {
            self.seats[seat].asked += 1;
            let asked = self.seats[seat].asked;
            self.post(conn, Way::There, Parcel::Frame(bytes));
            let at = self.now + IMPATIENT_MS + self.chance.below(IMPATIENT_MS);
            self.at(at, Event::Impatient { seat, conn, asked });
        }
        if let Some(wake_in) = wake_in {
            self.at(self.now + wake_in.max(1), Event::Wake { seat, conn });
        }
    }
}

fn ask(needs: &Needs, cx: &mut Cx<'_>) {
    match needs {
        Needs::LeaderOf(topic, _) => {
            let name = cx.topics[*topic].name.clone();
            let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
            cx.send(METADATA_VERSION, &MetadataRequest { topics: Some(vec![topic]), ..Default::default() });
        }
        Needs::CoordinatorOf(group) => {
            let coordinator_keys = vec![group.clone().into()];
            cx.send(COORDINATOR_VERSION, &FindCoordinatorRequest { coordinator_keys, ..Default::default() });
        }
        Needs::Anyone => {}
    }
}

/// Who leads a partition of the topic that is meant, as a node sees it.
fn leader(response: &MetadataResponse<'_>, topic: &Topic, partition: i32) -> Option<NodeId> {
    let found = response.topics.first().filter(|found| found.error_code == 0 && Some(found.topic_id) == topic.id)?;
    let found = found.partitions.iter().find(|found| found.partition_index == partition)?;
    let leader = Some(found.leader_id).filter(|leader| *leader >= 0)?;
    response.brokers.iter().any(|broker| broker.node_id == leader).then_some(leader)
}
