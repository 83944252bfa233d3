//! The administrator: creates topics, deletes and makes them anew, deletes records; where members live, lets topics grow,
//! and deletes groups and offsets. What it was told stays true.

use crate::client::{Client, Cx, read};
use crate::oracle::{Cleanup, Place, Promise};
use kq::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic};
use kq::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse};
use kq::api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use kq::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use kq::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
use kq::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kq::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, OffsetDeleteResponse,
};
use kq::error::ErrorCode;
use kq::types::TopicId;

const CREATE_VERSION: i16 = 7;
const DELETE_VERSION: i16 = 6;
const RECORDS_VERSION: i16 = 2;
const METADATA_VERSION: i16 = 12;
const CREATE_PARTITIONS_VERSION: i16 = 3;
const DELETE_GROUPS_VERSION: i16 = 2;
const OFFSET_DELETE_VERSION: i16 = 0;

enum Asked {
    Create(usize),
    Lookup(usize),
    Delete(TopicId),
    DeleteRecords(Place),
    Grow(usize, i32),
    /// A group; or the offsets of a topic in it.
    Forget(String, Option<String>),
}

/// See the module.
#[derive(Default)]
pub struct Admin {
    asked: Option<Asked>,
    /// A deletion whose outcome is not known.
    deleting: Option<(usize, TopicId)>,
    /// Nothing can be told of records that were deleted: copies follow later.
    keeps_records: bool,
    /// A topic that exists, under an identity yet to be asked for.
    lookup: Option<usize>,
    /// Groups whose members read the topics: those grow, and no records are deleted.
    groups: Vec<String>,
    /// A group, or the offsets of a topic in it: whether they are still there is not known.
    forgetting: Option<(String, Option<String>)>,
    /// A topic whose number of partitions is not known for sure.
    growing: Option<usize>,
}

/// No topic of members has more partitions than this.
const GROWN_PARTITIONS_MAX: i32 = 7;

impl Admin {
    /// For a world of members, in these groups.
    pub fn of_groups(groups: Vec<String>) -> Admin {
        Admin { groups, ..Admin::default() }
    }

    /// What befalls the topics and groups of members.
    fn disturb(&mut self, cx: &mut Cx<'_>, index: usize) {
        let group = self.groups[cx.chance.below(self.groups.len() as i64) as usize].clone();
        match cx.chance.below(20) {
            0..=3 if cx.topics[index].partitions < GROWN_PARTITIONS_MAX => self.grow(cx, index),
            4 if cx.chance.one_in(2) => {
                if let Some(id) = cx.topics[index].id {
                    self.delete(cx, index, id);
                }
            }
            5 | 6 => self.forget(cx, group, None),
            7 => {
                let topic = cx.topics[index].name.clone();
                self.forget(cx, group, Some(topic));
            }
            _ => {}
        }
    }

    fn forget(&mut self, cx: &mut Cx<'_>, group: String, topic: Option<String>) {
        cx.oracle.tell(|| format!("{} the administrator deletes {:?} of {group}", cx.now, topic));
        let known = cx.oracle.group(&group);
        known.doubt(topic.as_deref());
        match &topic {
            None => {
                let groups_names = vec![group.clone().into()];
                cx.send(DELETE_GROUPS_VERSION, &DeleteGroupsRequest { groups_names });
            }
            Some(topic) => {
                let partitions =
                    (0..GROWN_PARTITIONS_MAX).map(|partition_index| OffsetDeleteRequestPartition { partition_index });
                let topics =
                    vec![OffsetDeleteRequestTopic { name: topic.clone().into(), partitions: partitions.collect() }];
                let group_id = group.clone().into();
                cx.send(OFFSET_DELETE_VERSION, &OffsetDeleteRequest { group_id, topics });
            }
        }
        self.forgetting = Some((group.clone(), topic.clone()));
        self.asked = Some(Asked::Forget(group, topic));
    }

    /// The outcome of [`Admin::forget`] is known: its code, or one of its codes that says that something is gone.
    fn forgotten(&mut self, cx: &mut Cx<'_>, group: &str, topic: Option<&str>, code: ErrorCode) {
        self.forgetting = None;
        let known = cx.oracle.group(group);
        match code {
            ErrorCode::None => {
                known.forgotten(topic);
                if topic.is_none() {
                    known.begins_anew();
                }
            }
            ErrorCode::NonEmptyGroup
            | ErrorCode::GroupIdNotFound
            | ErrorCode::GroupSubscribedToTopic
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::CoordinatorLoadInProgress => known.kept(topic),
            // It may be done.
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::RequestTimedOut => {
                known.forgotten(topic);
                if topic.is_none() {
                    known.begins_anew();
                }
            }
            code => cx.oracle.violated(format!("deleting {group} ({topic:?}) failed with {code}")),
        }
    }

