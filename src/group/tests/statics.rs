//! Static members of a classic group (KIP-345).

use super::check;
use expect_test::expect;

#[test]
fn a_static_member_that_starts_again_takes_its_place() {
    check(
        "join a static=one; join b static=two; time 0; sync b gen=1 static=two; \
         sync a gen=1 static=one gives=a:0,b:1; join b2 id=nobody static=two; beat b gen=1 static=two; \
         beat b2 gen=1 static=two; sync b2 gen=1 static=two; sync b gen=1 static=two; \
         commit b gen=1 static=two t-0=1; leave b static=two; leave admin id=nobody static=two; \
         leave admin id=nobody static=three",
        expect![[r#"
            > join a static=one
            record group in 0 []
            > join b static=two
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync b gen=1 static=two
            > sync a gen=1 static=one gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            b: synced "1"
            > join b2 id=nobody static=two
            record group in 1 ["a", "?"]
            b2: joined 1 by range, led by a []
            > beat b gen=1 static=two
            b: FENCED_INSTANCE_ID
            > beat b2 gen=1 static=two
            b2: NONE
            > sync b2 gen=1 static=two
            b2: synced "1"
            > sync b gen=1 static=two
            b: FENCED_INSTANCE_ID
            > commit b gen=1 static=two t-0=1
            b: FENCED_INSTANCE_ID
            > leave b static=two
            b: FENCED_INSTANCE_ID
            > leave admin id=nobody static=two
            admin: NONE
            > leave admin id=nobody static=three
            admin: UNKNOWN_MEMBER_ID
        "#]],
    );
}

#[test]
fn a_static_leader_that_starts_again_need_not_assign() {
    check(
        "join a static=one; time 0; sync a gen=1 static=one gives=a:0; join a id=nobody static=one; \
         sync a gen=1 static=one",
        expect![[r#"
            > join a static=one
            record group in 0 []
            > time 0
            a: joined 1 by range, led by a ["a"]
            > sync a gen=1 static=one gives=a:0
            record group in 1 ["a"]
            a: synced "0"
            > join a id=nobody static=one
            record group in 1 ["?"]
            a: joined 1 by range, led by a ["a"] skip
            > sync a gen=1 static=one
            a: synced "0"
        "#]],
    );
}

#[test]
fn an_old_static_leader_is_not_told_to_lead() {
    check(
        "join a static=one v=5; time 0; sync a gen=1 static=one gives=a:0; \
         join b id=nobody static=one v=5",
        expect![[r#"
            > join a static=one v=5
            record group in 0 []
            > time 0
            a: joined 1 by range, led by a ["a"]
            > sync a gen=1 static=one gives=a:0
            record group in 1 ["a"]
            a: synced "0"
            > join b id=nobody static=one v=5
            record group in 1 ["?"]
            b: joined 1 by range, led by a []
        "#]],
    );
}

#[test]
fn a_static_member_that_comes_back_while_the_leader_assigns() {
    check(
        "join a static=one; join b static=two; time 0; sync b gen=1 static=two; \
         join b2 id=nobody static=two; join a static=one",
        expect![[r#"
            > join a static=one
            record group in 0 []
            > join b static=two
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync b gen=1 static=two
            > join b2 id=nobody static=two
            b: FENCED_INSTANCE_ID
            > join a static=one
            a: joined 2 by range, led by a ["a", "?"]
            b2: joined 2 by range, led by a []
        "#]],
    );
}

#[test]
fn static_members_keep_their_place_until_their_session_ends() {
    check(
        "join a static=one rebalance=6000; join b static=two rebalance=6000; time 0; \
         sync b gen=1 static=two; sync a gen=1 static=one gives=a:0,b:1; join a static=one rebalance=6000; \
         time 6000; sync a gen=2 static=one gives=a:0,b:1; time 9000; beat a gen=2 static=one; time 16000",
        expect![[r#"
            > join a static=one rebalance=6000
            record group in 0 []
            > join b static=two rebalance=6000
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync b gen=1 static=two
            > sync a gen=1 static=one gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            b: synced "1"
            > join a static=one rebalance=6000
            > time 6000
            a: joined 2 by range, led by a ["a", "b"]
            > sync a gen=2 static=one gives=a:0,b:1
            record group in 2 ["a", "b"]
            a: synced "0"
            > time 9000
            > beat a gen=2 static=one
            a: NONE
            > time 16000
        "#]],
    );
}
