//! Performs effects: one match. Replies go to their connections' slots, appends are coalesced into one write a log, and
//! what storage answers at once is fed back to the core until nothing more comes of it.

use crate::disk::RealFile;
use crate::helpers::Helpers;
use crate::http::Page;
use crate::links::Links;
use crate::mailbox::Mailbox;
use crate::metrics::{Metrics, Moment};
use crate::note::Notes;
use crate::outbound::{FilePart, Part};
use crate::pages;
use crate::peers::Peers;
use crate::probes;
use crate::store::{Done, PendingAppend, Store};
use crate::timers::{Timer, Timers};
use crate::zookeeper::ZooKeeper;
use kq::config::BrokerSettings;
use kq::error::ErrorCode;
use kq::event::{Answer, Effect, Input, Question, Read, StorageFault};
use kq::log::DiskFile;
use kq::node::Node;
use kq::types::{ConnId, FileRange, LogId, Millis};
use kq::wire::Chunk;
use std::sync::Arc;
use std::time::Instant;

/// Runs of a file below this are copied into the reply, in bytes; larger ones go by sendfile.
const SENDFILE_BYTES_MIN: u32 = 64 * 1024;
/// From a sync to the writing of recovery points, in milliseconds.
const CHECKPOINT_MS: i64 = 60_000;

/// Everything outside the core that an effect can touch.
pub struct Shell {
    /// The connections.
    pub links: Links,
    /// The connections to other nodes.
    pub peers: Peers,
    /// The ensemble that holds the metadata, if one does.
    pub zookeeper: Option<ZooKeeper>,
    /// The logs.
    pub store: Store,
    /// What helpers have finished.
    pub mailbox: Mailbox<Done>,
    /// The settings, as last changed.
    pub settings: Arc<BrokerSettings>,
    /// What the shell waits for.
    pub timers: Timers,
    /// Counts.
    pub metrics: Metrics,
    /// `server.log`.
    pub notes: Notes,
    /// The time of this pass.
    pub now: Millis,
    /// Microseconds since the start, now.
    pub now_us: u64,
    /// Clients may come.
    pub ready: bool,
    /// Everything that was asked before the stop is answered.
    pub stopped: bool,
    /// Nothing can go on, and why.
    pub fatal: Option<String>,
    /// No new connections for a moment.
    pub accept_paused: bool,
    /// Threads for what may wait: the disk, a name server.
    pub readers: Helpers,
    started: Instant,
    started_seconds: f64,
    checkpoint_due: bool,
}

impl Shell {
    /// A shell without connections.
    pub fn new(mut store: Store, mailbox: Mailbox<Done>, settings: Arc<BrokerSettings>, notes: Notes) -> Shell {
        store.compaction_enabled = settings.log_cleaner_enable;
        let readers = Helpers::new("kqd-read", usize::try_from(settings.num_io_threads).unwrap_or(1));
        Shell {
            links: Links::default(),
            peers: Peers::default(),
            zookeeper: settings.cluster.zookeeper.clone().map(|at| ZooKeeper::new(at, mailbox.clone())),
            store,
            mailbox,
            settings,
            timers: Timers::default(),
            metrics: Metrics::default(),
            notes,
            now: 0,
            now_us: 0,
            ready: false,
            stopped: false,
            fatal: None,
            accept_paused: false,
            readers,
            started: Instant::now(),
            started_seconds: crate::clock::wall_us() as f64 / 1e6,
            checkpoint_due: false,
        }
    }

    /// A pass begins.
    pub fn new_pass(&mut self, now: Millis) {
        self.now = now;
        self.stamp();
    }

