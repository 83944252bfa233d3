//! What groups have chosen for themselves, kept beside the coordinators: it counts from a group's next decision on, so a
//! living member hears of a new heartbeat interval, and has a new session timeout, with its next heartbeat.

use super::Broker;
use crate::config::group_config;
use crate::meta::ResourceType;

impl Broker {
    /// The configs of one group have changed.
    pub(super) fn configure_group(&mut self, group: &str) {
        let own = self.image.overrides(ResourceType::Group, group);
        if own.is_empty() {
            self.groups.own.remove(group);
        } else {
            let settings = group_config::effective(&self.settings.groups, own);
            self.groups.own.insert(group.to_owned(), settings);
        }
    }

    /// What groups stand on has changed: the broker's own settings, or the metadata has just been read.
    pub(super) fn configure_groups(&mut self) {
        let names: Vec<String> = self.image.configured(ResourceType::Group).map(str::to_owned).collect();
        for name in names {
            self.configure_group(&name);
        }
    }
}
