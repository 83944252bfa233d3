//! The settings of a node among others, typed: who is in the quorum and where it is reached, brokers' signs of life,
//! how followers copy. Times in ms and sizes in bytes unless the name says otherwise.

use super::error::ConfigError;
use super::listener::{Listener, SecurityProtocol, split_host_port};
use super::setting::{list, parse_bool};
use crate::types::Uuid;
use std::net::IpAddr;
use std::str::FromStr;

/// Voters at most: what one message of the quorum has room for, many times over.
pub const VOTERS_MAX: usize = 32;

/// FNV-1a, 128 bits wide.
const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

const VOTERS: &str = "controller.quorum.voters";
const INTER_BROKER: &str = "inter.broker.listener.name";

/// A member of the metadata quorum: `id@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its `node.id`.
    pub id: i32,
    /// Where its controller listener is reached: the host, without brackets around IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Settings of the quorum, of brokers among each other, and of replication.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSettings {
    /// `controller.quorum.voters`, by id. Empty when the node is alone: its own quorum, without a controller listener.
    pub voters: Vec<Voter>,
    /// The listeners of `listeners` that `controller.listener.names` names: opened when there are voters. Their listener
    /// indexes follow those of the clients' listeners.
    pub controller_listeners: Vec<Listener>,
    /// `inter.broker.listener.name`, as an index among the clients' listeners: the one named PLAINTEXT, or the first, when
    /// not given.
    pub inter_broker_listener: usize,
    /// `controller.quorum.fetch.timeout.ms`: a quorum leader that is silent for so long is replaced.
    pub quorum_fetch_timeout_ms: i64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub metadata_snapshot_bytes: i64,
    /// `broker.heartbeat.interval.ms`.
    pub broker_heartbeat_interval_ms: i64,
    /// `broker.session.timeout.ms`: a broker that is silent for so long is fenced.
    pub broker_session_timeout_ms: i64,
    /// `controlled.shutdown.enable`: leadership moves away before a stop.
    pub controlled_shutdown_enable: bool,
    /// `auto.leader.rebalance.enable`: leadership goes back to the preferred replica by itself.
    pub auto_leader_rebalance_enable: bool,
    /// `leader.imbalance.check.interval.seconds`, in ms.
    pub leader_imbalance_check_interval_ms: i64,
    /// `request.timeout.ms`: a request that waits for a controller is given up after this.
    pub request_timeout_ms: i64,
    /// `controller.socket.timeout.ms`: a connection to the controller whose oldest request waits so long is given up.
    pub controller_socket_timeout_ms: i64,
    /// Following.
    pub replica: ReplicaSettings,
}

/// How a follower copies, and when it counts as in sync.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSettings {
    /// `replica.fetch.backoff.ms`: how long a follower leaves a partition alone after an error.
    pub fetch_backoff_ms: i64,
    /// `replica.fetch.max.bytes`: what it asks for per partition.
    pub fetch_max_bytes: i32,
    /// `replica.fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `replica.fetch.response.max.bytes`: what it asks for in all.
    pub fetch_response_max_bytes: i32,
    /// `replica.fetch.wait.max.ms`.
    pub fetch_wait_max_ms: i32,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval_ms: i64,
    /// `replica.lag.time.max.ms`: a follower that is behind for so long leaves the in-sync set.
    pub lag_time_max_ms: i64,
    /// `replica.socket.timeout.ms`: a connection to a leader whose oldest request waits so long is given up.
    pub socket_timeout_ms: i64,
}

/// The addresses of a configuration, sorted by who comes there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Addresses {
    /// The clients' listeners.
    pub listeners: Vec<Listener>,
    /// What clients are told, for every one of these listeners.
    pub advertised: Vec<Listener>,
    /// The controller's listeners.
    pub controllers: Vec<Listener>,
    /// What `advertised.listeners` has for the controller's listeners, if anything.
    pub advertised_controllers: Vec<Listener>,
}

