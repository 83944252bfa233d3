//! Faults on hosts: three kqd, each in a network namespace of its own, lose processes and links while clients write and
//! read; what the clients saw must hold.
//!
//! Without settings, four runs of 45 s with faults by chance. `KQ_FAULT_ROWS=1,3` takes rows of the fault matrix (`mixed`
//! is chance), `KQ_FAULT_RUNS` so many runs of each, `KQ_FAULT_SECONDS` so long, `KQ_FAULT_SEED` from this seed on. The
//! table of what came out goes to stdout, the story to stderr. Exit 0: nothing was wrong; 1: something was, or the
//! machine lacks something.

mod between;
mod burden;
mod chance;
mod disk;
mod fault;
mod foreign;
mod history;
mod host;
mod link;
mod member;
mod private;
mod reader;
mod rows;
mod stage;
mod verdict;
mod watcher;
mod writer;

use chance::Chance;
use foreign::Kind;
use rows::{ROWS, Row};
use stage::{BROKERS, Stage, Verdict};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The row in which acknowledged records may go.
const LOSES: &str = "6u";

struct Plan {
    rows: Vec<&'static Row>,
    runs: u64,
    time: Duration,
    seed: u64,
}

fn main() -> ExitCode {
    // What a list of tests would be asked for: this is one.
    if std::env::args().any(|argument| argument == "--list") {
        println!("hosts: test");
        return ExitCode::SUCCESS;
    }
    let outcome = match private::enter() {
        Ok(private::Place::Outside(code)) => return code,
        Ok(private::Place::Inside(dir)) => plan().and_then(|plan| perform(&plan, &dir)),
        Err(why) => Err(why),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("hosts: {why}");
            ExitCode::FAILURE
        }
    }
}

fn plan() -> Result<Plan, String> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name}={text}: expected a number")),
        Err(_) => Ok(default),
    };
    let rows = std::env::var("KQ_FAULT_ROWS").unwrap_or_else(|_| "mixed".to_owned());
    let mut found = Vec::new();
    for text in rows.split(',') {
        let row = ROWS.iter().find(|row| row.number == text.trim());
        found.push(row.ok_or_else(|| format!("KQ_FAULT_ROWS: there is no row {text}"))?);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    Ok(Plan {
        rows: found,
        runs: number("KQ_FAULT_RUNS", 4)?,
        time: Duration::from_secs(number("KQ_FAULT_SECONDS", 45)?),
        seed: number("KQ_FAULT_SEED", now)?,
    })
}

fn perform(plan: &Plan, home: &Path) -> Result<bool, String> {
    host::bridge()?;
    for id in 1..=BROKERS {
        host::wire(id)?;
    }
    let mut table = vec![
        "| row | fault | runs | acknowledged | lost | wrong | longest gap | slowest recovery |".to_owned(),
        "|--|--|--|--|--|--|--|--|".to_owned(),
    ];
    let mut good = true;
    for row in &plan.rows {
        let mut verdicts = Vec::new();
        for run in 0..plan.runs {
            let seed = plan.seed + run;
            let dir = home.join(format!("row{}-seed{seed}", row.number));
            eprintln!("row {}: {}, {:?}, seed {seed}", row.number, row.name, plan.time);
            // Every second run librdkafka, every second Java; the first is the oracle's alone.
            let foreign = match run % 4 {
                0 => &[][..],
                1 => &[Kind::Librdkafka],
                2 => &[Kind::Java],
                _ => &[Kind::Librdkafka, Kind::Java],
            };
            let verdict = one(row, &dir, seed, plan.time, foreign).unwrap_or_else(Verdict::none);
            if verdict.wrong.is_empty() {
                let _ = std::fs::remove_dir_all(&dir);
            } else {
                good = false;
                eprintln!(
                    "  {} wrong; again: KQ_FAULT_ROWS={} KQ_FAULT_SEED={seed} KQ_FAULT_RUNS=1; files in {}",
                    verdict.wrong.len(),
                    row.number,
                    dir.display()
                );
            }
            verdicts.push(verdict);
        }
        table.push(line(row, &verdicts));
    }
    println!("{}", table.join("\n"));
    Ok(good)
}

fn one(row: &Row, dir: &Path, seed: u64, time: Duration, foreign: &[Kind]) -> Result<Verdict, String> {
    let mut stage = Stage::open(dir, row, foreign)?;
    let mut chance = Chance::new(seed);
    stage.note("all brokers serve");
    (row.script)(&mut stage, &mut chance, time);
    let errors = stage.history.clone();
    let mut verdict = stage.close();
    if row.number == LOSES {
        verdict = allow_loss(verdict);
    }
    for (error, count) in errors.errors() {
        eprintln!("  overcome: {count} × {error}");
    }
    eprintln!(
        "  {} acknowledged, {} lost, longest gap {:.1?}, slowest recovery {:.1?}",
        verdict.acknowledged, verdict.lost, verdict.longest_gap, verdict.slowest_recovery
    );
    Ok(verdict)
}

/// Loss is what this row is about: it must have been seen, and the replicas must agree all the same.
fn allow_loss(mut verdict: Verdict) -> Verdict {
    verdict.wrong.retain(|what| what.contains("I7") || what.contains("I8"));
    if verdict.lost == 0 {
        verdict.wrong.push("nothing was lost, or the oracle did not see it".to_owned());
    }
    verdict
}

fn line(row: &Row, verdicts: &[Verdict]) -> String {
    let sum = |of: fn(&Verdict) -> usize| verdicts.iter().map(of).sum::<usize>();
    let longest = |of: fn(&Verdict) -> Duration| verdicts.iter().map(of).max().unwrap_or_default();
    let number = row.number;
    format!(
        "| {number} | {} | {} | {} | {} | {} | {:.1?} | {:.1?} |",
        row.name,
        verdicts.len(),
        sum(|verdict| verdict.acknowledged),
        sum(|verdict| verdict.lost),
        sum(|verdict| verdict.wrong.len()),
        longest(|verdict| verdict.longest_gap),
        longest(|verdict| verdict.slowest_recovery),
    )
}
