//! `--grep`: which records are shown.

use kq::record::Record;
use regex_lite::Regex;

/// One condition. All must hold.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `k:RE`
    Key(Regex),
    /// `v:RE`
    Value(Regex),
    /// `h:NAME=RE`, or `h:NAME` for a header that is there at all.
    Header(String, Regex),
}

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        match text.split_once(':') {
            Some(("k", pattern)) => Ok(Condition::Key(compile(pattern)?)),
            Some(("v", pattern)) => Ok(Condition::Value(compile(pattern)?)),
            Some(("h", rest)) => {
                let (name, pattern) = rest.split_once('=').unwrap_or((rest, ""));
                Ok(Condition::Header(name.to_string(), compile(pattern)?))
            }
            _ => Err("write k:REGEX, v:REGEX or h:NAME=REGEX".into()),
        }
    }
}

impl Condition {
    /// Whether the record is to be shown. What is null matches nothing.
    pub fn holds(&self, record: &Record<'_>) -> bool {
        let matches = |regex: &Regex, bytes: &[u8]| regex.is_match(&String::from_utf8_lossy(bytes));
        match self {
            Condition::Key(regex) => record.key.is_some_and(|key| matches(regex, key)),
            Condition::Value(regex) => record.value.is_some_and(|value| matches(regex, value)),
            Condition::Header(name, regex) => {
                let mut headers = record.headers.clone().filter(|(key, _)| *key == name.as_bytes());
                headers.any(|(_, value)| matches(regex, value.unwrap_or_default()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::{Builder, Codec, decode};

    #[test]
    fn conditions() {
        let mut builder = Builder::new(Codec::None, None);
        builder.push(0, Some(b"user-7"), None, &[(b"trace", Some(b"abc"))]);
        let batch = builder.finish();
        let decoded = decode(&batch, 1000).unwrap();
        let record = decoded.iter().next().unwrap().unwrap();
        let holds = |text: &str| text.parse::<Condition>().unwrap().holds(&record);
        assert!(holds("k:^user-") && holds("h:trace=b") && holds("h:trace"));
        assert!(!holds("k:^x") && !holds("v:.*") && !holds("h:trace=x") && !holds("h:other"));
        assert!("x:1".parse::<Condition>().is_err());
        assert!("k:(".parse::<Condition>().is_err());
    }
}
