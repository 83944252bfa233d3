//! The settings of a broker, typed: built from a file's entries, changed while running, every value with its layer.
//!
//! Layers, strongest first (KIP-226): this broker's dynamic values, the cluster-wide dynamic values, the file, the
//! defaults. Within a layer `log.retention.ms` beats `.minutes` beats `.hours`, and so for the other families.

use super::cluster::{Addresses, ClusterSettings};
use super::error::ConfigError;
use super::group::GroupSettings;
use super::listener::{Listener, SecurityProtocol, parse_listeners, parse_protocol_map, split_host_port};
use super::nearest::nearest;
use super::parse::Entry;
use super::setting::{Use, list, parse_bool};
use super::table::{self, Known};
use super::topic::{self, TopicSettings};
use super::values::Values;
use std::collections::BTreeMap;
use std::str::FromStr;

/// `offsets.topic.replication.factor` of a cluster whose file does not say, at most (Kafka's default).
const OFFSETS_REPLICAS_MAX: usize = 3;

/// All broker settings, typed. Times in ms and sizes in bytes unless the name says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerSettings {
    /// `node.id`, or `broker.id` in older files.
    pub node_id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `listeners` that clients come to: without the controller's.
    pub listeners: Vec<Listener>,
    /// `advertised.listeners`: what clients are told; the same addresses as `listeners` when not given. An empty host
    /// stands for this machine's name.
    pub advertised_listeners: Vec<Listener>,
    /// `http.listener`: host and port of health and metrics; `None` when switched off.
    pub http_listener: Option<(String, u16)>,
    /// `log.dirs`: where the data is, at least one.
    pub log_dirs: Vec<String>,
    /// `server.log.dir`: where `server.log` is written; see [`BrokerSettings::server_log_dir`] for the default.
    pub server_log_dir: Option<String>,
    /// `server.log.max.bytes`: `server.log` is rotated at this size.
    pub server_log_max_bytes: i64,
    /// `server.log.files`: rotated files that are kept.
    pub server_log_files: i32,
    /// `num.partitions` of a topic created without a number.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i32,
    /// `auto.create.topics.enable`.
    pub auto_create_topics_enable: bool,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `num.network.threads`.
    pub num_network_threads: i32,
    /// `num.io.threads`.
    pub num_io_threads: i32,
    /// `num.recovery.threads.per.data.dir`.
    pub num_recovery_threads_per_data_dir: i32,
    /// `socket.send.buffer.bytes`; -1 leaves it to the system.
    pub socket_send_buffer_bytes: i32,
    /// `socket.receive.buffer.bytes`; -1 leaves it to the system.
    pub socket_receive_buffer_bytes: i32,
    /// `socket.request.max.bytes`: the largest request frame.
    pub socket_request_max_bytes: i32,
    /// `socket.listen.backlog.size`.
    pub socket_listen_backlog_size: i32,
    /// `queued.max.requests`.
    pub queued_max_requests: i32,
    /// `connections.max.idle.ms`; negative for never.
    pub connections_max_idle_ms: i64,
    /// `max.connections`.
    pub max_connections: i32,
    /// `max.connections.per.ip`.
    pub max_connections_per_ip: i32,
    /// `max.connections.per.ip.overrides`: host or address to limit.
    pub max_connections_per_ip_overrides: BTreeMap<String, i32>,
    /// `fetch.max.bytes`: the largest fetch answer.
    pub fetch_max_bytes: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub max_incremental_fetch_session_cache_slots: i32,
    /// `max.request.partition.size.limit` of DescribeTopicPartitions.
    pub max_request_partition_size_limit: i32,
    /// `log.retention.check.interval.ms`.
    pub log_retention_check_interval_ms: i64,
    /// `log.flush.scheduler.interval.ms`: how often `flush.ms` is looked at.
    pub log_flush_scheduler_interval_ms: i64,
    /// `log.cleaner.enable`: whether compaction runs.
    pub log_cleaner_enable: bool,
    /// `log.cleaner.backoff.ms`: how long compaction sleeps when there is nothing to do.
    pub log_cleaner_backoff_ms: i64,
    /// `producer.id.expiration.ms`: how long an idle producer's sequence numbers are remembered.
    pub producer_id_expiration_ms: i64,
    /// The quorum, brokers among each other, replication.
    pub cluster: ClusterSettings,
    /// Consumer groups and their offsets.
    pub groups: GroupSettings,
    /// What a topic without own values has (`message.max.bytes`, `compression.type`, `min.insync.replicas`, …).
    pub topic: TopicSettings,
    /// The values of the file.
    pub static_values: Values,
    /// The dynamic values of all brokers.
    pub cluster_values: Values,
    /// The dynamic values of this broker.
    pub broker_values: Values,
}

