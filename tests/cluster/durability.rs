//! Acknowledged means there: after kill -9, after a full disk, after both at once.

use crate::broker::{Broker, eventually};
use crate::client::{Client, batch, produce};
use kq::api::produce::{Produce, ProduceResponse};
use kq::wire::Message;
use rustix::process::{Resource, Rlimit, prlimit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What was acknowledged: partition and offset to value.
type Acked = Arc<Mutex<BTreeMap<(i32, i64), String>>>;

fn produce_until_it_breaks(mut client: Client, worker: usize, acked: &Acked, count: &AtomicUsize) {
    const IN_FLIGHT: usize = 5;
    let mut waiting = std::collections::VecDeque::new();
    for n in 0.. {
        let (partition, value) =
            ((worker + n) as i32 % 4, format!("worker {worker} record {n} {}", "x".repeat(12_000)));
        if client.send::<Produce>(7, &produce("t", partition, -1, &batch(&[&value]))).is_err() {
            return;
        }
        waiting.push_back((partition, value));
        if waiting.len() < IN_FLIGHT {
            continue;
        }
        let Ok(frame) = client.receive() else { return };
        let answer = ProduceResponse::read(&frame[4..], 7).unwrap();
        let answer = &answer.responses[0].partition_responses[0];
        let (partition, value) = waiting.pop_front().unwrap();
        assert_eq!(answer.error_code, 0);
        let before = acked.lock().unwrap().insert((partition, answer.base_offset), value);
        assert_eq!(before, None, "one offset for two records");
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_acknowledged_record_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let acked = Acked::default();
    for round in 0..3 {
        // Small segments: the cut meets freshly rolled ones too.
        let broker = Broker::start(dir.path(), &["log.segment.bytes=1048576"]);
        if round == 0 {
            assert_eq!(broker.client().create("t", 4, &[]), 0);
        }
        let count = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (client, acked, count) = (broker.client(), Arc::clone(&acked), Arc::clone(&count));
                std::thread::spawn(move || produce_until_it_breaks(client, worker, &acked, &count))
            })
            .collect();
        eventually("500 records are acknowledged", || count.load(Ordering::Relaxed) >= 500);
        broker.kill();
        for worker in workers {
            worker.join().unwrap();
        }
        let broker = Broker::start(dir.path(), &["log.segment.bytes=1048576"]);
        assert!(broker.notes().contains("not cleanly stopped: they are checked now"), "{}", broker.notes());
        let mut client = broker.client();
        let mut found = BTreeMap::new();
        for partition in 0..4 {
            let records = client.read_all("t", partition);
            let offsets: Vec<i64> = records.iter().map(|(offset, _)| *offset).collect();
            assert_eq!(offsets, (0..offsets.len() as i64).collect::<Vec<_>>(), "offsets are dense");
            found.extend(records.into_iter().map(|(offset, value)| ((partition, offset), value)));
        }
        for (place, value) in acked.lock().unwrap().iter() {
            assert!(found.get(place) == Some(value), "round {round}: what was acknowledged at {place:?} is not there");
        }
        broker.kill();
    }
}

#[test]
fn a_full_disk_refuses_appends_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    // Files of at most 1 MiB (ulimit counts in units of 512 bytes): further writes fail as they do on a full disk.
    let mut broker = Broker::start_limited(dir.path(), &[], "-S -f 2048");
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    assert_eq!(client.create("other", 1, &[]), 0);
    let value = "x".repeat(100_000);
    let mut kept = 0;
    let refused = loop {
        match client.put("t", &[&value]) {
            (0, offset) => {
                assert_eq!(offset, kept);
                kept += 1;
                assert!(kept < 100, "the limit was never met");
            }
            (error, _) => break error,
        }
    };
    assert_eq!(refused, 56, "KAFKA_STORAGE_ERROR");
    assert!(kept >= 9, "{kept}");
    assert!(broker.is_running());
    broker.wait_for_note("cannot write ");
    // What was acknowledged can still be read, other partitions still be written.
    assert_eq!(client.put("other", &["small"]), (0, 0));
    eventually("the partition reads again", || client.fetch("t", 0, 0, 1000, 0).error == 0);
    assert_eq!(client.read_all("t", 0).len() as i64, kept);
    assert_eq!(broker.page("/readyz").0, "HTTP/1.1 200 OK");
    // Room again, without a restart.
    let limit = Rlimit { current: None, maximum: None };
    prlimit(Some(broker.pid()), Resource::Fsize, limit).unwrap();
    eventually("an append goes through again", || client.put("t", &[&value]).0 == 0);
    let records = client.read_all("t", 0);
    assert_eq!(records.len() as i64, kept + 1);
    assert!(records.iter().all(|(_, read)| *read == value));
    assert_eq!(broker.stop(), Some(0));
    let broker = Broker::start(dir.path(), &[]);
    assert_eq!(broker.client().read_all("t", 0).len() as i64, kept + 1);
}

