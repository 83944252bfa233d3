//! Benchmarks finish, count right, and print Kafka's lines.

use crate::broker::brokers;
use crate::screen::{check_alone, kq, scratch};
use expect_test::expect;
use serde_json::Value;
use std::time::{Duration, Instant};

fn run(address: &str, line: &str) -> (Option<i32>, String, String) {
    let output = kq("none").env("KQ_BOOTSTRAP_SERVER", address).args(line.split_whitespace()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_produced_is_consumed() {
    for broker in brokers() {
        let run = |line: &str| run(&broker.address, line);
        let (code, out, err) = run(
            "bench produce -t bench-count --create-topic --partitions 3 --num-records 5000 --connections 2 -z zstd",
        );
        assert_eq!(code, Some(0), "{err}");
        // The shape of producer-perf-test's last line.
        let shape: String = out.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        let mut shape = shape.replace("999,999", "9");
        while shape.contains("99") {
            shape = shape.replace("99", "9");
        }
        assert_eq!(
            shape,
            "9 records sent, 9.9 records/sec (9.9 MB/sec), 9.9 ms avg latency, 9.9 ms max latency, 9 ms 9th, 9 ms 9th, \
             9 ms 9th, 9 ms 9.9th.\n",
            "{out}"
        );
        let (code, out, err) = run("bench consume -t bench-count --connections 3 -o json");
        let value: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((code, value["data"]["records"].as_i64()), (Some(0), Some(5000)), "{err}");
        let (code, out, err) = run("bench e2e -t bench-count --num-records 20 -o json");
        let value: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((code, value["data"]["records"].as_i64()), (Some(0), Some(20)), "{err}");
        let (code, ..) = run("topic delete bench-count -y");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn a_rate_is_kept() {
    for broker in brokers() {
        let (code, out, err) = run(
            &broker.address,
            "bench produce -t bench-rate --create-topic --num-records 200 --throughput 400 --batch-size 1 -o json",
        );
        let value: Value = serde_json::from_str(&out).expect("JSON");
        let seconds = value["data"]["seconds"].as_f64().unwrap_or(0.0);
        assert!(code == Some(0) && (0.45..5.0).contains(&seconds), "{seconds} s: {err}");
        run(&broker.address, "topic delete bench-rate -y");
    }
}

/// Whatever the acknowledgements, sequences and connections are: what is said to be written is there.
#[test]
fn every_way_to_write_writes() {
    for broker in brokers() {
        let run = |line: &str| run(&broker.address, line);
        for (index, flags) in
            ["--acks 0", "--acks 1 --in-flight 64", "--idempotent --warmup-records 100"].iter().enumerate()
        {
            let topic = format!("bench-ways-{index}");
            let (code, out, err) = run(&format!(
                "bench produce -t {topic} --create-topic --partitions 3 --num-records 2001 --records-per-batch 5 \
                 --connections 4 --command-property linger.ms=0 batch.size=9 {flags}"
            ));
            assert!(code == Some(0) && out.starts_with("2001 records sent, "), "{flags}: {out}{err}");
            assert_eq!(out.lines().count(), 1 + usize::from(flags.contains("warmup")), "{out}");
            // Readers see what is on disk, and only acks=all waits for that.
            let end = |line: &str| line.split('\t').nth(2).and_then(|end| end.parse::<u64>().ok()).unwrap_or(0);
            let written = || run(&format!("topic offsets {topic} -o tsv")).1.lines().map(end).sum::<u64>();
            let deadline = Instant::now() + Duration::from_secs(10);
            while written() < 2001 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            let (code, out, err) = run(&format!("bench consume -t {topic} --num-records 2001 --verify --hide-header"));
            assert!(code == Some(0) && out.contains(", 2001, "), "{flags}: {out}{err}");
            let again = format!("bench consume -t {topic} --num-records 5000 --repeat --connections 7 -o json");
            let (code, out, err) = run(&again);
            let value: Value = serde_json::from_str(&out).expect("JSON");
            assert!(code == Some(0) && value["data"]["records"].as_u64() >= Some(5000), "{out}{err}");
            run(&format!("topic delete {topic} -y -q"));
        }
        let (code, _, err) = run("bench produce -t bench-missing --num-records 1");
        assert!(code == Some(1) && err.contains("--create-topic"), "{err}");
    }
}

#[test]
fn a_refused_record_is_a_failure() {
    for broker in brokers() {
        let run = |line: &str| run(&broker.address, line);
        run("topic create bench-small -c max.message.bytes=100 --wait -q");
        let (code, _, err) = run("bench produce -t bench-small --num-records 10 --record-size 1000 -q");
        assert_eq!(code, Some(1), "{err}");
        assert!(err.starts_with("error: 10 of 10 records failed: MESSAGE_TOO_LARGE"), "{err}");
        run("topic delete bench-small -y -q");
    }
}

/// A comparison with itself alone, short and cold: that the row's numbers come, and that nothing is left behind.
#[test]
fn a_row_of_the_comparison_runs() {
    let dir = scratch("compare");
    std::fs::create_dir_all(&dir).unwrap();
    let dir = dir.display().to_string();
    let short = format!("--rounds 1 --seconds 0.5 --warm-seconds 0 --warm-bytes 0 --data-dir {dir}");
    let (svg, markdown) = (format!("{dir}.svg"), format!("{dir}.md"));
    let (code, out, err) = run(
        "",
        &format!(
            "bench compare --only kqd --row tiny --row topic-list {short} -o json --svg {svg} --markdown {markdown}"
        ),
    );
    assert_eq!(code, Some(0), "{err}");
    let value: Value = serde_json::from_str(&out).expect("JSON");
    let measured = |row: usize, name: &str| {
        let measures = value["data"]["rows"][row]["measures"].as_array().expect("measures");
        measures.iter().find(|measure| measure["measure"] == name).and_then(|measure| measure["kqd"].as_f64())
    };
    for (row, name) in
        [(0, "requests_per_sec"), (0, "p99_ms"), (0, "cpu_us_per_request"), (0, "memory_peak_mib"), (1, "process_ms")]
    {
        assert!(measured(row, name).is_some_and(|value| value > 0.0), "{name}: {out}");
    }
    assert!(value["data"]["rows"][0]["limit"]["value"].as_f64().is_some_and(|value| value > 0.0), "{out}");
    assert!(std::fs::read_to_string(svg).unwrap().starts_with("<svg "));
    assert!(std::fs::read_to_string(markdown).unwrap().contains("| `kq topic list`, whole process"));
    let (code, out, err) = run("", &format!("bench curves --curve producers --most 1000 {short} -o tsv"));
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{out}{err}");
    assert!(out.contains("\t1000 producer ids\t"), "{out}");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "files are left behind");
}

#[test]
fn a_comparison_says_what_it_lacks() {
    check_alone(
        "compare-usage",
        "bench compare --row nonsense
         bench compare --rounds 0
         bench compare --seconds 0
         bench compare --kafka-jars nowhere --row tiny
         bench curves --curve tall",
        expect![[r#"
            $ kq bench compare --row nonsense
            ! error: invalid value 'nonsense' for '--row <NAME>'
            !   [possible values: tiny, tiny-synced, 16k-1, 16k-16, 16k-16-synced, 1m-4, fetch-64k, fetch-1m, open-loop, producer-tool, producer-tool-1000, partitions-5000, memory, start, kill, topic-list, group-join, group-commits, group-load, consumer-tool]
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq bench compare --rounds 0
            ! error: invalid value '0' for '--rounds <N>': 0 is not in 1..=100
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq bench compare --seconds 0
            ! error: invalid value '0' for '--seconds <S>': expected more than 0
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq bench compare --kafka-jars nowhere --row tiny
            ! error: Apache Kafka 4.3.1's jars are not in nowhere
            !   hint:  `tests/run golden` fetches them; --kafka-jars DIR (or KAFKA_JARS) names another place; --only kqd does without
            exit 1
            $ kq bench curves --curve tall
            ! error: invalid value 'tall' for '--curve <NAME>'
            !   [possible values: partitions, idle-partitions, connections, producers, log]
            ! 
            ! For more information, try '--help'.
            exit 2
        "#]],
    );
}
