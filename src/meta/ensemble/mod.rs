//! The metadata log in a ZooKeeper ensemble, instead of in an embedded quorum.
//!
//! A machine that asks the ensemble ([`Ask`]) and hears of it ([`Heard`]). Its promises:
//!
//! - What is handed out as committed is in the ensemble's log, and no other entry will ever have its index.
//! - Who decides holds `/controller` in a living session and raised `/controller_epoch` when it took it. Every one of its
//!   changes checks that nobody raised it since, in one multi-operation: a controller of the past changes nothing.
//! - The pieces of the log are numbered by who appends them, not by ZooKeeper: an index is taken once, and followers need
//!   no list of names, which would not fit into an answer: they watch for the next number.
//! - A controller that hears nothing of the ensemble decides nothing, from that moment on. When the session turns out to
//!   have gone on, it reads what it may have appended meanwhile, and decides again.
//!
//! Brokers' lives are the controller's affair, as with the embedded quorum: they send heartbeats. The nodes under
//! `/brokers/ids` say to others who is there; for the controller, one that goes is a reason to ask.

mod election;
mod log;
mod snapshot;
mod text;

#[cfg(test)]
mod tests;

pub use text::{CLUSTER_ID, Endpoint, cluster_id_node, cluster_id_of};

use super::quorum::{Entry, Index, NotLeader, QuorumStatus, Ready, SnapshotData, Term};
use crate::event::{Ask, Change, EnsembleFault, Found, Heard, Level, Life};
use crate::types::{Millis, NodeId};
use log::Reading;
use snapshot::Job;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use text::Pointer;

/// After a fault that nothing else follows, everything is looked at again, in milliseconds.
const AGAIN_MS: i64 = 500;

/// What a node among others is born with.
#[derive(Clone, Debug)]
pub struct EnsembleConfig {
    /// This node.
    pub node: NodeId,
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// See the module.
pub struct Ensemble {
    config: EnsembleConfig,
    now: Millis,
    asks: Vec<Ask>,
    asked: u64,
    /// What answers are for. An answer to anything else comes too late.
    pending: BTreeMap<u64, Purpose>,
    /// The session, while servers of the ensemble answer.
    session: Option<i64>,
    standing: Standing,
    /// Who holds `/controller`, as last seen.
    controller: Option<NodeId>,
    claim: Option<Claim>,
    /// When everything is looked at again.
    again_at: Option<Millis>,
    /// The last piece of the log that is known here.
    known: Index,
    /// The last one that was handed out.
    handed: Index,
    /// An entry of which some pieces are still to come, and its term.
    begun: Option<(i32, Vec<u8>)>,
    reading: Reading,
    /// The log was read to its end once.
    loaded: bool,
    /// Pieces that are to be appended; the first is on its way.
    flight: VecDeque<Vec<u8>>,
    /// The last snapshot in the ensemble.
    pointer: Pointer,
    job: Job,
    /// Brokers whose nodes the controller watches, and those whose node is not there.
    watched: BTreeSet<NodeId>,
    gone: Vec<NodeId>,
    bytes_since: i64,
    pieces_since: u64,
    installed: Option<SnapshotData>,
    committed: Vec<Entry>,
    notes: Vec<(Level, String)>,
    broken: Option<String>,
}

/// Whether this node wants to be the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    NotYet,
    Yes,
    Leaving,
}

/// `/controller` is this node's, or may be.
#[derive(Clone, Copy, Debug)]
struct Claim {
    session: i64,
    term: i32,
    /// Which version `/controller_epoch` has while it holds.
    version: i32,
    /// It holds, as far as this session's answers go.
    sure: bool,
    /// Everything below was appended before: this node decides once it has handed that out.
    caught_up: Option<Index>,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Path,
    Publish,
    Published,
    Broker(NodeId),
    Controller,
    EpochToStand,
    EpochOfClaim,
    Stand,
    Resign,
    Pointer,
    Entry(Index),
    Piece(u32),
    Append,
    PutPiece,
    PutPointer,
    ListOld,
    Trim,
}

impl Ensemble {
    /// A node that has not asked anything yet.
    pub fn new(config: EnsembleConfig, now: Millis) -> Ensemble {
        Ensemble {
            config,
            now,
            asks: vec![Ask::Begin],
            asked: 0,
            pending: BTreeMap::new(),
            session: None,
            standing: Standing::NotYet,
            controller: None,
            claim: None,
            again_at: None,
            known: 0,
            handed: 0,
            begun: None,
            reading: Reading::default(),
            loaded: false,
            flight: VecDeque::new(),
            pointer: Pointer::default(),
            job: Job::Idle,
            watched: BTreeSet::new(),
            gone: Vec::new(),
            bytes_since: 0,
            pieces_since: 0,
            installed: None,
            committed: Vec::new(),
            notes: Vec::new(),
            broken: None,
        }
    }

