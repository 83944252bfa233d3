//! Hostile members and damaged records of groups: nothing panics, memory stays within what was sent, and nobody else's
//! group suffers.

use crate::counting;
use crate::damage::{Dice, damage};
use kq::config::{BrokerSettings, GroupSettings, parse_properties};
use kq::error::ErrorCode;
use kq::group::command::{Commit, CommitTopic, Identity, Join, Sync};
use kq::group::{Command, Cx, NO_OWN, Record, Reply, Shard, Topics, replay_batches};
use kq::record::{Builder, Codec};
use kq::types::{Millis, TopicId, Uuid};
use std::time::{Duration, Instant};

/// Damaged logs per run.
const ROUNDS: usize = 2_000;
/// What a member may cost beside what it has sent, in bytes.
const MEMBER_BYTES_MAX: usize = 4096;

struct NoTopics;

impl Topics for NoTopics {
    fn id_of(&self, _: &str) -> Option<TopicId> {
        None
    }
    fn name_of(&self, _: TopicId) -> Option<&str> {
        None
    }
    fn partitions_of(&self, _: &str) -> Option<i32> {
        None
    }
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(std::iter::empty())
    }
    fn version(&self) -> u64 {
        0
    }
}

/// A shard, and what surrounds it.
struct Told {
    shard: Shard,
    settings: GroupSettings,
    now: Millis,
    token: u64,
    records: Vec<Record<'static>>,
}

impl Told {
    fn with(settings: &str) -> Told {
        let entries = parse_properties(&format!("node.id=1\n{settings}")).expect("properties");
        let (settings, _) = BrokerSettings::load(&entries).expect("settings");
        Told { shard: Shard::default(), settings: settings.groups, now: 1000, token: 0, records: Vec::new() }
    }

    fn work(&mut self, work: impl FnOnce(&mut Shard, &Cx<'_>, u64) -> kq::group::Outcome) -> Vec<(u64, Reply)> {
        self.token += 1;
        let fresh = Uuid(u128::from(self.token).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let (now, settings, record_bytes_max) = (self.now, &self.settings, 1 << 20);
        let cx = Cx { now, settings, own: NO_OWN, topics: &NoTopics, fresh, record_bytes_max };
        let outcome = work(&mut self.shard, &cx, self.token);
        self.records.extend(outcome.records);
        outcome.replies
    }

    fn submit(&mut self, group: &str, command: Command) -> Vec<(u64, Reply)> {
        self.work(|shard, cx, token| shard.submit(cx, token, group, command))
    }

    fn wake(&mut self, now: Millis) -> Vec<(u64, Reply)> {
        self.now = now;
        self.work(|shard, cx, _| shard.wake(cx))
    }

    /// One member alone in a group: its id.
    fn lonely(&mut self, group: &str) -> String {
        self.submit(group, join("", b"\0\0"));
        let replies = self.wake(self.now + 10_000);
        let Some((_, Reply::Join(joined))) = replies.into_iter().next() else { panic!("no join is answered") };
        assert_eq!(joined.code, ErrorCode::None);
        let sync = Sync { who: who(&joined.member_id, 1), assignments: Vec::new(), ..Sync::default() };
        let replies = self.submit(group, Command::Sync(sync));
        assert!(matches!(replies[..], [(_, Reply::Sync(_))]), "{replies:?}");
        joined.member_id
    }
}

fn join(member_id: &str, metadata: &[u8]) -> Command {
    Command::Join(Join {
        member_id: member_id.to_owned(),
        client_id: "c".to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), metadata.to_vec())],
        ..Join::default()
    })
}

fn who(member_id: &str, generation: i32) -> Identity {
    Identity { member_id: member_id.to_owned(), instance_id: None, generation }
}

fn commit(who: Identity, offset: i64, text: &str) -> Command {
    let partitions = vec![(0, offset, -1, text.to_owned())];
    let topics = vec![CommitTopic { name: "t".to_owned(), id: Uuid::ZERO, partitions }];
    Command::Commit(Commit { who, retention_ms: -1, topics, ..Commit::default() })
}

