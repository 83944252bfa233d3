//! The teller: turns a story's lines into commands to one shard, and what comes of them into lines. Members have names;
//! their ids are the teller's business. All commands are to the group `g`.

use crate::config::{BrokerSettings, parse_properties};
use crate::error::ErrorCode;
use crate::group::command::*;
use crate::group::consumer::Heartbeat;
use crate::group::{Command, Cx, NO_OWN, Outcome, Record, Shard, Token, Topics};
use crate::types::{Millis, TopicId, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Topics `t` and `u`, four partitions each.
pub struct TwoTopics;

impl Topics for TwoTopics {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        self.partitions_of(name).map(|_| Uuid([name.as_bytes()[0]; 16]))
    }
    fn name_of(&self, id: TopicId) -> Option<&str> {
        ["t", "u"].into_iter().find(|name| self.id_of(name) == Some(id))
    }
    fn partitions_of(&self, name: &str) -> Option<i32> {
        matches!(name, "t" | "u").then_some(4)
    }
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(["t", "u"].into_iter())
    }
    fn version(&self) -> u64 {
        1
    }
}

/// One story in the telling.
pub struct Teller {
    settings: BrokerSettings,
    shard: Shard,
    now: Millis,
    token: Token,
    ids: BTreeMap<String, String>,
    /// Who asked, by token.
    asked: BTreeMap<Token, String>,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    out: String,
}

/// The words of a line: `name=value` pairs, and the rest.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn of(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
    fn number(&self, name: &str, default: i32) -> i32 {
        self.of(name).map_or(default, |text| text.parse().expect("a number"))
    }
}

impl Teller {
    /// A shard without groups, under settings that differ from the defaults by `properties`.
    pub fn new(properties: &str) -> Teller {
        let entries = parse_properties(properties).expect("properties");
        let (settings, _) = BrokerSettings::load(&entries).expect("settings");
        Teller {
            settings,
            shard: Shard::default(),
            now: 0,
            token: 0,
            ids: BTreeMap::new(),
            asked: BTreeMap::new(),
            log: Vec::new(),
            out: String::new(),
        }
    }

    /// Tells a story; returns what happened, line by line.
    pub fn tell(mut self, story: &str) -> String {
        for line in story.split(';').map(str::trim) {
            writeln!(self.out, "> {line}").unwrap();
            let mut words = line.split_whitespace();
            let verb = words.next().unwrap_or_default();
            let words = Words(words.collect());
            match verb {
                "time" => {
                    self.now = words.0[0].parse().expect("milliseconds");
                    self.decide(|shard, cx| shard.wake(cx));
                }
                "expire" => self.decide(|shard, cx| shard.expire(cx)),
                "forget" => self.decide(|shard, _| shard.forget_topic(words.0[0])),
                "restart" => self.restart(),
                "list" => {
                    for group in self.shard.list() {
                        writeln!(self.out, "{} {:?} {} {}", group.id, group.protocol_type, group.state, group.kind)
                            .unwrap();
                    }
                }
                _ => self.command(verb, &words),
            }
        }
        self.out
    }

