//! Broker settings by their effect.

use super::BrokerSettings;
use crate::config::setting::{Dynamic, Kind, Use};
use crate::config::{ConfigError, parse_properties, parse_toml, table, topic};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn load(text: &str) -> Result<(BrokerSettings, Vec<String>), ConfigError> {
    BrokerSettings::load(&parse_properties(text)?)
}

fn good(text: &str) -> BrokerSettings {
    load(text).expect(text).0
}

fn bad(text: &str) -> String {
    load(text).expect_err(text).to_string()
}

/// Where kq's default is not Kafka's, and why.
const DIFFERENT_DEFAULTS: &[(&str, &str)] = &[
    ("controller.listener.names", "Kafka requires it"),
    ("controller.quorum.fetch.timeout.ms", "a failover takes less than a second"),
    ("flush.messages", "acknowledged means on disk"),
    ("listeners", "loopback: nobody gets in by accident"),
    ("log.dir", "/tmp may be emptied by a reboot"),
    ("log.flush.interval.messages", "acknowledged means on disk"),
    ("node.id", "Kafka requires it"),
    ("offsets.topic.replication.factor", "a single node"),
    ("process.roles", "Kafka requires it"),
    ("share.coordinator.state.topic.min.isr", "a single node"),
    ("share.coordinator.state.topic.replication.factor", "a single node"),
    ("socket.receive.buffer.bytes", "the system tunes it better"),
    ("socket.send.buffer.bytes", "the system tunes it better"),
    ("transaction.state.log.min.isr", "a single node"),
    ("transaction.state.log.replication.factor", "a single node"),
];

/// Kafka can open and close listeners while running; kqd cannot, and says so instead of accepting it without effect.
const ONLY_BEFORE_THE_START: &[&str] = &["listener.security.protocol.map", "listeners"];

