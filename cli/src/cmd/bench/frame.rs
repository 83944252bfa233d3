//! A Produce frame that is built once and only patched: correlation id, partition, and for idempotent producers the
//! sequence and the checksum.

use super::outbox::Outbox;
use kq::api::Api;
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::record::HEADER_BYTES;
use kq::record::crc::crc32c;
use kq::wire::header::RequestHeader;
use kq::wire::{Message, Records, Writer};
use std::rc::Rc;

/// The last version that names topics; later ones want ids.
pub const PRODUCE_VERSION_MAX: i16 = 12;

const CORRELATION_AT: usize = 8;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
const PRODUCER_AT: usize = 43;

/// What is the same in every request.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The topic's name.
    pub topic: String,
    /// The client's name.
    pub client_id: String,
    /// -1 for all, 1, 0.
    pub acks: i16,
    /// How long the broker may wait for the others.
    pub timeout_ms: i32,
    /// Of Produce.
    pub version: i16,
}

/// The idempotent producer of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Producer {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Sequence number of the batch's first record.
    pub sequence: i32,
}

/// One frame around one batch.
pub struct Template {
    /// Everything up to the first record.
    head: Vec<u8>,
    /// The records, and what follows them.
    tail: Rc<[u8]>,
    /// The batch in one piece, for its checksum.
    batch: Vec<u8>,
    partition_at: usize,
    batch_at: usize,
    /// Records in it.
    pub records: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
}

fn is_flexible(version: i16) -> bool {
    version >= <<Produce as Api>::Request<'_> as Message>::FLEXIBLE_FROM
}

fn uvarint_bytes(value: usize) -> usize {
    let mut writer = Writer::new();
    writer.uvarint(u32::try_from(value).unwrap_or(u32::MAX));
    writer.len()
}

