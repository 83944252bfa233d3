//! Who may come in: `max.connections`, `max.connections.per.ip`, readiness, the end; and the few who ask over HTTP.

use super::{Drive, KIND_HTTP, KIND_LISTENER, ListenSocket};
use crate::inbound::Inbound;
use crate::links::index_of;
use crate::peers::watch_for_silence;
use crate::timers::Timer;
use kq::config::BrokerSettings;
use kq::event::{Level, Peer};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_congestion, set_tcp_nodelay};
use rustix::net::{SocketFlags, acceptfrom_with};
use std::net::{IpAddr, SocketAddr};

/// Connections accepted in one pass from one listener.
const ACCEPTS_MAX: usize = 64;
/// Until the next attempt when the process has no file descriptor left, in milliseconds.
const ACCEPT_PAUSE_MS: i64 = 100;

impl Drive {
    /// Opens or closes the door: `max.connections`, readiness, and the end. Other nodes come and go from the start to the
    /// end: without them there is no quorum to be ready in.
    pub(super) fn mind_the_door(&mut self) {
        let open = !self.shell.accept_paused;
        if open != self.accepting_nodes {
            self.watch_listeners(open, |settings, listener| settings.is_controller_listener(listener));
            self.accepting_nodes = open;
        }
        let open =
            open && self.shell.ready && self.signals_seen == 0 && self.shell.links.has_room(&self.shell.settings);
        if open != self.accepting {
            self.watch_listeners(open, |settings, listener| !settings.is_controller_listener(listener));
            self.accepting = open;
        }
    }

    fn watch_listeners(&mut self, open: bool, which: fn(&BrokerSettings, usize) -> bool) {
        let Drive { shell, sockets, epoll, .. } = self;
        for (i, socket) in sockets.iter().enumerate() {
            if !socket.listener.is_some_and(|listener| which(&shell.settings, listener)) {
                continue;
            }
            let changed = match open {
                true => {
                    let data = EventData::new_u64(KIND_LISTENER | i as u64);
                    epoll::add(&*epoll, &socket.socket, data, EventFlags::IN)
                }
                false => epoll::delete(&*epoll, &socket.socket),
            };
            if let Err(e) = changed
                && !matches!(e, Errno::EXIST | Errno::NOENT)
            {
                shell.notes.error(&format!("cannot watch a listener: {e}"));
            }
        }
    }

    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(ListenSocket { listener, socket }) = self.sockets.get(index) else { return };
            let http = listener.is_none();
            let limited = listener.is_some_and(|listener| !self.shell.settings.is_controller_listener(listener));
            if limited && !self.shell.links.has_room(&self.shell.settings) {
                return;
            }
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match acceptfrom_with(socket, flags) {
                Ok((client, _)) if http => self.accept_page(client),
                Ok((client, address)) => {
                    let address = address.and_then(|any| SocketAddr::try_from(any).ok());
                    let Some(ip) = address.map(|address| address.ip().to_canonical()) else { continue };
                    let listener = listener.unwrap_or(0);
                    self.admit(client, ip, listener);
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    let what = "no file descriptor is left for a new connection (hint: raise the nofile limit)";
                    self.shell.pause_accepting(ACCEPT_PAUSE_MS, what);
                    return;
                }
                // The client gave up in the meantime.
                Err(_) => {}
            }
        }
    }

    fn admit(&mut self, client: OwnedFd, ip: IpAddr, listener: usize) {
        let shell = &mut self.shell;
        let node = shell.settings.is_controller_listener(listener);
        if !node && !shell.links.admits(ip, &shell.settings) {
            shell.metrics.connections_refused += 1;
            let message = format!("refused a connection from {ip}: it has max.connections.per.ip open");
            shell.notes.write(Level::Debug, &message);
            return;
        }
        // Both are about speed only.
        let _ = set_tcp_nodelay(&client, true);
        if node {
            // Speed again: how soon a node whose host is gone counts as gone.
            let _ = watch_for_silence(&client);
        }
        if let Some(name) = &self.congestion {
            let _ = set_tcp_congestion(&client, name);
        }
        let id = shell.links.insert(client, ip, shell.now);
        let Some(link) = shell.links.get(id) else { return };
        let data = EventData::new_u64(id.0);
        if let Err(e) = epoll::add(&self.epoll, &link.out.socket, data, link.interest) {
            shell.notes.error(&format!("cannot watch a connection from {ip}: {e}"));
            shell.links.remove(id);
            return;
        }
        shell.metrics.connections_accepted += 1;
        let idle_ms = shell.settings.connections_max_idle_ms;
        let check = if idle_ms < 0 { 60_000 } else { idle_ms.max(1) };
        shell.timers.add(shell.now + check, Timer::Idle(id));
        let index = index_of(id);
        if self.inbounds.len() <= index {
            self.inbounds.resize_with(index + 1, || None);
        }
        self.inbounds[index] = Some(Inbound::new(Peer { listener, host: ip.to_string() }));
    }

    fn accept_page(&mut self, client: OwnedFd) {
        let Some(number) = self.pages.insert(client) else { return };
        let data = EventData::new_u64(KIND_HTTP | number);
        let added = self.pages.socket(number).map(|socket| epoll::add(&self.epoll, socket, data, EventFlags::IN));
        if !matches!(added, Some(Ok(()))) {
            return self.pages.remove(number);
        }
        self.shell.timers.add(self.shell.now + crate::http::HTTP_TIME_MS_MAX, Timer::Http(number));
        self.advance_page(number);
    }

    pub(super) fn advance_page(&mut self, number: u64) {
        let wants_write = self.pages.advance(number, |page| self.shell.page(page, &self.node));
        if let Some(socket) = self.pages.socket(number).filter(|_| wants_write) {
            let data = EventData::new_u64(KIND_HTTP | number);
            if epoll::modify(&self.epoll, socket, data, EventFlags::OUT).is_err() {
                self.pages.remove(number);
            }
        }
    }
}
