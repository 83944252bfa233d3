//! The broker as group coordinator: one shard of groups for each partition of `__consumer_offsets` that it leads. Loads
//! shards from their logs, appends what they decide, and gives replies when that is committed.
//!
//! A shard comes with leadership and goes with it. It answers once everything is loaded that was in the log when this
//! node began to lead, and that is committed by then: an earlier leader may have acknowledged all of it.
//!
//! One batch is in flight a partition; what is decided meanwhile forms the next one. A reply waits for every record that
//! was decided before it. When an append fails, the shard is thrown away and loaded again once its log is open.

mod load;

use super::{Broker, Hosted};
use crate::error::ErrorCode;
use crate::event::{Effect, Level};
use crate::group::{
    self, Command, Cx, OFFSETS_TOPIC, Outcome, OwnSettings, Record, Shard, Topics, command::Listed, partition_of,
};
use crate::meta::{self, Image, NewTopic};
use crate::parked::{PARKED_REQUESTS_MAX, Part, Then, Token, Waiting};
use crate::record::{self, BatchHeader, Builder, Codec};
use crate::replica::Accepted;
use crate::types::{LogId, Millis, Offset, Partition, TopicId, Uuid};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

/// What a command to a group comes to: a reply, or why the coordinator has none.
pub type GroupResult = Result<group::Reply, ErrorCode>;

/// All that this node coordinates.
#[derive(Debug)]
pub struct Groups {
    coordinators: BTreeMap<Partition, Coordinator>,
    by_log: BTreeMap<LogId, Partition>,
    coordinated: u64,
    /// Requests that ask several groups, by number.
    gathers: BTreeMap<u64, Gather>,
    gathered: u64,
    /// The earliest alarm of any shard, or an earlier time.
    wake_at: Option<Millis>,
    /// When a partition that could not be loaded is to be loaded again: the earliest, or an earlier time.
    load_at: Option<Millis>,
    /// When old offsets are looked for next, and in which partition.
    expire_at: Option<(Millis, Partition)>,
    seed: [u64; 2],
    /// Grows with every change of a topic.
    pub(super) topics_version: u64,
    /// Settings of the groups that have configs of their own, by name; see `group_configs`.
    pub(super) own: OwnSettings,
}

#[derive(Debug)]
struct Coordinator {
    log: LogId,
    /// Names this coordinator: what was asked for one before it is answered too late.
    number: u64,
    shard: Shard,
    /// The next offset to load; `None` once all is loaded.
    loading: Option<Offset>,
    /// Where the log ended when this node began to lead: so far it is loaded.
    load_end: Offset,
    /// A portion is being read.
    reading: bool,
    /// When to load it again from its beginning: it could not be loaded.
    again_at: Option<Millis>,
    /// How long the last pause between two tries was.
    pause_ms: Millis,
    /// How many records were decided, how many of them are committed, and how many will be with the batch in flight.
    decided: u64,
    committed: u64,
    flight: Option<u64>,
    /// Decided, and not yet handed to the log.
    open: VecDeque<(Vec<u8>, Option<Vec<u8>>)>,
    /// Replies, and how many records must be committed first.
    replies: VecDeque<(u64, Token, group::Reply)>,
}

struct Gather {
    left: usize,
    results: Vec<GroupResult>,
    then: Then<Vec<GroupResult>>,
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gather({} of {} left)", self.left, self.results.len())
    }
}

/// Topics as the groups may know them.
struct Known<'a>(&'a Image, u64);

impl Topics for Known<'_> {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        Some(self.0.topic(name)?.id)
    }

    fn name_of(&self, id: TopicId) -> Option<&str> {
        Some(&self.0.topic_by_id(id)?.name)
    }

    fn partitions_of(&self, name: &str) -> Option<i32> {
        i32::try_from(self.0.topic(name)?.partitions.len()).ok()
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.topics().map(|topic| topic.name.as_str()))
    }

    fn version(&self) -> u64 {
        self.1
    }
}

