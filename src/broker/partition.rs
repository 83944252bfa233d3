//! A partition as the broker hosts it: its log's slot, its leader or follower, and who waits for it.

use crate::config::TopicSettings;
use crate::error::ErrorCode;
use crate::event::{LogName, StorageFault};
use crate::log::LogConfig;
use crate::parked::Token;
use crate::record::BatchHeader;
use crate::record::producer::Producers;
use crate::replica::{Durability, Follower, Leader};
use crate::types::{Epoch, Offset};
use std::collections::VecDeque;
use std::sync::Arc;

/// So many producers are remembered while a log is being opened.
const OVERTAKEN_MAX: usize = 10_000;

/// Whether a partition serves.
#[derive(Debug)]
pub enum State {
    /// Its log is being opened.
    Opening,
    /// It serves.
    Online(Box<Leader>),
    /// Another node leads, or nobody does, or this node may not lead yet.
    Following(Box<Follower>),
    /// Its log directory is out of service, or its log could not be opened.
    Offline(StorageFault),
}

/// Who waits for an offset: the offset, the request, and which part of it.
pub type OffsetQueue = VecDeque<(Offset, Token, usize)>;

/// One partition's slot.
#[derive(Debug)]
pub struct Hosted {
    /// Which partition.
    pub name: LogName,
    /// Completions must carry it.
    pub generation: u32,
    /// Index of the log directory, once known.
    pub dir: usize,
    /// Topic settings in force.
    pub settings: Arc<TopicSettings>,
    /// Whether it serves.
    pub state: State,
    /// acks=1: wait for the page cache.
    pub until_appended: OffsetQueue,
    /// acks=all: wait for the high watermark.
    pub until_committed: OffsetQueue,
    /// DeleteRecords: wait for the log's start.
    pub until_trimmed: OffsetQueue,
    /// Idempotent producers that lost a batch to a failed append, or to the log's being opened, until it is open.
    pub overtaken: Producers,
    /// Who waits for the log to be opened.
    pub until_open: Vec<(Token, usize)>,
    /// Consumers' fetches that wait for anything new.
    pub fetches: Vec<Token>,
    /// Followers' fetches that wait for anything new.
    pub replica_fetches: Vec<Token>,
    /// The high watermark before the log was opened anew; -1 before the first time.
    pub high_watermark: Offset,
    /// Where there are other replicas, this node leads only in leader epochs above this one: in others an earlier life of
    /// it may have led.
    pub lead_after: Epoch,
    /// Batches for the log that is being begun anew for them, and the leader epoch they came in.
    pub stash: Option<(Epoch, Vec<u8>)>,
}

impl Hosted {
    /// A slot whose log is yet to be opened.
    pub fn new(name: LogName, generation: u32, settings: Arc<TopicSettings>, lead_after: Epoch) -> Self {
        Hosted {
            name,
            generation,
            dir: 0,
            settings,
            state: State::Opening,
            until_appended: VecDeque::new(),
            until_committed: VecDeque::new(),
            until_trimmed: VecDeque::new(),
            overtaken: Producers::new(),
            until_open: Vec::new(),
            fetches: Vec::new(),
            replica_fetches: Vec::new(),
            high_watermark: -1,
            lead_after,
            stash: None,
        }
    }

    /// The leader, or the code a client gets instead.
    ///
    /// # Errors
    /// LEADER_NOT_AVAILABLE while it is being opened, NOT_LEADER_OR_FOLLOWER for a follower, KAFKA_STORAGE_ERROR when it is
    /// offline.
    pub fn leader(&self) -> Result<&Leader, ErrorCode> {
        match &self.state {
            State::Online(leader) => Ok(leader),
            State::Opening => Err(ErrorCode::LeaderNotAvailable),
            State::Following(_) => Err(ErrorCode::NotLeaderOrFollower),
            State::Offline(_) => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// The leader, to change it.
    ///
    /// # Errors
    /// As [`Hosted::leader`].
    pub fn leader_mut(&mut self) -> Result<&mut Leader, ErrorCode> {
        match &mut self.state {
            State::Online(leader) => Ok(leader),
            State::Opening => Err(ErrorCode::LeaderNotAvailable),
            State::Following(_) => Err(ErrorCode::NotLeaderOrFollower),
            State::Offline(_) => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// The high watermark, as far as it is known.
    pub fn known_high_watermark(&self) -> Offset {
        match &self.state {
            State::Online(leader) => leader.high_watermark(),
            State::Following(follower) => follower.high_watermark(),
            State::Opening | State::Offline(_) => self.high_watermark,
        }
    }

    /// Notes a batch that is refused because the log is being opened: where it is a producer's first one, its later
    /// ones, already on their way, must not take its place.
    pub fn refused_while_opening(&mut self, batch: &[u8]) {
        let Ok(header) = BatchHeader::peek(batch) else { return };
        if matches!(self.state, State::Opening) && header.base_sequence == 0 && self.overtaken.len() < OVERTAKEN_MAX {
            self.overtaken.apply(&header, 0, header.max_timestamp);
        }
    }

    /// The durability that its settings promise.
    pub fn durability(&self) -> Durability {
        Durability::of(self.settings.flush_messages, self.settings.flush_ms)
    }
}

/// The log's share of a topic's settings.
pub fn log_config(settings: &TopicSettings, producer_id_expiration_ms: i64) -> LogConfig {
    LogConfig {
        segment_bytes: settings.segment_bytes,
        segment_ms: settings.segment_ms,
        segment_jitter_ms: settings.segment_jitter_ms,
        segment_index_bytes: settings.segment_index_bytes,
        index_interval_bytes: settings.index_interval_bytes,
        retention_ms: settings.retention_ms,
        retention_bytes: settings.retention_bytes,
        delete: settings.delete,
        compact: settings.compact,
        min_compaction_lag_ms: settings.min_compaction_lag_ms,
        max_compaction_lag_ms: settings.max_compaction_lag_ms,
        delete_retention_ms: settings.delete_retention_ms,
        min_cleanable_dirty_ratio: settings.min_cleanable_dirty_ratio,
        file_delete_delay_ms: settings.file_delete_delay_ms,
        preallocate: settings.preallocate,
        producer_id_expiration_ms,
        max_message_bytes: settings.max_message_bytes.max(0) as u32,
    }
}
