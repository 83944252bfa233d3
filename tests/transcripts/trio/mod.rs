//! Three nodes become a cluster, and stay one: the whole way from the first start to the death of a leader, without
//! chance. The simulator has the rest.

mod disk;
mod world;

use kq::api::{create_topics::*, fetch::*, find_coordinator::*, init_producer_id::*, metadata::*, offset_commit::*};
use kq::api::{offset_fetch::*, produce::*};
use kq::error::ErrorCode;
use kq::record::builder::Builder;
use kq::record::compress::Codec;
use kq::record::{batch, records};
use kq::types::*;
use kq::wire::{Message, Records};
use world::World;

const IDS: [NodeId; 3] = [1, 2, 3];

/// Three nodes that serve.
fn cluster() -> World {
    let mut world = World::new(&IDS);
    let up = world.run(10_000, |world| IDS.iter().all(|id| world.is_ready(*id)));
    assert!(up, "{:#?}", world.notes);
    world
}

impl World {
    fn create(&mut self, at: NodeId, topic: &str, partitions: i32, factor: i16) -> ErrorCode {
        let conn = self.connect(at);
        let topic = CreatableTopic {
            name: topic.to_owned().into(),
            num_partitions: partitions,
            replication_factor: factor,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let code = self.ask(conn, 7, &request, |body| {
            CreateTopicsResponse::read(body, 7).expect("a response").topics[0].error_code
        });
        ErrorCode::from_code(code)
    }

    /// Leader, leader epoch and in-sync replicas of a topic's first partition, as a node tells them.
    fn partition(&mut self, at: NodeId, topic: &str) -> (NodeId, Epoch, Vec<NodeId>) {
        let conn = self.connect(at);
        let topics = vec![MetadataRequestTopic { name: Some(topic.to_owned().into()), ..Default::default() }];
        let request = MetadataRequest { topics: Some(topics), ..Default::default() };
        self.ask(conn, 12, &request, |body| {
            let response = MetadataResponse::read(body, 12).expect("a response");
            let Some(part) = response.topics[0].partitions.first() else { return (-1, -1, Vec::new()) };
            (part.leader_id, part.leader_epoch, part.isr_nodes.clone())
        })
    }

    /// Waits until a node tells of a leader and so many in-sync replicas.
    fn led(&mut self, at: NodeId, topic: &str, isr: usize) -> (NodeId, Epoch) {
        for _ in 0..600 {
            let (leader, epoch, members) = self.partition(at, topic);
            if leader >= 0 && members.len() == isr {
                return (leader, epoch);
            }
            self.run(100, |_| false);
        }
        panic!("{topic} has {:?}: {:#?}", self.partition(at, topic), self.notes);
    }

    fn produce(&mut self, at: NodeId, topic: &str, value: &str) -> Result<Offset, ErrorCode> {
        let conn = self.connect(at);
        let mut builder = Builder::new(Codec::None, None);
        builder.push(self.now, None, Some(value.as_bytes()), &[]);
        let records = Some(Records::Bytes(builder.finish().into()));
        let topic = TopicProduceData {
            name: topic.to_owned().into(),
            partition_data: vec![PartitionProduceData { index: 0, records }],
            ..Default::default()
        };
        let request = ProduceRequest { acks: -1, timeout_ms: 5_000, topic_data: vec![topic], ..Default::default() };
        self.ask(conn, 9, &request, |body| {
            let response = ProduceResponse::read(body, 9).expect("a response");
            let part = &response.responses[0].partition_responses[0];
            match ErrorCode::from_code(part.error_code) {
                ErrorCode::None => Ok(part.base_offset),
                code => Err(code),
            }
        })
    }

    /// All values that a consumer reads from a topic's first partition.
    fn consume(&mut self, at: NodeId, topic: &str) -> Vec<String> {
        let conn = self.connect(at);
        let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
        let topics =
            vec![FetchTopic { topic: topic.to_owned().into(), partitions: vec![partition], ..Default::default() }];
        let request = FetchRequest { max_bytes: 1 << 20, topics, ..Default::default() };
        self.ask(conn, 12, &request, |body| {
            let response = FetchResponse::read(body, 12).expect("a response");
            let part = &response.responses[0].partitions[0];
            assert_eq!(part.error_code, 0);
            let mut values = Vec::new();
            for found in batch::batches(part.records.as_ref().map_or(&[], |records| records.bytes())) {
                let decoded = records::decode(found.expect("a batch").1, 1 << 20).expect("records");
                let value = |r: records::Record<'_>| String::from_utf8_lossy(r.value.unwrap_or_default()).into_owned();
                values.extend(decoded.iter().map(|record| value(record.expect("a record"))));
            }
            values
        })
    }

    fn coordinator(&mut self, at: NodeId, group: &str) -> NodeId {
        let request = FindCoordinatorRequest { key: group.to_owned().into(), ..Default::default() };
        for _ in 0..300 {
            let conn = self.connect(at);
            let found = self.ask(conn, 3, &request, |body| {
                let response = FindCoordinatorResponse::read(body, 3).expect("a response");
                (response.error_code, response.node_id)
            });
            if found.0 == 0 {
                return found.1;
            }
            self.run(100, |_| false);
        }
        panic!("nobody coordinates {group}: {:#?}", self.notes);
    }

    /// Commits an offset, where the coordinator is by now.
    fn commit(&mut self, at: NodeId, group: &str, topic: &str, offset: Offset) {
        for _ in 0..300 {
            let coordinator = self.coordinator(at, group);
            let conn = self.connect(coordinator);
            let partitions = vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                ..OffsetCommitRequestPartition::default()
            }];
            let topics =
                vec![OffsetCommitRequestTopic { name: topic.to_owned().into(), partitions, ..Default::default() }];
            let request =
                OffsetCommitRequest { group_id: group.to_owned().into(), topics, ..OffsetCommitRequest::default() };
            let code = self.ask(conn, 8, &request, |body| {
                OffsetCommitResponse::read(body, 8).expect("a response").topics[0].partitions[0].error_code
            });
            if code == 0 {
                return;
            }
            self.run(100, |_| false);
        }
        panic!("{group} cannot commit: {:#?}", self.notes);
    }

    fn committed(&mut self, at: NodeId, group: &str, topic: &str) -> Offset {
        for _ in 0..300 {
            let coordinator = self.coordinator(at, group);
            let conn = self.connect(coordinator);
            let topics = vec![OffsetFetchRequestTopic { name: topic.to_owned().into(), partition_indexes: vec![0] }];
            let request = OffsetFetchRequest {
                group_id: group.to_owned().into(),
                topics: Some(topics),
                ..OffsetFetchRequest::default()
            };
            let found = self.ask(conn, 7, &request, |body| {
                let response = OffsetFetchResponse::read(body, 7).expect("a response");
                let part = response.topics.first().map(|topic| topic.partitions[0].committed_offset);
                (response.error_code, part)
            });
            if let (0, Some(offset)) = found {
                return offset;
            }
            self.run(100, |_| false);
        }
        panic!("{group} has no offsets: {:#?}", self.notes);
    }

    fn producer_id(&mut self, at: NodeId) -> i64 {
        let conn = self.connect(at);
        let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
        self.ask(conn, 4, &request, |body| {
            let response = InitProducerIdResponse::read(body, 4).expect("a response");
            assert_eq!(response.error_code, 0);
            response.producer_id
        })
    }

    fn controller(&mut self, at: NodeId) -> NodeId {
        let conn = self.connect(at);
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        self.ask(conn, 12, &request, |body| MetadataResponse::read(body, 12).expect("a response").controller_id)
    }
}

