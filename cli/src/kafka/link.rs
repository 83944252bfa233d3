//! One blocking connection to one broker.

use super::Settings;
use crate::failure::Failure;
use crate::ui::Loudness;
use kq::api::Api;
use kq::client::{Answer, Connection, Handshake, frame_length};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Bytes collected before they are sent without being asked.
const OUT_BYTES_MAX: usize = 1 << 20;

/// A negotiated connection. Requests may be sent ahead of their answers, which come in the same order.
pub struct Link {
    address: String,
    reader: BufReader<TcpStream>,
    out: Vec<u8>,
    connection: Connection,
    request_timeout: Duration,
    loudness: Loudness,
}

impl Link {
    /// Connects and negotiates versions, by `deadline`.
    ///
    /// # Errors
    /// Says which address could not be reached and why.
    pub fn open(
        host: &str,
        port: u16,
        settings: &Settings,
        loudness: Loudness,
        deadline: Instant,
    ) -> Result<Link, Failure> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let stream = connect(host, port, &address, settings.connect_timeout, deadline)?;
        let _ = stream.set_nodelay(true);
        let software = ("kq", env!("CARGO_PKG_VERSION"));
        let mut link = Link {
            reader: BufReader::with_capacity(64 << 10, stream),
            out: Vec::new(),
            connection: Connection::new(settings.client_id(), software),
            request_timeout: settings.request_timeout,
            loudness,
            address,
        };
        let mut hello = link.connection.negotiate();
        loop {
            link.write(&hello)?;
            let frame = link.frame(deadline, "ApiVersions")?;
            match link.connection.negotiated(frame).map_err(|error| link.protocol(&error))? {
                Handshake::Ready => return Ok(link),
                Handshake::Again(older) => hello = older,
            }
        }
    }

    /// What the broker serves, and the state of what is in flight.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Puts a request into the send buffer; [`Link::flush`] or [`Link::receive`] sends it.
    ///
    /// # Errors
    /// When the broker does not speak the key, or cannot be written to.
    pub fn send<A: Api>(&mut self, request: &A::Request<'_>) -> Result<(), Failure> {
        self.send_up_to::<A>(request, i16::MAX)
    }

    /// As [`Link::send`], at most in version `version_max`.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn send_up_to<A: Api>(&mut self, request: &A::Request<'_>, version_max: i16) -> Result<(), Failure> {
        let frame = self.connection.request_up_to::<A>(request, version_max);
        let frame = frame.map_err(|error| self.protocol(&error))?;
        if self.loudness >= Loudness::Chatty {
            eprintln!("{} <- {} ({} bytes)", self.address, A::NAME, frame.len());
        }
        if self.out.is_empty() && frame.len() >= OUT_BYTES_MAX {
            return self.write(&frame);
        }
        self.out.extend_from_slice(&frame);
        if self.out.len() >= OUT_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// As [`Link::send_up_to`], for a request that gets no answer (Produce with acks=0).
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn send_unanswered<A: Api>(&mut self, request: &A::Request<'_>, version_max: i16) -> Result<(), Failure> {
        self.send_up_to::<A>(request, version_max)?;
        self.connection.forget_last();
        Ok(())
    }

    /// Sends what is buffered.
    ///
    /// # Errors
    /// When the broker cannot be written to.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            self.write(&out)?;
            self.out = out;
            self.out.clear();
        }
        Ok(())
    }

    /// The bare socket and its `host:port`, for who goes on alone once versions are agreed upon (benchmarks). Nothing may
    /// be in flight.
    pub fn into_stream(self) -> (TcpStream, String) {
        (self.reader.into_inner(), self.address)
    }

    /// The answer to the oldest request in flight, which was an `A`; waits for it, at most until `deadline` and no
    /// longer than `request.timeout.ms`.
    ///
    /// # Errors
    /// When the time is up, the connection breaks, or the bytes are no such answer.
    pub fn receive<A: Api>(&mut self, deadline: Instant) -> Result<Answer<A>, Failure> {
        self.flush()?;
        let frame = self.frame(deadline, A::NAME)?;
        let answer = self.connection.answer::<A>(frame).map_err(|error| self.protocol(&error))?;
        if self.loudness >= Loudness::Chatty {
            eprintln!("{} -> {answer:?}", self.address);
        }
        Ok(answer)
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// As [`Link::send`] and [`Link::receive`].
    pub fn call<A: Api>(&mut self, request: &A::Request<'_>, deadline: Instant) -> Result<Answer<A>, Failure> {
        self.send::<A>(request)?;
        self.receive::<A>(deadline)
    }

    /// As [`Link::call`], at most in version `version_max`.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn call_up_to<A: Api>(
        &mut self,
        request: &A::Request<'_>,
        version_max: i16,
        deadline: Instant,
    ) -> Result<Answer<A>, Failure> {
        self.send_up_to::<A>(request, version_max)?;
        self.receive::<A>(deadline)
    }

    /// Whether an answer has begun to come; waits for that, at most so long.
    ///
    /// # Errors
    /// When the request could not be sent.
    pub fn has_answer(&mut self, patience: Duration) -> Result<bool, Failure> {
        self.flush()?;
        if !self.reader.buffer().is_empty() {
            return Ok(true);
        }
        let wait = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        let mut fds = [PollFd::new(self.reader.get_ref(), PollFlags::IN)];
        Ok(poll(&mut fds, Some(&wait)).is_ok_and(|ready| ready > 0))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let stream = self.reader.get_ref();
        let _ = stream.set_write_timeout(Some(self.request_timeout));
        (&mut &*stream).write_all(bytes).map_err(|error| self.broken("send to", error))
    }

    fn frame(&mut self, deadline: Instant, what: &str) -> Result<Vec<u8>, Failure> {
        let mut length = [0; 4];
        self.fill(&mut length, deadline, what)?;
        let length = frame_length(length).map_err(|error| self.protocol(&error))?;
        let mut frame = Vec::new();
        // A hostile length must not reserve what is never sent: grow as bytes come.
        while frame.len() < length {
            let (have, take) = (frame.len(), (length - frame.len()).min(8 << 20));
            frame.resize(have + take, 0);
            self.fill(&mut frame[have..], deadline, what)?;
        }
        Ok(frame)
    }

    fn fill(&mut self, mut bytes: &mut [u8], deadline: Instant, what: &str) -> Result<(), Failure> {
        let end = deadline.min(Instant::now() + self.request_timeout);
        while !bytes.is_empty() {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            if self.reader.buffer().is_empty() {
                let _ = self.reader.get_ref().set_read_timeout(Some(left));
            }
            match self.reader.read(bytes) {
                Ok(0) => return Err(self.closed(what)),
                Ok(n) => bytes = &mut bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if Instant::now() >= end {
                        return Err(Failure::timed_out(format!("{} did not answer {what} in time", self.address)));
                    }
                }
                Err(error) => return Err(self.broken("read from", error)),
            }
        }
        Ok(())
    }

    fn closed(&self, what: &str) -> Failure {
        let failure =
            Failure::new("DISCONNECTED", format!("{} closed the connection instead of answering {what}", self.address));
        match what {
            "ApiVersions" => failure.hint("the port may want TLS or SASL, or speak no Kafka; `kq doctor` looks closer"),
            _ => failure.hint("the broker's log says why"),
        }
    }

    fn broken(&self, what: &str, error: io::Error) -> Failure {
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return Failure::timed_out(format!("cannot {what} {} in time", self.address));
        }
        Failure::new("DISCONNECTED", format!("cannot {what} {}", self.address)).because(error)
    }

    fn protocol(&self, error: &kq::client::ClientError) -> Failure {
        Failure::new("PROTOCOL", format!("{}: {error}", self.address))
    }
}

fn connect(host: &str, port: u16, address: &str, timeout: Duration, deadline: Instant) -> Result<TcpStream, Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        Failure::new("UNREACHABLE", format!("cannot connect to {address}")).because(cause)
    };
    let found: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => return Err(failed(&format!("the name does not resolve: {error}"))),
    };
    let mut last = failed(&"the name has no address");
    for socket in found {
        let left = timeout.min(deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(Failure::timed_out(format!("no time left to connect to {address}")));
        }
        match TcpStream::connect_timeout(&socket, left) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                last = Failure::timed_out(format!("{address} did not accept a connection within {left:.1?}"));
                last.hint = Some("a firewall may drop the packets; `kq doctor` looks closer".into());
            }
            Err(error) => last = failed(&error),
        }
    }
    Err(last)
}
