//! Our codec against Apache Kafka's: the same fields, the same bytes, for every key and version that is served.

#![allow(clippy::disallowed_methods, reason = "it runs Kafka's own code and reads what that made")]

#[path = "../fuzz/damage.rs"]
mod damage;
mod differential;
mod lines;
mod records;
mod schema;
mod stale;

use kq::api::TABLE;
use kq::wire::consumer_protocol::VERSION;
use kq::wire::{Message, Writer};
use lines::{Job, Kind, LISTS, PROTOCOLS, lines, recode, with_type};
use std::collections::BTreeSet;

#[test]
fn every_line_reads_and_writes_to_the_same_bytes() {
    for line in lines() {
        let at = format!("key {} v{} {:?} {}", line.key, line.version, line.kind, line.instance);
        let ours = recode(line.kind, line.key, line.version, &line.bytes);
        let ours = ours.unwrap_or_else(|| panic!("{at}: no such message; {}", stale::HINT));
        let ours = ours.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(hex(&ours), hex(&line.bytes), "{at}");
    }
}

#[test]
fn every_key_and_version_has_lines() {
    let have: BTreeSet<_> = lines().iter().map(|line| (line.kind, line.key, line.version)).collect();
    for row in TABLE {
        for version in row.served.0..=row.served.1 {
            for kind in [Kind::Request, Kind::Response] {
                assert!(
                    have.contains(&(kind, row.key, version)),
                    "no line for {} v{version} {kind:?}; {}",
                    row.name,
                    stale::HINT
                );
            }
        }
    }
    for (key, version) in [(0, 1), (0, 2), (1, 0), (1, 1)] {
        assert!(have.contains(&(Kind::Header, key, version)), "no line for header {key} v{version}; {}", stale::HINT);
    }
    for (kind, keys) in LISTS {
        for key in keys {
            assert!(have.contains(&(kind, *key, 0)), "no line for {kind:?} {key}; {}", stale::HINT);
        }
    }
    for key in PROTOCOLS {
        for version in 0..=VERSION {
            assert!(
                have.contains(&(Kind::Protocol, *key, version)),
                "no line for protocol {key} v{version}; {}",
                stale::HINT
            );
        }
    }
}

#[test]
fn our_defaults_are_kafkas() {
    struct Default(i16);
    impl<'a> Job<'a> for Default {
        type Output = Vec<u8>;
        fn run<M: Message<'a>>(self) -> Vec<u8> {
            let mut writer = Writer::new();
            M::default().write(&mut writer, self.0);
            writer.into_bytes()
        }
    }
    let defaults = lines().into_iter().filter(|line| line.instance == "default" && line.kind != Kind::Header);
    for line in defaults {
        let ours = with_type(line.kind, line.key, Default(line.version)).expect("there is such a message");
        assert_eq!(hex(&ours), hex(&line.bytes), "key {} v{} {:?}", line.key, line.version, line.kind);
    }
}

#[test]
fn every_truncation_is_an_error() {
    for line in lines().iter().filter(|line| line.instance == "random1" || line.instance == "min") {
        for end in 0..line.bytes.len() {
            let cut = recode(line.kind, line.key, line.version, &line.bytes[..end]);
            assert!(matches!(cut, Some(Err(_))), "key {} v{} {:?} cut at {end}", line.key, line.version, line.kind);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
