//! Members of the consumer protocol: joining, sharing, leaving; and every way to be refused.

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
fn a_static_member_comes_back_to_what_it_had() {
    check(
        "topic t 2; join a t instance=one; join b t; beat a owned=t-0; beat b; join c t instance=one; away a; \
         join c t instance=one; beat a; beat a instance=one; beat c; describe",
        expect![[r#"
            > topic t 2
            > join a t instance=one
            record member a (one): t
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
            > join c t instance=one
            UNRELEASED_INSTANCE_ID: Static member c with instance id one cannot join the group because the instance id is owned by a member.
            > away a
            record current a -2 Stable [t-0@0]
            epoch -2
            > join c t instance=one
            record no current a
            record no target a
            record no member a
            record member c (one): t
            record target c t[0]
            record current c 0 Stable [t-0@0]
            record member c (one): t
            record current c 2 Stable [t-0@0]
            epoch 2, may read t[0]
            > beat a
            FENCED_INSTANCE_ID: Static member a with instance id one was fenced by member c.
            > beat a instance=one
            FENCED_INSTANCE_ID: Static member a with instance id one was fenced by member c.
            > beat c
            epoch 2
            > describe
            Stable, epoch 2, assignment of 2, uniform
              b epoch 2 wants t, has t[1], shall have t[1]
              c epoch 2 wants t, has t[0], shall have t[0]
        "#]],
    );
}

#[test]
fn a_static_member_that_stays_away_is_out() {
    check(
        "topic t 1; set session=45000; join a t instance=one; away a; wait 44000; describe; wait 1000; describe",
        expect![[r#"
        > topic t 1
        > set session=45000
        > join a t instance=one
        record member a (one): t
        record epoch 1
        record target a t[0]
        record target epoch 1
        record current a 1 Stable [t-0@1]
        epoch 1, may read t[0]
        > away a
        record current a -2 Stable [t-0@0]
        epoch -2
        > wait 44000
        > describe
        Reconciling, epoch 1, assignment of 1, uniform
          a epoch -2 wants t, has t[0], shall have t[0]
        > wait 1000
        at 45000: Member("a") is due
        record no current a
        record no target a
        record no member a
        record epoch 2
        > describe
        Empty, epoch 2, assignment of 1, uniform
    "#]],
    );
}

#[test]
fn a_static_member_leaves_for_good() {
    check(
        "topic t 1; join a t instance=one; leave a; join b t instance=one; leave c instance=one; leave c instance=two",
        expect![[r#"
        > topic t 1
        > join a t instance=one
        record member a (one): t
        record epoch 1
        record target a t[0]
        record target epoch 1
        record current a 1 Stable [t-0@1]
        epoch 1, may read t[0]
        > leave a
        record no current a
        record no target a
        record no member a
        record epoch 2
        epoch -1
        > join b t instance=one
        record member b (one): t
        record epoch 3
        record target b t[0]
        record target epoch 3
        record current b 3 Stable [t-0@3]
        epoch 3, may read t[0]
        > leave c instance=one
        FENCED_INSTANCE_ID: Static member c with instance id one was fenced by member b.
        > leave c instance=two
        UNKNOWN_MEMBER_ID: Instance id two is unknown.
    "#]],
    );
}

#[test]
fn a_changed_subscription_is_taken_back_before_the_target_is_new() {
    check(
        "topic t 1; topic u 1; set interval=1000; join a t,u; join b u; beat a u; beat a owned=u-0; wait 1000; beat b; \
         beat a; beat a owned=",
        expect![[r#"
            > topic t 1
            > topic u 1
            > set interval=1000
            > join a t,u
            record member a: t,u
            record epoch 1
            record target a t[0] u[0]
            record target epoch 1
            record current a 1 Stable [t-0@1 u-0@1]
            epoch 1, may read t[0] u[0]
            > join b u
            record member b: u
            record epoch 2
            record current b 1 Stable []
            epoch 1, may read nothing
            > beat a u
            record member a: u
            record epoch 3
            record current a 1 UnrevokedPartitions [u-0@1] revoking [t-0@1]
            epoch 1, may read u[0]
            > beat a owned=u-0
            record current a 1 Stable [u-0@1]
            epoch 1
            > wait 1000
            > beat b
            record target a u[0]
            record target b nothing
            record target epoch 3
            record current b 3 Stable []
            epoch 3
            > beat a
            record current a 3 Stable [u-0@1]
            epoch 3
            > beat a owned=
            epoch 3
        "#]],
    );
}

#[test]
fn more_partitions_and_a_deleted_topic_raise_the_epoch() {
    check(
        "topic t 1; topic u 1; join a t,u; topic t 2; beat a; untopic u; beat a; beat a owned=t-0,t-1; topic v 1; beat a; topic w 1; beat a w",
        expect![[r#"
        > topic t 1
        > topic u 1
        > join a t,u
        record member a: t,u
        record epoch 1
        record target a t[0] u[0]
        record target epoch 1
        record current a 1 Stable [t-0@1 u-0@1]
        epoch 1, may read t[0] u[0]
        > topic t 2
        > beat a
        record epoch 2
        record target a t[0 1] u[0]
        record target epoch 2
        record current a 2 Stable [t-0@1 t-1@2 u-0@1]
        epoch 2, may read t[0 1] u[0]
        > untopic u
        > beat a
        record epoch 3
        record target a t[0 1]
        record target epoch 3
        record current a 2 UnrevokedPartitions [t-0@1 t-1@2] revoking [(u)-0@1]
        epoch 2, may read t[0 1]
        > beat a owned=t-0,t-1
        record current a 3 Stable [t-0@1 t-1@2]
        epoch 3
        > topic v 1
        > beat a
        epoch 3
        > topic w 1
        > beat a w
        record member a: w
        record epoch 4
        record target a w[0]
        record target epoch 4
        record current a 3 UnrevokedPartitions [] revoking [t-0@1 t-1@2]
        epoch 3, may read nothing
    "#]],
    );
}

#[test]
fn a_topic_that_is_made_later_is_read_from_then_on() {
    check(
        "join a t; topic t 2; beat a",
        expect![[r#"
        > join a t
        record member a: t
        record epoch 1
        record target a nothing
        record target epoch 1
        record current a 1 Stable []
        epoch 1, may read nothing
        > topic t 2
        > beat a
        record epoch 2
        record target a t[0 1]
        record target epoch 2
        record current a 2 Stable [t-0@2 t-1@2]
        epoch 2, may read t[0 1]
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
fn most_members_choose_the_assignor() {
    check(
        "topic t 2; topic u 2; join a t,u assignor=range; join b t,u assignor=uniform; describe; join c t,u assignor=range; \
         describe; join d t assignor=sticky; set assignors=range; join d t assignor=uniform",
        expect![[r#"
            > topic t 2
            > topic u 2
            > join a t,u assignor=range
            record member a: t,u
            record epoch 1
            record target a t[0 1] u[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1 u-0@1 u-1@1]
            epoch 1, may read t[0 1] u[0 1]
            > join b t,u assignor=uniform
            record member b: t,u
            record epoch 2
            record target a t[0 1]
            record target b u[0 1]
            record target epoch 2
            record current b 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > describe
            Reconciling, epoch 2, assignment of 2, uniform
              a epoch 1 wants t,u, has t[0 1] u[0 1], shall have t[0 1]
              b epoch 2 wants t,u, has nothing, shall have u[0 1]
            > join c t,u assignor=range
            record member c: t,u
            record epoch 3
            record target a t[0] u[0]
            record target b t[1] u[1]
            record target c nothing
            record target epoch 3
            record current c 3 Stable []
            epoch 3, may read nothing
            > describe
            Reconciling, epoch 3, assignment of 3, range
              a epoch 1 wants t,u, has t[0 1] u[0 1], shall have t[0] u[0]
              b epoch 2 wants t,u, has nothing, shall have t[1] u[1]
              c epoch 3 wants t,u, has nothing, shall have nothing
            > join d t assignor=sticky
            UNSUPPORTED_ASSIGNOR: ServerAssignor sticky is not supported. Supported assignors: uniform, range.
            > set assignors=range
            > join d t assignor=uniform
            UNSUPPORTED_ASSIGNOR: ServerAssignor uniform is not supported. Supported assignors: range.
        "#]],
    );
}

#[test]
fn a_pattern_is_resolved_by_the_broker() {
    check(
        "topic a1 1; topic b1 1; join m none regex=a.*; topic a2 1; wait 9000; beat m; wait 1000; beat m; \
         join n b1 regex=a.*; leave m; beat n owned=all; beat n b1 regex=; beat n owned=b1-0",
        expect![[r#"
            > topic a1 1
            > topic b1 1
            > join m none regex=a.*
            record member m: /a.*/
            record /a.*/: a1
            record epoch 1
            record target m a1[0]
            record target epoch 1
            record current m 1 Stable [a1-0@1]
            epoch 1, may read a1[0]
            > topic a2 1
            > wait 9000
            > beat m
            epoch 1
            > wait 1000
            > beat m
            record /a.*/: a1,a2
            record epoch 2
            record target epoch 2
            record current m 2 Stable [a1-0@1]
            epoch 2
            > join n b1 regex=a.*
            record member n: /a.*/
            record epoch 3
            record target n b1[0]
            record target epoch 3
            record current n 3 Stable [b1-0@3]
            epoch 3, may read b1[0]
            > leave m
            record no current m
            record no target m
            record no member m
            record epoch 4
            epoch -1
            > beat n owned=all
            record target n a1[0] b1[0]
            record target epoch 4
            record current n 4 Stable [a1-0@4 b1-0@3]
            epoch 4, may read a1[0] b1[0]
            > beat n b1 regex=
            record member n: b1
            record no /a.*/
            record epoch 5
            record target n b1[0]
            record target epoch 5
            record current n 4 UnrevokedPartitions [b1-0@3] revoking [a1-0@4]
            epoch 4, may read b1[0]
            > beat n owned=b1-0
            record current n 5 Stable [b1-0@3]
            epoch 5
        "#]],
    );
}

#[test]
fn patterns_of_others_wait_a_second() {
    check(
        "topic a 1; topic b 1; join m regex=a; join n regex=b; wait 1000; beat n; leave m; leave n",
        expect![[r#"
        > topic a 1
        > topic b 1
        > join m regex=a
        record member m: /a/
        record /a/: a
        record epoch 1
        record target m a[0]
        record target epoch 1
        record current m 1 Stable [a-0@1]
        epoch 1, may read a[0]
        > join n regex=b
        record member n: /b/
        record current n 1 Stable []
        epoch 1, may read nothing
        > wait 1000
        > beat n
        record /b/: b
        record epoch 2
        record target n b[0]
        record target epoch 2
        record current n 2 Stable [b-0@2]
        epoch 2, may read b[0]
        > leave m
        record no current m
        record no target m
        record no member m
        record no /a/
        record epoch 3
        epoch -1
        > leave n
        record no current n
        record no target n
        record no member n
        record no /b/
        record epoch 4
        epoch -1
    "#]],
    );
}

#[test]
fn bad_patterns_are_refused_and_change_nothing() {
    check(
        "topic a 1; join m regex=(; describe; join m regex=a; beat m regex=[z-; beat m",
        expect![[r#"
        > topic a 1
        > join m regex=(
        INVALID_REGULAR_EXPRESSION: SubscribedTopicRegex `(` is not a valid regular expression: unclosed group.
        > describe
        Empty, epoch 0, assignment of 0, uniform
        > join m regex=a
        record member m: /a/
        record /a/: a
        record epoch 1
        record target m a[0]
        record target epoch 1
        record current m 1 Stable [a-0@1]
        epoch 1, may read a[0]
        > beat m regex=[z-
        INVALID_REGULAR_EXPRESSION: SubscribedTopicRegex `[z-` is not a valid regular expression: unclosed character class.
        > beat m
        epoch 1
    "#]],
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    check(
        "join a t id= ; join a t version=0 timeout=-1; join a t owned=t-0; join a; beat a epoch=-3; away a; join a t instance=; \
         join a t rack=; beat a epoch=5; beat a epoch=5 instance=one; leave a",
        expect![[r#"
            > join a t id=
            INVALID_REQUEST: MemberId can't be empty.
            > join a t version=0 timeout=-1
            INVALID_REQUEST: RebalanceTimeoutMs must be provided in first request.
            > join a t owned=t-0
            INVALID_REQUEST: TopicPartitions must be empty when (re-)joining.
            > join a
            record member a: 
            epoch 0, may read nothing
            > beat a epoch=-3
            INVALID_REQUEST: MemberEpoch is invalid.
            > away a
            INVALID_REQUEST: InstanceId can't be null.
            > join a t instance=
            INVALID_REQUEST: InstanceId can't be empty.
            > join a t rack=
            INVALID_REQUEST: RackId can't be empty.
            > beat a epoch=5
            FENCED_MEMBER_EPOCH: The consumer group member has a greater member epoch (5) than the one known by the group coordinator (0). The member must abandon all its partitions and rejoin.
            > beat a epoch=5 instance=one
            UNKNOWN_MEMBER_ID: Instance id one is unknown.
            > leave a
            record no current a
            record no target a
            record no member a
            record epoch 1
            epoch -1
        "#]],
    );
}

#[test]
fn a_full_group_takes_nobody_in() {
    check(
        "topic t 1; set size=1; join a t; join b t; join a t; leave a; join b t",
        expect![[r#"
        > topic t 1
        > set size=1
        > join a t
        record member a: t
        record epoch 1
        record target a t[0]
        record target epoch 1
        record current a 1 Stable [t-0@1]
        epoch 1, may read t[0]
        > join b t
        GROUP_MAX_SIZE_REACHED: The consumer group has reached its maximum capacity of 1 members.
        > join a t
        epoch 1, may read t[0]
        > leave a
        record no current a
        record no target a
        record no member a
        record epoch 2
        epoch -1
        > join b t
        record member b: t
        record epoch 3
        record target b t[0]
        record target epoch 3
        record current b 3 Stable [t-0@3]
        epoch 3, may read t[0]
    "#]],
    );
}

#[test]
fn commits_are_checked_by_epoch() {
    check(
        "topic t 2; commit - t-0 epoch=-1; join a t; commit - t-0 epoch=-1; commit - t-0 epoch=-1 version=txn; commit a t-0; \
         commit a t-0 version=8; commit a t-0 epoch=2; commit b t-0 epoch=1; join b t; beat a owned=t-0; commit a t-0 epoch=1; \
         commit a t-1 epoch=1; beat b; commit b t-1 epoch=1; commit b t-1; fetch epoch=-1; fetch a epoch=2; fetch a epoch=1; \
         fetch z epoch=1; delete",
        expect![[r#"
            > topic t 2
            > commit - t-0 epoch=-1
            yes
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > commit - t-0 epoch=-1
            UNKNOWN_MEMBER_ID: Member  is not a member of group g.
            > commit - t-0 epoch=-1 version=txn
            yes
            > commit a t-0
            yes
            > commit a t-0 version=8
            UNSUPPORTED_VERSION: OffsetCommit version 9 or above must be used by members using the consumer group protocol
            > commit a t-0 epoch=2
            STALE_MEMBER_EPOCH: Received member epoch 2 is newer than current member epoch 1.
            > commit b t-0 epoch=1
            UNKNOWN_MEMBER_ID: Member b is not a member of group g.
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
            > commit a t-0 epoch=1
            yes
            > commit a t-1 epoch=1
            STALE_MEMBER_EPOCH: Partition t-1 is not assigned or pending revocation for member.
            > beat b
            record current b 2 Stable [t-1@2]
            epoch 2, may read t[1]
            > commit b t-1 epoch=1
            STALE_MEMBER_EPOCH: Received member epoch 1 is older than assignment epoch 2 for partition t-1.
            > commit b t-1
            yes
            > fetch epoch=-1
            yes
            > fetch a epoch=2
            yes
            > fetch a epoch=1
            STALE_MEMBER_EPOCH: The received member epoch 1 does not match the expected member epoch 2.
            > fetch z epoch=1
            UNKNOWN_MEMBER_ID: Member z is not a member of group g.
            > delete
            NON_EMPTY_GROUP
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
