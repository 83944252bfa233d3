//! What the group has committed, and commits of a member.

use super::{Asked, Member, Word};
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::groups::{COMMIT_VERSION_MAX, FETCH_VERSION_MAX, Offsets, commit_topics, explain};
use crate::kafka::offsets::TopicPartition;
use kq::api::offset_commit::{OffsetCommit, OffsetCommitRequest};
use kq::api::offset_fetch::{
    OffsetFetch, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kq::client::Answer;
use kq::error::ErrorCode;
use std::collections::BTreeMap;

impl Member {
    /// What the group has committed for these partitions.
    ///
    /// # Errors
    /// When the coordinator cannot be asked in time.
    pub fn committed(
        &mut self,
        kafka: &mut Kafka,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
        let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in partitions {
            by_topic.entry(topic).or_default().push(*partition);
        }
        // The same question in two shapes: before and since version 8.
        let (mut plain, mut batched) = (Vec::new(), Vec::new());
        for (topic, indexes) in by_topic {
            plain.push(OffsetFetchRequestTopic { name: topic.into(), partition_indexes: indexes.clone() });
            batched.push(OffsetFetchRequestTopics {
                name: topic.into(),
                partition_indexes: indexes,
                ..Default::default()
            });
        }
        let request = OffsetFetchRequest {
            group_id: self.group.clone().into(),
            topics: Some(plain),
            groups: vec![OffsetFetchRequestGroup {
                group_id: self.group.clone().into(),
                topics: Some(batched),
                ..Default::default()
            }],
            require_stable: true,
        };
        let mut retry = kafka.retry();
        loop {
            let trouble = match self.ask::<OffsetFetch>(kafka, &request, FETCH_VERSION_MAX)? {
                Asked::Interrupted => return Ok(BTreeMap::new()),
                Asked::Broken(failure) => failure,
                Asked::Answer(answer) => match read_committed(&answer)? {
                    Ok(found) => return Ok(found),
                    Err(code) => {
                        let failure = explain(code, format!("offsets of group {}", self.group), None);
                        if !code.is_retriable() {
                            return Err(failure);
                        }
                        failure
                    }
                },
            };
            self.link = None;
            if !kafka.pause(&mut retry) {
                return Err(trouble);
            }
        }
    }

    /// Commits; a commit that cannot be made now is left to the next one.
    ///
    /// # Errors
    /// When the group has shut this member out for good, or refuses an offset.
    pub fn commit(&mut self, kafka: &mut Kafka, offsets: &Offsets) -> Result<Word, Failure> {
        if offsets.is_empty() {
            return Ok(Word::Stay);
        }
        let topics = commit_topics(offsets);
        let request = OffsetCommitRequest {
            group_id: self.group.clone().into(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            topics,
            ..Default::default()
        };
        let answer = match self.ask::<OffsetCommit>(kafka, &request, COMMIT_VERSION_MAX)? {
            Asked::Answer(answer) => answer,
            Asked::Interrupted | Asked::Broken(_) => return Ok(Word::Unheard),
        };
        let response = answer.read()?;
        let mut word = Word::Stay;
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            let code = ErrorCode::from_code(partition.error_code);
            // A partition that was deleted has nothing to commit.
            let gone = matches!(code, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
            if !gone {
                word = word.max(self.told(code)?);
            }
        }
        Ok(word)
    }
}

/// The offsets in an answer of either shape, or the code that stands in their way.
fn read_committed(answer: &Answer<OffsetFetch>) -> Result<Result<BTreeMap<TopicPartition, i64>, ErrorCode>, Failure> {
    let response = answer.read()?;
    let group = response.groups.first();
    let mut codes = vec![response.error_code];
    codes.extend(group.map(|group| group.error_code));
    let mut found = BTreeMap::new();
    let mut take = |topic: &str, index: i32, code: i16, offset: i64| {
        codes.push(code);
        if offset >= 0 {
            found.insert((topic.to_string(), index), offset);
        }
    };
    for topic in &response.topics {
        for p in &topic.partitions {
            take(&topic.name, p.partition_index, p.error_code, p.committed_offset);
        }
    }
    for topic in group.iter().flat_map(|group| &group.topics) {
        for p in &topic.partitions {
            take(&topic.name, p.partition_index, p.error_code, p.committed_offset);
        }
    }
    let bad = codes.into_iter().map(ErrorCode::from_code).find(|code| !code.is_none());
    Ok(match bad {
        Some(ErrorCode::UnknownTopicOrPartition) | None => Ok(found),
        Some(code) => Err(code),
    })
}
