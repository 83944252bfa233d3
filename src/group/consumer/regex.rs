//! Patterns of topics: RE2's syntax, matched against whole names, resolved by the broker (KIP-848).
//!
//! The engine is the `regex` crate: like RE2 it takes linear time, and its programs are bounded here. Of RE2's syntax it
//! lacks `\C` and `\Q…\E`; the latter is rewritten. Inside brackets `&&`, `--`, `~~` and `[` mean set operations to it.

use crate::error::ErrorCode;
use crate::group::{Refusal, Topics};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// A pattern is no longer than this.
pub const REGEX_BYTES_MAX: usize = 8 << 10;
/// A compiled pattern takes no more memory: it bounds the time that one name may take.
const PROGRAM_BYTES_MAX: usize = 128 << 10;
/// The cache in which states are made while matching.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// Groups inside groups.
const NESTING_MAX: u32 = 64;

/// Compiles a pattern so that it matches whole names.
///
/// # Errors
/// `INVALID_REGULAR_EXPRESSION` for what cannot be read, or is too large.
pub fn compile(pattern: &str) -> Result<Regex, Refusal> {
    let refuse = |why: &str| {
        let text = format!("SubscribedTopicRegex `{}` is not a valid regular expression: {why}.", shortened(pattern));
        Refusal::new(ErrorCode::InvalidRegularExpression, text)
    };
    if pattern.len() > REGEX_BYTES_MAX {
        return Err(refuse(&format!("it is longer than {REGEX_BYTES_MAX} bytes")));
    }
    let build = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(PROGRAM_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .nest_limit(NESTING_MAX)
            .build()
            .map_err(|error| refuse(&explain(&error)))
    };
    let pattern = unquoted(pattern);
    // Alone first: `)|(` must not become valid by what is put around it.
    build(&pattern)?;
    // With (?x) a comment at the end would take the bracket in; there a new line counts for nothing else.
    build(&format!("^(?:{pattern})$")).or_else(|_| build(&format!("^(?:{pattern}\n)$")))
}

/// The topics that match, by name.
pub fn resolve(regex: &Regex, topics: &dyn Topics) -> BTreeSet<String> {
    topics.names().filter(|name| regex.is_match(name)).map(str::to_owned).collect()
}

fn shortened(pattern: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    match pattern.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &pattern[..end]),
        None => pattern.to_owned(),
    }
}

/// The last line of the engine's word: the ones before draw a picture of the pattern.
fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("it takes more than {limit} bytes when compiled"),
        other => {
            let text = other.to_string();
            let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            line.trim().trim_start_matches("error: ").to_owned()
        }
    }
}

/// `\Q…\E` spelled out.
fn unquoted(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        match after[1..].chars().next() {
            Some('Q') => {
                let quoted = &after[2..];
                let (quoted, left) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                out.push_str(&regex::escape(quoted));
                rest = left;
            }
            Some(c) => {
                out.push('\\');
                out.push(c);
                rest = &after[1 + c.len_utf8()..];
            }
            None => {
                out.push('\\');
                rest = "";
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::consumer::tests::TopicTable;
    use crate::types::Uuid;

    fn matches(pattern: &str) -> String {
        let mut topics = TopicTable::default();
        for (at, name) in ["orders", "orders.eu", "orders_us", "pay", "Pay-1", "a+b"].into_iter().enumerate() {
            topics.put(name, Uuid([at as u8 + 1; 16]), 1);
        }
        match compile(pattern) {
            Ok(regex) => resolve(&regex, &topics).into_iter().collect::<Vec<_>>().join(" "),
            Err(refused) => format!("{}: {}", refused.code.name(), refused.message.unwrap_or_default()),
        }
    }

    #[test]
    fn whole_names_match() {
        assert_eq!(matches("orders"), "orders");
        assert_eq!(matches("orders.*"), "orders orders.eu orders_us");
        assert_eq!(matches("ord|pay"), "pay");
        assert_eq!(matches("(?i)pay.*"), "Pay-1 pay");
        assert_eq!(matches("[[:lower:]]+"), "orders pay");
        assert_eq!(matches(r"\w+"), "orders orders_us pay");
        assert_eq!(matches(r"\Qa+b\E|pa\x79"), "a+b pay");
        assert_eq!(matches(r"^pay$"), "pay");
        assert_eq!(matches("(?x) p a y # a comment"), "pay");
        assert_eq!(matches(""), "");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let start = "INVALID_REGULAR_EXPRESSION: SubscribedTopicRegex `";
        for pattern in ["(", ")|(", "[a", "a**b(", "*", r"\C", "(?<=a)b", r"(a)\1", "\\"] {
            let said = matches(pattern);
            assert!(said.starts_with(start), "{pattern}: {said}");
        }
        assert_eq!(
            matches("(a"),
            "INVALID_REGULAR_EXPRESSION: SubscribedTopicRegex `(a` is not a valid regular expression: unclosed group."
        );
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = "a".repeat(REGEX_BYTES_MAX + 1);
        let deep = "(".repeat(200) + &")".repeat(200);
        for pattern in ["(a{1000}){1000}", r"\pL{500}", long.as_str(), deep.as_str()] {
            let said = matches(pattern);
            assert!(said.starts_with("INVALID_REGULAR_EXPRESSION") && said.len() < 600, "{said}");
        }
    }
}
