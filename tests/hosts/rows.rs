//! The rows of the fault matrix, each as a script on a stage.

use crate::burden::{coordinators, moves, narrow, quorum, transfers, wide};
use crate::chance::Chance;
use crate::fault::{self, Fault, Role};
use crate::stage::{BROKERS, PARTITIONS, Stage};
use std::time::{Duration, Instant};

/// A row: its number in the matrix, its name, settings beside the usual ones, and what happens.
pub struct Row {
    pub number: u32,
    pub name: &'static str,
    pub settings: &'static [&'static str],
    pub script: fn(&mut Stage, &mut Chance, Duration),
}

/// All of them.
pub const ROWS: &[Row] = &[
    Row { number: 0, name: "1 to 3 faults by chance", settings: &[], script: mixed },
    Row { number: 1, name: "kill -9 of leader, follower, controller, all", settings: &[], script: kills },
    Row { number: 2, name: "SIGSTOP of leader, controller", settings: &[], script: pauses },
    Row { number: 3, name: "one host cut off from two", settings: &[], script: isolation },
    Row { number: 4, name: "one-way partitions", settings: &[], script: one_way },
    Row { number: 5, name: "two hosts cut, both see the third", settings: &[], script: bridge },
    Row { number: 6, name: "in-sync set shrinks to one, which dies", settings: &[], script: jepsen_2013 },
    Row { number: 9, name: "leaders change places ten times a second", settings: &[], script: transfers },
    Row { number: 10, name: "a follower dies and is back at once", settings: &[], script: reboots },
    Row { number: 15, name: "a follower with 5 MB/s of a saturated topic", settings: &[], script: narrow },
    Row { number: 19, name: "the group's coordinator dies, members come and go", settings: &[], script: coordinators },
    Row { number: 22, name: "reassignment, topics deleted and made again", settings: &[], script: moves },
    Row { number: 23, name: "quorum without one, without two, with a wiped disk", settings: &[], script: quorum },
    Row { number: 24, name: "clean restarts one after the other", settings: &[], script: rolling },
    Row { number: 26, name: "3,000 partitions and kill -9", settings: &[], script: wide },
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

/// The followers fall out of the in-sync set, then the leader dies, then they come back without it.
fn jepsen_2013(stage: &mut Stage, chance: &mut Chance, time: Duration) {
    rounds(time, |_| {
        let leader = stage.leader(chance.below(PARTITIONS as u64) as i32);
        let others: Vec<i32> = (1..=BROKERS).filter(|other| *other != leader).collect();
        stage.note(&format!("broker {leader} leads, and is left alone"));
        for other in &others {
            stage.cut_both(leader, *other);
        }
        stage.wait(6 * SECOND);
        stage.note(&format!("broker {leader} dies"));
        stage.host(leader).kill();
        for id in 1..=BROKERS {
            stage.host(id).heal();
        }
        stage.wait(3 * SECOND);
        stage.heal(10 * SECOND);
        stage.wait(SECOND);
    });
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