#[test]
fn one_node_is_a_cluster_of_its_own() {
    let mut world = World::new(&[1]);
    assert!(world.run(1_000, |world| world.is_ready(1)), "{:#?}", world.notes);
    assert_eq!(world.now, 1_000, "it starts without waiting for a time");
    assert_eq!(world.create(1, "t", 1, 1), ErrorCode::None);
    assert_eq!(world.produce(1, "t", "a"), Ok(0));
    world.commit(1, "g", "t", 1);
    world.run(60_000, |_| false);
    assert_eq!(world.partition(1, "t"), (1, 0, vec![1]), "it is not fenced for its silence");
    world.stop(1);
    world.start(1);
    assert!(world.run(1_000, |world| world.is_ready(1)));
    assert_eq!(world.partition(1, "t"), (1, 0, vec![1]), "a clean stop keeps the leader epoch");
    assert_eq!(world.consume(1, "t"), ["a"]);
    assert_eq!(world.committed(1, "g", "t"), 1);
    world.kill(1);
    world.start(1);
    assert!(world.run(1_000, |world| world.is_ready(1)));
    assert_eq!(world.partition(1, "t"), (1, 1, vec![1]), "any other one does not");
    assert_eq!(world.produce(1, "t", "b"), Ok(1));
    assert_eq!(world.consume(1, "t"), ["a", "b"]);
}

