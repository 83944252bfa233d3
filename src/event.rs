//! The two enums at the node's door. If it isn't here, the broker can't do it.
//!
//! Everything is addressed by connection or by log. Record bytes are borrowed from the frame that brought them: an
//! effect lives no longer than the pass of the loop that stepped its input.

use crate::error::ErrorCode;
use crate::record::producer::Producers;
use crate::types::{ConnId, Epoch, FileRange, LogId, Millis, NodeId, Offset, Partition, TopicId};
use crate::wire::Chunk;
use std::borrow::Cow;
use std::sync::Arc;

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// A whole request frame, without its four length bytes.
    Frame {
        /// The connection.
        conn: ConnId,
        /// The frame's place among the connection's frames, from 0: replies leave in this order.
        slot: u64,
        /// Where the client comes from and which listener it came through.
        peer: &'a Peer,
        /// Header and body.
        bytes: &'a [u8],
    },
    /// The connection is gone; nothing is to be sent to it any more.
    Disconnected {
        /// The connection.
        conn: ConnId,
    },
    /// Answers [`Effect::Open`], [`Effect::Truncate`] and [`Effect::Restart`].
    Opened {
        /// The log.
        log: LogId,
        /// The generation that was asked for.
        generation: u32,
        /// What was found, or why it could not be opened.
        result: Result<Opened, StorageFault>,
    },
    /// Answers [`Effect::Append`]: the bytes are in the page cache.
    Appended {
        /// The log.
        log: LogId,
        /// The generation of the log that was asked.
        generation: u32,
        /// The log's end after the append, or why there was none.
        result: Result<Appended, StorageFault>,
    },
    /// Answers [`Effect::Sync`]: everything below `end` is on disk.
    Synced {
        /// The log.
        log: LogId,
        /// The generation of the log that was asked.
        generation: u32,
        /// First offset not known to be on disk, or why nothing was synced.
        result: Result<Offset, StorageFault>,
    },
    /// Answers [`Effect::Ask`].
    Answer {
        /// The question's token.
        token: u64,
        /// The answer.
        answer: Answer,
    },
    /// The start of a log moved up (retention, or [`Effect::Trim`] made durable), its size changed.
    Trimmed {
        /// The log.
        log: LogId,
        /// The generation of the log.
        generation: u32,
        /// The new log start offset, or why it did not move.
        result: Result<Offset, StorageFault>,
    },
    /// The next reply on a lane to another node: they come in the order of the requests ([`Effect::Send`]).
    PeerReply {
        /// The node.
        node: NodeId,
        /// The lane.
        lane: Lane,
        /// Header and body, without the four length bytes.
        bytes: &'a [u8],
    },
    /// A lane broke, or could not be made: what was sent on it and is not answered may or may not have arrived. It is
    /// made again with the next [`Effect::Send`].
    PeerLost {
        /// The node.
        node: NodeId,
        /// The lane.
        lane: Lane,
    },
    /// A log directory was taken out of service after an IO error.
    DirFailed {
        /// Its index among `log.dirs`.
        dir: usize,
    },
    /// Nothing but time has passed: [`Node::deadline`](crate::node::Node::deadline) was reached.
    Tick,
    /// The shell wants to stop: finish what is parked, take no more requests.
    Stop,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Index of the listener that accepted it.
    pub listener: usize,
    /// The client's address as text.
    pub host: String,
}

/// What a log holds when it is opened.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Index of the log directory that holds it.
    pub dir: usize,
    /// First offset that may be read.
    pub start: Offset,
    /// Offset of the next record.
    pub end: Offset,
    /// Everything below is on disk. After an unclean stop this equals `end`: recovery syncs what it kept.
    pub synced: Offset,
    /// Everything below was known to be committed, as of the last checkpoint: it may be above `end`, or far below.
    pub high_watermark: Offset,
    /// Producer state as of `end`.
    pub producers: Producers,
    /// Leader epochs and the offsets at which they began, oldest first.
    pub epochs: Vec<(Epoch, Offset)>,
    /// True when the last stop was not clean: leader epochs must not be resumed.
    pub unclean: bool,
    /// For a log opened with `replay`: every batch in it, in order.
    pub content: Vec<u8>,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the next record.
    pub end: Offset,
    /// A segment was closed before these bytes: its producer snapshot is due.
    pub rolled: bool,
}

