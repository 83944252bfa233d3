//! The codecs, each in the framing that Kafka's clients use; unpacking is bounded.

use super::error::RecordError;
use std::fmt;
use std::io::{Read, Write};

/// How the records of a batch are compressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy blocks in the framing of snappy-java.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Codec {
    /// All of them, by id.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    /// The codec of an id (the low three bits of a batch's attributes).
    ///
    /// # Errors
    /// [`RecordError::UnknownCodec`].
    pub fn from_id(id: i16) -> Result<Codec, RecordError> {
        usize::try_from(id).ok().and_then(|i| Codec::ALL.get(i)).copied().ok_or(RecordError::UnknownCodec(id))
    }

    /// The codec of a name as in `compression.type`.
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Its id in a batch's attributes.
    pub fn id(self) -> i16 {
        self as i16
    }

    /// Its name as in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

const GZIP_LEVEL: i32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// snappy-java's default block.
const SNAPPY_BLOCK_BYTES: usize = 32 << 10;
const SNAPPY_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const SNAPPY_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// No Snappy element makes more than 64 bytes of 3.
const SNAPPY_RATIO_MAX: usize = 22;

/// Compresses `bytes`. `level` is the codec's own (gzip 1 to 9, zstd up to 22; others have none); out of range ones
/// are clamped, `None` is the codec's default.
pub fn compress(codec: Codec, level: Option<i32>, bytes: &[u8]) -> Vec<u8> {
    match codec {
        Codec::None => bytes.to_vec(),
        Codec::Gzip => {
            let level = flate2::Compression::new(level.unwrap_or(GZIP_LEVEL).clamp(1, 9) as u32);
            let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 2 + 64), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writes to memory do not fail")
        }
        Codec::Snappy => compress_snappy(bytes),
        Codec::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let out = Vec::with_capacity(bytes.len() / 2 + 64);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, out);
            encoder.write_all(bytes).expect("writes to memory do not fail");
            encoder.finish().expect("writes to memory do not fail")
        }
        Codec::Zstd => {
            let range = zstd::compression_level_range();
            let level = level.unwrap_or(ZSTD_LEVEL).clamp(*range.start(), *range.end());
            zstd::bulk::compress(bytes, level).expect("the output buffer is as large as the worst case")
        }
    }
}

/// Unpacks `bytes` into at most `max_bytes`.
///
/// # Errors
/// [`RecordError::Decompress`] for bytes that are not the codec's, [`RecordError::TooLarge`] for more than `max_bytes`.
pub fn decompress(codec: Codec, bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, RecordError> {
    match codec {
        Codec::None if bytes.len() > max_bytes => Err(RecordError::TooLarge { max_bytes }),
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => read_bounded(codec, flate2::bufread::MultiGzDecoder::new(bytes), bytes.len(), max_bytes),
        Codec::Snappy => decompress_snappy(bytes, max_bytes),
        Codec::Lz4 => read_bounded(codec, lz4_flex::frame::FrameDecoder::new(bytes), bytes.len(), max_bytes),
        Codec::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|e| failed(codec, &e))?;
            read_bounded(codec, decoder, bytes.len(), max_bytes)
        }
    }
}

fn failed(codec: Codec, error: &dyn fmt::Display) -> RecordError {
    RecordError::Decompress { codec, why: error.to_string() }
}

fn read_bounded(
    codec: Codec,
    reader: impl Read,
    packed_bytes: usize,
    max_bytes: usize,
) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::with_capacity(packed_bytes.saturating_mul(4).min(max_bytes));
    let limit = (max_bytes as u64).saturating_add(1);
    reader.take(limit).read_to_end(&mut out).map_err(|e| failed(codec, &e))?;
    if out.len() > max_bytes {
        return Err(RecordError::TooLarge { max_bytes });
    }
    Ok(out)
}

