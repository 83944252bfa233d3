//! What members are subscribed to changes: by name, by pattern, by what becomes of the topics.

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
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
fn what_a_former_pattern_matched_goes_to_others_at_once() {
    check(
        "topic a 2; join m regex=a; join n regex=a; beat m; beat m owned=a-0; beat n; beat n regex=b; beat n owned=; \
         wait 1000; beat m owned=a-0; beat m",
        expect![[r#"
            > topic a 2
            > join m regex=a
            record member m: /a/
            record /a/: a
            record epoch 1
            record target m a[0 1]
            record target epoch 1
            record current m 1 Stable [a-0@1 a-1@1]
            epoch 1, may read a[0 1]
            > join n regex=a
            record member n: /a/
            record epoch 2
            record target m a[0]
            record target n a[1]
            record target epoch 2
            record current n 2 UnreleasedPartitions []
            epoch 2, may read nothing
            > beat m
            record current m 1 UnrevokedPartitions [a-0@1] revoking [a-1@1]
            epoch 1, may read a[0]
            > beat m owned=a-0
            record current m 2 Stable [a-0@1]
            epoch 2
            > beat n
            record current n 2 Stable [a-1@2]
            epoch 2, may read a[1]
            > beat n regex=b
            record member n: /b/
            record epoch 3
            record target m a[0 1]
            record target n nothing
            record target epoch 3
            record current n 2 UnrevokedPartitions [] revoking [a-1@2]
            epoch 2, may read nothing
            > beat n owned=
            record current n 3 Stable []
            epoch 3
            > wait 1000
            > beat m owned=a-0
            record /b/: 
            record current m 3 Stable [a-0@1 a-1@3]
            epoch 3, may read a[0 1]
            > beat m
            epoch 3
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
fn nothing_is_a_subscription_too() {
    check(
        "topic t 1; join a; join b regex=x.*; beat a; topic x 1; wait 10000; beat b; beat a t; beat a none owned=",
        expect![[r#"
        > topic t 1
        > join a
        record member a: 
        record epoch 1
        record target a nothing
        record target epoch 1
        record current a 1 Stable []
        epoch 1, may read nothing
        > join b regex=x.*
        record member b: /x.*/
        record /x.*/: 
        record current b 1 Stable []
        epoch 1, may read nothing
        > beat a
        epoch 1
        > topic x 1
        > wait 10000
        > beat b
        record /x.*/: x
        record epoch 2
        record target b x[0]
        record target epoch 2
        record current b 2 Stable [x-0@2]
        epoch 2, may read x[0]
        > beat a t
        record member a: t
        record epoch 3
        record target a t[0]
        record target epoch 3
        record current a 3 Stable [t-0@3]
        epoch 3, may read t[0]
        > beat a none owned=
        record member a: 
        record epoch 4
        record target a nothing
        record target epoch 4
        record current a 4 Stable []
        epoch 4, may read nothing
    "#]],
    );
}
