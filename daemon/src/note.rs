//! `server.log`: one line a note, rotated by size; never more than `keep + 1` files of `max_bytes` each.

use crate::clock::wall_us;
use kq::event::Level;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where notes go.
#[derive(Debug, Default)]
pub struct Notes {
    file: Option<LogFile>,
    stderr: bool,
    debug: bool,
    line: String,
}

#[derive(Debug)]
struct LogFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    max_bytes: u64,
    keep: usize,
}

impl Notes {
    /// Notes that go nowhere yet.
    pub fn new() -> Notes {
        Notes::default()
    }

    /// Writes every note to stderr as well.
    pub fn to_stderr(mut self) -> Notes {
        self.stderr = true;
        self
    }

    /// Writes notes of level debug as well.
    pub fn with_debug(mut self) -> Notes {
        self.debug = true;
        self
    }

    /// Appends to the file at `path` from here on; at `max_bytes` it becomes `path.1`, and so on up to `path.keep`.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(&mut self, path: &Path, max_bytes: u64, keep: usize) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        self.file = Some(LogFile { file, path: path.to_owned(), bytes, max_bytes: max_bytes.max(1024), keep });
        Ok(())
    }

    /// Writes one line. Line breaks in the message become spaces: one note is one line.
    pub fn write(&mut self, level: Level, message: &str) {
        if level == Level::Debug && !self.debug {
            return;
        }
        let name = match level {
            Level::Debug => "DEBUG",
            Level::Info => "INFO ",
            Level::Warn => "WARN ",
            Level::Error => "ERROR",
        };
        self.line.clear();
        stamp(&mut self.line, wall_us() / 1000);
        let _ = write!(self.line, " {name} ");
        self.line.extend(message.chars().map(|c| if c.is_control() { ' ' } else { c }));
        self.line.push('\n');
        if self.stderr {
            let _ = io::stderr().write_all(self.line.as_bytes());
        }
        if let Some(file) = &mut self.file {
            // A full disk must not stop the broker because of its notes.
            let _ = file.append(self.line.as_bytes());
        }
    }

    /// A note of normal life.
    pub fn info(&mut self, message: &str) {
        self.write(Level::Info, message);
    }

    /// Something is off; nothing is lost.
    pub fn warn(&mut self, message: &str) {
        self.write(Level::Warn, message);
    }

    /// Something failed.
    pub fn error(&mut self, message: &str) {
        self.write(Level::Error, message);
    }
}

impl LogFile {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for n in (1..self.keep).rev() {
            let _ = std::fs::rename(numbered(&self.path, n), numbered(&self.path, n + 1));
        }
        match self.keep {
            0 => std::fs::remove_file(&self.path)?,
            _ => std::fs::rename(&self.path, numbered(&self.path, 1))?,
        }
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// Appends `2026-01-02T03:04:05.678Z`.
fn stamp(out: &mut String, ms: i64) {
    let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days to a civil date, counted in eras of 400 years that begin on 1 March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps() {
        let check = |ms, text: &str| {
            let mut out = String::new();
            stamp(&mut out, ms);
            assert_eq!(out, text);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_826_154_321, "2000-02-29T12:09:14.321Z");
        check(1_767_323_045_678, "2026-01-02T03:04:05.678Z");
        check(4_102_444_800_000, "2100-01-01T00:00:00.000Z");
    }

    #[test]
    fn rotation_keeps_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.log");
        let mut notes = Notes::new();
        notes.open(&path, 1024, 2).unwrap();
        for i in 0..100 {
            notes.info(&format!("note {i}\nof several lines"));
        }
        let mut names: Vec<_> =
            std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["server.log", "server.log.1", "server.log.2"]);
        let newest = std::fs::read_to_string(&path).unwrap();
        assert!(newest.ends_with(" INFO  note 99 of several lines\n"), "{newest}");
        assert!(newest.len() <= 1024);
    }
}
