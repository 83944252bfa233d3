//! Tells a story to one group: commands go in one by one, what comes of them is written down. Every record passes
//! through its bytes, and after every command the log alone must make the same state.

use super::TopicTable;
use crate::config::{GroupSettings, MigrationPolicy, table};
use crate::group::classic::{self, ClassicGroup};
use crate::group::command::{Identity, Join, Leaver, Reply, Sync};
use crate::group::consumer::record::{self, Current};
use crate::group::consumer::state::State;
use crate::group::consumer::*;
use crate::group::{Alarm, Cx, NO_OWN, Refusal, Topics};
use crate::types::{Epoch, Millis, TopicId, Uuid};
use crate::wire::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, OwnedPartitions};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// One record's bytes.
type Line = (Vec<u8>, Option<Vec<u8>>);

/// What a client remembers.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub epoch: Epoch,
    pub assignment: Partitions,
    pub instance_id: Option<String>,
}

pub struct Teller {
    pub now: Millis,
    pub settings: GroupSettings,
    pub topics: TopicTable,
    pub group: ConsumerGroup,
    pub clients: BTreeMap<String, Client>,
    log: Vec<Line>,
    alarms: BTreeSet<(Millis, Alarm)>,
    fresh: u8,
    out: String,
}

/// Kafka's defaults, but for the pause between two assignments: stories would be all about waiting.
pub fn settings() -> GroupSettings {
    let default = |name: &str| table::find(name).and_then(|setting| setting.default).unwrap_or_default();
    let mut settings = GroupSettings::read(default).expect("the defaults are good");
    settings.consumer.assignment_interval_ms = 0;
    settings
}

impl Default for Teller {
    fn default() -> Teller {
        Teller {
            now: 1_000_000,
            settings: settings(),
            topics: TopicTable::default(),
            group: counted_from_zero(),
            clients: BTreeMap::new(),
            log: Vec::new(),
            alarms: BTreeSet::new(),
            fresh: 0,
            out: String::new(),
        }
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|word| !word.is_empty())
}

/// A subscription of the embedded protocol.
pub fn subscription(topics: &str, owned: &Partitions, table: &TopicTable) -> Vec<u8> {
    let said = ConsumerProtocolSubscription {
        topics: words(topics).map(Into::into).collect(),
        owned_partitions: owned
            .iter()
            .filter_map(|(id, of)| {
                let partitions = of.iter().copied().collect();
                Some(OwnedPartitions { topic: table.name_of(*id)?.into(), partitions })
            })
            .collect(),
        ..Default::default()
    };
    said.to_bytes(1)
}

