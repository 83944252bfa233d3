//! What goes wrong: nodes die in several ways, sleep, or get another clock; roads are cut, one way or both; connections
//! break. Then there is a rest, or more of it.

use super::host::Ending;
use super::net::{Parcel, Way};
use super::{CLIENT_ROOMS, Cluster, Event};
use kq::types::Millis;

/// How long a fault lasts at most, in milliseconds: longer than sessions, elections and lags.
const FAULT_MS_MAX: Millis = 500;
/// How long nothing happens after one, in milliseconds, at most.
const PAUSE_MS_MAX: Millis = 250;
/// A rest, in milliseconds, at most.
const REST_MS_MAX: Millis = 500;

/// Faults that leave every node alive and heard.
const MILD_FAULTS: i64 = 4;
/// So soon after an omen it comes true, in milliseconds.
const OMEN_MS_MAX: Millis = 16;
/// What was seen so long ago, in milliseconds, is still believed.
const FRESH_MS: Millis = 100;

/// Roads that are blocked together.
pub type Cut = Vec<(usize, usize)>;

impl Cluster {
    /// One more fault.
    pub(super) fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let h = self.chance.below(self.hosts.len() as i64) as usize;
        let down_ms = 1 + self.chance.below(FAULT_MS_MAX);
        // While there is no other copy of something, nobody else dies.
        match self.chance.below(if self.is_fragile() { MILD_FAULTS } else { 17 }) {
            0 => self.reset(h),
            1 => self.slow_down(h),
            2 => self.clock_jump(h),
            3 => {}
            4 => self.pause(h, down_ms),
            5 => self.isolate(h, down_ms),
            6 => self.half_deaf(h, down_ms),
            7 => self.bridge(down_ms),
            8 => self.split(down_ms),
            9 => self.ask_to_stop(h),
            10 => self.lose_a_disk(h, down_ms),
            11 | 12 => self.power_cut_of_many(down_ms),
            13 => self.end(h, Ending::PowerCut, down_ms),
            14 => self.chase(),
            _ => self.end(h, Ending::Kill, down_ms),
        }
        let mut wait_ms = 1 + self.chance.below(PAUSE_MS_MAX);
        if self.chance.one_in(5) {
            self.heal_all();
            wait_ms += self.chance.below(REST_MS_MAX);
        }
        self.at(self.now + wait_ms, Event::Trouble);
    }

    /// Several nodes lose their power within a moment.
    fn power_cut_of_many(&mut self, down_ms: Millis) {
        let all = self.chance.one_in(2);
        for h in 0..self.hosts.len() {
            if all || self.chance.one_in(2) {
                let down_ms = 1 + self.chance.below(down_ms);
                self.end(h, Ending::PowerCut, down_ms);
            }
        }
    }

    /// A node comes back without one of its directories; never the one with the metadata, which a voter must not forget,
    /// and only where everything that is promised lies on two other nodes.
    fn lose_a_disk(&mut self, h: usize, down_ms: Millis) {
        if self.hosts[h].disks.len() < 2 || !self.is_whole() || !self.cuts.is_empty() {
            return;
        }
        self.hosts[h].loses_disk = true;
        match self.chance.below(3) {
            0 => self.end(h, Ending::Kill, down_ms),
            1 => self.end(h, Ending::PowerCut, down_ms),
            _ => self.ask_to_stop(h),
        }
    }

    /// Whether all replicas were in sync a moment ago, and all nodes run.
    fn is_whole(&self) -> bool {
        let runs = |host: &super::Host| {
            host.process.as_ref().is_some_and(|process| process.node.is_ready() && !process.stopping)
        };
        let seen = self.witness.last().is_some_and(|sight| sight.in_sync && sight.asked_at + FRESH_MS > self.now);
        seen && !self.is_fragile() && self.hosts.iter().all(|host| runs(host) && host.paused_until <= self.now)
    }

    /// Whether a node has lost a disk, or is about to, and has not been seen in sync since: the others must live.
    fn is_fragile(&self) -> bool {
        let whole_at = self.witness.last().filter(|sight| sight.in_sync).map_or(0, |sight| sight.asked_at);
        self.hosts.iter().any(|host| host.loses_disk) || (self.lost_disk_at > 0 && whole_at <= self.lost_disk_at)
    }

    /// SIGSTOP, and SIGCONT later.
    fn pause(&mut self, h: usize, ms: Millis) {
        self.oracle.tell(|| format!("{} n{} is paused for {ms} ms", self.now, h + 1));
        self.hosts[h].paused_until = self.now + ms;
    }

    /// A node is cut off from all others, and perhaps from clients of one room, or all of them.
    fn isolate(&mut self, h: usize, ms: Millis) {
        let nodes = self.hosts.len();
        let rooms = match self.chance.below(3) {
            0 => 0,
            1 => 1,
            _ => CLIENT_ROOMS,
        };
        let others: Vec<usize> = (0..nodes + rooms).filter(|other| *other != h).collect();
        self.cut(both_ways(&[h], &others), ms);
    }

    /// A node is not heard, or does not hear.
    fn half_deaf(&mut self, h: usize, ms: Millis) {
        let nodes = self.hosts.len();
        let rooms = self.chance.below(1 + CLIENT_ROOMS as i64) as usize;
        let one = self.chance.below(nodes as i64) as usize;
        let only_one = self.chance.one_in(3);
        let others = (0..nodes + rooms).filter(|other| *other != h && (!only_one || *other == one));
        let mute = self.chance.one_in(2);
        let roads = others.map(|other| if mute { (h, other) } else { (other, h) }).collect();
        self.cut(roads, ms);
    }

    /// Two nodes do not see each other; all others see both.
    fn bridge(&mut self, ms: Millis) {
        let nodes = self.hosts.len() as i64;
        let a = self.chance.below(nodes) as usize;
        let b = (a + 1 + self.chance.below(nodes - 1) as usize) % nodes as usize;
        self.cut(both_ways(&[a], &[b]), ms);
    }

    /// The cluster falls apart, clients on either side.
    fn split(&mut self, ms: Millis) {
        let rooms = self.hosts.len() + CLIENT_ROOMS;
        let sides: Vec<bool> = (0..rooms).map(|_| self.chance.one_in(2)).collect();
        let side = |which: bool| (0..rooms).filter(|room| sides[*room] == which).collect::<Vec<_>>();
        self.cut(both_ways(&side(true), &side(false)), ms);
    }

    /// All connections of a node with another one, or with clients, break.
    fn reset(&mut self, h: usize) {
        let ids: Vec<u64> = self.conns.iter().filter(|(_, conn)| conn.far == h).map(|(id, _)| *id).collect();
        for id in ids {
            if self.chance.one_in(2) {
                self.post(id, Way::Back, Parcel::Fin);
                self.post(id, Way::There, Parcel::Fin);
            }
        }
    }

    /// What a node sends, or is sent, takes longer.
    fn slow_down(&mut self, h: usize) {
        let ms = self.chance.below(120);
        for other in 0..self.hosts.len() {
            if self.chance.one_in(2) {
                self.roads.delay(h, other, ms);
            }
            if self.chance.one_in(2) {
                self.roads.delay(other, h, ms);
            }
        }
    }

    /// A clock never turns back while a process runs; it may after that.
    fn clock_jump(&mut self, h: usize) {
        let ms = if self.chance.one_in(2) { self.chance.below(400) } else { self.chance.below(7_200_000) };
        let host = &mut self.hosts[h];
        host.skew_ms += if host.process.is_some() { ms } else { -ms };
        self.oracle.tell(|| format!("{} n{} has another clock: {ms} ms", self.now, h + 1));
    }

    /// Node after node dies, each before the one before has caught up.
    fn chase(&mut self) {
        let first = self.chance.below(self.hosts.len() as i64) as usize;
        let gap_ms = 1 + self.chance.below(60);
        let ending = if self.chance.one_in(2) { Ending::PowerCut } else { Ending::Kill };
        for step in 0..2 + self.chance.below(3) {
            let h = (first + step as usize) % self.hosts.len();
            self.at(self.now + step * gap_ms, Event::Strike { host: h, ending });
        }
    }

    /// A node is about to do something that its death would leave half done: it leads anew, or asks for another in-sync
    /// set.
    pub(super) fn omen(&mut self, h: usize) {
        if self.calm || self.omens == 0 || self.now < self.next_omen_at || !self.chance.one_in(self.omens) {
            return;
        }
        self.next_omen_at = self.now + 20 + self.chance.below(100);
        let ending = if self.chance.one_in(2) { Ending::PowerCut } else { Ending::Kill };
        let at = self.now + self.chance.below(OMEN_MS_MAX);
        self.at(at, Event::Strike { host: h, ending });
    }

    /// A node dies, and comes back soon.
    pub(super) fn strike(&mut self, h: usize, ending: Ending) {
        if !self.calm && !self.is_fragile() {
            let down_ms = 1 + self.chance.below(80);
            self.end(h, ending, down_ms);
        }
    }

    fn cut(&mut self, roads: Cut, ms: Millis) {
        self.oracle.tell(|| format!("{} cut for {ms} ms: {roads:?}", self.now));
        self.roads.block(&roads);
        let cut = self.event_count;
        self.cuts.insert(cut, roads);
        self.at(self.now + ms, Event::Heal { cut });
    }

    /// A cut is over.
    pub(super) fn heal(&mut self, cut: u64) {
        if let Some(roads) = self.cuts.remove(&cut) {
            self.oracle.tell(|| format!("{} healed: {roads:?}", self.now));
            self.roads.free(&roads);
            self.resume_pipes();
        }
    }

    /// All roads are free and fast.
    pub(super) fn heal_all(&mut self) {
        let cuts: Vec<u64> = self.cuts.keys().copied().collect();
        for cut in cuts {
            self.heal(cut);
        }
        self.roads.hurry();
    }
}

fn both_ways(some: &[usize], others: &[usize]) -> Cut {
    some.iter().flat_map(|a| others.iter().flat_map(move |b| [(*a, *b), (*b, *a)])).collect()
}
