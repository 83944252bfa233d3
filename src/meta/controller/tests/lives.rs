//! Brokers come, are silent, stop, and come back.

use super::check;
use expect_test::expect;

#[test]
fn a_broker_is_fenced_until_it_knows_of_its_registration() {
    check(
        "register 1; beat 1 behind; beat 1 fence; beat 1; beat 1 epoch=7; beat 2; \
         register 1; wait 9000; register 1; beat 1",
        expect![[""]],
    );
}

#[test]
fn a_silent_broker_is_fenced_and_its_leaderships_go_to_who_is_in_sync() {
    check(
        "brokers 1 2 3; create t 1,2,3 2,3,1 3,1,2; wait 8000; beat 2; beat 3; wait 1000; \
         show t-0; beat 1; show t-0; elect preferred t-0; propose t-0 2,3,1; elect preferred t-0; show t-0",
        expect![[""]],
    );
}

#[test]
fn a_broken_connection_counts_after_half_a_second_unless_there_is_another() {
    check(
        "brokers 1 2; create t 1,2; gone 1; wait 499; beat 1; wait 500; gone 1; wait 500; show t-0",
        expect![[""]],
    );
}

#[test]
fn a_new_controller_gives_everybody_a_whole_session() {
    check("brokers 1 2; create t 1,2; wait 8999; new-controller; wait 8999; beat 2; wait 1", expect![[""]]);
}

#[test]
fn the_last_in_sync_replica_stays_and_leads_again() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; propose t-0 1; gone 1; wait 500; show t-0; \
         register 1 clean; beat 1; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_10_nobody_leads_or_joins_while_fenced_or_stopping() {
    check(
        "brokers 1 2 3; create t 1,2,3; propose t-0 1,3; beat 2 fence; propose t-0 1,2,3; gone 1; wait 500; \
         beat 2; beat 3 stop; propose t-0 3,2; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_12_a_crash_takes_a_broker_out_of_in_sync_and_eligible_where_the_page_cache_counts() {
    check(
        "brokers 1 2 3; create t 1,2,3 min.insync.replicas=2 flush.messages=10; gone 3; wait 500; gone 2; wait 500; \
         show t-0; register 2; beat 2; show t-0; gone 1; wait 500; register 3 clean; beat 3; show t-0; \
         register 1; beat 1; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_12_what_is_on_disk_survives_a_crash_unless_the_disk_is_another() {
    check(
        "register 1 dir=1; beat 1; register 2 dir=2; beat 2; create t 1,2 min.insync.replicas=2 flush.messages=1; \
         gone 2; wait 500; register 2 dir=2; beat 2; gone 1; wait 500; show t-0; register 2 dir=9; beat 2; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_13_an_eligible_replica_leads_before_the_last_in_sync_one_is_back() {
    check(
        "brokers 1 2 3; create t 1,2,3 min.insync.replicas=2; gone 3; wait 500; gone 2; wait 500; gone 1; wait 500; \
         show t-0; register 2 clean; beat 2; show t-0; register 3 clean; beat 3; propose t-0 2,3; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_13_another_min_insync_replicas_forgets_who_was_eligible() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=2; gone 2; wait 500; show t-0; \
         config t min.insync.replicas=1; show t-0; gone 1; wait 500; register 2 clean; beat 2; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_14_who_lost_its_disk_leads_only_where_nobody_else_could() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; gone 2; wait 500; gone 1; wait 500; \
         register 1; show t-0; beat 1; show t-0",
        expect![[""]],
    );
}

#[test]
fn rule_15_an_unclean_leader_is_only_taken_where_it_is_allowed_and_is_loud() {
    check(
        "brokers 1 2; create t 1,2 min.insync.replicas=1; propose t-0 1; gone 1; wait 500; elect preferred t-0; \
         show t-0; config t unclean.leader.election.enable=true; show t-0; propose t-0 2; show t-0",
        expect![[""]],
    );
    check(
        "brokers 1 2; create t 1,2; propose t-0 1; gone 1; wait 500; elect unclean t-0; elect unclean t-0; elect unclean; \
         elect unclean u-0; elect unclean t-9",
        expect![[""]],
    );
}

#[test]
fn rule_16_leaderships_move_before_a_stop_and_everybody_knows() {
    check(
        "brokers 1 2 3; create t 1,2,3 1; beat 1 stop; beat 1 stop; beat 2; beat 1 stop; beat 3; beat 1 stop; show t-0; \
         show t-1; register 1 clean; beat 1; show t-1",
        expect![[""]],
    );
}

#[test]
fn a_process_that_returns_gets_a_new_epoch_for_what_it_led() {
    check(
        "brokers 1; create t 1; register 1; new-controller; register 1; beat 1; show t-0; \
         new-controller; register 1 clean; beat 1; show t-0",
        expect![[""]],
    );
}

#[test]
fn broker_epochs_only_grow() {
    check("brokers 1 2; unregister 2; unregister 2; register 2; unregister 1; register 1", expect![[""]]);
}
