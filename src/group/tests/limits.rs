//! How large a group and its records may become.

use super::{after_two, check_with};
use expect_test::expect;

#[test]
fn a_full_group_takes_nobody() {
    check_with(
        "group.max.size=2\n",
        "join a v=3; join b v=3; join c v=3; time 0; join c v=3; sync a gen=1 gives=a:0,b:1; join c v=3",
        expect![[r#"
            > join a v=3
            record group in 0 []
            > join b v=3
            > join c v=3
            c: GROUP_MAX_SIZE_REACHED
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > join c v=3
            c: GROUP_MAX_SIZE_REACHED
            > sync a gen=1 gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            > join c v=3
            c: GROUP_MAX_SIZE_REACHED
        "#]],
    );
}

/// Somebody new is faster than a member of a full group: the member is left out, and it was the last one that was awaited.
#[test]
fn who_is_left_out_holds_nobody_up() {
    check_with(
        "group.max.size=2\n",
        "join a v=3; join b v=3; time 0; sync a gen=1 gives=a:0,b:1; sync b gen=1; join a v=3; join c v=3; join b v=3",
        expect![[r#"
            > join a v=3
            record group in 0 []
            > join b v=3
            > time 0
            a: joined 1 by range, led by a ["a", "?"]
            b: joined 1 by range, led by a []
            > sync a gen=1 gives=a:0,b:1
            record group in 1 ["a", "b"]
            a: synced "0"
            > sync b gen=1
            b: synced "1"
            > join a v=3
            > join c v=3
            > join b v=3
            b: GROUP_MAX_SIZE_REACHED
            a: joined 2 by range, led by a ["a", "?"]
            c: joined 2 by range, led by a []
        "#]],
    );
}

#[test]
fn an_assignment_too_large_to_be_written() {
    after_two(
        "join a; join b; sync b gen=2; sync a gen=2 gives=a:BIG; join a knows=range:BIG",
        expect![[r#"
        > join a
        > join b
        a: joined 2 by range, led by a ["a", "b"]
        b: joined 2 by range, led by a []
        > sync b gen=2
        > sync a gen=2 gives=a:BIG
        a: UNKNOWN_SERVER_ERROR
        b: UNKNOWN_SERVER_ERROR
        > join a knows=range:BIG
        a: UNKNOWN_SERVER_ERROR
    "#]],
    );
}
