//! What is in the records: text of a given length, or lines of a file; batches made of them.

use crate::failure::Failure;
use crate::time::now_ms;
use kq::record::{Builder, Codec};
use std::path::Path;

/// Bytes of different records that are kept ready.
const READY_BYTES_MAX: usize = 32 << 20;
/// Bytes of made-up texts.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Bytes that compress about as badly as text.
pub fn text(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"[(state >> 33) as usize % 64]
    };
    (0..size).map(|_| next()).collect()
}

/// The values that records are made of, in turns.
pub struct Values {
    values: Vec<Vec<u8>>,
    turn: usize,
}

impl Values {
    /// As many different texts as a batch has records.
    pub fn of_size(size: usize, records_per_batch: u64) -> Values {
        let count = usize::try_from(records_per_batch).unwrap_or(usize::MAX).min(TEXT_BYTES_MAX / size.max(1)).max(1);
        Values { values: (0..count).map(|n| text(size, 7 + 2 * n as u64)).collect(), turn: 0 }
    }

    /// The parts of a file between `delimiter`s (`\n` and the like are understood); empty ones are left out.
    ///
    /// # Errors
    /// When it cannot be read, or has nothing in it.
    pub fn of_file(path: &Path, delimiter: &str) -> Result<Values, Failure> {
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::usage(format!("--payload-file {}: cannot be read", path.display())).because(error)
        })?;
        let delimiter = delimiter.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0").into_bytes();
        let values: Vec<Vec<u8>> = split(&bytes, &delimiter).map(<[u8]>::to_vec).collect();
        if values.is_empty() {
            return Err(Failure::usage(format!("--payload-file {}: nothing in it", path.display())));
        }
        Ok(Values { values, turn: 0 })
    }

    /// Length of the longest.
    pub fn longest(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// How many batches show every value once, within bounds.
    pub fn batches(&self, records_per_batch: u64) -> usize {
        let per_batch = usize::try_from(records_per_batch).unwrap_or(usize::MAX).max(1);
        let fit = READY_BYTES_MAX / per_batch.saturating_mul(self.longest().max(1)).max(1);
        self.values.len().div_ceil(per_batch).min(fit).max(1)
    }

    /// A batch of the next `records` values, and the bytes of its values.
    pub fn batch(&mut self, codec: Codec, records: u64) -> (Vec<u8>, u64) {
        let now = now_ms();
        let mut builder = Builder::new(codec, None);
        let mut bytes = 0;
        for _ in 0..records {
            let value = &self.values[self.turn % self.values.len()];
            self.turn += 1;
            bytes += value.len() as u64;
            builder.push(now, None, Some(value), &[]);
        }
        (builder.finish(), bytes)
    }
}

fn split<'a>(bytes: &'a [u8], delimiter: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    let next = move || {
        let here = rest?;
        let at = match delimiter.is_empty() {
            true => None,
            false => here.windows(delimiter.len()).position(|window| window == delimiter),
        };
        rest = at.map(|at| &here[at + delimiter.len()..]);
        Some(at.map_or(here, |at| &here[..at]))
    };
    std::iter::from_fn(next).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::{check, decode};

    #[test]
    fn files_are_cut_at_the_delimiter() {
        let parts = |text: &str, delimiter: &str| -> Vec<String> {
            split(text.as_bytes(), delimiter.as_bytes()).map(|part| String::from_utf8_lossy(part).into()).collect()
        };
        assert_eq!(parts("a\nbb\n\nc\n", "\n"), ["a", "bb", "c"]);
        assert_eq!(parts("a--b-c", "--"), ["a", "b-c"]);
        assert_eq!(parts("a\nb", ""), ["a\nb"]);
        assert!(parts("", "\n").is_empty());
    }

    #[test]
    fn batches_take_values_in_turns() {
        let mut values = Values { values: vec![b"a".to_vec(), b"bb".to_vec(), b"ccc".to_vec()], turn: 0 };
        assert_eq!((values.batches(2), values.longest()), (2, 3));
        for (want, bytes) in [("a bb", 3), ("ccc a", 4)] {
            let (batch, value_bytes) = values.batch(Codec::Lz4, 2);
            assert_eq!((check(&batch).unwrap().count, value_bytes), (2, bytes));
            let decoded = decode(&batch, 1 << 20).unwrap();
            let got: Vec<String> =
                decoded.iter().map(|r| String::from_utf8_lossy(r.unwrap().value.unwrap()).into_owned()).collect();
            assert_eq!(got.join(" "), want);
        }
    }
}
