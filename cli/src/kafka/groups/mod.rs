//! Groups: who coordinates them, what their coordinators know, and the changes that they take.
//!
//! Everything about a group is asked of its coordinator; where that has moved or still loads, it is looked up and asked
//! again until the command's time is up. Several groups of one coordinator share a request where its version allows.

mod describe;
mod offsets;

pub use describe::{Described, Member};
pub use offsets::{COMMIT_VERSION_MAX, Committed, FETCH_VERSION_MAX, Offsets, commit_topics};

use super::{Kafka, To};
use crate::failure::{Failure, Kind};
use kq::api::delete_groups::{DeleteGroups, DeleteGroupsRequest};
use kq::api::find_coordinator::{FindCoordinator, FindCoordinatorRequest};
use kq::api::list_groups::{ListGroups, ListGroupsRequest};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use kq::types::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// The first version of FindCoordinator that takes several keys (KIP-699).
const FIND_BATCH_FROM: i16 = 4;
/// The kind of key that is a group.
const KEY_OF_A_GROUP: i8 = 0;

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub group: String,
    /// `Classic`, `Consumer`, `Share`, `Streams`; empty from brokers that do not tell.
    pub kind: String,
    /// `consumer`, `connect`; empty for groups that only commit offsets.
    pub protocol: String,
    /// `Stable`, `Empty`, …; empty from brokers that do not tell.
    pub state: String,
    /// Who coordinates it.
    pub coordinator: NodeId,
}

/// What one broker says of each group that it was asked about.
type Told<T> = Vec<(String, Result<T, Trouble>)>;

/// Why a coordinator has no answer.
#[derive(Clone, Debug)]
struct Trouble {
    code: ErrorCode,
    words: Option<String>,
}

impl From<ErrorCode> for Trouble {
    fn from(code: ErrorCode) -> Trouble {
        Trouble { code, words: None }
    }
}

impl Trouble {
    /// Whether to look the coordinator up again and ask once more.
    fn passes(&self) -> bool {
        self.code == ErrorCode::NotCoordinator || verdict(self.code) == Verdict::Again
    }
}

/// Brokers write the type of a group small, Kafka's tools with a capital.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Turns a code into words for the user, with what to do next.
pub fn explain(code: ErrorCode, what: impl std::fmt::Display, words: Option<&str>) -> Failure {
    let own = match code {
        ErrorCode::GroupIdNotFound => Some("there is no such group"),
        ErrorCode::NonEmptyGroup => Some("the group has members"),
        ErrorCode::GroupSubscribedToTopic => Some("the group reads the topic"),
        ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => Some("the group has members by now"),
        ErrorCode::UnknownTopicOrPartition => Some("there is no such topic or partition"),
        ErrorCode::InvalidGroupId => Some("not a valid group id"),
        _ => None,
    };
    let own = own.map(|own| format!("{own} ({})", code.name()));
    let failure = Failure::answered(code, what, own.as_deref().or(words));
    match code {
        ErrorCode::GroupIdNotFound => failure.hint("`kq group list` shows what exists"),
        ErrorCode::NonEmptyGroup | ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
            failure.hint("stop its members first; `kq group describe --members` shows them")
        }
        ErrorCode::GroupSubscribedToTopic => {
            failure.hint("stop its members first, or let them subscribe to something else")
        }
        _ => failure,
    }
}

impl Kafka {
    /// The coordinator of each group; a group's own error stands in its place.
    ///
    /// # Errors
    /// When nobody can be asked.
    fn coordinators(&mut self, groups: &[String]) -> Result<BTreeMap<String, Result<NodeId, Trouble>>, Failure> {
        let version = self.link(To::Any)?.connection().version_of::<FindCoordinator>().unwrap_or(0);
        let batch = if version >= FIND_BATCH_FROM { groups.len().max(1) } else { 1 };
        let mut found = BTreeMap::new();
        for groups in groups.chunks(batch) {
            let request = FindCoordinatorRequest {
                key: groups[0].as_str().into(),
                key_type: KEY_OF_A_GROUP,
                coordinator_keys: groups.iter().map(|group| group.as_str().into()).collect(),
            };
            let answer = self.call::<FindCoordinator>(To::Any, &request)?;
            let response = answer.read()?;
            let mut put = |group: String, code: i16, words: Option<&str>, id: NodeId| {
                let result = match ErrorCode::from_code(code) {
                    ErrorCode::None => Ok(id),
                    code => Err(Trouble { code, words: words.map(str::to_string) }),
                };
                found.insert(group, result);
            };
            if answer.version() < FIND_BATCH_FROM {
                put(groups[0].clone(), response.error_code, response.error_message.as_deref(), response.node_id);
            }
            for one in &response.coordinators {
                put(one.key.to_string(), one.error_code, one.error_message.as_deref(), one.node_id);
            }
        }
        Ok(found)
    }

