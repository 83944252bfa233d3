//! What happens when things are typed wrong, or nobody is there: exit codes, hints, JSON on failure.

use crate::broker::{brokers, kqd};
use crate::screen::{check_alone, kq};
use expect_test::expect;
use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn wrong_words_are_usage_errors() {
    check_alone(
        "wrong-words",
        "topic frobnicate
         topic create
         topic list --no-such-flag
         topic list -o xml
         topic create t -c nonsense -b 127.0.0.1:1
         topic list --timeout soon
         topic trim t --to yesterday -b 127.0.0.1:1
         topic list -b http://x
         topic list -X no.such=1
         topic list -X security.protocol=SSL
         topic list -C nowhere
         config get orders",
        expect![[r#"
            $ kq topic frobnicate
            ! error: unrecognized subcommand 'frobnicate'
            ! 
            ! Usage: kq topic <COMMAND>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic create
            ! error: the following required arguments were not provided:
            !   <NAME>...
            ! 
            ! Usage: kq topic create <NAME>...
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic list --no-such-flag
            ! error: unexpected argument '--no-such-flag' found
            ! 
            ! Usage: kq topic list [OPTIONS]
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic list -o xml
            ! error: invalid value 'xml' for '--output <FORM>'
            !   [possible values: table, wide, json, yaml, tsv, schema]
            ! 
            !   tip: a similar value exists: 'yaml'
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic create t -c nonsense -b 127.0.0.1:1
            ! error: -c nonsense: expected NAME=VALUE
            exit 2
            $ kq topic list --timeout soon
            ! error: invalid value 'soon' for '--timeout <TIME>': `soon` is no duration: write 30s, 500ms, 2m, 1h or 7d
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq topic trim t --to yesterday -b 127.0.0.1:1
            ! error: --to yesterday: expected an offset, end, or @TIME
            exit 2
            $ kq topic list -b http://x
            ! error: `http://x` is no broker address
            !   hint:  write HOST:PORT, several with commas
            exit 2
            $ kq topic list -X no.such=1
            ! error: -X no.such: no such client setting
            !   hint:  `-X list` shows all
            exit 2
            $ kq topic list -X security.protocol=SSL
            ! error: security.protocol=SSL: this version speaks PLAINTEXT only
            exit 2
            $ kq topic list -C nowhere
            ! error: no profile named nowhere
            !   hint:  see `kq profile list`
            exit 2
            $ kq config get orders
            ! error: `orders` has no settings: expected topic, broker, cluster or group
            !   hint:  for a topic of that name: kq config get topic orders
            exit 2
        "#]],
    );
}

#[test]
fn stdout_is_json_even_when_the_command_line_is_wrong() {
    let output = kq("none").args(["topic", "list", "-o", "json", "--nope"]).output().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((value["kq"].as_i64(), value["error"]["code"].as_str()), (Some(1), Some("USAGE")));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_missing_broker_is_a_failure_with_a_hint() {
    check_alone(
        "missing",
        "topic list -b 127.0.0.1:1
         topic list -b 127.0.0.1:1,127.0.0.1:2 -o json
         doctor -b 127.0.0.1:1",
        expect![[r#"
            $ kq topic list -b 127.0.0.1:1
            ! error: cannot connect to 127.0.0.1:1
            !   cause: Connection refused (os error 111)
            !   hint:  start a broker with `kq playground`, or name one with -b HOST:PORT; `kq doctor` checks the path
            exit 1
            $ kq topic list -b 127.0.0.1:1,127.0.0.1:2 -o json
            {
              "kq": 1,
              "command": "topic.list",
              "error": {
                "code": "UNREACHABLE",
                "message": "cannot connect to 127.0.0.1:1",
                "cause": [
                  "Connection refused (os error 111)",
                  "cannot connect to 127.0.0.1:2",
                  "Connection refused (os error 111)"
                ],
                "hint": "start a broker with `kq playground`, or name one with -b HOST:PORT; `kq doctor` checks the path"
              }
            }
            ! error: cannot connect to 127.0.0.1:1
            !   cause: Connection refused (os error 111)
            !   cause: cannot connect to 127.0.0.1:2
            !   cause: Connection refused (os error 111)
            !   hint:  start a broker with `kq playground`, or name one with -b HOST:PORT; `kq doctor` checks the path
            exit 1
            $ kq doctor -b 127.0.0.1:1
            CHECK                RESULT  VALUE                                                             FIX
            bootstrap servers    Pass    127.0.0.1:1 (flag -b)                                             -
            resolve 127.0.0.1    Pass    127.0.0.1                                                         -
            connect 127.0.0.1:1  Fail    cannot connect to 127.0.0.1:1: Connection refused (os error 111)  start the broker, or correct the port; see listeners in its configuration
            ! error: 1 of 3 checks failed
            exit 3
        "#]],
    );
}

#[test]
fn a_silent_port_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = kq("none").args(["topic", "list", "--timeout", "300ms", "-b", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(124));
    let story = String::from_utf8_lossy(&output.stderr).replace(&address, "BROKER");
    expect![[r#"
        error: BROKER did not answer ApiVersions in time
          hint:  give it longer with --timeout
    "#]]
    .assert_eq(&story);
}

#[test]
fn a_port_that_speaks_something_else_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in listener.incoming().flatten() {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = (&stream).read(&mut [0; 4096]);
        }
    });
    let output = kq("none").args(["topic", "list", "-b", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let story = String::from_utf8_lossy(&output.stderr).replace(&address, "BROKER");
    expect![[r#"
        error: BROKER: frame of 1213486160 bytes: the port does not seem to speak Kafka's protocol
          hint:  start a broker with `kq playground`, or name one with -b HOST:PORT; `kq doctor` checks the path
    "#]]
    .assert_eq(&story);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let mut command = kq("none");
    command.args(["config", "get", "broker", "1", "--all", "-o", "wide", "-b", &kqd().address]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_failure_stays_one_when_nobody_reads() {
    let mut command = kq("none");
    command.args(["topic", "list", "-o", "json", "-b", "127.0.0.1:1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn profiles_are_kept() {
    check_alone(
        "profiles",
        "profile list
         profile create prod -b kq1:9092,kq2:9092 -X client.id=ops
         profile create test -b localhost:9092
         profile create bad -b localhost:port
         profile use test
         profile list -o wide
         profile use nope
         profile print prod -o json
         profile delete test
         profile delete test
         profile list -o tsv",
        expect![[r#"
            $ kq profile list
            NAME  CURRENT  BOOTSTRAP-SERVER
            exit 0
            $ kq profile create prod -b kq1:9092,kq2:9092 -X client.id=ops
            ! profile prod written to HOME/profiles.toml; it is in use now
            exit 0
            $ kq profile create test -b localhost:9092
            ! profile test written to HOME/profiles.toml; `kq profile use test` uses it
            exit 0
            $ kq profile create bad -b localhost:port
            ! error: `localhost:port` is no broker address
            !   hint:  write HOST:PORT, several with commas
            exit 2
            $ kq profile use test
            ! profile test is in use now
            exit 0
            $ kq profile list -o wide
            NAME  CURRENT  BOOTSTRAP-SERVER   SETTINGS
            prod  false    kq1:9092,kq2:9092  client.id=ops
            test  true     localhost:9092     -
            exit 0
            $ kq profile use nope
            ! error: no profile named nope
            !   hint:  there are: prod, test
            exit 1
            $ kq profile print prod -o json
            {
              "kq": 1,
              "command": "profile.print",
              "data": [
                {
                  "name": "prod",
                  "current": false,
                  "bootstrap_server": "kq1:9092,kq2:9092",
                  "settings": {
                    "client.id": "ops"
                  }
                }
              ]
            }
            exit 0
            $ kq profile delete test
            ! profile test deleted
            exit 0
            $ kq profile delete test
            ! error: no profile named test
            !   hint:  there are: prod
            exit 1
            $ kq profile list -o tsv
            prod	false	kq1:9092,kq2:9092	client.id=ops
            exit 0
        "#]],
    );
}

#[test]
fn doctor_finds_nothing_wrong_with_a_broker_that_works() {
    for broker in brokers() {
        let run = |line: &str| {
            let output = kq("none").env("KQ_BOOTSTRAP_SERVER", &broker.address).args(line.split_whitespace()).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run("topic create patient --wait");
        let report: serde_json::Value = serde_json::from_str(&run("doctor --topic patient -o json")).unwrap();
        let rows = report["data"].as_array().unwrap();
        assert!(rows.len() == 8 && rows.iter().all(|row| row["result"] == "Pass"), "{report:#}");
        assert_eq!(run("topic offsets patient -o tsv"), "0\t0\t1\t1\n");
        run("topic delete patient -y");
    }
}
