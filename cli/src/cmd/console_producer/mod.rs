//! `kq console-producer`: records from standard input (or a file) to a topic.
//!
//! Duplicates are weeded out by the broker (idempotent producer) unless asked otherwise. Ends with the count on stderr;
//! a record that could not be sent makes the exit code 1.

mod args;
mod lane;
mod message;
mod partitioner;
mod sender;
mod source;

pub use args::ProducerArgs;

use crate::cmd::Ctx;
use crate::cmd::console::escape::unescape;
use crate::cmd::console::template::Piece;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::time::now_ms;
use crate::ui::Ui;
use args::Form;
use message::{Column, Lines, Message};
use sender::Sender;
use source::{Cut, Source};
use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a pause between records goes on before Ctrl-C is looked for.
const NAP: Duration = Duration::from_millis(100);

/// How records are read.
enum Reader {
    Lines(Lines),
    Template(Vec<Piece>),
    Json,
    Csv(Option<Vec<Column>>),
}

impl Reader {
    /// One record; nothing for a heading or an empty line of JSON or CSV.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Message<'a>>, String> {
        match self {
            Reader::Lines(lines) => lines.parse(bytes).map(Some),
            Reader::Template(pieces) => message::by_template(pieces, bytes).map(Some),
            Reader::Json | Reader::Csv(_) if bytes.trim_ascii().is_empty() => Ok(None),
            Reader::Json => message::by_json(bytes).map(Some),
            Reader::Csv(Some(columns)) => message::by_csv(columns, bytes).map(Some),
            Reader::Csv(none) => {
                *none = Some(message::csv_heading(bytes)?);
                Ok(None)
            }
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the topic does not exist, the input is not what it should be, or a record could not be sent.
pub fn run(ui: &mut Ui, ctx: &Ctx, args: &ProducerArgs) -> Result<(), Failure> {
    if args.transactional_id.is_some() {
        return Err(Failure::usage("--transactional-id: transactions are not served by this version of kq"));
    }
    let properties = args.properties()?;
    let (reader, cut) = match (&args.format, args.input.unwrap_or_default()) {
        (Some(template), _) => {
            let (pieces, end) = message::split_end(template);
            (Reader::Template(pieces), if end == b"\n" { Cut::Line } else { Cut::Bytes(end) })
        }
        (None, Form::Raw) => (Reader::Lines(Lines::new(&properties)), Cut::Line),
        (None, Form::Json) => (Reader::Json, Cut::Line),
        (None, Form::Csv) => (Reader::Csv(None), Cut::CsvRow),
    };
    let mut source = Source::open(args.file.as_deref(), cut)?;
    let mut kafka = ctx.kafka(ui, &args.connect(), args.max_block_ms.map(Duration::from_millis))?;
    let sending = args.sending(kafka.settings())?;
    let linger = sending.linger;
    let mut sender = Sender::new(&mut kafka, &args.topic, sending, args.ack_format.clone())?;
    if let Some(partition) = args.partition.filter(|&partition| !sender.has_partition(partition)) {
        return Err(Failure::usage(format!("--partition {partition}: topic {} has no such partition", args.topic)));
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    let mut job = Job { args, reader, linger, taken: 0, number: 0, started: Instant::now(), interrupted };
    let taken = job.run(ui, &mut kafka, &mut source, &mut sender);
    // What was taken before something went wrong is sent all the same.
    let flushed = sender.flush(&mut kafka, ui);
    ui.flush()?;
    ui.note(format!("{} produced, {} failed", sender.produced, sender.failed));
    taken?;
    flushed?;
    if job.interrupted.load(Ordering::Relaxed) {
        std::process::exit(130);
    }
    match sender.failed {
        0 => Ok(()),
        failed => Err(Failure::new("NOT_SENT", format!("{failed} records were not written to {}", args.topic))),
    }
}

struct Job<'a> {
    args: &'a ProducerArgs,
    reader: Reader,
    linger: Duration,
    taken: u64,
    number: u64,
    started: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Job<'_> {
    fn run(&mut self, ui: &mut Ui, kafka: &mut Kafka, source: &mut Source, sender: &mut Sender) -> Result<(), Failure> {
        let prompts = self.args.file.is_none() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let progress = source.size().map(|bytes| ui.progress("bytes of input", bytes));
        while !source.is_done() && !self.interrupted.load(Ordering::Relaxed) {
            while let Some(range) = source.next() {
                self.take(ui, kafka, sender, source.bytes(range))?;
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
            sender.send_old(kafka, ui)?;
            progress.iter().for_each(|progress| progress.at(source.read_bytes));
            if !source.is_ready(Some(Duration::ZERO)) {
                if !sender.is_idle() && !source.is_ready(Some(self.linger)) {
                    sender.flush(kafka, ui)?;
                }
                if prompts && !source.is_ready(Some(Duration::ZERO)) {
                    eprint!("> ");
                }
                if !source.is_ready(None) {
                    continue;
                }
            }
            source.fill()?;
        }
        Ok(())
    }

    fn take(&mut self, ui: &mut Ui, kafka: &mut Kafka, sender: &mut Sender, bytes: &[u8]) -> Result<(), Failure> {
        self.number += 1;
        let message = self.reader.read(bytes).map_err(|why| {
            let failure = Failure::new("BAD_INPUT", format!("record {} of the input: {why}", self.number));
            match self.reader {
                Reader::Lines(_) => {
                    failure.hint("--reader-property ignore.error=true lets lines without separators pass")
                }
                _ => failure,
            }
        })?;
        let Some(mut message) = message else { return Ok(()) };
        if let Some(null) = self.args.null_value.as_deref().map(unescape) {
            let drop_null = |bytes: &mut Option<Cow<'_, [u8]>>| {
                if bytes.as_deref() == Some(&null[..]) {
                    *bytes = None;
                }
            };
            drop_null(&mut message.key);
            drop_null(&mut message.value);
            message.headers.iter_mut().for_each(|(_, value)| drop_null(value));
        }
        if self.args.tombstone && message.value.as_deref() == Some(&[]) {
            message.value = None;
        }
        let fixed_key = self.args.key.as_deref().map(str::as_bytes);
        let mut headers = if message.headers.is_empty() { Vec::new() } else { message.header_refs() };
        headers.extend(self.args.headers.iter().map(|header| (header.key.as_bytes(), Some(header.value.as_bytes()))));
        let partition = self.args.partition.or(message.partition);
        let timestamp = self.args.timestamp.or(message.timestamp);
        let (key, value) = (fixed_key.or(message.key.as_deref()), message.value.as_deref());
        for _ in 0..self.args.repeat {
            self.pace(ui, kafka, sender)?;
            let timestamp = timestamp.unwrap_or_else(now_ms);
            sender.push(kafka, ui, partition, timestamp, key, value, &headers)?;
            self.taken += 1;
            if self.args.sync {
                sender.flush(kafka, ui)?;
            }
            if self.interrupted.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    /// Waits until the next record is due.
    fn pace(&mut self, ui: &mut Ui, kafka: &mut Kafka, sender: &mut Sender) -> Result<(), Failure> {
        let Some(rate) = self.args.rate else { return Ok(()) };
        let due = Duration::try_from_secs_f64(self.taken as f64 / rate).unwrap_or(Duration::MAX);
        let mut flushed = false;
        while !self.interrupted.load(Ordering::Relaxed) {
            let left = due.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                break;
            }
            if left > self.linger && !flushed {
                sender.flush(kafka, ui)?;
                flushed = true;
                continue;
            }
            std::thread::sleep(left.min(NAP));
        }
        sender.send_old(kafka, ui)
    }
}
