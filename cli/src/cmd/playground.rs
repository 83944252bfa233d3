//! `kq playground`: a broker to try things on, gone when it ends.
//!
//! It starts this very executable again as the daemon, in a process group of its own, so that Ctrl-C reaches the daemon
//! once, from here, and it stops cleanly.

use crate::args::StoryArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::{Kafka, Settings, To};
use crate::profile::{Profile, Profiles};
use crate::ui::Ui;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::error::ErrorCode;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the broker may take to be ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// The port to prefer.
const PORT: u16 = 9092;
/// Lines of the daemon's stderr that are kept to say why it died.
const LAST_LINES_MAX: usize = 20;
/// The profile that points to the running playground.
const PROFILE: &str = "playground";

/// Start a broker on loopback to try things on; Ctrl-C stops it
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq playground\n  kq playground --data-dir ~/kq-data --port 19092\n  kq playground --override num.partitions=3"
)]
pub struct Args {
    /// Keep the data here, and find it again next time [default: a directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Listen on this port of 127.0.0.1 [default: 9092 if it is free, else any]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The topic to make
    #[arg(long, value_name = "NAME", default_value = "demo")]
    topic: String,
    /// A broker setting by its Kafka name; repeat for more
    #[arg(long = "override", value_name = "K=V")]
    overrides: Vec<String>,
    #[command(flatten)]
    pub story: StoryArgs,
}

/// The daemon while it runs.
struct Daemon {
    child: Child,
    lines: Receiver<String>,
    last: Arc<Mutex<VecDeque<String>>>,
}

/// Removes the data when it goes, unless it is the user's.
struct Data {
    dir: PathBuf,
    temporary: bool,
}

