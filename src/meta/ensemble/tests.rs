//! Nodes around an ensemble in memory: stories, and many short lives with everything lost that can be lost.

use super::{Ensemble, EnsembleConfig, text};
use crate::event::{Ask, Change, EnsembleFault, Found, Heard, Life};
use crate::meta::splitmix;
use crate::types::NodeId;
use std::collections::{BTreeMap, VecDeque};
use tree::Tree;

#[path = "../../../tests/sim/ensemble/tree.rs"]
mod tree;

/// A node, and what is on its way between it and the ensemble.
struct Seat {
    ensemble: Ensemble,
    session: Option<i64>,
    /// The connection is broken: nothing goes either way.
    deaf: bool,
    forth: VecDeque<Ask>,
    back: VecDeque<Heard>,
    state: Vec<u8>,
    applied: u64,
}

struct World {
    tree: Tree,
    seats: Vec<Seat>,
    now: i64,
    /// What stands under each index, as the first node that saw it says.
    decided: BTreeMap<u64, (u64, Vec<u8>)>,
    /// The state that all entries up to an index make.
    states: BTreeMap<u64, Vec<u8>>,
}

impl World {
    fn new(nodes: NodeId) -> World {
        let seat = |node| Seat {
            ensemble: Ensemble::new(EnsembleConfig { node, endpoints: Vec::new(), rack: None }, 0),
            session: None,
            deaf: false,
            forth: VecDeque::new(),
            back: VecDeque::new(),
            state: Vec::new(),
            applied: 0,
        };
        World {
            tree: Tree::default(),
            seats: (1..=nodes).map(seat).collect(),
            now: 0,
            decided: BTreeMap::new(),
            states: BTreeMap::from([(0, Vec::new())]),
        }
    }

    /// Lets a node do what it has to do.
    fn drive(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        while let Some(ready) = seat.ensemble.ready() {
            if let Some(snapshot) = ready.snapshot {
                assert!(snapshot.index > seat.applied);
                assert_eq!(self.states.get(&snapshot.index), Some(&snapshot.data), "of {}", snapshot.index);
                (seat.applied, seat.state) = (snapshot.index, snapshot.data);
            }
            for entry in ready.committed {
                assert_eq!(entry.index, seat.applied + 1, "no entry is left out");
                seat.applied = entry.index;
                seat.state.extend(&entry.data);
                let decided = self.decided.entry(entry.index).or_insert((entry.term, entry.data.clone()));
                assert_eq!(*decided, (entry.term, entry.data), "one entry under index {}", entry.index);
                let state = self.states.entry(entry.index).or_insert_with(|| seat.state.clone());
                assert_eq!(*state, seat.state);
            }
        }
        if seat.ensemble.is_loaded() {
            seat.ensemble.stand();
        }
        if seat.ensemble.wants_snapshot(600) {
            let (applied, state) = (seat.applied, seat.state.clone());
            seat.ensemble.compact(applied, || state);
        }
        assert_eq!(seat.ensemble.broken(), None);
        let asks = seat.ensemble.take_asks();
        if seat.session.is_some() && !seat.deaf {
            seat.forth.extend(asks);
        }
    }

    /// One question of a node reaches the ensemble.
    fn forth(&mut self, at: usize) -> bool {
        let seat = &mut self.seats[at];
        let (Some(session), Some(ask)) = (seat.session, seat.forth.pop_front()) else { return false };
        if !self.tree.lives(session) {
            return true;
        }
        let heard = self.tree.ask(session, &ask);
        // Whoever watches hears of a change no later than of what follows it.
        for (session, path) in self.tree.take_fired() {
            if let Some(seat) = self.seats.iter_mut().find(|seat| seat.session == Some(session)) {
                seat.back.push_back(Heard::Changed { path });
            }
        }
        self.seats[at].back.extend(heard);
        true
    }

