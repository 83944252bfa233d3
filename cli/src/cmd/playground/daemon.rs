//! One broker of a playground: this very executable in daemon mode, in a process group of its own, so that Ctrl-C
//! reaches it once, from here, and it stops cleanly.

use super::PATIENCE;
use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of the daemon's stderr that are kept to say why it died.
const LAST_LINES_MAX: usize = 20;

/// The daemon while it runs.
pub struct Daemon {
    child: Child,
    lines: Receiver<String>,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Daemon {
    /// Starts it, with settings as `name=value`, later ones over earlier ones.
    pub fn start(data: &Path, settings: &[String]) -> Result<Daemon, Failure> {
        let failed = |error: std::io::Error| Failure::new("DAEMON", "cannot start the broker").because(error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .arg(crate::DAEMON_WORD)
            .args(["--ready", "--quiet", "--exit-with-parent", "--data-dir"])
            .arg(data)
            .args(["--override", "http.listener=127.0.0.1:0"]);
        for text in settings {
            command.args(["--override", text]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let (sender, lines) = channel();
        let last = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        if let Some(stderr) = child.stderr.take() {
            let last = Arc::clone(&last);
            std::thread::spawn(move || keep_last(stderr, &last));
        }
        Ok(Daemon { child, lines, last })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line that says clients may come, and where: `READY PLAINTEXT://127.0.0.1:9092 …`.
    pub fn wait_ready(&mut self, stop: &AtomicBool) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => {
                    if let Some((_, rest)) = line.strip_prefix("READY").and_then(|line| line.split_once("://")) {
                        return Ok(rest.split([' ', ',']).next().unwrap_or_default().to_string());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::new("INTERRUPTED", "interrupted"));
            }
            if let Some(status) = self.exited()? {
                return Err(self.died("the broker did not start", status));
            }
            if Instant::now() > deadline {
                return Err(Failure::timed_out(format!("the broker was not ready within {PATIENCE:?}")));
            }
        }
    }

    /// Tells it to stop cleanly.
    pub fn ask_to_stop(&mut self) -> Result<(), Failure> {
        if self.exited()?.is_none() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        Ok(())
    }

    /// Waits for its end, after [`Daemon::ask_to_stop`].
    pub fn wait_stopped(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.exited()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(self.died("the broker did not stop cleanly", status))
                };
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Err(Failure::timed_out(format!("the broker did not stop within {PATIENCE:?} and was killed")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::new("DAEMON", "cannot watch the broker").because(error))
    }

    /// A failure with its last words.
    pub fn died(&self, what: &str, status: ExitStatus) -> Failure {
        // They may still be on their way.
        std::thread::sleep(Duration::from_millis(50));
        let mut failure = Failure::new("DAEMON", format!("{what}: {status}"));
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        failure.causes.extend(last.iter().cloned());
        if failure.causes.is_empty() {
            failure.hint = Some("server.log beside the data says more; --data-dir keeps it".into());
        }
        failure
    }
}

impl Drop for Daemon {
    /// A playground that fails half way leaves nobody behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn keep_last(stderr: impl Read, last: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES_MAX {
            last.pop_front();
        }
        last.push_back(line);
    }
}
