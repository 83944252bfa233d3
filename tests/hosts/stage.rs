//! The stage of one run: three hosts with brokers, the oracle's clients at work, and the verdict at the end.

use crate::between::{Between, put_between};
use crate::foreign::{self, Foreign, Kind};
use crate::history::History;
use crate::host::Host;
use crate::link::{Link, any};
use crate::member;
use crate::rows::Row;
use crate::watcher::ask;
use crate::writer::{Style, TOPIC};
use crate::{disk, reader, watcher, writer};
use kq::api::Api;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::api::describe_quorum::{DescribeQuorum, DescribeQuorumRequest, PartitionData, TopicData};
use kq::client::{Answer, Cluster};
use kq::error::ErrorCode;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Brokers of a cluster.
pub const BROKERS: i32 = 3;
/// Partitions of the oracle's topic.
pub const PARTITIONS: i32 = 3;
const WRITERS: u32 = 2;
const MEMBERS: usize = 3;
/// Everything heals within this, or never.
pub const HEAL_PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(2);
/// Who has a role may be unknown during a fault.
const ROLE_PATIENCE: Duration = Duration::from_secs(3);

/// A run.
pub struct Stage {
    pub hosts: Vec<Host>,
    pub history: Arc<History>,
    settings: Vec<String>,
    threads: Vec<JoinHandle<()>>,
    foreign: Vec<Foreign>,
    between: Option<Between>,
    /// The longest time from a heal until every partition took a record.
    pub slowest_recovery: Duration,
}

/// What a run came to.
pub struct Verdict {
    pub acknowledged: usize,
    pub lost: usize,
    pub longest_gap: Duration,
    pub slowest_recovery: Duration,
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Of a run that never began.
    pub fn none(why: String) -> Verdict {
        eprintln!("  WRONG {why}");
        let (longest_gap, slowest_recovery) = (Duration::ZERO, Duration::ZERO);
        Verdict { acknowledged: 0, lost: 0, longest_gap, slowest_recovery, wrong: vec![why] }
    }
}

fn settings() -> Vec<String> {
    let session = member::SESSION_TIMEOUT_MS;
    [
        "default.replication.factor=3",
        "min.insync.replicas=2",
        "offsets.topic.replication.factor=3",
        "offsets.topic.num.partitions=6",
        "auto.create.topics.enable=false",
        // As in a cluster that is meant to fail over fast; the lag also so that a run of seconds sees replicas leave.
        "broker.session.timeout.ms=4000",
        "broker.heartbeat.interval.ms=500",
        "replica.lag.time.max.ms=4000",
        "group.consumer.min.heartbeat.interval.ms=500",
        "group.consumer.heartbeat.interval.ms=500",
    ]
    .map(String::from)
    .into_iter()
    .chain([
        format!("group.consumer.min.session.timeout.ms={session}"),
        format!("group.consumer.session.timeout.ms={session}"),
    ])
    .collect()
}

