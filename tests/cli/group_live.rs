//! Groups of the protocol of KIP-848, seen from outside while they live. Their members are the test itself: it says when they
//! are heard of, and what they do about it.

use crate::broker::{Broker, brokers};
use crate::group::{PATIENCE, command, fed, run};
use kq::api::Api;
use kq::api::consumer_group_heartbeat::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest, TopicPartitions};
use kq::api::offset_commit::{
    OffsetCommit, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kq::client::{Connection, Handshake, frame_length};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

const TOPIC: &str = "lively";
const GROUP: &str = "lively-group";
/// How long members wait before they are heard of again.
const BEAT: Duration = Duration::from_millis(50);

struct Member {
    stream: TcpStream,
    connection: Connection,
    id: &'static str,
    epoch: i32,
    owned: Vec<TopicPartitions>,
}

impl Member {
    /// Joins.
    fn enter(broker: &Broker, id: &'static str) -> Member {
        let stream = TcpStream::connect(&broker.address).expect("the broker listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut connection = Connection::new("cli-test", ("cli-test", "1"));
        let hello = connection.negotiate();
        let mut member = Member { stream, connection, id, epoch: 0, owned: Vec::new() };
        let answer = member.exchange(&hello);
        assert_eq!(member.connection.negotiated(answer), Ok(Handshake::Ready));
        member.beat();
        member
    }

    /// Is heard of, and does what it is told.
    fn beat(&mut self) {
        let joins = self.epoch == 0;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: self.id.into(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: if joins { 60_000 } else { -1 },
            subscribed_topic_names: joins.then(|| vec![TOPIC.into()]),
            topic_partitions: Some(self.owned.clone()),
            ..Default::default()
        };
        let (epoch, told) = self.call::<ConsumerGroupHeartbeat, _>(1, &request, |response| {
            assert_eq!(response.error_code, 0, "{:?}", response.error_message);
            (response.member_epoch, response.assignment.as_ref().map(|told| told.topic_partitions.clone()))
        });
        self.epoch = epoch;
        if let Some(told) = told {
            self.owned = told;
        }
    }

    fn leave(mut self) {
        self.epoch = -1;
        self.owned.clear();
        self.beat();
    }

    fn partitions(&self) -> usize {
        self.owned.iter().map(|topic| topic.partitions.len()).sum()
    }

    /// Commits an offset for each of these partitions.
    fn commit(&mut self, offsets: &[(i32, i64)]) {
        let partition = |&(partition_index, committed_offset): &(i32, i64)| OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            ..Default::default()
        };
        let partitions = offsets.iter().map(partition).collect();
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: self.epoch,
            member_id: self.id.into(),
            topics: vec![OffsetCommitRequestTopic { name: TOPIC.into(), partitions, ..Default::default() }],
            ..Default::default()
        };
        self.call::<OffsetCommit, _>(9, &request, |response| {
            assert!(response.topics[0].partitions.iter().all(|p| p.error_code == 0), "{response:?}");
        });
    }

    /// At most in this version: later ones name topics by their ids.
    fn call<A: Api, T>(
        &mut self,
        version_max: i16,
        request: &A::Request<'_>,
        look: impl FnOnce(&A::Response<'_>) -> T,
    ) -> T {
        let frame = self.connection.request_up_to::<A>(request, version_max).expect("a version that both speak");
        let frame = self.exchange(&frame);
        let answer = self.connection.answer::<A>(frame).expect("its answer");
        look(&answer.read().expect("it can be read"))
    }

    /// Sends a frame, and takes the one that answers it.
    fn exchange(&mut self, frame: &[u8]) -> Vec<u8> {
        self.stream.write_all(frame).expect("it is written");
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; frame_length(length).expect("a length")];
        self.stream.read_exact(&mut answer).expect("a whole answer");
        answer
    }
}

/// All are heard of until each has its number of partitions.
fn until(members: &mut [&mut Member], share: usize) {
    let deadline = Instant::now() + PATIENCE;
    while members.iter().any(|member| member.partitions() != share) {
        assert!(Instant::now() < deadline, "not all have {share} partitions");
        std::thread::sleep(BEAT);
        members.iter_mut().for_each(|member| member.beat());
    }
    // What they have taken is to be acknowledged.
    members.iter_mut().for_each(|member| member.beat());
}

