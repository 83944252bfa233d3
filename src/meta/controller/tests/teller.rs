//! Tells a story to a controller: commands line by line, what it decides and answers comes out.

use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::meta::record::{PartitionChangeRecord, Record};
use crate::meta::*;
use crate::types::{Millis, NodeId, Uuid};
use std::fmt::Write as _;
use std::sync::Arc;

/// A controller, and everything that it has had committed.
pub struct Teller {
    now: Millis,
    controller: Controller,
    image: Image,
    /// Metadata below this is committed.
    end: i64,
    processes: u8,
    out: String,
}

fn ids(text: &str) -> Vec<NodeId> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().expect("an id")).collect()
}

fn index_of(text: &str) -> (String, i32) {
    let (topic, index) = text.rsplit_once('-').expect("topic-partition");
    (topic.to_owned(), index.parse().expect("an index"))
}

impl Default for Teller {
    fn default() -> Teller {
        let settings = Arc::new(BrokerSettings::default());
        let mut controller = Controller::new(0, settings, [3, 4]);
        controller.activate(0, Image::default(), 0);
        Teller { now: 0, controller, image: Image::default(), end: 0, processes: 0, out: String::new() }
    }
}

impl Teller {
    /// The story so far, and what comes of these lines (divided by `;`).
    pub fn tell(mut self, story: &str) -> String {
        for line in story.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(self.out, "> {line}").expect("memory");
            let words: Vec<&str> = line.split_whitespace().collect();
            self.line(words[0], &words[1..]);
        }
        self.out
    }

    fn line(&mut self, verb: &str, words: &[&str]) {
        let has = |word: &str| words.contains(&word);
        let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let id = || words[0].parse::<NodeId>().expect("an id");
        match verb {
            "wait" => {
                self.now += words[0].parse::<Millis>().expect("milliseconds");
                self.controller.tick(self.now);
                self.commit();
            }
            "new-controller" => {
                self.controller.deactivate();
                self.controller.activate(self.now, self.image.clone(), self.end);
            }
            "show" => self.show(words[0]),
            "register" => {
                self.processes += 1;
                let known = self.image.broker(id()).map_or(-1, |broker| broker.epoch);
                let dirs = value("dir").map(|dir| Uuid([dir.parse().expect("a number"); 16]));
                self.run(Command::RegisterBroker(Registration {
                    id: id(),
                    incarnation: Uuid([self.processes; 16]),
                    rack: value("rack").map(str::to_owned),
                    previous_epoch: if has("clean") { known } else { -1 },
                    log_dirs: dirs.into_iter().collect(),
                    ..Registration::default()
                }));
            }
            "beat" => {
                let known = self.image.broker(id()).map_or(-1, |broker| broker.epoch);
                self.run(Command::Heartbeat(Heartbeat {
                    id: id(),
                    epoch: value("epoch").map_or(known, |epoch| epoch.parse().expect("an epoch")),
                    caught_up: if has("behind") { 0 } else { self.end },
                    want_fence: has("fence"),
                    want_shutdown: has("stop"),
                }));
            }
            // One broker after the other comes to life.
            "brokers" => {
                for word in words {
                    self.line("register", &[word]);
                    self.line("beat", &[word]);
                }
                self.out.truncate(self.out.rfind("> ").expect("this line"));
            }
            "create" => {
                let lists = words[1..].iter().filter(|word| !word.contains('='));
                let assignments = (0..).zip(lists.map(|list| ids(list))).collect();
                let configs = words[1..].iter().filter_map(|word| word.split_once('='));
                self.run(Command::CreateTopics {
                    topics: vec![NewTopic {
                        name: words[0].to_owned(),
                        partitions: -1,
                        replication_factor: -1,
                        assignments,
                        configs: configs.map(|(key, value)| (key.to_owned(), Some(value.to_owned()))).collect(),
                    }],
                    dry_run: DryRun::No,
                });
            }
            "config" => {
                let (key, value) = words[1].split_once('=').expect("key=value");
                let values = vec![(key.to_owned(), Some(value.to_owned()))];
                let change = ConfigChange { resource: ResourceType::Topic, name: words[0].to_owned(), values };
                self.run(Command::SetConfigs(vec![change]));
                self.line("wait", &["0"]);
            }
            "gone" => self.run(Command::BrokerGone(id())),
            "unregister" => self.run(Command::UnregisterBroker(id())),
            "propose" => self.propose(words[0], ids(words[1]), value("by"), value("epoch"), has("stale")),
            "elect" => {
                let election = if words[0] == "unclean" { Election::Unclean } else { Election::Preferred };
                let partitions = words.get(1).map(|word| vec![index_of(word)]);
                self.run(Command::ElectLeaders { election, partitions });
            }
            "move" => {
                let (topic, partition) = index_of(words[0]);
                let replicas = (words[1] != "back").then(|| ids(words[1]));
                let partitions = vec![Reassignment { topic, partition, replicas }];
                let factor_change = if has("same-factor") { FactorChange::Forbidden } else { FactorChange::Allowed };
                self.run(Command::Reassign { partitions, factor_change });
            }
            "moving" => self.run(Command::ListReassignments(None)),
            other => panic!("{other} is no verb"),
        }
    }

    /// The leader proposes, under what it knows: the epochs as they are, or those before.
    fn propose(&mut self, at: &str, isr: Vec<NodeId>, by: Option<&str>, epoch: Option<&str>, stale: bool) {
        let (topic, partition) = index_of(at);
        let topic = self.image.topic(&topic).expect("the topic");
        let known = &topic.partitions[partition as usize];
        let broker = by.map_or(known.leader, |by| by.parse().expect("an id"));
        let epoch_of = |id: NodeId| self.image.broker(id).map_or(-1, |broker| broker.epoch);
        let member = |id: NodeId| (id, epoch.map_or(epoch_of(id), |epoch| epoch.parse().expect("an epoch")));
        let part = IsrChange {
            topic: topic.id,
            partition,
            leader_epoch: known.leader_epoch,
            partition_epoch: known.partition_epoch - i32::from(stale),
            isr: isr.into_iter().map(member).collect(),
            recovering: false,
        };
        let command = Command::AlterPartition { broker, epoch: epoch_of(broker), parts: vec![part] };
        self.run(command);
    }

    fn run(&mut self, command: Command) {
        self.controller.submit(self.now, 1, command);
        self.commit();
    }

    fn commit(&mut self) {
        while let Some(records) = self.controller.take_batch() {
            self.end += i64::from(!records.is_empty());
            let (records, replies) = self.controller.committed(self.end).expect("it was just taken");
            for record in &records {
                let text = self.record(record);
                writeln!(self.out, "{text}").expect("memory");
                self.image.replay(record);
            }
            for (level, message) in self.controller.take_notes() {
                writeln!(self.out, "{level:?}: {message}").expect("memory");
            }
            for (_, reply) in replies {
                self.reply(reply);
            }
        }
    }

    fn record(&self, record: &Record) -> String {
        let topic = |id| self.image.topic_by_id(id).map_or("?", |topic| topic.name.as_str());
        match record {
            Record::Topic(r) => format!("topic {}", r.name),
            Record::Partition(r) => format!(
                "{}-{}: leader {}, replicas {:?}, isr {:?}",
                topic(r.topic_id),
                r.partition_id,
                r.leader,
                r.replicas,
                r.isr
            ),
            Record::PartitionChange(r) => format!("{}-{}: {}", topic(r.topic_id), r.partition_id, changes(r)),
            Record::Config(r) => format!("config {} {}={}", r.resource_name, r.name, r.value.as_deref().unwrap_or("-")),
            Record::RegisterBroker(r) => format!("broker {} under epoch {}", r.broker_id, r.broker_epoch),
            Record::UnregisterBroker(r) => format!("no broker {} any more", r.broker_id),
            Record::BrokerChange(r) if r.in_controlled_shutdown > 0 => format!("broker {} is to stop", r.broker_id),
            Record::BrokerChange(r) if r.fenced > 0 => format!("broker {} is fenced", r.broker_id),
            Record::BrokerChange(r) => format!("broker {} is unfenced", r.broker_id),
            Record::ClearElr(r) => format!("no elr of {}", r.topic_name),
            Record::RemoveTopic(_) | Record::ProducerIds(_) => format!("{record:?}"),
        }
    }

    fn reply(&mut self, reply: Reply) {
        let word = |result: &Result<(), Refusal>| match result {
            Ok(()) => "ok".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.code.name(), refusal.message),
        };
        let text = match reply {
            Reply::Done | Reply::Registered { .. } => return,
            Reply::Topics(results) => match &results[0].1 {
                Ok(_) => return,
                Err(refusal) => format!("{}: {}", refusal.code.name(), refusal.message),
            },
            Reply::Heartbeat { fenced: false, should_shutdown: false, .. } => return,
            Reply::Heartbeat { caught_up, fenced, should_shutdown } => {
                let yes = [(caught_up, "caught up"), (fenced, "fenced"), (should_shutdown, "may stop")];
                yes.iter().filter(|(so, _)| *so).map(|(_, what)| *what).collect::<Vec<_>>().join(", ")
            }
            Reply::Altered(results) => match &results[0] {
                Ok(state) => format!("isr {:?} in {}/{}", state.isr, state.leader_epoch, state.partition_epoch),
                Err(code) => code.name().to_owned(),
            },
            Reply::Elected(all) | Reply::Reassigned(all) => {
                let one = |(topic, index, result): &PartitionResult| format!("{topic}-{index} {}", word(result));
                all.iter().map(one).collect::<Vec<_>>().join("\n")
            }
            Reply::Reassignments(all) => {
                let one = |o: &Ongoing| {
                    format!(
                        "{}-{} {:?} adding {:?} removing {:?}",
                        o.topic, o.partition, o.replicas, o.adding, o.removing
                    )
                };
                all.iter().map(one).collect::<Vec<_>>().join("\n")
            }
            Reply::Refused(Refusal { code, message }) if code == ErrorCode::DuplicateBrokerRegistration => {
                let first = message.split('.').next().unwrap_or_default();
                format!("{}: {first}", code.name())
            }
            Reply::Refused(refusal) => format!("{}: {}", refusal.code.name(), refusal.message),
            other => format!("{other:?}"),
        };
        let text = if text.is_empty() { "nothing" } else { &text };
        writeln!(self.out, "= {text}").expect("memory");
    }

    fn show(&mut self, at: &str) {
        let (topic, index) = index_of(at);
        let p = &self.image.topic(&topic).expect("the topic").partitions[index as usize];
        let mut text = format!(
            "  {at} leader {} in {}/{}, replicas {:?}, isr {:?}",
            p.leader, p.leader_epoch, p.partition_epoch, p.replicas, p.isr
        );
        for (name, list) in [("elr", &p.elr), ("last known", &p.last_known_elr)] {
            if !list.is_empty() {
                write!(text, ", {name} {list:?}").expect("memory");
            }
        }
        if p.recovering {
            text.push_str(", recovering");
        }
        writeln!(self.out, "{text}").expect("memory");
    }
}

fn changes(r: &PartitionChangeRecord) -> String {
    let mut all = Vec::new();
    if r.leader != LEADER_UNCHANGED {
        all.push(format!("leader {}", r.leader));
    }
    let lists = [
        ("isr", &r.isr),
        ("replicas", &r.replicas),
        ("adding", &r.adding_replicas),
        ("removing", &r.removing_replicas),
        ("elr", &r.eligible_leader_replicas),
        ("last known", &r.last_known_elr),
    ];
    all.extend(lists.iter().filter_map(|(name, list)| Some(format!("{name} {:?}", list.as_ref()?))));
    match r.leader_recovery_state {
        0 => all.push("recovered".to_owned()),
        1 => all.push("recovering".to_owned()),
        _ => {}
    }
    all.join(", ")
}
