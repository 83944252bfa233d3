//! `Node::step`: one produce request from its frame to its reply, and the append in between.

use crate::filled;
use divan::{Bencher, black_box};
use kq::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kq::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, parse_properties};
use kq::event::{Appended, Effect, Input, Opened, Peer};
use kq::node::{Node, NodeConfig};
use kq::record::batch::BatchHeader;
use kq::types::{ConnId, LogId, Millis, Offset, Uuid};
use kq::wire::header::RequestHeader;
use kq::wire::{Message, Records, Writer};
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: Millis = 1;
const CONN: ConnId = ConnId(1);
const PRODUCE_VERSION: i16 = 12;

/// A node whose storage does at once what it is asked.
struct Bench {
    node: Node,
    peer: Peer,
    slot: u64,
    ends: BTreeMap<LogId, Offset>,
    replies: u64,
}

fn frame<'m, M: Message<'m>>(message: &M, version: i16) -> Vec<u8> {
    let header =
        RequestHeader { api_key: M::KEY, api_version: version, correlation_id: 1, client_id: Some("bench".into()) };
    let mut writer = Writer::new();
    header.encode(&mut writer, version >= M::FLEXIBLE_FROM);
    message.write(&mut writer, version);
    writer.into_bytes()
}

impl Bench {
    /// A node with one topic of so many partitions.
    fn new(partitions: i32) -> Bench {
        let text = format!("node.id=1\nlog.flush.interval.messages={}\n", i64::MAX);
        let (settings, _) = BrokerSettings::load(&parse_properties(&text).expect("properties")).expect("settings");
        let node = Node::new(NodeConfig {
            settings: Arc::new(settings),
            cluster_id: Uuid([1; 16]),
            endpoints: vec![Endpoint { host: "localhost".to_owned(), port: 9092 }],
            seed: [1, 2],
        });
        let peer = Peer { listener: 0, host: "127.0.0.1".to_owned() };
        let mut bench = Bench { node, peer, slot: 0, ends: BTreeMap::new(), replies: 0 };
        let mut effects = Vec::new();
        bench.node.start(&mut effects);
        bench.perform(effects);
        let topic = CreatableTopic {
            name: "orders".into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        };
        bench.frame(&frame(&CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 5));
        assert!(bench.node.is_ready() && bench.replies == 1, "the topic is not there");
        bench
    }

    fn frame(&mut self, bytes: &[u8]) {
        let mut effects = Vec::new();
        let peer = self.peer.clone();
        let input = Input::Frame { conn: CONN, slot: self.slot, peer: &peer, bytes };
        self.slot += 1;
        self.node.step(NOW, input, &mut effects);
        self.perform(effects);
    }

    fn step(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.node.step(NOW, input, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect<'_>>) {
        for effect in effects {
            match effect {
                Effect::Open { log, generation, .. } => {
                    self.ends.insert(log, 0);
                    self.step(Input::Opened { log, generation, result: Ok(Opened::default()) });
                }
                Effect::Append { log, generation, base_offset, batch, .. } => {
                    let header = BatchHeader::peek(&batch).expect("a batch");
                    let end = base_offset + i64::from(header.last_offset_delta) + 1;
                    self.ends.insert(log, end);
                    self.step(Input::Appended { log, generation, result: Ok(Appended { end, rolled: false }) });
                }
                Effect::Sync { log, generation } => {
                    let end = self.ends[&log];
                    self.step(Input::Synced { log, generation, result: Ok(end) });
                }
                Effect::Reply { .. } => self.replies += 1,
                _ => {}
            }
        }
    }
}

#[divan::bench(args = [1, 1_000, 5_000], sample_size = 200)]
fn produce_to_one_of(bencher: Bencher<'_, '_>, partitions: i32) {
    let mut bench = Bench::new(partitions);
    let batch = filled(1, 100);
    let request = |index| {
        let data = PartitionProduceData { index, records: Some(Records::Bytes(batch.as_slice().into())) };
        let topic = TopicProduceData { name: "orders".into(), partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest { acks: -1, timeout_ms: 1_000, topic_data: vec![topic], ..Default::default() };
        frame(&request, PRODUCE_VERSION)
    };
    let frames: Vec<Vec<u8>> = (0..partitions).map(request).collect();
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 1) % frames.len();
        let before = bench.replies;
        bench.frame(black_box(&frames[turn]));
        assert_eq!(bench.replies, before + 1, "every request has its reply");
    });
}
