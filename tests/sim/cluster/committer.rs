//! A committer: a group of one without a membership, that commits larger and larger offsets, and asks what is committed.

use crate::client::{Client, Cx, read};
use kq::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use kq::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use kq::types::Offset;

const COMMIT_VERSION: i16 = 8;
const FETCH_VERSION: i16 = 8;
const TOPIC: &str = "topic-0";

enum Asked {
    Commit(Offset),
    Committed,
}

/// See the module.
pub struct Committer {
    id: i64,
    asked: Option<Asked>,
    /// The largest offset that was acknowledged, or read.
    floor: Option<Offset>,
    /// The largest that was ever sent.
    sent: Offset,
    /// Commits that were acknowledged.
    pub acked: u64,
}

impl Committer {
    /// Of a group of its own.
    pub fn new(id: i64) -> Committer {
        Committer { id, asked: None, floor: None, sent: 0, acked: 0 }
    }

    /// Its group.
    pub fn group(&self) -> String {
        format!("committer-{}", self.id)
    }

    fn commit(&mut self, cx: &mut Cx<'_>) {
        self.sent += 1;
        let part = OffsetCommitRequestPartition { committed_offset: self.sent, ..Default::default() };
        let topic = OffsetCommitRequestTopic { name: TOPIC.into(), partitions: vec![part], ..Default::default() };
        let group_id = self.group();
        let request = OffsetCommitRequest { group_id: group_id.into(), topics: vec![topic], ..Default::default() };
        cx.send(COMMIT_VERSION, &request);
        self.asked = Some(Asked::Commit(self.sent));
    }

    fn ask(&mut self, cx: &mut Cx<'_>) {
        let topic = OffsetFetchRequestTopics { name: TOPIC.into(), partition_indexes: vec![0], ..Default::default() };
        let group_id = self.group();
        let group =
            OffsetFetchRequestGroup { group_id: group_id.into(), topics: Some(vec![topic]), ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() };
        cx.send(FETCH_VERSION, &request);
        self.asked = Some(Asked::Committed);
    }

    fn refused(&mut self, cx: &mut Cx<'_>, code: ErrorCode) {
        match code {
            ErrorCode::NotCoordinator => cx.elsewhere = true,
            code if verdict(code) == Verdict::Fail => {
                cx.oracle.violated(format!("{} was refused with {code}", self.name()));
            }
            _ => cx.elsewhere |= cx.chance.one_in(3),
        }
    }
}

impl Client for Committer {
    fn act(&mut self, cx: &mut Cx<'_>) {
        if self.asked.is_some() {
            return;
        }
        if cx.busy && cx.chance.one_in(2) {
            self.commit(cx);
        } else {
            self.ask(cx);
        }
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        cx.wake_in = Some(1 + cx.chance.below(30));
        match self.asked.take().expect("a reply to nothing") {
            Asked::Commit(offset) => {
                let response: OffsetCommitResponse<'_> = read(bytes, COMMIT_VERSION);
                match ErrorCode::from_code(response.topics[0].partitions[0].error_code) {
                    ErrorCode::None => {
                        self.floor = Some(offset);
                        self.acked += 1;
                        cx.oracle.commits += 1;
                    }
                    code => self.refused(cx, code),
                }
            }
            Asked::Committed => {
                let response: OffsetFetchResponse<'_> = read(bytes, FETCH_VERSION);
                let group = &response.groups[0];
                let part = group.topics.first().and_then(|topic| topic.partitions.first());
                let code = ErrorCode::from_code(match part {
                    Some(part) if group.error_code == 0 => part.error_code,
                    _ => group.error_code,
                });
                if !code.is_none() {
                    return self.refused(cx, code);
                }
                let found = part.map(|part| part.committed_offset).filter(|offset| *offset >= 0);
                if found < self.floor && cx.deposed {
                    return cx.elsewhere = true;
                }
                if found < self.floor || found > Some(self.sent) {
                    let (floor, sent) = (self.floor, self.sent);
                    let what = format!("{}: {floor:?} was committed, now {found:?}; sent {sent}", self.name());
                    cx.oracle.violated(what);
                }
                self.floor = found;
            }
        }
    }

    fn disconnected(&mut self) {
        self.asked = None;
    }

    fn is_idle(&self) -> bool {
        !matches!(self.asked, Some(Asked::Commit(_)))
    }

    fn name(&self) -> String {
        self.group()
    }
}
