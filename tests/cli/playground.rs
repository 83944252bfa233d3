//! The first minute: a broker, a topic, three lines to try, a clean end.

use crate::screen::{kq, scratch};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a playground and reads what it says until it is ready; returns the lines that follow "Try".
fn start(home: &str, args: &[&str]) -> (Child, Vec<String>) {
    let mut command = kq(home);
    command.arg("playground").args(args).env("TMPDIR", scratch(home).join("tmp"));
    std::fs::create_dir_all(scratch(home).join("tmp")).unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok) {
        let last = line.starts_with("Ctrl-C");
        lines.push(line);
        if last {
            break;
        }
    }
    (child, lines)
}

fn interrupt(mut child: Child) -> (Option<i32>, String) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut story = String::new();
    child.stderr.take().unwrap().read_to_string(&mut story).unwrap();
    (child.wait().unwrap().code(), story)
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn the_lines_it_prints_work_and_nothing_is_left() {
    let home = "playground";
    let _ = std::fs::remove_dir_all(scratch(home));
    let (child, lines) = start(home, &[]);
    let commands: Vec<&String> = lines.iter().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(commands.len(), 3, "{lines:?}");
    let mut words = commands[0].split_whitespace().skip(1);
    let output = kq(home).args(words.by_ref()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Its profile is in use while it runs.
    let output = kq(home).args(["topic", "list", "-o", "tsv"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert_eq!(interrupt(child), (Some(0), "stopping\n".into()));
    assert!(is_empty(&scratch(home).join("tmp")), "the data is removed");
    let output = kq(home).args(["profile", "list", "-o", "tsv"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn a_data_dir_is_kept() {
    let home = "playground-kept";
    let _ = std::fs::remove_dir_all(scratch(home));
    let data = scratch(home).join("data");
    let dir = data.display().to_string();
    for round in ["first", "second"] {
        let (child, lines) = start(home, &["--data-dir", &dir, "--topic", round]);
        assert!(lines[0].contains("kept"), "{lines:?}");
        let output = kq(home).args(["topic", "list", "-o", "tsv"]).output().unwrap();
        let topics = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(topics.contains("first\t3\t1") && topics.contains(round), "{topics}");
        assert_eq!(interrupt(child).0, Some(0));
    }
    assert!(data.exists());
}

#[test]
fn a_broker_that_cannot_start_says_why() {
    let home = "playground-bad";
    let mut command = kq(home);
    let output = command.args(["playground", "--override", "log.retention.hours=soon"]).output().unwrap();
    let story = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(story.starts_with("error: the broker did not start: exit status: 2\n"), "{story}");
    assert!(story.contains("log.retention.hours"), "{story}");
}

#[test]
fn a_broker_that_dies_is_told() {
    let home = "playground-killed";
    let _ = std::fs::remove_dir_all(scratch(home));
    let (mut child, lines) = start(home, &[]);
    assert!(lines[0].starts_with("A broker is ready"), "{lines:?}");
    let id = child.id();
    let daemon = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    assert!(Command::new("kill").args(["-KILL", daemon.trim()]).status().unwrap().success());
    let mut story = String::new();
    child.stderr.take().unwrap().read_to_string(&mut story).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(story.starts_with("error: the broker ended: signal: 9 (SIGKILL)\n"), "{story}");
    assert!(is_empty(&scratch(home).join("tmp")), "the data is removed");
}

fn run(home: &str, line: &str) -> String {
    let output = kq(home).args(line.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn put(home: &str, topic: &str, records: std::ops::Range<u32>) {
    let mut command = kq(home);
    command.args(["console-producer", "--topic", topic, "-q"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text: String = records.map(|record| format!("{record}\n")).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Id, state, and replicas that are out of sync, of every broker; waits until it is as wanted.
fn brokers_are(home: &str, wanted: &[(&str, &str, &str)]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let list = run(home, "broker list -o tsv");
        let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
        let seen: Vec<(&str, &str, &str)> = rows.iter().map(|row| (row[0], row[7], row[6])).collect();
        if seen == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{wanted:?} wanted: {list}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn three_brokers_of_which_one_goes_and_comes_back() {
    let home = "playground-three";
    let _ = std::fs::remove_dir_all(scratch(home));
    let (child, lines) = start(home, &["-n", "3"]);
    assert!(lines[0].starts_with("3 brokers are ready on 127.0.0.1:"), "{lines:?}");
    assert!(run(home, "topic create orders -p 6 --wait").contains("orders  6           3                   created\n"));
    brokers_are(home, &[("1", "up", "0"), ("2", "up", "0"), ("3", "up", "0")]);
    put(home, "orders", 0..100);
    let quorum: serde_json::Value = serde_json::from_str(&run(home, "quorum status -o json")).unwrap();
    let roles: Vec<&str> =
        quorum["data"]["members"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles.len(), 3);
    assert_eq!(roles.iter().filter(|role| **role == "leader").count(), 1, "{quorum}");

    assert!(run(home, "playground kill 2").starts_with("broker 2 is killed (process "));
    brokers_are(home, &[("1", "up", "0"), ("2", "fenced", "9"), ("3", "up", "0")]);
    put(home, "orders", 100..200);
    let output = kq(home).args(["playground", "kill", "2"]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: broker 2 does not run\n  hint:  kq playground restart 2 starts it\n"
    );
    assert!(run(home, "playground restart 2").starts_with("broker 2 is ready on 127.0.0.1:"));
    brokers_are(home, &[("1", "up", "0"), ("2", "up", "0"), ("3", "up", "0")]);
    let read = run(home, "console-consumer --topic orders --from-beginning --max-messages 200 -q");
    let mut read: Vec<u32> = read.lines().map(|line| line.parse().unwrap()).collect();
    read.sort_unstable();
    assert_eq!(read, (0..200).collect::<Vec<_>>());

    let (code, story) = interrupt(child);
    assert_eq!(code, Some(0), "{story}");
    assert!(story.starts_with("broker 2 ended: signal: 9 (SIGKILL); `kq playground restart 2` starts it again\n"));
    assert!(story.ends_with("stopping\n"), "{story}");
    assert!(is_empty(&scratch(home).join("tmp")), "the data is removed");
    let output = kq(home).args(["playground", "restart", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: no playground runs\n"));
}
