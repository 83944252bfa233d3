//! A record as it was read, and how text becomes one.

use crate::cmd::console::template::{Field, Piece};
use crate::cmd::console::{Properties, Template, base64};
use kq::record::builder::HeaderRef;
use serde_json::Value;
use std::borrow::Cow;

/// Bytes or null, borrowed from the input where that is possible.
pub type Text<'a> = Option<Cow<'a, [u8]>>;

/// A record to send. What it holds is borrowed from the input where that is possible.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message<'a> {
    /// Key.
    pub key: Text<'a>,
    /// Value; none is a tombstone.
    pub value: Text<'a>,
    /// Headers in order.
    pub headers: Vec<(Cow<'a, [u8]>, Text<'a>)>,
    /// Where the input wants it.
    pub partition: Option<i32>,
    /// When the input says it is from, in milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl Message<'_> {
    /// The headers, borrowed.
    pub fn header_refs(&self) -> Vec<HeaderRef<'_>> {
        self.headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect()
    }
}

/// What stands before a separator and after it, if it is there.
type Cut<'a> = Option<(&'a [u8], &'a [u8])>;

/// Kafka's `LineMessageReader`: what a line holds.
#[derive(Clone, Debug)]
pub struct Lines {
    parse_key: bool,
    parse_headers: bool,
    ignore_error: bool,
    key_separator: Vec<u8>,
    headers_delimiter: Vec<u8>,
    headers_separator: Vec<u8>,
    headers_key_separator: Vec<u8>,
    null_marker: Option<Vec<u8>>,
}

impl Lines {
    /// As the reader's properties say.
    pub fn new(properties: &Properties) -> Lines {
        Lines {
            parse_key: properties.flag("parse.key", "false"),
            parse_headers: properties.flag("parse.headers", "false"),
            ignore_error: properties.flag("ignore.error", "false"),
            key_separator: properties.bytes("key.separator", "\t"),
            headers_delimiter: properties.bytes("headers.delimiter", "\t"),
            headers_separator: properties.bytes("headers.separator", ","),
            headers_key_separator: properties.bytes("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").map(|_| properties.bytes("null.marker", "")),
        }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// Says what the line lacks.
    pub fn parse<'a>(&self, line: &'a [u8]) -> Result<Message<'a>, String> {
        let mut message = Message::default();
        let mut rest = line;
        if self.parse_headers
            && let Some((headers, tail)) = self.cut(rest, &self.headers_delimiter, "headers delimiter")?
        {
            rest = tail;
            if !self.is_null(headers) {
                self.headers(headers, &mut message)?;
            }
        }
        if self.parse_key
            && let Some((key, tail)) = self.cut(rest, &self.key_separator, "key separator")?
        {
            rest = tail;
            message.key = self.nullable(key);
        }
        message.value = self.nullable(rest);
        Ok(message)
    }

    fn cut<'a>(&self, text: &'a [u8], at: &[u8], what: &str) -> Result<Cut<'a>, String> {
        match split_once(text, at) {
            None if !self.ignore_error => Err(format!("no {what} found: '{}'", String::from_utf8_lossy(text))),
            found => Ok(found),
        }
    }

    fn headers<'a>(&self, text: &'a [u8], message: &mut Message<'a>) -> Result<(), String> {
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (pair, tail) = match split_once(text, &self.headers_separator) {
                Some((pair, tail)) => (pair, Some(tail)),
                None => (text, None),
            };
            rest = tail;
            let shown = || String::from_utf8_lossy(pair);
            match split_once(pair, &self.headers_key_separator) {
                Some((key, _)) if self.is_null(key) => {
                    return Err(format!("a header's key cannot be null: '{}'", shown()));
                }
                Some((key, value)) => message.headers.push((key.into(), self.nullable(value))),
                None if self.ignore_error => message.headers.push((pair.into(), None)),
                None => return Err(format!("no header key separator found in pair '{}'", shown())),
            }
        }
        Ok(())
    }

    fn is_null(&self, bytes: &[u8]) -> bool {
        self.null_marker.as_deref() == Some(bytes)
    }

    fn nullable<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        (!self.is_null(bytes)).then_some(Cow::Borrowed(bytes))
    }
}

