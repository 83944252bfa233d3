//! One connection's words: which versions, which answer belongs to which request.

use super::ClientError;
use crate::api::Api;
use crate::api::api_versions::{ApiVersions, ApiVersionsRequest};
use crate::error::ErrorCode;
use crate::wire::header::{RequestHeader, decode_response};
use crate::wire::{Message, Reader, WireError, Writer};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::marker::PhantomData;

/// A range of versions, both ends included.
pub type Version = (i16, i16);

/// What the first answer on a connection leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Versions are known; requests may be made.
    Ready,
    /// The broker is older: send this frame and bring its answer to [`Connection::negotiated`] again (KIP-511).
    Again(Vec<u8>),
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    correlation_id: i32,
    api_key: i16,
    version: i16,
    flexible: bool,
}

/// One connection to one broker: makes frames, reads answers.
#[derive(Debug)]
pub struct Connection {
    client_id: String,
    software: (String, String),
    next_correlation_id: i32,
    versions: Option<BTreeMap<i16, Version>>,
    pending: VecDeque<Pending>,
}

/// An answer: the frame, and where its body starts. Borrow the values from it with [`Answer::read`].
pub struct Answer<A> {
    frame: Vec<u8>,
    body_at: usize,
    version: i16,
    api: PhantomData<A>,
}

impl<A: Api> fmt::Debug for Answer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}, {} bytes", A::NAME, self.version, self.frame.len())
    }
}

impl<A: Api> Answer<A> {
    /// The values.
    ///
    /// # Errors
    /// [`ClientError::Wire`].
    pub fn read(&self) -> Result<A::Response<'_>, ClientError> {
        let body = self.frame.get(self.body_at..).unwrap_or_default();
        A::Response::read(body, self.version).map_err(|error| ClientError::Wire { api: A::NAME, error })
    }

    /// The version in which it was answered.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Length of the whole frame in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.frame.len()
    }
}

impl Connection {
    /// A connection that calls itself `client_id` and, to brokers that ask (KIP-511), `software` (name, version).
    pub fn new(client_id: &str, software: (&str, &str)) -> Self {
        Connection {
            client_id: client_id.into(),
            software: (software.0.into(), software.1.into()),
            next_correlation_id: 0,
            versions: None,
            pending: VecDeque::new(),
        }
    }

    /// The first frame to send: ApiVersions in our highest version.
    pub fn negotiate(&mut self) -> Vec<u8> {
        self.negotiate_at(<ApiVersionsRequest<'_> as Message>::VERSIONS.1)
    }

    fn negotiate_at(&mut self, version: i16) -> Vec<u8> {
        let software = self.software.clone();
        let request = ApiVersionsRequest {
            client_software_name: software.0.as_str().into(),
            client_software_version: software.1.as_str().into(),
        };
        self.frame::<ApiVersions>(&request, version)
    }

    /// Takes the answer to [`Connection::negotiate`] (a whole frame without its length).
    ///
    /// # Errors
    /// [`ClientError`] when it is no such answer, or the broker refuses.
    pub fn negotiated(&mut self, frame: Vec<u8>) -> Result<Handshake, ClientError> {
        let mut answer = self.answer::<ApiVersions>(frame)?;
        let body = answer.frame.get(answer.body_at..).unwrap_or_default();
        // A broker that does not know the version answers in version 0: error 35, and the ranges from Kafka 2.4 on.
        let refused = body.starts_with(&ErrorCode::UnsupportedVersion.code().to_be_bytes());
        let asked = answer.version;
        if refused {
            answer.version = 0;
        }
        let response = answer.read()?;
        let versions: BTreeMap<i16, Version> =
            response.api_keys.iter().map(|key| (key.api_key, (key.min_version, key.max_version))).collect();
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {
                self.versions = Some(versions);
                Ok(Handshake::Ready)
            }
            ErrorCode::UnsupportedVersion if asked > 0 => {
                let highest = versions.get(&ApiVersions::KEY).map_or(0, |range| range.1);
                Ok(Handshake::Again(self.negotiate_at(highest.clamp(0, asked - 1))))
            }
            code => Err(ClientError::Refused(code)),
        }
    }