impl Data {
    /// Where the records go: the broker writes its own log beside them.
    fn records(&self) -> PathBuf {
        if self.temporary { self.dir.join("data") } else { self.dir.clone() }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Points the profile to the playground, and takes it back when it goes.
struct Pointer {
    made_current: bool,
}

impl Drop for Pointer {
    fn drop(&mut self) {
        if let Ok(mut profiles) = Profiles::load() {
            profiles.profiles.remove(PROFILE);
            if self.made_current && profiles.current.as_deref() == Some(PROFILE) {
                profiles.current = None;
            }
            let _ = profiles.save();
        }
    }
}

pub fn run(ui: &mut Ui, _ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    let data = data(args)?;
    let port = port(args)?;
    let mut daemon = Daemon::start(args, &data.records(), port)?;
    let mut ready = daemon.wait_ready(&stop);
    let lost = |failure: &Failure| failure.causes.iter().any(|cause| cause.contains(&format!(":{PORT}")));
    if args.port.is_none() && port == PORT && ready.as_ref().is_err_and(lost) {
        // Someone else was quicker: any other port will do.
        daemon = Daemon::start(args, &data.records(), 0)?;
        ready = daemon.wait_ready(&stop);
    }
    let ready = ready.and_then(|address| make_topic(ui, &address, &args.topic).map(|()| address));
    let result = match ready {
        Ok(address) => {
            let _pointer = point(ui, &address);
            welcome(ui, args, &data, &address)?;
            daemon.watch(&stop)
        }
        Err(failure) => Err(failure),
    };
    if stop.load(Ordering::Relaxed) {
        ui.note("stopping");
    }
    let stopped = daemon.stop();
    match (result, stopped) {
        // Interrupted before it was ready: what the user wanted.
        (Err(failure), _) if !stop.load(Ordering::Relaxed) => Err(failure),
        (_, stopped) => stopped,
    }
}

fn data(args: &Args) -> Result<Data, Failure> {
    let data = match &args.data_dir {
        Some(dir) => Data { dir: std::path::absolute(dir).unwrap_or_else(|_| dir.clone()), temporary: false },
        None => {
            Data { dir: std::env::temp_dir().join(format!("kq-playground-{}", std::process::id())), temporary: true }
        }
    };
    std::fs::create_dir_all(&data.dir)
        .map_err(|error| Failure::new("DATA_DIR", format!("cannot make {}", data.dir.display())).because(error))?;
    Ok(data)
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_err()
}

/// The port to listen on: the one asked for, Kafka's if it is free, else 0, for any.
fn port(args: &Args) -> Result<u16, Failure> {
    match args.port {
        Some(port) => match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => Ok(port),
            Err(error) => Err(Failure::new("PORT", format!("cannot listen on 127.0.0.1:{port}"))
                .because(error)
                .hint("leave --port away to take a free one")),
        },
        None if is_taken(PORT) => Ok(0),
        None => Ok(PORT),
    }
}

impl Daemon {
    fn start(args: &Args, data: &Path, port: u16) -> Result<Daemon, Failure> {
        let failed = |error: std::io::Error| Failure::new("DAEMON", "cannot start the broker").because(error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .arg(crate::DAEMON_WORD)
            .args(["--ready", "--quiet", "--exit-with-parent", "--data-dir"])
            .arg(data)
            .args([
                "--override",
                &format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
                "--override",
                "http.listener=127.0.0.1:0",
            ]);
        for text in &args.overrides {
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

    /// Waits for the line that says clients may come, and where: `READY PLAINTEXT://127.0.0.1:9092 …`.
    fn wait_ready(&mut self, stop: &AtomicBool) -> Result<String, Failure> {
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

    /// Waits for Ctrl-C, or for the daemon's end, which is a failure.
    fn watch(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        while !stop.load(Ordering::Relaxed) {
            if let Some(status) = self.exited()? {
                return Err(self.died("the broker ended", status));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops the daemon cleanly.
    fn stop(&mut self) -> Result<(), Failure> {
        if self.exited()?.is_none() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
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

    fn exited(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::new("DAEMON", "cannot watch the broker").because(error))
    }

    fn died(&self, what: &str, status: ExitStatus) -> Failure {
        // Its last words may still be on their way.
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

fn keep_last(stderr: impl Read, last: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES_MAX {
            last.pop_front();
        }
        last.push_back(line);
    }
}

fn make_topic(ui: &Ui, address: &str, topic: &str) -> Result<(), Failure> {
    let connect = crate::args::ConnectArgs { bootstrap_server: Some(address.to_string()), ..Default::default() };
    let mut kafka = Kafka::new(Settings::resolve(&connect, None, &Profiles::default())?, ui.loudness());
    kafka.refresh::<&str>(&[])?;
    let wanted = CreatableTopic { name: topic.into(), num_partitions: 3, replication_factor: -1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![wanted], timeout_ms: kafka.timeout_ms(), validate_only: false };
    let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
    for result in &answer.read()?.topics {
        match ErrorCode::from_code(result.error_code) {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
            code => return Err(Failure::answered(code, format!("topic {topic}"), result.error_message.as_deref())),
        }
    }
    Ok(())
}

/// The profile is a convenience: without a place to write it, the playground is still one.
fn point(ui: &Ui, address: &str) -> Option<Pointer> {
    let write = || -> Result<Pointer, Failure> {
        let mut profiles = Profiles::load()?;
        let profile = Profile { bootstrap_server: Some(address.to_string()), ..Default::default() };
        profiles.profiles.insert(PROFILE.into(), profile);
        let made_current = profiles.current.is_none();
        if made_current {
            profiles.current = Some(PROFILE.into());
        }
        profiles.save()?;
        Ok(Pointer { made_current })
    };
    write().map_err(|failure| ui.warn(format!("no profile written: {failure}"))).ok()
}

fn welcome(ui: &mut Ui, args: &Args, data: &Data, address: &str) -> Result<(), Failure> {
    let fate = if data.temporary { "removed at the end" } else { "kept" };
    // The name under which the user started this will work again.
    let kq = std::env::args().next().filter(|word| word.contains('/')).unwrap_or_else(|| "kq".into());
    let topic = &args.topic;
    ui.text(&format!(
        "A broker is ready on {address} (data in {}, {fate}). Try, in another terminal:\n\n  \
         {kq} topic create orders -p 3 -b {address}\n  \
         {kq} console-producer --topic {topic} -b {address}\n  \
         {kq} console-consumer --topic {topic} --from-beginning -b {address}\n\nCtrl-C stops it.\n",
        data.dir.display(),
    ))?;
    ui.flush()
}
