//! Kafka's deserializers by class name, as far as their values are text.

use crate::failure::Failure;
use std::io::Write;

/// How bytes become text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Decoder {
    /// As they are (strings, byte arrays).
    #[default]
    Bytes,
    /// Two bytes, signed.
    Short,
    /// Four bytes, signed.
    Integer,
    /// Eight bytes, signed.
    Long,
    /// Four bytes, IEEE 754.
    Float,
    /// Eight bytes, IEEE 754.
    Double,
    /// One byte.
    Boolean,
}

impl Decoder {
    /// The decoder for a class of Kafka's, with or without its package.
    ///
    /// # Errors
    /// A usage failure for classes that kq does not have.
    pub fn from_class(class: &str) -> Result<Decoder, Failure> {
        let name = class.rsplit('.').next().unwrap_or(class);
        Ok(match name.strip_suffix("Deserializer").or_else(|| name.strip_suffix("Decoder")).unwrap_or(name) {
            "String" | "ByteArray" | "Bytes" | "ByteBuffer" | "UUID" | "Default" => Decoder::Bytes,
            "Short" => Decoder::Short,
            "Integer" => Decoder::Integer,
            "Long" => Decoder::Long,
            "Float" => Decoder::Float,
            "Double" => Decoder::Double,
            "Boolean" => Decoder::Boolean,
            _ => {
                return Err(Failure::usage(format!("{class}: kq cannot load classes"))
                    .hint("known are String, Bytes, Short, Integer, Long, Float, Double and Boolean; use --output hex for others"));
            }
        })
    }

    /// Appends the text for `bytes`.
    ///
    /// # Errors
    /// Says why the bytes are no such value.
    pub fn write(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let sized = |n: usize| format!("{} bytes where {n} are a {self:?}", bytes.len());
        let written = match self {
            Decoder::Bytes => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Decoder::Short => write!(out, "{}", i16::from_be_bytes(bytes.try_into().map_err(|_| sized(2))?)),
            Decoder::Integer => write!(out, "{}", i32::from_be_bytes(bytes.try_into().map_err(|_| sized(4))?)),
            Decoder::Long => write!(out, "{}", i64::from_be_bytes(bytes.try_into().map_err(|_| sized(8))?)),
            Decoder::Float => write!(out, "{:?}", f32::from_be_bytes(bytes.try_into().map_err(|_| sized(4))?)),
            Decoder::Double => write!(out, "{:?}", f64::from_be_bytes(bytes.try_into().map_err(|_| sized(8))?)),
            Decoder::Boolean => match bytes {
                [0] => write!(out, "false"),
                [1] => write!(out, "true"),
                _ => return Err(sized(1)),
            },
        };
        written.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_classes() {
        let text = |class: &str, bytes: &[u8]| {
            let mut out = Vec::new();
            Decoder::from_class(class).unwrap().write(bytes, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(text("org.apache.kafka.common.serialization.LongDeserializer", &[255; 8]), Ok("-1".into()));
        assert_eq!(text("IntegerDeserializer", &[0, 0, 1, 0]), Ok("256".into()));
        assert_eq!(text("DoubleDeserializer", &1.0f64.to_be_bytes()), Ok("1.0".into()));
        assert_eq!(text("StringDeserializer", b"x"), Ok("x".into()));
        assert!(text("LongDeserializer", b"x").is_err());
        assert!(Decoder::from_class("com.example.Avro").is_err());
    }
}