fn compress_snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + bytes.len() / 2 + 64);
    out.extend_from_slice(&SNAPPY_MAGIC);
    out.extend_from_slice(&SNAPPY_VERSIONS);
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(SNAPPY_BLOCK_BYTES) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let packed = encoder.compress(block, &mut out[at + 4..]).expect("the block is small and has room");
        out[at..at + 4].copy_from_slice(&(packed as u32).to_be_bytes());
        out.truncate(at + 4 + packed);
    }
    out
}

fn decompress_snappy(bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    if !bytes.starts_with(&SNAPPY_MAGIC) {
        unpack_snappy(bytes, max_bytes, &mut out)?;
        return Ok(out);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        // Streams that were put one behind the other carry the header again.
        if rest.starts_with(&SNAPPY_MAGIC) {
            rest = rest.get(16..).ok_or_else(|| failed(Codec::Snappy, &"the header is cut short"))?;
            continue;
        }
        let short = || failed(Codec::Snappy, &"a block is cut short");
        let (len, tail) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let len = u32::from_be_bytes(*len) as usize;
        let block = tail.get(..len).ok_or_else(short)?;
        unpack_snappy(block, max_bytes, &mut out)?;
        rest = &tail[len..];
    }
    Ok(out)
}

fn unpack_snappy(block: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let len = snap::raw::decompress_len(block).map_err(|e| failed(Codec::Snappy, &e))?;
    if len > max_bytes.saturating_sub(out.len()) {
        return Err(RecordError::TooLarge { max_bytes });
    }
    if len > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(failed(Codec::Snappy, &"a block claims more than it can hold"));
    }
    let at = out.len();
    out.resize(at + len, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[at..]).map_err(|e| failed(Codec::Snappy, &e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    #[test]
    fn names_and_ids() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_id(codec.id()), Ok(codec));
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Codec::from_id(5), Err(RecordError::UnknownCodec(5)));
        assert_eq!(Codec::from_name("producer"), None);
    }

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![0u8; MAX + 1];
        for codec in Codec::ALL {
            let packed = compress(codec, None, &zeros);
            assert_eq!(decompress(codec, &packed, MAX), Err(RecordError::TooLarge { max_bytes: MAX }), "{codec}");
            assert_eq!(decompress(codec, &packed, MAX + 1).unwrap().len(), MAX + 1, "{codec}");
        }
        // A raw Snappy block that claims 1 MiB in five bytes.
        let claim = [0x80, 0x80, 0x40, 0, 0];
        assert!(matches!(decompress(Codec::Snappy, &claim, MAX), Err(RecordError::Decompress { .. })));
    }

    #[test]
    fn raw_snappy_and_concatenated_streams_are_read() {
        let raw = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
        assert_eq!(decompress(Codec::Snappy, &raw, MAX).unwrap(), b"hello hello hello");
        let twice = [compress_snappy(b"one "), compress_snappy(b"two")].concat();
        assert_eq!(decompress(Codec::Snappy, &twice, MAX).unwrap(), b"one two");
    }

    proptest! {
        #[test]
        fn round_trip(bytes in prop::collection::vec(0u8..4, 0..100_000), level in prop::option::of(-3..30i32)) {
            for codec in Codec::ALL {
                let packed = compress(codec, level, &bytes);
                prop_assert_eq!(&decompress(codec, &packed, bytes.len()).unwrap(), &bytes);
            }
        }

        #[test]
        fn hostile_bytes_are_bounded(bytes in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, byte: u8) {
            for codec in Codec::ALL {
                let _ = decompress(codec, &bytes, 1000);
                let mut packed = compress(codec, None, &bytes);
                if !packed.is_empty() {
                    let at = at.index(packed.len());
                    let _ = decompress(codec, &packed[..at], 1000);
                    packed[at] = byte;
                    if let Ok(out) = decompress(codec, &packed, 1000) {
                        prop_assert!(out.len() <= 1000);
                    }
                }
            }
        }
    }
}
