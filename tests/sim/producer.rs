//! A producer: idempotent with several batches in flight and retries in order, or plain, one batch at a time and no
//! second try.

use crate::client::{Client, Cx, read};
use crate::oracle::Place;
use kq::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use kq::api::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use kq::record::{Builder, Codec};
use kq::wire::Records;
use std::collections::VecDeque;

const IN_FLIGHT_MAX: usize = 5;
const PRODUCE_VERSION: i16 = 13;
const INIT_VERSION: i16 = 5;

struct Batch {
    place: Place,
    values: Vec<String>,
    bytes: Vec<u8>,
    /// It was sent before.
    again: bool,
}

/// See the module.
pub struct Producer {
    id: usize,
    topic: usize,
    partition: i32,
    acks: i16,
    idempotent: bool,
    producer: Option<(i64, i16)>,
    asked_for_id: bool,
    /// The topic's identity that sequences belong to.
    place: Option<Place>,
    next_sequence: i32,
    next_value: u64,
    /// To be sent, again or for the first time.
    queue: VecDeque<Batch>,
    in_flight: VecDeque<Batch>,
    /// What failed while others are still in flight.
    failed: VecDeque<Batch>,
    /// This topic's identity is gone for good.
    dead: Option<Place>,
    /// Batches that were acknowledged.
    pub acked: u64,
}

impl Producer {
    /// An idempotent producer.
    pub fn idempotent(id: usize, topic: usize, partition: i32) -> Producer {
        Producer { idempotent: true, ..Producer::plain(id, topic, partition, -1) }
    }

    /// One that does not retry.
    pub fn plain(id: usize, topic: usize, partition: i32, acks: i16) -> Producer {
        Producer {
            id,
            topic,
            partition,
            acks,
            idempotent: false,
            producer: None,
            asked_for_id: false,
            place: None,
            next_sequence: 0,
            next_value: 0,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            failed: VecDeque::new(),
            dead: None,
            acked: 0,
        }
    }

    /// acks=0.
    pub fn wants_no_reply(&self) -> bool {
        self.acks == 0
    }

    /// The power went, and the topic makes no promise for that: sequences begin anew.
    pub fn power_cut(&mut self) {
        self.forget();
    }

    /// Which topic.
    pub fn topic(&self) -> usize {
        self.topic
    }

    /// Which partition of which topic.
    pub fn of(&self) -> (usize, i32) {
        (self.topic, self.partition)
    }

    /// Whether it waits for all in-sync replicas.
    pub fn wants_all(&self) -> bool {
        self.acks == -1
    }

    fn fresh(&mut self, cx: &mut Cx<'_>, place: Place) -> Batch {
        let codec = if cx.chance.one_in(4) { Codec::Lz4 } else { Codec::None };
        let mut builder = Builder::new(codec, None);
        let mut values = Vec::new();
        for _ in 0..=cx.chance.below(3) {
            let key = vec![b'.'; cx.chance.below(120) as usize];
            let value = format!("{}:{}:{}", self.id, self.next_value, key.len());
            self.next_value += 1;
            cx.oracle.sending(place, &value);
            builder.push(cx.now, Some(&key), Some(value.as_bytes()), &[]);
            values.push(value);
        }
        if let Some((id, epoch)) = self.producer.filter(|_| self.idempotent) {
            builder.set_producer(id, epoch, self.next_sequence);
            self.next_sequence += values.len() as i32;
        }
        Batch { place, values, bytes: builder.finish(), again: false }
    }

    fn send(&mut self, cx: &mut Cx<'_>, batch: Batch) {
        let records = Some(Records::Bytes(batch.bytes.as_slice().into()));
        let topic = TopicProduceData {
            topic_id: batch.place.0,
            partition_data: vec![PartitionProduceData { index: batch.place.1, records }],
            ..Default::default()
        };
        let request =
            ProduceRequest { acks: self.acks, timeout_ms: 60_000, topic_data: vec![topic], ..Default::default() };
        cx.send(PRODUCE_VERSION, &request);
        if self.acks != 0 {
            self.in_flight.push_back(batch);
        }
    }

    /// What failed is sent again, before anything new and in its old order, once nothing is in flight any more.
    fn gather(&mut self) {
        if self.in_flight.is_empty() {
            while let Some(batch) = self.failed.pop_back() {
                self.queue.push_front(Batch { again: true, ..batch });
            }
        }
    }

