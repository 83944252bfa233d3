//! Bytes from standard input or a file, cut into records; says when there are none to be had just now.

use super::message::find;
use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// Bytes asked for at once.
const READ_BYTES: usize = 256 << 10;
/// The largest record, in bytes.
const RECORD_BYTES_MAX: usize = 256 << 20;

/// How records end.
#[derive(Clone, Debug)]
pub enum Cut {
    /// After a line break, with or without a carriage return.
    Line,
    /// After these bytes.
    Bytes(Vec<u8>),
    /// After a line break outside of quotes.
    CsvRow,
}

/// Where records come from.
pub struct Source {
    file: File,
    cut: Cut,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    searched: usize,
    ended: bool,
    /// Bytes read so far.
    pub read_bytes: u64,
}

impl Source {
    /// From a file, or from standard input.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: Option<&Path>, cut: Cut) -> Result<Source, Failure> {
        let file = match path {
            Some(path) => File::open(path)
                .map_err(|error| Failure::usage(format!("--file {}: cannot be read", path.display())).because(error))?,
            None => {
                let fd = std::io::stdin().as_fd().try_clone_to_owned();
                File::from(fd.map_err(|error| Failure::new("STDIN", "standard input cannot be read").because(error))?)
            }
        };
        Ok(Source { file, cut, buffer: Vec::new(), start: 0, end: 0, searched: 0, ended: false, read_bytes: 0 })
    }

    /// Its size, for files.
    pub fn size(&self) -> Option<u64> {
        self.file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len())
    }

    /// Where the next record stands in the buffer, if it is there already. Read it with [`Source::bytes`].
    pub fn next(&mut self) -> Option<Range<usize>> {
        let held = &self.buffer[self.start..self.end];
        let found = match &self.cut {
            Cut::Line => find(&held[self.searched..], b"\n").map(|at| (self.searched + at, 1)),
            Cut::Bytes(end) => {
                let from = self.searched.saturating_sub(end.len());
                find(&held[from..], end).map(|at| (from + at, end.len()))
            }
            Cut::CsvRow => csv_end(held).map(|at| (at, 1)),
        };
        let (mut length, gap) = match found {
            Some(found) => found,
            None if self.ended && !held.is_empty() => (held.len(), 0),
            None => {
                self.searched = held.len();
                return None;
            }
        };
        let from = self.start;
        self.start += length + gap;
        self.searched = 0;
        if !matches!(self.cut, Cut::Bytes(_)) && gap > 0 && length > 0 && self.buffer[from + length - 1] == b'\r' {
            length -= 1;
        }
        Some(from..from + length)
    }

    /// The bytes of a record that [`Source::next`] has found, until more are read.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// True when nothing more will come.
    pub fn is_done(&self) -> bool {
        self.ended && self.start == self.end
    }

    /// Whether bytes (or the end) can be had within `wait`; without, waits until a signal comes.
    pub fn is_ready(&self, wait: Option<Duration>) -> bool {
        let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        // Files that cannot be polled are always ready; so is what a read will complain about.
        match poll(&mut fds, timeout.as_ref()) {
            Ok(count) => count > 0,
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }

    /// Reads once.
    ///
    /// # Errors
    /// When that fails, or a record has no end.
    pub fn fill(&mut self) -> Result<(), Failure> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end > RECORD_BYTES_MAX {
            return Err(Failure::new("RECORD_TOO_LARGE", format!("a record of more than {RECORD_BYTES_MAX} bytes"))
                .hint("is the separator between records right?"));
        }
        if self.buffer.len() < self.end + READ_BYTES {
            self.buffer.resize((self.end + READ_BYTES).max(self.end * 2), 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    self.end += n;
                    self.read_bytes += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::new("STDIN", "the input cannot be read").because(error)),
            }
            return Ok(());
        }
    }
}

/// The first line break outside of quotes.
fn csv_end(held: &[u8]) -> Option<usize> {
    let mut inside = false;
    held.iter().position(|&byte| {
        inside ^= byte == b'"';
        byte == b'\n' && !inside
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn records(text: &str, cut: Cut) -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut source = Source::open(Some(file.path()), cut).unwrap();
        let mut found = Vec::new();
        while !source.is_done() {
            assert!(source.is_ready(Some(Duration::ZERO)));
            source.fill().unwrap();
            while let Some(range) = source.next() {
                found.push(String::from_utf8_lossy(source.bytes(range)).into_owned());
            }
        }
        found
    }

    #[test]
    fn records_end_as_told() {
        assert_eq!(records("a\r\nb\n\nc", Cut::Line), ["a", "b", "", "c"]);
        assert_eq!(records("", Cut::Line), [""; 0]);
        assert_eq!(records("a;;b;c;;", Cut::Bytes(b";;".to_vec())), ["a", "b;c"]);
        assert_eq!(records("a,\"b\nc\"\r\nd,e", Cut::CsvRow), ["a,\"b\nc\"", "d,e"]);
    }

    #[test]
    fn long_records_come_whole() {
        let long = "x".repeat(READ_BYTES * 3 + 7);
        let found = records(&format!("{long}\nshort\n"), Cut::Line);
        assert_eq!((found.len(), found[0].len()), (2, long.len()));
    }
}
