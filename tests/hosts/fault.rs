//! The faults, each in a few words of a stage's own.

use crate::chance::Chance;
use crate::stage::{BROKERS, PARTITIONS, Stage};
use std::time::Duration;

/// Whom a fault meets.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// The leader of this partition.
    Leader(i32),
    /// The neighbour of this partition's leader.
    Follower(i32),
    Controller,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Kill(Role),
    KillAll,
    Pause(Role),
    /// It and the two others do not hear each other.
    Isolate(Role),
    /// It hears the others, and is not heard.
    Mute(Role),
    /// It is heard, and hears nobody.
    Deafen(Role),
    /// It and its neighbour do not hear each other; both hear the third.
    Bridge(Role),
    /// It hears no faster than 5 MB/s.
    Slow(Role),
    /// A clean stop, and a start.
    Restart(Role),
}

/// A fault by chance.
pub fn any(chance: &mut Chance) -> Fault {
    let partition = chance.below(PARTITIONS as u64) as i32;
    let role = *chance.pick(&[Role::Leader(partition), Role::Follower(partition), Role::Controller]);
    match chance.below(10) {
        0 => Fault::KillAll,
        1 | 2 => Fault::Kill(role),
        3 => Fault::Pause(role),
        4 => Fault::Isolate(role),
        5 => Fault::Mute(role),
        6 => Fault::Deafen(role),
        7 => Fault::Bridge(role),
        8 => Fault::Slow(role),
        _ => Fault::Restart(role),
    }
}

impl Stage {
    /// The broker that a fault meets.
    pub fn who(&self, role: Role) -> i32 {
        match role {
            Role::Leader(partition) => self.leader(partition),
            Role::Follower(partition) => self.other(self.leader(partition)),
            Role::Controller => self.controller(),
        }
    }

    /// Makes a fault, and returns at once; [`Stage::heal`] ends it.
    pub fn make(&mut self, fault: Fault) {
        let id = match fault {
            Fault::KillAll => 0,
            Fault::Kill(role) | Fault::Pause(role) | Fault::Isolate(role) | Fault::Mute(role) => self.who(role),
            Fault::Deafen(role) | Fault::Bridge(role) | Fault::Slow(role) | Fault::Restart(role) => self.who(role),
        };
        self.note(&format!("{fault:?}: broker {id}"));
        if id > 0 && (!self.host(id).is_running() || self.host(id).is_paused()) {
            return;
        }
        let others: Vec<i32> = (1..=BROKERS).filter(|other| *other != id).collect();
        match fault {
            Fault::Kill(_) => self.host(id).kill(),
            Fault::KillAll => self.hosts.iter_mut().for_each(|host| host.kill()),
            Fault::Pause(_) => self.host(id).pause(),
            Fault::Isolate(_) => others.iter().for_each(|other| self.cut_both(id, *other)),
            Fault::Mute(_) => others.iter().for_each(|other| self.host(id).cut(*other)),
            Fault::Deafen(_) => others.iter().for_each(|other| self.host(*other).cut(id)),
            Fault::Bridge(_) => self.cut_both(id, self.other(id)),
            Fault::Slow(_) => self.host(id).slow_down("40mbit"),
            Fault::Restart(_) => self.stop_and_start(id),
        }
    }

    /// Nothing goes between two hosts.
    pub fn cut_both(&mut self, one: i32, other: i32) {
        self.host(one).cut(other);
        self.host(other).cut(one);
    }

    fn stop_and_start(&mut self, id: i32) {
        if let Err(why) = self.host(id).stop(Duration::from_secs(20)) {
            self.history.wrong(why);
        }
        self.start(id);
    }

    /// A clean stop and a start, until it serves.
    pub fn restart(&mut self, id: i32) {
        self.stop_and_start(id);
        let ready = crate::stage::until(crate::stage::HEAL_PATIENCE, || self.hosts[id as usize - 1].is_ready());
        if !ready {
            self.history.wrong(format!("broker {id} is not ready after a restart"));
        }
    }
}
