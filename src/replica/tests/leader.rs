//! The leader: what is acknowledged here and by how many, and who is in sync.

use super::*;
use crate::error::ErrorCode;

fn alone(durability: Durability) -> Leader {
    Leader::new(0, LogId(1), 1, &assignment(0, 0, &[1], &[1]), Opened::default(), 0, durability)
}

#[test]
fn the_high_watermark_follows_the_disk() {
    let mut leader = alone(Durability::Disk);
    leader.accept(0, &header(3)).expect("accepted");
    assert_eq!(leader.appended_to(0, 3), Moved { high_watermark: false, sync: true });
    leader.accept(0, &header(2)).expect("accepted");
    assert_eq!(leader.appended_to(0, 5), Moved { high_watermark: false, sync: false }, "one sync at a time");
    assert_eq!(leader.synced_to(0, 3), Moved { high_watermark: true, sync: true });
    assert_eq!((leader.high_watermark(), leader.end()), (3, 5));
    assert_eq!(leader.synced_to(0, 5), Moved { high_watermark: true, sync: false });
}

#[test]
fn the_page_cache_promise_syncs_by_count_and_by_time() {
    let mut leader = alone(Durability::PageCache { flush_messages: 4, flush_ms: 100 });
    leader.accept(0, &header(3)).expect("accepted");
    assert_eq!(leader.appended_to(7, 3), Moved { high_watermark: true, sync: false });
    assert_eq!(leader.flush_deadline(), Some(107));
    assert!(!leader.flush_due(106) && leader.flush_due(107) && !leader.flush_due(108));
    leader.synced_to(107, 3);
    leader.accept(0, &header(4)).expect("accepted");
    assert_eq!(leader.appended_to(108, 7), Moved { high_watermark: true, sync: true });
}

#[test]
fn a_stronger_promise_takes_nothing_back() {
    let mut leader = alone(Durability::PageCache { flush_messages: i64::MAX, flush_ms: i64::MAX });
    leader.accept(0, &header(3)).expect("accepted");
    leader.appended_to(0, 3);
    let moved = leader.set_durability(Durability::Disk);
    assert_eq!((moved.sync, leader.high_watermark()), (true, 3));
    leader.accept(0, &header(1)).expect("accepted");
    leader.appended_to(0, 4);
    assert_eq!(leader.high_watermark(), 3, "from here on only what is on disk");
}

#[test]
fn deleted_records_move_the_start_only_forward() {
    let mut leader = alone(Durability::Disk);
    leader.accept(0, &header(9)).expect("accepted");
    leader.appended_to(0, 9);
    leader.synced_to(0, 9);
    leader.trimmed_to(5);
    leader.trimmed_to(2);
    assert_eq!((leader.start(), leader.high_watermark(), leader.epochs().entries()), (5, 9, &[(0, 5)][..]));
}

#[test]
fn rule_1_the_high_watermark_is_what_all_of_the_maximal_set_have() {
    let mut leader = leader_of_three(0);
    write(&mut leader, 10);
    assert_eq!(leader.high_watermark(), 0);
    assert_eq!(leader.fetched_by(1, 2, 7, 10), Ok(Moved::default()));
    assert_eq!(leader.fetched_by(1, 3, 7, 4), Ok(Moved { high_watermark: true, sync: false }));
    assert_eq!(leader.high_watermark(), 4);
    // Its own share counts only once it is on disk.
    leader.accept(2, &header(5)).expect("accepted");
    leader.appended_to(2, 15);
    leader.fetched_by(2, 2, 7, 15).expect("a replica");
    leader.fetched_by(2, 3, 7, 15).expect("a replica");
    assert_eq!(leader.high_watermark(), 10);
    assert!(leader.synced_to(3, 15).high_watermark);
    assert_eq!(leader.high_watermark(), 15);
}

#[test]
fn rule_2_nothing_is_committed_while_too_few_are_in_sync() {
    let few = Assignment { min_isr: 2, ..assignment(3, 5, &[1, 2, 3], &[1]) };
    let mut leader = Leader::new(0, LogId(1), 1, &few, opened(0, &[]), 0, Durability::Disk);
    assert!(leader.is_under_min_isr());
    write(&mut leader, 3);
    assert_eq!(leader.high_watermark(), 0);
    leader.fetched_by(1, 2, 7, 3).expect("a replica");
    assert_eq!(leader.high_watermark(), 0, "the proposal alone is not enough");
    let change = leader.isr_change(1, LAG_MS, &everybody).expect("it has caught up");
    assert_eq!(members(&change), [1, 2]);
    assert_eq!(leader.high_watermark(), 0);
    assert!(leader.isr_taken(3, 6, vec![1, 2]).high_watermark);
    assert_eq!((leader.high_watermark(), leader.is_under_min_isr()), (3, false));
    // More than there are replicas cannot be asked for.
    assert!(!leader.set_min_isr(9).high_watermark);
    assert!(leader.is_under_min_isr());
    leader.assigned(2, &Assignment { min_isr: 9, ..assignment(3, 7, &[1], &[1]) });
    assert!(!leader.is_under_min_isr());
}

