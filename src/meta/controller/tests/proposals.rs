//! In-sync replicas as leaders propose them.

use super::check;
use expect_test::expect;

#[test]
fn rule_7_a_proposal_is_taken_only_as_an_answer_to_what_is() {
    check(
        "brokers 1 2 3; create t 1,2,3; propose t-0 1,2; propose t-0 1,2,3 stale; propose t-0 1,2,3 by=2; \
         propose t-0 2,3; propose t-0 1,1; propose t-0 1,4; propose t-0 1,2,3; show t-0; \
         elect preferred t-0; gone 1; wait 500; propose t-0 1,2,3 by=1",
        expect![[""]],
    );
}

#[test]
fn rule_11_a_member_that_was_started_again_is_not_the_one_that_the_leader_knows() {
    check(
        "brokers 1 2; create t 1,2; gone 2; wait 500; register 2; beat 2; propose t-0 1,2 epoch=2; propose t-0 1,2; show t-0",
        expect![[""]],
    );
}

#[test]
fn nothing_is_recorded_where_nothing_changes() {
    check("brokers 1 2; create t 1,2; propose t-0 1,2; show t-0", expect![[""]]);
}
