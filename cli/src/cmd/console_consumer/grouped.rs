//! Reads as a member of a group: what the group gives, from where the group stands.
//!
//! Commits what was shown: every `auto.commit.interval.ms`, before a rebalance, and at the end.

use super::fetcher::{Fetched, Fetcher, Limits, Next};
use super::member::{Member, Times, Word};
use super::places::{Place, Places};
use super::range::Range;
use crate::failure::Failure;
use crate::kafka::groups::{Committed, Offsets};
use crate::kafka::{Kafka, Settings};
use crate::ui::Ui;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long to wait where there is nothing to read.
const IDLE: Duration = Duration::from_millis(100);

/// How a member behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    times: Times,
    /// How often to commit; `None` for `enable.auto.commit=false`.
    commit: Option<Duration>,
    /// How often to look for new partitions.
    metadata: Duration,
}

impl Manners {
    /// From Kafka's settings.
    ///
    /// # Errors
    /// A usage failure for values that are none.
    pub fn of(settings: &Settings) -> Result<Manners, Failure> {
        let times = Times {
            session: settings.millis("session.timeout.ms", Duration::from_secs(45))?,
            rebalance: settings.millis("max.poll.interval.ms", Duration::from_secs(300))?,
            heartbeat: settings.millis("heartbeat.interval.ms", Duration::from_secs(3))?,
        };
        let commit = match settings.get("enable.auto.commit") {
            None | Some("true") => Some(settings.millis("auto.commit.interval.ms", Duration::from_secs(5))?),
            Some("false") => None,
            Some(other) => {
                return Err(Failure::usage(format!("enable.auto.commit={other}: expected true or false")));
            }
        };
        let metadata = settings.millis("metadata.max.age.ms", Duration::from_secs(300))?;
        Ok(Manners { times, commit, metadata })
    }
}

/// The topics that are wanted, as the cluster has them now: looked up again now and then.
pub type Wanted<'a> = dyn FnMut(&mut Kafka) -> Result<BTreeMap<String, usize>, Failure> + 'a;

/// A consumer in a group.
pub struct Grouped {
    member: Member,
    manners: Manners,
    limits: Limits,
    range: Range,
    refuses_reset: bool,
    interrupted: Arc<AtomicBool>,
    topics: BTreeMap<String, usize>,
    looked: Instant,
    fetcher: Option<Fetcher>,
    committed: BTreeMap<Place, i64>,
    commits: Instant,
}

