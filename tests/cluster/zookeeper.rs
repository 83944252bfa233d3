//! Three brokers around one real ZooKeeper (Debian's package): they form a cluster by themselves, controllers die, sleep and
//! wake, ZooKeeper itself is restarted, and nothing that was acknowledged is lost.

use crate::broker::{Broker, command, eventually, notes, refused};
use crate::client::{batch, fetch, frame, produce};
use kq::api::Api;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::api::describe_quorum::{DescribeQuorum, DescribeQuorumRequest, PartitionData, TopicData};
use kq::api::fetch::Fetch;
use kq::api::metadata::{Metadata, MetadataRequest};
use kq::api::produce::Produce;
use kq::record::batch::batches;
use kq::record::records;
use kq::wire::header::decode_response;
use kq::wire::{Message, Reader, Records};
use rustix::process::{Signal, kill_process};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const JAR: &str = "/usr/share/java/zookeeper.jar";
/// A controller that ZooKeeper does not hear for so long is replaced, in milliseconds.
const SESSION_MS: u64 = 1_500;
/// Whatever happens, the cluster works again within this.
const PATIENCE: Duration = Duration::from_secs(40);
const TOPIC: &str = "kept";

/// A ZooKeeper server.
struct ZooKeeper {
    child: Child,
    port: u16,
    dir: PathBuf,
}

impl ZooKeeper {
    fn start(dir: &Path) -> ZooKeeper {
        assert!(Path::new(JAR).exists(), "{JAR} is missing (hint: apt-get install zookeeper, as tests/run does)");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "tickTime=250\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n",
            dir.join("zookeeper").display()
        );
        std::fs::write(dir.join("zoo.cfg"), config).unwrap();
        let zookeeper = ZooKeeper { child: run(dir), port, dir: dir.to_owned() };
        zookeeper.wait();
        zookeeper
    }

    fn connect(&self) -> String {
        format!("zookeeper.connect=127.0.0.1:{}/kq/test", self.port)
    }

    fn wait(&self) {
        eventually("ZooKeeper answers", || {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
            // One that is still starting may take the question and never answer.
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut answer = String::new();
            stream.write_all(b"srvr").is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains("Mode:")
        });
    }

    /// kill -9, and another start after a while.
    fn restart(&mut self, down: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::thread::sleep(down);
        self.child = run(&self.dir);
        self.wait();
    }
}