impl ClusterSettings {
    /// Reads the settings; `raw` has each one's text.
    ///
    /// # Errors
    /// A value that is not of its type; a quorum that this node could not be a member of.
    pub(super) fn read<'v>(
        raw: impl Fn(&str) -> &'v str,
        node_id: i32,
        addresses: &Addresses,
    ) -> Result<ClusterSettings, ConfigError> {
        fn number<T: FromStr>(name: &str, text: &str) -> Result<T, ConfigError> {
            text.trim().parse().map_err(|_| ConfigError::invalid(name, text, "Not a number in range"))
        }
        let int = |name: &str| number::<i32>(name, raw(name));
        let long = |name: &str| number::<i64>(name, raw(name));
        let switch = |name: &str| {
            parse_bool(raw(name))
                .ok_or_else(|| ConfigError::invalid(name, raw(name), "Expected value to be either true or false"))
        };
        let voters = voters(raw(VOTERS))?;
        let settings = ClusterSettings {
            controller_listeners: if voters.is_empty() { Vec::new() } else { addresses.controllers.clone() },
            inter_broker_listener: inter_broker(raw(INTER_BROKER), addresses)?,
            voters,
            quorum_fetch_timeout_ms: long("controller.quorum.fetch.timeout.ms")?,
            metadata_snapshot_bytes: long("metadata.log.max.record.bytes.between.snapshots")?,
            broker_heartbeat_interval_ms: long("broker.heartbeat.interval.ms")?,
            broker_session_timeout_ms: long("broker.session.timeout.ms")?,
            controlled_shutdown_enable: switch("controlled.shutdown.enable")?,
            auto_leader_rebalance_enable: switch("auto.leader.rebalance.enable")?,
            leader_imbalance_check_interval_ms: long("leader.imbalance.check.interval.seconds")?.saturating_mul(1000),
            request_timeout_ms: long("request.timeout.ms")?,
            controller_socket_timeout_ms: long("controller.socket.timeout.ms")?,
            replica: ReplicaSettings {
                fetch_backoff_ms: long("replica.fetch.backoff.ms")?,
                fetch_max_bytes: int("replica.fetch.max.bytes")?,
                fetch_min_bytes: int("replica.fetch.min.bytes")?,
                fetch_response_max_bytes: int("replica.fetch.response.max.bytes")?,
                fetch_wait_max_ms: int("replica.fetch.wait.max.ms")?,
                high_watermark_checkpoint_interval_ms: long("replica.high.watermark.checkpoint.interval.ms")?,
                lag_time_max_ms: long("replica.lag.time.max.ms")?,
                socket_timeout_ms: long("replica.socket.timeout.ms")?,
            },
        };
        match settings.voters.is_empty() {
            true => refuse_a_quorum_to_be_found(raw("controller.quorum.bootstrap.servers"))?,
            false => settings.check(&raw, node_id, addresses)?,
        }
        Ok(settings)
    }

    /// Whether there are other nodes.
    pub fn is_cluster(&self) -> bool {
        self.voters.len() > 1
    }

    /// The voters' ids, in order.
    pub fn voter_ids(&self) -> Vec<i32> {
        self.voters.iter().map(|voter| voter.id).collect()
    }

    /// The id of a cluster that has none yet: made of the voters, so that all nodes make the same one without asking each
    /// other. `None` for a node alone.
    pub fn new_cluster_id(&self) -> Option<Uuid> {
        if !self.is_cluster() {
            return None;
        }
        let mut hash = FNV_OFFSET;
        for voter in &self.voters {
            for byte in format!("{}@{},", voter.id, voter.url()).bytes() {
                hash = (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
        let mut bytes = hash.to_be_bytes();
        // As random ids look: version 4. Tools take a leading dash for a flag: it comes from the six highest bits.
        bytes[0] &= 0x7f;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Some(Uuid(bytes))
    }

    /// What the log should say at the start.
    pub(super) fn notes(&self) -> Vec<String> {
        match self.voters.len() {
            n if n > 1 && n.is_multiple_of(2) => vec![format!(
                "{VOTERS}: {n} voters bear no more failures than {} would: an odd number is better",
                n - 1
            )],
            _ => Vec::new(),
        }
    }

    fn check<'v>(
        &self,
        raw: &impl Fn(&str) -> &'v str,
        node_id: i32,
        addresses: &Addresses,
    ) -> Result<(), ConfigError> {
        let given = raw(VOTERS);
        if !list(raw("process.roles")).any(|role| role == "controller") {
            return Err(ConfigError::invalid(
                "process.roles",
                raw("process.roles"),
                format!("a kqd with {VOTERS} is broker and controller"),
            )
            .hint("write broker,controller"));
        }
        let Some(own) = self.voters.iter().find(|voter| voter.id == node_id) else {
            let why = format!("node.id is {node_id}, which is not among the voters: every kqd of a cluster is one");
            return Err(ConfigError::invalid(VOTERS, given, why)
                .hint(format!("add {node_id}@host:port, the same line on every node, or correct node.id")));
        };
        let Some(listener) = addresses.controllers.first() else {
            let name = list(raw("controller.listener.names")).next().unwrap_or("CONTROLLER");
            return Err(ConfigError::invalid(
                "listeners",
                raw("listeners"),
                format!("The other voters reach this node at {}, and there is no controller listener", own.url()),
            )
            .hint(format!("add {name}://{}:{}", own.host, own.port)));
        };
        if let Some(bad) = addresses.controllers.iter().find(|l| l.protocol != SecurityProtocol::Plaintext) {
            let why = format!("{} asks for {}, which kq cannot speak yet", bad.name, bad.protocol.name());
            return Err(ConfigError::invalid("listeners", raw("listeners"), why)
                .hint("use PLAINTEXT on an address that only trusted machines reach"));
        }
        let told = addresses.controllers.iter().chain(&addresses.advertised_controllers);
        if !told.clone().any(|l| l.port == own.port) {
            let why = format!(
                "The other voters reach this node at {}, but its controller listener is {}",
                own.url(),
                listener.url()
            );
            return Err(ConfigError::invalid("listeners", raw("listeners"), why)
                .hint(format!("give both the same port: {}://{}:{}", listener.name, listener.host, own.port)));
        }
        if !is_loopback(&own.host) && addresses.controllers.iter().all(|l| is_loopback(&l.host)) {
            let why = format!(
                "The other voters reach this node at {}, but {} is open to this machine alone",
                own.url(),
                listener.url()
            );
            return Err(ConfigError::invalid("listeners", raw("listeners"), why)
                .hint(format!("write {}://{}:{}", listener.name, own.host, own.port)));
        }
        self.check_what_others_are_told(node_id, addresses)?;
        self.check_times(raw)
    }

    /// Where every voter is on this machine, loopback will do; otherwise the others cannot come to it.
    fn check_what_others_are_told(&self, node_id: i32, addresses: &Addresses) -> Result<(), ConfigError> {
        let Some(listener) = addresses.listeners.get(self.inter_broker_listener) else { return Ok(()) };
        let told = addresses.advertised.iter().find(|l| l.name == listener.name).unwrap_or(listener);
        let far = |voter: &&Voter| voter.id != node_id && !is_loopback(&voter.host);
        let Some(other) = self.voters.iter().find(far) else { return Ok(()) };
        for (setting, address) in [("advertised.listeners", told), ("listeners", listener)] {
            if is_loopback(&address.host) {
                let why = format!(
                    "The other brokers come to this listener too, and from {} they cannot reach {}",
                    other.host, address.host
                );
                return Err(ConfigError::invalid(setting, &address.url(), why)
                    .hint("give the name or address by which the others reach this machine"));
            }
        }
        Ok(())
    }

    fn check_times<'v>(&self, raw: &impl Fn(&str) -> &'v str) -> Result<(), ConfigError> {
        let (heartbeat, session) = (self.broker_heartbeat_interval_ms, self.broker_session_timeout_ms);
        if heartbeat < 1 || session < heartbeat.saturating_mul(2) {
            let name = "broker.session.timeout.ms";
            let why = format!("Value must be at least twice broker.heartbeat.interval.ms ({heartbeat})");
            return Err(ConfigError::invalid(name, raw(name), why));
        }
        let wait = i64::from(self.replica.fetch_wait_max_ms);
        for (name, bound) in [
            ("replica.socket.timeout.ms", self.replica.socket_timeout_ms),
            ("replica.lag.time.max.ms", self.replica.lag_time_max_ms),
        ] {
            if wait > bound {
                let why = format!("Value must be at least replica.fetch.wait.max.ms ({wait})");
                return Err(ConfigError::invalid(name, raw(name), why));
            }
        }
        Ok(())
    }
}

