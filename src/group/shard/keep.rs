//! What can be asked of a group besides membership: its offsets, what it is, its end.

use super::{Group, Shard, gone, not_found};
use crate::error::ErrorCode;
use crate::group::command::{Commit, FetchOffsets, Reply};
use crate::group::consumer::Committer;
use crate::group::record::{OffsetCommitKey, OffsetCommitValue};
use crate::group::{Cx, GroupId, Outcome, Record, Refusal, offsets};
use crate::types::{Partition, TopicId};
use std::sync::Arc;

impl Shard {
    /// OffsetCommit.
    pub(super) fn commit(
        &mut self,
        cx: &Cx<'_>,
        id: &GroupId,
        request: Commit,
        out: &mut Outcome,
    ) -> Result<Reply, Refusal> {
        match self.groups.get_mut(id) {
            Some(Group::Classic(group)) => group.check_commit(cx, &request.who, out)?,
            Some(Group::Consumer(group)) => {
                let check = group.check_commit(&Committer {
                    member_id: &request.who.member_id,
                    instance_id: request.who.instance_id.as_deref(),
                    epoch: request.who.generation,
                    version: Some(request.version),
                })?;
                for topic in &request.topics {
                    for (partition, ..) in &topic.partitions {
                        check.partition(&topic.name, topic.id, *partition)?;
                    }
                }
            }
            // Who only keeps offsets has no members: its group is made by what it commits.
            None if request.who.generation < 0 => {}
            None if request.version >= 9 => return Err(not_found(id)),
            None => return Err(ErrorCode::IllegalGeneration.into()),
        }
        let expire_timestamp = match request.retention_ms {
            -1 => -1,
            ms => cx.now.saturating_add(ms),
        };
        let metadata_max = usize::try_from(cx.settings.offset_metadata_max_bytes).unwrap_or(0);
        let mut codes = Vec::new();
        for topic in request.topics {
            for (partition, offset, leader_epoch, metadata) in topic.partitions {
                // Kafka counts UTF-16 units.
                if metadata.encode_utf16().count() > metadata_max {
                    codes.push(ErrorCode::OffsetMetadataTooLarge);
                    continue;
                }
                codes.push(ErrorCode::None);
                let (group, topic_name) = (id.to_string().into(), topic.name.clone().into());
                let key = OffsetCommitKey { group, topic: topic_name, partition };
                // The form that has a time to live has no place for an epoch and a topic's id.
                let (leader_epoch, topic_id) =
                    if expire_timestamp == -1 { (leader_epoch, topic.id) } else { (-1, TopicId::ZERO) };
                let value = OffsetCommitValue {
                    offset,
                    leader_epoch,
                    metadata: metadata.into(),
                    commit_timestamp: cx.now,
                    expire_timestamp,
                    topic_id,
                };
                out.records.push(Record::Offset(key, Some(value)));
            }
        }
        Ok(Reply::Committed(codes))
    }

    /// OffsetFetch. A group that is not there has committed nothing.
    pub(super) fn fetch(&self, id: &GroupId, request: FetchOffsets) -> Result<Reply, Refusal> {
        if let Some(Group::Consumer(group)) = self.groups.get(id) {
            group.check_fetch(request.member_id.as_deref(), request.member_epoch)?;
        }
        let told = match request.topics {
            Some(topics) => topics
                .into_iter()
                .map(|(topic, partitions)| {
                    let one = |p: Partition| (p, self.offsets.get(id, &topic, p).map(offsets::Stored::told));
                    let partitions = partitions.into_iter().map(one).collect();
                    (topic, partitions)
                })
                .collect(),
            None => self
                .offsets
                .of_group(id)
                .map(|(topic, at)| (topic.to_owned(), at.iter().map(|(p, at)| (*p, Some(at.told()))).collect()))
                .collect(),
        };
        Ok(Reply::Offsets(told))
    }

    /// OffsetDelete.
    pub(super) fn delete_offsets(
        &self,
        id: &GroupId,
        topics: &[(String, Vec<Partition>)],
        out: &mut Outcome,
    ) -> Result<Reply, Refusal> {
        let group = self.groups.get(id).ok_or_else(|| not_found(id))?;
        if let Group::Classic(group) = group {
            group.check_delete_offsets()?;
        }
        let mut codes = Vec::new();
        for (topic, partitions) in topics {
            let subscribed = match group {
                Group::Classic(group) => group.is_subscribed(topic),
                Group::Consumer(group) => group.is_subscribed_to(topic),
            };
            for partition in partitions {
                if subscribed {
                    codes.push(ErrorCode::GroupSubscribedToTopic);
                    continue;
                }
                codes.push(ErrorCode::None);
                if self.offsets.get(id, topic, *partition).is_some() {
                    out.records.push(offsets::gone(id, topic, *partition));
                }
            }
        }
        Ok(Reply::OffsetsDeleted(codes))
    }

    /// DescribeGroups.
    pub(super) fn describe(&self, id: &GroupId) -> Result<Reply, Refusal> {
        match self.groups.get(id) {
            Some(Group::Classic(group)) => Ok(Reply::Described(Box::new(group.describe()))),
            Some(Group::Consumer(_)) => {
                Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} is not a classic group.")))
            }
            None => Err(not_found(id)),
        }
    }

    /// ConsumerGroupDescribe.
    pub(super) fn describe_consumer(&self, cx: &Cx<'_>, id: &GroupId) -> Result<Reply, Refusal> {
        match self.groups.get(id) {
            Some(Group::Consumer(group)) => Ok(Reply::Consumers(Box::new(group.describe(cx)))),
            Some(Group::Classic(_)) => {
                Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} is not a consumer group.")))
            }
            None => Err(not_found(id)),
        }
    }

    /// DeleteGroups.
    pub(super) fn delete(&self, id: &GroupId, out: &mut Outcome) -> Result<(), Refusal> {
        let group = self.groups.get(id).ok_or_else(|| not_found(id))?;
        match group {
            Group::Classic(group) => {
                group.check_delete()?;
                self.offsets.forget_group(id, &mut out.records);
                out.records.push(gone(id));
            }
            Group::Consumer(group) => {
                group.check_delete()?;
                self.offsets.forget_group(id, &mut out.records);
                out.records.extend(group.tombstones().into_iter().map(|r| Record::Consumer(Arc::clone(id), r)));
            }
        }
        Ok(())
    }
}