/// Why storage did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFault {
    /// The code a client gets.
    pub code: ErrorCode,
    /// What and where, for the log.
    pub message: String,
}

/// What the node wants done.
#[derive(Debug)]
pub enum Effect<'a> {
    /// Send a reply in its connection's order. An empty list of chunks means that this frame has no reply (acks=0).
    Reply {
        /// The connection.
        conn: ConnId,
        /// The frame it answers.
        slot: u64,
        /// The frame without its four length bytes.
        chunks: Vec<Chunk>,
        /// Do not read from this connection for so long once the reply is sent (KIP-219), in milliseconds.
        throttle_ms: u32,
    },
    /// Close the connection without a word, after what was already replied.
    Close {
        /// The connection.
        conn: ConnId,
        /// Why, for the log.
        reason: String,
    },
    /// Open a log, making it when it is not there. Answered by [`Input::Opened`].
    Open {
        /// The log.
        log: LogId,
        /// The generation that later completions must carry.
        generation: u32,
        /// Which partition of which topic.
        name: LogName,
        /// Its settings.
        config: Arc<crate::log::LogConfig>,
        /// Return the log's whole content: only for the metadata log.
        replay: bool,
    },
    /// Delete a log and its files.
    Delete {
        /// The log.
        log: LogId,
    },
    /// Give a log new settings, effective at once.
    Configure {
        /// The log.
        log: LogId,
        /// The settings.
        config: Arc<crate::log::LogConfig>,
    },
    /// Append one batch. Answered by [`Input::Appended`].
    Append {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
        /// The offset of the batch's first record; equal to the log's end.
        base_offset: Offset,
        /// The leader epoch to stamp.
        epoch: Epoch,
        /// One record batch whose base offset and leader epoch are still to be patched (bytes 0..8 and 12..16).
        batch: Cow<'a, [u8]>,
    },
    /// Put everything appended so far on disk, together with whatever else waits. Answered by [`Input::Synced`].
    Sync {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
    },
    /// Move the log's start up to `start` (DeleteRecords) and make that durable. Answered by [`Input::Trimmed`].
    Trim {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
        /// The new start.
        start: Offset,
    },
    /// Apply retention and compaction below `upto`. Answered by [`Input::Trimmed`] when the start moves.
    Retain {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
        /// Nothing at or above this offset may go (the high watermark).
        upto: Offset,
    },
    /// Write the producer snapshot that belongs to `offset`.
    SaveProducers {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
        /// The producers' state holds everything below this offset.
        offset: Offset,
        /// The state, in the snapshot file's format.
        bytes: Vec<u8>,
    },
    /// Write the leader epochs of a log.
    SaveEpochs {
        /// The log.
        log: LogId,
        /// The log's generation.
        generation: u32,
        /// Epochs and start offsets, oldest first.
        epochs: Vec<(Epoch, Offset)>,
    },
    /// Write down high watermarks, all that are to be kept, without waiting for anything.
    SaveHighWatermarks {
        /// Logs and their high watermarks.
        offsets: Vec<(LogId, Offset)>,
    },
    /// Throw away everything at and above `to`, and make that durable. Answered by [`Input::Opened`] with what is left.
    Truncate {
        /// The log.
        log: LogId,
        /// The generation that later completions must carry.
        generation: u32,
        /// The new end. Where it lies in a batch, the whole batch goes.
        to: Offset,
    },
    /// Throw everything away and begin again, empty, at `start`: the leader has nothing older. Answered by
    /// [`Input::Opened`].
    Restart {
        /// The log.
        log: LogId,
        /// The generation that later completions must carry.
        generation: u32,
        /// Start and end of the empty log.
        start: Offset,
    },
    /// Where a node is reached on a lane; `None` when it is to be forgotten, and its connection closed.
    Peer {
        /// The node.
        node: NodeId,
        /// The lane.
        lane: Lane,
        /// Host and port.
        address: Option<(String, u16)>,
    },
    /// Send a request to another node, after those before it on the same lane; connect first where there is no
    /// connection. Answered by [`Input::PeerReply`] (requests on [`Lane::Quorum`] have no reply) or by
    /// [`Input::PeerLost`].
    Send {
        /// The node.
        node: NodeId,
        /// The lane.
        lane: Lane,
        /// The request frame, without its four length bytes.
        frame: Vec<u8>,
    },
    /// Look something up in storage. Answered by [`Input::Answer`] with the same token.
    Ask {
        /// Names the question.
        token: u64,
        /// The question.
        question: Question,
    },
    /// A line for `server.log`.
    Note {
        /// How bad it is.
        level: Level,
        /// What, where, and what next.
        message: String,
    },
    /// Settings that the shell itself uses have changed (dynamic broker configuration): take them from here on.
    Settings {
        /// All broker settings.
        settings: Arc<crate::config::BrokerSettings>,
    },
    /// The node cannot begin: say why and exit.
    Fatal {
        /// What is wrong, and where.
        reason: String,
    },
    /// Everything that was asked before [`Input::Stop`] is answered; the shell may close the logs and exit.
    Stopped,
}

