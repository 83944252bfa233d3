//! Committed offsets: read, written and deleted from outside of the group.

use super::{Kafka, Told, Trouble};
use crate::failure::Failure;
use crate::kafka::To;
use crate::kafka::offsets::TopicPartition;
use kq::api::offset_commit::{
    OffsetCommit, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kq::api::offset_delete::{
    OffsetDelete, OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kq::api::offset_fetch::{
    OffsetFetch, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
};
use kq::error::ErrorCode;
use kq::types::NodeId;
use std::collections::BTreeMap;

/// The last versions that name topics; later ones want ids.
pub const FETCH_VERSION_MAX: i16 = 9;
/// As above.
pub const COMMIT_VERSION_MAX: i16 = 9;
/// The first version of OffsetFetch that takes several groups (KIP-709).
const FETCH_BATCH_FROM: i16 = 8;
/// What is committed beside an offset when there is nothing to say.
const NO_METADATA: &str = "";

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the record before it; -1 when it was not told.
    pub leader_epoch: i32,
    /// What the client wrote beside it.
    pub metadata: String,
}

impl Committed {
    /// An offset with nothing beside it.
    pub fn at(offset: i64) -> Committed {
        Committed { offset, leader_epoch: -1, metadata: NO_METADATA.into() }
    }
}

/// What a group has committed, by partition.
pub type Offsets = BTreeMap<TopicPartition, Committed>;

impl Kafka {
    /// Everything that each group has committed; a group that is not there has committed nothing.
    ///
    /// # Errors
    /// When a coordinator cannot be asked. A group's own failure stands in its place.
    pub fn committed(&mut self, groups: &[String]) -> Result<BTreeMap<String, Result<Offsets, Failure>>, Failure> {
        self.at_coordinators(groups, |kafka, id, groups| {
            let version = kafka.link(To::Broker(id))?.connection().version_of::<OffsetFetch>().unwrap_or(0);
            let batch = if version >= FETCH_BATCH_FROM { groups.len().max(1) } else { 1 };
            let mut told = Vec::new();
            for groups in groups.chunks(batch) {
                told.extend(fetch(kafka, id, groups)?);
            }
            Ok(told)
        })
    }

    /// Commits for a group from outside, which it only takes while it has no members.
    ///
    /// # Errors
    /// When the coordinator cannot be asked, or has no place for the group. A partition's own failure stands in its place.
    pub fn commit(
        &mut self,
        group: &str,
        offsets: &Offsets,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Failure>>, Failure> {
        let topics = commit_topics(offsets);
        let request = OffsetCommitRequest { group_id: group.into(), topics, ..Default::default() };
        self.at_one(group, |kafka, id| {
            let answer = kafka.call_up_to::<OffsetCommit>(To::Broker(id), &request, COMMIT_VERSION_MAX)?;
            let topics = answer.read()?.topics;
            let of = |name: &str, index: i32| (name.to_string(), index);
            Ok(Ok(topics
                .iter()
                .flat_map(|t| t.partitions.iter().map(move |p| (of(&t.name, p.partition_index), p.error_code)))
                .collect()))
        })
    }

    /// Forgets what a group has committed for these partitions.
    ///
    /// # Errors
    /// When the coordinator cannot be asked, or refuses the group. A partition's own failure stands in its place.
    pub fn delete_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<(), Failure>>, Failure> {
        let mut topics: Vec<OffsetDeleteRequestTopic<'_>> = Vec::new();
        for (topic, partition_index) in partitions {
            if topics.last().is_none_or(|last| last.name != topic.as_str()) {
                topics.push(OffsetDeleteRequestTopic { name: topic.as_str().into(), ..Default::default() });
            }
            let partition = OffsetDeleteRequestPartition { partition_index: *partition_index };
            topics.last_mut().into_iter().for_each(|last| last.partitions.push(partition.clone()));
        }
        let request = OffsetDeleteRequest { group_id: group.into(), topics };
        self.at_one(group, |kafka, id| {
            let answer = kafka.call::<OffsetDelete>(To::Broker(id), &request)?;
            let response = answer.read()?;
            let code = ErrorCode::from_code(response.error_code);
            if !code.is_none() {
                return Ok(Err(code.into()));
            }
            let of = |name: &str, index: i32| (name.to_string(), index);
            Ok(Ok(response
                .topics
                .iter()
                .flat_map(|t| t.partitions.iter().map(move |p| (of(&t.name, p.partition_index), p.error_code)))
                .collect()))
        })
    }

    /// Asks one group's coordinator for something whose answer is a code for each partition.
    fn at_one(
        &mut self,
        group: &str,
        mut ask: impl FnMut(&mut Kafka, NodeId) -> Result<Result<Vec<(TopicPartition, i16)>, Trouble>, Failure>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Failure>>, Failure> {
        let groups = [group.to_string()];
        let mut told = self.at_coordinators(&groups, |kafka, id, _| {
            let codes = ask(kafka, id)?.and_then(|codes| {
                // The coordinator says of each partition that it is not the group's, or not ready.
                let mut all = codes.iter().map(|(_, code)| ErrorCode::from_code(*code));
                match all.find(|code| is_the_coordinators(*code)) {
                    Some(code) => Err(code.into()),
                    None => Ok(codes),
                }
            });
            Ok(vec![(group.to_string(), codes)])
        })?;
        let codes = told.remove(group).unwrap_or_else(|| Err(Failure::new("BAD_ANSWER", format!("group {group}"))))?;
        let one = |((topic, partition), code): (TopicPartition, i16)| {
            let what = format!("group {group}, topic {topic}, partition {partition}");
            let result = match ErrorCode::from_code(code) {
                ErrorCode::None => Ok(()),
                code => Err(super::explain(code, what, None)),
            };
            ((topic, partition), result)
        };
        Ok(codes.into_iter().map(one).collect())
    }
}

/// Offsets as OffsetCommit takes them, topic by topic.
pub fn commit_topics(offsets: &Offsets) -> Vec<OffsetCommitRequestTopic<'_>> {
    let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
    for ((topic, partition_index), committed) in offsets {
        if topics.last().is_none_or(|last| last.name != topic.as_str()) {
            topics.push(OffsetCommitRequestTopic { name: topic.as_str().into(), ..Default::default() });
        }
        let Some(last) = topics.last_mut() else { continue };
        last.partitions.push(OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            committed_metadata: Some(committed.metadata.as_str().into()),
        });
    }
    topics
}

/// Codes that are the coordinator's, though they stand beside a partition.
fn is_the_coordinators(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress
    )
}

