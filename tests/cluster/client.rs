//! A client that sends frames and reads frames, and hides nothing.

use kq::api::Api;
use kq::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopics, CreateTopicsRequest};
use kq::api::delete_records::{DeleteRecords, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kq::api::delete_topics::{DeleteTopics, DeleteTopicsRequest};
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::api::list_offsets::{ListOffsets, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::record::batch::batches;
use kq::record::builder::Builder;
use kq::record::compress::Codec;
use kq::record::records;
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Message, Reader, Records, Writer};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection.
pub struct Client {
    /// The socket.
    pub stream: TcpStream,
    sent: i32,
}

impl Client {
    pub fn new(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        Client { stream, sent: 0 }
    }

    /// Sends a request; its correlation id.
    pub fn send<'a, A: Api>(&mut self, version: i16, request: &A::Request<'a>) -> io::Result<i32> {
        self.sent += 1;
        self.stream.write_all(&frame::<A>(version, request, self.sent))?;
        Ok(self.sent)
    }

    /// Reads a frame, without its length.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    /// Sends a request and hands its answer to `look`.
    pub fn call<A: Api, T>(
        &mut self,
        version: i16,
        request: &A::Request<'_>,
        look: impl FnOnce(&A::Response<'_>) -> T,
    ) -> T {
        let correlation = self.send::<A>(version, request).unwrap();
        self.answer::<A, T>(version, correlation, look)
    }

    /// Reads the next answer, which is to the request of that correlation id, and hands it to `look`.
    pub fn answer<A: Api, T>(&mut self, version: i16, correlation: i32, look: impl FnOnce(&A::Response<'_>) -> T) -> T {
        let frame = self.receive().unwrap();
        let mut reader = Reader::new(&frame);
        let flexible = version >= <A::Response<'_> as Message<'_>>::FLEXIBLE_FROM;
        assert_eq!(decode_response(&mut reader, A::KEY, flexible), Ok(correlation));
        look(&<A::Response<'_> as Message<'_>>::read(&frame[reader.position()..], version).unwrap())
    }

    /// Makes a topic; the error code.
    pub fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) })
            .collect();
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: -1,
            configs,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        self.call::<CreateTopics, _>(4, &request, |response| response.topics[0].error_code)
    }

    /// Deletes a topic; the error code.
    pub fn delete(&mut self, name: &str) -> i16 {
        let request = DeleteTopicsRequest { topic_names: vec![name.into()], timeout_ms: 10_000, ..Default::default() };
        self.call::<DeleteTopics, _>(3, &request, |response| response.responses[0].error_code)
    }

    /// Deletes a topic's records below an offset: error code and new start.
    pub fn trim(&mut self, topic: &str, offset: i64) -> (i16, i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
        let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions }];
        self.call::<DeleteRecords, _>(1, &DeleteRecordsRequest { topics, timeout_ms: 10_000 }, |response| {
            let partition = &response.topics[0].partitions[0];
            (partition.error_code, partition.low_watermark)
        })
    }

    /// Appends a batch and waits for the answer: error code and base offset.
    pub fn produce(&mut self, topic: &str, partition: i32, acks: i16, batch: &[u8]) -> (i16, i64) {
        self.call::<Produce, _>(7, &produce(topic, partition, acks, batch), |response| {
            let partition = &response.responses[0].partition_responses[0];
            (partition.error_code, partition.base_offset)
        })
    }

    /// Appends values, one record each, in one batch.
    pub fn put(&mut self, topic: &str, values: &[&str]) -> (i16, i64) {
        self.produce(topic, 0, -1, &batch(values))
    }

    /// One fetch: error code, high watermark and the records' bytes.
    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64, max_bytes: i32, wait_ms: i32) -> Fetched {
        let request = fetch(topic, partition, offset, max_bytes, wait_ms);
        self.call::<Fetch, _>(6, &request, |response| {
            let partition = &response.responses[0].partitions[0];
            let bytes = match &partition.records {
                Some(Records::Bytes(bytes)) => bytes.to_vec(),
                _ => Vec::new(),
            };
            Fetched { error: partition.error_code, high_watermark: partition.high_watermark, bytes }
        })
    }

    /// Every record of a partition: offset and value.
    pub fn read_all(&mut self, topic: &str, partition: i32) -> Vec<(i64, String)> {
        let mut all = Vec::new();
        let mut offset = self.offset(topic, partition, -2);
        loop {
            let fetched = self.fetch(topic, partition, offset, 8 << 20, 0);
            assert_eq!(fetched.error, 0, "fetch from {topic}-{partition} at {offset}");
            let before = offset;
            for batch in batches(&fetched.bytes) {
                let Ok((header, bytes)) = batch else { break };
                for record in &records::decode(bytes, 1 << 30).unwrap() {
                    let record = record.unwrap();
                    if record.offset >= before {
                        all.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
                    }
                }
                // Compaction may have left a batch without records.
                offset = offset.max(header.next_offset());
            }
            if offset >= fetched.high_watermark {
                return all;
            }
            assert!(offset > before, "{topic}-{partition} stands still at {offset} below {}", fetched.high_watermark);
        }
    }

    /// An offset by timestamp: -2 the first, -1 the next.
    pub fn offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> i64 {
        let partitions = vec![ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() }];
        let topics = vec![ListOffsetsTopic { name: topic.into(), partitions }];
        let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
        self.call::<ListOffsets, _>(2, &request, |response| response.topics[0].partitions[0].offset)
    }

    /// True when the broker closes the connection within a while.
    pub fn is_closed(&mut self) -> bool {
        closed(&mut self.stream)
    }
}

