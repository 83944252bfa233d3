//! The settings of a client, for the console tools and kq's own requests: `producer.properties`, `consumer.properties` and
//! `--command-property` in, [`ClientSettings`] out.
//!
//! As with Kafka's clients, an unknown name is a warning and not an error.

use super::error::ConfigError;
use super::listener::split_host_port;
use super::nearest::nearest;
use super::parse::Entry;
use super::setting::{Kind, Rule, Setting, Use, list, parse_bool};
use super::topic::CompressionType;
use super::values::Values;

const JAVA: &str = "kq cannot load Java classes";
const ONE: &str = "kq sends on one connection per broker, batch by batch";
const PLAIN: &str = "TLS and SASL are not built yet";
const GROUP: &str = "consumer groups are not built yet";
const SIMPLE: &str = "kq does this at fixed times";

/// By name.
#[rustfmt::skip] // a table: one row a line
const ROWS: &[Setting] = &[
    Setting::new("acks", Kind::String, Some("all"), Rule::OneOf(&["all", "-1", "0", "1"]), "Replicas that must have a record before it counts as sent."),
    Setting::new("auto.commit.interval.ms", Kind::Int, Some("5000"), Rule::AtLeast(0), "How often offsets are committed.").accepted(GROUP),
    Setting::new("auto.offset.reset", Kind::String, Some("latest"), Rule::Any, "Where to begin without an offset: earliest or latest."),
    Setting::new("batch.size", Kind::Int, Some("16384"), Rule::AtLeast(0), "A batch is sent at this size."),
    Setting::new("bootstrap.servers", Kind::List, Some("localhost:9092"), Rule::Any, "Brokers to begin with: host:port separated by commas."),
    Setting::new("buffer.memory", Kind::Long, Some("33554432"), Rule::AtLeast(0), "Records that wait to be sent, in bytes, at most."),
    Setting::new("check.crcs", Kind::Boolean, Some("true"), Rule::Any, "Fetched batches are checked."),
    Setting::new("client.dns.lookup", Kind::String, Some("use_all_dns_ips"), Rule::Any, "Which addresses of a name are tried.").accepted("all of them are tried"),
    Setting::new("client.id", Kind::String, Some("kq"), Rule::Any, "Name of the client in the broker's logs and metrics."),
    Setting::new("client.rack", Kind::String, Some(""), Rule::Any, "Rack of the client."),
    Setting::new("compression.gzip.level", Kind::Int, Some("-1"), Rule::BetweenOr(1, 9, -1), "Level when compression.type is gzip; -1 for zlib's own choice."),
    Setting::new("compression.lz4.level", Kind::Int, Some("9"), Rule::Between(1, 17), "Level when compression.type is lz4."),
    Setting::new("compression.type", Kind::String, Some("none"), Rule::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]), "How batches are compressed."),
    Setting::new("compression.zstd.level", Kind::Int, Some("3"), Rule::Between(-131072, 22), "Level when compression.type is zstd."),
    Setting::new("connections.max.idle.ms", Kind::Long, Some("540000"), Rule::Any, "An idle connection is closed after this.").accepted(SIMPLE),
    Setting::new("default.api.timeout.ms", Kind::Int, Some("60000"), Rule::AtLeast(0), "A call that needs several requests is given up after this."),
    Setting::new("delivery.timeout.ms", Kind::Int, Some("120000"), Rule::AtLeast(0), "A record that is not acknowledged within this has failed."),
    Setting::new("enable.auto.commit", Kind::Boolean, Some("true"), Rule::Any, "Offsets are committed by themselves.").accepted(GROUP),
    Setting::new("enable.idempotence", Kind::Boolean, Some("true"), Rule::Any, "Retries neither repeat nor reorder records."),
    Setting::new("fetch.max.bytes", Kind::Int, Some("52428800"), Rule::AtLeast(0), "Largest answer to one fetch."),
    Setting::new("fetch.max.wait.ms", Kind::Int, Some("500"), Rule::AtLeast(0), "A fetch waits so long for fetch.min.bytes."),
    Setting::new("fetch.min.bytes", Kind::Int, Some("1"), Rule::AtLeast(0), "A fetch waits for so much."),
    Setting::new("group.id", Kind::String, None, Rule::Any, "Name of the consumer group.").accepted(GROUP),
    Setting::new("group.instance.id", Kind::String, None, Rule::Any, "Fixed name of the member.").accepted(GROUP),
    Setting::new("group.protocol", Kind::String, Some("classic"), Rule::Any, "Protocol of the group.").accepted(GROUP),
    Setting::new("heartbeat.interval.ms", Kind::Int, Some("3000"), Rule::Any, "How often a member reports.").accepted(GROUP),
    Setting::new("interceptor.classes", Kind::List, Some(""), Rule::Any, "Classes that see every record.").accepted(JAVA),
    Setting::new("isolation.level", Kind::String, Some("read_uncommitted"), Rule::OneOf(&["read_committed", "read_uncommitted"]), "Whether records of open transactions are read."),
    Setting::new("key.deserializer", Kind::Class, None, Rule::Any, "Class that reads keys.").accepted(JAVA),
    Setting::new("key.serializer", Kind::Class, None, Rule::Any, "Class that writes keys.").accepted(JAVA),
    Setting::new("linger.ms", Kind::Long, Some("5"), Rule::AtLeast(0), "A batch waits so long for more records."),
    Setting::new("max.block.ms", Kind::Long, Some("60000"), Rule::AtLeast(0), "A send waits so long for metadata and memory."),
    Setting::new("max.in.flight.requests.per.connection", Kind::Int, Some("5"), Rule::AtLeast(1), "Requests without answer on one connection at most."),
    Setting::new("max.partition.fetch.bytes", Kind::Int, Some("1048576"), Rule::AtLeast(0), "Largest part of one partition in an answer."),
    Setting::new("max.poll.interval.ms", Kind::Int, Some("300000"), Rule::AtLeast(1), "A member that does not poll within this is out.").accepted(GROUP),
    Setting::new("max.poll.records", Kind::Int, Some("500"), Rule::AtLeast(1), "Records of one poll.").accepted("kq writes records out as they come"),
    Setting::new("max.request.size", Kind::Int, Some("1048576"), Rule::AtLeast(0), "Largest produce request."),
    Setting::new("metadata.max.age.ms", Kind::Long, Some("300000"), Rule::AtLeast(0), "Metadata is asked for again after this."),
    Setting::new("metric.reporters", Kind::List, Some(""), Rule::Any, "Classes that report metrics.").accepted(JAVA),
    Setting::new("partition.assignment.strategy", Kind::List, None, Rule::Any, "Ways to share partitions out.").accepted(GROUP),
    Setting::new("partitioner.class", Kind::Class, None, Rule::Any, "Class that chooses partitions.").accepted(JAVA),
    Setting::new("partitioner.ignore.keys", Kind::Boolean, Some("false"), Rule::Any, "Keys do not decide the partition."),
    Setting::new("receive.buffer.bytes", Kind::Int, Some("-1"), Rule::AtLeast(-1), "Receive buffer of a connection; -1 leaves it to the system."),
    Setting::new("reconnect.backoff.max.ms", Kind::Long, Some("1000"), Rule::AtLeast(0), "Longest wait before a connection is tried again."),
    Setting::new("reconnect.backoff.ms", Kind::Long, Some("50"), Rule::AtLeast(0), "First wait before a connection is tried again."),
    Setting::new("request.timeout.ms", Kind::Int, Some("30000"), Rule::AtLeast(0), "A request without answer has failed after this."),
    Setting::new("retries", Kind::Int, Some("2147483647"), Rule::AtLeast(0), "A failed request is sent again so many times at most."),
    Setting::new("retry.backoff.max.ms", Kind::Long, Some("1000"), Rule::AtLeast(0), "Longest wait before a request is sent again."),
    Setting::new("retry.backoff.ms", Kind::Long, Some("100"), Rule::AtLeast(0), "First wait before a request is sent again."),
    Setting::new("sasl.jaas.config", Kind::Password, None, Rule::Any, "Login settings in JAAS form.").accepted(PLAIN),
    Setting::new("sasl.mechanism", Kind::String, Some("GSSAPI"), Rule::Any, "SASL mechanism.").accepted(PLAIN),
    Setting::new("security.protocol", Kind::String, Some("PLAINTEXT"), Rule::OneOfAnyCase(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), "What to speak; kq speaks PLAINTEXT for now."),
    Setting::new("send.buffer.bytes", Kind::Int, Some("-1"), Rule::AtLeast(-1), "Send buffer of a connection; -1 leaves it to the system."),
    Setting::new("session.timeout.ms", Kind::Int, Some("45000"), Rule::Any, "A member that is silent for so long is out.").accepted(GROUP),
    Setting::new("socket.connection.setup.timeout.max.ms", Kind::Long, Some("30000"), Rule::AtLeast(0), "Longest wait for a connection.").accepted(SIMPLE),
    Setting::new("socket.connection.setup.timeout.ms", Kind::Long, Some("10000"), Rule::AtLeast(0), "A connection that is not made within this has failed."),
    Setting::new("transaction.timeout.ms", Kind::Int, Some("60000"), Rule::Any, "A transaction that is open longer is aborted.").accepted("transactions are not built yet"),
    Setting::new("transactional.id", Kind::String, None, Rule::Any, "Name of the transactional producer.").accepted("transactions are not built yet"),
    Setting::new("value.deserializer", Kind::Class, None, Rule::Any, "Class that reads values.").accepted(JAVA),
    Setting::new("value.serializer", Kind::Class, None, Rule::Any, "Class that writes values.").accepted(JAVA),
];

