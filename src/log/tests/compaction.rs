//! Compaction against an oracle: of each key the last value stays, offsets do not change, and a crash at any step of the
//! swap loses nothing.

use super::*;
use crate::record::decode;
use std::collections::BTreeMap;

type Latest = BTreeMap<String, (Offset, String)>;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 900,
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 1000,
        producer_id_expiration_ms: 100_000,
        ..small()
    }
}

/// The last value of each key, with its offset; deleted keys are not in it.
fn latest<'a>(batches: impl Iterator<Item = &'a [u8]>) -> Latest {
    let mut latest = Latest::new();
    for bytes in batches {
        for record in &decode(bytes, 1 << 20).unwrap() {
            let record = record.unwrap();
            let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
            match record.value {
                Some(value) => latest.insert(key, (record.offset, String::from_utf8(value.to_vec()).unwrap())),
                None => latest.remove(&key),
            };
        }
    }
    latest
}

fn latest_in_log(model: &mut Model) -> Latest {
    let content = model.log.read_all().unwrap();
    let mut batches = crate::record::batches(&content);
    let all: Vec<&[u8]> = batches.by_ref().map(|batch| batch.unwrap().1).collect();
    assert_eq!(batches.rest(), b"");
    for batch in &all {
        crate::record::check(batch).unwrap();
    }
    latest(all.into_iter())
}

fn latest_in_model(model: &Model) -> Latest {
    latest(model.batches.iter().map(|(_, bytes)| bytes.as_slice()))
}

fn append_some(model: &mut Model, chance: &mut Chance, batches: usize) {
    for _ in 0..batches {
        model.now += 1;
        let mut builder = Builder::new(if chance.below(3) == 0 { Codec::Zstd } else { Codec::None }, None);
        for _ in 0..=chance.below(4) {
            let key = format!("key-{}", chance.below(12));
            let value = (chance.below(4) > 0).then(|| format!("value-{}", chance.below(1 << 20)));
            builder.push(model.now, Some(key.as_bytes()), value.as_deref().map(str::as_bytes), &[]);
        }
        if chance.below(3) == 0 {
            let id = chance.below(3) as i64;
            let sequence = model.batches.len() as i32 * 10;
            builder.set_producer(id, 0, sequence);
        }
        model.append(&[builder.finish()]).unwrap();
    }
}

fn compact(model: &mut Model) -> DiskResult<bool> {
    let upto = model.log.recovery_point();
    let Some(plan) = model.log.compaction_plan(model.now, upto)? else { return Ok(false) };
    let compacted = plan.run()?;
    assert!(compacted.notes.is_empty(), "{:?}", compacted.notes);
    model.log.install(compacted)?;
    Ok(true)
}

#[test]
fn the_last_value_of_each_key_stays() {
    for seed in 0..60 {
        let mut chance = Chance(seed);
        let mut model = Model::new(config());
        for round in 0..6 {
            append_some(&mut model, &mut chance, 30);
            model.sync().unwrap();
            model.now += if chance.below(2) == 0 { 0 } else { 1001 };
            let before = model.log.size_bytes();
            assert!(compact(&mut model).unwrap(), "there is always something to compact here");
            assert!(model.log.size_bytes() < before);
            assert_eq!(latest_in_log(&mut model), latest_in_model(&model), "seed {seed}, round {round}");
            match chance.below(3) {
                0 => drop(model.restart()),
                1 => {
                    let found = model.reopen(model.disk.kill(), Opening { recovery_point: 1, ..Opening::default() });
                    assert_eq!((found.dropped_segments, found.truncated_bytes), (0, 0), "{:?}", found.notes);
                }
                _ => {}
            }
            assert_eq!(latest_in_log(&mut model), latest_in_model(&model), "seed {seed}, round {round}, reopened");
        }
    }
}

