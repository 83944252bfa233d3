//! A member of a consumer group (KIP-848): heartbeats, reads what it is given, commits how far it came, gives back what
//! it is told to.

use crate::history::History;
use crate::link::{Link, any};
use crate::reader::fetch;
use crate::writer::{TOPIC, leader};
use kq::api::consumer_group_heartbeat::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest, TopicPartitions};
use kq::api::find_coordinator::{FindCoordinator, FindCoordinatorRequest};
use kq::api::offset_commit::{
    OffsetCommit, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kq::api::offset_fetch::{OffsetFetch, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kq::error::ErrorCode;
use kq::types::TopicId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The group.
pub const GROUP: &str = "readers";
/// Who has not heard from its coordinator for so long owns nothing; the coordinator waits longer.
const SESSION: Duration = Duration::from_millis(4500);
/// The coordinator's side of it.
pub const SESSION_TIMEOUT_MS: u32 = 6000;
const HEARTBEAT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_millis(1500);
/// The epoch of who leaves.
const LEAVING: i32 = -1;

struct Member<'a> {
    index: usize,
    id: String,
    epoch: i32,
    brokers: i32,
    turn: u32,
    history: &'a History,
    coordinator: Option<Link>,
    heard: Instant,
    topic: TopicId,
    /// Partition to where it goes on; not known before the committed offset is.
    owned: BTreeMap<i32, Option<i64>>,
    links: BTreeMap<i32, Link>,
}

/// Takes part until it is over, or for `time`, and leaves then.
pub fn take_part(index: usize, brokers: i32, history: &History, time: Duration) {
    let end = Instant::now() + time;
    let mut member = Member {
        index,
        id: format!("member-{index}-{}", "0".repeat(12)),
        epoch: 0,
        brokers,
        turn: index as u32,
        history,
        coordinator: None,
        heard: Instant::now(),
        topic: TopicId::ZERO,
        owned: BTreeMap::new(),
        links: BTreeMap::new(),
    };
    while !history.is_over() && Instant::now() < end {
        if let Err(why) = member.round() {
            history.overcome("member", &why);
            member.coordinator = None;
            std::thread::sleep(Duration::from_millis(50));
        }
        if member.heard.elapsed() > SESSION && !member.owned.is_empty() {
            member.give_up();
        }
    }
    if !history.is_over() {
        member.give_up();
        member.epoch = LEAVING;
        let _ = member.heartbeat();
    }
}

/// A connection to the group's coordinator.
pub fn coordinator(group: &str, brokers: i32, turn: &mut u32) -> Result<Link, String> {
    *turn = turn.wrapping_add(1);
    let mut link = any(brokers, *turn, PATIENCE)?;
    let request = FindCoordinatorRequest { coordinator_keys: vec![group.into()], ..Default::default() };
    let answer = link.call::<FindCoordinator>(&request, 4)?;
    let response = answer.read().map_err(|error| error.to_string())?;
    let found = &response.coordinators[0];
    match ErrorCode::from_code(found.error_code) {
        ErrorCode::None => Link::open(found.node_id, PATIENCE),
        code => Err(code.to_string()),
    }
}

/// What the group has committed for every partition; -1 where nothing.
pub fn committed(link: &mut Link, partitions: i32, who: Option<(&str, i32)>) -> Result<Vec<i64>, String> {
    let topics = vec![OffsetFetchRequestTopics {
        name: TOPIC.into(),
        partition_indexes: (0..partitions).collect(),
        ..Default::default()
    }];
    let group = OffsetFetchRequestGroup {
        group_id: GROUP.into(),
        member_id: who.map(|(id, _)| id.into()),
        member_epoch: who.map_or(-1, |(_, epoch)| epoch),
        topics: Some(topics),
    };
    let request = OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() };
    let answer = link.call::<OffsetFetch>(&request, 9)?;
    let response = answer.read().map_err(|error| error.to_string())?;
    let group = &response.groups[0];
    let code = ErrorCode::from_code(group.error_code);
    if !code.is_none() {
        return Err(code.to_string());
    }
    let mut offsets = vec![-1; partitions as usize];
    for part in group.topics.iter().flat_map(|topic| &topic.partitions) {
        let code = ErrorCode::from_code(part.error_code);
        if !code.is_none() {
            return Err(code.to_string());
        }
        offsets[part.partition_index as usize] = part.committed_offset;
    }
    Ok(offsets)
}

