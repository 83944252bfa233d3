//! The codec on every type: round trips, limits, hostile input.

use super::*;
use crate::types::{FileRange, LogId, Uuid};

crate::message! {
    Sample<'a>: key 99, versions 0..=3, flexible 2;
    struct Sample<'a> {
        name: Option<Str<'a>> [0.., null 1..],
        old: i32 [0..=1, default -1],
        id: Uuid [2..],
        items: Vec<Item<'a>> [0..],
        numbers: Option<Vec<i32>> [0.., null 0..],
        extra: i64 [2.., tag 1, default -1],
        cursor: Option<Plain> [3.., null 3..],
    }
    struct Item<'a> {
        data: Bytes<'a> [0..],
    }
    struct Plain {
        on: bool [0..],
    }
}

fn round(sample: &Sample<'_>, version: i16) -> Vec<u8> {
    let mut w = Writer::new();
    sample.write(&mut w, version);
    let bytes = w.into_bytes();
    assert_eq!(&Sample::read(&bytes, version).unwrap(), sample);
    bytes
}

#[test]
fn versions_and_tags() {
    let mut sample =
        Sample { name: Some("x".into()), items: vec![Item { data: vec![7].into() }], ..Default::default() };
    assert_eq!(round(&sample, 0), [0, 1, b'x', 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1, 7, 255, 255, 255, 255]);
    sample.extra = 5;
    sample.cursor = Some(Plain { on: true });
    let bytes = round(&sample, 3);
    assert_eq!(bytes[..2], [2, b'x']);
    assert_eq!(bytes[bytes.len() - 11..], [1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
}

#[test]
fn null_only_where_allowed() {
    let mut w = Writer::new();
    Sample::default().write(&mut w, 0);
    assert_eq!(Sample::read(w.as_bytes(), 0), Err(WireError::UnexpectedNull("Sample.name")));
    let mut w = Writer::new();
    Sample::default().write(&mut w, 1);
    assert!(Sample::read(w.as_bytes(), 1).is_ok());
}

#[test]
fn four_hostile_bytes_reserve_nothing() {
    // An array that claims 2^31-1 elements: refused before anything is reserved.
    let bytes = [0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    assert_eq!(Sample::read(&bytes, 0), Err(WireError::Truncated { need: 0x7fff_ffff, have: 0 }));
}

#[test]
fn every_truncation_is_an_error() {
    let sample = Sample {
        name: Some("abc".into()),
        items: vec![Item { data: vec![1, 2].into() }],
        extra: 9,
        ..Default::default()
    };
    for version in 0..=3 {
        let mut w = Writer::new();
        sample.write(&mut w, version);
        for end in 0..w.len() {
            assert!(Sample::read(&w.as_bytes()[..end], version).is_err(), "version {version}, {end} bytes");
        }
    }
}

#[test]
fn ranges_become_chunks() {
    let range = FileRange { log: LogId(1), segment: 0, position: 10, len: 300 };
    let mut w = Writer::new();
    w.i32(1);
    w.range(range);
    w.i32(2);
    assert_eq!(w.len(), 308);
    assert_eq!(w.into_chunks(), [Chunk::Bytes(vec![0, 0, 0, 1]), Chunk::Range(range), Chunk::Bytes(vec![0, 0, 0, 2])]);
}

#[test]
fn varints() {
    for v in [0, 1, -1, 63, 64, -64, -65, i32::MAX, i32::MIN] {
        let mut w = Writer::new();
        w.varint(v);
        w.varlong(i64::from(v) << 31);
        let mut r = Reader::new(w.as_bytes());
        assert_eq!(r.varint(), Ok(v));
        assert_eq!(r.varlong(), Ok(i64::from(v) << 31));
    }
    assert_eq!(Reader::new(&[0xff; 6]).uvarint(), Err(WireError::BadVarint));
    assert_eq!(Reader::new(&[0xff; 11]).varlong(), Err(WireError::BadVarint));
}
