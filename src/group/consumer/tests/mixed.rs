//! Members of both protocols in one group.

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
}

#[test]
fn a_classic_member_joins_a_consumer_group() {
    check(
        "topic t 2; join a t; cjoin c t version=4 id=; cjoin c t; csync c; cbeat c; beat a owned=t-0; cbeat c; cjoin c t; csync c; cbeat c; describe",
        expect![[r#"
            > topic t 2
            > join a t
            record member a: t
            record epoch 1
            record target a t[0 1]
            record target epoch 1
            record current a 1 Stable [t-0@1 t-1@1]
            epoch 1, may read t[0 1]
            > cjoin c t version=4 id=
            MEMBER_ID_REQUIRED, id AQEBAQEBAQEBAQEBAQEBAQ
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
            > cbeat c
            NONE
            > beat a owned=t-0
            record current a 2 Stable [t-0@1]
            epoch 2, may read t[0]
            > cbeat c
            REBALANCE_IN_PROGRESS
            > cjoin c t
            record current c 2 Stable [t-1@2]
            generation 2, range
            > csync c
            may read t[1]
            > cbeat c
            NONE
            > describe
            Stable, epoch 2, assignment of 2, uniform
              a epoch 2 wants t, has t[0], shall have t[0]
              c classic epoch 2 wants t, has t[1], shall have t[1]
        "#]],
    );
}

#[test]
fn a_classic_member_that_does_not_join_in_time_is_out() {
    check(
        "topic t 2; join a t; cjoin c t; csync c; beat a owned=t-0; cbeat c; wait 5000; cbeat c; wait 4000; describe",
        expect![[r#"
            > topic t 2
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
            > beat a owned=t-0
            record current a 2 Stable [t-0@1]
            epoch 2, may read t[0]
            > cbeat c
            REBALANCE_IN_PROGRESS
            > wait 5000
            > cbeat c
            REBALANCE_IN_PROGRESS
            > wait 4000
            at 9000: Member("c") is due
            record no current c
            record no target c
            record no member c
            record epoch 3
            > describe
            Assigning, epoch 3, assignment of 2, uniform
              a epoch 2 wants t, has t[0], shall have t[0]
        "#]],
    );
}

#[test]
fn a_classic_member_that_does_not_sync_is_out() {
    check(
        "topic t 2; join a t; cjoin c t; wait 5000; cbeat c; wait 4000; describe",
        expect![[r#"
        > topic t 2
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
        > wait 5000
        > cbeat c
        NONE
        > wait 4000
        at 9000: Member("c") is due
        record no current c
        record no target c
        record no member c
        record epoch 3
        > describe
        Assigning, epoch 3, assignment of 2, uniform
          a epoch 1 wants t, has t[0 1], shall have t[0]
    "#]],
    );
}

#[test]
fn a_classic_member_that_is_silent_is_out() {
    check(
        "topic t 2; join a t; cjoin c t; csync c; wait 5000; cbeat c; wait 5000; cbeat c; wait 6000; cbeat c",
        expect![[r#"
        > topic t 2
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
        > wait 5000
        > cbeat c
        NONE
        > wait 6000
        at 16000: Member("c") is due
        record no current c
        record no target c
        record no member c
        record epoch 3
        > cbeat c
        UNKNOWN_MEMBER_ID: Member c is not a member of group g.
    "#]],
    );
}

#[test]
fn a_static_member_changes_its_protocol_and_back() {
    check(
        "topic t 2; join a t instance=one; join b t; beat a owned=t-0; beat b; cjoin c t instance=one id=; describe; \
         beat a instance=one; join d t instance=one; cbeat c; describe",
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
            > cjoin c t instance=one id=
            record no current a
            record no target a
            record no member a
            record member AQEBAQEBAQEBAQEBAQEBAQ (one): t
            record target AQEBAQEBAQEBAQEBAQEBAQ t[0]
            record current AQEBAQEBAQEBAQEBAQEBAQ 0 Stable [t-0@1]
            record member AQEBAQEBAQEBAQEBAQEBAQ (one) classic: t
            record current AQEBAQEBAQEBAQEBAQEBAQ 2 Stable [t-0@1]
            generation 2, range, id AQEBAQEBAQEBAQEBAQEBAQ
            > describe
            Stable, epoch 2, assignment of 2, uniform
              AQEBAQEBAQEBAQEBAQEBAQ classic epoch 2 wants t, has t[0], shall have t[0]
              b epoch 2 wants t, has t[1], shall have t[1]
            > beat a instance=one
            FENCED_INSTANCE_ID: Static member a with instance id one was fenced by member AQEBAQEBAQEBAQEBAQEBAQ.
            > join d t instance=one
            record no current AQEBAQEBAQEBAQEBAQEBAQ
            record no target AQEBAQEBAQEBAQEBAQEBAQ
            record no member AQEBAQEBAQEBAQEBAQEBAQ
            record member d (one) classic: t
            record target d t[0]
            record current d 0 Stable [t-0@1]
            record member d (one): t
            record current d 2 Stable [t-0@1]
            epoch 2, may read t[0]
            > cbeat c
            FENCED_INSTANCE_ID: Static member c with instance id one was fenced by member d.
            > describe
            Stable, epoch 2, assignment of 2, uniform
              b epoch 2 wants t, has t[1], shall have t[1]
              d epoch 2 wants t, has t[0], shall have t[0]
        "#]],
    );
}

#[test]
fn classic_requests_are_refused() {
    check(
        "topic t 1; join a t instance=one; cjoin c t type=connect; cjoin c t protocols=; cjoin c t bytes=x; cjoin c t; \
         cjoin d t protocols=roundrobin; cjoin d t protocols=roundrobin,range; cbeat z; cbeat a; cbeat a instance=; \
         cbeat c epoch=9; csync c type=connect; csync c protocol=roundrobin; csync c epoch=1; csync c type=consumer protocol=range; \
         cjoin z t instance=one; cjoin z t instance=two; cbeat z instance=two; cbeat z instance=one; cleave z,c; cleave instance=two; \
         cleave z instance=one; cleave instance=one",
        expect![[r#"
            > topic t 1
            > join a t instance=one
            record member a (one): t
            record epoch 1
            record target a t[0]
            record target epoch 1
            record current a 1 Stable [t-0@1]
            epoch 1, may read t[0]
            > cjoin c t type=connect
            INCONSISTENT_GROUP_PROTOCOL: Member c's protocols are not supported.
            > cjoin c t protocols=
            INCONSISTENT_GROUP_PROTOCOL: Member c's protocols are not supported.
            > cjoin c t bytes=x
            UNKNOWN_SERVER_ERROR: Malformed embedded consumer protocol in subscription deserialization: truncated: 2 bytes needed, 1 left.
            > cjoin c t
            record member c classic: t
            record epoch 2
            record target c nothing
            record target epoch 2
            record current c 2 Stable []
            generation 2, range
            > cjoin d t protocols=roundrobin
            INCONSISTENT_GROUP_PROTOCOL: Member d's protocols are not supported.
            > cjoin d t protocols=roundrobin,range
            record member d classic: t
            record epoch 3
            record target d nothing
            record target epoch 3
            record current d 3 Stable []
            generation 3, roundrobin
            > cbeat z
            UNKNOWN_MEMBER_ID: Member z is not a member of group g.
            > cbeat a
            UNKNOWN_MEMBER_ID: Member a does not use the classic protocol.
            > cbeat a instance=
            UNKNOWN_MEMBER_ID: Member with instance id  is not a member of group g.
            > cbeat c epoch=9
            ILLEGAL_GENERATION: The request generation id 9 is not equal to the member epoch 2 of member c.
            > csync c type=connect
            INCONSISTENT_GROUP_PROTOCOL: The protocol type connect from member c request is not equal to the group protocol type consumer.
            > csync c protocol=roundrobin
            INCONSISTENT_GROUP_PROTOCOL: The protocol name roundrobin from member c request is not equal to the protocol name range returned in the join response.
            > csync c epoch=1
            ILLEGAL_GENERATION: The request generation id 1 is not equal to the member epoch 2 of member c.
            > csync c type=consumer protocol=range
            REBALANCE_IN_PROGRESS
            > cjoin z t instance=one
            FENCED_INSTANCE_ID: Static member z with instance id one was fenced by member a.
            > cjoin z t instance=two
            UNKNOWN_MEMBER_ID: Instance id two is unknown.
            > cbeat z instance=two
            UNKNOWN_MEMBER_ID: Member with instance id two is not a member of group g.
            > cbeat z instance=one
            FENCED_INSTANCE_ID: Static member z with instance id one was fenced by member a.
            > cleave z,c
            record no current c
            record no target c
            record no member c
            record epoch 4
            z UNKNOWN_MEMBER_ID, c NONE
            > cleave instance=two
            UNKNOWN_MEMBER_ID
            > cleave z instance=one
            z FENCED_INSTANCE_ID
            > cleave instance=one
            record no current a
            record no current d
            record no target a
            record no target d
            record no target epoch
            record no member a
            record no member d
            record no partition metadata
            record no group
            becomes a classic group: generation 4, roundrobin, to be rebalanced
              d nothing
            NONE
        "#]],
    );
}

#[test]
fn a_sync_is_told_of_a_newer_target() {
    check(
        "topic t 4; join a t; cjoin c t; beat a owned=t-0,t-1; join b t; csync c; cjoin c t; csync c",
        expect![[r#"
        > topic t 4
        > join a t
        record member a: t
        record epoch 1
        record target a t[0 1 2 3]
        record target epoch 1
        record current a 1 Stable [t-0@1 t-1@1 t-2@1 t-3@1]
        epoch 1, may read t[0 1 2 3]
        > cjoin c t
        record member c classic: t
        record epoch 2
        record target a t[0 1]
        record target c t[2 3]
        record target epoch 2
        record current c 2 UnreleasedPartitions []
        generation 2, range
        > beat a owned=t-0,t-1
        record current a 2 Stable [t-0@1 t-1@1]
        epoch 2, may read t[0 1]
        > join b t
        record member b: t
        record epoch 3
        record target c t[2]
        record target b t[3]
        record target epoch 3
        record current b 3 Stable [t-3@3]
        epoch 3, may read t[3]
        > csync c
        REBALANCE_IN_PROGRESS
        > cjoin c t
        record current c 3 Stable [t-2@3]
        generation 3, range
        > csync c
        may read t[2]
    "#]],
    );
}

#[test]
fn commits_of_classic_members_are_checked_by_generation() {
    check(
        "topic t 1; join a t; cjoin c t; commit c t-0 epoch=9; commit c t-0 epoch=1; commit c t-0 version=5; fetch c epoch=1",
        expect![[r#"
        > topic t 1
        > join a t
        record member a: t
        record epoch 1
        record target a t[0]
        record target epoch 1
        record current a 1 Stable [t-0@1]
        epoch 1, may read t[0]
        > cjoin c t
        record member c classic: t
        record epoch 2
        record target c nothing
        record target epoch 2
        record current c 2 Stable []
        generation 2, range
        > commit c t-0 epoch=9
        ILLEGAL_GENERATION: Received generation id 9 is newer than current member epoch 2.
        > commit c t-0 epoch=1
        ILLEGAL_GENERATION: Partition t-0 is not assigned or pending revocation for member.
        > commit c t-0 version=5
        yes
        > fetch c epoch=1
        ILLEGAL_GENERATION: The received generation id 1 does not match the expected member epoch 2.
    "#]],
    );
}

#[test]
fn classic_members_alone_still_see_what_changes() {
    check(
        "topic t 2; set migration=upgrade; join a t; cjoin c t; csync c; leave a; cbeat c; cjoin c t; csync c; topic t 3; \
         topic u 1; cbeat c; cjoin c t; csync c; topic v 1; cbeat c",
        expect![[r#"
            > topic t 2
            > set migration=upgrade
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
            > leave a
            record no current a
            record no target a
            record no member a
            record epoch 3
            epoch -1
            > cbeat c
            REBALANCE_IN_PROGRESS
            > cjoin c t
            record target c t[0 1]
            record target epoch 3
            record current c 3 Stable [t-0@3 t-1@3]
            generation 3, range
            > csync c
            may read t[0 1]
            > topic t 3
            > topic u 1
            > cbeat c
            REBALANCE_IN_PROGRESS
            > cjoin c t
            record member c classic: t
            record epoch 4
            record target c t[0 1 2]
            record target epoch 4
            record current c 4 Stable [t-0@3 t-1@3 t-2@4]
            generation 4, range
            > csync c
            may read t[0 1 2]
            > topic v 1
            > cbeat c
            NONE
        "#]],
    );
}