impl Member<'_> {
    fn round(&mut self) -> Result<(), String> {
        self.heartbeat()?;
        self.find_positions()?;
        let next = Instant::now() + HEARTBEAT;
        let mut moved = Vec::new();
        while Instant::now() < next && !self.history.is_over() {
            let partitions: Vec<i32> = self.owned.keys().copied().collect();
            if partitions.is_empty() {
                std::thread::sleep(Duration::from_millis(50));
            }
            for partition in partitions {
                if self.read(partition) && !moved.contains(&partition) {
                    moved.push(partition);
                }
            }
        }
        self.commit(&moved)
    }

    fn coordinator(&mut self) -> Result<&mut Link, String> {
        if self.coordinator.is_none() {
            self.coordinator = Some(coordinator(GROUP, self.brokers, &mut self.turn)?);
        }
        self.coordinator.as_mut().ok_or_else(String::new)
    }

    fn heartbeat(&mut self) -> Result<(), String> {
        let (id, epoch) = (self.id.clone(), self.epoch);
        let parts: Vec<i32> = self.owned.keys().copied().collect();
        let owned = vec![TopicPartitions { topic_id: self.topic, partitions: parts }];
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: id.as_str().into(),
            member_epoch: epoch,
            rebalance_timeout_ms: 30_000,
            subscribed_topic_names: Some(vec![TOPIC.into()]),
            topic_partitions: Some(if self.owned.is_empty() { Vec::new() } else { owned }),
            ..Default::default()
        };
        let asked = Instant::now();
        let answer = self.coordinator()?.call::<ConsumerGroupHeartbeat>(&request, 1)?;
        let response = answer.read().map_err(|error| error.to_string())?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            code @ (ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId) => {
                self.give_up();
                self.epoch = 0;
                return Err(code.to_string());
            }
            code => return Err(code.to_string()),
        }
        self.heard = asked;
        self.epoch = response.member_epoch;
        for partition in self.owned.keys() {
            self.history.of(*partition).owner = Some((self.index, asked + SESSION));
        }
        if let Some(assignment) = response.assignment {
            let mut wanted = Vec::new();
            for topic in assignment.topic_partitions {
                self.topic = topic.topic_id;
                wanted.extend(topic.partitions);
            }
            let gone: Vec<i32> = self.owned.keys().copied().filter(|partition| !wanted.contains(partition)).collect();
            for partition in gone {
                self.disown(partition);
            }
            for partition in wanted {
                self.own(partition);
            }
        }
        Ok(())
    }

    /// No partition has two owners (I10).
    fn own(&mut self, partition: i32) {
        if self.owned.contains_key(&partition) {
            return;
        }
        self.owned.insert(partition, None);
        let (index, until) = (self.index, self.heard + SESSION);
        let other = self.history.of(partition).owner.replace((index, until));
        if let Some((other, _)) = other.filter(|(other, until)| *other != index && *until > Instant::now()) {
            self.history.wrong(format!("I10: members {other} and {index} own partition {partition} at the same time"));
        }
    }

    fn disown(&mut self, partition: i32) {
        self.owned.remove(&partition);
        self.links.remove(&partition);
        let mut seen = self.history.of(partition);
        if seen.owner.is_some_and(|(owner, _)| owner == self.index) {
            seen.owner = None;
        }
    }

    fn give_up(&mut self) {
        for partition in self.owned.keys().copied().collect::<Vec<_>>() {
            self.disown(partition);
        }
    }

    fn find_positions(&mut self) -> Result<(), String> {
        if self.owned.values().all(Option::is_some) {
            return Ok(());
        }
        let (id, epoch, partitions) = (self.id.clone(), self.epoch, self.history.partitions());
        let known: Vec<i64> = (0..partitions).map(|partition| self.history.of(partition).committed).collect();
        let offsets = committed(self.coordinator()?, partitions, Some((&id, epoch)))?;
        for (partition, position) in &mut self.owned {
            let (offset, known) = (offsets[*partition as usize].max(0), known[*partition as usize]);
            if offset < known {
                self.history
                    .wrong(format!("I6: {offset} is committed for partition {partition}, it was {known} before"));
            }
            position.get_or_insert(offset);
        }
        Ok(())
    }

    /// Reads a little; whether something came.
    fn read(&mut self, partition: i32) -> bool {
        let Some(Some(offset)) = self.owned.get(&partition).copied() else { return false };
        if !self.links.contains_key(&partition) {
            let found = leader(TOPIC, partition, self.brokers, &mut self.turn, PATIENCE);
            match found.and_then(|leader| Link::open(leader, PATIENCE)) {
                Ok(link) => self.links.insert(partition, link),
                Err(_) => return false,
            };
        }
        let Some(link) = self.links.get_mut(&partition) else { return false };
        match fetch(link, TOPIC, partition, offset, 20) {
            Ok(fetched) => {
                for (offset, value) in &fetched.records {
                    self.history.read(partition, *offset, value);
                }
                self.owned.insert(partition, Some(fetched.next));
                fetched.next > offset
            }
            Err((ErrorCode::OffsetOutOfRange, _)) => {
                self.history.wrong(format!("I6: offset {offset} of partition {partition} is out of range"));
                self.links.remove(&partition);
                false
            }
            Err(_) => {
                self.links.remove(&partition);
                false
            }
        }
    }

    fn commit(&mut self, moved: &[i32]) -> Result<(), String> {
        let positions: Vec<(i32, i64)> =
            moved.iter().filter_map(|partition| Some((*partition, (*self.owned.get(partition)?)?))).collect();
        if positions.is_empty() {
            return Ok(());
        }
        let parts = positions.iter().map(|(partition, offset)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            ..Default::default()
        });
        let (id, epoch) = (self.id.clone(), self.epoch);
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: epoch,
            member_id: id.as_str().into(),
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.into(),
                partitions: parts.collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = self.coordinator()?.call::<OffsetCommit>(&request, 9)?;
        let response = answer.read().map_err(|error| error.to_string())?;
        for part in response.topics.iter().flat_map(|topic| &topic.partitions) {
            match ErrorCode::from_code(part.error_code) {
                ErrorCode::None => {
                    let offset = positions.iter().find(|(partition, _)| *partition == part.partition_index);
                    let mut seen = self.history.of(part.partition_index);
                    seen.committed = seen.committed.max(offset.map_or(0, |(_, offset)| *offset));
                }
                code => return Err(code.to_string()),
            }
        }
        Ok(())
    }
}
