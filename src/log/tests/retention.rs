//! Retention and DeleteRecords: what goes, what stays, and that offsets are never used twice.

use super::*;

fn at(timestamp: Millis) -> Vec<u8> {
    batch_of(&[(timestamp, None, Some("some value of some length"))])
}

fn bases(model: &Model) -> Vec<Offset> {
    model.log.segments().map(|(base, _)| base).collect()
}

/// Ten batches of one record, two a segment.
fn five_segments(config: LogConfig) -> Model {
    let two = 2 * at(0).len() as u32;
    let mut model = Model::new(LogConfig { segment_bytes: two, file_delete_delay_ms: 0, ..config });
    for i in 0..10 {
        model.append(&[at(1000 + i * 100)]).unwrap();
    }
    model.sync().unwrap();
    assert_eq!(bases(&model), [0, 2, 4, 6, 8]);
    model
}

#[test]
fn old_segments_go_by_their_newest_record() {
    let mut model = five_segments(LogConfig { retention_ms: 1000, ..LogConfig::default() });
    assert_eq!(model.log.retain(2100, 10).unwrap(), None, "the newest of the first segment is exactly as old");
    assert_eq!(model.log.retain(2101, 10).unwrap(), Some(2));
    assert_eq!(model.log.retain(2101, 10).unwrap(), None);
    assert_eq!(model.log.retain(2501, 5).unwrap(), Some(4), "nothing above the high watermark");
    assert_eq!(bases(&model), [4, 6, 8]);
    model.check(&mut Chance(1));
    model.restart();
    assert_eq!(model.log.retain(2501, 10).unwrap(), Some(6), "known after a restart too");
}

#[test]
fn when_all_is_too_old_the_end_stays() {
    let mut model = five_segments(LogConfig { retention_ms: 1000, ..LogConfig::default() });
    assert_eq!(model.log.retain(9999, 10).unwrap(), Some(10));
    assert_eq!((bases(&model), model.log.size_bytes()), (vec![10], 0));
    model.log.sweep(9999).unwrap();
    // Not even a power cut at once may bring old offsets back.
    for how in [Opening::default(), Opening { log_start: 10, ..Opening::default() }] {
        let found = model.reopen(model.disk.power_cut_all_lost(), how);
        assert_eq!(found.end, 10);
    }
    model.batches.clear();
    model.append(&[at(9999)]).unwrap();
    model.check(&mut Chance(1));
}

#[test]
fn segments_beyond_the_size_go() {
    let two = 2 * at(0).len() as i64;
    let mut model = five_segments(LogConfig { retention_ms: -1, retention_bytes: 2 * two + 1, ..LogConfig::default() });
    assert_eq!(model.log.retain(0, 10).unwrap(), Some(4), "no less than the limit is left");
    assert_eq!(model.log.size_bytes(), 3 * two as u64);
    assert_eq!(model.log.retain(0, 10).unwrap(), None);
    let mut model = five_segments(LogConfig { retention_bytes: 0, delete: false, ..LogConfig::default() });
    assert_eq!(model.log.retain(i64::MAX, 10).unwrap(), None, "not for cleanup.policy=compact");
}

#[test]
fn deleted_records_stay_deleted() {
    let mut model = five_segments(LogConfig { retention_ms: -1, ..LogConfig::default() });
    assert_eq!(model.log.trim(5), 5);
    assert_eq!(model.log.trim(3), 5, "the start only moves up");
    assert_eq!((model.log.start(), bases(&model).len()), (5, 5));
    assert_eq!(model.log.find_time(0, 10).unwrap(), Some((5, 1500)));
    model.check(&mut Chance(1));
    assert_eq!(model.log.retain(0, 10).unwrap(), None, "the start does not move any more");
    assert_eq!(bases(&model), [4, 6, 8]);
    assert_eq!(model.log.sweep(0).unwrap(), 2);
    let names: Vec<_> = model.disk.image().into_keys().filter(|n| n.ends_with(".log")).collect();
    assert_eq!(names.len(), 3);
    let found = model.reopen(model.disk.kill(), Opening { log_start: 5, ..Opening::default() });
    assert_eq!(found.start, 5);
    assert_eq!(model.log.trim(99), 10, "no farther than the end");
}

#[test]
fn removed_segments_stay_readable_for_a_while() {
    let mut model = five_segments(LogConfig { retention_ms: 1000, ..LogConfig::default() });
    model.log.configure(Arc::new(LogConfig { file_delete_delay_ms: 60_000, ..(*model.config).clone() }));
    let read = Read { log: LogId(0), offset: 0, upto: 10, max_bytes: 1 << 20, at_least_one: true };
    let range = model.log.locate(&read).unwrap().unwrap();
    model.log.configure(Arc::new(LogConfig { retention_ms: 1000, ..(**model.log.config()).clone() }));
    assert_eq!(model.log.retain(2101, 10).unwrap(), Some(2));
    assert_eq!(model.log.sweep_due(), Some(62_101));
    assert_eq!(model.log.sweep(62_100).unwrap(), 0);
    assert!(model.log.file_of(&range).unwrap().is_some());
    assert_eq!(model.log.sweep(62_101).unwrap(), 1);
    assert!(model.log.file_of(&range).unwrap().is_none());
}
