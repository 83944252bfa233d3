//! Where the ZooKeeper ensemble is that holds the metadata, if one does: `zookeeper.connect` and its timeouts.

use super::error::ConfigError;
use super::listener::split_host_port;

const CONNECT: &str = "zookeeper.connect";
/// ZooKeeper's port for clients.
const PORT: u16 = 2181;

/// An ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZooKeeperSettings {
    /// Its servers, `host:port` each, with brackets around IPv6.
    pub servers: Vec<String>,
    /// The path under which everything is kept: empty, or `/kafka` for instance.
    pub chroot: String,
    /// `zookeeper.session.timeout.ms`: a session that is silent for so long is over, and with it what is kept for it.
    pub session_timeout_ms: i64,
    /// `zookeeper.connection.timeout.ms`: a start that cannot reach the ensemble gives up after this. The session's
    /// timeout where it is not given.
    pub connection_timeout_ms: i64,
}

impl ZooKeeperSettings {
    /// Reads the settings; `raw` has each one's text. `None` where no ensemble is named.
    ///
    /// # Errors
    /// What is not of the form `host:port,host:port/chroot`.
    pub(super) fn read<'v>(raw: impl Fn(&str) -> &'v str) -> Result<Option<ZooKeeperSettings>, ConfigError> {
        let given = raw(CONNECT).trim();
        if given.is_empty() {
            return Ok(None);
        }
        for name in ["zookeeper.ssl.client.enable", "zookeeper.set.acl"] {
            if raw(name).eq_ignore_ascii_case("true") {
                let why = "kq speaks plain text to ZooKeeper, and protects nothing there yet";
                return Err(
                    ConfigError::invalid(name, raw(name), why).hint("use a network that only trusted machines reach")
                );
            }
        }
        let bad = |why: String| ConfigError::invalid(CONNECT, given, why).hint("write host1:2181,host2:2181/chroot");
        let (servers, chroot) = match given.find('/') {
            Some(at) => (&given[..at], given[at..].trim_end_matches('/')),
            None => (given, ""),
        };
        if chroot.split('/').skip(1).any(|name| matches!(name, "" | "." | "..")) {
            return Err(bad(format!("{chroot} is no path")));
        }
        let server = |text: &str| {
            let text = text.trim();
            let (host, port) = split_host_port(text).or_else(|| split_host_port(&format!("{text}:{PORT}")))?;
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            (!host.is_empty() && port != 0).then(|| format!("{host}:{port}"))
        };
        let servers: Option<Vec<String>> = servers.split(',').map(server).collect();
        let number = |name: &str| {
            let text = raw(name).trim();
            text.parse::<i64>().map_err(|_| ConfigError::invalid(name, text, "Not a number in range"))
        };
        let session_timeout_ms = number("zookeeper.session.timeout.ms")?;
        let connection_timeout_ms = match raw("zookeeper.connection.timeout.ms") {
            "" => session_timeout_ms,
            _ => number("zookeeper.connection.timeout.ms")?,
        };
        Ok(Some(ZooKeeperSettings {
            servers: servers.ok_or_else(|| bad("Expected host:port,host:port/chroot".into()))?,
            chroot: chroot.to_owned(),
            session_timeout_ms,
            connection_timeout_ms,
        }))
    }

    /// As `zookeeper.connect` has it.
    pub fn connect(&self) -> String {
        format!("{}{}", self.servers.join(","), self.chroot)
    }
}

#[cfg(test)]
mod tests {
    use super::ZooKeeperSettings;
    use crate::config::{BrokerSettings, parse_properties};

    fn load(text: &str) -> Result<(BrokerSettings, Vec<String>), String> {
        BrokerSettings::load(&parse_properties(text).expect("properties")).map_err(|error| error.to_string())
    }

    fn ensemble(connect: &str) -> ZooKeeperSettings {
        let (settings, _) = load(&format!("zookeeper.connect={connect}")).expect(connect);
        settings.cluster.zookeeper.expect(connect)
    }

    #[test]
    fn ensembles() {
        let one = ensemble("zk1");
        assert_eq!((one.servers, one.chroot.as_str()), (vec!["zk1:2181".to_owned()], ""));
        assert_eq!((one.session_timeout_ms, one.connection_timeout_ms), (18_000, 18_000));
        let three = ensemble("zk1:2181, [::1]:2182,10.0.0.3:1/kafka/a/");
        assert_eq!(three.servers, ["zk1:2181", "[::1]:2182", "10.0.0.3:1"]);
        assert_eq!(three.chroot, "/kafka/a");
        assert_eq!(three.connect(), "zk1:2181,[::1]:2182,10.0.0.3:1/kafka/a");
        assert_eq!(ensemble("zk1/").chroot, "");
        assert_eq!(load("").expect("valid").0.cluster.zookeeper, None);
        for bad in ["/kafka", "a,,b", "a:0", "a:x", "a//b", "a/../b"] {
            let why = load(&format!("zookeeper.connect={bad}")).expect_err(bad);
            assert!(why.contains("zookeeper.connect") && why.contains("host1:2181"), "{why}");
        }
    }

    #[test]
    fn brokers_of_one_ensemble_are_a_cluster() {
        let (settings, notes) = load("node.id=7\nzookeeper.connect=a:1\nzookeeper.connection.timeout.ms=6000").unwrap();
        let cluster = &settings.cluster;
        assert!(cluster.is_cluster() && cluster.controller_listeners.is_empty() && cluster.voters.is_empty());
        assert_eq!(cluster.zookeeper.as_ref().map(|ensemble| ensemble.connection_timeout_ms), Some(6000));
        assert_eq!(settings.groups.offsets_topic_replication_factor, 3);
        assert_eq!(notes, ["offsets.topic.replication.factor is 3: zookeeper.connect is set"]);
        assert!(settings.is_shared_with_nodes(0) && !settings.is_shared_with_nodes(1));
        let both = "node.id=1\nzookeeper.connect=a:1\ncontroller.quorum.voters=1@a:2,2@b:2\n\
                    listeners=PLAINTEXT://:1,CONTROLLER://:2";
        assert!(load(both).expect_err("both").contains("either"), "{:?}", load(both));
        assert!(
            load("zookeeper.connect=a:1\nzookeeper.ssl.client.enable=true").expect_err("TLS").contains("plain text")
        );
        assert!(load("zookeeper.connect=a:1\nbroker.session.timeout.ms=1000").is_err());
    }
}
