//! Files that are damaged, cut, missing or foreign: the log starts with what is good, and says what was not.

use super::*;
use crate::log::recover::exists;

/// Three closed segments and an active one, all synced.
fn four_segments() -> Model {
    let mut model = Model::new(small());
    let mut rolls = 0;
    while rolls < 3 || model.log.segments().last().unwrap().1 < 900 {
        model.now += 10;
        let value = "x".repeat(model.batches.len() % 90);
        rolls += usize::from(model.append(&[batch_of(&[(model.now, Some("k"), Some(&value))])]).unwrap());
    }
    model.sync().unwrap();
    model
}

fn log_file(model: &Model, segment: usize) -> String {
    format!("{DIR}/{:020}.log", model.log.segments().nth(segment).unwrap().0)
}

fn index_files(model: &Model, segment: usize) -> [String; 2] {
    let base = model.log.segments().nth(segment).unwrap().0;
    [format!("{DIR}/{base:020}.index"), format!("{DIR}/{base:020}.timeindex")]
}

fn scan() -> Opening {
    Opening::default()
}

#[test]
fn damaged_tails_are_cut() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("zeros", |f| f.extend([0; 700])),
        ("garbage", |f| f.extend((0..700u32).map(|i| (i * 37 % 251) as u8))),
        ("half a header", |f| f.extend_from_within(..30)),
        ("half a batch", |f| f.extend_from_within(..70)),
        ("a batch from the past", |f| f.extend_from_within(..)),
    ];
    for (what, damage) in damages {
        let mut model = four_segments();
        let end = model.log.end();
        assert!(model.disk.tamper(&log_file(&model, 3), damage));
        let found = model.reopen(model.disk.kill(), scan());
        assert_eq!(found.end, end, "{what}");
        assert!(found.truncated_bytes > 0, "{what}");
        model.check(&mut Chance(1));
        model.append(&[batch_of(&[(1, None, None)])]).unwrap();
        assert_eq!(model.reopen(model.disk.kill(), scan()).truncated_bytes, 0, "{what}");
        model.check(&mut Chance(2));
    }
}

#[test]
fn a_torn_last_batch_goes() {
    let mut model = four_segments();
    let (last, _) = model.batches.last().cloned().unwrap();
    assert!(model.disk.tamper(&log_file(&model, 3), |file| file.truncate(file.len() - 1)));
    let found = model.reopen(model.disk.kill(), scan());
    assert_eq!(found.end, last);
    model.forget_above(last);
    model.check(&mut Chance(1));
}

#[test]
fn a_flipped_bit_above_the_recovery_point_cuts_the_log_there() {
    let mut model = four_segments();
    let second = model.log.segments().nth(1).unwrap().0;
    assert!(model.disk.tamper(&log_file(&model, 1), |file| file[100] ^= 4));
    let found = model.reopen(model.disk.kill(), Opening { recovery_point: second + 1, ..scan() });
    assert_eq!(found.dropped_segments, 2);
    assert!(found.end >= second && found.end < second + 3, "{} of {second}: {:?}", found.end, found.notes);
    model.forget_above(found.end);
    model.check(&mut Chance(1));
}

#[test]
fn a_flipped_bit_in_a_base_offset_is_seen() {
    for segment in 0..4 {
        for byte in 0..8 {
            let mut model = four_segments();
            let base = model.log.segments().nth(segment).unwrap().0;
            let (second, _) = model.batches.iter().find(|(at, _)| *at > base).cloned().unwrap();
            let at = model.batches[second as usize - 1].1.len();
            assert!(model.disk.tamper(&log_file(&model, segment), |file| file[at + byte] ^= 1));
            assert_eq!(model.reopen(model.disk.kill(), scan()).end, second);
            model.forget_above(second);
            model.check(&mut Chance(1));
        }
    }
    let mut model = four_segments();
    let (last, bytes) = model.batches.last().cloned().unwrap();
    assert!(model.disk.tamper(&log_file(&model, 3), |file| {
        let at = file.len() - bytes.len();
        file[at + 6] ^= 1;
    }));
    assert_eq!(model.reopen(model.disk.kill(), scan()).end, last);
}

#[test]
fn below_the_recovery_point_nothing_is_scanned() {
    let mut model = four_segments();
    let (end, last) = (model.log.end(), model.log.segments().last().unwrap());
    assert!(model.disk.tamper(&log_file(&model, 1), |file| file[100] ^= 4));
    let found = model.reopen(model.disk.kill(), Opening { recovery_point: end, ..scan() });
    assert_eq!((found.end, found.dropped_segments), (end, 0));
    assert_eq!(found.scanned_bytes, u64::from(last.1));
}

#[test]
fn a_missing_segment_above_the_recovery_point_ends_the_log() {
    let mut model = four_segments();
    let third = model.log.segments().nth(2).unwrap().0;
    assert!(model.disk.take_away(&log_file(&model, 2)));
    let found = model.reopen(model.disk.kill(), scan());
    assert_eq!((found.end, found.dropped_segments), (third, 1));
    model.forget_above(third);
    model.check(&mut Chance(1));
}

