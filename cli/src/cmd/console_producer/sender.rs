//! Collects records into batches and sends them to the leaders: in order, once, and again where that may help.
//!
//! Each partition's batches carry sequence numbers. When something goes wrong, everything in flight is awaited first;
//! what has to go again then goes in its old order under its old numbers, so that the broker can tell duplicates. A
//! batch that is given up leaves a gap: from there on the producer goes by a new id.

use super::args::Sending;
use super::lane::{Batch, Lane, Wire};
use super::partitioner;
use crate::cmd::console::Template;
use crate::cmd::console::template::{Field, Piece};
use crate::failure::Failure;
use crate::kafka::{Kafka, To};
use crate::ui::Ui;
use kq::api::init_producer_id::{InitProducerId, InitProducerIdRequest};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::client::{ClientError, Verdict, verdict};
use kq::error::ErrorCode;
use kq::record::Builder;
use kq::record::batch::add_sequence;
use kq::record::builder::HeaderRef;
use kq::wire::Records;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

/// The last version that names topics; later ones want ids.
const PRODUCE_VERSION_MAX: i16 = 12;
/// How long a missing topic may take to be made.
const MISSING_TOPIC_PATIENCE: Duration = Duration::from_secs(3);
/// Failed batches that are told one by one.
const FAILURES_TOLD_MAX: u64 = 10;

/// Sends records to one topic.
pub struct Sender {
    topic: String,
    sending: Sending,
    ack_format: Option<Template>,
    lanes: Vec<Lane>,
    wires: BTreeMap<i32, Wire>,
    producer: Option<(i64, i16)>,
    sticky: usize,
    open_bytes: usize,
    next_order: u64,
    again: Vec<(usize, Batch)>,
    /// A gap in the sequence numbers: a new producer id is due.
    broken: bool,
    /// A partition without a leader: fresh metadata is due.
    leaderless: bool,
    /// Records that the broker has (or, with acks=0, was sent).
    pub produced: u64,
    /// Records given up.
    pub failed: u64,
    told: u64,
}

impl Sender {
    /// Learns the topic's partitions, and gets a producer id where duplicates are to be weeded out.
    ///
    /// # Errors
    /// When there is no such topic, or no broker to ask.
    pub fn new(
        kafka: &mut Kafka,
        topic: &str,
        sending: Sending,
        ack_format: Option<Template>,
    ) -> Result<Sender, Failure> {
        let started = Instant::now();
        let mut retry = kafka.retry();
        loop {
            kafka.refresh_creating(&[topic])?;
            let missing =
                kafka.cluster.topics.get(topic).map_or(ErrorCode::UnknownTopicOrPartition, |topic| topic.error);
            let patient = missing != ErrorCode::UnknownTopicOrPartition || started.elapsed() < MISSING_TOPIC_PATIENCE;
            let led = missing.is_none() && leaders(kafka, topic).all(|leader| leader.is_ok());
            if led {
                break;
            }
            if !missing.is_none() && (verdict(missing) == Verdict::Fail || !patient) {
                return Err(Failure::answered(missing, format!("topic {topic}"), None)
                    .hint(format!("`kq topic create {topic}` makes it; `kq topic list` shows what exists")));
            }
            if !kafka.pause(&mut retry) {
                let code = leaders(kafka, topic).find_map(Result::err).unwrap_or(missing);
                return Err(Failure::answered(code, format!("topic {topic}"), None));
            }
        }
        let partitions = kafka.cluster.topics.get(topic).map(|topic| &topic.partitions[..]).unwrap_or_default();
        let lanes: Vec<Lane> = partitions.iter().map(|partition| Lane::new(partition.index)).collect();
        if lanes.is_empty() {
            return Err(Failure::new("UNKNOWN_TOPIC_OR_PARTITION", format!("topic {topic} has no partitions")));
        }
        let sticky = started.elapsed().subsec_nanos() as usize % lanes.len();
        let mut sender = Sender {
            topic: topic.to_string(),
            sending,
            ack_format,
            lanes,
            wires: BTreeMap::new(),
            producer: None,
            sticky,
            open_bytes: 0,
            next_order: 0,
            again: Vec::new(),
            broken: false,
            leaderless: false,
            produced: 0,
            failed: 0,
            told: 0,
        };
        sender.begin(kafka)?;
        Ok(sender)
    }

