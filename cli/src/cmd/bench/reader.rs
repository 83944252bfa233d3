//! The load of `kq bench consume`: each connection asks for its partitions, and again as soon as they have come.
//! Batches are counted by their headers; their checksums are looked at only when that is asked for.

use super::engine::Load;
use super::figures::{Errors, Figures, Reporter};
use super::outbox::Outbox;
use crate::failure::Failure;
use kq::api::Api;
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use kq::client::ClientError;
use kq::error::ErrorCode;
use kq::record::{batches, check};
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Message, Reader, Writer};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The last version that names topics; later ones want ids.
pub const FETCH_VERSION_MAX: i16 = 12;

/// Whether checksums are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verify {
    /// Of every batch.
    Checksums,
    /// Of none.
    Nothing,
}

/// What happens at the end of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtEnd {
    /// It is done.
    Stop,
    /// From its beginning again.
    Again,
}

/// What to read.
pub struct Plan {
    /// The topic's name.
    pub topic: String,
    /// The client's name.
    pub client_id: String,
    /// Of Fetch.
    pub version: i16,
    /// Stop after so many records.
    pub records: u64,
    /// Most bytes of one partition in one answer.
    pub fetch_bytes: i32,
    /// Most bytes in one answer.
    pub answer_bytes_max: i32,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// How long a request may go unanswered.
    pub patience: Duration,
    /// See [`Verify`].
    pub verify: Verify,
    /// See [`AtEnd`].
    pub at_end: AtEnd,
}

/// Where one partition is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its index.
    pub partition: i32,
    /// The first offset.
    pub start: i64,
    /// The next one to read.
    pub next: i64,
    /// Where it ended when this began.
    pub end: i64,
}

/// One connection.
pub struct Lane {
    places: Vec<Place>,
    asked: Option<Instant>,
    correlation_id: i32,
    alive: bool,
}

impl Lane {
    /// A connection that reads these.
    pub fn new(places: Vec<Place>) -> Lane {
        Lane { places, asked: None, correlation_id: 0, alive: true }
    }

    fn is_finished(&self) -> bool {
        self.places.iter().all(|place| place.next >= place.end)
    }
}

/// What is going on.
pub struct Reading {
    plan: Plan,
    lanes: Vec<Lane>,
    idle: VecDeque<usize>,
    started: Option<Instant>,
    over: bool,
    reporter: Reporter,
    /// All that was read; latencies are of requests.
    pub all: Figures,
    /// Why not, by request.
    pub errors: Errors,
    /// The first failure in words.
    pub first_failure: Option<Failure>,
}

impl Reading {
    /// Nothing asked yet.
    pub fn new(plan: Plan, lanes: Vec<Lane>, reporter: Reporter) -> Reading {
        Reading {
            plan,
            idle: (0..lanes.len()).collect(),
            lanes,
            started: None,
            over: false,
            reporter,
            all: Figures::default(),
            errors: Errors::new(),
            first_failure: None,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        let late =
            |limit: Duration| self.started.is_some_and(|started| now.saturating_duration_since(started) >= limit);
        self.all.records >= self.plan.records || self.plan.duration.is_some_and(late)
    }

    fn fail(&mut self, failure: Failure) {
        *self.errors.entry(failure.code.clone()).or_default() += 1;
        self.first_failure.get_or_insert(failure);
    }

    /// Counts what came of one partition; moves on behind it.
    fn count(plan: &Plan, place: &mut Place, data: &PartitionData<'_>) -> Result<(u64, u64), Failure> {
        let what = |offset: i64| format!("topic {}, partition {} at offset {offset}", plan.topic, place.partition);
        let code = ErrorCode::from_code(data.error_code);
        if !code.is_none() {
            return Err(Failure::answered(code, what(place.next), None));
        }
        let bytes = data.records.as_ref().map_or(&[][..], |records| records.bytes());
        let (mut records, mut size, mut next) = (0, 0, place.next);
        let damaged = |offset: i64, error| Failure::new("CORRUPT_MESSAGE", what(offset)).because(error);
        // The last batch may be cut off: it comes again.
        for found in batches(bytes) {
            let (header, batch) = found.map_err(|error| damaged(next, error))?;
            if plan.verify == Verify::Checksums {
                check(batch).map_err(|error| damaged(header.base_offset, error))?;
            }
            if header.last_offset() >= next {
                records += u64::try_from(header.count).unwrap_or(0);
                size += batch.len() as u64;
                next = header.next_offset();
            }
        }
        if next == place.next && !bytes.is_empty() {
            return Err(Failure::new("RECORD_TOO_LARGE", format!("{}: the next batch never comes whole", what(next)))
                .hint("raise --fetch-size"));
        }
        place.next = next;
        Ok((records, size))
    }

    fn take(&mut self, connection: usize, frame: &[u8]) -> Result<(u64, u64), Failure> {
        let version = self.plan.version;
        let mut reader = Reader::new(frame);
        decode_response(&mut reader, Fetch::KEY, version >= <FetchResponse<'_> as Message<'_>>::FLEXIBLE_FROM)?;
        let response = FetchResponse::read(frame.get(reader.position()..).unwrap_or_default(), version)?;
        let code = ErrorCode::from_code(response.error_code);
        if !code.is_none() {
            return Err(Failure::answered(code, format!("topic {}", self.plan.topic), None));
        }
        let (mut records, mut bytes) = (0, 0);
        let lane = &mut self.lanes[connection];
        for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let place = lane.places.iter_mut().find(|place| place.partition == data.partition_index);
            let Some(place) = place else { continue };
            let (more_records, more_bytes) = Reading::count(&self.plan, place, data)?;
            (records, bytes) = (records + more_records, bytes + more_bytes);
            if place.next >= place.end && self.plan.at_end == AtEnd::Again {
                place.next = place.start;
            }
        }
        // Who answers first need not stay first.
        let turn = usize::from(lane.places.len() > 1);
        lane.places.rotate_left(turn);
        Ok((records, bytes))
    }
}