    fn decide(&mut self, decide: impl FnOnce(&mut Shard, &Cx<'_>) -> Outcome) {
        let cx = Cx {
            now: self.now,
            settings: &self.settings.groups,
            own: NO_OWN,
            topics: &TwoTopics,
            fresh: Uuid([self.token as u8; 16]),
            record_bytes_max: 10_000,
        };
        let outcome = decide(&mut self.shard, &cx);
        for record in &outcome.records {
            let (key, value) = record.encode();
            let read = Record::decode(&key, value.as_deref()).expect("a record").expect("of a known type");
            assert_eq!(&read, record, "a record reads back");
            let line = self.record(record);
            writeln!(self.out, "record {line}").unwrap();
            self.log.push((key, value));
        }
        for (token, reply) in outcome.replies {
            let who = self.asked.remove(&token).expect("somebody asked, once");
            let line = self.reply(&who, reply);
            writeln!(self.out, "{who}: {line}").unwrap();
        }
    }

    /// The shard is gone; another one reads the log. Who waits is gone, too.
    fn restart(&mut self) {
        let waiting: Vec<Token> = self.shard.abandon();
        waiting.iter().for_each(|token| drop(self.asked.remove(token)));
        assert!(self.asked.is_empty(), "nobody else waits: {:?}", self.asked);
        self.shard = Shard::default();
        for (key, value) in &self.log {
            let record = Record::decode(key, value.as_deref()).expect("a record").expect("of a known type");
            self.shard.replay(&record);
        }
        self.decide(|shard, cx| shard.loaded(cx));
    }

    fn command(&mut self, verb: &str, words: &Words<'_>) {
        let name = words.0.first().copied().unwrap_or_default().to_owned();
        let who = Identity {
            member_id: words.of("id").map_or_else(|| self.id_of(&name), |name| self.id_of(name)),
            instance_id: words.of("static").map(str::to_owned),
            generation: words.number("gen", -1),
        };
        let list = |text: Option<&str>| -> Vec<(String, Vec<u8>)> {
            let pairs = text.unwrap_or_default().split(',').filter_map(|pair| pair.split_once(':'));
            // BIG is more than a record may hold.
            let bytes = |value: &str| if value == "BIG" { vec![b'x'; 10_001] } else { value.as_bytes().to_vec() };
            pairs.map(|(name, value)| (name.to_owned(), bytes(value))).collect()
        };
        let command = match verb {
            "join" => Command::Join(Join {
                member_id: who.member_id,
                instance_id: who.instance_id,
                client_id: name.clone(),
                client_host: "/h".to_owned(),
                session_timeout_ms: words.number("session", 10_000),
                rebalance_timeout_ms: words.number("rebalance", 60_000),
                protocol_type: words.of("type").unwrap_or("consumer").to_owned(),
                protocols: match words.of("knows") {
                    Some(known) => list(Some(known)),
                    None => vec![("range".to_owned(), subscription(words.of("reads").unwrap_or("t")))],
                },
                needs_member_id: words.number("v", 9) >= 4,
                may_skip_assignment: words.number("v", 9) >= 9,
            }),
            "sync" => Command::Sync(Sync {
                who,
                protocol_type: words.of("type").map(str::to_owned),
                protocol: words.of("protocol").map(str::to_owned),
                assignments: list(words.of("gives")).into_iter().map(|(to, what)| (self.id_of(&to), what)).collect(),
            }),
            "beat" => Command::Heartbeat(who),
            "leave" => Command::Leave(vec![Leaver { member_id: who.member_id, instance_id: who.instance_id }]),
            "commit" => {
                let at = |word: &&str| {
                    let (at, offset) = word.split_once('=')?;
                    let (topic, partition) = at.split_once('-')?;
                    let partition = partition.parse().ok()?;
                    let (offset, text) = offset.split_once('/').unwrap_or((offset, ""));
                    Some(CommitTopic {
                        name: topic.to_owned(),
                        id: TwoTopics.id_of(topic)?,
                        partitions: vec![(partition, offset.parse().ok()?, 7, text.to_owned())],
                    })
                };
                Command::Commit(Commit {
                    who,
                    retention_ms: words.number("keep", -1).into(),
                    version: words.number("v", 9) as i16,
                    topics: words.0.iter().filter_map(at).collect(),
                })
            }
            "consume" => {
                let member_epoch = words.number("epoch", 0);
                let joins = member_epoch == 0;
                let beat = Heartbeat {
                    member_id: name.clone(),
                    member_epoch,
                    rebalance_timeout_ms: if joins { 60_000 } else { -1 },
                    topic_names: joins.then(|| BTreeSet::from(["t".to_owned()])),
                    owned: joins.then(BTreeMap::new),
                    ..Heartbeat::default()
                };
                Command::Consume(Box::new(beat), 1)
            }
            "fetch" => Command::FetchOffsets(FetchOffsets { member_id: None, member_epoch: -1, topics: None }),
            "forget-offset" => Command::DeleteOffsets(vec![(name.clone(), vec![0])]),
            "describe" => Command::Describe,
            "delete" => Command::Delete,
            other => panic!("no such line: {other}"),
        };
        self.token += 1;
        let token = self.token;
        self.asked.insert(token, if name.is_empty() { "admin".to_owned() } else { name });
        self.decide(|shard, cx| shard.submit(cx, token, "g", command));
    }

    /// The id of a member; one that was never given any is meant as it is written.
    fn id_of(&self, name: &str) -> String {
        match name {
            "nobody" => String::new(),
            "stranger" => "stranger".to_owned(),
            name => self.ids.get(name).cloned().unwrap_or_default(),
        }
    }

    fn name_of(&self, id: &str) -> String {
        let known = self.ids.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| if id.is_empty() { "-".to_owned() } else { "?".to_owned() }, |(name, _)| name.clone())
    }

