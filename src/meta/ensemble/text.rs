//! The nodes in the ensemble's tree: their names, and what they hold. Those that Kafka has, too, hold what Kafka writes.
//!
//! ```text
//! /brokers/ids/<id>         a broker that lives (ephemeral): Kafka's JSON, version 5
//! /controller               who is the controller (ephemeral): Kafka's JSON, version 1
//! /controller_epoch         how many controllers there were: a number as text; its version fences those of the past
//! /cluster/id               the cluster's id: Kafka's JSON
//! /kq/log/<index>           one node for each piece of the log, 20 digits from 1 on (see below)
//! /kq/snapshot              which snapshot is the last one: JSON
//! /kq/snapshot/<name>-<n>   its pieces: batches of metadata records
//! ```
//!
//! A piece of the log is (big-endian): form u8 = 1, flags u8 (1: it goes on in the next piece; 2: it began in the one
//! before), the controller's epoch i32, and batches of metadata records or a part of them.

use super::Index;
use crate::types::{Millis, NodeId, Uuid};

/// Where the cluster's id is.
pub const CLUSTER_ID: &str = "/cluster/id";
pub(super) const BROKERS: &str = "/brokers/ids";
pub(super) const CONTROLLER: &str = "/controller";
pub(super) const EPOCH: &str = "/controller_epoch";
pub(super) const LOG: &str = "/kq/log";
pub(super) const SNAPSHOT: &str = "/kq/snapshot";
/// What has to be there before anything else; what stands after them is what they hold at first.
pub(super) const PATHS: [(&str, &str); 6] =
    [("/brokers", ""), (BROKERS, ""), (EPOCH, "0"), ("/kq", ""), (LOG, ""), (SNAPSHOT, "")];

const FORM: u8 = 1;
const GOES_ON: u8 = 1;
const BEGAN_BEFORE: u8 = 2;
const HEADER_BYTES: usize = 6;

/// Where a listener is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub name: String,
    /// Its security protocol.
    pub protocol: String,
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A piece of the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub goes_on: bool,
    pub began_before: bool,
    pub term: i32,
    pub data: &'a [u8],
}

impl<'a> Piece<'a> {
    pub fn encode(&self) -> Vec<u8> {
        let mut flags = if self.goes_on { GOES_ON } else { 0 };
        flags |= if self.began_before { BEGAN_BEFORE } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.data.len());
        bytes.extend([FORM, flags]);
        bytes.extend(self.term.to_be_bytes());
        bytes.extend(self.data);
        bytes
    }

    pub fn decode(bytes: &'a [u8]) -> Option<Piece<'a>> {
        let ([form, flags, term @ ..], data) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let known = *form == FORM && flags & !(GOES_ON | BEGAN_BEFORE) == 0;
        known.then(|| Piece {
            goes_on: flags & GOES_ON != 0,
            began_before: flags & BEGAN_BEFORE != 0,
            term: i32::from_be_bytes(*term),
            data,
        })
    }
}

/// Which snapshot is the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pointer {
    /// The last entry in it; 0 where there is none.
    pub index: Index,
    /// The epoch of the controller that wrote it.
    pub term: i32,
    /// Its pieces.
    pub pieces: u32,
    /// Their bytes.
    pub bytes: u64,
    /// The first piece of the log that may be left of those that it makes superfluous.
    pub first: Index,
}

impl Pointer {
    pub fn encode(&self) -> Vec<u8> {
        let Pointer { index, term, pieces, bytes, first } = self;
        format!(
            "{{\"version\":1,\"index\":{index},\"epoch\":{term},\"pieces\":{pieces},\"bytes\":{bytes},\"first\":{first}}}"
        )
        .into_bytes()
    }

    pub fn decode(json: &[u8]) -> Option<Pointer> {
        if json.is_empty() {
            return Some(Pointer::default());
        }
        (number(json, "version")? == 1).then_some(())?;
        Some(Pointer {
            index: number(json, "index")?.try_into().ok()?,
            term: number(json, "epoch")?.try_into().ok()?,
            pieces: number(json, "pieces")?.try_into().ok()?,
            bytes: number(json, "bytes")?.try_into().ok()?,
            first: number(json, "first")?.try_into().ok()?,
        })
    }

    /// What the names of its pieces begin with: no other snapshot's do, not even one that was not finished.
    pub fn prefix(&self) -> String {
        format!("{:020}-{}-", self.index, self.term)
    }

    pub fn piece(&self, number: u32) -> String {
        format!("{SNAPSHOT}/{}{number:05}", self.prefix())
    }
}

pub(super) fn log_path(index: Index) -> String {
    format!("{LOG}/{index:020}")
}

pub(super) fn broker_path(node: NodeId) -> String {
    format!("{BROKERS}/{node}")
}

