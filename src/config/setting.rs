//! One setting: its Kafka name, type, default, rule, whether it can change while running, and a line of documentation.
//!
//! The tables in [`super::broker`] and [`super::topic`] are made of these rows; parsing, checking, DescribeConfigs and
//! the sample file all read the same rows.

use super::duration::is_duration;
use super::error::{ConfigError, shorten};

/// The type of a value, with Kafka's number for it in DescribeConfigs (KIP-569).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A 32-bit number.
    Int = 3,
    /// A 16-bit number.
    Short = 4,
    /// A 64-bit number.
    Long = 5,
    /// A floating point number.
    Double = 6,
    /// Items separated by commas.
    List = 7,
    /// The name of a Java class: kept as text.
    Class = 8,
    /// Text that is never shown.
    Password = 9,
}

/// What a value must satisfy beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Everything that parses.
    Any,
    /// A number from here up.
    AtLeast(i64),
    /// A number between the two, both included.
    Between(i64, i64),
    /// A number between the two, both included, or exactly the third.
    BetweenOr(i64, i64, i64),
    /// A fraction between the two, both included.
    Fraction(f64, f64),
    /// One of these words, in this case; for a list, each of its items.
    OneOf(&'static [&'static str]),
    /// One of these words, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// At least one character, or for a list one item.
    NotEmpty,
    /// `partition:broker` pairs separated by commas, or `*`.
    ThrottledReplicas,
    /// `earliest`, `latest`, or `by_duration:` and a duration: where a share group begins (KIP-932).
    OffsetReset,
}

/// Whether and where the value can be changed while the broker runs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// Only in the file, before the start.
    ReadOnly,
    /// While running, for one broker.
    PerBroker,
    /// While running, for one broker or for all.
    ClusterWide,
}

/// Whether kq acts on the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The value changes what the broker does.
    Effective,
    /// The value is accepted and nothing depends on it: here is why.
    Accepted(&'static str),
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Kafka's name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// The default, as text; `None` when there is none.
    pub default: Option<&'static str>,
    /// What a value must satisfy.
    pub rule: Rule,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// Whether it can change while running.
    pub dynamic: Dynamic,
    /// Whether the value is kept out of replies and logs.
    pub sensitive: bool,
    /// Whether kq acts on it.
    pub usage: Use,
    /// The topic config that overrides it.
    pub topic: Option<&'static str>,
    /// Whether DescribeConfigs lists it when nobody has set it.
    pub listed: bool,
}

