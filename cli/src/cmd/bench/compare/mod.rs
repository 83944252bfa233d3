//! `kq bench compare`: this broker and Apache Kafka, one after the other on the same machine and disk, under the same
//! loads with the same promise, in turns; medians, ratios, and what was to be reached.

mod args;
pub mod broker;
pub mod child;
mod congestion;
pub mod disk;
mod groups;
mod jars;
mod limits;
pub mod load;
pub mod measure;
pub mod plan;
mod process;
mod report;
mod rows;
pub mod serving;
mod svg;
pub mod target;
mod tools;
mod work;

pub use args::{Args, SiteArgs};

use super::stop_flag;
use crate::failure::{Failure, Kind as FailureKind};
use crate::ui::{Format, Ui};
use broker::Kind;
use jars::Jars;
use report::Outcome;
use rows::{ROWS, Row};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use target::{Sample, findings};
use work::Kept;

/// What all runs share. Its files go when it goes.
pub struct Bench<'a> {
    kafka_jars: Option<&'a Path>,
    /// Below it are all files.
    pub work: PathBuf,
    /// This program.
    program: PathBuf,
    /// Another kqd.
    kqd: Option<PathBuf>,
    /// Set by Ctrl-C.
    pub stop: Arc<AtomicBool>,
    /// The system has cubic.
    cubic: bool,
    /// As in [`SiteArgs`].
    pub seconds: f64,
    warm_seconds: f64,
    /// As in [`SiteArgs`].
    pub warm_bytes: u64,
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.work);
    }
}

impl<'a> Bench<'a> {
    /// Prepares a place for brokers. Kafka is looked for only when it is started.
    ///
    /// # Errors
    /// When there is no such place.
    pub fn new(args: &SiteArgs, kafka_jars: Option<&'a Path>) -> Result<Bench<'a>, Failure> {
        let failed = |error| Failure::new("PROGRAM", "cannot tell where this program is").because(error);
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let base = args.data_dir.as_ref().map_or_else(std::env::temp_dir, absolute);
        let bench = Bench {
            kafka_jars,
            work: base.join(format!("kq-compare-{}", std::process::id())),
            program: std::env::current_exe().map_err(failed)?,
            kqd: args.kqd.as_ref().map(absolute),
            stop: stop_flag()?,
            cubic: congestion::is_available(),
            seconds: args.seconds,
            warm_seconds: args.warm_seconds,
            warm_bytes: args.warm_bytes,
        };
        disk::fresh(&bench.work)?;
        Ok(bench)
    }

    /// Seconds of load that do not count.
    fn warm_seconds(&self, kind: Kind) -> f64 {
        if kind == Kind::Kqd { self.warm_seconds.min(1.0) } else { self.warm_seconds }
    }

    /// Apache Kafka.
    ///
    /// # Errors
    /// When its jars are not there.
    fn jars(&self) -> Result<Jars, Failure> {
        let env = std::env::var_os("KAFKA_JARS").filter(|value| !value.is_empty()).map(PathBuf::from);
        Jars::find(self.kafka_jars.or(env.as_deref()), &self.work)
    }
}

pub fn run(ui: &mut Ui, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.text(report::SCHEMA);
    }
    let bench = Bench::new(&args.site, args.kafka_jars.as_deref())?;
    if args.only != Some(Kind::Kqd) {
        bench.jars()?;
    }
    // kqd and our clients are told; only Kafka needs the system's help.
    let preference = (args.only != Some(Kind::Kqd)).then(congestion::prefer);
    let notes: Vec<String> = preference.iter().map(|(_, text)| text.clone()).collect();
    notes.iter().for_each(|note| ui.note(note));
    let wanted = |row: &&Row| args.rows.is_empty() || args.rows.iter().any(|name| name == row.name);
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for row in ROWS.iter().filter(wanted) {
        let (outcome, failed) = outcome(ui, &bench, args, row);
        let interrupted = failed.as_ref().is_some_and(|failure| failure.kind == FailureKind::Interrupted);
        outcomes.push(outcome);
        failures.extend(failed);
        if interrupted {
            break;
        }
    }
    write(args, &outcomes)?;
    match ui.format() {
        Format::Json | Format::Yaml => {
            ui.document(report::document(&outcomes, args.site.seconds, args.rounds, &notes))?;
        }
        format => {
            let all = matches!(format, Format::Wide | Format::Tsv);
            ui.rows(&report::columns(), &report::lines(&outcomes, all))?;
            ui.flush()?;
        }
    }
    report::remarks(&outcomes).iter().for_each(|remark| ui.note(remark));
    match failures.iter().position(|failure| failure.kind == FailureKind::Interrupted) {
        Some(index) => Err(failures.remove(index)),
        None => Failure::of_many(failures, outcomes.len()),
    }
}

fn write(args: &Args, outcomes: &[Outcome]) -> Result<(), Failure> {
    let files = [(&args.markdown, report::markdown(outcomes)), (&args.svg, svg::draw(outcomes))];
    for (path, text) in files {
        let Some(path) = path else { continue };
        let failed = |error| Failure::new("OUTPUT", format!("cannot write {}", path.display())).because(error);
        std::fs::write(path, text).map_err(failed)?;
    }
    Ok(())
}

/// All runs of one row, the brokers in turns. A failure ends the row, and what was measured before is kept.
fn outcome(ui: &Ui, bench: &Bench<'_>, args: &Args, row: &'static Row) -> (Outcome, Option<Failure>) {
    let (mut kqd, mut kafka): (Vec<Sample>, Vec<Sample>) = (Vec::new(), Vec::new());
    let mut notes: Vec<String> = Vec::new();
    let mut failed = None;
    let mut kept = Kept::new();
    let kinds = [Kind::Kqd, Kind::Kafka].into_iter().filter(|kind| args.only.is_none_or(|only| only == *kind));
    let kinds: Vec<Kind> = kinds.collect();
    'rounds: for round in 0..args.rounds {
        for &kind in &kinds {
            if kind == Kind::Kafka && round >= row.kafka_rounds_max {
                continue;
            }
            match work::sample(bench, row, kind, &mut kept) {
                Ok(Some(sample)) => {
                    ui.note(told(row, round + 1, kind, &sample));
                    if kind == Kind::Kqd { kqd.push(sample) } else { kafka.push(sample) }
                }
                Ok(None) => {
                    let note = format!("skipped on {kind}, which has no consumer groups");
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                Err(failure) => {
                    notes.push(format!("failed on {kind}: {failure}"));
                    ui.error(&failure);
                    failed = Some(Failure { message: format!("{}: {failure}", row.name), ..failure });
                    break 'rounds;
                }
            }
        }
    }
    let mut limit = None;
    if let Some((bound, measure)) = row.bound.filter(|_| failed.is_none()) {
        match limits::measure(bench, bound, measure) {
            Ok(found) => limit = Some(found),
            Err(failure) => failed = Some(failure),
        }
    }
    (Outcome { row, findings: findings(&kqd, &kafka, row.targets), limit, notes }, failed)
}

fn told(row: &Row, round: u32, kind: Kind, sample: &Sample) -> String {
    let values: Vec<String> =
        sample.iter().map(|(measure, value)| format!("{} {}", measure.words().0, measure.show(*value))).collect();
    format!("{} {round} {kind}: {}", row.name, values.join(", "))
}
