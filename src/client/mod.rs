//! The client's side of the protocol, without sockets and without a clock.
//!
//! A [`Connection`] turns requests into frames at the version that both sides speak, and the broker's frames into
//! answers, in the order of their requests. A [`Cluster`] remembers brokers, topics and leaders. [`Retry`] says whether
//! and when to try again. Who owns the socket and the clock drives all three: the operator's tool with blocking
//! sockets, the daemon with its loop.

mod cluster;
mod connection;
mod retry;

pub use cluster::{Broker, Cluster, Partition, Topic};
pub use connection::{Answer, Connection, Handshake, Version};
pub use retry::{Retry, Verdict, verdict};

use crate::error::ErrorCode;
use crate::wire::WireError;
use std::fmt;

/// The largest frame that a client takes from a broker, in bytes: more is no answer but a port that speaks something else.
pub const FRAME_BYTES_MAX: usize = 512 << 20;

/// Why a frame could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The broker does not serve the API at all.
    NotServed {
        /// Kafka's name of the API.
        api: &'static str,
    },
    /// No version is spoken by both.
    NoCommonVersion {
        /// Kafka's name of the API.
        api: &'static str,
        /// First and last version of ours.
        ours: (i16, i16),
        /// First and last version of the broker's.
        theirs: (i16, i16),
    },
    /// The negotiation was refused.
    Refused(ErrorCode),
    /// An answer that no request waits for.
    OutOfOrder {
        /// The correlation id that was due, if any.
        expected: Option<i32>,
        /// The one that came.
        got: i32,
    },
    /// A frame longer than [`FRAME_BYTES_MAX`], or of negative length: usually a port that does not speak Kafka.
    FrameLength(i32),
    /// Bytes that are no such answer.
    Wire {
        /// Kafka's name of the API.
        api: &'static str,
        /// What was wrong.
        error: WireError,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NotServed { api } => write!(f, "the broker does not serve {api}"),
            ClientError::NoCommonVersion { api, ours, theirs } => write!(
                f,
                "no common version of {api}: this client speaks {} to {}, the broker {} to {}",
                ours.0, ours.1, theirs.0, theirs.1
            ),
            ClientError::Refused(code) => write!(f, "the broker refused to negotiate versions: {code}"),
            ClientError::OutOfOrder { expected: Some(expected), got } => {
                write!(f, "answer {got} came where answer {expected} was due")
            }
            ClientError::OutOfOrder { expected: None, got } => write!(f, "answer {got} came without a request"),
            ClientError::FrameLength(n) => {
                write!(f, "frame of {n} bytes: the port does not seem to speak Kafka's protocol")
            }
            ClientError::Wire { api, error } => write!(f, "the {api} answer cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// The length of the frame that follows these four bytes.
///
/// # Errors
/// [`ClientError::FrameLength`].
pub fn frame_length(bytes: [u8; 4]) -> Result<usize, ClientError> {
    let length = i32::from_be_bytes(bytes);
    match usize::try_from(length) {
        Ok(n) if n <= FRAME_BYTES_MAX => Ok(n),
        _ => Err(ClientError::FrameLength(length)),
    }
}

#[cfg(test)]
mod tests;
