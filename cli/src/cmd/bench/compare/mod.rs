//! `kq bench compare`: this broker and Apache Kafka, one after the other on the same machine and disk, under the same
//! loads with the same promise, in turns; medians, ratios, and what was to be reached.

pub mod broker;
pub mod child;
pub mod congestion;
pub mod disk;
mod groups;
mod jars;
mod limits;
pub mod load;
mod report;
pub mod rows;
pub mod serving;
mod svg;
pub mod target;
mod work;

use super::stop_flag;
use crate::args::OutputArgs;
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

/// Compare kqd with Apache Kafka on this machine: the same loads on both, in turns
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq bench compare                                  # everything: about an hour\n  kq bench compare --row tiny --row 16k-16 --rounds 3\n  kq bench compare --only kqd --row tiny --rounds 1   # a load to profile\n  kq bench compare -o json --svg compare.svg > compare.json"
)]
pub struct Args {
    /// Only this row; may be given several times [default: all]
    #[arg(long = "row", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(ROWS.iter().map(|row| row.name)))]
    rows: Vec<String>,
    /// Only this broker
    #[arg(long, value_name = "BROKER")]
    only: Option<Kind>,
    /// Runs of each row on each broker
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    #[command(flatten)]
    site: SiteArgs,
    /// Where Apache Kafka's jars are [env: KAFKA_JARS] [default: where tests/run keeps them]
    #[arg(long, value_name = "DIR")]
    kafka_jars: Option<PathBuf>,
    /// Draw the comparison into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the table into this file, in Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How brokers are run on this machine.
#[derive(clap::Args, Debug)]
pub struct SiteArgs {
    /// Seconds of one run: beyond four, the disk's own pace shows
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = positive)]
    pub seconds: f64,
    /// Seconds of load before a run of Kafka that do not count, as a JVM compiles while it runs; kqd gets one at most
    #[arg(long, value_name = "S", default_value_t = 8.0, value_parser = not_negative)]
    pub warm_seconds: f64,
    /// Bytes written and deleted before a run, so that no page of the cache is new
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub warm_bytes: u64,
    /// Where the brokers keep their data, on the disk to measure [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Another kqd to measure [default: the one in this program]
    #[arg(long, value_name = "FILE")]
    pub kqd: Option<PathBuf>,
}

fn not_negative(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().map_err(|_| "expected a number of seconds".to_string())?;
    if (0.0..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("expected 0 to 3600 seconds".into()) }
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|seconds| if seconds > 0.0 { Ok(seconds) } else { Err("expected more than 0".into()) })
}

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
