//! The follower: what it asks for, what it takes from answers, and where it cuts.

use super::*;
use crate::error::ErrorCode;

fn follower(end: Offset, epochs: &[(Epoch, Offset)]) -> Follower {
    Follower::new(LogId(1), 1, 7, 2, opened(end, epochs), 0, Durability::Disk)
}

fn place(offset: Offset, last_epoch: Epoch) -> Position {
    Position { offset, last_epoch, epoch: 7, start: 0 }
}

fn nothing<'a>() -> Heard<'a> {
    Heard { error: ErrorCode::None, high_watermark: 0, start: 0, diverging: None, batches: &[] }
}

fn parts<'a>(epoch: Epoch, end: Offset) -> Heard<'a> {
    Heard { diverging: Some((epoch, end)), ..nothing() }
}

/// Base, end and epoch of what is to be appended.
fn appended(step: &Step<'_>) -> Vec<(Offset, Offset, Epoch)> {
    let Step::Append { batches, .. } = step else { panic!("{step:?}") };
    let told = batches.iter().map(|copied| {
        let header = crate::record::batch::check(&copied.bytes).expect("a good batch");
        assert_eq!((header.base_offset, header.leader_epoch), (copied.base, copied.epoch));
        (copied.base, header.next_offset(), copied.epoch)
    });
    told.collect()
}

#[test]
fn rule_1_the_high_watermark_is_learned_with_the_next_answer_and_no_higher_than_what_is_safe() {
    let mut follower = follower(0, &[]);
    let batches = [batch_at(0, 3, 4), batch_at(4, 7, 2)].concat();
    let heard = Heard { high_watermark: 6, batches: &batches, ..nothing() };
    let step = follower.heard(0, &place(0, -1), &heard);
    assert_eq!(appended(&step), [(0, 4, 3), (4, 6, 7)]);
    assert_eq!(follower.epochs().entries(), [(3, 0), (7, 4)]);
    assert_eq!((follower.high_watermark(), follower.position(0)), (0, None));
    assert!(follower.appended_to(0, 6).sync);
    assert_eq!((follower.high_watermark(), follower.position(0)), (0, None), "it is not on disk yet");
    assert!(follower.synced_to(0, 6).high_watermark);
    assert_eq!((follower.high_watermark(), follower.position(0)), (6, Some(place(6, 7))));
}

#[test]
fn with_the_page_cache_promise_it_asks_for_more_at_once() {
    let durability = Durability::PageCache { flush_messages: i64::MAX, flush_ms: i64::MAX };
    let mut follower = Follower::new(LogId(1), 1, 7, 2, opened(0, &[]), 0, durability);
    follower.heard(0, &place(0, -1), &Heard { batches: &batch_at(0, 7, 4), ..nothing() });
    assert!(!follower.appended_to(0, 4).sync);
    assert_eq!(follower.position(0), Some(place(4, 7)));
}

#[test]
fn rule_3_it_cuts_by_epoch_and_not_to_its_high_watermark() {
    let mut follower = Follower::new(LogId(1), 1, 7, 2, opened(20, &[(1, 0), (5, 10)]), 4, Durability::Disk);
    // What follows epoch 1 here was never committed; what is below 10 may have been, whatever the high watermark says.
    assert_eq!(follower.heard(0, &place(20, 5), &parts(1, 15)), Step::Truncate(10));
    assert_eq!(follower.high_watermark(), 4);
}

#[test]
fn rule_4_it_cuts_again_until_the_epochs_agree() {
    let mut first = follower(30, &[(1, 0), (2, 10), (4, 20)]);
    // The leader's largest epoch below 4 is 3, which is not known here: all of 4 goes, and the rest is asked about.
    assert_eq!(first.heard(0, &place(30, 4), &parts(3, 25)), Step::Truncate(20));
    let mut second = follower(20, &[(1, 0), (2, 10)]);
    assert_eq!(second.heard(0, &place(20, 2), &parts(1, 7)), Step::Truncate(7));
    let mut third = follower(7, &[(1, 0)]);
    assert_eq!(third.heard(0, &place(7, 1), &nothing()), Step::Nothing);
}