    /// Which versions the broker serves of each key, once negotiated.
    pub fn versions(&self) -> Option<&BTreeMap<i16, Version>> {
        self.versions.as_ref()
    }

    /// The highest version of `A` that both sides speak.
    ///
    /// # Errors
    /// [`ClientError::NotServed`], [`ClientError::NoCommonVersion`].
    pub fn version_of<A: Api>(&self) -> Result<i16, ClientError> {
        let ours = <A::Request<'_> as Message>::VERSIONS;
        let theirs = self.versions.as_ref().and_then(|versions| versions.get(&A::KEY));
        let &theirs = theirs.ok_or(ClientError::NotServed { api: A::NAME })?;
        let highest = ours.1.min(theirs.1);
        if highest < ours.0.max(theirs.0) {
            return Err(ClientError::NoCommonVersion { api: A::NAME, ours, theirs });
        }
        Ok(highest)
    }

    /// A request's frame (length included) at the negotiated version; its answer is due after those before it.
    ///
    /// # Errors
    /// As [`Connection::version_of`].
    pub fn request<A: Api>(&mut self, request: &A::Request<'_>) -> Result<Vec<u8>, ClientError> {
        let version = self.version_of::<A>()?;
        Ok(self.frame::<A>(request, version))
    }

    /// As [`Connection::request`], at most in version `version_max`: for requests that name topics where later
    /// versions want ids.
    ///
    /// # Errors
    /// As [`Connection::version_of`].
    pub fn request_up_to<A: Api>(
        &mut self,
        request: &A::Request<'_>,
        version_max: i16,
    ) -> Result<Vec<u8>, ClientError> {
        let version = self.version_of::<A>()?.min(version_max);
        Ok(self.frame::<A>(request, version))
    }

    /// The last request will not be answered (Produce with acks=0).
    pub fn forget_last(&mut self) {
        self.pending.pop_back();
    }

    /// Requests that wait for their answer.
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next frame (without its length) as the answer to the oldest request, which was an `A`.
    ///
    /// # Errors
    /// [`ClientError::OutOfOrder`], [`ClientError::Wire`].
    pub fn answer<A: Api>(&mut self, frame: Vec<u8>) -> Result<Answer<A>, ClientError> {
        let wire = |error: WireError| ClientError::Wire { api: A::NAME, error };
        let got = Reader::new(&frame).i32().map_err(wire)?;
        let due = self.pending.pop_front();
        let Some(pending) = due.filter(|due| due.correlation_id == got && due.api_key == A::KEY) else {
            return Err(ClientError::OutOfOrder { expected: due.map(|due| due.correlation_id), got });
        };
        let mut reader = Reader::new(&frame);
        decode_response(&mut reader, A::KEY, pending.flexible).map_err(wire)?;
        let body_at = reader.position();
        Ok(Answer { frame, body_at, version: pending.version, api: PhantomData })
    }

    fn frame<A: Api>(&mut self, request: &A::Request<'_>, version: i16) -> Vec<u8> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.checked_add(1).unwrap_or(0);
        let flexible = version >= <A::Request<'_> as Message>::FLEXIBLE_FROM;
        let header = RequestHeader {
            api_key: A::KEY,
            api_version: version,
            correlation_id,
            client_id: Some(self.client_id.as_str().into()),
        };
        let mut writer = Writer::new();
        writer.u32(0);
        header.encode(&mut writer, flexible);
        request.write(&mut writer, version);
        let length = writer.len() - 4;
        writer.patch_u32(0, length as u32);
        self.pending.push_back(Pending { correlation_id, api_key: A::KEY, version, flexible });
        writer.into_bytes()
    }
}
