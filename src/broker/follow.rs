//! Partitions that another node leads: what is to be fetched from whom, and what its answers do to the logs here.

use super::{Broker, State};
use crate::event::{Effect, Level};
use crate::log::Cut;
use crate::replica::{Copied, Heard, Position, Step};
use crate::types::{LogId, Millis, NodeId, Partition, TopicId};
use std::borrow::Cow;

impl Broker {
    /// The leaders that something is to be fetched from.
    pub fn fetch_targets(&self) -> Vec<NodeId> {
        self.replication.followed.keys().copied().collect()
    }

    /// What to ask a leader for: every partition that is ready for a fetch. The others are being cut, or hold what is not
    /// safe yet, or were refused just now.
    pub fn fetch_positions(&self, now: Millis, leader: NodeId) -> Vec<(LogId, TopicId, Partition, Position)> {
        let logs = self.replication.followed.get(&leader).into_iter().flatten();
        let position = |log: &LogId| {
            let hosted = self.hosted(*log)?;
            let State::Following(follower) = &hosted.state else { return None };
            Some((*log, hosted.name.topic_id, hosted.name.partition, follower.position(now)?))
        };
        logs.filter_map(position).collect()
    }

    /// Takes in a leader's answer for a partition.
    pub fn heard_from_leader<'a>(
        &mut self,
        now: Millis,
        log: LogId,
        asked: Position,
        heard: Heard<'a>,
        out: &mut Vec<Effect<'a>>,
    ) {
        let Some(hosted) = self.hosted.get_mut(log.0 as usize).and_then(Option::as_mut) else { return };
        let State::Following(follower) = &mut hosted.state else { return };
        let epoch = follower.epoch;
        match follower.heard(now, &asked, &heard) {
            Step::Append { batches, new_epoch } => self.copy(log, batches, new_epoch, out),
            Step::Truncate(to) => return self.cut(log, Cut::From(to), out),
            Step::Restart(start, batches) => {
                if !batches.is_empty() {
                    hosted.stash = Some((epoch, batches.to_vec()));
                }
                return self.cut(log, Cut::All(start), out);
            }
            Step::Backoff(ms) => {
                self.replication.follow_at.insert((now.saturating_add(ms), log));
            }
            Step::Nothing => {}
        }
        let Some(hosted) = self.hosted_mut(log) else { return };
        let State::Following(follower) = &mut hosted.state else { return };
        if let Some(start) = follower.trim_due() {
            out.push(Effect::Trim { log, generation: hosted.generation, start });
        }
    }

    /// A log was begun anew for batches that are here already.
    pub(super) fn resume_copying(&mut self, log: LogId, out: &mut Vec<Effect<'_>>) {
        let now = self.now;
        let Some(hosted) = self.hosted_mut(log) else { return };
        let Some((epoch, batches)) = hosted.stash.take() else { return };
        let State::Following(follower) = &mut hosted.state else { return };
        if follower.epoch != epoch {
            return;
        }
        if let Step::Append { batches, new_epoch } = follower.resume(now, &batches) {
            let owned = |copied: Copied<'_>| Copied { bytes: Cow::Owned(copied.bytes.into_owned()), ..copied };
            let batches = batches.into_iter().map(owned).collect();
            self.copy(log, batches, new_epoch, out);
        }
    }

    fn copy<'a>(&mut self, log: LogId, batches: Vec<Copied<'a>>, new_epoch: bool, out: &mut Vec<Effect<'a>>) {
        let Some(hosted) = self.hosted(log) else { return };
        let State::Following(follower) = &hosted.state else { return };
        let generation = hosted.generation;
        if new_epoch {
            out.push(Effect::SaveEpochs { log, generation, epochs: follower.epochs().entries().to_vec() });
        }
        out.extend(batches.into_iter().map(|Copied { base, epoch, bytes }| Effect::Append {
            log,
            generation,
            base_offset: base,
            epoch,
            batch: bytes,
        }));
    }

    fn cut(&mut self, log: LogId, cut: Cut, out: &mut Vec<Effect<'_>>) {
        self.generations += 1;
        let generation = self.generations;
        let Some(hosted) = self.hosted_mut(log) else { return };
        let State::Following(follower) = &hosted.state else { return };
        let name = hosted.name.dir_name();
        let (start, end, leader) = (follower.start(), follower.end(), follower.leader);
        let high_watermark = follower.high_watermark();
        let (kept, message) = match cut {
            Cut::From(to) => {
                (to, format!("{name}: offsets {to} to {end} are not in the log of the leader, node {leader}: they go"))
            }
            Cut::All(at) => (
                start,
                format!("{name}: {start} to {end} is thrown away; it begins again at {at}, as node {leader} has it"),
            ),
        };
        // What was committed goes only after an election that was not clean, or where the leader deleted it.
        let level = if kept < high_watermark && end > start { Level::Warn } else { Level::Info };
        out.push(Effect::Note { level, message });
        hosted.generation = generation;
        hosted.high_watermark = high_watermark;
        hosted.state = State::Opening;
        out.push(match cut {
            Cut::From(to) => Effect::Truncate { log, generation, to },
            Cut::All(start) => Effect::Restart { log, generation, start },
        });
        self.note_role(log);
    }
}
