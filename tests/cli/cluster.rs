//! Health, moves and elections where there is one broker. Several: `playground.rs`.

use crate::broker::brokers;
use crate::screen::{check, kq};
use expect_test::expect;

#[test]
fn a_broker_that_has_everything_is_healthy() {
    for broker in brokers() {
        let output = kq("none").args(["cluster", "health", "-o", "json", "-b", &broker.address]).output().unwrap();
        let health: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let summary = &health["data"]["summary"][0];
        assert_eq!(output.status.code(), Some(0), "{health}");
        assert_eq!((&summary["health"], &summary["controller"]), (&"healthy".into(), &1.into()), "{health}");
        assert_eq!((&summary["brokers"], &summary["leaderless"]), (&1.into(), &0.into()), "{health}");
    }
}

#[test]
fn moves_and_elections_say_what_they_would_do() {
    check(
        "~ topic create stays -p 2 --wait
         topic move stays --brokers 1
         topic move stays --brokers 1 -y
         topic move stays -p 1:1,7
         topic move stays -p 7:1
         topic move stays --brokers 7
         topic move nowhere --brokers 1
         topic move stays
         topic move stays -p 1:1,1
         topic move --plan /nowhere
         topic elect-leaders stays
         topic elect-leaders stays -p 1 --type unclean
         topic elect-leaders nowhere
         topic elect-leaders stays -p 7
         broker decommission 99
         ~ topic delete stays -y",
        expect![[r#"
            $ kq topic move stays --brokers 1
            TOPIC  PARTITION  REPLICAS  TARGET  RESULT
            stays  0          1         1       same
            stays  1          1         1       same
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq topic move stays --brokers 1 -y
            TOPIC  PARTITION  REPLICAS  TARGET  RESULT
            stays  0          1         1       same
            stays  1          1         1       same
            exit 0
            $ kq topic move stays -p 1:1,7
            ! error: there is no broker 7 that is up
            !   hint:  see `kq broker list`
            exit 2
            $ kq topic move stays -p 7:1
            ! error: topic stays has no partition 7
            exit 2
            $ kq topic move stays --brokers 7
            ! error: there is no broker 7 that is up
            !   hint:  see `kq broker list`
            exit 2
            $ kq topic move nowhere --brokers 1
            ! error: topic nowhere: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic list` shows what exists
            exit 1
            $ kq topic move stays
            ! error: the following required arguments were not provided:
            !   <--partition <P:ID,ID…>|--brokers <ID,ID…>|--plan <FILE>|--status|--cancel>
            ! 
            ! Usage: kq topic move <--partition <P:ID,ID…>|--brokers <ID,ID…>|--plan <FILE>|--status|--cancel> <NAME>...
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic move stays -p 1:1,1
            ! error: invalid value '1:1,1' for '--partition <P:ID,ID…>': `1:1,1` names a broker twice
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic move --plan /nowhere
            ! error: cannot read /nowhere
            !   cause: No such file or directory (os error 2)
            exit 1
            $ kq topic elect-leaders stays
            TOPIC  PARTITION  WAS  LEADER  PREFERRED  RESULT
            stays  0          1    1       1          unneeded
            stays  1          1    1       1          unneeded
            ! every partition is led by its preferred replica
            exit 0
            $ kq topic elect-leaders stays -p 1 --type unclean
            TOPIC  PARTITION  WAS  LEADER  PREFERRED  RESULT
            stays  1          1    1       1          unneeded
            ! every partition has a leader
            exit 0
            $ kq topic elect-leaders nowhere
            ! error: topic nowhere: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic list` shows what exists
            exit 1
            $ kq topic elect-leaders stays -p 7
            ! error: topic stays has no partition 7
            !   hint:  it has 2: 0 to 1
            exit 1
            $ kq broker decommission 99
            ! error: broker 99 is not part of the cluster
            !   hint:  see `kq broker list`
            exit 1
        "#]],
    );
}

#[test]
fn a_decommission_that_nobody_began_has_nothing_to_show() {
    check(
        "~ topic create only --wait
         broker decommission 1 --status
         ~ topic delete only -y",
        expect![[r#"
            $ kq broker decommission 1 --status
            TOPIC  PARTITION  REPLICAS  TARGET  RESULT
            exit 0
        "#]],
    );
}

#[test]
fn what_the_lines_consist_of() {
    check(
        "topic move -o schema --status
         topic elect-leaders -o schema
         cluster health -o schema",
        expect![[r#"
            $ kq topic move -o schema --status
            topic      string: its name
            partition  integer: its index
            replicas   list of integers: all brokers that have a replica for now
            target     list of integers: brokers when the move is over
            adding     list of integers: brokers that come
            removing   list of integers: brokers that go
            behind     list of integers: of those that come, the ones that still copy
            exit 0
            $ kq topic elect-leaders -o schema
            topic      string: its name
            partition  integer: its index
            was        integer or null: who led
            leader     integer or null: who leads
            preferred  integer or null: the first replica
            result     string: elected, unneeded, planned (--dry-run), or Kafka's name of the error
            exit 0
            $ kq cluster health -o schema
            summary:
            health            string: healthy, or unhealthy
            controller        integer or null: the node that leads the metadata quorum
            brokers           integer: those that are registered
            fenced            list of integers: of these, those that are down
            topics            integer: Kafka's own among them
            partitions        integer: of all topics
            leaderless        integer: of these, those that nobody leads
            under_min_isr     integer: those that refuse acks=all
            under_replicated  integer: those with replicas out of sync
            moving            integer: those on their way to other brokers
            reasons:
            reason  string: what is not as it should be
            exit 0
        "#]],
    );
}