impl Default for BrokerSettings {
    fn default() -> BrokerSettings {
        BrokerSettings::typed(Values::default(), Values::default(), Values::default())
            .expect("the defaults of the table are valid: a unit test reads them all")
    }
}

impl BrokerSettings {
    /// The settings that a file's entries make, and what the log should say about them: one line for each setting that is
    /// known and not needed.
    ///
    /// # Errors
    /// The first entry that cannot be used, with its line: an unknown name (and the nearest known one), a value of the
    /// wrong type or out of range, a listener that kq cannot open.
    pub fn load(entries: &[Entry]) -> Result<(BrokerSettings, Vec<String>), ConfigError> {
        let mut notes = Vec::new();
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut values = Values::default();
        for entry in entries {
            let why = check_entry(entry).map_err(|error| error.at(entry.line))?;
            if let Some(before) = lines.insert(&entry.key, entry.line) {
                notes.push(format!("line {}: {} replaces its value of line {before}", entry.line, entry.key));
            }
            if let Some(why) = why {
                notes.push(format!("line {}: {} is accepted and not used: {why}", entry.line, entry.key));
            }
            values.insert(entry.key.clone(), entry.value.trim());
        }
        let replicated = replicate_offsets(&mut values);
        let typed =
            one_node_id(&mut values).and_then(|()| BrokerSettings::typed(values, Values::default(), Values::default()));
        let settings = typed.map_err(|error| {
            let line = error.name.as_deref().and_then(|name| lines.get(name)).copied();
            line.map_or(error.clone(), |line| error.at(line))
        })?;
        notes.extend(settings.cluster.notes());
        notes.extend(replicated);
        notes.extend(settings.controller_notes());
        Ok((settings, notes))
    }

    /// The same settings under other dynamic values. They take effect at once.
    ///
    /// # Errors
    /// A name that is unknown or cannot change while running, or a value that is refused.
    pub fn with_dynamic(
        &self,
        cluster: &BTreeMap<String, String>,
        broker: &BTreeMap<String, String>,
    ) -> Result<BrokerSettings, ConfigError> {
        for (layer, values) in [(super::change::Layer::Cluster, cluster), (super::change::Layer::Broker, broker)] {
            for (name, value) in values {
                super::change::check_dynamic(layer, name, value)?;
            }
        }
        BrokerSettings::typed(self.static_values.clone(), cluster.clone().into(), broker.clone().into())
    }

    /// Where `server.log` is written: `server.log.dir`, or beside the first data directory, under its name with `-logs`.
    pub fn server_log_dir(&self) -> String {
        let beside = || {
            let data = self.log_dirs.first().map_or("kq-data", String::as_str);
            format!("{}-logs", data.trim_end_matches('/'))
        };
        self.server_log_dir.clone().unwrap_or_else(beside)
    }

    /// Whether a listener's index is that of a controller's listener, where other nodes come: those follow the clients'.
    pub fn is_controller_listener(&self, listener: usize) -> bool {
        listener >= self.listeners.len()
    }

    /// True when an acknowledged record is on disk for topics without own values (`log.flush.interval.messages = 1`).
    pub fn acknowledged_is_on_disk(&self) -> bool {
        self.topic.flush_messages == 1
    }

