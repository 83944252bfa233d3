//! Stories told to one node: requests and storage's completions go in line by line, what the node does comes out.
//!
//! Storage is played by the story's teller, so that every completion comes exactly when the story says.

mod teller;
mod trio;

use expect_test::{Expect, expect};
use teller::Teller;

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::default().tell(story));
}

#[test]
fn acks_all_waits_for_the_disk() {
    check(
        "create t; produce t acks=all; appended t; synced t",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > synced t
            reply 1: t-0 at 0
        "#]],
    );
}

#[test]
fn acks_one_waits_for_the_page_cache() {
    check(
        "create t; produce t acks=1; appended t; synced t",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=1
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            reply 1: t-0 at 0
            > synced t
        "#]],
    );
}

#[test]
fn the_page_cache_promise_is_one_setting_away() {
    check(
        "create t flush.messages=9223372036854775807; produce t acks=all; appended t",
        expect![[r#"
            > create t flush.messages=9223372036854775807
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            reply 1: t-0 at 0
        "#]],
    );
}

#[test]
fn a_duplicate_gets_the_first_answer_and_waits_for_the_same_disk() {
    check(
        "create t; produce t acks=all pid=7 seq=0; produce t acks=all pid=7 seq=0; appended t; synced t; \
         produce t acks=all pid=7 seq=0; produce t acks=all pid=7 seq=5",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all pid=7 seq=0
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > produce t acks=all pid=7 seq=0
            > appended t
            sync t-0
            > synced t
            reply 1: t-0 at 0
            reply 2: t-0 at 0
            > produce t acks=all pid=7 seq=0
            reply 3: t-0 at 0
            > produce t acks=all pid=7 seq=5
            reply 4: t-0 OUT_OF_ORDER_SEQUENCE_NUMBER (45)
        "#]],
    );
}

#[test]
fn a_failed_append_voids_what_was_given_out_after_it() {
    check(
        "create t; produce t acks=all pid=7 seq=0; produce t acks=1; append-failed t; appended t; opened t end=0; \
         produce t acks=1",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all pid=7 seq=0
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > produce t acks=1
            append t-0 at 1
            > append-failed t
            Error: append to t-0 failed: no luck; opening the log anew
            open t-0 anew
            reply 2: t-0 KAFKA_STORAGE_ERROR (56)
            reply 1: t-0 KAFKA_STORAGE_ERROR (56)
            > appended t
            > opened t end=0
            > produce t acks=1
            epochs t-0 [(0, 0)]
            append t-0 at 0
        "#]],
    );
}

#[test]
fn a_failed_sync_takes_the_partition_out_of_service() {
    check(
        "create t; produce t acks=all; appended t; sync-failed t; produce t acks=all; fetch t from=0",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > sync-failed t
            Error: t-0 is offline: no luck
            reply 1: t-0 KAFKA_STORAGE_ERROR (56)
            > produce t acks=all
            reply 2: t-0 KAFKA_STORAGE_ERROR (56)
            > fetch t from=0
            reply 3: fetched nothing, KAFKA_STORAGE_ERROR (56), high watermark -1
        "#]],
    );
}

#[test]
fn a_fetch_waits_for_data_and_never_sees_what_is_not_synced() {
    check(
        "create t; fetch t from=0 wait=500; produce t acks=all; appended t; synced t; located t bytes=100",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > fetch t from=0 wait=500
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > synced t
            reply 2: t-0 at 0
            ask where is t-0 from 0 below 1
            > located t bytes=100
            reply 1: fetched with 100 bytes of t-0
        "#]],
    );
}

#[test]
fn a_fetch_gives_up_at_its_deadline() {
    check(
        "create t; fetch t from=0 wait=500; time 499; time 501",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > fetch t from=0 wait=500
            > time 499
            > time 501
            reply 1: fetched nothing, ok, high watermark 0
        "#]],
    );
}

#[test]
fn a_fetch_below_the_start_or_above_the_end_is_out_of_range() {
    check(
        "create t; fetch t from=1",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > fetch t from=1
            reply 1: fetched nothing, OFFSET_OUT_OF_RANGE (1), high watermark -1
        "#]],
    );
}

#[test]
fn a_deleted_topic_fails_who_waits_for_it() {
    check(
        "create t; produce t acks=all; delete t; appended t",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > delete t
            append __cluster_metadata-0 at 7
            sync __cluster_metadata-0
            reply 1: t-0 UNKNOWN_TOPIC_OR_PARTITION (3)
            delete t-0
            reply 2: deleted, ok
            > appended t
        "#]],
    );
}

#[test]
fn a_session_tells_only_what_changed() {
    // KIP-227: the second fetch names no partition and hears of none; a wrong epoch or an unknown session is refused.
    check(
        "create t; fetch t from=0 epoch=0; fetch - epoch=1; fetch - epoch=1; fetch - epoch=2 wait=9; produce t acks=all; \
         appended t; synced t; located t bytes=100; fetch t from=1 epoch=3; fetch t from=1 epoch=-1",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > fetch t from=0 epoch=0
            reply 1: fetched nothing in a session, ok, high watermark 0
            > fetch - epoch=1
            reply 2: fetched nothing to tell in a session, ok
            > fetch - epoch=1
            reply 3: fetched nothing to tell, INVALID_FETCH_SESSION_EPOCH (71)
            > fetch - epoch=2 wait=9
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > synced t
            reply 5: t-0 at 0
            ask where is t-0 from 0 below 1
            > located t bytes=100
            reply 4: fetched with 100 bytes of t-0
            > fetch t from=1 epoch=3
            reply 6: fetched nothing to tell in a session, ok
            > fetch t from=1 epoch=-1
            reply 7: fetched nothing, ok, high watermark 1
        "#]],
    );
}

#[test]
fn a_session_hears_of_a_high_watermark_without_asking_for_data() {
    check(
        "create t; fetch t from=0 epoch=0; produce t acks=all; appended t; synced t; fetch t from=1 epoch=1; \
         fetch - epoch=2; fetch t from=9 epoch=3; fetch t from=1 epoch=4",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > fetch t from=0 epoch=0
            reply 1: fetched nothing in a session, ok, high watermark 0
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > synced t
            reply 2: t-0 at 0
            > fetch t from=1 epoch=1
            reply 3: fetched nothing in a session, ok, high watermark 1
            > fetch - epoch=2
            reply 4: fetched nothing to tell in a session, ok
            > fetch t from=9 epoch=3
            reply 5: fetched nothing in a session, OFFSET_OUT_OF_RANGE (1), high watermark -1
            > fetch t from=1 epoch=4
            reply 6: fetched nothing in a session, ok, high watermark 1
        "#]],
    );
}

#[test]
fn a_produce_that_the_disk_does_not_finish_times_out() {
    check(
        "create t; produce t acks=all; appended t; time 999; time 1001; synced t",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > produce t acks=all
            epochs t-0 [(0, 0)]
            append t-0 at 0
            > appended t
            sync t-0
            > time 999
            > time 1001
            reply 1: t-0 REQUEST_TIMED_OUT (7)
            > synced t
        "#]],
    );
}

#[test]
fn a_full_disk_refuses_a_change_and_takes_the_next_one() {
    check(
        "create t; metadata-full; create u; create v; delete t",
        expect![[r#"
            > create t
            append __cluster_metadata-0 at 5
            sync __cluster_metadata-0
            open t-0
            reply 0: t ok
            > metadata-full
            > create u
            append __cluster_metadata-0 at 7
            Error: append to the metadata log failed: no space; opening it anew
            open __cluster_metadata-0 anew
            reply 1: u KAFKA_STORAGE_ERROR (56)
            > create v
            append __cluster_metadata-0 at 7
            sync __cluster_metadata-0
            open v-0
            reply 2: v ok
            > delete t
            append __cluster_metadata-0 at 10
            sync __cluster_metadata-0
            delete t-0
            reply 3: deleted, ok
        "#]],
    );
}
