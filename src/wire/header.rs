//! Request and response headers: v0 to v2 of the request's, v0 and v1 of the response's.

use super::{Cx, Field, Reader, Str, WireError, Writer};

/// What stands before every request's body.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RequestHeader<'a> {
    /// Which API.
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// The client's number for this request; the answer carries it.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<Str<'a>>,
}

impl<'a> RequestHeader<'a> {
    /// Key, version and correlation id: the eight bytes that every version has, enough to refuse the rest politely.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn peek(frame: &[u8]) -> Result<(i16, i16, i32), WireError> {
        let mut r = Reader::new(frame);
        Ok((r.i16()?, r.i16()?, r.i32()?))
    }

    /// Reads a header; `flexible` is the body's property (header v2 carries tagged fields, its client id is not compact).
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(r: &mut Reader<'a>, flexible: bool) -> Result<Self, WireError> {
        let header = RequestHeader {
            api_key: r.i16()?,
            api_version: r.i16()?,
            correlation_id: r.i32()?,
            client_id: Field::decode(r, Cx { version: 1, flexible: false })?,
        };
        if flexible {
            skip_tags(r)?;
        }
        Ok(header)
    }

    /// Writes a header.
    pub fn encode(&self, w: &mut Writer, flexible: bool) {
        w.i16(self.api_key);
        w.i16(self.api_version);
        w.i32(self.correlation_id);
        self.client_id.encode(w, Cx { version: 1, flexible: false });
        if flexible {
            w.uvarint(0);
        }
    }
}

/// Skips tagged fields that nobody here knows.
///
/// # Errors
/// [`WireError`].
pub fn skip_tags(r: &mut Reader<'_>) -> Result<(), WireError> {
    for _ in 0..r.uvarint()? {
        r.uvarint()?;
        let len = r.uvarint()? as usize;
        r.take(len)?;
    }
    Ok(())
}

/// Whether the response header of `api_key` has tagged fields: those of flexible bodies, but never ApiVersions' (KIP-511),
/// which must be readable before anything is negotiated.
pub fn response_is_tagged(api_key: i16, flexible: bool) -> bool {
    flexible && api_key != 18
}

/// Writes a response header.
pub fn encode_response(w: &mut Writer, api_key: i16, correlation_id: i32, flexible: bool) {
    w.i32(correlation_id);
    if response_is_tagged(api_key, flexible) {
        w.uvarint(0);
    }
}

/// Reads a response header and returns its correlation id.
///
/// # Errors
/// [`WireError`].
pub fn decode_response(r: &mut Reader<'_>, api_key: i16, flexible: bool) -> Result<i32, WireError> {
    let correlation_id = r.i32()?;
    if response_is_tagged(api_key, flexible) {
        skip_tags(r)?;
    }
    Ok(correlation_id)
}
