//! Hostile record batches: nothing panics, and unpacking stays within the room it was given.

use crate::counting;
use crate::damage::{Dice, damage};
use crate::lines::unhex;
use kq::record::{Codec, batches, check, crc, decode, records::recompress};

/// Damaged batches per run.
const ROUNDS: usize = 20_000;
/// What a batch may unpack to.
const UNPACKED_BYTES_MAX: usize = 1 << 16;
/// What unpacking may take beside that: the codecs' windows and tables.
const CODEC_BYTES_MAX: usize = 1 << 20;

/// The golden batches, each in every codec.
fn golden() -> Vec<Vec<u8>> {
    let lines = include_str!("../golden/records.txt").lines().filter_map(|line| line.strip_prefix("batch "));
    let written = lines.map(|line| unhex(line.split(' ').nth(1).unwrap_or_default()).expect("bytes in hex"));
    written
        .flat_map(|batch| Codec::ALL.map(|codec| recompress(&batch, codec, None, 1 << 20).expect("it unpacks")))
        .collect()
}

#[test]
fn damaged_batches() {
    let golden = golden();
    let mut dice = Dice::new(0x6b71_0002);
    let mut readable = 0;
    for round in 0..ROUNDS {
        let mut bytes = golden[dice.below(golden.len())].clone();
        let other = &golden[dice.below(golden.len())];
        damage(&mut dice, &mut bytes, other);
        // Most of the time with a checksum and a length that are right again, so that the damage gets past the door.
        if dice.below(4) > 0 && bytes.len() > 61 {
            let length = bytes.len() as i32 - 12;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            let sum = crc::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&sum.to_be_bytes());
        }
        let (read, peak) = counting::peak(|| {
            for batch in batches(&bytes) {
                let _ = batch.is_ok();
            }
            check(&bytes)?;
            decode(&bytes, UNPACKED_BYTES_MAX).map(|decoded| (&decoded).into_iter().filter(Result::is_ok).count())
        });
        assert!(
            peak <= 2 * UNPACKED_BYTES_MAX + CODEC_BYTES_MAX,
            "round {round}: {peak} bytes of memory for {}",
            bytes.len()
        );
        readable += usize::from(read.is_ok());
    }
    assert!(readable > ROUNDS / 100, "only {readable} damaged batches were readable: the damage is too crude");
}