#[test]
fn rule_4_the_largest_epoch_not_above_and_where_it_ends() {
    let log = opened(30, &[(1, 0), (3, 10), (6, 20)]);
    let leader = Leader::new(0, LogId(1), 1, &assignment(7, 9, &[1, 2], &[1]), log, 0, Durability::Disk);
    assert_eq!(leader.diverging(6, 30), None);
    assert_eq!(leader.diverging(6, 31), Some((6, 30)));
    assert_eq!(leader.diverging(5, 25), Some((3, 20)));
    assert_eq!(leader.diverging(3, 15), None);
    assert_eq!(leader.diverging(3, 21), Some((3, 20)));
    assert_eq!(leader.diverging(2, 8), Some((1, 10)), "another epoch, though it is shorter");
    assert_eq!(leader.diverging(0, 5), Some((0, 0)), "all that is here is of later epochs");
    let empty = Leader::new(0, LogId(1), 1, &assignment(7, 9, &[1, 2], &[1]), opened(0, &[]), 0, Durability::Disk);
    assert_eq!((empty.diverging(2, 0), empty.diverging(2, 5)), (None, Some((2, 0))));
}

#[test]
fn rule_7_who_leaves_counts_until_the_controller_has_taken_it() {
    let mut leader = leader_of_three(0);
    write(&mut leader, 10);
    leader.fetched_by(500, 2, 7, 10).expect("a replica");
    leader.fetched_by(500, 3, 7, 5).expect("a replica");
    assert_eq!(leader.isr_change(1_000, LAG_MS, &everybody), None);
    assert!(leader.wants_isr_change(1_001, LAG_MS));
    let change = leader.isr_change(1_001, LAG_MS, &everybody).expect("3 is behind");
    assert_eq!((members(&change), change.leader_epoch, change.partition_epoch), (vec![1, 2], 3, 5));
    assert_eq!(leader.high_watermark(), 5);
    assert_eq!(leader.isr_change(1_002, LAG_MS, &everybody), None, "one at a time");
    // The answer is lost: the same again, and nothing else.
    assert_eq!(leader.isr_refused(&change, ErrorCode::RequestTimedOut).0, Refused::Again);
    assert_eq!(leader.isr_change(1_100, LAG_MS, &everybody), Some(change.clone()));
    assert!(leader.isr_taken(3, 6, vec![1, 2]).high_watermark);
    assert_eq!(leader.high_watermark(), 10);
    // A later answer to the same is old news.
    assert_eq!(leader.isr_refused(&change, ErrorCode::InvalidUpdateVersion).0, Refused::Late);
    assert_eq!(leader.isr_taken(3, 6, vec![1]), Moved::default());
    assert_eq!(leader.isr(), [1, 2]);
}

#[test]
fn rule_8_only_who_has_the_high_watermark_and_this_epoch_joins() {
    let mut leader =
        Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1, 2, 3], &[1, 2]), opened(10, &[(1, 0)]), 4, Durability::Disk);
    // The high watermark is stale: 6 is above it, and yet records below 10 may be committed.
    leader.fetched_by(1, 3, 7, 6).expect("a replica");
    assert!(!leader.may_grow_by(3));
    assert_eq!(leader.isr_change(1, LAG_MS, &everybody), None);
    leader.fetched_by(2, 3, 7, 10).expect("a replica");
    assert!(leader.may_grow_by(3));
    let change = leader.isr_change(2, LAG_MS, &everybody).expect("it has the epoch's start");
    assert_eq!(change.isr, [(1, -1), (2, -1), (3, 7)]);
}

#[test]
fn rule_9_a_new_leader_does_not_know_the_high_watermark() {
    let mut leader = leader_of_three(10);
    assert!(!leader.knows_high_watermark());
    leader.fetched_by(1, 2, 7, 10).expect("a replica");
    leader.fetched_by(1, 3, 7, 10).expect("a replica");
    assert!(leader.knows_high_watermark());
    let one = Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1], &[1]), opened(9, &[(1, 0)]), 9, Durability::Disk);
    assert!(one.knows_high_watermark(), "with one replica there is nothing to wait for");
}

