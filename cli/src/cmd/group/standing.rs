//! Where groups stand: what each has committed, where the logs end, who reads what.

use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::groups::{Committed, Described, Member, Offsets};
use crate::kafka::offsets::{LATEST, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};

/// One partition that a group reads or has read.
pub struct Line {
    /// The group.
    pub group: String,
    /// The partition; `None` for a member that has none.
    pub place: Option<TopicPartition>,
    /// What was committed.
    pub committed: Option<Committed>,
    /// The offset after the last record.
    pub end: Option<i64>,
    /// Who reads it now.
    pub member: Option<Member>,
}

impl Line {
    /// Records not read yet; `None` where nothing was committed, or the log is not there.
    pub fn lag(&self) -> Option<i64> {
        Some(self.end?.saturating_sub(self.committed.as_ref()?.offset).max(0))
    }
}

/// A group with its lines, by topic and partition.
pub struct Standing {
    /// The group.
    pub described: Described,
    /// Its partitions, and after them its members without any.
    pub lines: Vec<Line>,
}

/// Where each of these groups stands. Failures of single groups go into `failures`.
///
/// # Errors
/// When a coordinator or a leader cannot be asked.
pub fn standings(kafka: &mut Kafka, groups: &[String], failures: &mut Vec<Failure>) -> Result<Vec<Standing>, Failure> {
    let mut described: Vec<Described> = Vec::new();
    let mut told = kafka.describe_groups(groups)?;
    for group in groups {
        match told.remove(group) {
            Some(Ok(found)) => described.push(found),
            Some(Err(failure)) => failures.push(failure),
            None => {}
        }
    }
    let names: Vec<String> = described.iter().map(|found| found.group.clone()).collect();
    let mut committed: BTreeMap<String, Offsets> = BTreeMap::new();
    for (group, offsets) in kafka.committed(&names)? {
        match offsets {
            Ok(offsets) => drop(committed.insert(group, offsets)),
            Err(failure) => failures.push(failure),
        }
    }
    let mut places: BTreeSet<TopicPartition> = committed.values().flat_map(|offsets| offsets.keys().cloned()).collect();
    places.extend(described.iter().flat_map(|found| owners(found).into_keys()));
    let ends = ends(kafka, &places)?;
    let standing = |found: Described| {
        let offsets = committed.remove(&found.group).unwrap_or_default();
        let lines = lines(&found, &offsets, &ends);
        Standing { described: found, lines }
    };
    Ok(described.into_iter().map(standing).collect())
}

/// Where the logs of these partitions end; without those that cannot be asked.
///
/// # Errors
/// When a leader does not answer.
pub fn ends(kafka: &mut Kafka, places: &BTreeSet<TopicPartition>) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let topics: BTreeSet<String> = places.iter().map(|place| place.0.clone()).collect();
    kafka.refresh(&topics.into_iter().collect::<Vec<_>>())?;
    // A topic that was deleted keeps its commits: nothing is asked about it.
    let there: Vec<TopicPartition> =
        places.iter().filter(|place| kafka.cluster.leader(&place.0, place.1).is_ok()).cloned().collect();
    let found = kafka.list_offsets(&there, LATEST)?;
    Ok(found.into_iter().filter_map(|(place, found)| Some((place, found.ok()?.0))).collect())
}

fn owners(described: &Described) -> BTreeMap<TopicPartition, &Member> {
    let mut owners = BTreeMap::new();
    for member in &described.members {
        for (topic, partitions) in &member.assigned {
            owners.extend(partitions.iter().map(|partition| ((topic.clone(), *partition), member)));
        }
    }
    owners
}

fn lines(described: &Described, offsets: &Offsets, ends: &BTreeMap<TopicPartition, i64>) -> Vec<Line> {
    let owners = owners(described);
    let places: BTreeSet<&TopicPartition> = offsets.keys().chain(owners.keys()).collect();
    let line = |place: &TopicPartition| Line {
        group: described.group.clone(),
        place: Some(place.clone()),
        committed: offsets.get(place).cloned(),
        end: ends.get(place).copied(),
        member: owners.get(place).map(|member| (*member).clone()),
    };
    let idle = described.members.iter().filter(|member| member.assigned.is_empty()).map(|member| Line {
        group: described.group.clone(),
        place: None,
        committed: None,
        end: None,
        member: Some(member.clone()),
    });
    places.into_iter().map(line).chain(idle).collect()
}

/// The groups that were named, or all of the cluster's that can be described.
///
/// # Errors
/// When a broker cannot be asked.
pub fn named_or_all(kafka: &mut Kafka, named: &[String]) -> Result<Vec<String>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let listed = kafka.list_groups(&[], &[])?;
    // Share and streams groups have no committed offsets of this kind.
    let ours = listed.into_iter().filter(|group| !matches!(group.kind.as_str(), "Share" | "Streams"));
    Ok(ours.map(|group| group.group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, assigned: &[(&str, &[i32])]) -> Member {
        Member {
            id: id.into(),
            instance: None,
            client_id: "c".into(),
            host: "/h".into(),
            epoch: None,
            subscribed: Vec::new(),
            assigned: assigned.iter().map(|(topic, partitions)| ((*topic).into(), partitions.to_vec())).collect(),
            target: None,
        }
    }

    #[test]
    fn a_line_for_each_partition_committed_or_read_and_for_each_idle_member() {
        let described = Described {
            group: "g".into(),
            kind: "Classic",
            state: "Stable".into(),
            assignor: "range".into(),
            epoch: None,
            assignment_epoch: None,
            coordinator: 1,
            members: vec![member("m1", &[("a", &[0, 1])]), member("m2", &[])],
        };
        let place = |topic: &str, partition| (topic.to_string(), partition);
        let offsets = Offsets::from([(place("a", 0), Committed::at(7)), (place("gone", 3), Committed::at(9))]);
        let ends = BTreeMap::from([(place("a", 0), 10), (place("a", 1), 5)]);
        let lines = lines(&described, &offsets, &ends);
        let said: Vec<_> = lines
            .iter()
            .map(|line| (line.place.clone(), line.lag(), line.member.as_ref().map(|member| member.id.as_str())))
            .collect();
        assert_eq!(
            said,
            [
                (Some(place("a", 0)), Some(3), Some("m1")),
                (Some(place("a", 1)), None, Some("m1")),
                (Some(place("gone", 3)), None, None),
                (None, None, Some("m2")),
            ]
        );
    }
}
