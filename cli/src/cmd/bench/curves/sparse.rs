//! A long log that takes no room: good segments whose records are zeros, written as holes. Every batch has its length and
//! its checksum, so that a broker may look at it as closely as it likes.

use crate::failure::Failure;
use crate::time::now_ms;
use kq::record::{BatchHeader, Builder, Codec};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 64 << 20;
/// Batches in a segment, a gigabyte in all.
const BATCHES: u32 = 16;
/// Everything of a batch that is not zero stands before this, in bytes.
const HEAD_BYTES: usize = 128;

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let what = format!("cannot write {}", path.display());
    move |error| Failure::new("DATA_DIR", what.clone()).because(error)
}

/// Replaces the log in `dir`, whose broker has stopped cleanly, by one of so many gigabytes.
///
/// # Errors
/// When its files cannot be written.
pub fn grow(dir: &Path, gigabytes: u32) -> Result<(), Failure> {
    if gigabytes == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).map_err(failed(dir))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("000") {
            std::fs::remove_file(entry.path()).map_err(failed(&entry.path()))?;
        }
    }
    let batch = batch()?;
    for segment in 0..gigabytes {
        write_segment(dir, i64::from(segment * BATCHES), &batch)?;
    }
    let active = dir.join(format!("{:020}.log", gigabytes * BATCHES));
    File::create(&active).map(drop).map_err(failed(&active))
}

/// One record of zeros.
fn batch() -> Result<Vec<u8>, Failure> {
    let mut builder = Builder::new(Codec::None, None);
    builder.push(now_ms(), None, Some(&vec![0; BATCH_BYTES]), &[]);
    let mut batch = builder.finish();
    batch[..8].fill(0);
    if batch[HEAD_BYTES..].iter().any(|byte| *byte != 0) || BatchHeader::peek(&batch).is_err() {
        return Err(Failure::new("SPARSE", "a batch of zeros is not what it should be"));
    }
    Ok(batch)
}

/// The batch again and again from offset `base` on, with its indexes.
fn write_segment(dir: &Path, base: i64, batch: &[u8]) -> Result<(), Failure> {
    let path = |ext: &str| dir.join(format!("{base:020}.{ext}"));
    let (log, mut index) = (path("log"), Vec::new());
    let file = File::create(&log).map_err(failed(&log))?;
    let timestamp = BatchHeader::peek(batch).map_or(0, |header| header.max_timestamp);
    let mut head = batch[..HEAD_BYTES].to_vec();
    for n in 0..BATCHES {
        head[..8].copy_from_slice(&(base + i64::from(n)).to_be_bytes());
        let position = u64::from(n) * batch.len() as u64;
        file.write_all_at(&head, position).map_err(failed(&log))?;
        index.extend_from_slice(&n.to_be_bytes());
        index.extend_from_slice(&u32::try_from(position).unwrap_or(u32::MAX).to_be_bytes());
    }
    file.set_len(u64::from(BATCHES) * batch.len() as u64).map_err(failed(&log))?;
    // The first batch has the largest timestamp as well as the others: one entry.
    let times = [&timestamp.to_be_bytes()[..], &0u32.to_be_bytes()].concat();
    for (ext, bytes) in [("index", index), ("timeindex", times)] {
        std::fs::write(path(ext), bytes).map_err(failed(&path(ext)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::batch::check;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_log_is_long_and_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("00000000000000000000.snapshot"), "old").unwrap();
        grow(dir.path(), 2).unwrap();
        let file = File::open(dir.path().join("00000000000000000016.log")).unwrap();
        let data = file.metadata().unwrap();
        assert!(data.len() >= 1 << 30 && data.blocks() * 512 < 1 << 20, "{} {}", data.len(), data.blocks());
        let size = (data.len() / u64::from(BATCHES)) as usize;
        let mut last = vec![0; size];
        file.read_exact_at(&mut last, size as u64 * 15).unwrap();
        assert_eq!(BatchHeader::peek(&last).unwrap().base_offset, 31);
        assert!(check(&last).is_ok());
        assert!(dir.path().join("00000000000000000032.log").exists());
        assert!(!dir.path().join("00000000000000000000.snapshot").exists());
    }
}
