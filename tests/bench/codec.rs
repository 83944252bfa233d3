//! Bytes in, values out, and the way back: what Produce and Fetch cost before anybody looks at them.

use crate::{SIZES, filled};
use divan::{Bencher, black_box};
use kq::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kq::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use kq::wire::{Message, Records, Writer};

/// The last versions that name topics, as most clients send them.
const PRODUCE_VERSION: i16 = 12;
const FETCH_VERSION: i16 = 12;

fn written<'m, M: Message<'m>>(message: &M, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    message.write(&mut writer, version);
    writer.into_bytes()
}

#[divan::bench(args = SIZES, sample_size = 200)]
fn decode_produce_request(bencher: Bencher<'_, '_>, (records, bytes): (usize, usize)) {
    let batch = filled(records, bytes);
    let data = PartitionProduceData { index: 3, records: Some(Records::Bytes(batch.as_slice().into())) };
    let topic = TopicProduceData { name: "orders".into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let body = written(&request, PRODUCE_VERSION);
    bencher.bench_local(|| ProduceRequest::read(black_box(&body), PRODUCE_VERSION).map(|request| request.acks));
}

#[divan::bench(args = [1, 100], sample_size = 200)]
fn encode_produce_response(bencher: Bencher<'_, '_>, partitions: i32) {
    let part = |index| PartitionProduceResponse { index, base_offset: 1 << 33, ..Default::default() };
    let topic = TopicProduceResponse {
        name: "orders".into(),
        partition_responses: (0..partitions).map(part).collect(),
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    bencher.bench_local(|| written(black_box(&response), PRODUCE_VERSION));
}

#[divan::bench(args = [1, 100], sample_size = 200)]
fn decode_fetch_request(bencher: Bencher<'_, '_>, partitions: i32) {
    let part = |partition| FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic =
        FetchTopic { topic: "orders".into(), partitions: (0..partitions).map(part).collect(), ..Default::default() };
    let body = written(&FetchRequest { topics: vec![topic], ..Default::default() }, FETCH_VERSION);
    bencher.bench_local(|| FetchRequest::read(black_box(&body), FETCH_VERSION).map(|request| request.max_wait_ms));
}