#[test]
fn index_files_are_made_anew_when_missing_short_or_wrong() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("empty", Vec::clear),
        ("odd", |f| f.truncate(f.len() - 3)),
        ("short", |f| f.truncate(f.len().next_multiple_of(24) / 2 / 24 * 24)),
        ("zeros", |f| f.fill(0)),
        ("nonsense", |f| f.fill(0xff)),
    ];
    for clean in [true, false] {
        for segment in 0..4 {
            for which in 0..2 {
                for (what, damage) in damages {
                    let mut model = four_segments();
                    let (end, newest) = (model.log.end(), model.now);
                    model.restart();
                    assert!(model.disk.tamper(&index_files(&model, segment)[which], damage));
                    let how = Opening { clean, recovery_point: end, log_start: 0 };
                    assert_eq!(model.reopen(model.disk.kill(), how).end, end, "{what}");
                    model.check(&mut Chance(1));
                    assert_eq!(model.log.max_timestamp(end).unwrap(), Some((end - 1, newest)), "{what} {segment}");
                }
                let mut model = four_segments();
                let end = model.log.end();
                model.restart();
                assert!(model.disk.take_away(&index_files(&model, segment)[which]));
                let how = Opening { clean, recovery_point: end, log_start: 0 };
                assert_eq!(model.reopen(model.disk.kill(), how).end, end);
                model.check(&mut Chance(1));
            }
        }
    }
}

#[test]
fn a_clean_start_that_finds_a_torn_file_scans_after_all() {
    let mut model = four_segments();
    let end = model.log.end();
    model.restart();
    assert!(model.disk.tamper(&log_file(&model, 3), |file| file.extend([0; 100])));
    let found = model.reopen(model.disk.kill(), Opening { clean: true, recovery_point: end, log_start: 0 });
    assert!(found.scanned);
    assert_eq!((found.end, found.truncated_bytes), (end, 100));
    model.check(&mut Chance(1));
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let mut model = Model::new(small());
    let mut producers = crate::record::producer::Producers::new();
    for sequence in 0..30 {
        let mut builder = Builder::new(Codec::None, None);
        builder.push(5, None, Some(b"v"), &[]);
        builder.set_producer(9, 2, sequence);
        let bytes = builder.finish();
        producers.apply(&BatchHeader::peek(&bytes).unwrap(), i64::from(sequence), 5);
        model.append(&[bytes]).unwrap();
        if sequence % 10 == 9 {
            model.log.save_producers(model.log.end(), &producers.encode()).unwrap();
        }
    }
    model.sync().unwrap();
    for (break_them, replayed) in [(0, 0), (1, 10), (2, 20), (3, 30)] {
        for offset in [30, 20, 10].iter().take(break_them) {
            model.disk.tamper(&format!("{DIR}/{offset:020}.snapshot"), |file| file[8] ^= 1);
        }
        let how = Opening { clean: true, recovery_point: 30, log_start: 0 };
        let found = model.reopen(model.disk.kill(), how);
        let producer = found.producers.get(9).unwrap();
        assert_eq!((producer.epoch, producer.last_sequence(), producer.last_offset()), (2, 29, 29));
        assert_eq!(found.replayed_batches, replayed);
        assert_eq!(producer.batches.len(), 5, "all that may be in flight");
    }
}

#[test]
fn leader_epochs_come_from_the_batches_when_the_file_is_gone() {
    let mut model = four_segments();
    assert_eq!(model.reopen(model.disk.kill(), scan()).epochs, [(7, 0)]);
    model.log.save_epochs(vec![(2, 0), (7, 3), (9, 1000)]);
    model.sync().unwrap();
    assert_eq!(model.reopen(model.disk.kill(), scan()).epochs, [(2, 0), (7, 3)], "an epoch above the end is cut");
}

#[test]
fn a_log_that_lost_what_is_above_its_start_begins_there() {
    let mut model = four_segments();
    let end = model.log.end();
    let found = model.reopen(model.disk.kill(), Opening { log_start: end + 50, ..scan() });
    assert_eq!((found.start, found.end), (end + 50, end + 50));
    model.batches.clear();
    model.append(&[batch_of(&[(1, None, None)])]).unwrap();
    model.check(&mut Chance(1));
    let found = model.reopen(model.disk.kill(), Opening { log_start: end + 50, ..scan() });
    assert_eq!((found.start, found.end), (end + 50, end + 51));
}

#[test]
fn leftovers_of_other_files_do_no_harm() {
    let mut model = four_segments();
    let end = model.log.end();
    for name in ["00000000000000000000.log.cleaned", "00000000000000000003.log.deleted", "x.tmp", "notes", "1.log"] {
        use crate::log::Disk;
        model.disk.create(&format!("{DIR}/{name}")).unwrap();
    }
    assert_eq!(model.reopen(model.disk.kill(), scan()).end, end);
    model.check(&mut Chance(1));
    let names: Vec<String> = model.disk.image().into_keys().collect();
    assert!(
        !names.iter().any(|n| n.ends_with(".cleaned") || n.ends_with(".deleted") || n.ends_with(".tmp")),
        "{names:?}"
    );
}

#[test]
fn a_folder_knows_its_topic() {
    let model = Model::new(small());
    assert_eq!(crate::log::topic_id_of(&model.disk, DIR).unwrap(), Some(name().topic_id));
    assert_eq!(
        model.disk.image()[&format!("{DIR}/partition.metadata")],
        b"version: 0\ntopic_id: GWWRBfA4S5qG1yQbCgT5sg\n"
    );
    assert!(exists(&model.disk, &name()).unwrap());
    assert_eq!(crate::log::parse_dir_name("a-b-12"), Some(("a-b", 12)));
    assert_eq!(crate::log::parse_dir_name("a-01"), None);
    let (disk, gone) = (model.disk.clone(), model.log.delete().unwrap());
    assert_eq!(gone, "topic-0.19659105f0384b9a86d7241b0a04f9b2-delete");
    assert!(crate::log::is_deleted_dir(&gone) && crate::log::parse_dir_name(&gone).is_none());
    assert!(!exists(&disk, &name()).unwrap());
}
