//! The brokers of a playground, one or several: their ports, settings and processes.

use super::daemon::Daemon;
use super::state::{Known, Post};
use super::{Args, Data, PORT};
use crate::failure::Failure;
use crate::ui::Ui;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Attempts at finding ports that are free, and stay so until the brokers have them.
const PORT_ATTEMPTS: u16 = 20;
/// Where to look when Kafka's port is taken: below the range from which the system gives ports out.
const PORTS_FROM: u16 = 10_000;
const PORTS: u16 = 20_000;
/// Copies of what nobody said otherwise, at most.
const REPLICAS_MAX: usize = 3;

/// All brokers.
pub struct Crew<'a> {
    args: &'a Args,
    data: &'a Data,
    members: Vec<Member>,
}

struct Member {
    id: usize,
    port: u16,
    controller_port: u16,
    /// Where it serves, once it does.
    address: String,
    daemon: Option<Daemon>,
    restarts: u32,
    trouble: Option<String>,
}

impl<'a> Crew<'a> {
    /// Starts all brokers, and waits until they serve.
    pub fn start(args: &'a Args, data: &'a Data, stop: &AtomicBool) -> Result<Crew<'a>, Failure> {
        let mut attempt = 0;
        loop {
            let ports = ports(args, attempt)?;
            let mut crew = Crew { args, data, members: Vec::new() };
            crew.members.extend((1..).zip(&ports).map(|(id, (port, controller_port))| Member {
                id,
                port: *port,
                controller_port: *controller_port,
                address: String::new(),
                daemon: None,
                restarts: 0,
                trouble: None,
            }));
            let Err(failure) = crew.start_all(stop) else { return Ok(crew) };
            let _ = crew.stop();
            if args.port.is_some() || attempt == PORT_ATTEMPTS || !is_port_taken(&failure, &ports) {
                return Err(failure);
            }
            // Someone else was quicker.
            attempt += 1;
        }
    }

    fn start_all(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        for index in 0..self.members.len() {
            self.members[index].daemon = Some(self.launch(index)?);
        }
        for member in &mut self.members {
            let Some(daemon) = &mut member.daemon else { continue };
            member.address = daemon.wait_ready(stop)?;
        }
        Ok(())
    }

    /// Addresses for `-b`.
    pub fn addresses(&self) -> String {
        self.members.iter().map(|member| member.address.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Waits for Ctrl-C, for orders of `kq playground restart`, and for a broker's end: where it is the only one, that
    /// is a failure.
    pub fn watch(&mut self, ui: &Ui, post: Option<&Post>, stop: &AtomicBool) -> Result<(), Failure> {
        self.tell(post);
        while !stop.load(Ordering::Relaxed) {
            for index in 0..self.members.len() {
                self.look_after(index, ui, post)?;
                if post.is_some_and(|post| post.take_order(self.members[index].id)) {
                    self.restart(index, ui, stop);
                    self.tell(post);
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn look_after(&mut self, index: usize, ui: &Ui, post: Option<&Post>) -> Result<(), Failure> {
        let alone = self.members.len() == 1;
        let member = &mut self.members[index];
        let Some(daemon) = &mut member.daemon else { return Ok(()) };
        let Some(status) = daemon.exited()? else { return Ok(()) };
        if alone {
            return Err(daemon.died("the broker ended", status));
        }
        let id = member.id;
        member.daemon = None;
        ui.note(format!("broker {id} ended: {status}; `kq playground restart {id}` starts it again"));
        self.tell(post);
        Ok(())
    }

    fn restart(&mut self, index: usize, ui: &Ui, stop: &AtomicBool) {
        let outcome = self.try_restart(index, stop);
        let member = &mut self.members[index];
        member.restarts += 1;
        member.trouble = outcome.as_ref().err().map(ToString::to_string);
        match outcome {
            Ok(()) => ui.note(format!("broker {} is ready on {}", member.id, member.address)),
            Err(failure) => ui.warn(format!("broker {}: {failure}", member.id)),
        }
    }

    fn try_restart(&mut self, index: usize, stop: &AtomicBool) -> Result<(), Failure> {
        if let Some(mut daemon) = self.members[index].daemon.take() {
            daemon.ask_to_stop()?;
            daemon.wait_stopped()?;
        }
        let mut daemon = self.launch(index)?;
        self.members[index].address = daemon.wait_ready(stop)?;
        self.members[index].daemon = Some(daemon);
        Ok(())
    }

    /// Stops all brokers cleanly, at the same time.
    pub fn stop(&mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for daemon in self.members.iter_mut().filter_map(|member| member.daemon.as_mut()) {
            outcome = outcome.and(daemon.ask_to_stop());
        }
        for daemon in self.members.iter_mut().filter_map(|member| member.daemon.as_mut()) {
            outcome = outcome.and(daemon.wait_stopped());
        }
        outcome
    }

    fn tell(&self, post: Option<&Post>) {
        let Some(post) = post else { return };
        let known = self.members.iter().map(|member| Known {
            id: member.id,
            address: member.address.clone(),
            pid: member.daemon.as_ref().map(Daemon::pid),
            restarts: member.restarts,
            trouble: member.trouble.clone(),
        });
        post.tell(known.collect());
    }

    fn launch(&self, index: usize) -> Result<Daemon, Failure> {
        let member = &self.members[index];
        let mut settings = self.settings_of(member);
        settings.extend(self.args.overrides.iter().cloned());
        Daemon::start(&self.records(member), &settings)
    }

    /// Where a broker's records go: it writes its own log beside them.
    fn records(&self, member: &Member) -> PathBuf {
        match self.members.len() {
            1 => self.data.records(),
            _ => self.data.dir.join(format!("broker-{}", member.id)),
        }
    }

    fn settings_of(&self, member: &Member) -> Vec<String> {
        let port = member.port;
        if self.members.len() == 1 {
            return vec![format!("listeners=PLAINTEXT://127.0.0.1:{port}")];
        }
        let voters = self.members.iter().map(|m| format!("{}@127.0.0.1:{}", m.id, m.controller_port));
        let voters = voters.collect::<Vec<_>>().join(",");
        let replicas = self.members.len().min(REPLICAS_MAX);
        vec![
            format!("node.id={}", member.id),
            format!("controller.quorum.voters={voters}"),
            format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{}", member.controller_port),
            format!("default.replication.factor={replicas}"),
            format!("min.insync.replicas={}", replicas.max(2) - 1),
        ]
    }
}

fn is_port_taken(failure: &Failure, ports: &[(u16, u16)]) -> bool {
    let mut ports = ports.iter().flat_map(|(port, controller_port)| [*port, *controller_port]);
    ports.any(|port| failure.causes.iter().any(|cause| cause.contains(&format!("port {port} is in use"))))
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_err()
}

/// For each broker the port of its clients, and that of its controller: in a row, from the port asked for, or from
/// Kafka's if all are free. A broker alone takes any port when Kafka's is taken.
fn ports(args: &Args, attempt: u16) -> Result<Vec<(u16, u16)>, Failure> {
    let brokers = args.brokers;
    let count = if brokers == 1 { 1 } else { brokers * 2 };
    let row = |first: u16| -> Vec<(u16, u16)> {
        (0..brokers).map(|i| (first.saturating_add(i), first.saturating_add(brokers + i))).collect()
    };
    if let Some(first) = args.port {
        for port in (0..count).map(|i| first.saturating_add(i)) {
            if let Err(error) = TcpListener::bind(("127.0.0.1", port)) {
                return Err(Failure::new("PORT", format!("cannot listen on 127.0.0.1:{port}"))
                    .because(error)
                    .hint("leave --port away to take a free one"));
            }
        }
        return Ok(row(first));
    }
    let all_free = |first: u16| (0..count).all(|i| !is_taken(first + i));
    if attempt == 0 && all_free(PORT) {
        return Ok(row(PORT));
    }
    if brokers == 1 {
        return Ok(vec![(0, 0)]);
    }
    // Another row for every process and attempt.
    let start = std::process::id().wrapping_mul(31).wrapping_add(u32::from(attempt) * 997);
    let candidates = (0..u32::from(PORTS / count)).map(|step| (start + step * u32::from(count)) % u32::from(PORTS));
    let mut candidates = candidates.filter_map(|offset| u16::try_from(offset).ok()).map(|offset| PORTS_FROM + offset);
    candidates.find(|first| all_free(*first)).map(row).ok_or_else(|| {
        Failure::new("PORT", format!("there are no {count} free ports in a row")).hint("choose some with --port")
    })
}
