//! Members of the consumer protocol share partitions out: joining, leaving, being late.

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
}

#[test]
fn a_second_member_gets_its_half_when_the_first_has_given_it_back() {
    check(
        "topic t 4; join a t; join b t; describe; beat b; beat a; beat a owned=all; beat a owned=t-0,t-1; beat b; \
         describe",
        expect![[r#"
            > topic t 4
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1 2 3]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1 t-2@1 t-3@1]
            epoch 1, may read t[0 1 2 3]
            > join b t
            record member b: t
            record epoch 2
            record target a t[0 1]
            record target b t[2 3]
            record target epoch 2
            record current b 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > describe
            Reconciling, epoch 2, assignment of 2, uniform
              a epoch 1 wants t, has t[0 1 2 3], shall have t[0 1]
              b epoch 2 wants t, has nothing, shall have t[2 3]
            > beat b
            record current b 2 UnreleasedPartitions []
            epoch 2
            > beat a
            record current a 1 UnrevokedPartitions [t-0@1 t-1@1] revoking [t-2@1 t-3@1]
            epoch 1, may read t[0 1]
            > beat a owned=all
            record current a 2 Stable [t-0@1 t-1@1]
            epoch 2
            > beat a owned=t-0,t-1
            epoch 2
            > beat b
            record current b 2 Stable [t-2@2 t-3@2]
            epoch 2, may read t[2 3]
            > describe
            Stable, epoch 2, assignment of 2, uniform
              a epoch 2 wants t, has t[0 1], shall have t[0 1]
              b epoch 2 wants t, has t[2 3], shall have t[2 3]
        "#]],
    );
}