    /// The text of one broker setting: the strongest layer that has it, or its default.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.layers()
            .into_iter()
            .find_map(|layer| layer.get(name))
            .or_else(|| table::find(name).and_then(|setting| setting.default))
    }

    /// The layers above the defaults, strongest first.
    pub(super) fn layers(&self) -> [&Values; 3] {
        [&self.broker_values, &self.cluster_values, &self.static_values]
    }

    /// What a topic without an own value has for this config, as text.
    pub(super) fn topic_default(&self, name: &'static str) -> String {
        let chain = table::topic::synonyms(name);
        let layers = self.layers().into_iter();
        let set = layers.flat_map(|layer| chain.iter().map(move |(name, ms)| (layer.get(name), *ms)));
        let defaults = chain.iter().map(|(name, ms)| (table::find(name).and_then(|row| row.default), *ms));
        match set.chain(defaults).find_map(|(value, ms)| Some((value?, ms))) {
            Some((value, 1)) => value.trim().to_owned(),
            Some((value, ms)) => match value.trim().parse::<i64>() {
                Ok(count) if count < 0 => "-1".to_owned(),
                Ok(count) => count.saturating_mul(ms).to_string(),
                Err(_) => value.to_owned(),
            },
            None => topic::find(name).and_then(|row| row.default).unwrap_or_default().to_owned(),
        }
    }

    fn typed(static_values: Values, cluster_values: Values, broker_values: Values) -> Result<Self, ConfigError> {
        let layers = [&broker_values, &cluster_values, &static_values];
        let reader = Reader { layers };
        let addresses = reader.addresses()?;
        let node_id = reader.number("node.id")?;
        let raw = |name: &str| reader.raw(name).unwrap_or_default();
        let cluster = ClusterSettings::read(raw, node_id, &addresses)?;
        let mut settings = BrokerSettings {
            node_id,
            rack: reader.text("broker.rack"),
            listeners: addresses.listeners,
            advertised_listeners: addresses.advertised,
            http_listener: reader.http_listener()?,
            log_dirs: reader.log_dirs()?,
            server_log_dir: reader.text("server.log.dir"),
            server_log_max_bytes: reader.number("server.log.max.bytes")?,
            server_log_files: reader.number("server.log.files")?,
            num_partitions: reader.number("num.partitions")?,
            default_replication_factor: reader.number("default.replication.factor")?,
            auto_create_topics_enable: reader.switch("auto.create.topics.enable")?,
            delete_topic_enable: reader.switch("delete.topic.enable")?,
            num_network_threads: reader.number("num.network.threads")?,
            num_io_threads: reader.number("num.io.threads")?,
            num_recovery_threads_per_data_dir: reader.number("num.recovery.threads.per.data.dir")?,
            socket_send_buffer_bytes: reader.number("socket.send.buffer.bytes")?,
            socket_receive_buffer_bytes: reader.number("socket.receive.buffer.bytes")?,
            socket_request_max_bytes: reader.number("socket.request.max.bytes")?,
            socket_listen_backlog_size: reader.number("socket.listen.backlog.size")?,
            queued_max_requests: reader.number("queued.max.requests")?,
            connections_max_idle_ms: reader.number("connections.max.idle.ms")?,
            max_connections: reader.number("max.connections")?,
            max_connections_per_ip: reader.number("max.connections.per.ip")?,
            max_connections_per_ip_overrides: reader.per_ip()?,
            fetch_max_bytes: reader.number("fetch.max.bytes")?,
            max_incremental_fetch_session_cache_slots: reader.number("max.incremental.fetch.session.cache.slots")?,
            max_request_partition_size_limit: reader.number("max.request.partition.size.limit")?,
            log_retention_check_interval_ms: reader.number("log.retention.check.interval.ms")?,
            log_flush_scheduler_interval_ms: reader.number("log.flush.scheduler.interval.ms")?,
            log_cleaner_enable: reader.switch("log.cleaner.enable")?,
            log_cleaner_backoff_ms: reader.number("log.cleaner.backoff.ms")?,
            producer_id_expiration_ms: reader.number("producer.id.expiration.ms")?,
            cluster,
            groups: GroupSettings::read(raw)?,
            topic: no_topic_settings(),
            static_values,
            cluster_values,
            broker_values,
        };
        let mut topic = TopicSettings::read(|name| settings.topic_default(name))?;
        if topic.retention_ms == 0 {
            return Err(ConfigError::invalid(
                "log.retention.ms",
                "0",
                "log.retention.ms must be unlimited (-1) or, equal or greater than 1",
            ));
        }
        topic.retention_ms = topic.retention_ms.max(-1);
        settings.topic = topic;
        Ok(settings)
    }

    fn controller_notes(&self) -> Vec<String> {
        let opened = |item: &str| {
            let name = item.split_once("://").map_or(item, |(name, _)| name);
            let mut all = self.listeners.iter().chain(&self.cluster.controller_listeners);
            all.any(|listener| listener.name.eq_ignore_ascii_case(name))
        };
        let all = list(self.value("listeners").unwrap_or_default());
        all.filter(|item| !opened(item))
            .map(|item| format!("listeners: {item} is not opened: a single node is its own quorum"))
            .collect()
    }
}

