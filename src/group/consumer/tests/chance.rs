//! Twenty clients of both protocols, lost requests, lost answers, pauses, crashes, restarts of the coordinator, topics
//! that change; all from a seed. At no time do two clients read the same partition, and once it is quiet every
//! partition is read by one that asked for it.
//!
//! A client keeps to its protocol: it stops reading what it may not read before it says so, and it stops reading
//! everything when it has had no answer for as long as its session.

use super::TopicTable;
use super::teller::{settings, subscription};
use crate::config::{GroupSettings, MigrationPolicy};
use crate::error::ErrorCode;
use crate::group::command::{Identity, Join, Leaver, Reply, Sync};
use crate::group::consumer::member::{each_held, without_epochs};
use crate::group::consumer::record;
use crate::group::consumer::*;
use crate::group::{Alarm, Cx, NO_OWN, Refusal, Topics};
use crate::types::{Epoch, Millis, TopicId, Uuid};
use crate::wire::consumer_protocol::ConsumerProtocolAssignment;
use std::collections::{BTreeMap, BTreeSet};

const CLIENTS: usize = 20;
const STEPS: usize = 250;
const SESSION_MS: i64 = 20_000;
/// Longer than two sessions: a client that lost an answer learns within one that it shall give back, and may be silent
/// for another.
const REBALANCE_MS: i32 = 60_000;
/// A client is heard of at least so often while all is well.
const BEAT_MS: i64 = 4_000;
const TOPICS: [&str; 4] = ["a1", "a2", "b1", "b2"];

/// Chance from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Consumer,
    Cooperative,
    Eager,
}

/// What a classic client does next.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Next {
    Join,
    Sync,
    Beat,
}

#[derive(Clone, Debug)]
struct Client {
    kind: Kind,
    /// Nobody uses an id twice but who joins again.
    id: String,
    instance_id: Option<String>,
    is_on: bool,
    epoch: Epoch,
    names: BTreeSet<String>,
    regex: String,
    /// Whether the subscription has to be said again.
    is_news: bool,
    reads: Partitions,
    /// What it may read: it gives back first, and says what it owns with its next request.
    may_read: Partitions,
    owes_answer: bool,
    last_answer: Millis,
    next: Next,
}