    /// The coordinator of one group, waited for until the command's time is up.
    ///
    /// # Errors
    /// When there is none by then, or nobody can be asked.
    pub fn coordinator(&mut self, group: &str) -> Result<NodeId, Failure> {
        let groups = [group.to_string()];
        let found = self.at_coordinators(&groups, |_, id, groups| Ok(vec![(groups[0].clone(), Ok(id))]))?;
        found.into_values().next().unwrap_or_else(|| Err(explain(ErrorCode::CoordinatorNotAvailable, group, None)))
    }

    /// Asks the coordinator of each group, as `ask` does for those of one broker; again where that passes.
    fn at_coordinators<T>(
        &mut self,
        groups: &[String],
        mut ask: impl FnMut(&mut Kafka, NodeId, &[String]) -> Result<Told<T>, Failure>,
    ) -> Result<BTreeMap<String, Result<T, Failure>>, Failure> {
        let mut done = BTreeMap::new();
        let mut open: Vec<String> = groups.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let mut retry = self.retry();
        while !open.is_empty() {
            let mut told: Told<T> = Vec::new();
            let mut by_broker: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
            for (group, found) in self.coordinators(&open)? {
                match found {
                    Ok(id) => by_broker.entry(id).or_default().push(group),
                    Err(trouble) => told.push((group, Err(trouble))),
                }
            }
            for (id, groups) in by_broker {
                if !self.cluster.brokers.contains_key(&id) {
                    self.refresh::<&str>(&[])?;
                }
                told.extend(ask(self, id, &groups)?);
            }
            let mut again: BTreeMap<String, Trouble> = BTreeMap::new();
            for group in &open {
                match told.iter().position(|(name, _)| name == group).map(|at| told.swap_remove(at).1) {
                    Some(Ok(value)) => drop(done.insert(group.clone(), Ok(value))),
                    Some(Err(trouble)) if trouble.passes() => drop(again.insert(group.clone(), trouble)),
                    Some(Err(trouble)) => {
                        let what = format!("group {group}");
                        done.insert(group.clone(), Err(explain(trouble.code, what, trouble.words.as_deref())));
                    }
                    None => {
                        let what = format!("group {group}: the broker did not answer for it");
                        done.insert(group.clone(), Err(Failure::new("BAD_ANSWER", what)));
                    }
                }
            }
            open = again.keys().cloned().collect();
            if !open.is_empty() && !self.pause(&mut retry) {
                for (group, trouble) in again {
                    let what = format!("group {group}");
                    let mut failure = explain(trouble.code, what, trouble.words.as_deref());
                    failure.kind = Kind::TimedOut;
                    done.insert(group, Err(failure));
                }
                break;
            }
        }
        Ok(done)
    }

    /// All groups of the cluster, by id: of these states and types (any case), where any are given.
    ///
    /// # Errors
    /// When a broker cannot be asked.
    pub fn list_groups(&mut self, states: &[String], kinds: &[String]) -> Result<Vec<Listed>, Failure> {
        self.refresh::<&str>(&[])?;
        let brokers: Vec<NodeId> = self.cluster.brokers.keys().copied().collect();
        let mut listed: Vec<Listed> = Vec::new();
        let request = ListGroupsRequest {
            states_filter: states.iter().map(|state| state.as_str().into()).collect(),
            types_filter: kinds.iter().map(|kind| kind.as_str().into()).collect(),
        };
        for id in brokers {
            let mut retry = self.retry();
            loop {
                let answer = self.call::<ListGroups>(To::Broker(id), &request)?;
                let response = answer.read()?;
                let code = ErrorCode::from_code(response.error_code);
                if code.is_none() {
                    listed.extend(response.groups.iter().map(|group| Listed {
                        group: group.group_id.to_string(),
                        kind: capital(&group.group_type),
                        protocol: group.protocol_type.to_string(),
                        state: group.group_state.to_string(),
                        coordinator: id,
                    }));
                    break;
                }
                if !Trouble::from(code).passes() || !self.pause(&mut retry) {
                    return Err(explain(code, format!("groups of broker {id}"), None));
                }
            }
        }
        // Brokers that do not know a filter ignore it.
        let fits = |wanted: &[String], is: &str| {
            wanted.is_empty() || is.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(is))
        };
        listed.retain(|group| fits(states, &group.state) && fits(kinds, &group.kind));
        listed.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(listed)
    }

    /// Deletes groups that have no members.
    ///
    /// # Errors
    /// When a coordinator cannot be asked. A group's own failure stands in its place.
    pub fn delete_groups(&mut self, groups: &[String]) -> Result<BTreeMap<String, Result<(), Failure>>, Failure> {
        self.at_coordinators(groups, |kafka, id, groups| {
            let groups_names = groups.iter().map(|group| group.as_str().into()).collect();
            let answer = kafka.call::<DeleteGroups>(To::Broker(id), &DeleteGroupsRequest { groups_names })?;
            let results = answer.read()?.results;
            let one = |code: i16| match ErrorCode::from_code(code) {
                ErrorCode::None => Ok(()),
                code => Err(code.into()),
            };
            Ok(results.iter().map(|result| (result.group_id.to_string(), one(result.error_code))).collect())
        })
    }
}
