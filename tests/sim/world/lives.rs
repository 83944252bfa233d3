//! The lives of the node: each begins with a start and ends with a crash or a clean stop; the last one is for reading
//! everything that is left.

use super::{CHECKPOINT_MS, Event, PATIENCE_MS, Someone, Summary, Telling, World, new_node};
use crate::oracle::Promise;
use crate::store::Store;
use kq::event::Input;
use kq::log::DiskErrorKind;
use kq::types::Millis;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Kill,
    PowerCut,
    Clean,
}

/// Lives through one seed.
///
/// # Errors
/// What was violated.
pub fn run(seed: u64, telling: Telling) -> Result<Summary, String> {
    World::new(seed).lives(telling, World::finish)
}

/// Lives through one seed of members and their groups.
///
/// # Errors
/// What was violated.
pub fn run_groups(seed: u64, telling: Telling) -> Result<Summary, String> {
    World::of_groups(seed).lives(telling, World::finish_groups)
}

impl World {
    fn lives(mut self, telling: Telling, finish: fn(&mut World)) -> Result<Summary, String> {
        self.oracle.tells = telling == Telling::Story;
        let lives = 1 + self.chance.below(4);
        for life in 0..lives {
            self.live(life + 1 == lives);
            if let Some(what) = self.oracle.violation.take() {
                return Err(what);
            }
        }
        finish(&mut self);
        let oracle = &mut self.oracle;
        match oracle.violation.take() {
            Some(what) => Err(what),
            None => Ok(Summary {
                acks: oracle.acks,
                reads: oracle.reads,
                shares: oracle.shares,
                commits: oracle.commits,
                ..self.summary
            }),
        }
    }

    /// One life of the node, from its start to its end.
    fn live(&mut self, last: bool) {
        self.busy = true;
        let disk = self.disks[self.chance.below(self.disks.len() as i64) as usize].clone();
        match self.chance.below(8) {
            0 | 1 => disk.freeze_at_sync(1 + self.chance.below(60) as u64),
            2 => disk.freeze_at_change(1 + self.chance.below(200) as u64),
            3 => disk.fail_sync(5 + self.chance.below(60) as u64),
            4 => disk.fail_change(5 + self.chance.below(200) as u64, DiskErrorKind::Io),
            5 => {
                let used: usize = disk.image().values().map(Vec::len).sum();
                let room = used as u64 + self.chance.below(6000) as u64;
                self.at(self.now + 30, Event::Capacity(Some(room)));
                let later = self.now + 30 + self.chance.below(60);
                self.at(later, Event::Capacity(None));
            }
            _ => {}
        }
        let until = self.now + 30 + self.chance.below(self.life_ms);
        let mut ending = match self.chance.below(5) {
            0 => Ending::Clean,
            1 | 2 => Ending::Kill,
            _ => Ending::PowerCut,
        };
        if self.start() && self.advance(until) && last {
            // Let everybody finish, then see what is left after one more crash.
            self.settle();
        }
        if self.is_frozen() && ending == Ending::Clean {
            ending = Ending::PowerCut;
        }
        if self.oracle.violation.is_none() {
            self.end(ending);
        }
    }

    /// The last life: nobody writes, everything is read.
    fn finish(&mut self) {
        self.busy = false;
        if !self.start() {
            return self.oracle.violated("the node does not start on disks that work".to_owned());
        }
        self.settle();
        for (someone, _) in &mut self.clients {
            if let Someone::Consumer(consumer) = someone {
                consumer.audit();
            }
        }
        let limit = self.now + PATIENCE_MS;
        let audited = |someone: &Someone| match someone {
            Someone::Consumer(consumer) => consumer.audited().is_some(),
            _ => true,
        };
        while self.now < limit && self.oracle.violation.is_none() {
            if self.clients.iter().all(|(someone, _)| audited(someone)) {
                break;
            }
            self.advance(self.now + 20);
        }
        for (someone, _) in &mut self.clients {
            let Someone::Consumer(consumer) = someone else { continue };
            match consumer.audited() {
                Some((place, audit)) => {
                    let end = audit.end.unwrap_or_default();
                    self.oracle.check(place, audit.start, end, &audit.content);
                }
                None => self.oracle.violated(format!("partition {:?} cannot be read to its end", consumer.of())),
            }
        }
    }