fn fetch(kafka: &mut Kafka, id: NodeId, groups: &[String]) -> Result<Told<Offsets>, Failure> {
    let all_of = |group| OffsetFetchRequestGroup { group_id: group, topics: None, ..Default::default() };
    let request = OffsetFetchRequest {
        group_id: groups[0].as_str().into(),
        topics: None,
        groups: groups.iter().map(|group| all_of(group.as_str().into())).collect(),
        require_stable: false,
    };
    let answer = kafka.call_up_to::<OffsetFetch>(To::Broker(id), &request, FETCH_VERSION_MAX)?;
    let response = answer.read()?;
    if answer.version() < FETCH_BATCH_FROM {
        return Ok(vec![(groups[0].clone(), single(&response))]);
    }
    let one = |group: &kq::api::offset_fetch::OffsetFetchResponseGroup<'_>| match ErrorCode::from_code(group.error_code)
    {
        ErrorCode::None => {
            let mut offsets = Offsets::new();
            for topic in &group.topics {
                let here = topic.partitions.iter().filter_map(batched);
                offsets.extend(here.map(|(index, committed)| ((topic.name.to_string(), index), committed)));
            }
            Ok(offsets)
        }
        ErrorCode::GroupIdNotFound => Ok(Offsets::new()),
        code => Err(code.into()),
    };
    Ok(response.groups.iter().map(|group| (group.group_id.to_string(), one(group))).collect())
}

/// The answer for one group, before version 8.
fn single(response: &OffsetFetchResponse<'_>) -> Result<Offsets, Trouble> {
    let mut offsets = Offsets::new();
    match ErrorCode::from_code(response.error_code) {
        ErrorCode::None => {}
        ErrorCode::GroupIdNotFound => return Ok(offsets),
        code => return Err(code.into()),
    }
    for topic in &response.topics {
        let here = topic.partitions.iter().filter_map(plain);
        offsets.extend(here.map(|(index, committed)| ((topic.name.to_string(), index), committed)));
    }
    Ok(offsets)
}

fn plain(p: &OffsetFetchResponsePartition<'_>) -> Option<(i32, Committed)> {
    known(p.partition_index, p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata.as_deref())
}

fn batched(p: &OffsetFetchResponsePartitions<'_>) -> Option<(i32, Committed)> {
    known(p.partition_index, p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata.as_deref())
}

/// A partition without a commit is told as offset -1.
fn known(index: i32, code: i16, offset: i64, leader_epoch: i32, metadata: Option<&str>) -> Option<(i32, Committed)> {
    let committed = Committed { offset, leader_epoch, metadata: metadata.unwrap_or(NO_METADATA).to_string() };
    (ErrorCode::from_code(code).is_none() && offset >= 0).then_some((index, committed))
}
