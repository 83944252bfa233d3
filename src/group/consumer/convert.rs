//! From a living classic group to a consumer group and back (KIP-848's online upgrade and downgrade).

use super::member::{ClassicMetadata, Member, Partitions, with_epoch};
use super::record::{Current, Record};
use super::state::{State, add};
use super::topics;
use crate::error::ErrorCode;
use crate::group::{Cx, Refusal, Topics};
use crate::types::{Epoch, Partition};
use crate::wire::consumer_protocol::{
    AssignedPartitions, ConsumerProtocolAssignment, ConsumerProtocolSubscription, VERSION,
};
use std::collections::{BTreeMap, BTreeSet};

/// A classic group in plain words; its state is Stable.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicGroup {
    /// Its generation.
    pub generation: Epoch,
    /// `consumer`, for any that may be upgraded.
    pub protocol_type: String,
    /// The assignor that was chosen.
    pub protocol_name: String,
    /// Its members.
    pub members: Vec<ClassicMember>,
    /// After a downgrade: members have to join again, since somebody left or the assignment is old.
    pub needs_rebalance: bool,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicMember {
    /// Its id.
    pub id: String,
    /// Its name across restarts.
    pub instance_id: Option<String>,
    /// The client's name for itself.
    pub client_id: String,
    /// Its address.
    pub client_host: String,
    /// How long it may take to join again, in ms.
    pub rebalance_timeout_ms: i32,
    /// It is out when it is silent for so long, in ms.
    pub session_timeout_ms: i32,
    /// Its assignors by name, each with a subscription.
    pub protocols: Vec<(String, Vec<u8>)>,
    /// Its assignment; empty for none.
    pub assignment: Vec<u8>,
}

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
    if group.protocol_type != "consumer" {
        return Err(cannot("the group does not use the consumer embedded protocol"));
    }
    if group.members.len() > usize::try_from(settings.max_size).unwrap_or(0) {
        return Err(cannot("the group size exceeds the consumer group maximum size"));
    }
    let malformed = || cannot("the embedded consumer protocol is malformed");
    let mut members = Vec::with_capacity(group.members.len());
    let mut names = BTreeMap::new();
    for of in &group.members {
        let assignment = ConsumerProtocolAssignment::from_bytes(&of.assignment).map_err(|_| malformed())?.1;
        if assignment.user_data.as_ref().is_some_and(|data| !data.is_empty()) {
            return Err(cannot(
                "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default \
                 assignor before re-attempting the upgrade",
            ));
        }
        let chosen = of.protocols.iter().find(|(name, _)| *name == group.protocol_name).or(of.protocols.first());
        let (_, said) = chosen.ok_or_else(malformed)?;
        let said = ConsumerProtocolSubscription::from_bytes(said).map_err(|_| malformed())?.1;
        let target = by_id(assigned(&assignment), cx.topics);
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
            epoch: group.generation,
            previous_epoch: group.generation,
            assigned: with_epoch(&target, group.generation),
            ..Member::new(&of.id)
        };
        member.topic_names.iter().for_each(|name| add(&mut names, name));
        members.push((member, target));
    }
    let hash = topics::metadata_hash(names.keys().map(String::as_str), cx.topics);
    let mut records = Vec::with_capacity(members.len() * 3 + 2);
    records.extend(members.iter().map(|(m, _)| Record::Member(m.id.clone(), Some(Box::new(m.clone())))));
    records.push(Record::Epoch(Some((group.generation, hash))));
    records.extend(members.iter().map(|(m, target)| Record::Target(m.id.clone(), Some(target.clone()))));
    records.push(Record::TargetEpoch(Some((group.generation, 0))));
    records.extend(members.iter().map(|(m, _)| Record::Current(m.id.clone(), Some(Current::from(m)))));
    Ok(records)
}

/// The classic group that is left when `leaving` are gone; `None` when it stays a consumer group.
pub(super) fn downgrade(state: &State, cx: &Cx<'_>, leaving: &BTreeSet<String>) -> Option<ClassicGroup> {
    let left: Vec<&Member> = state.members.values().filter(|member| !leaving.contains(&member.id)).collect();
    let settings = cx.settings;
    let may = settings.consumer.migration_policy.downgrades()
        && !left.is_empty()
        && left.len() <= usize::try_from(settings.max_size).unwrap_or(0);
    if !may || left.iter().any(|member| member.classic.is_none()) {
        return None;
    }
    let targets = left.into_iter().map(|member| (member, state.target(&member.id)));
    Some(classic_group(state.epoch, targets, cx.topics, true))
}

/// A classic group of members that all speak its protocol, each with its target.
pub(super) fn classic_group<'m>(
    generation: Epoch,
    members: impl Iterator<Item = (&'m Member, &'m Partitions)>,
    topics: &dyn Topics,
    needs_rebalance: bool,
) -> ClassicGroup {
    let mut members: Vec<ClassicMember> = members
        .filter_map(|(member, target)| {
            let classic = member.classic.as_ref()?;
            let mut of = ClassicMember {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: classic.session_timeout_ms,
                protocols: classic.protocols.clone(),
                assignment: Vec::new(),
            };
            of.assignment = assignment_bytes(target, topics, &classic.protocols);
            Some(of)
        })
        .collect();
    let protocol_name = choose(&members);
    for member in &mut members {
        // Its version is that of the assignor that was chosen.
        let said = member.protocols.iter().find(|(name, _)| *name == protocol_name);
        if let (Some((_, said)), Ok((_, assignment))) =
            (said, ConsumerProtocolAssignment::from_bytes(&member.assignment))
        {
            member.assignment = assignment.to_bytes(version_of(said));
        }
    }
    ClassicGroup { generation, protocol_type: "consumer".to_owned(), protocol_name, members, needs_rebalance }
}

/// The assignor that most members put first among those that all know.
fn choose(members: &[ClassicMember]) -> String {
    let known_to_all =
        |name: &str| members.iter().all(|member| member.protocols.iter().any(|(other, _)| other == name));
    let mut votes = BTreeMap::new();
    for member in members {
        if let Some((name, _)) = member.protocols.iter().find(|(name, _)| known_to_all(name)) {
            add(&mut votes, name);
        }
    }
    let most = votes.values().max().copied();
    votes.into_iter().find(|(_, count)| Some(*count) == most).map(|(name, _)| name).unwrap_or_default()
}

/// What SyncGroup gives a member, in the version of its first assignor; topics that are gone are left out.
pub(super) fn assignment_bytes(
    partitions: &Partitions,
    topics: &dyn Topics,
    protocols: &[(String, Vec<u8>)],
) -> Vec<u8> {
    let named = partitions.iter().filter_map(|(id, of)| {
        let partitions = of.iter().copied().collect();
        Some(AssignedPartitions { topic: topics.name_of(*id)?.into(), partitions })
    });
    let assignment = ConsumerProtocolAssignment { assigned_partitions: named.collect(), user_data: None };
    assignment.to_bytes(protocols.first().map_or(0, |(_, said)| version_of(said)))
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
fn version_of(said: &[u8]) -> i16 {
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
