//! Starting, stopping, and not starting.

use crate::broker::{Broker, command, notes, refused};
use rustix::process::{Signal, kill_process};
use std::net::TcpListener;

#[test]
fn a_clean_stop_and_a_start_keep_everything() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["num.partitions=2"]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]), 0);
    assert_eq!(client.put("t", &["a", "b"]), (0, 0));
    assert_eq!(client.put("t", &["c"]), (0, 2));
    assert_eq!(broker.stop(), Some(0));
    let data = dir.path().join("data");
    assert!(data.join(".kafka_cleanshutdown").exists());
    let points = std::fs::read_to_string(data.join("recovery-point-offset-checkpoint")).unwrap();
    assert!(points.contains("t 0 3\n"), "{points}");

    let broker = Broker::start(dir.path(), &[]);
    assert!(!data.join(".kafka_cleanshutdown").exists());
    let mut client = broker.client();
    assert_eq!(client.read_all("t", 0), [(0, "a".into()), (1, "b".into()), (2, "c".into())]);
    assert_eq!(client.put("t", &["d"]), (0, 3));
    assert_eq!(broker.stop(), Some(0));
    let notes = notes(dir.path());
    for text in [
        "kqd 0.1.0 is starting: node 1, cluster ",
        &format!("data is in {}: no logs yet", data.display()),
        &format!("data is in {}: 2 logs, cleanly stopped", data.display()),
        "acknowledged means on disk (log.flush.interval.messages = 1",
        "serving clients at PLAINTEXT://127.0.0.1:",
        "stopped cleanly",
    ] {
        assert!(notes.contains(text), "'{text}' is missing in\n{notes}");
    }
}

#[test]
fn a_second_broker_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let (code, why) = refused(command(dir.path(), &[]));
    assert_eq!(code, Some(1));
    let data = dir.path().join("data");
    let expected =
        format!("kqd: the log directory {} is in use by another process (pid {})\n", data.display(), broker.pid());
    assert_eq!(why, expected);
    assert_eq!(broker.client().create("still-there", 1, &[]), 0);
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (code, why) = refused(command(dir.path(), &[&format!("listeners=PLAINTEXT://127.0.0.1:{port}")]));
    assert_eq!(code, Some(1));
    let expected = format!("kqd: cannot listen on 127.0.0.1:{port}: port {port} is in use by pid ");
    assert!(why.starts_with(&expected) && why.lines().count() == 1, "{why}");
    let (code, why) = refused(command(dir.path(), &[&format!("http.listener=127.0.0.1:{port}")]));
    assert_eq!(code, Some(1));
    assert!(why.starts_with("kqd: http.listener: cannot listen on "), "{why}");
}

#[test]
fn what_cannot_be_used_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let (code, why) = refused(command(dir.path(), &["num.partitons=3"]));
    assert_eq!(
        (code, why.as_str()),
        (Some(2), "kqd: --override: unknown setting num.partitons (hint: did you mean num.partitions?)\n")
    );
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, why) = refused(command(dir.path(), &[&format!("log.dirs={}/data", file.display())]));
    assert_eq!(code, Some(1));
    assert!(why.starts_with(&format!("kqd: cannot make the log directory {}/data: ", file.display())), "{why}");
    let (code, why) = refused(command(dir.path(), &["num.partitions=many"]));
    assert_eq!(code, Some(2));
    assert_eq!(why.lines().count(), 1, "{why}");
}

#[test]
fn a_directory_of_another_node_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Broker::start(dir.path(), &["node.id=7"]).stop(), Some(0));
    let (code, why) = refused(command(dir.path(), &["node.id=8"]));
    assert_eq!(code, Some(1));
    assert!(why.contains("belongs to node 7, but node.id is 8 (hint: set node.id = 7)"), "{why}");
}

#[test]
fn a_server_properties_file_of_kafkas_starts_it_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.properties");
    let text = format!(
        "# as Kafka ships it, but for the paths and the port\n\
         process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://localhost:0,CONTROLLER://localhost:0\ninter.broker.listener.name=PLAINTEXT\n\
         controller.listener.names=CONTROLLER\nnum.network.threads=3\nnum.io.threads=8\n\
         socket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n\
         num.partitions=1\nnum.recovery.threads.per.data.dir=2\noffsets.topic.replication.factor=1\n\
         log.retention.hours=168\nlog.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n\
         log.dirs={0}/data\n",
        dir.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kqd"));
    command.arg(&file).args(["--override", "http.listener=127.0.0.1:0", "--ready"]);
    let broker = Broker::run(command, dir.path());
    assert_eq!(broker.client().create("t", 1, &[]), 0);
    assert!(broker.notes().contains("controller.quorum.bootstrap.servers is accepted"), "{}", broker.notes());
    assert_eq!(broker.stop(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    broker.client().create("t", 1, &[]);
    let pid = broker.pid();
    kill_process(pid, Signal::TERM).unwrap();
    // The process may be gone already: then there was nothing left to cut short.
    let _ = kill_process(pid, Signal::INT);
    let code = broker.wait();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
}

#[test]
fn listening_on_localhost_answers_both_families() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &["listeners=PLAINTEXT://localhost:0"]);
    assert!(broker.ready_line.starts_with("READY PLAINTEXT://localhost:"), "{}", broker.ready_line);
    assert_eq!(broker.client().create("t", 1, &[]), 0);
    // A machine without IPv6 has nothing to answer there.
    if TcpListener::bind("[::1]:0").is_ok() {
        std::net::TcpStream::connect(("::1", broker.address.port())).unwrap();
    }
}
