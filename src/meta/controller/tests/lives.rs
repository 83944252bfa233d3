//! Brokers come, are silent, stop, and come back.

use super::check;
use expect_test::expect;

#[test]
fn a_broker_is_fenced_until_it_knows_of_its_registration() {
    check(
        "register 1; beat 1 behind; beat 1 fence; beat 1; beat 1 epoch=7; beat 2; \
         register 1; wait 9000; register 1; beat 1",
        expect![[r#"
            > register 1
            broker 1 under epoch 1
            > beat 1 behind
            = fenced
            > beat 1 fence
            = caught up, fenced
            > beat 1
            broker 1 is unfenced
            > beat 1 epoch=7
            = STALE_BROKER_EPOCH: Expected broker epoch 1, but got broker epoch 7 instead.
            > beat 2
            = STALE_BROKER_EPOCH: No broker registration found for broker id 2
            > register 1
            = DUPLICATE_BROKER_REGISTRATION: Another broker is registered with that broker id
            > wait 9000
            broker 1 is fenced
            Warn: broker 1 is fenced: it was silent for 9000 ms
            > register 1
            broker 1 under epoch 2
            > beat 1
            broker 1 is unfenced
        "#]],
    );
}

#[test]
fn a_silent_broker_is_fenced_and_its_leaderships_go_to_who_is_in_sync() {
    check(
        "brokers 1 2 3; create t 1,2,3 2,3,1 3,1,2; wait 8000; beat 2; beat 3; wait 1000; \
         show t-0; beat 1; show t-0; elect preferred t-0; propose t-0 2,3,1; elect preferred t-0; show t-0",
        expect![[r#"
            > create t 1,2,3 2,3,1 3,1,2
            topic t
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            t-1: leader 2, replicas [2, 3, 1], isr [2, 3, 1]
            t-2: leader 3, replicas [3, 1, 2], isr [3, 1, 2]
            > wait 8000
            > beat 2
            > beat 3
            > wait 1000
            broker 1 is fenced
            t-0: leader 2, isr [2, 3]
            t-1: isr [2, 3]
            t-2: isr [3, 2]
            Warn: broker 1 is fenced: it was silent for 9000 ms
            > show t-0
              t-0 leader 2 in 1/1, replicas [1, 2, 3], isr [2, 3]
            > beat 1
            broker 1 is unfenced
            > show t-0
              t-0 leader 2 in 1/1, replicas [1, 2, 3], isr [2, 3]
            > elect preferred t-0
            = t-0 PREFERRED_LEADER_NOT_AVAILABLE: The preferred leader was not available.
            > propose t-0 2,3,1
            t-0: isr [2, 3, 1]
            = isr [2, 3, 1] in 1/2
            > elect preferred t-0
            t-0: leader 1
            = t-0 ok
            > show t-0
              t-0 leader 1 in 2/3, replicas [1, 2, 3], isr [2, 3, 1]
        "#]],
    );
}

#[test]
fn a_broken_connection_counts_after_half_a_second_unless_there_is_another() {
    check(
        "brokers 1 2; create t 1,2; gone 1; wait 499; beat 1; wait 500; gone 1; wait 500; show t-0",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > gone 1
            > wait 499
            > beat 1
            > wait 500
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader 2, isr [2]
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader 2 in 1/1, replicas [1, 2], isr [2]
        "#]],
    );
}

#[test]
fn a_new_controller_gives_everybody_a_whole_session() {
    check(
        "brokers 1 2; create t 1,2; wait 8999; new-controller; wait 8999; beat 2; wait 1",
        expect![[r#"
        > create t 1,2
        topic t
        t-0: leader 1, replicas [1, 2], isr [1, 2]
        > wait 8999
        > new-controller
        > wait 8999
        > beat 2
        > wait 1
        broker 1 is fenced
        t-0: leader 2, isr [2]
        Warn: broker 1 is fenced: it was silent for 9000 ms
    "#]],
    );
}

#[test]
fn the_last_in_sync_replica_stays_and_leads_again() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; propose t-0 1; gone 1; wait 500; show t-0; \
         register 1 clean; beat 1; show t-0",
        expect![[r#"
            > create t 1,2 min.insync.replicas=1
            topic t
            config t min.insync.replicas=1
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > propose t-0 1
            t-0: isr [1]
            = isr [1] in 0/1
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader -1 in 1/2, replicas [1, 2], isr [1]
            > register 1 clean
            broker 1 under epoch 3
            > beat 1
            broker 1 is unfenced
            t-0: leader 1
            > show t-0
              t-0 leader 1 in 2/3, replicas [1, 2], isr [1]
        "#]],
    );
}

#[test]
fn rule_10_nobody_leads_or_joins_while_fenced_or_stopping() {
    check(
        "brokers 1 2 3; create t 1,2,3; propose t-0 1,3; beat 2 fence; propose t-0 1,2,3; gone 1; wait 500; \
         beat 2; beat 3 stop; propose t-0 3,2 by=3; show t-0",
        expect![[r#"
            > create t 1,2,3
            topic t
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            > propose t-0 1,3
            t-0: isr [1, 3]
            = isr [1, 3] in 0/1
            > beat 2 fence
            broker 2 is fenced
            = caught up, fenced
            > propose t-0 1,2,3
            = INELIGIBLE_REPLICA
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader 3, isr [3]
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > beat 2
            broker 2 is unfenced
            > beat 3 stop
            broker 3 is to stop
            t-0: leader -1
            > propose t-0 3,2 by=3
            = INVALID_REQUEST
            > show t-0
              t-0 leader -1 in 2/3, replicas [1, 2, 3], isr [3]
        "#]],
    );
}

#[test]
fn rule_12_a_crash_takes_a_broker_out_of_in_sync_and_eligible_where_the_page_cache_counts() {
    check(
        "brokers 1 2 3; create t 1,2,3 min.insync.replicas=2 flush.messages=10; gone 3; wait 500; gone 2; wait 500; \
         show t-0; register 2; beat 2; show t-0; gone 1; wait 500; register 3 clean; beat 3; show t-0; \
         register 1; beat 1; show t-0",
        expect![[r#"
            > create t 1,2,3 min.insync.replicas=2 flush.messages=10
            topic t
            config t flush.messages=10
            config t min.insync.replicas=2
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            > gone 3
            > wait 500
            broker 3 is fenced
            t-0: isr [1, 2]
            Warn: broker 3 is fenced: its connection broke and it made no other one
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1], elr [2]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader 1 in 0/2, replicas [1, 2, 3], isr [1], elr [2]
            > register 2
            broker 2 under epoch 4
            t-0: elr []
            > beat 2
            broker 2 is unfenced
            > show t-0
              t-0 leader 1 in 0/3, replicas [1, 2, 3], isr [1]
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > register 3 clean
            broker 3 under epoch 5
            > beat 3
            broker 3 is unfenced
            > show t-0
              t-0 leader -1 in 1/4, replicas [1, 2, 3], isr [1]
            > register 1
            broker 1 under epoch 6
            t-0: isr [], last known [1]
            > beat 1
            broker 1 is unfenced
            t-0: leader 1, isr [1], last known [], recovering
            Error: unclean election: broker 1 leads t-0 though it may lack acknowledged records; those that it lacks are lost
            > show t-0
              t-0 leader 1 in 2/6, replicas [1, 2, 3], isr [1], recovering
        "#]],
    );
}

#[test]
fn rule_12_what_is_on_disk_survives_a_crash_unless_the_disk_is_another() {
    check(
        "register 1 dir=1; beat 1; register 2 dir=2; beat 2; create t 1,2 min.insync.replicas=2 flush.messages=1; \
         gone 2; wait 500; register 2 dir=2; beat 2; gone 1; wait 500; show t-0; gone 2; register 2 dir=9; beat 2; show t-0; \
         register 1 dir=1; beat 1; show t-0",
        expect![[r#"
            > register 1 dir=1
            broker 1 under epoch 1
            > beat 1
            broker 1 is unfenced
            > register 2 dir=2
            broker 2 under epoch 2
            > beat 2
            broker 2 is unfenced
            > create t 1,2 min.insync.replicas=2 flush.messages=1
            topic t
            config t flush.messages=1
            config t min.insync.replicas=2
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1], elr [2]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > register 2 dir=2
            broker 2 under epoch 3
            > beat 2
            broker 2 is unfenced
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader 2, isr [2], elr [1]
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader 2 in 1/2, replicas [1, 2], isr [2], elr [1]
            > gone 2
            > register 2 dir=9
            broker 2 under epoch 4
            t-0: leader -1, isr [], last known [2]
            > beat 2
            broker 2 is unfenced
            > show t-0
              t-0 leader -1 in 2/3, replicas [1, 2], isr [], elr [1], last known [2]
            > register 1 dir=1
            broker 1 under epoch 5
            > beat 1
            broker 1 is unfenced
            t-0: leader 1, isr [1], elr []
            > show t-0
              t-0 leader 1 in 3/4, replicas [1, 2], isr [1], last known [2]
        "#]],
    );
}

#[test]
fn rule_13_an_eligible_replica_leads_before_the_last_in_sync_one_is_back() {
    check(
        "brokers 1 2 3; create t 1,2,3 min.insync.replicas=2; gone 3; wait 500; gone 2; wait 500; gone 1; wait 500; \
         show t-0; register 2 clean; beat 2; show t-0; register 3 clean; beat 3; propose t-0 2,3; show t-0",
        expect![[r#"
            > create t 1,2,3 min.insync.replicas=2
            topic t
            config t min.insync.replicas=2
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            > gone 3
            > wait 500
            broker 3 is fenced
            t-0: isr [1, 2]
            Warn: broker 3 is fenced: its connection broke and it made no other one
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1], elr [2]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader -1 in 1/3, replicas [1, 2, 3], isr [1], elr [2]
            > register 2 clean
            broker 2 under epoch 4
            > beat 2
            broker 2 is unfenced
            t-0: leader 2, isr [2], elr [1]
            > show t-0
              t-0 leader 2 in 2/4, replicas [1, 2, 3], isr [2], elr [1]
            > register 3 clean
            broker 3 under epoch 5
            > beat 3
            broker 3 is unfenced
            > propose t-0 2,3
            t-0: isr [2, 3], elr []
            = isr [2, 3] in 2/5
            > show t-0
              t-0 leader 2 in 2/5, replicas [1, 2, 3], isr [2, 3]
        "#]],
    );
}

#[test]
fn rule_13_another_min_insync_replicas_forgets_who_was_eligible() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=2; gone 2; wait 500; show t-0; \
         config t min.insync.replicas=1; show t-0; gone 1; wait 500; register 2 clean; beat 2; show t-0",
        expect![[r#"
            > create t 1,2 min.insync.replicas=2
            topic t
            config t min.insync.replicas=2
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1], elr [2]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > show t-0
              t-0 leader 1 in 0/1, replicas [1, 2], isr [1], elr [2]
            > config t min.insync.replicas=1
            no elr of t
            config t min.insync.replicas=1
            > show t-0
              t-0 leader 1 in 0/1, replicas [1, 2], isr [1]
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > register 2 clean
            broker 2 under epoch 3
            > beat 2
            broker 2 is unfenced
            > show t-0
              t-0 leader -1 in 1/2, replicas [1, 2], isr [1]
        "#]],
    );
}

#[test]
fn rule_14_who_lost_its_disk_leads_only_where_nobody_else_could() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; gone 2; wait 500; gone 1; wait 500; \
         register 1; show t-0; beat 1; show t-0",
        expect![[r#"
            > create t 1,2 min.insync.replicas=1
            topic t
            config t min.insync.replicas=1
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > register 1
            broker 1 under epoch 3
            t-0: isr [], last known [1]
            > show t-0
              t-0 leader -1 in 1/3, replicas [1, 2], isr [], last known [1]
            > beat 1
            broker 1 is unfenced
            t-0: leader 1, isr [1], last known [], recovering
            Error: unclean election: broker 1 leads t-0 though it may lack acknowledged records; those that it lacks are lost
            > show t-0
              t-0 leader 1 in 2/4, replicas [1, 2], isr [1], recovering
        "#]],
    );
}

#[test]
fn rule_15_an_unclean_leader_is_only_taken_where_it_is_allowed_and_is_loud() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; propose t-0 1; gone 1; wait 500; elect preferred t-0; \
         show t-0; config t unclean.leader.election.enable=true; show t-0; propose t-0 2; show t-0",
        expect![[r#"
            > create t 1,2 min.insync.replicas=1
            topic t
            config t min.insync.replicas=1
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > propose t-0 1
            t-0: isr [1]
            = isr [1] in 0/1
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > elect preferred t-0
            = t-0 PREFERRED_LEADER_NOT_AVAILABLE: The preferred leader was not available.
            > show t-0
              t-0 leader -1 in 1/2, replicas [1, 2], isr [1]
            > config t unclean.leader.election.enable=true
            config t unclean.leader.election.enable=true
            t-0: leader 2, isr [2], recovering
            Error: unclean election: broker 2 leads t-0 though it may lack acknowledged records; those that it lacks are lost
            > show t-0
              t-0 leader 2 in 2/3, replicas [1, 2], isr [2], recovering
            > propose t-0 2
            t-0: recovered
            = isr [2] in 2/4
            > show t-0
              t-0 leader 2 in 2/4, replicas [1, 2], isr [2]
        "#]],
    );
    check(
        "brokers 1 2; create t 1,2; propose t-0 1; gone 1; wait 500; elect unclean t-0; elect unclean t-0; elect unclean; \
         elect unclean u-0; elect unclean t-9",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > propose t-0 1
            t-0: isr [1]
            = isr [1] in 0/1
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader -1
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > elect unclean t-0
            t-0: leader 2, isr [2], recovering
            Error: unclean election: broker 2 leads t-0 though it may lack acknowledged records; those that it lacks are lost
            = t-0 ok
            > elect unclean t-0
            = t-0 ELECTION_NOT_NEEDED: Leader election not needed for topic partition.
            > elect unclean
            = nothing
            > elect unclean u-0
            = u-0 UNKNOWN_TOPIC_OR_PARTITION: No such topic as u
            > elect unclean t-9
            = t-9 UNKNOWN_TOPIC_OR_PARTITION: No such partition as t-9
        "#]],
    );
}

#[test]
fn rule_16_leaderships_move_before_a_stop_and_everybody_knows() {
    check(
        "brokers 1 2 3; create t 1,2,3; create u 1; beat 1 stop; beat 1 stop; beat 2; beat 1 stop; beat 3; \
         beat 1 stop; show t-0; show u-0; register 1 clean; beat 1; show u-0",
        expect![[r#"
            > create t 1,2,3
            topic t
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            > create u 1
            topic u
            u-0: leader 1, replicas [1], isr [1]
            > beat 1 stop
            broker 1 is to stop
            t-0: leader 2, isr [2, 3]
            > beat 1 stop
            > beat 2
            > beat 1 stop
            > beat 3
            > beat 1 stop
            broker 1 is fenced
            = caught up, fenced, may stop
            > show t-0
              t-0 leader 2 in 1/1, replicas [1, 2, 3], isr [2, 3]
            > show u-0
              u-0 leader 1 in 0/0, replicas [1], isr [1]
            > register 1 clean
            broker 1 under epoch 4
            > beat 1
            broker 1 is unfenced
            > show u-0
              u-0 leader 1 in 0/0, replicas [1], isr [1]
        "#]],
    );
}

#[test]
fn a_process_that_returns_gets_a_new_epoch_for_what_it_led() {
    check(
        "brokers 1; create t 1; register 1; new-controller; register 1; beat 1; show t-0; \
         new-controller; register 1 clean; beat 1; show t-0",
        expect![[r#"
            > create t 1
            topic t
            t-0: leader 1, replicas [1], isr [1]
            > register 1
            = DUPLICATE_BROKER_REGISTRATION: Another broker is registered with that broker id
            > new-controller
            > register 1
            broker 1 under epoch 2
            t-0: leader 1
            > beat 1
            broker 1 is unfenced
            > show t-0
              t-0 leader 1 in 1/1, replicas [1], isr [1]
            > new-controller
            > register 1 clean
            broker 1 under epoch 3
            > beat 1
            broker 1 is unfenced
            > show t-0
              t-0 leader 1 in 1/1, replicas [1], isr [1]
        "#]],
    );
}

#[test]
fn broker_epochs_only_grow() {
    check(
        "brokers 1 2; unregister 2; unregister 2; register 2; unregister 1; register 1",
        expect![[r#"
        > unregister 2
        no broker 2 any more
        > unregister 2
        = BROKER_ID_NOT_REGISTERED: Broker ID 2 is not currently registered
        > register 2
        broker 2 under epoch 3
        > unregister 1
        no broker 1 any more
        > register 1
        broker 1 under epoch 4
    "#]],
    );
}
