//! What can be seen from outside: pages, notes, and how little an idle broker does.

use crate::broker::{Broker, eventually};
use std::io::Write;
use std::time::Duration;

#[test]
fn pages_tell_health_and_figures() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 2, &[]), 0);
    assert_eq!(client.put("t", &["abc"]).0, 0);
    assert_eq!(client.read_all("t", 0).len(), 1);
    assert_eq!(broker.page("/healthz"), ("HTTP/1.1 200 OK".into(), "alive\n".into()));
    assert_eq!(broker.page("/readyz"), ("HTTP/1.1 200 OK".into(), "ready\n".into()));
    assert_eq!(broker.page("/nothing").0, "HTTP/1.1 404 Not Found");
    for (series, least) in [
        ("kqd_requests_total{api=\"Produce\"}", 1.0),
        ("kqd_requests_total{api=\"Fetch\"}", 1.0),
        ("kqd_request_seconds_count{api=\"Produce\"}", 1.0),
        ("kqd_bytes_in_total", 100.0),
        ("kqd_bytes_out_total", 100.0),
        ("kqd_connections", 1.0),
        ("kqd_log_size_bytes{topic=\"t\",partition=\"0\"}", 70.0),
        ("kqd_log_end_offset{topic=\"t\",partition=\"0\"}", 1.0),
        ("kqd_log_size_bytes{topic=\"t\",partition=\"1\"}", 0.0),
        ("process_start_time_seconds", 1.7e9),
        ("kqd_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        let value = broker.metric(series);
        assert!(value >= Some(least), "{series} is {value:?}");
    }
    let data = dir.path().join("data");
    let syncs = format!("kqd_fsync_seconds_count{{dir=\"{}\"}}", data.display());
    assert!(broker.metric(&syncs) >= Some(1.0));
}

#[test]
fn server_log_is_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["server.log.max.bytes=65536", "server.log.files=2"]);
    let logs = dir.path().join("data-logs");
    for _ in 0..2000 {
        // Each leaves a line of some 150 bytes.
        broker.connect().write_all(&[255; 4]).unwrap();
    }
    let names = || {
        let entries = std::fs::read_dir(&logs).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    // Two old files and no third, also while another rotation is under way.
    eventually("old notes have moved on", || names() == ["server.log", "server.log.1", "server.log.2"]);
    eventually("all connections were seen", || broker.metric("kqd_protocol_errors_total") == Some(2000.0));
    let names = names();
    assert_eq!(names, ["server.log", "server.log.1", "server.log.2"]);
    for name in names {
        assert!(std::fs::metadata(logs.join(name)).unwrap().len() <= 65536);
    }
}

#[test]
fn an_idle_broker_sleeps() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    assert_eq!(broker.client().create("t", 1, &[]), 0);
    std::thread::sleep(Duration::from_millis(500));
    let before = broker.status("voluntary_ctxt_switches");
    std::thread::sleep(Duration::from_secs(2));
    let woken = broker.status("voluntary_ctxt_switches") - before;
    assert!(woken <= 4, "{woken} times woken in two idle seconds");
}
