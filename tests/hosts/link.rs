//! A connection to one broker, as a client has it: negotiated, blocking, with a time limit on every answer.

use crate::host::{PORT, address};
use kq::api::Api;
use kq::client::{Answer, Connection, Handshake, frame_length};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Why nothing came back. What was asked may have happened all the same.
pub type Trouble = String;

/// The connection.
pub struct Link {
    /// Whom it leads to.
    pub broker: i32,
    stream: TcpStream,
    connection: Connection,
}

impl Link {
    /// Connects and negotiates.
    pub fn open(broker: i32, patience: Duration) -> Result<Link, Trouble> {
        let to: SocketAddr = format!("{}:{PORT}", address(broker)).parse().expect("an address");
        let stream = TcpStream::connect_timeout(&to, patience).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
        stream.set_write_timeout(Some(patience)).map_err(|error| error.to_string())?;
        let mut link = Link { broker, stream, connection: Connection::new("oracle", ("kq", "0")) };
        let mut hello = link.connection.negotiate();
        loop {
            link.write(&hello)?;
            let frame = link.frame()?;
            match link.connection.negotiated(frame).map_err(|error| error.to_string())? {
                Handshake::Ready => return Ok(link),
                Handshake::Again(older) => hello = older,
            }
        }
    }

    /// Sends a request, at most in this version; its answer is due after those before it.
    pub fn send<A: Api>(&mut self, request: &A::Request<'_>, version_max: i16) -> Result<(), Trouble> {
        let frame = self.connection.request_up_to::<A>(request, version_max).map_err(|error| error.to_string())?;
        self.write(&frame)
    }

    /// The oldest answer that is due.
    pub fn receive<A: Api>(&mut self) -> Result<Answer<A>, Trouble> {
        let frame = self.frame()?;
        self.connection.answer::<A>(frame).map_err(|error| error.to_string())
    }

    /// Asks, and waits for the answer.
    pub fn call<A: Api>(&mut self, request: &A::Request<'_>, version_max: i16) -> Result<Answer<A>, Trouble> {
        self.send::<A>(request, version_max)?;
        self.receive::<A>()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes).map_err(|error| error.to_string())
    }

    fn frame(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(|error| error.to_string())?;
        let mut frame = vec![0; frame_length(length).map_err(|error| error.to_string())?];
        self.stream.read_exact(&mut frame).map_err(|error| error.to_string())?;
        Ok(frame)
    }
}

/// A connection to some broker out of `brokers`, by a number that changes: nobody is asked twice in a row.
pub fn any(brokers: i32, turn: u32, patience: Duration) -> Result<Link, Trouble> {
    let mut trouble = String::new();
    for step in 0..brokers {
        let broker = (turn as i32).wrapping_add(step).rem_euclid(brokers) + 1;
        match Link::open(broker, patience) {
            Ok(link) => return Ok(link),
            Err(why) => trouble = why,
        }
    }
    Err(trouble)
}
