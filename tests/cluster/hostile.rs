//! Peers that mean harm, or speak something else. None of them costs more than its own connection.

use crate::broker::{Broker, eventually};
use crate::client::{batch, closed, fetch, frame, produce};
use kq::api::fetch::Fetch;
use kq::api::produce::Produce;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn frames_of_impossible_length_end_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["socket.request.max.bytes=1000000"]);
    for (first, note) in [
        (&1_000_001i32.to_be_bytes(), "a request of 1000001 bytes is not allowed (socket.request.max.bytes = 1000000)"),
        (&(-1i32).to_be_bytes(), "a request of -1 bytes is not allowed"),
        (b"GET ", "this looks like HTTP; http.listener answers that"),
        (b"\x16\x03\x01\x02", "this looks like TLS; the listener is plaintext"),
    ] {
        let mut stream = broker.connect();
        stream.write_all(first).unwrap();
        assert!(closed(&mut stream), "{note}");
        broker.wait_for_note(note);
    }
    assert_eq!(broker.client().create("t", 1, &[]), 0);
}

#[test]
fn a_claimed_length_reserves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let before = broker.status("VmRSS");
    let mut streams: Vec<_> = (0..200).map(|_| broker.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&100_000_000i32.to_be_bytes()).unwrap();
        stream.write_all(&[0; 100]).unwrap();
    }
    eventually("all bytes are read", || broker.metric("kqd_bytes_in_total") == Some(200.0 * 104.0));
    // Each may hold its 64 KiB buffer, of which one page is touched; 200 claims of 100 MB would be 20 GB.
    let grown = broker.status("VmRSS").saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for 200 claims");
    drop(streams);
    eventually("they are gone", || broker.metric("kqd_connections") == Some(0.0));
}

#[test]
fn random_bytes_end_only_their_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(dir.path(), &[]);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let mut stream = broker.connect();
        let length = 8 + (random() % 200) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        // Every second one gets a good length and a real key, to reach the decoders.
        if round % 2 == 0 {
            let body = (length - 4) as u32;
            bytes[..4].copy_from_slice(&body.to_be_bytes());
            bytes[4] = 0;
            bytes[5] = (random() % 76) as u8;
            bytes[6] = 0;
            bytes[7] = (random() % 14) as u8;
        }
        // It may be closed before all is written.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(broker.is_running(), "{}", broker.notes());
    assert_eq!(broker.client().create("t", 1, &[]), 0);
}

#[test]
fn a_trickle_of_bytes_is_no_sign_of_life() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["connections.max.idle.ms=1500"]);
    let mut stream = broker.connect();
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    stream.write_all(&1000i32.to_be_bytes()).unwrap();
    let ended = loop {
        assert!(began.elapsed() < Duration::from_secs(15), "still open");
        if stream.write_all(&[0]).is_err() || matches!(stream.read(&mut [0]), Ok(0)) {
            break began.elapsed();
        }
    };
    assert!(ended >= Duration::from_millis(1400), "{ended:?}");
}

#[test]
fn replies_keep_their_order_whatever_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    // A fetch that waits, appends with and without an answer, all in one write: 200 frames, more than may be under way.
    let one = batch(&["v"]);
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    bytes.extend(frame::<Fetch>(6, &fetch("t", 0, 0, 1000, 1000), 0));
    expected.push(0);
    for id in 1..200 {
        let acks = [-1, 0, 1][id as usize % 3];
        bytes.extend(frame::<Produce>(7, &produce("t", 0, acks, &one), id));
        if acks != 0 {
            expected.push(id);
        }
    }
    client.stream.write_all(&bytes).unwrap();
    for id in expected {
        let frame = client.receive().unwrap();
        assert_eq!(frame[..4], i32::to_be_bytes(id));
    }
    assert_eq!(client.read_all("t", 0).len(), 199);
}

#[test]
fn a_client_that_never_reads_is_not_served_on_end() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    let value = "x".repeat(60_000);
    for _ in 0..20 {
        assert_eq!(client.put("t", &[&value]).0, 0);
    }
    let before = broker.status("VmRSS");
    let mut deaf = broker.connect();
    deaf.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let request = frame::<Fetch>(6, &fetch("t", 0, 0, 60_000, 0), 1);
    // Its requests stop being read once enough answers wait.
    let sent = (0..100_000).take_while(|_| deaf.write_all(&request).is_ok()).count();
    assert!(sent < 100_000, "every request was read");
    let grown = broker.status("VmRSS").saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB for a client that does not read");
    assert_eq!(client.put("t", &["others go on"]).0, 0);
}
