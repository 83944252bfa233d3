//! The load of `kq bench produce`: which connection sends what and when, and what became of it.
//!
//! Every record is accounted for: acknowledged, failed, or never sent. At a given rate (open loop) a latency begins when
//! its request was due, however late it was sent.

use super::engine::Load;
use super::figures::{Errors, Figures, Reporter};
use super::frame::{Fixed, Producer, Template, error_at};
use super::outbox::Outbox;
use super::payload::Values;
use crate::failure::Failure;
use kq::api::Api;
use kq::api::api_versions::ApiVersions;
use kq::api::produce::{Produce, ProduceResponse};
use kq::client::ClientError;
use kq::error::ErrorCode;
use kq::record::{Codec, batch::add_sequence};
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Message, Reader, Writer};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What to send.
pub struct Plan {
    /// What is the same in every request.
    pub fixed: Fixed,
    /// How batches are compressed.
    pub codec: Codec,
    /// Stop after so many records.
    pub records: u64,
    /// Records in a request.
    pub records_per_batch: u64,
    /// The first so many do not count as steady state.
    pub warmup_records: u64,
    /// Records a second, or as fast as answers come.
    pub rate: Option<f64>,
    /// Stop sending after so long.
    pub duration: Option<Duration>,
    /// Requests ahead of their answers, on each connection.
    pub in_flight: usize,
    /// How long a request may go unanswered.
    pub patience: Duration,
}

/// A request on its way.
struct Sent {
    since: Instant,
    at: Instant,
    correlation_id: i32,
    records: u64,
    bytes: u64,
    steady: bool,
}

/// One connection.
pub struct Lane {
    partitions: Vec<i32>,
    turn: usize,
    producer: Option<(i64, i16)>,
    sequences: Vec<i32>,
    pending: VecDeque<Sent>,
    correlation_id: i32,
    alive: bool,
    /// Records put on it so far: with acks=0 all of them are in doubt when it breaks.
    put: u64,
}

impl Lane {
    /// A connection that writes to `partitions` in turns, beginning at `turn`, perhaps as an idempotent producer.
    pub fn new(partitions: Vec<i32>, turn: usize, producer: Option<(i64, i16)>) -> Lane {
        let sequences = vec![0; partitions.len()];
        Lane { partitions, turn, producer, sequences, pending: VecDeque::new(), correlation_id: 0, alive: true, put: 0 }
    }
}

/// What is going on.
pub struct Writing {
    plan: Plan,
    values: Values,
    full: Vec<Template>,
    lanes: Vec<Lane>,
    /// A connection for each request that may be sent.
    slots: VecDeque<usize>,
    /// Connections that are asked for a sign that all was read (acks=0).
    signs: VecDeque<usize>,
    asked_for_signs: bool,
    /// Nothing more goes out.
    over: bool,
    error_at: usize,
    started: Option<Instant>,
    sent: u64,
    turn: usize,
    reporter: Reporter,
    /// All that was acknowledged.
    pub all: Figures,
    /// Without the warm-up.
    pub steady: Figures,
    /// Records that failed.
    pub failed: u64,
    /// Why, by request.
    pub errors: Errors,
    /// The first failure in words.
    pub first_failure: Option<Failure>,
}

impl Writing {
    /// Nothing sent yet.
    pub fn new(plan: Plan, mut values: Values, lanes: Vec<Lane>, reporter: Reporter) -> Writing {
        let per_batch = plan.records_per_batch;
        let full = (0..values.batches(per_batch)).map(|_| {
            let (batch, bytes) = values.batch(plan.codec, per_batch);
            Template::new(&plan.fixed, batch, per_batch, bytes)
        });
        let full: Vec<Template> = full.collect();
        let slots = (0..plan.in_flight).flat_map(|_| 0..lanes.len()).collect();
        Writing {
            error_at: error_at(&plan.fixed.topic, plan.fixed.version),
            plan,
            values,
            full,
            lanes,
            slots,
            signs: VecDeque::new(),
            asked_for_signs: false,
            over: false,
            started: None,
            sent: 0,
            turn: 0,
            reporter,
            all: Figures::default(),
            steady: Figures::default(),
            failed: 0,
            errors: Errors::new(),
            first_failure: None,
        }
    }

    /// Bytes of a full request.
    pub fn request_bytes(&self) -> usize {
        self.full.iter().map(Template::len).max().unwrap_or(0)
    }

