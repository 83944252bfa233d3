//! The flags of the comparison, and those that it shares with the curves.

use super::broker::Kind;
use super::rows::ROWS;
use crate::args::OutputArgs;
use std::path::PathBuf;

/// Compare kqd with Apache Kafka on this machine: the same loads on both, in turns
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  kq bench compare                                  # everything: about an hour\n  kq bench compare --row tiny --row 16k-16 --rounds 3\n  kq bench compare --only kqd --row tiny --rounds 1   # a load to profile\n  kq bench compare -o json --svg compare.svg > compare.json"
)]
pub struct Args {
    /// Only this row; may be given several times [default: all]
    #[arg(long = "row", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(ROWS.iter().map(|row| row.name)))]
    pub rows: Vec<String>,
    /// Only this broker
    #[arg(long, value_name = "BROKER")]
    pub only: Option<Kind>,
    /// Runs of each row on each broker
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    #[command(flatten)]
    pub site: SiteArgs,
    /// Where Apache Kafka's jars are [env: KAFKA_JARS] [default: where tests/run keeps them]
    #[arg(long, value_name = "DIR")]
    pub kafka_jars: Option<PathBuf>,
    /// Draw the comparison into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the table into this file, in Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
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