impl Grouped {
    /// Not joined yet; `topics` and their numbers of partitions are what it asks for.
    pub fn new(
        group: &str,
        settings: &Settings,
        limits: Limits,
        range: Range,
        topics: BTreeMap<String, usize>,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Grouped, Failure> {
        let manners = Manners::of(settings)?;
        let instance = settings.get("group.instance.id");
        Ok(Grouped {
            member: Member::new(group, instance, manners.times, Arc::clone(interrupted)),
            manners,
            limits,
            range,
            refuses_reset: settings.get("auto.offset.reset") == Some("none"),
            interrupted: Arc::clone(interrupted),
            topics,
            looked: Instant::now(),
            fetcher: None,
            committed: BTreeMap::new(),
            commits: Instant::now(),
        })
    }

    /// As [`Fetcher::poll`], and does what a member of a group owes it.
    ///
    /// # Errors
    /// As [`Fetcher::poll`], and when the group does not take this member.
    pub fn poll(
        &mut self,
        kafka: &mut Kafka,
        ui: &Ui,
        wanted: &mut Wanted<'_>,
        show: &mut dyn FnMut(Fetched<'_>) -> Result<Next, Failure>,
    ) -> Result<Next, Failure> {
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        if self.looked.elapsed() >= self.manners.metadata {
            self.looked = Instant::now();
            let now = wanted(kafka)?;
            if now != self.topics {
                ui.detail("topics or partitions have changed");
                self.topics = now;
                self.rejoin(kafka)?;
            }
        }
        let Some(fetcher) = &mut self.fetcher else { return self.join(kafka, ui) };
        let next = if fetcher.is_empty() {
            std::thread::sleep(IDLE);
            // With an end to come to, nothing given is everything read.
            if self.range.to.is_some() { Next::Done } else { Next::More }
        } else {
            fetcher.poll(kafka, ui, show)?
        };
        if next == Next::Done {
            return Ok(next);
        }
        let due = self.manners.commit.is_some_and(|interval| self.commits.elapsed() >= interval);
        if (due && self.commit(kafka)? == Word::Rejoin) || self.member.heartbeat(kafka)? == Word::Rejoin {
            ui.detail("the group deals its partitions out again");
            self.rejoin(kafka)?;
        }
        Ok(Next::More)
    }

    fn join(&mut self, kafka: &mut Kafka, ui: &Ui) -> Result<Next, Failure> {
        let topics: BTreeSet<String> = self.topics.keys().cloned().collect();
        let Some(partitions) = self.member.join(kafka, ui, &topics)? else { return Ok(Next::Done) };
        kafka.set_deadline(Instant::now() + kafka.settings().timeout);
        let names: BTreeSet<&str> = partitions.iter().map(|place| place.0.as_str()).collect();
        kafka.refresh(&names.into_iter().collect::<Vec<_>>())?;
        let known = self.member.committed(kafka, &partitions)?;
        let open: Vec<Place> = partitions.iter().filter(|place| !known.contains_key(*place)).cloned().collect();
        if let (true, Some(place)) = (self.refuses_reset, open.first()) {
            let what = format!("the group has no offset for {}-{}, and auto.offset.reset is none", place.0, place.1);
            return Err(Failure::new("NO_OFFSET", what).hint("`kq group seek` gives it one"));
        }
        let mut places = Places::new(kafka, self.limits.isolation_level);
        let mut from = known.clone();
        if !open.is_empty() {
            from.extend(places.offsets(&open, self.range.from)?);
        }
        let to = match self.range.to {
            Some(point) if !partitions.is_empty() => Some(places.offsets(&partitions, point)?),
            _ => None,
        };
        self.fetcher = Some(Fetcher::at(from, to, self.limits));
        self.committed = known;
        self.commits = Instant::now();
        Ok(Next::More)
    }

    /// Gives the partitions back: commits first, as others will read on from there.
    fn rejoin(&mut self, kafka: &mut Kafka) -> Result<(), Failure> {
        if self.manners.commit.is_some() {
            self.commit(kafka)?;
        }
        self.fetcher = None;
        Ok(())
    }

    /// Commits what was shown since the last commit.
    fn commit(&mut self, kafka: &mut Kafka) -> Result<Word, Failure> {
        self.commits = Instant::now();
        let Some(fetcher) = &self.fetcher else { return Ok(Word::Stay) };
        let new: Offsets = fetcher
            .shown()
            .filter(|(place, offset)| self.committed.get(*place) != Some(offset))
            .map(|(place, offset)| (place.clone(), Committed::at(offset)))
            .collect();
        let word = self.member.commit(kafka, &new)?;
        if word == Word::Stay {
            self.committed.extend(new.into_iter().map(|(place, committed)| (place, committed.offset)));
        }
        Ok(word)
    }

    /// Commits, and leaves the group.
    ///
    /// # Errors
    /// When the last commit is refused.
    pub fn close(&mut self, kafka: &mut Kafka, ui: &Ui) -> Result<(), Failure> {
        self.member.last_words(kafka);
        let mut committed = Ok(());
        while self.manners.commit.is_some() {
            let word = self.commit(kafka);
            if !matches!(word, Ok(Word::Unheard)) || Instant::now() >= kafka.deadline() {
                committed = word.map(drop);
                break;
            }
            std::thread::sleep(IDLE);
        }
        self.member.leave(kafka, ui);
        let interrupted = self.interrupted.load(Ordering::Relaxed);
        committed.map_err(
            |failure| {
                if interrupted { failure.hint("the records shown last will be read again") } else { failure }
            },
        )
    }
}
