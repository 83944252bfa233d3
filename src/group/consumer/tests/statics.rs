//! Static members (KIP-345).

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
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