fn code_of(replies: &[(u64, Reply)]) -> ErrorCode {
    match replies {
        [(_, Reply::Join(joined))] => joined.code,
        [(_, Reply::Refused(refusal))] => refusal.code,
        [(_, Reply::Committed(codes))] => codes[0],
        [(_, Reply::Done | Reply::Sync(_))] => ErrorCode::None,
        other => panic!("{other:?}"),
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn ten_thousand_members_join_one_group() {
    for (settings, room) in [("", 10_000), ("group.max.size=100", 100)] {
        let mut told = Told::with(settings);
        let other = told.lonely("other");
        let began = Instant::now();
        let metadata = [0; 100];
        let (refused, peak) = counting::peak(|| {
            let mut refused = 0;
            for _ in 0..10_000 {
                let replies = told.submit("crowd", join("", &metadata));
                if !replies.is_empty() {
                    assert_eq!(code_of(&replies), ErrorCode::GroupMaxSizeReached);
                    refused += 1;
                }
            }
            refused
        });
        assert_eq!(refused, 10_000 - room);
        assert!(peak <= room * (metadata.len() + MEMBER_BYTES_MAX) + (1 << 20), "{peak} bytes for {room} members");
        // The others do not notice.
        assert_eq!(code_of(&told.submit("other", Command::Heartbeat(who(&other, 1)))), ErrorCode::None);
        // Time ends the join phase, longer and longer while members come; everybody is answered, one of them leads.
        let mut joined = Vec::new();
        while let Some(at) = told.shard.deadline().filter(|_| joined.len() < room) {
            let now = at.max(told.now);
            joined.extend(told.wake(now));
        }
        assert_eq!(joined.len(), room);
        let leads = |(_, reply): &(u64, Reply)| matches!(reply, Reply::Join(joined) if joined.members.len() == room);
        assert_eq!(joined.iter().filter(|reply| leads(reply)).count(), 1);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?} for {room} of 10,000", began.elapsed());
    }
}

#[test]
fn ids_that_nobody_comes_back_with_are_forgotten() {
    let mut told = Told::with("");
    let asks = |told: &mut Told| {
        let Command::Join(request) = join("", b"") else { unreachable!("a join") };
        code_of(&told.submit("g", Command::Join(Join { needs_member_id: true, ..request })))
    };
    for _ in 0..10_000 {
        assert_eq!(asks(&mut told), ErrorCode::MemberIdRequired);
    }
    while let Some(at) = told.shard.deadline() {
        told.wake(at);
    }
    assert_eq!(asks(&mut told), ErrorCode::MemberIdRequired);
    assert_eq!(told.shard.deadline(), Some(told.now + 30_000), "one id is left to forget");
}

#[test]
fn hostile_subscriptions_are_the_members_own_affair() {
    let mut told = Told::with("");
    let other = told.lonely("other");
    let mut dice = Dice::new(0x6b71_0003);
    let good = [0, 3, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    for round in 0..ROUNDS {
        let mut metadata = good.to_vec();
        damage(&mut dice, &mut metadata, &good);
        let group = format!("g{round}");
        told.records.clear();
        let (_, peak) = counting::peak(|| {
            let Command::Join(mut request) = join("", &metadata) else { unreachable!("a join") };
            request.protocols.push(("range".to_owned(), metadata.clone()));
            told.submit(&group, Command::Join(request));
            let replies = told.wake(told.now + 10_000);
            let Some((_, Reply::Join(joined))) = replies.first() else { panic!("no answer") };
            // The leader assigns hostile bytes, and to somebody who is not there.
            let assignments =
                vec![(joined.member_id.clone(), metadata.clone()), ("nobody".to_owned(), metadata.clone())];
            let sync = Sync { who: who(&joined.member_id, 1), assignments, ..Sync::default() };
            let replies = told.submit(&group, Command::Sync(sync));
            let [(_, Reply::Sync(synced))] = &replies[..] else { panic!("{replies:?}") };
            assert_eq!(synced.assignment, metadata, "what the leader gives is not looked at");
            told.submit(&group, Command::Describe);
            told.work(|shard, cx, _| shard.expire(cx));
            told.submit("other", Command::Heartbeat(who(&other, 1)));
        });
        assert!(peak < 1 << 20, "{peak} bytes for {metadata:02x?}");
    }
    assert_eq!(code_of(&told.submit("other", Command::Heartbeat(who(&other, 1)))), ErrorCode::None);
}

#[test]
fn who_is_wrong_is_told_how() {
    let mut told = Told::with("offset.metadata.max.bytes=10");
    let id = told.lonely("g");
    let cases = [
        ("metadata that no record can hold", join("", &vec![0; 2 << 20]), ErrorCode::UnknownServerError),
        ("an unknown member joins", join("who?", b""), ErrorCode::UnknownMemberId),
        ("an unknown member's heart", Command::Heartbeat(who("who?", 1)), ErrorCode::UnknownMemberId),
        ("a stale generation's heart", Command::Heartbeat(who(&id, 0)), ErrorCode::IllegalGeneration),
        ("a future generation's heart", Command::Heartbeat(who(&id, 2)), ErrorCode::IllegalGeneration),
        ("an unknown member commits", commit(who("who?", 1), 5, ""), ErrorCode::UnknownMemberId),
        ("a stale generation commits", commit(who(&id, 0), 5, ""), ErrorCode::IllegalGeneration),
        ("nobody commits into a living group", commit(who("", -1), 5, ""), ErrorCode::UnknownMemberId),
        ("too long a text", commit(who(&id, 1), 5, "12345678901"), ErrorCode::OffsetMetadataTooLarge),
        ("a stale generation syncs", sync(&id, 0), ErrorCode::IllegalGeneration),
        ("an unknown member syncs", sync("who?", 1), ErrorCode::UnknownMemberId),
        ("deleting a group that lives", Command::Delete, ErrorCode::NonEmptyGroup),
        ("and all is well", Command::Heartbeat(who(&id, 1)), ErrorCode::None),
        ("and the text fits", commit(who(&id, 1), 5, "1234567890"), ErrorCode::None),
    ];
    for (what, command, code) in cases {
        assert_eq!(code_of(&told.submit("g", command)), code, "{what}");
    }
    // Somebody else comes: until the leader has joined again and assigned, there is nothing to sync or to commit into.
    told.submit("g", join("", b"\0\0"));
    assert_eq!(code_of(&told.submit("g", sync(&id, 1))), ErrorCode::RebalanceInProgress);
    assert_eq!(code_of(&told.submit("g", Command::Heartbeat(who(&id, 1)))), ErrorCode::RebalanceInProgress);
    told.submit("g", join(&id, b"\0\0"));
    assert_eq!(code_of(&told.submit("g", commit(who(&id, 2), 6, ""))), ErrorCode::RebalanceInProgress);
    let absent = told.submit("nowhere", Command::Heartbeat(who(&id, 1)));
    assert_eq!(code_of(&absent), ErrorCode::UnknownMemberId);
}

fn sync(member_id: &str, generation: i32) -> Command {
    Command::Sync(Sync { who: who(member_id, generation), ..Sync::default() })
}

/// A log of groups and offsets, each record in a batch of its own where `apart`, else all in one.
fn log(records: &[(Vec<u8>, Option<Vec<u8>>)], apart: bool) -> Vec<u8> {
    let batch = |records: &[(Vec<u8>, Option<Vec<u8>>)]| {
        let mut builder = Builder::new(Codec::None, None);
        records.iter().for_each(|(key, value)| builder.push(1, Some(key), value.as_deref(), &[]));
        builder.finish()
    };
    if apart { records.chunks(1).flat_map(batch).collect() } else { batch(records) }
}

#[test]
fn damaged_records_of_groups_are_left_out_and_counted() {
    let mut told = Told::with("");
    told.lonely("a");
    told.submit("b", commit(who("", -1), 7, "so far"));
    told.lonely("c");
    let good: Vec<_> = told.records.iter().map(Record::encode).collect();
    let mut dice = Dice::new(0x6b71_0004);
    let mut skipped = 0;
    for round in 0..ROUNDS {
        // Damaged copies between the good ones: the last word on each key is a good one, or that of another key.
        let mut records = good.clone();
        for _ in 0..=dice.below(3) {
            let (mut key, mut value) = good[dice.below(good.len())].clone();
            let other = &good[dice.below(good.len())].0;
            match value.as_mut().filter(|_| dice.below(2) == 0) {
                Some(value) => damage(&mut dice, value, other),
                None => damage(&mut dice, &mut key, other),
            }
            records.insert(dice.below(records.len() - good.len() + 1), (key, value));
        }
        let bytes = log(&records, round % 2 == 0);
        let mut shard = Shard::default();
        let (loaded, peak) = counting::peak(|| replay_batches(&mut shard, &bytes));
        let loaded = loaded.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(peak <= 64 * bytes.len() + (1 << 16), "round {round}: {peak} bytes of memory for {}", bytes.len());
        assert_eq!(loaded.skipped > 0, loaded.first.is_some());
        skipped += loaded.skipped;
        // Nothing of the rest is lost.
        let mut told = Told { shard, settings: told.settings.clone(), now: 2000, token: 0, records: Vec::new() };
        for group in ["a", "c"] {
            let replies = told.submit(group, Command::Describe);
            let [(_, Reply::Described(described))] = &replies[..] else { panic!("round {round}: {replies:?}") };
            assert_eq!((described.state, described.members.len()), ("Stable", 1), "round {round}: {group}");
        }
        let listed = told.shard.list().filter(|listed| ["a", "b", "c"].contains(&listed.id.as_str())).count();
        assert_eq!(listed, 3, "round {round}");
        told.work(|shard, cx, _| shard.loaded(cx));
        while let Some(at) = told.shard.deadline().filter(|at| *at < 1_000_000) {
            told.wake(at);
        }
    }
    assert!(skipped > ROUNDS as u64 / 4, "only {skipped} records could not be read: the damage is too mild");
}

#[test]
fn a_batch_that_does_not_unpack_costs_only_itself() {
    let mut told = Told::with("");
    told.submit("a", commit(who("", -1), 7, ""));
    told.submit("b", commit(who("", -1), 8, ""));
    let good: Vec<_> = told.records.iter().map(Record::encode).collect();
    let mut bytes = log(&good[..1], true);
    let at = bytes.len();
    bytes.extend(log(&good[..1], true));
    // The codec of the second batch is one that there is not.
    bytes[at + 22] |= 7;
    bytes.extend(log(&good[1..], true));
    let mut shard = Shard::default();
    let loaded = replay_batches(&mut shard, &bytes).expect("batches");
    assert_eq!((loaded.skipped, shard.kept().offsets), (1, 2), "{:?}", loaded.first);
    assert!(loaded.first.is_some_and(|first| first.starts_with("at offset 0: ")));
}