impl Load for Reading {
    fn ready(&mut self, now: Instant) -> Option<usize> {
        self.over = self.over || self.is_over(now);
        if self.over {
            return None;
        }
        self.started.get_or_insert(now);
        while let Some(connection) = self.idle.pop_front() {
            if self.lanes[connection].alive && !self.lanes[connection].is_finished() {
                return Some(connection);
            }
        }
        None
    }

    fn put(&mut self, now: Instant, connection: usize, out: &mut Outbox) {
        let lane = &mut self.lanes[connection];
        lane.asked = Some(now);
        lane.correlation_id = lane.correlation_id.wrapping_add(1);
        let open = lane.places.iter().filter(|place| place.next < place.end);
        let partitions = open.map(|place| FetchPartition {
            partition: place.partition,
            fetch_offset: place.next,
            partition_max_bytes: self.plan.fetch_bytes,
            ..Default::default()
        });
        let topic = FetchTopic {
            topic: self.plan.topic.as_str().into(),
            partitions: partitions.collect(),
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: self.plan.answer_bytes_max,
            topics: vec![topic],
            ..Default::default()
        };
        let version = self.plan.version;
        let header = RequestHeader {
            api_key: Fetch::KEY,
            api_version: version,
            correlation_id: lane.correlation_id,
            client_id: Some(self.plan.client_id.as_str().into()),
        };
        let mut writer = Writer::with_capacity(128);
        writer.u32(0);
        header.encode(&mut writer, version >= <FetchRequest<'_> as Message<'_>>::FLEXIBLE_FROM);
        request.write(&mut writer, version);
        let length = writer.len() - 4;
        writer.patch_u32(0, u32::try_from(length).unwrap_or(0));
        out.put(writer.as_bytes());
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn answered(&mut self, now: Instant, connection: usize, frame: &[u8]) -> Result<(), Failure> {
        let got = frame.first_chunk::<4>().map_or(-1, |bytes| i32::from_be_bytes(*bytes));
        let lane = &mut self.lanes[connection];
        let expected = lane.asked.map(|_| lane.correlation_id);
        let Some(asked) = lane.asked.take().filter(|_| expected == Some(got)) else {
            return Err(ClientError::OutOfOrder { expected, got }.into());
        };
        let (records, bytes) = self.take(connection, frame)?;
        self.all.add(asked, now, records, bytes, 1);
        self.reporter.add(asked, now, records, bytes);
        self.idle.push_back(connection);
        Ok(())
    }

    fn lost(&mut self, connection: usize, why: Failure) {
        let lane = &mut self.lanes[connection];
        (lane.alive, lane.asked) = (false, None);
        self.fail(why);
    }

    fn tick(&mut self, now: Instant) -> Option<usize> {
        self.reporter.at(now, self.all.records, "read");
        let patience = self.plan.patience;
        let late = |lane: &Lane| lane.asked.is_some_and(|asked| now.saturating_duration_since(asked) > patience);
        self.lanes.iter().position(late)
    }

    fn is_done(&self) -> bool {
        let idle = |lane: &Lane| lane.asked.is_none() && (self.over || !lane.alive || lane.is_finished());
        self.lanes.iter().all(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Progress;
    use kq::api::fetch::FetchableTopicResponse;
    use kq::record::{Builder, Codec};
    use kq::wire::{Records, header::encode_response};

    fn reading(records: u64, verify: Verify, at_end: AtEnd) -> Reading {
        let plan = Plan {
            topic: "t".into(),
            client_id: "kq".into(),
            version: FETCH_VERSION_MAX,
            records,
            fetch_bytes: 1 << 20,
            answer_bytes_max: 50 << 20,
            duration: None,
            patience: Duration::from_secs(30),
            verify,
            at_end,
        };
        let lane = Lane::new(vec![Place { partition: 0, start: 0, next: 0, end: 4 }]);
        let reporter = Reporter::new(Progress::new("", 0, false), Duration::from_secs(3_600), false);
        Reading::new(plan, vec![lane], reporter)
    }

    fn batch(base_offset: i64) -> Vec<u8> {
        let mut builder = Builder::new(Codec::None, None);
        (0..2).for_each(|_| builder.push(1, None, Some(b"value"), &[]));
        builder.set_position(base_offset, 0);
        builder.finish()
    }

    fn answer(correlation_id: i32, error: ErrorCode, records: &[u8]) -> Vec<u8> {
        let data = PartitionData {
            error_code: error.code(),
            records: Some(Records::Bytes(records.into())),
            ..Default::default()
        };
        let topic = FetchableTopicResponse { topic: "t".into(), partitions: vec![data], ..Default::default() };
        let mut writer = Writer::new();
        encode_response(&mut writer, Fetch::KEY, correlation_id, true);
        FetchResponse { responses: vec![topic], ..Default::default() }.write(&mut writer, FETCH_VERSION_MAX);
        writer.into_bytes()
    }

    /// Asks if it may, and answers that; the offset that was asked for.
    fn round(reading: &mut Reading, correlation_id: i32, error: ErrorCode, records: &[u8]) -> Option<i64> {
        let now = Instant::now();
        let connection = reading.ready(now)?;
        let mut out = Outbox::default();
        reading.put(now, connection, &mut out);
        let mut bytes = Vec::new();
        out.write(&mut bytes).unwrap();
        let mut reader = Reader::new(&bytes[4..]);
        RequestHeader::decode(&mut reader, true).unwrap();
        let request = FetchRequest::read(&bytes[4 + reader.position()..], FETCH_VERSION_MAX).unwrap();
        let offset = request.topics[0].partitions[0].fetch_offset;
        if let Err(failure) = reading.answered(now, connection, &answer(correlation_id, error, records)) {
            reading.lost(connection, failure);
        }
        Some(offset)
    }

    #[test]
    fn whole_batches_are_counted_to_the_end() {
        let mut reading = reading(u64::MAX, Verify::Checksums, AtEnd::Stop);
        let (one, two) = (batch(0), batch(2));
        let cut = [one.as_slice(), &two[..two.len() - 1]].concat();
        assert_eq!(round(&mut reading, 1, ErrorCode::None, &cut), Some(0));
        assert_eq!(round(&mut reading, 2, ErrorCode::None, &two), Some(2));
        assert_eq!(round(&mut reading, 3, ErrorCode::None, &two), None);
        assert!(reading.is_done());
        let bytes = (one.len() + two.len()) as u64;
        assert_eq!((reading.all.records, reading.all.requests, reading.all.bytes), (4, 2, bytes));
    }

    #[test]
    fn again_from_the_beginning_until_there_is_enough() {
        let mut reading = reading(7, Verify::Nothing, AtEnd::Again);
        let all = [batch(0), batch(2)].concat();
        assert_eq!(round(&mut reading, 1, ErrorCode::None, &all), Some(0));
        assert_eq!(round(&mut reading, 2, ErrorCode::None, &all), Some(0));
        assert_eq!(round(&mut reading, 3, ErrorCode::None, &all), None);
        assert!(reading.is_done() && reading.all.records == 8);
    }

    #[test]
    fn damage_and_errors_end_it() {
        let mut bad = batch(0);
        *bad.last_mut().unwrap() ^= 1;
        for (verify, want) in [(Verify::Checksums, Some("CORRUPT_MESSAGE")), (Verify::Nothing, None)] {
            let mut reading = reading(u64::MAX, verify, AtEnd::Stop);
            round(&mut reading, 1, ErrorCode::None, &bad);
            assert_eq!(reading.first_failure.as_ref().map(|failure| failure.code.as_str()), want);
        }
        let mut reading = reading(u64::MAX, Verify::Nothing, AtEnd::Stop);
        round(&mut reading, 1, ErrorCode::NotLeaderOrFollower, &[]);
        assert!(reading.is_done() && reading.errors["NOT_LEADER_OR_FOLLOWER"] == 1);
        let whole = batch(0);
        let mut stuck = super::tests::reading(u64::MAX, Verify::Nothing, AtEnd::Stop);
        round(&mut stuck, 1, ErrorCode::None, &whole[..whole.len() - 1]);
        assert_eq!(stuck.errors["RECORD_TOO_LARGE"], 1);
    }
}
