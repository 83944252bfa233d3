//! The log directories: made when missing, locked against a second kqd, and marked with whose they are.

use crate::disk::RealDisk;
use crate::flusher::{Flusher, Task};
use crate::helpers::Helpers;
use crate::mailbox::Mailbox;
use crate::store::Done;
use kq::config::BrokerSettings;
use kq::log::checkpoint::{
    CLEANED, HIGH_WATERMARKS, LOG_STARTS, MetaProperties, Offsets, RECOVERY_POINTS, read_offsets, remove_clean_shutdown,
};
use kq::log::{Disk, DiskResult, is_deleted_dir, parse_dir_name};
use kq::types::Uuid;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log directory in service.
pub struct LogDir {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its files.
    pub disk: RealDisk,
    /// Whether it is in service: an IO error ends that for good.
    pub online: bool,
    /// Whether the last stop was clean.
    pub clean: bool,
    /// Up to where each log is known to be on disk, as of the start.
    pub recovery_points: Arc<Offsets>,
    /// Log starts that are not simply a first segment, as of the last checkpoint.
    pub starts: Arc<Offsets>,
    /// Up to where each log was compacted.
    pub cleaned: Offsets,
    /// High watermarks of logs with several replicas, as last written.
    pub high_watermarks: Offsets,
    /// Folders of logs found at the start that no one has opened yet.
    pub found: BTreeSet<String>,
    /// Logs in it.
    pub logs: usize,
    /// It is durably marked as in use: it may change.
    pub begun: bool,
    /// What is to mark it, when it is new.
    unwritten: Option<MetaProperties>,
    /// Its flusher thread.
    pub flusher: Flusher,
    /// Its threads for opening and recovering logs.
    pub openers: Helpers,
    _lock: OwnedFd,
}

/// What the directories say they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's id.
    pub cluster_id: Uuid,
    /// True when the directories were empty and have been marked just now.
    pub is_new: bool,
    /// The ids of the directories (KIP-858).
    pub log_dirs: Vec<Uuid>,
}

/// Opens all log directories.
///
/// # Errors
/// One line: which directory, what is wrong with it, what to do.
pub fn open_all(
    settings: &BrokerSettings,
    mailbox: &Mailbox<Done>,
    new_id: impl FnMut() -> Result<Uuid, String>,
) -> Result<(Vec<LogDir>, Identity), String> {
    let mut dirs = Vec::new();
    for (index, path) in settings.log_dirs.iter().enumerate() {
        dirs.push(open_one(index, Path::new(path), settings, mailbox)?);
    }
    let identity = identify(&mut dirs, settings, new_id)?;
    for dir in &mut dirs {
        dir.read_state().map_err(|fault| fault.what)?;
        // The start goes on meanwhile: reading needs no mark.
        dir.flusher.add([Task::Begin(dir.unwritten.take())]);
    }
    Ok((dirs, identity))
}

fn open_one(index: usize, path: &Path, settings: &BrokerSettings, mailbox: &Mailbox<Done>) -> Result<LogDir, String> {
    std::fs::create_dir_all(path).map_err(|e| format!("cannot make the log directory {}: {e}", path.display()))?;
    let path = path.canonicalize().map_err(|e| format!("cannot use the log directory {}: {e}", path.display()))?;
    let lock = lock(&path)?;
    let disk = RealDisk::open_root(&path).map_err(|fault| fault.what)?;
    let threads = usize::try_from(settings.num_recovery_threads_per_data_dir).unwrap_or(1);
    Ok(LogDir {
        flusher: Flusher::start(index, disk.clone(), mailbox.clone())?,
        openers: Helpers::new(&format!("kqd-open-{index}"), threads),
        path,
        disk,
        online: true,
        clean: false,
        recovery_points: Arc::default(),
        starts: Arc::default(),
        cleaned: Offsets::new(),
        high_watermarks: Offsets::new(),
        found: BTreeSet::new(),
        logs: 0,
        begun: false,
        unwritten: None,
        _lock: lock,
    })
}

