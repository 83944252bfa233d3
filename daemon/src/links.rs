//! The connections that are open, what each is allowed to do next, and how many there may be.

use crate::outbound::Outbound;
use kq::config::BrokerSettings;
use kq::types::{ConnId, Millis};
use rustix::event::epoll::EventFlags;
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Bits of a [`ConnId`] that are its place in the table; the rest is a serial number that is never used again.
const INDEX_BITS: u32 = 24;
/// Bytes of an unfinished frame that count as a sign of life.
const PROGRESS_BYTES: usize = 64 * 1024;

/// The sending half of a connection, and its state.
#[derive(Debug)]
pub struct Link {
    /// Its id.
    pub id: ConnId,
    /// The client's address.
    pub ip: IpAddr,
    /// Replies on their way.
    pub out: Outbound,
    /// What epoll watches.
    pub interest: EventFlags,
    /// When it last did something.
    pub last_active: Millis,
    /// Not read before then (KIP-219).
    pub muted_until: Millis,
    /// Whole frames are in its buffer that may not be taken yet.
    pub backlog: bool,
    /// Its next bytes are being fetched from disk.
    pub cold: bool,
    /// Closed once what is ready was sent.
    pub closing: bool,
    dirty: bool,
    progress_bytes: usize,
}

impl Link {
    /// Whether its frames may be taken now.
    pub fn takes_frames(&self, now: Millis) -> bool {
        !self.closing && !self.out.is_full() && self.muted_until <= now
    }

    /// What epoll is to watch.
    pub fn wanted(&self, now: Millis) -> EventFlags {
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, self.takes_frames(now) && !self.backlog);
        wanted.set(EventFlags::OUT, self.out.has_unsent() && !self.cold);
        wanted
    }

    /// A frame was taken or bytes were sent.
    pub fn is_alive(&mut self, now: Millis) {
        self.last_active = now;
        self.progress_bytes = 0;
    }

    /// Bytes came that make no whole frame: enough of them are a sign of life, a trickle is not.
    pub fn received(&mut self, bytes: usize, now: Millis) {
        self.progress_bytes += bytes;
        if self.progress_bytes >= PROGRESS_BYTES {
            self.is_alive(now);
        }
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Links {
    table: Vec<Option<Link>>,
    free: Vec<usize>,
    serial: u64,
    live: usize,
    per_ip: BTreeMap<IpAddr, i32>,
    dirty: Vec<ConnId>,
}

/// A connection's place in the table.
pub fn index_of(id: ConnId) -> usize {
    (id.0 & ((1 << INDEX_BITS) - 1)) as usize
}

impl Links {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.live
    }

    /// True when none is open.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether `max.connections` leaves room for one more.
    pub fn has_room(&self, settings: &BrokerSettings) -> bool {
        i32::try_from(self.live).unwrap_or(i32::MAX) < settings.max_connections && self.live < 1 << INDEX_BITS
    }

    /// Whether an address may open one more.
    pub fn admits(&self, ip: IpAddr, settings: &BrokerSettings) -> bool {
        let text = ip.to_string();
        let limit = settings.max_connections_per_ip_overrides.get(&text).copied();
        self.per_ip.get(&ip).copied().unwrap_or(0) < limit.unwrap_or(settings.max_connections_per_ip)
    }

    /// Takes a new connection in.
    pub fn insert(&mut self, socket: OwnedFd, ip: IpAddr, now: Millis) -> ConnId {
        let index = self.free.pop().unwrap_or(self.table.len());
        let id = ConnId(self.serial << INDEX_BITS | index as u64);
        self.serial += 1;
        self.live += 1;
        *self.per_ip.entry(ip).or_default() += 1;
        let link = Link {
            id,
            ip,
            out: Outbound::new(socket),
            interest: EventFlags::IN,
            last_active: now,
            muted_until: 0,
            backlog: false,
            cold: false,
            closing: false,
            dirty: false,
            progress_bytes: 0,
        };
        if index == self.table.len() {
            self.table.push(Some(link));
        } else {
            self.table[index] = Some(link);
        }
        id
    }

    /// The connection, while it is open.
    pub fn get(&mut self, id: ConnId) -> Option<&mut Link> {
        self.table.get_mut(index_of(id))?.as_mut().filter(|link| link.id == id)
    }

    /// Whether a connection is open.
    pub fn is_open(&self, id: ConnId) -> bool {
        self.table.get(index_of(id)).and_then(Option::as_ref).is_some_and(|link| link.id == id)
    }

    /// Closes a connection. False when it was closed already.
    pub fn remove(&mut self, id: ConnId) -> bool {
        let Some(link) = self.get(id) else { return false };
        let ip = link.ip;
        let index = index_of(id);
        self.table[index] = None;
        self.free.push(index);
        self.live -= 1;
        if let Some(count) = self.per_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
        true
    }

    /// Has the connection looked at before the pass ends: something is ready for it, or its state changed.
    pub fn touch(&mut self, id: ConnId) {
        if let Some(link) = self.table.get_mut(index_of(id)).and_then(Option::as_mut)
            && link.id == id
            && !link.dirty
        {
            link.dirty = true;
            self.dirty.push(id);
        }
    }

    /// The next connection to look at.
    pub fn next_touched(&mut self) -> Option<ConnId> {
        let id = self.dirty.pop()?;
        if let Some(link) = self.get(id) {
            link.dirty = false;
        }
        Some(id)
    }

    /// Closes a connection once what is ready was sent.
    pub fn close(&mut self, id: ConnId) {
        if let Some(link) = self.get(id) {
            link.closing = true;
            self.touch(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::os::unix::net::UnixStream;

    #[test]
    fn ids_are_never_used_twice() {
        let mut links = Links::default();
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let socket = || UnixStream::pair().unwrap().0.into();
        let first = links.insert(socket(), ip, 0);
        links.touch(first);
        assert!(links.remove(first) && !links.remove(first));
        let second = links.insert(socket(), ip, 0);
        assert_eq!(index_of(first), index_of(second));
        assert!(links.get(first).is_none());
        links.touch(second);
        assert_eq!([links.next_touched(), links.next_touched()], [Some(second), Some(first)]);
        assert_eq!((links.len(), links.per_ip[&ip]), (1, 1));
    }
}
