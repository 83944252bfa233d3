//! What is wrong with a configuration: what, where, what next.

use std::fmt;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The line of the file, counted from 1, when it came from a file.
    pub line: Option<usize>,
    /// The setting it is about, when it is about one.
    pub name: Option<String>,
    /// What is wrong, in the shape of Kafka's own messages where Kafka has one.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl ConfigError {
    /// An error with no place and no hint yet.
    pub fn new(message: impl Into<String>) -> ConfigError {
        ConfigError { line: None, name: None, message: message.into(), hint: None }
    }

    /// `Invalid value V for configuration NAME: WHY`, as Kafka says it.
    pub fn invalid(name: &str, value: &str, why: impl fmt::Display) -> ConfigError {
        let message = format!("Invalid value {} for configuration {name}: {why}", shorten(value));
        ConfigError { name: Some(name.to_owned()), ..ConfigError::new(message) }
    }

    /// The same error, at a line of the file.
    pub fn at(mut self, line: usize) -> ConfigError {
        self.line = self.line.or(Some(line));
        self
    }

    /// The same error, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> ConfigError {
        self.hint = Some(hint.into());
        self
    }
}

/// A value for a message: hostile text must not fill the log.
pub(super) fn shorten(value: &str) -> String {
    const VALUE_CHARS_MAX: usize = 200;
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    if value.chars().nth(VALUE_CHARS_MAX).is_none() {
        return value.chars().map(printable).collect();
    }
    value.chars().take(VALUE_CHARS_MAX).map(printable).chain("...".chars()).collect()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::ConfigError;

    #[test]
    fn says_where_what_and_what_next() {
        let error = ConfigError::invalid("num.partitions", "0", "Value must be at least 1").at(7).hint("use 1");
        assert_eq!(
            error.to_string(),
            "line 7: Invalid value 0 for configuration num.partitions: Value must be at least 1 (hint: use 1)"
        );
    }

    #[test]
    fn a_long_value_is_cut_and_control_characters_do_not_reach_the_terminal() {
        let message = ConfigError::invalid("x", &format!("\u{1b}[2J{}", "v".repeat(5000)), "no").message;
        assert!(message.len() < 300, "{}", message.len());
        assert!(!message.contains('\u{1b}'));
    }
}
