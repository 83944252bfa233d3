//! Drives [`kq::client`] with blocking sockets: one connection a broker, made when first needed.

pub mod configs;
pub mod eligible;
pub mod groups;
mod link;
pub mod moves;
pub mod offsets;
mod settings;

pub use link::Link;
pub use settings::{BOOTSTRAP_DEFAULT, KNOWN, Known, Settings, parse_seeds};

use crate::failure::{Failure, Kind};
use crate::time::now_ms;
use crate::ui::Loudness;
use kq::api::Api;
use kq::api::metadata::{Metadata, MetadataRequest, MetadataRequestTopic};
use kq::client::{Answer, Cluster, Retry, Topic, Verdict, verdict};
use kq::error::ErrorCode;
use kq::types::NodeId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// Whichever broker is connected already, or the first that can be.
    Any,
    /// Who takes changes to the cluster.
    Controller,
    /// This one.
    Broker(NodeId),
}

/// The code of failures to connect.
pub const UNREACHABLE: &str = "UNREACHABLE";

/// A cluster, as one command uses it.
pub struct Kafka {
    settings: Settings,
    loudness: Loudness,
    deadline: Instant,
    seed: Option<Link>,
    links: BTreeMap<NodeId, Link>,
    /// What is known of it so far.
    pub cluster: Cluster,
}

impl Kafka {
    /// Nothing is connected yet.
    pub fn new(settings: Settings, loudness: Loudness) -> Kafka {
        let deadline = Instant::now() + settings.timeout;
        Kafka { settings, loudness, deadline, seed: None, links: BTreeMap::new(), cluster: Cluster::default() }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When the command's time is up.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Gives the command another deadline: long-running commands bound each step, not the whole.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// What is left of the command's time, in milliseconds, for requests that carry a time-out: at most
    /// `request.timeout.ms`.
    pub fn timeout_ms(&self) -> i32 {
        let left = self.deadline.saturating_duration_since(Instant::now()).min(self.settings.request_timeout);
        i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1)
    }

