//! The HTTP connections that are open: few, and each only for one request.

use crate::http::{HTTP_CONNECTIONS_MAX, HttpConnection, HttpStep, Page};
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;

/// Status line, content type and body of a page.
pub type Answer = (&'static str, &'static str, String);

/// Open HTTP connections by number; numbers are never used twice.
#[derive(Debug, Default)]
pub struct Pages {
    open: BTreeMap<u64, HttpConnection>,
    numbers: u64,
}

impl Pages {
    /// Takes a connection in; `None`, and the connection is closed, when there are too many.
    pub fn insert(&mut self, socket: OwnedFd) -> Option<u64> {
        if self.open.len() >= HTTP_CONNECTIONS_MAX {
            return None;
        }
        self.numbers += 1;
        self.open.insert(self.numbers, HttpConnection::new(socket));
        Some(self.numbers)
    }

    /// Closes a connection.
    pub fn remove(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Its socket, while it is open.
    pub fn socket(&self, number: u64) -> Option<&OwnedFd> {
        self.open.get(&number).map(|connection| &connection.socket)
    }

    /// A connection is ready for something; `answer` makes a page. True when it has to wait until it can be written.
    pub fn advance(&mut self, number: u64, answer: impl FnOnce(Page) -> Answer) -> bool {
        let Some(connection) = self.open.get_mut(&number) else { return false };
        let mut step = connection.advance();
        if let HttpStep::Answer(page, method) = step {
            let (status, content_type, body) = answer(page);
            step = connection.answer(status, content_type, &body, method);
        }
        match step {
            HttpStep::Write => true,
            HttpStep::Read | HttpStep::Answer(..) => false,
            HttpStep::Close => {
                self.remove(number);
                false
            }
        }
    }
}
