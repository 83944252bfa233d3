//! Brokers: they register, say that they live, are fenced when they do not, stop in good order, and go for good.
//!
//! A broker is fenced from its registration to the first heartbeat after it has replayed that registration, and again
//! when it is silent for a session timeout. A fenced broker leads nothing and is in sync nowhere (KIP-841), but that the
//! last replica in sync stays so.
//!
//! A process that comes back gets a new leader epoch for everything that it led before it serves. Only a partition that
//! nobody else holds and that was closed cleanly goes on as it was: nobody else can have led it.
//!
//! A process that comes back after a stop that was not clean may have lost what was not on disk: its partitions do not
//! count it as in sync or eligible any more (KIP-966). Where acknowledged means on disk and its directories are all
//! there, it has lost nothing that counts, and stays eligible.

use super::Controller;
use super::command::{Heartbeat, Refusal, Registration, Reply};
use super::elect::Change;
use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::event::Level;
use crate::meta::image::{BrokerImage, PartitionImage};
use crate::meta::record::Record;
use crate::types::{Millis, NodeId, Offset, Partition};

/// A broker whose connection broke and who makes no other one is gone after so long, in milliseconds.
const GONE_MS: i64 = 500;
/// A topic's `flush.messages` that means: acknowledged is on disk.
const ON_DISK: i64 = 1;
/// How often partitions without leader are looked at, where an unclean one will do, in milliseconds (Kafka's
/// `unclean.leader.election.interval.ms`).
const UNCLEAN_INTERVAL_MS: i64 = 300_000;

/// What is known of a broker's life, and is no record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    epoch: i64,
    heard: Millis,
    /// Heard by this controller, not only taken over from the one before.
    confirmed: bool,
    /// When it counts as gone, if it is not heard before.
    gone_at: Option<Millis>,
    /// Everything below is replayed where the broker knows of its registration; `None` while that is not committed.
    registered_below: Option<Offset>,
    /// The same for its wish to stop.
    stopping_below: Option<Offset>,
    /// It has replayed everything below.
    caught_up: Offset,
}

/// Why a broker does not count any more where it did.
#[derive(Clone, Copy, Debug)]
enum Leave<'a> {
    /// It is silent.
    Silent,
    /// It stops in good order.
    Stops,
    /// A new process of it registers after a stop in good order.
    Returns,
    /// A new process of it registers after any other stop. What it was before, if it was registered, tells what it kept.
    Crashed(Option<&'a BrokerImage>, &'a Registration),
}

impl Controller {
    pub(super) fn begin_sessions(&mut self, now: Millis, end: Offset) {
        let session = |broker: &BrokerImage| Session {
            epoch: broker.epoch,
            heard: now,
            confirmed: false,
            gone_at: None,
            registered_below: Some(end),
            stopping_below: Some(end),
            caught_up: 0,
        };
        self.sessions = self.state.brokers().map(|broker| (broker.id, session(broker))).collect();
    }

    fn expires(&self, session: &Session) -> Millis {
        let silent = session.heard.saturating_add(self.settings.cluster.broker_session_timeout_ms.max(1));
        session.gone_at.map_or(silent, |gone| gone.min(silent))
    }

    /// Those of brokers that are not fenced yet.
    fn live_sessions(&self) -> impl Iterator<Item = (NodeId, &Session)> {
        let live = |id: &NodeId| self.state.broker(*id).is_some_and(|broker| !broker.fenced);
        self.sessions.iter().filter(move |(id, _)| live(id)).map(|(id, session)| (*id, session))
    }

    /// Those that end by silence. The controller's own broker lives as long as the controller does, once it has spoken; a
    /// node that is alone has nobody to take over from it.
    fn mortal_sessions(&self) -> impl Iterator<Item = (NodeId, &Session)> {
        let alone = !self.settings.cluster.is_cluster();
        self.live_sessions().filter(move |(id, session)| *id != self.node || (!session.confirmed && !alone))
    }

    pub(super) fn session_deadline(&self) -> Option<Millis> {
        self.mortal_sessions().map(|(_, session)| self.expires(session)).min()
    }

    pub(super) fn unclean_interval_ms(&self) -> i64 {
        UNCLEAN_INTERVAL_MS
    }

