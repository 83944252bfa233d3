//! What the benchmarks' command lines share: Kafka's flags, and where connections go.

use crate::args::{ConnectArgs, key_value};
use crate::failure::Failure;
use crate::kafka::offsets::{LATEST, TopicPartition};
use crate::kafka::{KNOWN, Kafka, To};
use crate::ui::Ui;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::error::ErrorCode;
use kq::types::NodeId;
use rustix::net::sockopt::set_tcp_congestion;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The topic that is used when none is named.
pub const TOPIC: &str = "kq-bench";

/// Which topic, and how it is made.
#[derive(clap::Args, Debug)]
pub struct TopicArgs {
    /// The topic; `kq-bench` is made when it is missing, others with --create-topic
    #[arg(short = 't', long, value_name = "NAME", default_value = TOPIC)]
    pub topic: String,
    /// Make the topic when it is missing
    #[arg(long)]
    pub create_topic: bool,
    /// Partitions of the topic, when it is made
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    pub partitions: i32,
    /// Replicas of each partition, when it is made [default: the broker's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub replication_factor: Option<i16>,
}

/// Flags of Kafka's own tools.
#[derive(clap::Args, Debug)]
pub struct KafkaArgs {
    /// A client setting, as -X; those that kq does not know are passed over
    #[arg(
        long,
        value_name = "K=V",
        num_args = 1..,
        aliases = ["producer-props", "producer-property", "consumer-property"],
        help_heading = "As in Kafka's tools"
    )]
    pub command_property: Vec<String>,
    #[arg(long = "producer.config", alias = "consumer.config", value_name = "FILE", hide = true)]
    pub old_config: Option<PathBuf>,
    /// Milliseconds between words on progress, on stderr
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..), help_heading = "As in Kafka's tools")]
    pub reporting_interval: u64,
    /// Accepted, and without effect: -o json has all figures
    #[arg(long, help_heading = "As in Kafka's tools")]
    pub print_metrics: bool,
}

impl KafkaArgs {
    /// The connection's flags with these settings below them.
    ///
    /// # Errors
    /// A usage failure for what is no NAME=VALUE.
    pub fn connect(&self, ui: &Ui, flags: &ConnectArgs) -> Result<ConnectArgs, Failure> {
        let mut connect = flags.clone();
        let mut settings = Vec::new();
        for text in &self.command_property {
            let (name, _) = key_value("--command-property", text)?;
            if KNOWN.iter().any(|known| known.name == name) {
                settings.push(text.clone());
            } else {
                ui.warn(format!("--command-property {name}: not a setting of kq's clients, passed over"));
            }
        }
        settings.append(&mut connect.settings);
        connect.settings = settings;
        connect.command_config = connect.command_config.or_else(|| self.old_config.clone());
        Ok(connect)
    }

    /// How often there is a word on progress.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.reporting_interval)
    }
}

/// How many connections, and how they are made.
#[derive(clap::Args, Debug)]
pub struct DialArgs {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Only this partition
    #[arg(long, value_name = "N")]
    pub partition: Option<i32>,
    /// Congestion control of the connections, such as cubic [default: the system's]
    #[arg(long, value_name = "NAME")]
    pub tcp_congestion: Option<String>,
}

/// Where one connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The leader.
    pub leader: NodeId,
    /// How many connections go there, and which of them this is.
    pub nth: usize,
    /// See `nth`.
    pub of: usize,
    /// The partitions that it leads.
    pub partitions: Vec<i32>,
}

/// Deals connections out to the leaders of `partitions`; every leader gets one.
pub fn spots(partitions: &[(i32, NodeId)], connections: usize) -> Vec<Spot> {
    let mut leaders: Vec<NodeId> = partitions.iter().map(|(_, leader)| *leader).collect();
    leaders.sort_unstable();
    leaders.dedup();
    let connections = connections.max(leaders.len());
    let spot = |index: usize| {
        let turn = index % leaders.len().max(1);
        let leader = *leaders.get(turn)?;
        let led = partitions.iter().filter(|(_, by)| *by == leader).map(|(partition, _)| *partition);
        let of = (connections - turn).div_ceil(leaders.len());
        Some(Spot { leader, nth: index / leaders.len(), of, partitions: led.collect() })
    };
    (0..connections).filter_map(spot).collect()
}

