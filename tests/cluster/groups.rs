//! Members that mean harm, or are late: the code that Kafka gives them, and nobody else is disturbed.

use crate::broker::Broker;
use crate::client::Client;
use crate::member::{As, coordinator, enter, join, stay};
use kq::api::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use kq::api::join_group::{JoinGroup, JoinGroupRequest};
use kq::error::ErrorCode;
use kq::types::Uuid;
use kq::wire::consumer_protocol::ConsumerProtocolSubscription;
use std::time::{Duration, Instant};

/// Groups do not wait for more members.
const AT_ONCE: &str = "group.initial.rebalance.delay.ms=0";

/// A subscription to `t` that everybody can read.
fn subscription() -> Vec<u8> {
    let said = ConsumerProtocolSubscription { topics: vec!["t".into()], ..Default::default() };
    said.to_bytes(1)
}

#[test]
fn a_classic_member_is_told_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[AT_ONCE]);
    let mut client = coordinator(&broker);
    assert_eq!(client.create("t", 2, &[]), 0);
    let subscription = subscription();
    let (member, generation) = client.settle("g", &subscription);

    use ErrorCode::*;
    assert_eq!(client.beat("g", &member, generation + 1), IllegalGeneration);
    assert_eq!(client.beat("g", &member, -1), IllegalGeneration);
    assert_eq!(client.beat("g", "stranger", generation), UnknownMemberId);
    assert_eq!(client.beat("elsewhere", &member, generation), UnknownMemberId);
    assert_eq!(client.beat("", &member, generation), InvalidGroupId);
    assert_eq!(client.sync("g", &member, generation - 1, b""), IllegalGeneration);
    assert_eq!(client.sync("g", "stranger", generation, b""), UnknownMemberId);
    assert_eq!(client.leave("g", "stranger"), UnknownMemberId);

    let wrong = |client: &mut Client, request: JoinGroupRequest<'_>| client.join(&request).0;
    let good = || join("g", "", &subscription);
    assert_eq!(wrong(&mut client, join("g", "stranger", &subscription)), UnknownMemberId);
    assert_eq!(wrong(&mut client, join("", "", &subscription)), InvalidGroupId);
    for session_timeout_ms in [0, -1, 5_999, 1_800_001, i32::MAX] {
        let code = wrong(&mut client, JoinGroupRequest { session_timeout_ms, ..good() });
        assert_eq!(code, InvalidSessionTimeout, "{session_timeout_ms}");
    }
    assert_eq!(wrong(&mut client, JoinGroupRequest { protocols: Vec::new(), ..good() }), InconsistentGroupProtocol);
    let code = wrong(&mut client, JoinGroupRequest { protocol_type: "connect".into(), ..good() });
    assert_eq!(code, InconsistentGroupProtocol);

    let too_long = "x".repeat(4097);
    let own = As("g", &member, generation);
    assert_eq!(client.commit(own, 8, "t", &[&too_long, "fits"]), [OffsetMetadataTooLarge, None]);
    assert_eq!(client.commit(As("g", &member, generation + 1), 8, "t", &["a"]), [IllegalGeneration]);
    assert_eq!(client.commit(As("g", "stranger", generation), 8, "t", &["a"]), [UnknownMemberId]);
    assert_eq!(client.commit(As("g", "", -1), 8, "t", &["a"]), [UnknownMemberId], "the group has members");
    assert_eq!(client.commit(As("elsewhere", &member, 3), 8, "t", &["a"]), [IllegalGeneration]);
    assert_eq!(client.commit(own, 8, "t", &["a", "b", "there is no third partition"])[2], UnknownTopicOrPartition);

    assert_eq!(client.beat("g", &member, generation), None, "nothing of it has moved the group");
}

