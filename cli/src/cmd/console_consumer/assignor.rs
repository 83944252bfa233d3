//! The range assignor, as Kafka's `RangeAssignor` deals partitions out: a group may mix both.

use crate::kafka::offsets::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

/// A member, as far as the assignor cares.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Its id.
    pub id: String,
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// The topics that it wants.
    pub topics: BTreeSet<String>,
}

/// Each topic's partitions in order, cut into as many ranges as there are members that want it; the first ones get one
/// more where it does not come out even. Static members come first, by instance id, so that they keep their ranges.
pub fn range(members: &[Subscriber], topics: &BTreeMap<String, i32>) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut dealt: BTreeMap<String, Vec<TopicPartition>> =
        members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
    for (topic, &partitions) in topics {
        let mut readers: Vec<&Subscriber> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        readers.sort_by_key(|member| (member.instance.is_none(), member.instance.as_deref(), member.id.as_str()));
        let Ok(count) = i32::try_from(readers.len()) else { continue };
        if count == 0 {
            continue;
        }
        let (each, more) = (partitions / count, partitions % count);
        let mut next = 0;
        for (at, reader) in (0..).zip(&readers) {
            let end = next + each + i32::from(at < more);
            if let Some(mine) = dealt.get_mut(&reader.id) {
                mine.extend((next..end).map(|partition| (topic.clone(), partition)));
            }
            next = end;
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(members: &[(&str, Option<&str>, &[&str])], topics: &[(&str, i32)]) -> String {
        let members: Vec<Subscriber> = members
            .iter()
            .map(|(id, instance, topics)| Subscriber {
                id: (*id).into(),
                instance: instance.map(Into::into),
                topics: topics.iter().map(|topic| (*topic).to_string()).collect(),
            })
            .collect();
        let topics = topics.iter().map(|(topic, partitions)| ((*topic).to_string(), *partitions)).collect();
        let line = |(id, places): (&String, &Vec<TopicPartition>)| {
            let places: Vec<String> = places.iter().map(|place| format!("{}{}", place.0, place.1)).collect();
            format!("{id}: {}", places.join(" "))
        };
        range(&members, &topics).iter().map(line).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn ranges_are_kafkas() {
        let ab: &[&str] = &["a", "b"];
        assert_eq!(deal(&[("m1", None, ab), ("m2", None, ab)], &[("a", 3), ("b", 3)]), "m1: a0 a1 b0 b1; m2: a2 b2");
        assert_eq!(deal(&[("m1", None, &["a"]), ("m2", None, ab)], &[("a", 2), ("b", 2)]), "m1: a0; m2: a1 b0 b1");
        assert_eq!(deal(&[("m1", None, &["a"]), ("m2", None, &["a"])], &[("a", 1)]), "m1: a0; m2: ");
        // Static members first, by instance id, whatever their member ids.
        let both = [("m3", Some("i1"), &["a"][..]), ("m2", Some("i2"), &["a"]), ("m1", None, &["a"])];
        assert_eq!(deal(&both, &[("a", 4)]), "m1: a3; m2: a2; m3: a0 a1");
        assert_eq!(deal(&[], &[("a", 4)]), "");
    }
}