/// `/controller`, as Kafka writes it.
pub(super) fn controller(node: NodeId, now: Millis) -> Vec<u8> {
    format!("{{\"version\":1,\"brokerid\":{node},\"timestamp\":\"{now}\"}}").into_bytes()
}

/// What `/cluster/id` holds, as Kafka writes it.
pub fn cluster_id_node(id: Uuid) -> Vec<u8> {
    format!("{{\"version\":\"1\",\"id\":\"{}\"}}", id.to_text()).into_bytes()
}

/// The cluster's id from what `/cluster/id` holds; `None` where there is none in it.
pub fn cluster_id_of(json: &[u8]) -> Option<Uuid> {
    let text = behind(json, "id")?.strip_prefix('"')?;
    Uuid::from_text(text.split_once('"')?.0)
}

/// `/brokers/ids/<id>`, as Kafka writes it: version 5 (KIP-584).
pub(super) fn broker(endpoints: &[Endpoint], rack: Option<&str>, now: Millis) -> Vec<u8> {
    let all = |each: &dyn Fn(&Endpoint) -> String| endpoints.iter().map(each).collect::<Vec<_>>().join(",");
    let protocols = all(&|at| format!("{}:{}", quoted(&at.name), quoted(&at.protocol)));
    let urls = all(&|at| {
        let host = if at.host.contains(':') { format!("[{}]", at.host) } else { at.host.clone() };
        quoted(&format!("{}://{host}:{}", at.name, at.port))
    });
    let plain = endpoints.iter().find(|at| at.protocol == "PLAINTEXT");
    let host = plain.map_or("null".to_owned(), |at| quoted(&at.host));
    let port = plain.map_or(-1, |at| i32::from(at.port));
    let rack = rack.map(|rack| format!("\"rack\":{},", quoted(rack))).unwrap_or_default();
    format!(
        "{{\"features\":{{}},\"listener_security_protocol_map\":{{{protocols}}},\"endpoints\":[{urls}],{rack}\
         \"jmx_port\":-1,\"port\":{port},\"host\":{host},\"version\":5,\"timestamp\":\"{now}\"}}"
    )
    .into_bytes()
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The number that stands behind a key, bare or in quotes.
pub(super) fn number(json: &[u8], key: &str) -> Option<i64> {
    let rest = behind(json, key)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What stands behind a key.
fn behind<'a>(json: &'a [u8], key: &str) -> Option<&'a str> {
    let (_, rest) = std::str::from_utf8(json).ok()?.split_once(&format!("\"{key}\""))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_nodes() {
        let at = |name: &str, host: &str| Endpoint {
            name: name.into(),
            protocol: "PLAINTEXT".into(),
            host: host.into(),
            port: 9092,
        };
        let json = broker(&[at("PLAINTEXT", "h\"1"), at("IN", "::1")], Some("a"), 7);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT","IN":"PLAINTEXT"},"endpoints":["PLAINTEXT://h\"1:9092","IN://[::1]:9092"],"rack":"a","jmx_port":-1,"port":9092,"host":"h\"1","version":5,"timestamp":"7"}"#
        );
        let kafkas = br#"{"version":2,"brokerid":3,"timestamp":"1700000000000","kraftControllerEpoch":-1}"#;
        assert_eq!((number(kafkas, "brokerid"), number(kafkas, "timestamp")), (Some(3), Some(1_700_000_000_000)));
        assert_eq!(number(&controller(12, 5), "brokerid"), Some(12));
        let id = Uuid([7; 16]);
        assert_eq!(cluster_id_of(&cluster_id_node(id)), Some(id));
        assert_eq!(cluster_id_of(br#"{"version":"1","id":"short"}"#), None);
        assert_eq!(number(b"{}", "brokerid"), None);
        assert_eq!(number(b"\xff", "brokerid"), None);
    }

    #[test]
    fn pieces_and_pointers_survive() {
        for (goes_on, began_before) in [(false, false), (true, false), (true, true), (false, true)] {
            let piece = Piece { goes_on, began_before, term: 77, data: b"abc" };
            assert_eq!(Piece::decode(&piece.encode()), Some(piece));
        }
        for bad in [&b"\x01\x00\x00\x00\x00"[..], b"\x02\x00\x00\x00\x00\x00", b"\x01\x04\x00\x00\x00\x00"] {
            assert_eq!(Piece::decode(bad), None, "{bad:?}");
        }
        let pointer = Pointer { index: 12, term: 3, pieces: 2, bytes: 9, first: 4 };
        assert_eq!(Pointer::decode(&pointer.encode()), Some(pointer.clone()));
        assert_eq!(pointer.piece(1), "/kq/snapshot/00000000000000000012-3-00001");
        assert_eq!(Pointer::decode(b""), Some(Pointer::default()));
        assert_eq!(Pointer::decode(br#"{"version":2}"#), None);
    }
}
