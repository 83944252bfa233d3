//! A classic group that was a consumer group a moment ago (KIP-848's online downgrade).

use super::{CONSUMER_PROTOCOL, ClassicGroup, Member, State};
use crate::group::GroupId;
use crate::types::Millis;
use std::sync::Arc;

impl ClassicGroup {
    /// A group of these members, whose assignments are what each of them may hold. All have to join again: nobody leads,
    /// and whoever loads its record knows by that.
    pub fn of_members(
        id: GroupId,
        now: Millis,
        generation: i32,
        protocol: String,
        members: impl Iterator<Item = (Arc<str>, Member)>,
    ) -> ClassicGroup {
        let mut group = ClassicGroup::new(id);
        group.generation = generation;
        group.protocol_type = Some(CONSUMER_PROTOCOL.to_owned());
        group.protocol = Some(protocol);
        members.for_each(|(id, member)| group.insert(id, member));
        group.enter(now, State::Stable);
        group.was_empty = false;
        group.understand();
        group
    }

    /// The same group, all of whose members know what to do.
    pub fn settled(mut self) -> ClassicGroup {
        self.lead();
        self
    }

    /// Whether its members have to join again, since it was a consumer group whose members were not where they should be.
    pub fn needs_rebalance(&self) -> bool {
        self.leader.is_none() && !self.members.is_empty()
    }

    /// Somebody leads.
    pub(super) fn lead(&mut self) {
        self.leader = self.leader.take().or_else(|| self.members.keys().next().cloned());
    }
}
