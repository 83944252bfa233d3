//! One run of one row on one broker: started fresh, warmed, loaded, and gone again.

use super::Bench;
use super::broker::{Broker, Kind, PROBE, Site};
use super::child::pause;
use super::disk::{settle, warm};
use super::groups;
use super::load::{Length, consume, produce};
use super::measure::Measure;
use super::measure::Measure::*;
use super::plan::{Produce, Promise, Work};
use super::rows::{MEMORY_LOADS, ONE as FILL, Row};
use super::serving::{client, has_groups, make_topic};
use super::target::Sample;
use super::tools::{consumer_tool, producer_tool, whole_process};
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::Command;
use std::time::Duration;

/// The topic that is measured.
const TOPIC: &str = "compare";
/// The topic that the broker is warmed with.
const WARM: &str = "warm";
/// Records of 1 KB that are read from the cache: half a gigabyte.
const CACHED_RECORDS: u64 = 512 << 10;
/// Records written to each partition before a restart.
const RECORDS_PER_PARTITION: u64 = 100;
/// How long a broker has to come to rest before its idle memory is read.
const REST: Duration = Duration::from_secs(1);
/// How long each load of the memory row lasts, in seconds.
const MEMORY_SECONDS: f64 = 1.0;
/// Topics that are listed.
const LISTED: u32 = 10;
/// How often the list is asked for in one run of kq.
const LISTINGS: usize = 9;

/// Brokers with data that outlive a run, by row and kind.
pub type Kept = BTreeMap<(&'static str, Kind), Site>;

/// Four of its batches fill 64 KB, so that a fetch of that size is full.
const FOUR_IN_64K: Produce = Produce { records_per_batch: 15, ..FILL };

/// Runs the row once. `None` when the broker cannot do what the row asks for.
///
/// # Errors
/// When the broker or the load fails.
pub fn sample(bench: &Bench<'_>, row: &Row, kind: Kind, kept: &mut Kept) -> Result<Option<Sample>, Failure> {
    match row.work {
        Work::Produce(plan, promise) => produced(bench, kind, &plan, promise).map(Some),
        Work::OpenLoop(plan) => {
            let mut all = produced(bench, kind, &plan, Promise::PageCache)?;
            let synced = produced(bench, kind, &plan, Promise::Synced)?;
            for (from, to) in [(P50, SyncedP50), (P99, SyncedP99), (P999, SyncedP999)] {
                all.extend(synced.get(&from).map(|value| (to, *value)));
            }
            Ok(Some(all))
        }
        Work::Fetch(bytes) => fetched(bench, kind, bytes).map(Some),
        Work::ProducerTool(records, bytes, partitions) => {
            with_broker(bench, kind, Promise::PageCache, partitions, &FILL, |broker| {
                producer_tool(bench, broker, TOPIC, (records, bytes))
            })
            .map(Some)
        }
        Work::ConsumerTool(records, bytes) => consumed(bench, kind, records, bytes),
        Work::Memory => memory(bench, kind).map(Some),
        Work::Start(partitions) => started(bench, row, kind, partitions, kept).map(Some),
        Work::Killed(partitions) => killed(bench, row, kind, partitions, kept).map(Some),
        Work::GroupJoin(members) => {
            groups::join(bench, &Site::new(bench, kind, Promise::PageCache, "run")?, members as usize)
        }
        Work::GroupCommits(groups, rate) => {
            groups::commits(bench, &Site::new(bench, kind, Promise::PageCache, "run")?, groups as usize, rate)
        }
        Work::GroupLoad(groups) => {
            let site = || Site::new(bench, kind, Promise::PageCache, row.name);
            groups::load(bench, (row.name, kind), site, groups, kept)
        }
        Work::TopicList => listed(bench, kind).map(Some),
    }
}

/// A fresh broker with the topic, warmed with `plan`; then `measured`, and how much memory all that took.
fn with_broker(
    bench: &Bench<'_>,
    kind: Kind,
    promise: Promise,
    partitions: u32,
    plan: &Produce,
    measured: impl FnOnce(&Broker) -> Result<Sample, Failure>,
) -> Result<Sample, Failure> {
    let site = Site::new(bench, kind, promise, "run")?;
    let broker = site.start(bench, PROBE, 0)?;
    let mut kafka = client(broker.address)?;
    make_topic(&mut kafka, TOPIC, partitions)?;
    let warm_seconds = bench.warm_seconds(kind);
    if warm_seconds > 0.0 {
        make_topic(&mut kafka, WARM, 1)?;
        let unpaced = Produce { rate: None, ..*plan };
        produce(bench, &broker, WARM, &unpaced, Length::Time(warm_seconds))?;
    }
    drop(kafka);
    settle(&bench.work);
    warm(&bench.work, bench.warm_bytes, &bench.stop)?;
    let mut sample = measured(&broker)?;
    sample.insert(PeakMemory, broker.memory_mib().1);
    Ok(sample)
}

fn produced(bench: &Bench<'_>, kind: Kind, plan: &Produce, promise: Promise) -> Result<Sample, Failure> {
    with_broker(bench, kind, promise, plan.partitions, plan, |broker| {
        produce(bench, broker, TOPIC, plan, Length::Time(bench.seconds))
    })
}

fn fetched(bench: &Bench<'_>, kind: Kind, bytes: u32) -> Result<Sample, Failure> {
    with_broker(bench, kind, Promise::PageCache, 1, &FILL, |broker| {
        produce(bench, broker, TOPIC, &FOUR_IN_64K, Length::Records(CACHED_RECORDS))?;
        settle(&bench.work);
        let warm_seconds = bench.warm_seconds(kind);
        if warm_seconds > 0.0 {
            consume(bench, broker, TOPIC, bytes, warm_seconds)?;
        }
        consume(bench, broker, TOPIC, bytes, bench.seconds)
    })
}

fn consumed(bench: &Bench<'_>, kind: Kind, records: u32, bytes: u32) -> Result<Option<Sample>, Failure> {
    let mut groups = true;
    let sample = with_broker(bench, kind, Promise::PageCache, 1, &FILL, |broker| {
        groups = has_groups(broker.address)?;
        if !groups {
            return Ok(Sample::new());
        }
        let plan = Produce { record_bytes: bytes, ..FILL };
        produce(bench, broker, TOPIC, &plan, Length::Records(records.into()))?;
        settle(&bench.work);
        consumer_tool(bench, broker, TOPIC, records)
    })?;
    Ok(groups.then_some(sample))
}

fn memory(bench: &Bench<'_>, kind: Kind) -> Result<Sample, Failure> {
    let site = Site::new(bench, kind, Promise::Synced, "run")?;
    let broker = site.start(bench, PROBE, 0)?;
    pause(REST, &bench.stop)?;
    let idle = broker.memory_mib().0;
    let mut kafka = client(broker.address)?;
    for (index, plan) in MEMORY_LOADS.iter().enumerate() {
        let topic = format!("{TOPIC}-{index}");
        make_topic(&mut kafka, &topic, plan.partitions)?;
        produce(bench, &broker, &topic, plan, Length::Time(MEMORY_SECONDS))?;
        if plan.partitions == 1 {
            for bytes in [64 << 10, 1 << 20] {
                consume(bench, &broker, &topic, bytes, MEMORY_SECONDS)?;
            }
        }
    }
    Ok(Sample::from([(IdleMemory, idle), (PeakMemory, broker.memory_mib().1)]))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Writes to every partition of a topic that is made when it is missing.
fn fill(bench: &Bench<'_>, broker: &Broker, partitions: u32) -> Result<(), Failure> {
    make_topic(&mut client(broker.address)?, TOPIC, partitions)?;
    let plan = Produce { records_per_batch: 10, connections: 4, partitions, ..FILL };
    let records = u64::from(partitions) * RECORDS_PER_PARTITION;
    produce(bench, broker, TOPIC, &plan, Length::Records(records)).map(drop)
}

/// A broker with data in all partitions, stopped by `stop` after that; made in the first round and kept for the others.
fn kept<'a>(
    bench: &Bench<'_>,
    row: &Row,
    kind: Kind,
    partitions: u32,
    kept: &'a mut Kept,
    stop: impl FnOnce(Broker) -> Result<(), Failure>,
) -> Result<&'a Site, Failure> {
    match kept.entry((row.name, kind)) {
        Entry::Occupied(there) => Ok(there.into_mut()),
        Entry::Vacant(free) => {
            let site = Site::new(bench, kind, Promise::PageCache, row.name)?;
            let broker = site.start(bench, PROBE, 0)?;
            fill(bench, &broker, partitions)?;
            stop(broker)?;
            Ok(free.insert(site))
        }
    }
}

