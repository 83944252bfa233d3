//! What a group sees of the topics: names, ids, partition counts; and a checksum that tells when they changed.

use crate::types::TopicId;
use std::collections::BTreeMap;

/// The topics as the group's coordinator knows them now.
pub trait Topics {
    /// A number that grows whenever a topic is made, changed or deleted.
    fn version(&self) -> i64;
    /// A topic's id and its number of partitions.
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)>;
    /// A topic's name and its number of partitions.
    fn by_id(&self, id: TopicId) -> Option<(&str, i32)>;
    /// Calls `each` with the name of every topic that patterns may match.
    fn each_name(&self, each: &mut dyn FnMut(&str));
}

/// Topics in memory: enough for tests, and for whoever has no other picture of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicTable {
    version: i64,
    by_name: BTreeMap<String, (TopicId, i32)>,
    by_id: BTreeMap<TopicId, String>,
}

impl TopicTable {
    /// Makes a topic, or gives it another number of partitions.
    pub fn put(&mut self, name: &str, id: TopicId, partitions: i32) {
        self.remove(name);
        self.by_name.insert(name.to_owned(), (id, partitions));
        self.by_id.insert(id, name.to_owned());
    }

    /// Deletes a topic.
    pub fn remove(&mut self, name: &str) {
        self.version += 1;
        if let Some((id, _)) = self.by_name.remove(name) {
            self.by_id.remove(&id);
        }
    }
}

impl Topics for TopicTable {
    fn version(&self) -> i64 {
        self.version
    }
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        self.by_name.get(name).copied()
    }
    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        let name = self.by_id.get(&id)?;
        Some((name, self.by_name.get(name)?.1))
    }
    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        self.by_name.keys().for_each(|name| each(name));
    }
}

/// A checksum of the topics among `names` that exist: it differs when one of them is made, deleted or gets partitions.
///
/// CRC-64 of id, name and partition count, where Apache Kafka takes XXH3 (KIP-1101): a group that moves from one to
/// the other is balanced once more and no harm is done. `names` must be sorted; 0 when none of them exists.
pub fn metadata_hash<'n>(names: impl Iterator<Item = &'n str>, topics: &dyn Topics) -> i64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    let mut any = false;
    for name in names {
        if let Some((id, partitions)) = topics.by_name(name) {
            any = true;
            digest.update(&id.0);
            digest.update(&partitions.to_be_bytes());
            digest.update(&(name.len() as u32).to_be_bytes());
            digest.update(name.as_bytes());
        }
    }
    if any { digest.finalize() as i64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Uuid;

    #[test]
    fn the_hash_sees_what_matters() {
        let mut topics = TopicTable::default();
        topics.put("a", Uuid([1; 16]), 3);
        topics.put("b", Uuid([2; 16]), 3);
        let hash = |topics: &TopicTable, names: &[&str]| metadata_hash(names.iter().copied(), topics);
        let both = hash(&topics, &["a", "b"]);
        assert_eq!(both, hash(&topics, &["a", "b", "missing"]));
        assert_ne!(both, hash(&topics, &["a"]));
        assert_eq!(0, hash(&topics, &["missing"]));
        topics.put("b", Uuid([2; 16]), 4);
        assert_ne!(both, hash(&topics, &["a", "b"]));
        topics.put("b", Uuid([3; 16]), 3);
        assert_ne!(both, hash(&topics, &["a", "b"]));
    }
}