/// Beginnings of names that Kafka's clients know and kq has no use for.
const PREFIXES: &[(&str, &str)] = &[
    ("sasl.", PLAIN),
    ("ssl.", PLAIN),
    ("metrics.", "kq's clients have no metrics"),
    ("partitioner.", ONE),
    ("metadata.", SIMPLE),
    ("enable.", SIMPLE),
];

/// Where a consumer begins in a partition for which it has no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// At the end.
    Latest,
}

/// The settings of a client, typed. Times in ms, sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// `bootstrap.servers`, at least one: host and port.
    pub bootstrap_servers: Vec<(String, u16)>,
    /// `client.id`.
    pub client_id: String,
    /// `client.rack`.
    pub client_rack: String,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u64,
    /// `default.api.timeout.ms`.
    pub default_api_timeout_ms: u64,
    /// `socket.connection.setup.timeout.ms`.
    pub connection_setup_timeout_ms: u64,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff_ms: u64,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max_ms: u64,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff_ms: u64,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max_ms: u64,
    /// `metadata.max.age.ms`.
    pub metadata_max_age_ms: u64,
    /// `send.buffer.bytes`; -1 leaves it to the system.
    pub send_buffer_bytes: i32,
    /// `receive.buffer.bytes`; -1 leaves it to the system.
    pub receive_buffer_bytes: i32,
    /// `acks`: -1 for all.
    pub acks: i16,
    /// `compression.type` with the level that belongs to it.
    pub compression: CompressionType,
    /// `batch.size`.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger_ms: u64,
    /// `max.request.size`.
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight_requests: usize,
    /// `max.block.ms`.
    pub max_block_ms: u64,
    /// `buffer.memory`.
    pub buffer_memory: u64,
    /// `delivery.timeout.ms`.
    pub delivery_timeout_ms: u64,
    /// `enable.idempotence`; off when not asked for and `acks` is not all.
    pub enable_idempotence: bool,
    /// `partitioner.ignore.keys`.
    pub partitioner_ignore_keys: bool,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait_ms: i32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `isolation.level` is `read_committed`.
    pub read_committed: bool,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// What was given, by name.
    pub given: Values,
}

