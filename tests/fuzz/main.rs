//! Hostile bytes through the codec, and into what reads them: nothing panics, nothing takes more memory than the frame earns, and what can be read
//! is written to bytes that read the same again.

mod batches;
mod counting;
mod damage;
mod groups;
#[path = "../golden/lines.rs"]
mod lines;

use damage::{Dice, damage};
use kq::api::TABLE;
use kq::wire::{Message, Writer};
use lines::{Job, Kind, LISTS, lines, recode, with_type};

/// Damaged frames per run.
const ROUNDS: usize = 300_000;
/// How many bytes of memory a frame's values may take for each byte of the frame.
const MEMORY_PER_BYTE_MAX: usize = 64;
/// And beside that, whatever its length.
const MEMORY_BASE_MAX: usize = 4096;

/// Reads, and says how much memory that took at its peak; writes what was read.
struct Read<'a>(&'a [u8], i16);

impl<'a> Job<'a> for Read<'a> {
    type Output = (usize, Option<Vec<u8>>);
    fn run<M: Message<'a>>(self) -> Self::Output {
        let (message, peak) = counting::peak(|| M::read(self.0, self.1));
        let written = message.ok().map(|message| {
            let mut writer = Writer::new();
            message.write(&mut writer, self.1);
            writer.into_bytes()
        });
        (peak, written)
    }
}

/// Reads a frame, made of `origin`, as one message; whether it could be read.
fn check(origin: &str, kind: Kind, key: i16, version: i16, bytes: &[u8]) -> bool {
    let at = || format!("key {key} v{version} {kind:?}, made of {origin}: {bytes:02x?}");
    let written = match with_type(kind, key, Read(bytes, version)) {
        Some((peak, written)) => {
            let most = MEMORY_BASE_MAX + MEMORY_PER_BYTE_MAX * bytes.len();
            assert!(peak <= most, "{peak} bytes of memory for a frame of {}: {}", bytes.len(), at());
            written
        }
        None => recode(kind, key, version, bytes).and_then(Result::ok),
    };
    if let Some(written) = &written {
        assert_eq!(recode(kind, key, version, written), Some(Ok(written.clone())), "{}", at());
    }
    written.is_some()
}

#[test]
fn damaged_frames() {
    let lines = lines();
    let mut dice = Dice::new(0x6b71_6b71);
    let mut readable = 0;
    for _ in 0..ROUNDS {
        let line = &lines[dice.below(lines.len())];
        let mut bytes = line.bytes.clone();
        let other = &lines[dice.below(lines.len())];
        damage(&mut dice, &mut bytes, &other.bytes);
        // Now and then as a version that the frame is not of, served or not.
        let version = if dice.below(8) == 0 { dice.below(22) as i16 - 1 } else { line.version };
        readable += usize::from(check(line.instance, line.kind, line.key, version, &bytes));
    }
    assert!(
        readable > ROUNDS / 20,
        "only {readable} damaged frames were readable: the damage is too crude to find anything"
    );
}

#[test]
fn frames_of_nothing_but_claims() {
    let requests = TABLE.iter().map(|row| (Kind::Request, row.key));
    let responses = TABLE.iter().map(|row| (Kind::Response, row.key));
    let listed = LISTS.iter().flat_map(|(kind, keys)| keys.iter().map(|key| (*kind, *key)));
    for (kind, key) in requests.chain(responses).chain(listed) {
        for version in -1..=20 {
            for byte in [0x00, 0x01, 0x02, 0x0f, 0x7f, 0x80, 0xff] {
                for len in [0, 1, 2, 3, 7, 16, 64, 500, 4000] {
                    check("claims", kind, key, version, &vec![byte; len]);
                }
            }
        }
    }
}
