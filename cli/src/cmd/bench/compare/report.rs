//! What was found, as a table, as JSON, and as Markdown for a README.

use super::measure::Measure;
use super::rows::Row;
use super::target::{Finding, Goal, Verdict, median};
use crate::ui::Column;
use serde_json::{Value, json};
use std::fmt::Write;

/// What this machine could do at most, for the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What was done to find out.
    pub about: String,
    /// In which quantity.
    pub measure: Measure,
    /// So much.
    pub value: f64,
}

/// A row with what was found.
pub struct Outcome {
    /// Which.
    pub row: &'static Row,
    /// Every quantity.
    pub findings: Vec<Finding>,
    /// The machine's limit.
    pub limit: Option<Limit>,
    /// What else is to be said: what was skipped, what failed.
    pub notes: Vec<String>,
}

/// One line of the table.
pub struct Line<'a> {
    outcome: &'a Outcome,
    finding: &'a Finding,
}

/// The table's lines: quantities with a goal first in mind, the others only where all are asked for.
pub fn lines(outcomes: &[Outcome], all: bool) -> Vec<Line<'_>> {
    let shown = |outcome: &Outcome, finding: &Finding| all || finding.goal.is_some() || outcome.row.targets.is_empty();
    let line = |outcome, finding| Line { outcome, finding };
    outcomes
        .iter()
        .flat_map(|outcome| outcome.findings.iter().map(move |finding| (outcome, finding)))
        .filter(|(outcome, finding)| shown(outcome, finding))
        .map(|(outcome, finding)| line(outcome, finding))
        .collect()
}

fn shown(measure: Measure, value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| measure.show(value))
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".into(), |ratio| format!("{} ×", super::measure::number(ratio)))
}

fn goal(finding: &Finding) -> String {
    finding.goal.map_or_else(|| "-".into(), |goal| goal.show(finding.measure))
}

/// The columns of the table, for lines of any life.
pub fn columns<'a>() -> Vec<Column<Line<'a>>> {
    vec![
        Column::new("row", "string: the row, as --row takes it", |line| json!(line.outcome.row.name)),
        Column::new("measure", "string: the quantity", |line| json!(line.finding.measure.words().0)),
        Column::new("kqd", "string: kqd's median", |line| {
            json!(shown(line.finding.measure, median(&line.finding.kqd)))
        }),
        Column::new("kafka", "string: Apache Kafka's median", |line| {
            json!(shown(line.finding.measure, median(&line.finding.kafka)))
        }),
        Column::new("ratio", "string: kqd's median in units of Kafka's", |line| json!(times(line.finding.ratio()))),
        Column::new("target", "string: what is to be reached", |line| json!(goal(line.finding))),
        Column::new("verdict", "string: reached or missed", |line| json!(line.finding.verdict().to_string())),
        Column::wide("runs", "string: how many runs of kqd and of Kafka", |line| {
            json!(format!("{}+{}", line.finding.kqd.len(), line.finding.kafka.len()))
        }),
    ]
}

/// What `-o schema` says of the JSON.
pub const SCHEMA: &str = "\
rows                    array, one object for each row
  name, about           string
  measures              array, one object for each quantity
    measure             string: with its unit at the end
    kqd, kafka          number or null: medians
    ratio               number or null: kqd's median in units of Kafka's
    target              object or null: kind (at_least or at_most, times Kafka's; within, absolute), value
    verdict             string: reached, missed, or - where there is nothing to reach
    kqd_runs, kafka_runs  array of numbers: one for each run
  limit                 object or null: what this machine can do at most for the same bytes: about, measure, value
  notes                 array of strings
seconds, rounds         number: of one run, of each row
notes                   array of strings
";

fn goal_json(goal: Goal) -> Value {
    let (kind, value) = match goal {
        Goal::AtLeast(value) => ("at_least", value),
        Goal::AtMost(value) => ("at_most", value),
        Goal::Within(value) => ("within", value),
    };
    json!({ "kind": kind, "value": value })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "measure": finding.measure.name(),
        "kqd": median(&finding.kqd),
        "kafka": median(&finding.kafka),
        "ratio": finding.ratio(),
        "target": finding.goal.map(goal_json),
        "verdict": finding.verdict().to_string(),
        "kqd_runs": finding.kqd,
        "kafka_runs": finding.kafka,
    })
}

/// All of it.
pub fn document(outcomes: &[Outcome], seconds: f64, rounds: u32, notes: &[String]) -> Value {
    let limit = |limit: &Limit| json!({"about": limit.about, "measure": limit.measure.name(), "value": limit.value});
    let row = |outcome: &Outcome| {
        json!({
            "name": outcome.row.name,
            "about": outcome.row.about,
            "measures": outcome.findings.iter().map(finding_json).collect::<Vec<Value>>(),
            "limit": outcome.limit.as_ref().map(limit),
            "notes": outcome.notes,
        })
    };
    let rows: Vec<Value> = outcomes.iter().map(row).collect();
    json!({ "rows": rows, "seconds": seconds, "rounds": rounds, "notes": notes })
}

/// A Markdown table of the quantities with a goal.
pub fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = "| measure | kqd | Kafka | ratio | target | |\n|---|---|---|---|---|---|\n".to_string();
    let mut last = "";
    for Line { outcome, finding } in lines(outcomes, false) {
        let about = if last == outcome.row.name { "" } else { outcome.row.about };
        last = outcome.row.name;
        let what = finding.measure.words().0;
        let what = if about.is_empty() { format!("… {what}") } else { format!("{about}: {what}") };
        let _ = writeln!(
            text,
            "| {what} | {} | {} | {} | {} | {} |",
            shown(finding.measure, median(&finding.kqd)),
            shown(finding.measure, median(&finding.kafka)),
            times(finding.ratio()),
            goal(finding),
            finding.verdict(),
        );
    }
    text
}

/// What stands below the table: the machine's limit for each row that was missed, and each row's notes.
pub fn remarks(outcomes: &[Outcome]) -> Vec<String> {
    let mut remarks = Vec::new();
    for outcome in outcomes {
        let missed = outcome.findings.iter().any(|finding| finding.verdict() == Verdict::Missed);
        if let Some(limit) = outcome.limit.as_ref().filter(|_| missed) {
            let kqd = outcome.findings.iter().find(|finding| finding.measure == limit.measure);
            let part = kqd.and_then(|finding| median(&finding.kqd)).map(|kqd| 100.0 * kqd / limit.value.max(1e-9));
            let part = part.map_or(String::new(), |part| format!("; kqd is at {part:.0} % of that"));
            let most = limit.measure.show(limit.value);
            remarks.push(format!("{}: {}: {most}{part}", outcome.row.name, limit.about));
        }
        remarks.extend(outcome.notes.iter().map(|note| format!("{}: {note}", outcome.row.name)));
    }
    remarks
}

#[cfg(test)]
pub mod tests;