impl Default for ClientSettings {
    fn default() -> ClientSettings {
        let (settings, _) = ClientSettings::load(&[]).expect("the defaults are valid: a unit test reads them all");
        settings
    }
}

impl ClientSettings {
    /// The settings that entries make (later ones win), and warnings: unknown names and names that kq has no use for.
    ///
    /// # Errors
    /// A value that is refused, with its line; a protocol that kq cannot speak; settings that exclude each other.
    pub fn load(entries: &[Entry]) -> Result<(ClientSettings, Vec<String>), ConfigError> {
        let mut given = Values::default();
        let mut warnings = Vec::new();
        for entry in entries {
            match find(&entry.key) {
                Some(row) => {
                    row.check(&entry.value).map_err(|error| error.at(entry.line))?;
                    if let Use::Accepted(why) = row.usage {
                        warnings.push(format!("{} is not used: {why}", entry.key));
                    }
                }
                None => warnings.push(unknown(&entry.key)),
            }
            given.insert(entry.key.clone(), entry.value.trim());
        }
        let reader = Reader { given: &given };
        let settings = reader.read().map_err(|error| {
            let line = error.name.as_ref().and_then(|name| entries.iter().rfind(|entry| entry.key == *name));
            line.map_or(error.clone(), |entry| error.at(entry.line))
        })?;
        Ok((ClientSettings { given, ..settings }, warnings))
    }
}

/// All rows, by name: `-X list` shows them.
pub fn all() -> &'static [Setting] {
    ROWS
}