/// Reads a record by a template (without what ends it).
///
/// # Errors
/// Says what is missing.
pub fn by_template<'a>(pieces: &[Piece], record: &'a [u8]) -> Result<Message<'a>, String> {
    let mut message = Message::default();
    let mut rest = record;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Bytes(bytes) => {
                rest = rest.strip_prefix(&bytes[..]).ok_or_else(|| {
                    let (wanted, record) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(record));
                    format!("'{wanted}' is missing: '{record}'")
                })?;
            }
            Piece::Field(field) => {
                let text = match pieces.get(index + 1) {
                    Some(Piece::Bytes(end)) => {
                        let at = find(rest, end).ok_or_else(|| {
                            let (wanted, record) = (String::from_utf8_lossy(end), String::from_utf8_lossy(record));
                            format!("'{wanted}' is missing: '{record}'")
                        })?;
                        let (text, tail) = rest.split_at(at);
                        rest = tail;
                        text
                    }
                    _ => std::mem::take(&mut rest),
                };
                set(&mut message, *field, text)?;
            }
        }
    }
    if !rest.is_empty() {
        return Err(format!("'{}' is left over", String::from_utf8_lossy(rest)));
    }
    Ok(message)
}

fn set<'a>(message: &mut Message<'a>, field: Field, text: &'a [u8]) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(text);
    let number = || std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<i64>().ok());
    match field {
        Field::Key => message.key = Some(text.into()),
        Field::Value => message.value = Some(text.into()),
        Field::Timestamp => message.timestamp = Some(number().ok_or(format!("'{}' is no timestamp", shown()))?),
        Field::Partition => {
            let partition = number().and_then(|number| i32::try_from(number).ok());
            message.partition = Some(partition.ok_or(format!("'{}' is no partition", shown()))?);
        }
        Field::Headers => {
            for pair in text.split(|&b| b == b',').filter(|pair| !pair.is_empty()) {
                let (key, value) =
                    split_once(pair, b"=").ok_or(format!("no = in header '{}'", String::from_utf8_lossy(pair)))?;
                message.headers.push((key.into(), Some(value.into())));
            }
        }
        Field::Topic | Field::Offset | Field::KeyLength | Field::ValueLength => {}
    }
    Ok(())
}

/// What ends a record: the template's last bytes, else a line break. The fields are left in the template.
pub fn split_end(template: &Template) -> (Vec<Piece>, Vec<u8>) {
    let mut pieces = template.pieces.clone();
    match pieces.pop() {
        Some(Piece::Bytes(end)) => (pieces, end),
        last => {
            pieces.extend(last);
            (pieces, b"\n".to_vec())
        }
    }
}

/// Reads one JSON object, as `kq console-consumer --output json` writes them. Values that are neither text, null nor
/// `{"base64":…}` are sent as JSON.
///
/// # Errors
/// Says what is wrong with it.
pub fn by_json(line: &[u8]) -> Result<Message<'static>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
    let Value::Object(mut fields) = value else { return Err("no JSON object".into()) };
    let mut take = |name: &str| fields.remove(name).unwrap_or(Value::Null);
    let (key, value) = (bytes_of(take("key"))?, bytes_of(take("value"))?);
    let (partition, timestamp) = (take("partition"), take("timestamp"));
    let mut message = Message {
        key,
        value,
        partition: partition.as_i64().and_then(|n| i32::try_from(n).ok()),
        timestamp: timestamp.as_i64(),
        headers: Vec::new(),
    };
    match take("headers") {
        Value::Null => {}
        Value::Array(headers) => {
            for header in headers {
                let Value::Object(mut header) = header else { return Err("a header that is no object".into()) };
                let Some(key) = bytes_of(header.remove("key").unwrap_or(Value::Null))? else {
                    return Err("a header without a key".into());
                };
                message.headers.push((key, bytes_of(header.remove("value").unwrap_or(Value::Null))?));
            }
        }
        Value::Object(headers) => {
            for (key, value) in headers {
                message.headers.push((key.into_bytes().into(), bytes_of(value)?));
            }
        }
        _ => return Err("headers are a list of {\"key\":…,\"value\":…}".into()),
    }
    Ok(message)
}

