//! The rows about consumer groups: members that join one group, commits at a given rate, and the coordinator's load of
//! many committed offsets. Every member is a thread with a connection of its own and speaks the classic protocol.

use super::Bench;
use super::broker::{Broker, Kind, PROBE, Site};
use super::child::unless_stopped;
use super::measure::Measure::*;
use super::serving::{client, has_groups, make_topic};
use super::target::{Sample, median};
use super::work::Kept;
use crate::cmd::bench::histogram::Histogram;
use crate::failure::Failure;
use crate::kafka::Link;
use kq::api::heartbeat::{Heartbeat, HeartbeatRequest};
use kq::api::join_group::{JoinGroup, JoinGroupRequest, JoinGroupRequestProtocol};
use kq::api::offset_commit::{
    OffsetCommit, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kq::api::offset_fetch::{OffsetFetch, OffsetFetchRequest, OffsetFetchRequestGroup};
use kq::api::sync_group::{SyncGroup, SyncGroupRequest, SyncGroupRequestAssignment};
use kq::error::ErrorCode;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The topic that offsets are committed for.
const TOPIC: &str = "compare";
/// Partitions of it that a group has offsets for.
pub const PARTITIONS: u32 = 1_000;
/// The newest OffsetCommit and OffsetFetch that name topics instead of ids.
const OFFSETS_VERSION_MAX: i16 = 9;
/// How long one step of a member may take.
const STEP: Duration = Duration::from_secs(60);
/// Between two heartbeats of a member that waits for the others.
const BEAT: Duration = Duration::from_millis(5);
/// Groups that are joined before the one that counts, for a JVM, and for kqd.
const JOIN_WARMUPS: usize = 8;
/// Groups whose joining is measured in a run.
const JOINS: usize = 3;

fn deadline() -> Instant {
    Instant::now() + STEP
}

/// A connection to the one broker there is.
fn link(broker: &Broker) -> Result<Link, Failure> {
    let mut kafka = client(broker.address)?;
    kafka.refresh::<&str>(&[])?;
    let id = kafka.cluster.brokers.keys().next().copied();
    kafka.open(id.ok_or_else(|| Failure::new("NOT_READY", "the broker does not list itself"))?)
}

/// Runs one thread for each, and returns what they return, or the first failure.
fn crowd<T: Send>(count: usize, work: impl Fn(usize) -> Result<T, Failure> + Sync) -> Result<Vec<T>, Failure> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(move || work(index))).collect();
        let lost = || Err(Failure::new("LOAD", "a thread of the load panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    })
}

/// How many members have their assignment, by generation.
#[derive(Default)]
struct Synced(Mutex<BTreeMap<i32, usize>>);

impl Synced {
    fn add(&self, generation: i32) {
        *self.0.lock().unwrap_or_else(|poison| poison.into_inner()).entry(generation).or_default() += 1;
    }

    fn has_all(&self, generation: i32, members: usize) -> bool {
        let counts = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        counts.get(&generation).is_some_and(|count| *count == members)
    }
}

/// Joins `members` to one group; the time until all have their assignment of the same generation, in milliseconds.
pub fn join(bench: &Bench<'_>, site: &Site, members: usize) -> Result<Option<Sample>, Failure> {
    let broker = site.start(bench, PROBE, 0)?;
    if !has_groups(broker.address)? {
        return Ok(None);
    }
    let mut times = Vec::new();
    for round in 0..JOIN_WARMUPS + JOINS {
        unless_stopped(&bench.stop)?;
        let group = format!("join-{round}");
        let links: Vec<Mutex<Option<Link>>> =
            (0..members).map(|_| Ok(Mutex::new(Some(link(&broker)?)))).collect::<Result<_, Failure>>()?;
        let synced = Synced::default();
        let began = Instant::now();
        let stable = crowd(members, |index| {
            let link = links[index].lock().unwrap_or_else(|poison| poison.into_inner()).take();
            let mut link = link.ok_or_else(|| Failure::new("LOAD", "a connection was used twice"))?;
            member(&mut link, &group, members, &synced)
        })?;
        if round >= JOIN_WARMUPS {
            let last = stable.into_iter().max().unwrap_or(began);
            times.push((last - began).as_secs_f64() * 1e3);
        }
    }
    Ok(median(&times).map(|time| Sample::from([(Stable, time)])))
}

/// One member, until all are in its generation and have their assignment: when this one had its own.
fn member(link: &mut Link, group: &str, members: usize, synced: &Synced) -> Result<Instant, Failure> {
    let mut id = String::new();
    let end = deadline();
    loop {
        let request = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 30_000,
            member_id: id.clone().into(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata: (&[][..]).into() }],
            ..Default::default()
        };
        let answer = link.call::<JoinGroup>(&request, end)?;
        let joined = answer.read()?;
        match ErrorCode::from_code(joined.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                id = joined.member_id.into_owned();
                continue;
            }
            // A partition of `__consumer_offsets` that was just made is not led, or not loaded, at once.
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress => {
                thread::sleep(BEAT);
                continue;
            }
            code => return Err(Failure::answered(code, format!("group {group}"), None)),
        }
        id = joined.member_id.to_string();
        let assignments = joined.members.iter().map(|member| SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: (&[0; 16][..]).into(),
        });
        let request = SyncGroupRequest {
            group_id: group.into(),
            generation_id: joined.generation_id,
            member_id: id.clone().into(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: assignments.collect(),
            ..Default::default()
        };
        let answer = link.call::<SyncGroup>(&request, end)?;
        match ErrorCode::from_code(answer.read()?.error_code) {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress => continue,
            code => return Err(Failure::answered(code, format!("group {group}"), None)),
        }
        let (stable, generation) = (Instant::now(), joined.generation_id);
        synced.add(generation);
        loop {
            if synced.has_all(generation, members) {
                return Ok(stable);
            }
            let request = HeartbeatRequest {
                group_id: group.into(),
                generation_id: generation,
                member_id: id.clone().into(),
                ..Default::default()
            };
            let answer = link.call::<Heartbeat>(&request, end)?;
            match ErrorCode::from_code(answer.read()?.error_code) {
                ErrorCode::None => thread::sleep(BEAT),
                ErrorCode::RebalanceInProgress => break,
                code => return Err(Failure::answered(code, format!("group {group}"), None)),
            }
        }
    }
}

