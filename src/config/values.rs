//! Values by name, one layer of a configuration. Printing it for debugging never shows a password.

use super::table;
use std::collections::BTreeMap;
use std::fmt;

/// Values by Kafka name, as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The value of one name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets one value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The plain map.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl From<BTreeMap<String, String>> for Values {
    fn from(map: BTreeMap<String, String>) -> Values {
        Values(map)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str, value| if table::is_sensitive(name) { "[hidden]" } else { value };
        f.debug_map().entries(self.iter().map(|(name, value)| (name, shown(name, value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Values;

    #[test]
    fn debug_hides_passwords() {
        let mut values = Values::default();
        values.insert("ssl.key.password", "hunter2");
        values.insert("listener.name.inside.ssl.keystore.password", "hunter2");
        values.insert("num.partitions", "3");
        let text = format!("{values:?}");
        assert!(!text.contains("hunter2") && text.contains("\"3\""), "{text}");
    }
}