    fn reply(&mut self, who: &str, reply: Reply) -> String {
        match reply {
            Reply::Join(joined) => {
                if !joined.member_id.is_empty() {
                    self.ids.insert(who.to_owned(), joined.member_id.clone());
                }
                if !joined.code.is_none() {
                    return joined.code.name().to_owned();
                }
                let leader = self.name_of(&joined.leader);
                let members: Vec<String> = joined.members.iter().map(|m| self.name_of(&m.member_id)).collect();
                let skip = if joined.skip_assignment { " skip" } else { "" };
                let protocol = joined.protocol.unwrap_or_default();
                format!("joined {} by {protocol}, led by {leader} {members:?}{skip}", joined.generation)
            }
            Reply::Sync(synced) => format!("synced {:?}", String::from_utf8_lossy(&synced.assignment)),
            Reply::Leave(codes) | Reply::Committed(codes) | Reply::OffsetsDeleted(codes) => {
                codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(" ")
            }
            Reply::Offsets(topics) => {
                let mut line = String::from("offsets");
                for (topic, partitions) in topics {
                    for (partition, at) in partitions {
                        let at = at.expect("all that there are");
                        write!(line, " {topic}-{partition}={}/{}@{}", at.offset, at.metadata, at.leader_epoch).unwrap();
                    }
                }
                line
            }
            Reply::Described(group) => {
                let members: Vec<String> = group
                    .members
                    .iter()
                    .map(|m| format!("{} {:?}", self.name_of(&m.member_id), String::from_utf8_lossy(&m.assignment)))
                    .collect();
                format!("{} {:?} {:?} {members:?}", group.state, group.protocol_type, group.protocol)
            }
            Reply::Consuming(reply) => {
                let parts = reply.assignment.iter().flat_map(BTreeMap::values).map(BTreeSet::len).sum::<usize>();
                format!("epoch {}, {parts} partitions", reply.member_epoch)
            }
            Reply::Done => ErrorCode::None.name().to_owned(),
            Reply::Refused(refusal) => refusal.code.name().to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn record(&self, record: &Record<'_>) -> String {
        match record {
            Record::Offset(key, value) => {
                let value = value.as_ref().map_or("gone".to_owned(), |v| v.offset.to_string());
                format!("{}-{}={value}", key.topic, key.partition)
            }
            Record::Group(_, None) => "group is gone".to_owned(),
            Record::Group(_, Some(v)) => {
                let members: Vec<String> = v.members.iter().map(|m| self.name_of(&m.member_id)).collect();
                format!("group in {} {members:?}", v.generation)
            }
            Record::Consumer(..) => "of a consumer group".to_owned(),
        }
    }
}

/// A consumer's metadata, version 0.
fn subscription(topics: &str) -> Vec<u8> {
    let topics: Vec<&str> = topics.split(',').collect();
    let mut w = crate::wire::Writer::new();
    w.i16(0);
    w.i32(topics.len() as i32);
    for topic in topics {
        w.i16(topic.len() as i16);
        w.put(topic.as_bytes());
    }
    w.i32(-1);
    w.into_bytes()
}
