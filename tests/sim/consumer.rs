//! A consumer: reads a partition from its start, again and again, and checks that what it is told never changes.

use crate::client::{Client, Cx, read};
use crate::oracle::Place;
use kq::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use kq::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic};
use kq::error::ErrorCode;
use kq::record::{batches, check, decode};
use kq::types::Offset;
use kq::wire::Records;
use std::collections::BTreeMap;

const FETCH_VERSION: i16 = 13;
const LIST_VERSION: i16 = 7;
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

enum Asked {
    Start,
    /// The end, which is not below what somebody was told before.
    End(Offset),
    Records(Offset),
}

/// See the module.
pub struct Consumer {
    topic: usize,
    partition: i32,
    place: Option<Place>,
    offset: Option<Offset>,
    asked: Option<Asked>,
    /// What was asked last does not matter any more.
    stale: bool,
    high_watermark: Offset,
    /// For the last reading: all of it, and where it began.
    audit: Option<Audit>,
    /// Leaders change, and the next one may know of a lower high watermark for a while, but where it is asked for the end
    /// (KIP-207).
    roams: bool,
}

/// A reading of everything.
#[derive(Default)]
pub struct Audit {
    /// The log's start.
    pub start: Offset,
    /// What was read.
    pub content: BTreeMap<Offset, String>,
    /// The high watermark, once all below it was read.
    pub end: Option<Offset>,
}

impl Consumer {
    /// A consumer of a partition.
    pub fn new(topic: usize, partition: i32) -> Consumer {
        Consumer {
            topic,
            partition,
            place: None,
            offset: None,
            asked: None,
            stale: false,
            high_watermark: 0,
            audit: None,
            roams: false,
        }
    }

    /// A consumer of a partition whose leaders change.
    pub fn roaming(topic: usize, partition: i32) -> Consumer {
        Consumer { roams: true, ..Consumer::new(topic, partition) }
    }

    /// Begin to read everything, for the last time.
    pub fn audit(&mut self) {
        self.offset = None;
        self.stale = self.asked.is_some();
        self.audit = Some(Audit::default());
    }

    /// What the last reading found, if it is over.
    pub fn audited(&self) -> Option<(Place, &Audit)> {
        self.place.zip(self.audit.as_ref()).filter(|(_, audit)| audit.end.is_some())
    }

    /// Which partition.
    pub fn of(&self) -> (usize, i32) {
        (self.topic, self.partition)
    }

    /// The power went: a topic without a promise for that may have forgotten.
    pub fn power_cut(&mut self) {
        self.high_watermark = 0;
    }

    fn list(&self, cx: &mut Cx<'_>, place: Place, timestamp: i64) {
        let partition = ListOffsetsPartition { partition_index: place.1, timestamp, ..Default::default() };
        let name = cx.topics[self.topic].name.clone();
        let topic = ListOffsetsTopic { name: name.as_str().into(), partitions: vec![partition] };
        cx.send(LIST_VERSION, &ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() });
    }

    fn fetched(&mut self, cx: &mut Cx<'_>, place: Place, from: Offset, bytes: &[u8]) {
        let response: FetchResponse<'_> = read(bytes, FETCH_VERSION);
        if response.error_code != 0 {
            return cx.oracle.violated(format!("{}: fetch failed with {}", self.name(), response.error_code));
        }
        let Some(part) = response.responses.first().and_then(|topic| topic.partitions.first()) else { return };
        match ErrorCode::from_code(part.error_code) {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                self.offset = None;
                return;
            }
            _ => {
                cx.elsewhere = true;
                return;
            }
        }
        if part.high_watermark < self.high_watermark {
            let (before, now) = (self.high_watermark, part.high_watermark);
            cx.oracle.violated(format!("{}: the high watermark went from {before} to {now}", self.name()));
        }
        self.high_watermark = part.high_watermark;
        cx.oracle.told_high_watermark(place, part.high_watermark);
        let records = match &part.records {
            Some(Records::Bytes(bytes)) => bytes.as_ref(),
            _ => &[],
        };
        let mut next = from;
        for batch in batches(records) {
            let (header, batch) = batch.expect("whole batches");
            check(batch).expect("good batches");
            for record in &decode(batch, 1 << 20).expect("batches that unpack") {
                let record = record.expect("records that read");
                if record.offset < from {
                    continue;
                }
                if record.offset >= part.high_watermark || record.offset < next {
                    cx.oracle.violated(format!("{}: got offset {} after {next}", self.name(), record.offset));
                }
                next = record.offset + 1;
                let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                cx.oracle.saw(place, record.offset, &value);
                if let Some(audit) = &mut self.audit {
                    audit.content.insert(record.offset, value);
                }
            }
            next = next.max(header.next_offset());
        }
        self.offset = Some(next);
        if let Some(audit) = &mut self.audit {
            // Retention goes on.
            audit.start = audit.start.max(part.log_start_offset);
        }
        if let Some(audit) = &mut self.audit
            && next >= part.high_watermark
        {
            audit.end = Some(part.high_watermark);
        }
    }
}