    /// For a world of several nodes.
    pub fn of_cluster() -> Admin {
        Admin { keeps_records: true, ..Admin::default() }
    }

    fn grow(&mut self, cx: &mut Cx<'_>, index: usize) {
        let topic = &cx.topics[index];
        let count = topic.partitions + 1;
        let topic = CreatePartitionsTopic { name: topic.name.clone().into(), count, assignments: None };
        cx.send(CREATE_PARTITIONS_VERSION, &CreatePartitionsRequest { topics: vec![topic], ..Default::default() });
        self.growing = Some(index);
        self.asked = Some(Asked::Grow(index, count));
    }

    fn create(&mut self, cx: &mut Cx<'_>, index: usize) {
        let topic = cx.topics[index].clone();
        let mut configs = Vec::new();
        if topic.promise == Promise::PageCache {
            configs.extend([("flush.messages", "7"), ("flush.ms", "30")]);
        }
        if topic.cleanup == Cleanup::Compact {
            configs.extend([("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0")]);
        }
        let configs = configs.into_iter();
        let configs = configs
            .map(|(name, value)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) })
            .collect();
        let creatable = CreatableTopic {
            name: topic.name.as_str().into(),
            num_partitions: topic.partitions,
            replication_factor: topic.replicas,
            configs,
            ..Default::default()
        };
        cx.send(CREATE_VERSION, &CreateTopicsRequest { topics: vec![creatable], ..Default::default() });
        self.asked = Some(Asked::Create(index));
    }

    fn lookup(&mut self, cx: &mut Cx<'_>, index: usize) {
        let name = cx.topics[index].name.clone();
        let topic = MetadataRequestTopic { name: Some(name.as_str().into()), ..Default::default() };
        cx.send(METADATA_VERSION, &MetadataRequest { topics: Some(vec![topic]), ..Default::default() });
        self.asked = Some(Asked::Lookup(index));
    }

    fn delete(&mut self, cx: &mut Cx<'_>, index: usize, id: TopicId) {
        let topic = DeleteTopicState { name: None, topic_id: id };
        cx.send(DELETE_VERSION, &DeleteTopicsRequest { topics: vec![topic], ..Default::default() });
        // From here on nobody counts on it.
        self.deleting = Some((index, id));
        cx.topics[index].id = None;
        cx.oracle.deleted(id);
        let name = cx.topics[index].name.clone();
        for group in &self.groups {
            let known = cx.oracle.group(group);
            known.forgotten(Some(&name));
            known.topic_goes(&name);
        }
        self.asked = Some(Asked::Delete(id));
    }

    fn delete_records(&mut self, cx: &mut Cx<'_>, index: usize) {
        let partition = cx.chance.below(i64::from(cx.topics[index].partitions)) as i32;
        let Some(place) = cx.place(index, partition) else { return };
        let Some(known) = cx.oracle.places.get(&place) else { return };
        let high_watermark = known.high_watermark;
        let offset = cx.chance.below(high_watermark + 1);
        let name = cx.topics[index].name.clone();
        let partitions = vec![DeleteRecordsPartition { partition_index: partition, offset }];
        let topic = DeleteRecordsTopic { name: name.as_str().into(), partitions };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 60_000 };
        cx.send(RECORDS_VERSION, &request);
        self.asked = Some(Asked::DeleteRecords(place));
    }
}

