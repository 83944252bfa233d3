//! A world of members: twenty of them, in groups of each protocol, topics that grow and go, groups that are deleted. In
//! the end everything is calm, and every partition has its one owner; what the coordinator knows is the same after one
//! more start, and it keeps no more than that.
//!
//! Some worlds are slow: there life is long enough for offsets to expire, and for patterns of topics to be looked at again:
//! a topic comes when everything is calm. In others all members of one protocol go at last, and the node dies before the
//! rest has shared out anew.

use super::lives::Ending;
use super::{PATIENCE_MS, SETTINGS, Someone, World};
use crate::admin::Admin;
use crate::auditor::Auditor;
use crate::chance::Chance;
use crate::client::Topic;
use crate::member::{CONSUMER_SESSION_TIMEOUT_MS, Member, Pattern, Protocol, Style};
use crate::oracle::groups::Part;
use crate::oracle::offsets::RETENTION_MS;
use crate::oracle::{Cleanup, Promise};
use kq::group::Kept;
use kq::log::memory::MemoryDisk;
use kq::types::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// Members in a world.
const MEMBERS: usize = 20;
/// A group is calm after this, at the latest, once nothing happens to its members any more: sessions of the dead have
/// ended, and rebalances that they held up.
const CALM_WITHIN_MS: Millis = 6_000;
/// Until everything that was sent has been answered.
const ECHO_MS: Millis = 20;
/// The dead are forgotten after this: sessions and rebalance timeouts are shorter.
const OBLIVION_MS: Millis = 460;
/// How many times slower members live in slow worlds.
const SLOW: Millis = 100;
/// A topic that matches a pattern is noticed after this, at the latest: the pause between two looks, and a beat.
const NOTICED_WITHIN_MS: Millis = 20_000;
/// `offsets.retention.check.interval.ms`
const EXPIRY_INTERVAL_MS: Millis = 7_000;
/// Group names, what their members speak, and whether some speak the other protocol.
const GROUPS: [(&str, Protocol, bool); 5] = [
    ("eager", Protocol::Classic(Style::Eager), false),
    ("cooperative", Protocol::Classic(Style::Cooperative), false),
    ("alone", Protocol::None, false),
    ("consumer", Protocol::Consumer, false),
    ("mixed", Protocol::Consumer, true),
];

fn settings(chance: &mut Chance, pace: Millis) -> String {
    let mut text = SETTINGS.to_owned();
    if pace > 1 {
        text = text.replace("log.retention.check.interval.ms=50\n", "log.retention.check.interval.ms=5000\n");
    }
    let mut set = |name: &str, value: i64| text.push_str(&format!("{name}={value}\n"));
    set("offsets.retention.minutes", RETENTION_MS / 60_000);
    set("offsets.retention.check.interval.ms", EXPIRY_INTERVAL_MS);
    set("group.consumer.regex.refresh.interval.ms", 10_000);
    set("offsets.topic.num.partitions", 1 + chance.below(3));
    set("group.min.session.timeout.ms", 10);
    set("group.initial.rebalance.delay.ms", chance.below(40) * pace);
    if chance.one_in(8) {
        set("group.max.size", 3 + chance.below(5));
    }
    set("group.consumer.min.session.timeout.ms", CONSUMER_SESSION_TIMEOUT_MS * pace);
    set("group.consumer.session.timeout.ms", CONSUMER_SESSION_TIMEOUT_MS * pace);
    set("group.consumer.min.heartbeat.interval.ms", 20 * pace);
    set("group.consumer.heartbeat.interval.ms", 20 * pace);
    set("group.consumer.min.assignment.interval.ms", 0);
    set("group.consumer.assignment.interval.ms", if chance.one_in(2) { 0 } else { chance.below(60) * pace });
    text
}

