//! `kq console-consumer`: records from topics to stdout.
//!
//! Reads all partitions itself, or with --group those that the group gives it. Checks every batch's checksum. Ends with the
//! count on stderr.

mod args;
mod assignor;
mod fetcher;
mod filter;
mod grouped;
mod member;
mod output;
mod places;
mod range;

pub use args::ConsumerArgs;

use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::ui::{Ui, no_reader};
use args::Isolation;
use fetcher::{Fetched, Fetcher, Limits, Next};
use grouped::Grouped;
use kq::client::{Verdict, verdict};
use output::Shown;
use places::Place;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes collected before they go to stdout.
const OUT_BYTES: usize = 64 << 10;
/// How long a topic that does not exist is waited for, unless asked to wait.
const MISSING_TOPIC_PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// When a topic does not exist, a partition cannot be read, or bytes are damaged.
pub fn run(ui: &mut Ui, ctx: &Ctx, args: &ConsumerArgs) -> Result<(), Failure> {
    let mut kafka = ctx.kafka(ui, &args.connect(), None)?;
    let group = args.group(kafka.settings().get("group.id"))?;
    let settings = kafka.settings();
    let range = args.range(settings.get("auto.offset.reset"))?;
    let output = args.output()?;
    let limits = limits(args, &kafka)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    let places = partitions(args, &mut kafka, &interrupted)?;
    let mut shown = 0u64;
    let mut result = Ok(Next::More);
    if args.max_messages != Some(0) && !places.is_empty() {
        let mut reader = match &group {
            None => Reader::Alone(Box::new(Fetcher::new(&mut kafka, &places, range, limits)?)),
            Some(group) => {
                let grouped = Grouped::new(group, kafka.settings(), limits, range, counted(&places), &interrupted)?;
                Reader::Grouped(Box::new(grouped))
            }
        };
        let mut wanted = |kafka: &mut Kafka| partitions(args, kafka, &interrupted).map(|places| counted(&places));
        let mut out: Vec<u8> = Vec::with_capacity(OUT_BYTES * 2);
        let mut last = Instant::now();
        while matches!(result, Ok(Next::More)) && !interrupted.load(Ordering::Relaxed) {
            let before = shown;
            let mut show = |fetched: Fetched<'_>| {
                if !args.grep.iter().all(|condition| condition.holds(fetched.record)) {
                    return Ok(Next::More);
                }
                let record = Shown {
                    topic: fetched.topic,
                    partition: fetched.partition,
                    leader_epoch: fetched.leader_epoch,
                    timestamp_type: fetched.timestamp_type,
                    record: fetched.record,
                };
                let length = out.len();
                if let Err(why) = output.write(&record, &mut out) {
                    out.truncate(length);
                    let place = format!("{}-{} at offset {}", fetched.topic, fetched.partition, fetched.record.offset);
                    if args.skip_message_on_error {
                        ui.warn(format!("{place} skipped: {why}"));
                        return Ok(Next::More);
                    }
                    return Err(Failure::new("DESERIALIZATION", format!("{place}: {why}"))
                        .hint("--skip-message-on-error goes on after such records"));
                }
                shown += 1;
                if out.len() >= OUT_BYTES {
                    write_out(&mut out)?;
                }
                let enough = args.max_messages.is_some_and(|max| shown >= max) || interrupted.load(Ordering::Relaxed);
                Ok(if enough { Next::Done } else { Next::More })
            };
            result = match &mut reader {
                Reader::Alone(fetcher) => fetcher.poll(&mut kafka, ui, &mut show),
                Reader::Grouped(grouped) => grouped.poll(&mut kafka, ui, &mut wanted, &mut show),
            };
            if let Err(failure) = write_out(&mut out) {
                result = Err(failure);
            } else if shown > before {
                last = Instant::now();
            } else if nobody_reads() {
                result = Err(no_reader());
            } else if args.idle().is_some_and(|idle| last.elapsed() >= idle) {
                break;
            }
        }
        if let Reader::Grouped(grouped) = &mut reader {
            let closed = grouped.close(&mut kafka, ui);
            result = result.and_then(|next| closed.map(|()| next));
        }
    }
    if args.enable_systest_events {
        ui.text("shutdown_complete\n")?;
        ui.flush()?;
    }
    if !result.as_ref().is_err_and(|failure| failure.code == no_reader().code) {
        ui.note(format!("Processed a total of {shown} messages"));
    }
    if interrupted.load(Ordering::Relaxed) && result.is_ok() {
        std::process::exit(130);
    }
    result.map(|_| ())
}

/// Who finds the records.
enum Reader {
    /// Reads every partition itself.
    Alone(Box<Fetcher>),
    /// Shares them with a group.
    Grouped(Box<Grouped>),
}