#[test]
fn where_nothing_agrees_it_begins_anew() {
    let mut late = follower(30, &[(4, 0)]);
    assert_eq!(late.heard(0, &place(30, 4), &Heard { start: 12, ..parts(2, 0) }), Step::Restart(12, &[]));
    let mut behind = follower(8, &[(4, 0)]);
    let out_of_range = Heard { error: ErrorCode::OffsetOutOfRange, start: 50, high_watermark: -1, ..nothing() };
    assert_eq!(behind.heard(0, &place(8, 4), &out_of_range), Step::Restart(50, &[]));
    let mut unknown = follower(8, &[(4, 0)]);
    let out_of_range = Heard { start: 0, ..out_of_range };
    assert_eq!(unknown.heard(0, &place(8, 4), &out_of_range), Step::Backoff(FOLLOW_BACKOFF_MS));
}

#[test]
fn rule_5_another_leader_epoch_changes_nothing() {
    let mut follower = follower(5, &[(1, 0)]);
    for code in [ErrorCode::FencedLeaderEpoch, ErrorCode::UnknownLeaderEpoch, ErrorCode::NotLeaderOrFollower] {
        let refused = Heard { error: code, high_watermark: 5, batches: &batch_at(5, 7, 1), ..parts(0, 0) };
        assert_eq!(follower.heard(10, &place(5, 1), &refused), Step::Backoff(FOLLOW_RETRY_MS));
        assert_eq!((follower.end(), follower.high_watermark()), (5, 0));
        assert_eq!(follower.position(10), None);
        assert!(follower.position(10 + FOLLOW_RETRY_MS).is_some());
    }
    // A new leader is asked at once.
    follower.heard(10, &place(5, 1), &Heard { error: ErrorCode::KafkaStorageError, ..nothing() });
    follower.follow(8, 3);
    assert_eq!(follower.position(10).map(|position| position.epoch), Some(8));
    follower.follow(7, 2);
    assert_eq!((follower.epoch, follower.leader), (8, 3), "epochs do not go back");
}

#[test]
fn rule_6_where_logs_part_no_data_is_taken() {
    let mut follower = follower(20, &[(1, 0), (5, 10)]);
    let heard = Heard { high_watermark: 20, batches: &batch_at(20, 7, 1), ..parts(1, 10) };
    assert_eq!(follower.heard(0, &place(20, 5), &heard), Step::Truncate(10));
    assert_eq!((follower.end(), follower.high_watermark()), (20, 0));
}

/// It led an epoch in which nothing was committed; the leader has more, of an earlier one (simulator, cluster 878).
#[test]
fn a_log_of_epochs_that_the_leader_does_not_know_begins_again() {
    let mut short = follower(4, &[(2, 0)]);
    assert_eq!(short.heard(0, &place(4, 2), &parts(0, 9)), Step::Restart(0, &[]));
    let mut long = follower(20, &[(2, 0)]);
    assert_eq!(long.heard(0, &place(20, 2), &parts(0, 9)), Step::Restart(0, &[]));
}

#[test]
fn measured_an_answer_counts_only_for_the_question_that_is_open() {
    let mut follower = follower(20, &[(1, 0), (5, 10)]);
    let late = [
        Position { epoch: 6, ..place(20, 5) },
        Position { offset: 15, ..place(20, 5) },
        Position { last_epoch: 4, ..place(20, 5) },
    ];
    for asked in late {
        assert_eq!(follower.heard(0, &asked, &parts(1, 5)), Step::Nothing);
    }
    // While something is being written, no question is open.
    follower.heard(0, &place(20, 5), &Heard { batches: &batch_at(20, 7, 1), ..nothing() });
    assert_eq!(follower.heard(0, &place(20, 5), &parts(1, 5)), Step::Nothing);
    assert_eq!(follower.heard(0, &Position { offset: 21, last_epoch: 7, ..place(0, 0) }, &parts(1, 5)), Step::Nothing);
}