#[test]
fn three_nodes_elect_and_register_and_serve() {
    let mut world = cluster();
    let controller = world.controller(1);
    assert!(IDS.contains(&controller));
    let other = IDS.into_iter().find(|id| *id != controller).expect("another one");
    assert_eq!(world.create(other, "t", 3, 3), ErrorCode::None, "any broker takes it");
    assert_eq!(world.create(controller, "t", 3, 3), ErrorCode::TopicAlreadyExists);
    for id in IDS {
        world.led(id, "t", 3);
    }
    let ids: Vec<i64> = IDS.into_iter().map(|id| world.producer_id(id)).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

#[test]
fn what_is_acknowledged_survives_the_leader() {
    let mut world = cluster();
    assert_eq!(world.create(1, "t", 1, 3), ErrorCode::None);
    let (leader, epoch) = world.led(1, "t", 3);
    for (n, value) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(world.produce(leader, "t", value), Ok(n as Offset));
    }
    world.kill(leader);
    let left: Vec<NodeId> = IDS.into_iter().filter(|id| *id != leader).collect();
    let died_at = world.now;
    let (next, later) = world.led(left[0], "t", 2);
    assert!(left.contains(&next) && later > epoch, "{next} in epoch {later}");
    assert!(world.now - died_at < 15_000, "it took {} ms", world.now - died_at);
    assert_eq!(world.produce(next, "t", "d"), Ok(3));
    assert_eq!(world.consume(next, "t"), ["a", "b", "c", "d"]);
    // It comes back, catches up, and is in sync again.
    world.start(leader);
    assert!(world.run(20_000, |world| world.is_ready(leader)), "{:#?}", world.notes);
    world.led(left[0], "t", 3);
    assert_eq!(world.produce(next, "t", "e"), Ok(4));
}

#[test]
fn the_death_of_the_controller_is_noticed_as_soon() {
    let mut world = cluster();
    let controller = world.controller(1);
    assert_eq!(world.create(1, "t", 3, 3), ErrorCode::None);
    world.led(1, "t", 3);
    world.kill(controller);
    let died_at = world.now;
    let left = IDS.into_iter().find(|id| *id != controller).expect("another one");
    world.led(left, "t", 2);
    // An election takes up to two times controller.quorum.fetch.timeout.ms; a silent broker would have 9 s more.
    assert!(world.now - died_at < 5_000, "it took {} ms", world.now - died_at);
}

#[test]
fn a_stop_in_good_order_moves_leaders_away_at_once() {
    let mut world = cluster();
    assert_eq!(world.create(1, "t", 1, 3), ErrorCode::None);
    let (leader, _) = world.led(1, "t", 3);
    assert_eq!(world.produce(leader, "t", "a"), Ok(0));
    let began_at = world.now;
    world.stop(leader);
    assert!(world.now - began_at < 1_000, "it took {} ms", world.now - began_at);
    let left: Vec<NodeId> = IDS.into_iter().filter(|id| *id != leader).collect();
    let (next, _) = world.led(left[0], "t", 2);
    assert!(world.now - began_at < 1_500, "it took {} ms", world.now - began_at);
    assert_eq!(world.produce(next, "t", "b"), Ok(1));
    world.start(leader);
    assert!(world.run(20_000, |world| world.is_ready(leader)), "{:#?}", world.notes);
    world.led(left[0], "t", 3);
    assert_eq!(world.consume(next, "t"), ["a", "b"]);
}

