//! Topics: the same screens on kqd and on Apache Kafka.

use crate::broker::{brokers, jars, java};
use crate::screen::{check, check_kqd, kq};
use expect_test::expect;

#[test]
fn create_describe_delete() {
    check(
        "topic create life -p 3 -c retention.ms=3600000 --wait
         topic create life
         topic create life --if-not-exists -o tsv
         topic create life life2 --wait -q
         topic list -r 'life.*'
         topic list -r 'life.*' -d -o json
         topic describe life --section partitions
         topic describe life life2 --section offsets
         topic delete life
         topic delete life life2 -y
         topic delete life -y
         topic delete life -y --if-exists
         topic list -r 'life.*' -o yaml",
        expect![[r#"
            $ kq topic create life -p 3 -c retention.ms=3600000 --wait
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            life   3           1                   created
            exit 0
            $ kq topic create life
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            life   -           -                   TOPIC_ALREADY_EXISTS
            ! error: topic life: Topic 'life' already exists.
            !   hint:  --if-not-exists makes this no error
            exit 1
            $ kq topic create life --if-not-exists -o tsv
            life			exists	
            exit 0
            $ kq topic create life life2 --wait -q
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            life   -           -                   TOPIC_ALREADY_EXISTS
            life2  1           1                   created
            ! error: 1 of 2 failed: topic life: Topic 'life' already exists.
            exit 1
            $ kq topic list -r 'life.*'
            TOPIC  PARTITIONS  REPLICATION-FACTOR
            life   3           1
            life2  1           1
            exit 0
            $ kq topic list -r 'life.*' -d -o json
            {
              "kq": 1,
              "command": "topic.list",
              "data": [
                {
                  "topic": "life",
                  "partitions": 3,
                  "replication_factor": 1,
                  "under_replicated": 0,
                  "leaderless": 0,
                  "internal": false,
                  "id": "THE-22-LETTERS-OF-A-ID"
                },
                {
                  "topic": "life2",
                  "partitions": 1,
                  "replication_factor": 1,
                  "under_replicated": 0,
                  "leaderless": 0,
                  "internal": false,
                  "id": "THE-22-LETTERS-OF-A-ID"
                }
              ]
            }
            exit 0
            $ kq topic describe life --section partitions
            PARTITIONS
            ==========
            TOPIC  PARTITION  LEADER  EPOCH  REPLICAS  ISR  ELR  OFFLINE  HEALTH
            life   0          1       0      1         1    -    -        ok
            life   1          1       0      1         1    -    -        ok
            life   2          1       0      1         1    -    -        ok
            exit 0
            $ kq topic describe life life2 --section offsets
            OFFSETS
            =======
            TOPIC  PARTITION  START  END
            life   0          0      0
            life   1          0      0
            life   2          0      0
            life2  0          0      0
            exit 0
            $ kq topic delete life
            ! error: delete topic life with all records?: refused, as nobody can be asked here
            !   hint:  add -y to go ahead without being asked
            exit 2
            $ kq topic delete life life2 -y
            TOPIC  RESULT
            life   deleted
            life2  deleted
            exit 0
            $ kq topic delete life -y
            TOPIC  RESULT
            life   UNKNOWN_TOPIC_OR_PARTITION
            ! error: topic life: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  --if-exists makes this no error
            exit 1
            $ kq topic delete life -y --if-exists
            TOPIC  RESULT
            life   absent
            exit 0
            $ kq topic list -r 'life.*' -o yaml
            kq: 1
            command: topic.list
            data: []
            exit 0
        "#]],
    );
}

#[test]
fn what_a_broker_refuses_is_told_in_its_words() {
    check(
        "topic create a/b
         topic create refused -c no.such=1
         topic create refused -c retention.ms=soon -o json
         topic create refused --replica-assignment 1:x
         topic describe refused
         topic offsets refused
         topic alter refused --set retention.ms=1",
        expect![[r#"
            $ kq topic create a/b
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            a/b    -           -                   INVALID_TOPIC_EXCEPTION
            ! error: topic a/b: Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'
            exit 1
            $ kq topic create refused -c no.such=1
            TOPIC    PARTITIONS  REPLICATION-FACTOR  RESULT
            refused  -           -                   INVALID_CONFIG
            ! error: topic refused: Unknown topic config name: no.such
            exit 1
            $ kq topic create refused -c retention.ms=soon -o json
            {
              "kq": 1,
              "command": "topic.create",
              "data": [
                {
                  "topic": "refused",
                  "partitions": null,
                  "replication_factor": null,
                  "result": "INVALID_CONFIG",
                  "id": null
                }
              ],
              "error": {
                "code": "INVALID_CONFIG",
                "message": "topic refused: Invalid value soon for configuration retention.ms: Not a number of type LONG",
                "cause": [],
                "hint": null
              }
            }
            ! error: topic refused: Invalid value soon for configuration retention.ms: Not a number of type LONG
            exit 1
            $ kq topic create refused --replica-assignment 1:x
            ! error: --replica-assignment 1:x: expected broker ids such as 1:2,2:3
            exit 2
            $ kq topic describe refused
            ! error: topic refused: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic list` shows what exists
            exit 1
            $ kq topic offsets refused
            ! error: topic refused: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic create refused` makes it; `kq topic list` shows what exists
            exit 1
            $ kq topic alter refused --set retention.ms=1
            ! error: topic refused: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic create refused` makes it; `kq topic list` shows what exists
            exit 1
        "#]],
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    check(
        "topic create dry -p 2 --dry-run
         topic list -r dry
         topic create dry -p 2 --wait -q
         topic alter dry --partitions 4 --dry-run
         topic delete dry --dry-run
         topic list -r dry -o tsv
         topic delete dry -y",
        expect![[r#"
            $ kq topic create dry -p 2 --dry-run
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            dry    2           1                   valid
            exit 0
            $ kq topic list -r dry
            TOPIC  PARTITIONS  REPLICATION-FACTOR
            ! no topic matches
            exit 0
            $ kq topic create dry -p 2 --wait -q
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            dry    2           1                   created
            exit 0
            $ kq topic alter dry --partitions 4 --dry-run
            TOPIC  RESULT
            dry    valid
            exit 0
            $ kq topic delete dry --dry-run
            TOPIC  RESULT
            dry    exists
            exit 0
            $ kq topic list -r dry -o tsv
            dry	2	1	0	0	false	THE-22-LETTERS-OF-A-ID
            exit 0
            $ kq topic delete dry -y
            TOPIC  RESULT
            dry    deleted
            exit 0
        "#]],
    );
}

#[test]
fn alter_and_trim() {
    check(
        "topic create change -p 2 --wait -q
         topic alter change --set retention.ms=1000 --set cleanup.policy=compact
         config get topic change retention.ms cleanup.policy
         topic trim change --to end -y -p 0
         topic alter change --append cleanup.policy=delete
         topic alter change --subtract cleanup.policy=compact
         config get topic change cleanup.policy
         topic alter change --partitions 3
         topic alter change --partitions 2
         topic alter change --add-partitions 1
         topic list -r change
         topic trim change --to 5 -y
         topic trim change --to end -p 1 -y
         topic trim change --to end -p 9 -y
         topic trim change --to end
         topic delete change -y",
        expect![[r#"
            $ kq topic create change -p 2 --wait -q
            TOPIC   PARTITIONS  REPLICATION-FACTOR  RESULT
            change  2           1                   created
            exit 0
            $ kq topic alter change --set retention.ms=1000 --set cleanup.policy=compact
            TOPIC   RESULT
            change  altered
            exit 0
            $ kq config get topic change retention.ms cleanup.policy
            NAME            VALUE    SOURCE
            cleanup.policy  compact  DYNAMIC_TOPIC_CONFIG
            retention.ms    1000     DYNAMIC_TOPIC_CONFIG
            exit 0
            $ kq topic trim change --to end -y -p 0
            PARTITION  START  RESULT
            0          -      POLICY_VIOLATION
            ! error: topic change, partition 0: a policy forbids it (POLICY_VIOLATION)
            !   hint:  only topics whose cleanup.policy has delete can be trimmed
            exit 1
            $ kq topic alter change --append cleanup.policy=delete
            TOPIC   RESULT
            change  altered
            exit 0
            $ kq topic alter change --subtract cleanup.policy=compact
            TOPIC   RESULT
            change  altered
            exit 0
            $ kq config get topic change cleanup.policy
            NAME            VALUE   SOURCE
            cleanup.policy  delete  DYNAMIC_TOPIC_CONFIG
            exit 0
            $ kq topic alter change --partitions 3
            TOPIC   RESULT
            change  altered
            exit 0
            $ kq topic alter change --partitions 2
            TOPIC   RESULT
            change  INVALID_PARTITIONS
            ! error: topic change: The topic change currently has 3 partition(s); 2 would not be an increase.
            exit 1
            $ kq topic alter change --add-partitions 1
            TOPIC   RESULT
            change  altered
            exit 0
            $ kq topic list -r change
            TOPIC   PARTITIONS  REPLICATION-FACTOR
            change  4           1
            exit 0
            $ kq topic trim change --to 5 -y
            PARTITION  START  RESULT
            0          -      OFFSET_OUT_OF_RANGE
            1          -      OFFSET_OUT_OF_RANGE
            2          -      OFFSET_OUT_OF_RANGE
            3          -      OFFSET_OUT_OF_RANGE
            ! error: 4 of 4 failed: topic change, partition 0: the offset is outside the log (OFFSET_OUT_OF_RANGE); topic change, partition 1: the offset is outside the log (OFFSET_OUT_OF_RANGE); topic change, partition 2: the offset is outside the log (OFFSET_OUT_OF_RANGE); topic change, partition 3: the offset is outside the log (OFFSET_OUT_OF_RANGE)
            exit 1
            $ kq topic trim change --to end -p 1 -y
            PARTITION  START  RESULT
            1          0      trimmed
            exit 0
            $ kq topic trim change --to end -p 9 -y
            ! error: topic change has no partition 9
            !   hint:  it has 4: 0 to 3
            exit 1
            $ kq topic trim change --to end
            ! error: delete the records of topic change below end in 4 partition(s)?: refused, as nobody can be asked here
            !   hint:  add -y to go ahead without being asked
            exit 2
            $ kq topic delete change -y
            TOPIC   RESULT
            change  deleted
            exit 0
        "#]],
    );
}

#[test]
fn offsets_by_time() {
    check(
        "~ topic create times --wait
         ~ bench produce -t times --num-records 1000 --record-size 10 --batch-size 1000
         topic offsets times --time max -o schema
         topic offsets times
         topic offsets times --time earliest
         topic offsets times --time latest
         topic offsets times --time @2000-01-01 -o json
         topic offsets times --time @2100-01-01
         topic trim times --to 400 -y
         topic offsets times -o tsv
         topic trim times --to @2100-01-01 --dry-run
         topic delete times -y",
        expect![[r#"
            $ kq topic offsets times --time max -o schema
            partition  integer: its index
            offset     integer or null: the offset found
            timestamp  string or null: that record's time
            exit 0
            $ kq topic offsets times
            PARTITION  START  END   OFFSETS
            0          0      1000  1000
            exit 0
            $ kq topic offsets times --time earliest
            PARTITION  OFFSET  TIMESTAMP
            0          0       -
            exit 0
            $ kq topic offsets times --time latest
            PARTITION  OFFSET  TIMESTAMP
            0          1000    -
            exit 0
            $ kq topic offsets times --time @2000-01-01 -o json
            {
              "kq": 1,
              "command": "topic.offsets",
              "data": [
                {
                  "partition": 0,
                  "offset": 0,
                  "timestamp": "2026-01-02T03:04:05.678Z"
                }
              ]
            }
            exit 0
            $ kq topic offsets times --time @2100-01-01
            PARTITION  OFFSET  TIMESTAMP
            0          -       -
            exit 0
            $ kq topic trim times --to 400 -y
            PARTITION  START  RESULT
            0          400    trimmed
            exit 0
            $ kq topic offsets times -o tsv
            0	400	1000	600
            exit 0
            $ kq topic trim times --to @2100-01-01 --dry-run
            PARTITION  START  RESULT
            0          1000   valid
            exit 0
            $ kq topic delete times -y
            TOPIC  RESULT
            times  deleted
            exit 0
        "#]],
    );
}

#[test]
fn every_form_has_a_schema() {
    check_kqd(
        "topic list -o schema
         topic describe -o schema --section summary,size
         broker list -o schema",
        expect![[r#"
            $ kq topic list -o schema
            topic               string: its name
            partitions          integer: how many
            replication_factor  integer: replicas of partition 0
            under_replicated    integer: partitions with replicas out of sync
            leaderless          integer: partitions without a leader
            internal            boolean: Kafka's own
            id                  string: the topic's id, for life
            exit 0
            $ kq topic describe -o schema --section summary,size
            summary:
            topic               string: its name
            id                  string: the topic's id, for life
            partitions          integer: how many
            replication_factor  integer: replicas of partition 0
            internal            boolean: Kafka's own
            durability          string: what acks=all promises: on disk, or in the page cache
            size:
            topic      string: its name
            partition  integer: its index
            broker     integer: whose replica
            bytes      integer: on disk
            log_dir    string: where
            exit 0
            $ kq broker list -o schema
            id           integer: its id
            host         string: the host that it advertises
            port         integer: the port that it advertises
            rack         string or null: its rack
            leaders      integer: partitions that it leads
            replicas     integer: replicas that it keeps
            out_of_sync  integer: of these, out of sync
            state        string: up, or fenced (registered, and not heard of: it leads nothing)
            controller   boolean: takes changes to the cluster (in KRaft clusters, any broker may say so)
            exit 0
        "#]],
    );
}

#[test]
fn describe_says_what_an_acknowledgement_promises() {
    check_kqd(
        "topic create promise -q
         topic create careless -c flush.messages=9223372036854775807 -q
         topic describe promise careless --section summary,configs
         topic describe promise careless -o tsv
         topic delete promise careless -y -q",
        expect![[r#"
            $ kq topic create promise -q
            TOPIC    PARTITIONS  REPLICATION-FACTOR  RESULT
            promise  1           1                   created
            exit 0
            $ kq topic create careless -c flush.messages=9223372036854775807 -q
            TOPIC     PARTITIONS  REPLICATION-FACTOR  RESULT
            careless  1           1                   created
            exit 0
            $ kq topic describe promise careless --section summary,configs
            SUMMARY
            =======
            TOPIC     ID                      PARTITIONS  REPLICATION-FACTOR  DURABILITY
            promise   THE-22-LETTERS-OF-A-ID  1           1                   acks=all: on disk (group commit)
            careless  THE-22-LETTERS-OF-A-ID  1           1                   acks=all: page cache

            CONFIGS
            =======
            TOPIC     NAME            VALUE                SOURCE
            promise   segment.bytes   1048576              STATIC_BROKER_CONFIG
            careless  flush.messages  9223372036854775807  DYNAMIC_TOPIC_CONFIG
            careless  segment.bytes   1048576              STATIC_BROKER_CONFIG
            exit 0
            $ kq topic describe promise careless -o tsv
            Topic: promise	TopicId: THE-22-LETTERS-OF-A-ID	PartitionCount: 1	ReplicationFactor: 1	Configs: segment.bytes=1048576
            	Topic: promise	Partition: 0	Leader: 1	Replicas: 1	Isr: 1	Elr: 	LastKnownElr: 
            Topic: careless	TopicId: THE-22-LETTERS-OF-A-ID	PartitionCount: 1	ReplicationFactor: 1	Configs: flush.messages=9223372036854775807,segment.bytes=1048576
            	Topic: careless	Partition: 0	Leader: 1	Replicas: 1	Isr: 1	Elr: 	LastKnownElr: 
            exit 0
            $ kq topic delete promise careless -y -q
            TOPIC     RESULT
            promise   deleted
            careless  deleted
            exit 0
        "#]],
    );
}

#[test]
fn describe_as_tsv_is_what_kafkas_tool_prints() {
    let Some(jars) = jars() else { return };
    for broker in brokers() {
        let run = |words: &[&str]| {
            let output = kq("none").env("KQ_BOOTSTRAP_SERVER", &broker.address).args(words).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run(&["topic", "create", "same-text", "-p", "3", "-c", "retention.ms=3600000", "--wait"]);
        let ours = run(&["topic", "describe", "same-text", "-o", "tsv"]);
        let mut tool = java(&jars, "org.apache.kafka.tools.TopicCommand");
        tool.args(["--bootstrap-server", &broker.address, "--describe", "--topic", "same-text"]);
        let theirs = tool.output().unwrap();
        assert_eq!(ours, String::from_utf8_lossy(&theirs.stdout), "on {}", broker.name);
        run(&["topic", "delete", "same-text", "-y"]);
    }
}