#[test]
fn who_leaves_leaves_its_partitions_to_the_others() {
    check(
        "topic t 2; join a t; join b t; beat a owned=t-0; beat b; leave b; beat a; leave a; describe; delete",
        expect![[r#"
        > topic t 2
        > join a t
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > join b t
        record member b: t
        record epoch 2
        record target a t[0]
        record target b t[1]
        record target epoch 2
        record current b 2 UnreleasedPartitions []
        epoch 2, may read nothing
        > beat a owned=t-0
        record current a 2 Stable [t-0@1]
        epoch 2, may read t[0]
        > beat b
        record current b 2 Stable [t-1@2]
        epoch 2, may read t[1]
        > leave b
        record no current b
        record no target b
        record no member b
        record epoch 3
        epoch -1
        > beat a
        record target a t[0 1]
        record target epoch 3
        record current a 3 Stable [t-0@1 t-1@3]
        epoch 3, may read t[0 1]
        > leave a
        record no current a
        record no target a
        record no member a
        record epoch 4
        epoch -1
        > describe
        Empty, epoch 4, assignment of 3, uniform
        > delete
        record no target epoch
        record no partition metadata
        record no group
    "#]],
    );
}

#[test]
fn who_is_silent_is_out() {
    check(
        "topic t 2; set session=30000; join a t; wait 20000; beat a; wait 20000; join b t; wait 15000; beat a; beat b",
        expect![[r#"
            > topic t 2
            > set session=30000
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > wait 20000
            > beat a
            epoch 1
            > wait 20000
            > join b t
            record member b: t
            record epoch 2
            record target a t[0]
            record target b t[1]
            record target epoch 2
            record current b 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > wait 15000
            at 50000: Member("a") is due
            record no current a
            record no target a
            record no member a
            record epoch 3
            > beat a
            UNKNOWN_MEMBER_ID: Member a is not a member of group g.
            > beat b
            record target b t[0 1]
            record target epoch 3
            record current b 3 Stable [t-0@3 t-1@3]
            epoch 3, may read t[0 1]
        "#]],
    );
}

#[test]
fn who_gives_nothing_back_in_time_is_out() {
    check(
        "topic t 2; join a t timeout=5000; join b t; beat a; wait 4000; beat a; wait 1000; beat a; beat b",
        expect![[r#"
        > topic t 2
        > join a t timeout=5000
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > join b t
        record member b: t
        record epoch 2
        record target a t[0]
        record target b t[1]
        record target epoch 2
        record current b 2 UnreleasedPartitions []
        epoch 2, may read nothing
        > beat a
        record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
        epoch 1, may read t[0]
        > wait 4000
        > beat a
        epoch 1
        > wait 1000
        at 5000: Member("a") is due
        record no current a
        record no target a
        record no member a
        record epoch 3
        > beat a
        UNKNOWN_MEMBER_ID: Member a is not a member of group g.
        > beat b
        record target b t[0 1]
        record target epoch 3
        record current b 3 Stable [t-0@3 t-1@3]
        epoch 3, may read t[0 1]
    "#]],
    );
}

#[test]
fn who_gives_back_in_time_stays() {
    check(
        "topic t 2; join a t timeout=5000; join b t; beat a; wait 4000; beat a owned=t-0; wait 1000; beat a",
        expect![[r#"
        > topic t 2
        > join a t timeout=5000
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > join b t
        record member b: t
        record epoch 2
        record target a t[0]
        record target b t[1]
        record target epoch 2
        record current b 2 UnreleasedPartitions []
        epoch 2, may read nothing
        > beat a
        record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
        epoch 1, may read t[0]
        > wait 4000
        > beat a owned=t-0
        record current a 2 Stable [t-0@1]
        epoch 2
        > wait 1000
        > beat a
        epoch 2
    "#]],
    );
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    check(
        "topic t 2; join a t; join b t; beat a; beat a owned=t-0; beat a epoch=1 owned=t-0; beat a epoch=1 owned=t-0,t-1; \
         beat a epoch=1; beat a epoch=9",
        expect![[r#"
            > topic t 2
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > join b t
            record member b: t
            record epoch 2
            record target a t[0]
            record target b t[1]
            record target epoch 2
            record current b 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > beat a
            record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
            epoch 1, may read t[0]
            > beat a owned=t-0
            record current a 2 Stable [t-0@1]
            epoch 2
            > beat a epoch=1 owned=t-0
            epoch 2
            > beat a epoch=1 owned=t-0,t-1
            FENCED_MEMBER_EPOCH: The consumer group member has a smaller member epoch (1) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.
            > beat a epoch=1
            FENCED_MEMBER_EPOCH: The consumer group member has a smaller member epoch (1) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.
            > beat a epoch=9
            FENCED_MEMBER_EPOCH: The consumer group member has a greater member epoch (9) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.
        "#]],
    );
}

#[test]
fn a_full_request_gets_a_full_answer() {
    check(
        "topic t 1; join a t; beat a; beat a t timeout=10000 owned=all",
        expect![[r#"
        > topic t 1
        > join a t
        record member a: t
        record epoch 1
        record target a t[0]
        record target epoch 1
        record current a 1 Stable [t-0@1]
        epoch 1, may read t[0]
        > beat a
        epoch 1
        > beat a t timeout=10000 owned=all
        epoch 1, may read t[0]
    "#]],
    );
}

#[test]
fn a_fenced_member_joins_again_from_zero() {
    check(
        "topic t 2; join a t; join b t; beat a; join a t; beat b; beat a owned=t-0; beat b",
        expect![[r#"
        > topic t 2
        > join a t
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > join b t
        record member b: t
        record epoch 2
        record target a t[0]
        record target b t[1]
        record target epoch 2
        record current b 2 UnreleasedPartitions []
        epoch 2, may read nothing
        > beat a
        record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
        epoch 1, may read t[0]
        > join a t
        record current a 2 Stable [t-0@1]
        epoch 2, may read t[0]
        > beat b
        record current b 2 Stable [t-1@2]
        epoch 2, may read t[1]
        > beat a owned=t-0
        epoch 2
        > beat b
        epoch 2
    "#]],
    );
}

#[test]
fn the_pause_between_assignments_is_kept() {
    check(
        "topic t 2; set interval=1000; join a t; wait 10; join b t; describe; wait 990; beat b; beat a",
        expect![[r#"
        > topic t 2
        > set interval=1000
        > join a t
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > wait 10
        > join b t
        record member b: t
        record epoch 2
        record current b 1 Stable []
        epoch 1, may read nothing
        > describe
        Assigning, epoch 2, assignment of 1, uniform
          a epoch 1 wants t, has t[0 1], shall have t[0 1]
          b epoch 1 wants t, has nothing, shall have nothing
        > wait 990
        > beat b
        record target a t[0]
        record target b t[1]
        record target epoch 2
        record current b 2 UnreleasedPartitions []
        epoch 2
        > beat a
        record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
        epoch 1, may read t[0]
    "#]],
    );
}

#[test]
fn a_restart_gives_everybody_another_session() {
    check(
        "topic t 2; set session=30000; join a t; join b t; beat a; wait 29000; restart; wait 29000; beat a; wait 1000; describe",
        expect![[r#"
            > topic t 2
            > set session=30000
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > join b t
            record member b: t
            record epoch 2
            record target a t[0]
            record target b t[1]
            record target epoch 2
            record current b 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > beat a
            record current a 1 UnrevokedPartitions [t-0@1] revoking [t-1@1]
            epoch 1, may read t[0]
            > wait 29000
            at 10000: Member("a") is due
            record no current a
            record no target a
            record no member a
            record epoch 3
            > restart
            > wait 29000
            > beat a
            UNKNOWN_MEMBER_ID: Member a is not a member of group g.
            > wait 1000
            at 59000: Member("b") is due
            record no current b
            record no target b
            record no member b
            record epoch 4
            > describe
            Empty, epoch 4, assignment of 2, uniform
        "#]],
    );
}