impl Setting {
    /// A setting that has an effect and is read only.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        rule: Rule,
        doc: &'static str,
    ) -> Setting {
        Setting {
            name,
            kind,
            default,
            rule,
            doc,
            dynamic: Dynamic::ReadOnly,
            sensitive: matches!(kind, Kind::Password),
            usage: Use::Effective,
            topic: None,
            listed: true,
        }
    }

    /// Can change while running, for one broker or all.
    pub const fn cluster_wide(mut self) -> Setting {
        self.dynamic = Dynamic::ClusterWide;
        self
    }

    /// Can change while running, for one broker.
    pub const fn per_broker(mut self) -> Setting {
        self.dynamic = Dynamic::PerBroker;
        self
    }

    /// Known, and not needed by kq: says why.
    pub const fn accepted(mut self, why: &'static str) -> Setting {
        self.usage = Use::Accepted(why);
        self
    }

    /// Names the topic config that overrides it.
    pub const fn topic(mut self, name: &'static str) -> Setting {
        self.topic = Some(name);
        self
    }

    /// Left out of DescribeConfigs until somebody sets it.
    pub const fn unlisted(mut self) -> Setting {
        self.listed = false;
        self
    }

    /// The unit of the value, as the name tells it; empty for text and switches.
    pub fn unit(&self) -> &'static str {
        if !matches!(self.kind, Kind::Int | Kind::Long | Kind::Short | Kind::Double) {
            return "";
        }
        const ENDINGS: [(&str, &str); 15] = [
            ("bytes.per.second", "bytes per second"),
            ("connection.creation.rate", "connections per second"),
            (".rate", "bytes per second"),
            (".ms", "ms"),
            (".millis", "ms"),
            (".seconds", "s"),
            (".secs", "s"),
            (".minutes", "min"),
            (".hours", "h"),
            (".bytes", "bytes"),
            (".bytes.between.snapshots", "bytes"),
            ("buffer.size", "bytes"),
            (".receive.size", "bytes"),
            (".in.bytes", "bytes"),
            (".per.data.dir", "threads per directory"),
        ];
        ENDINGS.iter().find(|(ending, _)| self.name.ends_with(ending)).map_or("", |(_, unit)| unit)
    }

    /// Checks the text of a value; what Kafka would refuse is refused, in its words.
    ///
    /// # Errors
    /// `Invalid value V for configuration NAME: WHY`; the value of a sensitive setting is not repeated.
    pub fn check(&self, text: &str) -> Result<(), ConfigError> {
        let value = text.trim();
        self.check_kind(value)
            .and_then(|()| self.check_rule(value))
            .map_err(|why| ConfigError::invalid(self.name, if self.sensitive { "[hidden]" } else { value }, why))
    }

    fn check_kind(&self, value: &str) -> Result<(), String> {
        let number = |ok: bool, kind: &str| if ok { Ok(()) } else { Err(format!("Not a number of type {kind}")) };
        match self.kind {
            Kind::Boolean => {
                parse_bool(value).map(|_| ()).ok_or_else(|| "Expected value to be either true or false".into())
            }
            Kind::Int => number(value.parse::<i32>().is_ok(), "INT"),
            Kind::Short => number(value.parse::<i16>().is_ok(), "SHORT"),
            Kind::Long => number(value.parse::<i64>().is_ok(), "LONG"),
            Kind::Double => number(value.parse::<f64>().is_ok_and(f64::is_finite), "DOUBLE"),
            Kind::String | Kind::List | Kind::Class | Kind::Password => Ok(()),
        }
    }

    fn check_rule(&self, value: &str) -> Result<(), String> {
        let number = || value.parse::<i64>().unwrap_or(i64::MIN);
        match self.rule {
            Rule::Any => Ok(()),
            Rule::AtLeast(min) if number() < min => Err(format!("Value must be at least {min}")),
            Rule::Between(min, _) if number() < min => Err(format!("Value must be at least {min}")),
            Rule::Between(_, max) if number() > max => Err(format!("Value must be no more than {max}")),
            Rule::BetweenOr(min, max, other) if number() != other && !(min..=max).contains(&number()) => {
                Err(format!("Value must be between {min} and {max} or equal to {other}"))
            }
            Rule::Fraction(min, max) => match value.parse::<f64>() {
                Ok(number) if number < min => Err(format!("Value must be at least {min}")),
                Ok(number) if number > max => Err(format!("Value must be no more than {max}")),
                Ok(_) => Ok(()),
                Err(_) => Err("Not a number of type DOUBLE".into()),
            },
            Rule::OneOf(words) => self.check_words(value, words, |word, item| word == item),
            Rule::OneOfAnyCase(words) => self.check_words(value, words, str::eq_ignore_ascii_case),
            Rule::NotEmpty if value.is_empty() => Err("Value must not be empty".into()),
            Rule::ThrottledReplicas if !throttled_replicas(value) => {
                Err("Value must be the literal '*' or a list of partitionId:brokerId pairs".into())
            }
            Rule::OffsetReset if !offset_reset(value) => Err(format!(
                "Invalid value `{}` for configuration {}. The value must be either 'earliest', 'latest' or of the format \
                 'by_duration:<PnDTnHnMn.nS>'.",
                shorten(value),
                self.name
            )),
            _ => Ok(()),
        }
    }

    fn check_words(&self, value: &str, words: &[&str], same: impl Fn(&str, &str) -> bool) -> Result<(), String> {
        let known = |item: &str| words.iter().any(|word| same(word, item));
        let ok = match self.kind {
            Kind::List => list(value).all(known),
            _ => known(value),
        };
        if ok { Ok(()) } else { Err(format!("String must be one of: {}", words.join(", "))) }
    }
}

