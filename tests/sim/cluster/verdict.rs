//! The end of a run: everything heals, everybody can work again within a bounded time, replicas are the same, and all
//! that was promised is read.

use super::host::Ending;
use super::seat::Someone;
use super::witness::compare;
use super::{Cluster, Event};
use crate::oracle::Cleanup;
use crate::store::Content;
use kq::types::Millis;
use std::collections::BTreeMap;

/// After everything has healed, everybody works again within this, in milliseconds.
const RECOVERY_MS_MAX: Millis = 5_000;
/// How long clients may take to finish, and replicas to be the same, in milliseconds.
const PATIENCE_MS: Millis = 5_000;

impl Cluster {
    pub(super) fn finish(&mut self) {
        self.calm = true;
        self.heal_all();
        let awake = self.hosts.iter().map(|host| host.paused_until).max();
        self.advance(awake.unwrap_or(0));
        self.recover();
        if self.oracle.violation.is_none() && self.chance.one_in(3) {
            self.everybody_again();
            self.recover();
        }
        if self.oracle.violation.is_some() {
            return;
        }
        self.busy = false;
        if !self.advance_until(PATIENCE_MS, Cluster::is_idle) {
            let waiting = self.seats.iter_mut().map(|seat| seat.someone.client()).find(|client| !client.is_idle());
            let name = waiting.map(|client| client.name()).unwrap_or_default();
            self.oracle.violated(format!("{name} waits for ever"));
        }
        self.come_together();
        self.read_everything();
    }

    fn is_idle(&mut self) -> bool {
        self.seats.iter_mut().all(|seat| seat.someone.client().is_idle())
    }

    /// All nodes end at about the same time, and start again.
    fn everybody_again(&mut self) {
        for h in 0..self.hosts.len() {
            let down_ms = 1 + self.chance.below(60);
            match self.chance.below(3) {
                0 => self.end(h, Ending::Kill, down_ms),
                1 => self.end(h, Ending::PowerCut, down_ms),
                _ => self.ask_to_stop(h),
            }
        }
        let all_serve = |cluster: &mut Cluster| {
            cluster.hosts.iter().all(|host| host.process.as_ref().is_some_and(|process| !process.stopping))
        };
        if !self.advance_until(PATIENCE_MS, all_serve) {
            self.oracle.violated("a node that was asked to stop does not".to_owned());
        }
    }

    /// Everybody who waits for in-sync replicas gets something acknowledged.
    fn recover(&mut self) {
        let begun = self.now;
        let before: Vec<Option<u64>> = self.seats.iter().map(|seat| acked(&seat.someone)).collect();
        let behind = |cluster: &Cluster| {
            let mut seats = cluster.seats.iter().zip(&before);
            seats.position(|(seat, before)| before.is_some() && acked(&seat.someone) <= *before)
        };
        let topics = |cluster: &Cluster| cluster.topics.iter().position(|topic| topic.id.is_none());
        if self.advance_until(RECOVERY_MS_MAX, |cluster| behind(cluster).is_none() && topics(cluster).is_none()) {
            self.summary.slowest_ms = self.summary.slowest_ms.max((self.now - begun) as u64);
            return;
        }
        if let Some(topic) = topics(self) {
            let name = &self.topics[topic].name;
            self.oracle.violated(format!("{RECOVERY_MS_MAX} ms after everything healed {name} is not there"));
        }
        if let Some(seat) = behind(self) {
            let name = self.seats[seat].someone.client().name();
            self.oracle.violated(format!("{RECOVERY_MS_MAX} ms after everything healed {name} gets nothing done"));
        }
    }

    /// All replicas are in sync, and then the same.
    fn come_together(&mut self) {
        let begun = self.now;
        let nodes = self.hosts.len();
        let whole = |cluster: &mut Cluster| {
            let sight = cluster.witness.last().filter(|sight| sight.asked_at > begun);
            sight.is_some_and(|sight| sight.in_sync && sight.brokers == nodes)
        };
        if !self.advance_until(PATIENCE_MS, whole) {
            let what = format!("{PATIENCE_MS} ms after everything healed {}", self.witness.broken());
            return self.oracle.violated(what);
        }
        if !self.advance_until(PATIENCE_MS, |cluster| cluster.compare().is_ok())
            && let Err(what) = self.compare()
        {
            self.oracle.violated(what);
        }
    }

    fn compare(&mut self) -> Result<(), String> {
        let mut logs: BTreeMap<String, Vec<(usize, Content)>> = BTreeMap::new();
        for (h, host) in self.hosts.iter_mut().enumerate() {
            let Some(process) = &mut host.process else { return Err(format!("n{} does not run", h + 1)) };
            for content in process.store.contents().expect("disks that work") {
                let known = self.topics.iter().any(|topic| topic.id == Some(content.name.topic_id));
                if known && !self.witness.is_compacted(&content.name.topic) {
                    logs.entry(content.name.dir_name()).or_default().push((h, content));
                }
            }
        }
        for topic in &self.topics {
            for partition in (0..topic.partitions).filter(|_| topic.cleanup == Cleanup::Delete) {
                let name = format!("{}-{partition}", topic.name);
                let copies = logs.get(&name).map_or(0, Vec::len);
                if copies != topic.replicas as usize {
                    return Err(format!("{name} has {copies} copies"));
                }
            }
        }
        for copies in logs.values() {
            for pair in copies.windows(2) {
                compare((pair[0].0, &pair[0].1), (pair[1].0, &pair[1].1))?;
            }
        }
        Ok(())
    }

    fn read_everything(&mut self) {
        for seat in 0..self.seats.len() {
            if let Someone::Consumer(consumer) = &mut self.seats[seat].someone {
                consumer.audit();
                // Where it sits now it may be called no more: it looks for its leader again.
                self.leave(seat);
                self.at(self.now, Event::Seek { seat });
            }
        }
        let audited = |cluster: &mut Cluster| {
            cluster.seats.iter().all(|seat| match &seat.someone {
                Someone::Consumer(consumer) => consumer.audited().is_some(),
                _ => true,
            })
        };
        self.advance_until(PATIENCE_MS, audited);
        for seat in &self.seats {
            let Someone::Consumer(consumer) = &seat.someone else { continue };
            match consumer.audited() {
                Some((place, audit)) => {
                    let end = audit.end.unwrap_or_default();
                    self.oracle.check(place, audit.start, end, &audit.content);
                }
                None => self.oracle.violated(format!("partition {:?} cannot be read to its end", consumer.of())),
            }
        }
    }
}

/// How often somebody who waits for in-sync replicas was acknowledged.
fn acked(someone: &Someone) -> Option<u64> {
    match someone {
        Someone::Producer(producer) => producer.wants_all().then_some(producer.acked),
        Someone::Committer(committer) => Some(committer.acked),
        _ => None,
    }
}