    /// Whether the topic has a partition.
    pub fn has_partition(&self, index: i32) -> bool {
        self.lane(index).is_some()
    }

    fn lane(&self, index: i32) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.index == index)
    }

    /// Takes a record; sends what is full.
    ///
    /// # Errors
    /// When the cluster cannot be reached any more.
    #[allow(clippy::too_many_arguments)] // a record's parts, each of them
    pub fn push(
        &mut self,
        kafka: &mut Kafka,
        ui: &mut Ui,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderRef<'_>],
    ) -> Result<(), Failure> {
        let at = match (partition.and_then(|index| self.lane(index)), key) {
            (Some(at), _) => at,
            (None, Some(key)) => partitioner::of_key(key, self.lanes.len()),
            (None, None) => self.sticky,
        };
        let size = Builder::size_of(key, value, headers);
        if size > self.sending.request_bytes_max {
            let max = self.sending.request_bytes_max;
            self.give_up(
                ui,
                1,
                Failure::new("MESSAGE_TOO_LARGE", format!("a record of {size} bytes, of at most {max}")).hint(
                    "-X max.request.size=N lets larger ones pass; the broker's message.max.bytes has its own say",
                ),
            );
            return Ok(());
        }
        if self.lanes[at].open.as_ref().is_some_and(|(builder, _)| builder.size() + size > self.sending.batch_bytes) {
            self.seal(at);
            self.pump(kafka, ui)?;
        }
        let sending = &self.sending;
        let (builder, _) = self.lanes[at].open.get_or_insert_with(|| {
            let room = sending.batch_bytes.clamp(1024, 1 << 20);
            (Builder::with_capacity(sending.compression.codec, sending.compression.level, room), Instant::now())
        });
        builder.push(timestamp, key, value, headers);
        self.open_bytes += size;
        if self.open_bytes > self.sending.memory_bytes {
            self.seal_all();
            self.pump(kafka, ui)?;
        }
        Ok(())
    }

    /// Sends batches that have waited for `linger`.
    ///
    /// # Errors
    /// As [`Sender::push`].
    pub fn send_old(&mut self, kafka: &mut Kafka, ui: &mut Ui) -> Result<(), Failure> {
        let linger = self.sending.linger;
        let old: Vec<usize> = (0..self.lanes.len())
            .filter(|&at| self.lanes[at].open.as_ref().is_some_and(|(_, opened)| opened.elapsed() >= linger))
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        old.into_iter().for_each(|at| self.seal(at));
        self.pump(kafka, ui)
    }

    /// Whether anything waits to be sent or answered.
    pub fn is_idle(&self) -> bool {
        self.again.is_empty()
            && self.lanes.iter().all(|lane| lane.open.is_none() && lane.ready.is_empty())
            && self.wires.values().all(|wire| wire.sent.is_empty())
    }

    /// Sends everything and waits for the answers.
    ///
    /// # Errors
    /// As [`Sender::push`].
    pub fn flush(&mut self, kafka: &mut Kafka, ui: &mut Ui) -> Result<(), Failure> {
        self.seal_all();
        while !self.is_idle() {
            self.pump(kafka, ui)?;
            if let Some(&leader) = self.wires.iter().find(|(_, wire)| !wire.sent.is_empty()).map(|(leader, _)| leader) {
                self.receive(kafka, ui, leader)?;
            }
        }
        ui.flush()
    }

    fn seal_all(&mut self) {
        (0..self.lanes.len()).for_each(|at| self.seal(at));
        self.open_bytes = 0;
    }

    fn seal(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let Some((mut builder, _)) = lane.open.take() else { return };
        self.open_bytes = self.open_bytes.saturating_sub(builder.size());
        if let Some((id, epoch)) = self.producer {
            builder.set_producer(id, epoch, lane.next_sequence);
            lane.next_sequence = add_sequence(lane.next_sequence, builder.len() as i32);
        }
        lane.ready.push_back(Batch { bytes: builder.finish(), order: self.next_order, made: Instant::now(), tries: 0 });
        self.next_order += 1;
        if at == self.sticky {
            self.sticky = (self.sticky + 1) % self.lanes.len();
        }
    }

    /// Sends what is ready; waits for answers only where too much is in flight, or something went wrong.
    fn pump(&mut self, kafka: &mut Kafka, ui: &mut Ui) -> Result<(), Failure> {
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        loop {
            if self.is_in_trouble() {
                self.recover(kafka, ui)?;
            }
            let mut by_leader: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            for (at, lane) in self.lanes.iter().enumerate().filter(|(_, lane)| !lane.ready.is_empty()) {
                match kafka.cluster.leader(&self.topic, lane.index) {
                    Ok(leader) => by_leader.entry(leader.id).or_default().push(at),
                    Err(_) => self.leaderless = true,
                }
            }
            if self.leaderless {
                continue;
            }
            if by_leader.is_empty() {
                return Ok(());
            }
            for (leader, lanes) in by_leader {
                if self.wires.get(&leader).is_some_and(|wire| wire.sent.len() >= self.sending.in_flight_max) {
                    self.receive(kafka, ui, leader)?;
                } else if let Err(failure) = self.send(kafka, ui, leader, &lanes) {
                    self.lost(ui, leader, failure);
                }
                if self.is_in_trouble() {
                    break;
                }
            }
        }
    }

    fn is_in_trouble(&self) -> bool {
        self.broken || self.leaderless || !self.again.is_empty()
    }

    fn send(&mut self, kafka: &mut Kafka, ui: &mut Ui, leader: i32, lanes: &[usize]) -> Result<(), Failure> {
        let mut batches: Vec<(usize, Batch)> = Vec::new();
        let mut bytes = 0;
        for &at in lanes {
            let ready = &mut self.lanes[at].ready;
            let Some(size) = ready.front().map(|batch| batch.bytes.len()) else { continue };
            if bytes > 0 && bytes + size > self.sending.request_bytes_max {
                break;
            }
            bytes += size;
            batches.extend(ready.pop_front().map(|batch| (at, batch)));
        }
        let opened = match self.wires.contains_key(&leader) {
            true => Ok(None),
            false => kafka.open(leader).map(Some),
        };
        match opened {
            Ok(None) => {}
            Ok(Some(link)) => drop(self.wires.insert(leader, Wire { link, sent: VecDeque::new() })),
            Err(failure) => {
                self.again.extend(batches);
                return Err(failure);
            }
        }
        let Some(wire) = self.wires.get_mut(&leader) else { return Ok(()) };
        let partition_data = batches
            .iter()
            .map(|(at, batch)| PartitionProduceData {
                index: self.lanes[*at].index,
                records: Some(Records::Bytes(Cow::Borrowed(&batch.bytes))),
            })
            .collect();
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.sending.acks,
            timeout_ms: i32::try_from(kafka.settings().request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: vec![TopicProduceData {
                name: self.topic.as_str().into(),
                partition_data,
                ..Default::default()
            }],
        };
        let sent = match self.sending.acks {
            0 => wire.link.send_unanswered::<Produce>(&request, PRODUCE_VERSION_MAX),
            _ => wire.link.send_up_to::<Produce>(&request, PRODUCE_VERSION_MAX),
        };
        drop(request);
        match sent.and_then(|()| wire.link.flush()) {
            Ok(()) if self.sending.acks == 0 => {
                for (at, batch) in batches {
                    self.acknowledge(ui, at, &batch, -1, -1)?;
                }
                Ok(())
            }
            Ok(()) => {
                wire.sent.push_back(batches);
                Ok(())
            }
            Err(failure) => {
                self.again.extend(batches);
                Err(failure)
            }
        }
    }

    /// Takes the oldest answer of a connection.
    fn receive(&mut self, kafka: &mut Kafka, ui: &mut Ui, leader: i32) -> Result<(), Failure> {
        let deadline = Instant::now() + kafka.settings().request_timeout;
        let Some(wire) = self.wires.get_mut(&leader) else { return Ok(()) };
        if wire.sent.is_empty() {
            return Ok(());
        }
        let answer = match wire.link.receive::<Produce>(deadline) {
            Ok(answer) => answer,
            Err(failure) => {
                self.lost(ui, leader, failure);
                return Ok(());
            }
        };
        let batches = wire.sent.pop_front().unwrap_or_default();
        let response = answer.read()?;
        for (at, batch) in batches {
            let index = self.lanes[at].index;
            let found =
                response.responses.iter().flat_map(|topic| &topic.partition_responses).find(|p| p.index == index);
            let Some(found) = found else {
                return Err(Failure::new("BAD_ANSWER", format!("the broker says nothing of {}-{index}", self.topic)));
            };
            let code = ErrorCode::from_code(found.error_code);
            let words = found.record_errors.first().and_then(|e| e.batch_index_error_message.as_deref());
            let words = words.or(found.error_message.as_deref());
            match code {
                ErrorCode::None | ErrorCode::DuplicateSequenceNumber => {
                    self.acknowledge(ui, at, &batch, found.base_offset, found.log_append_time_ms)?;
                }
                code => self.refused(ui, at, batch, code, words),
            }
        }
        Ok(())
    }

    fn acknowledge(
        &mut self,
        ui: &mut Ui,
        at: usize,
        batch: &Batch,
        base_offset: i64,
        time: i64,
    ) -> Result<(), Failure> {
        let records = batch.records();
        self.produced += records;
        let Some(template) = &self.ack_format else { return Ok(()) };
        let mut out = Vec::new();
        for index in 0..records as i64 {
            let offset = if base_offset < 0 { -1 } else { base_offset + index };
            for piece in &template.pieces {
                let _ = match piece {
                    Piece::Bytes(bytes) => out.write_all(bytes),
                    Piece::Field(Field::Topic) => out.write_all(self.topic.as_bytes()),
                    Piece::Field(Field::Partition) => write!(out, "{}", self.lanes[at].index),
                    Piece::Field(Field::Offset) => write!(out, "{offset}"),
                    Piece::Field(Field::Timestamp) => write!(out, "{time}"),
                    Piece::Field(_) => Ok(()),
                };
            }
        }
        ui.bytes(&out)
    }

    /// Decides what becomes of a batch that the broker did not take.
    fn refused(&mut self, ui: &mut Ui, at: usize, mut batch: Batch, code: ErrorCode, words: Option<&str>) {
        let what = format!("{}-{}", self.topic, self.lanes[at].index);
        let failure = Failure::answered(code, format!("{what}: {} records", batch.records()), words);
        batch.tries += 1;
        let in_time = batch.tries <= self.sending.retries && batch.made.elapsed() < self.sending.delivery_timeout;
        // A gap before it that is about to be filled, or an id that the broker has forgotten.
        let sequence = matches!(
            code,
            ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId | ErrorCode::InvalidProducerEpoch
        );
        if code == ErrorCode::MessageTooLarge && batch.records() > 1 {
            self.again.extend(batch.halves(self.sending.compression).into_iter().map(|half| (at, half)));
        } else if sequence && self.producer.is_some() && in_time {
            let gap = self.broken || self.again.iter().any(|(lane, _)| *lane == at);
            self.broken |= !gap;
            self.again.push((at, batch));
        } else if verdict(code) != Verdict::Fail && in_time {
            ui.detail(format!("{}; trying again", failure.message));
            self.again.push((at, batch));
        } else {
            self.broken |= self.producer.is_some();
            self.give_up(ui, batch.records(), failure);
        }
    }

    fn give_up(&mut self, ui: &mut Ui, records: u64, failure: Failure) {
        self.failed += records;
        self.told += 1;
        match self.told {
            ..=FAILURES_TOLD_MAX => ui.error(&failure),
            n if n == FAILURES_TOLD_MAX + 1 => ui.warn("further failures are only counted"),
            _ => {}
        }
    }

    /// A connection is gone: nobody knows what became of what was sent on it.
    fn lost(&mut self, ui: &mut Ui, leader: i32, failure: Failure) {
        let unanswered = self.wires.remove(&leader).into_iter().flat_map(|wire| wire.sent).flatten();
        self.again.extend(unanswered);
        let expired = |batch: &Batch| batch.made.elapsed() >= self.sending.delivery_timeout;
        let again = std::mem::take(&mut self.again);
        let (late, again): (Vec<_>, Vec<_>) = again.into_iter().partition(|(_, batch)| expired(batch));
        self.again = again;
        if late.is_empty() {
            ui.detail(format!("{}; trying again", failure.message));
            return;
        }
        self.broken |= self.producer.is_some();
        let records = late.iter().map(|(_, batch)| batch.records()).sum();
        self.give_up(ui, records, failure);
    }

    /// Waits for everything in flight, pauses, learns who leads now, and puts what has to go again in front.
    fn recover(&mut self, kafka: &mut Kafka, ui: &mut Ui) -> Result<(), Failure> {
        while let Some(&leader) = self.wires.iter().find(|(_, wire)| !wire.sent.is_empty()).map(|(leader, _)| leader) {
            self.receive(kafka, ui, leader)?;
        }
        std::thread::sleep(self.sending.backoff);
        for (at, batch) in std::mem::take(&mut self.again) {
            self.lanes[at].ready.push_back(batch);
        }
        for lane in &mut self.lanes {
            lane.ready.make_contiguous().sort_by_key(|batch| batch.order);
        }
        kafka.set_deadline(Instant::now() + self.sending.delivery_timeout.min(Duration::from_secs(5)));
        let refreshed = kafka.refresh(&[self.topic.as_str()]);
        let ready = match refreshed {
            Ok(()) if self.broken && self.producer.is_some() => self.begin(kafka),
            refreshed => refreshed,
        };
        match ready {
            Ok(()) => {
                let led = leaders(kafka, &self.topic).all(|leader| leader.is_ok());
                (self.broken, self.leaderless) = (false, false);
                if !led {
                    self.expire(ui, Failure::answered(ErrorCode::LeaderNotAvailable, self.topic.clone(), None));
                }
            }
            Err(failure) => self.expire(ui, failure),
        }
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        Ok(())
    }

    /// Gives up batches that have waited for too long.
    fn expire(&mut self, ui: &mut Ui, failure: Failure) {
        let timeout = self.sending.delivery_timeout;
        let mut late = 0;
        for lane in &mut self.lanes {
            while lane.ready.front().is_some_and(|batch| batch.made.elapsed() >= timeout) {
                late += lane.ready.pop_front().map_or(0, |batch| batch.records());
            }
        }
        if late > 0 {
            self.broken |= self.producer.is_some();
            self.give_up(ui, late, failure);
        }
    }

    /// Gets a (new) producer id, and numbers everything that waits anew.
    fn begin(&mut self, kafka: &mut Kafka) -> Result<(), Failure> {
        if !self.sending.idempotent {
            return Ok(());
        }
        let served = kafka.link(To::Any)?.connection().version_of::<InitProducerId>();
        if matches!(served, Err(ClientError::NotServed { .. })) {
            self.sending.idempotent = false;
            return Ok(());
        }
        let mut retry = kafka.retry();
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        loop {
            let answer = kafka.call::<InitProducerId>(To::Any, &request)?;
            let response = answer.read()?;
            let code = ErrorCode::from_code(response.error_code);
            if code.is_none() {
                self.producer = Some((response.producer_id, response.producer_epoch));
                break;
            }
            if verdict(code) == Verdict::Fail || !kafka.pause(&mut retry) {
                return Err(Failure::answered(code, "no producer id", None));
            }
        }
        for lane in &mut self.lanes {
            lane.next_sequence = 0;
            for batch in &mut lane.ready {
                let count = batch.header().count;
                if let Some((id, epoch)) = self.producer {
                    kq::record::batch::set_producer(&mut batch.bytes, id, epoch, lane.next_sequence);
                }
                lane.next_sequence = add_sequence(lane.next_sequence, count);
            }
        }
        Ok(())
    }
}

/// Whether each partition has a leader.
fn leaders<'k>(kafka: &'k Kafka, topic: &'k str) -> impl Iterator<Item = Result<(), ErrorCode>> + 'k {
    let partitions = kafka.cluster.topics.get(topic).map(|topic| &topic.partitions[..]).unwrap_or_default();
    partitions.iter().map(move |partition| kafka.cluster.leader(topic, partition.index).map(|_| ()))
}