impl World {
    /// The world of a seed.
    pub(super) fn of_groups(seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let shape = Chance::new(chance.bits());
        let disks: Vec<MemoryDisk> = (0..=chance.below(2)).map(|_| MemoryDisk::new()).collect();
        let topics: Vec<Topic> =
            (0..=chance.below(2)).map(|index| topic(index as usize, 1 + chance.below(4))).collect();
        let pace = if chance.one_in(8) { SLOW } else { 1 };
        let groups = crowd(&mut chance);
        let names: Vec<String> = groups.iter().map(|(name, ..)| (*name).to_owned()).collect();
        // Classic members of one group must have a protocol in common.
        let style = if chance.one_in(2) { Style::Eager } else { Style::Cooperative };
        let mut clients = vec![(Someone::Admin(Admin::of_groups(names.clone())), None)];
        let all = |topics: &[Topic]| topics.iter().map(|topic| topic.name.clone()).collect::<Vec<_>>();
        for id in 0..MEMBERS {
            // One is alone, the others anywhere else.
            let (name, protocol, mixed) = match id {
                0 => GROUPS[2],
                _ => loop {
                    let group = groups[chance.below(groups.len() as i64) as usize];
                    if group.1 != Protocol::None {
                        break group;
                    }
                },
            };
            let protocol = match chance.below(4) {
                0 | 1 if mixed => Protocol::Classic(style),
                _ => protocol,
            };
            let mut member = Member::new(id, name, protocol, chance.bits());
            if protocol != Protocol::None && chance.one_in(4) {
                // Now and then two processes believe that they are the same.
                let of = if chance.one_in(4) { id / 2 * 2 } else { id };
                member = member.with_instance(format!("{name}-i{of}"));
            }
            let some = if chance.one_in(4) { vec![topics[0].name.clone()] } else { all(&topics) };
            member = match protocol {
                Protocol::Consumer if pace > 1 && chance.one_in(3) => {
                    member.matches(Pattern::any(&mut chance), all(&topics).into_iter())
                }
                _ => member.reads(some),
            };
            member = member.slow(pace);
            clients.push((Someone::Member(Box::new(if mixed { member.mixed() } else { member })), None));
        }
        let speaks = groups.iter().map(|(name, protocol, _)| ((*name).to_owned(), *protocol)).collect();
        clients.push((Someone::Auditor(Auditor::of(speaks)), None));
        let settings = settings(&mut chance, pace);
        let life_ms = 500 * pace;
        let mut world = World { life_ms, pace, ..World::of(chance, shape, disks, topics, clients, settings) };
        for name in names {
            world.oracle.group(&name);
        }
        world
    }

    /// Everything becomes calm, and stays so over one more start.
    pub(super) fn finish_groups(&mut self) {
        self.busy = false;
        if !self.start() {
            return self.oracle.violated("the node does not start on disks that work".to_owned());
        }
        self.settle();
        self.calm_down();
        if self.pace > 1 && self.oracle.violation.is_none() {
            self.topic_comes();
        }
        if self.oracle.violation.is_some() {
            return;
        }
        if !self.advance(self.now + OBLIVION_MS * self.pace) {
            return;
        }
        if self.pace > 1 && !self.rest() {
            return;
        }
        self.silent = true;
        let mut before = None;
        if self.advance(self.now + ECHO_MS) {
            // What expires while it is asked for may be in one answer and not in the next.
            let mut kept = None;
            while self.oracle.violation.is_none() && kept != Some(self.node.groups_kept()) {
                kept = Some(self.node.groups_kept());
                before = self.audit();
            }
        }
        let parked = self.node.parked();
        if parked > 0 && self.oracle.violation.is_none() {
            self.oracle.violated(format!("{parked} requests wait, and nobody waits for them"));
        }
        if self.oracle.violation.is_none() {
            self.check_kept();
        }
        let ending = [Ending::Clean, Ending::Kill, Ending::PowerCut][self.chance.below(3) as usize];
        let kept = self.node.groups_kept();
        self.end(ending);
        // What expired while it stopped is not there after the start.
        let is_same = self.node.groups_kept() == kept;
        if !self.start() {
            return self.oracle.violated("the node does not start again".to_owned());
        }
        let after = self.audit();
        if is_same && before != after && self.oracle.violation.is_none() {
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            let differs = before.iter().find(|(question, answer)| after.get(*question) != Some(answer));
            let differs = differs.map(|(question, answer)| (question, answer, after.get(question)));
            return self.oracle.violated(format!("the coordinator knew, and after a start it knows: {differs:?}"));
        }
        (self.silent, self.rests) = (false, false);
        for client in 0..self.clients.len() {
            self.connect(client);
        }
        self.calm_down();
        if self.oracle.violation.is_none() && self.chance.one_in(2) {
            self.one_protocol_goes();
        }
        if self.pace > 1 && self.oracle.violation.is_none() {
            self.fall_silent();
        }
    }

    /// There is one more topic, and nothing else happens: who reads by pattern has it soon.
    fn topic_comes(&mut self) {
        let name = format!("topic-{}", self.topics.len());
        for (someone, _) in &mut self.clients {
            if let Someone::Member(member) = someone {
                member.expect(&name);
            }
        }
        self.topics.push(topic(self.topics.len(), 1 + self.chance.below(4)));
        self.settle();
        self.calm_down();
    }

    /// The members of the new protocol leave a group of both, and the node dies, perhaps before the others, who have a
    /// classic group now, have shared out what those had.
    fn one_protocol_goes(&mut self) {
        let mut goes = false;
        for (someone, _) in &mut self.clients {
            if let Someone::Member(member) = someone {
                goes |= member.retire();
            }
        }
        let soon = self.now + (20 + self.chance.below(80)) * self.pace;
        if !goes || !self.advance(soon) {
            return;
        }
        let ending = if self.chance.one_in(2) { Ending::Kill } else { Ending::PowerCut };
        self.end(ending);
        if !self.start() {
            return self.oracle.violated("the node does not start once more".to_owned());
        }
        self.calm_down();
    }