    /// Attempts until the command's time is up.
    pub fn retry(&self) -> Retry {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Retry::until(now_ms().saturating_add(i64::try_from(left.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Sends one request and waits for its answer. A connection that turns out to be dead is made anew once.
    ///
    /// # Errors
    /// When nobody can be reached, or the answer does not come.
    pub fn call<A: Api>(&mut self, to: To, request: &A::Request<'_>) -> Result<Answer<A>, Failure> {
        self.call_up_to::<A>(to, request, i16::MAX)
    }

    /// As [`Kafka::call`], at most in version `version_max`.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn call_up_to<A: Api>(
        &mut self,
        to: To,
        request: &A::Request<'_>,
        version_max: i16,
    ) -> Result<Answer<A>, Failure> {
        let deadline = self.deadline;
        let reused = self.is_connected(to);
        match self.way(to)?.call_up_to::<A>(request, version_max, deadline) {
            Err(failure) if failure.code == "DISCONNECTED" => {
                self.drop_link(to);
                if reused { self.way(to)?.call_up_to::<A>(request, version_max, deadline) } else { Err(failure) }
            }
            answer => answer,
        }
    }

    /// As [`Kafka::link`]. Where the controller cannot be reached, any broker will do: it passes on what is for the
    /// controller, and who that is may have changed.
    fn way(&mut self, to: To) -> Result<&mut Link, Failure> {
        if to == To::Controller
            && let Err(failure) = self.link(to)
        {
            if failure.code != UNREACHABLE {
                return Err(failure);
            }
            self.cluster.controller = None;
        }
        self.link(to)
    }

    /// The connection to someone, made if there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn link(&mut self, to: To) -> Result<&mut Link, Failure> {
        match self.resolve(to)? {
            Some(id) => {
                if !self.links.contains_key(&id) {
                    let link = self.open(id)?;
                    self.links.insert(id, link);
                }
                self.links.get_mut(&id).ok_or_else(|| unknown_broker(id))
            }
            None => {
                if self.seed.is_none() {
                    self.seed = Some(self.open_seed()?);
                }
                self.seed.as_mut().ok_or_else(|| Failure::new(UNREACHABLE, "no broker could be reached"))
            }
        }
    }

    /// A connection of one's own to a broker, beside those kept here: for producers, consumers and benchmarks.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(&self, id: NodeId) -> Result<Link, Failure> {
        self.open_with(id, &self.settings)
    }

    /// As [`Kafka::open`], with other settings: a longer `request.timeout.ms` for requests that the broker holds back.
    ///
    /// # Errors
    /// As [`Kafka::open`].
    pub fn open_with(&self, id: NodeId, settings: &Settings) -> Result<Link, Failure> {
        let broker = self.cluster.brokers.get(&id).ok_or_else(|| unknown_broker(id))?;
        Link::open(&broker.host, broker.port, settings, self.loudness, self.deadline).map_err(|mut failure| {
            failure.message = format!("broker {id}: {}", failure.message);
            failure.hint.get_or_insert_with(|| {
                "this is the address that the broker advertises (advertised.listeners); `kq doctor` checks the path"
                    .into()
            });
            failure
        })
    }

    /// Forgets a connection, so that the next call makes it anew.
    pub fn drop_link(&mut self, to: To) {
        match self.resolve(to) {
            Ok(Some(id)) => drop(self.links.remove(&id)),
            _ => self.seed = None,
        }
    }

    /// Learns brokers and controller, and all topics.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn refresh_all(&mut self) -> Result<(), Failure> {
        self.refresh_with(&MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() })
    }

    /// Learns brokers and controller, and these topics. Topics that do not exist are kept with their error.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn refresh<S: AsRef<str>>(&mut self, topics: &[S]) -> Result<(), Failure> {
        self.refresh_with(&MetadataRequest {
            topics: Some(named(topics)),
            allow_auto_topic_creation: false,
            ..Default::default()
        })
    }

    /// As [`Kafka::refresh`], and lets the broker make the topics that are missing, if its settings allow.
    ///
    /// # Errors
    /// As [`Kafka::call`].
    pub fn refresh_creating<S: AsRef<str>>(&mut self, topics: &[S]) -> Result<(), Failure> {
        self.refresh_with(&MetadataRequest {
            topics: Some(named(topics)),
            allow_auto_topic_creation: true,
            ..Default::default()
        })
    }

    fn refresh_with(&mut self, request: &MetadataRequest<'_>) -> Result<(), Failure> {
        let answer = self.call::<Metadata>(To::Any, request)?;
        let response = answer.read()?;
        let error = ErrorCode::from_code(response.error_code);
        if !error.is_none() {
            return Err(Failure::answered(error, "cannot learn about the cluster", None));
        }
        if request.topics.is_none() {
            self.cluster.topics.clear();
        }
        self.cluster.absorb(&response);
        Ok(())
    }

    /// A topic that was learned.
    ///
    /// # Errors
    /// What the broker said of it, or that there is none.
    pub fn topic(&self, name: &str) -> Result<&Topic, Failure> {
        let found = self.cluster.topics.get(name);
        found.filter(|topic| topic.error.is_none()).ok_or_else(|| {
            let code = found.map_or(ErrorCode::UnknownTopicOrPartition, |topic| topic.error);
            Failure::answered(code, format!("topic {name}"), None).hint("`kq topic list` shows what exists")
        })
    }

    /// Learns these topics, and waits (within the command's time) until every partition has a leader.
    ///
    /// # Errors
    /// A topic's own error, or a time-out that names the partition without a leader.
    pub fn require_topics<S: AsRef<str>>(&mut self, topics: &[S]) -> Result<(), Failure> {
        let mut retry = self.retry();
        loop {
            self.refresh(topics)?;
            let Some((name, partition, code)) = self.first_missing(topics) else { return Ok(()) };
            let what = partition.map_or(format!("topic {name}"), |index| format!("topic {name}, partition {index}"));
            let waits = code != ErrorCode::UnknownTopicOrPartition && verdict(code) != Verdict::Fail;
            if !waits || !self.pause(&mut retry) {
                let mut failure = Failure::answered(code, what, None);
                if code == ErrorCode::UnknownTopicOrPartition {
                    failure =
                        failure.hint(format!("`kq topic create {name}` makes it; `kq topic list` shows what exists"));
                } else if waits {
                    failure.kind = Kind::TimedOut;
                }
                return Err(failure);
            }
        }
    }

    /// As [`Kafka::require_topics`], for topics that were just made: brokers learn of them one after the other.
    ///
    /// # Errors
    /// As [`Kafka::require_topics`], when the command's time is up.
    pub fn await_topics<S: AsRef<str>>(&mut self, topics: &[S]) -> Result<(), Failure> {
        let mut retry = self.retry();
        loop {
            match self.require_topics(topics) {
                Err(failure) if failure.code == ErrorCode::UnknownTopicOrPartition.name() && self.pause(&mut retry) => {
                }
                result => return result,
            }
        }
    }

    fn first_missing<S: AsRef<str>>(&self, topics: &[S]) -> Option<(String, Option<i32>, ErrorCode)> {
        for name in topics.iter().map(AsRef::as_ref) {
            let Some(topic) = self.cluster.topics.get(name) else {
                return Some((name.into(), None, ErrorCode::UnknownTopicOrPartition));
            };
            if !topic.error.is_none() {
                return Some((name.into(), None, topic.error));
            }
            for partition in &topic.partitions {
                if let Err(code) = self.cluster.leader(name, partition.index) {
                    return Some((name.into(), Some(partition.index), code));
                }
            }
        }
        None
    }

    /// Waits before the next attempt; false when the command's time would be up.
    pub fn pause(&self, retry: &mut Retry) -> bool {
        match retry.pause_ms(now_ms()) {
            Some(pause_ms) => {
                std::thread::sleep(Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0)));
                true
            }
            None => false,
        }
    }

    fn resolve(&self, to: To) -> Result<Option<NodeId>, Failure> {
        match to {
            To::Any => Ok(None),
            To::Controller => Ok(self.cluster.controller.filter(|id| self.cluster.brokers.contains_key(id))),
            To::Broker(id) if self.cluster.brokers.contains_key(&id) => Ok(Some(id)),
            To::Broker(id) => Err(unknown_broker(id)),
        }
    }

    fn is_connected(&self, to: To) -> bool {
        match self.resolve(to) {
            Ok(Some(id)) => self.links.contains_key(&id),
            _ => self.seed.is_some(),
        }
    }

    fn open_seed(&self) -> Result<Link, Failure> {
        let mut failures: Vec<Failure> = Vec::new();
        for (host, port) in &self.settings.seeds {
            match Link::open(host, *port, &self.settings, self.loudness, self.deadline) {
                Ok(link) => return Ok(link),
                Err(failure) => failures.push(failure),
            }
        }
        let mut failure = failures.remove(0);
        for other in failures {
            failure.causes.push(other.message);
            failure.causes.extend(other.causes);
        }
        failure.hint.get_or_insert_with(|| {
            "start a broker with `kq playground`, or name one with -b HOST:PORT; `kq doctor` checks the path".into()
        });
        Err(failure)
    }
}

/// There is no such broker.
pub fn unknown_broker(id: NodeId) -> Failure {
    Failure::new("BROKER_NOT_AVAILABLE", format!("broker {id} is not part of the cluster")).hint("see `kq broker list`")
}

fn named<S: AsRef<str>>(topics: &[S]) -> Vec<MetadataRequestTopic<'_>> {
    topics.iter().map(|name| MetadataRequestTopic { name: Some(name.as_ref().into()), ..Default::default() }).collect()
}
