//! In-sync replicas as leaders propose them.

use super::check;
use expect_test::expect;

#[test]
fn rule_7_a_proposal_is_taken_only_as_an_answer_to_what_is() {
    check(
        "brokers 1 2 3; create t 1,2,3; propose t-0 1,2; propose t-0 1,2,3 stale; propose t-0 1,2,3 by=2; \
         propose t-0 2,3; propose t-0 1,1; propose t-0 1,4; propose t-0 1,2,3; show t-0; \
         elect preferred t-0; gone 1; wait 500; propose t-0 1,2,3 by=1",
        expect![[r#"
            > create t 1,2,3
            topic t
            t-0: leader 1, replicas [1, 2, 3], isr [1, 2, 3]
            > propose t-0 1,2
            t-0: isr [1, 2]
            = isr [1, 2] in 0/1
            > propose t-0 1,2,3 stale
            = INVALID_UPDATE_VERSION
            > propose t-0 1,2,3 by=2
            = INVALID_REQUEST
            > propose t-0 2,3
            = INVALID_REQUEST
            > propose t-0 1,1
            = INVALID_REQUEST
            > propose t-0 1,4
            = INVALID_REQUEST
            > propose t-0 1,2,3
            t-0: isr [1, 2, 3]
            = isr [1, 2, 3] in 0/2
            > show t-0
              t-0 leader 1 in 0/2, replicas [1, 2, 3], isr [1, 2, 3]
            > elect preferred t-0
            = t-0 ELECTION_NOT_NEEDED: Leader election not needed for topic partition.
            > gone 1
            > wait 500
            broker 1 is fenced
            t-0: leader 2, isr [2, 3]
            Warn: broker 1 is fenced: its connection broke and it made no other one
            > propose t-0 1,2,3 by=1
            = INVALID_REQUEST
        "#]],
    );
}

#[test]
fn rule_11_a_member_that_was_started_again_is_not_the_one_that_the_leader_knows() {
    check(
        "brokers 1 2; create t 1,2; gone 2; wait 500; register 2; beat 2; propose t-0 1,2 epoch=2; propose t-0 1,2; show t-0",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > gone 2
            > wait 500
            broker 2 is fenced
            t-0: isr [1]
            Warn: broker 2 is fenced: its connection broke and it made no other one
            > register 2
            broker 2 under epoch 3
            > beat 2
            broker 2 is unfenced
            > propose t-0 1,2 epoch=2
            = INELIGIBLE_REPLICA
            > propose t-0 1,2
            t-0: isr [1, 2]
            = isr [1, 2] in 0/2
            > show t-0
              t-0 leader 1 in 0/2, replicas [1, 2], isr [1, 2]
        "#]],
    );
}

#[test]
fn nothing_is_recorded_where_nothing_changes() {
    check(
        "brokers 1 2; create t 1,2; propose t-0 1,2; show t-0",
        expect![[r#"
        > create t 1,2
        topic t
        t-0: leader 1, replicas [1, 2], isr [1, 2]
        > propose t-0 1,2
        = isr [1, 2] in 0/0
        > show t-0
          t-0 leader 1 in 0/0, replicas [1, 2], isr [1, 2]
    "#]],
    );
}
