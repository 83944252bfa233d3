//! Commits that come too late: a member sends one with the generation or the epoch that it has left, for a partition that
//! it has given back since. Nobody may let it in.

use super::offsets::text_of;
use super::{Asked, Member, Protocol};
use crate::client::{Cx, read};
use crate::oracle::groups::Part;
use kq::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use kq::error::ErrorCode;
use kq::types::Offset;
use std::collections::BTreeSet;

/// Versions that name topics: of one that is gone since, the id is not known any more.
const NAMED_VERSION_MAX: i16 = 9;

/// What a member had before.
#[derive(Clone, Debug)]
pub struct Earlier {
    epoch: i32,
    part: Part,
    at: Offset,
    /// The coordinator has taken in that it does not have it any more.
    is_over: bool,
}

impl Member {
    /// It has one of what it owns for the last time, all but `kept`.
    pub(super) fn remember(&mut self, kept: &BTreeSet<Part>) {
        let lost =
            self.owned.iter().find_map(|(part, at)| Some((part.clone(), (*at)?)).filter(|_| !kept.contains(part)));
        if let (Some((part, at)), true) = (lost, self.epoch >= 0) {
            self.earlier = Some(Earlier { epoch: self.epoch, part, at, is_over: false });
        }
    }

    /// The coordinator has answered to what the member said that it owns.
    pub(super) fn gave_back(&mut self, said: &BTreeSet<Part>) {
        if let Some(earlier) = &mut self.earlier {
            earlier.is_over |= !said.contains(&earlier.part);
        }
    }

    /// Now and then a commit has been under way for too long.
    pub(super) fn commit_late(&mut self, cx: &mut Cx<'_>) {
        // In a classic group nothing of an earlier generation counts. In a consumer group a member may commit what it has
        // had without a break.
        let is_classic = !self.is_mixed && self.protocol != Protocol::Consumer;
        let is_late =
            |of: &Earlier| of.epoch < self.epoch && (is_classic || of.is_over && !self.owned.contains_key(&of.part));
        let Some(earlier) = self.earlier.take_if(|earlier| is_late(earlier)) else { return };
        let partition = OffsetCommitRequestPartition {
            partition_index: earlier.part.1,
            committed_offset: earlier.at + 1,
            committed_leader_epoch: 0,
            committed_metadata: Some(text_of(earlier.at + 1).into()),
        };
        let topic = OffsetCommitRequestTopic {
            name: earlier.part.0.clone().into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.group.as_str().into(),
            generation_id_or_member_epoch: earlier.epoch,
            member_id: self.member_id.as_str().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            topics: vec![topic],
            ..Default::default()
        };
        let version = self.versions.commit.min(NAMED_VERSION_MAX);
        cx.send(version, &request);
        self.asked.push_back(Asked::Late { version, earlier });
    }

    pub(super) fn came_late(&mut self, cx: &mut Cx<'_>, version: i16, earlier: &Earlier, bytes: &[u8]) {
        let response: OffsetCommitResponse<'_> = read(bytes, version);
        let codes =
            response.topics.iter().flat_map(|topic| &topic.partitions).map(|p| ErrorCode::from_code(p.error_code));
        if codes.into_iter().any(|code| code == ErrorCode::None) {
            let now = self.epoch;
            cx.oracle.violated(format!("{}: in {now} a late commit was let in, of {earlier:?}", self.who()));
        }
    }
}
