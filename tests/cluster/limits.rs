//! Limits on connections, and what many of them cost.

use crate::broker::{Broker, eventually};
use crate::client::Client;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

#[test]
fn over_max_connections_one_waits_until_another_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["max.connections=2"]);
    let (mut first, mut second) = (broker.client(), broker.client());
    assert_eq!((first.create("a", 1, &[]), second.create("b", 1, &[])), (0, 0));
    let third = broker.connect();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut third = Client::new(third);
    third.send::<kq::api::api_versions::ApiVersions>(0, &Default::default()).unwrap();
    let waits = third.stream.read(&mut [0]).unwrap_err();
    assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    drop(first);
    third.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(third.receive().unwrap()[..4], [0, 0, 0, 1]);
    assert_eq!(second.create("c", 1, &[]), 0);
}

#[test]
fn over_max_connections_per_ip_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["max.connections.per.ip=2"]);
    let (mut first, mut second) = (broker.client(), broker.client());
    assert_eq!((first.create("a", 1, &[]), second.create("b", 1, &[])), (0, 0));
    assert!(broker.client().is_closed());
    drop(second);
    eventually("a place is free", || broker.metric("kqd_connections") == Some(1.0));
    assert_eq!(broker.client().create("c", 1, &[]), 0);
    assert!(broker.metric("kqd_connections_refused_total") >= Some(1.0));
    drop(broker);
    let overrides = ["max.connections.per.ip=0", "max.connections.per.ip.overrides=127.0.0.1:1"];
    let broker = Broker::start(dir.path(), &overrides);
    let mut only = broker.client();
    assert_eq!(only.create("d", 1, &[]), 0);
    assert!(broker.client().is_closed());
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["connections.max.idle.ms=1000"]);
    let mut waiting = broker.client();
    assert_eq!(waiting.create("t", 1, &[]), 0);
    let mut idle = broker.client();
    let began = Instant::now();
    // A fetch that the broker itself holds back for longer than that is no idleness.
    let waiting = std::thread::spawn(move || waiting.fetch("t", 0, 0, 1000, 3000).error);
    assert!(idle.is_closed());
    let lived = began.elapsed();
    assert!(lived > Duration::from_millis(900) && lived < Duration::from_secs(10), "{lived:?}");
    assert_eq!(waiting.join().unwrap(), 0);
}

#[test]
fn two_thousand_connections_cost_little_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    let (files, memory) = (broker.open_files(), broker.status("VmRSS"));
    assert!(memory < 24 * 1024, "{memory} KiB when idle");
    let count = (rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(4096) / 2).min(2000);
    for round in 0..3 {
        let mut clients: Vec<Client> = (0..count).map(|_| broker.client()).collect();
        for client in &mut clients {
            client.send::<kq::api::api_versions::ApiVersions>(0, &Default::default()).unwrap();
        }
        for client in &mut clients {
            client.receive().unwrap();
        }
        assert_eq!(broker.metric("kqd_connections"), Some(count as f64 + 1.0));
        let grown = broker.status("VmRSS").saturating_sub(memory);
        assert!(grown < 8 * 1024 + count * 2, "round {round}: {grown} KiB for {count} idle connections");
        drop(clients);
        eventually("all are gone", || broker.metric("kqd_connections") == Some(1.0));
        eventually("their files are closed", || broker.open_files() <= files + 2);
    }
    assert_eq!(client.put("t", &["still served"]).0, 0);
}
