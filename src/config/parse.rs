//! Files to entries: Java properties and TOML, each value with its line.

use super::error::ConfigError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One `name = value` of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line, counted from 1.
    pub line: usize,
    /// Kafka's name.
    pub key: String,
    /// The value as text; a list has its items separated by commas.
    pub value: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if super::table::is_sensitive(&self.key) { "[hidden]" } else { &self.value };
        write!(f, "{}: {} = {value:?}", self.line, self.key)
    }
}

/// Reads Java properties: `#` and `!` comments, `=`, `:` or blanks between name and value, `\` for continued lines and
/// escapes.
///
/// # Errors
/// A `\u` escape without four hexadecimal digits, or a value without a name.
pub fn parse_properties(text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    while let Some((at, first)) = lines.next() {
        let first = first.trim_start_matches(blank);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while continues(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(blank)),
                None => break,
            }
        }
        entries.push(entry(at + 1, &logical).map_err(|error| error.at(at + 1))?);
    }
    Ok(entries)
}

/// True when the line ends in an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}' | '\r')
}

fn entry(line: usize, logical: &str) -> Result<Entry, ConfigError> {
    let mut escaped = false;
    let end = logical.char_indices().find(|(_, c)| {
        let ends = !escaped && (blank(*c) || matches!(c, '=' | ':'));
        escaped = !escaped && *c == '\\';
        ends
    });
    let (key, rest) = logical.split_at(end.map_or(logical.len(), |(at, _)| at));
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(blank);
    let key = unescape(key)?;
    if key.is_empty() {
        return Err(ConfigError::new("there is a value without a name").hint("write name=value"));
    }
    Ok(Entry { line, key, value: unescape(rest)? })
}

fn unescape(text: &str) -> Result<String, ConfigError> {
    let mut out = String::with_capacity(text.len());
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escape = if c == '\\' { chars.next() } else { None };
        if escape == Some('u') {
            units.push(hex_unit(&mut chars).ok_or_else(|| ConfigError::new("\\u needs four hexadecimal digits"))?);
            continue;
        }
        flush_units(&mut out, &mut units);
        match (c, escape) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('f')) => out.push('\u{c}'),
            ('\\', Some(other)) => out.push(other),
            ('\\', None) => {}
            (other, _) => out.push(other),
        }
    }
    flush_units(&mut out, &mut units);
    Ok(out)
}

fn hex_unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    (0..4).try_fold(0u16, |unit, _| Some(unit * 16 + u16::try_from(chars.next()?.to_digit(16)?).ok()?))
}

/// Escapes are UTF-16 units: two of them may make one character.
fn flush_units(out: &mut String, units: &mut Vec<u16>) {
    out.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// Reads TOML: tables and dotted keys give Kafka's dotted names, an array gives a list.
///
/// # Errors
/// What TOML refuses, with its line; a value that no setting can have (a date, a table in an array).
pub fn parse_toml(text: &str) -> Result<Vec<Entry>, ConfigError> {
    let line_of = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let failed = ConfigError::new(format!("not TOML: {}", error.message()));
        let failed = match error.message().contains("duplicate key") || error.message().contains("extend") {
            true => failed
                .hint("where one name begins another, write the longer one in quotes: \"max.connections.per.ip\" = 10"),
            false => failed,
        };
        match error.span() {
            Some(span) => failed.at(line_of(span.start)),
            None => failed,
        }
    })?;
    let mut entries = Vec::new();
    flatten("", table.get_ref(), &line_of, &mut entries)?;
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn flatten(
    before: &str,
    table: &DeTable<'_>,
    line_of: &impl Fn(usize) -> usize,
    entries: &mut Vec<Entry>,
) -> Result<(), ConfigError> {
    for (key, value) in table {
        let name = if before.is_empty() { key.get_ref().to_string() } else { format!("{before}.{}", key.get_ref()) };
        let line = line_of(value.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&name, inner, line_of, entries)?,
            other => {
                let text = scalar(other).or_else(|| items(other)).ok_or_else(|| {
                    ConfigError::new(format!("{name} cannot have this kind of value"))
                        .hint("write text in quotes, a number, true or false, or an array of them")
                        .at(line)
                })?;
                entries.push(Entry { line, key: name, value: text });
            }
        }
    }
    Ok(())
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Array(_) | DeValue::Table(_) | DeValue::Datetime(_) => None,
    }
}

fn items(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(array) = value else { return None };
    let texts: Option<Vec<String>> = array.iter().map(Spanned::get_ref).map(scalar).collect();
    texts.map(|texts| texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::{parse_properties, parse_toml};

    fn properties(text: &str) -> Vec<(usize, String, String)> {
        parse_properties(text).expect("good").into_iter().map(|e| (e.line, e.key, e.value)).collect()
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        properties(text).into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    #[test]
    fn java_properties_in_every_spelling() {
        let text =
            "# comment\n! another\n\n a=1\nb : 2\nc 3\n  d\t=\t4 \r\ne\nf=x\\\n   y\\\n  z\n\\#g\\ h=\\u0041\\t\\\\\n";
        let all = properties(text);
        let want = [
            (4, "a", "1"),
            (5, "b", "2"),
            (6, "c", "3"),
            (7, "d", "4 "),
            (8, "e", ""),
            (9, "f", "xyz"),
            (12, "#g h", "A\t\\"),
        ];
        assert_eq!(all, want.map(|(line, key, value)| (line, key.to_owned(), value.to_owned())));
        assert_eq!(pairs("a=b=c"), [("a".into(), "b=c".into())]);
        assert_eq!(pairs("a==c"), [("a".into(), "=c".into())]);
        assert_eq!(pairs("a=\\ud83d\\ude00"), [("a".into(), "\u{1f600}".into())]);
        assert_eq!(pairs("a=1\\"), [("a".into(), "1".into())]);
        assert_eq!(pairs("\u{feff}a=1"), [("a".into(), "1".into())]);
    }

    #[test]
    fn bad_properties_say_the_line() {
        assert_eq!(parse_properties("a=1\nb=\\u00g0").expect_err("bad").line, Some(2));
        assert!(parse_properties("=1").expect_err("bad").to_string().contains("without a name"));
    }

    #[test]
    fn toml_gives_dotted_names() {
        let text = "num.partitions = 3\nlistener = \"x\"\n[log]\ndirs = [\"/a\", \"/b\"]\nretention.hours = 0x10\n\
                    [log.cleaner]\nenable = false\nmin.cleanable.ratio = 0.25\n";
        let all: Vec<_> =
            parse_toml(text).expect("good").into_iter().map(|e| format!("{} {}={}", e.line, e.key, e.value)).collect();
        assert_eq!(
            all,
            [
                "1 num.partitions=3",
                "2 listener=x",
                "4 log.dirs=/a,/b",
                "5 log.retention.hours=16",
                "7 log.cleaner.enable=false",
                "8 log.cleaner.min.cleanable.ratio=0.25"
            ]
        );
    }

    #[test]
    fn bad_toml_says_the_line_and_a_way_out() {
        assert_eq!(parse_toml("a = 1\nb = \n").expect_err("bad").line, Some(2));
        let clash = parse_toml("max.connections = 5\nmax.connections.per.ip = 2\n").expect_err("clash");
        assert!(clash.to_string().contains("in quotes"), "{clash}");
        assert_eq!(clash.line, Some(2));
        let kind = parse_toml("a = 1\nb = 1979-05-27").expect_err("a date");
        assert_eq!(kind.line, Some(2));
        assert_eq!(parse_toml("max.connections = 5\n\"max.connections.per.ip\" = 2\n").expect("good").len(), 2);
    }
}