    /// Members live on and commit nothing, for so long that what they read would expire if they did not read it.
    fn rest(&mut self) -> bool {
        self.rests = true;
        for (someone, _) in &self.clients {
            let Someone::Member(member) = someone else { continue };
            if member.protocol != Protocol::None && member.settled().is_some() {
                self.oracle.group(&member.group).in_use.extend(member.subscription.iter().cloned());
            }
        }
        self.advance(self.now + RETENTION_MS + 3 * EXPIRY_INTERVAL_MS)
    }

    /// Nobody says anything any more, for so long that nothing is left.
    fn fall_silent(&mut self) {
        self.silent = true;
        let forgotten = 2 * OBLIVION_MS * self.pace + RETENTION_MS + 6 * EXPIRY_INTERVAL_MS;
        if self.advance(self.now + forgotten) {
            let kept = self.node.groups_kept();
            if kept != Kept::default() {
                self.oracle.violated(format!("nobody is left, and this is: {kept:?}"));
            }
        }
    }

    /// The coordinator keeps what it tells of, and nothing else.
    fn check_kept(&mut self) {
        let kept = self.node.groups_kept();
        let Some((Someone::Auditor(auditor), _)) = self.clients.last() else { return };
        let counted = auditor.counted();
        let told = Kept { groups: counted.groups, members: counted.members, offsets: counted.offsets, alarms: 0 };
        // A member's deadlines, and those that were set before them; a group's own.
        let alarms_max = 4 * kept.members + 2 * kept.groups;
        if (Kept { alarms: 0, ..kept }) != told || kept.alarms > alarms_max {
            self.oracle.violated(format!("the coordinator tells of {told:?}, and keeps {kept:?}"));
        }
    }

    /// Waits until every group is calm.
    fn calm_down(&mut self) {
        let within = if self.pace > 1 { CALM_WITHIN_MS * self.pace + NOTICED_WITHIN_MS } else { CALM_WITHIN_MS };
        let limit = self.now + within;
        let mut restless = self.restless();
        while let Some(why) = &restless {
            if self.now >= limit {
                let why = why.clone();
                return self.oracle.violated(format!("not calm after {within} ms: {why}"));
            }
            if !self.advance(self.now + 20 * self.pace) {
                return;
            }
            restless = self.restless();
        }
    }

    /// Why a group is not calm, if one is not: every partition that somebody wants has exactly one owner, and all who
    /// are in a classic group are in the same generation.
    fn restless(&self) -> Option<String> {
        let mut owners: BTreeMap<(&str, &Part), &Member> = BTreeMap::new();
        let mut wanted: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut generations: BTreeMap<&str, i32> = BTreeMap::new();
        for (someone, _) in &self.clients {
            let Someone::Member(member) = someone else { continue };
            if member.protocol == Protocol::None || member.is_out_for_good() {
                continue;
            }
            let Some((epoch, owned)) = member.settled() else { return Some(format!("{} is not in", member.who())) };
            wanted.extend(member.subscription.iter().map(|topic| (member.group.as_str(), topic.as_str())));
            if !member.is_mixed() && matches!(member.protocol, Protocol::Classic(_)) {
                let known = *generations.entry(&member.group).or_insert(epoch);
                if known != epoch {
                    return Some(format!("{} is in {epoch}, another one in {known}", member.who()));
                }
            }
            for part in owned {
                if let Some(other) = owners.insert((&member.group, part), member) {
                    return Some(format!("{part:?} is owned by {} and by {}", other.who(), member.who()));
                }
            }
        }
        for (group, name) in wanted {
            let Some(topic) = self.topics.iter().find(|topic| topic.name == name) else { continue };
            for partition in 0..topic.partitions {
                let part = (name.to_owned(), partition);
                if !owners.contains_key(&(group, &part)) {
                    return Some(format!("{part:?} has no owner in {group}"));
                }
            }
        }
        None
    }

    /// What the coordinator says of all groups.
    fn audit(&mut self) -> Option<BTreeMap<String, String>> {
        let limit = self.now + PATIENCE_MS;
        let auditor = self.clients.len() - 1;
        if let (Someone::Auditor(auditor), _) = &mut self.clients[auditor] {
            auditor.begin();
        }
        self.connect(auditor);
        while self.now < limit && self.oracle.violation.is_none() {
            if let (Someone::Auditor(auditor), _) = &self.clients[auditor]
                && let Some(found) = auditor.found()
            {
                return Some(found.clone());
            }
            if !self.advance(self.now + 3) {
                break;
            }
        }
        self.oracle.violated("the auditor is not answered".to_owned());
        None
    }
}

fn topic(index: usize, partitions: i64) -> Topic {
    Topic {
        name: format!("topic-{index}"),
        id: None,
        partitions: partitions as i32,
        replicas: 1,
        promise: Promise::Disk,
        cleanup: Cleanup::Delete,
    }
}

/// One group of who is alone, and two to four others: the fewer, the larger.
fn crowd(chance: &mut Chance) -> Vec<(&'static str, Protocol, bool)> {
    let mut groups = GROUPS.to_vec();
    for _ in 0..chance.below(3) {
        let index = chance.below(groups.len() as i64) as usize;
        if groups[index].1 != Protocol::None {
            groups.remove(index);
        }
    }
    groups
}
