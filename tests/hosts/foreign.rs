//! Producers that nobody here wrote: librdkafka and Apache Kafka's Java client, unmodified, with their own settings.
//! Each writes numbers to a topic of its own, and says of each what became of it.

use crate::history::History;
use crate::host::{PORT, address};
use crate::reader::read_all;
use crate::stage::{BROKERS, until};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Records that each sends in a second.
const RATE: &str = "200";
/// VerifiableProducer tries everything once, unless told otherwise: these are the Java client's own defaults.
const JAVA_DEFAULTS: &str = "retries=2147483647\nenable.idempotence=true\n";

/// Who produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Librdkafka,
    Java,
}

/// One of them at work.
pub struct Foreign {
    kind: Kind,
    child: Child,
    said: PathBuf,
}

impl Kind {
    /// Its topic.
    pub fn topic(self) -> &'static str {
        match self {
            Kind::Librdkafka => "librdkafka",
            Kind::Java => "java",
        }
    }

    /// What must be set for it.
    pub fn needs(self) -> &'static str {
        match self {
            Kind::Librdkafka => "KQ_PYTHON",
            Kind::Java => "KAFKA_JARS",
        }
    }
}

impl Foreign {
    /// Starts it; none when this machine does not have it, or it is not said where.
    pub fn start(kind: Kind, dir: &Path) -> Option<Foreign> {
        let place = std::env::var(kind.needs()).ok()?;
        let brokers: Vec<String> = (1..=BROKERS).map(|id| format!("{}:{PORT}", address(id))).collect();
        let brokers = brokers.join(",");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/hosts/librdkafka.py");
        let config = dir.join("java.properties");
        std::fs::write(&config, JAVA_DEFAULTS).ok()?;
        let mut command = match kind {
            Kind::Librdkafka => Command::new(&place),
            Kind::Java => Command::new("java"),
        };
        match kind {
            Kind::Librdkafka => command.args([script, &brokers, kind.topic(), RATE]),
            Kind::Java => command.args(["-Xmx256m", "-cp", &format!("{place}/*")]).args([
                "org.apache.kafka.tools.VerifiableProducer",
                "--bootstrap-server",
                &brokers,
                "--topic",
                kind.topic(),
                "--throughput",
                RATE,
                "--acks",
                "-1",
                "--command-config",
                &config.display().to_string(),
            ]),
        };
        let said = dir.join(format!("{}.out", kind.topic()));
        command.stdin(Stdio::piped()).stdout(File::create(&said).ok()?);
        command.stderr(File::create(dir.join(format!("{}.log", kind.topic()))).ok()?);
        Some(Foreign { kind, child: command.spawn().ok()?, said })
    }

    /// Ends it: what it has begun is finished first.
    pub fn stop(mut self, history: &History) -> (Kind, PathBuf) {
        drop(self.child.stdin.take());
        if self.kind == Kind::Java {
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_child(&self.child),
                rustix::process::Signal::TERM,
            );
        }
        if !until(Duration::from_secs(40), || matches!(self.child.try_wait(), Ok(Some(_)))) {
            history.wrong(format!("{:?} does not come to an end", self.kind));
        }
        (self.kind, self.said.clone())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of a flat line of JSON.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.find(&format!("\"{name}\":"))? + name.len() + 3;
    let rest = &line[at..];
    let end = rest.find([',', '}'])?;
    Some(rest[..end].trim_matches('"'))
}

/// What it was told must be so: every number where it was told to be (I1, I2), once (I3), in order (I5); and nothing
/// failed for good. How many were acknowledged, and how many of these are lost.
pub fn judge(kind: Kind, said: &Path, partitions: i32, history: &History) -> (usize, usize) {
    let text = std::fs::read_to_string(said).unwrap_or_default();
    let mut acks: Vec<(u64, i32, i64)> = Vec::new();
    let mut failed = Vec::new();
    for line in text.lines() {
        match field(line, "name") {
            Some("producer_send_success") => {
                let number = |name: &str| field(line, name).and_then(|text| text.parse::<i64>().ok());
                if let (Some(value), Some(partition), Some(offset)) =
                    (number("value"), number("partition"), number("offset"))
                {
                    acks.push((value as u64, partition as i32, offset));
                }
            }
            Some("producer_send_error") => failed.push(line),
            _ => {}
        }
    }
    if let Some(first) = failed.first() {
        history.wrong(format!("{kind:?} gave up {} records, the first: {first}", failed.len()));
    }
    let mut found: BTreeMap<(i32, i64), u64> = BTreeMap::new();
    let mut places: BTreeMap<u64, (i32, i64)> = BTreeMap::new();
    for partition in 0..partitions {
        let all = match read_all(kind.topic(), partition, BROKERS) {
            Ok(all) => all,
            Err(why) => {
                history.wrong(format!("I1: {kind:?}: {why}"));
                continue;
            }
        };
        let mut last = None;
        for (offset, value) in all {
            let Some(number) = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()) else { continue };
            found.insert((partition, offset), number);
            if let Some(before) = places.insert(number, (partition, offset)) {
                history.wrong(format!("I3: {kind:?}: {number} is at {before:?} and at {:?}", (partition, offset)));
            }
            if failed.is_empty() && last.is_some_and(|last| last > number) {
                history.wrong(format!("I5: {kind:?}: {number} comes after {last:?} in partition {partition}"));
            }
            last = Some(number);
        }
    }
    let mut lost = 0;
    for (number, partition, offset) in &acks {
        if found.get(&(*partition, *offset)) != Some(number) {
            lost += 1;
            if lost == 1 {
                let there = places.get(number);
                history.wrong(format!("I1: {kind:?}: {number}, told to be at {partition}-{offset}, is at {there:?}"));
            }
        }
    }
    if acks.is_empty() {
        history.wrong(format!("{kind:?} got nothing acknowledged, see {}", said.display()));
    }
    (acks.len(), lost)
}