#[test]
fn rule_11_proposals_carry_the_broker_epochs_of_the_fetches() {
    let mut leader = Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1, 2], &[1]), opened(0, &[]), 0, Durability::Disk);
    leader.fetched_by(1, 2, 8, 0).expect("a replica");
    assert_eq!(leader.isr_change(1, LAG_MS, &|node, epoch| (node, epoch) == (2, 9)), None, "it was started anew");
    assert_eq!(leader.fetched_by(2, 2, 7, 0), Err(ErrorCode::NotLeaderOrFollower), "an earlier life of it");
    leader.fetched_by(2, 2, 9, 0).expect("a replica");
    let change = leader.isr_change(2, LAG_MS, &|node, epoch| (node, epoch) == (2, 9)).expect("it is back");
    assert_eq!(change.isr, [(1, -1), (2, 9)]);
    // Refused for good: it has to fetch again before it is proposed again.
    assert_eq!(leader.isr_refused(&change, ErrorCode::IneligibleReplica).0, Refused::Dropped);
    assert_eq!(leader.isr_change(3, LAG_MS, &everybody), None);
    leader.fetched_by(3, 2, 9, 0).expect("a replica");
    assert!(leader.isr_change(3, LAG_MS, &everybody).is_some());
    assert_eq!(leader.fetched_by(3, 5, 9, 0), Err(ErrorCode::NotLeaderOrFollower), "no replica at all");
}

#[test]
fn measured_only_what_is_fetched_in_this_epoch_counts() {
    let mut leader = leader_of_three(0);
    write(&mut leader, 10);
    leader.fetched_by(1, 2, 7, 10).expect("a replica");
    leader.fetched_by(1, 3, 7, 10).expect("a replica");
    leader.assigned(2, &assignment(4, 6, &[1, 2, 3], &[1, 2]));
    write(&mut leader, 5);
    assert_eq!(leader.high_watermark(), 10);
    assert_eq!(leader.isr_change(2, LAG_MS, &everybody), None, "3 was there in another epoch");
    assert!(!leader.may_grow_by(3));
}

#[test]
fn measured_a_new_member_counts_before_the_controller_publishes_it() {
    let mut leader =
        Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1, 2, 3], &[1, 2]), opened(0, &[]), 0, Durability::Disk);
    leader.fetched_by(1, 3, 7, 0).expect("a replica");
    assert!(leader.isr_change(1, LAG_MS, &everybody).is_some());
    write(&mut leader, 10);
    leader.fetched_by(2, 2, 7, 10).expect("a replica");
    assert_eq!(leader.high_watermark(), 0, "3 may be a member by now");
    // Nobody knows what became of the proposal: it goes on to count.
    let asked = IsrChange { leader_epoch: 3, partition_epoch: 5, isr: vec![(1, -1), (2, -1), (3, 7)] };
    assert_eq!(leader.isr_refused(&asked, ErrorCode::NotController).0, Refused::Again);
    assert_eq!(leader.high_watermark(), 0);
    assert_eq!(leader.isr_refused(&asked, ErrorCode::InvalidUpdateVersion).0, Refused::Waits);
    assert_eq!(leader.high_watermark(), 0);
    // The controller's records tell: it was not taken.
    assert!(leader.assigned(3, &assignment(3, 6, &[1, 2, 3], &[1, 2])).high_watermark);
    assert_eq!(leader.high_watermark(), 10);
}

#[test]
fn who_is_ready_while_another_change_is_under_way_counts_already() {
    let mut leader =
        Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1, 2, 3], &[1]), opened(0, &[]), 0, Durability::Disk);
    leader.fetched_by(1, 2, 7, 0).expect("a replica");
    assert!(leader.isr_change(1, LAG_MS, &everybody).is_some());
    leader.fetched_by(1, 3, 7, 0).expect("a replica");
    assert_eq!(leader.isr_change(1, LAG_MS, &everybody), None);
    write(&mut leader, 10);
    leader.fetched_by(2, 2, 7, 10).expect("a replica");
    assert_eq!(leader.high_watermark(), 0);
    leader.isr_taken(3, 6, vec![1, 2]);
    let change = leader.isr_change(2, LAG_MS, &everybody);
    assert_eq!(change, None, "it is behind what is committed by now");
    leader.fetched_by(3, 3, 7, 10).expect("a replica");
    assert_eq!(leader.isr_change(3, LAG_MS, &everybody).map(|c| members(&c)), Some(vec![1, 2, 3]));
}

#[test]
fn a_follower_under_load_has_caught_up_when_it_has_what_there_was_when_it_last_asked() {
    let mut leader = leader_of_three(0);
    leader.fetched_by(0, 3, 7, 0).expect("a replica");
    for now in (100..5_000).step_by(100) {
        let before = leader.end();
        write(&mut leader, 1);
        leader.fetched_by(now, 2, 7, before).expect("a replica");
    }
    let change = leader.isr_change(5_000, LAG_MS, &everybody).expect("3 has stopped");
    assert_eq!(members(&change), [1, 2]);
}
