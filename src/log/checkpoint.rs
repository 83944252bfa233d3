//! The small text files of a log directory, in Kafka's formats: offsets of all its logs, leader epochs of one log, whose
//! directory it is, and whether the last stop was clean. Parsing takes anything; writing replaces a file atomically.

use super::disk::{Disk, DiskError, DiskErrorKind, DiskResult};
use super::names::{read_optional, replace_file};
use crate::types::{Epoch, NodeId, Offset, Partition, Uuid};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Up to where each log is on disk.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// Where each log starts, where that is not simply its first segment.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// High watermarks.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Up to where each log was compacted.
pub const CLEANED: &str = "cleaner-offset-checkpoint";
/// There after a clean stop, removed before the first log is opened.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// Whose directory it is.
pub const META_PROPERTIES: &str = "meta.properties";

/// The largest of these files that is read, in bytes: far more than a million partitions need.
const CHECKPOINT_BYTES_MAX: usize = 512 << 20;
const META_BYTES_MAX: usize = 64 << 10;

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(String, Partition), Offset>;

/// The text of a file of offsets: version, number of entries, one `topic partition offset` a line.
pub fn format_offsets(offsets: &Offsets) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for ((topic, partition), offset) in offsets {
        let _ = writeln!(text, "{topic} {partition} {offset}");
    }
    text
}

/// Reads a file of offsets; `None` when it is damaged.
pub fn parse_offsets(text: &str) -> Option<Offsets> {
    let lines = body(text)?;
    let mut offsets = Offsets::new();
    for line in lines {
        let mut words = line.split(' ');
        let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || topic.is_empty() {
            return None;
        }
        offsets.insert((topic.to_owned(), partition.parse().ok()?), offset.parse().ok()?);
    }
    Some(offsets)
}

/// The text of a `leader-epoch-checkpoint`: version, number of entries, one `epoch offset` a line.
pub fn format_epochs(epochs: &[(Epoch, Offset)]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, offset) in epochs {
        let _ = writeln!(text, "{epoch} {offset}");
    }
    text
}

/// Reads a `leader-epoch-checkpoint`; `None` when it is damaged.
pub fn parse_epochs(text: &str) -> Option<Vec<(Epoch, Offset)>> {
    let mut epochs: Vec<(Epoch, Offset)> = Vec::new();
    for line in body(text)? {
        let (epoch, offset) = line.split_once(' ')?;
        let entry = (epoch.parse().ok()?, offset.parse().ok()?);
        if epochs.last().is_some_and(|last| last.0 >= entry.0 || last.1 > entry.1) {
            return None;
        }
        epochs.push(entry);
    }
    Some(epochs)
}

/// The entries of a checkpoint file of version 0 that has as many lines as it says.
fn body(text: &str) -> Option<Vec<&str>> {
    let mut lines = text.lines();
    if lines.next()?.trim() != "0" {
        return None;
    }
    let count: usize = lines.next()?.trim().parse().ok()?;
    let lines: Vec<&str> = lines.map(str::trim_end).filter(|line| !line.is_empty()).collect();
    (lines.len() == count).then_some(lines)
}

/// Reads one of the offset files; empty when it is not there.
///
/// # Errors
/// A disk error, or a damaged file: nothing is guessed. A missing recovery point only costs time, so the hint says to
/// remove the file.
pub fn read_offsets<D: Disk>(disk: &D, name: &str) -> DiskResult<Offsets> {
    let Some(bytes) = read_optional(disk, name, CHECKPOINT_BYTES_MAX)? else {
        return Ok(Offsets::new());
    };
    parse_offsets(&String::from_utf8_lossy(&bytes)).ok_or_else(|| DiskError {
        kind: DiskErrorKind::Io,
        what: format!("{name} is damaged: move it away and start again, the logs will be scanned"),
    })
}

/// Replaces one of the offset files.
///
/// # Errors
/// Any disk error; the old file is then still in place.
pub fn write_offsets<D: Disk>(disk: &D, name: &str, offsets: &Offsets) -> DiskResult<()> {
    replace_file(disk, "", name, format_offsets(offsets).as_bytes())
}

/// Whether the last stop was clean; removes the mark, durably, so that a crash from here on is seen as one.
///
/// # Errors
/// Any disk error.
pub fn take_clean_shutdown<D: Disk>(disk: &D) -> DiskResult<bool> {
    let clean = remove_clean_shutdown(disk)?;
    disk.sync_dir("")?;
    Ok(clean)
}

