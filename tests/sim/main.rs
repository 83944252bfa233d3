//! The simulator: the production core, a virtual clock, disks that forget, clients that keep count.
//!
//! Four kinds of worlds: one of producers and consumers, one of groups and their members, one of the metadata quorum alone,
//! and clusters of several nodes. A failing seed is the whole bug report: `KQ_SEED=17 cargo test --profile ci --test sim`,
//! or `KQ_GROUP_SEED=17`, `KQ_QUORUM_SEED=17`, `KQ_CLUSTER_SEED=17`. `KQ_SIM_SEEDS` sets how many seeds of each kind are
//! tried, `KQ_CLUSTER_SEEDS` how many clusters; with `KQ_SIM_GO_ON` all that fail are told.

#![allow(clippy::disallowed_methods, reason = "which seeds to live through is told by the environment")]

mod admin;
mod auditor;
mod chance;
mod client;
mod cluster;
mod consumer;
mod member;
mod oracle;
mod producer;
mod quorum;
mod store;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Summary, Telling, run, run_groups};

/// Seeds of a run of the suite, of each kind, over its four tests.
const SEEDS: u64 = 10_000;

/// Clusters of a run of the suite: about a minute on two cores.
const CLUSTERS: u64 = 8_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn seeds((name, _): Kind) -> u64 {
    match name {
        "KQ_CLUSTER_SEED" => number("KQ_CLUSTER_SEEDS").unwrap_or(CLUSTERS),
        _ => number("KQ_SIM_SEEDS").unwrap_or(SEEDS),
    }
}

/// A world to live in: the variable that names a seed of it, and its life.
type Kind = (&'static str, fn(u64, Telling) -> Result<Summary, String>);

/// Producers, consumers, an administrator.
const DATA: Kind = ("KQ_SEED", run);
/// Members of groups.
const GROUPS: Kind = ("KQ_GROUP_SEED", run_groups);
/// Nodes of the metadata quorum.
const QUORUM: Kind = ("KQ_QUORUM_SEED", quorum::run);
/// Nodes of a cluster, and clients that follow its leaders.
const CLUSTER: Kind = ("KQ_CLUSTER_SEED", cluster::run);
/// All of them.
const KINDS: [Kind; 4] = [DATA, GROUPS, QUORUM, CLUSTER];

/// Lives through a seed; panics with the command that does it again.
fn live(kind: Kind, seed: u64, telling: Telling) -> Summary {
    attempt(kind, seed, telling).unwrap_or_else(|failure| panic!("{failure}"))
}

fn attempt((name, run): Kind, seed: u64, telling: Telling) -> Result<Summary, String> {
    let failure = match catch_unwind(AssertUnwindSafe(|| run(seed, telling))) {
        Ok(Ok(summary)) => return Ok(summary),
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        }
    };
    Err(format!("{failure}\n  again: {name}={seed} cargo test --profile ci --test sim"))
}

/// One quarter of all seeds, so that the test harness can use several cores; nothing when one seed is asked for.
fn quarter(kind: Kind, first: u64) -> Option<Summary> {
    if KINDS.iter().any(|(name, _)| std::env::var(name).is_ok()) {
        return None;
    }
    let mut all = Summary::default();
    let mut failures = 0;
    for seed in (first..seeds(kind)).step_by(4) {
        let summary = match attempt(kind, seed, Telling::Nothing) {
            Ok(summary) => summary,
            Err(failure) if std::env::var("KQ_SIM_GO_ON").is_ok() => {
                println!("{failure}");
                failures += 1;
                continue;
            }
            Err(failure) => panic!("{failure}"),
        };
        all.acks += summary.acks;
        all.reads += summary.reads;
        all.crashes += summary.crashes;
        all.shares += summary.shares;
        all.commits += summary.commits;
        all.slowest_ms = all.slowest_ms.max(summary.slowest_ms);
    }
    assert_eq!(failures, 0, "seeds failed");
    Some(all)
}

fn data_quarter(first: u64) {
    let Some(all) = quarter(DATA, first) else { return };
    println!("{} crashes, {} records acknowledged, {} read", all.crashes, all.acks, all.reads);
    assert!(all.acks > 0 && all.reads > 0, "nothing happens in this world");
}

fn group_quarter(first: u64) {
    let Some(all) = quarter(GROUPS, first) else { return };
    println!("{} crashes, {} assignments, {} offsets committed", all.crashes, all.shares, all.commits);
    assert!(all.shares > 0 && all.commits > 0, "nothing happens in this world");
}

fn cluster_quarter(first: u64) {
    let Some(all) = quarter(CLUSTER, first) else { return };
    println!(
        "{} crashes, {} records acknowledged, {} read, {} offsets committed; back to work within {} ms",
        all.crashes, all.acks, all.reads, all.commits, all.slowest_ms
    );
    assert!(all.acks > 0 && all.reads > 0 && all.commits > 0, "nothing happens in this world");
}

fn quorum_seeds(quarters: [u64; 2]) {
    for first in quarters {
        let Some(all) = quarter(QUORUM, first) else { return };
        println!("{} crashes, {} entries committed", all.crashes, all.acks);
        assert!(all.acks > 0 && all.crashes > 0, "nothing happens in this world");
    }
}

#[test]
fn seeds_first_quarter() {
    data_quarter(0);
}

#[test]
fn seeds_second_quarter() {
    data_quarter(1);
}

#[test]
fn seeds_third_quarter() {
    data_quarter(2);
}

#[test]
fn seeds_last_quarter() {
    data_quarter(3);
}

#[test]
fn groups_first_quarter() {
    group_quarter(0);
}

#[test]
fn groups_second_quarter() {
    group_quarter(1);
}

#[test]
fn groups_third_quarter() {
    group_quarter(2);
}

#[test]
fn groups_last_quarter() {
    group_quarter(3);
}

#[test]
fn clusters_first_quarter() {
    cluster_quarter(0);
}

#[test]
fn clusters_second_quarter() {
    cluster_quarter(1);
}

#[test]
fn clusters_third_quarter() {
    cluster_quarter(2);
}

#[test]
fn clusters_last_quarter() {
    cluster_quarter(3);
}

#[test]
fn quorum_first_half() {
    quorum_seeds([0, 1]);
}

#[test]
fn quorum_last_half() {
    quorum_seeds([2, 3]);
}

#[test]
fn one_seed() {
    for kind in KINDS {
        if let Some(seed) = number(kind.0) {
            println!("{:?}", live(kind, seed, Telling::Story));
        }
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    for kind in KINDS {
        for seed in 0..20 {
            assert_eq!(live(kind, seed, Telling::Nothing), live(kind, seed, Telling::Nothing), "seed {seed}");
        }
    }
}