#[test]
fn a_group_moves_with_its_coordinator() {
    let mut world = cluster();
    assert_eq!(world.create(2, "t", 1, 3), ErrorCode::None);
    world.led(2, "t", 3);
    world.commit(1, "g", "t", 5);
    let coordinator = world.coordinator(1, "g");
    world.led(1, "__consumer_offsets", 3);
    world.commit(1, "g", "t", 6);
    world.kill(coordinator);
    let left = IDS.into_iter().find(|id| *id != coordinator).expect("another one");
    world.run(12_000, |_| false);
    assert_ne!(world.coordinator(left, "g"), coordinator);
    assert_eq!(world.committed(left, "g", "t"), 6);
    world.commit(left, "g", "t", 7);
    assert_eq!(world.committed(left, "g", "t"), 7);
}

#[test]
fn the_whole_cluster_comes_back() {
    let mut world = cluster();
    assert_eq!(world.create(3, "t", 1, 3), ErrorCode::None);
    let (leader, epoch) = world.led(3, "t", 3);
    assert_eq!(world.produce(leader, "t", "a"), Ok(0));
    IDS.into_iter().for_each(|id| world.kill(id));
    IDS.into_iter().for_each(|id| world.start(id));
    assert!(world.run(30_000, |world| IDS.iter().all(|id| world.is_ready(*id))), "{:#?}", world.notes);
    let (leader, later) = world.led(1, "t", 3);
    assert!(later > epoch, "never again in the old epoch");
    assert_eq!(world.produce(leader, "t", "b"), Ok(1));
    assert_eq!(world.consume(leader, "t"), ["a", "b"]);
    for id in IDS {
        assert!(world.parked(id) < 20, "{id} keeps {} requests", world.parked(id));
    }
}

#[test]
fn a_stop_does_not_wait_for_replicas_that_are_gone() {
    // A host whose packets are lost: its leader has records that no follower takes, and no controller hears that it
    // stops. It waited for the produce requests' own deadlines, thirty seconds and more.
    let mut world = cluster();
    assert_eq!(world.create(1, "t", 1, 3), ErrorCode::None);
    let (leader, _) = world.led(1, "t", 3);
    IDS.into_iter().filter(|id| *id != leader).for_each(|id| world.kill(id));
    let conn = world.connect(leader);
    let mut builder = Builder::new(Codec::None, None);
    builder.push(world.now, None, Some(b"a"), &[]);
    let data = PartitionProduceData { index: 0, records: Some(Records::Bytes(builder.finish().into())) };
    let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 60_000, topic_data: vec![topic], ..Default::default() };
    world.send(conn, 9, &request);
    world.run(100, |_| false);
    let began_at = world.now;
    world.stop(leader);
    assert!(world.now - began_at < 4_000, "it took {} ms", world.now - began_at);
    let code = world.reply(conn, ProduceRequest::KEY, true, |body| {
        ProduceResponse::read(body, 9).expect("a response").responses[0].partition_responses[0].error_code
    });
    assert_eq!(ErrorCode::from_code(code), ErrorCode::RequestTimedOut, "the client asks again elsewhere");
}

#[test]
fn the_last_ones_of_a_cluster_that_stops_do_not_wait_for_ever() {
    let mut world = cluster();
    assert_eq!(world.create(1, "t", 3, 3), ErrorCode::None);
    world.led(1, "t", 3);
    for id in IDS {
        let began_at = world.now;
        world.stop(id);
        assert!(world.now - began_at < 3_000, "{id} took {} ms", world.now - began_at);
    }
    IDS.into_iter().for_each(|id| world.start(id));
    assert!(world.run(30_000, |world| IDS.iter().all(|id| world.is_ready(*id))), "{:#?}", world.notes);
    world.led(1, "t", 3);
}