#[test]
fn a_crash_at_any_step_of_the_swap_is_harmless() {
    for seed in 0..12 {
        for n in 1.. {
            let mut chance = Chance(seed);
            let mut model = Model::new(config());
            append_some(&mut model, &mut chance, 60);
            model.sync().unwrap();
            let (end, expected) = (model.log.end(), latest_in_model(&model));
            model.disk.freeze_at_change(n);
            let crashed = compact(&mut model).is_err();
            for cut in 0..3 {
                let mut chance = Chance(seed << 40 | n << 8 | cut);
                let disk = if cut == 0 { model.disk.kill() } else { model.disk.power_cut(&mut || chance.next()) };
                let found = model.reopen(disk, Opening { recovery_point: 1, ..Opening::default() });
                assert_eq!((found.end, found.truncated_bytes), (end, 0), "{:?}", found.notes);
                assert_eq!(latest_in_log(&mut model), expected, "seed {seed}, crash at change {n}");
                for offset in 0..end {
                    let bytes = read(&mut model.log, offset, end, 1).unwrap();
                    assert!(BatchHeader::peek(&bytes).unwrap().next_offset() > offset, "the index leads astray");
                }
            }
            compact(&mut model).unwrap();
            assert_eq!(latest_in_log(&mut model), expected);
            if !crashed {
                assert!(n > 20, "only {n} changes");
                break;
            }
        }
    }
}

/// Closes the segment, so that compaction may have it.
fn close_segment(model: &mut Model) {
    let filler = "f".repeat(880);
    model.append(&[batch_of(&[(model.now, Some("filler"), Some(&filler))])]).unwrap();
    model.append(&[batch_of(&[(model.now, Some("filler"), Some(&filler))])]).unwrap();
    model.sync().unwrap();
}

fn values_of(model: &mut Model, key: &str) -> Vec<Option<String>> {
    let content = model.log.read_all().unwrap();
    let mut values = Vec::new();
    for batch in crate::record::batches(&content) {
        for record in &decode(batch.unwrap().1, 1 << 20).unwrap() {
            let record = record.unwrap();
            if record.key == Some(key.as_bytes()) {
                values.push(record.value.map(|v| String::from_utf8(v.to_vec()).unwrap()));
            }
        }
    }
    values
}

#[test]
fn tombstones_stay_for_a_while() {
    let mut model = Model::new(config());
    model.append(&[batch_of(&[(1, Some("a"), Some("1"))]), batch_of(&[(2, Some("a"), None)])]).unwrap();
    close_segment(&mut model);
    compact(&mut model).unwrap();
    assert_eq!(values_of(&mut model, "a"), [None]);
    model.now = 999;
    close_segment(&mut model);
    compact(&mut model).unwrap();
    assert_eq!(values_of(&mut model, "a"), [None], "not before delete.retention.ms is over");
    model.now = 1000;
    close_segment(&mut model);
    compact(&mut model).unwrap();
    assert_eq!(values_of(&mut model, "a"), []);
}

#[test]
fn the_last_batch_of_a_live_producer_stays_without_records() {
    let mut model = Model::new(config());
    let mut builder = Builder::new(Codec::None, None);
    builder.push(1, Some(b"a"), Some(b"1"), &[]);
    builder.set_producer(5, 1, 40);
    model.append(&[builder.finish(), batch_of(&[(1, Some("a"), Some("2"))])]).unwrap();
    close_segment(&mut model);
    compact(&mut model).unwrap();
    assert_eq!(values_of(&mut model, "a"), [Some("2".into())]);
    let found = model.reopen(model.disk.kill(), Opening { recovery_point: 1, ..Opening::default() });
    let producer = found.producers.get(5).unwrap();
    assert_eq!((producer.epoch, producer.last_sequence(), producer.last_offset()), (1, 40, 0));
    model.now = 100_001;
    close_segment(&mut model);
    compact(&mut model).unwrap();
    let found = model.reopen(model.disk.kill(), Opening { recovery_point: 1, ..Opening::default() });
    assert!(found.producers.is_empty(), "an expired producer needs no batch");
}

