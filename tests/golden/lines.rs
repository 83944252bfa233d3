//! The golden lines, and the way of a line's bytes through our codec. Shared with `tests/fuzz`.

use kq::api::{self, Api, Visitor};
use kq::wire::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kq::wire::header::{RequestHeader, decode_response, encode_response};
use kq::wire::{Message, Reader, WireError, Writer};
use std::marker::PhantomData;

/// What a line holds the bytes of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Request,
    Response,
    /// A record of the metadata log; the key is its type.
    Record,
    /// Key 0 is the header of a request, key 1 that of a response.
    Header,
    /// What members of a classic group tell each other: key 0 is a subscription, key 1 an assignment.
    Protocol,
    /// The key of a record in `__consumer_offsets`; the key here is its type.
    OffsetsKey,
    /// The value of such a record.
    OffsetsValue,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Request,
        Kind::Response,
        Kind::Record,
        Kind::Header,
        Kind::Protocol,
        Kind::OffsetsKey,
        Kind::OffsetsValue,
    ];

    /// Its name in the files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Record => "record",
            Kind::Header => "header",
            Kind::Protocol => "protocol",
            Kind::OffsetsKey => "offsets-key",
            Kind::OffsetsValue => "offsets-value",
        }
    }
}

/// One message as Apache Kafka writes it.
#[derive(Debug)]
pub struct Line {
    pub key: i16,
    pub version: i16,
    pub kind: Kind,
    /// How the message was filled.
    pub instance: &'static str,
    pub bytes: Vec<u8>,
}

/// All of `messages.txt`.
pub fn lines() -> Vec<Line> {
    include_str!("messages.txt")
        .lines()
        .map(|text| parse(text).unwrap_or_else(|| panic!("not a line: {text}")))
        .collect()
}

fn parse(text: &'static str) -> Option<Line> {
    let parts: Vec<&str> = text.split(' ').collect();
    let &[key, version, kind, instance, hex] = parts.as_slice() else { return None };
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
    let bytes = unhex(if hex == "-" { "" } else { hex })?;
    Some(Line { key: key.parse().ok()?, version: version.parse().ok()?, kind, instance, bytes })
}

/// Bytes from their hex digits.
pub fn unhex(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// Something to do with one message type, whichever it is.
pub trait Job<'a> {
    type Output;
    fn run<M: Message<'a>>(self) -> Self::Output;
}

/// Does `job` with the message type of a kind (but a header) and key; `None` when there is none.
pub fn with_type<'a, J: Job<'a>>(kind: Kind, key: i16, job: J) -> Option<J::Output> {
    struct Request<'a, J>(J, PhantomData<&'a ()>);
    impl<'a, J: Job<'a>> Visitor for Request<'a, J> {
        type Output = J::Output;
        fn visit<A: Api>(self) -> J::Output {
            self.0.run::<A::Request<'a>>()
        }
    }
    struct Response<'a, J>(J, PhantomData<&'a ()>);
    impl<'a, J: Job<'a>> Visitor for Response<'a, J> {
        type Output = J::Output;
        fn visit<A: Api>(self) -> J::Output {
            self.0.run::<A::Response<'a>>()
        }
    }
    match kind {
        Kind::Request => api::visit(key, Request(job, PhantomData)),
        Kind::Response => api::visit(key, Response(job, PhantomData)),
        Kind::Record => with_record(key, job),
        Kind::Protocol => with_protocol(key, job),
        Kind::OffsetsKey => with_offsets_key(key, job),
        Kind::OffsetsValue => with_offsets_value(key, job),
        Kind::Header => None,
    }
}

/// The keys of what members of a classic group tell each other.
pub const PROTOCOLS: &[i16] = &[
    <ConsumerProtocolSubscription<'static> as Message<'static>>::KEY,
    <ConsumerProtocolAssignment<'static> as Message<'static>>::KEY,
];