/// Waits until something holds, and looks every 20 ms.
pub fn until(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

impl Stage {
    /// Starts brokers, makes the topic, and sets the clients to work.
    ///
    /// # Errors
    /// When the cluster does not come up: no fault has been made yet.
    pub fn open(dir: &Path, row: &Row, foreign: &[Kind]) -> Result<Stage, String> {
        let mut settings = settings();
        settings.extend(row.settings.iter().map(|setting| (*setting).to_owned()));
        let hosts = (1..=BROKERS).map(|id| Host::new(id, dir)).collect();
        let history = Arc::new(History::new(PARTITIONS));
        let (threads, slowest_recovery) = (Vec::new(), Duration::ZERO);
        let mut stage =
            Stage { hosts, history, settings, threads, foreign: Vec::new(), between: None, slowest_recovery };
        if row.hosts.own_clocks {
            stage.hosts.iter_mut().try_for_each(Host::give_clock)?;
        }
        if row.hosts.far {
            stage.between = Some(put_between(BROKERS, dir)?);
        }
        for id in 1..=BROKERS {
            stage.start(id);
        }
        if !until(HEAL_PATIENCE, || stage.hosts.iter().all(Host::is_ready)) {
            return Err("the brokers do not come up".into());
        }
        stage.create(TOPIC, PARTITIONS)?;
        stage.put_to_work();
        for kind in foreign {
            stage.create(kind.topic(), PARTITIONS)?;
            match Foreign::start(*kind, dir) {
                Some(at_work) => stage.foreign.push(at_work),
                None => stage.note(&format!("without {kind:?}: {} does not say where it is", kind.needs())),
            }
        }
        if !until(HEAL_PATIENCE, || (0..PARTITIONS).all(|partition| !stage.history.of(partition).acks.is_empty())) {
            return Err("no record is acknowledged".into());
        }
        Ok(stage)
    }

    fn put_to_work(&mut self) {
        for partition in 0..PARTITIONS {
            for writer in 0..WRITERS {
                let patience = if writer == 0 { Duration::from_millis(2500) } else { Duration::from_secs(20) };
                let style = Style { writer, partition, brokers: BROKERS, patience, pace: Duration::from_millis(5) };
                self.employ(move |history| writer::write(style, history));
            }
            self.employ(move |history| reader::follow(partition, BROKERS, history));
        }
        for index in 0..MEMBERS {
            self.employ(move |history| member::take_part(index, BROKERS, history, Duration::from_secs(24 * 3600)));
        }
        for broker in 1..=BROKERS {
            self.employ(move |history| watcher::watch(broker, history));
        }
    }

    /// Further members of the group, for a while.
    pub fn invite(&mut self, guests: usize, time: Duration) {
        for _ in 0..guests {
            let index = self.threads.len();
            self.employ(move |history| member::take_part(index, BROKERS, history, time));
        }
    }

    fn employ(&mut self, work: impl FnOnce(&History) + Send + 'static) {
        let history = Arc::clone(&self.history);
        self.threads.push(std::thread::spawn(move || work(&history)));
    }

    /// Says what happens, with the time.
    pub fn note(&self, what: &str) {
        eprintln!("  {:7.3} s  {:6} acked  {what}", self.history.clock(), self.history.acknowledged());
    }

    pub fn host(&mut self, id: i32) -> &mut Host {
        &mut self.hosts[id as usize - 1]
    }

    /// Starts a broker that is down.
    pub fn start(&mut self, id: i32) {
        let settings = self.settings.clone();
        self.host(id).start(BROKERS, &settings);
    }

    /// Asks any broker; tries for a while.
    pub fn call<A: Api>(&self, request: &A::Request<'_>, version: i16) -> Result<Answer<A>, String> {
        self.call_for::<A>(request, version, HEAL_PATIENCE)
    }

    fn call_for<A: Api>(&self, request: &A::Request<'_>, version: i16, time: Duration) -> Result<Answer<A>, String> {
        let (deadline, mut turn) = (Instant::now() + time, 0);
        loop {
            turn += 1;
            match any(BROKERS, turn, PATIENCE).and_then(|mut link| link.call::<A>(request, version)) {
                Ok(answer) => return Ok(answer),
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Makes a topic.
    pub fn create(&self, name: &str, partitions: i32) -> Result<(), String> {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 3,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let mut code = ErrorCode::None;
        let made = until(HEAL_PATIENCE, || {
            let Ok(answer) = self.call::<CreateTopics>(&request, 7) else { return false };
            code = answer
                .read()
                .map_or(ErrorCode::UnknownServerError, |response| ErrorCode::from_code(response.topics[0].error_code));
            matches!(code, ErrorCode::None | ErrorCode::TopicAlreadyExists)
        });
        if made { Ok(()) } else { Err(format!("topic {name} cannot be made: {code}")) }
    }

    /// Who leads a partition, as whoever answers first says; somebody when nobody knows.
    pub fn leader(&self, partition: i32) -> i32 {
        let (mut turn, mut found) = (0, 1);
        until(ROLE_PATIENCE, || {
            writer::leader(TOPIC, partition, BROKERS, &mut turn, PATIENCE).is_ok_and(|leader| {
                found = leader;
                true
            })
        });
        found
    }

    /// Who leads the metadata quorum; somebody when nobody knows.
    pub fn controller(&self) -> i32 {
        let part = PartitionData { partition_index: 0 };
        let topics = vec![TopicData { topic_name: "__cluster_metadata".into(), partitions: vec![part] }];
        let request = DescribeQuorumRequest { topics };
        let mut found = 1;
        until(ROLE_PATIENCE, || {
            let Ok(answer) = self.call_for::<DescribeQuorum>(&request, 1, PATIENCE) else { return false };
            let Ok(response) = answer.read() else { return false };
            let leader = response.topics.first().and_then(|topic| topic.partitions.first());
            found = leader.map_or(-1, |part| part.leader_id);
            found > 0
        });
        found.max(1)
    }

    /// One that is not `id`: its neighbour.
    pub fn other(&self, id: i32) -> i32 {
        id % BROKERS + 1
    }

    /// What one broker says of a topic.
    pub fn view(&self, broker: i32, topic: &str) -> Result<Cluster, String> {
        ask(&mut Link::open(broker, PATIENCE)?, topic)
    }

    /// Nobody ended by itself.
    pub fn check_alive(&mut self) {
        for host in &mut self.hosts {
            if let Some(status) = host.ended() {
                self.history.wrong(format!("broker {} ended by itself: {status}, see {}", host.id, host.dir.display()));
            }
        }
    }

    /// Lets a fault last.
    pub fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
        self.check_alive();
    }

    /// Everything works again: links, paused and dead brokers. Waits until every partition takes records (I9).
    pub fn heal(&mut self, limit: Duration) {
        self.note("heal");
        for id in 1..=BROKERS {
            let host = self.host(id);
            host.heal();
            if host.is_paused() {
                host.resume();
            }
            if !host.is_running() {
                self.start(id);
            }
        }
        self.recover(limit);
    }

    /// Waits until every partition has taken a record that it had not before.
    pub fn recover(&mut self, limit: Duration) {
        let since = Instant::now();
        let fresh = |partition| self.history.of(partition).fresh.is_some_and(|made| made > since);
        let recovered = until(HEAL_PATIENCE, || (0..PARTITIONS).all(fresh));
        let took = since.elapsed();
        self.slowest_recovery = self.slowest_recovery.max(took);
        if !recovered || took > limit {
            let silent: Vec<i32> = (0..PARTITIONS).filter(|partition| !fresh(*partition)).collect();
            self.history.wrong(format!("I9: writes resumed after {took:.1?}, at most {limit:?} (silent: {silent:?})"));
        }
        self.note(&format!("writes resumed after {took:.2?}"));
        self.check_alive();
    }

    /// Waits until every broker knows all replicas in sync.
    pub fn settle(&mut self) {
        let since = Instant::now();
        let mut state = String::new();
        let settled = until(HEAL_PATIENCE, || {
            (1..=BROKERS).all(|broker| {
                let view = self.view(broker, TOPIC);
                state = format!("broker {broker} says {view:?}");
                view.is_ok_and(|cluster| {
                    let parts = cluster.topics.get(TOPIC).map_or(&[][..], |topic| &topic.partitions);
                    parts.len() == PARTITIONS as usize && parts.iter().all(|part| part.isr.len() == 3)
                })
            })
        });
        if settled {
            self.note(&format!("all in sync after {:.2?}", since.elapsed()));
        } else {
            self.history.wrong(format!("replicas are not in sync after {HEAL_PATIENCE:?}: {state}"));
        }
    }

    /// Ends the run and judges it.
    pub fn close(mut self) -> Verdict {
        self.heal(HEAL_PATIENCE);
        self.settle();
        self.history.enough.store(true, Ordering::Relaxed);
        let foreign: Vec<_> =
            std::mem::take(&mut self.foreign).into_iter().map(|foreign| foreign.stop(&self.history)).collect();
        let groups_end = self.group_comes_to_the_end();
        self.history.over.store(true, Ordering::Relaxed);
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                self.history.wrong("a client panicked");
            }
        }
        if let Err(why) = groups_end {
            self.history.wrong(why);
        }
        let (mut acknowledged, mut lost) = (self.history.acknowledged(), 0);
        for partition in 0..PARTITIONS {
            lost += crate::verdict::judge(partition, &self.history);
        }
        for (kind, said) in &foreign {
            let (acked, gone) = foreign::judge(*kind, said, PARTITIONS, &self.history);
            self.note(&format!("{kind:?}: {acked} acknowledged, {gone} lost"));
            acknowledged += acked;
            lost += gone;
        }
        self.note("stop");
        self.check_alive();
        std::thread::scope(|scope| {
            for host in &mut self.hosts {
                let history = &self.history;
                scope.spawn(move || {
                    if let Err(why) = host.stop(Duration::from_secs(20)) {
                        history.wrong(why);
                    }
                });
            }
        });
        let disks: Vec<_> = self.hosts.iter().map(|host| host.dir.join("data")).collect();
        let disks: Vec<&Path> = disks.iter().map(AsRef::as_ref).collect();
        for partition in 0..PARTITIONS {
            for topic in foreign.iter().map(|(kind, _)| kind.topic()).chain([TOPIC]) {
                for wrong in disk::compare(&disks, topic, partition) {
                    self.history.wrong(wrong);
                }
            }
        }
        Verdict {
            acknowledged,
            lost,
            longest_gap: self.history.longest_gap(),
            slowest_recovery: self.slowest_recovery,
            wrong: self.history.wrongs(),
        }
    }

    /// Every partition has one owner, who commits its end (I10).
    fn group_comes_to_the_end(&self) -> Result<(), String> {
        let mut turn = 0;
        let mut state = String::new();
        let done = until(HEAL_PATIENCE, || {
            let ends: Option<Vec<i64>> = (0..PARTITIONS)
                .map(|partition| {
                    let mut link = Link::open(self.leader(partition), PATIENCE).ok()?;
                    reader::latest(&mut link, TOPIC, partition).ok()
                })
                .collect();
            let offsets = member::coordinator(member::GROUP, BROKERS, &mut turn)
                .and_then(|mut link| member::committed(&mut link, PARTITIONS, None));
            state = format!("committed {offsets:?}, ends {ends:?}");
            let owned = (0..PARTITIONS).all(|partition| self.history.of(partition).owner.is_some());
            owned && ends.is_some() && ends == offsets.ok()
        });
        if done { Ok(()) } else { Err(format!("I10: the group has not come to the end: {state}")) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Whoever still works meets nobody any more.
        self.history.over.store(true, Ordering::Relaxed);
        self.between = None;
    }
}
