//! `kq bench curves`: what a request costs kqd as things grow that should not matter: partitions, idle connections, known
//! producers, the log. A curve is flat when no point costs more than 15 percent above the first.

mod crowd;
mod point;
mod sparse;

use super::compare::target::median;
use super::compare::{Bench, SiteArgs};
use crate::args::OutputArgs;
use crate::failure::Failure;
use crate::ui::{Column, Ui};
use serde_json::json;

/// How much more than the first point another may cost.
const FLAT: f64 = 1.15;

/// What grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Curve {
    /// Partitions, written in turns
    Partitions,
    /// Partitions that have data and are not written, beside one that is
    IdlePartitions,
    /// Idle connections beside 16 busy ones
    Connections,
    /// Producer ids that the broker knows
    Producers,
    /// Gigabytes of log before what is written
    Log,
}

impl Curve {
    const ALL: [Curve; 5] =
        [Curve::Partitions, Curve::IdlePartitions, Curve::Connections, Curve::Producers, Curve::Log];

    fn name(self) -> &'static str {
        match self {
            Curve::Partitions => "partitions",
            Curve::IdlePartitions => "idle-partitions",
            Curve::Connections => "connections",
            Curve::Producers => "producers",
            Curve::Log => "log",
        }
    }

    /// Its points, with the word that follows the number.
    fn points(self) -> (&'static [u32], &'static str) {
        match self {
            Curve::Partitions => (&[1, 10, 100, 1_000, 5_000], "partitions"),
            Curve::IdlePartitions => (&[1, 100, 1_000, 5_000], "idle partitions"),
            Curve::Connections => (&[1, 100, 1_000, 5_000, 10_000], "idle connections"),
            Curve::Producers => (&[0, 1_000, 10_000, 100_000], "producer ids"),
            Curve::Log => (&[0, 1, 10, 50], "GB"),
        }
    }
}

/// Measure what a request costs kqd as partitions, connections, producers and the log grow
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq bench curves --curve partitions --rounds 3")]
pub struct Args {
    /// Only this curve; may be given several times [default: all]
    #[arg(long = "curve", value_name = "NAME")]
    curves: Vec<Curve>,
    /// Stop a curve at this point: a quick look
    #[arg(long, value_name = "N")]
    most: Option<u32>,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    record_size: u32,
    /// Records in a request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    records_per_batch: u32,
    /// Runs of each point
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What one point came to.
#[derive(Clone, Debug, Default)]
struct Point {
    curve: &'static str,
    grown: String,
    requests_per_sec: Vec<f64>,
    cpu_us: Vec<f64>,
    /// Cost in units of the first point's.
    growth: Option<f64>,
}

fn rounded(value: Option<f64>) -> serde_json::Value {
    json!(value.map(|value| (value * 100.0).round() / 100.0))
}

const COLUMNS: &[Column<Point>] = &[
    Column::new("curve", "string: what grows", |point| json!(point.curve)),
    Column::new("point", "string: how far", |point| json!(point.grown)),
    Column::new("requests_per_sec", "number: median", |point| rounded(median(&point.requests_per_sec))),
    Column::new("cpu_us_per_request", "number: the broker's processor time in microseconds, median", |point| {
        rounded(median(&point.cpu_us))
    }),
    Column::new("growth", "number: cost in units of the first point's", |point| rounded(point.growth)),
    Column::new("flat", "boolean: costs at most 15 percent more than the first point", |point| {
        json!(point.growth.map(|growth| growth <= FLAT))
    }),
    Column::wide("runs", "array of numbers: microseconds of each run", |point| json!(point.cpu_us)),
];

pub fn run(ui: &mut Ui, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let bench = Bench::new(&args.site, None)?;
    point::allow_many_files();
    let mut points: Vec<Point> = Vec::new();
    let mut failed = None;
    for curve in Curve::ALL.into_iter().filter(|curve| args.curves.is_empty() || args.curves.contains(curve)) {
        match drawn(ui, &bench, args, curve) {
            Ok(found) => points.extend(found),
            Err(failure) => {
                let message = format!("{}: {failure}", curve.name());
                failed = Some(Failure { message, ..failure });
                break;
            }
        }
    }
    ui.rows(COLUMNS, &points)?;
    failed.map_or(Ok(()), Err)
}

/// One curve, its points in turns: what drifts on the machine drifts for all of them.
fn drawn(ui: &Ui, bench: &Bench<'_>, args: &Args, curve: Curve) -> Result<Vec<Point>, Failure> {
    let (grown, word) = curve.points();
    let grown: Vec<u32> = grown.iter().copied().filter(|&n| args.most.is_none_or(|most| n <= most)).collect();
    let point = |n: &u32| Point { curve: curve.name(), grown: format!("{n} {word}"), ..Point::default() };
    let mut points: Vec<Point> = grown.iter().map(point).collect();
    let load = point::load(args.record_size, args.records_per_batch);
    for round in 0..args.rounds {
        for (point, &n) in points.iter_mut().zip(&grown) {
            let (requests_per_sec, cpu_us) = point::measure(bench, curve, n, &load)?;
            ui.note(format!("{} {}: {requests_per_sec:.0}/s, {cpu_us:.2} µs", round + 1, point.grown));
            point.requests_per_sec.push(requests_per_sec);
            point.cpu_us.push(cpu_us);
        }
    }
    compare_with_first(&mut points);
    Ok(points)
}

fn compare_with_first(points: &mut [Point]) {
    let first = points.first().and_then(|point| median(&point.cpu_us)).filter(|first| *first > 0.0);
    for point in points {
        point.growth = first.zip(median(&point.cpu_us)).map(|(first, cost)| cost / first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{section, text_table};
    use expect_test::expect;

    #[test]
    fn growth_counts_from_the_first_point() {
        let point = |grown: &str, cpu_us: &[f64]| Point {
            curve: "log",
            grown: grown.into(),
            cpu_us: cpu_us.to_vec(),
            requests_per_sec: vec![200_000.0],
            ..Point::default()
        };
        let mut points = [point("0 GB", &[2.0, 9.0, 1.0]), point("1 GB", &[2.3]), point("50 GB", &[2.31])];
        compare_with_first(&mut points);
        expect![[r#"
            CURVE  POINT  REQUESTS-PER-SEC  CPU-US-PER-REQUEST  GROWTH  FLAT
            log    0 GB   200000.0          2.0                 1.0     true
            log    1 GB   200000.0          2.3                 1.15    true
            log    50 GB  200000.0          2.31                1.16    false
        "#]]
        .assert_eq(&text_table(&section("", COLUMNS, &points), false, false));
        assert!(points.iter().all(|point| point.growth.is_some()));
        compare_with_first(&mut []);
    }
}
