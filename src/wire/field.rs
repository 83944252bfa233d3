//! How each of Kafka's types reads and writes itself.

use super::{Reader, WireError, Writer};
use crate::types::{FileRange, Uuid};
use std::borrow::Cow;
use std::ops::{RangeFrom, RangeInclusive};

/// A string that is borrowed from a frame, or owned by who answers.
pub type Str<'a> = Cow<'a, str>;
/// Bytes that are borrowed from a frame, or owned by who answers.
pub type Bytes<'a> = Cow<'a, [u8]>;

/// In which version a value is read or written.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    /// The message's version.
    pub version: i16,
    /// Whether that version is flexible (KIP-482): compact lengths and tagged fields.
    pub flexible: bool,
}

/// The versions of a field, as `message!` takes them: `3..` or `0..=12`.
pub trait Versions {
    /// Whether `version` has the field.
    fn has(&self, version: i16) -> bool;
    /// Both ends, `i16::MAX` for an open one.
    fn bounds(&self) -> (i16, i16);
}

/// Both ends of `range`, for declarations.
pub const fn ends(range: RangeInclusive<i16>) -> (i16, i16) {
    (*range.start(), *range.end())
}

impl Versions for RangeFrom<i16> {
    #[inline(always)]
    fn has(&self, version: i16) -> bool {
        version >= self.start
    }
    fn bounds(&self) -> (i16, i16) {
        (self.start, i16::MAX)
    }
}

impl Versions for RangeInclusive<i16> {
    #[inline(always)]
    fn has(&self, version: i16) -> bool {
        version >= *self.start() && version <= *self.end()
    }
    fn bounds(&self) -> (i16, i16) {
        (*self.start(), *self.end())
    }
}

/// What a declaration says of a struct, for tests that hold it against Kafka's schemas.
#[derive(Debug)]
pub struct StructInfo {
    /// Its name.
    pub name: &'static str,
    /// Its fields, in wire order.
    pub fields: fn() -> Vec<FieldInfo>,
}

/// What a declaration says of a field.
#[derive(Debug)]
pub struct FieldInfo {
    /// Kafka's name in snake case.
    pub name: &'static str,
    /// The Rust type as written.
    pub ty: &'static str,
    /// First and last version.
    pub versions: (i16, i16),
    /// First and last version that may be null.
    pub nullable: Option<(i16, i16)>,
    /// The tag number of a tagged field.
    pub tag: Option<u32>,
    /// The default as written.
    pub default: Option<&'static str>,
    /// The struct inside, through arrays and nulls.
    pub inner: Option<&'static StructInfo>,
}

/// A value that knows its bytes.
pub trait Field<'a>: Sized {
    /// Set for structs, arrays of structs and nullable structs.
    const INNER: Option<&'static StructInfo> = None;

    /// Reads the value.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no such value.
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError>;

    /// Writes the value.
    fn encode(&self, w: &mut Writer, cx: Cx);

    /// Reads the value where it stands in a tagged field. Only a nullable struct looks different there.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no such value.
    fn decode_tagged(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        Self::decode(r, cx)
    }

    /// Writes the value into a tagged field.
    fn encode_tagged(&self, w: &mut Writer, cx: Cx) {
        self.encode(w, cx);
    }

    /// True for a null.
    fn is_null(&self) -> bool {
        false
    }
}

macro_rules! primitive {
    ($($ty:ty => $method:ident),*) => {$(
        impl<'a> Field<'a> for $ty {
            #[inline]
            fn decode(r: &mut Reader<'a>, _: Cx) -> Result<Self, WireError> {
                r.$method()
            }
            #[inline]
            fn encode(&self, w: &mut Writer, _: Cx) {
                w.$method(*self);
            }
        }
    )*};
}

primitive!(i8 => i8, i16 => i16, u16 => u16, i32 => i32, u32 => u32, i64 => i64, f64 => f64);

impl<'a> Field<'a> for bool {
    fn decode(r: &mut Reader<'a>, _: Cx) -> Result<Self, WireError> {
        Ok(r.i8()? != 0)
    }
    fn encode(&self, w: &mut Writer, _: Cx) {
        w.i8(i8::from(*self));
    }
}

impl<'a> Field<'a> for Uuid {
    fn decode(r: &mut Reader<'a>, _: Cx) -> Result<Self, WireError> {
        let mut id = Uuid::ZERO;
        id.0.copy_from_slice(r.take(16)?);
        Ok(id)
    }
    fn encode(&self, w: &mut Writer, _: Cx) {
        w.put(&self.0);
    }
}