fn bytes_of(value: Value) -> Result<Text<'static>, String> {
    Ok(match value {
        Value::Null => None,
        Value::String(text) => Some(text.into_bytes().into()),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("base64") => {
            let bytes = fields["base64"].as_str().and_then(base64::decode);
            Some(bytes.ok_or("what stands under \"base64\" is no base64")?.into())
        }
        other => Some(other.to_string().into_bytes().into()),
    })
}

/// What a column of a CSV file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// `key`
    Key,
    /// `value`
    Value,
    /// `partition`
    Partition,
    /// `timestamp`
    Timestamp,
    /// `header.NAME`
    Header(String),
}

/// Reads the heading of a CSV file.
///
/// # Errors
/// Says which column is not known.
pub fn csv_heading(row: &[u8]) -> Result<Vec<Column>, String> {
    let columns: Result<Vec<Column>, String> = csv_cells(row)
        .into_iter()
        .map(|(name, _)| match String::from_utf8_lossy(&name).trim() {
            "key" => Ok(Column::Key),
            "value" => Ok(Column::Value),
            "partition" => Ok(Column::Partition),
            "timestamp" => Ok(Column::Timestamp),
            name => match name.strip_prefix("header.") {
                Some(name) => Ok(Column::Header(name.into())),
                None => Err(format!("column '{name}': there are key, value, partition, timestamp and header.NAME")),
            },
        })
        .collect();
    columns
}

/// Reads a row of a CSV file. A cell that is empty and not quoted is nothing at all, but for the value.
///
/// # Errors
/// Says which cell is wrong.
pub fn by_csv(columns: &[Column], row: &[u8]) -> Result<Message<'static>, String> {
    let cells = csv_cells(row);
    if cells.len() != columns.len() {
        return Err(format!("{} cells under {} columns", cells.len(), columns.len()));
    }
    let mut message = Message::default();
    for (column, (cell, quoted)) in columns.iter().zip(cells) {
        let number = || String::from_utf8_lossy(&cell).trim().parse::<i64>().map_err(|_| "a cell that is no number");
        let absent = cell.is_empty() && !quoted;
        match column {
            Column::Value => message.value = Some(cell.into()),
            _ if absent => {}
            Column::Key => message.key = Some(cell.into()),
            Column::Timestamp => message.timestamp = Some(number()?),
            Column::Partition => message.partition = i32::try_from(number()?).ok(),
            Column::Header(name) => message.headers.push((name.clone().into_bytes().into(), Some(cell.into()))),
        }
    }
    Ok(message)
}

/// The cells of a row, unquoted, and whether they were quoted (RFC 4180).
fn csv_cells(row: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let mut cells = vec![(Vec::new(), false)];
    let mut inside = false;
    let mut bytes = row.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let Some((cell, quoted)) = cells.last_mut() else { break };
        match byte {
            b'"' if inside && bytes.peek() == Some(&b'"') => {
                bytes.next();
                cell.push(b'"');
            }
            b'"' if inside => inside = false,
            b'"' if cell.is_empty() => (inside, *quoted) = (true, true),
            b',' if !inside => cells.push((Vec::new(), false)),
            byte => cell.push(byte),
        }
    }
    cells
}

/// Where `what` begins in `text`.
pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    match what {
        [] => Some(0),
        [byte] => text.iter().position(|b| b == byte),
        [first, ..] => {
            let mut from = 0;
            loop {
                from += text.get(from..)?.iter().position(|b| b == first)?;
                if text[from..].starts_with(what) {
                    return Some(from);
                }
                from += 1;
            }
        }
    }
}

