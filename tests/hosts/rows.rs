//! The rows of the fault matrix, each as a script on a stage.

use crate::burden::{coordinators, moves, narrow, quorum, transfers, wide};
use crate::chance::Chance;
use crate::fault::{self, Fault, Role};
use crate::stage::{BROKERS, HEAL_PATIENCE, PARTITIONS, Stage, until};
use crate::writer::TOPIC;
use std::time::{Duration, Instant};

/// A row: its number in the matrix, its name, settings beside the usual ones, and what happens.
pub struct Row {
    pub number: &'static str,
    pub name: &'static str,
    pub settings: &'static [&'static str],
    /// What the hosts have beside a plain network and a true clock.
    pub hosts: Hosts,
    pub script: fn(&mut Stage, &mut Chance, Duration),
}

/// What hosts may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hosts {
    /// What brokers say to each other goes through `proxy.py`.
    pub far: bool,
    /// Clocks that can be set (libfaketime).
    pub own_clocks: bool,
}

const PLAIN: Hosts = Hosts { far: false, own_clocks: false };

/// All of them.
pub const ROWS: &[Row] = &[
    Row { number: "mixed", name: "1 to 3 faults by chance", settings: &[], hosts: PLAIN, script: mixed },
    Row {
        number: "1",
        name: "kill -9 of leader, follower, controller, all",
        settings: &[],
        hosts: PLAIN,
        script: kills,
    },
    Row { number: "2", name: "SIGSTOP of leader, controller", settings: &[], hosts: PLAIN, script: pauses },
    Row { number: "3", name: "one host cut off from two", settings: &[], hosts: PLAIN, script: isolation },
    Row { number: "4", name: "one-way partitions", settings: &[], hosts: PLAIN, script: one_way },
    Row { number: "5", name: "two hosts cut, both see the third", settings: &[], hosts: PLAIN, script: bridge },
    Row {
        number: "6",
        name: "in-sync set shrinks to one, which dies",
        settings: &["min.insync.replicas=1"],
        hosts: PLAIN,
        script: jepsen_2013,
    },
    Row {
        number: "6u",
        name: "the same with unclean elections: loses, and the oracle must see it",
        settings: &["min.insync.replicas=1", "unclean.leader.election.enable=true"],
        hosts: PLAIN,
        script: jepsen_2013,
    },
    Row {
        number: "9",
        name: "leaders change places ten times a second",
        settings: &[],
        hosts: PLAIN,
        script: transfers,
    },
    Row { number: "10", name: "a follower dies and is back at once", settings: &[], hosts: PLAIN, script: reboots },
    Row {
        number: "15",
        name: "a follower with 5 MB/s of a saturated topic",
        settings: &[],
        hosts: PLAIN,
        script: narrow,
    },
    Row {
        number: "16",
        name: "200 ms ± 100 between brokers, connections break",
        // Votes that take 600 ms want more patience than 500.
        settings: &["controller.quorum.fetch.timeout.ms=3000"],
        hosts: Hosts { far: true, own_clocks: false },
        script: far,
    },
    Row {
        number: "19",
        name: "the group's coordinator dies, members come and go",
        settings: &[],
        hosts: PLAIN,
        script: coordinators,
    },
    Row {
        number: "22",
        name: "reassignment, topics deleted and made again",
        settings: &[],
        hosts: PLAIN,
        script: moves,
    },
    Row {
        number: "23",
        name: "quorum without one, without two, with a wiped disk",
        settings: &[],
        hosts: PLAIN,
        script: quorum,
    },
    Row { number: "24", name: "clean restarts one after the other", settings: &[], hosts: PLAIN, script: rolling },
    Row {
        number: "25",
        name: "clocks jump an hour, back and forth",
        settings: &[],
        hosts: Hosts { far: false, own_clocks: true },
        script: clocks,
    },
    Row { number: "26", name: "3,000 partitions and kill -9", settings: &[], hosts: PLAIN, script: wide },
];

const SECOND: Duration = Duration::from_secs(1);

/// One round after the other, until the time is over.
pub fn rounds(time: Duration, mut round: impl FnMut(usize)) {
    let end = Instant::now() + time;
    let mut number = 0;
    while number == 0 || Instant::now() < end {
        round(number);
        number += 1;
    }
}

fn mixed(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |_| {
        for _ in 0..=chance.below(3) {
            stage.make(fault::any(chance));
            stage.wait(Duration::from_millis(200 + chance.below(1500)));
        }
        stage.wait(Duration::from_millis(500 + chance.below(6000)));
        stage.heal(15 * SECOND);
        stage.wait(Duration::from_millis(500 + chance.below(2500)));
    });
}

fn kills(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        let (fault, limit) = match round % 4 {
            0 => (Fault::Kill(Role::Leader(partition)), 5),
            1 => (Fault::Kill(Role::Follower(partition)), 5),
            2 => (Fault::Kill(Role::Controller), 5),
            _ => (Fault::KillAll, 10),
        };
        stage.make(fault);
        if round % 4 < 3 {
            // Two of three go on.
            stage.recover(limit * SECOND);
        }
        stage.wait(Duration::from_millis(chance.below(2000)));
        stage.heal(limit * SECOND);
        stage.wait(Duration::from_millis(chance.below(2000)));
    });
}