impl Groups {
    /// Nothing is coordinated yet; `seed` makes members' ids.
    pub(super) fn new(seed: [u64; 2]) -> Groups {
        Groups {
            coordinators: BTreeMap::new(),
            by_log: BTreeMap::new(),
            coordinated: 0,
            gathers: BTreeMap::new(),
            gathered: 0,
            wake_at: None,
            load_at: None,
            expire_at: None,
            seed,
            topics_version: 0,
            own: OwnSettings::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        [self.wake_at, self.load_at, self.expire_at.map(|(at, _)| at)].into_iter().flatten().min()
    }

    fn fresh(&mut self) -> Uuid {
        let mut id = Uuid::ZERO;
        for (half, bytes) in id.0.chunks_mut(8).enumerate() {
            bytes.copy_from_slice(&meta::splitmix(&mut self.seed[half]).to_be_bytes());
        }
        id.0[6] = id.0[6] & 0x0f | 0x40;
        id.0[8] = id.0[8] & 0x3f | 0x80;
        id
    }
}

impl Broker {
    /// Sees to it that `__consumer_offsets` is there; `then` runs once it is, or has been refused.
    pub fn with_offsets_topic(&mut self, then: Then<()>, out: &mut Vec<Effect<'_>>) {
        if self.image.topic(OFFSETS_TOPIC).is_some() {
            return then(self, (), out);
        }
        let settings = &self.settings.groups;
        let config = |name: &str, value: String| (name.to_owned(), Some(value));
        let topic = NewTopic {
            name: OFFSETS_TOPIC.to_owned(),
            partitions: settings.offsets_topic_num_partitions,
            replication_factor: settings.offsets_topic_replication_factor,
            configs: vec![
                config("cleanup.policy", "compact".to_owned()),
                config("compression.type", "producer".to_owned()),
                config("segment.bytes", settings.offsets_topic_segment_bytes.to_string()),
            ],
            ..NewTopic::default()
        };
        let command = meta::Command::CreateTopics { topics: vec![topic], dry_run: meta::DryRun::No };
        let created = move |broker: &mut Broker, reply: Option<meta::Reply>, out: &mut Vec<Effect<'_>>| {
            if let Some(meta::Reply::Topics(results)) = reply {
                for (name, refusal) in results.into_iter().filter_map(|(name, result)| Some((name, result.err()?))) {
                    if refusal.code != ErrorCode::TopicAlreadyExists {
                        let message = format!("cannot create {name}: {}; groups are not served", refusal.message);
                        out.push(Effect::Note { level: Level::Error, message });
                    }
                }
            }
            then(broker, (), out);
        };
        self.ask_controller(self.now, command, Box::new(created), out);
    }

