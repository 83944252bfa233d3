//! Other programs, bounded: started, watched, and gone when their time is up or the user interrupts.

use crate::failure::{Failure, Kind};
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is kept of a program's output, in bytes.
const OUTPUT_BYTES_MAX: u64 = 4 << 20;
/// While a program is young its end is looked for closely: short ones are timed.
const CLOSE_WATCH: Duration = Duration::from_millis(50);

/// A program that ended.
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

/// Kills the program when it goes.
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The failure of who was interrupted.
pub fn interrupted() -> Failure {
    Failure { kind: Kind::Interrupted, ..Failure::new("INTERRUPTED", "interrupted") }
}

/// Fails when the user has interrupted.
///
/// # Errors
/// When `stop` is set.
pub fn unless_stopped(stop: &AtomicBool) -> Result<(), Failure> {
    if stop.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(()) }
}

/// Waits, but not for a user who has interrupted.
///
/// # Errors
/// When `stop` is set.
pub fn pause(time: Duration, stop: &AtomicBool) -> Result<(), Failure> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        unless_stopped(stop)?;
        std::thread::sleep(Duration::from_millis(10).min(time));
    }
    unless_stopped(stop)
}

/// Waits for the end of `child`; `None` when the time is up.
///
/// # Errors
/// When `stop` is set, or the system cannot tell.
pub fn wait(child: &mut Child, patience: Duration, stop: &AtomicBool) -> Result<Option<ExitStatus>, Failure> {
    let began = Instant::now();
    loop {
        let ended = child.try_wait().map_err(|error| Failure::new("CHILD", "cannot watch a program").because(error))?;
        if ended.is_some() {
            return Ok(ended);
        }
        unless_stopped(stop)?;
        let age = began.elapsed();
        if age > patience {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_micros(if age < CLOSE_WATCH { 100 } else { 5_000 }));
    }
}

fn reader(from: Option<impl Read + Send + 'static>) -> Option<JoinHandle<String>> {
    let mut from = from?;
    Some(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
        // A program that says more must not be stuck with it.
        let _ = std::io::copy(&mut from, &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

/// Runs a program to its end, with what it printed.
///
/// # Errors
/// When it cannot be started, does not end in time, or the user interrupts.
pub fn run(command: &mut Command, patience: Duration, stop: &AtomicBool) -> Result<Ended, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let child =
        command.spawn().map_err(|error| Failure::new("CHILD", format!("cannot start {name}")).because(error))?;
    let mut child = Guard(child);
    let (stdout, stderr) = (reader(child.0.stdout.take()), reader(child.0.stderr.take()));
    let status = wait(&mut child.0, patience, stop)?;
    let took = began.elapsed();
    drop(child);
    let text = |reader: Option<JoinHandle<String>>| reader.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    let status = status.ok_or_else(|| {
        let mut failure = Failure::timed_out(format!("{name} did not end within {patience:?} and was killed"));
        failure.causes.extend(last_lines(&stderr));
        failure
    })?;
    Ok(Ended { status, stdout, stderr, took })
}

/// The end of what a program said.
pub fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].iter().map(|line| line.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_end_by_themselves_or_are_ended() {
        let stop = AtomicBool::new(false);
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo out; echo err >&2; exit 3"]);
        let ended = run(&mut shell, Duration::from_secs(10), &stop).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str(), ended.stderr.as_str()), (Some(3), "out\n", "err\n"));
        let mut sleeper = Command::new("sleep");
        sleeper.arg("60");
        let began = Instant::now();
        let late = run(&mut sleeper, Duration::from_millis(50), &stop).err().unwrap();
        assert_eq!(late.kind, Kind::TimedOut);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(run(&mut sleeper, Duration::from_secs(60), &stop).err().unwrap().kind, Kind::Interrupted);
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_last_lines_are_kept() {
        let text: String = (0..20).map(|n| format!("{n}\n\n")).collect();
        assert_eq!(last_lines(&text), ["12", "13", "14", "15", "16", "17", "18", "19"]);
        assert!(last_lines("").is_empty());
    }
}
