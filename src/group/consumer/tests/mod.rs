//! Tests of the whole machine: stories, and chance.

mod chance;
mod migration;
mod mixed;
mod refusals;
mod statics;
mod stories;
mod subscriptions;
mod teller;

use crate::group::Topics;
use crate::types::TopicId;
use std::collections::BTreeMap;

/// Topics in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TopicTable {
    version: u64,
    by_name: BTreeMap<String, (TopicId, i32)>,
}

impl TopicTable {
    /// Makes a topic, or gives it another number of partitions.
    pub fn put(&mut self, name: &str, id: TopicId, partitions: i32) {
        self.version += 1;
        self.by_name.insert(name.to_owned(), (id, partitions));
    }

    /// Deletes a topic.
    pub fn remove(&mut self, name: &str) {
        self.version += 1;
        self.by_name.remove(name);
    }
}

impl Topics for TopicTable {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).map(|(id, _)| *id)
    }
    fn name_of(&self, id: TopicId) -> Option<&str> {
        self.by_name.iter().find(|(_, (other, _))| *other == id).map(|(name, _)| name.as_str())
    }
    fn partitions_of(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).map(|(_, partitions)| *partitions)
    }
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.by_name.keys().map(String::as_str))
    }
    fn version(&self) -> u64 {
        self.version
    }
}
