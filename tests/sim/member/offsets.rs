//! Offsets: what a member asks for before it reads, and what it commits.

use super::classic::by_topic;
use super::{Asked, Member, Protocol, Stage};
use crate::client::{Cx, read};
use crate::oracle::groups::{Bar, Part};
use crate::oracle::offsets::Floor;
use kq::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use kq::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use kq::error::ErrorCode;
use kq::types::{Offset, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// The text that goes with an offset.
pub fn text_of(offset: Offset) -> String {
    format!("so far: {offset}")
}

impl Member {
    /// One who only commits: it takes what it wants, and nobody else commits for its group.
    pub(super) fn go_on_alone(&mut self, cx: &mut Cx<'_>) {
        if self.owned.is_empty() {
            let topics = cx.topics.iter().filter(|topic| topic.id.is_some() && self.subscription.contains(&topic.name));
            self.owned = topics
                .flat_map(|t| (0..t.partitions).map(|p| ((t.name.clone(), p), None)).collect::<Vec<_>>())
                .collect();
        }
        self.stage = Stage::In;
        if self.owned.values().any(Option::is_none) {
            self.ask_offsets(cx);
        } else {
            self.commit(cx);
        }
    }

    pub(super) fn ask_offsets(&mut self, cx: &mut Cx<'_>) {
        let parts: BTreeSet<Part> = self.owned.iter().filter(|(_, at)| at.is_none()).map(|(p, _)| p.clone()).collect();
        let known = cx.oracle.group(&self.group);
        let asked = parts.iter().map(|part| (part.clone(), known.floor(part))).collect();
        let ids = ids_of(cx);
        let all_known = parts.iter().all(|(topic, _)| ids.contains_key(topic));
        let version = if all_known { self.versions.fetch } else { self.versions.fetch.min(9) };
        let wanted = by_topic(&parts).into_iter();
        let request = if version >= 8 {
            let topics = wanted.map(|(topic, partition_indexes)| OffsetFetchRequestTopics {
                topic_id: ids.get(&topic).copied().unwrap_or_default(),
                name: topic.into(),
                partition_indexes,
            });
            let speaks = self.protocol == Protocol::Consumer;
            let group = OffsetFetchRequestGroup {
                group_id: self.group.as_str().into(),
                member_id: speaks.then(|| self.member_id.clone().into()),
                member_epoch: if speaks { self.epoch } else { -1 },
                topics: Some(topics.collect()),
            };
            OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() }
        } else {
            let topics = wanted
                .map(|(topic, partition_indexes)| OffsetFetchRequestTopic { name: topic.into(), partition_indexes });
            OffsetFetchRequest {
                group_id: self.group.as_str().into(),
                topics: Some(topics.collect()),
                ..Default::default()
            }
        };
        cx.send(version, &request);
        self.asked.push_back(Asked::Offsets { version, asked });
    }

    pub(super) fn told_offsets(&mut self, cx: &mut Cx<'_>, version: i16, asked: Vec<(Part, Floor)>, bytes: &[u8]) {
        let (code, told) = told(cx, version, bytes);
        let name = self.who();
        match code {
            ErrorCode::None => {}
            // It has been told of its epoch, or is about to.
            ErrorCode::StaleMemberEpoch | ErrorCode::UnknownMemberId if self.protocol == Protocol::Consumer => {
                self.waits = self.pace > 1;
                return;
            }
            code => return self.refused(cx, "OffsetFetch", code),
        }
        for (part, floor) in asked {
            if !cx.oracle.group(&self.group).is_current(&part, floor) {
                // Its topic may be gone, or its offset: it asks again.
                self.waits = self.pace > 1;
                continue;
            }
            let Some(at) = told.get(&part) else {
                return cx.oracle.violated(format!("{name}: nothing is said about {part:?}"));
            };
            match at {
                Ok(at) => {
                    let result = cx.oracle.group(&self.group).read(cx.now, &part, floor, *at);
                    cx.oracle.judge(&name, result);
                    if let Some(slot @ None) = self.owned.get_mut(&part) {
                        *slot = Some(at.unwrap_or(0));
                    }
                }
                Err(what) => cx.oracle.violated(format!("{name}: {part:?}: {what}")),
            }
        }
    }

    pub(super) fn commit(&mut self, cx: &mut Cx<'_>) {
        if cx.rests {
            return;
        }
        let mut offsets: Vec<(Part, Offset)> = Vec::new();
        for (part, at) in &mut self.owned {
            let Some(at) = at else { continue };
            if cx.chance.one_in(2) {
                *at += 1 + cx.chance.below(4);
                offsets.push((part.clone(), *at));
            }
        }
        if offsets.is_empty() {
            return;
        }
        let ids = ids_of(cx);
        let all_known = offsets.iter().all(|((topic, _), _)| ids.contains_key(topic));
        let version = if all_known { self.versions.commit } else { self.versions.commit.min(9) };
        let mut topics: BTreeMap<String, Vec<OffsetCommitRequestPartition<'_>>> = BTreeMap::new();
        let parts: Vec<Part> = offsets.iter().map(|(part, _)| part.clone()).collect();
        let is_plain = matches!(self.protocol, Protocol::Classic(_)) && !self.is_mixed && self.pace == 1;
        let owner = self.owner();
        let known = cx.oracle.group(&self.group);
        let bar = known.bars(cx.now, &owner, is_plain.then_some(self.epoch), &parts);
        let age = known.age();
        for (part, offset) in &offsets {
            known.committing(cx.now, part, *offset);
            let partition = OffsetCommitRequestPartition {
                partition_index: part.1,
                committed_offset: *offset,
                committed_leader_epoch: 0,
                committed_metadata: Some(text_of(*offset).into()),
            };
            topics.entry(part.0.clone()).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| OffsetCommitRequestTopic {
            topic_id: ids.get(&name).copied().unwrap_or_default(),
            name: name.into(),
            partitions,
        });
        let request = OffsetCommitRequest {
            group_id: self.group.as_str().into(),
            generation_id_or_member_epoch: if self.protocol == Protocol::None { -1 } else { self.epoch },
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            topics: topics.collect(),
            ..Default::default()
        };
        cx.send(version, &request);
        self.asked.push_back(Asked::Commit { version, offsets, age, bar });
    }

    /// The answer to a commit that was sent when the group had that age, and that was not to be let in, perhaps.
    pub(super) fn committed(
        &mut self,
        cx: &mut Cx<'_>,
        version: i16,
        offsets: &[(Part, Offset)],
        (age, bar): (u64, Option<Bar>),
        bytes: &[u8],
    ) {
        let response: OffsetCommitResponse<'_> = read(bytes, version);
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code);
        let codes: Vec<i16> = codes.collect();
        if codes.len() != offsets.len() {
            return cx.oracle.violated(format!("{}: {} codes for {offsets:?}", self.who(), codes.len()));
        }
        for ((part, offset), code) in offsets.iter().zip(codes) {
            match ErrorCode::from_code(code) {
                ErrorCode::None => {
                    cx.oracle.commits += 1;
                    let known = cx.oracle.group(&self.group);
                    known.committed(part, *offset, age);
                    let result = bar.as_ref().map_or(Ok(()), |bar| known.let_in(cx.now, bar));
                    let name = self.who();
                    cx.oracle.judge(&name, result);
                }
                ErrorCode::StaleMemberEpoch | ErrorCode::UnknownMemberId if self.protocol == Protocol::Consumer => {}
                // It is gone; one of its name may have fewer partitions.
                ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition
                    if cx.oracle.group(&self.group).was_in_doubt(&part.0) =>
                {
                    if let Some(at) = self.owned.get_mut(part) {
                        *at = None;
                    }
                }
                code => return self.refused(cx, "OffsetCommit", code),
            }
        }
    }
}

