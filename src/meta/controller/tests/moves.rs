//! Partitions that move, and topics that are placed by hand.

use super::check;
use expect_test::expect;

#[test]
fn rule_18_replicas_are_added_wait_and_take_over_at_once() {
    check(
        "brokers 1 2 3 4; create t 1,2; move t-0 3,4; moving; propose t-0 1,2,3; propose t-0 1,2,3,4; show t-0; moving",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > move t-0 3,4
            t-0: replicas [3, 4, 1, 2], adding [3, 4], removing [1, 2]
            = t-0 ok
            > moving
            = t-0 [3, 4, 1, 2] adding [3, 4] removing [1, 2]
            > propose t-0 1,2,3
            t-0: isr [1, 2, 3]
            = isr [1, 2, 3] in 0/2
            > propose t-0 1,2,3,4
            t-0: leader 3, isr [3, 4], replicas [3, 4], adding [], removing []
            = NEW_LEADER_ELECTED
            > show t-0
              t-0 leader 3 in 1/3, replicas [3, 4], isr [3, 4]
            > moving
            = nothing
        "#]],
    );
}

#[test]
fn rule_18_a_move_can_be_called_off() {
    check(
        "brokers 1 2 3; create t 1,2; move t-0 2,3; propose t-0 1,2,3; show t-0; \
         brokers 1 2 3 4; create u 1,2; move u-0 3,4; propose u-0 1,2,3; move u-0 back; show u-0; move u-0 back",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > move t-0 2,3
            t-0: replicas [2, 3, 1], adding [3], removing [1]
            = t-0 ok
            > propose t-0 1,2,3
            t-0: leader 2, isr [2, 3], replicas [2, 3], adding [], removing []
            = NEW_LEADER_ELECTED
            > show t-0
              t-0 leader 2 in 1/2, replicas [2, 3], isr [2, 3]
            > create u 1,2
            topic u
            u-0: leader 1, replicas [1, 2], isr [1, 2]
            > move u-0 3,4
            u-0: replicas [3, 4, 1, 2], adding [3, 4], removing [1, 2]
            = u-0 ok
            > propose u-0 1,2,3
            u-0: isr [1, 2, 3]
            = isr [1, 2, 3] in 0/2
            > move u-0 back
            u-0: leader 1, isr [1, 2], replicas [1, 2], adding [], removing []
            = u-0 ok
            > show u-0
              u-0 leader 1 in 1/3, replicas [1, 2], isr [1, 2]
            > move u-0 back
            = u-0 NO_REASSIGNMENT_IN_PROGRESS: No partition reassignment is in progress.
        "#]],
    );
}

#[test]
fn another_target_drops_at_once_what_only_the_first_one_wanted() {
    check(
        "brokers 1 2 3 4; create t 1,2; move t-0 3,2; propose t-0 1,2; move t-0 4,2; show t-0; moving; \
         propose t-0 1,2,4; show t-0",
        expect![[r#"
            > create t 1,2
            topic t
            t-0: leader 1, replicas [1, 2], isr [1, 2]
            > move t-0 3,2
            t-0: replicas [3, 2, 1], adding [3], removing [1]
            = t-0 ok
            > propose t-0 1,2
            = isr [1, 2] in 0/1
            > move t-0 4,2
            t-0: leader 1, replicas [4, 2, 1], adding [4]
            = t-0 ok
            > show t-0
              t-0 leader 1 in 1/2, replicas [4, 2, 1], isr [1, 2]
            > moving
            = t-0 [4, 2, 1] adding [4] removing [1]
            > propose t-0 1,2,4
            t-0: leader 4, isr [2, 4], replicas [4, 2], adding [], removing []
            = NEW_LEADER_ELECTED
            > show t-0
              t-0 leader 4 in 2/3, replicas [4, 2], isr [2, 4]
        "#]],
    );
}

#[test]
fn a_move_is_checked() {
    check(
        "brokers 1 2; create t 1; move t-0 1,2 same-factor; move t-0 3; move t-0 1,1; move t-0 ,; move u-0 1; \
         move t-1 1; move t-0 1,2; propose t-0 1,2; show t-0",
        expect![[r#"
            > create t 1
            topic t
            t-0: leader 1, replicas [1], isr [1]
            > move t-0 1,2 same-factor
            = t-0 INVALID_REPLICATION_FACTOR: The replication factor is changed from 1 to 2
            > move t-0 3
            = t-0 INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 3, but no such broker is registered.
            > move t-0 1,1
            = t-0 INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.
            > move t-0 ,
            = t-0 INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.
            > move u-0 1
            = u-0 UNKNOWN_TOPIC_OR_PARTITION: Unable to find a topic named u.
            > move t-1 1
            = t-1 UNKNOWN_TOPIC_OR_PARTITION: Unable to find partition t:1.
            > move t-0 1,2
            t-0: replicas [1, 2], adding [2]
            = t-0 ok
            > propose t-0 1,2
            t-0: isr [1, 2], adding []
            = isr [1, 2] in 0/2
            > show t-0
              t-0 leader 1 in 0/2, replicas [1, 2], isr [1, 2]
        "#]],
    );
}

#[test]
fn a_topic_by_hand_needs_brokers_that_live() {
    check(
        "brokers 1 2; register 3; create t 3; create t 3,1 1,3; show t-0; create u 1,2 1; create v 1,4; create w 1,2,1",
        expect![[r#"
            > register 3
            broker 3 under epoch 3
            > create t 3
            = INVALID_REPLICA_ASSIGNMENT: All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.
            > create t 3,1 1,3
            topic t
            t-0: leader 1, replicas [3, 1], isr [1]
            t-1: leader 1, replicas [1, 3], isr [1]
            > show t-0
              t-0 leader 1 in 0/0, replicas [3, 1], isr [1]
            > create u 1,2 1
            = INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).
            > create v 1,4
            = INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 4, but no such broker is registered.
            > create w 1,2,1
            = INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.
        "#]],
    );
}
