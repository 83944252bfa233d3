//! From a living classic group to a consumer group and back (KIP-848's online upgrade and downgrade).
//!
//! A group may change its protocol in the middle of a rebalance. What was shared out last (upgrade), or what shall be
//! (downgrade), is then not yet what members hold. It goes on with what they may still hold: nobody is given anything
//! before its owner has given it back.

use super::member::{ClassicMetadata, Member, MemberState, Partitions, with_epoch};
use super::record::{Current, Record};
use super::state::{State, add};
use crate::error::ErrorCode;
use crate::group::classic::{self, ClassicGroup};
use crate::group::{Cx, Refusal, Topics};
use crate::types::{Epoch, Partition, TopicId};
use crate::wire::consumer_protocol::{
    AssignedPartitions, ConsumerProtocolAssignment, ConsumerProtocolSubscription, PROTOCOL_TYPE, VERSION,
};
use std::collections::{BTreeMap, BTreeSet};

/// The records that make a consumer group of a classic one, for a [`ConsumerGroup::new`](super::ConsumerGroup::new).
/// They belong behind the classic group's tombstone, in the same batch; then
/// [`ConsumerGroup::loaded`](super::ConsumerGroup::loaded). Members that wait in JoinGroup or SyncGroup are told
/// `REBALANCE_IN_PROGRESS`.
///
/// # Errors
/// `GROUP_ID_NOT_FOUND` when the settings, or the group's assignor, do not allow it.
pub fn upgrade(cx: &Cx<'_>, group_id: &str, group: &ClassicGroup) -> Result<Vec<Record>, Refusal> {
    let cannot = |why: &str| {
        let text = format!("Cannot upgrade classic group {group_id} to consumer group because {why}.");
        Refusal::new(ErrorCode::GroupIdNotFound, text)
    };
    let settings = &cx.settings.consumer;
    if !settings.migration_policy.upgrades() {
        return Err(cannot("online upgrade is disabled"));
    }
    if group.protocol_type() != Some(PROTOCOL_TYPE) {
        return Err(cannot("the group does not use the consumer embedded protocol"));
    }
    if group.members().len() > usize::try_from(settings.max_size).unwrap_or(0) {
        return Err(cannot("the group size exceeds the consumer group maximum size"));
    }
    let malformed = || cannot("the embedded consumer protocol is malformed");
    let generation = group.generation();
    let mut members = Vec::with_capacity(group.members().len());
    let mut claims = Claims::default();
    for (id, of) in group.members() {
        let assignment = ConsumerProtocolAssignment::from_bytes(&of.assignment).map_err(|_| malformed())?.1;
        if assignment.user_data.as_ref().is_some_and(|data| !data.is_empty()) {
            return Err(cannot(
                "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default \
                 assignor before re-attempting the upgrade",
            ));
        }
        let chosen = of.protocols.iter().find(|(name, _)| Some(name.as_str()) == group.protocol());
        let (_, said) = chosen.or(of.protocols.first()).ok_or_else(malformed)?;
        let said = ConsumerProtocolSubscription::from_bytes(said).map_err(|_| malformed())?.1;
        let target = by_id(assigned(&assignment), cx.topics);
        let owned = said.owned_partitions.iter().map(|of| (&*of.topic, of.partitions.as_slice()));
        claims.add(members.len(), said.generation_id, &by_id(owned, cx.topics));
        claims.settled.extend(each(&target));
        let member = Member {
            instance_id: of.instance_id.clone(),
            rack_id: said.rack_id.filter(|rack| !rack.is_empty()).map(|rack| rack.into_owned()),
            client_id: of.client_id.clone(),
            client_host: of.client_host.clone(),
            topic_names: said.topics.into_iter().map(|name| name.into_owned()).collect(),
            rebalance_timeout_ms: of.rebalance_timeout_ms,
            classic: Some(ClassicMetadata {
                session_timeout_ms: of.session_timeout_ms,
                protocols: of.protocols.clone(),
            }),
            epoch: generation,
            previous_epoch: generation,
            assigned: with_epoch(&target, generation),
            ..Member::new(id)
        };
        members.push((member, target));
    }
    for (at, revoking) in claims.open() {
        let (member, _) = &mut members[at];
        (member.state, member.revoking) = (MemberState::UnrevokedPartitions, with_epoch(&revoking, generation));
    }
    let mut records = Vec::with_capacity(members.len() * 3 + 2);
    records.extend(members.iter().map(|(m, _)| Record::Member(m.id.clone(), Some(Box::new(m.clone())))));
    // No checksum: what was shared out last may be of other topics than there are, so the next heartbeat looks at them.
    records.push(Record::Epoch(Some((generation, 0))));
    records.extend(members.iter().map(|(m, target)| Record::Target(m.id.clone(), Some(target.clone()))));
    records.push(Record::TargetEpoch(Some((generation, 0))));
    records.extend(members.iter().map(|(m, _)| Record::Current(m.id.clone(), Some(Current::from(m)))));
    Ok(records)
}

/// What cooperative members said that they own when they joined last (KIP-429).
#[derive(Default)]
struct Claims {
    /// Who says so, with the highest generation (KIP-792).
    by: BTreeMap<(TopicId, Partition), (Epoch, usize)>,
    /// What was shared out since.
    settled: BTreeSet<(TopicId, Partition)>,
}

