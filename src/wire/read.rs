//! The one reader: a cursor over received bytes.

use std::fmt;

/// How much memory the values of one frame may take beyond four times its length, in bytes.
const DECODED_SLACK_BYTES_MAX: usize = 32 << 20;

/// What was wrong with bytes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The bytes end before the value does.
    Truncated {
        /// Bytes wanted.
        need: usize,
        /// Bytes left.
        have: usize,
    },
    /// A length that no valid message has.
    BadLength(i64),
    /// A variable-length integer that does not end.
    BadVarint,
    /// A string that is not UTF-8.
    BadUtf8,
    /// A null where the version does not allow one.
    UnexpectedNull(&'static str),
    /// Bytes left after the last field.
    TrailingBytes(usize),
    /// The values would take far more memory than the bytes that describe them.
    TooLarge,
    /// A tagged field appears twice, or out of order.
    BadTag(u32),
    /// A version that no such message has.
    BadVersion(i16),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Truncated { need, have } => write!(f, "truncated: {need} bytes needed, {have} left"),
            WireError::BadLength(n) => write!(f, "bad length {n}"),
            WireError::BadVarint => write!(f, "variable-length integer too long"),
            WireError::BadUtf8 => write!(f, "string is not UTF-8"),
            WireError::UnexpectedNull(field) => write!(f, "null not allowed in {field}"),
            WireError::TrailingBytes(n) => write!(f, "{n} bytes after the end of the message"),
            WireError::TooLarge => write!(f, "values take far more memory than the frame that carries them"),
            WireError::BadTag(tag) => write!(f, "tagged field {tag} repeated or out of order"),
            WireError::BadVersion(version) => write!(f, "there is no version {version}"),
        }
    }
}

impl std::error::Error for WireError {}

/// A cursor over received bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    budget_bytes: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        let budget_bytes = bytes.len().saturating_mul(4).saturating_add(DECODED_SLACK_BYTES_MAX);
        Reader { bytes, position: 0, budget_bytes }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// # Errors
    /// [`WireError::TrailingBytes`] unless everything was read.
    pub fn finish(&self) -> Result<(), WireError> {
        match self.remaining() {
            0 => Ok(()),
            n => Err(WireError::TrailingBytes(n)),
        }
    }

    /// The next `n` bytes, borrowed.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        match self.bytes[self.position..].get(..n) {
            Some(taken) => {
                self.position += n;
                Ok(taken)
            }
            None => Err(WireError::Truncated { need: n, have: self.remaining() }),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One signed byte.
    #[inline]
    pub fn i8(&mut self) -> Result<i8, WireError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// Two bytes, signed.
    #[inline]
    pub fn i16(&mut self) -> Result<i16, WireError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// Two bytes, unsigned.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four bytes, signed.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Four bytes, unsigned.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes, signed.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, WireError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Eight bytes, IEEE 754.
    #[inline]
    pub fn f64(&mut self) -> Result<f64, WireError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// An unsigned variable-length integer of at most five bytes.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.array::<1>()?[0];
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(WireError::BadVarint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::BadVarint)
    }

    /// A zigzag variable-length integer of at most five bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<i32, WireError> {
        let raw = self.uvarint()?;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zigzag variable-length integer of at most ten bytes.
    #[inline]
    pub fn varlong(&mut self) -> Result<i64, WireError> {
        let mut raw = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.array::<1>()?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(WireError::BadVarint);
            }
            raw |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        Err(WireError::BadVarint)
    }

    /// The room to reserve for an array that claims `claimed` elements of `size_bytes` in memory each.
    ///
    /// Never more than the bytes that are left, whatever the peer claims; every element takes at least one byte on
    /// the wire, so a larger claim is refused at once.
    ///
    /// # Errors
    /// [`WireError::Truncated`] for a claim that the frame cannot hold, [`WireError::TooLarge`] past the frame's budget.
    pub fn reserve(&mut self, claimed: usize, size_bytes: usize) -> Result<usize, WireError> {
        if claimed > self.remaining() {
            return Err(WireError::Truncated { need: claimed, have: self.remaining() });
        }
        let bytes = claimed.saturating_mul(size_bytes);
        self.budget_bytes = self.budget_bytes.checked_sub(bytes).ok_or(WireError::TooLarge)?;
        Ok(claimed.min(self.remaining() / size_bytes.max(1) + 1))
    }
}
