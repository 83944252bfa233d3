//! The client against frames made by hand.

use super::*;
use crate::api::Api;
use crate::api::api_versions::{ApiVersion, ApiVersions, ApiVersionsResponse};
use crate::api::metadata::{
    Metadata, MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::wire::header::{RequestHeader, encode_response};
use crate::wire::{Message, Writer};

fn answer<'a, A: Api>(correlation_id: i32, version: i16, body: &A::Response<'a>) -> Vec<u8> {
    let mut writer = Writer::new();
    let flexible = version >= <A::Response<'a> as Message<'a>>::FLEXIBLE_FROM;
    encode_response(&mut writer, A::KEY, correlation_id, flexible);
    body.write(&mut writer, version);
    writer.into_bytes()
}

fn key(api_key: i16, min_version: i16, max_version: i16) -> ApiVersion {
    ApiVersion { api_key, min_version, max_version }
}

fn ready(keys: Vec<ApiVersion>) -> Connection {
    let mut connection = Connection::new("test", ("kq", "0"));
    connection.negotiate();
    let body = ApiVersionsResponse { api_keys: keys, ..Default::default() };
    assert_eq!(connection.negotiated(answer::<ApiVersions>(0, 4, &body)), Ok(Handshake::Ready));
    connection
}

#[test]
fn a_request_goes_out_at_the_highest_common_version() {
    let mut connection = ready(vec![key(3, 0, 9)]);
    let frame = connection.request::<Metadata>(&MetadataRequest::default()).unwrap();
    assert_eq!(frame_length(frame[..4].try_into().unwrap()), Ok(frame.len() - 4));
    assert_eq!(RequestHeader::peek(&frame[4..]), Ok((3, 9, 1)));

    let body = MetadataResponse { controller_id: 7, ..Default::default() };
    let got = connection.answer::<Metadata>(answer::<Metadata>(1, 9, &body)).unwrap();
    assert_eq!(got.read().unwrap().controller_id, 7);
    assert_eq!(connection.in_flight(), 0);
}

#[test]
fn an_old_broker_is_asked_again_at_its_version() {
    // A broker that knows ApiVersions up to 2 gets version 4, answers in version 0 with error 35 (KIP-511).
    let mut connection = Connection::new("test", ("kq", "0"));
    connection.negotiate();
    let refusal = ApiVersionsResponse { error_code: 35, api_keys: vec![key(18, 0, 2)], ..Default::default() };
    let mut frame = Writer::new();
    encode_response(&mut frame, 18, 0, false);
    refusal.write(&mut frame, 0);
    let Handshake::Again(again) = connection.negotiated(frame.into_bytes()).unwrap() else { panic!("not asked again") };
    assert_eq!(RequestHeader::peek(&again[4..]), Ok((18, 2, 1)));
    let body = ApiVersionsResponse { api_keys: vec![key(18, 0, 2), key(3, 0, 1)], ..Default::default() };
    assert_eq!(connection.negotiated(answer::<ApiVersions>(1, 2, &body)), Ok(Handshake::Ready));
    assert_eq!(connection.version_of::<Metadata>(), Ok(1));
}

#[test]
fn a_broker_that_always_refuses_is_given_up() {
    let mut connection = Connection::new("test", ("kq", "0"));
    connection.negotiate();
    let refusal = |id| {
        let mut frame = Writer::new();
        encode_response(&mut frame, 18, id, false);
        frame.i16(35);
        frame.i32(0);
        frame.into_bytes()
    };
    assert!(matches!(connection.negotiated(refusal(0)), Ok(Handshake::Again(_))));
    assert_eq!(connection.negotiated(refusal(1)), Err(ClientError::Refused(ErrorCode::UnsupportedVersion)));
}

#[test]
fn versions_that_do_not_meet_are_named() {
    let connection = ready(vec![key(3, 90, 99)]);
    let error = connection.version_of::<Metadata>().unwrap_err();
    assert!(error.to_string().starts_with("no common version of Metadata"), "{error}");
    let connection = ready(Vec::new());
    assert_eq!(connection.version_of::<Metadata>(), Err(ClientError::NotServed { api: "Metadata" }));
}

#[test]
fn answers_out_of_order_and_garbage_are_refused() {
    let mut connection = ready(vec![key(3, 0, 9)]);
    connection.request::<Metadata>(&MetadataRequest::default()).unwrap();
    let wrong = answer::<Metadata>(9, 9, &MetadataResponse::default());
    assert_eq!(
        connection.answer::<Metadata>(wrong.clone()).unwrap_err(),
        ClientError::OutOfOrder { expected: Some(1), got: 9 }
    );
    assert_eq!(connection.answer::<Metadata>(wrong).unwrap_err(), ClientError::OutOfOrder { expected: None, got: 9 });
    assert!(matches!(connection.answer::<Metadata>(vec![1]), Err(ClientError::Wire { .. })));
    // "HTTP", read as a length.
    assert_eq!(frame_length(*b"HTTP"), Err(ClientError::FrameLength(0x4854_5450)));
    assert!(frame_length([0xff; 4]).is_err());
}

#[test]
fn leaders_are_found_and_their_absence_explained() {
    let mut cluster = Cluster::default();
    let partition = |index, leader_id, error_code| MetadataResponsePartition {
        partition_index: index,
        leader_id,
        error_code,
        replica_nodes: vec![1, 2],
        isr_nodes: vec![1],
        ..Default::default()
    };
    cluster.absorb(&MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id: 1, host: "h".into(), port: 9092, rack: None }],
        topics: vec![MetadataResponseTopic {
            name: Some("t".into()),
            partitions: vec![partition(1, -1, 5), partition(0, 1, 0)],
            ..Default::default()
        }],
        ..Default::default()
    });
    assert_eq!(cluster.leader("t", 0).unwrap().port, 9092);
    assert_eq!(cluster.leader("t", 1), Err(ErrorCode::LeaderNotAvailable));
    assert_eq!(cluster.leader("t", 2), Err(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(cluster.leader("u", 0), Err(ErrorCode::UnknownTopicOrPartition));
    assert!(cluster.topics["t"].partitions[0].is_under_replicated());
}

#[test]
fn pauses_grow_and_end() {
    let mut retry = Retry::until(100);
    assert_eq!(retry.pause_ms(0), Some(20));
    assert_eq!(retry.pause_ms(20), Some(40));
    assert_eq!(retry.pause_ms(60), None);
    assert_eq!(verdict(ErrorCode::NotLeaderOrFollower), Verdict::Elsewhere);
    assert_eq!(verdict(ErrorCode::RequestTimedOut), Verdict::Again);
    assert_eq!(verdict(ErrorCode::TopicAlreadyExists), Verdict::Fail);
}