    /// The partition that coordinates a group, if it is served here.
    ///
    /// # Errors
    /// INVALID_GROUP_ID never: an empty name has a partition, too. NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS.
    fn coordinator_of(&self, group: &str) -> Result<Partition, ErrorCode> {
        let topic = self.image.topic(OFFSETS_TOPIC).ok_or(ErrorCode::NotCoordinator)?;
        let partition = partition_of(group, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX));
        let hosted = self.log_of(topic.id, partition).ok().and_then(|log| self.hosted(log));
        match hosted.map(Hosted::leader) {
            Some(Ok(_)) => {}
            Some(Err(ErrorCode::LeaderNotAvailable)) => return Err(ErrorCode::CoordinatorLoadInProgress),
            Some(Err(_)) | None => return Err(ErrorCode::NotCoordinator),
        }
        match self.groups.coordinators.get(&partition) {
            Some(coordinator) if coordinator.loading.is_none() => Ok(partition),
            _ => Err(ErrorCode::CoordinatorLoadInProgress),
        }
    }

    /// Asks a group; `then` gets the reply once everything that it rests on is committed.
    pub fn group(&mut self, group: &str, command: Command, then: Then<GroupResult>, out: &mut Vec<Effect<'_>>) {
        let partition = match self.coordinator_of(group) {
            Ok(_) if self.parked.len() >= PARKED_REQUESTS_MAX => {
                return then(self, Err(ErrorCode::CoordinatorNotAvailable), out);
            }
            Ok(partition) => partition,
            Err(code) => return then(self, Err(code), out),
        };
        // Joins and syncs wait for others; everything else waits for the disk alone.
        let waits = matches!(command, Command::Join(_) | Command::Sync(_));
        let timeout_ms = self.settings.groups.offsets_commit_timeout_ms;
        let deadline = (!waits).then(|| self.now.saturating_add(timeout_ms));
        let token = self.parked.put(Waiting::Group(then), deadline);
        self.with_shard(partition, out, |shard, cx| shard.submit(cx, token, group, command));
    }

    /// Asks several groups; `then` gets all results, in order.
    pub fn group_all(
        &mut self,
        commands: Vec<(String, Command)>,
        then: Then<Vec<GroupResult>>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if commands.is_empty() {
            return then(self, Vec::new(), out);
        }
        let number = self.gather(commands.len(), then);
        for (index, (group, command)) in commands.into_iter().enumerate() {
            self.group(&group, command, Self::gathered(number, index), out);
        }
    }

    /// All groups that are coordinated here, once everything that they rest on is committed. `then` gets
    /// COORDINATOR_LOAD_IN_PROGRESS while some are not known yet.
    pub fn list_groups(&mut self, then: Then<Result<Vec<Listed>, ErrorCode>>, out: &mut Vec<Effect<'_>>) {
        if self.groups.coordinators.values().any(|coordinator| coordinator.loading.is_some()) {
            return then(self, Err(ErrorCode::CoordinatorLoadInProgress), out);
        }
        let partitions: Vec<Partition> = self.groups.coordinators.keys().copied().collect();
        if partitions.is_empty() {
            return then(self, Ok(Vec::new()), out);
        }
        if self.parked.len() + partitions.len() > PARKED_REQUESTS_MAX {
            return then(self, Err(ErrorCode::CoordinatorNotAvailable), out);
        }
        let all = move |broker: &mut Broker, results: Vec<GroupResult>, out: &mut Vec<Effect<'_>>| {
            let mut listed = Ok(Vec::new());
            for result in results {
                match (result, &mut listed) {
                    (Ok(group::Reply::Listed(groups)), Ok(listed)) => listed.extend(groups),
                    // Groups that went elsewhere meanwhile are not here.
                    (Err(code), Ok(_)) if code != ErrorCode::NotCoordinator => listed = Err(code),
                    _ => {}
                }
            }
            then(broker, listed, out);
        };
        let number = self.gather(partitions.len(), Box::new(all));
        let deadline = self.now.saturating_add(self.settings.groups.offsets_commit_timeout_ms);
        for (index, partition) in partitions.into_iter().enumerate() {
            let token = self.parked.put(Waiting::Group(Self::gathered(number, index)), Some(deadline));
            self.with_shard(partition, out, |shard, _| Outcome {
                replies: vec![(token, group::Reply::Listed(shard.list().collect()))],
                ..Outcome::default()
            });
        }
    }

    /// How much is kept of all groups that are coordinated here.
    pub fn groups_kept(&self) -> group::Kept {
        let shards = self.groups.coordinators.values().map(|coordinator| &coordinator.shard);
        shards.map(Shard::kept).fold(group::Kept::default(), |all, one| all + one)
    }

    /// Begins to wait for so many results; `then` gets them, in order.
    fn gather(&mut self, count: usize, then: Then<Vec<GroupResult>>) -> u64 {
        self.groups.gathered += 1;
        let results = vec![Err(ErrorCode::UnknownServerError); count];
        self.groups.gathers.insert(self.groups.gathered, Gather { left: count, results, then });
        self.groups.gathered
    }

    /// Who takes one of the results.
    fn gathered(number: u64, index: usize) -> Then<GroupResult> {
        Box::new(move |broker: &mut Broker, result: GroupResult, out: &mut Vec<Effect<'_>>| {
            let Some(gather) = broker.groups.gathers.get_mut(&number) else { return };
            gather.results[index] = result;
            gather.left -= 1;
            if gather.left == 0
                && let Some(gather) = broker.groups.gathers.remove(&number)
            {
                (gather.then)(broker, gather.results, out);
            }
        })
    }

    /// A log is out of service or gone: its coordinator is, too, and whoever waits for it is told.
    pub(super) fn group_log_lost(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        let Some(partition) = self.groups.by_log.remove(&log) else { return };
        let Some(mut coordinator) = self.groups.coordinators.remove(&partition) else { return };
        let queued = coordinator.replies.iter().map(|(_, token, _)| *token);
        let tokens: Vec<Token> = queued.chain(coordinator.shard.abandon()).collect();
        self.fail_groups(tokens, ErrorCode::NotCoordinator, out);
    }

    /// The node stops: joins and syncs that wait for others are sent away. What waits for the disk is left to finish.
    pub fn drain_groups(&mut self, out: &mut Vec<Effect<'_>>) {
        let shards = self.groups.coordinators.values_mut().map(|coordinator| &mut coordinator.shard);
        let tokens: Vec<Token> = shards.flat_map(Shard::abandon).collect();
        self.fail_groups(tokens, ErrorCode::CoordinatorNotAvailable, out);
    }

    fn fail_groups(&mut self, tokens: Vec<Token>, code: ErrorCode, out: &mut Vec<Effect<'_>>) {
        for token in tokens {
            if let Some(Waiting::Group(then)) = self.parked.take(token) {
                then(self, Err(code), out);
            }
        }
    }

    /// A topic is deleted: so are the offsets that were committed for it.
    pub(super) fn forget_group_offsets(&mut self, topic: &str, out: &mut Vec<Effect<'_>>) {
        for partition in self.groups.coordinators.keys().copied().collect::<Vec<_>>() {
            self.with_shard(partition, out, |shard, _| shard.forget_topic(topic));
        }
    }

    /// Alarms and expiry that are due.
    pub(super) fn tick_groups(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        self.load_groups_again(now, out);
        if self.groups.wake_at.is_some_and(|at| at <= now) {
            let due = |(_, c): &(&Partition, &Coordinator)| {
                c.loading.is_none() && c.shard.deadline().is_some_and(|at| at <= now)
            };
            let due: Vec<Partition> = self.groups.coordinators.iter().filter(due).map(|(p, _)| *p).collect();
            for partition in due {
                self.with_shard(partition, out, |shard, cx| shard.wake(cx));
            }
            let active = self.groups.coordinators.values().filter(|c| c.loading.is_none());
            self.groups.wake_at = active.filter_map(|c| c.shard.deadline()).min();
        }
        // One partition a tick: a million offsets are not looked through in one go.
        if let Some((at, partition)) = self.groups.expire_at.filter(|(at, _)| *at <= now) {
            self.with_shard(partition, out, |shard, cx| shard.expire(cx));
            let next = self.groups.coordinators.range(partition + 1..).next().map(|(partition, _)| *partition);
            let interval = self.settings.groups.offsets_retention_check_interval_ms.max(1);
            self.groups.expire_at = Some(match next {
                Some(next) => (at, next),
                None => (now.saturating_add(interval), 0),
            });
        }
    }

    /// Lets a shard decide, and does what comes of it.
    fn with_shard(
        &mut self,
        partition: Partition,
        out: &mut Vec<Effect<'_>>,
        decide: impl FnOnce(&mut Shard, &Cx<'_>) -> Outcome,
    ) {
        let fresh = self.groups.fresh();
        let version = self.groups.topics_version;
        let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { return };
        if coordinator.loading.is_some() {
            return;
        }
        let hosted = self.hosted.get(coordinator.log.0 as usize).and_then(Option::as_ref);
        let max = hosted.map_or(0, |hosted| hosted.settings.max_message_bytes.max(0) as usize);
        let cx = Cx {
            now: self.now,
            settings: &self.settings.groups,
            own: &self.groups.own,
            topics: &Known(&self.image, version),
            fresh,
            record_bytes_max: max.saturating_sub(Builder::size_of(None, None, &[]) + record::HEADER_BYTES),
        };
        let outcome = decide(&mut coordinator.shard, &cx);
        coordinator.decided += outcome.records.len() as u64;
        coordinator.open.extend(outcome.records.iter().map(Record::encode));
        let decided = coordinator.decided;
        let at_once = decided == coordinator.committed;
        if !at_once {
            coordinator.replies.extend(outcome.replies.iter().map(|(token, reply)| (decided, *token, reply.clone())));
        }
        if let Some(at) = coordinator.shard.deadline() {
            self.groups.wake_at = Some(self.groups.wake_at.map_or(at, |before| before.min(at)));
        }
        if at_once {
            self.answer_groups(outcome.replies, out);
        }
        self.append_groups(partition, out);
    }

    fn answer_groups(&mut self, replies: Vec<(Token, group::Reply)>, out: &mut Vec<Effect<'_>>) {
        for (token, reply) in replies {
            if let Some(Waiting::Group(then)) = self.parked.take(token) {
                then(self, Ok(reply), out);
            }
        }
    }

    /// Hands the next batch to the log, when none is in flight.
    fn append_groups(&mut self, partition: Partition, out: &mut Vec<Effect<'_>>) {
        let now = self.now;
        let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { return };
        if coordinator.flight.is_some() || coordinator.open.is_empty() {
            return;
        }
        let (log, number) = (coordinator.log, coordinator.number);
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        let generation = hosted.generation;
        let max_bytes = hosted.settings.max_message_bytes.max(0) as usize;
        let Ok(leader) = hosted.leader_mut() else { return };
        let codec = Codec::from_id(self.settings.groups.offsets_topic_codec).unwrap_or_default();
        let mut builder = Builder::new(codec, None);
        while let Some((key, value)) = coordinator.open.front() {
            let size = Builder::size_of(Some(key), value.as_deref(), &[]);
            if !builder.is_empty() && builder.size() + size > max_bytes {
                break;
            }
            builder.push(now, Some(key), value.as_deref(), &[]);
            coordinator.open.pop_front();
        }
        let count = coordinator.committed + builder.len() as u64;
        let batch = builder.finish();
        let accepted = BatchHeader::peek(&batch).ok().and_then(|header| leader.accept(now, &header).ok());
        let Some(Accepted::Append { base, end, new_epoch }) = accepted else {
            unreachable!("a batch of our own, without a producer, has its place in the log")
        };
        coordinator.flight = Some(count);
        let epoch = leader.epoch;
        if new_epoch {
            let epochs = leader.epochs().entries().to_vec();
            out.push(Effect::SaveEpochs { log, generation, epochs });
        }
        out.push(Effect::Append { log, generation, base_offset: base, epoch, batch: Cow::Owned(batch) });
        let then = move |broker: &mut Broker, parts: Vec<Part>, out: &mut Vec<Effect<'_>>| {
            // What fails takes the log, and the coordinator with it: see `group_log_lost`.
            if parts == [Part::Done] {
                broker.groups_committed(partition, number, out);
            }
        };
        let token = self.park_all(vec![Part::Open], None, Box::new(then));
        if let Some(hosted) = self.hosted_mut(log) {
            hosted.until_committed.push_back((end, token, 0));
        }
    }

    fn groups_committed(&mut self, partition: Partition, number: u64, out: &mut Vec<Effect<'_>>) {
        let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { return };
        if coordinator.number != number {
            return;
        }
        let Some(committed) = coordinator.flight.take() else { return };
        coordinator.committed = committed;
        let ready = coordinator.replies.partition_point(|(until, ..)| *until <= committed);
        let replies = coordinator.replies.drain(..ready).map(|(_, token, reply)| (token, reply)).collect();
        // The next batch goes first: replies bring more commands.
        self.append_groups(partition, out);
        self.answer_groups(replies, out);
    }
}