impl Client for Consumer {
    fn act(&mut self, cx: &mut Cx<'_>) {
        if self.asked.is_some() || self.audit.as_ref().is_some_and(|audit| audit.end.is_some()) {
            return;
        }
        let place = cx.place(self.topic, self.partition);
        if place != self.place {
            (self.place, self.offset, self.high_watermark) = (place, None, 0);
        }
        let Some(place) = place else {
            cx.wake_in = Some(10);
            return;
        };
        // Asked by name: only of a topic that is never made anew, which a node that is behind may not know.
        if self.roams && self.topic == 0 && self.audit.is_none() && cx.chance.one_in(6) {
            let known = cx.oracle.places.get(&place).map_or(0, |known| known.high_watermark);
            self.list(cx, place, LATEST);
            self.asked = Some(Asked::End(known));
            return;
        }
        match self.offset {
            None => {
                self.list(cx, place, EARLIEST);
                self.asked = Some(Asked::Start);
            }
            Some(offset) => {
                let partition = FetchPartition {
                    partition: place.1,
                    fetch_offset: offset,
                    partition_max_bytes: 1 + cx.chance.below(3000) as i32,
                    ..Default::default()
                };
                let topic = FetchTopic { topic_id: place.0, partitions: vec![partition], ..Default::default() };
                let request = FetchRequest {
                    max_wait_ms: if self.audit.is_some() { 0 } else { cx.chance.below(30) as i32 },
                    min_bytes: 1,
                    topics: vec![topic],
                    ..Default::default()
                };
                cx.send(FETCH_VERSION, &request);
                self.asked = Some(Asked::Records(offset));
            }
        }
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let place = self.place.expect("a place was asked for");
        let asked = self.asked.take().expect("a reply to nothing");
        cx.wake_in = Some(cx.chance.below(10));
        if std::mem::take(&mut self.stale) {
            return;
        }
        match asked {
            Asked::Start => {
                let response: ListOffsetsResponse<'_> = read(bytes, LIST_VERSION);
                let part = &response.topics[0].partitions[0];
                if part.error_code == 0 {
                    self.offset = Some(part.offset);
                    if let Some(audit) = &mut self.audit {
                        *audit = Audit { start: part.offset, ..Audit::default() };
                    }
                }
                cx.elsewhere |= part.error_code != 0;
            }
            Asked::End(known) => {
                let response: ListOffsetsResponse<'_> = read(bytes, LIST_VERSION);
                let part = &response.topics[0].partitions[0];
                if part.error_code == 0 {
                    if part.offset < known {
                        let what = format!("{}: it ends at {}, a client was told {known}", self.name(), part.offset);
                        cx.oracle.violated(what);
                    }
                    cx.oracle.told_high_watermark(place, part.offset);
                }
                cx.elsewhere |= part.error_code != 0 && part.error_code != ErrorCode::OffsetNotAvailable.code();
            }
            Asked::Records(from) => self.fetched(cx, place, from, bytes),
        }
        if self.audit.is_none() && cx.chance.one_in(30) {
            self.offset = None;
        }
    }

    fn disconnected(&mut self) {
        (self.asked, self.stale) = (None, false);
        if self.roams {
            self.high_watermark = 0;
        }
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        format!("consumer of partition {}/{}", self.topic, self.partition)
    }
}
