//! The broker and its metadata log: reading it at start, what becomes of writes to it, and what fails with it.

use super::{Broker, META_LOG, Start};
use crate::error::ErrorCode;
use crate::event::{Appended, Effect, Level, LogName, Opened, StorageFault};
use crate::log::LogConfig;
use crate::meta::METADATA_TOPIC;
use crate::meta::quorum::{Quorum, Restored};
use crate::meta::record::BadRecord;
use crate::types::{Millis, Offset, Partition, TopicId, Uuid};
use std::sync::Arc;

/// How long after the start retention runs for the first time, in milliseconds, at most (Kafka's delay).
const RETENTION_DELAY_MS: i64 = 30_000;
/// A segment of the metadata log: what a snapshot makes superfluous goes by whole segments.
const SEGMENT_BYTES: u32 = 8 << 20;

/// The metadata log keeps everything that it is not told to trim.
pub(super) fn meta_log_config() -> LogConfig {
    LogConfig {
        retention_ms: -1,
        retention_bytes: -1,
        segment_ms: i64::MAX,
        segment_bytes: SEGMENT_BYTES,
        delete: false,
        ..LogConfig::default()
    }
}

impl Broker {
    pub(super) fn open_metadata(&mut self, out: &mut Vec<Effect<'_>>) {
        out.push(Effect::Open {
            log: META_LOG,
            generation: self.meta.generation,
            name: LogName { topic: METADATA_TOPIC.to_owned(), topic_id: Uuid::ZERO, partition: 0 },
            config: Arc::new(meta_log_config()),
            replay: true,
        });
    }

    pub(super) fn opened_metadata(
        &mut self,
        now: Millis,
        result: Result<Opened, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let unreadable = |e: BadRecord| StorageFault { code: ErrorCode::KafkaStorageError, message: e.to_string() };
        if self.meta.fault.is_some() {
            return;
        }
        let starts = self.start == Start::Metadata;
        let read = result.and_then(|opened| {
            let (quorum, restored) = self.open_quorum(now, &opened.content).map_err(unreadable)?;
            if starts {
                self.begin_with(&restored).map_err(unreadable)?;
            }
            Ok((opened, quorum, restored))
        });
        let (opened, quorum, restored) = match read {
            Ok(read) => read,
            Err(fault) if starts => {
                let reason = format!("the metadata log cannot be read: {}", fault.message);
                return out.push(Effect::Fatal { reason });
            }
            Err(fault) => return self.metadata_failed(fault, out),
        };
        self.take_quorum(&opened, quorum, &restored);
        self.stopped_cleanly &= !starts || (!opened.unclean && opened.end > 0);
        if !starts {
            self.go_on_with(restored);
            self.apply_decided(out);
            return self.drive_quorum(now, out);
        }
        self.apply_broker_settings(out);
        self.configure_groups();
        let partitions: Vec<(TopicId, Partition)> = self.all_partitions();
        self.start = Start::Logs(0);
        for (id, index) in &partitions {
            self.host(*id, *index, out);
        }
        if self.start == Start::Logs(0) {
            self.logs_are_open(now, out);
        }
    }

    fn take_quorum(&mut self, opened: &Opened, quorum: Quorum, restored: &Restored) {
        let snapshot = restored.snapshot.as_ref().map_or(0, |snapshot| snapshot.data.len());
        self.meta.end = opened.end;
        self.meta.bytes = opened.content.len().saturating_sub(snapshot) as i64;
        self.meta.quorum = Some(quorum);
    }

    /// Every log is open: the controller may know of this process.
    pub(super) fn logs_are_open(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        let delay = self.settings.log_retention_check_interval_ms.clamp(1, RETENTION_DELAY_MS);
        self.retention_at = Some(now.saturating_add(delay));
        self.join(now, out);
        self.catch_up(now, out);
    }

    /// Applies what was committed while logs were being opened.
    fn catch_up(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        self.apply_decided(out);
        self.drive_quorum(now, out);
    }

    pub(super) fn appended_metadata(
        &mut self,
        generation: u32,
        result: Result<Appended, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if generation != self.meta.generation || self.meta.fault.is_some() {
            return;
        }
        match result {
            Ok(_) => out.push(Effect::Sync { log: META_LOG, generation }),
            Err(fault) => self.metadata_stumbled(&fault, out),
        }
    }

    pub(super) fn synced_metadata(
        &mut self,
        now: Millis,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        if generation != self.meta.generation || self.meta.fault.is_some() {
            return;
        }
        let end = match result {
            Ok(end) => end,
            Err(fault) => return self.metadata_failed(fault, out),
        };
        while let Some((_, mark)) = self.meta.writing.pop_front_if(|(until, _)| *until <= end) {
            if let Some(quorum) = &mut self.meta.quorum {
                quorum.persisted(mark);
            }
            if let Some((_, start)) = self.meta.snapshot.take_if(|(snapshot, _)| *snapshot <= mark) {
                out.push(Effect::Trim { log: META_LOG, generation, start });
            }
        }
        self.drive_quorum(now, out);
    }

    /// The snapshot is on disk, and the log begins with it: segments before it go.
    pub(super) fn trimmed_metadata(
        &mut self,
        generation: u32,
        result: Result<Offset, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        match result {
            Ok(upto) if generation == self.meta.generation => {
                out.push(Effect::Retain { log: META_LOG, generation, upto });
            }
            // The next snapshot tries again.
            _ => {}
        }
    }

    /// An append did not happen, for lack of space perhaps: its commands fail, and the log is opened anew to see what it
    /// really holds: that is on disk then and counts, though who asked for it was told otherwise. Later commands are tried
    /// again: one that deletes a topic may be what makes room.
    fn metadata_stumbled(&mut self, fault: &StorageFault, out: &mut Vec<Effect<'_>>) {
        let message = format!("append to the metadata log failed: {}; opening it anew", fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        self.meta.generation += 1;
        self.open_metadata(out);
        self.leave_quorum(out);
    }

    /// Without its metadata log a broker serves what it has, and refuses every change.
    pub(super) fn metadata_failed(&mut self, fault: StorageFault, out: &mut Vec<Effect<'_>>) {
        let message =
            format!("the metadata log is out of service: {}; topics cannot be changed until a restart", fault.message);
        out.push(Effect::Note { level: Level::Error, message });
        self.meta.fault = Some(fault);
        self.leave_quorum(out);
    }

    fn leave_quorum(&mut self, out: &mut Vec<Effect<'_>>) {
        self.meta.quorum = None;
        self.meta.writing.clear();
        self.meta.snapshot = None;
        self.stop_deciding(out);
    }
}
