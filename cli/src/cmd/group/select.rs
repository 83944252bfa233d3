//! `--topic T:0,1`: which partitions of a group are meant.

use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::offsets::TopicPartition;
use std::str::FromStr;

/// A topic, or some of its partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selected {
    /// The topic.
    pub topic: String,
    /// The partitions; empty for all.
    pub partitions: Vec<i32>,
}

impl FromStr for Selected {
    type Err = String;

    fn from_str(text: &str) -> Result<Selected, String> {
        let (topic, list) = text.split_once(':').map_or((text, None), |(topic, list)| (topic, Some(list)));
        let wrong = || format!("`{text}` names no partitions: write TOPIC, or TOPIC:0,1");
        if topic.is_empty() {
            return Err(wrong());
        }
        let mut partitions = Vec::new();
        for part in list.iter().flat_map(|list| list.split(',')) {
            partitions.push(part.trim().parse::<i32>().ok().filter(|index| *index >= 0).ok_or_else(wrong)?);
        }
        Ok(Selected { topic: topic.into(), partitions })
    }
}

impl Selected {
    /// Whether this partition is meant.
    pub fn has(&self, place: &TopicPartition) -> bool {
        self.topic == place.0 && (self.partitions.is_empty() || self.partitions.contains(&place.1))
    }
}

/// Those of `places` that are meant; all of them where nothing was selected.
pub fn chosen(selected: &[Selected], places: impl Iterator<Item = TopicPartition>) -> Vec<TopicPartition> {
    places.filter(|place| selected.is_empty() || selected.iter().any(|selected| selected.has(place))).collect()
}

/// The selected partitions as the cluster has them now.
///
/// # Errors
/// When a topic or a partition does not exist.
pub fn existing(kafka: &mut Kafka, selected: &[Selected]) -> Result<Vec<TopicPartition>, Failure> {
    let topics: Vec<&str> = selected.iter().map(|selected| selected.topic.as_str()).collect();
    kafka.require_topics(&topics)?;
    let mut places = Vec::new();
    for selected in selected {
        places.extend(crate::cmd::topic::chosen(kafka, &selected.topic, &selected.partitions)?);
    }
    places.sort();
    places.dedup();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_with_and_without_partitions() {
        let selected = |text: &str| text.parse::<Selected>().map(|s| (s.topic, s.partitions));
        assert_eq!(selected("a"), Ok(("a".into(), vec![])));
        assert_eq!(selected("a:0, 2"), Ok(("a".into(), vec![0, 2])));
        for wrong in ["", ":1", "a:", "a:x", "a:-1", "a:1,"] {
            assert!(selected(wrong).is_err(), "{wrong}");
        }
    }
}