    /// Performs effects, and whatever comes of them at once.
    pub fn perform<'a>(&mut self, node: &mut Node, mut effects: Vec<Effect<'a>>) {
        let mut appends: Vec<PendingAppend<'a>> = Vec::new();
        let mut syncs: Vec<(LogId, u32)> = Vec::new();
        let mut inputs: Vec<Input<'a>> = Vec::new();
        while !effects.is_empty() {
            self.stamp();
            for effect in effects.drain(..) {
                match effect {
                    Effect::Reply { conn, slot, chunks, throttle_ms } => self.reply(conn, slot, chunks, throttle_ms),
                    Effect::Append { log, generation, base_offset, epoch, batch } => {
                        appends.push(PendingAppend { log, generation, base_offset, epoch, batch });
                    }
                    Effect::Sync { log, generation } => syncs.push((log, generation)),
                    Effect::Ask { token, question: Question::Content(read) } => {
                        self.read_content(token, &read, &mut inputs);
                    }
                    Effect::Ask { token, question } => {
                        let answer = self.store.answer(question, &mut inputs);
                        inputs.push(Input::Answer { token, answer });
                    }
                    Effect::Close { conn, reason } => {
                        self.metrics.protocol_errors += 1;
                        self.notes.warn(&format!("closed a connection: {reason}"));
                        self.links.close(conn);
                    }
                    Effect::Note { level, message } => self.notes.write(level, &message),
                    Effect::Peer { node, lane, address } => self.peers.direct(self.now, node, lane, address),
                    Effect::Send { node, lane, frame } => self.peers.send(self.now, node, lane, frame),
                    Effect::Ensemble(ask) => {
                        if let Some(Err(why)) = self.zookeeper.as_mut().map(|zookeeper| zookeeper.ask(ask)) {
                            self.fatal = Some(why);
                        }
                    }
                    Effect::Settings { settings } => {
                        self.store.compaction_enabled = settings.log_cleaner_enable;
                        self.settings = settings;
                    }
                    Effect::Stopped => self.stopped = true,
                    Effect::Fatal { reason } => self.fatal = Some(reason),
                    on_log => {
                        self.append(&mut appends, &mut inputs);
                        self.store.perform(self.now, on_log, &mut inputs);
                    }
                }
            }
            self.append(&mut appends, &mut inputs);
            for (log, generation) in syncs.drain(..) {
                self.store.sync(log, generation, &mut inputs);
            }
            self.store.hand_over();
            for input in inputs.drain(..) {
                node.step(self.now, input, &mut effects);
            }
        }
        self.store.drop_loaded();
        self.note_from_store();
    }

    /// Takes in what a helper has finished.
    pub fn take_done(&mut self, done: Done, inputs: &mut Vec<Input<'_>>) {
        let done = match done {
            Done::Content { token, result } => {
                return inputs.push(Input::Answer { token, answer: Answer::Content(result) });
            }
            Done::Resolved { node, lane, found } => return self.peers.resolved(node, lane, found),
            Done::Ensemble(heard) => return inputs.push(Input::Ensemble(heard)),
            Done::Note { level, message } => return self.notes.write(level, &message),
            done => done,
        };
        if let Done::Warmed { conn, failure } = &done {
            if let Some(link) = self.links.get(*conn) {
                link.cold = false;
                link.out.warmed();
            }
            match failure {
                Some(error) => {
                    self.notes.error(&format!("closed a connection: {error}"));
                    self.links.close(*conn);
                }
                None => self.links.touch(*conn),
            }
        }
        if let Some(round) = self.store.done(self.now, done, inputs) {
            self.metrics.synced(round.dir, round.us);
        }
        self.store.hand_over();
    }

    /// Writes the notes that storage has, and sets the timers it wants.
    pub fn note_from_store(&mut self) {
        for (level, message) in self.store.take_notes() {
            self.notes.write(level, &message);
        }
        if let Some(at) = self.store.take_sweep_at() {
            self.timers.add(at, Timer::Chores);
        }
        if self.store.wants_checkpoint() && !self.checkpoint_due {
            self.checkpoint_due = true;
            self.timers.add(self.now + CHECKPOINT_MS, Timer::Checkpoint);
        }
        if self.store.is_lost() && self.fatal.is_none() {
            self.fatal = Some("no log directory is left in service".into());
        }
    }

    /// The recovery points are due.
    pub fn checkpoint(&mut self) {
        self.checkpoint_due = false;
        self.store.checkpoint();
    }

    /// Removes files of segments that left their logs.
    pub fn sweep(&mut self, inputs: &mut Vec<Input<'_>>) {
        self.store.sweep(self.now, inputs);
        self.note_from_store();
    }

    /// No new connections for a moment.
    pub fn pause_accepting(&mut self, ms: i64, why: &str) {
        if !self.accept_paused {
            self.accept_paused = true;
            self.timers.add(self.now + ms, Timer::Accept);
            self.notes.warn(why);
        }
    }

    /// Fetches a run of a file into the page cache, on a thread that may wait for the disk.
    pub fn warm(&mut self, conn: ConnId, file: RealFile, position: u64, length: u64) {
        let mailbox = self.mailbox.clone();
        self.readers.run(move || {
            let mut buffer = vec![0; 256 * 1024];
            let (mut at, end) = (position, position + length);
            let mut failure = None;
            while at < end {
                let wanted = usize::try_from(end - at).unwrap_or(buffer.len()).min(buffer.len());
                match file.read_at(&mut buffer[..wanted], at) {
                    Ok(0) => break,
                    Ok(n) => at += n as u64,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            mailbox.post(Done::Warmed { conn, failure });
        });
    }

    /// Reads a part of a log for the core, on a thread that may wait for the disk.
    fn read_content(&mut self, token: u64, read: &Read, inputs: &mut Vec<Input<'_>>) {
        let fault = |message: String| StorageFault { code: ErrorCode::KafkaStorageError, message };
        let found = match self.store.answer(Question::Locate(vec![*read]), inputs) {
            Answer::Located(mut found) => found.pop().unwrap_or(Ok(None)),
            _ => Ok(None),
        };
        let file = match found {
            Ok(Some(range)) => self.store.file_of(&range).map(|file| (file, range)).map_err(fault),
            Ok(None) => return inputs.push(Input::Answer { token, answer: Answer::Content(Ok(Vec::new())) }),
            Err(fault) => Err(fault),
        };
        match file {
            Ok((file, range)) => {
                let mailbox = self.mailbox.clone();
                self.readers.run(move || {
                    let mut bytes = vec![0; range.len as usize];
                    let result = match file.read_at(&mut bytes, range.position) {
                        Ok(n) if n == bytes.len() => Ok(bytes),
                        Ok(n) => Err(fault(format!("{n} of {} bytes are there", bytes.len()))),
                        Err(error) => Err(fault(error.what)),
                    };
                    mailbox.post(Done::Content { token, result });
                });
            }
            Err(fault) => inputs.push(Input::Answer { token, answer: Answer::Content(Err(fault)) }),
        }
    }

    /// A page for HTTP.
    pub fn page(&self, page: Page, node: &Node) -> pages::Answer {
        match page {
            Page::Health => ("200 OK", "text/plain", "alive\n".into()),
            Page::Ready if self.ready && !self.stopped => ("200 OK", "text/plain", "ready\n".into()),
            Page::Ready => ("503 Service Unavailable", "text/plain", "opening the logs, or stopping\n".into()),
            Page::PreRestart => probes::pre_restart(&node.before_restart()),
            Page::PostRestart => probes::post_restart(&node.after_restart()),
            Page::Metrics => {
                let moment = Moment {
                    connections: self.links.len(),
                    peers: self.peers.open(),
                    parked: node.parked(),
                    started_seconds: self.started_seconds,
                    logs: self.store.figures(),
                    dirs: self.store.dir_states(),
                };
                ("200 OK", "text/plain; version=0.0.4", self.metrics.render(&moment))
            }
        }
    }

    fn stamp(&mut self) {
        self.now_us = self.started.elapsed().as_micros() as u64;
    }

    /// One write for each log that has something to append.
    fn append<'a>(&mut self, appends: &mut Vec<PendingAppend<'a>>, inputs: &mut Vec<Input<'a>>) {
        if appends.is_empty() {
            return;
        }
        // Stable: the batches of one log stay in order.
        appends.sort_by_key(|append| append.log);
        for batches in appends.chunk_by(|a, b| a.log == b.log && a.generation == b.generation) {
            self.store.append(self.now, batches, inputs);
            self.metrics.append_writes += 1;
            self.metrics.batches_appended += batches.len() as u64;
        }
        appends.clear();
        self.stamp();
    }

    fn reply(&mut self, conn: ConnId, slot: u64, chunks: Vec<Chunk>, throttle_ms: u32) {
        let mut parts = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            match chunk {
                Chunk::Bytes(bytes) => parts.push(Part::Bytes(bytes)),
                Chunk::Range(range) => match self.file_part(&range) {
                    Ok(part) => parts.push(part),
                    Err(why) => {
                        self.notes.error(&format!("closed a connection: a fetch cannot be answered: {why}"));
                        self.links.close(conn);
                        return;
                    }
                },
            }
        }
        let Some(link) = self.links.get(conn) else { return };
        if let Some(slot) = link.out.fill(slot, parts, throttle_ms) {
            let (key, since) = (slot.api_key, slot.since_us);
            self.metrics.answered(key, self.now_us.saturating_sub(since));
        }
        self.links.touch(conn);
    }

    fn file_part(&mut self, range: &FileRange) -> Result<Part, String> {
        if let Some(bytes) = self.store.take_loaded(range) {
            return Ok(Part::Bytes(bytes));
        }
        let file = self.store.file_of(range)?;
        if range.len < SENDFILE_BYTES_MIN {
            let mut bytes = vec![0; range.len as usize];
            if file.read_cached(&mut bytes, range.position) == bytes.len() {
                return Ok(Part::Bytes(bytes));
            }
        }
        Ok(Part::File(FilePart { file, position: range.position, left: u64::from(range.len), warm: false }))
    }
}
