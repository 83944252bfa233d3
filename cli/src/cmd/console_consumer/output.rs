//! How a record is shown: Kafka's text, JSON, hex, raw bytes, a template, or without its content.

use crate::cmd::console::decoder::Decoder;
use crate::cmd::console::template::{Field, Piece};
use crate::cmd::console::{Properties, Template, base64};
use crate::failure::Failure;
use kq::record::{Record, TimestampType};
use std::io::Write;

/// A record with what its batch and its partition know.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
    /// Who set its timestamp.
    pub timestamp_type: TimestampType,
    /// The record.
    pub record: &'a Record<'a>,
}

/// A way to show records.
#[derive(Clone, Debug)]
pub enum Output {
    /// As Kafka's console consumer does.
    Text(Box<Text>),
    /// One JSON object a line, which the console producer reads back.
    Json,
    /// The same over several lines.
    Pretty,
    /// Key and value in hex, with a line of what they belong to.
    Hex,
    /// Values only, nothing between them.
    Raw,
    /// As the user says.
    Template(Template),
    /// Everything but key, value and headers.
    Meta,
    /// Nothing at all.
    Silent,
}

impl Output {
    /// Appends the record.
    ///
    /// # Errors
    /// When a deserializer does not take the bytes.
    pub fn write(&self, shown: &Shown<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let record = shown.record;
        match self {
            Output::Text(text) => return text.write(shown, out),
            Output::Json => json(shown, out, ("", "", "")),
            Output::Pretty => json(shown, out, ("\n  ", "\n", " ")),
            Output::Hex => hex(shown, out),
            Output::Raw => out.extend_from_slice(record.value.unwrap_or_default()),
            Output::Template(template) => template.pieces.iter().for_each(|piece| piece_of(piece, shown, out)),
            Output::Meta => {
                let (key, value) = (length(record.key), length(record.value));
                let (offset, timestamp, headers) = (record.offset, record.timestamp, record.headers.len());
                put(
                    out,
                    format_args!(
                        "{}\t{}\t{offset}\t{timestamp}\t{key}\t{value}\t{headers}\n",
                        shown.topic, shown.partition
                    ),
                );
            }
            Output::Silent => {}
        }
        Ok(())
    }
}

/// Writing to memory does not fail.
fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

/// Kafka's `DefaultMessageFormatter`.
#[derive(Clone, Debug)]
pub struct Text {
    pub print_timestamp: bool,
    pub print_key: bool,
    pub print_offset: bool,
    pub print_partition: bool,
    pub print_epoch: bool,
    pub print_headers: bool,
    pub print_value: bool,
    pub print_topic: bool,
    pub key_separator: Vec<u8>,
    pub line_separator: Vec<u8>,
    pub headers_separator: Vec<u8>,
    pub null_literal: Vec<u8>,
    pub key: Decoder,
    pub value: Decoder,
    pub headers: Decoder,
}

impl Text {
    /// From the formatter's properties; `key` and `value` are classes that flags name.
    ///
    /// # Errors
    /// A usage failure for a class that kq does not have.
    pub fn new(properties: &Properties, key: Option<&str>, value: Option<&str>) -> Result<Text, Failure> {
        let decoder = |flag: Option<&str>, name: &str| match flag.or_else(|| properties.get(name)) {
            Some(class) => Decoder::from_class(class),
            None => Ok(Decoder::Bytes),
        };
        Ok(Text {
            print_timestamp: properties.flag("print.timestamp", "false"),
            print_key: properties.flag("print.key", "false"),
            print_offset: properties.flag("print.offset", "false"),
            print_partition: properties.flag("print.partition", "false"),
            print_epoch: properties.flag("print.epoch", "false"),
            print_headers: properties.flag("print.headers", "false"),
            print_value: properties.flag("print.value", "true"),
            print_topic: false,
            key_separator: properties.bytes("key.separator", "\t"),
            line_separator: properties.bytes("line.separator", "\n"),
            headers_separator: properties.bytes("headers.separator", ","),
            null_literal: properties.bytes("null.literal", "null"),
            key: decoder(key, "key.deserializer")?,
            value: decoder(value, "value.deserializer")?,
            headers: decoder(None, "headers.deserializer")?,
        })
    }

