//! Groups: their offsets from outside, and several consumers that share one.

use crate::broker::{Broker, brokers};
use crate::screen::{check, kq, scratch};
use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a group may take to settle.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn seek_describe_lag_copy_delete() {
    check(
        "~ topic create moved -p 2 --wait -q
         '1\\n2\\n3\\n4\\n5\\n' | console-producer -t moved -p 0 -q
         '6\\n7\\n' | console-producer -t moved -p 1 -q
         group describe nobody
         group seek mover --to earliest --topic moved
         group describe mover
         group seek mover --to earliest --topic moved --execute
         group describe mover
         group lag mover
         group lag mover --by topic --max-lag 7
         group lag mover --by partition --max-lag 4
         group seek mover --to +2 -y
         group seek mover --to -1 --topic moved:0 -y -o tsv
         group seek mover --to 100 --topic moved:1
         group seek mover --to @now --topic moved:0
         group seek mover --to current --export -
         group seek mover --to nowhere
         group seek mover --to earliest --topic moved:9
         group copy mover twin
         group copy mover twin
         group seek twin --to latest -y -q
         group seek twin --to group:mover
         group describe mover twin --only-lag
         group describe twin --state -o wide
         group describe twin --state --offsets -o json
         group delete-offsets mover --topic moved:1 -y
         group delete-offsets mover --topic moved:1 -y
         group delete-offsets mover --topic elsewhere -y
         group describe mover --offsets -o tsv
         group delete mover
         group delete mover twin nobody -y
         group delete nobody -y --if-exists
         group lag mover
         ~ topic delete moved -y -q",
        expect![[r#"
            $ kq '1\n2\n3\n4\n5\n' | console-producer -t moved -p 0 -q
            exit 0
            $ kq '6\n7\n' | console-producer -t moved -p 1 -q
            exit 0
            $ kq group describe nobody
            ! error: group nobody: there is no such group (GROUP_ID_NOT_FOUND)
            !   hint:  `kq group list` shows what exists
            exit 1
            $ kq group seek mover --to earliest --topic moved
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            mover  moved  0          -               0           planned
            mover  moved  1          -               0           planned
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq group describe mover
            ! error: group mover: there is no such group (GROUP_ID_NOT_FOUND)
            !   hint:  `kq group list` shows what exists
            exit 1
            $ kq group seek mover --to earliest --topic moved --execute
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            mover  moved  0          -               0           moved
            mover  moved  1          -               0           moved
            exit 0
            $ kq group describe mover
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID
            mover  moved  0          0               5               5    -            -     -
            mover  moved  1          0               2               2    -            -     -
            ! group mover has no active members
            exit 0
            $ kq group lag mover
            GROUP  STATE  MEMBERS  PARTITIONS  LAG  MAX-LAG
            mover  Empty  0        2           7    5
            exit 0
            $ kq group lag mover --by topic --max-lag 7
            GROUP  TOPIC  MEMBERS  PARTITIONS  LAG  MAX-LAG
            mover  moved  0        2           7    5
            exit 0
            $ kq group lag mover --by partition --max-lag 4
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG
            mover  moved  0          0               5               5
            mover  moved  1          0               2               2
            ! error: group mover in topic moved, partition 0 is 5 records behind, more than 4
            !   hint:  `kq group describe --only-lag` shows where
            exit 10
            $ kq group seek mover --to +2 -y
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            mover  moved  0          0               2           moved
            mover  moved  1          0               2           moved
            exit 0
            $ kq group seek mover --to -1 --topic moved:0 -y -o tsv
            mover	moved	0	2	1	moved
            exit 0
            $ kq group seek mover --to 100 --topic moved:1
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            mover  moved  1          2               2           planned
            ! warning: moved-1: offset 100 is outside the log, which has 0 to 2; 2 is taken
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq group seek mover --to @now --topic moved:0
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            mover  moved  0          1               5           planned
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq group seek mover --to current --export -
            moved,0,1
            moved,1,2
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq group seek mover --to nowhere
            ! error: --to: `nowhere` is no place: write earliest, latest, current, an OFFSET, +N, -N, @TIME, -PT1H, group:GROUP or file:CSV
            exit 2
            $ kq group seek mover --to earliest --topic moved:9
            ! error: topic moved has no partition 9
            !   hint:  it has 2: 0 to 1
            exit 1
            $ kq group copy mover twin
            TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            moved  0          -               1           copied
            moved  1          -               2           copied
            exit 0
            $ kq group copy mover twin
            ! error: replace the offsets of group twin in 2 partition(s)?: refused, as nobody can be asked here
            !   hint:  add -y to go ahead without being asked
            exit 2
            $ kq group seek twin --to latest -y -q
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            twin   moved  0          1               5           moved
            twin   moved  1          2               2           same
            exit 0
            $ kq group seek twin --to group:mover
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  NEW-OFFSET  RESULT
            twin   moved  0          5               1           planned
            twin   moved  1          2               2           planned
            ! dry run: nothing was changed; -y (or --execute) does it
            exit 0
            $ kq group describe mover twin --only-lag
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID
            mover  moved  0          1               5               4    -            -     -
            ! group mover has no active members
            ! group twin has no active members
            exit 0
            $ kq group describe twin --state -o wide
            GROUP  COORDINATOR  TYPE     ASSIGNMENT-STRATEGY  STATE  MEMBERS  EPOCH  ASSIGNMENT-EPOCH
            twin   1            Classic  -                    Empty  0        -      -
            ! group twin has no active members
            exit 0
            $ kq group describe twin --state --offsets -o json
            {
              "kq": 1,
              "command": "group.describe",
              "data": {
                "state": [
                  {
                    "group": "twin",
                    "coordinator": 1,
                    "type": "Classic",
                    "assignment_strategy": "",
                    "state": "Empty",
                    "members": 0,
                    "epoch": null,
                    "assignment_epoch": null
                  }
                ],
                "offsets": [
                  {
                    "group": "twin",
                    "topic": "moved",
                    "partition": 0,
                    "current_offset": 5,
                    "log_end_offset": 5,
                    "lag": 0,
                    "consumer_id": null,
                    "host": null,
                    "client_id": null,
                    "leader_epoch": null,
                    "metadata": ""
                  },
                  {
                    "group": "twin",
                    "topic": "moved",
                    "partition": 1,
                    "current_offset": 2,
                    "log_end_offset": 2,
                    "lag": 0,
                    "consumer_id": null,
                    "host": null,
                    "client_id": null,
                    "leader_epoch": null,
                    "metadata": ""
                  }
                ]
              }
            }
            exit 0
            $ kq group delete-offsets mover --topic moved:1 -y
            TOPIC  PARTITION  OFFSET  RESULT
            moved  1          2       deleted
            exit 0
            $ kq group delete-offsets mover --topic moved:1 -y
            TOPIC  PARTITION  OFFSET  RESULT
            moved  1          -       deleted
            exit 0
            $ kq group delete-offsets mover --topic elsewhere -y
            ! error: group mover has committed nothing for topic elsewhere
            !   hint:  `kq group describe` shows what it has committed
            exit 1
            $ kq group describe mover --offsets -o tsv
            mover	moved	0	1	5	4					
            exit 0
            $ kq group delete mover
            ! error: delete group mover with all offsets?: refused, as nobody can be asked here
            !   hint:  add -y to go ahead without being asked
            exit 2
            $ kq group delete mover twin nobody -y
            GROUP   RESULT
            mover   deleted
            twin    deleted
            nobody  GROUP_ID_NOT_FOUND
            ! error: 1 of 3 failed: group nobody: there is no such group (GROUP_ID_NOT_FOUND)
            exit 1
            $ kq group delete nobody -y --if-exists
            GROUP   RESULT
            nobody  absent
            exit 0
            $ kq group lag mover
            ! error: group mover: there is no such group (GROUP_ID_NOT_FOUND)
            !   hint:  `kq group list` shows what exists
            exit 1
        "#]],
    );
}

#[test]
fn wrong_words() {
    check(
        "group list --state tired
         group seek
         group seek g --to earliest --dry-run -y
         group copy g g
         group lag --watch -o json
         console-consumer -t t -g g -p 0
         console-consumer -t t -g g -o start
         console-consumer -t t -g g -X group.id=h
         config get group",
        expect![[r#"
            $ kq group list --state tired
            ! error: --state tired: expected one of PreparingRebalance, CompletingRebalance, Stable, Dead, Empty, Assigning, Reconciling, NotReady
            exit 2
            $ kq group seek
            ! error: the following required arguments were not provided:
            !   --to <PLACE>
            !   <GROUP>
            ! 
            ! Usage: kq group seek --to <PLACE> <GROUP>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq group seek g --to earliest --dry-run -y
            ! error: the argument '--dry-run' cannot be used with '--yes'
            ! 
            ! Usage: kq group seek --to <PLACE> --dry-run <GROUP>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq group copy g g
            ! error: g cannot be copied to itself
            exit 2
            $ kq group lag --watch -o json
            {
              "kq": 1,
              "command": "group.lag",
              "error": {
                "code": "USAGE",
                "message": "--watch: one document has no end",
                "cause": [],
                "hint": "use -o tsv, or ask again and again"
              }
            }
            ! error: --watch: one document has no end
            !   hint:  use -o tsv, or ask again and again
            exit 2
            $ kq console-consumer -t t -g g -p 0
            ! error: --partition: in a group, the group says what is read, and from where
            !   hint:  `kq group seek g` moves the group; without --group, --partition works
            exit 2
            $ kq console-consumer -t t -g g -o start
            ! error: --offset: in a group, the group says what is read, and from where
            !   hint:  `kq group seek g` moves the group; without --group, --offset works
            exit 2
            $ kq console-consumer -t t -g g -X group.id=h
            ! error: --group g and group.id=h: which of them?
            exit 2
            $ kq config get group
            ! error: which group?
            exit 2
        "#]],
    );
}

#[test]
fn settings_of_a_group() {
    check(
        "config set --entity group tuned-group consumer.session.timeout.ms=50000 consumer.heartbeat.interval.ms=6000
         config get group tuned-group
         config set group tuned-group no.such.setting=1
         config set group tuned-group consumer.session.timeout.ms=soon
         config set group tuned-group consumer.session.timeout.ms=44999
         config set group tuned-group consumer.heartbeat.interval.ms=15001
         config set group tuned-group share.auto.offset.reset=never
         config set group tuned-group share.delivery.count.limit=1
         config set group tuned-group consumer.session.timeout.ms=55000 --dry-run -o tsv
         config get group tuned-group consumer.session.timeout.ms
         config unset group tuned-group consumer.session.timeout.ms consumer.heartbeat.interval.ms -q -o tsv
         config get group tuned-group",
        expect![[r#"
            $ kq config set --entity group tuned-group consumer.session.timeout.ms=50000 consumer.heartbeat.interval.ms=6000
            NAME                            BEFORE  AFTER  RESULT
            consumer.session.timeout.ms     45000   50000  set
            consumer.heartbeat.interval.ms  5000    6000   set
            exit 0
            $ kq config get group tuned-group
            NAME                            VALUE  SOURCE
            consumer.heartbeat.interval.ms  6000   DYNAMIC_GROUP_CONFIG
            consumer.session.timeout.ms     50000  DYNAMIC_GROUP_CONFIG
            ! 15 more at their defaults; --all shows them
            exit 0
            $ kq config set group tuned-group no.such.setting=1
            ! error: group tuned-group: Unknown group config name: no.such.setting
            exit 1
            $ kq config set group tuned-group consumer.session.timeout.ms=soon
            ! error: group tuned-group: Invalid value soon for configuration consumer.session.timeout.ms: Not a number of type INT
            exit 1
            $ kq config set group tuned-group consumer.session.timeout.ms=44999
            ! error: group tuned-group: consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms
            exit 1
            $ kq config set group tuned-group consumer.heartbeat.interval.ms=15001
            ! error: group tuned-group: consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms
            exit 1
            $ kq config set group tuned-group share.auto.offset.reset=never
            ! error: group tuned-group: Invalid value never for configuration share.auto.offset.reset: Invalid value `never` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.
            exit 1
            $ kq config set group tuned-group share.delivery.count.limit=1
            ! error: group tuned-group: Invalid value 1 for configuration share.delivery.count.limit: Value must be at least 2
            exit 1
            $ kq config set group tuned-group consumer.session.timeout.ms=55000 --dry-run -o tsv
            consumer.session.timeout.ms	50000	55000	valid
            exit 0
            $ kq config get group tuned-group consumer.session.timeout.ms
            NAME                         VALUE  SOURCE
            consumer.session.timeout.ms  50000  DYNAMIC_GROUP_CONFIG
            exit 0
            $ kq config unset group tuned-group consumer.session.timeout.ms consumer.heartbeat.interval.ms -q -o tsv
            consumer.session.timeout.ms	50000	45000	unset
            consumer.heartbeat.interval.ms	6000	5000	unset
            exit 0
            $ kq config get group tuned-group
            NAME  VALUE  SOURCE
            ! 17 more at their defaults; --all shows them
            exit 0
        "#]],
    );
}

/// CSV goes out and comes in, in Kafka's form.
#[test]
fn a_file_remembers_where_a_group_stood() {
    let file = scratch("group-csv").with_extension("csv");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let name = file.display().to_string();
    for broker in brokers() {
        let run = |line: &str| run(broker, &line.replace("FILE", &name));
        run("topic create noted --wait -q");
        fed(broker, "console-producer -t noted -q", "a\nb\nc\n");
        run("group seek noter --to latest --topic noted -y -q");
        run("group seek noter --to current --export FILE -q");
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), "noted,0,3\n");
        run("group seek noter --to 1 -y -q");
        assert!(run("group describe noter -o tsv").starts_with("noter\tnoted\t0\t1\t3\t2\t"));
        run("group seek noter --to file:FILE -y -q");
        assert!(run("group describe noter -o tsv").starts_with("noter\tnoted\t0\t3\t3\t0\t"));
        std::fs::write(&file, "noter,noted,0,2\nother,noted,0,1\n").expect("the file");
        run("group seek noter --to file:FILE -y -q");
        assert!(run("group list -o tsv").lines().any(|line| line.starts_with("noter\tClassic\t")));
        assert!(!run("group list --state stable -o tsv").contains("noter\t"));
        assert!(run("group describe noter -o tsv").starts_with("noter\tnoted\t0\t2\t3\t1\t"));
        run("group delete noter -y -q");
        run("topic delete noted -y -q");
    }
}

/// A consumer reads on where the group stands, and commits no further than it has shown.
#[test]
fn a_consumer_goes_on_where_its_group_stands() {
    for broker in brokers() {
        run(broker, "topic create steps --wait -q");
        fed(broker, "console-producer -t steps -q", "1\n2\n3\n4\n5\n6\n7\n");
        // Without a commit, it begins at the end, as Kafka's does.
        assert_eq!(run(broker, "console-consumer -t steps -g walker -e -q"), "");
        run(broker, "group seek walker --to 1 -y -q");
        assert_eq!(run(broker, "console-consumer -t steps -g walker -n 2 -q"), "2\n3\n");
        assert!(run(broker, "group describe walker -o tsv").starts_with("walker\tsteps\t0\t3\t7\t4\t"));
        // A commit counts more than --from-beginning.
        assert_eq!(run(broker, "console-consumer -t steps -g walker --from-beginning -n 1 -q"), "4\n");
        let reading = "console-consumer -t steps -g walker -e -q -X enable.auto.commit=false";
        assert_eq!(run(broker, reading), "5\n6\n7\n");
        assert_eq!(run(broker, "console-consumer -t steps -g walker -e -q"), "5\n6\n7\n");
        assert_eq!(run(broker, "console-consumer -t steps -g walker -e -q"), "");
        assert_eq!(run(broker, "console-consumer -t steps -g fresh --from-beginning -n 1 -q"), "1\n");
        run(broker, "group delete walker fresh -y -q");
        run(broker, "topic delete steps -y -q");
    }
}

/// Two share four partitions; one leaves and the other takes over; every record is shown once.
#[test]
fn consumers_share_a_topic() {
    for broker in brokers() {
        run(broker, "topic create shared -p 4 --wait -q");
        let mut one = Consumer::start(broker);
        let mut two = Consumer::start(broker);
        let deadline = Instant::now() + PATIENCE;
        loop {
            // There is no such group before the first has joined.
            let said = command(broker, "group describe sharers --members -o tsv").output().expect("kq runs");
            let rows = String::from_utf8_lossy(&said.stdout).into_owned();
            let shares: Vec<&str> = rows.lines().filter_map(|row| row.split('\t').nth(5)).collect();
            if shares == ["2", "2"] {
                break;
            }
            assert!(Instant::now() < deadline, "{}: {rows}", broker.name);
            std::thread::sleep(Duration::from_millis(200));
        }
        let refused = command(broker, "group seek sharers --to earliest -y").output().expect("kq runs");
        assert_eq!(refused.status.code(), Some(1));
        for partition in 0..4 {
            fed(
                broker,
                &format!("console-producer -t shared -p {partition} -q"),
                &format!("a{partition}\nb{partition}\n"),
            );
        }
        let (mut first, mut second) = (one.lines(4), two.lines(4));
        first.append(&mut second);
        first.sort();
        assert_eq!(first, ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]);
        assert_eq!(one.stop(), Some(130));
        for partition in 0..4 {
            fed(broker, &format!("console-producer -t shared -p {partition} -q"), &format!("c{partition}\n"));
        }
        let mut rest = two.lines(4);
        rest.sort();
        assert_eq!(rest, ["c0", "c1", "c2", "c3"]);
        assert_eq!(two.stop(), Some(130));
        // Both have said goodbye, and committed all that they had shown.
        assert_eq!(run(broker, "group lag sharers -o tsv"), "sharers\tEmpty\t0\t4\t0\t0\t0\n");
        run(broker, "group delete sharers -y -q");
        run(broker, "topic delete shared -y -q");
    }
}

pub fn command(broker: &Broker, line: &str) -> Command {
    let mut command = kq("none");
    command.env("KQ_BOOTSTRAP_SERVER", &broker.address).args(line.split_whitespace());
    command
}

/// What a command that must succeed says on stdout.
pub fn run(broker: &Broker, line: &str) -> String {
    let output = command(broker, line).output().expect("kq runs");
    let story = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: kq {line}: {:?}\n{story}", broker.name, output.status);
    String::from_utf8(output.stdout).expect("text")
}

pub fn fed(broker: &Broker, line: &str, input: &str) {
    let mut child = command(broker, line).stdin(Stdio::piped()).spawn().expect("kq runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("its stdin"), input.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success(), "{}: kq {line}", broker.name);
}

/// A consumer in the group, with its lines as they come.
struct Consumer {
    child: Child,
    lines: Receiver<String>,
}

impl Consumer {
    fn start(broker: &Broker) -> Consumer {
        let line = "console-consumer -t shared -g sharers --from-beginning -q -X heartbeat.interval.ms=300";
        let mut child = command(broker, line).stdout(Stdio::piped()).spawn().expect("kq runs");
        let stdout = child.stdout.take().expect("its stdout");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Consumer { child, lines }
    }

    fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.lines.recv_timeout(PATIENCE).expect("a record")).collect()
    }

    /// Ctrl-C; nothing more may have come. The exit code.
    fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        let code = self.child.wait().expect("it ends").code();
        assert_eq!(self.lines.try_recv().ok(), None, "a record was shown twice");
        code
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
