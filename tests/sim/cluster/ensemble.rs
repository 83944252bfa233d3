//! The ZooKeeper ensemble of a cluster that has one: each node's line to it, with the order that ZooKeeper promises, with
//! delay, breaks, sessions that end while a node sleeps or is cut off, and an ensemble that is away for a while.

use super::{Cluster, Event};
use crate::ensemble::Tree;
use kq::event::{Ask, Heard, Input};
use kq::types::Millis;
use std::collections::BTreeMap;

/// A line that broke is made again no sooner than this, in milliseconds, and up to as much again.
const AGAIN_MS: Millis = 15;
/// How long the ensemble is away at most, in milliseconds.
const AWAY_MS_MAX: Millis = 400;

/// See the module.
pub struct Keeper {
    tree: Tree,
    timeout_ms: Millis,
    lines: Vec<Line>,
    /// When each session was heard last.
    heard: BTreeMap<i64, Millis>,
    /// It serves nobody before.
    pub away_until: Millis,
}

/// A node's line.
#[derive(Clone, Default)]
struct Line {
    /// The life of the node that it belongs to.
    life: u64,
    session: Option<i64>,
    up: bool,
    /// Grows with every break: what is on its way on an older one comes to nobody.
    number: u64,
    /// When the last question and the last answer arrive: they keep their order.
    last_at: [Millis; 2],
    /// Asked while the line was down: sent first when it is made again.
    queued: Vec<Ask>,
}

impl Keeper {
    /// An ensemble that nobody has used yet.
    pub fn new(nodes: usize, timeout_ms: Millis) -> Keeper {
        Keeper {
            tree: Tree::default(),
            timeout_ms,
            lines: vec![Line::default(); nodes],
            heard: BTreeMap::new(),
            away_until: 0,
        }
    }
}

impl Cluster {
    /// The ensemble's room.
    fn keeper_room(&self) -> usize {
        self.hosts.len() + super::CLIENT_ROOMS
    }

    /// The ensemble's room, if there is one and it is cut off, too.
    pub(super) fn keeper_room_perhaps(&mut self) -> Option<usize> {
        (self.keeper.is_some() && self.chance.one_in(2)).then(|| self.keeper_room())
    }

    fn keeper_blocked(&self, h: usize) -> bool {
        let room = self.keeper_room();
        let away = self.keeper.as_ref().is_some_and(|keeper| keeper.away_until > self.now);
        away || self.roads.is_blocked((h, room)) || self.roads.is_blocked((room, h))
    }

    /// A node asks.
    pub(super) fn ask_keeper(&mut self, h: usize, ask: Ask) {
        let life = self.hosts[h].life;
        let delay = self.chance.below(4);
        let queue = self.chance.one_in(2);
        let Some(keeper) = &mut self.keeper else {
            return self.oracle.violated(format!("n{} asks an ensemble that is not there", h + 1));
        };
        let line = &mut keeper.lines[h];
        if ask == Ask::Begin {
            let number = line.number + 1;
            *line = Line { life, number, ..Line::default() };
            return self.at(self.now + delay, Event::Line { host: h, life, number });
        }
        if !line.up {
            if queue {
                line.queued.push(ask);
            }
            return;
        }
        line.last_at[0] = line.last_at[0].max(self.now + delay);
        let (at, number) = (line.last_at[0], line.number);
        self.at(at, Event::Ask { host: h, number, ask });
    }

    /// A question reaches the ensemble.
    pub(super) fn asked_keeper(&mut self, h: usize, number: u64, ask: Ask) {
        if self.keeper_blocked(h) {
            return self.line_breaks(h, number);
        }
        let now = self.now;
        let Some(keeper) = &mut self.keeper else { return };
        let line = &keeper.lines[h];
        let Some(session) = line.session.filter(|session| keeper.tree.lives(*session)) else { return };
        // What left before the line broke is done all the same, but not after another server has taken the session.
        if line.number != number {
            if !line.up {
                keeper.tree.ask(session, &ask);
                self.tell_watchers();
            }
            return;
        }
        keeper.heard.insert(session, now);
        let answer = keeper.tree.ask(session, &ask);
        self.tell_watchers();
        if let Some(heard) = answer {
            self.tell(h, heard);
        }
    }

    fn tell_watchers(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let fired = keeper.tree.take_fired();
        for (session, path) in fired {
            let lines = self.keeper.iter().flat_map(|keeper| &keeper.lines);
            let host = lines.into_iter().position(|line| line.up && line.session == Some(session));
            if let Some(h) = host {
                self.tell(h, Heard::Changed { path });
            }
        }
    }

    fn tell(&mut self, h: usize, heard: Heard) {
        let delay = self.chance.below(4);
        let Some(keeper) = &mut self.keeper else { return };
        let line = &mut keeper.lines[h];
        line.last_at[1] = line.last_at[1].max(self.now + delay);
        let (at, number, life) = (line.last_at[1], line.number, line.life);
        self.at(at, Event::Heard { host: h, life, number, heard });
    }

