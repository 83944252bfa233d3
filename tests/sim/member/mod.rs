//! A member of a group: one process that joins, reads as far as it is allowed to, commits, pauses, dies and comes back.
//! Its protocol is one of three: classic, consumer (KIP-848), or none at all for one who only commits.

mod assign;
mod classic;
mod late;
mod modern;
mod offsets;

use crate::client::{Client, Cx, read};
use crate::oracle::groups::{Bar, Owner, Part};
use crate::oracle::offsets::Floor;
use assign::Known;
use kq::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kq::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kq::error::ErrorCode;
use kq::types::{Millis, Offset, TopicId};
use late::Earlier;
pub use modern::{CONSUMER_SESSION_TIMEOUT_MS, Pattern};
pub use offsets::told;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const COORDINATOR_VERSION: i16 = 4;
const METADATA_VERSION: i16 = 12;
/// A member acts once in so many milliseconds, or a little more; in slow worlds, so many times their pace.
const BEAT_MS: Millis = 25;
/// Once in so many times that a member acts, something happens to it.
const MISHAP_ONE_IN: i64 = 60;

/// How a classic member takes a new assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Gives up everything before each rebalance.
    Eager,
    /// Keeps what it is not told to give up.
    Cooperative,
}

/// What a member speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JoinGroup, SyncGroup, Heartbeat.
    Classic(Style),
    /// ConsumerGroupHeartbeat.
    Consumer,
    /// It only commits.
    None,
}

/// Which versions of the protocol's keys a member speaks.
#[derive(Clone, Copy, Debug)]
struct Versions {
    join: i16,
    sync: i16,
    heartbeat: i16,
    leave: i16,
    commit: i16,
    fetch: i16,
}

const OLD: Versions = Versions { join: 3, sync: 1, heartbeat: 1, leave: 1, commit: 5, fetch: 5 };
const MIDDLE: Versions = Versions { join: 5, sync: 3, heartbeat: 3, leave: 3, commit: 8, fetch: 8 };
const NEW: Versions = Versions { join: 9, sync: 5, heartbeat: 4, leave: 5, commit: 10, fetch: 10 };

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is to join.
    Out,
    /// The others' subscriptions are here; it wants to know how many partitions there are.
    Leading,
    /// It is in.
    In,
}

enum Asked {
    Coordinator,
    Metadata,
    Join,
    Sync {
        sent_at: Millis,
        age: u64,
        ids: Ids,
    },
    Heartbeat {
        sent_at: Millis,
    },
    ConsumerHeartbeat(modern::Sent),
    Leave,
    Commit {
        version: i16,
        offsets: Vec<(Part, Offset)>,
        age: u64,
        bar: Option<Bar>,
    },
    /// A commit of before.
    Late {
        version: i16,
        earlier: Earlier,
    },
    /// With what each partition must be at, at least.
    Offsets {
        version: i16,
        asked: Vec<(Part, Floor)>,
    },
}

/// Topics by name, each under the id that it has.
type Ids = BTreeMap<String, TopicId>;

/// See the module.
pub struct Member {
    id: usize,
    /// Its group.
    pub group: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Members of both protocols are in the group.
    is_mixed: bool,
    instance: Option<String>,
    versions: Versions,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    /// Topics that it reads.
    pub subscription: BTreeSet<String>,
    /// How it says so, unless by their names.
    pattern: Option<Pattern>,
    /// How many times slower it lives.
    pace: Millis,
    /// The topics as it saw them last.
    ids: Ids,
    member_id: String,
    epoch: i32,
    stage: Stage,
    knows_coordinator: bool,
    leads: bool,
    roster: Vec<Known>,
    protocol_name: String,
    /// How many partitions the topics had when it assigned.
    counts: Option<BTreeMap<String, i32>>,
    /// The same of an assignment that may not have arrived.
    assigning: Option<BTreeMap<String, i32>>,
    /// What it owns, and how far it has come; none where it has not asked yet.
    owned: BTreeMap<Part, Option<Offset>>,
    /// What it said that it owns when it joined.
    told_to_own: BTreeSet<Part>,
    /// What it had in an earlier generation.
    earlier: Option<Earlier>,
    modern: modern::Modern,
    asked: VecDeque<Asked>,
    /// Replies that it has not looked at while it paused.
    inbox: VecDeque<Vec<u8>>,
    silent_until: Millis,
    wake_at: Millis,
    /// It is no more: another process has its name, or it has retired.
    is_fenced: bool,
    /// It leaves for good.
    retires: bool,
    /// The group has no room for it.
    is_turned_away: bool,
    /// It asks again with its next beat, not at once.
    waits: bool,
}