#[test]
fn a_living_group_of_the_new_protocol() {
    for broker in brokers() {
        run(broker, "topic create lively -p 2 --wait -q");
        fed(broker, "console-producer -t lively -p 0 -q", "1\n2\n3\n");
        fed(broker, "console-producer -t lively -p 1 -q", "4\n");
        // Who looks for a coordinator makes sure that there is one.
        let nobody = command(broker, "group describe lively-group").output().expect("kq runs");
        assert_eq!(nobody.status.code(), Some(1));

        let mut one = Member::enter(broker, "m-one");
        until(&mut [&mut one], 2);
        one.commit(&[(0, 1)]);
        members_and_state(broker, &mut one);
        lag(broker, &mut one);
        a_second_one(broker, one);

        run(broker, "group delete lively-group -y -q");
        run(broker, "topic delete lively -y -q");
    }
}

fn members_and_state(broker: &Broker, one: &mut Member) {
    let row = format!("lively-group\tm-one\t\t/127.0.0.1\tcli-test\t2\t{}\tlively=0,1\t\tlively\n", one.epoch);
    assert_eq!(run(broker, "group describe lively-group --members -o tsv"), row, "{}", broker.name);
    let said = run(broker, "group describe lively-group --state -o tsv");
    let words: Vec<&str> = said.trim_end().split('\t').collect();
    let epoch = one.epoch.to_string();
    assert_eq!(words[2..], ["Consumer", "uniform", "Stable", "1", &epoch, &epoch], "{}", broker.name);
    let said = run(broker, "group describe lively-group -o tsv");
    let rows: Vec<&str> = said.lines().collect();
    assert!(
        rows[0].starts_with("lively-group\tlively\t0\t1\t3\t2\tm-one\t/127.0.0.1\tcli-test"),
        "{}: {said}",
        broker.name
    );
    assert!(rows[1].starts_with("lively-group\tlively\t1\t\t1\t\tm-one\t"), "{}: {said}", broker.name);
    let said = run(broker, "group list --type consumer -o tsv");
    assert!(said.lines().any(|line| line.starts_with("lively-group\tConsumer\t")), "{}: {said}", broker.name);
}

/// `--watch` shows the lag as it changes, until it is stopped or the lag is too large.
fn lag(broker: &Broker, one: &mut Member) {
    assert_eq!(
        run(broker, "group lag lively-group -o tsv"),
        "lively-group\tStable\t1\t2\t2\t2\t1\n",
        "{}",
        broker.name
    );
    let mut watch = command(broker, "group lag lively-group --watch --interval 100ms -o tsv");
    let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kq runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    let mut next = || lines.next().expect("it goes on").expect("text");
    assert_eq!(next(), "lively-group\tStable\t1\t2\t2\t2\t1");
    one.commit(&[(0, 3), (1, 1)]);
    while next() != "lively-group\tStable\t1\t2\t0\t0\t0" {}
    fed(broker, "console-producer -t lively -p 1 -q", "5\n6\n7\n8\n9\n");
    while next() != "lively-group\tStable\t1\t2\t5\t5\t0" {}
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{}", broker.name);

    let too_far = command(broker, "group lag lively-group --watch --interval 100ms --max-lag 4 -o tsv").output();
    let too_far = too_far.expect("kq runs");
    assert_eq!(too_far.status.code(), Some(10), "{}", broker.name);
    let near = run(broker, "group lag lively-group --max-lag 5 -o tsv");
    assert_eq!(near, "lively-group\tStable\t1\t2\t5\t5\t0\n", "{}", broker.name);
}

/// A second one waits for what the first has to give back; then each has its part.
fn a_second_one(broker: &Broker, mut one: Member) {
    let mut two = Member::enter(broker, "m-two");
    let deadline = Instant::now() + PATIENCE;
    let waits = loop {
        // The new target may be a second away (KIP-1263).
        two.beat();
        let said = run(broker, "group describe lively-group --members -o tsv");
        if said.contains("lively=0,1") && said.lines().filter(|row| row.contains("lively=")).count() == 2 {
            break said;
        }
        assert!(Instant::now() < deadline, "{}: {said}", broker.name);
        std::thread::sleep(BEAT);
    };
    let shares: Vec<&str> = waits.lines().filter_map(|row| row.split('\t').nth(5)).collect();
    assert_eq!(shares, ["2", "0"], "{}: {waits}", broker.name);
    until(&mut [&mut one, &mut two], 1);
    let said = run(broker, "group describe lively-group --members -o tsv");
    let shares: Vec<&str> = said.lines().filter_map(|row| row.split('\t').nth(5)).collect();
    assert_eq!(shares, ["1", "1"], "{}: {said}", broker.name);
    one.leave();
    two.leave();
    assert_eq!(run(broker, "group describe lively-group --members -o tsv -q"), "", "{}", broker.name);
}
