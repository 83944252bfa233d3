//! The administrator: creates topics, deletes and makes them anew, deletes records. What it was told stays true.

use crate::client::{Client, Cx, read};
use crate::oracle::{Cleanup, Place, Promise};
use kq::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic};
use kq::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse};
use kq::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use kq::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
use kq::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kq::error::ErrorCode;
use kq::types::TopicId;

const CREATE_VERSION: i16 = 7;
const DELETE_VERSION: i16 = 6;
const RECORDS_VERSION: i16 = 2;
const METADATA_VERSION: i16 = 12;
const CREATE_PARTITIONS_VERSION: i16 = 3;

enum Asked {
    Create(usize),
    Lookup(usize),
    Delete(TopicId),
    DeleteRecords(Place),
    Grow(usize, i32),
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
    /// Topics grow, and nothing is ever deleted: what members read.
    only_grows: bool,
    /// A topic whose number of partitions is not known for sure.
    growing: Option<usize>,
}

/// No topic of members has more partitions than this.
const GROWN_PARTITIONS_MAX: i32 = 7;

impl Admin {
    /// For a world of members.
    pub fn of_groups() -> Admin {
        Admin { only_grows: true, ..Admin::default() }
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
        if self.only_grows {
            if cx.topics[index].partitions < GROWN_PARTITIONS_MAX && cx.chance.one_in(4) {
                self.grow(cx, index);
            }
            return;
        }
        // The first topic stays.
        match (cx.chance.below(4), cx.topics[index].id) {
            (0, Some(id)) if index > 0 => self.delete(cx, index, id),
            (1 | 2, _) if !self.keeps_records => self.delete_records(cx, index),
            _ => {}
        }
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        cx.wake_in = Some(1 + cx.chance.below(20));
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
                        self.deleting = None;
                    }
                    code if code.is_retriable() => {}
                    code => cx.oracle.violated(format!("deleting {id} failed with {code}")),
                }
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