/// Stands in the field until the real one can be read through the layers.
fn no_topic_settings() -> TopicSettings {
    TopicSettings::read(|name| topic::find(name).and_then(|row| row.default).unwrap_or_default().to_owned())
        .expect("the defaults of the topic table are valid: a unit test reads them all")
}

/// Checks name and value; `Some(why)` when kq has no use for the setting.
fn check_entry(entry: &Entry) -> Result<Option<&'static str>, ConfigError> {
    let Some(known) = table::known(&entry.key) else {
        let error = ConfigError::new(format!("unknown setting {}", entry.key));
        let near = nearest(&entry.key, table::all().map(|setting| setting.name));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None if topic::find(&entry.key).is_some() => {
                error.hint(format!("it is a topic config: kq config set --entity topic NAME {}=...", entry.key))
            }
            None => error.hint("config/server.toml lists every setting"),
        });
    };
    match known {
        Known::Setting(setting) => {
            setting.check(&entry.value)?;
            match setting.usage {
                Use::Effective => Ok(None),
                Use::Accepted(why) => Ok(Some(why)),
            }
        }
        Known::Prefix(why) => Ok(Some(why)),
    }
}

/// `node.id` and `broker.id` are one number: each gives the other its value (as Kafka does).
fn one_node_id(values: &mut Values) -> Result<(), ConfigError> {
    let node = values.get("node.id").map(str::to_owned);
    let broker = values.get("broker.id").filter(|id| !id.starts_with('-')).map(str::to_owned);
    match (node, broker) {
        (Some(node), Some(broker)) if node != broker => {
            Err(ConfigError::invalid("broker.id", &broker, format!("node.id is {node}, and the two are one number"))
                .hint("remove broker.id"))
        }
        (Some(node), _) => {
            values.insert("broker.id", node);
            Ok(())
        }
        (None, Some(broker)) => {
            values.insert("node.id", broker);
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// In a cluster, groups' offsets are kept by as many nodes as Kafka would have it, unless the file says otherwise.
fn replicate_offsets(values: &mut Values) -> Option<String> {
    let name = "offsets.topic.replication.factor";
    let voters = list(values.get("controller.quorum.voters").unwrap_or_default()).count();
    if voters < 2 || values.get(name).is_some() {
        return None;
    }
    let factor = voters.min(OFFSETS_REPLICAS_MAX);
    values.insert(name, factor.to_string());
    Some(format!("{name} is {factor}: controller.quorum.voters has {voters} nodes"))
}

/// Reads typed values through the layers.
struct Reader<'a> {
    layers: [&'a Values; 3],
}

impl Reader<'_> {
    fn raw(&self, name: &str) -> Option<&str> {
        let set = self.layers.iter().find_map(|layer| layer.get(name));
        set.or_else(|| table::find(name).and_then(|setting| setting.default)).map(str::trim)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        let text = self.raw(name).unwrap_or_default();
        text.parse().map_err(|_| ConfigError::invalid(name, text, "Not a number in range"))
    }

    fn switch(&self, name: &str) -> Result<bool, ConfigError> {
        let text = self.raw(name).unwrap_or_default();
        parse_bool(text).ok_or_else(|| ConfigError::invalid(name, text, "Expected value to be either true or false"))
    }

    fn log_dirs(&self) -> Result<Vec<String>, ConfigError> {
        let name = if self.text("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
        let text = self.raw(name).unwrap_or_default();
        let dirs: Vec<String> = list(text).filter(|dir| !dir.is_empty()).map(str::to_owned).collect();
        if dirs.is_empty() {
            return Err(ConfigError::invalid(name, text, "At least one log directory must be defined"));
        }
        let twice = dirs.iter().enumerate().find(|(at, dir)| dirs.iter().take(*at).any(|other| other == *dir));
        match twice {
            Some((_, dir)) => Err(ConfigError::invalid(name, text, format!("{dir} is there twice"))),
            None => Ok(dirs),
        }
    }

    fn http_listener(&self) -> Result<Option<(String, u16)>, ConfigError> {
        let Some(text) = self.text("http.listener") else { return Ok(None) };
        match split_host_port(text.strip_prefix("http://").unwrap_or(&text)) {
            Some(address) => Ok(Some(address)),
            None => Err(ConfigError::invalid("http.listener", &text, "Expected host:port")
                .hint("leave it empty to switch health and metrics off")),
        }
    }

    fn per_ip(&self) -> Result<BTreeMap<String, i32>, ConfigError> {
        let name = "max.connections.per.ip.overrides";
        let limits = list(self.raw(name).unwrap_or_default()).map(|pair| {
            let (host, limit) = pair.rsplit_once(':')?;
            let limit = limit.trim().parse::<i32>().ok().filter(|limit| *limit >= 0)?;
            Some((host.trim().trim_matches(['[', ']']).to_owned(), limit))
        });
        limits
            .collect::<Option<_>>()
            .ok_or_else(|| ConfigError::invalid(name, self.raw(name).unwrap_or_default(), "Expected host:number pairs"))
    }

    /// The listeners to open, and those to tell.
    fn addresses(&self) -> Result<Addresses, ConfigError> {
        self.refuse_what_would_be_unsafe()?;
        let map_name = "listener.security.protocol.map";
        let mut protocols = parse_protocol_map(map_name, self.raw(map_name).unwrap_or_default())?;
        let controllers: Vec<String> =
            list(self.raw("controller.listener.names").unwrap_or_default()).map(str::to_ascii_uppercase).collect();
        for name in &controllers {
            if !protocols.iter().any(|(known, _)| known == name) {
                protocols.push((name.clone(), SecurityProtocol::Plaintext));
            }
        }
        let sorted = |name: &str| -> Result<(Vec<Listener>, Vec<Listener>), ConfigError> {
            let all = parse_listeners(name, self.raw(name).unwrap_or_default(), &protocols)?;
            Ok(all.into_iter().partition(|listener| !controllers.contains(&listener.name)))
        };
        let (listeners, controllers) = sorted("listeners")?;
        let given = self.raw("listeners").unwrap_or_default();
        if listeners.is_empty() {
            return Err(ConfigError::invalid("listeners", given, "There is no listener left for clients")
                .hint("add PLAINTEXT://127.0.0.1:9092"));
        }
        for listener in &listeners {
            if listener.protocol != SecurityProtocol::Plaintext {
                let what = listener.protocol.name();
                let why = format!("{} asks for {what}, which kq cannot speak yet", listener.name);
                return Err(ConfigError::invalid("listeners", given, why)
                    .hint("use a PLAINTEXT listener on an address that only trusted machines reach"));
            }
        }
        let (mut advertised, advertised_controllers) = sorted("advertised.listeners")?;
        if let Some(lost) = advertised.iter().find(|a| !listeners.iter().any(|l| l.name == a.name)) {
            let why = format!("{} is not among the names of listeners", lost.name);
            return Err(ConfigError::invalid("advertised.listeners", &lost.url(), why));
        }
        if let Some(meta) = advertised.iter().find(|a| a.host == "0.0.0.0" || a.host == "::") {
            return Err(ConfigError::invalid(
                "advertised.listeners",
                &meta.url(),
                "No client can connect to this address",
            )
            .hint("give the name or address by which clients reach this machine"));
        }
        for listener in &listeners {
            if !advertised.iter().any(|a| a.name == listener.name) {
                let any = listener.host == "0.0.0.0" || listener.host == "::";
                let host = if any { String::new() } else { listener.host.clone() };
                advertised.push(Listener { host, ..listener.clone() });
            }
        }
        Ok(Addresses { listeners, advertised, controllers, advertised_controllers })
    }

    /// Settings whose silent loss would open the door or leave the broker without work.
    fn refuse_what_would_be_unsafe(&self) -> Result<(), ConfigError> {
        if let Some(class) = self.text("authorizer.class.name") {
            return Err(ConfigError::invalid(
                "authorizer.class.name",
                &class,
                "kq has no ACLs yet, and would let everyone in",
            )
            .hint("remove the line if everyone who reaches the listeners may do everything"));
        }
        let roles = self.raw("process.roles").unwrap_or_default();
        if !roles.is_empty() && !list(roles).any(|role| role == "broker") {
            return Err(
                ConfigError::invalid("process.roles", roles, "kqd is always a broker").hint("write broker,controller")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
