//! Names of files and folders, as Kafka gives them.

use super::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
use crate::event::LogName;
use crate::types::{Offset, TopicId};

/// What holds a partition's topic id, in its folder.
pub const METADATA_FILE: &str = "partition.metadata";
/// What holds a partition's leader epochs, in its folder.
pub const EPOCHS_FILE: &str = "leader-epoch-checkpoint";

pub(super) const LOG: &str = "log";
pub(super) const INDEX: &str = "index";
pub(super) const TIME_INDEX: &str = "timeindex";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(super) const CLEANED: &str = ".cleaned";
pub(super) const SWAP: &str = ".swap";
pub(super) const DELETED: &str = ".deleted";

/// `dir/00000000000000000000.ext`.
pub(super) fn segment_path(dir: &str, base: Offset, ext: &str) -> String {
    format!("{dir}/{base:020}.{ext}")
}

/// Offset and extension of `00000000000000000000.ext`; the extension may itself hold dots.
pub(super) fn parse_file_name(name: &str) -> Option<(Offset, &str)> {
    let (digits, ext) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(|offset| (offset, ext))
}

/// Topic and partition of a folder `topic-partition`; `None` for any other name (deleted and stray folders too).
pub fn parse_dir_name(name: &str) -> Option<(&str, i32)> {
    let (topic, digits) = name.rsplit_once('-')?;
    let canonical = digits == "0" || !digits.starts_with('0');
    if topic.is_empty() || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(|partition| (topic, partition))
}

/// True for the folder of a log that was being deleted: whoever finds one at start removes it.
pub fn is_deleted_dir(name: &str) -> bool {
    name.ends_with("-delete")
}

/// The name a deleted log's folder takes until it is removed. The topic id makes it unique without randomness.
pub(super) fn deleted_dir_name(name: &LogName) -> String {
    let hex: String = name.topic_id.0.iter().map(|b| format!("{b:02x}")).collect();
    // File names end at 255 bytes; a topic name may have 249 of them.
    let mut dir = name.dir_name();
    dir.truncate(255 - ".-delete".len() - hex.len());
    format!("{dir}.{hex}-delete")
}

/// The text of a partition's metadata file.
pub(super) fn metadata_text(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}\n")
}

/// The topic id that a log's folder was made for; `None` when the folder does not say.
///
/// # Errors
/// Any read error but a missing file.
pub fn topic_id_of<D: Disk>(disk: &D, dir: &str) -> DiskResult<Option<TopicId>> {
    let Some(bytes) = read_optional(disk, &format!("{dir}/{METADATA_FILE}"), METADATA_BYTES_MAX)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().find_map(|line| TopicId::from_text(line.strip_prefix("topic_id:")?.trim())))
}

const METADATA_BYTES_MAX: usize = 4 << 10;

/// A whole file of at most `max` bytes; `None` when it is not there.
pub(super) fn read_optional<D: Disk>(disk: &D, path: &str, max: usize) -> DiskResult<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind == DiskErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = file.len()?;
    if bytes > max as u64 {
        return Err(DiskError {
            kind: DiskErrorKind::Io,
            what: format!("{path} has {bytes} bytes where at most {max} make sense: move it away"),
        });
    }
    let mut content = vec![0; bytes as usize];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove_optional<D: Disk>(disk: &D, path: &str) -> DiskResult<()> {
    match disk.remove(path) {
        Err(error) if error.kind != DiskErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a small file so that after a crash either the old or the new content is there, whole.
///
/// `folder` is the path of the folder, empty for the log directory itself.
///
/// # Errors
/// Any disk error; the old content is then still in place.
pub fn replace_file<D: Disk>(disk: &D, folder: &str, name: &str, content: &[u8]) -> DiskResult<()> {
    let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let staged = format!("{path}.tmp");
    let file = disk.create(&staged)?;
    file.write_at(&[content], 0)?;
    file.sync()?;
    disk.rename(&staged, &path)?;
    disk.sync_dir(folder)
}
