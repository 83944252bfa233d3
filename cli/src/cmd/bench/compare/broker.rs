//! The two brokers: how each is configured, started, watched and stopped.

use super::Bench;
use super::child::{Guard, last_lines, run, wait};
use super::disk::{copy, fresh};
use super::plan::Promise;
use super::process::{kib, ticks};
use super::serving;
use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a broker may take to serve: Kafka takes a quarter of a minute after kill -9.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// Any id will do: the cluster lives for seconds.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";
/// The topic that tells whether a broker serves.
pub const PROBE: &str = "probe";

/// Which broker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Kind {
    /// This one
    Kqd,
    /// Apache Kafka
    Kafka,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Kqd => "kqd",
            Kind::Kafka => "kafka",
        })
    }
}

/// A broker's configuration and data, running or not. Its files go when it goes.
pub struct Site {
    /// Which.
    pub kind: Kind,
    /// Where clients come to.
    pub address: SocketAddr,
    dir: PathBuf,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn free_port() -> Result<u16, Failure> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|error| Failure::new("PORT", "no free port on 127.0.0.1").because(error))
}

/// `server.properties`: equal promises, and else what each broker does by itself.
fn properties(kind: Kind, port: u16, other_port: u16, data: &Path, promise: Promise) -> String {
    let messages = match promise {
        Promise::PageCache => i64::MAX,
        Promise::Synced => 1,
    };
    let mut lines = vec![
        format!("log.dirs={}", data.display()),
        format!("log.flush.interval.messages={messages}"),
        "node.id=1".into(),
    ];
    match kind {
        Kind::Kqd => lines.extend([
            format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
            format!("http.listener=127.0.0.1:{other_port}"),
        ]),
        Kind::Kafka => lines.extend([
            "process.roles=broker,controller".into(),
            format!("controller.quorum.voters=1@127.0.0.1:{other_port}"),
            format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{other_port}"),
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}"),
            "controller.listener.names=CONTROLLER".into(),
            "inter.broker.listener.name=PLAINTEXT".into(),
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".into(),
            "offsets.topic.replication.factor=1".into(),
            "transaction.state.log.replication.factor=1".into(),
            "transaction.state.log.min.isr=1".into(),
            "share.coordinator.state.topic.replication.factor=1".into(),
            "share.coordinator.state.topic.min.isr=1".into(),
        ]),
    }
    lines.push("group.initial.rebalance.delay.ms=0\n".into());
    lines.join("\n")
}

fn cannot_write(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let what = format!("cannot write {}", path.display());
    move |error| Failure::new("DATA_DIR", what).because(error)
}

impl Site {
    /// A broker that has never run.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn new(bench: &Bench<'_>, kind: Kind, promise: Promise, name: &str) -> Result<Site, Failure> {
        let dir = bench.work.join(format!("{kind}-{name}"));
        fresh(&dir)?;
        let port = free_port()?;
        let site = Site { kind, address: (Ipv4Addr::LOCALHOST, port).into(), dir };
        let text = properties(kind, port, free_port()?, &site.data(), promise);
        std::fs::write(site.config(), text).map_err(cannot_write(&site.config()))?;
        if kind == Kind::Kafka {
            let template = bench.work.join("kafka-template");
            if !template.join("meta.properties").exists() {
                format_template(bench, &template)?;
            }
            copy(&template, &site.data())?;
        }
        Ok(site)
    }

    /// Its log directory.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn config(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    fn command(&self, bench: &Bench<'_>) -> Result<Command, Failure> {
        let mut command = match (self.kind, &bench.kqd) {
            (Kind::Kafka, _) => bench.jars()?.server(&self.config()),
            (Kind::Kqd, Some(program)) => Command::new(program),
            (Kind::Kqd, None) => {
                let mut command = Command::new(&bench.program);
                command.arg(crate::DAEMON_WORD);
                command
            }
        };
        if self.kind == Kind::Kqd {
            command.arg("--config").arg(self.config()).args(["--quiet", "--exit-with-parent"]);
            command.envs(bench.cubic.then_some(("KQD_TCP_CONGESTION", super::congestion::CUBIC)));
        }
        Ok(command)
    }

    /// Starts it, and waits until it serves `partition` of `topic`.
    ///
    /// # Errors
    /// When it does not, with what it said.
    pub fn start(&self, bench: &Bench<'_>, topic: &str, partition: i32) -> Result<Broker, Failure> {
        let log = self.dir.join("output.log");
        let open = || std::fs::OpenOptions::new().create(true).append(true).open(&log).map_err(cannot_write(&log));
        let mut command = self.command(bench)?;
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let began = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| Failure::new("BROKER", format!("cannot start {}", self.kind)).because(error))?;
        let mut child = Guard(child);
        let kind = self.kind;
        let mut alive = || match child.0.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::new("BROKER", format!("{kind} ended: {status}"))),
            Err(error) => Err(Failure::new("BROKER", format!("cannot watch {kind}")).because(error)),
        };
        let serving = serving::wait(self.address, (topic, partition), START_PATIENCE, &bench.stop, &mut alive);
        let started = began.elapsed();
        serving.map_err(|mut failure| {
            failure.causes.extend(last_lines(&std::fs::read_to_string(&log).unwrap_or_default()));
            failure
        })?;
        Ok(Broker { kind, address: self.address, started, child })
    }
}