/// How many partitions of each topic there are.
fn counted(places: &[Place]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (topic, _) in places {
        *counts.entry(topic.clone()).or_insert(0) += 1;
    }
    counts
}

/// Writes past the `Ui`'s buffer: what was fetched is shown at once. A reader that went away ends the command quietly.
fn write_out(out: &mut Vec<u8>) -> Result<(), Failure> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(out).and_then(|()| stdout.flush()) {
        Ok(()) => {
            out.clear();
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(no_reader()),
        Err(error) => Err(Failure::new("STDOUT", "cannot write to standard output").because(error)),
    }
}

/// Whether the other end of standard output is gone (`kq … | head`): noticed here while no record comes to be written.
fn nobody_reads() -> bool {
    let stdout = std::io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

fn limits(args: &ConsumerArgs, kafka: &Kafka) -> Result<Limits, Failure> {
    let settings = kafka.settings();
    let number = |name: &str, default: i32| -> Result<i32, Failure> {
        Ok(settings.number(name)?.map_or(default, |n| i32::try_from(n).unwrap_or(i32::MAX)))
    };
    let isolation = match (args.isolation_level, settings.get("isolation.level")) {
        (Some(isolation), _) => isolation,
        (None, Some("read_committed")) => Isolation::ReadCommitted,
        (None, None | Some("read_uncommitted")) => Isolation::ReadUncommitted,
        (None, Some(other)) => return Err(Failure::usage(format!("isolation.level={other}: expected read_committed"))),
    };
    let idle_ms = args.idle().map_or(i32::MAX, |idle| i32::try_from(idle.as_millis()).unwrap_or(i32::MAX));
    Ok(Limits {
        max_wait_ms: number("fetch.max.wait.ms", 500)?.min(idle_ms.max(1)),
        min_bytes: number("fetch.min.bytes", 1)?,
        max_bytes: number("fetch.max.bytes", 50 << 20)?,
        partition_max_bytes: number("max.partition.fetch.bytes", 4 << 20)?,
        isolation_level: match isolation {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        },
    })
}

/// The partitions to read.
fn partitions(args: &ConsumerArgs, kafka: &mut Kafka, interrupted: &AtomicBool) -> Result<Vec<Place>, Failure> {
    let started = Instant::now();
    loop {
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        let missing = match (&args.topic, &args.include) {
            (Some(topic), _) => {
                kafka.refresh(&[topic.as_str()])?;
                let found = kafka.cluster.topics.get(topic);
                found.map(|found| found.error).filter(|code| !code.is_none()).map(|code| (topic.clone(), code))
            }
            (None, _) => {
                kafka.refresh_all()?;
                None
            }
        };
        let mut places: Vec<Place> = Vec::new();
        for topic in kafka.cluster.topics.values().filter(|topic| topic.error.is_none()) {
            let wanted = match &args.include {
                Some(regex) => !topic.internal && regex.is_match(&topic.name),
                None => args.topic.as_deref() == Some(topic.name.as_str()),
            };
            let all = topic.partitions.iter().map(|partition| partition.index);
            let chosen = all.filter(|index| args.partition.is_empty() || args.partition.contains(index));
            places.extend(chosen.filter(|_| wanted).map(|index| (topic.name.clone(), index)));
        }
        if let (None, Some(absent)) =
            (&missing, args.partition.iter().find(|index| !places.iter().any(|p| p.1 == **index)))
            && (!places.is_empty() || args.topic.is_some())
        {
            return Err(Failure::new("UNKNOWN_TOPIC_OR_PARTITION", format!("partition {absent} does not exist"))
                .hint("`kq topic describe` shows the partitions"));
        }
        if !places.is_empty() || interrupted.load(Ordering::Relaxed) {
            return Ok(places);
        }
        let failure = match (missing, &args.include) {
            (Some((topic, code)), _) if verdict(code) == Verdict::Fail => {
                return Err(Failure::answered(code, format!("topic {topic}"), None));
            }
            (Some((topic, code)), _) => Failure::answered(code, format!("topic {topic}"), None)
                .hint(format!("`kq topic create {topic}` makes it; --wait-topic waits for it")),
            (None, Some(_)) => Failure::new("UNKNOWN_TOPIC_OR_PARTITION", "no topic matches --include")
                .hint("`kq topic list` shows what exists; --wait-topic waits"),
            (None, None) => Failure::new("UNKNOWN_TOPIC_OR_PARTITION", "the topic has no partitions"),
        };
        if !args.wait_topic && started.elapsed() >= MISSING_TOPIC_PATIENCE {
            return Err(failure);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
