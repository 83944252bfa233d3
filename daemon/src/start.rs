//! From options to a running broker, and back: everything that is done once.

use crate::args::{self, Options};
use crate::drive::{Drive, End, ListenSocket};
use crate::listen::{SocketSizes, bind_all};
use crate::mailbox::Mailbox;
use crate::note::Notes;
use crate::shell::Shell;
use crate::store::{self, Store};
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, Listener};
use kq::event::Level;
use kq::node::{Node, NodeConfig};
use kq::types::Uuid;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use std::io::Read;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Connections that wait for being accepted unless the user says otherwise: with Kafka's default of 50, clients that all
/// come back at once wait a second for their next attempt.
const BACKLOG: i32 = 1024;

/// Where the broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// What clients of each listener connect to: `NAME://host:port`.
    pub listeners: Vec<String>,
    /// Health and metrics: `host:port`.
    pub http: Option<String>,
}

/// Why there is no broker, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The configuration cannot be used.
    Config(String),
    /// Anything else.
    Run(String),
}

/// Runs a broker until it is told to stop. `on_ready` is called once, when clients may come.
///
/// # Errors
/// One line: what failed, where, what next.
pub fn run(options: &Options, on_ready: impl FnOnce(&Addresses)) -> Result<(), Failure> {
    let (settings, config_notes) = args::settings(options).map_err(Failure::Config)?;
    let settings = Arc::new(settings);
    serve(options, settings, &config_notes, on_ready).map_err(Failure::Run)
}

fn serve(
    options: &Options,
    settings: Arc<BrokerSettings>,
    config_notes: &[String],
    on_ready: impl FnOnce(&Addresses),
) -> Result<(), String> {
    let closing = Arc::new(AtomicBool::new(false));
    let signals = catch_signals(options, &closing).map_err(|e| format!("cannot catch signals: {e}"))?;
    raise_open_files();
    let mut random = Random::open()?;
    let seed = [random.number()?, random.number()?];
    // Directories first: a second kqd on the same data is told so, whatever its ports are.
    let mailbox = Mailbox::new().map_err(|e| format!("cannot set up the event loop: {e}"))?;
    let (dirs, identity) = store::open_all(&settings, &mailbox, || random.id())?;
    let mut notes = open_notes(options, &settings)?;
    let outcome = bind(&settings);
    let (sockets, endpoints, addresses) = match outcome {
        Ok(bound) => bound,
        Err(why) => {
            notes.error(&format!("cannot start: {why}"));
            return Err(why);
        }
    };
    introduce(&mut notes, &settings, config_notes, &dirs, &identity);
    let config = NodeConfig { settings: Arc::clone(&settings), cluster_id: identity.cluster_id, endpoints, seed };
    let store = Store::new(dirs, mailbox.clone());
    let shell = Shell::new(store, mailbox, settings, notes);
    let mut node = Node::new(config);
    node.set_log_dirs(identity.log_dirs);
    let mut drive = Drive::new(node, shell, sockets, signals)?;
    let end = drive.run(|shell| {
        for stray in shell.store.strays() {
            shell
                .notes
                .warn(&format!("{stray} belongs to no topic: it is left alone (hint: remove it if you know it)"));
        }
        let http = addresses.http.as_deref().unwrap_or("off");
        shell.notes.info(&format!("serving clients at {}; http at {http}", addresses.listeners.join(", ")));
        on_ready(&addresses);
    });
    let mut shell = drive.into_shell();
    match end {
        Ok(End::Stopped) if !shell.ready => {
            shell.notes.warn("stopped while the logs were being opened: the next start will check them");
            Ok(())
        }
        Ok(End::Stopped) => {
            closing.store(true, Ordering::SeqCst);
            let mut notes = std::mem::take(&mut shell.notes);
            let closed = shell.store.close();
            match &closed {
                Ok(()) => notes.info("stopped cleanly: everything is on disk"),
                Err(why) => notes.error(&format!("stopped, but not cleanly: {why}")),
            }
            closed
        }
        Ok(End::Killed) => {
            shell.notes.warn("stopped at once by a second signal: the next start will check the logs");
            Err("stopped at once by a second signal".into())
        }
        Err(why) => {
            shell.notes.error(&format!("cannot go on: {why}"));
            Err(why)
        }
    }
}

/// The first signals reach the loop as bytes; once the logs are being `closing`, another one ends the process.
fn catch_signals(options: &Options, closing: &Arc<AtomicBool>) -> std::io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(closing))?;
    }
    // A file size limit is then an error of the write, not the end of the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    if options.exit_with_parent {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    Ok(ours)
}

/// As many open files as we may have: connections and segments need them.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn open_notes(options: &Options, settings: &BrokerSettings) -> Result<Notes, String> {
    let mut notes = Notes::new();
    if !options.quiet {
        notes = notes.to_stderr();
    }
    if options.debug {
        notes = notes.with_debug();
    }
    let dir = settings.server_log_dir();
    let path = Path::new(&dir).join("server.log");
    std::fs::create_dir_all(&dir).map_err(|e| format!("cannot make the directory {dir} for server.log: {e}"))?;
    let max_bytes = u64::try_from(settings.server_log_max_bytes).unwrap_or(u64::MAX);
    let keep = usize::try_from(settings.server_log_files).unwrap_or(0);
    notes.open(&path, max_bytes, keep).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    Ok(notes)
}