struct World {
    seed: u64,
    chance: Chance,
    now: Millis,
    settings: GroupSettings,
    topics: TopicTable,
    next_topic: u8,
    next_id: usize,
    group: ConsumerGroup,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    alarms: BTreeSet<(Millis, Alarm)>,
    clients: Vec<Client>,
    quiet: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut settings = settings();
        settings.consumer.session_timeout_ms = SESSION_MS as i32;
        settings.consumer.migration_policy = MigrationPolicy::Upgrade;
        let mut world = World {
            seed,
            chance: Chance(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x848),
            now: 1_000_000,
            settings,
            topics: TopicTable::default(),
            next_topic: 0,
            next_id: 0,
            group: ConsumerGroup::new("g"),
            log: Vec::new(),
            alarms: BTreeSet::new(),
            clients: Vec::new(),
            quiet: false,
        };
        world.settings.consumer.assignment_interval_ms = if world.chance.one_in(2) { 1_000 } else { 0 };
        for name in TOPICS {
            world.make_topic(name);
        }
        for at in 0..CLIENTS {
            let kind = match world.chance.below(4) {
                0 => Kind::Cooperative,
                1 => Kind::Eager,
                _ => Kind::Consumer,
            };
            let client = Client {
                kind,
                id: String::new(),
                instance_id: world.chance.one_in(3).then(|| format!("i{at}")),
                is_on: false,
                epoch: 0,
                names: BTreeSet::new(),
                regex: String::new(),
                is_news: true,
                reads: Partitions::new(),
                may_read: Partitions::new(),
                owes_answer: false,
                last_answer: 0,
                next: Next::Join,
            };
            world.clients.push(client);
        }
        world
    }

    fn make_topic(&mut self, name: &str) {
        self.next_topic += 1;
        let partitions = 1 + self.chance.below(9) as i32;
        self.topics.put(name, Uuid([self.next_topic; 16]), partitions);
    }

    fn cx<'a>(now: Millis, settings: &'a GroupSettings, topics: &'a TopicTable) -> Cx<'a> {
        Cx { now, settings, own: NO_OWN, topics, fresh: Uuid::ZERO, record_bytes_max: 1 << 20 }
    }

    fn done<A>(&mut self, decision: Decision<A>) -> A {
        assert!(decision.reply.becomes.is_none(), "downgrades are off");
        for record in &decision.records {
            let (key, value) = record.encode("g");
            let again = record::decode(&key, value.as_deref()).expect("our bytes").expect("our type").1;
            self.group.replay(&again);
            self.log.push((key, value));
        }
        self.alarms.extend(decision.alarms);
        decision.reply.reply
    }

    fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some((at, alarm)) = self.alarms.first().cloned().filter(|(at, _)| *at <= end) {
            self.alarms.pop_first();
            self.now = self.now.max(at);
            self.give_up();
            let decision = self.group.alarm(&Self::cx(self.now, &self.settings, &self.topics), &alarm);
            self.done(decision);
        }
        self.now = end;
        self.give_up();
    }

    /// Whoever has had no answer for a session stops.
    fn give_up(&mut self) {
        for client in self.clients.iter_mut().filter(|client| client.is_on) {
            if self.now >= client.last_answer + SESSION_MS {
                client.start_over();
            }
        }
    }

    fn restart(&mut self) {
        self.group = ConsumerGroup::new("g");
        for (key, value) in &self.log {
            let record = record::decode(key, value.as_deref()).expect("our bytes").expect("our type").1;
            self.group.replay(&record);
        }
        self.alarms = self.group.loaded(&Self::cx(self.now, &self.settings, &self.topics)).into_iter().collect();
    }

    fn nobody_reads_what_another_reads(&self) {
        let mut seen: BTreeMap<(TopicId, i32), usize> = BTreeMap::new();
        for (at, client) in self.clients.iter().enumerate() {
            for (topic, partitions) in &client.reads {
                for partition in partitions {
                    if let Some(other) = seen.insert((*topic, *partition), at) {
                        panic!(
                            "seed {}: {topic}-{partition} is read by two\n{:#?}\n{client:#?}",
                            self.seed, self.clients[other]
                        );
                    }
                }
            }
        }
    }

    fn subscribe(&mut self, at: usize) {
        let (use_regex, names) = (self.chance.one_in(3), self.chance.below(1 << TOPICS.len()));
        let client = &mut self.clients[at];
        client.names.clear();
        client.regex.clear();
        client.is_news = true;
        if use_regex && client.kind == Kind::Consumer {
            client.regex = ["a.*", "b[0-9]", ".*"][names % 3].to_owned();
        } else {
            let wanted = TOPICS.iter().enumerate().filter(|(bit, _)| names & 1 << bit != 0);
            client.names = wanted.map(|(_, name)| (*name).to_owned()).collect();
        }
    }

    fn switch_on(&mut self, at: usize) {
        self.subscribe(at);
        self.next_id += 1;
        let client = &mut self.clients[at];
        client.id = format!("m{}", self.next_id);
        client.is_on = true;
        client.start_over();
        client.last_answer = self.now;
    }

    /// One client does what its protocol asks of it.
    fn act(&mut self, at: usize) {
        let client = self.clients[at].clone();
        match client.kind {
            Kind::Consumer => self.act_consumer(at, client),
            _ => self.act_classic(at, client),
        }
    }

    fn lost(&mut self) -> bool {
        !self.quiet && self.chance.one_in(12)
    }

    fn act_consumer(&mut self, at: usize, mut client: Client) {
        // It stops reading before it says so.
        client.reads = client.may_read.clone();
        self.clients[at].reads = client.reads.clone();
        let joins = client.epoch == JOIN_EPOCH;
        let is_full = joins || client.owes_answer || client.is_news;
        let request = Heartbeat {
            member_id: client.id.clone(),
            member_epoch: client.epoch,
            instance_id: client.instance_id.clone(),
            rebalance_timeout_ms: if is_full { REBALANCE_MS } else { -1 },
            topic_names: is_full.then(|| client.names.clone()),
            topic_regex: is_full.then(|| client.regex.clone()),
            owned: Some(client.reads.clone()),
            client_id: "c".to_owned(),
            ..Heartbeat::default()
        };
        if self.lost() {
            return self.clients[at].owes_answer = true;
        }
        let cx = Self::cx(self.now, &self.settings, &self.topics);
        check_heartbeat(&cx, 1, "g", &request).expect("a good request");
        let result = self.group.heartbeat(&cx, &request).map(|decision| self.done(decision));
        if self.lost() {
            return self.clients[at].owes_answer = true;
        }
        let client = &mut self.clients[at];
        client.owes_answer = false;
        match result {
            Ok(reply) => {
                client.last_answer = self.now;
                client.is_news = false;
                client.epoch = reply.member_epoch;
                if let Some(assignment) = reply.assignment {
                    // What is new is read at once, what is gone until the next heartbeat at the latest.
                    client.may_read = assignment.clone();
                    for (topic, partitions) in assignment {
                        client.reads.entry(topic).or_default().extend(partitions);
                    }
                }
            }
            Err(refusal) => self.refused(at, refusal),
        }
    }

    fn act_classic(&mut self, at: usize, mut client: Client) {
        let is_quiet_loss = self.lost();
        let cx = Self::cx(self.now, &self.settings, &self.topics);
        match client.next {
            Next::Join => {
                client.reads = match client.kind {
                    Kind::Eager => Partitions::new(),
                    _ => client.may_read.clone(),
                };
                client.may_read = client.reads.clone();
                self.clients[at] = client.clone();
                if is_quiet_loss {
                    return;
                }
                let names = client.names.iter().cloned().collect::<Vec<_>>().join(",");
                let join = Join {
                    // A static client that starts has no id: the coordinator finds the one before by its name.
                    member_id: match client.epoch {
                        0 if client.instance_id.is_some() => String::new(),
                        _ => client.id.clone(),
                    },
                    instance_id: client.instance_id.clone(),
                    session_timeout_ms: SESSION_MS as i32,
                    rebalance_timeout_ms: REBALANCE_MS,
                    protocol_type: "consumer".to_owned(),
                    protocols: vec![("p".to_owned(), subscription(&names, &client.reads, &self.topics))],
                    ..Join::default()
                };
                self.next_id += 1;
                let cx = Cx { fresh: Uuid((self.next_id as u128 + (1 << 100)).to_be_bytes()), ..cx };
                let result = self.group.join(&cx, &join).map(|decision| self.done(decision));
                if self.lost() {
                    return;
                }
                match result {
                    Err(refusal) => self.refused(at, refusal),
                    Ok(reply) => {
                        let client = &mut self.clients[at];
                        client.last_answer = self.now;
                        (client.id, client.epoch, client.next) = (reply.member_id, reply.generation, Next::Sync);
                    }
                }
            }
            Next::Sync => {
                let (member_id, instance_id) = (client.id.clone(), client.instance_id.clone());
                let who = Identity { member_id, instance_id, generation: client.epoch };
                let sync = Sync { who, ..Sync::default() };
                if is_quiet_loss {
                    return;
                }
                let result = self.group.sync(&cx, &sync).map(|decision| self.done(decision));
                if self.lost() {
                    return;
                }
                match result {
                    Err(refusal) => self.refused(at, refusal),
                    Ok(Reply::Refused(_)) => self.clients[at].next = Next::Join,
                    Ok(Reply::Sync(reply)) => {
                        let (_, given) = ConsumerProtocolAssignment::from_bytes(&reply.assignment).expect("our bytes");
                        let given = convert::by_id(convert::assigned(&given), &self.topics);
                        let client = &mut self.clients[at];
                        client.last_answer = self.now;
                        client.may_read = given.clone();
                        client.next = Next::Beat;
                        for (topic, partitions) in given {
                            client.reads.entry(topic).or_default().extend(partitions);
                        }
                    }
                    Ok(other) => panic!("no answer to a sync: {other:?}"),
                }
            }
            Next::Beat => {
                self.clients[at].reads = client.may_read.clone();
                if client.is_news {
                    self.clients[at].is_news = false;
                    self.clients[at].next = Next::Join;
                    return;
                }
                if is_quiet_loss {
                    return;
                }
                let (member_id, instance_id) = (client.id.clone(), client.instance_id.clone());
                let beat = Identity { member_id, instance_id, generation: client.epoch };
                let result = self.group.classic_heartbeat(&cx, &beat).map(|decision| self.done(decision));
                if self.lost() {
                    return;
                }
                match result {
                    Err(refusal) => self.refused(at, refusal),
                    Ok(error) => {
                        self.clients[at].last_answer = self.now;
                        if error == ErrorCode::RebalanceInProgress {
                            self.clients[at].next = Next::Join;
                        }
                    }
                }
            }
        }
    }

    fn refused(&mut self, at: usize, refusal: Refusal) {
        let client = &mut self.clients[at];
        match refusal.code {
            // Somebody else has its name: it is fenced for good.
            ErrorCode::FencedInstanceId => client.switch_off(),
            ErrorCode::UnreleasedInstanceId => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::IllegalGeneration => {
                client.start_over();
            }
            other => panic!("seed {}: {other:?} {:?}", self.seed, refusal.message),
        }
    }

    fn leave(&mut self, at: usize, for_good: bool) {
        let client = self.clients[at].clone();
        self.clients[at].switch_off();
        if self.lost() {
            return;
        }
        let cx = Self::cx(self.now, &self.settings, &self.topics);
        if client.kind == Kind::Consumer {
            let epoch = if for_good || client.instance_id.is_none() { LEAVE_EPOCH } else { STATIC_LEAVE_EPOCH };
            let request = Heartbeat {
                member_id: client.id,
                member_epoch: epoch,
                instance_id: client.instance_id,
                rebalance_timeout_ms: -1,
                ..Heartbeat::default()
            };
            if let Ok(decision) = self.group.heartbeat(&cx, &request) {
                self.done(decision);
            }
        } else if for_good || client.instance_id.is_none() {
            let leaver = Leaver { member_id: client.id, instance_id: client.instance_id };
            let decision = self.group.leave(&cx, &[leaver]);
            self.done(decision);
        }
    }

    fn step(&mut self) {
        let at = self.chance.below(CLIENTS);
        let is_on = self.clients[at].is_on;
        match self.chance.below(40) {
            0 if is_on => self.leave(at, true),
            1 if is_on => self.leave(at, false),
            // A crash.
            2 if is_on => self.clients[at].switch_off(),
            // A pause of the whole process.
            3 => {
                let ms = self.chance.below(SESSION_MS as usize) as i64;
                self.pass(ms);
            }
            4 if is_on => self.subscribe(at),
            5 => self.restart(),
            6 if self.chance.one_in(3) => {
                let name = TOPICS[self.chance.below(TOPICS.len())];
                match (self.topics.id_of(name), self.topics.partitions_of(name)) {
                    (Some(id), Some(partitions)) if partitions < 16 => self.topics.put(name, id, partitions + 1),
                    (Some(_), _) => self.topics.remove(name),
                    _ => self.make_topic(name),
                }
            }
            7..=14 if !is_on => self.switch_on(at),
            _ if is_on => self.act(at),
            _ => {}
        }
        self.nobody_reads_what_another_reads();
        let ms = self.chance.below(400) as i64;
        self.pass(ms);
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.nobody_reads_what_another_reads();
        }
        self.be_quiet();
        let group = self.group.clone();
        self.restart();
        assert!(self.group.state == group.state, "seed {}: the log makes another state", self.seed);
    }

    /// Everybody who is on does its part for a while, and nothing is lost.
    fn be_quiet(&mut self) {
        self.quiet = true;
        for _ in 0..60 {
            for at in 0..CLIENTS {
                if self.clients[at].is_on {
                    self.act(at);
                }
                self.nobody_reads_what_another_reads();
            }
            self.pass(BEAT_MS);
        }
        let on: Vec<&Client> = self.clients.iter().filter(|client| client.is_on).collect();
        assert_eq!(self.group.size(), on.len(), "seed {}: members", self.seed);
        if on.is_empty() {
            return assert_eq!(self.group.group_state(), GroupState::Empty);
        }
        assert_eq!(self.group.group_state(), GroupState::Stable, "seed {}: {:#?}", self.seed, self.group.state);
        let mut read = BTreeSet::new();
        for client in &on {
            let held = &self.group.state.members[&client.id].assigned;
            let there = without_epochs(held).into_iter().filter(|(id, _)| self.topics.name_of(*id).is_some());
            assert_eq!(client.reads, there.collect(), "seed {}: {client:#?}", self.seed);
            for (topic, _) in each_held(held) {
                let name = self.topics.name_of(topic).unwrap_or("gone");
                assert!(client.wants(name), "seed {}: {name} was not asked for", self.seed);
            }
            read.extend(each_held(held));
        }
        for name in TOPICS {
            let wanted = on.iter().any(|client| client.wants(name));
            if let (true, Some(id), Some(partitions)) =
                (wanted, self.topics.id_of(name), self.topics.partitions_of(name))
            {
                for partition in 0..partitions {
                    assert!(read.contains(&(id, partition)), "seed {}: nobody reads {name}-{partition}", self.seed);
                }
            }
        }
    }
}

impl Client {
    fn start_over(&mut self) {
        self.epoch = 0;
        self.is_news = self.kind == Kind::Consumer;
        self.owes_answer = false;
        self.reads.clear();
        self.may_read.clear();
        self.next = Next::Join;
    }

    fn switch_off(&mut self) {
        self.start_over();
        self.is_on = false;
    }

    fn wants(&self, name: &str) -> bool {
        self.names.contains(name)
            || match self.regex.as_str() {
                "a.*" => name.starts_with('a'),
                "b[0-9]" => name.starts_with('b'),
                other => other == ".*",
            }
    }
}

/// Seeds in one run of this test alone; the suite's simulator runs more with a node around the group.
const SEEDS: u64 = 400;

#[test]
fn no_partition_has_two_readers_and_none_is_forgotten() {
    for seed in 0..SEEDS {
        World::new(seed).run();
    }
}
