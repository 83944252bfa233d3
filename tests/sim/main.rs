//! The simulator: the production core, a virtual clock, disks that forget, clients that keep count.
//!
//! A failing seed is the whole bug report: `KQ_SEED=17 cargo test --profile ci --test sim`. `KQ_SIM_SEEDS` sets how many
//! seeds are tried.

#![allow(clippy::disallowed_methods, reason = "which seeds to live through is told by the environment")]

mod admin;
mod chance;
mod client;
mod consumer;
mod oracle;
mod producer;
mod store;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Summary, Telling, run};

/// Seeds of a run of the suite, over all four tests.
const SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    std::env::var("KQ_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

/// Lives through a seed; panics with the command that does it again.
fn live(seed: u64, telling: Telling) -> Summary {
    let failure = match catch_unwind(AssertUnwindSafe(|| run(seed, telling))) {
        Ok(Ok(summary)) => return summary,
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        }
    };
    panic!("{failure}\n  again: KQ_SEED={seed} cargo test --profile ci --test sim");
}

/// One quarter of all seeds, so that the test harness can use several cores.
fn quarter(first: u64) {
    if std::env::var("KQ_SEED").is_ok() {
        return;
    }
    let mut all = Summary::default();
    for seed in (first..seeds()).step_by(4) {
        let summary = live(seed, Telling::Nothing);
        all.acks += summary.acks;
        all.reads += summary.reads;
        all.crashes += summary.crashes;
    }
    println!("{} crashes, {} records acknowledged, {} read", all.crashes, all.acks, all.reads);
    assert!(all.acks > 0 && all.reads > 0, "nothing happens in this world");
}

#[test]
fn seeds_first_quarter() {
    quarter(0);
}

#[test]
fn seeds_second_quarter() {
    quarter(1);
}

#[test]
fn seeds_third_quarter() {
    quarter(2);
}

#[test]
fn seeds_last_quarter() {
    quarter(3);
}

#[test]
fn one_seed() {
    if let Some(seed) = std::env::var("KQ_SEED").ok().and_then(|text| text.parse().ok()) {
        println!("{:?}", live(seed, Telling::Story));
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in 0..20 {
        assert_eq!(live(seed, Telling::Nothing), live(seed, Telling::Nothing), "seed {seed}");
    }
}