/// The row of a name.
pub fn find(name: &str) -> Option<&'static Setting> {
    ROWS.binary_search_by(|row| row.name.cmp(name)).ok().and_then(|at| ROWS.get(at))
}

/// Reads `host:port` pairs; a host alone gets Kafka's port.
///
/// # Errors
/// An address that cannot be read, or none at all.
pub fn parse_servers(text: &str) -> Result<Vec<(String, u16)>, ConfigError> {
    const KAFKA_PORT: u16 = 9092;
    let name = "bootstrap.servers";
    let server = |item: &str| {
        let full = if item.contains(':') { item.to_owned() } else { format!("{item}:{KAFKA_PORT}") };
        split_host_port(&full)
            .filter(|(host, _)| !host.is_empty())
            .ok_or_else(|| ConfigError::invalid(name, item, "Expected host:port").hint("for instance localhost:9092"))
    };
    let servers: Vec<(String, u16)> = list(text).map(server).collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err(ConfigError::invalid(name, text, "No server given").hint("for instance localhost:9092"));
    }
    Ok(servers)
}

fn unknown(name: &str) -> String {
    if let Some((_, why)) = PREFIXES.iter().find(|(start, _)| name.starts_with(start)) {
        return format!("{name} is not used: {why}");
    }
    match nearest(name, ROWS.iter().map(|row| row.name)) {
        Some(near) => format!("{name} is not a known client setting (did you mean {near}?)"),
        None => format!("{name} is not a known client setting"),
    }
}

struct Reader<'a> {
    given: &'a Values,
}

