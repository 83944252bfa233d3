//! Listeners: `NAME://host:port`, what each name speaks, and which of them a single node opens.

use super::error::ConfigError;
use super::setting::list;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Kafka frames on bare TCP.
    Plaintext,
    /// Kafka frames in TLS.
    Ssl,
    /// SASL on bare TCP.
    SaslPlaintext,
    /// SASL in TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "PLAINTEXT",
            SecurityProtocol::Ssl => "SSL",
            SecurityProtocol::SaslPlaintext => "SASL_PLAINTEXT",
            SecurityProtocol::SaslSsl => "SASL_SSL",
        }
    }

    fn from_name(name: &str) -> Option<SecurityProtocol> {
        use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
        [Plaintext, Ssl, SaslPlaintext, SaslSsl].into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }
}

/// One address: where the broker listens, or what it tells clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The listener's name, in capitals.
    pub name: String,
    /// What it speaks.
    pub protocol: SecurityProtocol,
    /// The host, without brackets around IPv6; empty means every interface (or, advertised, this machine's name).
    pub host: String,
    /// The port; 0 asks the system for a free one.
    pub port: u16,
}

impl Listener {
    /// `NAME://host:port`, with brackets around IPv6.
    pub fn url(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{}://{host}:{}", self.name, self.port)
    }
}

/// Reads `listener.security.protocol.map`: `NAME:PROTOCOL` pairs.
///
/// # Errors
/// A pair without a colon, or a protocol that Kafka does not have.
pub fn parse_protocol_map(setting: &str, text: &str) -> Result<Vec<(String, SecurityProtocol)>, ConfigError> {
    let mut map = Vec::new();
    for pair in list(text) {
        let known = pair.split_once(':').and_then(|(name, protocol)| {
            Some((name.trim().to_ascii_uppercase(), SecurityProtocol::from_name(protocol.trim())?))
        });
        let Some(entry) = known else {
            return Err(ConfigError::invalid(setting, pair, "Expected NAME:PROTOCOL")
                .hint("the protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL"));
        };
        map.push(entry);
    }
    Ok(map)
}

/// Reads a list of addresses. Names and ports must not repeat; `setting` is the name that errors mention.
///
/// # Errors
/// An address that is not `NAME://host:port`, a name without a protocol, a name or port given twice.
pub fn parse_listeners(
    setting: &str,
    text: &str,
    protocols: &[(String, SecurityProtocol)],
) -> Result<Vec<Listener>, ConfigError> {
    let mut listeners: Vec<Listener> = Vec::new();
    for item in list(text) {
        let bad = |why: &str| {
            ConfigError::invalid(setting, item, why).hint("write PLAINTEXT://host:port, separated by commas")
        };
        let (name, address) = item.split_once("://").ok_or_else(|| bad("Expected NAME://host:port"))?;
        let name = name.trim().to_ascii_uppercase();
        let (host, port) = split_host_port(address).ok_or_else(|| bad("Expected NAME://host:port"))?;
        let mapped = protocols.iter().find(|(known, _)| *known == name).map(|(_, protocol)| *protocol);
        let protocol = match mapped {
            Some(protocol) => protocol,
            None => SecurityProtocol::from_name(&name).ok_or_else(|| {
                ConfigError::invalid(setting, item, format!("No security protocol defined for listener {name}"))
                    .hint(format!("add {name}:PLAINTEXT to listener.security.protocol.map"))
            })?,
        };
        if listeners.iter().any(|other| other.name == name) {
            return Err(bad("Each listener must have a different name"));
        }
        let taken = |other: &&Listener| other.port == port && port != 0 && other.host == host;
        if setting == "listeners"
            && let Some(other) = listeners.iter().find(taken)
        {
            return Err(bad(&format!("Listener {} already uses this host and port", other.name)));
        }
        listeners.push(Listener { name, protocol, host, port });
    }
    Ok(listeners)
}

/// `host:port`, `[ipv6]:port` or `:port`, into host (without brackets) and port.
pub fn split_host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    (host.chars().all(plain) && digits).then_some(())?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{SecurityProtocol, parse_listeners, parse_protocol_map, split_host_port};

    #[test]
    fn addresses_in_every_shape() {
        let got = parse_listeners(
            "listeners",
            "PLAINTEXT://:9092, inside://[::1]:9093,SSL://a.b:0",
            &[("INSIDE".into(), SecurityProtocol::Plaintext)],
        );
        let got = got.expect("all good");
        assert_eq!(
            got.iter().map(|l| l.url()).collect::<Vec<_>>(),
            ["PLAINTEXT://:9092", "INSIDE://[::1]:9093", "SSL://a.b:0"]
        );
        assert_eq!(got[1].host, "::1");
        assert_eq!(got[2].protocol, SecurityProtocol::Ssl);
    }

    #[test]
    fn refuses_what_cannot_be_served() {
        let why = |text| parse_listeners("listeners", text, &[]).expect_err("bad").to_string();
        assert!(why("localhost:9092").contains("Expected NAME://host:port"));
        assert!(why("PLAINTEXT://localhost").contains("Expected NAME://host:port"));
        assert!(why("PLAINTEXT://localhost:70000").contains("Expected NAME://host:port"));
        assert!(why("PLAINTEXT://a b:1").contains("Expected"));
        assert!(why("FOO://:1").contains("listener.security.protocol.map"));
        assert!(why("SSL://:1,SSL://:2").contains("different name"));
        assert!(why("SSL://:1,PLAINTEXT://:1").contains("already uses"));
        assert!(parse_listeners("advertised.listeners", "SSL://a:1,PLAINTEXT://a:1", &[]).is_ok());
        assert!(parse_protocol_map("m", "A:B").expect_err("bad").to_string().contains("SASL_SSL"));
    }

    #[test]
    fn hosts_and_ports() {
        assert_eq!(split_host_port("127.0.0.1:9644"), Some(("127.0.0.1".into(), 9644)));
        assert_eq!(split_host_port(":1"), Some((String::new(), 1)));
        assert_eq!(split_host_port("::1:9"), None);
        assert_eq!(split_host_port("h:+9"), None);
        assert_eq!(split_host_port("[::1:9"), None);
    }
}
