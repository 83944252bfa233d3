//! Client settings: where they come from, which are known.

use crate::args::{ConnectArgs, key_value};
use crate::failure::Failure;
use crate::profile::{Profile, Profiles};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a client starts when nothing says otherwise.
pub const BOOTSTRAP_DEFAULT: &str = "127.0.0.1:9092";
/// The port of an address that names none.
const PORT_DEFAULT: u16 = 9092;
/// How long a command may take when nothing says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// A client setting that kq knows: Kafka's name, default, meaning.
pub struct Known {
    /// Kafka's name.
    pub name: &'static str,
    /// The default.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn known(name: &'static str, default: &'static str, about: &'static str) -> Known {
    Known { name, default, about }
}

/// Every setting that `-X` takes.
pub const KNOWN: &[Known] = &[
    known("acks", "all", "console-producer, bench produce: who must have a record before it counts (all, 1, 0)"),
    known("auto.commit.interval.ms", "5000", "console-consumer --group: how often to commit"),
    known("auto.offset.reset", "latest", "console-consumer: where to begin without a position"),
    known("batch.size", "16384", "producers: bytes of records to collect for one request"),
    known("bootstrap.servers", BOOTSTRAP_DEFAULT, "brokers to start from"),
    known("client.id", "kq", "the client's name in the broker's logs and metrics"),
    known("compression.type", "none", "producers: none, gzip, snappy, lz4, zstd"),
    known("default.api.timeout.ms", "30000", "how long a command may take (as --timeout)"),
    known("delivery.timeout.ms", "120000", "producers: give a record up after this long"),
    known("enable.auto.commit", "true", "console-consumer --group: commit what was shown"),
    known("enable.idempotence", "true", "producers: no duplicates and no reordering on retries"),
    known("fetch.max.bytes", "52428800", "consumers: most bytes in one answer"),
    known("fetch.max.wait.ms", "500", "consumers: how long the broker may wait for data"),
    known("fetch.min.bytes", "1", "consumers: how much data the broker should wait for"),
    known("group.id", "", "console-consumer: as --group"),
    known("group.instance.id", "", "console-consumer --group: a static member's name"),
    known(
        "heartbeat.interval.ms",
        "3000",
        "console-consumer --group: how often to tell the coordinator that it is alive",
    ),
    known("isolation.level", "read_uncommitted", "consumers: read_committed hides aborted transactions"),
    known("linger.ms", "5", "producers: how long to wait for more records"),
    known("max.in.flight.requests.per.connection", "5", "producers: requests sent ahead of their answers"),
    known("max.partition.fetch.bytes", "1048576", "consumers: most bytes of one partition in one answer"),
    known("max.poll.interval.ms", "300000", "console-consumer --group: how long a rebalance waits for a member"),
    known("max.request.size", "1048576", "producers: largest record and request in bytes"),
    known("metadata.max.age.ms", "300000", "refresh what is known of the cluster after this long"),
    known("request.timeout.ms", "30000", "how long one request may take"),
    known("retries", "2147483647", "producers: attempts after the first, within delivery.timeout.ms"),
    known("retry.backoff.ms", "100", "pause before trying again"),
    known("security.protocol", "PLAINTEXT", "PLAINTEXT is what this version speaks"),
    known("session.timeout.ms", "45000", "console-consumer --group: a member not heard of for so long is out"),
    known("socket.connection.setup.timeout.ms", "5000", "how long connecting may take"),
];

/// A setting in force, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The value.
    pub value: String,
    /// `flag -b`, `-X`, `env KQ_BOOTSTRAP_SERVER`, `profile NAME`, a file, or `default`.
    pub from: String,
}

/// Everything a client needs before the first connection.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to start: host and port, in the order given.
    pub seeds: Vec<(String, u16)>,
    /// All settings by Kafka's name, with their origin. Defaults are not in it.
    pub all: BTreeMap<String, Origin>,
    /// How long the whole command may take.
    pub timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl Settings {
    /// Resolves flags over `-X` over the environment over the file and the profile over the defaults.
    ///
    /// # Errors
    /// A usage failure that says which setting is wrong.
    pub fn resolve(args: &ConnectArgs, timeout: Option<Duration>, profiles: &Profiles) -> Result<Self, Failure> {
        let mut all: BTreeMap<String, Origin> = BTreeMap::new();
        let mut set = |name: &str, value: &str, from: &str| {
            all.insert(name.to_string(), Origin { value: value.to_string(), from: from.to_string() });
        };
        if let Some((name, profile)) = chosen(args, profiles)? {
            let from = format!("profile {name}");
            profile.settings.iter().for_each(|(name, value)| set(name, value, &from));
            if let Some(servers) = &profile.bootstrap_server {
                set("bootstrap.servers", servers, &from);
            }
        }
        if let Some(path) = &args.command_config {
            for (name, value) in read_properties(path)? {
                set(&name, &value, &path.display().to_string());
            }
        }
        if let Some(servers) = env("KQ_BOOTSTRAP_SERVER") {
            set("bootstrap.servers", &servers, "env KQ_BOOTSTRAP_SERVER");
        }
        for text in &args.settings {
            let (name, value) = key_value("-X", text)?;
            if !KNOWN.iter().any(|known| known.name == name) {
                return Err(Failure::usage(format!("-X {name}: no such client setting")).hint(nearest(name)));
            }
            set(name, value, "-X");
        }
        if let Some(servers) = &args.bootstrap_server {
            set("bootstrap.servers", servers, "flag -b");
        }
        if let Some(timeout) = timeout {
            set("default.api.timeout.ms", &timeout.as_millis().to_string(), "flag --timeout");
        }
        let security = all.get("security.protocol").map_or("PLAINTEXT", |origin| &origin.value);
        if security != "PLAINTEXT" {
            return Err(Failure::usage(format!("security.protocol={security}: this version speaks PLAINTEXT only")));
        }
        let servers = all.get("bootstrap.servers").map_or(BOOTSTRAP_DEFAULT, |origin| &origin.value);
        let seeds = parse_seeds(servers)?;
        let mut settings = Settings {
            seeds,
            all,
            timeout: TIMEOUT_DEFAULT,
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
        };
        settings.timeout = settings.millis("default.api.timeout.ms", settings.timeout)?;
        settings.request_timeout = settings.millis("request.timeout.ms", settings.request_timeout)?;
        settings.connect_timeout = settings.millis("socket.connection.setup.timeout.ms", settings.connect_timeout)?;
        Ok(settings)
    }

    /// A setting by Kafka's name, if something set it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(|origin| origin.value.as_str())
    }

    /// The client's name.
    pub fn client_id(&self) -> &str {
        self.get("client.id").unwrap_or("kq")
    }

    /// A setting in milliseconds.
    ///
    /// # Errors
    /// A usage failure when it is no number.
    pub fn millis(&self, name: &str, default: Duration) -> Result<Duration, Failure> {
        Ok(self.number(name)?.map_or(default, Duration::from_millis))
    }

    /// A setting that is a number.
    ///
    /// # Errors
    /// A usage failure when it is none.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(origin) = self.all.get(name) else { return Ok(None) };
        let parsed = origin.value.parse();
        parsed
            .map(Some)
            .map_err(|_| Failure::usage(format!("{name}={} ({}): expected a whole number", origin.value, origin.from)))
    }
}

