//! The only door into the core: [`Node::step`] and [`Node::deadline`].

use crate::api;
use crate::broker::{AfterRestart, BeforeRestart, Broker, Endpoint};
use crate::config::BrokerSettings;
use crate::event::{Effect, Input};
use crate::group::Kept;
use crate::types::{Millis, Uuid};
use std::sync::Arc;

/// What a node is born with.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Settings of the file and the command line.
    pub settings: Arc<BrokerSettings>,
    /// The cluster's id, from `meta.properties`.
    pub cluster_id: Uuid,
    /// What clients of each listener are told, by listener index: real ports, where 0 was asked for.
    pub endpoints: Vec<Endpoint>,
    /// Randomness for topic ids and session ids: 128 unpredictable bits, another one at every start.
    pub seed: [u64; 2],
}

/// One node: a broker and its controller.
#[derive(Debug)]
pub struct Node {
    broker: Broker,
    stop: Stop,
}

/// What was asked of a node that stops may wait so long for other nodes, in milliseconds: they may be gone, and the client
/// asks again elsewhere.
const DRAIN_MS: Millis = 1_000;

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Nobody asked for one.
    No,
    /// What this node leads goes elsewhere.
    Leaves,
    /// What was asked before is being answered, until then at most; a node that is alone waits for its own disk only.
    Drains {
        /// When the rest is answered as if its deadline had come.
        until: Option<Millis>,
    },
    /// Everything is answered.
    Done,
}

impl Node {
    /// A node that has not been started.
    pub fn new(config: NodeConfig) -> Self {
        let broker = Broker::new(config.settings, config.cluster_id, config.endpoints, config.seed);
        Node { broker, stop: Stop::No }
    }

    /// The ids of this node's log directories, before it is started: a broker that comes back with all of them has what
    /// it had (KIP-858).
    pub fn set_log_dirs(&mut self, ids: Vec<Uuid>) {
        self.broker.set_log_dirs(ids);
    }

    /// Asks for the logs. The node serves once all are open: see [`Node::is_ready`].
    pub fn start(&mut self, out: &mut Vec<Effect<'_>>) {
        self.broker.begin(out);
    }

    /// Whether clients may come.
    pub fn is_ready(&self) -> bool {
        self.broker.is_ready()
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub fn deadline(&self) -> Option<Millis> {
        let drained = match self.stop {
            Stop::Drains { until } => until,
            _ => None,
        };
        [self.broker.deadline(), drained].into_iter().flatten().min()
    }

    /// How many requests wait, for the metrics.
    pub fn parked(&self) -> usize {
        self.broker.parked.len()
    }

    /// What stopping this broker would do, as far as it knows.
    pub fn before_restart(&self) -> BeforeRestart {
        self.broker.before_restart()
    }

    /// How far this broker has come since its start.
    pub fn after_restart(&self) -> AfterRestart {
        self.broker.after_restart()
    }

    /// How much is kept of the groups that are coordinated here.
    pub fn groups_kept(&self) -> Kept {
        self.broker.groups_kept()
    }

    /// Takes one input; what is to be done about it is appended to `out`, in order.
    pub fn step<'a>(&mut self, now: Millis, input: Input<'a>, out: &mut Vec<Effect<'a>>) {
        let broker = &mut self.broker;
        broker.now = now;
        match input {
            Input::Frame { conn, slot, peer, bytes } => {
                let frame = api::Frame { conn, slot, peer, bytes };
                api::dispatch(broker, now, frame, out);
            }
            Input::Disconnected { conn } => broker.disconnected(now, conn, out),
            Input::Opened { log, generation, result } => broker.opened(now, log, generation, result, out),
            Input::Appended { log, generation, result } => broker.appended(now, log, generation, result, out),
            Input::Synced { log, generation, result } => broker.synced(now, log, generation, result, out),
            Input::Answer { token, answer } => broker.answered(token, answer, out),
            Input::Trimmed { log, generation, result } => broker.trimmed(log, generation, result, out),
            Input::PeerReply { node, lane, bytes } => api::peer::reply(broker, now, node, lane, bytes, out),
            Input::PeerLost { node, lane } => api::peer::lost(broker, now, node, lane, out),
            Input::Ensemble(heard) => broker.ensemble_heard(now, heard, out),
            Input::DirFailed { dir } => broker.dir_failed(dir, out),
            Input::Tick => {}
            Input::Stop => {
                if self.stop == Stop::No {
                    self.stop = Stop::Leaves;
                    broker.leave(now, out);
                }
            }
        }
        broker.tick(now, out);
        self.stop_if_due(now, out);
        api::peer::pump(&mut self.broker, now, out);
    }

    fn stop_if_due(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let broker = &mut self.broker;
        if self.stop == Stop::Leaves && broker.has_left() {
            let until = broker.settings.cluster.is_cluster().then(|| now.saturating_add(DRAIN_MS));
            self.stop = Stop::Drains { until };
            broker.drain_fetches(out);
            broker.drain_groups(out);
        }
        let Stop::Drains { until } = self.stop else { return };
        let is_late = until.is_some_and(|until| until <= now);
        if is_late {
            broker.drain_all(out);
        }
        if is_late || broker.parked.is_empty() {
            self.stop = Stop::Done;
            broker.save_producers(out);
            out.push(Effect::Stopped);
        }
    }
}