fn with_protocol<'a, J: Job<'a>>(key: i16, job: J) -> Option<J::Output> {
    match key {
        0 => Some(job.run::<ConsumerProtocolSubscription<'a>>()),
        1 => Some(job.run::<ConsumerProtocolAssignment<'a>>()),
        _ => None,
    }
}

macro_rules! records {
    ($(#[$doc:meta])* $list:ident, $with:ident, $room:path: $($record:ident $(<$lt:lifetime>)?),* $(,)?) => {
        $(#[$doc])*
        pub const $list: &[i16] = {
            use $room as room;
            &[$(<room::$record as Message<'static>>::KEY),*]
        };

        fn $with<'a, J: Job<'a>>(key: i16, job: J) -> Option<J::Output> {
            use $room as room;
            match key {
                $(<room::$record as Message<'static>>::KEY => Some(job.run::<room::$record $(<$lt>)?>()),)*
                _ => None,
            }
        }
    };
}

records! {
    /// The keys of the records of the metadata log that are declared.
    RECORDS, with_record, kq::meta::record:
    RegisterBrokerRecord<'a>,
    UnregisterBrokerRecord,
    TopicRecord<'a>,
    PartitionRecord,
    ConfigRecord<'a>,
    PartitionChangeRecord,
    RemoveTopicRecord,
    ProducerIdsRecord,
    BrokerRegistrationChangeRecord,
    ClearElrRecord<'a>,
}

records! {
    /// The types of the records in `__consumer_offsets` whose keys are declared for consumer groups (KIP-848).
    OFFSETS_KEYS, with_offsets_key, kq::group::consumer::record:
    ConsumerGroupMetadataKey<'a>,
    ConsumerGroupPartitionMetadataKey<'a>,
    ConsumerGroupMemberMetadataKey<'a>,
    ConsumerGroupTargetAssignmentMetadataKey<'a>,
    ConsumerGroupTargetAssignmentMemberKey<'a>,
    ConsumerGroupCurrentMemberAssignmentKey<'a>,
    ConsumerGroupRegularExpressionKey<'a>,
}

records! {
    /// The same of their values: type 4 is only ever deleted.
    OFFSETS_VALUES, with_offsets_value, kq::group::consumer::record:
    ConsumerGroupMetadataValue,
    ConsumerGroupMemberMetadataValue<'a>,
    ConsumerGroupTargetAssignmentMetadataValue,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupRegularExpressionValue<'a>,
}

/// The kinds of messages that stand in no table, each with the keys that are declared.
pub const LISTS: [(Kind, &[i16]); 4] = [
    (Kind::Record, RECORDS),
    (Kind::Protocol, PROTOCOLS),
    (Kind::OffsetsKey, OFFSETS_KEYS),
    (Kind::OffsetsValue, OFFSETS_VALUES),
];

/// Reads `bytes` as that message and writes what was read; `None` for a message that we do not have.
pub fn recode(kind: Kind, key: i16, version: i16, bytes: &[u8]) -> Option<Result<Vec<u8>, WireError>> {
    struct Recode<'a>(&'a [u8], i16);
    impl<'a> Job<'a> for Recode<'a> {
        type Output = Result<Vec<u8>, WireError>;
        fn run<M: Message<'a>>(self) -> Self::Output {
            let mut writer = Writer::new();
            M::read(self.0, self.1)?.write(&mut writer, self.1);
            Ok(writer.into_bytes())
        }
    }
    match kind {
        Kind::Header => recode_header(key, version, bytes),
        _ => with_type(kind, key, Recode(bytes, version)),
    }
}

fn recode_header(key: i16, version: i16, bytes: &[u8]) -> Option<Result<Vec<u8>, WireError>> {
    let mut reader = Reader::new(bytes);
    let mut writer = Writer::new();
    let read = match key {
        0 => RequestHeader::decode(&mut reader, version >= 2).map(|header| header.encode(&mut writer, version >= 2)),
        1 => decode_response(&mut reader, 0, version >= 1).map(|id| encode_response(&mut writer, 0, id, version >= 1)),
        _ => return None,
    };
    Some(read.and_then(|()| reader.finish()).map(|()| writer.into_bytes()))
}