fn commit<'a>(group: &'a str, partitions: std::ops::Range<u32>, offset: i64) -> OffsetCommitRequest<'a> {
    let partitions = partitions.map(|index| OffsetCommitRequestPartition {
        partition_index: index.cast_signed(),
        committed_offset: offset,
        ..Default::default()
    });
    let topic = OffsetCommitRequestTopic { name: TOPIC.into(), partitions: partitions.collect(), ..Default::default() };
    OffsetCommitRequest { group_id: group.into(), topics: vec![topic], ..Default::default() }
}

fn committed(link: &mut Link, request: &OffsetCommitRequest<'_>) -> Result<(), Failure> {
    link.send_up_to::<OffsetCommit>(request, OFFSETS_VERSION_MAX)?;
    let answer = link.receive::<OffsetCommit>(deadline())?;
    let response = answer.read()?;
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|part| part.error_code);
    match codes.map(ErrorCode::from_code).find(|code| !code.is_none()) {
        Some(code) => Err(Failure::answered(code, "a commit", None)),
        None => Ok(()),
    }
}

/// Commits one offset a request at `rate` a second, all groups together, each on a connection of its own.
pub fn commits(bench: &Bench<'_>, site: &Site, groups: usize, rate: u32) -> Result<Option<Sample>, Failure> {
    let broker = site.start(bench, PROBE, 0)?;
    if !has_groups(broker.address)? {
        return Ok(None);
    }
    make_topic(&mut client(broker.address)?, TOPIC, 1)?;
    paced(&broker, groups, rate, bench.warm_seconds(broker.kind))?;
    let (cpu, began) = (broker.cpu_seconds(), Instant::now());
    let latencies = paced(&broker, groups, rate, bench.seconds)?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), broker.cpu_seconds() - cpu);
    let count = latencies.count() as f64;
    Ok(Some(Sample::from([
        (RequestsPerSec, count / seconds),
        (CpuPerRequest, cpu * 1e6 / count),
        (P50, latencies.quantile_ms(0.5)),
        (P99, latencies.quantile_ms(0.99)),
    ])))
}

