//! The disk below the brokers: directories, and page cache that has been touched before.

use super::child::unless_stopped;
use crate::failure::Failure;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const CHUNK_BYTES: u64 = 1 << 20;

fn failed(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let what = format!("cannot {what} {}", path.display());
    move |error| Failure::new("DATA_DIR", what).because(error)
}

/// Makes `dir` empty.
///
/// # Errors
/// When it cannot be made.
pub fn fresh(dir: &Path) -> Result<(), Failure> {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).map_err(failed("make", dir))
}

/// Copies what is in `from` to `to`, which is made.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to).map_err(failed("make", to))?;
    for entry in std::fs::read_dir(from).map_err(failed("read", from))?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(failed("write", &target))?;
        }
    }
    Ok(())
}

/// Writes `bytes` below `dir` and deletes them. On a virtual machine the first touch of a page of memory can be ten times
/// slower than the second, and whoever runs first would pay for it.
///
/// # Errors
/// When the disk is full; when the user interrupts.
pub fn warm(dir: &Path, bytes: u64, stop: &AtomicBool) -> Result<(), Failure> {
    if bytes == 0 {
        return Ok(());
    }
    let path = dir.join("warm");
    let chunk = vec![0x5a; usize::try_from(CHUNK_BYTES).unwrap_or(1)];
    let written = File::create(&path).map_err(failed("write", &path)).and_then(|mut file| {
        for _ in 0..bytes.div_ceil(CHUNK_BYTES) {
            unless_stopped(stop)?;
            file.write_all(&chunk).map_err(failed("write", &path))?;
        }
        Ok(())
    });
    let _ = std::fs::remove_file(&path);
    written
}

/// Lets everything written so far reach the disk, so that it does not go there while something is measured.
pub fn settle(dir: &Path) {
    if let Ok(dir) = File::open(dir) {
        let _ = rustix::fs::syncfs(&dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fresh(&from.join("deep")).unwrap();
        std::fs::write(from.join("deep/file"), "text").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("deep/file")).unwrap(), "text");
        fresh(&to).unwrap();
        warm(&to, 3 * CHUNK_BYTES - 1, &AtomicBool::new(false)).unwrap();
        assert!(warm(&to, 1, &AtomicBool::new(true)).is_err());
        settle(&to);
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
    }
}