    /// Starts the node and waits until it serves; false when it crashed before.
    pub(super) fn start(&mut self) -> bool {
        let mut shape = self.shape.clone();
        self.node = new_node(&self.settings, &mut self.chance);
        (self.stopped, self.hurt, self.metadata_hurt, self.log_closed) = (false, false, false, false);
        let Ok(store) = Store::open(self.disks.clone(), &mut shape) else {
            assert!(self.is_hurt_or_frozen(), "the checkpoints cannot be read");
            return false;
        };
        self.store = Some(store);
        if let Some((Someone::Auditor(_), _)) = self.clients.last()
            && self.busy
            && self.chance.one_in(30)
            && let Some(store) = &mut self.store
        {
            store.unreadable = 1;
        }
        let mut effects = Vec::new();
        self.node.start(&mut effects);
        self.perform(effects);
        self.after_step();
        self.at(self.now + CHECKPOINT_MS * self.pace, Event::Checkpoint);
        let limit = self.now + PATIENCE_MS;
        while !self.node.is_ready() {
            if !self.pass(limit) {
                if self.is_hurt_or_frozen() {
                    return false;
                }
                self.oracle.violated("the node does not get ready".to_owned());
                return false;
            }
        }
        for client in 0..self.clients.len() {
            self.connect(client);
        }
        true
    }

    /// Lets time pass; false when the disk stood still before `until`.
    pub(super) fn advance(&mut self, until: Millis) -> bool {
        while self.pass(until) {
            if self.oracle.violation.is_some() {
                return false;
            }
        }
        let works = !self.is_frozen();
        if works {
            self.now = self.now.max(until);
        }
        works
    }

    /// Waits until producers and administrator have finished.
    pub(super) fn settle(&mut self) {
        self.busy = false;
        let limit = self.now + PATIENCE_MS;
        while self.now < limit && self.oracle.violation.is_none() && !self.is_hurt_or_frozen() && !self.is_excused() {
            if self.clients.iter_mut().all(|(someone, _)| someone.client().is_idle()) {
                return;
            }
            if !self.advance(self.now + 20) {
                return;
            }
        }
        if !self.is_hurt_or_frozen() && !self.is_excused() && self.oracle.violation.is_none() {
            let waiting =
                self.clients.iter_mut().find_map(|(someone, _)| (!someone.client().is_idle()).then_some(someone));
            if let Some(someone) = waiting {
                let name = someone.client().name();
                self.oracle.violated(format!("{name} waits for ever"));
            }
        }
    }

    /// The node dies.
    pub(super) fn end(&mut self, ending: Ending) {
        let mut hurt = self.store.as_ref().is_some_and(Store::is_hurt);
        if ending == Ending::Clean {
            hurt |= self.stop();
        }
        self.summary.crashes += 1;
        self.oracle.tell(|| format!("{} the node ends: {ending:?}, disks frozen: {}", self.now, self.is_frozen()));
        // After a failed sync the page cache promises nothing any more.
        let lossy = ending == Ending::PowerCut || hurt;
        self.events.clear();
        self.pending.clear();
        (self.done_at, self.job_at) = (0, vec![0; self.disks.len()]);
        self.store = None;
        for i in 0..self.disks.len() {
            let disk = &self.disks[i];
            disk.set_capacity(None);
            self.disks[i] = match ending {
                Ending::PowerCut => disk.power_cut(&mut || self.chance.bits()),
                _ => disk.kill(),
            };
        }
        if lossy {
            self.oracle.power_cut();
        }
        for (someone, conn) in &mut self.clients {
            *conn = None;
            someone.client().disconnected();
            let lossy = |topic: usize| lossy && self.topics[topic].promise == Promise::PageCache;
            match someone {
                Someone::Consumer(consumer) if lossy(consumer.of().0) => consumer.power_cut(),
                Someone::Producer(producer) if lossy(producer.topic()) => producer.power_cut(),
                _ => {}
            }
        }
        self.now += self.chance.below(1000);
    }

    /// A clean stop: what is asked for is answered, then the logs are closed. True when the disk did not take part.
    fn stop(&mut self) -> bool {
        self.step(Input::Stop);
        let limit = self.now + PATIENCE_MS;
        while !self.stopped && self.pass(limit) {}
        if self.is_hurt_or_frozen() {
            return true;
        }
        if !self.stopped {
            self.oracle.violated("the node does not stop".to_owned());
        }
        // A disk that fails now leaves no mark of a clean stop behind.
        let closed = self.store.take().map(Store::close);
        self.oracle.tell(|| format!("{} closed: {closed:?}", self.now));
        !matches!(closed, Some(Ok(())))
    }

    /// Whether something is out of service that only a start brings back.
    pub(super) fn is_excused(&self) -> bool {
        self.metadata_hurt || self.log_closed
    }
}