/// The load itself; latencies count from when a commit was due.
fn paced(broker: &Broker, groups: usize, rate: u32, seconds: f64) -> Result<Histogram, Failure> {
    let all = Mutex::new(Histogram::default());
    let pause = Duration::from_secs_f64(groups as f64 / f64::from(rate.max(1)));
    let count = (seconds / pause.as_secs_f64()) as u32;
    crowd(groups, |index| {
        let mut link = link(broker)?;
        let group = format!("commit-{index}");
        let mut own = Histogram::default();
        let began = Instant::now() + pause.mul_f64(index as f64 / groups as f64);
        for nth in 0..count {
            let due = began + pause * nth;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            committed(&mut link, &commit(&group, 0..1, i64::from(nth)))?;
            own.add(due.elapsed(), 1);
        }
        all.lock().unwrap_or_else(|poison| poison.into_inner()).merge(&own);
        Ok(())
    })?;
    Ok(all.into_inner().unwrap_or_else(|poison| poison.into_inner()))
}

/// From the start of the process until the offsets of all groups are answered, with `groups` groups of [`PARTITIONS`]
/// offsets each; made in the first round and kept.
pub fn load(
    bench: &Bench<'_>,
    key: (&'static str, Kind),
    site: impl FnOnce() -> Result<Site, Failure>,
    groups: u32,
    sites: &mut Kept,
) -> Result<Option<Sample>, Failure> {
    let site = match sites.entry(key) {
        Entry::Occupied(there) => there.into_mut(),
        Entry::Vacant(free) => {
            let site = site()?;
            if !filled(bench, &site, groups)? {
                return Ok(None);
            }
            free.insert(site)
        }
    };
    let broker = site.start(bench, PROBE, 0)?;
    let mut link = link(&broker)?;
    let mut loaded = broker.started;
    let began = Instant::now();
    for group in 0..groups {
        fetched(&mut link, &format!("load-{group}"))?;
    }
    loaded += began.elapsed();
    broker.stop(bench)?;
    Ok(Some(Sample::from([(StartLoaded, loaded.as_secs_f64() * 1e3)])))
}

/// Commits the offsets of all groups and stops the broker. False when it has no groups.
fn filled(bench: &Bench<'_>, site: &Site, groups: u32) -> Result<bool, Failure> {
    let broker = site.start(bench, PROBE, 0)?;
    if !has_groups(broker.address)? {
        return Ok(false);
    }
    make_topic(&mut client(broker.address)?, TOPIC, PARTITIONS)?;
    let mut link = link(&broker)?;
    for group in 0..groups {
        unless_stopped(&bench.stop)?;
        committed(&mut link, &commit(&format!("load-{group}"), 0..PARTITIONS, i64::from(group)))?;
    }
    broker.stop(bench)?;
    Ok(true)
}

/// Asks for all offsets of a group, until they are loaded.
fn fetched(link: &mut Link, group: &str) -> Result<(), Failure> {
    let end = deadline();
    loop {
        let asked = OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![asked], ..Default::default() };
        link.send_up_to::<OffsetFetch>(&request, OFFSETS_VERSION_MAX)?;
        let answer = link.receive::<OffsetFetch>(end)?;
        let response = answer.read()?;
        let found = response.groups.first().ok_or_else(|| Failure::new("LOAD", "no answer for the group"))?;
        match ErrorCode::from_code(found.error_code) {
            ErrorCode::None => {
                let offsets: usize = found.topics.iter().map(|topic| topic.partitions.len()).sum();
                if offsets == PARTITIONS as usize {
                    return Ok(());
                }
                return Err(Failure::new(
                    "LOAD",
                    format!("group {group} has {offsets} offsets instead of {PARTITIONS}"),
                ));
            }
            code if code.is_retriable() && Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            code => return Err(Failure::answered(code, format!("group {group}"), None)),
        }
    }
}
