//! The loop's part in the connections to other nodes ([`crate::peers`]): their events, replies and losses.

use super::{Drive, PEER};
use crate::peers::{Around, Received};
use crate::shell::Shell;
use crate::store::Done;
use kq::event::{Input, Lane};
use kq::types::{Millis, NodeId};
use rustix::event::epoll::EventFlags;
use rustix::fd::OwnedFd;
use std::net::ToSocketAddrs;

/// What a loss makes the core send may be lost as well: the rest of it waits for the next pass.
const SETTLE_ROUNDS_MAX: usize = 4;

impl Drive {
    /// Connects and sends what is to be sent, and tells the core what broke.
    pub(super) fn settle_peers(&mut self) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            let Drive { shell, epoll, congestion, .. } = self;
            with_around(shell, epoll, congestion.as_deref(), |peers, now, around| peers.settle(now, around));
            for (level, note) in shell.peers.take_notes() {
                shell.notes.write(level, &note);
            }
            let lost = shell.peers.take_lost();
            if lost.is_empty() {
                break;
            }
            self.step_all(lost.into_iter().map(|(node, lane)| Input::PeerLost { node, lane }).collect());
        }
    }

    /// When a connection to another node wants to be looked at.
    pub(super) fn peers_next(&mut self) -> Option<Millis> {
        let Drive { shell, epoll, congestion, .. } = self;
        with_around(shell, epoll, congestion.as_deref(), |peers, _, around| peers.next(around))
    }

    pub(super) fn take_peer_event(&mut self, token: u64, flags: EventFlags) {
        self.shell.peers.event(token & !PEER, flags);
    }

    /// Reads replies, and steps them straight from the buffer: what a leader sent is appended without a copy.
    pub(super) fn receive_replies(&mut self) {
        while let Some(mut received) = self.shell.peers.receive(&mut self.spare) {
            let trouble = self.step_replies(&mut received);
            received.inbound.consume(&mut self.spare);
            self.shell.peers.read_on(self.shell.now, received, trouble);
        }
    }

    fn step_replies(&mut self, received: &mut Received) -> Option<String> {
        let Drive { node, shell, .. } = self;
        let mut frames = Vec::new();
        let trouble = loop {
            match shell.peers.next_reply(received, &shell.settings) {
                Ok(Some(bytes)) => frames.push(bytes),
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        let mut effects = Vec::new();
        for frame in frames {
            let bytes = received.inbound.bytes(frame);
            node.step(shell.now, Input::PeerReply { node: received.node, lane: received.lane, bytes }, &mut effects);
        }
        shell.perform(node, effects);
        trouble
    }
}

fn with_around<T>(
    shell: &mut Shell,
    epoll: &OwnedFd,
    congestion: Option<&str>,
    then: impl FnOnce(&mut crate::peers::Peers, Millis, &Around<'_>) -> T,
) -> T {
    let Shell { peers, settings, readers, mailbox, now, .. } = shell;
    let resolve = |node: NodeId, lane: Lane, host: String, port: u16| {
        let mailbox = mailbox.clone();
        readers.run(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            let found = found.map_err(|e| format!("cannot resolve {host}: {e}"));
            mailbox.post(Done::Resolved { node, lane, found });
        });
    };
    then(peers, *now, &Around { epoll, token: PEER, settings, congestion, resolve: &resolve })
}
