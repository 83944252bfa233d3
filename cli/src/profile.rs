//! Profiles: named clusters with their client settings, in `profiles.toml` under `~/.config/kq` (or `KQ_CONFIG_HOME`).

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The one in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// By name.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
}

/// One cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// Where to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_server: Option<String>,
    /// Client settings by their Kafka names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// The directory of kq's own files.
pub fn config_home() -> PathBuf {
    let dir = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    dir("KQ_CONFIG_HOME")
        .or_else(|| dir("XDG_CONFIG_HOME").map(|home| home.join("kq")))
        .or_else(|| dir("HOME").map(|home| home.join(".config/kq")))
        .unwrap_or_else(|| PathBuf::from(".kq"))
}

/// The file's path.
pub fn path() -> PathBuf {
    config_home().join("profiles.toml")
}

impl Profiles {
    /// Reads the file; none is the same as an empty one.
    ///
    /// # Errors
    /// When it cannot be read, or is no such file.
    pub fn load() -> Result<Self, Failure> {
        Self::load_from(&path())
    }

    fn load_from(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Profiles::default()),
            Err(error) => return Err(Failure::usage(format!("{} cannot be read", path.display())).because(error)),
        };
        toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("{} is no file of profiles", path.display()))
                .because(error.to_string().trim())
                .hint("mend it with `kq profile edit`")
        })
    }

    /// Writes the file: whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), Failure> {
        self.save_to(&path())
    }

    fn save_to(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new("PROFILE", format!("cannot write {}", path.display())).because(error)
        };
        let text = toml::to_string(self).map_err(|error| failed(&error))?;
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
        }
        let partial = path.with_extension("toml.partial");
        std::fs::write(&partial, text).map_err(|error| failed(&error))?;
        std::fs::rename(&partial, path).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_survive_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/profiles.toml");
        assert_eq!(Profiles::load_from(&path).unwrap(), Profiles::default());
        let mut profiles = Profiles { current: Some("a".into()), ..Default::default() };
        let settings = BTreeMap::from([("client.id".to_string(), "x".to_string())]);
        profiles.profiles.insert("a".into(), Profile { bootstrap_server: Some("h:1".into()), settings });
        profiles.save_to(&path).unwrap();
        assert_eq!(Profiles::load_from(&path).unwrap(), profiles);
        std::fs::write(&path, "nonsense = 1").unwrap();
        assert!(Profiles::load_from(&path).is_err());
    }
}
