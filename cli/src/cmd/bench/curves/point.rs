//! One point of a curve: kqd brought into a state, then loaded.

use super::super::compare::broker::{Kind, PROBE, Site};
use super::super::compare::disk::{settle, warm};
use super::super::compare::load::{Length, produce};
use super::super::compare::measure::Measure;
use super::super::compare::plan::{Produce, Promise};
use super::super::compare::serving::{client, make_topic};
use super::super::compare::{Bench, broker::Broker};
use super::{Curve, crowd, sparse};
use crate::failure::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const TOPIC: &str = "curve";
/// Partitions of it are not written while something is measured.
const IDLE_TOPIC: &str = "idle";
/// Seconds of load that do not count.
const WARM_SECONDS: f64 = 0.5;

/// Requests that every partition has seen before anything counts.
const FIRST_REQUESTS: u32 = 4;

/// Descriptors for ten thousand connections, here and in the broker, which inherits the limit.
pub fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// What is measured at every point.
pub fn load(record_bytes: u32, records_per_batch: u32) -> Produce {
    let (connections, in_flight, partitions) = (16, 8, 1);
    Produce { record_bytes, records_per_batch, connections, in_flight, partitions, rate: None, idempotent: false }
}

/// Requests a second, and microseconds of the broker's processor time for each.
///
/// # Errors
/// When the broker or the load fails.
pub fn measure(bench: &Bench<'_>, curve: Curve, grown: u32, load: &Produce) -> Result<(f64, f64), Failure> {
    let site = Site::new(bench, Kind::Kqd, Promise::PageCache, "curve")?;
    let mut broker = site.start(bench, PROBE, 0)?;
    let partitions = if curve == Curve::Partitions { grown } else { 1 };
    make_topic(&mut client(broker.address)?, TOPIC, partitions)?;
    if curve == Curve::IdlePartitions {
        make_topic(&mut client(broker.address)?, IDLE_TOPIC, grown)?;
        let once = Produce { partitions: grown, ..*load };
        produce(bench, &broker, IDLE_TOPIC, &once, Length::Records(u64::from(grown * load.records_per_batch)))?;
    }
    if curve == Curve::Log {
        broker.stop(bench)?;
        sparse::grow(&site.data().join(format!("{TOPIC}-0")), grown)?;
        broker = site.start(bench, TOPIC, 0)?;
    }
    // They stay open until the point is measured.
    let _idle = match curve {
        Curve::Connections => crowd::idle(broker.address, grown)?,
        _ => Vec::new(),
    };
    if curve == Curve::Producers {
        crowd::introduce(broker.address, TOPIC, grown)?;
    }
    let plan = Produce { partitions, idempotent: curve == Curve::Producers, ..*load };
    loaded(bench, &broker, &plan)
}

fn loaded(bench: &Bench<'_>, broker: &Broker, plan: &Produce) -> Result<(f64, f64), Failure> {
    // The first append to a log costs more than any later one: it is not what grows.
    produce(
        bench,
        broker,
        TOPIC,
        plan,
        Length::Records(u64::from(plan.partitions * plan.records_per_batch * FIRST_REQUESTS)),
    )?;
    produce(bench, broker, TOPIC, plan, Length::Time(WARM_SECONDS))?;
    settle(&bench.work);
    warm(&bench.work, bench.warm_bytes, &bench.stop)?;
    let sample = produce(bench, broker, TOPIC, plan, Length::Time(bench.seconds))?;
    let of = |measure: Measure| sample.get(&measure).copied().unwrap_or(0.0);
    Ok((of(Measure::RequestsPerSec), of(Measure::CpuPerRequest)))
}