type Bindings = (Vec<ListenSocket>, Vec<Endpoint>, Addresses);

fn bind(settings: &BrokerSettings) -> Result<Bindings, String> {
    let sizes = SocketSizes {
        backlog: match settings.static_values.get("socket.listen.backlog.size") {
            Some(_) => settings.socket_listen_backlog_size,
            None => BACKLOG,
        },
        receive: explicit(settings, "socket.receive.buffer.bytes", settings.socket_receive_buffer_bytes),
        send: explicit(settings, "socket.send.buffer.bytes", settings.socket_send_buffer_bytes),
    };
    let (mut sockets, mut endpoints) = (Vec::new(), Vec::new());
    let mut addresses = Addresses { listeners: Vec::new(), http: None };
    for (index, listener) in settings.listeners.iter().enumerate() {
        let bound = bind_all(&listener.host, listener.port, sizes)?;
        sockets.extend(bound.sockets.into_iter().map(|socket| ListenSocket { listener: Some(index), socket }));
        let told = settings.advertised_listeners.iter().find(|told| told.name == listener.name).unwrap_or(listener);
        let port = if told.port == 0 { bound.port } else { told.port };
        let told = Listener { host: reachable(&told.host), port, ..told.clone() };
        addresses.listeners.push(told.url());
        endpoints.push(Endpoint { host: told.host, port });
    }
    for (index, listener) in (settings.listeners.len()..).zip(&settings.cluster.controller_listeners) {
        let bound = bind_all(&listener.host, listener.port, sizes)?;
        sockets.extend(bound.sockets.into_iter().map(|socket| ListenSocket { listener: Some(index), socket }));
    }
    if let Some((host, port)) = &settings.http_listener {
        let sizes = SocketSizes { backlog: 32, receive: None, send: None };
        let bound = bind_all(host, *port, sizes).map_err(|why| format!("http.listener: {why}"))?;
        sockets.extend(bound.sockets.into_iter().map(|socket| ListenSocket { listener: None, socket }));
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        addresses.http = Some(format!("{host}:{}", bound.port));
    }
    Ok((sockets, endpoints, addresses))
}

/// A socket buffer's size when the user has set it; the kernel's own tuning is better than Kafka's default of 100 KiB.
fn explicit(settings: &BrokerSettings, name: &str, bytes: i32) -> Option<usize> {
    settings.static_values.get(name)?;
    usize::try_from(bytes).ok()
}

/// What clients are told for a host that means "every interface": this machine's name, when it resolves.
fn reachable(host: &str) -> String {
    let unspecified = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if !host.is_empty() && !unspecified {
        return host.to_owned();
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if (name.as_str(), 0).to_socket_addrs().is_ok() { name } else { "localhost".into() }
}

fn introduce(
    notes: &mut Notes,
    settings: &BrokerSettings,
    config_notes: &[String],
    dirs: &[store::LogDir],
    identity: &store::Identity,
) {
    notes.info(&format!(
        "kqd {} is starting: node {}, cluster {}, pid {}",
        env!("CARGO_PKG_VERSION"),
        settings.node_id,
        identity.cluster_id,
        std::process::id()
    ));
    for line in config_notes {
        notes.write(Level::Info, line);
    }
    for dir in dirs {
        let state = match (dir.found.len(), dir.clean) {
            (0, _) => "no logs yet".to_owned(),
            (n, true) => format!("{n} logs, cleanly stopped"),
            (n, false) => format!("{n} logs, not cleanly stopped: they are checked now"),
        };
        notes.info(&format!("data is in {}: {state}", dir.path.display()));
    }
    notes.info(match settings.acknowledged_is_on_disk() {
        true => "acknowledged means on disk (log.flush.interval.messages = 1: one group commit for all that waits)",
        false => {
            "acknowledged means in the page cache: a power cut may lose it \
             (log.flush.interval.messages = 1 promises the disk)"
        }
    });
    let (network, io) = (settings.num_network_threads, settings.num_io_threads);
    notes.info(&format!(
        "one thread serves all connections: num.network.threads = {network} changes nothing; \
         num.io.threads = {io} is how many reads may wait for the disk at a time"
    ));
}

/// The system's randomness.
struct Random(std::fs::File);

impl Random {
    fn open() -> Result<Random, String> {
        let file = std::fs::File::open("/dev/urandom").map_err(|e| format!("cannot open /dev/urandom: {e}"))?;
        Ok(Random(file))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).map_err(|e| format!("cannot read /dev/urandom: {e}"))?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, String> {
        Ok(u64::from_be_bytes(self.bytes()?))
    }

    /// A random id as Kafka makes them: version 4, and never one that begins with a dash, which tools take for a flag.
    fn id(&mut self) -> Result<Uuid, String> {
        loop {
            let mut bytes: [u8; 16] = self.bytes()?;
            bytes[6] = bytes[6] & 0x0f | 0x40;
            bytes[8] = bytes[8] & 0x3f | 0x80;
            let id = Uuid(bytes);
            if !id.to_text().starts_with('-') {
                return Ok(id);
            }
        }
    }
}