#[test]
fn kafkas_own_table_is_known_and_only_reasoned_defaults_differ() {
    let mut different = Vec::new();
    let mut seen = 0;
    for line in include_str!("../table/kafka-4.3.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [of, name, kind, default, dynamic] = fields[..] else { panic!("{line}") };
        let row = if of == "b" { table::find(name) } else { topic::find(name) };
        let row = row.unwrap_or_else(|| panic!("{name} is not known"));
        let theirs = Some(default).filter(|default| !matches!(*default, "\\N" | "\\R"));
        if row.default != theirs {
            different.push(name);
        }
        assert_eq!(format!("{:?}", row.kind).to_uppercase(), kind, "{name}");
        let where_dynamic = match row.dynamic {
            Dynamic::ReadOnly => "ro",
            Dynamic::PerBroker => "perbroker",
            Dynamic::ClusterWide => "cluster",
        };
        let dynamic = if ONLY_BEFORE_THE_START.contains(&name) { "ro" } else { dynamic };
        assert!(of == "t" || where_dynamic == dynamic, "{name}: {dynamic}");
        seen += 1;
    }
    assert!(seen > 390, "{seen}");
    different.sort_unstable();
    assert_eq!(different, DIFFERENT_DEFAULTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn the_defaults() {
    let settings = BrokerSettings::default();
    assert_eq!(settings.listeners[0].url(), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(settings.advertised_listeners, settings.listeners);
    assert_eq!(settings.log_dirs, ["kq-data"]);
    assert_eq!(settings.server_log_dir(), "kq-data-logs");
    assert_eq!(settings.node_id, 1);
    assert_eq!(settings.http_listener, Some(("127.0.0.1".into(), 9644)));
    assert!(settings.acknowledged_is_on_disk());
    assert!(!good("log.flush.interval.messages=9223372036854775807").acknowledged_is_on_disk());
}

/// A value for every effective setting that makes the typed settings differ.
const EFFECTS: &[(&str, &str)] = &[
    ("advertised.listeners", "PLAINTEXT://example:1"),
    ("auto.create.topics.enable", "false"),
    ("auto.leader.rebalance.enable", "false"),
    ("broker.heartbeat.interval.ms", "5"),
    ("broker.id", "7"),
    ("broker.rack", "r1"),
    ("broker.session.timeout.ms", "5"),
    ("compression.type", "zstd"),
    ("connections.max.idle.ms", "5"),
    ("controlled.shutdown.enable", "false"),
    ("controller.quorum.fetch.timeout.ms", "5"),
    ("controller.socket.timeout.ms", "5"),
    ("default.replication.factor", "3"),
    ("delete.topic.enable", "false"),
    ("fetch.max.bytes", "2048"),
    ("group.consumer.assignment.interval.ms", "5"),
    ("group.consumer.assignors", "range"),
    ("group.consumer.heartbeat.interval.ms", "5"),
    ("group.consumer.max.assignment.interval.ms", "5"),
    ("group.consumer.max.heartbeat.interval.ms", "5"),
    ("group.consumer.max.session.timeout.ms", "5"),
    ("group.consumer.max.size", "5"),
    ("group.consumer.migration.policy", "disabled"),
    ("group.consumer.min.assignment.interval.ms", "5"),
    ("group.consumer.min.heartbeat.interval.ms", "5"),
    ("group.consumer.min.session.timeout.ms", "5"),
    ("group.consumer.regex.refresh.interval.ms", "10000"),
    ("group.consumer.session.timeout.ms", "5"),
    ("group.coordinator.rebalance.protocols", "classic"),
    ("group.initial.rebalance.delay.ms", "5"),
    ("group.max.session.timeout.ms", "5"),
    ("group.max.size", "5"),
    ("group.min.session.timeout.ms", "5"),
    ("http.listener", ""),
    ("leader.imbalance.check.interval.seconds", "5"),
    ("listeners", "PLAINTEXT://:1"),
    ("log.cleaner.backoff.ms", "5"),
    ("log.cleaner.delete.retention.ms", "5"),
    ("log.cleaner.enable", "false"),
    ("log.cleaner.max.compaction.lag.ms", "5"),
    ("log.cleaner.min.cleanable.ratio", "0.1"),
    ("log.cleaner.min.compaction.lag.ms", "5"),
    ("log.cleanup.policy", "compact"),
    ("log.dir", "a"),
    ("log.dirs", "a,b"),
    ("log.flush.interval.messages", "5"),
    ("log.flush.interval.ms", "5"),
    ("log.flush.scheduler.interval.ms", "5"),
    ("log.index.interval.bytes", "5"),
    ("log.index.size.max.bytes", "5"),
    ("log.message.timestamp.after.max.ms", "5"),
    ("log.message.timestamp.before.max.ms", "5"),
    ("log.message.timestamp.type", "LogAppendTime"),
    ("log.preallocate", "true"),
    ("log.retention.bytes", "5"),
    ("log.retention.check.interval.ms", "5"),
    ("log.retention.hours", "5"),
    ("log.retention.minutes", "5"),
    ("log.retention.ms", "5"),
    ("log.roll.hours", "5"),
    ("log.roll.jitter.hours", "5"),
    ("log.roll.jitter.ms", "5"),
    ("log.roll.ms", "5"),
    ("log.segment.bytes", "1048576"),
    ("log.segment.delete.delay.ms", "5"),
    ("max.connections", "5"),
    ("max.connections.per.ip", "5"),
    ("max.connections.per.ip.overrides", "127.0.0.1:5,[::1]:6"),
    ("max.incremental.fetch.session.cache.slots", "5"),
    ("max.request.partition.size.limit", "5"),
    ("message.max.bytes", "5"),
    ("metadata.log.max.record.bytes.between.snapshots", "5"),
    ("min.insync.replicas", "5"),
    ("node.id", "5"),
    ("num.io.threads", "5"),
    ("num.network.threads", "5"),
    ("num.partitions", "5"),
    ("num.recovery.threads.per.data.dir", "5"),
    ("offset.metadata.max.bytes", "5"),
    ("offsets.commit.timeout.ms", "5"),
    ("offsets.load.buffer.size", "5"),
    ("offsets.retention.check.interval.ms", "5"),
    ("offsets.retention.minutes", "5"),
    ("offsets.topic.compression.codec", "2"),
    ("offsets.topic.num.partitions", "5"),
    ("offsets.topic.replication.factor", "5"),
    ("offsets.topic.segment.bytes", "5"),
    ("producer.id.expiration.ms", "5"),
    ("queued.max.requests", "5"),
    ("replica.fetch.backoff.ms", "5"),
    ("replica.fetch.max.bytes", "5"),
    ("replica.fetch.min.bytes", "5"),
    ("replica.fetch.response.max.bytes", "5"),
    ("replica.fetch.wait.max.ms", "5"),
    ("replica.high.watermark.checkpoint.interval.ms", "5"),
    ("replica.lag.time.max.ms", "5"),
    ("replica.socket.timeout.ms", "5"),
    ("request.timeout.ms", "5"),
    ("server.log.dir", "d"),
    ("server.log.files", "5"),
    ("server.log.max.bytes", "65536"),
    ("socket.listen.backlog.size", "5"),
    ("socket.receive.buffer.bytes", "5"),
    ("socket.request.max.bytes", "5"),
    ("socket.send.buffer.bytes", "5"),
    ("unclean.leader.election.enable", "true"),
];

/// Effective settings whose effect needs another one beside it, or is a refusal; each has a test below or with the cluster's settings.
const EFFECTS_ELSEWHERE: &[&str] = &[
    "authorizer.class.name",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "controller.listener.names",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "process.roles",
];

#[test]
fn every_effective_setting_has_an_effect() {
    let typed = |text: &str| {
        let settings = good(text);
        BrokerSettings { static_values: Default::default(), ..settings }
    };
    let defaults = typed("");
    for (name, value) in EFFECTS {
        assert_ne!(typed(&format!("{name}={value}")), defaults, "{name} changes nothing");
    }
    let mut tested: Vec<&str> =
        EFFECTS.iter().map(|(name, _)| *name).chain(EFFECTS_ELSEWHERE.iter().copied()).collect();
    tested.sort_unstable();
    let mut effective: Vec<&str> = table::all().filter(|row| row.usage == Use::Effective).map(|row| row.name).collect();
    effective.sort_unstable();
    assert_eq!(tested, effective);
    for (codec, level) in [("gzip", 3), ("lz4", 3), ("zstd", 4)] {
        let with = |level: i32| good(&format!("compression.type={codec}\ncompression.{codec}.level={level}")).topic;
        assert_ne!(with(level), with(5), "{codec}");
    }
}

/// The keys that Kafka's example file for a broker with its own controller has, with other values.
const LIKE_KAFKAS_EXAMPLE: &str = "
process.roles=broker,controller
node.id=3
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

#[test]
fn a_file_like_kafkas_example_is_accepted() {
    let (settings, notes) = load(LIKE_KAFKAS_EXAMPLE).expect("a valid file");
    assert_eq!(settings.node_id, 3);
    assert_eq!(settings.value("broker.id"), Some("3"));
    assert_eq!(settings.listeners.len(), 1);
    assert_eq!(settings.listeners[0].host, "");
    assert_eq!(settings.advertised_listeners[0].url(), "PLAINTEXT://localhost:9092");
    assert_eq!(settings.advertised_listeners.len(), 1);
    assert_eq!(settings.socket_send_buffer_bytes, 102_400);
    assert!(
        notes.iter().any(|note| note == "listeners: CONTROLLER://:9093 is not opened: a single node is its own quorum"),
        "{notes:#?}"
    );
    assert!(
        notes.iter().any(
            |note| note.starts_with("line 21: transaction.state.log.replication.factor is accepted and not used: ")
        ),
        "{notes:#?}"
    );
    assert_eq!(notes.len(), 6, "{notes:#?}");
}

#[test]
fn an_older_file_is_accepted() {
    let text = "broker.id=0\nlog.dirs=/tmp/kafka-logs\nzookeeper.connect=localhost:2181\n\
                zookeeper.connection.timeout.ms=18000\ngroup.initial.rebalance.delay.ms=0\n#listeners=x\n";
    let (settings, notes) = load(text).expect("a valid file");
    assert_eq!(settings.node_id, 0);
    assert_eq!(notes.len(), 2, "{notes:#?}");
}

#[test]
fn unknown_names_and_wrong_values_say_what_where_and_what_next() {
    assert_eq!(bad("a.b.c=1"), "line 1: unknown setting a.b.c (hint: config/server.toml lists every setting)");
    assert_eq!(
        bad("num.partitions=1\n\nlog.retention.hour=1"),
        "line 3: unknown setting log.retention.hour (hint: did you mean log.retention.hours?)"
    );
    assert!(bad("\nnum.partitions=0").starts_with("line 2: Invalid value 0 for configuration num.partitions: "));
    assert!(bad("retention.ms=5").contains("log.retention.ms") || bad("retention.ms=5").contains("topic config"));
    assert!(bad("node.id=1\nbroker.id=2").starts_with("line 2: "));
    assert!(bad("log.retention.ms=0").contains("unlimited (-1)"));
    assert!(bad("log.dirs=a,a").contains("twice"));
    assert!(bad("log.dirs= \nlog.dir=,").contains("At least one"));
    assert!(bad("http.listener=9644").contains("host:port"));
    assert!(bad("max.connections.per.ip.overrides=a").contains("host:number"));
}

#[test]
fn what_would_open_the_door_is_refused() {
    assert!(bad("authorizer.class.name=org.example.Authorizer").contains("let everyone in"));
    assert!(bad("listeners=SASL_SSL://:9092").contains("cannot speak yet"));
    assert!(bad("process.roles=controller").contains("always a broker"));
    assert!(bad("listeners=CONTROLLER://:9093").contains("no listener left"));
    assert!(bad("listeners=QUORUM://:1\ncontroller.listener.names=QUORUM").contains("no listener left"));
    assert!(bad("advertised.listeners=PLAINTEXT://0.0.0.0:9092").starts_with("line 1: "));
    assert!(bad("advertised.listeners=SSL://a:9092").contains("not among the names"));
    assert_eq!(good("listeners=PLAINTEXT://0.0.0.0:9092").advertised_listeners[0].host, "");
    let inside = good("listeners=INSIDE://:1\nlistener.security.protocol.map=INSIDE:PLAINTEXT");
    assert_eq!(inside.listeners[0].name, "INSIDE");
    assert!(bad("listeners=INSIDE://:1").contains("listener.security.protocol.map"));
}

#[test]
fn values_that_replace_others_are_noted_and_passwords_never_are() {
    let (settings, notes) = load("num.partitions=1\nnum.partitions=2\nssl.key.password=hunter2").expect("valid");
    assert_eq!(settings.num_partitions, 2);
    assert_eq!(notes[0], "line 2: num.partitions replaces its value of line 1");
    assert!(!notes.join("\n").contains("hunter2"));
    assert_eq!(notes.len(), 2);
}

#[test]
fn toml_and_properties_give_the_same() {
    let toml = "num.partitions = 3\n[log]\ndirs = [\"a\", \"b\"]\nretention.hours = 5\n";
    let from_toml = BrokerSettings::load(&parse_toml(toml).expect("TOML")).expect("valid").0;
    assert_eq!(from_toml, good("num.partitions=3\nlog.dirs=a,b\nlog.retention.hours=5"));
}

#[test]
fn dynamic_values_take_effect_and_the_rest_is_refused() {
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let none = BTreeMap::new();
    let settings = good("message.max.bytes=10");
    let changed = settings.with_dynamic(&map("message.max.bytes", "20"), &none).expect("cluster wide");
    assert_eq!(changed.topic.max_message_bytes, 20);
    let changed = changed.with_dynamic(&map("message.max.bytes", "20"), &map("message.max.bytes", "30")).expect("both");
    assert_eq!(changed.topic.max_message_bytes, 30);
    assert_eq!(changed.with_dynamic(&none, &none).expect("none"), settings);
    assert!(settings.with_dynamic(&map("num.partitions", "3"), &none).is_err());
    assert!(settings.with_dynamic(&none, &map("message.max.bytes", "x")).is_err());
    assert!(settings.with_dynamic(&map("listeners", "PLAINTEXT://:1"), &none).is_err());
}

#[test]
fn every_setting_accepts_its_own_default_from_a_file() {
    for row in table::all() {
        let Some(default) = row.default else { continue };
        load(&format!("{}={default}", row.name)).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(table::all().filter(|row| row.kind == Kind::Password).all(|row| row.sensitive));
}

proptest! {
    #[test]
    fn hostile_text_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        for entries in [parse_properties(&text), parse_toml(&text)].into_iter().flatten() {
            let _ = BrokerSettings::load(&entries);
        }
    }

    #[test]
    fn hostile_values_are_refused_without_panic(at in 0..400usize, value in "\\PC{0,40}|-?[0-9]{1,25}|[A-Z]{1,5}://[^ ]{0,20}") {
        let row = table::all().nth(at).unwrap_or_else(|| table::all().next().expect("rows"));
        let entry = crate::config::Entry { line: 1, key: row.name.into(), value: value.clone() };
        let _ = BrokerSettings::load(&[entry]);
        let one = BTreeMap::from([(row.name.to_owned(), value)]);
        let _ = BrokerSettings::default().with_dynamic(&BTreeMap::new(), &one);
        let _ = crate::config::TopicSettings::resolve(&BrokerSettings::default(), &one);
    }
}