#[test]
fn subscriptions_that_nobody_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[AT_ONCE]);
    let mut client = coordinator(&broker);
    assert_eq!(client.create("t", 1, &[]), 0);
    let (code, epoch, _) = client.consume(&enter("new", "m", "t"));
    assert_eq!(code, ErrorCode::None);
    // What can be read lets a group move to the new protocol.
    client.settle("readable", &subscription());
    assert_eq!(client.consume(&enter("readable", "m", "t")).0, ErrorCode::None);
    let before = broker.status("VmRSS");

    let claim = |topics: i32| [&1i16.to_be_bytes()[..], &topics.to_be_bytes()].concat();
    let long_name = [&claim(1)[..], &i16::MAX.to_be_bytes(), b"t"].concat();
    let mut user_data = subscription();
    // Topics, then the length of the user data.
    let at = user_data.len() - 8;
    user_data[at..at + 4].copy_from_slice(&i32::MAX.to_be_bytes());
    let hostile: [Vec<u8>; 7] =
        [Vec::new(), vec![0xff], vec![0xff; 64], claim(i32::MAX), claim(-1), long_name, user_data];
    for (index, bytes) in hostile.iter().enumerate() {
        // To a classic group they are bytes: its members know what they mean.
        let group = format!("old-{index}");
        let (member, generation) = client.settle(&group, bytes);
        assert_eq!(client.beat(&group, &member, generation), ErrorCode::None);
        // The broker must read them when a member of the new protocol comes: it is sent away, the group stays.
        assert_eq!(client.consume(&enter(&group, "m", "t")).0, ErrorCode::GroupIdNotFound, "{bytes:?}");
        assert_eq!(client.beat(&group, &member, generation), ErrorCode::None);
        assert_eq!(client.commit(As(&group, &member, generation), 8, "t", &["a"]), [ErrorCode::None]);
        // And when a member of the old one comes to a group of the new one.
        assert_eq!(client.join(&join("new", "", bytes)).0, ErrorCode::UnknownServerError, "{bytes:?}");
    }
    assert_eq!(client.consume(&stay("new", "m", epoch)), (ErrorCode::None, epoch, 5_000));
    assert_eq!(client.consumers("new"), 1);
    let grown = broker.status("VmRSS").saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB for a few bytes");
    // One that no record of the group could hold is not let in.
    assert_eq!(client.join(&join("large", "", &[7; 2 << 20])).0, ErrorCode::UnknownServerError);
}

#[test]
fn a_member_of_the_new_protocol_is_told_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[AT_ONCE]);
    let mut client = coordinator(&broker);
    assert_eq!(client.create("t", 1, &[]), 0);
    let named = ConsumerGroupHeartbeatRequest { instance_id: Some("i".into()), ..enter("g", "m", "t") };
    let (code, epoch, _) = client.consume(&named);
    assert_eq!(code, ErrorCode::None);

    use ErrorCode::*;
    let code = |client: &mut Client, request: ConsumerGroupHeartbeatRequest<'_>| client.consume(&request).0;
    assert_eq!(code(&mut client, stay("g", "stranger", epoch)), UnknownMemberId);
    assert_eq!(code(&mut client, stay("g", "stranger", -1)), UnknownMemberId);
    assert_eq!(code(&mut client, stay("elsewhere", "m", epoch)), GroupIdNotFound);
    assert_eq!(code(&mut client, stay("g", "m", epoch + 1)), FencedMemberEpoch);
    assert_eq!(code(&mut client, stay("g", "m", i32::MAX)), FencedMemberEpoch);
    assert_eq!(code(&mut client, stay("g", "m", -3)), InvalidRequest);
    assert_eq!(code(&mut client, stay("g", "m", -2)), InvalidRequest, "no instance id");
    assert_eq!(code(&mut client, stay("", "m", epoch)), InvalidRequest);
    assert_eq!(code(&mut client, stay("g", "", epoch)), InvalidRequest);

    let good = || enter("g", "late", "t");
    let with = ConsumerGroupHeartbeatRequest { instance_id: Some("i".into()), ..good() };
    assert_eq!(code(&mut client, with), UnreleasedInstanceId);
    let with = ConsumerGroupHeartbeatRequest { server_assignor: Some("sticky".into()), ..good() };
    assert_eq!(code(&mut client, with), UnsupportedAssignor);
    let with = ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..good() };
    assert_eq!(code(&mut client, with), InvalidRequest);
    let with = ConsumerGroupHeartbeatRequest { subscribed_topic_names: Option::None, ..good() };
    assert_eq!(code(&mut client, with), InvalidRequest);
    let owned = TopicPartitions { topic_id: Uuid([1; 16]), partitions: vec![0] };
    let with = ConsumerGroupHeartbeatRequest { topic_partitions: Some(vec![owned]), ..good() };
    assert_eq!(code(&mut client, with), InvalidRequest);
    let deep = "(".repeat(5_000);
    let long = "a".repeat(8 * 1024 + 1);
    for regex in ["(", ")|(", "[z-a]", "(a{1,1000}){1,1000}", &deep, &long] {
        let began = Instant::now();
        let with = ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some(regex.into()), ..good() };
        assert_eq!(code(&mut client, with), InvalidRegularExpression);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    assert_eq!(client.commit(As("g", "m", epoch + 1), 9, "t", &["a"]), [StaleMemberEpoch]);
    assert_eq!(client.commit(As("g", "stranger", epoch), 9, "t", &["a"]), [UnknownMemberId]);
    assert_eq!(client.commit(As("g", "m", epoch), 8, "t", &["a"]), [UnsupportedVersion]);
    assert_eq!(client.commit(As("g", "m", epoch), 9, "t", &["a"]), [None]);

    let again = ConsumerGroupHeartbeatRequest { instance_id: Some("i".into()), ..stay("g", "m", epoch) };
    assert_eq!(client.consume(&again), (None, epoch, 5_000), "nothing of it has moved the group");
    assert_eq!(client.consumers("g"), 1);
}