fn pauses(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        let role = if round % 2 == 0 { Role::Leader(partition) } else { Role::Controller };
        stage.make(Fault::Pause(role));
        // Shorter than a session, longer than one.
        let pause = [2, 8, 15, 60][round % if time > 120 * SECOND { 4 } else { 2 }];
        stage.wait(pause * SECOND);
        stage.heal(10 * SECOND);
        stage.wait(SECOND);
    });
}

/// The two others go on, and so does everybody after the heal.
fn cut(stage: &mut Stage, fault: Fault, chance: &mut Chance) {
    stage.make(fault);
    stage.recover(12 * SECOND);
    stage.wait(Duration::from_millis(chance.below(4000)));
    stage.heal(10 * SECOND);
    stage.wait(Duration::from_millis(chance.below(2000)));
}

fn isolation(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        let role = [Role::Leader(partition), Role::Controller, Role::Follower(partition)][round % 3];
        cut(stage, Fault::Isolate(role), chance);
    });
}

fn one_way(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        let role = if round % 4 < 2 { Role::Leader(partition) } else { Role::Controller };
        let fault = if round % 2 == 0 { Fault::Mute(role) } else { Fault::Deafen(role) };
        cut(stage, fault, chance);
    });
}

fn bridge(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let partition = chance.below(PARTITIONS as u64) as i32;
        let role = if round % 2 == 0 { Role::Leader(partition) } else { Role::Controller };
        cut(stage, Fault::Bridge(role), chance);
    });
}

/// Two replicas each: one dies and leaves the in-sync set, the other one goes on alone (with min.insync.replicas=1) and
/// dies; the first one comes back. It must not lead, unless that is allowed.
fn jepsen_2013(stage: &mut Stage, _: &mut Chance, time: Duration) {
    for (partition, replicas) in (0..PARTITIONS).zip([[1, 2], [2, 3], [3, 1]]) {
        stage.reassign(TOPIC, partition, &replicas);
    }
    let few = until(HEAL_PATIENCE, || (0..PARTITIONS).all(|partition| stage.replicas(TOPIC, partition).len() == 2));
    if !few {
        return stage.history.wrong("the replicas did not become two each");
    }
    rounds(time, |_| {
        let last = stage.leader(0);
        let first = stage.replicas(TOPIC, 0).into_iter().find(|id| *id != last).unwrap_or(1);
        stage.note(&format!("broker {first} dies; broker {last} leads alone"));
        stage.host(first).kill();
        stage.wait(3 * SECOND);
        stage.note(&format!("broker {last} dies, broker {first} comes back"));
        stage.host(last).kill();
        stage.start(first);
        stage.wait(4 * SECOND);
        stage.heal(15 * SECOND);
        stage.wait(SECOND);
    });
    for partition in 0..PARTITIONS {
        stage.reassign(TOPIC, partition, &[1, 2, 3]);
    }
}

/// Brokers that are far from each other die and come back.
fn far(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        stage.recover(10 * SECOND);
        stage.wait(Duration::from_millis(2000 + chance.below(3000)));
        if round % 2 == 1 {
            stage.make(Fault::Kill(Role::Leader(chance.below(PARTITIONS as u64) as i32)));
            stage.wait(Duration::from_millis(chance.below(3000)));
            stage.heal(20 * SECOND);
        }
    });
}

/// One clock after the other jumps, in either direction, every few seconds.
fn clocks(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |round| {
        let id = 1 + chance.below(BROKERS as u64) as i32;
        let offset = *chance.pick(&["+3600", "-3600", "+0", "+86400"]);
        stage.note(&format!("the clock of broker {id} is {offset} s off"));
        stage.host(id).set_clock(offset);
        stage.wait(Duration::from_millis(1000 + chance.below(4000)));
        stage.recover(10 * SECOND);
        if round % 4 == 3 {
            stage.make(Fault::Kill(Role::Leader(0)));
            stage.wait(SECOND);
            stage.heal(10 * SECOND);
        }
    });
    for id in 1..=BROKERS {
        stage.host(id).set_clock("+0");
    }
}

fn reboots(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |_| {
        let leader = stage.leader(chance.below(PARTITIONS as u64) as i32);
        let id = if chance.below(4) == 0 { leader } else { stage.other(leader) };
        stage.note(&format!("broker {id} dies and comes back"));
        for _ in 0..3 {
            stage.host(id).kill();
            stage.start(id);
            stage.wait(Duration::from_millis(20 + chance.below(400)));
        }
        stage.recover(5 * SECOND);
        stage.wait(Duration::from_millis(chance.below(1500)));
    });
}

fn rolling(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |_| {
        for id in 1..=BROKERS {
            stage.note(&format!("broker {id} restarts"));
            stage.restart(id);
            stage.recover(5 * SECOND);
            stage.settle();
            stage.wait(Duration::from_millis(chance.below(1000)));
        }
    });
}
