//! How `kq playground kill` and `restart` find the running playground: a small file beside the profiles, and orders as
//! files next to it. A lock says whether the playground that wrote it still runs.

use crate::failure::Failure;
use crate::profile::config_home;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// One broker, as the file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id.
    pub id: usize,
    /// Where it serves.
    pub address: String,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// Orders to restart it that were carried out, or tried.
    pub restarts: u32,
    /// Why the last one failed.
    pub trouble: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    brokers: Vec<Known>,
}

/// The playground's own end. What it wrote goes with it.
#[derive(Debug)]
pub struct Post {
    dir: PathBuf,
    _lock: File,
}

fn dir() -> PathBuf {
    config_home().join("playground")
}

fn lock_file(dir: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(dir.join("lock"))
}

impl Post {
    /// Opens it; `None` when another playground has it.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn open() -> Result<Option<Post>, Failure> {
        let dir = dir();
        let failed = |error: std::io::Error| {
            Failure::new("PLAYGROUND", format!("cannot write to {}", dir.display())).because(error)
        };
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let lock = lock_file(&dir).map_err(failed)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        // Orders to one that was killed are nobody's any more.
        for entry in std::fs::read_dir(&dir).map_err(failed)?.flatten().filter(|entry| entry.file_name() != "lock") {
            let _ = std::fs::remove_file(entry.path());
        }
        Ok(Some(Post { dir, _lock: lock }))
    }

    /// Says how things are. A file that cannot be written costs the drills, not the playground.
    pub fn tell(&self, brokers: Vec<Known>) {
        let Ok(text) = serde_json::to_string(&State { brokers }) else { return };
        let partial = self.dir.join("state.partial");
        if std::fs::write(&partial, text).is_ok() {
            let _ = std::fs::rename(&partial, self.dir.join("state.json"));
        }
    }

    /// Whether a broker is to be restarted; the order is taken with that.
    pub fn take_order(&self, id: usize) -> bool {
        std::fs::remove_file(order(&self.dir, id)).is_ok()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn order(dir: &Path, id: usize) -> PathBuf {
    dir.join(format!("restart-{id}"))
}

/// The brokers of the running playground.
///
/// # Errors
/// When none runs.
pub fn read() -> Result<Vec<Known>, Failure> {
    let none =
        || Failure::new("PLAYGROUND", "no playground runs").hint("start one in another terminal: kq playground -n 3");
    let dir = dir();
    // Whoever gets the lock without waiting has found it left behind.
    let lock = File::open(dir.join("lock")).map_err(|_| none())?;
    if flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
        return Err(none());
    }
    let text = std::fs::read_to_string(dir.join("state.json")).map_err(|_| none())?;
    let state: State = serde_json::from_str(&text)
        .map_err(|error| Failure::new("PLAYGROUND", "the playground's state cannot be read").because(error))?;
    Ok(state.brokers)
}

/// One broker of the running playground.
///
/// # Errors
/// When none runs, or it has no such broker.
pub fn broker(id: usize) -> Result<Known, Failure> {
    let brokers = read()?;
    let ids: Vec<String> = brokers.iter().map(|broker| broker.id.to_string()).collect();
    brokers.into_iter().find(|broker| broker.id == id).ok_or_else(|| {
        Failure::usage(format!("the playground has no broker {id}")).hint(format!("it has {}", ids.join(", ")))
    })
}

/// Orders a broker's restart.
///
/// # Errors
/// When the order cannot be written.
pub fn order_restart(id: usize) -> Result<(), Failure> {
    let path = order(&dir(), id);
    std::fs::write(&path, "")
        .map_err(|error| Failure::new("PLAYGROUND", format!("cannot write {}", path.display())).because(error))
}
