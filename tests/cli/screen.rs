//! Runs command lines and writes down what comes of them, the same on every machine.

use crate::broker::{Broker, brokers, kqd};
use expect_test::Expect;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The tool, alone in the world: no profile, no colours, no terminal.
pub fn kq(home: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kq"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KQ_CONFIG_HOME", scratch(home))
        .env("COLUMNS", "100")
        .stdin(Stdio::null());
    command
}

/// A directory for one story's files.
pub fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}", std::process::id())).join(name)
}

/// Splits a command line at blanks; single quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_string());
        } else {
            words.extend(part.split_whitespace().map(str::to_string));
        }
    }
    words
}

/// What is different from run to run: addresses, ids, paths, times.
fn steady(text: &str, broker: Option<&Broker>) -> String {
    let mut text = text.to_string();
    if let Some(broker) = broker {
        text = text.replace(&broker.address, "BROKER");
        if !broker.data.is_empty() {
            text = text.replace(&broker.data, "DATA");
        }
    }
    let mut steady = String::new();
    let is_id = |word: &str| word.len() == 22 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let is_time = |word: &str| word.len() == 24 && word.starts_with("20") && word.ends_with('Z');
    for line in text.split_inclusive('\n') {
        for part in line.split_inclusive([' ', '\t', '"', ',', '\n']) {
            let word = part.trim_end_matches([' ', '\t', '"', ',', '\n']);
            if is_time(word) {
                steady.push_str("2026-01-02T03:04:05.678Z");
                steady.push_str(&part[word.len()..]);
            } else if is_id(word) {
                steady.push_str("THE-22-LETTERS-OF-A-ID");
                steady.push_str(&part[word.len()..]);
            } else {
                steady.push_str(part);
            }
        }
    }
    steady
}

/// One command's screen.
pub fn screen(line: &str, output: &Output, broker: Option<&Broker>) -> String {
    let mut text = format!("$ kq {line}\n");
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    for story in String::from_utf8_lossy(&output.stderr).lines() {
        text.push_str(&format!("! {story}\n"));
    }
    let code = output.status.code().map_or("killed".to_string(), |code| code.to_string());
    text.push_str(&format!("exit {code}\n"));
    steady(&text, broker)
}

fn story(lines: &str, broker: &Broker) -> String {
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut command = kq("none");
        command.env("KQ_BOOTSTRAP_SERVER", &broker.address);
        if let Some(prelude) = line.strip_prefix("~ ") {
            let output = command.args(words(prelude)).output().expect("kq runs");
            assert!(output.status.success(), "{}", screen(prelude, &output, Some(broker)));
            continue;
        }
        // `'text' | command` gives the text to its standard input.
        let (input, words_of) = match line.strip_prefix('\'').and_then(|line| line.split_once("' | ")) {
            Some((input, rest)) => (Some(input.replace("\\n", "\n").replace("\\t", "\t")), rest),
            None => (None, line),
        };
        command.args(words(words_of));
        let output = match input {
            Some(input) => fed(command, &input),
            None => command.output().expect("kq runs"),
        };
        text.push_str(&screen(line, &output, Some(broker)));
    }
    text
}

/// Runs a command that reads `input`.
fn fed(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kq runs");
    if let Some(mut stdin) = child.stdin.take() {
        // It may refuse its flags before it has read anything.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().expect("kq ends")
}

/// Holds a story (one command line a line; `~` before one that is only to succeed) against its expected screens, on every broker there is.
pub fn check(lines: &str, expected: Expect) {
    for broker in brokers() {
        println!("on {}", broker.name);
        expected.assert_eq(&story(lines, broker));
    }
}

/// As [`check`], on kqd only: for what only kqd promises.
pub fn check_kqd(lines: &str, expected: Expect) {
    expected.assert_eq(&story(lines, kqd()));
}

/// As [`check`], with no broker to go to.
pub fn check_alone(home: &str, lines: &str, expected: Expect) {
    let _ = std::fs::remove_dir_all(scratch(home));
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let output = kq(home).args(words(line)).output().expect("kq runs");
        let place = scratch(home).display().to_string();
        text.push_str(&screen(line, &output, None).replace(&place, "HOME"));
    }
    expected.assert_eq(&text);
}
