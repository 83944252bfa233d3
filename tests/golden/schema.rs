//! Our declarations against Apache Kafka's schemas: every field's name, type, versions, nulls, tag and default.

use crate::lines::{Job, Kind, LISTS, with_type};
use kq::api::TABLE;
use kq::wire::{FieldInfo, Message, StructInfo};

const KAFKAS: &str = include_str!("schema.txt");
/// What ends the title of a message whose last version Kafka has declared and does not serve.
const UNSTABLE: &str = " latest unstable";

/// Writes a declaration in the form of `schema.txt`.
pub struct Describe(pub Kind);

impl<'a> Job<'a> for Describe {
    type Output = String;
    fn run<M: Message<'a>>(self) -> String {
        let kind = self.0.name();
        let (first, last) = M::VERSIONS;
        let flexible = match M::FLEXIBLE_FROM {
            i16::MAX => "none".to_owned(),
            from => format!("{from}+"),
        };
        let mut out = format!("{kind} {} {} versions {first}-{last} flexible {flexible}\n", M::KEY, M::NAME);
        fields(&mut out, M::INNER.expect("a message is a struct"), 1);
        out
    }
}

fn fields(out: &mut String, info: &StructInfo, depth: usize) {
    for field in (info.fields)() {
        let name = field.name.trim_start_matches("r#");
        *out += &format!("{}{name} {} {}", "  ".repeat(depth), kafka_type(&field), range(field.versions));
        if let Some(null) = field.nullable {
            *out += &format!(" null {}", range(null));
        }
        if let Some(tag) = field.tag {
            *out += &format!(" tag {tag}");
        }
        *out += &format!(" default {}\n", default(&field));
        if let Some(inner) = field.inner {
            fields(out, inner, depth + 1);
        }
    }
}

fn range((first, last): (i16, i16)) -> String {
    if last == i16::MAX { format!("{first}+") } else { format!("{first}-{last}") }
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// `Option` stands for Kafka's nulls, so it is only understood where the field may be null.
fn kafka_type(field: &FieldInfo) -> String {
    let ty = compact(field.ty);
    let plain = match (field.nullable, ty.strip_prefix("Option<").and_then(|t| t.strip_suffix('>'))) {
        (Some(_), Some(inside)) => inside,
        (Some(_), None) => return format!("{ty}, which cannot be null"),
        (None, _) => &ty,
    };
    let (array, element) = match plain.strip_prefix("Vec<").and_then(|t| t.strip_suffix('>')) {
        Some(element) => ("[]", element),
        None => ("", plain),
    };
    let element = match element {
        "Str<'a>" => "string",
        "Bytes<'a>" => "bytes",
        "Records<'a>" => "records",
        "Uuid" => "uuid",
        "bool" => "bool",
        "i8" => "int8",
        "i16" => "int16",
        "u16" => "uint16",
        "i32" => "int32",
        "u32" => "uint32",
        "i64" => "int64",
        "f64" => "float64",
        _ if field.inner.is_some() => "struct",
        other => other,
    };
    format!("{array}{element}")
}

fn default(field: &FieldInfo) -> String {
    let ty = compact(field.ty);
    match field.default.map(compact).as_deref() {
        None if ty.starts_with("Option<") => "null",
        None if ty.starts_with("Vec<") => "[]",
        None if ty.starts_with("Str<") || ty.starts_with("Bytes<") => "\"\"",
        None if ty == "bool" => "false",
        None if ty == "f64" => "0.0",
        None if field.inner.is_some() => "{}",
        None => "0",
        Some("i16::MAX") => "32767",
        Some("i32::MAX") => "2147483647",
        Some("i32::MIN") => "-2147483648",
        Some("i64::MAX") => "9223372036854775807",
        Some("i64::MIN") => "-9223372036854775808",
        Some("Some(Vec::new())") => "[]",
        Some(text) if text.ends_with("::default())") => "{}",
        Some("Some(Bytes::Borrowed(&[]))") => "\"\"",
        Some(text) => {
            let text = text.strip_prefix("Some(").and_then(|t| t.strip_suffix(')')).unwrap_or(text);
            let text = text.strip_prefix("Str::Borrowed(").and_then(|t| t.strip_suffix(')')).unwrap_or(text);
            return text.to_owned();
        }
    }
    .to_owned()
}

/// `schema.txt`, a string per message.
fn kafkas() -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in KAFKAS.lines() {
        match messages.last_mut() {
            Some(message) if line.starts_with(' ') => *message += &format!("{line}\n"),
            _ => messages.push(format!("{line}\n")),
        }
    }
    messages
}

#[test]
fn every_declaration_is_kafkas() {
    let theirs = kafkas();
    let requests = TABLE.iter().map(|row| (Kind::Request, row.key));
    let responses = TABLE.iter().map(|row| (Kind::Response, row.key));
    let listed = LISTS.iter().flat_map(|(kind, keys)| keys.iter().map(|key| (*kind, *key)));
    let mut wrong = String::new();
    for (kind, key) in requests.chain(responses).chain(listed) {
        let ours = with_type(kind, key, Describe(kind)).expect("it is in the table");
        let head: String = ours.split(' ').take(2).map(|word| format!("{word} ")).collect();
        let Some(kafka) = theirs.iter().find(|message| message.starts_with(&head)) else {
            wrong += &format!("Kafka's schema of {head}is not in schema.txt: {}\n", crate::stale::HINT);
            continue;
        };
        let title = ours.lines().next().unwrap_or_default();
        for (at, line) in ours.lines().enumerate() {
            let want = kafka.lines().nth(at).unwrap_or("(nothing)").trim_end_matches(UNSTABLE);
            if line != want {
                wrong += &format!("{title}\n  declared: {}\n  Kafka's:  {}\n", line.trim(), want.trim());
                break;
            }
        }
        if let Some(missing) = kafka.lines().nth(ours.lines().count()) {
            wrong += &format!("{title}\n  lacks {}\n", missing.trim());
        }
    }
    assert!(
        wrong.is_empty(),
        "declarations in src/api, src/meta/record.rs and src/wire that are not Kafka's:\n{wrong}"
    );
}

#[test]
fn every_version_that_kafka_serves_is_served() {
    for row in TABLE {
        let title = format!("request {} {}Request versions ", row.key, row.name);
        let theirs = KAFKAS.lines().find_map(|line| line.strip_prefix(&title)).expect("schema.txt has every key");
        let range = theirs.split(' ').next().unwrap_or_default();
        let (first, last) = range.split_once('-').expect("two ends");
        let unstable = i16::from(theirs.ends_with(UNSTABLE));
        let (first, last) =
            (first.parse::<i16>().expect("a number"), last.parse::<i16>().expect("a number") - unstable);
        assert_eq!(row.served, (first, last), "{}: the versions served are not those of Apache Kafka", row.name);
    }
}

#[test]
fn nothing_is_kept_of_keys_that_are_gone() {
    for message in kafkas() {
        let mut words = message.split(' ');
        let (kind, key) =
            (words.next().unwrap_or_default(), words.next().and_then(|key| key.parse().ok()).unwrap_or(-1));
        let listed = LISTS.iter().find(|(list, _)| list.name() == kind);
        let known = match kind {
            "header" => true,
            _ => match listed {
                Some((_, keys)) => keys.contains(&key),
                None => TABLE.iter().any(|row| row.key == key),
            },
        };
        assert!(known, "schema.txt has {kind} {key}, which kq does not have: {}", crate::stale::HINT);
    }
}