/// Kafka wants its directories formatted, which takes a second: once, then copied.
fn format_template(bench: &Bench<'_>, template: &Path) -> Result<(), Failure> {
    fresh(template)?;
    let config = bench.work.join("format.properties");
    let text = properties(Kind::Kafka, 1, 2, template, Promise::PageCache);
    std::fs::write(&config, text).map_err(cannot_write(&config))?;
    let mut command = bench.jars()?.tool("kafka.tools.StorageTool");
    command.args(["format", "-t", CLUSTER, "-c"]).arg(&config);
    let ended = run(&mut command, START_PATIENCE, &bench.stop)?;
    if ended.status.success() {
        return Ok(());
    }
    let mut failure = Failure::new("KAFKA", format!("Kafka's StorageTool failed: {}", ended.status));
    failure.causes.extend(last_lines(&ended.stderr));
    Err(failure)
}

/// A broker that serves. It is killed when it goes.
pub struct Broker {
    /// Which.
    pub kind: Kind,
    /// Where clients come to.
    pub address: SocketAddr,
    /// From the start of the process to serving.
    pub started: Duration,
    child: Guard,
}

impl Broker {
    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.0.id())).unwrap_or_default()
    }

    /// Processor time so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        ticks(&self.proc("stat")).unwrap_or(0.0) / rustix::param::clock_ticks_per_second() as f64
    }

    /// Resident memory now, and the most so far, in MiB.
    pub fn memory_mib(&self) -> (f64, f64) {
        let status = self.proc("status");
        (kib(&status, "VmRSS:").unwrap_or(0.0) / 1024.0, kib(&status, "VmHWM:").unwrap_or(0.0) / 1024.0)
    }

    /// Stops it cleanly.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(mut self, bench: &Bench<'_>) -> Result<(), Failure> {
        let _ = kill_process(Pid::from_child(&self.child.0), Signal::TERM);
        match wait(&mut self.child.0, STOP_PATIENCE, &bench.stop)? {
            Some(_) => Ok(()),
            None => Err(Failure::timed_out(format!("{} did not stop within {STOP_PATIENCE:?}", self.kind))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_brokers_promise_the_same() {
        for (promise, want) in [(Promise::PageCache, "9223372036854775807"), (Promise::Synced, "1")] {
            for kind in [Kind::Kqd, Kind::Kafka] {
                let text = properties(kind, 9, 10, Path::new("/d"), promise);
                assert!(text.contains(&format!("\nlog.flush.interval.messages={want}\n")), "{kind}: {text}");
                assert!(text.starts_with("log.dirs=/d\n") && text.contains("PLAINTEXT://127.0.0.1:9"), "{text}");
                assert!(text.lines().all(|line| line.contains('=')), "{text}");
            }
        }
    }
}