    /// Records that were never sent, though no time ran out.
    pub fn unsent(&self) -> u64 {
        if self.plan.duration.is_some() { 0 } else { self.plan.records - self.sent }
    }

    /// Records that were sent and neither acknowledged nor refused, when the user interrupted.
    pub fn open(&self) -> u64 {
        self.lanes.iter().flat_map(|lane| &lane.pending).map(|sent| sent.records).sum()
    }

    fn due_at(&self, started: Instant) -> Option<Instant> {
        let rate = self.plan.rate?;
        Some(started + Duration::from_secs_f64((self.sent as f64 / rate).min(1e9)))
    }

    /// Nothing more goes out, by count, time, or for want of connections.
    fn is_over(&self, now: Instant) -> bool {
        let late =
            |limit: Duration| self.started.is_some_and(|started| now.saturating_duration_since(started) >= limit);
        self.sent >= self.plan.records
            || self.plan.duration.is_some_and(late)
            || self.lanes.iter().all(|lane| !lane.alive)
    }

    fn is_quiet(&self) -> bool {
        self.lanes.iter().all(|lane| lane.pending.is_empty())
    }

    fn fail(&mut self, failure: Failure, requests: usize, records: u64) {
        *self.errors.entry(failure.code.clone()).or_default() += requests as u64;
        self.failed += records;
        self.first_failure.get_or_insert(failure);
    }

    fn acknowledged(&mut self, now: Instant, sent: &Sent) {
        self.all.add(sent.since, now, sent.records, sent.bytes, sent.records);
        self.reporter.add(sent.since, now, sent.records, sent.bytes);
        if sent.steady && self.plan.warmup_records > 0 {
            self.steady.add(sent.since, now, sent.records, sent.bytes, sent.records);
        }
    }

    /// A question that is answered only after everything before it was read.
    fn put_sign(&mut self, now: Instant, connection: usize, out: &mut Outbox) {
        let lane = &mut self.lanes[connection];
        lane.correlation_id = lane.correlation_id.wrapping_add(1);
        let header = RequestHeader {
            api_key: ApiVersions::KEY,
            api_version: 0,
            correlation_id: lane.correlation_id,
            client_id: Some(self.plan.fixed.client_id.as_str().into()),
        };
        let mut writer = Writer::new();
        writer.u32(0);
        header.encode(&mut writer, false);
        let length = writer.len() - 4;
        writer.patch_u32(0, u32::try_from(length).unwrap_or(0));
        out.put(writer.as_bytes());
        let correlation_id = lane.correlation_id;
        lane.pending.push_back(Sent { since: now, at: now, correlation_id, records: 0, bytes: 0, steady: false });
    }

    /// Why a partition refused, in the broker's words.
    fn refusal(&self, frame: &[u8]) -> Result<Failure, Failure> {
        let version = self.plan.fixed.version;
        let mut reader = Reader::new(frame);
        decode_response(&mut reader, Produce::KEY, version >= <ProduceResponse<'_> as Message<'_>>::FLEXIBLE_FROM)?;
        let body = frame.get(reader.position()..).unwrap_or_default();
        let response = ProduceResponse::read(body, version)?;
        let mut parts = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        let part = parts.find(|part| part.error_code != 0);
        let part =
            part.ok_or_else(|| Failure::new("BAD_ANSWER", "an answer for other partitions than were asked for"))?;
        let what = format!("topic {}, partition {}", self.plan.fixed.topic, part.index);
        Ok(Failure::answered(ErrorCode::from_code(part.error_code), what, part.error_message.as_deref()))
    }
}

impl Load for Writing {
    fn ready(&mut self, now: Instant) -> Option<usize> {
        self.over = self.over || self.is_over(now);
        if self.over {
            if self.plan.fixed.acks == 0 && !self.asked_for_signs && self.is_quiet() {
                self.asked_for_signs = true;
                self.signs = (0..self.lanes.len()).filter(|&lane| self.lanes[lane].alive).collect();
            }
            return self.signs.front().copied();
        }
        let started = *self.started.get_or_insert(now);
        if self.due_at(started).is_some_and(|due| due > now) {
            return None;
        }
        while let Some(connection) = self.slots.pop_front() {
            if self.lanes[connection].alive {
                return Some(connection);
            }
        }
        None
    }

