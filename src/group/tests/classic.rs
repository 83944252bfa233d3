//! Every state of a classic group, and every error.

use super::{TWO, after_two, check, check_with};
use expect_test::expect;

#[test]
fn two_members_come_to_share() {
    check(
        &format!("{TWO}; beat a gen=1; beat b gen=1; describe; list"),
        expect![[r#"
        > join a
        record group in 0 []
        a: MEMBER_ID_REQUIRED
        > join b
        b: MEMBER_ID_REQUIRED
        > join a
        > join b
        > time 0
        a: joined 1 by range, led by a ["a", "b"]
        b: joined 1 by range, led by a []
        > sync b gen=1
        > sync a gen=1 gives=a:0,b:1
        record group in 1 ["a", "b"]
        a: synced "0"
        b: synced "1"
        > beat a gen=1
        a: NONE
        > beat b gen=1
        b: NONE
        > describe
        admin: Stable "consumer" "range" ["a \"0\"", "b \"1\""]
        > list
        g "consumer" Stable Classic
    "#]],
    );
}

/// A rebalance that comes before the leader has spoken takes away what was shared out before, as in Kafka.
#[test]
fn what_was_shared_out_last_is_shown_until_a_rebalance_is_interrupted() {
    after_two(
        "describe; join c v=3; describe; join a; join b; describe; sync b gen=2; join d v=3; describe; \
         join a; join b; join c; describe; sync a gen=3 gives=a:0,b:1; describe",
        expect![[r#"
            > describe
            admin: Stable "consumer" "range" ["a \"0\"", "b \"1\""]
            > join c v=3
            > describe
            admin: PreparingRebalance "consumer" "" ["a \"0\"", "b \"1\"", "? \"\""]
            > join a
            > join b
            a: joined 2 by range, led by a ["a", "b", "?"]
            b: joined 2 by range, led by a []
            c: joined 2 by range, led by a []
            > describe
            admin: CompletingRebalance "consumer" "" ["a \"0\"", "b \"1\"", "c \"\""]
            > sync b gen=2
            > join d v=3
            b: REBALANCE_IN_PROGRESS
            > describe
            admin: PreparingRebalance "consumer" "" ["a \"\"", "b \"\"", "c \"\"", "? \"\""]
            > join a
            > join b
            > join c
            a: joined 3 by range, led by a ["a", "b", "c", "?"]
            b: joined 3 by range, led by a []
            c: joined 3 by range, led by a []
            d: joined 3 by range, led by a []
            > describe
            admin: CompletingRebalance "consumer" "" ["a \"\"", "b \"\"", "c \"\"", "d \"\""]
            > sync a gen=3 gives=a:0,b:1
            record group in 3 ["a", "b", "c", "d"]
            a: synced "0"
            > describe
            admin: Stable "consumer" "range" ["a \"0\"", "b \"1\"", "c \"\"", "d \"\""]
        "#]],
    );
}

#[test]
fn a_group_waits_for_more_members_while_they_come() {
    check_with(
        "group.initial.rebalance.delay.ms=3000\n",
        "join a v=3; time 2000; join b v=3; time 3000; join c v=3; time 6000; time 9000",
        expect![[r#"
            > join a v=3
            record group in 0 []
            > time 2000
            > join b v=3
            > time 3000
            > join c v=3
            > time 6000
            > time 9000
            a: joined 1 by range, led by a ["a", "?", "?"]
            b: joined 1 by range, led by a []
            c: joined 1 by range, led by a []
        "#]],
    );
}

#[test]
fn all_is_over_when_the_rebalance_timeout_is() {
    check_with(
        "group.initial.rebalance.delay.ms=3000\n",
        "join a v=3 rebalance=4000; time 1000; join b v=3 rebalance=4000; time 3000; time 4000",
        expect![[r#"
            > join a v=3 rebalance=4000
            record group in 0 []
            > time 1000
            > join b v=3 rebalance=4000
            > time 3000
            > time 4000
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
        "#]],
    );
}

#[test]
fn a_member_gets_its_id_first() {
    check(
        "join a; time 9999; time 10000; join a; join a id=nobody; join a; time 10000",
        expect![[r#"
        > join a
        record group in 0 []
        a: MEMBER_ID_REQUIRED
        > time 9999
        > time 10000
        > join a
        a: UNKNOWN_MEMBER_ID
        > join a id=nobody
        a: MEMBER_ID_REQUIRED
        > join a
        > time 10000
        a: joined 1 by range, led by a ["a"]
    "#]],
    );
}

#[test]
fn a_late_pending_member_holds_the_group_up_for_its_session() {
    after_two(
        "join c session=6000; leave b; beat a gen=1; join a; time 6000",
        expect![[r#"
        > join c session=6000
        c: MEMBER_ID_REQUIRED
        > leave b
        b: NONE
        > beat a gen=1
        a: REBALANCE_IN_PROGRESS
        > join a
        > time 6000
        a: joined 2 by range, led by a ["a"]
    "#]],
    );
}

#[test]
fn a_member_that_is_silent_is_out() {
    after_two(
        "time 9000; beat a gen=1; time 10000; beat a gen=1; beat b gen=1; join a; \
         sync a gen=2 gives=a:all",
        expect![[r#"
            > time 9000
            > beat a gen=1
            a: NONE
            > time 10000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > beat b gen=1
            b: UNKNOWN_MEMBER_ID
            > join a
            a: joined 2 by range, led by a ["a"]
            > sync a gen=2 gives=a:all
            record group in 2 ["a"]
            a: synced "all"
        "#]],
    );
}

#[test]
fn a_member_that_leaves_is_out_at_once() {
    after_two(
        "leave b; beat a gen=1; join a; sync a gen=2 gives=a:all; leave a; leave a; describe",
        expect![[r#"
        > leave b
        b: NONE
        > beat a gen=1
        a: REBALANCE_IN_PROGRESS
        > join a
        a: joined 2 by range, led by a ["a"]
        > sync a gen=2 gives=a:all
        record group in 2 ["a"]
        a: synced "all"
        > leave a
        record group in 3 []
        a: NONE
        > leave a
        a: UNKNOWN_MEMBER_ID
        > describe
        admin: Empty "consumer" "" []
    "#]],
    );
}

#[test]
fn members_of_an_old_generation_are_told() {
    after_two(
        "beat a gen=0; sync a gen=0; commit a gen=0 t-0=1; beat stranger gen=1 id=stranger; \
         sync a gen=1 protocol=roundrobin; sync a gen=1 type=connect; \
         sync a gen=1 protocol=range type=consumer",
        expect![[r#"
            > beat a gen=0
            a: ILLEGAL_GENERATION
            > sync a gen=0
            a: ILLEGAL_GENERATION
            > commit a gen=0 t-0=1
            a: ILLEGAL_GENERATION
            > beat stranger gen=1 id=stranger
            stranger: UNKNOWN_MEMBER_ID
            > sync a gen=1 protocol=roundrobin
            a: INCONSISTENT_GROUP_PROTOCOL
            > sync a gen=1 type=connect
            a: INCONSISTENT_GROUP_PROTOCOL
            > sync a gen=1 protocol=range type=consumer
            a: synced "0"
        "#]],
    );
}

#[test]
fn a_new_member_makes_everybody_join_again() {
    after_two(
        "join c; join c; beat a gen=1; sync a gen=1; commit a gen=1 t-0=1; join a; join b; \
         commit a gen=2 t-0=1; sync b gen=2; sync c gen=2; sync a gen=2 gives=a:0,b:1,c:2",
        expect![[r#"
            > join c
            c: MEMBER_ID_REQUIRED
            > join c
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > sync a gen=1
            a: REBALANCE_IN_PROGRESS
            > commit a gen=1 t-0=1
            record t-0=1
            a: NONE
            > join a
            > join b
            a: joined 2 by range, led by a ["a", "b", "c"]
            b: joined 2 by range, led by a []
            c: joined 2 by range, led by a []
            > commit a gen=2 t-0=1
            a: REBALANCE_IN_PROGRESS
            > sync b gen=2
            > sync c gen=2
            > sync a gen=2 gives=a:0,b:1,c:2
            record group in 2 ["a", "b", "c"]
            a: synced "0"
            b: synced "1"
            c: synced "2"
        "#]],
    );
}

#[test]
fn who_does_not_join_in_time_is_out() {
    check(
        "join a v=3 rebalance=6000; join b v=3 rebalance=6000; time 0; sync b gen=1; \
         sync a gen=1 gives=a:0,b:1; join a rebalance=6000; time 5999; beat b gen=1; time 6000; \
         beat b gen=1; sync a gen=2 gives=a:all",
        expect![[r#"
            > join a v=3 rebalance=6000
            record group in 0 []
            > join b v=3 rebalance=6000
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync b gen=1
            > sync a gen=1 gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            b: synced "1"
            > join a rebalance=6000
            > time 5999
            > beat b gen=1
            b: REBALANCE_IN_PROGRESS
            > time 6000
            a: joined 2 by range, led by a ["a"]
            > beat b gen=1
            b: UNKNOWN_MEMBER_ID
            > sync a gen=2 gives=a:all
            record group in 2 ["a"]
            a: synced "all"
        "#]],
    );
}

#[test]
fn the_leader_that_is_late_hands_over() {
    after_two(
        "join c; join c; join b; time 9000; beat a gen=1; time 18000; beat a gen=1; time 27000; \
         beat a gen=1; time 36000; beat a gen=1; time 45000; beat a gen=1; time 54000; beat a gen=1; \
         time 60000",
        expect![[r#"
            > join c
            c: MEMBER_ID_REQUIRED
            > join c
            > join b
            > time 9000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 18000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 27000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 36000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 45000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 54000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > time 60000
            b: joined 2 by range, led by b ["b", "c"]
            c: joined 2 by range, led by b []
        "#]],
    );
}

#[test]
fn who_does_not_sync_in_time_is_out() {
    check(
        "join a v=3 rebalance=8000; join b v=3 rebalance=8000; time 0; sync a gen=1 gives=a:0,b:1; \
         time 7000; beat a gen=1; beat b gen=1; time 8000; beat a gen=1; beat b gen=1",
        expect![[r#"
            > join a v=3 rebalance=8000
            record group in 0 []
            > join b v=3 rebalance=8000
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync a gen=1 gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            > time 7000
            > beat a gen=1
            a: NONE
            > beat b gen=1
            b: NONE
            > time 8000
            > beat a gen=1
            a: REBALANCE_IN_PROGRESS
            > beat b gen=1
            b: UNKNOWN_MEMBER_ID
        "#]],
    );
}

#[test]
fn a_sync_that_waits_is_ended_by_a_new_rebalance() {
    after_two(
        "join a; join b; sync b gen=2; join c v=3; join a; join b",
        expect![[r#"
        > join a
        > join b
        a: joined 2 by range, led by a ["a", "b"]
        b: joined 2 by range, led by a []
        > sync b gen=2
        > join c v=3
        b: REBALANCE_IN_PROGRESS
        > join a
        > join b
        a: joined 3 by range, led by a ["a", "b", "?"]
        b: joined 3 by range, led by a []
        c: joined 3 by range, led by a []
    "#]],
    );
}

#[test]
fn a_follower_that_joins_again_as_it_was_changes_nothing() {
    after_two(
        "join b; beat a gen=1",
        expect![[r#"
        > join b
        b: joined 1 by range, led by a []
        > beat a gen=1
        a: NONE
    "#]],
    );
}

#[test]
fn a_leader_that_joins_again_wants_a_rebalance() {
    after_two(
        "join a; beat b gen=1",
        expect![[r#"
        > join a
        > beat b gen=1
        b: REBALANCE_IN_PROGRESS
    "#]],
    );
}

#[test]
fn changed_metadata_is_a_rebalance() {
    after_two(
        "join b reads=t,u; beat a gen=1",
        expect![[r#"
        > join b reads=t,u
        > beat a gen=1
        a: REBALANCE_IN_PROGRESS
    "#]],
    );
}

#[test]
fn a_join_lost_on_its_way_back_is_answered_again() {
    check(
        "join a v=3; time 0; join a v=3; sync a gen=1 gives=a:x",
        expect![[r#"
        > join a v=3
        record group in 0 []
        > time 0
        a: joined 1 by range, led by a ["a"]
        > join a v=3
        a: joined 1 by range, led by a ["a"]
        > sync a gen=1 gives=a:x
        record group in 1 ["a"]
        a: synced "x"
    "#]],
    );
}

#[test]
fn the_protocol_is_what_most_prefer_of_what_all_know() {
    check_with(
        "",
        "join a v=3 knows=x:1,y:1,z:1; join b v=3 knows=y:1,z:1; join c v=3 knows=z:1,y:1; \
         join d v=3 knows=q:1; join e v=3 type=connect knows=y:1; join f v=3 knows=nothing; time 0",
        expect![[r#"
            > join a v=3 knows=x:1,y:1,z:1
            record group in 0 []
            > join b v=3 knows=y:1,z:1
            > join c v=3 knows=z:1,y:1
            > join d v=3 knows=q:1
            d: INCONSISTENT_GROUP_PROTOCOL
            > join e v=3 type=connect knows=y:1
            e: INCONSISTENT_GROUP_PROTOCOL
            > join f v=3 knows=nothing
            f: INCONSISTENT_GROUP_PROTOCOL
            > time 0
            a: joined 1 by y, led by a ["a", "?", "?"]
            b: joined 1 by y, led by a []
            c: joined 1 by y, led by a []
        "#]],
    );
}

#[test]
fn an_unknown_member_is_told() {
    check(
        "join a id=stranger; beat a gen=1 id=stranger; sync a gen=1 id=stranger; leave a id=stranger; \
         join a static=one id=stranger; describe",
        expect![[r#"
            > join a id=stranger
            a: UNKNOWN_MEMBER_ID
            > beat a gen=1 id=stranger
            a: UNKNOWN_MEMBER_ID
            > sync a gen=1 id=stranger
            a: UNKNOWN_MEMBER_ID
            > leave a id=stranger
            a: UNKNOWN_MEMBER_ID
            > join a static=one id=stranger
            a: UNKNOWN_MEMBER_ID
            > describe
            admin: GROUP_ID_NOT_FOUND
        "#]],
    );
}

#[test]
fn a_member_of_an_empty_group_begins_anew() {
    check(
        "join a v=3; time 0; leave a; join a id=stranger; beat a gen=2 id=stranger",
        expect![[r#"
        > join a v=3
        record group in 0 []
        > time 0
        a: joined 1 by range, led by a ["a"]
        > leave a
        record group in 2 []
        a: NONE
        > join a id=stranger
        a: UNKNOWN_MEMBER_ID
        > beat a gen=2 id=stranger
        a: UNKNOWN_MEMBER_ID
    "#]],
    );
}

#[test]
fn a_request_that_is_sent_again_takes_the_place_of_the_first() {
    after_two(
        "join c v=3; join a; join a; join b; sync b gen=2; sync b gen=2",
        expect![[r#"
        > join c v=3
        > join a
        > join a
        a: REBALANCE_IN_PROGRESS
        > join b
        a: joined 2 by range, led by a ["a", "b", "?"]
        b: joined 2 by range, led by a []
        c: joined 2 by range, led by a []
        > sync b gen=2
        > sync b gen=2
        b: REBALANCE_IN_PROGRESS
    "#]],
    );
}
