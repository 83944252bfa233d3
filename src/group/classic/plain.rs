//! A classic group in plain words: how it goes to the other protocol, and how it comes back.

use super::{ClassicGroup, Member, State};
use crate::group::consumer::{ClassicGroup as Plain, ClassicMember};
use crate::group::{Cx, GroupId, Outcome};
use crate::types::Millis;
use std::sync::Arc;

impl ClassicGroup {
    /// The group in plain words.
    pub fn plain(&self) -> Plain {
        let members = self.members.iter().map(|(id, m)| ClassicMember {
            id: id.to_string(),
            instance_id: m.instance_id.clone(),
            client_id: m.client_id.clone(),
            client_host: m.client_host.clone(),
            rebalance_timeout_ms: m.rebalance_timeout_ms,
            session_timeout_ms: m.session_timeout_ms,
            protocols: m.protocols.clone(),
            assignment: m.assignment.clone(),
        });
        Plain {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_name: self.protocol.clone().unwrap_or_default(),
            members: members.collect(),
            needs_rebalance: false,
        }
    }

    /// A stable group of plain words.
    pub fn of_plain(id: GroupId, now: Millis, plain: &Plain) -> ClassicGroup {
        let mut group = ClassicGroup::new(id);
        group.generation = plain.generation;
        group.protocol_type = Some(plain.protocol_type.clone());
        group.protocol = Some(plain.protocol_name.clone());
        for m in &plain.members {
            let member = Member {
                instance_id: m.instance_id.clone(),
                protocols: m.protocols.clone(),
                assignment: m.assignment.clone(),
                ..Member::new(m.client_id.clone(), m.client_host.clone(), m.session_timeout_ms, m.rebalance_timeout_ms)
            };
            group.insert(Arc::from(m.id.as_str()), member);
        }
        group.leader = group.members.keys().next().cloned();
        group.enter(now, State::Stable);
        group.was_empty = false;
        group.understand();
        group
    }

    /// Everybody is to join again.
    pub fn rebalance(&mut self, cx: &Cx<'_>, out: &mut Outcome) {
        self.rebalance_or_complete(cx, out);
    }
}