impl Member {
    /// A member of a group, with a shape that chance decides.
    pub fn new(id: usize, group: &str, protocol: Protocol, bits: u64) -> Member {
        let versions = match (protocol, bits & 3) {
            (Protocol::Consumer, _) | (_, 0 | 1) => NEW,
            (_, 2) => MIDDLE,
            _ => OLD,
        };
        Member {
            id,
            group: group.to_owned(),
            protocol,
            is_mixed: false,
            instance: None,
            versions,
            session_timeout_ms: 200 + (bits >> 8 & 127) as i32,
            rebalance_timeout_ms: 330 + (bits >> 16 & 127) as i32,
            subscription: BTreeSet::new(),
            pattern: None,
            pace: 1,
            ids: Ids::new(),
            member_id: String::new(),
            epoch: -1,
            stage: Stage::Out,
            knows_coordinator: false,
            leads: false,
            roster: Vec::new(),
            protocol_name: String::new(),
            counts: None,
            assigning: None,
            owned: BTreeMap::new(),
            told_to_own: BTreeSet::new(),
            earlier: None,
            modern: modern::Modern::default(),
            asked: VecDeque::new(),
            inbox: VecDeque::new(),
            silent_until: 0,
            wake_at: 0,
            is_fenced: false,
            retires: false,
            is_turned_away: false,
            waits: false,
        }
    }

    /// With a name of its own (KIP-345); only new versions lead well after a restart (KIP-814).
    pub fn with_instance(mut self, instance: String) -> Member {
        (self.instance, self.versions) = (Some(instance), NEW);
        self
    }

    /// In a world that is so many times slower.
    pub fn slow(mut self, pace: Millis) -> Member {
        self.pace = pace;
        self.session_timeout_ms *= pace as i32;
        self.rebalance_timeout_ms *= pace as i32;
        self
    }

    /// Reads the topics that match.
    pub fn matches(mut self, pattern: Pattern, topics: impl Iterator<Item = String>) -> Member {
        self.subscription = topics.filter(|name| pattern.matches(name)).collect();
        self.pattern = Some(pattern);
        self
    }

    /// In a group of both protocols.
    pub fn mixed(self) -> Member {
        Member { is_mixed: true, ..self }
    }

    /// Reads these topics.
    pub fn reads(mut self, topics: impl IntoIterator<Item = String>) -> Member {
        self.subscription = topics.into_iter().collect();
        self
    }

    /// What it owns once it has settled: in a group, knowing where to begin. `None` before.
    pub fn settled(&self) -> Option<(i32, Vec<&Part>)> {
        let knows = self.owned.values().all(Option::is_some);
        let owes = self.protocol == Protocol::Consumer && self.modern.owes();
        (self.stage == Stage::In && knows && !owes).then(|| (self.epoch, self.owned.keys().collect()))
    }

    /// Whether it will never be a member again, or the group has no room for it.
    pub fn is_out_for_good(&self) -> bool {
        self.is_fenced || self.is_turned_away || self.retires
    }

    /// Leaves its group for good, if that has members of both protocols and it speaks the new one; whether it does.
    pub fn retire(&mut self) -> bool {
        self.retires = self.is_mixed && self.protocol == Protocol::Consumer;
        self.retires
    }

    /// A topic is to come: who reads by pattern may read it.
    pub fn expect(&mut self, topic: &str) {
        if self.pattern.is_some_and(|pattern| pattern.matches(topic)) {
            self.subscription.insert(topic.to_owned());
        }
    }

    /// Whether its group has members of both protocols.
    pub fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// Who it is, for messages.
    pub fn who(&self) -> String {
        let instance = self.instance.as_deref().unwrap_or("-");
        format!("member {} of {} ({:?}, {instance}, {})", self.id, self.group, self.protocol, self.member_id)
    }

    fn owner(&self) -> Owner {
        self.instance.clone().unwrap_or_else(|| self.member_id.clone())
    }

    /// What it owned is not its own any more.
    fn lose_all(&mut self, cx: &mut Cx<'_>) {
        self.owned.clear();
        self.earlier = None;
        let owner = self.owner();
        cx.oracle.group(&self.group).gone(&owner);
    }

    /// The process ends; its next one knows nothing but its own name.
    fn die(&mut self, cx: &mut Cx<'_>) {
        self.lose_all(cx);
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.owned.clear();
        self.earlier = None;
        self.member_id.clear();
        (self.epoch, self.stage, self.knows_coordinator, self.leads) = (-1, Stage::Out, false, false);
        self.roster.clear();
        self.assigning = None;
        self.asked.clear();
        self.inbox.clear();
        if self.instance.is_none() {
            self.counts = None;
        }
        self.modern = modern::Modern::default();
    }

