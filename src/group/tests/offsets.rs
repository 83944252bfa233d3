//! Committed offsets: who may, what is kept, and for how long.

use super::{after_two, check, check_with};
use expect_test::expect;

#[test]
fn a_consumer_without_a_group_keeps_its_offsets() {
    check(
        "commit admin t-0=5/text u-3=9; fetch; describe; list; commit admin gen=3 t-0=6; \
         commit admin gen=3 v=8 t-0=6; delete; fetch; describe; delete",
        expect![[r#"
            > commit admin t-0=5/text u-3=9
            record t-0=5
            record u-3=9
            admin: NONE NONE
            > fetch
            admin: offsets t-0=5/text@7 u-3=9/@7
            > describe
            admin: Empty "" "" []
            > list
            g "" Empty Classic
            > commit admin gen=3 t-0=6
            admin: UNKNOWN_MEMBER_ID
            > commit admin gen=3 v=8 t-0=6
            admin: UNKNOWN_MEMBER_ID
            > delete
            record t-0=gone
            record u-3=gone
            record group is gone
            admin: NONE
            > fetch
            admin: offsets
            > describe
            admin: GROUP_ID_NOT_FOUND
            > delete
            admin: GROUP_ID_NOT_FOUND
        "#]],
    );
}

#[test]
fn who_is_no_member_may_not_commit_while_there_are_members() {
    after_two(
        "commit admin t-0=1; commit stranger id=stranger gen=1 t-0=1; commit a gen=1 t-0=1; \
         commit b gen=1 t-1=2; fetch; delete; forget-offset t; forget-offset u",
        expect![[r#"
            > commit admin t-0=1
            admin: UNKNOWN_MEMBER_ID
            > commit stranger id=stranger gen=1 t-0=1
            stranger: UNKNOWN_MEMBER_ID
            > commit a gen=1 t-0=1
            record t-0=1
            a: NONE
            > commit b gen=1 t-1=2
            record t-1=2
            b: NONE
            > fetch
            admin: offsets t-0=1/@7 t-1=2/@7
            > delete
            admin: NON_EMPTY_GROUP
            > forget-offset t
            t: GROUP_SUBSCRIBED_TO_TOPIC
            > forget-offset u
            u: NONE
        "#]],
    );
}

#[test]
fn commits_keep_the_session_alive() {
    after_two(
        "time 9000; commit a gen=1 t-0=1; time 12000; describe",
        expect![[r#"
        > time 9000
        > commit a gen=1 t-0=1
        record t-0=1
        a: NONE
        > time 12000
        > describe
        admin: PreparingRebalance "consumer" "" ["a \"0\""]
    "#]],
    );
}

#[test]
fn a_commit_during_a_rebalance() {
    after_two(
        "join a; commit b gen=1 t-0=1; join b; commit b gen=2 t-0=1; describe",
        expect![[r#"
        > join a
        > commit b gen=1 t-0=1
        record t-0=1
        b: NONE
        > join b
        a: joined 2 by range, led by a ["a", "b"]
        b: joined 2 by range, led by a []
        > commit b gen=2 t-0=1
        b: REBALANCE_IN_PROGRESS
        > describe
        admin: CompletingRebalance "consumer" "" ["a \"0\"", "b \"1\""]
    "#]],
    );
}

#[test]
fn text_that_is_too_long() {
    check_with(
        "offset.metadata.max.bytes=3\n",
        "commit admin t-0=5/abc; commit admin t-0=6/abcd t-1=1; fetch",
        expect![[r#"
            > commit admin t-0=5/abc
            record t-0=5
            admin: NONE
            > commit admin t-0=6/abcd t-1=1
            record t-1=1
            admin: OFFSET_METADATA_TOO_LARGE NONE
            > fetch
            admin: offsets t-0=5/abc@7 t-1=1/@7
        "#]],
    );
}

#[test]
fn an_empty_group_keeps_its_offsets_for_the_retention() {
    check_with(
        "offsets.retention.minutes=1\n",
        "join a v=3; time 0; sync a gen=1 gives=a:0; commit a gen=1 t-0=5; time 5000; leave a; time 64999; \
         expire; fetch; time 65000; expire; fetch; describe",
        expect![[r#"
            > join a v=3
            record group in 0 []
            > time 0
            a: joined 1 by range, led by a ["a"]
            > sync a gen=1 gives=a:0
            record group in 1 ["a"]
            a: synced "0"
            > commit a gen=1 t-0=5
            record t-0=5
            a: NONE
            > time 5000
            > leave a
            record group in 2 []
            a: NONE
            > time 64999
            > expire
            > fetch
            admin: offsets t-0=5/@7
            > time 65000
            > expire
            record t-0=gone
            record group is gone
            > fetch
            admin: offsets
            > describe
            admin: GROUP_ID_NOT_FOUND
        "#]],
    );
}

#[test]
fn an_active_group_keeps_what_it_reads() {
    check_with(
        "offsets.retention.minutes=1\n",
        "join a v=3 session=300000; time 0; sync a gen=1 gives=a:0; commit a gen=1 t-0=5 u-0=6; \
         time 60000; expire; fetch",
        expect![[r#"
            > join a v=3 session=300000
            record group in 0 []
            > time 0
            a: joined 1 by range, led by a ["a"]
            > sync a gen=1 gives=a:0
            record group in 1 ["a"]
            a: synced "0"
            > commit a gen=1 t-0=5 u-0=6
            record t-0=5
            record u-0=6
            a: NONE NONE
            > time 60000
            > expire
            record u-0=gone
            > fetch
            admin: offsets t-0=5/@7
        "#]],
    );
}

#[test]
fn an_active_group_of_another_kind_keeps_all() {
    check_with(
        "offsets.retention.minutes=1\n",
        "join a v=3 session=300000 type=connect knows=x:y; time 0; sync a gen=1 gives=a:0; \
         commit a gen=1 t-0=5; time 60000; expire; fetch; forget-offset t",
        expect![[r#"
            > join a v=3 session=300000 type=connect knows=x:y
            record group in 0 []
            > time 0
            a: joined 1 by x, led by a ["a"]
            > sync a gen=1 gives=a:0
            record group in 1 ["a"]
            a: synced "0"
            > commit a gen=1 t-0=5
            record t-0=5
            a: NONE
            > time 60000
            > expire
            > fetch
            admin: offsets t-0=5/@7
            > forget-offset t
            t: NON_EMPTY_GROUP
        "#]],
    );
}

#[test]
fn offsets_of_a_group_that_only_commits_expire_one_by_one() {
    check_with(
        "offsets.retention.minutes=1\n",
        "commit admin t-0=5; time 30000; commit admin t-1=6; time 60000; expire; fetch; time 90000; \
         expire; fetch; describe",
        expect![[r#"
            > commit admin t-0=5
            record t-0=5
            admin: NONE
            > time 30000
            > commit admin t-1=6
            record t-1=6
            admin: NONE
            > time 60000
            > expire
            record t-0=gone
            > fetch
            admin: offsets t-1=6/@7
            > time 90000
            > expire
            record t-1=gone
            record group is gone
            > fetch
            admin: offsets
            > describe
            admin: GROUP_ID_NOT_FOUND
        "#]],
    );
}

#[test]
fn a_client_of_old_says_how_long() {
    check_with(
        "offsets.retention.minutes=1\n",
        "commit admin t-0=5 keep=1000 v=3; time 999; expire; time 1000; expire; describe",
        expect![[r#"
            > commit admin t-0=5 keep=1000 v=3
            record t-0=5
            admin: NONE
            > time 999
            > expire
            > time 1000
            > expire
            record t-0=gone
            record group is gone
            > describe
            admin: GROUP_ID_NOT_FOUND
        "#]],
    );
}

#[test]
fn offsets_survive_a_restart() {
    check(
        "commit admin t-0=5/text; commit admin t-0=6; commit admin u-0=1; forget-offset u; restart; fetch",
        expect![[r#"
            > commit admin t-0=5/text
            record t-0=5
            admin: NONE
            > commit admin t-0=6
            record t-0=6
            admin: NONE
            > commit admin u-0=1
            record u-0=1
            admin: NONE
            > forget-offset u
            record u-0=gone
            u: NONE
            > restart
            > fetch
            admin: offsets t-0=6/@7
        "#]],
    );
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    check(
        "commit admin t-0=5 t-1=6 u-0=7; forget t; fetch",
        expect![[r#"
        > commit admin t-0=5 t-1=6 u-0=7
        record t-0=5
        record t-1=6
        record u-0=7
        admin: NONE NONE NONE
        > forget t
        record t-0=gone
        record t-1=gone
        > fetch
        admin: offsets u-0=7/@7
    "#]],
    );
}

#[test]
fn a_group_that_is_not_there() {
    check(
        "fetch; describe; delete; forget-offset t; restart; list",
        expect![[r#"
        > fetch
        admin: offsets
        > describe
        admin: GROUP_ID_NOT_FOUND
        > delete
        admin: GROUP_ID_NOT_FOUND
        > forget-offset t
        t: GROUP_ID_NOT_FOUND
        > restart
        > list
    "#]],
    );
}