#[test]
fn a_gap_of_compaction_is_filled_with_an_empty_batch() {
    let mut follower = follower(5, &[(1, 0)]);
    let batches = [batch_at(8, 1, 2), batch_at(10, 2, 1), batch_at(40, 3, 2)].concat();
    let step = follower.heard(0, &place(5, 1), &Heard { batches: &batches, ..nothing() });
    assert_eq!(appended(&step), [(5, 8, 1), (8, 10, 1), (10, 11, 2), (11, 40, 3), (40, 42, 3)]);
    assert_eq!(follower.epochs().entries(), [(1, 0), (2, 10), (3, 11)]);
}

#[test]
fn a_log_that_begins_within_a_batch_is_begun_where_the_batch_does() {
    let mut empty = Follower::new(
        LogId(1),
        1,
        7,
        2,
        Opened { start: 55, end: 55, synced: 55, ..Opened::default() },
        0,
        Durability::Disk,
    );
    let batches = batch_at(50, 6, 10);
    let heard = Heard { start: 55, high_watermark: 60, batches: &batches, ..nothing() };
    let asked = Position { offset: 55, last_epoch: -1, epoch: 7, start: 55 };
    let Step::Restart(50, kept) = empty.heard(0, &asked, &heard) else { panic!("not begun anew") };
    let mut again = Follower::new(
        LogId(1),
        2,
        7,
        2,
        Opened { start: 50, end: 50, synced: 50, ..Opened::default() },
        0,
        Durability::Disk,
    );
    assert_eq!(appended(&again.resume(0, kept)), [(50, 60, 6)]);
    again.appended_to(0, 60);
    again.synced_to(0, 60);
    // The deleted records go here, too, once they are known to be committed.
    let asked = Position { offset: 60, last_epoch: 6, epoch: 7, start: 50 };
    assert_eq!(again.trim_due(), None);
    again.heard(0, &asked, &Heard { start: 55, high_watermark: 60, ..nothing() });
    assert_eq!((again.trim_due(), again.trim_due()), (Some(55), None));
    again.trimmed_to(55);
    assert_eq!((again.start(), again.high_watermark()), (55, 60));
}

#[test]
fn what_is_no_good_batch_is_not_taken() {
    let good = batch_at(5, 7, 2);
    let mut torn = [good.clone(), batch_at(7, 7, 1)].concat();
    let last = torn.len() - 1;
    torn[last] ^= 1;
    let bad = [
        torn,
        [good.clone(), batch_at(7, 8, 1)].concat(),
        [good.clone(), batch_at(7, 6, 1)].concat(),
        [good.clone(), batch_at(6, 7, 1)].concat(),
        good[..].iter().copied().chain(batch_at(7, 7, 1).into_iter().take(30)).collect(),
    ];
    for batches in bad {
        let mut follower = follower(5, &[(1, 0)]);
        let step = follower.heard(0, &place(5, 1), &Heard { batches: &batches, ..nothing() });
        assert_eq!(appended(&step), [(5, 7, 7)]);
    }
    let mut follower = follower(5, &[(1, 0)]);
    let heard = Heard { batches: &good[..70], ..nothing() };
    assert_eq!(follower.heard(0, &place(5, 1), &heard), Step::Backoff(FOLLOW_BACKOFF_MS));
}

#[test]
fn rule_24_a_follower_knows_producers_and_leads_on_with_them() {
    let mut builder = Builder::new(Codec::None, None);
    builder.push(0, None, Some(b"v"), &[]);
    builder.set_producer(9, 0, 0);
    builder.set_position(0, 7);
    let batch = builder.finish();
    let mut follower = follower(0, &[]);
    follower.heard(0, &place(0, -1), &Heard { batches: &batch, ..nothing() });
    follower.appended_to(0, 1);
    follower.synced_to(0, 1);
    let mut leader = Leader::take_over(0, follower, &assignment(8, 9, &[1, 2], &[1, 2]));
    let again = BatchHeader::peek(&batch).expect("a batch");
    assert!(matches!(leader.accept(0, &again), Ok(Accepted::Duplicate { base: 0, end: 1, .. })));
    assert_eq!(leader.high_watermark(), 0, "a new leader commits nothing alone");
    let follower = Follower::step_down(leader, 9, 2);
    assert_eq!(follower.position(0).map(|p| (p.offset, p.last_epoch, p.epoch)), Some((1, 7, 9)));
}
