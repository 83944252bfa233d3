//! Reports of fixed numbers.

use super::*;
use crate::cmd::bench::compare::rows::ROWS;
use crate::cmd::bench::compare::target::{Sample, findings};
use crate::ui::section;
use expect_test::expect;

fn outcome(name: &str, kqd: &[Sample], kafka: &[Sample]) -> Outcome {
    let row = ROWS.iter().find(|row| row.name == name).unwrap();
    Outcome { row, findings: findings(kqd, kafka, row.targets), limit: None, notes: Vec::new() }
}

/// Three rows with fixed numbers.
pub fn outcomes() -> Vec<Outcome> {
    use Measure::*;
    let tiny = |rate, p50, cpu| Sample::from([(RequestsPerSec, rate), (P50, p50), (CpuPerRequest, cpu)]);
    let mut first = outcome(
        "tiny",
        &[tiny(100.0, 1.0, 4.0), tiny(300_000.0, 0.4, 3.0), tiny(200_000.0, 0.5, 3.5)],
        &[tiny(50_000.0, 2.0, 20.0), tiny(60_000.0, 1.0, 21.0)],
    );
    first.notes.push("failed on kafka: it fell over".into());
    let mut second = outcome("16k-1", &[Sample::from([(MbPerSec, 100.0)])], &[Sample::from([(MbPerSec, 200.0)])]);
    second.limit = Some(Limit { about: "socket to page cache".into(), measure: MbPerSec, value: 400.0 });
    let third = outcome("topic-list", &[Sample::from([(WholeProcess, 12.0)])], &[]);
    vec![first, second, third]
}

#[test]
fn the_table_shows_goals_and_with_wide_everything() {
    let section = |all| section("", &columns(), &lines(&outcomes(), all));
    let table = |all| crate::ui::text_table(&section(all), all, false);
    expect![[r#"
        ROW         MEASURE          KQD        KAFKA     RATIO   TARGET     VERDICT
        tiny        requests         200,000/s  55,000/s  3.64 ×  ≥ 3 ×      reached
        tiny        CPU per request  3.50 µs    20.5 µs   0.17 ×  ≤ 0.25 ×   reached
        16k-1       throughput       100 MB/s   200 MB/s  0.50 ×  ≥ 3 ×      missed
        topic-list  whole process    12.0 ms    -         -       ≤ 15.0 ms  reached
    "#]]
    .assert_eq(&table(false));
    expect![[r#"
        ROW         MEASURE          KQD        KAFKA     RATIO   TARGET     VERDICT  RUNS
        tiny        requests         200,000/s  55,000/s  3.64 ×  ≥ 3 ×      reached  3+2
        tiny        p50              0.50 ms    1.50 ms   0.33 ×  -          -        3+2
        tiny        CPU per request  3.50 µs    20.5 µs   0.17 ×  ≤ 0.25 ×   reached  3+2
        16k-1       throughput       100 MB/s   200 MB/s  0.50 ×  ≥ 3 ×      missed   1+1
        topic-list  whole process    12.0 ms    -         -       ≤ 15.0 ms  reached  1+0
    "#]]
    .assert_eq(&table(true));
}

#[test]
fn markdown_is_a_table() {
    expect![[r#"
        | measure | kqd | Kafka | ratio | target | |
        |---|---|---|---|---|---|
        | 1 record of 100 B a request, 64 connections × 2 in flight, page cache: requests | 200,000/s | 55,000/s | 3.64 × | ≥ 3 × | reached |
        | … CPU per request | 3.50 µs | 20.5 µs | 0.17 × | ≤ 0.25 × | reached |
        | 16 KB batches, 1 connection × 5 in flight, page cache: throughput | 100 MB/s | 200 MB/s | 0.50 × | ≥ 3 × | missed |
        | `kq topic list`, whole process: whole process | 12.0 ms | - | - | ≤ 15.0 ms | reached |
    "#]].assert_eq(&markdown(&outcomes()));
}

#[test]
fn a_missed_row_says_what_the_machine_can_do() {
    expect![[r#"
        tiny: failed on kafka: it fell over
        16k-1: socket to page cache: 400 MB/s; kqd is at 25 % of that"#]]
    .assert_eq(&remarks(&outcomes()).join("\n"));
}

#[test]
fn the_schema_names_every_field() {
    let document = document(&outcomes(), 3.0, 5, &["cubic".into()]);
    fn walk(value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                assert!(SCHEMA.contains(name.as_str()), "{name}");
                walk(value);
            }),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&document);
    expect![[r#"{"name":"16k-1","about":"16 KB batches, 1 connection × 5 in flight, page cache","measures":[{"measure":"mb_per_sec","kqd":100.0,"kafka":200.0,"ratio":0.5,"target":{"kind":"at_least","value":3.0},"verdict":"missed","kqd_runs":[100.0],"kafka_runs":[200.0]}],"limit":{"about":"socket to page cache","measure":"mb_per_sec","value":400.0},"notes":[]}"#]].assert_eq(&document["rows"][1].to_string());
}
