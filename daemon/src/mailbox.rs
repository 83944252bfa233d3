//! From helper threads to the loop: a list swapped out whole; the loop is woken only when it was empty.
//!
//! Unbounded by type: what helpers may have under way is bounded by what the loop gave them.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A list with an eventfd. Cloning gives another handle.
#[derive(Debug)]
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    items: Mutex<Vec<T>>,
    wake: OwnedFd,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Mailbox<T> {
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Mailbox { shared: Arc::new(Shared { items: Mutex::new(Vec::new()), wake }) })
    }

    /// Readable while there is something to take.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.wake.as_fd()
    }

    /// Adds an item.
    pub fn post(&self, item: T) {
        self.post_all(std::iter::once(item));
    }

    /// Adds items, waking the loop once.
    pub fn post_all(&self, more: impl IntoIterator<Item = T>) {
        let mut items = self.shared.items.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = items.is_empty();
        items.extend(more);
        if was_empty && !items.is_empty() {
            // Only a counter at 2^64 - 2 could refuse; then the loop is awake anyway.
            let _ = rustix::io::write(&self.shared.wake, &1u64.to_be_bytes());
        }
    }

    /// Takes everything into `out`, which must be empty, and leaves its room for the next items.
    pub fn take(&self, out: &mut Vec<T>) {
        debug_assert!(out.is_empty());
        let mut items = self.shared.items.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counter = [0; 8];
        let _ = rustix::io::read(&self.shared.wake, &mut counter);
        std::mem::swap(&mut *items, out);
    }
}

#[cfg(test)]
mod tests {
    use super::Mailbox;

    #[test]
    fn items_come_in_order_and_once() {
        let mailbox = Mailbox::new().unwrap();
        let poster = mailbox.clone();
        std::thread::spawn(move || (0..100).for_each(|i| poster.post(i))).join().unwrap();
        let mut out = Vec::new();
        mailbox.take(&mut out);
        assert_eq!(out, (0..100).collect::<Vec<_>>());
        out.clear();
        mailbox.take(&mut out);
        assert!(out.is_empty());
    }
}