impl Client for Admin {
    fn act(&mut self, cx: &mut Cx<'_>) {
        if self.asked.is_some() {
            return;
        }
        if let Some((index, id)) = self.deleting {
            return self.delete(cx, index, id);
        }
        if let Some((group, topic)) = self.forgetting.take() {
            // Nobody will ever say whether it was done.
            self.forgotten(cx, &group, topic.as_deref(), ErrorCode::RequestTimedOut);
        }
        if let Some(index) = self.lookup.take().or(self.growing) {
            return self.lookup(cx, index);
        }
        if let Some(index) = cx.topics.iter().position(|topic| topic.id.is_none()) {
            return self.create(cx, index);
        }
        cx.wake_in = Some(5 + cx.chance.below(40));
        if !cx.busy {
            return;
        }
        let index = cx.chance.below(cx.topics.len() as i64) as usize;
        if !self.groups.is_empty() {
            cx.wake_in = Some((5 + cx.chance.below(40)) * cx.pace);
            return self.disturb(cx, index);
        }
        // The first topic stays.
        match (cx.chance.below(4), cx.topics[index].id) {
            (0, Some(id)) if index > 0 => self.delete(cx, index, id),
            (1 | 2, _) if !self.keeps_records => self.delete_records(cx, index),
            _ => {}
        }
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let pace = if self.groups.is_empty() { 1 } else { cx.pace };
        cx.wake_in = Some((1 + cx.chance.below(20)) * pace);
        match self.asked.take().expect("a reply to nothing") {
            Asked::Create(index) => {
                let response: CreateTopicsResponse<'_> = read(bytes, CREATE_VERSION);
                match ErrorCode::from_code(response.topics[0].error_code) {
                    ErrorCode::None => {
                        let (id, topic) = (response.topics[0].topic_id, &mut cx.topics[index]);
                        topic.id = Some(id);
                        cx.oracle.created(id, topic.partitions, topic.promise, topic.cleanup);
                    }
                    ErrorCode::TopicAlreadyExists => self.lookup = Some(index),
                    _ => {}
                }
            }
            Asked::Lookup(index) => {
                let response: MetadataResponse<'_> = read(bytes, METADATA_VERSION);
                let found = &response.topics[0];
                // A node that is behind may know the topic that was deleted before.
                if found.error_code == 0 && cx.oracle.is_deleted(found.topic_id) {
                    self.lookup = Some(index);
                } else if found.error_code == 0 {
                    let topic = &mut cx.topics[index];
                    topic.id = Some(found.topic_id);
                    topic.partitions = found.partitions.len() as i32;
                    self.growing = None;
                    cx.oracle.created(found.topic_id, topic.partitions, topic.promise, topic.cleanup);
                }
            }
            Asked::Grow(index, count) => {
                let response: CreatePartitionsResponse<'_> = read(bytes, CREATE_PARTITIONS_VERSION);
                if response.results[0].error_code == 0 {
                    cx.topics[index].partitions = count;
                    self.growing = None;
                }
            }
            Asked::Delete(id) => {
                let response: DeleteTopicsResponse<'_> = read(bytes, DELETE_VERSION);
                match ErrorCode::from_code(response.responses[0].error_code) {
                    ErrorCode::None | ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition => {
                        let gone = self.deleting.take();
                        if let (Some((index, _)), false) = (gone, self.groups.is_empty()) {
                            let name = cx.topics[index].name.clone();
                            self.groups.iter().for_each(|group| cx.oracle.group(group).forgotten(Some(&name)));
                            cx.topics[index].partitions = 1 + cx.chance.below(4) as i32;
                        }
                    }
                    code if code.is_retriable() => {}
                    code => cx.oracle.violated(format!("deleting {id} failed with {code}")),
                }
            }
            Asked::Forget(group, None) => {
                let response: DeleteGroupsResponse<'_> = read(bytes, DELETE_GROUPS_VERSION);
                let code = ErrorCode::from_code(response.results[0].error_code);
                self.forgotten(cx, &group, None, code);
            }
            Asked::Forget(group, Some(topic)) => {
                let response: OffsetDeleteResponse<'_> = read(bytes, OFFSET_DELETE_VERSION);
                let codes: Vec<i16> =
                    response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| p.error_code).collect();
                let done = codes.contains(&0) && response.error_code == 0;
                let code = if done { 0 } else { codes.first().copied().unwrap_or(response.error_code) };
                self.forgotten(cx, &group, Some(&topic), ErrorCode::from_code(code));
            }
            Asked::DeleteRecords(place) => {
                let response: DeleteRecordsResponse<'_> = read(bytes, RECORDS_VERSION);
                let part = &response.topics[0].partitions[0];
                if part.error_code == 0 {
                    cx.oracle.trimmed(place, part.low_watermark);
                }
            }
        }
    }

    fn disconnected(&mut self) {
        // What was to be forgotten stays in doubt until it acts again.
        if let Some(Asked::Lookup(index)) = self.asked.take() {
            self.lookup = Some(index);
        }
    }

    fn is_idle(&self) -> bool {
        self.asked.is_none() && self.deleting.is_none() && self.lookup.or(self.growing).is_none()
    }

    fn name(&self) -> String {
        "the administrator".to_owned()
    }
}
