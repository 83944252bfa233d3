//! Batches built, checked, patched and taken apart again.

use super::*;
use crate::record::batch::{patch, stamp_append_time};
use crate::record::{Builder, check_produced};
use proptest::prelude::*;

const MAX: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
struct Owned {
    timestamp: Millis,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn owned(r: &Record<'_>) -> Owned {
    Owned {
        timestamp: r.timestamp,
        key: r.key.map(<[u8]>::to_vec),
        value: r.value.map(<[u8]>::to_vec),
        headers: r.headers.clone().map(|(k, v)| (k.to_vec(), v.map(<[u8]>::to_vec))).collect(),
    }
}

fn build(codec: Codec, records: &[Owned]) -> Vec<u8> {
    let mut builder = Builder::new(codec, None);
    for r in records {
        let headers: Vec<_> = r.headers.iter().map(|(k, v)| (&k[..], v.as_deref())).collect();
        builder.push(r.timestamp, r.key.as_deref(), r.value.as_deref(), &headers);
    }
    builder.set_producer(12, 3, 9);
    builder.finish()
}

fn some_bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..200))
}

fn some_records() -> impl Strategy<Value = Vec<Owned>> {
    let headers = prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), some_bytes()), 0..4);
    let record = (any::<i64>(), some_bytes(), some_bytes(), headers)
        .prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers });
    prop::collection::vec(record, 1..20)
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(records in some_records()) {
        for codec in Codec::ALL {
            let mut batch = build(codec, &records);
            prop_assert!(check_produced(&batch).is_ok());
            patch(&mut batch, 1000, 8);
            let header = validate(&batch, MAX).unwrap();
            prop_assert_eq!(header.count as usize, records.len());
            prop_assert_eq!(header.max_timestamp, records.iter().map(|r| r.timestamp).max().unwrap());
            let decoded = decode(&batch, MAX).unwrap();
            let back: Vec<_> = decoded.iter().map(|r| r.unwrap()).collect();
            prop_assert_eq!(back.iter().map(|r| r.offset).collect::<Vec<_>>(), (1000..1000 + records.len() as i64).collect::<Vec<_>>());
            prop_assert_eq!(&back.iter().map(owned).collect::<Vec<_>>(), &records);
        }
    }

    #[test]
    fn recompression_changes_nothing_but_the_codec(records in some_records(), from in 0..5i16, to in 0..5i16) {
        let (from, to) = (Codec::from_id(from).unwrap(), Codec::from_id(to).unwrap());
        let batch = build(from, &records);
        let packed = recompress(&batch, to, None, MAX).unwrap();
        prop_assert_eq!(check(&packed).unwrap().codec().unwrap(), to);
        prop_assert_eq!(recompress(&packed, Codec::None, None, MAX).unwrap(), recompress(&batch, Codec::None, None, MAX).unwrap());
    }

    #[test]
    fn hostile_bytes_never_panic(records in some_records(), codec in 0..5i16, at: prop::sample::Index, byte: u8) {
        let mut batch = build(Codec::from_id(codec).unwrap(), &records);
        let at = at.index(batch.len());
        batch[at] = byte;
        reseal(&mut batch);
        walk(&batch);
    }
}

/// Makes the checksum fit, so that damage reaches the record parser.
fn reseal(batch: &mut [u8]) {
    let crc = crate::record::crc::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn walk(batch: &[u8]) {
    if let Ok(decoded) = decode(batch, MAX) {
        decoded.iter().filter_map(Result::ok).for_each(|r| {
            owned(&r);
        });
    }
    let _ = validate(batch, MAX);
    let _ = max_timestamp(batch, MAX);
    let _ = find_time(batch, 0, 0, MAX);
    let _ = recompress(batch, Codec::Snappy, None, MAX);
    let _ = crate::record::compact::filter(batch, Some(1), MAX, |r| r.offset % 2 == 0);
    let _ = crate::record::compact::empty(batch);
}

#[test]
fn every_byte_changed_and_every_cut() {
    let records = [
        Owned { timestamp: 5, key: Some(b"k".to_vec()), value: None, headers: vec![(b"h".to_vec(), None)] },
        Owned { timestamp: 9, key: None, value: Some(b"value".to_vec()), headers: vec![] },
    ];
    for codec in Codec::ALL {
        let good = build(codec, &records);
        for at in 0..good.len() {
            walk(&good[..at]);
            for flip in [0x01, 0x02, 0x10, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                reseal(&mut bad);
                walk(&bad);
            }
        }
    }
}

#[test]
fn a_million_records_claimed_in_a_few_bytes_are_refused() {
    let mut batch = build(Codec::None, &[Owned { timestamp: 0, key: None, value: None, headers: vec![] }]);
    batch[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
    batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    reseal(&mut batch);
    assert!(decode(&batch, MAX).is_err());
}

#[test]
fn lookups_by_time() {
    let mut builder = Builder::new(Codec::Lz4, None);
    for timestamp in [10, 30, 20, 30] {
        builder.push(timestamp, Some(b"k"), None, &[]);
    }
    let mut batch = builder.finish();
    patch(&mut batch, 100, 0);
    assert_eq!(find_time(&batch, 15, 0, MAX), Ok(Some((101, 30))));
    assert_eq!(find_time(&batch, 15, 102, MAX), Ok(Some((102, 20))));
    assert_eq!(find_time(&batch, 31, 0, MAX), Ok(None));
    assert_eq!(max_timestamp(&batch, MAX), Ok(Some((101, 30))));
    assert_eq!(without_key(&batch, MAX), Ok(vec![]));
    stamp_append_time(&mut batch, 500);
    assert_eq!(find_time(&batch, 15, 0, MAX), Ok(Some((100, 500))));
    assert_eq!(max_timestamp(&batch, MAX), Ok(Some((100, 500))));
}

#[test]
fn offsets_must_be_dense_from_a_producer() {
    let mut builder = Builder::new(Codec::None, None);
    builder.push_at(0, 1, None, None, &[]);
    builder.push_at(2, 1, None, None, &[]);
    let batch = builder.finish();
    assert!(check(&batch).is_ok());
    assert!(validate(&batch, MAX).is_err());
    assert!(check_produced(&batch).is_err());
    assert_eq!(without_key(&batch, MAX), Ok(vec![0, 1]));
}
