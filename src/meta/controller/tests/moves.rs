//! Partitions that move, and topics that are placed by hand.

use super::check;
use expect_test::expect;

#[test]
fn rule_18_replicas_are_added_wait_and_take_over_at_once() {
    check(
        "brokers 1 2 3 4; create t 1,2; move t-0 3,4; moving; propose t-0 1,2,3; propose t-0 1,2,3,4; show t-0; moving",
        expect![[""]],
    );
}

#[test]
fn rule_18_a_move_can_be_called_off() {
    check(
        "brokers 1 2 3; create t 1,2; move t-0 2,3; propose t-0 1,2,3; show t-0; \
         brokers 1 2 3 4; create u 1,2; move u-0 3,4; propose u-0 1,2,3; move u-0 back; show u-0; move u-0 back",
        expect![[""]],
    );
}

#[test]
fn another_target_drops_at_once_what_only_the_first_one_wanted() {
    check(
        "brokers 1 2 3 4; create t 1,2; move t-0 3,2; propose t-0 1,2; move t-0 4,2; show t-0; moving; \
         propose t-0 1,2,4; show t-0",
        expect![[""]],
    );
}

#[test]
fn a_move_is_checked() {
    check(
        "brokers 1 2; create t 1; move t-0 1,2 same-factor; move t-0 3; move t-0 1,1; move t-0 ,; move u-0 1; \
         move t-1 1; move t-0 1,2; propose t-0 1,2; show t-0",
        expect![[""]],
    );
}

#[test]
fn a_topic_by_hand_needs_brokers_that_live() {
    check(
        "brokers 1 2; register 3; create t 3; create t 3,1 1,3; show t-0; create u 1,2 1; create v 1,4; create w 1,2,1",
        expect![[""]],
    );
}
