//! `kq dump-log`: what stands in the files of a log, in the words of Kafka's own dump tool.
//!
//! Knows `.log`, `.index`, `.timeindex`, `.snapshot`, `.txnindex` and `.checkpoint` files, by name. Indexes are held
//! against the log beside them: what does not fit is told on stderr, and makes the exit code 1.

mod index;
mod metadata;
mod segment;
mod snapshot;

use crate::args::StoryArgs;
use crate::cmd::Ctx;
use crate::cmd::console::decoder::Decoder;
use crate::failure::Failure;
use crate::ui::Ui;
use std::path::{Path, PathBuf};

/// Show what stands in log segments, indexes and snapshots
///
/// Takes the flags of Kafka's kafka-dump-log.sh and prints the same lines. Works on files of kqd and of Apache Kafka,
/// also while a broker has them open.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  kq dump-log --files data/orders-0/00000000000000000000.log --print-data-log\n  kq dump-log --files data/orders-0/00000000000000000000.index,data/orders-0/00000000000000000000.timeindex\n  kq dump-log --files data/__cluster_metadata-0/00000000000000000000.log --cluster-metadata-decoder"
)]
pub struct DumpArgs {
    /// The files, with commas between
    #[arg(long, value_name = "FILE", value_delimiter = ',', required = true)]
    pub files: Vec<PathBuf>,
    /// Print each record with its key and value
    #[arg(long)]
    pub print_data_log: bool,
    /// Print each record, not only batches
    #[arg(long)]
    pub deep_iteration: bool,
    /// Print keys and values only
    #[arg(long)]
    pub skip_record_metadata: bool,
    /// Check indexes against the log without printing them
    #[arg(long)]
    pub verify_index_only: bool,
    /// Check indexes as a broker does at its start, without printing them
    #[arg(long)]
    pub index_sanity_check: bool,
    /// The largest batch that an index may point at
    #[arg(long, value_name = "BYTES", default_value_t = 5 << 20)]
    pub max_message_size: usize,
    /// Read so many bytes of each log at most
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true)]
    pub max_bytes: u64,
    /// What keys are: StringDecoder, LongDecoder, IntegerDecoder
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "StringDecoder")]
    pub key_decoder_class: Option<String>,
    /// What values are: StringDecoder, LongDecoder, IntegerDecoder
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "StringDecoder")]
    pub value_decoder_class: Option<String>,
    /// The records are those of the cluster's metadata
    #[arg(long)]
    pub cluster_metadata_decoder: bool,
    /// The records are those of __consumer_offsets; this version of kq does not read them
    #[arg(long, hide = true)]
    pub offsets_decoder: bool,
    /// The records are those of __transaction_state; this version of kq does not read them
    #[arg(long, hide = true)]
    pub transaction_log_decoder: bool,
    /// The records are those of tiered storage; this version of kq does not read them
    #[arg(long, hide = true)]
    pub remote_log_metadata_decoder: bool,
    /// The records are those of share groups; this version of kq does not read them
    #[arg(long, hide = true)]
    pub share_group_state_decoder: bool,
    #[command(flatten)]
    pub story: StoryArgs,
}

/// How much of a log is printed.
pub struct Depth {
    /// Each record.
    pub records: bool,
    /// Keys and values.
    pub contents: bool,
    /// Offsets, sizes and so on of each record.
    pub metadata: bool,
    /// How keys are read.
    pub key: Decoder,
    /// How values are read.
    pub value: Decoder,
    /// Values are records of the cluster's metadata.
    pub cluster: bool,
    /// Bytes of a log to read.
    pub max_bytes: u64,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, or an index does not fit its log.
pub fn run(ui: &mut Ui, _ctx: &Ctx, args: &DumpArgs) -> Result<(), Failure> {
    let later = [
        ("--offsets-decoder", args.offsets_decoder),
        ("--transaction-log-decoder", args.transaction_log_decoder),
        ("--remote-log-metadata-decoder", args.remote_log_metadata_decoder),
        ("--share-group-state-decoder", args.share_group_state_decoder),
    ];
    if let Some((flag, _)) = later.iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!("{flag}: this version of kq does not read these records"))
            .hint("--print-data-log shows them as they are"));
    }
    let decoder = |class: &Option<String>| class.as_deref().map_or(Ok(Decoder::Bytes), Decoder::from_class);
    let depth = Depth {
        contents: args.print_data_log || args.cluster_metadata_decoder,
        records: args.print_data_log || args.cluster_metadata_decoder || args.deep_iteration,
        metadata: !args.skip_record_metadata,
        key: decoder(&args.key_decoder_class)?,
        value: decoder(&args.value_decoder_class)?,
        cluster: args.cluster_metadata_decoder,
        max_bytes: args.max_bytes,
    };
    let mut complaints: Vec<String> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for path in &args.files {
        ui.text(&format!("Dumping {}\n", path.display()))?;
        let result = match path.extension().and_then(|extension| extension.to_str()) {
            Some("log" | "checkpoint") => segment::dump(ui, path, &depth, &mut complaints),
            Some("index") => index::dump_offsets(ui, path, args, &mut complaints),
            Some("timeindex") => index::dump_times(ui, path, args, &mut complaints),
            Some("snapshot") => snapshot::dump_producers(ui, path),
            Some("txnindex") => snapshot::dump_transactions(ui, path),
            _ => {
                ui.note(format!("Ignoring unknown file {}", path.display()));
                Ok(())
            }
        };
        failures.extend(result.err());
    }
    ui.flush()?;
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    if !complaints.is_empty() {
        failures.push(Failure::new("MISMATCH", "the files do not fit each other (see above)"));
    }
    Failure::of_many(failures, args.files.len())
}

/// A file's first offset, from its name.
fn base_offset(path: &Path) -> Result<i64, Failure> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.split('-').next().unwrap_or_default().parse().map_err(|_| {
        Failure::usage(format!("{}: its name does not begin with an offset", path.display()))
            .hint("files of a log are called like 00000000000000000000.log")
    })
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new("UNREADABLE", format!("{}: cannot be read", path.display())).because(error)
}