/// 200 connections with 50 joins each, under way at once; a member of another group is heard of meanwhile.
#[test]
fn ten_thousand_members_join_at_once() {
    const CONNECTIONS: usize = 200;
    const JOINS: usize = 50;
    for (limit, room) in [("group.max.size=2147483647", CONNECTIONS * JOINS), ("group.max.size=100", 100)] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(dir.path(), &[limit]);
        let mut other = coordinator(&broker);
        assert_eq!(other.create("t", 1, &[]), 0);
        let (member, generation) = other.settle("other", &subscription());
        let (code, epoch, _) = other.consume(&enter("new", "m", "t"));
        assert_eq!(code, ErrorCode::None);
        let before = broker.status("VmRSS");

        let metadata = [7; 100];
        let mut slowest = Duration::ZERO;
        let mut crowd: Vec<Client> = (0..CONNECTIONS).map(|_| broker.client()).collect();
        for client in &mut crowd {
            for _ in 0..JOINS {
                client.send::<JoinGroup>(3, &join("crowd", "", &metadata)).unwrap();
            }
            let began = Instant::now();
            assert_eq!(other.beat("other", &member, generation), ErrorCode::None);
            assert_eq!(other.consume(&stay("new", "m", epoch)).0, ErrorCode::None);
            slowest = slowest.max(began.elapsed());
        }
        let (mut led, mut refused) = (0, 0);
        for client in &mut crowd {
            for correlation in 1..=JOINS {
                client.answer::<JoinGroup, _>(3, correlation as i32, |response| {
                    match ErrorCode::from_code(response.error_code) {
                        ErrorCode::None => led += usize::from(response.members.len() == room),
                        ErrorCode::GroupMaxSizeReached => refused += 1,
                        code => panic!("{code:?}"),
                    }
                });
            }
        }
        assert_eq!((led, refused), (1, CONNECTIONS * JOINS - room), "one leads, and knows all");
        assert_eq!(other.beat("other", &member, generation), ErrorCode::None);
        assert!(slowest < Duration::from_secs(2), "somebody else waited for {slowest:?}");
        // Connections have buffers of 64 KiB; a member costs a few KiB at most.
        let bound = (CONNECTIONS * 64 + room * 4 + 16 * 1024) as u64;
        let grown = broker.status("VmRSS").saturating_sub(before);
        assert!(grown < bound, "{grown} KiB for {room} members");
    }
}