/// What a connection to another node is for. Each has its own connection, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The metadata quorum's messages, one way.
    Quorum,
    /// What a broker asks the active controller: registration, heartbeats, changes of in-sync replicas, clients'
    /// requests that are passed on.
    Control,
    /// A follower's fetches.
    Fetch,
}

/// Which log: a partition of a topic, or the node's own metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogName {
    /// Topic name; `__cluster_metadata` for the metadata log.
    pub topic: String,
    /// The topic's identity.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: Partition,
}

impl LogName {
    /// The directory name: `topic-partition`.
    pub fn dir_name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use only to who looks for something.
    Debug,
    /// Normal life.
    Info,
    /// Something is off; nothing is lost.
    Warn,
    /// Something failed.
    Error,
}

/// A lookup in storage.
#[derive(Clone, Debug)]
pub enum Question {
    /// Where are the batches for these reads? Answered by [`Answer::Located`], one entry a read, in order.
    Locate(Vec<Read>),
    /// The first record whose timestamp is at least `timestamp`. Answered by [`Answer::Found`].
    FindTime {
        /// The log.
        log: LogId,
        /// The timestamp.
        timestamp: Millis,
        /// Only records below this offset count.
        upto: Offset,
    },
    /// The record with the largest timestamp. Answered by [`Answer::Found`].
    MaxTimestamp {
        /// The log.
        log: LogId,
        /// Only records below this offset count.
        upto: Offset,
    },
    /// The bytes of the batches of a read. Answered by [`Answer::Content`].
    Content(Read),
    /// Sizes of all log directories. Answered by [`Answer::Dirs`].
    Dirs,
}

/// One partition's read of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The log.
    pub log: LogId,
    /// The first offset wanted; the batch that holds it comes whole.
    pub offset: Offset,
    /// No batch that begins at or above this offset.
    pub upto: Offset,
    /// Bytes at most.
    pub max_bytes: u32,
    /// Return the first batch even where it alone is more than `max_bytes` (KIP-74).
    pub at_least_one: bool,
}

/// What storage found.
#[derive(Clone, Debug)]
pub enum Answer {
    /// For [`Question::Locate`]: a run of whole batches, `None` where there is none in range.
    Located(Vec<Result<Option<FileRange>, StorageFault>>),
    /// For [`Question::FindTime`] and [`Question::MaxTimestamp`]: offset and timestamp of the record.
    Found(Result<Option<(Offset, Millis)>, StorageFault>),
    /// For [`Question::Content`]: whole batches; none where there is none in range.
    Content(Result<Vec<u8>, StorageFault>),
    /// For [`Question::Dirs`].
    Dirs(Vec<DirUse>),
}

/// One log directory's use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirUse {
    /// Its absolute path.
    pub path: String,
    /// Whether it is in service.
    pub online: bool,
    /// Size of its file system, in bytes.
    pub total_bytes: i64,
    /// What is free to us, in bytes.
    pub usable_bytes: i64,
    /// Size of each log in it, in bytes.
    pub logs: Vec<(LogId, i64)>,
}
