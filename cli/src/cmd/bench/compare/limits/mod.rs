//! What this machine does at most for the same bytes, with no broker in between: sockets, page cache, disk.

mod echo;

use super::Bench;
use super::child::unless_stopped;
use super::congestion::CUBIC;
use super::disk::fresh;
use super::measure::Measure;
use super::plan::Bound;
use super::report::Limit;
use crate::cmd::bench::histogram::Histogram;
use crate::failure::Failure;
use rustix::net::sockopt::{set_tcp_congestion, set_tcp_nodelay};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long each is measured.
const TIME: Duration = Duration::from_secs(1);
/// Most bytes of a file that is written: then from its beginning again.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// What a reader takes at once.
const READ_BYTES: usize = 256 << 10;
/// A question for bytes.
const ASK: [u8; 64] = [7; 64];
/// The file that is sent, in bytes.
const SENT_FILE_BYTES: u64 = 64 << 20;
const MB: f64 = 1_048_576.0;

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new("LIMIT", "cannot measure the machine's limit").because(error)
}

/// A connection of loopback, both ends.
fn pair() -> Result<(TcpStream, TcpStream), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let near = TcpStream::connect(listener.local_addr().map_err(failed)?).map_err(failed)?;
    let (far, _) = listener.accept().map_err(failed)?;
    for stream in [&near, &far] {
        // Where the system has no cubic, nobody has.
        let _ = set_tcp_congestion(stream, CUBIC);
        set_tcp_nodelay(stream, true).map_err(failed)?;
        for time in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            time(stream, Some(TIME * 5)).map_err(failed)?;
        }
    }
    Ok((near, far))
}

fn ended(thread: JoinHandle<()>) -> Result<(), Failure> {
    thread.join().map_err(|_| failed("a thread broke"))
}

/// Measures what `bound` says, in units of `measure`.
///
/// # Errors
/// When sockets or files fail; when the user interrupts.
pub fn measure(bench: &Bench<'_>, bound: Bound, measure: Measure) -> Result<Limit, Failure> {
    unless_stopped(&bench.stop)?;
    let dir = bench.work.join("limit");
    fresh(&dir)?;
    let limit = |about: String, value: f64| Limit { about, measure, value };
    let found = match bound {
        Bound::Echo { request_bytes, answer_bytes, connections, in_flight } => {
            let rate = echo::requests_per_sec((request_bytes, answer_bytes), connections, in_flight, TIME)?;
            limit(format!("sockets alone, {request_bytes} B asked and {answer_bytes} B answered"), rate)
        }
        Bound::Copy(bytes) => {
            limit(format!("socket to page cache, sent {bytes} B at a time"), copied(&dir.join("data"), bytes)?)
        }
        Bound::Send(bytes) => {
            limit(format!("cached file to socket, {bytes} B when asked"), sent(&dir.join("data"), bytes)?)
        }
        Bound::Sync { bytes, at_once, files } => {
            let synced = synced(&dir, bytes, at_once, files)?;
            let how = if files == 1 { "fdatasync".to_string() } else { format!("syncfs over {files} files") };
            limit(format!("append {at_once} × {bytes} B, then {how}"), synced.in_units_of(measure))
        }
    };
    let _ = std::fs::remove_dir_all(&dir);
    Ok(found)
}

fn copied(path: &Path, bytes: u32) -> Result<f64, Failure> {
    let (mut near, mut far) = pair()?;
    let sender = std::thread::spawn(move || {
        let chunk = vec![0x5a; bytes as usize];
        let until = Instant::now() + TIME;
        while Instant::now() < until && near.write_all(&chunk).is_ok() {}
    });
    let file = File::create(path).map_err(failed)?;
    let mut buffer = vec![0; READ_BYTES];
    let (mut total, began) = (0u64, Instant::now());
    loop {
        let got = far.read(&mut buffer).map_err(failed)?;
        if got == 0 {
            break;
        }
        file.write_all_at(&buffer[..got], total % FILE_BYTES_MAX).map_err(failed)?;
        total += got as u64;
    }
    let rate = total as f64 / MB / began.elapsed().as_secs_f64();
    ended(sender).map(|()| rate)
}