impl Voter {
    /// `host:port`, with brackets around IPv6.
    pub fn url(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

fn voters(text: &str) -> Result<Vec<Voter>, ConfigError> {
    let mut voters: Vec<Voter> = Vec::new();
    for item in list(text) {
        let bad = |why: String| ConfigError::invalid(VOTERS, item, why).hint("write 1@host1:9093,2@host2:9093,...");
        let parsed = item.split_once('@').and_then(|(id, address)| {
            let id = id.trim().parse::<i32>().ok().filter(|id| *id >= 0)?;
            let (host, port) = split_host_port(address).filter(|(host, port)| !host.is_empty() && *port != 0)?;
            Some(Voter { id, host, port })
        });
        let voter = parsed.ok_or_else(|| bad("Expected id@host:port".into()))?;
        if voter.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
            return Err(bad("No other node can connect to this address".into()));
        }
        if voters.iter().any(|other| other.id == voter.id) {
            return Err(bad(format!("Node {} is there twice", voter.id)));
        }
        if let Some(other) = voters.iter().find(|other| (&other.host, other.port) == (&voter.host, voter.port)) {
            return Err(bad(format!("Node {} has this address already", other.id)));
        }
        if voters.len() == VOTERS_MAX {
            return Err(bad(format!("There are more than {VOTERS_MAX} voters")));
        }
        voters.push(voter);
    }
    voters.sort_by_key(|voter| voter.id);
    Ok(voters)
}

fn inter_broker(name: &str, addresses: &Addresses) -> Result<usize, ConfigError> {
    let at = |name: &str| addresses.listeners.iter().position(|l| l.name.eq_ignore_ascii_case(name));
    match name {
        "" => Ok(at("PLAINTEXT").unwrap_or(0)),
        name => at(name).ok_or_else(|| {
            let names: Vec<&str> = addresses.listeners.iter().map(|listener| listener.name.as_str()).collect();
            ConfigError::invalid(INTER_BROKER, name, "It is not one of the listeners that brokers and clients come to")
                .hint(format!("these are {}", names.join(", ")))
        }),
    }
}

/// A node that is to find a quorum at several addresses must not become a cluster of its own instead.
fn refuse_a_quorum_to_be_found(servers: &str) -> Result<(), ConfigError> {
    match list(servers).count() {
        0 | 1 => Ok(()),
        _ => Err(ConfigError::invalid(
            "controller.quorum.bootstrap.servers",
            servers,
            format!("a quorum of several nodes must be written out in {VOTERS}, kq cannot find it yet"),
        )
        .hint(format!("write {VOTERS}=1@host1:9093,2@host2:9093,... with every node.id"))),
    }
}

/// Whether an address can only be reached from this machine.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests;