    fn mishap(&mut self, cx: &mut Cx<'_>) {
        let for_ms = 1 + cx.chance.below(400 * self.pace);
        match cx.chance.below(6) {
            0 => self.silent_until = cx.now + for_ms,
            1 | 2 => {
                cx.oracle.tell(|| format!("{} {} dies for {for_ms} ms", cx.now, self.who()));
                self.die(cx);
                self.silent_until = cx.now + for_ms;
                cx.hang_up = Some(for_ms);
            }
            3 => {
                cx.oracle.tell(|| format!("{} {} loses its connection", cx.now, self.who()));
                self.disconnected();
                cx.hang_up = Some(1 + for_ms / 8);
            }
            4 if self.asked.is_empty() && self.stage == Stage::In && self.protocol != Protocol::None => {
                match self.protocol {
                    Protocol::Consumer => self.leave_consumer_group(cx),
                    _ => self.leave(cx),
                }
                self.silent_until = cx.now + for_ms;
            }
            _ if self.stage == Stage::In && self.asked.is_empty() => self.change_subscription(cx),
            _ => {}
        }
    }

    /// One topic more or less.
    fn change_subscription(&mut self, cx: &mut Cx<'_>) {
        let index = cx.chance.below(cx.topics.len() as i64) as usize;
        let name = cx.topics[index].name.clone();
        if self.pattern.is_some() {
            let pattern = Pattern::any(cx.chance);
            self.subscription = cx.topics.iter().map(|topic| topic.name.clone()).collect();
            self.subscription.retain(|name| pattern.matches(name));
            self.pattern = Some(pattern);
        } else if !self.subscription.remove(&name) {
            self.subscription.insert(name);
        }
        match self.protocol {
            Protocol::Classic(_) => self.stage = Stage::Out,
            Protocol::Consumer => self.modern.tell_all(),
            Protocol::None => {}
        }
    }

    /// A topic that has gone, even if there is another one of its name, is not the one that it has read.
    fn see_topics(&mut self, cx: &Cx<'_>) {
        let now: Ids = cx.topics.iter().filter_map(|topic| Some((topic.name.clone(), topic.id?))).collect();
        if now == self.ids {
            return;
        }
        let is_gone = |name: &String| self.ids.get(name).is_some_and(|id| now.get(name) != Some(id));
        if self.is_mixed || self.protocol == Protocol::Consumer {
            // The coordinator knows topics by their ids.
            let before = self.owned.len();
            self.owned.retain(|(name, _), _| !is_gone(name));
            self.told_to_own.retain(|(name, _)| !is_gone(name));
            if self.owned.len() < before {
                self.modern.say();
                if matches!(self.protocol, Protocol::Classic(_)) && self.stage == Stage::In {
                    self.stage = Stage::Out;
                }
            }
        } else {
            self.owned.iter_mut().filter(|((name, _), _)| is_gone(name)).for_each(|(_, at)| *at = None);
        }
        self.ids = now;
    }

    fn go_on(&mut self, cx: &mut Cx<'_>) {
        if !self.asked.is_empty() {
            return;
        }
        if !self.knows_coordinator {
            let keys = vec![self.group.as_str().into()];
            cx.send(COORDINATOR_VERSION, &FindCoordinatorRequest { coordinator_keys: keys, ..Default::default() });
            self.asked.push_back(Asked::Coordinator);
            return;
        }
        match self.protocol {
            Protocol::Classic(style) => self.go_on_classic(cx, style),
            Protocol::Consumer => self.go_on_consumer(cx),
            Protocol::None => self.go_on_alone(cx),
        }
    }

    fn ask_metadata(&mut self, cx: &mut Cx<'_>) {
        let of = self.roster_topics();
        let topic = |name: &String| MetadataRequestTopic { name: Some(name.clone().into()), ..Default::default() };
        let topics = Some(of.iter().map(topic).collect());
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        cx.send(METADATA_VERSION, &request);
        self.asked.push_back(Asked::Metadata);
    }

    /// How many partitions each topic has; topics that are not there have none.
    fn counted(bytes: &[u8]) -> BTreeMap<String, i32> {
        let response: MetadataResponse<'_> = read(bytes, METADATA_VERSION);
        let topics = response.topics.into_iter().filter(|topic| topic.error_code == 0);
        topics.map(|topic| (topic.name.unwrap_or_default().into_owned(), topic.partitions.len() as i32)).collect()
    }

    /// Looks at its replies, in the order in which they came.
    fn take_all(&mut self, cx: &mut Cx<'_>) {
        while let Some(bytes) = self.inbox.pop_front() {
            self.take(cx, &bytes);
        }
    }