    fn put(&mut self, now: Instant, connection: usize, out: &mut Outbox) {
        if self.signs.pop_front().is_some() {
            return self.put_sign(now, connection, out);
        }
        let since = self.started.and_then(|started| self.due_at(started)).unwrap_or(now);
        let count = self.plan.records_per_batch.min(self.plan.records - self.sent);
        let mut last;
        let template = if count == self.plan.records_per_batch {
            let at = self.turn % self.full.len();
            self.turn += 1;
            &mut self.full[at]
        } else {
            let (batch, bytes) = self.values.batch(self.plan.codec, count);
            last = Template::new(&self.plan.fixed, batch, count, bytes);
            &mut last
        };
        let lane = &mut self.lanes[connection];
        let at = lane.turn % lane.partitions.len();
        lane.turn += 1;
        lane.correlation_id = lane.correlation_id.wrapping_add(1);
        let producer = lane.producer.map(|(id, epoch)| Producer { id, epoch, sequence: lane.sequences[at] });
        lane.sequences[at] = add_sequence(lane.sequences[at], i32::try_from(count).unwrap_or(i32::MAX));
        template.put(lane.correlation_id, lane.partitions[at], producer, out);
        lane.put += count;
        lane.pending.push_back(Sent {
            since,
            at: now,
            correlation_id: lane.correlation_id,
            records: template.records,
            bytes: template.value_bytes,
            steady: self.sent >= self.plan.warmup_records,
        });
        self.sent += count;
    }

    fn due(&self) -> Option<Instant> {
        if self.slots.is_empty() || self.over {
            return None;
        }
        self.due_at(self.started?)
    }

    fn answered(&mut self, now: Instant, connection: usize, frame: &[u8]) -> Result<(), Failure> {
        let got = frame.first_chunk::<4>().map_or(-1, |bytes| i32::from_be_bytes(*bytes));
        let lane = &mut self.lanes[connection];
        let expected = lane.pending.front().map(|sent| sent.correlation_id);
        let Some(sent) = lane.pending.pop_front().filter(|sent| sent.correlation_id == got) else {
            return Err(ClientError::OutOfOrder { expected, got }.into());
        };
        if sent.records == 0 {
            // Only now it is sure that the broker has read them all.
            [&mut self.all, &mut self.steady]
                .into_iter()
                .for_each(|figures| figures.ended = figures.ended.map(|_| now));
            return Ok(());
        }
        self.slots.push_back(connection);
        match frame.get(self.error_at..self.error_at + 2) {
            Some([0, 0]) => self.acknowledged(now, &sent),
            _ => match self.refusal(frame) {
                Ok(failure) => self.fail(failure, 1, sent.records),
                Err(failure) => {
                    self.failed += sent.records;
                    return Err(failure);
                }
            },
        }
        Ok(())
    }

    fn written(&mut self, now: Instant, connection: usize) -> bool {
        if self.plan.fixed.acks != 0 {
            return false;
        }
        while let Some(sent) = self.lanes[connection].pending.pop_front_if(|sent| sent.records > 0) {
            self.acknowledged(now, &sent);
            self.slots.push_back(connection);
        }
        true
    }

    fn lost(&mut self, connection: usize, why: Failure) {
        let lane = &mut self.lanes[connection];
        lane.alive = false;
        let requests = lane.pending.len().max(1);
        let open: u64 = lane.pending.drain(..).map(|sent| sent.records).sum();
        // Without acknowledgements, all that was sent there is in doubt: closing is how a broker says no.
        let doubtful = if self.plan.fixed.acks == 0 { lane.put } else { open };
        self.signs.retain(|&sign| sign != connection);
        self.fail(why, requests, doubtful);
    }

    fn tick(&mut self, now: Instant) -> Option<usize> {
        self.reporter.at(now, self.all.records, "sent");
        let patience = self.plan.patience;
        let late =
            |lane: &Lane| lane.pending.front().is_some_and(|sent| now.saturating_duration_since(sent.at) > patience);
        self.lanes.iter().position(late)
    }

    fn is_done(&self) -> bool {
        let signs = self.plan.fixed.acks != 0 || (self.asked_for_signs && self.signs.is_empty());
        self.over && signs && self.is_quiet()
    }
}

#[cfg(test)]
mod tests;
