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
