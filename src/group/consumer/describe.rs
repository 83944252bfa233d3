//! What ConsumerGroupDescribe and ListGroups tell of a group.

use super::draft::preferred;
use super::member::Partitions;
use super::{Assignor, ConsumerGroup};
use crate::group::Cx;
use crate::types::Epoch;
use std::fmt;

/// Where a group stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupState {
    /// Nobody is in it.
    Empty,
    /// The target of its epoch is still to be computed.
    Assigning,
    /// Not everybody has all of the target yet.
    Reconciling,
    /// Everybody has.
    Stable,
}

impl GroupState {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::Assigning => "Assigning",
            GroupState::Reconciling => "Reconciling",
            GroupState::Stable => "Stable",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Where it stands.
    pub state: GroupState,
    /// Its epoch.
    pub group_epoch: Epoch,
    /// The target's epoch.
    pub assignment_epoch: Epoch,
    /// The assignor that most of its members ask for.
    pub assignor: Assignor,
    /// Its members, by id.
    pub members: Vec<MemberDescription>,
}

/// A member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberDescription {
    /// Its id.
    pub id: String,
    /// Its name across restarts.
    pub instance_id: Option<String>,
    /// Its rack.
    pub rack_id: Option<String>,
    /// Its epoch.
    pub epoch: Epoch,
    /// The client's name for itself.
    pub client_id: String,
    /// Its address.
    pub client_host: String,
    /// The topics it asked for by name, sorted.
    pub topic_names: Vec<String>,
    /// The pattern it asked for; empty for none.
    pub topic_regex: String,
    /// What it holds, what it has to give back included.
    pub assignment: Partitions,
    /// What it shall have.
    pub target: Partitions,
    /// Whether it speaks the classic protocol.
    pub is_classic: bool,
}

impl ConsumerGroup {
    /// The group's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.state.members.is_empty()
    }

    /// How many members it has.
    pub fn size(&self) -> usize {
        self.state.members.len()
    }

    /// Whether somebody in it is subscribed to a topic: then its offsets do not expire.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        let matched = |regex: &String| self.state.resolved.get(regex).is_some_and(|of| of.topics.contains(topic));
        self.state.names.contains_key(topic) || self.state.regexes.keys().any(matched)
    }

    /// Where the group stands.
    pub fn group_state(&self) -> GroupState {
        let state = &self.state;
        if state.members.is_empty() {
            GroupState::Empty
        } else if state.epoch > state.target_epoch {
            GroupState::Assigning
        } else if state.members.values().all(|member| member.is_reconciled_to(state.target_epoch)) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// The group and all its members.
    pub fn describe(&self, cx: &Cx<'_>) -> Description {
        let members = self.state.members.values().map(|member| MemberDescription {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            rack_id: member.rack_id.clone(),
            epoch: member.epoch,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topic_names: member.topic_names.iter().cloned().collect(),
            topic_regex: member.topic_regex.clone(),
            assignment: member.held(),
            target: self.state.target(&member.id).clone(),
            is_classic: member.classic.is_some(),
        });
        Description {
            state: self.group_state(),
            group_epoch: self.state.epoch,
            assignment_epoch: self.state.target_epoch,
            assignor: preferred(&self.state.assignors, &cx.settings.consumer.assignors),
            members: members.collect(),
        }
    }
}