    /// Adds the parts that `--print` names.
    ///
    /// # Errors
    /// A usage failure for a part that does not exist.
    pub fn print(&mut self, parts: &[String]) -> Result<(), Failure> {
        if !parts.is_empty() {
            self.print_value = false;
        }
        for part in parts {
            let shown = match part.trim() {
                "topic" => &mut self.print_topic,
                "partition" => &mut self.print_partition,
                "offset" => &mut self.print_offset,
                "ts" | "timestamp" => &mut self.print_timestamp,
                "epoch" => &mut self.print_epoch,
                "headers" => &mut self.print_headers,
                "key" => &mut self.print_key,
                "value" => &mut self.print_value,
                other => {
                    return Err(Failure::usage(format!("--print {other}: no such part"))
                        .hint("there are topic, partition, offset, ts, epoch, headers, key and value"));
                }
            };
            *shown = true;
        }
        Ok(())
    }

    fn write(&self, shown: &Shown<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let record = shown.record;
        // What follows decides whether a part ends in the separator or ends the line.
        let mut left = [
            self.print_timestamp,
            self.print_topic,
            self.print_partition,
            self.print_offset,
            self.print_epoch,
            self.print_headers,
            self.print_key,
            self.print_value,
        ]
        .into_iter()
        .filter(|&printed| printed)
        .count();
        let mut part = |out: &mut Vec<u8>| {
            left -= 1;
            out.extend_from_slice(if left > 0 { &self.key_separator } else { &self.line_separator });
        };
        if self.print_timestamp {
            match record.timestamp {
                -1 => out.extend_from_slice(b"NO_TIMESTAMP"),
                timestamp => put(out, format_args!("{}:{timestamp}", shown.timestamp_type.name())),
            }
            part(out);
        }
        if self.print_topic {
            put(out, format_args!("Topic:{}", shown.topic));
            part(out);
        }
        if self.print_partition {
            put(out, format_args!("Partition:{}", shown.partition));
            part(out);
        }
        if self.print_offset {
            put(out, format_args!("Offset:{}", record.offset));
            part(out);
        }
        if self.print_epoch {
            put(out, format_args!("Epoch:{}", shown.leader_epoch));
            part(out);
        }
        if self.print_headers {
            if record.headers.is_empty() {
                out.extend_from_slice(b"NO_HEADERS");
            }
            for (index, (key, value)) in record.headers.clone().enumerate() {
                if index > 0 {
                    out.extend_from_slice(&self.headers_separator);
                }
                out.extend_from_slice(key);
                out.push(b':');
                self.decode(self.headers, value, out)?;
            }
            part(out);
        }
        if self.print_key {
            self.decode(self.key, record.key, out)?;
            part(out);
        }
        if self.print_value {
            self.decode(self.value, record.value, out)?;
            part(out);
        }
        Ok(())
    }

    fn decode(&self, decoder: Decoder, bytes: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), String> {
        match bytes {
            Some(bytes) => decoder.write(bytes, out),
            None => {
                out.extend_from_slice(&self.null_literal);
                Ok(())
            }
        }
    }
}

