//! The way from one protocol to the other.

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
}

#[test]
fn a_classic_group_is_upgraded_and_downgraded() {
    check(
        "topic t 4; classic 7 c1:t:t-0,t-1 c2:t:t-2,t-3; describe; join a t; describe; cbeat c1; cjoin c1 t; csync c1; \
         cbeat c1; cjoin c1 t owned=t-0; csync c1; cbeat c2; beat a; describe; leave a",
        expect![[r#"
            > topic t 4
            > classic 7 c1:t:t-0,t-1 c2:t:t-2,t-3
            record member c1 classic: t
            record member c2 classic: t
            record epoch 7
            record target c1 t[0 1]
            record target c2 t[2 3]
            record target epoch 7
            record current c1 7 Stable [t-0@7 t-1@7]
            record current c2 7 Stable [t-2@7 t-3@7]
            > describe
            Stable, epoch 7, assignment of 7, uniform
              c1 classic epoch 7 wants t, has t[0 1], shall have t[0 1]
              c2 classic epoch 7 wants t, has t[2 3], shall have t[2 3]
            > join a t
            record member a: t
            record epoch 8
            record target c2 t[2]
            record target a t[3]
            record target epoch 8
            record current a 8 UnreleasedPartitions []
            epoch 8, may read nothing
            > describe
            Reconciling, epoch 8, assignment of 8, uniform
              a epoch 8 wants t, has nothing, shall have t[3]
              c1 classic epoch 7 wants t, has t[0 1], shall have t[0 1]
              c2 classic epoch 7 wants t, has t[2 3], shall have t[2]
            > cbeat c1
            REBALANCE_IN_PROGRESS
            > cjoin c1 t
            record current c1 8 Stable [t-0@7 t-1@7]
            generation 8, range
            > csync c1
            may read t[0 1]
            > cbeat c1
            NONE
            > cjoin c1 t owned=t-0
            record member c1 classic: t
            generation 8, range
            > csync c1
            may read t[0 1]
            > cbeat c2
            REBALANCE_IN_PROGRESS
            > beat a
            record current a 8 UnreleasedPartitions []
            epoch 8
            > describe
            Reconciling, epoch 8, assignment of 8, uniform
              a epoch 8 wants t, has nothing, shall have t[3]
              c1 classic epoch 8 wants t, has t[0 1], shall have t[0 1]
              c2 classic epoch 7 wants t, has t[2 3], shall have t[2]
            > leave a
            record no current a
            record no current c1
            record no current c2
            record no target a
            record no target c1
            record no target c2
            record no target epoch
            record no member a
            record no member c1
            record no member c2
            record no partition metadata
            record no group
            becomes a classic group: generation 8, range, to be rebalanced
              c1 t[0 1]
              c2 t[2 3]
            epoch -1
        "#]],
    );
}

#[test]
fn the_last_consumer_member_is_silent_and_the_group_is_classic_again() {
    check(
        "topic t 2; set session=8000; join a t; cjoin c t; csync c; wait 5000; cbeat c; wait 3000",
        expect![[r#"
        > topic t 2
        > set session=8000
        > join a t
        record member a: t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > cjoin c t
        record member c classic: t
        record epoch 2
        record target a t[0]
        record target c t[1]
        record target epoch 2
        record current c 2 UnreleasedPartitions []
        generation 2, range
        > csync c
        may read nothing
        > wait 5000
        > cbeat c
        NONE
        > wait 3000
        at 8000: Member("a") is due
        record no current a
        record no current c
        record no target a
        record no target c
        record no target epoch
        record no member a
        record no member c
        record no partition metadata
        record no group
        becomes a classic group: generation 2, range, to be rebalanced
          c nothing
    "#]],
    );
}

#[test]
fn the_last_consumer_member_is_replaced_by_a_classic_one() {
    check(
        "topic t 2; join a t instance=one; cjoin c t; csync c; cjoin d t instance=one id=",
        expect![[r#"
        > topic t 2
        > join a t instance=one
        record member a (one): t
        record epoch 1
        record target a t[0 1]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1]
        epoch 1, may read t[0 1]
        > cjoin c t
        record member c classic: t
        record epoch 2
        record target a t[0]
        record target c t[1]
        record target epoch 2
        record current c 2 UnreleasedPartitions []
        generation 2, range
        > csync c
        may read nothing
        > cjoin d t instance=one id=
        record no current a
        record no target a
        record no member a
        record member AgICAgICAgICAgICAgICAg (one): t
        record target AgICAgICAgICAgICAgICAg t[0]
        record current AgICAgICAgICAgICAgICAg 0 Stable [t-0@1 t-1@1]
        record member AgICAgICAgICAgICAgICAg (one) classic: t
        record current AgICAgICAgICAgICAgICAg 2 Stable [t-0@1]
        record no current AgICAgICAgICAgICAgICAg
        record no current c
        record no target AgICAgICAgICAgICAgICAg
        record no target c
        record no target epoch
        record no member AgICAgICAgICAgICAgICAg
        record no member c
        record no partition metadata
        record no group
        becomes a classic group: generation 2, range, to be rebalanced
          AgICAgICAgICAgICAgICAg t[0]
          c nothing
        generation 2, range, id AgICAgICAgICAgICAgICAg
    "#]],
    );
}

#[test]
fn migration_may_be_off() {
    check(
        "topic t 2; set migration=disabled; classic 7 c1:t:t-0,t-1; join a t; cjoin c t; set migration=upgrade; cjoin c t; \
         leave a; describe",
        expect![[r#"
            > topic t 2
            > set migration=disabled
            > classic 7 c1:t:t-0,t-1
            GROUP_ID_NOT_FOUND: Cannot upgrade classic group g to consumer group because online upgrade is disabled.
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > cjoin c t
            INCONSISTENT_GROUP_PROTOCOL: Cannot join the consumer group g with the classic protocol because the group migration is disabled.
            > set migration=upgrade
            > cjoin c t
            record member c classic: t
            record epoch 2
            record target a t[0]
            record target c t[1]
            record target epoch 2
            record current c 2 UnreleasedPartitions []
            generation 2, range
            > leave a
            record no current a
            record no target a
            record no member a
            record epoch 3
            epoch -1
            > describe
            Assigning, epoch 3, assignment of 2, uniform
              c classic epoch 2 wants t, has nothing, shall have t[1]
        "#]],
    );
}

#[test]
fn a_group_too_large_or_of_another_kind_is_not_upgraded() {
    check(
        "topic t 2; set size=1; classic 7 c1:t:t-0 c2:t:t-1",
        expect![[r#"
        > topic t 2
        > set size=1
        > classic 7 c1:t:t-0 c2:t:t-1
        GROUP_ID_NOT_FOUND: Cannot upgrade classic group g to consumer group because the group size exceeds the consumer group maximum size.
    "#]],
    );
}

/// A cooperative leader has taken a partition from a member, who has not heard of it, when the group changes its
/// protocol: nobody else may have it before.
#[test]
fn what_a_cooperative_member_is_to_give_up_is_its_own_after_an_upgrade() {
    check(
        "topic t 2; classic 7 c1:t:t-0:-:t-0,t-1 c2:t::-:; join a t; describe; cbeat c1; cjoin c1 t owned=t-0,t-1; \
         csync c1; cjoin c1 t owned=t-0; beat a; describe",
        expect![[r#"
            > topic t 2
            > classic 7 c1:t:t-0:-:t-0,t-1 c2:t::-:
            record member c1 classic: t
            record member c2 classic: t
            record epoch 7
            record target c1 t[0]
            record target c2 nothing
            record target epoch 7
            record current c1 7 UnrevokedPartitions [t-0@7] revoking [t-1@7]
            record current c2 7 Stable []
            > join a t
            record member a: t
            record epoch 8
            record target c2 t[1]
            record target a nothing
            record target epoch 8
            record current a 8 Stable []
            epoch 8, may read nothing
            > describe
            Reconciling, epoch 8, assignment of 8, uniform
              a epoch 8 wants t, has nothing, shall have nothing
              c1 classic epoch 7 wants t, has t[0 1], shall have t[0]
              c2 classic epoch 7 wants t, has nothing, shall have t[1]
            > cbeat c1
            REBALANCE_IN_PROGRESS
            > cjoin c1 t owned=t-0,t-1
            generation 7, range
            > csync c1
            may read t[0]
            > cjoin c1 t owned=t-0
            record member c1 classic: t
            record current c1 8 Stable [t-0@7]
            generation 8, range
            > beat a
            epoch 8
            > describe
            Reconciling, epoch 8, assignment of 8, uniform
              a epoch 8 wants t, has nothing, shall have nothing
              c1 classic epoch 8 wants t, has t[0], shall have t[0]
              c2 classic epoch 7 wants t, has nothing, shall have t[1]
        "#]],
    );
}