    /// Fences who is silent.
    pub(super) fn end_sessions(&mut self, now: Millis) {
        let silent = |session: &Session| self.expires(session) <= now;
        let ended: Vec<(NodeId, Session)> =
            self.mortal_sessions().filter(|(_, session)| silent(session)).map(|(id, session)| (id, *session)).collect();
        for (id, session) in ended {
            let why = match session.gone_at {
                Some(gone) if gone <= now => "its connection broke and it made no other one".to_owned(),
                _ => format!("it was silent for {} ms", now.saturating_sub(session.heard)),
            };
            self.note(Level::Warn, format!("broker {id} is fenced: {why}"));
            let records = self.fence(id, Leave::Silent);
            self.apply(records);
        }
    }

    /// The shell saw the broker's connection break.
    pub(super) fn broker_gone(&mut self, now: Millis, id: NodeId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            // Told again and again, it is gone all the same.
            session.gone_at.get_or_insert(now.saturating_add(GONE_MS));
        }
    }

    /// A batch is committed below `end`: from there on a broker can know of it.
    pub(super) fn note_committed(&mut self, record: &Record, end: Offset) {
        let (id, epoch) = match record {
            Record::RegisterBroker(r) => (r.broker_id, r.broker_epoch),
            Record::BrokerChange(r) if r.in_controlled_shutdown > 0 => (r.broker_id, r.broker_epoch),
            _ => return,
        };
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.epoch == epoch) else { return };
        match record {
            Record::RegisterBroker(_) => session.registered_below = Some(end),
            _ => session.stopping_below = Some(end),
        }
    }

    pub(super) fn decide_register(&mut self, now: Millis, registration: Registration) -> (Vec<Record>, Reply) {
        let id = registration.id;
        let before = self.state.broker(id).cloned();
        if let Some(before) = &before {
            if before.incarnation == registration.incarnation {
                return (Vec::new(), Reply::Registered { epoch: before.epoch });
            }
            let session = self.sessions.get(&id).filter(|session| session.confirmed && session.gone_at.is_none());
            let lives = session.is_some_and(|session| self.expires(session) > now);
            if lives && before.is_active() {
                let message = "Another broker is registered with that broker id. If the broker was recently restarted \
                               this should self-resolve once the heartbeat manager expires the broker's session.";
                return (Vec::new(), Reply::Refused(Refusal::new(ErrorCode::DuplicateBrokerRegistration, message)));
            }
        }
        let epoch = self.state.last_broker_epoch() + 1;
        let clean = before.as_ref().is_some_and(|before| before.epoch == registration.previous_epoch);
        let leave = if clean { Leave::Returns } else { Leave::Crashed(before.as_ref(), &registration) };
        let mut records = self.leave(id, leave);
        records.insert(0, Record::register(&registration, epoch));
        let session = Session {
            epoch,
            heard: now,
            confirmed: true,
            gone_at: None,
            registered_below: None,
            stopping_below: None,
            caught_up: 0,
        };
        self.sessions.insert(id, session);
        (records, Reply::Registered { epoch })
    }

    pub(super) fn decide_heartbeat(&mut self, now: Millis, heartbeat: Heartbeat) -> (Vec<Record>, Reply) {
        let Heartbeat { id, epoch, caught_up, want_fence, want_shutdown } = heartbeat;
        let broker = match self.check_broker_epoch(id, epoch) {
            Ok(broker) => broker.clone(),
            Err(refusal) => return (Vec::new(), Reply::Refused(refusal)),
        };
        let session = self.sessions.entry(id).or_insert(Session {
            epoch,
            heard: now,
            confirmed: true,
            gone_at: None,
            registered_below: Some(0),
            stopping_below: Some(0),
            caught_up,
        });
        (session.heard, session.confirmed, session.gone_at) = (now, true, None);
        session.caught_up = session.caught_up.max(caught_up);
        let session = *session;
        let knows_itself = session.registered_below.is_some_and(|below| session.caught_up >= below);
        let (records, fenced, should_shutdown) = if broker.fenced {
            match (want_shutdown, want_fence || !knows_itself) {
                (true, _) => (Vec::new(), true, true),
                (false, true) => (Vec::new(), true, false),
                (false, false) => (self.unfence(id, epoch), false, false),
            }
        } else if want_fence {
            let leave = if want_shutdown { Leave::Stops } else { Leave::Silent };
            (self.fence(id, leave), true, want_shutdown)
        } else if broker.shutting_down {
            if self.all_know_below(session.stopping_below) {
                (self.fence(id, Leave::Stops), true, true)
            } else {
                (Vec::new(), false, false)
            }
        } else if want_shutdown {
            let moves = self.leave(id, Leave::Stops);
            if moves.is_empty() {
                (self.fence(id, Leave::Stops), true, true)
            } else {
                let mut records = vec![Record::shutting_down(id, epoch)];
                records.extend(moves);
                (records, false, false)
            }
        } else {
            (Vec::new(), false, false)
        };
        (records, Reply::Heartbeat { caught_up: knows_itself, fenced, should_shutdown })
    }

    pub(super) fn decide_unregister(&mut self, id: NodeId) -> (Vec<Record>, Reply) {
        let Some(epoch) = self.state.broker(id).map(|broker| broker.epoch) else {
            let message = format!("Broker ID {id} is not currently registered");
            return (Vec::new(), Reply::Refused(Refusal::new(ErrorCode::BrokerIdNotRegistered, message)));
        };
        let mut records = self.leave(id, Leave::Silent);
        records.push(Record::unregister(id, epoch));
        self.sessions.remove(&id);
        (records, Reply::Done)
    }

    fn fence(&mut self, id: NodeId, leave: Leave<'_>) -> Vec<Record> {
        let Some(epoch) = self.state.broker(id).map(|broker| broker.epoch) else { return Vec::new() };
        let mut records = vec![Record::fence(id, epoch)];
        records.extend(self.leave(id, leave));
        records
    }

    fn unfence(&mut self, id: NodeId, epoch: i64) -> Vec<Record> {
        let mut records = vec![Record::unfence(id, epoch)];
        let leaderless = |p: &PartitionImage| p.leader == crate::meta::NO_LEADER && p.replicas.contains(&id);
        records.extend(self.change_where(&|_, p| leaderless(p), |_, _| {}, Some(id)));
        records
    }

    /// Whether every broker that serves has replayed everything below: it knows the new leaders.
    fn all_know_below(&self, below: Option<Offset>) -> bool {
        let Some(below) = below else { return false };
        let serves = |id: NodeId| self.state.broker(id).is_some_and(BrokerImage::is_active);
        self.live_sessions().all(|(id, session)| !serves(id) || session.caught_up >= below)
    }

    /// Takes a broker out of what it leads and is in sync for.
    fn leave(&mut self, id: NodeId, leave: Leave<'_>) -> Vec<Record> {
        let mut records = self.alone(id, leave);
        let crashed = matches!(leave, Leave::Crashed(..));
        let concerned = |p: &PartitionImage| {
            let counted = p.leader == id || p.isr.contains(&id) || (crashed && p.elr.contains(&id));
            counted && (p.replicas != [id] || matches!(leave, Leave::Silent))
        };
        let alter = |change: &mut Change<'_>, settings: &TopicSettings| {
            let lost = match leave {
                Leave::Crashed(before, registration) => !kept(before, registration, settings),
                Leave::Silent | Leave::Stops | Leave::Returns => false,
            };
            change.lost = lost.then_some(id);
            if lost || change.isr != [id] {
                change.isr.retain(|member| *member != id);
            }
        };
        records.extend(self.change_without(&|_, p| concerned(p), alter, None, Some(id)));
        records
    }

    /// Partitions that nobody else holds. They stay where they are through a stop in good order; after any other one their
    /// leader needs a new epoch.
    fn alone(&self, id: NodeId, leave: Leave<'_>) -> Vec<Record> {
        if !matches!(leave, Leave::Crashed(..)) {
            return Vec::new();
        }
        let mut records = Vec::new();
        for topic in self.state.topics() {
            for (index, p) in topic.partitions.iter().enumerate() {
                if p.leader == id && p.replicas == [id] {
                    records.push(Record::new_leader(topic.id, index as Partition, id));
                }
            }
        }
        records
    }
}

/// Whether a broker that crashed still has everything that it acknowledged of a topic: it was on disk, and the disk is
/// the same.
fn kept(before: Option<&BrokerImage>, registration: &Registration, settings: &TopicSettings) -> bool {
    let Some(before) = before else { return false };
    let same = !before.log_dirs.is_empty() && before.log_dirs.iter().all(|dir| registration.log_dirs.contains(dir));
    same && settings.flush_messages == ON_DISK
}
