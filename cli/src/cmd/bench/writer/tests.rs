//! The writer against a broker made of three lines: every record is accounted for, latencies begin when they are due.

use super::*;
use crate::cmd::bench::frame::PRODUCE_VERSION_MAX;
use crate::ui::Progress;
use kq::api::produce::{PartitionProduceResponse, ProduceRequest, TopicProduceResponse};
use kq::record::check;
use kq::wire::header::encode_response;

fn plan(records: u64, records_per_batch: u64) -> Plan {
    Plan {
        fixed: Fixed {
            topic: "t".into(),
            client_id: "kq".into(),
            acks: -1,
            timeout_ms: 1_000,
            version: PRODUCE_VERSION_MAX,
        },
        codec: Codec::None,
        records,
        records_per_batch,
        warmup_records: 0,
        rate: None,
        duration: None,
        in_flight: 2,
        patience: Duration::from_secs(30),
    }
}

fn writing(plan: Plan, lanes: Vec<Lane>) -> Writing {
    let reporter = Reporter::new(Progress::new("", 0, false), Duration::from_secs(3_600), false);
    Writing::new(plan, Values::of_size(10, 4), lanes, reporter)
}

/// What was asked: correlation id, partition, first sequence, records.
type Asked = (i32, i32, i32, i32);

/// Takes a request apart.
fn sent(out: &mut Outbox) -> Asked {
    let mut bytes = Vec::new();
    assert!(out.write(&mut bytes).unwrap());
    let mut reader = Reader::new(&bytes[4..]);
    let header = RequestHeader::decode(&mut reader, true).unwrap();
    let request = ProduceRequest::read(&bytes[4 + reader.position()..], header.api_version).unwrap();
    let data = &request.topic_data[0].partition_data[0];
    let batch = check(data.records.as_ref().unwrap().bytes()).unwrap();
    (header.correlation_id, data.index, batch.base_sequence, batch.count)
}

fn answer(correlation_id: i32, error: ErrorCode) -> Vec<u8> {
    let part = PartitionProduceResponse { error_code: error.code(), ..Default::default() };
    let topic = TopicProduceResponse { name: "t".into(), partition_responses: vec![part], ..Default::default() };
    let mut writer = Writer::new();
    encode_response(&mut writer, Produce::KEY, correlation_id, true);
    ProduceResponse { responses: vec![topic], ..Default::default() }.write(&mut writer, PRODUCE_VERSION_MAX);
    writer.into_bytes()
}

/// Sends all that may go out now.
fn send(writing: &mut Writing, now: Instant) -> Vec<(usize, Asked)> {
    let mut all = Vec::new();
    while let Some(connection) = writing.ready(now) {
        let mut out = Outbox::default();
        writing.put(now, connection, &mut out);
        all.push((connection, sent(&mut out)));
    }
    all
}

#[test]
fn the_window_is_kept_and_the_rest_is_smaller() {
    let mut writing = writing(plan(10, 4), vec![Lane::new(vec![0, 1], 1, Some((5, 0)))]);
    let now = Instant::now();
    assert_eq!(send(&mut writing, now), [(0, (1, 1, 0, 4)), (0, (2, 0, 0, 4))]);
    assert!(!writing.is_done());
    writing.answered(now, 0, &answer(1, ErrorCode::None)).unwrap();
    assert_eq!(send(&mut writing, now), [(0, (3, 1, 4, 2))]);
    for correlation_id in [2, 3] {
        writing.answered(now, 0, &answer(correlation_id, ErrorCode::None)).unwrap();
    }
    assert!(send(&mut writing, now).is_empty() && writing.is_done());
    assert_eq!((writing.all.records, writing.all.requests, writing.all.bytes), (10, 3, 100));
    assert_eq!((writing.failed, writing.unsent()), (0, 0));
}

