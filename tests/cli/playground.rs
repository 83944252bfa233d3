//! The first minute: a broker, a topic, three lines to try, a clean end.

use crate::screen::{kq, scratch};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
