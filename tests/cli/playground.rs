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

/// Exit code, stdout, stderr.
fn said(home: &str, line: &str) -> (Option<i32>, String, String) {
    let output = kq(home).args(line.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn partitions(home: &str, topic: &str) -> Vec<serde_json::Value> {
    let all = run(home, &format!("topic describe {topic} --section partitions -o json"));
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    all["data"]["partitions"].as_array().unwrap().clone()
}

/// How many replicas each broker has of a topic, by id.
fn replicas(home: &str, topic: &str) -> Vec<(i64, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for row in partitions(home, topic) {
        for id in row["replicas"].as_array().unwrap() {
            *counts.entry(id.as_i64().unwrap()).or_default() += 1;
        }
    }
    counts.into_iter().collect()
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
    let (code, health, story) = said(home, "cluster health -o json");
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(code, Some(10), "{story}");
    assert_eq!(health["data"]["summary"][0]["fenced"], serde_json::json!([2]), "{health}");
    assert_eq!(health["data"]["summary"][0]["under_replicated"], 9, "{health}");
    assert_eq!(health["error"]["code"], "UNHEALTHY", "{health}");
    let (code, _, story) = said(home, "cluster health --exit-when-healthy --timeout 1s");
    assert_eq!(code, Some(124), "{story}");
    let output = kq(home).args(["playground", "kill", "2"]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: broker 2 does not run\n  hint:  kq playground restart 2 starts it\n"
    );
    assert!(run(home, "playground restart 2").starts_with("broker 2 is ready on 127.0.0.1:"));
    brokers_are(home, &[("1", "up", "0"), ("2", "up", "0"), ("3", "up", "0")]);
    run(home, "cluster health --exit-when-healthy --timeout 30s");
    // Leaders are where they were, in order of the replicas, once they are asked to be.
    run(home, "topic elect-leaders");
    assert_eq!(run(home, "topic elect-leaders -o tsv"), "");
    for row in partitions(home, "orders") {
        assert_eq!(row["leader"], row["replicas"][0], "{row}");
    }
    let (code, _, story) = said(home, "broker decommission 2 -y");
    assert_eq!(code, Some(1));
    assert!(story.starts_with("error: there is no other broker for demo-0, demo-1, demo-2, orders-0, "), "{story}");
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

#[test]
fn partitions_move_and_a_broker_leaves() {
    let home = "playground-four";
    let _ = std::fs::remove_dir_all(scratch(home));
    let (child, lines) = start(home, &["-n", "4"]);
    assert!(lines[0].starts_with("4 brokers are ready on 127.0.0.1:"), "{lines:?}");
    run(home, "topic create orders --replica-assignment 1:2,2:3,3:4,4:1,1:3,2:4 --wait");
    put(home, "orders", 0..100);
    // A plan changes nothing; what was there before can be had again.
    let before = scratch(home).join("before.json").display().to_string();
    let (code, plan, story) = said(home, &format!("topic move orders --brokers 1,2,3 --export {before} -o tsv"));
    assert_eq!((code, story.as_str()), (Some(0), "dry run: nothing was changed; -y (or --execute) does it\n"));
    assert!(plan.contains("\tplanned\n") && !plan.contains("moved"), "{plan}");
    assert_eq!(replicas(home, "orders"), [(1, 3), (2, 3), (3, 3), (4, 3)]);
    let moved = run(home, "topic move orders --brokers 1,2,3 -y --wait --timeout 60s -o tsv");
    assert!(moved.contains("\tmoved\n") && !moved.contains("planned"), "{moved}");
    assert_eq!(replicas(home, "orders"), [(1, 4), (2, 4), (3, 4)]);
    run(home, &format!("topic move --plan {before} -y --wait --timeout 60s"));
    assert_eq!(replicas(home, "orders"), [(1, 3), (2, 3), (3, 3), (4, 3)]);
    assert_eq!(run(home, "topic move --status -o tsv"), "");

    let (code, plan, story) = said(home, "broker decommission 4 -o tsv");
    assert_eq!(code, Some(0));
    assert!(story.starts_with("dry run: nothing was changed; -y does it"), "{story}");
    assert!(plan.lines().count() >= 3 && plan.lines().all(|line| line.ends_with("\tplanned")), "{plan}");
    let (code, _, story) = said(home, "broker decommission 4 -y --timeout 60s");
    assert_eq!(
        (code, story.as_str()),
        (Some(0), "nothing is left on broker 4: stop it, and run `kq broker decommission 4 -y` again\n")
    );
    assert!(!replicas(home, "orders").iter().any(|(id, _)| *id == 4));
    run(home, "playground kill 4");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !run(home, "broker list -o tsv").contains("\tfenced\t") {
        assert!(Instant::now() < deadline, "broker 4 is missed");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (code, _, story) = said(home, "broker decommission 4 -y");
    assert_eq!(code, Some(0), "{story}");
    assert!(
        story.starts_with("broker 4 is not part of the cluster any more\nwarning: node 4 is still a voter"),
        "{story}"
    );
    run(home, "cluster health --exit-when-healthy --timeout 30s");
    assert_eq!(run(home, "broker list -o tsv").lines().count(), 3);
    let read = run(home, "console-consumer --topic orders --from-beginning --max-messages 100 -q");
    assert_eq!(read.lines().count(), 100);
    assert_eq!(interrupt(child).0, Some(0));
}