    fn back(&mut self, at: usize) -> bool {
        let Some(heard) = self.seats[at].back.pop_front() else { return false };
        let now = self.now;
        self.seats[at].ensemble.hear(now, heard);
        self.drive(at);
        true
    }

    /// The connection to the ensemble is made, in the session of before where that lives.
    fn connect(&mut self, at: usize) {
        let session = match self.seats[at].session.filter(|session| self.tree.lives(*session)) {
            Some(session) => session,
            None => {
                if self.seats[at].session.is_some() {
                    self.seats[at].ensemble.hear(self.now, Heard::Expired);
                }
                self.tree.open()
            }
        };
        let seat = &mut self.seats[at];
        (seat.session, seat.deaf) = (Some(session), false);
        seat.ensemble.take_asks();
        let now = self.now;
        seat.ensemble.hear(now, Heard::Session { id: session });
        self.drive(at);
    }

    /// The connection breaks: `done` of the questions on their way still reach the ensemble, no answer comes back.
    fn cut(&mut self, at: usize, done: usize) {
        for _ in 0..done {
            self.forth(at);
        }
        let seat = &mut self.seats[at];
        seat.forth.clear();
        seat.back.clear();
        seat.deaf = true;
        let now = self.now;
        seat.ensemble.hear(now, Heard::Silence);
        self.drive(at);
    }