fn split_once<'a>(text: &'a [u8], at: &[u8]) -> Cut<'a> {
    let index = find(text, at)?;
    Some((&text[..index], &text[index + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(flags: &[&str]) -> Lines {
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_string()).collect();
        Lines::new(&Properties::load(None, "--reader-property", &flags).unwrap())
    }

    /// `key|value|header=value…`, null as NULL.
    fn show(message: &Message<'_>) -> String {
        let text = |bytes: &Option<Cow<'_, [u8]>>| {
            bytes.as_ref().map_or("NULL".to_string(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let mut shown = format!("{}|{}", text(&message.key), text(&message.value));
        for (key, value) in &message.headers {
            shown += &format!("|{}={}", String::from_utf8_lossy(key), text(value));
        }
        shown
    }

    #[test]
    fn lines_as_kafkas_reader_reads_them() {
        let read = |flags: &[&str], line: &str| lines(flags).parse(line.as_bytes()).map(|m| show(&m));
        assert_eq!(read(&[], "a\tb"), Ok("NULL|a\tb".into()));
        assert_eq!(read(&["parse.key=true"], "a\tb\tc"), Ok("a|b\tc".into()));
        assert_eq!(read(&["parse.key=true", "key.separator=::"], "a:b::c"), Ok("a:b|c".into()));
        assert_eq!(read(&["parse.key=true"], "alone"), Err("no key separator found: 'alone'".into()));
        assert_eq!(read(&["parse.key=true", "ignore.error=true"], "alone"), Ok("NULL|alone".into()));
        let all = ["parse.key=true", "parse.headers=true", "null.marker=NIL"];
        assert_eq!(read(&all, "h1:v1,h2:NIL\tk\tv"), Ok("k|v|h1=v1|h2=NULL".into()));
        assert_eq!(read(&all, "NIL\tNIL\tNIL"), Ok("NULL|NULL".into()));
        assert!(read(&all, "NIL:x\tk\tv").is_err());
        assert!(read(&all, "nothing\tk\tv").is_err());
    }

    #[test]
    fn templates() {
        let read = |template: &str, record: &str| {
            let (pieces, _) = split_end(&template.parse().unwrap());
            by_template(&pieces, record.as_bytes()).map(|m| (show(&m), m.partition, m.timestamp))
        };
        assert_eq!(read(r"%k\t%v\n", "a\tb\tc"), Ok(("a|b\tc".into(), None, None)));
        assert_eq!(read("%p:%T [%h] %k=%v", "2:99 [x=1,y=] k=v=w"), Ok(("k|v=w|x=1|y=".into(), Some(2), Some(99))));
        assert!(read(r"%k\t%v\n", "alone").is_err());
        assert!(read(r"[%k]%v\n", "a]b").is_err());
        assert_eq!(split_end(&"%v".parse().unwrap()).1, b"\n");
        assert_eq!(split_end(&"%v;;".parse().unwrap()).1, b";;");
    }

    #[test]
    fn json() {
        let read = |text: &str| by_json(text.as_bytes()).map(|m| show(&m));
        assert_eq!(
            read(r#"{"key":"k","value":{"base64":"Zm9v"},"headers":[{"key":"h","value":null}],"offset":4}"#),
            Ok("k|foo|h=NULL".into())
        );
        assert_eq!(read(r#"{"value":{"a":1},"headers":{"h":"v"}}"#), Ok(r#"NULL|{"a":1}|h=v"#.into()));
        assert_eq!(read(r#"{"value":null}"#), Ok("NULL|NULL".into()));
        assert_eq!(
            by_json(br#"{"partition":3,"timestamp":5}"#).map(|m| (m.partition, m.timestamp)),
            Ok((Some(3), Some(5)))
        );
        for wrong in ["", "[]", "{", r#"{"value":{"base64":"*"}}"#, r#"{"headers":[1]}"#, r#"{"headers":1}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn csv() {
        let columns = csv_heading(b"key,value,header.h").unwrap();
        let read = |row: &str| by_csv(&columns, row.as_bytes()).map(|m| show(&m));
        assert_eq!(read(r#"k,"a ""b"", c",x"#), Ok(r#"k|a "b", c|h=x"#.into()));
        assert_eq!(read(",,"), Ok("NULL|".into()));
        assert!(read("a,b").is_err());
        assert!(csv_heading(b"colour").is_err());
    }
}
