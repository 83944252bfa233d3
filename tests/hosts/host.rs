//! A host: a network namespace on a bridge, a data directory, and the kqd that runs there. Links between hosts can be
//! cut in either direction: packets are lost without a word, as in a real partition.

use crate::private::run;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The bridge's name.
pub const BRIDGE: &str = "kqbridge";
/// The port of clients, and that of the controller.
pub const PORT: u16 = 9092;
pub const CONTROLLER_PORT: u16 = 9093;
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// Nobody has this address: what is sent there is lost.
const NOWHERE: &str = "02:00:00:00:00:ff";

/// One host and its broker.
pub struct Host {
    /// The broker's id, from 1.
    pub id: i32,
    /// Everything the broker writes.
    pub dir: PathBuf,
    child: Option<Child>,
    starts: u32,
    paused: bool,
    cut: Vec<i32>,
    slow: bool,
    clock: Option<PathBuf>,
}

/// Where a broker is.
pub fn address(id: i32) -> String {
    format!("10.77.0.{}", 101 + id)
}

/// The name of its namespace.
pub fn netns(id: i32) -> String {
    format!("host{id}")
}

/// Makes the bridge; this program is reachable on it, too.
pub fn bridge() -> Result<(), String> {
    run("ip", &["link", "add", "name", BRIDGE, "type", "bridge"])?;
    run("ip", &["addr", "add", "10.77.0.1/24", "dev", BRIDGE])?;
    run("ip", &["link", "set", "dev", BRIDGE, "up"])
}

/// Wires a host to the bridge.
pub fn wire(id: i32) -> Result<(), String> {
    let (netns, veth, own) = (netns(id), format!("port{id}"), format!("{}/24", address(id)));
    run("ip", &["netns", "add", &netns])?;
    run("ip", &["link", "add", "name", &veth, "type", "veth", "peer", "name", "eth0", "netns", &netns])?;
    run("ip", &["link", "set", "dev", &veth, "master", BRIDGE, "up"])?;
    run("ip", &["-n", &netns, "addr", "add", &own, "dev", "eth0"])?;
    run("ip", &["-n", &netns, "link", "set", "dev", "eth0", "up"])?;
    run("ip", &["-n", &netns, "link", "set", "dev", "lo", "up"])
}

impl Host {
    /// A host that is wired already, with its directory, and no broker yet.
    pub fn new(id: i32, dir: &Path) -> Host {
        let dir = dir.join(format!("host{id}"));
        std::fs::create_dir_all(&dir).expect("a directory for the host");
        Host { id, dir, child: None, starts: 0, paused: false, cut: Vec::new(), slow: false, clock: None }
    }

    /// Starts its broker, and does not wait.
    pub fn start(&mut self, brokers: i32, settings: &[String]) {
        assert!(self.child.is_none(), "broker {} runs already", self.id);
        self.starts += 1;
        let voters: Vec<String> = (1..=brokers).map(|id| format!("{id}@{}:{CONTROLLER_PORT}", address(id))).collect();
        let own = address(self.id);
        let all = [
            format!("node.id={}", self.id),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!("listeners=PLAINTEXT://{own}:{PORT},CONTROLLER://{own}:{CONTROLLER_PORT}"),
            format!("log.dirs={}", self.dir.join("data").display()),
            "http.listener=127.0.0.1:8080".to_owned(),
        ];
        let kqd = std::env::var("KQ_FAULT_KQD").unwrap_or_else(|_| env!("CARGO_BIN_EXE_kqd").to_owned());
        let mut command = Command::new("ip");
        command.env("PATH", crate::private::path());
        command.args(["netns", "exec", &netns(self.id), &kqd, "--ready", "--exit-with-parent"]);
        for setting in all.iter().chain(settings) {
            command.args(["--override", setting]);
        }
        let out = File::create(self.said()).expect("a file for the broker's words");
        let log =
            File::options().create(true).append(true).open(self.dir.join("kqd.log")).expect("a file for its notes");
        if let Some(clock) = &self.clock {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", clock);
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command.stdin(Stdio::null()).stdout(out).stderr(log);
        self.child = Some(command.spawn().expect("a broker"));
    }

    /// From its next start on, its clock can be set.
    ///
    /// # Errors
    /// What the machine lacks.
    pub fn give_clock(&mut self) -> Result<(), String> {
        if !Path::new(FAKETIME).exists() {
            return Err(format!("missing: {FAKETIME} (Debian package libfaketime)"));
        }
        self.clock = Some(self.dir.join("clock"));
        self.set_clock("+0");
        Ok(())
    }

    /// Its wall clock is so many seconds off, from now on.
    pub fn set_clock(&mut self, offset: &str) {
        if let Some(clock) = &self.clock {
            // Never half a file.
            let next = clock.with_extension("next");
            std::fs::write(&next, offset).and_then(|()| std::fs::rename(&next, clock)).expect("a clock");
        }
    }

    fn said(&self) -> PathBuf {
        self.dir.join(format!("ready-{}", self.starts))
    }

    /// Whether it has said that clients may come.
    pub fn is_ready(&self) -> bool {
        self.child.is_some() && std::fs::read_to_string(self.said()).is_ok_and(|said| said.starts_with("READY"))
    }

    /// Whether there is a process, paused or not.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Whether it is stopped by SIGSTOP.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// How it ended by itself, if it did: it never should.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(ended)
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.paused = false;
    }

    /// Asks it to stop cleanly, and waits.
    ///
    /// # Errors
    /// When it does not, or does not say 0.
    pub fn stop(&mut self, patience: Duration) -> Result<(), String> {
        self.signal(Signal::TERM);
        let Some(child) = &mut self.child else { return Ok(()) };
        let deadline = Instant::now() + patience;
        let outcome = loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => break Ok(()),
                Ok(Some(status)) => break Err(format!("broker {} stopped with {status}", self.id)),
                _ if Instant::now() > deadline => {
                    break Err(format!("broker {} did not stop in {patience:?}", self.id));
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        self.kill();
        outcome
    }

    /// SIGSTOP.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
        self.paused = true;
    }

    /// SIGCONT.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
        self.paused = false;
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    /// What it sends to `other` is lost from now on.
    pub fn cut(&mut self, other: i32) {
        let to = address(other);
        let args =
            ["-n", &netns(self.id), "neigh", "replace", &to, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent"];
        run("ip", &args).expect("a cut");
        if !self.cut.contains(&other) {
            self.cut.push(other);
        }
    }

    /// What is sent to it comes no faster than this.
    pub fn slow_down(&mut self, rate: &str) {
        let port = format!("port{}", self.id);
        let args = ["qdisc", "replace", "dev", &port, "root", "tbf", "rate", rate];
        run("tc", &[args.as_slice(), &["burst", "128kb", "latency", "300ms"]].concat()).expect("a slow link");
        self.slow = true;
    }

    /// Its network works again.
    pub fn heal(&mut self) {
        for other in std::mem::take(&mut self.cut) {
            run("ip", &["-n", &netns(self.id), "neigh", "del", &address(other), "dev", "eth0"]).expect("a healed link");
        }
        if std::mem::take(&mut self.slow) {
            run("tc", &["qdisc", "del", "dev", &format!("port{}", self.id), "root"]).expect("a fast link");
        }
    }

    /// Its disk is empty: everything it knew is gone.
    pub fn wipe(&mut self) {
        assert!(self.child.is_none(), "a running broker keeps its disk");
        std::fs::remove_dir_all(self.dir.join("data")).expect("an empty disk");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
        self.heal();
    }
}