    /// The ensemble gives a session up; its node does not know.
    fn expire(&mut self, at: usize) {
        if let Some(session) = self.seats[at].session {
            self.tree.expire(session);
            for (session, path) in self.tree.take_fired() {
                if let Some(seat) = self.seats.iter_mut().find(|seat| seat.session == Some(session)) {
                    seat.back.push_back(Heard::Changed { path });
                }
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            self.now += 1_000;
            let mut went = false;
            for at in 0..self.seats.len() {
                let now = self.now;
                if self.seats[at].ensemble.deadline().is_some_and(|due| due <= now) {
                    self.seats[at].ensemble.tick(now);
                }
                self.drive(at);
                while !self.seats[at].deaf && (self.forth(at) || self.back(at)) {
                    went = true;
                }
            }
            if !went && self.seats.iter().all(|seat| seat.ensemble.deadline().is_none()) {
                return;
            }
        }
        panic!("it does not settle: {:?}", self.seats.iter().map(|seat| &seat.ensemble).collect::<Vec<_>>());
    }

    fn data(&self, path: &str) -> Option<&[u8]> {
        self.tree.nodes.get(path).map(|node| node.data.as_slice())
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.tree.nodes.keys().map(String::as_str)
    }

    fn controller(&self) -> Option<usize> {
        let active: Vec<usize> =
            (0..self.seats.len()).filter(|at| self.seats[*at].ensemble.active().is_some()).collect();
        assert!(active.len() < 2, "two controllers in a world at rest");
        active.first().copied()
    }

    fn propose(&mut self, at: usize, data: &[u8]) -> bool {
        let proposed = self.seats[at].ensemble.propose(data).is_ok();
        self.drive(at);
        proposed
    }
}

fn started(nodes: NodeId) -> World {
    let mut world = World::new(nodes);
    (0..nodes as usize).for_each(|at| world.connect(at));
    world.settle();
    world
}

#[test]
fn the_first_one_is_the_controller_and_the_others_follow() {
    let mut world = started(3);
    assert_eq!(world.controller(), Some(0));
    assert_eq!(world.data("/controller_epoch"), Some(&b"1"[..]));
    assert!(world.seats.iter().all(|seat| seat.ensemble.leader() == Some(1)));
    for word in ["a", "b", "c"] {
        assert!(world.propose(0, word.as_bytes()));
        world.settle();
    }
    assert!(world.seats.iter().all(|seat| seat.state == b"abc"));
    assert!(world.seats[1].ensemble.propose(b"x").is_err());
    let ids: Vec<&str> = world.paths().filter(|path| path.starts_with("/brokers/ids/")).collect();
    assert_eq!(ids, ["/brokers/ids/1", "/brokers/ids/2", "/brokers/ids/3"]);
}

#[test]
fn a_controller_of_the_past_changes_nothing() {
    let mut world = started(3);
    world.propose(0, b"a");
    world.settle();
    // It sleeps, and its session ends.
    world.seats[0].deaf = true;
    world.expire(0);
    world.settle();
    assert_eq!(world.seats[1].ensemble.leader(), Some(2));
    world.propose(1, b"b");
    world.settle();
    // It wakes and believes to be the controller until it hears something.
    world.seats[0].deaf = false;
    assert!(world.propose(0, b"x"));
    world.settle();
    world.connect(0);
    world.settle();
    assert!(world.seats.iter().all(|seat| seat.state == b"ab"), "{:?}", world.seats[0].state);
    assert_eq!((world.controller(), world.data("/controller_epoch")), (Some(1), Some(&b"2"[..])));
}

#[test]
fn a_change_checks_the_epoch_even_in_a_session_that_lives() {
    let mut world = started(2);
    let session = world.tree.open();
    let gone = Change::Remove { path: "/controller".into() };
    let raise = Change::Set { path: "/controller_epoch".into(), data: b"9".to_vec(), version: -1 };
    world.propose(0, b"x");
    world.tree.ask(session, &Ask::Write { id: 1, changes: vec![gone, raise] });
    world.settle();
    assert_eq!(world.decided.len(), 0, "what was proposed under epoch 1 is refused");
    assert!(world.controller().is_some());
    assert_eq!(world.data("/controller_epoch"), Some(&b"10"[..]));
}

#[test]
fn an_answer_that_is_lost_is_found_in_the_log() {
    let mut world = started(2);
    for done in [0, 1] {
        assert!(world.propose(0, b"a"));
        world.cut(0, done);
        assert_eq!((world.seats[0].ensemble.active(), world.seats[0].ensemble.leader()), (None, None));
        world.connect(0);
        world.settle();
        assert_eq!(world.controller(), Some(0));
        assert_eq!(world.seats[0].state.len(), done);
    }
    // So is an election's.
    let mut world = World::new(1);
    world.connect(0);
    while !world.seats[0].forth.iter().any(|ask| matches!(ask, Ask::Write { changes, .. } if changes.len() == 2)) {
        assert!(world.forth(0) || world.back(0));
    }
    world.cut(0, 100);
    world.connect(0);
    world.settle();
    assert_eq!((world.controller(), world.data("/controller_epoch")), (Some(0), Some(&b"1"[..])));
}

#[test]
fn the_controller_hears_of_brokers_that_go() {
    let mut world = started(3);
    world.seats[0].ensemble.watch_brokers([1, 2, 3].into_iter());
    world.settle();
    assert_eq!(world.seats[0].ensemble.take_gone(), []);
    for _ in 0..2 {
        world.expire(1);
        world.settle();
        assert_eq!(world.seats[0].ensemble.take_gone(), [2]);
        world.connect(1);
        world.settle();
        assert_eq!(world.seats[0].ensemble.take_gone(), []);
    }
    world.seats[1].ensemble.watch_brokers([1, 3].into_iter());
    world.expire(2);
    world.settle();
    assert_eq!(world.seats[1].ensemble.take_gone(), [], "it is no controller");
}

#[test]
fn who_stops_hands_over() {
    let mut world = started(2);
    world.seats[0].ensemble.hand_over();
    world.settle();
    assert_eq!((world.controller(), world.seats[0].ensemble.leader()), (Some(1), Some(2)));
}

#[test]
fn a_snapshot_takes_the_place_of_the_log() {
    let mut world = started(2);
    for _ in 0..200 {
        world.propose(0, &[b'x'; 20]);
        world.settle();
    }
    let left = world.paths().filter(|path| path.starts_with("/kq/log/")).count();
    assert!(left < 50, "{left} pieces are left");
    let snapshots = world.paths().filter(|path| path.starts_with("/kq/snapshot/")).count();
    assert_eq!(snapshots, 1);
    let mut late = World::new(3).seats.pop().unwrap();
    late.ensemble.take_asks();
    world.seats.push(late);
    world.connect(2);
    world.settle();
    assert_eq!(world.seats[2].state, world.seats[0].state);
    assert_eq!(world.seats[2].state.len(), 4_000);
}

#[test]
fn a_large_entry_goes_in_pieces() {
    let mut world = started(2);
    let large: Vec<u8> = (0..1_500_000u32).map(|at| at as u8).collect();
    world.propose(0, &large);
    world.settle();
    assert!(world.seats.iter().all(|seat| seat.applied == 3 && seat.state == large));
    // Its controller dies between two pieces: it was never there.
    world.propose(0, &large);
    world.cut(0, 1);
    world.expire(0);
    world.settle();
    assert_eq!((world.controller(), world.seats[1].applied), (Some(1), 4));
    world.propose(1, b"b");
    world.connect(0);
    world.settle();
    let whole = [&large[..], b"b"].concat();
    assert!(world.seats.iter().all(|seat| seat.applied == 5 && seat.state == whole));
}

#[test]
fn what_cannot_be_read_stops_the_node() {
    let mut world = started(1);
    let session = world.tree.open();
    let bad = Change::Make { path: text::log_path(1), data: b"?".to_vec(), life: Life::Lasting };
    world.tree.ask(session, &Ask::Write { id: 1, changes: vec![bad] });
    let mut late = World::new(2).seats.pop().unwrap();
    late.ensemble.take_asks();
    late.ensemble.hear(0, Heard::Session { id: session });
    let mut broken = None;
    for _ in 0..50 {
        for ask in late.ensemble.take_asks() {
            if let Some(heard) = world.tree.ask(session, &ask) {
                late.ensemble.hear(0, heard);
            }
        }
        broken = late.ensemble.broken().map(str::to_owned);
    }
    assert!(broken.expect("it says so").contains("/kq/log/00000000000000000001 cannot be read"));
}

/// Many short lives: connections break with some of the questions done and some not, sessions end unnoticed, everything is
/// delivered in any interleaving. Whatever happens, all nodes hand out the same entries; at the end there is a controller
/// who can append.
#[test]
fn many_lives() {
    for seed in 0..3_000u64 {
        let mut state = seed;
        let mut below = |n: u64| splitmix(&mut state) % n;
        let mut world = World::new(3);
        let mut number = 0u32;
        for _ in 0..400 {
            let at = below(3) as usize;
            match below(40) {
                0 => world.cut(at, below(4) as usize),
                1 => world.expire(at),
                2 => world.seats[at].ensemble.tick(world.now),
                3..8 if world.seats[at].deaf || world.seats[at].session.is_none() => world.connect(at),
                8..12 => {
                    if world.seats[at].ensemble.active().is_some() && world.seats[at].ensemble.flight.is_empty() {
                        number += 1;
                        world.propose(at, &[&number.to_be_bytes()[..], &[b'.'; 60]].concat());
                    }
                }
                12..26 => {
                    world.forth(at);
                }
                _ => {
                    world.back(at);
                }
            }
            world.now += 30;
        }
        for at in 0..3 {
            world.cut(at, 0);
            world.connect(at);
        }
        world.settle();
        let controller = world.controller().unwrap_or_else(|| panic!("seed {seed}: no controller"));
        assert!(world.propose(controller, b"the end"), "seed {seed}");
        world.settle();
        let first = world.seats[0].state.clone();
        assert!(first.ends_with(b"the end"), "seed {seed}");
        assert!(world.seats.iter().all(|seat| seat.state == first), "seed {seed}");
    }
}