fn run(dir: &Path) -> Child {
    let mut command = Command::new("java");
    command.args(["-Xmx128m", "-cp", JAR, "org.apache.zookeeper.server.quorum.QuorumPeerMain"]);
    command.arg(dir.join("zoo.cfg")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("java runs ZooKeeper")
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The brokers, by id from 1 on.
struct Cluster {
    connect: String,
    dir: PathBuf,
    brokers: Vec<Option<Broker>>,
    /// One that is stopped by a signal, and is not asked.
    asleep: Option<usize>,
    /// Records that were acknowledged.
    acked: BTreeSet<String>,
    sent: u32,
}

impl Cluster {
    fn new(dir: &Path, connect: String) -> Cluster {
        let mut cluster = Cluster {
            connect,
            dir: dir.to_owned(),
            brokers: vec![None, None, None],
            asleep: None,
            acked: BTreeSet::new(),
            sent: 0,
        };
        (1..=3).for_each(|id| cluster.start(id));
        cluster
    }

    fn start(&mut self, id: usize) {
        let dir = self.dir.join(format!("node-{id}"));
        let (id_line, session) = (format!("node.id={id}"), format!("zookeeper.session.timeout.ms={SESSION_MS}"));
        let patience = "zookeeper.connection.timeout.ms=20000";
        let replicas = "min.insync.replicas=2";
        let settings = [&id_line, &self.connect, &session, patience, replicas, "broker.session.timeout.ms=4000"];
        let broker = Broker::run(command(&dir, &settings), &dir);
        self.brokers[id - 1] = Some(broker);
    }

    fn kill(&mut self, id: usize) {
        self.brokers[id - 1].take().unwrap().kill();
    }

    fn broker(&self, id: usize) -> &Broker {
        self.brokers[id - 1].as_ref().unwrap()
    }

    fn addresses(&self) -> Vec<(usize, SocketAddr)> {
        let all = self.brokers.iter().enumerate().filter(|(at, _)| self.is_awake(at + 1));
        all.filter_map(|(at, broker)| Some((at + 1, broker.as_ref()?.address))).collect()
    }

    fn is_awake(&self, id: usize) -> bool {
        self.asleep != Some(id) && self.brokers[id - 1].is_some()
    }

    /// Who says to be the controller, as the others know it, leaving one out.
    fn controller(&self, but: Option<usize>) -> Option<usize> {
        let topics = vec![TopicData {
            topic_name: "__cluster_metadata".into(),
            partitions: vec![PartitionData { partition_index: 0 }],
        }];
        let request = DescribeQuorumRequest { topics };
        let asked = self.addresses().into_iter().filter(|(id, _)| Some(*id) != but);
        let leaders: Vec<i32> = asked
            .filter_map(|(_, address)| {
                ask::<DescribeQuorum, _>(address, 2, &request, |response| {
                    let words = response.error_message.as_deref().unwrap_or_default();
                    assert!(words.contains("The metadata are in ZooKeeper at 127.0.0.1:"), "{words}");
                    response.topics[0].partitions[0].leader_id
                })
            })
            .collect();
        let first = usize::try_from(*leaders.first()?).ok().filter(|id| *id > 0)?;
        (Some(first) != but && leaders.iter().all(|id| *id == leaders[0])).then_some(first)
    }

    fn wait_for_controller(&self, but: Option<usize>) -> usize {
        let mut found = None;
        patiently("a controller", || {
            found = self.controller(but);
            found.is_some()
        });
        found.unwrap()
    }

    /// How many brokers serve, as one of them says.
    fn serving(&self, asked: usize) -> usize {
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        ask::<Metadata, _>(self.broker(asked).address, 9, &request, |response| response.brokers.len()).unwrap_or(0)
    }

    fn create(&self, asked: usize, name: &str) {
        let topic =
            CreatableTopic { name: name.into(), num_partitions: 2, replication_factor: 3, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        patiently(&format!("topic {name}"), || {
            let code = ask::<CreateTopics, _>(self.broker(asked).address, 4, &request, |response| {
                response.topics[0].error_code
            });
            // It may be there already though its answer was lost.
            matches!(code, Some(0 | 36))
        });
    }

    /// Who leads a partition, and how many are in sync, as anybody who runs says.
    fn leader(&self, partition: i32) -> Option<(usize, usize)> {
        let request = MetadataRequest { topics: None, ..Default::default() };
        self.addresses().into_iter().find_map(|(_, address)| {
            let (leader, isr) = ask::<Metadata, _>(address, 9, &request, |response| {
                let topic = response.topics.iter().find(|topic| topic.name.as_deref() == Some(TOPIC))?;
                let found = topic.partitions.iter().find(|found| found.partition_index == partition)?;
                Some((found.leader_id, found.isr_nodes.len()))
            })??;
            Some((usize::try_from(leader).ok().filter(|id| self.is_awake(*id))?, isr))
        })
    }

    /// Appends records until so many more are acknowledged.
    fn put(&mut self, more: usize) {
        let wanted = self.acked.len() + more;
        let deadline = Instant::now() + PATIENCE;
        while self.acked.len() < wanted {
            assert!(Instant::now() < deadline, "only {} of {wanted} records were acknowledged", self.acked.len());
            self.sent += 1;
            let (value, partition) = (format!("record {}", self.sent), i32::try_from(self.sent % 2).unwrap());
            let Some((leader, _)) = self.leader(partition) else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let bytes = batch(&[&value]);
            let request = produce(TOPIC, partition, -1, &bytes);
            let code = ask::<Produce, _>(self.broker(leader).address, 7, &request, |response| {
                response.responses[0].partition_responses[0].error_code
            });
            match code {
                Some(0) => {
                    self.acked.insert(value);
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Every record that can be read.
    fn read(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for partition in 0..2 {
            let mut offset = 0;
            let deadline = Instant::now() + PATIENCE;
            loop {
                assert!(Instant::now() < deadline, "partition {partition} cannot be read beyond {offset}");
                let Some((leader, _)) = self.leader(partition) else { continue };
                let request = fetch(TOPIC, partition, offset, 8 << 20, 0);
                let found = ask::<Fetch, _>(self.broker(leader).address, 6, &request, |response| {
                    let found = &response.responses[0].partitions[0];
                    let bytes = match &found.records {
                        Some(Records::Bytes(bytes)) => bytes.to_vec(),
                        _ => Vec::new(),
                    };
                    (found.error_code, found.high_watermark, bytes)
                });
                let Some((0, high_watermark, bytes)) = found else { continue };
                for found in batches(&bytes) {
                    let Ok((header, bytes)) = found else { break };
                    for record in &records::decode(bytes, 1 << 30).unwrap() {
                        all.insert(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
                    }
                    offset = header.base_offset + i64::from(header.last_offset_delta) + 1;
                }
                if offset >= high_watermark {
                    break;
                }
            }
        }
        all
    }

    fn check(&self) {
        let read = self.read();
        let lost: Vec<&String> = self.acked.difference(&read).collect();
        assert!(lost.is_empty(), "{} of {} acknowledged records are lost: {lost:?}", lost.len(), self.acked.len());
    }
}

/// Sends one request and reads its answer; `None` where that does not work out.
fn ask<A: Api, T>(
    address: SocketAddr,
    version: i16,
    request: &A::Request<'_>,
    look: impl FnOnce(&A::Response<'_>) -> T,
) -> Option<T> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
    stream.write_all(&frame::<A>(version, request, 7)).ok()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(length)).ok()?];
    stream.read_exact(&mut bytes).ok()?;
    let mut reader = Reader::new(&bytes);
    let flexible = version >= <A::Response<'_> as Message<'_>>::FLEXIBLE_FROM;
    assert_eq!(decode_response(&mut reader, A::KEY, flexible), Ok(7));
    Some(look(&<A::Response<'_> as Message<'_>>::read(&bytes[reader.position()..], version).unwrap()))
}

fn patiently(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn brokers_of_one_ensemble_are_a_cluster_that_outlives_its_controllers() {
    let dir = tempfile::tempdir().unwrap();
    let mut zookeeper = ZooKeeper::start(dir.path());
    let mut cluster = Cluster::new(dir.path(), zookeeper.connect());
    patiently("three brokers", || (1..=3).all(|id| cluster.serving(id) == 3));
    let first = cluster.wait_for_controller(None);
    // Any broker takes what is for the controller.
    let other = first % 3 + 1;
    cluster.create(other, TOPIC);
    cluster.put(20);

    // The controller dies.
    cluster.kill(first);
    cluster.put(20);
    let second = cluster.wait_for_controller(Some(first));
    assert_ne!(second, first);
    cluster.start(first);
    patiently("three brokers again", || cluster.serving(second) == 3);
    cluster.create(first, "made-later");

    // ZooKeeper is away for longer than a session.
    zookeeper.restart(Duration::from_millis(2 * SESSION_MS));
    cluster.put(20);
    let third = cluster.wait_for_controller(None);
    cluster.create(third % 3 + 1, "made-after-zookeeper");

    // The controller sleeps for longer than its session, wakes, and is no controller any more.
    let pid = cluster.broker(third).pid();
    kill_process(pid, Signal::STOP).unwrap();
    cluster.asleep = Some(third);
    let fourth = cluster.wait_for_controller(Some(third));
    cluster.put(20);
    kill_process(pid, Signal::CONT).unwrap();
    cluster.asleep = None;
    patiently("all know the new controller", || cluster.controller(None) == Some(fourth));
    patiently("three brokers once more", || (1..=3).all(|id| cluster.serving(id) == 3));
    cluster.create(third, "made-at-last");
    cluster.put(20);
    patiently("all replicas are in sync", || (0..2).all(|at| cluster.leader(at).is_some_and(|(_, isr)| isr == 3)));
    cluster.check();

    // A stop in good order gives the controllership up at once, and everything is there after a restart of all.
    let notes_of = |cluster: &Cluster, id: usize| notes(&cluster.dir.join(format!("node-{id}")));
    assert!(notes_of(&cluster, fourth).contains("this node is the controller, epoch"));
    let stopped = Instant::now();
    assert_eq!(cluster.brokers[fourth - 1].take().unwrap().stop(), Some(0));
    cluster.wait_for_controller(Some(fourth));
    assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());
    for id in (1..=3).filter(|id| *id != fourth) {
        assert_eq!(cluster.brokers[id - 1].take().unwrap().stop(), Some(0));
    }
    (1..=3).for_each(|id| cluster.start(id));
    patiently("three brokers after all", || (1..=3).all(|id| cluster.serving(id) == 3));
    cluster.put(10);
    cluster.check();
}

#[test]
fn directories_and_ensembles_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let zookeeper = ZooKeeper::start(dir.path());
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let connect = zookeeper.connect();
    assert_eq!(Broker::run(command(&one, &["node.id=1", &connect]), &one).stop(), Some(0));
    // Not without the ensemble.
    let (code, why) = refused(command(&one, &["node.id=1"]));
    assert!(code == Some(1) && why.contains("zookeeper.connect is missing"), "{why}");
    // Nor with another part of it.
    let elsewhere = format!("zookeeper.connect=127.0.0.1:{}/other", zookeeper.port);
    let (code, why) = refused(command(&one, &["node.id=1", &elsewhere]));
    assert!(code == Some(1) && why.contains("keeps no cluster there"), "{why}");
    // Nor does a node with metadata of its own move there.
    assert_eq!(Broker::run(command(&two, &["node.id=2"]), &two).stop(), Some(0));
    let (code, why) = refused(command(&two, &["node.id=2", &connect]));
    assert!(code == Some(1) && why.contains("belong to another one"), "{why}");
    let nobody = ["node.id=3", "zookeeper.connect=127.0.0.1:1", "zookeeper.connection.timeout.ms=300"];
    let (code, why) = refused(command(&dir.path().join("three"), &nobody));
    assert!(code == Some(1) && why.contains("does not answer within 300 ms"), "{why}");
    assert_eq!(Broker::run(command(&one, &["node.id=1", &connect]), &one).stop(), Some(0));
}