#[test]
fn refusals_and_broken_connections_are_counted() {
    let lanes = vec![Lane::new(vec![0], 0, None), Lane::new(vec![1], 0, None)];
    let mut writing = writing(plan(40, 4), lanes);
    let now = Instant::now();
    assert_eq!(send(&mut writing, now).len(), 4);
    writing.answered(now, 0, &answer(1, ErrorCode::NotLeaderOrFollower)).unwrap();
    assert!(writing.answered(now, 0, &answer(7, ErrorCode::None)).is_err());
    writing.lost(0, Failure::new("PROTOCOL", "answers out of order"));
    assert_eq!(send(&mut writing, now), []);
    writing.lost(1, Failure::new("DISCONNECTED", "gone"));
    assert!(send(&mut writing, now).is_empty() && writing.is_done());
    assert_eq!(writing.errors["NOT_LEADER_OR_FOLLOWER"], 1);
    assert_eq!(writing.errors["DISCONNECTED"], 2);
    assert_eq!(writing.all.records + writing.failed + writing.unsent(), 36, "one answer belonged to no request");
}

#[test]
fn at_a_given_rate_waiting_counts() {
    let mut writing = writing(Plan { rate: Some(1_000.0), ..plan(8, 1) }, vec![Lane::new(vec![0], 0, None)]);
    let began = Instant::now();
    let ms = |n: u64| began + Duration::from_millis(n);
    assert_eq!(send(&mut writing, ms(0)).len(), 1);
    assert_eq!(writing.due(), Some(ms(1)));
    assert_eq!(send(&mut writing, ms(5)).len(), 1, "two in flight is the most");
    assert_eq!(writing.due(), None);
    writing.answered(ms(10), 0, &answer(1, ErrorCode::None)).unwrap();
    writing.answered(ms(10), 0, &answer(2, ErrorCode::None)).unwrap();
    assert_eq!((writing.all.latencies.max_ms(), writing.all.latencies.min_ms()), (10.0, 9.0));
    assert_eq!(send(&mut writing, ms(10)).len(), 2, "what is late goes out at once");
    writing.answered(ms(11), 0, &answer(3, ErrorCode::None)).unwrap();
    assert_eq!(writing.all.latencies.min_ms(), 9.0, "due after 2 ms");
}

#[test]
fn time_ends_it_too() {
    let lanes = vec![Lane::new(vec![0], 0, None)];
    let mut writing = writing(Plan { duration: Some(Duration::from_secs(1)), ..plan(u64::MAX, 4) }, lanes);
    let began = Instant::now();
    assert_eq!(send(&mut writing, began).len(), 2);
    let later = began + Duration::from_secs(1);
    writing.answered(later, 0, &answer(1, ErrorCode::None)).unwrap();
    assert!(send(&mut writing, later).is_empty() && !writing.is_done());
    writing.answered(later, 0, &answer(2, ErrorCode::None)).unwrap();
    assert!(writing.is_done() && writing.unsent() == 0);
    assert_eq!(writing.tick(later + Duration::from_secs(60)), None);
}

#[test]
fn without_acknowledgements_a_sign_tells_that_all_was_read() {
    let mut unacknowledged = plan(4, 2);
    unacknowledged.fixed.acks = 0;
    let mut writing = writing(unacknowledged, vec![Lane::new(vec![0], 0, None)]);
    let now = Instant::now();
    assert_eq!(send(&mut writing, now).len(), 2);
    assert!(writing.written(now, 0));
    assert_eq!(writing.all.records, 4);
    let mut out = Outbox::default();
    assert_eq!(writing.ready(now), Some(0));
    writing.put(now, 0, &mut out);
    assert!(writing.ready(now).is_none() && !writing.is_done());
    writing.answered(now + Duration::from_secs(1), 0, &3i32.to_be_bytes()).unwrap();
    assert!(writing.is_done());
    assert_eq!(writing.all.elapsed(), Duration::from_secs(1), "until all was read");
}

#[test]
fn an_answer_that_does_not_come_is_noticed() {
    let mut writing = writing(plan(4, 4), vec![Lane::new(vec![0], 0, None)]);
    let now = Instant::now();
    send(&mut writing, now);
    assert_eq!(writing.tick(now + Duration::from_secs(29)), None);
    assert_eq!(writing.tick(now + Duration::from_secs(31)), Some(0));
}
