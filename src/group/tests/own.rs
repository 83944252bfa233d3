//! Groups with settings of their own: the interval in a heartbeat's answer, and how long a member may be silent.

use super::teller::TwoTopics;
use crate::config::{BrokerSettings, group_config};
use crate::error::ErrorCode;
use crate::group::consumer::{Heartbeat, JOIN_EPOCH, Partitions};
use crate::group::{Command, Cx, NO_OWN, OwnSettings, Reply, Shard};
use crate::types::{Epoch, Millis, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// A shard whose members speak the protocol of KIP-848, each the only one of its group.
struct World {
    shard: Shard,
    broker: BrokerSettings,
    own: OwnSettings,
    epochs: BTreeMap<String, Epoch>,
}

impl World {
    fn new() -> World {
        World {
            shard: Shard::default(),
            broker: BrokerSettings::default(),
            own: NO_OWN.clone(),
            epochs: BTreeMap::new(),
        }
    }

    fn tune(&mut self, group: &str, configs: &[(&str, &str)]) {
        let own: BTreeMap<_, _> = configs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.own.insert(group.to_owned(), group_config::effective(&self.broker.groups, &own));
    }

    fn at<T>(&mut self, now: Millis, what: impl FnOnce(&mut Shard, &Cx<'_>) -> T) -> T {
        let (settings, own) = (&self.broker.groups, &self.own);
        let cx = Cx { now, settings, own, topics: &TwoTopics, fresh: Uuid([7; 16]), record_bytes_max: 10_000 };
        what(&mut self.shard, &cx)
    }

    /// The only member of a group is heard of, for the first time or again; what comes back is the interval that it is told.
    fn beat(&mut self, now: Millis, group: &str) -> Result<i32, ErrorCode> {
        let member_epoch = self.epochs.get(group).copied().unwrap_or(JOIN_EPOCH);
        let joins = member_epoch == JOIN_EPOCH;
        let heartbeat = Heartbeat {
            member_id: "m".to_owned(),
            member_epoch,
            rebalance_timeout_ms: if joins { 60_000 } else { -1 },
            topic_names: joins.then(|| BTreeSet::from(["t".to_owned()])),
            owned: joins.then(Partitions::new),
            ..Heartbeat::default()
        };
        let command = Command::Consume(Box::new(heartbeat), 1);
        let outcome = self.at(now, |shard, cx| shard.submit(cx, 1, group, command));
        match outcome.replies.into_iter().next() {
            Some((_, Reply::Consuming(reply))) => {
                self.epochs.insert(group.to_owned(), reply.member_epoch);
                Ok(reply.heartbeat_interval_ms)
            }
            Some((_, Reply::Refused(refusal))) => Err(refusal.code),
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    fn wake(&mut self, now: Millis) {
        self.at(now, Shard::wake);
    }
}

#[test]
fn a_living_group_has_them_with_its_next_heartbeat() {
    let mut world = World::new();
    assert_eq!((world.beat(0, "tuned"), world.beat(0, "plain")), (Ok(5_000), Ok(5_000)));
    world.tune("tuned", &[("consumer.session.timeout.ms", "50000"), ("consumer.heartbeat.interval.ms", "6000")]);
    assert_eq!((world.beat(1_000, "tuned"), world.beat(1_000, "plain")), (Ok(6_000), Ok(5_000)));
    world.wake(46_000);
    assert_eq!(world.beat(46_000, "plain"), Err(ErrorCode::UnknownMemberId), "45 s of silence");
    world.wake(50_999);
    assert_eq!(world.beat(50_999, "tuned"), Ok(6_000));
    world.own.clear();
    assert_eq!(world.beat(51_000, "tuned"), Ok(5_000), "the broker's again");
    world.wake(96_000);
    assert_eq!(world.beat(96_000, "tuned"), Err(ErrorCode::UnknownMemberId), "45 s of silence, again");
}

#[test]
fn after_a_load_silence_is_measured_by_them() {
    let mut world = World::new();
    world.tune("tuned", &[("consumer.session.timeout.ms", "50000")]);
    assert_eq!(world.beat(0, "tuned"), Ok(5_000));
    world.at(10_000, |shard, cx| shard.loaded(cx));
    world.wake(59_999);
    assert_eq!(world.beat(59_999, "tuned"), Ok(5_000));
    world.wake(109_999);
    assert_eq!(world.beat(109_999, "tuned"), Err(ErrorCode::UnknownMemberId));
}