impl Reader<'_> {
    fn raw(&self, name: &str) -> &str {
        self.given.get(name).or_else(|| find(name).and_then(|row| row.default)).unwrap_or_default().trim()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        self.raw(name).parse().map_err(|_| ConfigError::invalid(name, self.raw(name), "Not a number in range"))
    }

    fn switch(&self, name: &str) -> bool {
        parse_bool(self.raw(name)).unwrap_or(false)
    }

    fn acks(&self) -> i16 {
        match self.raw("acks") {
            "0" => 0,
            "1" => 1,
            _ => -1,
        }
    }

    fn compression(&self) -> Result<CompressionType, ConfigError> {
        Ok(match self.raw("compression.type") {
            "gzip" => CompressionType::Gzip { level: self.number("compression.gzip.level")? },
            "lz4" => CompressionType::Lz4 { level: self.number("compression.lz4.level")? },
            "zstd" => CompressionType::Zstd { level: self.number("compression.zstd.level")? },
            "snappy" => CompressionType::Snappy,
            _ => CompressionType::Uncompressed,
        })
    }

    /// Kafka's rule: idempotence needs acks=all, at most five requests in flight, and retries. Asked for, a conflict is an
    /// error; as the default, it steps back.
    fn idempotence(&self) -> Result<bool, ConfigError> {
        const IN_FLIGHT_MAX: usize = 5;
        if !self.switch("enable.idempotence") {
            return Ok(false);
        }
        let in_flight = self.number::<usize>("max.in.flight.requests.per.connection")?;
        let conflict = match () {
            () if self.acks() != -1 => "acks",
            () if in_flight > IN_FLIGHT_MAX => "max.in.flight.requests.per.connection",
            () if self.number::<u32>("retries")? == 0 => "retries",
            () => return Ok(true),
        };
        if self.given.get("enable.idempotence").is_none() {
            return Ok(false);
        }
        Err(ConfigError::invalid(
            conflict,
            self.raw(conflict),
            "enable.idempotence needs acks=all, retries, and at most 5 requests in flight",
        )
        .hint("remove enable.idempotence, or this setting"))
    }

    fn read(&self) -> Result<ClientSettings, ConfigError> {
        let protocol = self.raw("security.protocol");
        if !protocol.eq_ignore_ascii_case("PLAINTEXT") {
            let why = "kq cannot speak it yet";
            return Err(ConfigError::invalid("security.protocol", protocol, why).hint("use a PLAINTEXT listener"));
        }
        let reset = self.raw("auto.offset.reset");
        Ok(ClientSettings {
            bootstrap_servers: parse_servers(self.raw("bootstrap.servers"))?,
            client_id: self.raw("client.id").to_owned(),
            client_rack: self.raw("client.rack").to_owned(),
            request_timeout_ms: self.number("request.timeout.ms")?,
            default_api_timeout_ms: self.number("default.api.timeout.ms")?,
            connection_setup_timeout_ms: self.number("socket.connection.setup.timeout.ms")?,
            reconnect_backoff_ms: self.number("reconnect.backoff.ms")?,
            reconnect_backoff_max_ms: self.number("reconnect.backoff.max.ms")?,
            retries: self.number("retries")?,
            retry_backoff_ms: self.number("retry.backoff.ms")?,
            retry_backoff_max_ms: self.number("retry.backoff.max.ms")?,
            metadata_max_age_ms: self.number("metadata.max.age.ms")?,
            send_buffer_bytes: self.number("send.buffer.bytes")?,
            receive_buffer_bytes: self.number("receive.buffer.bytes")?,
            acks: self.acks(),
            compression: self.compression()?,
            batch_size: self.number("batch.size")?,
            linger_ms: self.number("linger.ms")?,
            max_request_size: self.number("max.request.size")?,
            max_in_flight_requests: self.number("max.in.flight.requests.per.connection")?,
            max_block_ms: self.number("max.block.ms")?,
            buffer_memory: self.number("buffer.memory")?,
            delivery_timeout_ms: self.number("delivery.timeout.ms")?,
            enable_idempotence: self.idempotence()?,
            partitioner_ignore_keys: self.switch("partitioner.ignore.keys"),
            fetch_min_bytes: self.number("fetch.min.bytes")?,
            fetch_max_wait_ms: self.number("fetch.max.wait.ms")?,
            fetch_max_bytes: self.number("fetch.max.bytes")?,
            max_partition_fetch_bytes: self.number("max.partition.fetch.bytes")?,
            auto_offset_reset: match reset.to_ascii_lowercase().as_str() {
                "earliest" => OffsetReset::Earliest,
                "latest" => OffsetReset::Latest,
                _ => {
                    let why = "String must be one of: earliest, latest";
                    return Err(ConfigError::invalid("auto.offset.reset", reset, why));
                }
            },
            read_committed: self.raw("isolation.level") == "read_committed",
            check_crcs: self.switch("check.crcs"),
            given: Values::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientSettings, OffsetReset, ROWS, parse_servers};
    use crate::config::{CompressionType, parse_properties};

    fn load(text: &str) -> Result<(ClientSettings, Vec<String>), String> {
        ClientSettings::load(&parse_properties(text).expect("properties")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_holds() {
        assert!(ROWS.is_sorted_by(|a, b| a.name < b.name));
        for row in ROWS {
            if let Some(default) = row.default {
                row.check(default).expect("a default that its own rule accepts");
            }
        }
        assert_eq!(ClientSettings::default().bootstrap_servers, [("localhost".to_owned(), 9092)]);
    }

    #[test]
    fn values_arrive() {
        let text = "bootstrap.servers=a:1,b,[::1]:3\nacks=1\ncompression.type=zstd\ncompression.zstd.level=7\n\
                    linger.ms=9\nauto.offset.reset=earliest\nisolation.level=read_committed";
        let (settings, warnings) = load(text).expect("valid");
        assert_eq!(settings.bootstrap_servers, [("a".into(), 1), ("b".into(), 9092), ("::1".into(), 3)]);
        assert_eq!((settings.acks, settings.linger_ms), (1, 9));
        assert_eq!(settings.compression, CompressionType::Zstd { level: 7 });
        assert_eq!(settings.auto_offset_reset, OffsetReset::Earliest);
        assert!(settings.read_committed && !settings.enable_idempotence);
        assert!(warnings.is_empty());
    }

    #[test]
    fn unknown_names_warn_and_wrong_values_fail() {
        let (_, warnings) = load("linger=5\nlinger.mss=5\ngroup.id=g\nssl.foo=1").expect("only warnings");
        assert_eq!(warnings[1], "linger.mss is not a known client setting (did you mean linger.ms?)");
        assert_eq!(warnings[2], "group.id is not used: consumer groups are not built yet");
        assert_eq!(warnings[3], "ssl.foo is not used: TLS and SASL are not built yet");
        assert_eq!(warnings.len(), 4);
        assert!(load("\nacks=7").expect_err("refused").starts_with("line 2: Invalid value 7 for configuration acks"));
        assert!(load("security.protocol=SSL").expect_err("refused").contains("cannot speak it yet"));
        assert!(load("enable.idempotence=true\nacks=1").expect_err("refused").starts_with("line 2: "));
        assert!(load("auto.offset.reset=none").expect_err("refused").contains("earliest, latest"));
        assert!(parse_servers("").is_err());
        assert!(parse_servers(":9092").is_err());
    }
}
