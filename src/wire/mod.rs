//! Kafka's primitive types and message framing: bytes in, values out.
//!
//! Never panics on input, never allocates more than the peer has sent (see [`Reader::reserve`]). Messages are declared
//! once with [`message!`](crate::message); everything is big-endian, through one reader and one writer.

pub mod consumer_protocol;
mod field;
pub mod header;
mod macros;
mod read;
mod write;

pub use field::{Bytes, Cx, Field, FieldInfo, Records, Str, StructInfo, Versions, ends};
pub use read::{Reader, WireError};
pub use write::{Chunk, Writer};

/// A top-level request or response.
pub trait Message<'a>: Field<'a> + Default {
    /// Kafka's name for it, for instance `ProduceRequest`.
    const NAME: &'static str;
    /// The API key.
    const KEY: i16;
    /// The versions that are declared, both ends included.
    const VERSIONS: (i16, i16);
    /// The first flexible version (KIP-482), or `i16::MAX`.
    const FLEXIBLE_FROM: i16;

    /// The context in which `version` is read and written.
    fn cx(version: i16) -> Cx {
        Cx { version, flexible: version >= Self::FLEXIBLE_FROM }
    }

    /// Reads one whole message body. Bytes left over are an error.
    ///
    /// # Errors
    /// [`WireError`] says what was wrong and where.
    fn read(bytes: &'a [u8], version: i16) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(&mut reader, Self::cx(version))?;
        reader.finish()?;
        Ok(message)
    }

    /// Appends the message body to `writer`.
    fn write(&self, writer: &mut Writer, version: i16) {
        self.encode(writer, Self::cx(version));
    }
}

#[cfg(test)]
mod tests;