/// What a fetch brought.
pub struct Fetched {
    pub error: i16,
    pub high_watermark: i64,
    pub bytes: Vec<u8>,
}

/// True when the other end closes the connection within a while.
pub fn closed(stream: &mut TcpStream) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut rest = [0; 4096];
    while Instant::now() < deadline {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return true,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
            _ => {}
        }
    }
    false
}

/// A whole frame.
pub fn frame<A: Api>(version: i16, request: &A::Request<'_>, correlation_id: i32) -> Vec<u8> {
    let flexible = version >= <A::Request<'_> as Message<'_>>::FLEXIBLE_FROM;
    let mut writer = Writer::new();
    writer.i32(0);
    let client_id = Some("cluster-test".into());
    RequestHeader { api_key: A::KEY, api_version: version, correlation_id, client_id }.encode(&mut writer, flexible);
    request.write(&mut writer, version);
    let length = writer.len() - 4;
    writer.patch_u32(0, u32::try_from(length).unwrap());
    writer.into_bytes()
}

/// A request that appends one batch.
pub fn produce<'a>(topic: &'a str, partition: i32, acks: i16, batch: &'a [u8]) -> ProduceRequest<'a> {
    let records = Some(Records::Bytes(batch.into()));
    let partition_data = vec![PartitionProduceData { index: partition, records }];
    let topic_data = vec![TopicProduceData { name: topic.into(), partition_data, ..Default::default() }];
    ProduceRequest { acks, timeout_ms: 10_000, topic_data, ..Default::default() }
}

/// A request that reads one partition.
pub fn fetch(topic: &str, partition: i32, offset: i64, max_bytes: i32, wait_ms: i32) -> FetchRequest<'_> {
    let partition =
        FetchPartition { partition, fetch_offset: offset, partition_max_bytes: max_bytes, ..Default::default() };
    FetchRequest {
        replica_id: -1,
        max_wait_ms: wait_ms,
        min_bytes: i32::from(wait_ms > 0),
        max_bytes,
        topics: vec![FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() }],
        ..Default::default()
    }
}

/// A batch of one record a value, made now.
pub fn batch(values: &[&str]) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    batch_at(now, values)
}

/// A batch of one record a value.
pub fn batch_at(timestamp: i64, values: &[&str]) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    for value in values {
        builder.push(timestamp, None, Some(value.as_bytes()), &[]);
    }
    builder.finish()
}

/// A batch of one record with a key.
pub fn keyed_batch(key: &str, value: &str) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut builder = Builder::new(Codec::None, None);
    builder.push(now, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
    builder.finish()
}
