//! Settings, each by its effect.

use crate::broker::{Broker, eventually};
use crate::client::{Client, batch, batch_at, fetch, frame, keyed_batch, produce};
use kq::api::describe_configs::{DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResource};
use kq::api::fetch::Fetch;
use kq::api::metadata::{Metadata, MetadataRequest, MetadataRequestTopic};
use kq::api::produce::Produce;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

/// Starts a broker with settings and hands it and a connection to `look`.
fn with(settings: &[&str], look: impl FnOnce(&Broker, &mut Client, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), settings);
    let mut client = broker.client();
    look(&broker, &mut client, dir.path());
}

/// Asks for a topic as a client does that means to use it: error code and number of partitions.
fn metadata(client: &mut Client, topic: &str) -> (i16, usize) {
    let topics = Some(vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }]);
    let request = MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() };
    client.call::<Metadata, _>(4, &request, |response| {
        (response.topics[0].error_code, response.topics[0].partitions.len())
    })
}

fn segments(dir: &Path, log: &str) -> usize {
    let names = std::fs::read_dir(dir.join("data").join(log)).unwrap();
    names.filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|ext| ext == "log")).count()
}

#[test]
fn topics_that_make_themselves() {
    with(&["num.partitions=5"], |_, client, _| {
        eventually("the topic is there", || metadata(client, "made") == (0, 5));
    });
    with(&["auto.create.topics.enable=false"], |_, client, _| {
        assert_eq!(metadata(client, "unmade"), (3, 0));
        assert_eq!(metadata(client, "unmade"), (3, 0));
    });
}

#[test]
fn who_and_where_the_broker_is() {
    let settings = ["broker.id=42", "advertised.listeners=PLAINTEXT://broker.example:1234"];
    let dir = tempfile::tempdir().unwrap();
    let mut command = crate::broker::command(dir.path(), &settings);
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    // The directory is marked while the start goes on: before anything in it changes, not before READY.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("READY PLAINTEXT://broker.example:1234 http="), "{line}");
    let meta = std::fs::read_to_string(dir.path().join("data/meta.properties")).unwrap();
    assert!(meta.contains("node.id=42\n"), "{meta}");
    with(&["broker.id=42"], |broker, client, _| {
        client.call::<Metadata, _>(4, &MetadataRequest::default(), |response| {
            let only = &response.brokers[0];
            assert_eq!((only.node_id, &*only.host, only.port), (42, "127.0.0.1", i32::from(broker.address.port())));
        });
    });
}

#[test]
fn sizes_and_times_of_segments() {
    with(&["log.segment.bytes=1048576", "log.index.interval.bytes=100"], |_, client, dir| {
        assert_eq!(client.create("t", 1, &[]), 0);
        for _ in 0..10 {
            assert_eq!(client.put("t", &[&"x".repeat(300_000)]).0, 0);
        }
        assert_eq!(segments(dir, "t-0"), 4);
        let index = dir.join("data/t-0/00000000000000000000.index");
        assert_eq!(std::fs::metadata(index).unwrap().len(), 16, "an entry for every batch but the first");
    });
    with(&["log.roll.ms=1000"], |_, client, dir| {
        assert_eq!(client.create("t", 1, &[]), 0);
        let now = 1_767_000_000_000;
        for seconds in [0, 0, 5, 5, 10] {
            assert_eq!(client.produce("t", 0, -1, &batch_at(now + seconds * 1000, &["v"])).0, 0);
        }
        assert_eq!(segments(dir, "t-0"), 3);
    });
}

#[test]
fn what_retention_takes_away() {
    let old = 1_600_000_000_000;
    let settings = ["log.retention.hours=1", "log.retention.check.interval.ms=300", "log.segment.delete.delay.ms=0"];
    with(&settings, |_, client, dir| {
        assert_eq!(client.create("t", 1, &[]), 0);
        assert_eq!(client.produce("t", 0, -1, &batch_at(old, &["old"])).0, 0);
        eventually("the old record is gone", || client.offset("t", 0, -2) == 1);
        assert_eq!(client.put("t", &["new"]), (0, 1));
        assert_eq!(client.read_all("t", 0), [(1, "new".into())]);
        eventually("its file is gone", || !dir.join("data/t-0/00000000000000000000.log").exists());
    });
    let settings = ["log.retention.bytes=2500000", "log.segment.bytes=1048576", "log.retention.check.interval.ms=300"];
    with(&settings, |broker, client, _| {
        assert_eq!(client.create("t", 1, &[]), 0);
        for _ in 0..20 {
            assert_eq!(client.put("t", &[&"x".repeat(500_000)]).0, 0);
        }
        let size = || broker.metric("kqd_log_size_bytes{topic=\"t\",partition=\"0\"}").unwrap();
        eventually("old segments are gone", || (2.5e6..4e6).contains(&size()));
        let left = client.read_all("t", 0).len() as i64;
        assert_eq!(left + client.offset("t", 0, -2), 20);
    });
}