/// An offset, none where there is none; or what is wrong with it.
type Told = Result<Option<Offset>, String>;

/// What an answer to OffsetFetch says of the first group: its code, and its partitions.
pub fn told(cx: &Cx<'_>, version: i16, bytes: &[u8]) -> (ErrorCode, BTreeMap<Part, Told>) {
    let response: OffsetFetchResponse<'_> = read(bytes, version);
    let one = |offset: Offset, text: Option<&str>, code: i16| match (code, offset) {
        (0, -1) => Ok(None),
        (0, offset) if text == Some(&text_of(offset)) => Ok(Some(offset)),
        (0, offset) => Err(format!("{offset} comes with the text {text:?}")),
        (code, _) => Err(format!("code {code}")),
    };
    let mut told = BTreeMap::new();
    if version < 8 {
        for topic in &response.topics {
            for p in &topic.partitions {
                let part = (topic.name.to_string(), p.partition_index);
                told.insert(part, one(p.committed_offset, p.metadata.as_deref(), p.error_code));
            }
        }
        return (ErrorCode::from_code(response.error_code), told);
    }
    let Some(group) = response.groups.first() else { return (ErrorCode::UnknownServerError, told) };
    for topic in &group.topics {
        let by_id = cx.topics.iter().find(|known| version >= 10 && known.id == Some(topic.topic_id));
        let name = by_id.map_or(&*topic.name, |known| &known.name);
        for p in &topic.partitions {
            let part = (name.to_owned(), p.partition_index);
            told.insert(part, one(p.committed_offset, p.metadata.as_deref(), p.error_code));
        }
    }
    (ErrorCode::from_code(group.error_code), told)
}

fn ids_of(cx: &Cx<'_>) -> BTreeMap<String, TopicId> {
    cx.topics.iter().filter_map(|topic| Some((topic.name.clone(), topic.id?))).collect()
}