    /// Something reaches a node.
    pub(super) fn hear_keeper(&mut self, h: usize, life: u64, number: u64, heard: Heard) {
        let current = self.keeper.as_ref().is_some_and(|keeper| keeper.lines[h].number == number);
        if self.hosts[h].life != life || !current {
            return;
        }
        if self.keeper_blocked(h) {
            return self.line_breaks(h, number);
        }
        self.oracle.tell(|| format!("{} n{} hears {heard:?}", self.now, h + 1));
        self.step(h, Input::Ensemble(heard));
    }

    /// A node's client notices that its server does not answer.
    fn line_breaks(&mut self, h: usize, number: u64) {
        let again = AGAIN_MS + self.chance.below(AGAIN_MS);
        let Some(keeper) = &mut self.keeper else { return };
        let line = &mut keeper.lines[h];
        if !line.up || line.number != number {
            return;
        }
        (line.up, line.number, line.last_at) = (false, line.number + 1, [self.now; 2]);
        let (life, number) = (line.life, line.number);
        self.at(self.now + again, Event::Line { host: h, life, number });
        if self.hosts[h].life == life {
            self.oracle.tell(|| format!("{} n{} has lost ZooKeeper", self.now, h + 1));
            self.step(h, Input::Ensemble(Heard::Silence));
        }
    }

    /// A node's line is to be made, or to be kept up.
    pub(super) fn line(&mut self, h: usize, life: u64, number: u64) {
        let current = self.keeper.as_ref().is_some_and(|keeper| keeper.lines[h].number == number);
        if self.hosts[h].life != life || !current || self.hosts[h].process.is_none() {
            return;
        }
        let (blocked, now) = (self.keeper_blocked(h), self.now);
        let again = AGAIN_MS + self.chance.below(AGAIN_MS);
        let Some(keeper) = &mut self.keeper else { return };
        let up = keeper.lines[h].up;
        if blocked {
            match up {
                true => self.line_breaks(h, number),
                false => self.at(now + again, Event::Line { host: h, life, number }),
            }
            return;
        }
        let session = keeper.lines[h].session;
        let lives = session.is_some_and(|session| keeper.tree.lives(session));
        if up && lives {
            // A sign of life.
            keeper.heard.extend(session.map(|session| (session, now)));
            let next = now + (keeper.timeout_ms / 4).max(1);
            return self.at(next, Event::Line { host: h, life, number });
        }
        if up {
            // The session ended while the node slept.
            return self.line_breaks(h, number);
        }
        if session.is_some() && !lives {
            keeper.lines[h].session = None;
            keeper.lines[h].queued.clear();
            self.at(now + again, Event::Line { host: h, life, number });
            self.oracle.tell(|| format!("{now} n{}'s session is over", h + 1));
            return self.step(h, Input::Ensemble(Heard::Expired));
        }
        let id = session.unwrap_or_else(|| keeper.tree.open());
        keeper.heard.insert(id, now);
        let timeout_ms = keeper.timeout_ms;
        let line = &mut keeper.lines[h];
        (line.session, line.up) = (Some(id), true);
        let queued = std::mem::take(&mut line.queued);
        if session.is_none() {
            self.at(now + timeout_ms, Event::Expiry { session: id });
        }
        for ask in queued {
            self.ask_keeper(h, ask);
        }
        self.tell(h, Heard::Session { id });
        self.at(now + timeout_ms / 4, Event::Line { host: h, life, number });
    }

    /// A session that was silent for too long is over.
    pub(super) fn expire_if_silent(&mut self, session: i64) {
        let now = self.now;
        let Some(keeper) = &mut self.keeper else { return };
        if !keeper.tree.lives(session) {
            return;
        }
        // While the ensemble has no leader of its own, no session ends.
        let heard = keeper.heard.get(&session).copied().unwrap_or(0).max(keeper.away_until);
        let due = heard + keeper.timeout_ms;
        if due > now {
            return self.at(due, Event::Expiry { session });
        }
        keeper.tree.expire(session);
        self.tell_watchers();
    }

    /// A node is gone: a clean stop ends its session, after anything else only silence does.
    pub(super) fn leave_keeper(&mut self, h: usize, clean: bool) {
        let Some(keeper) = &mut self.keeper else { return };
        let line = &mut keeper.lines[h];
        (line.up, line.number) = (false, line.number + 1);
        line.queued.clear();
        if let Some(session) = line.session.take().filter(|_| clean) {
            keeper.tree.expire(session);
            self.tell_watchers();
        }
    }

    /// No server of the ensemble answers for a while; some lines only have to find another one.
    pub(super) fn trouble_keeper(&mut self, ms: Millis) {
        if self.keeper.is_none() {
            return;
        }
        let (brief, now) = (self.chance.one_in(2), self.now);
        let Some(keeper) = &mut self.keeper else { return };
        keeper.away_until = if brief { now + 1 } else { now + ms.min(AWAY_MS_MAX) };
        let numbers: Vec<u64> = keeper.lines.iter().map(|line| line.number).collect();
        let until = keeper.away_until;
        self.oracle.tell(|| format!("{now} ZooKeeper is away until {until}"));
        for (h, number) in numbers.into_iter().enumerate() {
            if self.chance.one_in(2) {
                self.line_breaks(h, number);
            }
        }
    }
}