#[test]
fn compaction_keeps_the_last_record_of_a_key() {
    with(&["log.retention.check.interval.ms=300", "log.cleaner.min.cleanable.ratio=0.01"], |broker, client, dir| {
        let configs = [("cleanup.policy", "compact"), ("segment.bytes", "1048576")];
        assert_eq!(client.create("t", 1, &configs), 0);
        let filler = "x".repeat(100_000);
        for n in 0..40 {
            let value = format!("{n} {filler}");
            let batch = keyed_batch(&format!("key {}", n % 4), &value);
            assert_eq!(client.produce("t", 0, -1, &batch).0, 0);
        }
        eventually("old values are gone", || client.read_all("t", 0).len() <= 16);
        let size = broker.metric("kqd_log_size_bytes{topic=\"t\",partition=\"0\"}").unwrap();
        assert!(size < 2e6, "{size}");
        let left = client.read_all("t", 0);
        assert!(left.len() >= 4);
        for (offset, value) in &left[left.len() - 4..] {
            assert!(value.starts_with(&format!("{offset} ")), "offsets never change");
        }
        eventually("the checkpoint says so", || {
            std::fs::read_to_string(dir.join("data/cleaner-offset-checkpoint")).is_ok_and(|text| text.contains("t 0 "))
        });
    });
}

#[test]
fn what_producers_may_do() {
    with(&["message.max.bytes=1000"], |_, client, _| {
        assert_eq!(client.create("t", 1, &[]), 0);
        assert_eq!(client.put("t", &[&"x".repeat(1000)]).0, 10, "MESSAGE_TOO_LARGE");
        assert_eq!(client.put("t", &[&"x".repeat(800)]).0, 0);
    });
    with(&["min.insync.replicas=2"], |_, client, _| {
        assert_eq!(client.create("t", 1, &[]), 0);
        // As in Kafka no more in-sync replicas are asked for than a partition has replicas: one, on one node.
        assert_eq!(client.put("t", &["v"]).0, 0);
        let mut configs = Vec::new();
        let resource = DescribeConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configuration_keys: Some(vec!["min.insync.replicas".into()]),
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        client.call::<DescribeConfigs, _>(1, &request, |response| {
            configs.extend(response.results[0].configs.iter().map(|c| c.value.as_deref().map(str::to_owned)));
        });
        assert_eq!(configs, [Some("2".to_owned())]);
    });
    with(&["log.message.timestamp.type=LogAppendTime"], |_, client, _| {
        assert_eq!(client.create("t", 1, &[]), 0);
        assert_eq!(client.produce("t", 0, -1, &batch_at(1, &["v"])).0, 0);
        let fetched = client.fetch("t", 0, 0, 1000, 0);
        let header = kq::record::batch::BatchHeader::peek(&fetched.bytes).unwrap();
        assert!(header.max_timestamp > 1_700_000_000_000, "{}", header.max_timestamp);
    });
    with(&["compression.type=gzip"], |_, client, _| {
        assert_eq!(client.create("t", 1, &[]), 0);
        assert_eq!(client.put("t", &[&"x".repeat(10_000)]).0, 0);
        let fetched = client.fetch("t", 0, 0, 100_000, 0);
        assert!(fetched.bytes.len() < 1000, "{}", fetched.bytes.len());
        assert_eq!(client.read_all("t", 0), [(0, "x".repeat(10_000))]);
    });
}

#[test]
fn when_acknowledged_means_on_disk() {
    let syncs = |broker: &Broker, dir: &Path| {
        broker.metric(&format!("kqd_fsync_seconds_count{{dir=\"{}\"}}", dir.join("data").display())).unwrap_or(0.0)
    };
    with(&[], |broker, client, dir| {
        assert_eq!(client.create("t", 1, &[]), 0);
        let before = syncs(broker, dir);
        for _ in 0..5 {
            assert_eq!(client.put("t", &["v"]).0, 0);
        }
        assert!(syncs(broker, dir) >= before + 5.0);
    });
    with(&["log.flush.interval.messages=9223372036854775807"], |broker, client, dir| {
        assert!(broker.notes().contains("acknowledged means in the page cache"), "{}", broker.notes());
        assert_eq!(client.create("t", 1, &[]), 0);
        let before = syncs(broker, dir);
        for _ in 0..5 {
            assert_eq!(client.put("t", &["v"]).0, 0);
        }
        // The folder of the new log goes to disk in a round of its own, which nobody waits for.
        assert!(syncs(broker, dir) <= before + 1.0, "the page cache is the promise");
    });
    with(&["log.flush.interval.messages=1000000", "log.flush.interval.ms=200"], |broker, client, dir| {
        assert_eq!(client.create("t", 1, &[]), 0);
        let before = syncs(broker, dir);
        assert_eq!(client.put("t", &["v"]).0, 0);
        eventually("time has it flushed", || syncs(broker, dir) > before);
    });
}