impl DialArgs {
    /// Where the connections go.
    ///
    /// # Errors
    /// When a partition is missing, or has no leader.
    pub fn spots(&self, ui: &Ui, kafka: &Kafka, topic: &str) -> Result<Vec<Spot>, Failure> {
        let known = kafka.cluster.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
        let mut partitions = Vec::new();
        for partition in known.iter().filter(|known| self.partition.is_none_or(|wanted| wanted == known.index)) {
            let what = || format!("topic {topic}, partition {}", partition.index);
            let leader = kafka.cluster.leader(topic, partition.index);
            partitions.push((partition.index, leader.map_err(|code| Failure::answered(code, what(), None))?.id));
        }
        if partitions.is_empty() {
            let what =
                self.partition.map_or(format!("topic {topic}"), |index| format!("topic {topic}, partition {index}"));
            return Err(Failure::answered(ErrorCode::UnknownTopicOrPartition, what, None));
        }
        let spots = spots(&partitions, usize::from(self.connections));
        if spots.len() > usize::from(self.connections) {
            ui.note(format!("{} connections: one for each broker that leads a partition", spots.len()));
        }
        Ok(spots)
    }

    /// Sets what can be set on a connection.
    ///
    /// # Errors
    /// When the system does not have that congestion control.
    pub fn prepare(&self, stream: &TcpStream) -> Result<(), Failure> {
        let Some(name) = &self.tcp_congestion else { return Ok(()) };
        set_tcp_congestion(stream, name).map_err(|error| {
            Failure::usage(format!("--tcp-congestion {name}: the system refuses it"))
                .because(error)
                .hint("`sysctl net.ipv4.tcp_available_congestion_control` shows what there is")
        })
    }
}

impl TopicArgs {
    /// Learns the topic, and makes it where that is wanted.
    ///
    /// # Errors
    /// When it is missing or cannot be made.
    pub fn ensure(&self, ui: &Ui, kafka: &mut Kafka) -> Result<(), Failure> {
        let topic = self.topic.as_str();
        kafka.refresh(&[topic])?;
        let known = kafka.cluster.topics.get(topic);
        let missing = known.is_none_or(|known| known.error == ErrorCode::UnknownTopicOrPartition);
        if missing && (self.create_topic || topic == TOPIC) {
            let wanted = CreatableTopic {
                name: topic.into(),
                num_partitions: self.partitions,
                replication_factor: self.replication_factor.unwrap_or(-1),
                ..Default::default()
            };
            let request =
                CreateTopicsRequest { topics: vec![wanted], timeout_ms: kafka.timeout_ms(), validate_only: false };
            let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
            for result in &answer.read()?.topics {
                let code = ErrorCode::from_code(result.error_code);
                if !code.is_none() && code != ErrorCode::TopicAlreadyExists {
                    return Err(Failure::answered(code, format!("topic {topic}"), result.error_message.as_deref()));
                }
            }
            ui.note(format!(
                "topic {topic} made with {} partition(s); `kq topic delete {topic}` removes it",
                self.partitions
            ));
            kafka.await_topics(&[topic])?;
        }
        kafka.require_topics(&[topic]).map_err(|failure| match failure.code.as_str() {
            "UNKNOWN_TOPIC_OR_PARTITION" => failure.hint("--create-topic makes it, with --partitions N"),
            _ => failure,
        })?;
        // A broker that has just become leader may not know it yet: asking for offsets waits until it does.
        let known = kafka.cluster.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
        let keys: Vec<TopicPartition> = known.iter().map(|partition| (topic.to_string(), partition.index)).collect();
        kafka.list_offsets(&keys, LATEST).map(drop)
    }
}

/// What this process has used of its processor, in seconds: to tell when the client is the limit.
pub fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(|ns: f64| ns / 1e9)
}

/// Lets timers fire when they are due, not up to 50 µs later as the system prefers: latencies would have it in them.
pub fn sharpen_timers() {
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
}

/// Bounds each step of the preparations, not all of them together.
pub fn renew(kafka: &mut Kafka) {
    let timeout = kafka.settings().timeout;
    kafka.set_deadline(Instant::now() + timeout);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_dealt_out_evenly() {
        let partitions = [(0, 1), (1, 2), (2, 1), (3, 2)];
        let dealt = spots(&partitions, 3);
        let short: Vec<_> = dealt.iter().map(|spot| (spot.leader, spot.nth, spot.of)).collect();
        assert_eq!(short, [(1, 0, 2), (2, 0, 1), (1, 1, 2)]);
        assert_eq!((dealt[0].partitions.as_slice(), dealt[1].partitions.as_slice()), (&[0, 2][..], &[1, 3][..]));
        assert_eq!(spots(&partitions, 1).len(), 2);
        assert!(spots(&[], 4).is_empty());
    }
}
