//! `RealDisk`: one log directory on a real file system. Every error names the operation and the whole path.

use crate::helpers::Helpers;
use kq::log::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};
use std::io::{IoSlice, IoSliceMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Parts in one system call; Linux takes no more.
const IOV_MAX: usize = 1024;

/// A log directory, held open.
#[derive(Clone)]
pub struct RealDisk {
    root: Arc<PathBuf>,
    dir: Arc<OwnedFd>,
    /// Lets go of removed files: freeing a large one's blocks takes long.
    reaper: Helpers,
}

/// An open file of a log directory.
#[derive(Clone, Debug)]
pub struct RealFile {
    fd: Arc<OwnedFd>,
    path: Arc<PathBuf>,
}

/// The error of an operation on a path.
pub fn fault(errno: Errno, operation: &str, path: &Path) -> DiskError {
    let kind = match errno {
        Errno::NOENT => DiskErrorKind::NotFound,
        Errno::EXIST | Errno::NOTEMPTY => DiskErrorKind::Exists,
        // EFBIG: the process may not make files that long (RLIMIT_FSIZE): no more room for us, nothing is broken.
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => DiskErrorKind::Full,
        _ => DiskErrorKind::Io,
    };
    DiskError { kind, what: format!("cannot {operation} {}: {errno}", path.display()) }
}

impl RealDisk {
    /// Opens a directory that exists.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_root(root: &Path) -> DiskResult<RealDisk> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(root, flags, Mode::empty()).map_err(|e| fault(e, "open", root))?;
        Ok(RealDisk { root: Arc::new(root.to_owned()), dir: Arc::new(dir), reaper: Helpers::new("kqd-reap", 1) })
    }

    /// Its absolute path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts everything on the file system of this directory on disk.
    ///
    /// # Errors
    /// When a write to that file system failed since it was opened or last synced.
    pub fn sync_file_system(&self) -> DiskResult<()> {
        rustix::fs::syncfs(&*self.dir).map_err(|e| fault(e, "sync the file system of", &self.root))
    }

    fn open_with(&self, path: &str, flags: OFlags, operation: &str) -> DiskResult<RealFile> {
        let whole = self.root.join(path);
        let mode = Mode::from_raw_mode(0o644);
        let fd = retry_on_intr(|| openat(&*self.dir, path, OFlags::RDWR | OFlags::CLOEXEC | flags, mode))
            .map_err(|e| fault(e, operation, &whole))?;
        Ok(RealFile { fd: Arc::new(fd), path: Arc::new(whole) })
    }

    fn open_dir(&self, path: &str) -> DiskResult<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        openat(&*self.dir, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| fault(e, "open", &self.root.join(path)))
    }
}

impl Disk for RealDisk {
    type File = RealFile;

    fn create_dir(&self, path: &str) -> DiskResult<()> {
        match rustix::fs::mkdirat(&*self.dir, path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(e) => Err(fault(e, "make", &self.root.join(path))),
        }
    }

    fn list(&self, path: &str) -> DiskResult<Vec<String>> {
        let whole = self.root.join(path);
        let dir = Dir::new(self.open_dir(path)?).map_err(|e| fault(e, "list", &whole))?;
        let mut names = Vec::new();
        for entry in dir {
            let entry = entry.map_err(|e| fault(e, "list", &whole))?;
            // Names that are not UTF-8 are nothing that a log has made.
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, path: &str) -> DiskResult<RealFile> {
        self.open_with(path, OFlags::empty(), "open")
    }

    fn create(&self, path: &str) -> DiskResult<RealFile> {
        self.open_with(path, OFlags::CREATE | OFlags::TRUNC, "create")
    }

    fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        rustix::fs::renameat(&*self.dir, from, &*self.dir, to)
            .map_err(|e| fault(e, &format!("rename to {to}:"), &self.root.join(from)))
    }

    fn remove(&self, path: &str) -> DiskResult<()> {
        // The blocks of an open file are freed by who closes it last.
        let held = self.open_with(path, OFlags::empty(), "open").ok();
        rustix::fs::unlinkat(&*self.dir, path, AtFlags::empty())
            .map_err(|e| fault(e, "remove", &self.root.join(path)))?;
        if let Some(held) = held {
            self.reaper.run(move || drop(held));
        }
        Ok(())
    }