#[test]
fn large_batches_come_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["message.max.bytes=9000000"]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    let values: Vec<String> = (0..6).map(|i| i.to_string().repeat(1_500_000 + i)).collect();
    for (i, value) in values.iter().enumerate() {
        assert_eq!(client.put("t", &[value]), (0, i as i64));
    }
    let read: Vec<String> = client.read_all("t", 0).into_iter().map(|(_, value)| value).collect();
    assert!(read == values);
    // Again from the disk: what is synced may be dropped from the page cache.
    assert_eq!(broker.stop(), Some(0));
    let segment = std::fs::File::open(dir.path().join("data/t-0/00000000000000000000.log")).unwrap();
    rustix::fs::fadvise(&segment, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let read: Vec<String> = broker.client().read_all("t", 0).into_iter().map(|(_, value)| value).collect();
    assert!(read == values);
}

#[test]
fn a_topic_made_again_inherits_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    for round in 0..3 {
        assert_eq!(client.create("t", 1, &[]), 0, "round {round}");
        for n in 0..20 {
            assert_eq!(client.put("t", &["old"]), (0, n));
        }
        assert_eq!(client.trim("t", 15), (0, 15));
        assert_eq!(client.offset("t", 0, -2), 15);
        assert_eq!(client.delete("t"), 0);
    }
    assert_eq!(client.create("t", 1, &[]), 0);
    for n in 0..3 {
        assert_eq!(client.put("t", &[&format!("new {n}")]), (0, n));
    }
    // A start at 15 left behind in a checkpoint would empty the new log here.
    broker.kill();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    let expected: Vec<(i64, String)> = (0..3).map(|n| (n, format!("new {n}"))).collect();
    assert_eq!(client.read_all("t", 0), expected);
    let left: Vec<_> = std::fs::read_dir(dir.path().join("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.iter().filter(|name| name.to_string_lossy().starts_with("t-0")).count(), 1, "{left:?}");
}

#[test]
fn a_start_that_a_client_moved_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    for n in 0..10 {
        assert_eq!(client.put("t", &[&n.to_string()]), (0, n));
    }
    assert_eq!(client.trim("t", 7), (0, 7));
    broker.kill();
    let broker = Broker::start(dir.path(), &[]);
    let left: Vec<i64> = broker.client().read_all("t", 0).into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(left, [7, 8, 9]);
}

/// A crash between the moves of a deleted log's folder and of its entry in the checkpoint leaves this behind.
#[test]
fn a_start_of_an_earlier_topic_of_the_name_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Broker::start(dir.path(), &[]).stop(), Some(0));
    let checkpoint = dir.path().join("data/log-start-offset-checkpoint");
    std::fs::write(&checkpoint, "0\n1\nt 0 7\n").unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    assert_eq!(client.put("t", &["a"]), (0, 0));
    eventually("the checkpoint forgets the earlier topic", || {
        !std::fs::read_to_string(&checkpoint).unwrap().contains("t 0 7")
    });
    broker.kill();
    let broker = Broker::start(dir.path(), &[]);
    assert_eq!(broker.client().read_all("t", 0), [(0, "a".to_owned())]);
}

#[test]
fn several_directories_share_the_logs() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = ["data", "b/c", "d"].map(|name| dir.path().join(name).display().to_string());
    let setting = format!("log.dirs={}", dirs.join(","));
    let broker = Broker::start(dir.path(), &[&setting]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 8, &[]), 0);
    for partition in 0..8 {
        assert_eq!(client.produce("t", partition, -1, &batch(&["v"])), (0, 0));
    }
    let logs = |dir: &String| {
        let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("t-")).count()
    };
    let counts = dirs.each_ref().map(logs);
    assert_eq!(counts.iter().sum::<usize>(), 8);
    assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
    broker.kill();
    let broker = Broker::start(dir.path(), &[&setting]);
    let mut client = broker.client();
    for partition in 0..8 {
        assert_eq!(client.read_all("t", partition), [(0, "v".to_owned())]);
    }
    assert_eq!(dirs.each_ref().map(logs), counts);
}