    /// Whether the log was read to its end once: the node can begin.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// The last entry that was handed out.
    pub fn applied(&self) -> Index {
        self.handed
    }

    /// Who decides, and how far that node has come, if it is this one. There are no others that vote.
    pub fn status(&self) -> QuorumStatus {
        let leader = self.leader();
        let own = leader.filter(|leader| *leader == self.config.node);
        let voters = leader.map(|leader| (leader, own.map(|_| self.known))).into_iter().collect();
        let term = self.claim.map_or(0, |claim| term_of(claim.term));
        QuorumStatus { leader, term, committed: self.known, voters }
    }

    /// When [`Ensemble::tick`] has something to do.
    pub fn deadline(&self) -> Option<Millis> {
        self.again_at
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis) {
        self.now = now;
        if self.again_at.is_some_and(|at| at <= now) {
            self.again_at = None;
            if let Some(session) = self.session {
                self.begin_again(session);
            }
        }
    }

    /// Something is heard of the ensemble.
    pub fn hear(&mut self, now: Millis, heard: Heard) {
        self.now = now;
        match heard {
            Heard::Session { id } => self.begin_again(id),
            Heard::Silence => {
                self.forget_questions();
                self.session = None;
                self.doubt();
            }
            Heard::Expired => {
                if self.claim.is_some_and(|claim| claim.sure) {
                    self.note(Level::Warn, "the ZooKeeper session is over: this node is the controller no more");
                }
                self.forget_questions();
                (self.session, self.controller, self.claim) = (None, None, None);
            }
            Heard::Answer { id, result } => {
                if let Some(purpose) = self.pending.remove(&id) {
                    self.answered(purpose, result);
                }
            }
            Heard::Changed { path } => self.changed(&path),
        }
    }

    /// What there is to do; `None` when there is nothing. Questions are taken with [`Ensemble::take_asks`].
    pub fn ready(&mut self) -> Option<Ready> {
        let (snapshot, committed) = (self.installed.take(), std::mem::take(&mut self.committed));
        if snapshot.is_none() && committed.is_empty() {
            return None;
        }
        self.handed = self.known;
        Some(Ready { snapshot, committed, ..Ready::default() })
    }