#[test]
fn socket_buffers_are_the_users_when_given() {
    // The listener's window is visible from outside: what is sent and not read stays with the sender.
    let accepted = |settings: &[&str]| {
        let mut bytes = 0;
        with(settings, |broker, client, _| {
            assert_eq!(client.create("t", 1, &[]), 0);
            let value = "x".repeat(900_000);
            for _ in 0..10 {
                assert_eq!(client.put("t", &[&value]).0, 0);
            }
            let before = broker.metric("kqd_bytes_out_total").unwrap();
            let mut deaf = broker.client();
            deaf.send::<Fetch>(6, &fetch("t", 0, 0, 9_000_000, 0)).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(500));
            bytes = (broker.metric("kqd_bytes_out_total").unwrap() - before) as u64;
        });
        bytes
    };
    let small = accepted(&["socket.send.buffer.bytes=20000"]);
    let tuned = accepted(&[]);
    assert!(small * 2 <= tuned, "{small} bytes with a small buffer, {tuned} with the kernel's");
}

/// Threads of the broker that carry this name.
fn threads(broker: &Broker, name: &str) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|comm| comm.trim() == name).count()
}

#[test]
fn threads_that_open_logs() {
    for wanted in [1, 3] {
        with(&[&format!("num.recovery.threads.per.data.dir={wanted}")], |broker, client, _| {
            assert_eq!(client.create("t", 60, &[]), 0);
            // They linger for a while when the work is done.
            assert_eq!(threads(broker, "kqd-open-0"), wanted);
        });
    }
}

#[test]
fn threads_that_wait_for_the_disk() {
    with(&["num.io.threads=1", "message.max.bytes=2000000"], |broker, client, dir| {
        assert_eq!(client.create("t", 6, &[]), 0);
        let batch = batch(&[&"x".repeat(1_500_000)]);
        for partition in 0..6 {
            assert_eq!(client.produce("t", partition, -1, &batch).0, 0);
            // What is synced may leave the page cache: the next reads are cold, and six of them come at once.
            let segment = dir.join(format!("data/t-{partition}/00000000000000000000.log"));
            let segment = std::fs::File::open(segment).unwrap();
            rustix::fs::fadvise(&segment, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
        let mut readers: Vec<Client> = (0..6).map(|_| broker.client()).collect();
        for (partition, reader) in (0..).zip(&mut readers) {
            reader.send::<Fetch>(6, &fetch("t", partition, 0, 1_600_000, 0)).unwrap();
        }
        readers.iter_mut().for_each(|reader| assert!(reader.receive().unwrap().len() > 1_500_000));
        assert!(broker.metric("kqd_cold_reads_total").unwrap() > 1.0, "the reads were not cold");
        assert_eq!(threads(broker, "kqd-read"), 1);
    });
}

#[test]
fn requests_that_are_taken_at_a_time() {
    // Frames that come together are appended together, but no more of them than may be queued.
    const FRAMES: i32 = 40;
    let writes = |settings: &[&str]| {
        let mut writes = 0.0;
        with(settings, |broker, client, _| {
            assert_eq!(client.create("t", 1, &[]), 0);
            let batch = batch(&["v"]);
            let frames = (1..=FRAMES).flat_map(|id| frame::<Produce>(7, &produce("t", 0, -1, &batch), id));
            let before = broker.metric("kqd_append_writes_total").unwrap();
            let mut stream = TcpStream::connect(broker.address).unwrap();
            stream.write_all(&frames.collect::<Vec<u8>>()).unwrap();
            let mut client = Client::new(stream);
            (0..FRAMES).for_each(|_| assert!(!client.receive().unwrap().is_empty()));
            writes = broker.metric("kqd_append_writes_total").unwrap() - before;
        });
        writes
    };
    assert_eq!(writes(&["queued.max.requests=1"]), f64::from(FRAMES));
    assert!(writes(&[]) < f64::from(FRAMES));
}