/// Seed 9381 of the simulator: a producer retried a batch that compaction had emptied and dropped before its answer came.
#[test]
fn whatever_a_live_producer_may_retry_is_known_after_compaction_and_a_crash() {
    let mut model = Model::new(config());
    for sequence in 0..7 {
        let mut builder = Builder::new(Codec::None, None);
        builder.push(1, Some(b"a"), Some(b"1"), &[]);
        builder.set_producer(5, 1, sequence);
        model.append(&[builder.finish()]).unwrap();
    }
    model.append(&[batch_of(&[(1, Some("a"), Some("2"))])]).unwrap();
    close_segment(&mut model);
    compact(&mut model).unwrap();
    assert_eq!(values_of(&mut model, "a"), [Some("2".into())]);
    let end = model.log.end();
    let found = model.reopen(model.disk.kill(), Opening { recovery_point: end, ..Opening::default() });
    let producer = found.producers.get(5).unwrap();
    let known: Vec<(i32, Offset)> =
        producer.batches.iter().map(|sent| (sent.last_sequence, sent.last_offset)).collect();
    assert_eq!(known, [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]);
    let content = model.log.read_all().unwrap();
    let of_producer = crate::record::batches(&content).flatten().filter(|batch| batch.0.producer_id == 5).count();
    assert_eq!(of_producer, 5, "and no more than that is kept");
}

#[test]
fn what_is_not_on_disk_or_too_young_is_left_alone() {
    let mut model = Model::new(LogConfig { min_compaction_lag_ms: 100, ..config() });
    model.append(&[batch_of(&[(50, Some("a"), Some("1"))]), batch_of(&[(50, Some("a"), Some("2"))])]).unwrap();
    let filler = "f".repeat(880);
    model.append(&[batch_of(&[(50, Some("filler"), Some(&filler))])]).unwrap();
    model.now = 1000;
    assert!(!compact(&mut model).unwrap(), "not synced");
    model.sync().unwrap();
    model.now = 149;
    assert!(!compact(&mut model).unwrap(), "too young");
    model.now = 150;
    assert!(model.log.compaction_plan(150, 2).unwrap().is_some());
    assert!(model.log.compaction_plan(150, 1).unwrap().is_none(), "above the last stable offset");
    assert!(compact(&mut model).unwrap());
    assert_eq!(model.log.cleaned_to(), 2);
    assert!(!compact(&mut model).unwrap(), "nothing new");
}

#[test]
fn many_keys_take_several_rounds() {
    let mut model = Model::new(config());
    for i in 0..200 {
        let key = format!("key-{}", i % 50);
        model.append(&[batch_of(&[(1, Some(&key), Some(&format!("{i}")))])]).unwrap();
    }
    model.sync().unwrap();
    let expected = latest_in_model(&model);
    let mut rounds = 0;
    while let Some(plan) = model.log.compaction_plan(1, i64::MAX).unwrap() {
        let compacted = plan.with_keys_bytes_max(1000).run().unwrap();
        model.log.install(compacted).unwrap();
        assert_eq!(latest_in_log(&mut model), expected);
        rounds += 1;
        assert!(rounds < 100, "no end of rounds");
    }
    assert!(rounds > 5, "{rounds} rounds");
}

#[test]
fn retention_may_win_the_race() {
    let mut model = Model::new(LogConfig { delete: true, retention_bytes: 0, ..config() });
    append_some(&mut model, &mut Chance(1), 60);
    model.sync().unwrap();
    let plan = model.log.compaction_plan(model.now, i64::MAX).unwrap().unwrap();
    model.log.retain(model.now, model.log.end()).unwrap();
    let compacted = plan.run().unwrap();
    let before = model.log.size_bytes();
    assert_eq!(model.log.install(compacted).unwrap(), 0);
    assert_eq!(model.log.size_bytes(), before);
    assert!(!model.disk.image().into_keys().any(|name| name.ends_with(".cleaned")));
}