    fn remove_dir(&self, path: &str) -> DiskResult<()> {
        let whole = self.root.join(path);
        std::fs::remove_dir_all(&whole)
            .map_err(|e| fault(Errno::from_io_error(&e).unwrap_or(Errno::IO), "remove", &whole))
    }

    fn sync_dir(&self, path: &str) -> DiskResult<()> {
        let dir = self.open_dir(path)?;
        rustix::fs::fsync(&dir).map_err(|e| fault(e, "sync", &self.root.join(path)))
    }
}

impl RealFile {
    /// Its absolute path when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts writing dirty pages to disk without waiting: the fdatasync that follows finds less to do.
    pub fn start_writeback(&self) {
        use std::os::fd::AsRawFd;
        // rustix has no sync_file_range.
        #[allow(unsafe_code, reason = "one system call on a file descriptor that this handle keeps open")]
        // SAFETY: the descriptor is open while `self.fd` lives; the call touches no memory of ours.
        unsafe {
            // A failure is told again by the fdatasync that follows.
            let _ = libc::sync_file_range(self.fd.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
        }
    }
}

impl AsFd for RealFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl DiskFile for RealFile {
    fn len(&self) -> DiskResult<u64> {
        let stat = rustix::fs::fstat(&*self.fd).map_err(|e| fault(e, "stat", &self.path))?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> DiskResult<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let at = position + done as u64;
            match retry_on_intr(|| rustix::io::pread(&*self.fd, &mut buffer[done..], at)) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) => return Err(fault(e, "read", &self.path)),
            }
        }
        Ok(done)
    }

    fn read_cached(&self, buffer: &mut [u8], position: u64) -> usize {
        let parts = &mut [IoSliceMut::new(buffer)];
        rustix::io::preadv2(&*self.fd, parts, position, ReadWriteFlags::NOWAIT).unwrap_or(0)
    }

    fn write_at(&self, parts: &[&[u8]], position: u64) -> DiskResult<()> {
        let mut position = position;
        for group in parts.chunks(IOV_MAX) {
            let mut slices: Vec<IoSlice<'_>> =
                group.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)).collect();
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                match retry_on_intr(|| rustix::io::pwritev(&*self.fd, rest, position)) {
                    Ok(0) => return Err(fault(Errno::NOSPC, "write", &self.path)),
                    Ok(n) => {
                        position += n as u64;
                        IoSlice::advance_slices(&mut rest, n);
                    }
                    Err(e) => return Err(fault(e, "write", &self.path)),
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> DiskResult<()> {
        rustix::fs::ftruncate(&*self.fd, bytes).map_err(|e| fault(e, "cut", &self.path))
    }

    fn sync(&self) -> DiskResult<()> {
        rustix::fs::fdatasync(&*self.fd).map_err(|e| fault(e, "sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_do_what_the_trait_says() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open_root(dir.path()).unwrap();
        disk.create_dir("t-0").unwrap();
        disk.create_dir("t-0").unwrap();
        let file = disk.create("t-0/a").unwrap();
        let parts: Vec<Vec<u8>> = (0..3000u32).map(|i| i.to_be_bytes().to_vec()).collect();
        file.write_at(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>(), 5).unwrap();
        assert_eq!(file.len(), Ok(12_005));
        let mut last = [0; 8];
        assert_eq!(file.read_at(&mut last, 12_001), Ok(4));
        assert_eq!(last[..4], 2999u32.to_be_bytes());
        file.start_writeback();
        file.sync().unwrap();
        disk.rename("t-0/a", "t-0/b").unwrap();
        disk.sync_dir("t-0").unwrap();
        disk.sync_dir("").unwrap();
        assert_eq!(disk.list("t-0").unwrap(), ["b"]);
        let missing = disk.open("t-0/a").unwrap_err();
        assert_eq!(missing.kind, DiskErrorKind::NotFound);
        assert!(missing.what.contains(&format!("{}/t-0/a", dir.path().display())), "{missing}");
        disk.remove_dir("t-0").unwrap();
        assert_eq!(disk.list("").unwrap(), [""; 0]);
        assert_eq!(file.read_at(&mut last, 5), Ok(8));
    }
}