fn piece_of(piece: &Piece, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let record = shown.record;
    match piece {
        Piece::Bytes(bytes) => out.extend_from_slice(bytes),
        Piece::Field(field) => match field {
            Field::Key => out.extend_from_slice(record.key.unwrap_or_default()),
            Field::Value => out.extend_from_slice(record.value.unwrap_or_default()),
            Field::KeyLength => put(out, format_args!("{}", length(record.key))),
            Field::ValueLength => put(out, format_args!("{}", length(record.value))),
            Field::Topic => out.extend_from_slice(shown.topic.as_bytes()),
            Field::Partition => put(out, format_args!("{}", shown.partition)),
            Field::Offset => put(out, format_args!("{}", record.offset)),
            Field::Timestamp => put(out, format_args!("{}", record.timestamp)),
            Field::Headers => {
                for (index, (key, value)) in record.headers.clone().enumerate() {
                    out.extend_from_slice(if index > 0 { b"," } else { b"" });
                    out.extend_from_slice(key);
                    out.push(b'=');
                    out.extend_from_slice(value.unwrap_or(b"NULL"));
                }
            }
        },
    }
}

/// One JSON object. `gaps` are what stands before a field, before the end, and after a colon.
fn json(shown: &Shown<'_>, out: &mut Vec<u8>, gaps: (&str, &str, &str)) {
    let (before, end, after) = gaps;
    let record = shown.record;
    let name = |out: &mut Vec<u8>, name: &str, first: bool| {
        put(out, format_args!("{}{before}\"{name}\":{after}", if first { "{" } else { "," }));
    };
    name(out, "topic", true);
    json_text(shown.topic, out);
    name(out, "partition", false);
    put(out, format_args!("{}", shown.partition));
    name(out, "offset", false);
    put(out, format_args!("{}", record.offset));
    name(out, "timestamp", false);
    put(out, format_args!("{}", record.timestamp));
    name(out, "timestamp_type", false);
    json_text(shown.timestamp_type.name(), out);
    name(out, "leader_epoch", false);
    put(out, format_args!("{}", shown.leader_epoch));
    name(out, "headers", false);
    out.push(b'[');
    for (index, (key, value)) in record.headers.clone().enumerate() {
        put(out, format_args!("{}{{\"key\":{after}", if index > 0 { "," } else { "" }));
        json_bytes(Some(key), out);
        put(out, format_args!(",\"value\":{after}"));
        json_bytes(value, out);
        out.push(b'}');
    }
    out.push(b']');
    name(out, "key", false);
    json_bytes(record.key, out);
    name(out, "value", false);
    json_bytes(record.value, out);
    put(out, format_args!("{end}}}\n"));
}

/// Text as a string, other bytes as `{"base64":"…"}`, none as null.
fn json_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes.map(std::str::from_utf8) {
        None => out.extend_from_slice(b"null"),
        Some(Ok(text)) => json_text(text, out),
        Some(Err(_)) => {
            out.extend_from_slice(b"{\"base64\":\"");
            base64::encode(bytes.unwrap_or_default(), out);
            out.extend_from_slice(b"\"}");
        }
    }
}

