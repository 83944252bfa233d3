//! Settings and brokers.

use crate::broker::brokers;
use crate::screen::{check, check_kqd, kq};
use expect_test::expect;

#[test]
fn set_get_diff_unset() {
    check(
        "topic create tuned --wait -q
         topic create plain --wait -q
         config set topic tuned retention.ms=1000 max.message.bytes=2000
         config get topic tuned retention.ms max.message.bytes
         config get --entity topic tuned no.such
         config diff topic tuned plain
         config set topic tuned retention.ms=-7
         config set topic tuned retention.ms=5 --dry-run
         config unset topic tuned retention.ms max.message.bytes -q -o tsv
         config diff topic tuned plain
         config set broker 1 log.dirs=/elsewhere
         config get broker one
         config get broker 77
         config get topic nowhere
         topic delete tuned plain -y -q",
        expect![[r#"
            $ kq topic create tuned --wait -q
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            tuned  1           1                   created
            exit 0
            $ kq topic create plain --wait -q
            TOPIC  PARTITIONS  REPLICATION-FACTOR  RESULT
            plain  1           1                   created
            exit 0
            $ kq config set topic tuned retention.ms=1000 max.message.bytes=2000
            NAME               BEFORE     AFTER  RESULT
            retention.ms       604800000  1000   set
            max.message.bytes  1048588    2000   set
            exit 0
            $ kq config get topic tuned retention.ms max.message.bytes
            NAME               VALUE  SOURCE
            max.message.bytes  2000   DYNAMIC_TOPIC_CONFIG
            retention.ms       1000   DYNAMIC_TOPIC_CONFIG
            exit 0
            $ kq config get --entity topic tuned no.such
            ! error: topic tuned has no setting named no.such
            !   hint:  add --all to see every setting
            exit 1
            $ kq config diff topic tuned plain
            NAME               LEFT  RIGHT
            max.message.bytes  2000  1048588
            retention.ms       1000  604800000
            exit 0
            $ kq config set topic tuned retention.ms=-7
            ! error: topic tuned: Invalid value -7 for configuration retention.ms: Value must be at least -1
            exit 1
            $ kq config set topic tuned retention.ms=5 --dry-run
            NAME          BEFORE  AFTER  RESULT
            retention.ms  1000    5      valid
            exit 0
            $ kq config unset topic tuned retention.ms max.message.bytes -q -o tsv
            retention.ms	1000		unset
            max.message.bytes	2000	1048588	unset
            exit 0
            $ kq config diff topic tuned plain
            NAME  LEFT  RIGHT
            ! no difference
            exit 0
            $ kq config set broker 1 log.dirs=/elsewhere
            ! error: broker 1: log.dirs cannot be changed while the broker runs
            !   hint:  put log.dirs into the broker's configuration file, then restart it
            exit 1
            $ kq config get broker one
            ! error: `one` is no broker id
            !   hint:  see `kq broker list`
            exit 2
            $ kq config get broker 77
            ! error: broker 77 is not part of the cluster
            !   hint:  see `kq broker list`
            exit 1
            $ kq config get topic nowhere
            ! error: topic nowhere: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            exit 1
            $ kq topic delete tuned plain -y -q
            TOPIC  RESULT
            tuned  deleted
            plain  deleted
            exit 0
        "#]],
    );
}

#[test]
fn brokers_and_their_directories() {
    for broker in brokers() {
        let run = |line: &str| {
            let mut command = kq("none");
            let output =
                command.env("KQ_BOOTSTRAP_SERVER", &broker.address).args(line.split_whitespace()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run("topic create carried -p 2 --wait");
        let list = run("broker list -o tsv");
        assert!(list.starts_with(&format!("1\t{}\t", broker.address.replace(':', "\t"))), "{list}");
        let dirs = run("broker logdirs -o tsv");
        assert!(dirs.starts_with(&format!("1\t{}", broker.data)) && dirs.contains("\tonline\t"), "{dirs}");
        assert!(run("broker logdirs --by topic -o tsv").contains("carried\t2\t0\n"));
        assert!(run("broker logdirs 1 --by partition -o tsv").contains("1\tcarried\t1\t0\t"));
        let value: serde_json::Value = serde_json::from_str(&run("broker describe 1 -o json")).unwrap();
        let dir = value["data"]["logdirs"][0]["log_dir"].as_str().unwrap_or_default();
        assert!(dir.starts_with(&broker.data), "{dir}");
        assert!(run("broker api-versions -o tsv").contains("18\tApiVersions\t0\t4\t4\n"));
        run("topic delete carried -y");
    }
    check(
        "broker describe 99",
        expect![[r#"
        $ kq broker describe 99
        ! error: broker 99 is not part of the cluster
        !   hint:  see `kq broker list`
        exit 1
    "#]],
    );
}

#[test]
fn a_cluster_setting_takes_effect_at_once() {
    check_kqd(
        "config set cluster log.cleaner.delete.retention.ms=7200000
         config get cluster
         config get broker 1 log.cleaner.delete.retention.ms
         config unset cluster log.cleaner.delete.retention.ms",
        expect![[r#"
            $ kq config set cluster log.cleaner.delete.retention.ms=7200000
            NAME                             BEFORE  AFTER    RESULT
            log.cleaner.delete.retention.ms  -       7200000  set
            exit 0
            $ kq config get cluster
            NAME                             VALUE    SOURCE
            log.cleaner.delete.retention.ms  7200000  DYNAMIC_DEFAULT_BROKER_CONFIG
            exit 0
            $ kq config get broker 1 log.cleaner.delete.retention.ms
            NAME                             VALUE    SOURCE
            log.cleaner.delete.retention.ms  7200000  DYNAMIC_DEFAULT_BROKER_CONFIG
            exit 0
            $ kq config unset cluster log.cleaner.delete.retention.ms
            NAME                             BEFORE   AFTER  RESULT
            log.cleaner.delete.retention.ms  7200000  -      unset
            exit 0
        "#]],
    );
}
