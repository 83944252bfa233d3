//! A shard of groups is read from its log: in portions, as far as the log is committed, and again later when it cannot
//! be read.

use super::super::{Broker, Hosted};
use super::Coordinator;
use crate::error::ErrorCode;
use crate::event::{Answer, Effect, Level, Question, Read, StorageFault};
use crate::group::{self, OFFSETS_TOPIC, Shard, replay_batches};
use crate::types::{LogId, Millis, Offset, Partition};
use std::collections::VecDeque;

/// A log is loaded in portions of no more bytes than this: between two of them others have their turn.
const LOAD_BYTES_MAX: i32 = 1 << 20;
/// A log that could not be loaded is tried again after this, and each time after twice as long.
const LOAD_AGAIN_MS_MIN: Millis = 1_000;
/// The longest that a log that cannot be loaded is left alone.
const LOAD_AGAIN_MS_MAX: Millis = 300_000;

impl Broker {
    /// This node leads a log, perhaps since now: where it is one of `__consumer_offsets`, its groups are loaded.
    pub(in crate::broker) fn group_log_opened(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        let Some(hosted) = self.hosted(log).filter(|hosted| hosted.name.topic == OFFSETS_TOPIC) else { return };
        let Ok(leader) = hosted.leader() else { return };
        let (partition, start, end) = (hosted.name.partition, leader.start(), leader.end());
        if self.groups.by_log.contains_key(&log) {
            return;
        }
        self.groups.coordinated += 1;
        let coordinator = Coordinator {
            log,
            number: self.groups.coordinated,
            shard: Shard::default(),
            loading: Some(start),
            load_end: end,
            reading: false,
            again_at: None,
            pause_ms: 0,
            decided: 0,
            committed: 0,
            flight: None,
            open: VecDeque::new(),
            replies: VecDeque::new(),
        };
        self.groups.coordinators.insert(partition, coordinator);
        self.groups.by_log.insert(log, partition);
        let interval = self.settings.groups.offsets_retention_check_interval_ms.max(1);
        self.groups.expire_at.get_or_insert((self.now.saturating_add(interval), 0));
        self.load_groups(partition, out);
    }

    /// More of a log is committed: a coordinator that loads it may have waited for that.
    pub(in crate::broker) fn group_log_committed(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        if let Some(partition) = self.groups.by_log.get(&log).copied() {
            self.load_groups(partition, out);
        }
    }

    /// Asks for the next portion of a log that is being loaded, as far as it is committed.
    fn load_groups(&mut self, partition: Partition, out: &mut Vec<Effect<'_>>) {
        let Some(coordinator) = self.groups.coordinators.get(&partition).filter(|c| !c.reading) else { return };
        let (log, number, end) = (coordinator.log, coordinator.number, coordinator.load_end);
        let Some(offset) = coordinator.loading else { return };
        let Some(Ok(leader)) = self.hosted(log).map(Hosted::leader) else { return };
        if offset >= end {
            return self.groups_loaded(partition, out);
        }
        let upto = leader.high_watermark().min(end);
        if offset >= upto {
            return;
        }
        let max_bytes = self.settings.groups.offsets_load_buffer_bytes.clamp(1, LOAD_BYTES_MAX) as u32;
        let read = Read { log, offset, upto, max_bytes, at_least_one: true };
        if let Some(coordinator) = self.groups.coordinators.get_mut(&partition) {
            coordinator.reading = true;
        }
        let then = move |broker: &mut Broker, answer: Answer, out: &mut Vec<Effect<'_>>| {
            let current = broker.groups.coordinators.get_mut(&partition).filter(|c| c.number == number);
            let (Answer::Content(content), Some(coordinator)) = (answer, current) else { return };
            coordinator.reading = false;
            broker.take_group_records(partition, upto, content, out);
        };
        self.ask(Question::Content(read), Box::new(then), out);
    }

    fn take_group_records(
        &mut self,
        partition: Partition,
        upto: Offset,
        content: Result<Vec<u8>, StorageFault>,
        out: &mut Vec<Effect<'_>>,
    ) {
        let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { return };
        let loaded = content.and_then(|content| {
            replay_batches(&mut coordinator.shard, &content)
                .map_err(|e| StorageFault { code: ErrorCode::KafkaStorageError, message: e.to_string() })
        });
        match loaded {
            // Compaction may leave nothing above the last batch.
            Ok(loaded) => {
                coordinator.loading = Some(loaded.end.unwrap_or(upto));
                if let Some(first) = loaded.first {
                    let message = format!(
                        "{OFFSETS_TOPIC}-{partition}: {} records cannot be read and are left out, the first one {first}",
                        loaded.skipped
                    );
                    out.push(Effect::Note { level: Level::Warn, message });
                }
                self.load_groups(partition, out);
            }
            // A coordinator that does not know all its groups must not answer for them.
            Err(fault) => {
                coordinator.reading = true;
                let pause_ms = coordinator.pause_ms.saturating_mul(2).clamp(LOAD_AGAIN_MS_MIN, LOAD_AGAIN_MS_MAX);
                coordinator.pause_ms = pause_ms;
                let again_at = self.now.saturating_add(pause_ms);
                coordinator.again_at = Some(again_at);
                self.groups.load_at = Some(self.groups.load_at.map_or(again_at, |at| at.min(again_at)));
                let message = format!(
                    "{OFFSETS_TOPIC}-{partition} cannot be loaded: {}; its groups are not served, the next try is in \
                     {pause_ms} ms",
                    fault.message
                );
                out.push(Effect::Note { level: Level::Error, message });
            }
        }
    }

    fn groups_loaded(&mut self, partition: Partition, out: &mut Vec<Effect<'_>>) {
        let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { return };
        (coordinator.loading, coordinator.pause_ms) = (None, 0);
        let group::Kept { groups, offsets, .. } = coordinator.shard.kept();
        if groups > 0 {
            let message = format!("loaded {groups} groups and {offsets} offsets from {OFFSETS_TOPIC}-{partition}");
            out.push(Effect::Note { level: Level::Info, message });
        }
        self.with_shard(partition, out, |shard, cx| shard.loaded(cx));
    }

    /// Begins again with what could not be loaded before.
    pub(super) fn load_groups_again(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.groups.load_at.is_none_or(|at| at > now) {
            return;
        }
        let due = |(_, c): &(&Partition, &Coordinator)| c.again_at.is_some_and(|at| at <= now);
        let due: Vec<(Partition, LogId)> =
            self.groups.coordinators.iter().filter(due).map(|(partition, c)| (*partition, c.log)).collect();
        for (partition, log) in due {
            let start = self.hosted(log).and_then(|hosted| Some(hosted.leader().ok()?.start()));
            let Some(coordinator) = self.groups.coordinators.get_mut(&partition) else { continue };
            coordinator.again_at = None;
            let Some(start) = start else { continue };
            (coordinator.shard, coordinator.loading, coordinator.reading) = (Shard::default(), Some(start), false);
            self.load_groups(partition, out);
        }
        self.groups.load_at = self.groups.coordinators.values().filter_map(|c| c.again_at).min();
    }
}
