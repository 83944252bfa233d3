//! Every way to be refused.

use super::teller::Teller;
use expect_test::{Expect, expect};

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
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
            record epoch 1
            record target a nothing
            record target epoch 1
            record current a 1 Stable []
            epoch 1, may read nothing
            > beat a epoch=-3
            INVALID_REQUEST: MemberEpoch is invalid.
            > away a
            INVALID_REQUEST: InstanceId can't be null.
            > join a t instance=
            INVALID_REQUEST: InstanceId can't be empty.
            > join a t rack=
            INVALID_REQUEST: RackId can't be empty.
            > beat a epoch=5
            FENCED_MEMBER_EPOCH: The consumer group member has a greater member epoch (5) than the one known by the group coordinator (1). The member must abandon all its partitions and rejoin.
            > beat a epoch=5 instance=one
            UNKNOWN_MEMBER_ID: Instance id one is unknown.
            > leave a
            record no current a
            record no target a
            record no member a
            record epoch 2
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