/// The last of `partitions`: the one that is loaded last, if in their order.
fn last(partitions: u32) -> i32 {
    i32::try_from(partitions).unwrap_or(i32::MAX) - 1
}

fn started(bench: &Bench<'_>, row: &Row, kind: Kind, partitions: u32, sites: &mut Kept) -> Result<Sample, Failure> {
    let empty = Site::new(bench, kind, Promise::PageCache, "run")?.start(bench, PROBE, 0)?.started;
    let site = kept(bench, row, kind, partitions, sites, |broker| broker.stop(bench))?;
    settle(&bench.work);
    let broker = site.start(bench, TOPIC, last(partitions))?;
    let full = broker.started;
    broker.stop(bench)?;
    Ok(Sample::from([(StartEmpty, ms(empty)), (StartFull, ms(full))]))
}

fn killed(bench: &Bench<'_>, row: &Row, kind: Kind, partitions: u32, sites: &mut Kept) -> Result<Sample, Failure> {
    let kill = |broker: Broker| {
        drop(broker);
        Ok(())
    };
    let site = kept(bench, row, kind, partitions, sites, kill)?;
    let broker = site.start(bench, TOPIC, last(partitions))?;
    let time = broker.started;
    // For the next round.
    fill(bench, &broker, partitions)?;
    Ok(Sample::from([(StartKilled, ms(time))]))
}

fn listed(bench: &Bench<'_>, kind: Kind) -> Result<Sample, Failure> {
    let site = Site::new(bench, kind, Promise::PageCache, "run")?;
    let broker = site.start(bench, PROBE, 0)?;
    let mut kafka = client(broker.address)?;
    for index in 0..LISTED {
        make_topic(&mut kafka, &format!("topic-{index}"), 1)?;
    }
    let address = broker.address.to_string();
    let times = match kind {
        Kind::Kqd => {
            let mut list = Command::new(&bench.program);
            list.args(["topic", "list", "-b", &address]);
            (0..LISTINGS).map(|_| whole_process(bench, &mut list)).collect::<Result<Vec<f64>, Failure>>()?
        }
        Kind::Kafka => {
            let mut list = bench.jars()?.tool("org.apache.kafka.tools.TopicCommand");
            list.args(["--bootstrap-server", &address, "--list"]);
            vec![whole_process(bench, &mut list)?]
        }
    };
    let measure: Measure = WholeProcess;
    Ok(super::target::median(&times).map(|time| (measure, time)).into_iter().collect())
}
