//! The brokers that the stories run against: kqd, and Apache Kafka where its jars are.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    /// `kqd` or `kafka`.
    pub name: &'static str,
    /// Where it listens.
    pub address: String,
    /// Its log directory, where that is known.
    pub data: String,
}

/// How long a broker may take to start.
const PATIENCE: Duration = Duration::from_secs(120);

fn place(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-broker-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory for the broker");
    dir
}

/// Starts `command` from a thread that never ends (a parent-death signal is the thread's, not the process's) and waits
/// for a line of its stdout that `is_ready` takes.
fn start(mut command: Command, is_ready: fn(&str) -> bool) -> (Child, String) {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the broker's process starts");
        let stdout = child.stdout.take().expect("its stdout");
        let mut child = Some(child);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(child) = child.take_if(|_| is_ready(&line)) {
                let _ = sender.send((child, line));
            }
        }
        loop {
            std::thread::park();
        }
    });
    receiver.recv_timeout(PATIENCE).expect("the broker gets ready")
}

/// kqd, started by the first story that needs it and stopped with the test process.
pub fn kqd() -> &'static Broker {
    static KQD: OnceLock<Broker> = OnceLock::new();
    KQD.get_or_init(|| {
        if let Ok(address) = std::env::var("KQ_TEST_BOOTSTRAP") {
            return Broker { name: "KQ_TEST_BOOTSTRAP", address, data: String::new() };
        }
        let dir = place("kqd");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kq"));
        command
            .args(["--daemon", "--ready", "--quiet", "--exit-with-parent", "--data-dir"])
            .arg(dir.join("data"))
            .args(["--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "http.listener=127.0.0.1:0"])
            .args(["--override", "log.segment.bytes=1048576"]);
        let (_child, line) = start(command, |line| line.starts_with("READY"));
        let address = line.split_once("://").and_then(|(_, rest)| rest.split([' ', ',']).next());
        let address = address.expect("READY NAME://HOST:PORT").to_string();
        Broker { name: "kqd", address, data: dir.join("data").display().to_string() }
    })
}

/// Every broker that the stories can run against.
pub fn brokers() -> Vec<&'static Broker> {
    static KAFKA: OnceLock<Option<Broker>> = OnceLock::new();
    let kafka = KAFKA.get_or_init(|| jars().map(|jars| apache(&jars)));
    std::iter::once(kqd()).chain(kafka.as_ref()).collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Where Apache Kafka's jars are, if they are anywhere.
pub fn jars() -> Option<PathBuf> {
    std::env::var_os("KAFKA_JARS").map(PathBuf::from).filter(|jars| jars.is_dir())
}

/// One of Apache Kafka's programs.
pub fn java(jars: &Path, class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=OFF", "-cp"]);
    command.arg(format!("{}/*", jars.display())).arg(class);
    command
}

/// Stops Apache Kafka when the test process is gone, however it went: a shell that waits for the end of its stdin.
fn kill_at_the_end(pid: u32) {
    let script = format!("cat >/dev/null; kill {pid}");
    let guard = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    std::mem::forget(guard);
}

fn apache(jars: &Path) -> Broker {
    let dir = place("kafka");
    let (port, controller) = (free_port(), free_port());
    let address = format!("127.0.0.1:{port}");
    let data = dir.join("data").display().to_string();
    let file = dir.join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://{address}\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={data}\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n"
    );
    std::fs::File::create(&file).and_then(|mut file| file.write_all(text.as_bytes())).expect("server.properties");
    let mut format = java(jars, "kafka.tools.StorageTool");
    format.args(["format", "-t", "3AXdAY5dRhakvj7VsqMjTQ", "-c"]).arg(&file).stdout(Stdio::null());
    assert!(format.status().expect("java runs").success(), "the storage is formatted");
    let mut server = java(jars, "kafka.Kafka");
    let child =
        server.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("java runs");
    kill_at_the_end(child.id());
    std::mem::forget(child);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(&address).is_err() {
        assert!(Instant::now() < deadline, "Apache Kafka listens on {address}");
        std::thread::sleep(Duration::from_millis(100));
    }
    // It listens before it serves.
    loop {
        let mut probe = crate::screen::kq("none");
        probe.args(["topic", "create", "probe", "--if-not-exists", "--wait", "-q", "-b", &address]);
        if probe.output().expect("kq runs").status.success() {
            return Broker { name: "kafka", address, data };
        }
        assert!(Instant::now() < deadline, "Apache Kafka serves {address}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