    fn forget(&mut self) {
        self.queue.clear();
        self.failed.clear();
        self.producer = None;
        self.next_sequence = 0;
    }

    fn produced(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let batch = self.in_flight.pop_front().expect("a reply to nothing");
        let response: ProduceResponse<'_> = read(bytes, PRODUCE_VERSION);
        let part = &response.responses[0].partition_responses[0];
        cx.oracle.tell(|| {
            format!("{} {}: {} {:?} at {}", cx.now, self.name(), part.error_code, batch.values, part.base_offset)
        });
        let code = ErrorCode::from_code(part.error_code);
        cx.elsewhere |= verdict(code) == Verdict::Elsewhere;
        self.acked += u64::from(code.is_none());
        match code {
            ErrorCode::None => cx.oracle.acked(batch.place, part.base_offset, &batch.values, self.acks),
            ErrorCode::DuplicateSequenceNumber => cx.oracle.acked_before(batch.place, &batch.values),
            ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition => {
                if cx.oracle.places.contains_key(&batch.place) && cx.topics[self.topic].id == Some(batch.place.0) {
                    // It is being deleted, or somebody lost it: the administrator will tell.
                    self.failed.extend(self.idempotent.then_some(batch));
                } else {
                    self.dead = Some(batch.place);
                }
            }
            code @ (ErrorCode::OutOfOrderSequenceNumber | ErrorCode::InvalidProducerEpoch)
                if self.failed.is_empty() && self.dead.is_none() =>
            {
                cx.oracle.violated(format!("{}: {} refused with {code}", self.name(), batch.values[0]));
            }
            code if code.is_retriable() || code == ErrorCode::OutOfOrderSequenceNumber => {
                self.failed.extend(self.idempotent.then_some(batch));
            }
            code => cx.oracle.violated(format!("{}: {} refused with {code}", self.name(), batch.values[0])),
        }
    }
}

impl Client for Producer {
    fn act(&mut self, cx: &mut Cx<'_>) {
        self.gather();
        let place = cx.place(self.topic, self.partition);
        if place != self.place && self.in_flight.is_empty() && !self.asked_for_id {
            self.forget();
            self.place = place;
        }
        let Some(place) = self.place.filter(|place| Some(*place) != self.dead) else {
            cx.wake_in = Some(10);
            return;
        };
        if self.idempotent && self.producer.is_none() {
            if !self.asked_for_id && cx.busy {
                self.asked_for_id = true;
                cx.send(INIT_VERSION, &InitProducerIdRequest { transactional_id: None, ..Default::default() });
            }
            return;
        }
        let in_flight_max = if self.idempotent { IN_FLIGHT_MAX } else { 1 };
        let mut burst = 1 + cx.chance.below(3);
        while self.failed.is_empty() && self.in_flight.len() < in_flight_max && burst > 0 {
            burst -= 1;
            // What is sent again is sent alone, as Kafka's clients do it: the broker knows the last five batches only.
            if self.in_flight.front().or(self.queue.front()).is_some_and(|batch| batch.again) {
                if !self.in_flight.is_empty() {
                    break;
                }
                burst = 0;
            }
            let batch = match self.queue.pop_front() {
                Some(batch) => batch,
                None if cx.busy && Some(place) == cx.place(self.topic, self.partition) => self.fresh(cx, place),
                None => break,
            };
            self.send(cx, batch);
        }
        cx.wake_in = Some(1 + cx.chance.below(8));
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        if self.asked_for_id {
            self.asked_for_id = false;
            let response: InitProducerIdResponse = read(bytes, INIT_VERSION);
            if response.error_code == 0 {
                self.producer = Some((response.producer_id, response.producer_epoch));
            }
            cx.wake_in = Some(5);
            return;
        }
        self.produced(cx, bytes);
        self.gather();
    }

    fn disconnected(&mut self) {
        self.asked_for_id = false;
        if self.idempotent {
            self.failed.append(&mut self.in_flight);
        }
        self.in_flight.clear();
        self.gather();
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.failed.is_empty() && !self.asked_for_id && (self.queue.is_empty())
    }

    fn name(&self) -> String {
        let kind = if self.idempotent { "idempotent producer" } else { "producer" };
        format!("{kind} {} of partition {}/{} with acks={}", self.id, self.topic, self.partition, self.acks)
    }
}
