//! Lookups by offset and by time, against walking through everything.

use super::*;
use crate::record::decode;
use proptest::prelude::*;

/// Every record below `upto` from the log's start on: offset and timestamp.
fn records(model: &Model, upto: Offset) -> Vec<(Offset, Millis)> {
    let mut all = Vec::new();
    for (_, bytes) in &model.batches {
        for record in &decode(bytes, 1 << 20).unwrap() {
            let record = record.unwrap();
            all.push((record.offset, record.timestamp));
        }
    }
    all.retain(|(offset, _)| (model.log.start()..upto).contains(offset));
    all
}

fn compare(model: &mut Model, upto: Offset) -> Result<(), TestCaseError> {
    let all = records(model, upto);
    for timestamp in 0..60 {
        let expected = all.iter().find(|(_, t)| *t >= timestamp).copied();
        prop_assert_eq!(model.log.find_time(timestamp, upto).unwrap(), expected, "first at or after {}", timestamp);
    }
    let max = all.iter().map(|(_, t)| *t).max().filter(|t| *t >= 0);
    let expected = max.and_then(|max| all.iter().find(|(_, t)| *t == max).copied());
    prop_assert_eq!(model.log.max_timestamp(upto).unwrap(), expected, "largest below {}", upto);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_are_found_to_the_record(
        batches in prop::collection::vec(prop::collection::vec(-1i64..50, 1..4), 1..80),
        segment_bytes in 300u32..3000,
        index_interval_bytes in 1u32..500,
        start in 0i64..40,
        upto in 0i64..200,
        reopen in 0..3,
    ) {
        let mut model = Model::new(LogConfig { segment_bytes, index_interval_bytes, ..small() });
        for timestamps in batches {
            let records: Vec<_> = timestamps.iter().map(|t| (*t, None, Some("some value"))).collect();
            model.append(&[batch_of(&records)]).unwrap();
        }
        model.log.trim(start);
        match reopen {
            1 => drop(model.restart()),
            2 => {
                let log_start = model.log.start();
                drop(model.reopen(model.disk.kill(), Opening { log_start, ..Opening::default() }));
            }
            _ => {}
        }
        let end = model.log.end();
        compare(&mut model, end)?;
        compare(&mut model, upto.min(end))?;
    }

    #[test]
    fn reads_return_whole_batches(seed in any::<u64>(), segment_bytes in 200u32..4000, interval in 1u32..900) {
        let mut chance = Chance(seed);
        let mut model = Model::new(LogConfig { segment_bytes, index_interval_bytes: interval, ..small() });
        for _ in 0..40 {
            let mut run = Vec::new();
            for _ in 0..=chance.below(25) {
                let value = "v".repeat(chance.below(60) as usize);
                run.push(batch_of(&vec![(3, None, Some(value.as_str())); 1 + chance.below(3) as usize]));
            }
            model.append(&run).unwrap();
        }
        model.check(&mut chance);
        model.restart();
        model.check(&mut chance);
        for _ in 0..50 {
            // Any offset, not only a batch's first.
            let offset = chance.below(model.log.end() as u64) as i64;
            let bytes = read(&mut model.log, offset, i64::MAX, 1).unwrap();
            let header = BatchHeader::peek(&bytes).unwrap();
            prop_assert!(header.base_offset <= offset && offset < header.next_offset());
            prop_assert_eq!(header.size(), bytes.len());
        }
        prop_assert_eq!(model.log.read_all().unwrap(), model.batches.iter().flat_map(|(_, b)| b.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_batch_that_is_too_large_comes_only_when_asked_for() {
    let mut model = Model::new(small());
    model.append(&[batch_of(&[(1, None, Some("value"))])]).unwrap();
    let read = Read { log: LogId(4), offset: 0, upto: 1, max_bytes: 10, at_least_one: false };
    assert_eq!(model.log.locate(&read).unwrap(), None);
    let range = model.log.locate(&Read { at_least_one: true, ..read }).unwrap().unwrap();
    assert_eq!((range.log, range.segment, range.position), (LogId(4), 0, 0));
    assert_eq!(range.len as usize, model.batches[0].1.len());
    assert_eq!(model.log.locate(&Read { offset: 1, upto: 9, ..read }).unwrap(), None, "nothing at the end");
    assert_eq!(model.log.locate(&Read { upto: 0, at_least_one: true, ..read }).unwrap(), None);
}

#[test]
fn segments_close_by_size_time_and_index() {
    let config = LogConfig { segment_bytes: 400, segment_ms: 100, ..LogConfig::default() };
    let mut model = Model::new(config);
    let at = |t| batch_of(&[(t, None, Some("v"))]);
    assert!(!model.append(&[at(1000)]).unwrap());
    assert!(!model.append(&[at(1100)]).unwrap());
    assert!(model.append(&[at(1101)]).unwrap(), "by the records' time");
    model.now = 90;
    assert!(!model.log.roll_if_due(model.now).unwrap());
    model.now = 101;
    assert!(model.log.roll_if_due(model.now).unwrap(), "by the clock, with nobody appending");
    assert!(!model.log.roll_if_due(model.now).unwrap(), "an empty segment is not closed");
    let long = "x".repeat(250);
    assert!(!model.append(&[batch_of(&[(1000, None, Some(&long))])]).unwrap());
    assert!(model.append(&[batch_of(&[(1000, None, Some(&long))])]).unwrap(), "by size");
    let run = vec![batch_of(&[(1000, None, Some(&long))]); 5];
    assert!(model.append(&run).unwrap());
    assert_eq!(model.log.segments().count(), 9, "one of five does not fit with another");
    model.check(&mut Chance(1));

    let full_index = LogConfig { segment_index_bytes: 120, index_interval_bytes: 0, ..LogConfig::default() };
    let mut model = Model::new(full_index);
    for _ in 0..40 {
        model.append(&[at(5)]).unwrap();
    }
    assert!(model.log.segments().count() >= 4, "by the index");
    model.check(&mut Chance(1));
}