/// The length of what follows; `None` is null. `short` lengths are two bytes where they are not compact.
fn decode_len(r: &mut Reader<'_>, cx: Cx, short: bool) -> Result<Option<usize>, WireError> {
    let len = match (cx.flexible, short) {
        (true, _) => i64::from(r.uvarint()?) - 1,
        (false, true) => i64::from(r.i16()?),
        (false, false) => i64::from(r.i32()?),
    };
    match len {
        -1 => Ok(None),
        0..=0x7fff_ffff => Ok(Some(len as usize)),
        _ => Err(WireError::BadLength(len)),
    }
}

fn encode_len(w: &mut Writer, cx: Cx, short: bool, len: Option<usize>) {
    match (cx.flexible, short) {
        (true, _) => w.uvarint(len.map_or(0, |n| n as u32 + 1)),
        (false, true) => w.i16(len.map_or(-1, |n| n as i16)),
        (false, false) => w.i32(len.map_or(-1, |n| n as i32)),
    }
}

impl<'a> Field<'a> for Option<Str<'a>> {
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        let Some(len) = decode_len(r, cx, true)? else { return Ok(None) };
        let text = std::str::from_utf8(r.take(len)?).map_err(|_| WireError::BadUtf8)?;
        Ok(Some(Cow::Borrowed(text)))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        match self {
            Some(text) => text.encode(w, cx),
            None => encode_len(w, cx, true, None),
        }
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a> Field<'a> for Str<'a> {
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        <Option<Str<'a>>>::decode(r, cx)?.ok_or(WireError::UnexpectedNull("string"))
    }
    /// A text longer than the 32,767 bytes that a length of two bytes can say is cut there, at a character's start.
    fn encode(&self, w: &mut Writer, cx: Cx) {
        let mut text: &str = self;
        if text.len() > i16::MAX as usize {
            let mut end = i16::MAX as usize;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text = &text[..end];
        }
        encode_len(w, cx, true, Some(text.len()));
        w.put(text.as_bytes());
    }
}

impl<'a> Field<'a> for Option<Bytes<'a>> {
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        let Some(len) = decode_len(r, cx, false)? else { return Ok(None) };
        Ok(Some(Cow::Borrowed(r.take(len)?)))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        encode_len(w, cx, false, self.as_ref().map(|b| b.len()));
        if let Some(bytes) = self {
            w.put(bytes);
        }
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a> Field<'a> for Bytes<'a> {
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        <Option<Bytes<'a>>>::decode(r, cx)?.ok_or(WireError::UnexpectedNull("bytes"))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        encode_len(w, cx, false, Some(self.len()));
        w.put(self);
    }
}

/// Record batches: bytes of the frame on the way in, runs of segment files on the way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Records<'a> {
    /// In memory.
    Bytes(Bytes<'a>),
    /// In one segment file.
    Range(FileRange),
}

impl Records<'_> {
    /// The bytes; empty for a file range, which has none in memory.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Records::Bytes(bytes) => bytes,
            Records::Range(_) => &[],
        }
    }
}

impl<'a> Field<'a> for Option<Records<'a>> {
    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        Ok(<Option<Bytes<'a>>>::decode(r, cx)?.map(Records::Bytes))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        match self {
            None => encode_len(w, cx, false, None),
            Some(Records::Bytes(bytes)) => bytes.encode(w, cx),
            Some(Records::Range(range)) => {
                encode_len(w, cx, false, Some(range.len as usize));
                w.range(*range);
            }
        }
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<Vec<T>> {
    const INNER: Option<&'static StructInfo> = T::INNER;

    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        let Some(len) = decode_len(r, cx, false)? else { return Ok(None) };
        let mut items = Vec::with_capacity(r.reserve(len, size_of::<T>())?);
        for _ in 0..len {
            items.push(T::decode(r, cx)?);
        }
        Ok(Some(items))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        match self {
            Some(items) => items.encode(w, cx),
            None => encode_len(w, cx, false, None),
        }
    }
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    const INNER: Option<&'static StructInfo> = T::INNER;

    fn decode(r: &mut Reader<'a>, cx: Cx) -> Result<Self, WireError> {
        <Option<Vec<T>>>::decode(r, cx)?.ok_or(WireError::UnexpectedNull("array"))
    }
    fn encode(&self, w: &mut Writer, cx: Cx) {
        encode_len(w, cx, false, Some(self.len()));
        for item in self {
            item.encode(w, cx);
        }
    }
}
