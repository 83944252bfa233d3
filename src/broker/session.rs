//! Incremental fetch sessions (KIP-227): the broker remembers what a consumer reads, and speaks only of what changed.

use crate::types::{ConnId, Epoch, Millis, Offset, Partition, TopicId};
use std::collections::BTreeMap;

/// A session that was used within this time is not thrown out for a new one, in milliseconds (Kafka's).
const EVICTION_AGE_MS: Millis = 120_000;

/// A partition in a session: by name up to Fetch v12, by id from v13 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey {
    /// The topic's name; empty where the client speaks in ids.
    pub topic: String,
    /// The topic's id; zero where the client speaks in names.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: Partition,
}

/// What a session knows of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPart {
    /// Where the consumer reads next.
    pub fetch_offset: Offset,
    /// How much it wants at most, in bytes.
    pub max_bytes: i32,
    /// The leader epoch it believes in; -1 is none.
    pub current_epoch: Epoch,
    /// The epoch of the last record it has; -1 is none.
    pub last_fetched_epoch: Epoch,
    /// The high watermark it was last told; -1 before the first time.
    pub told_high_watermark: Offset,
    /// The log start offset it was last told; -1 before the first time.
    pub told_start: Offset,
    /// Its turn: partitions that got data go to the back.
    pub turn: u64,
}

/// One session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The epoch that the next request must carry.
    pub epoch: i32,
    /// Its partitions.
    pub parts: BTreeMap<SessionKey, SessionPart>,
    conn: ConnId,
    used_at: Millis,
    turns: u64,
}

impl Session {
    /// The next turn number.
    pub fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

/// All sessions, at most `max.incremental.fetch.session.cache.slots` of them.
#[derive(Debug)]
pub struct Sessions {
    slots: usize,
    by_id: BTreeMap<i32, Session>,
    random: u64,
}

/// The epoch after `epoch`: it wraps to 1, since 0 opens a session.
pub fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

impl Sessions {
    /// No sessions yet. `seed` makes ids that another client cannot guess.
    pub fn new(slots: usize, seed: u64) -> Self {
        Sessions { slots, by_id: BTreeMap::new(), random: seed | 1 }
    }

    /// Another limit, for sessions to come.
    pub fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Opens a session; `None` when all slots are held by sessions in use, and the client must go on without one.
    pub fn open(&mut self, now: Millis, conn: ConnId, parts: BTreeMap<SessionKey, SessionPart>) -> Option<i32> {
        if self.by_id.len() >= self.slots {
            let (oldest, used_at) = self.by_id.iter().map(|(id, s)| (*id, s.used_at)).min_by_key(|(_, at)| *at)?;
            if now.saturating_sub(used_at) < EVICTION_AGE_MS {
                return None;
            }
            self.by_id.remove(&oldest);
        }
        let id = self.new_id();
        let turns = parts.len() as u64;
        self.by_id.insert(id, Session { epoch: 1, parts, conn, used_at: now, turns });
        Some(id)
    }

    /// A session.
    pub fn get_mut(&mut self, now: Millis, id: i32) -> Option<&mut Session> {
        let session = self.by_id.get_mut(&id)?;
        session.used_at = now;
        Some(session)
    }

    /// Closes a session.
    pub fn close(&mut self, id: i32) {
        self.by_id.remove(&id);
    }

    /// The connection is gone: its sessions may be thrown out at once.
    pub fn disconnected(&mut self, conn: ConnId) {
        for session in self.by_id.values_mut().filter(|session| session.conn == conn) {
            session.used_at = 0;
        }
    }

    /// A random positive id that is free (xorshift64).
    fn new_id(&mut self) -> i32 {
        loop {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let id = (self.random >> 33) as i32;
            if id > 0 && !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }
}