impl Teller {
    pub fn tell(mut self, story: &str) -> String {
        for line in story.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            let _ = writeln!(self.out, "> {line}");
            self.command(line);
            self.log_makes_the_same_state();
        }
        self.out
    }

    fn say(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    fn command(&mut self, line: &str) {
        let mut parts = line.split_whitespace();
        let verb = parts.next().unwrap_or_default();
        let (mut args, mut options) = (Vec::new(), BTreeMap::new());
        for part in parts {
            match part.split_once('=') {
                Some((name, value)) => drop(options.insert(name, value)),
                None => args.push(part),
            }
        }
        let arg = |at: usize| args.get(at).copied().unwrap_or_default();
        let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("{line}: a number"));
        match verb {
            "topic" => {
                let id = self.topics.id_of(arg(0)).unwrap_or(Uuid([arg(0).as_bytes()[0]; 16]));
                self.topics.put(arg(0), id, number(arg(1)) as i32);
            }
            "untopic" => self.topics.remove(arg(0)),
            "set" => self.set(&options),
            "wait" => self.wait(number(arg(0))),
            "join" | "beat" | "leave" | "away" => {
                let request = self.heartbeat(verb, arg(0), arg(1), &options);
                let version = options.get("version").map_or(1, |text| number(text) as i16);
                self.heard(version, &request);
            }
            "cjoin" => self.classic_join(arg(0), arg(1), &options),
            "csync" => self.classic_sync(arg(0), &options),
            "cbeat" => self.classic_beat(arg(0), &options),
            "cleave" => self.classic_leave(arg(0), &options),
            "classic" => self.upgrade(arg(0), &args[1..]),
            "commit" => self.commit(arg(0), arg(1), &options),
            "fetch" => {
                let epoch = options.get("epoch").map_or(-1, |text| number(text) as i32);
                let id = Some(arg(0)).filter(|id| !id.is_empty());
                self.say_check(self.group.check_fetch(id, epoch));
            }
            "delete" => match self.group.check_delete() {
                Err(refusal) => self.say_check(Err(refusal)),
                Ok(()) => self.take(&self.group.tombstones(), &[]),
            },
            "describe" => self.describe(),
            "restart" => {
                self.group = counted_from_zero();
                for (key, value) in &self.log {
                    self.group.replay(&decode(key, value.as_deref()));
                }
                let alarms = self.group.loaded(&Self::cx(self.now, &self.settings, &self.topics, 0));
                self.alarms = alarms.into_iter().collect();
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn set(&mut self, options: &BTreeMap<&str, &str>) {
        let consumer = &mut self.settings.consumer;
        for (name, value) in options {
            let number = || value.parse().expect("a number");
            match *name {
                "size" => consumer.max_size = number(),
                "session" => consumer.session_timeout_ms = number(),
                "interval" => consumer.assignment_interval_ms = number(),
                "assignors" => consumer.assignors = words(value).map(str::to_owned).collect(),
                "migration" => {
                    consumer.migration_policy = match *value {
                        "disabled" => MigrationPolicy::Disabled,
                        "upgrade" => MigrationPolicy::Upgrade,
                        "downgrade" => MigrationPolicy::Downgrade,
                        _ => MigrationPolicy::Bidirectional,
                    }
                }
                other => panic!("no such setting: {other}"),
            }
        }
    }

    pub fn cx<'a>(now: Millis, settings: &'a GroupSettings, topics: &'a TopicTable, fresh: u8) -> Cx<'a> {
        Cx { now, settings, own: NO_OWN, topics, fresh: Uuid([fresh; 16]), record_bytes_max: 1 << 20 }
    }

    /// Time passes, and every alarm goes off when it should.
    pub fn wait(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some((at, alarm)) = self.alarms.first().cloned().filter(|(at, _)| *at <= end) {
            self.alarms.pop_first();
            self.now = self.now.max(at);
            let decision = self.group.alarm(&Self::cx(self.now, &self.settings, &self.topics, 0), &alarm);
            if !decision.records.is_empty() {
                let text = format!("at {}: {alarm:?} is due", self.now - 1_000_000);
                self.say(&text);
            }
            self.done(&decision);
        }
        self.now = end;
    }

    pub fn heartbeat(&self, verb: &str, id: &str, topics: &str, options: &BTreeMap<&str, &str>) -> Heartbeat {
        let client = self.clients.get(id).cloned().unwrap_or_default();
        let joins = verb == "join";
        let owned = match options.get("owned") {
            Some(&"all") => Some(client.assignment.clone()),
            Some(list) => Some(self.partitions(list)),
            None => joins.then(Partitions::new),
        };
        let epoch = match verb {
            "join" => JOIN_EPOCH,
            "leave" => LEAVE_EPOCH,
            "away" => STATIC_LEAVE_EPOCH,
            _ => client.epoch,
        };
        let text = |name: &str| options.get(name).map(|text| (*text).to_owned());
        let regex = text("regex");
        let instance_id = text("instance").or(client.instance_id.filter(|_| !joins));
        Heartbeat {
            member_id: text("id").unwrap_or(id.to_owned()),
            member_epoch: text("epoch").map_or(epoch, |text| text.parse().expect("an epoch")),
            instance_id,
            rack_id: text("rack"),
            rebalance_timeout_ms: text("timeout")
                .map_or(if joins { 10_000 } else { -1 }, |text| text.parse().expect("a timeout")),
            topic_names: (joins && regex.is_none() || !topics.is_empty())
                .then(|| words(topics).filter(|name| *name != "none").map(str::to_owned).collect()),
            topic_regex: regex,
            assignor: text("assignor"),
            owned,
            client_id: format!("client-{id}"),
            client_host: "/127.0.0.1".to_owned(),
        }
    }

    /// Sends a heartbeat, replays what comes of it and lets the client take the answer.
    pub fn heard(&mut self, version: i16, request: &Heartbeat) -> Option<HeartbeatReply> {
        let cx = Self::cx(self.now, &self.settings, &self.topics, 0);
        let decided = check_heartbeat(&cx, version, "g", request).and_then(|()| {
            let before = self.group.state.clone();
            let decided = self.group.heartbeat(&cx, request);
            assert!(self.group.state == before, "a decision has touched the state");
            decided
        });
        let decision = match decided {
            Ok(decision) => decision,
            Err(refusal) => {
                self.say_check(Err(refusal));
                return None;
            }
        };
        let reply = decision.reply.reply.clone();
        let client = self.clients.entry(request.member_id.clone()).or_default();
        client.epoch = reply.member_epoch;
        client.instance_id.clone_from(&request.instance_id);
        let mut text = format!("epoch {}", reply.member_epoch);
        if let Some(assignment) = &reply.assignment {
            client.assignment.clone_from(assignment);
            text += &format!(", may read {}", self.show(assignment));
        }
        self.done(&decision);
        self.say(&text);
        Some(reply)
    }

    fn done<A>(&mut self, decision: &Decision<A>) {
        self.take(&decision.records, &decision.alarms);
        if let Some(classic) = &decision.reply.becomes {
            let protocol = classic.protocol().unwrap_or_default();
            let mut text = format!("becomes a classic group: generation {}, {protocol}", classic.generation());
            text += if classic.needs_rebalance() { ", to be rebalanced" } else { "" };
            for (id, member) in classic.members() {
                text += &format!("\n  {id} {}", self.show_bytes(&member.assignment));
            }
            self.say(&text);
            assert!(decision.records.last().is_some_and(Record::ends_group), "it goes on as another group");
            self.group = counted_from_zero();
        }
    }

    fn take(&mut self, records: &[Record], alarms: &[(Millis, Alarm)]) {
        self.alarms.extend(alarms.iter().cloned());
        for record in records {
            let text = self.show_record(record);
            self.say(&text);
            let (key, value) = record.encode("g");
            let again = decode(&key, value.as_deref());
            self.group.replay(&again);
            self.log.push((key, value));
        }
    }

    pub fn log_makes_the_same_state(&self) {
        let mut again = counted_from_zero();
        for (key, value) in &self.log {
            again.replay(&decode(key, value.as_deref()));
        }
        let (again, state) = (&again.state, &self.group.state);
        // What is left of a group that has ended is dropped with it.
        let ended = *state == counted_from_zero().state && *again == State::default();
        assert!(again == state || ended, "the log makes another state: {again:#?}\n{state:#?}");
    }

    fn say_check(&mut self, result: Result<(), Refusal>) {
        match result {
            Ok(()) => self.say("yes"),
            Err(refusal) => {
                let text = format!("{}: {}", refusal.code.name(), refusal.message.unwrap_or_default());
                self.say(text.trim_end_matches(": "));
            }
        }
    }

    fn classic_join(&mut self, id: &str, topics: &str, options: &BTreeMap<&str, &str>) {
        let client = self.clients.get(id).cloned().unwrap_or_default();
        let owned = options.get("owned").map_or(client.assignment.clone(), |list| self.partitions(list));
        let bytes = match options.get("bytes") {
            Some(text) => text.as_bytes().to_vec(),
            None => subscription(topics, &owned, &self.topics),
        };
        let protocols = words(options.get("protocols").copied().unwrap_or("range"));
        let text = |name: &str| options.get(name).map(|text| (*text).to_owned());
        self.fresh += 1;
        let join = Join {
            member_id: text("id").unwrap_or(id.to_owned()),
            instance_id: text("instance"),
            client_id: format!("client-{id}"),
            client_host: "/127.0.0.1".to_owned(),
            session_timeout_ms: 6_000,
            rebalance_timeout_ms: 9_000,
            protocol_type: text("type").unwrap_or("consumer".to_owned()),
            protocols: protocols.map(|name| (name.to_owned(), bytes.clone())).collect(),
            needs_member_id: options.contains_key("version"),
            may_skip_assignment: false,
        };
        let decided = self.group.join(&Self::cx(self.now, &self.settings, &self.topics, self.fresh), &join);
        match decided {
            Err(refusal) => self.say_check(Err(refusal)),
            Ok(decision) => {
                let reply = decision.reply.reply.clone();
                self.done(&decision);
                let mut text = format!("generation {}, {}", reply.generation, reply.protocol.unwrap_or_default());
                if !reply.code.is_none() {
                    text = reply.code.name().to_owned();
                }
                if reply.member_id != id {
                    text += &format!(", id {}", reply.member_id);
                }
                self.say(&text);
                let client = self.clients.entry(id.to_owned()).or_default();
                (client.epoch, client.instance_id) = (reply.generation, join.instance_id);
            }
        }
    }

    fn classic_sync(&mut self, id: &str, options: &BTreeMap<&str, &str>) {
        let client = self.clients.get(id).cloned().unwrap_or_default();
        let text = |name: &str| options.get(name).map(|text| (*text).to_owned());
        let who = Identity {
            member_id: id.to_owned(),
            instance_id: text("instance").or(client.instance_id),
            generation: text("epoch").map_or(client.epoch, |text| text.parse().expect("an epoch")),
        };
        let sync = Sync { who, protocol_type: text("type"), protocol: text("protocol"), assignments: Vec::new() };
        match self.group.sync(&Self::cx(self.now, &self.settings, &self.topics, 0), &sync) {
            Err(refusal) => self.say_check(Err(refusal)),
            Ok(decision) => {
                self.done(&decision);
                let reply = match decision.reply.reply {
                    Reply::Sync(reply) => reply,
                    Reply::Refused(refusal) => return self.say(refusal.code.name()),
                    other => panic!("no answer to a sync: {other:?}"),
                };
                let text = format!("may read {}", self.show_bytes(&reply.assignment));
                self.say(&text);
                let (_, given) = ConsumerProtocolAssignment::from_bytes(&reply.assignment).expect("our own bytes");
                let given = convert::by_id(convert::assigned(&given), &self.topics);
                self.clients.entry(id.to_owned()).or_default().assignment = given;
            }
        }
    }

    fn classic_beat(&mut self, id: &str, options: &BTreeMap<&str, &str>) {
        let client = self.clients.get(id).cloned().unwrap_or_default();
        let epoch = options.get("epoch").map_or(client.epoch, |text| text.parse().expect("an epoch"));
        let instance_id = options.get("instance").map(|text| (*text).to_owned()).or(client.instance_id);
        let beat = Identity { member_id: id.to_owned(), instance_id, generation: epoch };
        match self.group.classic_heartbeat(&Self::cx(self.now, &self.settings, &self.topics, 0), &beat) {
            Err(refusal) => self.say_check(Err(refusal)),
            Ok(decision) => {
                self.done(&decision);
                self.say(decision.reply.reply.name());
            }
        }
    }

    fn classic_leave(&mut self, ids: &str, options: &BTreeMap<&str, &str>) {
        let instance_id = options.get("instance").map(|text| (*text).to_owned());
        let mut leavers: Vec<Leaver> =
            words(ids).map(|id| Leaver { member_id: id.to_owned(), instance_id: instance_id.clone() }).collect();
        if leavers.is_empty() {
            leavers.push(Leaver { member_id: String::new(), instance_id });
        }
        let decision = self.group.leave(&Self::cx(self.now, &self.settings, &self.topics, 0), &leavers);
        self.done(&decision);
        let left = leavers.iter().zip(&decision.reply.reply);
        let left = left.map(|(leaver, code)| format!("{} {}", leaver.member_id, code.name()));
        let text = left.collect::<Vec<_>>().join(", ");
        self.say(text.trim());
    }

    /// `classic GENERATION member:topics:partitions:instance:owned …`: a classic group is upgraded.
    fn upgrade(&mut self, generation: &str, members: &[&str]) {
        let members = members.iter().map(|text| {
            let mut fields = text.split(':');
            let (id, topics) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let target = self.partitions(fields.next().unwrap_or_default());
            let mut member = classic::Member::new(format!("client-{id}"), "/127.0.0.1".to_owned(), 6_000, 9_000);
            member.instance_id = fields.next().filter(|name| *name != "-").map(str::to_owned);
            let owned = fields.next().map_or(target.clone(), |list| self.partitions(list));
            let said = subscription(topics, &owned, &self.topics);
            member.protocols = vec![("range".to_owned(), said)];
            member.assignment = convert::assignment_bytes(&target, &self.topics, 1);
            (id.into(), member)
        });
        let generation = generation.parse().expect("a generation");
        let classic = ClassicGroup::of_members("g".into(), self.now, generation, "range".to_owned(), members).settled();
        let cx = Self::cx(self.now, &self.settings, &self.topics, 0);
        match upgrade(&cx, "g", &classic) {
            Err(refusal) => self.say_check(Err(refusal)),
            Ok(records) => {
                self.take(&records, &[]);
                let alarms = self.group.loaded(&Self::cx(self.now, &self.settings, &self.topics, 0));
                self.alarms.extend(alarms);
                for (id, member) in classic.members() {
                    let client = Client {
                        epoch: generation,
                        assignment: self.group.state.target(id).clone(),
                        instance_id: member.instance_id.clone(),
                    };
                    self.clients.insert(id.to_string(), client);
                }
            }
        }
    }

    fn commit(&mut self, id: &str, partition: &str, options: &BTreeMap<&str, &str>) {
        let known = self.clients.get(id).map_or(-1, |client| client.epoch);
        let committer = Committer {
            member_id: id.trim_matches('-'),
            instance_id: None,
            epoch: options.get("epoch").map_or(known, |text| text.parse().expect("an epoch")),
            version: match options.get("version") {
                Some(&"txn") => None,
                Some(text) => text.parse().ok(),
                None => Some(9),
            },
        };
        let result = self.group.check_commit(&committer).and_then(|check| {
            let (name, index) = partition.split_once('-').expect("topic-partition");
            let id = self.topics.id_of(name).unwrap_or_default();
            check.partition(name, id, index.parse().expect("a partition"))
        });
        self.say_check(result);
    }

    fn describe(&mut self) {
        let told = self.group.describe(&Self::cx(self.now, &self.settings, &self.topics, 0));
        let mut text = format!(
            "{}, epoch {}, assignment of {}, {}",
            told.state,
            told.group_epoch,
            told.assignment_epoch,
            told.assignor.name()
        );
        for member in &told.members {
            let kind = if member.is_classic { " classic" } else { "" };
            let wants = match member.topic_regex.as_str() {
                "" => member.topic_names.join(","),
                regex => format!("/{regex}/"),
            };
            let (has, shall) = (self.show(&member.assignment), self.show(&member.target));
            text +=
                &format!("\n  {}{kind} epoch {} wants {wants}, has {has}, shall have {shall}", member.id, member.epoch);
        }
        self.say(&text);
    }

    /// `t-0,t-1` by topic id.
    fn partitions(&self, list: &str) -> Partitions {
        let mut all = Partitions::new();
        for (name, index) in words(list).filter_map(|word| word.split_once('-')) {
            let id = self.topics.id_of(name).unwrap_or(Uuid([name.as_bytes()[0]; 16]));
            all.entry(id).or_default().insert(index.parse().expect("a partition"));
        }
        all
    }

    fn name(&self, id: TopicId) -> String {
        self.topics.name_of(id).map_or_else(|| format!("({})", id.0[0] as char), str::to_owned)
    }

    fn show(&self, partitions: &Partitions) -> String {
        let of = |(id, partitions): (&TopicId, &BTreeSet<i32>)| {
            let list: Vec<String> = partitions.iter().map(i32::to_string).collect();
            format!("{}[{}]", self.name(*id), list.join(" "))
        };
        let text = partitions.iter().map(of).collect::<Vec<_>>().join(" ");
        if text.is_empty() { "nothing".to_owned() } else { text }
    }

    fn show_bytes(&self, assignment: &[u8]) -> String {
        let (_, given) = ConsumerProtocolAssignment::from_bytes(assignment).expect("our own bytes");
        self.show(&convert::by_id(convert::assigned(&given), &self.topics))
    }

    fn show_current(&self, current: &Current) -> String {
        let held = |held: &member::Held| {
            let each = member::each_held(held)
                .map(|(topic, partition)| format!("{}-{partition}@{}", self.name(topic), held[&topic][&partition]));
            each.collect::<Vec<_>>().join(" ")
        };
        let (assigned, revoking) = (held(&current.assigned), held(&current.revoking));
        let revoking = if revoking.is_empty() { revoking } else { format!(" revoking [{revoking}]") };
        format!("{} {:?} [{assigned}]{revoking}", current.epoch, current.state)
    }

    fn show_record(&self, record: &Record) -> String {
        match record {
            Record::Epoch(Some((epoch, _))) => format!("record epoch {epoch}"),
            Record::Epoch(None) => "record no group".to_owned(),
            Record::PartitionMetadata(_) => "record no partition metadata".to_owned(),
            Record::Member(id, Some(member)) => {
                let wants = match member.regex() {
                    Some(regex) => format!("/{regex}/"),
                    None => member.topic_names.iter().cloned().collect::<Vec<_>>().join(","),
                };
                let classic = if member.classic.is_some() { " classic" } else { "" };
                let instance = member.instance_id.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
                format!("record member {id}{instance}{classic}: {wants}")
            }
            Record::Member(id, None) => format!("record no member {id}"),
            Record::TargetEpoch(Some((epoch, _))) => format!("record target epoch {epoch}"),
            Record::TargetEpoch(None) => "record no target epoch".to_owned(),
            Record::Target(id, Some(target)) => format!("record target {id} {}", self.show(target)),
            Record::Target(id, None) => format!("record no target {id}"),
            Record::Current(id, Some(current)) => format!("record current {id} {}", self.show_current(current)),
            Record::Current(id, None) => format!("record no current {id}"),
            Record::Regex(regex, Some(resolved)) => {
                let topics: Vec<&str> = resolved.topics.iter().map(String::as_str).collect();
                format!("record /{regex}/: {}", topics.join(","))
            }
            Record::Regex(regex, None) => format!("record no /{regex}/"),
        }
    }
}

fn decode(key: &[u8], value: Option<&[u8]>) -> Record {
    let (group, record) = record::decode(key, value).expect("our own bytes").expect("a type of ours");
    assert_eq!(group, "g");
    record
}

/// The stories count epochs from 0: a real group's are one higher.
fn counted_from_zero() -> ConsumerGroup {
    let mut group = ConsumerGroup::new("g");
    (group.state.epoch, group.state.target_epoch) = (0, 0);
    group
}