    fn take(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let Some(asked) = self.asked.pop_front() else { return };
        match asked {
            Asked::Coordinator => {
                let response: FindCoordinatorResponse<'_> = read(bytes, COORDINATOR_VERSION);
                self.knows_coordinator = response.coordinators[0].error_code == 0;
                self.waits |= !self.knows_coordinator && self.pace > 1;
            }
            Asked::Metadata => self.take_metadata(cx, bytes),
            Asked::Join => self.joined(cx, bytes),
            Asked::Sync { sent_at, age, ids } => self.synced(cx, sent_at, age, &ids, bytes),
            Asked::Heartbeat { sent_at } => self.heart_beaten(cx, sent_at, bytes),
            Asked::ConsumerHeartbeat(sent) => self.consumer_heart_beaten(cx, sent, bytes),
            Asked::Leave => self.left(cx, bytes),
            Asked::Commit { version, offsets, age, bar } => self.committed(cx, version, &offsets, (age, bar), bytes),
            Asked::Late { version, earlier } => self.came_late(cx, version, &earlier, bytes),
            Asked::Offsets { version, asked } => self.told_offsets(cx, version, asked, bytes),
        }
    }

    /// What to do about a code that is no success.
    fn refused(&mut self, cx: &mut Cx<'_>, what: &str, code: ErrorCode) {
        cx.oracle.tell(|| format!("{} {}: {what} gets {code}", cx.now, self.who()));
        match code {
            ErrorCode::UnknownMemberId => {
                self.lose_all(cx);
                (self.stage, self.epoch) = (Stage::Out, -1);
                self.member_id.clear();
            }
            // The group was deleted after it was expelled.
            ErrorCode::GroupIdNotFound if what == "OffsetCommit" => {
                self.lose_all(cx);
                (self.stage, self.epoch) = (Stage::Out, -1);
                self.member_id.clear();
            }
            ErrorCode::IllegalGeneration => {
                self.lose_all(cx);
                (self.stage, self.epoch) = (Stage::Out, -1);
            }
            ErrorCode::RebalanceInProgress => self.stage = Stage::Out,
            ErrorCode::FencedInstanceId => {
                self.die(cx);
                self.is_fenced = true;
            }
            ErrorCode::GroupMaxSizeReached => {
                self.die(cx);
                self.is_turned_away = true;
                self.silent_until = cx.now + (50 + cx.chance.below(100)) * self.pace;
            }
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::RequestTimedOut => {
                (self.knows_coordinator, self.waits) = (false, self.pace > 1);
            }
            code => cx.oracle.violated(format!("{}: {what} failed with {code}", self.who())),
        }
    }
}

impl Client for Member {
    fn act(&mut self, cx: &mut Cx<'_>) {
        if self.is_fenced || cx.now < self.wake_at {
            return;
        }
        if cx.now < self.silent_until {
            self.wake_at = self.silent_until;
            cx.wake_in = Some(self.silent_until - cx.now);
            return;
        }
        self.waits = false;
        self.see_topics(cx);
        self.take_all(cx);
        if cx.busy && cx.chance.one_in(MISHAP_ONE_IN) {
            self.mishap(cx);
        }
        if self.retires && self.asked.is_empty() {
            if self.stage == Stage::In {
                self.leave_consumer_group(cx);
            }
            self.is_fenced = true;
            return;
        }
        if cx.hang_up.is_none() && cx.now >= self.silent_until {
            self.go_on(cx);
        }
        let in_ms = (self.silent_until - cx.now).max((BEAT_MS + cx.chance.below(BEAT_MS)) * self.pace);
        self.wake_at = cx.now + in_ms;
        cx.wake_in = Some(in_ms);
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        if self.is_fenced {
            return;
        }
        // What came while it was silent comes first, even if it has not woken since.
        self.inbox.push_back(bytes.to_vec());
        if cx.now < self.silent_until {
            return;
        }
        self.see_topics(cx);
        self.take_all(cx);
        // What is next in the same breath is done at once; a beat comes with the next waking.
        if self.asked.is_empty() && !self.is_fenced && cx.now >= self.silent_until && !self.rests() {
            self.go_on(cx);
        }
    }

    fn disconnected(&mut self) {
        self.asked.clear();
        self.inbox.clear();
        self.knows_coordinator = false;
        self.wake_at = 0;
        self.modern.disconnected();
        if self.stage == Stage::Leading {
            self.stage = Stage::Out;
        }
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        self.who()
    }
}

impl Member {
    /// Whether nothing is urgent.
    fn rests(&self) -> bool {
        self.waits || self.knows_coordinator && self.stage == Stage::In && self.owned.values().all(Option::is_some)
    }
}
