//! Fetches from every leader, asks for the next records before the last ones are shown, and moves on when leaders do.

use super::places::{Place, Places};
use super::range::{Point, Range};
use crate::failure::Failure;
use crate::kafka::{Kafka, Link};
use crate::ui::Ui;
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::client::{Answer, Retry, Verdict, verdict};
use kq::error::ErrorCode;
use kq::record::{Record, TimestampType, batches, decode};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The last version that names topics; later ones want ids.
const FETCH_VERSION_MAX: i16 = 12;
/// The most that one batch's records may take unpacked, in bytes.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// What a fetch asks for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `fetch.max.wait.ms`
    pub max_wait_ms: i32,
    /// `fetch.min.bytes`
    pub min_bytes: i32,
    /// `fetch.max.bytes`
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`
    pub partition_max_bytes: i32,
    /// 0 for all records, 1 for committed ones
    pub isolation_level: i8,
}

/// A partition being read.
#[derive(Clone, Debug)]
struct Reading {
    position: i64,
    end: Option<i64>,
    epoch: i32,
}

impl Reading {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }
}

/// One record, as [`Fetcher::poll`] hands it out.
pub struct Fetched<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
    /// Who set its timestamp.
    pub timestamp_type: TimestampType,
    /// The record.
    pub record: &'a Record<'a>,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// There is more to read.
    More,
    /// Everything asked for was read.
    Done,
}

/// What came of one poll.
struct Batch {
    place: Place,
    /// Records before this offset were read earlier.
    from: i64,
    /// The answer and where in it: topic index, partition index.
    at: (usize, usize, usize),
}

/// Reads partitions.
pub struct Fetcher {
    limits: Limits,
    readings: BTreeMap<Place, Reading>,
    /// The offset after the last record that was handed out.
    shown: BTreeMap<Place, i64>,
    links: BTreeMap<i32, Link>,
    in_flight: BTreeSet<i32>,
    retry: Option<Retry>,
}

impl Fetcher {
    /// Finds where each partition begins and ends.
    ///
    /// # Errors
    /// When a leader cannot be asked.
    pub fn new(kafka: &mut Kafka, partitions: &[Place], range: Range, limits: Limits) -> Result<Fetcher, Failure> {
        let mut places = Places::new(kafka, limits.isolation_level);
        let from = places.offsets(partitions, range.from)?;
        let to = range.to.map(|to| places.offsets(partitions, to)).transpose()?;
        let mut fetcher = Fetcher::at(from, to, limits);
        // A range may end where nothing is yet: then it is waited for.
        if let Some(Point::At(offset)) = range.to {
            fetcher.readings.values_mut().for_each(|reading| reading.end = Some(offset));
        }
        Ok(fetcher)
    }

    /// Reads from these offsets, up to those of `to` where there are any.
    pub fn at(from: BTreeMap<Place, i64>, to: Option<BTreeMap<Place, i64>>, limits: Limits) -> Fetcher {
        let end = |place: &Place| to.as_ref().map(|to| to.get(place).copied().unwrap_or(0));
        let reading =
            |(place, &position): (&Place, &i64)| (place.clone(), Reading { position, end: end(place), epoch: -1 });
        Fetcher {
            limits,
            readings: from.iter().map(reading).collect(),
            shown: from,
            links: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            retry: None,
        }
    }

    /// Whether there is nothing to read at all.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// For each partition the offset after the last record that was handed out.
    pub fn shown(&self) -> impl Iterator<Item = (&Place, i64)> {
        self.shown.iter().map(|(place, offset)| (place, *offset))
    }

    /// Waits for records, at most `max_wait_ms`, and hands each to `show`, which answers whether it wants more.
    ///
    /// # Errors
    /// When a partition cannot be read any more, or bytes are damaged.
    pub fn poll(
        &mut self,
        kafka: &mut Kafka,
        ui: &Ui,
        show: &mut dyn FnMut(Fetched<'_>) -> Result<Next, Failure>,
    ) -> Result<Next, Failure> {
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        self.send(kafka, ui)?;
        let mut answers: Vec<Answer<Fetch>> = Vec::new();
        for leader in std::mem::take(&mut self.in_flight) {
            let Some(link) = self.links.get_mut(&leader) else { continue };
            match link.receive::<Fetch>(kafka.deadline()) {
                Ok(answer) => answers.push(answer),
                Err(failure) => {
                    self.links.remove(&leader);
                    self.recover(kafka, ui, failure)?;
                }
            }
        }
        let responses = answers.iter().map(Answer::read).collect::<Result<Vec<_>, _>>()?;
        let mut found: Vec<Batch> = Vec::new();
        for (a, response) in responses.iter().enumerate() {
            let code = ErrorCode::from_code(response.error_code);
            if !code.is_none() {
                return Err(Failure::answered(code, "fetch", None));
            }
            for (t, topic) in response.responses.iter().enumerate() {
                for (p, partition) in topic.partitions.iter().enumerate() {
                    let place = (topic.topic.to_string(), partition.partition_index);
                    let code = ErrorCode::from_code(partition.error_code);
                    let bytes = partition.records.as_ref().map_or(&[][..], |records| records.bytes());
                    if !code.is_none() {
                        self.partition_failed(kafka, ui, &place, code)?;
                    } else if !bytes.is_empty() {
                        self.retry = None;
                        let Some(reading) = self.readings.get_mut(&place) else { continue };
                        let from = reading.position;
                        for (header, _) in batches(bytes).map_while(Result::ok) {
                            reading.position = reading.position.max(header.next_offset());
                            reading.epoch = header.leader_epoch;
                        }
                        if reading.position == from {
                            return Err(self.stuck(&place, from, bytes));
                        }
                        found.push(Batch { place, from, at: (a, t, p) });
                    }
                }
            }
        }
        // Ask for what comes next, so that the broker works while this is shown.
        self.send(kafka, ui)?;
        for batch in &found {
            let (a, t, p) = batch.at;
            let partition = &responses[a].responses[t].partitions[p];
            let bytes = partition.records.as_ref().map_or(&[][..], |records| records.bytes());
            let mut aborted: Vec<(i64, i64)> = partition
                .aborted_transactions
                .iter()
                .flatten()
                .filter(|_| self.limits.isolation_level == 1)
                .map(|aborted| (aborted.first_offset, aborted.producer_id))
                .collect();
            aborted.sort_unstable();
            let Some(reading) = self.readings.get(&batch.place) else { continue };
            let mut last = batch.from;
            let mut counted = |fetched: Fetched<'_>| {
                let after = fetched.record.offset + 1;
                let next = show(fetched)?;
                last = after;
                Ok(next)
            };
            let next = hand_out(batch, reading.end, bytes, &aborted, &mut counted);
            // What follows the last record of a batch (markers, aborted records) is read, too.
            let whole = matches!(next, Ok(Next::More));
            let end = reading.end.unwrap_or(i64::MAX);
            self.shown.insert(batch.place.clone(), if whole { reading.position.min(end) } else { last });
            if next? == Next::Done {
                return Ok(Next::Done);
            }
        }
        Ok(if self.readings.values().all(Reading::is_done) { Next::Done } else { Next::More })
    }

    /// Asks each leader that is not asked yet.
    fn send(&mut self, kafka: &mut Kafka, ui: &Ui) -> Result<(), Failure> {
        let mut by_leader: BTreeMap<i32, Vec<(&Place, &Reading)>> = BTreeMap::new();
        let mut leaderless = None;
        for (place, reading) in self.readings.iter().filter(|(_, reading)| !reading.is_done()) {
            match kafka.cluster.leader(&place.0, place.1) {
                Ok(leader) if self.in_flight.contains(&leader.id) => {}
                Ok(leader) => by_leader.entry(leader.id).or_default().push((place, reading)),
                Err(code) => leaderless = Some((place.clone(), code)),
            }
        }
        let mut broken = Vec::new();
        for (leader, wanted) in by_leader {
            let mut topics: Vec<FetchTopic<'_>> = Vec::new();
            for ((topic, partition), reading) in wanted {
                if topics.last().is_none_or(|last| last.topic != topic.as_str()) {
                    topics.push(FetchTopic { topic: topic.as_str().into(), ..Default::default() });
                }
                let wanted = FetchPartition {
                    partition: *partition,
                    fetch_offset: reading.position,
                    partition_max_bytes: self.limits.partition_max_bytes,
                    ..Default::default()
                };
                topics.last_mut().into_iter().for_each(|last| last.partitions.push(wanted.clone()));
            }
            let request = FetchRequest {
                replica_id: -1,
                max_wait_ms: self.limits.max_wait_ms,
                min_bytes: self.limits.min_bytes,
                max_bytes: self.limits.max_bytes,
                isolation_level: self.limits.isolation_level,
                topics,
                ..Default::default()
            };
            let sent = match self.links.get_mut(&leader) {
                Some(link) => ask(link, &request),
                None => kafka.open(leader).and_then(|mut link| {
                    ask(&mut link, &request)?;
                    self.links.insert(leader, link);
                    Ok(())
                }),
            };
            match sent {
                Ok(()) => drop(self.in_flight.insert(leader)),
                Err(failure) => broken.push((leader, failure)),
            }
        }
        for (leader, failure) in broken {
            self.links.remove(&leader);
            self.recover(kafka, ui, failure)?;
        }
        match leaderless {
            Some((place, code)) => self.partition_failed(kafka, ui, &place, code),
            None => Ok(()),
        }
    }

    fn partition_failed(&mut self, kafka: &mut Kafka, ui: &Ui, place: &Place, code: ErrorCode) -> Result<(), Failure> {
        let what = format!("{}-{}", place.0, place.1);
        if code == ErrorCode::OffsetOutOfRange {
            return self.reset(kafka, ui, place);
        }
        let failure = Failure::answered(code, what, None);
        match verdict(code) {
            Verdict::Done => Ok(()),
            Verdict::Fail => Err(failure),
            Verdict::Again | Verdict::Elsewhere => self.recover(kafka, ui, failure),
        }
    }

    /// The records that come next are gone (retention, DeleteRecords): goes on with what is there.
    fn reset(&mut self, kafka: &mut Kafka, ui: &Ui, place: &Place) -> Result<(), Failure> {
        let Some(reading) = self.readings.get_mut(place) else { return Ok(()) };
        let mut places = Places::new(kafka, self.limits.isolation_level);
        let offsets = places.offsets(std::slice::from_ref(place), Point::At(reading.position))?;
        let position = offsets.get(place).copied().unwrap_or(0);
        ui.warn(format!(
            "{}-{}: offset {} is outside the log; going on at {position}",
            place.0, place.1, reading.position
        ));
        reading.position = position;
        self.shown.insert(place.clone(), position);
        Ok(())
    }

    /// Pauses, learns who leads now, goes on; gives up when that has taken too long.
    fn recover(&mut self, kafka: &mut Kafka, ui: &Ui, failure: Failure) -> Result<(), Failure> {
        if self.retry.is_none() {
            ui.detail(format!("{}; trying again", failure.message));
        }
        let mut retry = self.retry.take().unwrap_or_else(|| kafka.retry());
        let topics: Vec<String> =
            self.readings.keys().map(|place| place.0.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        loop {
            if !kafka.pause(&mut retry) {
                return Err(failure);
            }
            match kafka.refresh(&topics) {
                Ok(()) => break,
                Err(_) => kafka.set_deadline(Instant::now() + Duration::from_secs(5)),
            }
        }
        self.retry = Some(retry);
        Ok(())
    }

    /// Bytes without a whole batch: the first one is damaged, or larger than the limits of an old broker.
    fn stuck(&self, place: &Place, from: i64, bytes: &[u8]) -> Failure {
        let what = format!("{}-{} at offset {from}", place.0, place.1);
        match batches(bytes).next() {
            Some(Err(error)) => Failure::new("CORRUPT_MESSAGE", what).because(error),
            _ => Failure::new("RECORD_TOO_LARGE", format!("{what}: the next batch is larger than a fetch may be"))
                .hint("raise it with -X max.partition.fetch.bytes=N and -X fetch.max.bytes=N"),
        }
    }
}

fn ask(link: &mut Link, request: &FetchRequest<'_>) -> Result<(), Failure> {
    link.send_up_to::<Fetch>(request, FETCH_VERSION_MAX)?;
    link.flush()
}

/// Hands out the records of one partition's batches: checked, without control records and aborted transactions.
fn hand_out(
    batch: &Batch,
    end: Option<i64>,
    bytes: &[u8],
    aborted: &[(i64, i64)],
    show: &mut dyn FnMut(Fetched<'_>) -> Result<Next, Failure>,
) -> Result<Next, Failure> {
    let (topic, partition) = (batch.place.0.as_str(), batch.place.1);
    let mut begun = aborted.iter().copied().peekable();
    let mut open: BTreeSet<i64> = BTreeSet::new();
    for found in batches(bytes) {
        let damaged = |offset: i64, error: &dyn std::fmt::Display| {
            Failure::new("CORRUPT_MESSAGE", format!("{topic}-{partition} at offset {offset}")).because(error)
        };
        let (header, bytes) = found.map_err(|error| damaged(batch.from, &error))?;
        while let Some((_, producer)) = begun.next_if(|(first, _)| *first <= header.last_offset()) {
            open.insert(producer);
        }
        if header.is_control() {
            open.remove(&header.producer_id);
            continue;
        }
        if header.is_transactional() && open.contains(&header.producer_id) {
            continue;
        }
        let decoded = decode(bytes, BATCH_BYTES_MAX).map_err(|error| damaged(header.base_offset, &error))?;
        let (leader_epoch, timestamp_type) = (header.leader_epoch, header.timestamp_type());
        for record in &decoded {
            let record = record.map_err(|error| damaged(header.base_offset, &error))?;
            if record.offset < batch.from {
                continue;
            }
            if end.is_some_and(|end| record.offset >= end) {
                break;
            }
            let fetched = Fetched { topic, partition, leader_epoch, timestamp_type, record: &record };
            if show(fetched)? == Next::Done {
                return Ok(Next::Done);
            }
        }
    }
    Ok(Next::More)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::{Builder, Codec};

    /// A batch of a producer's transaction at `base`: records, or the marker that ends it.
    fn batch(base: i64, producer: i64, values: &[&str], marker: bool) -> Vec<u8> {
        let mut builder = Builder::new(Codec::Lz4, None);
        builder.set_position(base, 0);
        builder.set_producer(producer, 0, 0);
        builder.set_transactional();
        if marker {
            builder.set_control();
        }
        values.iter().for_each(|value| builder.push(0, None, Some(value.as_bytes()), &[]));
        builder.finish()
    }

    fn read(bytes: &[u8], from: i64, end: Option<i64>, aborted: &[(i64, i64)]) -> Result<String, Failure> {
        let mut seen = String::new();
        let mut show = |fetched: Fetched<'_>| {
            seen += &String::from_utf8_lossy(fetched.record.value.unwrap_or_default());
            Ok(Next::More)
        };
        hand_out(&Batch { place: ("t".into(), 0), from, at: (0, 0, 0) }, end, bytes, aborted, &mut show)?;
        Ok(seen)
    }

    #[test]
    fn aborted_transactions_and_markers_are_left_out() {
        // Producers 1 and 2 write side by side; 1 aborts, then commits; 2 commits.
        let log = [
            batch(0, 1, &["a", "b"], false),
            batch(2, 2, &["c"], false),
            batch(3, 1, &["d"], false),
            batch(4, 1, &["M"], true),
            batch(5, 1, &["e"], false),
            batch(6, 2, &["M"], true),
            batch(7, 1, &["M"], true),
        ]
        .concat();
        assert_eq!(read(&log, 0, None, &[]).unwrap(), "abcde");
        assert_eq!(read(&log, 0, None, &[(0, 1)]).unwrap(), "ce");
        assert_eq!(read(&log, 1, Some(4), &[]).unwrap(), "bcd");
        assert_eq!(read(&log[..log.len() - 3], 0, None, &[]).unwrap(), "abcde");
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let mut log = [batch(0, 1, &["a"], false), batch(1, 1, &["b"], false)].concat();
        let at = log.len() - 1;
        log[at] ^= 1;
        let failure = read(&log, 0, None, &[]).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("CORRUPT_MESSAGE", "t-0 at offset 1"));
    }
}
