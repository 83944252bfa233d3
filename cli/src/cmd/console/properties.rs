//! Reader and formatter properties: from a file, then from flags.

use super::escape::unescape;
use crate::args::key_value;
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::path::Path;

/// Properties by name.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    by_name: BTreeMap<String, String>,
}

impl Properties {
    /// Those of `file`, with those of `flags` (`NAME=VALUE`, given with `flag`) above them. A separator may be anything,
    /// so values keep their spaces.
    ///
    /// # Errors
    /// A usage failure for a file that cannot be read, or a flag without `=`.
    pub fn load(file: Option<&Path>, flag: &str, flags: &[String]) -> Result<Self, Failure> {
        let mut by_name = BTreeMap::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("{}: cannot be read", path.display())).because(error))?;
            for line in
                text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                by_name.insert(name.trim().to_string(), value.to_string());
            }
        }
        for text in flags {
            let (name, _) = key_value(flag, text)?;
            let value = text.split_once('=').map_or("", |(_, value)| value);
            by_name.insert(name.to_string(), value.to_string());
        }
        Ok(Properties { by_name })
    }

    /// A property as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// A property that is a separator or marker: backslash sequences are meant.
    pub fn bytes(&self, name: &str, default: &str) -> Vec<u8> {
        unescape(self.get(name).unwrap_or(default))
    }

    /// A property that is true or false; anything but `true` is false, as in Kafka's tools.
    pub fn flag(&self, name: &str, default: &str) -> bool {
        self.get(name).unwrap_or(default).trim().eq_ignore_ascii_case("true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_above_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"# comment\nparse.key=true\nkey.separator=:\n").unwrap();
        let flags = [r"key.separator=\t ".to_string()];
        let properties = Properties::load(Some(file.path()), "--reader-property", &flags).unwrap();
        assert!(properties.flag("parse.key", "false"));
        assert_eq!(properties.bytes("key.separator", ","), b"\t ");
        assert_eq!(properties.bytes("null.marker", "x"), b"x");
        assert!(Properties::load(None, "--property", &["nothing".to_string()]).is_err());
    }
}
