//! HTTP for health, metrics and rolling restarts: `/healthz`, `/readyz`, `/metrics`, `/probe/pre-restart`,
//! `/probe/post-restart`, each connection one request. Bounded in the number of connections, the size of a request and the
//! time it may take; nothing it does can hold up the broker.

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// Connections at a time; more are closed at once.
pub const HTTP_CONNECTIONS_MAX: usize = 32;
/// From the first byte to the end of the reply, in milliseconds.
pub const HTTP_TIME_MS_MAX: i64 = 10_000;
const REQUEST_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
const NOT_FOUND: &str = "try /healthz, /readyz, /metrics, /probe/pre-restart or /probe/post-restart\n";

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Is the process alive?
    Health,
    /// Does it serve clients?
    Ready,
    /// Prometheus text.
    Metrics,
    /// May it be stopped?
    PreRestart,
    /// Has it caught up since its start?
    PostRestart,
}

/// One connection.
#[derive(Debug)]
pub struct HttpConnection {
    /// The socket.
    pub socket: OwnedFd,
    request: Vec<u8>,
    reply: Vec<u8>,
    sent: usize,
}

/// What is to be done next with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpStep {
    /// Wait until it can be read.
    Read,
    /// Give the page to [`HttpConnection::answer`]; the flag of HEAD is kept.
    Answer(Page, Method),
    /// Wait until it can be written.
    Write,
    /// Done, or broken: drop it.
    Close,
}

/// How it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// With the body.
    Get,
    /// Without.
    Head,
}

impl HttpConnection {
    /// A connection that has sent nothing yet.
    pub fn new(socket: OwnedFd) -> HttpConnection {
        HttpConnection { socket, request: Vec::new(), reply: Vec::new(), sent: 0 }
    }

    /// The socket is ready for something.
    pub fn advance(&mut self) -> HttpStep {
        if !self.reply.is_empty() {
            return self.write();
        }
        let mut buffer = [0; 2048];
        loop {
            match rustix::io::read(self.socket.as_fd(), &mut buffer[..]) {
                Ok(0) => return HttpStep::Close,
                Ok(n) => self.request.extend_from_slice(&buffer[..n]),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(_) => return HttpStep::Close,
            }
            if self.request.len() > REQUEST_BYTES_MAX {
                return self.refuse("431 Request Header Fields Too Large", "the request is too long\n");
            }
        }
        self.parse()
    }

    fn parse(&mut self) -> HttpStep {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&self.request) {
            Ok(httparse::Status::Partial) => return HttpStep::Read,
            Ok(httparse::Status::Complete(_)) => {}
            Err(_) => return self.refuse("400 Bad Request", "this is not HTTP/1\n"),
        }
        let method = match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            _ => return self.refuse("405 Method Not Allowed", "GET only\n"),
        };
        let path = request.path.unwrap_or("");
        match path.split('?').next().unwrap_or("") {
            "/healthz" => HttpStep::Answer(Page::Health, method),
            "/readyz" => HttpStep::Answer(Page::Ready, method),
            "/metrics" => HttpStep::Answer(Page::Metrics, method),
            "/probe/pre-restart" => HttpStep::Answer(Page::PreRestart, method),
            "/probe/post-restart" => HttpStep::Answer(Page::PostRestart, method),
            _ => self.refuse("404 Not Found", NOT_FOUND),
        }
    }

    /// Answers, and sends what can be sent now.
    pub fn answer(&mut self, status: &str, content_type: &str, body: &str, method: Method) -> HttpStep {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        self.reply = head.into_bytes();
        if method == Method::Get {
            self.reply.extend_from_slice(body.as_bytes());
        }
        self.write()
    }

    fn refuse(&mut self, status: &str, body: &str) -> HttpStep {
        self.answer(status, "text/plain", body, Method::Get)
    }

    fn write(&mut self) -> HttpStep {
        while self.sent < self.reply.len() {
            match send(&self.socket, &self.reply[self.sent..], SendFlags::NOSIGNAL) {
                Ok(n) => self.sent += n,
                Err(Errno::AGAIN) => return HttpStep::Write,
                Err(Errno::INTR) => {}
                Err(_) => return HttpStep::Close,
            }
        }
        HttpStep::Close
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn check(request: &[u8], expected: &str) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut connection = HttpConnection::new(ours.into());
        theirs.write_all(request).unwrap();
        let mut step = connection.advance();
        if let HttpStep::Answer(page, method) = step {
            step = connection.answer("200 OK", "text/plain", &format!("{page:?}\n"), method);
        }
        assert_eq!(step, HttpStep::Close);
        drop(connection);
        let mut got = String::new();
        theirs.read_to_string(&mut got).unwrap();
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert_eq!(format!("{} {body}", head.lines().next().unwrap()), expected);
    }

    #[test]
    fn pages() {
        check(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK Health\n");
        check(b"GET /readyz?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK Ready\n");
        check(b"HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK ");
        check(b"GET /probe/pre-restart HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK PreRestart\n");
        check(b"GET /probe/post-restart HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK PostRestart\n");
        check(b"GET / HTTP/1.1\r\n\r\n", &format!("HTTP/1.1 404 Not Found {NOT_FOUND}"));
        check(b"POST /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed GET only\n");
        check(b"\x16\x03\x01\x00\xa5", "HTTP/1.1 400 Bad Request this is not HTTP/1\n");
    }

    #[test]
    fn a_request_without_end_is_refused() {
        let mut request = b"GET / HTTP/1.1\r\nA: ".to_vec();
        request.resize(9000, b'a');
        check(&request, "HTTP/1.1 431 Request Header Fields Too Large the request is too long\n");
    }
}
