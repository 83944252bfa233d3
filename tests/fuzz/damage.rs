//! Damage to frames, the same on every run. Shared with `tests/golden`.

/// A source of numbers that only its seed decides (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }
}

/// Bytes that lengths, varints and signs turn on.
const SHARP: [u8; 8] = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xfe, 0xff];
/// Lengths that hostile peers claim.
const CLAIMS: [i32; 8] = [-2, -1, 0, 1, 0xffff, 0x00ff_ffff, i32::MAX - 1, i32::MAX];

/// Does one to four harms to `bytes`, some of them with pieces of `other`.
pub fn damage(dice: &mut Dice, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let to = at + dice.below(bytes.len() - at);
        match dice.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = SHARP[dice.below(SHARP.len())],
            2 if bytes.len() >= at + 4 => {
                bytes[at..at + 4].copy_from_slice(&CLAIMS[dice.below(CLAIMS.len())].to_be_bytes())
            }
            3 if bytes.len() >= at + 5 => {
                bytes[at..at + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, SHARP[dice.below(8)]])
            }
            4 => bytes.truncate(to),
            5 => drop(bytes.drain(at..to)),
            6 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            7 => {
                let from = dice.below(other.len());
                bytes.splice(at..to, other[from..].iter().copied().take(32));
            }
            _ => bytes.insert(at, SHARP[dice.below(SHARP.len())]),
        }
    }
}
