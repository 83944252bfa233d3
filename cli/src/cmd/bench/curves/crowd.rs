//! Many that do little: connections that say hello and fall silent, producers that write once.

use super::super::frame::{Fixed, PRODUCE_VERSION_MAX, Producer, Template, error_at};
use super::super::outbox::Outbox;
use crate::failure::Failure;
use kq::api::Api;
use kq::api::api_versions::ApiVersions;
use kq::client::frame_length;
use kq::error::ErrorCode;
use kq::record::{Builder, Codec};
use kq::wire::Writer;
use kq::wire::header::RequestHeader;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests sent ahead of their answers.
const AHEAD: u32 = 50;
/// Ids far from those that the broker gives out itself.
const FIRST_ID: i64 = 1 << 40;
/// The broker's answer to one small request, at most, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new("CROWD", what).because(error)
}

fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    let what = "cannot connect: `ulimit -n` must allow for all connections";
    let stream = TcpStream::connect(address).map_err(failed(what))?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed(what))?;
    stream.set_nodelay(true).map_err(failed(what))?;
    Ok(stream)
}

fn answer(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut prefix = [0; 4];
    let what = "the broker does not answer";
    stream.read_exact(&mut prefix).map_err(failed(what))?;
    let length = frame_length(prefix)?;
    if length > ANSWER_BYTES_MAX {
        return Err(Failure::new("BAD_ANSWER", format!("an answer of {length} bytes")));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).map_err(failed(what))?;
    Ok(frame)
}

/// So many connections that have asked for versions and then say no more.
///
/// # Errors
/// When the system or the broker does not want so many.
pub fn idle(address: SocketAddr, count: u32) -> Result<Vec<TcpStream>, Failure> {
    let header =
        RequestHeader { api_key: ApiVersions::KEY, api_version: 0, correlation_id: 1, client_id: Some("idle".into()) };
    let mut writer = Writer::new();
    writer.u32(0);
    header.encode(&mut writer, false);
    let length = writer.len() - 4;
    writer.patch_u32(0, u32::try_from(length).unwrap_or(0));
    let hello = writer.into_bytes();
    let open = |_| {
        let mut stream = connect(address)?;
        stream.write_all(&hello).map_err(failed("the broker takes no request"))?;
        answer(&mut stream).map(|_| stream)
    };
    (0..count).map(open).collect()
}

/// Writes one record as each of so many idempotent producers, so that the broker knows them.
///
/// # Errors
/// When one is refused.
pub fn introduce(address: SocketAddr, topic: &str, count: u32) -> Result<(), Failure> {
    let fixed = Fixed {
        topic: topic.into(),
        client_id: "crowd".into(),
        acks: -1,
        timeout_ms: 30_000,
        version: PRODUCE_VERSION_MAX,
    };
    let mut builder = Builder::new(Codec::None, None);
    builder.push(crate::time::now_ms(), None, Some(b"once"), &[]);
    let mut template = Template::new(&fixed, builder.finish(), 1, 4);
    let error_at = error_at(topic, fixed.version);
    let mut stream = connect(address)?;
    let mut out = Outbox::default();
    let mut sent = 0;
    while sent < count {
        let now = AHEAD.min(count - sent);
        for n in sent..sent + now {
            let producer = Producer { id: FIRST_ID + i64::from(n), epoch: 0, sequence: 0 };
            template.put(i32::try_from(n).unwrap_or(0), 0, Some(producer), &mut out);
        }
        while !out.write(&mut stream).map_err(failed("the broker takes no request"))? {}
        for _ in 0..now {
            let frame = answer(&mut stream)?;
            let code =
                frame.get(error_at..).and_then(|rest| rest.first_chunk::<2>()).map(|code| i16::from_be_bytes(*code));
            match code {
                Some(0) => {}
                Some(code) => return Err(Failure::answered(ErrorCode::from_code(code), "a new producer", None)),
                None => return Err(Failure::new("BAD_ANSWER", "the answer to a new producer is cut short")),
            }
        }
        sent += now;
    }
    Ok(())
}