fn lock(dir: &Path) -> Result<OwnedFd, String> {
    let path = dir.join(".lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&path, flags, Mode::from_raw_mode(0o644))
        .map_err(|e| format!("cannot write to the log directory {}: {e}", dir.display()))?;
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let pid = format!("{}\n", std::process::id());
            let _ = rustix::fs::ftruncate(&fd, 0);
            rustix::io::pwrite(&fd, pid.as_bytes(), 0)
                .map_err(|e| format!("cannot write to the log directory {}: {e}", dir.display()))?;
            Ok(fd)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let owner = std::fs::read_to_string(&path).unwrap_or_default();
            let owner = owner.trim().parse::<u32>().map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            Err(format!("the log directory {} is in use by another process{owner}", dir.display()))
        }
        Err(e) => Err(format!("cannot lock {}: {e}", path.display())),
    }
}

/// All directories must belong to one node of one cluster; those without a mark get it.
fn identify(
    dirs: &mut [LogDir],
    settings: &BrokerSettings,
    mut new_id: impl FnMut() -> Result<Uuid, String>,
) -> Result<Identity, String> {
    let mut known: Option<(String, PathBuf)> = None;
    let (mut unmarked, mut log_dirs) = (Vec::new(), Vec::new());
    for dir in dirs.iter_mut() {
        let mark =
            MetaProperties::read(&dir.disk).map_err(|fault| format!("{}: {}", dir.path.display(), fault.what))?;
        let Some(mark) = mark else {
            unmarked.push(dir);
            continue;
        };
        if mark.node_id != settings.node_id {
            return Err(format!(
                "the log directory {} belongs to node {}, but node.id is {} (hint: set node.id = {})",
                dir.path.display(),
                mark.node_id,
                settings.node_id,
                mark.node_id
            ));
        }
        match &known {
            Some((id, other)) if *id != mark.cluster_id => {
                return Err(format!(
                    "the log directories {} and {} belong to different clusters ({id} and {})",
                    other.display(),
                    dir.path.display(),
                    mark.cluster_id
                ));
            }
            _ => known = Some((mark.cluster_id, dir.path.clone())),
        }
        log_dirs.push(mark.directory_id);
    }
    let is_new = known.is_none();
    let cluster_id = match known {
        None => match settings.cluster.new_cluster_id() {
            Some(id) => id,
            None => new_id()?,
        },
        Some((text, path)) => Uuid::from_text(&text).ok_or_else(|| {
            format!(
                "{}: cluster.id {text} is not 22 characters of URL-safe base64",
                path.join("meta.properties").display()
            )
        })?,
    };
    for dir in unmarked {
        let mark =
            MetaProperties { cluster_id: cluster_id.to_text(), node_id: settings.node_id, directory_id: new_id()? };
        log_dirs.push(mark.directory_id);
        dir.unwritten = Some(mark);
    }
    Ok(Identity { cluster_id, is_new, log_dirs })
}

impl LogDir {
    /// To be called before anything in the directory changes: waits, the first time, for what marks it as in use.
    pub fn begin(&mut self) -> DiskResult<()> {
        if !self.begun {
            self.flusher.wait_begun()?;
            self.begun = true;
        }
        Ok(())
    }

    fn read_state(&mut self) -> DiskResult<()> {
        self.recovery_points = Arc::new(read_offsets(&self.disk, RECOVERY_POINTS)?);
        self.starts = Arc::new(read_offsets(&self.disk, LOG_STARTS)?);
        self.cleaned = read_offsets(&self.disk, CLEANED)?;
        self.high_watermarks = read_offsets(&self.disk, HIGH_WATERMARKS)?;
        for name in self.disk.list("")? {
            if is_deleted_dir(&name) {
                let disk = self.disk.clone();
                // What cannot be removed now is tried again at the next start.
                self.openers.run(move || drop(disk.remove_dir(&name)));
            } else if parse_dir_name(&name).is_some() {
                self.found.insert(name);
            }
        }
        self.logs = self.found.len();
        // Last: from here on a crash is seen as one, durably once the flusher has begun.
        self.clean = remove_clean_shutdown(&self.disk)?;
        Ok(())
    }
}