fn sent(path: &Path, bytes: u32) -> Result<f64, Failure> {
    let file = File::create_new(path).map_err(failed)?;
    file.write_all_at(&vec![0x5a; SENT_FILE_BYTES as usize], 0).map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    let (mut near, mut far) = pair()?;
    let server = std::thread::spawn(move || {
        let (mut ask, mut at) = (ASK, 0u64);
        while far.read_exact(&mut ask).is_ok() {
            let mut left = bytes as usize;
            at = if at + u64::from(bytes) > SENT_FILE_BYTES { 0 } else { at };
            while left > 0 {
                match rustix::fs::sendfile(&far, &file, Some(&mut at), left) {
                    Ok(0) | Err(_) => return,
                    Ok(got) => left -= got,
                }
            }
        }
    });
    let mut buffer = vec![0; bytes as usize];
    let (mut total, began) = (0u64, Instant::now());
    while began.elapsed() < TIME {
        near.write_all(&ASK).and_then(|()| near.read_exact(&mut buffer)).map_err(failed)?;
        total += u64::from(bytes);
    }
    let rate = total as f64 / MB / began.elapsed().as_secs_f64();
    drop(near);
    ended(server).map(|()| rate)
}

/// What group commits at the disk's pace come to.
struct Synced {
    commits: Histogram,
    requests_per_sec: f64,
    mb_per_sec: f64,
}

impl Synced {
    fn in_units_of(&self, measure: Measure) -> f64 {
        match measure {
            Measure::RequestsPerSec => self.requests_per_sec,
            Measure::MbPerSec => self.mb_per_sec,
            Measure::P99 | Measure::SyncedP99 => self.commits.quantile_ms(0.99),
            _ => self.commits.quantile_ms(0.5),
        }
    }
}

fn synced(dir: &Path, bytes: u32, at_once: u32, files: u32) -> Result<Synced, Failure> {
    let folder = File::open(dir).map_err(failed)?;
    let open = |index: u32| File::create(dir.join(index.to_string())).map_err(failed);
    let mut logs = (0..files.max(1)).map(open).collect::<Result<Vec<File>, Failure>>()?;
    let together = if files == 1 { bytes * at_once } else { bytes };
    let chunk = vec![0x5a; together as usize];
    let appends = if files == 1 { 1 } else { at_once };
    let (mut commits, mut turn, began) = (Histogram::default(), 0usize, Instant::now());
    while began.elapsed() < TIME {
        let start = Instant::now();
        for _ in 0..appends {
            let count = logs.len();
            logs[turn % count].write_all(&chunk).map_err(failed)?;
            turn += 1;
        }
        match files {
            1 => logs[0].sync_data().map_err(failed)?,
            _ => rustix::fs::syncfs(&folder).map_err(failed)?,
        }
        commits.add(start.elapsed(), 1);
    }
    let rate = commits.count() as f64 / began.elapsed().as_secs_f64();
    let requests_per_sec = rate * f64::from(at_once);
    Ok(Synced { commits, requests_per_sec, mb_per_sec: requests_per_sec * f64::from(bytes) / MB })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is measured depends on the machine; that it comes to an end and to a number does not.
    #[test]
    fn every_limit_comes_to_a_number() {
        let dir = tempfile::tempdir().unwrap();
        assert!(copied(&dir.path().join("a"), 16_384).unwrap() > 0.0);
        assert!(sent(&dir.path().join("b"), 65_536).unwrap() > 0.0);
        let found = synced(dir.path(), 200, 8, 1).unwrap();
        assert!(found.in_units_of(Measure::RequestsPerSec) > 0.0 && found.in_units_of(Measure::P50) > 0.0);
        assert!(synced(dir.path(), 200, 8, 4).unwrap().in_units_of(Measure::MbPerSec) > 0.0);
    }
}