fn json_text(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

fn hex(shown: &Shown<'_>, out: &mut Vec<u8>) {
    let record = shown.record;
    put(out, format_args!("{}-{}@{} {}\n", shown.topic, shown.partition, record.offset, record.timestamp));
    let mut dump = |what: &[u8], bytes: Option<&[u8]>| match bytes {
        None => {
            out.extend_from_slice(what);
            out.extend_from_slice(b"  null\n");
        }
        Some(bytes) => {
            for (line, chunk) in bytes.chunks(16).enumerate() {
                out.extend_from_slice(what);
                put(out, format_args!("  {:08x} ", line * 16));
                (0..16).for_each(|i| match chunk.get(i) {
                    Some(byte) => put(out, format_args!(" {byte:02x}")),
                    None => out.extend_from_slice(b"   "),
                });
                out.extend_from_slice(b"  ");
                out.extend(chunk.iter().map(|&b| if b.is_ascii_graphic() || b == b' ' { b } else { b'.' }));
                out.push(b'\n');
            }
            if bytes.is_empty() {
                out.extend_from_slice(what);
                out.extend_from_slice(b"  empty\n");
            }
        }
    };
    dump(b"  key  ", record.key);
    for (key, value) in record.headers.clone() {
        dump(&[b"  header ", key].concat(), value);
    }
    dump(b"  value", record.value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::{Builder, Codec, decode};

    fn show(output: &Output) -> String {
        let mut builder = Builder::new(Codec::None, None);
        builder.push(1000, Some(b"k\"1"), Some(b"value"), &[(b"h", Some(b"v")), (b"n", None)]);
        builder.push(1001, None, Some(&[0xff, 0]), &[]);
        builder.push(-1, Some(b"k"), None, &[]);
        builder.set_position(7, 3);
        let batch = builder.finish();
        let decoded = decode(&batch, 10_000).unwrap();
        let mut out = Vec::new();
        for record in &decoded {
            let record = &record.unwrap();
            let timestamp_type = decoded.header.timestamp_type();
            output
                .write(&Shown { topic: "t", partition: 2, leader_epoch: 3, timestamp_type, record }, &mut out)
                .unwrap();
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn text(flags: &[&str]) -> Text {
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_string()).collect();
        Text::new(&Properties::load(None, "--formatter-property", &flags).unwrap(), None, None).unwrap()
    }

    #[test]
    fn kafkas_text() {
        assert_eq!(show(&Output::Text(Box::new(text(&[])))), "value\n\u{fffd}\0\nnull\n");
        let all = [
            "print.timestamp=true",
            "print.key=true",
            "print.offset=true",
            "print.partition=true",
            "print.headers=true",
        ];
        let all = text(&[&all[..], &["print.epoch=true", "key.separator=|", "null.literal=NIL"]].concat());
        assert_eq!(
            show(&Output::Text(Box::new(all))),
            "CreateTime:1000|Partition:2|Offset:7|Epoch:3|h:v,n:NIL|k\"1|value\n\
             CreateTime:1001|Partition:2|Offset:8|Epoch:3|NO_HEADERS|NIL|\u{fffd}\0\n\
             NO_TIMESTAMP|Partition:2|Offset:9|Epoch:3|NO_HEADERS|k|NIL\n"
        );
        let mut some = text(&[]);
        some.print(&["offset".into(), "key".into()]).unwrap();
        assert_eq!(show(&Output::Text(Box::new(some.clone()))), "Offset:7\tk\"1\nOffset:8\tnull\nOffset:9\tk\n");
        assert!(some.print(&["colour".into()]).is_err());
    }

    #[test]
    fn json_lines() {
        let lines = show(&Output::Json);
        let values: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values[0]["key"], "k\"1");
        assert_eq!(values[0]["headers"], serde_json::json!([{"key": "h", "value": "v"}, {"key": "n", "value": null}]));
        assert_eq!(values[1]["value"], serde_json::json!({"base64": "/wA="}));
        assert_eq!((&values[2]["value"], &values[2]["offset"]), (&serde_json::Value::Null, &serde_json::json!(9)));
        let pretty = show(&Output::Pretty);
        assert!(pretty.starts_with("{\n  \"topic\": \"t\",\n  \"partition\": 2,"), "{pretty}");
        let first: serde_json::Value = serde_json::Deserializer::from_str(&pretty).into_iter().next().unwrap().unwrap();
        assert_eq!(first, values[0]);
    }

    #[test]
    fn templates_and_meta() {
        let template = Output::Template(r"%t/%p@%o %T %k=%v [%h] %K %V\n".parse().unwrap());
        assert_eq!(
            show(&template),
            "t/2@7 1000 k\"1=value [h=v,n=NULL] 3 5\nt/2@8 1001 =\u{fffd}\0 [] -1 2\nt/2@9 -1 k= [] 1 -1\n"
        );
        assert_eq!(show(&Output::Meta), "t\t2\t7\t1000\t3\t5\t2\nt\t2\t8\t1001\t-1\t2\t0\nt\t2\t9\t-1\t1\t-1\t0\n");
        assert!(show(&Output::Hex).contains("  value  00000000  ff 00 "));
    }
}
