//! This node's copy of a partition, whoever leads it: how far it is written, on disk, and known to be committed.
//!
//! Invariants, after every call:
//! - `start <= high_watermark <= appended <= end`, and `synced <= appended`;
//! - the high watermark and the start never go back;
//! - one sync is under way at a time.

use super::epochs::Epochs;
use super::leader::{Durability, Moved};
use crate::event::Opened;
use crate::record::producer::Producers;
use crate::types::{Millis, Offset};

/// How far this node's copy is.
#[derive(Debug)]
pub(super) struct Local {
    pub start: Offset,
    pub high_watermark: Offset,
    pub synced: Offset,
    pub appended: Offset,
    /// Offsets below are given out.
    pub end: Offset,
    pub epochs: Epochs,
    pub producers: Producers,
    pub durability: Durability,
    sync_in_flight: bool,
    dirty_since: Option<Millis>,
    dirty_from: Offset,
}

impl Local {
    /// What was just opened. A high watermark from elsewhere is believed as far as the log reaches.
    pub(super) fn new(opened: Opened, high_watermark: Offset, durability: Durability) -> Local {
        assert!(opened.start <= opened.end, "a log that starts above its end");
        Local {
            start: opened.start,
            high_watermark: high_watermark.clamp(opened.start, opened.end),
            synced: opened.synced.min(opened.end),
            appended: opened.end,
            end: opened.end,
            epochs: Epochs::new(opened.epochs),
            producers: opened.producers,
            durability,
            sync_in_flight: false,
            dirty_since: None,
            dirty_from: opened.end,
        }
    }

    /// Everything below is as safe as the promise asks for.
    pub(super) fn safe(&self) -> Offset {
        match self.durability {
            Durability::Disk => self.synced,
            Durability::PageCache { .. } => self.appended,
        }
    }

    /// The page cache holds everything below `end`.
    pub(super) fn appended_to(&mut self, now: Millis, end: Offset) {
        assert!(
            end >= self.appended && end <= self.end,
            "append ends at {end}, not in {}..={}",
            self.appended,
            self.end
        );
        self.appended = end;
        self.dirty_since.get_or_insert(now);
    }

    /// The disk holds everything below `end`.
    pub(super) fn synced_to(&mut self, now: Millis, end: Offset) {
        self.sync_in_flight = false;
        self.synced = self.synced.max(end.min(self.appended));
        self.dirty_from = self.synced;
        self.dirty_since = (self.synced < self.appended).then_some(now);
    }

    /// Everything below `upto` is committed, as far as it is here.
    pub(super) fn commit(&mut self, upto: Offset) -> bool {
        let before = self.high_watermark;
        self.high_watermark = before.max(upto.min(self.appended));
        assert!(self.start <= self.high_watermark && self.high_watermark <= self.appended && self.appended <= self.end);
        self.high_watermark > before
    }

    /// Whether a sync is to be asked for now; it counts as under way then.
    pub(super) fn wants_sync(&mut self) -> bool {
        if self.sync_in_flight || self.synced >= self.appended {
            return false;
        }
        let wants = match self.durability {
            Durability::Disk => true,
            Durability::PageCache { flush_messages, .. } => self.appended - self.dirty_from >= flush_messages,
        };
        self.sync_in_flight = wants;
        wants
    }

    pub(super) fn moved(&mut self, high_watermark: bool) -> Moved {
        Moved { high_watermark, sync: self.wants_sync() }
    }

    /// When `flush.ms` wants a sync, if nothing else asks for one before.
    pub(super) fn flush_deadline(&self) -> Option<Millis> {
        match self.durability {
            Durability::PageCache { flush_ms, .. } if !self.sync_in_flight => {
                self.dirty_since.map(|since| since.saturating_add(flush_ms))
            }
            _ => None,
        }
    }

    /// Whether time alone asks for a sync now.
    pub(super) fn flush_due(&mut self, now: Millis) -> bool {
        let due = self.flush_deadline().is_some_and(|deadline| deadline <= now);
        self.sync_in_flight |= due;
        due
    }

    /// The log's start moved.
    pub(super) fn trimmed_to(&mut self, start: Offset) {
        self.start = self.start.max(start);
        self.high_watermark = self.high_watermark.max(self.start);
        self.appended = self.appended.max(self.start);
        self.end = self.end.max(self.start);
        self.epochs.trim_to(self.start);
    }
}