impl Template {
    /// A frame around `batch`.
    pub fn new(fixed: &Fixed, batch: Vec<u8>, records: u64, value_bytes: u64) -> Template {
        let flexible = is_flexible(fixed.version);
        let request = ProduceRequest {
            acks: fixed.acks,
            timeout_ms: fixed.timeout_ms,
            topic_data: vec![TopicProduceData {
                name: fixed.topic.as_str().into(),
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(Records::Bytes(batch.as_slice().into())),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let header = RequestHeader {
            api_key: Produce::KEY,
            api_version: fixed.version,
            correlation_id: 0,
            client_id: Some(fixed.client_id.as_str().into()),
        };
        let mut writer = Writer::with_capacity(batch.len() + 256);
        writer.u32(0);
        header.encode(&mut writer, flexible);
        request.write(&mut writer, fixed.version);
        let length = writer.len() - 4;
        writer.patch_u32(0, u32::try_from(length).unwrap_or(u32::MAX));
        let mut head = writer.into_bytes();
        // After the records stand the empty tags of partition, topic and request.
        let batch_at = head.len() - if flexible { 3 } else { 0 } - batch.len();
        assert!(head[batch_at..].starts_with(&batch), "the batch stands elsewhere");
        let prefix = if flexible { uvarint_bytes(batch.len() + 1) } else { 4 };
        let tail = head.split_off(batch_at + HEADER_BYTES);
        Template { head, tail: tail.into(), batch, partition_at: batch_at - prefix - 4, batch_at, records, value_bytes }
    }

    /// The frame's length in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Puts the frame into `out`.
    pub fn put(&mut self, correlation_id: i32, partition: i32, producer: Option<Producer>, out: &mut Outbox) {
        self.head[CORRELATION_AT..][..4].copy_from_slice(&correlation_id.to_be_bytes());
        self.head[self.partition_at..][..4].copy_from_slice(&partition.to_be_bytes());
        if let Some(producer) = producer {
            let header = &mut self.batch[PRODUCER_AT..];
            header[..8].copy_from_slice(&producer.id.to_be_bytes());
            header[8..10].copy_from_slice(&producer.epoch.to_be_bytes());
            header[10..14].copy_from_slice(&producer.sequence.to_be_bytes());
            let crc = crc32c(&self.batch[CRC_FROM..]);
            self.batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
            self.head[self.batch_at..].copy_from_slice(&self.batch[..HEADER_BYTES]);
        }
        out.put(&self.head);
        out.share(&self.tail);
    }
}

/// Where the only partition's error code stands in an answer to such a frame, counted from the correlation id.
pub fn error_at(topic: &str, version: i16) -> usize {
    match is_flexible(version) {
        true => 4 + 1 + 1 + uvarint_bytes(topic.len() + 1) + topic.len() + 1 + 4,
        false => 4 + 4 + 2 + topic.len() + 4 + 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::api::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
    use kq::record::{Builder, Codec, batch::check_produced};
    use kq::wire::{Reader, header::encode_response};

    fn fixed(version: i16) -> Fixed {
        Fixed { topic: "a-topic".into(), client_id: "kq".into(), acks: -1, timeout_ms: 1_000, version }
    }

    fn batch(values: &[&[u8]]) -> Vec<u8> {
        let mut builder = Builder::new(Codec::None, None);
        values.iter().for_each(|value| builder.push(1, None, Some(value), &[]));
        builder.finish()
    }

    #[test]
    fn a_patched_frame_reads_as_it_should() {
        for version in 3..=PRODUCE_VERSION_MAX {
            let long = vec![7; 20_000];
            let mut template = Template::new(&fixed(version), batch(&[b"one", &long]), 2, 20_003);
            for (correlation_id, partition, sequence) in [(1, 0, 0), (77, 300, 2), (-5, i32::MAX, i32::MAX)] {
                for producer in [None, Some(Producer { id: 42, epoch: 3, sequence })] {
                    let mut out = Outbox::default();
                    template.put(correlation_id, partition, producer, &mut out);
                    let mut bytes = Vec::new();
                    assert!(out.write(&mut bytes).unwrap());
                    assert_eq!(bytes.len(), template.len());
                    assert_eq!(bytes[..4], (bytes.len() as u32 - 4).to_be_bytes());
                    let mut reader = Reader::new(&bytes[4..]);
                    let header = RequestHeader::decode(&mut reader, is_flexible(version)).unwrap();
                    assert_eq!(
                        (header.api_key, header.api_version, header.correlation_id),
                        (0, version, correlation_id)
                    );
                    let body = &bytes[4 + reader.position()..];
                    let request = ProduceRequest::read(body, version).unwrap();
                    let data = &request.topic_data[0].partition_data[0];
                    assert_eq!((request.acks, data.index), (-1, partition));
                    let checked = check_produced(data.records.as_ref().unwrap().bytes()).unwrap();
                    assert_eq!(checked.count, 2);
                    if producer.is_some() {
                        let got = (checked.producer_id, checked.producer_epoch, checked.base_sequence);
                        assert_eq!(got, (42, 3, sequence));
                    }
                }
            }
        }
    }

    #[test]
    fn the_error_code_is_where_it_is_looked_for() {
        for topic in ["t", "a-topic", &"long".repeat(50)] {
            for version in 3..=PRODUCE_VERSION_MAX {
                let partition = PartitionProduceResponse { index: 5, error_code: 0x1234, ..Default::default() };
                let topic_response = TopicProduceResponse {
                    name: topic.into(),
                    partition_responses: vec![partition],
                    ..Default::default()
                };
                let response = ProduceResponse { responses: vec![topic_response], ..Default::default() };
                let mut writer = Writer::new();
                encode_response(&mut writer, Produce::KEY, 9, is_flexible(version));
                response.write(&mut writer, version);
                let at = error_at(topic, version);
                assert_eq!(writer.as_bytes()[at..at + 2], [0x12, 0x34], "{topic} v{version}");
            }
        }
    }
}
