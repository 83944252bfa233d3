//! An idempotent producer with acks=all: five batches in flight, each repeated as it is until it is acknowledged.

use crate::history::{Batch, History, Mark};
use crate::link::{Link, any};
use kq::api::init_producer_id::{InitProducerId, InitProducerIdRequest};
use kq::api::metadata::{Metadata, MetadataRequest, MetadataRequestTopic};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::client::{Cluster, Verdict, verdict};
use kq::error::ErrorCode;
use kq::record::builder::Builder;
use kq::record::compress::Codec;
use kq::wire::Records;
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The topic of the oracle.
pub const TOPIC: &str = "oracle";
const IN_FLIGHT_MAX: usize = 5;
/// A batch that meets nothing but this error for so long will never be taken: what was before it is lost.
const GAP_PATIENCE: Duration = Duration::from_secs(15);
/// With versions up to these, topics go by name.
pub const PRODUCE_VERSION: i16 = 12;
pub const METADATA_VERSION: i16 = 9;

/// How a writer works.
#[derive(Clone, Copy)]
pub struct Style {
    pub writer: u32,
    pub partition: i32,
    pub brokers: i32,
    /// How long it waits for an answer: some keep waiting for a broker that sleeps.
    pub patience: Duration,
    /// Between batches.
    pub pace: Duration,
}

struct Writer<'a> {
    style: Style,
    history: &'a History,
    producer: (i64, i16),
    window: VecDeque<Batch>,
    next: u64,
    turn: u32,
    gap_since: Option<Instant>,
    /// Something is acknowledged.
    is_known: bool,
}

/// Writes until it is enough and everything is acknowledged, or over.
pub fn write(style: Style, history: &History) {
    let mut writer = Writer {
        style,
        history,
        producer: (-1, -1),
        window: VecDeque::new(),
        next: 0,
        turn: style.writer,
        gap_since: None,
        is_known: false,
    };
    while !history.is_over() && !writer.has_finished() {
        if let Err(why) = writer.on_one_link() {
            history.overcome("writer", &why);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    if !writer.window.is_empty() {
        let head = &writer.window[0].numbers;
        history.wrong(format!(
            "I9: writer {} of partition {} never got {head:?} acknowledged",
            style.writer, style.partition
        ));
    }
}

/// The broker that leads a partition.
pub fn leader(topic: &str, partition: i32, brokers: i32, turn: &mut u32, patience: Duration) -> Result<i32, String> {
    *turn = turn.wrapping_add(1);
    let mut link = any(brokers, *turn, patience)?;
    let topics = Some(vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }]);
    let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
    let answer = link.call::<Metadata>(&request, METADATA_VERSION)?;
    let mut cluster = Cluster::default();
    cluster.absorb(&answer.read().map_err(|error| error.to_string())?);
    cluster.leader(topic, partition).map(|broker| broker.id).map_err(|code| format!("no leader: {code}"))
}

impl Writer<'_> {
    /// The first batch goes alone: of a producer that it does not know a broker takes any sequence (KIP-360), so the
    /// second would be taken where the first was refused.
    fn in_flight_max(&self) -> usize {
        if self.is_known { IN_FLIGHT_MAX } else { 1 }
    }

    fn has_finished(&self) -> bool {
        self.history.is_enough() && self.window.is_empty()
    }

    fn on_one_link(&mut self) -> Result<(), String> {
        let patience = Duration::from_millis(1500);
        let Style { partition, brokers, .. } = self.style;
        if self.producer.0 < 0 {
            let mut link = any(brokers, self.turn, patience)?;
            let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
            let answer = link.call::<InitProducerId>(&request, 5)?;
            let given = answer.read().map_err(|error| error.to_string())?;
            if given.error_code != 0 {
                return Err(format!("no producer id: {}", ErrorCode::from_code(given.error_code)));
            }
            self.producer = (given.producer_id, given.producer_epoch);
        }
        let leader = leader(TOPIC, partition, brokers, &mut self.turn, patience)?;
        let mut link = Link::open(leader, self.style.patience)?;
        for batch in &self.window {
            send(&mut link, partition, &batch.bytes)?;
        }
        while !self.history.is_over() && !self.has_finished() {
            while self.window.len() < self.in_flight_max() && !self.history.is_enough() {
                let batch = self.make();
                self.window.push_back(batch);
                send(&mut link, partition, &self.window[self.window.len() - 1].bytes)?;
                std::thread::sleep(self.style.pace);
            }
            self.take_answer(&mut link)?;
        }
        Ok(())
    }

    fn make(&mut self) -> Batch {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
        let first = self.next;
        self.next += 1 + first % 4;
        let mut builder = Builder::new(Codec::None, None);
        for number in first..self.next {
            let value = Mark { writer: self.style.writer, number }.value();
            builder.push(now, None, Some(value.as_bytes()), &[]);
        }
        builder.set_producer(self.producer.0, self.producer.1, i32::try_from(first).expect("a short test"));
        Batch { made: Instant::now(), numbers: first..self.next, bytes: builder.finish() }
    }

    fn take_answer(&mut self, link: &mut Link) -> Result<(), String> {
        let answer = link.receive::<Produce>()?;
        let response = answer.read().map_err(|error| error.to_string())?;
        let part = &response.responses[0].partition_responses[0];
        let Style { writer, partition, .. } = self.style;
        match ErrorCode::from_code(part.error_code) {
            ErrorCode::None | ErrorCode::DuplicateSequenceNumber => {
                let batch = self.window.pop_front().expect("an answer to a request");
                let known = part.error_code == 0 && part.base_offset >= 0;
                self.history.acked(partition, writer, &batch, known.then_some(part.base_offset));
                (self.gap_since, self.is_known) = (None, true);
                Ok(())
            }
            code @ ErrorCode::OutOfOrderSequenceNumber => {
                let since = *self.gap_since.get_or_insert_with(Instant::now);
                if since.elapsed() > GAP_PATIENCE {
                    let head = &self.window[0].numbers;
                    self.history.wrong(format!(
                        "I1: broker {} has forgotten what writer {writer} wrote to partition {partition} before {head:?}",
                        link.broker
                    ));
                    self.gap_since = None;
                }
                Err(code.to_string())
            }
            code => {
                if verdict(code) == Verdict::Fail || code == ErrorCode::CorruptMessage {
                    self.history.wrong(format!("writer {writer} was told {code} by broker {}", link.broker));
                }
                Err(code.to_string())
            }
        }
    }
}

fn send(link: &mut Link, partition: i32, batch: &[u8]) -> Result<(), String> {
    let data = PartitionProduceData { index: partition, records: Some(Records::Bytes(batch.into())) };
    let topic = TopicProduceData { name: TOPIC.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 30_000, topic_data: vec![topic] };
    link.send::<Produce>(&request, PRODUCE_VERSION)
}
