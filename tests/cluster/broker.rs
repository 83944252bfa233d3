//! A kqd process that ends with the test.

use crate::client::Client;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running broker.
pub struct Broker {
    child: Child,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub http: SocketAddr,
    /// The whole ready line.
    pub ready_line: String,
    dir: PathBuf,
}

/// A broker command on a data directory, with free ports, before it is started.
pub fn command(dir: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kqd"));
    command.args(arguments(dir, settings)).stdin(Stdio::null());
    command
}

fn arguments(dir: &Path, settings: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> = ["--ready", "--quiet"].map(String::from).into();
    let data = format!("log.dirs={}", dir.join("data").display());
    let base = ["listeners=PLAINTEXT://127.0.0.1:0", "http.listener=127.0.0.1:0", &data];
    for setting in base.iter().chain(settings) {
        arguments.extend(["--override".to_owned(), (*setting).to_owned()]);
    }
    arguments
}

impl Broker {
    /// Starts a broker and waits until it serves.
    pub fn start(dir: &Path, settings: &[&str]) -> Broker {
        Broker::spawn(command(dir, settings), dir)
    }

    /// Starts it from a shell that sets a limit first, as `ulimit` takes it.
    pub fn start_limited(dir: &Path, settings: &[&str], limit: &str) -> Broker {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {limit} && exec \"$@\"")).arg("sh").arg(env!("CARGO_BIN_EXE_kqd"));
        command.args(arguments(dir, settings)).stdin(Stdio::null());
        Broker::spawn(command, dir)
    }

    /// Starts a command of the test's own making.
    pub fn run(command: Command, dir: &Path) -> Broker {
        Broker::spawn(command, dir)
    }

    fn spawn(mut command: Command, dir: &Path) -> Broker {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready_line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready_line).unwrap();
        let Some(rest) = ready_line.strip_prefix("READY ") else {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("kqd did not start: {why}");
        };
        let (listeners, http) = rest.trim().split_once(" http=").unwrap();
        let address = listeners.split(',').next().unwrap().split_once("://").unwrap().1;
        let address = address.replace("localhost", "127.0.0.1").parse().unwrap();
        Broker { child, address, http: http.parse().unwrap(), dir: dir.to_owned(), ready_line: ready_line.clone() }
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::new(self.connect())
    }

    /// A bare socket.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Stops it as an operator does; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Waits for its end; its exit code.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends it without a warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What `server.log` says.
    pub fn notes(&self) -> String {
        notes(&self.dir)
    }

    /// Waits until `server.log` has a text.
    pub fn wait_for_note(&self, text: &str) {
        eventually(&format!("server.log says '{text}'"), || self.notes().contains(text));
    }

    /// A page's status line and body.
    pub fn page(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: kqd\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// One series of `/metrics`, named with its labels.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let (_, body) = self.page("/metrics");
        body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// A number of `/proc/PID/status`, in its own unit.
    pub fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Its open files.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `server.log` says.
pub fn notes(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("data-logs/server.log")).unwrap_or_default()
}

/// Runs a broker that is expected not to start: exit code and stderr.
pub fn refused(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Waits until something holds; panics after a while.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