/// As [`take_clean_shutdown`], but the caller syncs the log directory, found or not (who ran before may have been killed
/// between the two steps), before the first log changes.
///
/// # Errors
/// Any disk error.
pub fn remove_clean_shutdown<D: Disk>(disk: &D) -> DiskResult<bool> {
    match disk.remove(CLEAN_SHUTDOWN) {
        Ok(()) => Ok(true),
        Err(error) if error.kind == DiskErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Leaves the mark of a clean stop: only after every log of the directory was closed and the checkpoints written.
///
/// # Errors
/// Any disk error.
pub fn write_clean_shutdown<D: Disk>(disk: &D) -> DiskResult<()> {
    replace_file(disk, "", CLEAN_SHUTDOWN, b"{\"version\":0,\"brokerEpoch\":-1}")
}

/// `meta.properties`: whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: NodeId,
    /// The directory's own id (KIP-858).
    pub directory_id: Uuid,
}

impl MetaProperties {
    /// The file's text, version 1.
    pub fn format(&self) -> String {
        format!(
            "#\nversion=1\ncluster.id={}\nnode.id={}\ndirectory.id={}\n",
            self.cluster_id, self.node_id, self.directory_id
        )
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn parse(text: &str) -> Result<MetaProperties, String> {
        let mut fields = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', '!'])) {
            let (key, value) = line.split_once('=').ok_or_else(|| format!("line `{line}` has no `=`"))?;
            fields.insert(key.trim(), value.trim());
        }
        let get = |key: &str| fields.get(key).copied().ok_or_else(|| format!("{key} is missing"));
        if get("version")? != "1" {
            return Err(format!("version {} is not 1", get("version")?));
        }
        let node_id = get("node.id")?;
        let directory_id = match fields.get("directory.id") {
            Some(id) => Uuid::from_text(id).ok_or_else(|| format!("directory.id {id} is no id"))?,
            None => Uuid::ZERO,
        };
        Ok(MetaProperties {
            cluster_id: get("cluster.id")?.to_owned(),
            node_id: node_id.parse().map_err(|_| format!("node.id {node_id} is no number"))?,
            directory_id,
        })
    }

    /// Reads it from a log directory; `None` for a directory that is not formatted yet.
    ///
    /// # Errors
    /// A disk error, or a file that does not parse.
    pub fn read<D: Disk>(disk: &D) -> DiskResult<Option<MetaProperties>> {
        let Some(bytes) = read_optional(disk, META_PROPERTIES, META_BYTES_MAX)? else { return Ok(None) };
        match MetaProperties::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(meta) => Ok(Some(meta)),
            Err(why) => Err(DiskError { kind: DiskErrorKind::Io, what: format!("{META_PROPERTIES}: {why}") }),
        }
    }

    /// Writes it into a log directory.
    ///
    /// # Errors
    /// Any disk error.
    pub fn write<D: Disk>(&self, disk: &D) -> DiskResult<()> {
        replace_file(disk, "", META_PROPERTIES, self.format().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_round_trip_and_damage_is_seen() {
        let offsets: Offsets = [(("a-b".into(), 0), 7), (("t".into(), 12), 1 << 40)].into();
        let text = format_offsets(&offsets);
        assert_eq!(text, "0\n2\na-b 0 7\nt 12 1099511627776\n");
        assert_eq!(parse_offsets(&text), Some(offsets));
        for cut in 0..text.len() - 1 {
            let whole = parse_offsets(&text[..cut]);
            assert!(whole.is_none() || cut > text.rfind(' ').unwrap(), "{cut} bytes of a file pass for all of it");
        }
        assert_eq!(parse_offsets("1\n0\n"), None);
        assert_eq!(parse_offsets("0\n1\nt x 1\n"), None);
    }

    #[test]
    fn epochs_only_grow() {
        let epochs = vec![(0, 0), (3, 17), (4, 17)];
        assert_eq!(parse_epochs(&format_epochs(&epochs)), Some(epochs));
        assert_eq!(parse_epochs("0\n2\n3 10\n2 20\n"), None);
        assert_eq!(parse_epochs("0\n2\n3 10\n4 9\n"), None);
        assert_eq!(parse_epochs(""), None);
    }

    #[test]
    fn meta_properties_are_kafkas() {
        let text = "#\n#Mon Nov 23 01:00:00 UTC 2026\ndirectory.id=GWWRBfA4S5qG1yQbCgT5sg\ncluster.id=abc\nversion=1\nnode.id=3\n";
        let meta = MetaProperties::parse(text).unwrap();
        assert_eq!((meta.cluster_id.as_str(), meta.node_id), ("abc", 3));
        assert_eq!(MetaProperties::parse(&meta.format()), Ok(meta));
        assert_eq!(MetaProperties::parse("version=1\nnode.id=1").unwrap_err(), "cluster.id is missing");
        assert!(MetaProperties::parse("version=0\nnode.id=1\ncluster.id=x").is_err());
    }
}