fn chosen<'p>(args: &ConnectArgs, profiles: &'p Profiles) -> Result<Option<(&'p str, &'p Profile)>, Failure> {
    let named = args.cluster.clone().or_else(|| env("KQ_CLUSTER"));
    let Some(name) = named.as_ref().or(profiles.current.as_ref()) else { return Ok(None) };
    match profiles.profiles.get_key_value(name) {
        Some((name, profile)) => Ok(Some((name, profile))),
        // The current profile went away: as if none was chosen.
        None if named.is_none() => Ok(None),
        None => Err(Failure::usage(format!("no profile named {name}")).hint("see `kq profile list`")),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn nearest(name: &str) -> String {
    let tail = |text: &str| text.rsplit('.').next().unwrap_or_default().to_string();
    let close = KNOWN.iter().find(|known| known.name.contains(name) || tail(known.name) == tail(name));
    match close {
        Some(known) => format!("did you mean {}? `-X list` shows all", known.name),
        None => "`-X list` shows all".into(),
    }
}

fn read_properties(path: &std::path::Path) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("--command-config {}: cannot be read", path.display())).because(error)
    })?;
    let line = |line: &str| {
        let line = line.trim();
        let (name, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
        (!line.is_empty() && !line.starts_with(['#', '!'])).then(|| (name.trim().into(), value.trim().into()))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Reads `host:port,[::1]:port,host`.
///
/// # Errors
/// A usage failure that shows the part that is wrong.
pub fn parse_seeds(text: &str) -> Result<Vec<(String, u16)>, Failure> {
    let wrong = |part: &str| {
        Failure::usage(format!("`{part}` is no broker address")).hint("write HOST:PORT, several with commas")
    };
    let mut seeds = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (host, port) = match part.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(|| wrong(part))?;
                (host, port.strip_prefix(':'))
            }
            None => match part.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (part, None),
            },
        };
        let port = port.map_or(Ok(PORT_DEFAULT), str::parse).map_err(|_| wrong(part))?;
        if host.is_empty() || port == 0 || host.contains(['/', ' ']) {
            return Err(wrong(part));
        }
        seeds.push((host.to_string(), port));
    }
    if seeds.is_empty() { Err(wrong(text)) } else { Ok(seeds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let seeds = parse_seeds("a:1, [::1]:2,b").unwrap();
        assert_eq!(seeds, [("a".into(), 1), ("::1".into(), 2), ("b".into(), 9092)]);
        for wrong in ["", "a:x", "a:0", ":1", "a:70000", "[::1", "http://a:1"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_setting_suggests_a_known_one() {
        let args = ConnectArgs { settings: vec!["timeout.ms=3".into()], ..Default::default() };
        let failure = Settings::resolve(&args, None, &Profiles::default()).unwrap_err();
        assert!(failure.hint.unwrap().contains("-X list"));
    }

    #[test]
    fn flags_win_over_settings_over_profiles() {
        let mut profiles = Profiles { current: Some("p".into()), ..Default::default() };
        let profile = Profile { bootstrap_server: Some("p:1".into()), ..Default::default() };
        profiles.profiles.insert("p".into(), profile);
        let mut args = ConnectArgs::default();
        let seed = |args: &ConnectArgs| Settings::resolve(args, None, &profiles).unwrap().seeds[0].0.clone();
        if env("KQ_BOOTSTRAP_SERVER").is_none() {
            assert_eq!(seed(&args), "p");
        }
        args.settings.push("bootstrap.servers=x:1".into());
        assert_eq!(seed(&args), "x");
        args.bootstrap_server = Some("b:1".into());
        assert_eq!(seed(&args), "b");
    }
}
