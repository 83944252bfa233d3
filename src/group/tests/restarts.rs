//! What a group is after a restart of its coordinator.

use super::{after_two, check};
use expect_test::expect;

#[test]
fn members_live_on_after_a_restart() {
    after_two(
        "restart; describe; beat a gen=1; time 9999; beat b gen=1; time 10000; beat b gen=1; join b; \
         sync b gen=2 gives=b:all",
        expect![[r#"
            > restart
            > describe
            admin: Stable "consumer" "range" ["a \"0\"", "b \"1\""]
            > beat a gen=1
            a: NONE
            > time 9999
            > beat b gen=1
            b: NONE
            > time 10000
            > beat b gen=1
            b: REBALANCE_IN_PROGRESS
            > join b
            b: joined 2 by range, led by b ["b"]
            > sync b gen=2 gives=b:all
            record group in 2 ["b"]
            b: synced "all"
        "#]],
    );
}

#[test]
fn a_rebalance_is_forgotten_by_a_restart() {
    after_two(
        "join c v=3; restart; describe; beat a gen=1; beat b gen=1",
        expect![[r#"
        > join c v=3
        > restart
        > describe
        admin: Stable "consumer" "range" ["a \"0\"", "b \"1\""]
        > beat a gen=1
        a: NONE
        > beat b gen=1
        b: NONE
    "#]],
    );
}

#[test]
fn an_id_that_was_given_out_is_forgotten_by_a_restart() {
    check(
        "join a; restart; describe",
        expect![[r#"
        > join a
        record group in 0 []
        a: MEMBER_ID_REQUIRED
        > restart
        > describe
        admin: Empty "" "" []
    "#]],
    );
}

/// A member of the classic protocol waits for a partition that the last member of the consumer protocol has held: that
/// it has to join again is known even when the coordinator stops right after the other one has left.
#[test]
fn a_group_that_was_a_consumer_group_is_rebalanced_after_a_restart() {
    check(
        "consume a; join c v=3; sync c gen=3; beat c gen=3; consume a epoch=-1; restart; describe; beat c gen=3; join c; \
         sync c gen=4 gives=c:all; describe",
        expect![[r#"
            > consume a
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            a: epoch 2, 4 partitions
            > join c v=3
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            c: joined 3 by range, led by - []
            > sync c gen=3
            c: synced "\0\0\0\0\0\0����"
            > beat c gen=3
            c: NONE
            > consume a epoch=-1
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record of a consumer group
            record group in 3 ["c"]
            a: epoch -1, 0 partitions
            > restart
            > describe
            admin: PreparingRebalance "consumer" "" ["c \"\\0\\0\\0\\0\\0\\0����\""]
            > beat c gen=3
            c: REBALANCE_IN_PROGRESS
            > join c
            c: joined 4 by range, led by c ["c"]
            > sync c gen=4 gives=c:all
            record group in 4 ["c"]
            c: synced "all"
            > describe
            admin: Stable "consumer" "range" ["c \"all\""]
        "#]],
    );
}