/// `true` or `false` in any case, as Kafka reads them.
pub fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// The items of a list value: separated by commas, trimmed, empty text is the empty list.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    text.split(',').map(str::trim).filter(move |_| !text.is_empty())
}

fn offset_reset(value: &str) -> bool {
    matches!(value, "earliest" | "latest") || value.strip_prefix("by_duration:").is_some_and(is_duration)
}

fn throttled_replicas(value: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    value == "*" || list(value).all(|pair| pair.split_once(':').is_some_and(|(p, b)| number(p) && number(b)))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Rule, Setting, list};

    fn why(kind: Kind, rule: Rule, value: &str) -> String {
        match Setting::new("x", kind, None, rule, "").check(value) {
            Ok(()) => String::new(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn refuses_as_kafka_does() {
        let no = "Invalid value";
        assert_eq!(why(Kind::Int, Rule::Any, "abc"), format!("{no} abc for configuration x: Not a number of type INT"));
        assert_eq!(why(Kind::Int, Rule::Any, " 12 "), "");
        assert_eq!(
            why(Kind::Int, Rule::Any, "2147483648"),
            format!("{no} 2147483648 for configuration x: Not a number of type INT")
        );
        assert_eq!(why(Kind::Long, Rule::Any, "2147483648"), "");
        assert_eq!(
            why(Kind::Long, Rule::AtLeast(-1), "-2"),
            format!("{no} -2 for configuration x: Value must be at least -1")
        );
        assert_eq!(
            why(Kind::Int, Rule::Between(1, 17), "18"),
            format!("{no} 18 for configuration x: Value must be no more than 17")
        );
        assert_eq!(why(Kind::Int, Rule::BetweenOr(1, 9, -1), "-1"), "");
        assert!(why(Kind::Int, Rule::BetweenOr(1, 9, -1), "0").contains("between 1 and 9 or equal to -1"));
        assert!(why(Kind::Boolean, Rule::Any, "yes").contains("either true or false"));
        assert_eq!(why(Kind::Boolean, Rule::Any, "TRUE"), "");
        assert!(why(Kind::Double, Rule::Fraction(0.0, 1.0), "1.5").contains("no more than 1"));
        assert!(why(Kind::Double, Rule::Any, "NaN").contains("DOUBLE"));
        assert_eq!(why(Kind::List, Rule::OneOf(&["compact", "delete"]), "compact, delete"), "");
        assert!(
            why(Kind::List, Rule::OneOf(&["compact", "delete"]), "compact,nope").contains("one of: compact, delete")
        );
        assert_eq!(why(Kind::List, Rule::ThrottledReplicas, "0:1,1:2"), "");
        assert_eq!(why(Kind::List, Rule::ThrottledReplicas, "*"), "");
        assert!(!why(Kind::List, Rule::ThrottledReplicas, "0").is_empty());
    }

    #[test]
    fn a_password_is_not_repeated() {
        let message = why(Kind::Password, Rule::OneOf(&["never"]), "hunter2");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(message.contains("[hidden]"), "{message}");
    }

    #[test]
    fn lists_are_trimmed() {
        assert_eq!(list(" a , b").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(list("  ").count(), 0);
    }

    #[test]
    fn units_come_from_the_name() {
        let unit = |name, kind| Setting::new(name, kind, None, Rule::Any, "").unit();
        assert_eq!(unit("log.retention.hours", Kind::Int), "h");
        assert_eq!(unit("segment.ms", Kind::Long), "ms");
        assert_eq!(unit("message.max.bytes", Kind::Int), "bytes");
        assert_eq!(unit("log.cleaner.dedupe.buffer.size", Kind::Long), "bytes");
        assert_eq!(unit("num.partitions", Kind::Int), "");
        assert_eq!(unit("advertised.listeners", Kind::List), "");
    }
}