impl Claims {
    fn add(&mut self, at: usize, generation: Epoch, owned: &Partitions) {
        for part in each(owned) {
            let best = self.by.entry(part).or_insert((generation, at));
            if best.0 < generation {
                *best = (generation, at);
            }
        }
    }

    /// What was taken from a member, who may not know that yet, and given to nobody.
    fn open(self) -> BTreeMap<usize, Partitions> {
        let mut open: BTreeMap<usize, Partitions> = BTreeMap::new();
        for ((topic, partition), (_, at)) in self.by {
            if !self.settled.contains(&(topic, partition)) {
                open.entry(at).or_default().entry(topic).or_default().insert(partition);
            }
        }
        open
    }
}

fn each(partitions: &Partitions) -> impl Iterator<Item = (TopicId, Partition)> {
    partitions.iter().flat_map(|(topic, of)| of.iter().map(|partition| (*topic, *partition)))
}

/// The classic group that is left when `leaving` are gone, all of whose members have to join again; `None` when it stays
/// a consumer group.
pub(super) fn downgrade(state: &State, cx: &Cx<'_>, id: &str, leaving: &BTreeSet<String>) -> Option<ClassicGroup> {
    let left: Vec<&Member> = state.members.values().filter(|member| !leaving.contains(&member.id)).collect();
    let settings = cx.settings;
    let may = settings.consumer.migration_policy.downgrades()
        && !left.is_empty()
        && left.len() <= usize::try_from(settings.max_size).unwrap_or(0);
    if !may || left.iter().any(|member| member.classic.is_none()) {
        return None;
    }
    Some(classic_group(cx, id, state.epoch, &left))
}

/// A classic group of members that all speak its protocol, each with what it may hold. All have to join again.
pub(super) fn classic_group(cx: &Cx<'_>, id: &str, generation: Epoch, members: &[&Member]) -> ClassicGroup {
    let protocol = choose(members);
    let members = members.iter().filter_map(|member| {
        let said = member.classic.as_ref()?;
        let chosen = said.protocols.iter().find(|(name, _)| *name == protocol).or(said.protocols.first());
        let version = chosen.map_or(0, |(_, said)| version_of(said));
        let (client_id, client_host) = (member.client_id.clone(), member.client_host.clone());
        let mut of = classic::Member::new(client_id, client_host, said.session_timeout_ms, member.rebalance_timeout_ms);
        of.instance_id.clone_from(&member.instance_id);
        of.protocols.clone_from(&said.protocols);
        of.assignment = assignment_bytes(&member.held(), cx.topics, version);
        Some((member.id.as_str().into(), of))
    });
    ClassicGroup::of_members(id.into(), cx.now, generation, protocol.clone(), members)
}

/// The assignor that most members put first among those that all know.
fn choose(members: &[&Member]) -> String {
    let known_to_all = |name: &str| members.iter().all(|member| member.protocols().any(|other| other == name));
    let mut votes = BTreeMap::new();
    for member in members {
        if let Some(name) = member.protocols().find(|name| known_to_all(name)) {
            add(&mut votes, name);
        }
    }
    let most = votes.values().max().copied();
    votes.into_iter().find(|(_, count)| Some(*count) == most).map(|(name, _)| name).unwrap_or_default()
}

/// What SyncGroup gives a member, in a version of the embedded protocol; topics that are gone are left out.
pub(super) fn assignment_bytes(partitions: &Partitions, topics: &dyn Topics, version: i16) -> Vec<u8> {
    let named = partitions.iter().filter_map(|(id, of)| {
        let partitions = of.iter().copied().collect();
        Some(AssignedPartitions { topic: topics.name_of(*id)?.into(), partitions })
    });
    ConsumerProtocolAssignment { assigned_partitions: named.collect(), user_data: None }.to_bytes(version)
}

/// Partitions by topic id; topics that are not there are left out.
pub(super) fn by_id<'n>(named: impl Iterator<Item = (&'n str, &'n [Partition])>, topics: &dyn Topics) -> Partitions {
    let mut all = Partitions::new();
    for (name, partitions) in named {
        if let Some(id) = topics.id_of(name) {
            all.entry(id).or_default().extend(partitions);
        }
    }
    all
}

/// What an assignment gives.
pub(super) fn assigned<'n>(
    assignment: &'n ConsumerProtocolAssignment<'_>,
) -> impl Iterator<Item = (&'n str, &'n [Partition])> {
    assignment.assigned_partitions.iter().map(|of| (&*of.topic, of.partitions.as_slice()))
}

/// The version in which a member reads its assignment: that of its subscription, or the last one that is known.
pub(super) fn version_of(said: &[u8]) -> i16 {
    ConsumerProtocolSubscription::from_bytes(said).map_or(0, |(version, _)| version.min(VERSION))
}

/// Whether only members of the classic protocol would be there without the static member that `id` replaces.
pub(super) fn downgrades_by_replacing(state: &State, cx: &Cx<'_>, old: &Member) -> bool {
    old.classic.is_none()
        && state.classic_members == state.members.len() - 1
        && cx.settings.consumer.migration_policy.downgrades()
        && state.members.len() <= usize::try_from(cx.settings.max_size).unwrap_or(0)
}

/// The tombstones of the whole group, the replaced static member under its new id.
pub(super) fn tombstones_after(state: &State, records: &[Record]) -> Vec<Record> {
    let mut after = state.clone();
    records.iter().for_each(|record| after.replay(record));
    after.tombstones()
}