    /// What the ensemble is to be asked, in this order.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// What the operator should read, since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.notes)
    }

    /// Why the log cannot be followed any more, if it cannot.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The session can be used, again or for the first time: nothing that was seen before counts.
    fn begin_again(&mut self, session: i64) {
        self.forget_questions();
        self.session = Some(session);
        self.claim = self.claim.filter(|claim| claim.session == session);
        self.doubt();
        for (path, data) in text::PATHS {
            let make = Change::Make { path: path.to_owned(), data: data.into(), life: Life::Lasting };
            self.write(Purpose::Path, vec![make]);
        }
        self.publish();
        self.look_at_controller();
        self.look_at_log();
    }

    fn forget_questions(&mut self) {
        self.pending.clear();
        self.flight.clear();
        self.job = Job::Idle;
        self.watched.clear();
        self.gone.clear();
        self.reading = Reading::default();
        self.again_at = None;
    }

    /// Whether this node is the controller has to be found out anew.
    fn doubt(&mut self) {
        if let Some(claim) = &mut self.claim {
            (claim.sure, claim.caught_up) = (false, None);
        }
    }

    fn look_again_later(&mut self) {
        if self.again_at.is_none() {
            self.again_at = Some(self.now.saturating_add(AGAIN_MS));
        }
    }

    fn answered(&mut self, purpose: Purpose, result: Result<Found, EnsembleFault>) {
        use EnsembleFault::{Exists, Missing, Version};
        match (purpose, result) {
            (Purpose::Path, Ok(_) | Err(Exists)) => {}
            (Purpose::Publish, Ok(_)) => {}
            // Of an earlier process or session of this node, mostly: it goes when that is over.
            (Purpose::Publish, Err(Exists)) => self.watch(Purpose::Published, text::broker_path(self.config.node)),
            (Purpose::Published, Ok(Found::Nothing)) => self.publish(),
            (Purpose::Published, Ok(_)) => {}
            (Purpose::Broker(id), Ok(found)) => {
                // Its watch goes on: it may come back.
                self.gone.extend((found == Found::Nothing && self.watched.contains(&id)).then_some(id));
            }
            (Purpose::Controller, Ok(found)) => self.controller_seen(found),
            (Purpose::EpochToStand, Ok(Found::Node { data, version, .. })) => self.stand_with(&data, version),
            (Purpose::EpochOfClaim, Ok(Found::Node { version, .. })) => self.verify_claim(version),
            (Purpose::Stand, Ok(_)) => self.elected(),
            (Purpose::Stand, Err(Exists | Version)) => {
                self.claim = None;
                self.look_at_controller();
            }
            (Purpose::Resign, Ok(_) | Err(Missing | Version)) => {
                self.claim = None;
                self.look_at_controller();
            }
            (Purpose::Pointer, Ok(found)) => self.pointer_seen(found),
            (Purpose::Entry(index), Ok(found)) => self.entry_seen(index, found),
            (Purpose::Piece(number), Ok(found)) => self.piece_seen(number, found),
            (Purpose::Append, Ok(_)) => self.appended(),
            (Purpose::PutPiece | Purpose::PutPointer | Purpose::ListOld, Ok(found)) => self.job_goes_on(found),
            (Purpose::Trim, Ok(_) | Err(Missing)) => self.trimmed(),
            (Purpose::Append | Purpose::PutPiece | Purpose::PutPointer | Purpose::Trim, Err(Version)) => self.fenced(),
            (Purpose::Append | Purpose::PutPiece, Err(Exists)) => self.fenced(),
            (_, Err(EnsembleFault::Lost)) => self.lost(),
            (purpose, Err(fault)) => {
                self.note(Level::Error, &format!("ZooKeeper refused what was asked of it ({purpose:?}): {fault:?}"));
                self.lost();
            }
            (purpose, Ok(found)) => {
                self.note(Level::Error, &format!("ZooKeeper has no answer for {purpose:?}: {found:?}"));
                self.lost();
            }
        }
    }

    /// Nobody knows what became of something. Mostly a silence is heard next; if not, everything is looked at again.
    fn lost(&mut self) {
        self.stop_writing();
        self.doubt();
        self.look_again_later();
    }

    /// What is on its way as a controller's is done, or not: the log will say.
    fn stop_writing(&mut self) {
        use Purpose::{Append, ListOld, PutPiece, PutPointer, Trim};
        self.flight.clear();
        self.job = Job::Idle;
        self.pending.retain(|_, purpose| !matches!(purpose, Append | PutPiece | PutPointer | ListOld | Trim));
    }

    fn changed(&mut self, path: &str) {
        if self.session.is_none() {
            return;
        }
        if path == text::CONTROLLER {
            self.look_at_controller();
        } else if path == text::SNAPSHOT {
            self.snapshot_changed();
        } else if path == text::log_path(self.known + 1) {
            self.read_on();
        } else if path == text::broker_path(self.config.node) {
            self.publish();
        } else if let Some(id) = self.watched.iter().copied().find(|id| path == text::broker_path(*id)) {
            self.watch(Purpose::Broker(id), path.to_owned());
        }
    }

    fn publish(&mut self) {
        if !self.is_asked(&[Purpose::Publish, Purpose::Published]) {
            let data = text::broker(&self.config.endpoints, self.config.rack.as_deref(), self.now);
            let path = text::broker_path(self.config.node);
            self.write(Purpose::Publish, vec![Change::Make { path, data, life: Life::Session }]);
        }
    }

    fn is_asked(&self, purposes: &[Purpose]) -> bool {
        self.pending.values().any(|purpose| purposes.contains(purpose))
    }

    fn ask(&mut self, purpose: Purpose, ask: impl FnOnce(u64) -> Ask) {
        self.asked += 1;
        self.pending.insert(self.asked, purpose);
        self.asks.push(ask(self.asked));
    }

    fn read(&mut self, purpose: Purpose, path: String) {
        self.ask(purpose, |id| Ask::Read { id, path });
    }

    fn watch(&mut self, purpose: Purpose, path: String) {
        self.ask(purpose, |id| Ask::Watch { id, path });
    }

    fn write(&mut self, purpose: Purpose, changes: Vec<Change>) {
        self.ask(purpose, |id| Ask::Write { id, changes });
    }

    /// A change that only the controller of this claim may make.
    fn write_fenced(&mut self, purpose: Purpose, change: Change) {
        let Some(claim) = self.claim else { return };
        let check = Change::Check { path: text::EPOCH.to_owned(), version: claim.version };
        self.write(purpose, vec![check, change]);
    }

    fn note(&mut self, level: Level, message: &str) {
        self.notes.push((level, message.to_owned()));
    }
}

fn term_of(epoch: i32) -> Term {
    Term::try_from(epoch).unwrap_or(0)
}

impl std::fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ensemble { session, controller, claim, known, handed, .. } = self;
        write!(f, "Ensemble({session:?}, controller {controller:?}, {claim:?}, knows {known}, handed {handed})")
    }
}
