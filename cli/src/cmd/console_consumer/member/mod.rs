//! A place in a group, by the classic protocol: joins, syncs, heartbeats, commits, leaves.
//!
//! Speaks the protocol `range`, so that it shares groups with other clients that have Kafka's RangeAssignor. One thread
//! does everything, so heartbeats pause while standard output is not taken; a member that was given up for that joins anew.

mod lead;
mod offsets;

use crate::failure::Failure;
use crate::kafka::groups::explain;
use crate::kafka::offsets::TopicPartition;
use crate::kafka::{Kafka, Link, Settings};
use crate::ui::Ui;
use kq::api::Api;
use kq::api::heartbeat::{Heartbeat, HeartbeatRequest};
use kq::api::join_group::{JoinGroup, JoinGroupRequest, JoinGroupRequestProtocol};
use kq::api::leave_group::{LeaveGroup, LeaveGroupRequest, MemberIdentity};
use kq::api::sync_group::{SyncGroup, SyncGroupRequest};
use kq::client::Answer;
use kq::error::ErrorCode;
use kq::wire::consumer_protocol::{
    AssignedPartitions, ConsumerProtocolAssignment, ConsumerProtocolSubscription, PROTOCOL_TYPE,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The assignor that is spoken.
const PROTOCOL: &str = "range";
/// The version of subscriptions and assignments that every client reads.
const EMBEDDED_VERSION: i16 = 1;
/// How often a wait looks whether the user has interrupted it.
const LOOK: Duration = Duration::from_millis(100);
/// What a rebalance may take beyond its time-out before the connection counts as dead.
const JOIN_SLACK: Duration = Duration::from_secs(5);
/// How long leaving may take: the command ends in any case.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// The times of a membership.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// `session.timeout.ms`
    pub session: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for members.
    pub rebalance: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat: Duration,
}

/// What a heartbeat or a commit has told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    /// Nothing new.
    Stay,
    /// It did not reach the coordinator; the next one may.
    Unheard,
    /// The group deals partitions out again.
    Rejoin,
}

/// A member of a group.
pub struct Member {
    group: String,
    instance: Option<String>,
    times: Times,
    interrupted: Arc<AtomicBool>,
    id: String,
    generation: i32,
    link: Option<Link>,
    beat: Instant,
}

impl Member {
    /// Not joined yet.
    pub fn new(group: &str, instance: Option<&str>, times: Times, interrupted: Arc<AtomicBool>) -> Member {
        Member {
            group: group.into(),
            instance: instance.map(Into::into),
            times,
            interrupted,
            id: String::new(),
            generation: -1,
            link: None,
            beat: Instant::now(),
        }
    }

    /// Joins with these topics and returns the partitions given; `None` when the user interrupted it.
    ///
    /// # Errors
    /// When the group does not take this member, or its coordinator cannot be found in time.
    pub fn join(
        &mut self,
        kafka: &mut Kafka,
        ui: &Ui,
        topics: &BTreeSet<String>,
    ) -> Result<Option<Vec<TopicPartition>>, Failure> {
        let mut deadline = Instant::now() + kafka.settings().timeout;
        loop {
            kafka.set_deadline(deadline);
            match self.attempt(kafka, ui, topics) {
                Ok(Attempt::Joined(partitions)) => return Ok(Some(partitions)),
                Ok(Attempt::Interrupted) => return Ok(None),
                // Others joined meanwhile, or the id is new: that is progress.
                Ok(Attempt::Again) => deadline = Instant::now() + kafka.settings().timeout,
                Ok(Attempt::Lost(failure)) => {
                    ui.detail(format!("{}; looking for the coordinator again", failure.message));
                    self.link = None;
                    if Instant::now() >= deadline {
                        return Err(failure);
                    }
                    std::thread::sleep(LOOK);
                }
                Err(failure) => return Err(failure),
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    }

    fn attempt(&mut self, kafka: &mut Kafka, ui: &Ui, topics: &BTreeSet<String>) -> Result<Attempt, Failure> {
        let subscription = ConsumerProtocolSubscription {
            topics: topics.iter().map(|topic| topic.as_str().into()).collect(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: self.group.clone().into(),
            session_timeout_ms: millis(self.times.session),
            rebalance_timeout_ms: millis(self.times.rebalance),
            member_id: self.id.clone().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: PROTOCOL.into(),
                metadata: subscription.to_bytes(EMBEDDED_VERSION).into(),
            }],
            reason: None,
        };
        let answer = match self.ask::<JoinGroup>(kafka, &request, i16::MAX)? {
            Asked::Answer(answer) => answer,
            Asked::Interrupted => return Ok(Attempt::Interrupted),
            Asked::Broken(failure) => return Ok(Attempt::Lost(failure)),
        };
        let joined = answer.read()?;
        let code = ErrorCode::from_code(joined.error_code);
        match code {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                self.id = joined.member_id.to_string();
                return Ok(Attempt::Again);
            }
            code => return self.refused(code),
        }
        self.id = joined.member_id.to_string();
        self.generation = joined.generation_id;
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads { lead::deal(kafka, &joined)? } else { Vec::new() };
        let request = SyncGroupRequest {
            group_id: self.group.clone().into(),
            generation_id: self.generation,
            member_id: self.id.clone().into(),
            group_instance_id: self.instance.clone().map(Into::into),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: joined.protocol_name.clone(),
            assignments,
        };
        let answer = match self.ask::<SyncGroup>(kafka, &request, i16::MAX)? {
            Asked::Answer(answer) => answer,
            Asked::Interrupted => return Ok(Attempt::Interrupted),
            Asked::Broken(failure) => return Ok(Attempt::Lost(failure)),
        };
        let synced = answer.read()?;
        let code = ErrorCode::from_code(synced.error_code);
        if !code.is_none() {
            return self.refused(code);
        }
        let (_, assignment) = ConsumerProtocolAssignment::from_bytes(&synced.assignment).map_err(|error| {
            Failure::new("BAD_ANSWER", format!("group {}: the assignment", self.group)).because(error)
        })?;
        let given = |topic: &AssignedPartitions<'_>| {
            let name = topic.topic.to_string();
            topic.partitions.iter().map(|partition| (name.clone(), *partition)).collect::<Vec<_>>()
        };
        let mut partitions: Vec<TopicPartition> = assignment.assigned_partitions.iter().flat_map(given).collect();
        partitions.sort();
        self.beat = Instant::now();
        let shown: Vec<String> = partitions.iter().map(|place| format!("{}-{}", place.0, place.1)).collect();
        ui.detail(format!(
            "group {}, generation {}: {} is given {} partition(s): {}",
            self.group,
            self.generation,
            self.id,
            partitions.len(),
            shown.join(" ")
        ));
        Ok(Attempt::Joined(partitions))
    }

    /// What an error means for a member that wants to be in.
    fn refused(&mut self, code: ErrorCode) -> Result<Attempt, Failure> {
        let failure = explain(code, format!("group {}", self.group), None);
        match code {
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                if code == ErrorCode::UnknownMemberId {
                    self.id.clear();
                }
                self.generation = -1;
                Ok(Attempt::Again)
            }
            ErrorCode::RebalanceInProgress => Ok(Attempt::Again),
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress => Ok(Attempt::Lost(failure)),
            ErrorCode::InconsistentGroupProtocol => Err(failure.hint(format!(
                "kq speaks the assignor {PROTOCOL}: `kq group describe {} --state` shows what the group speaks",
                self.group
            ))),
            ErrorCode::GroupMaxSizeReached => Err(failure.hint("the broker's group.max.size is the limit")),
            ErrorCode::FencedInstanceId => {
                Err(failure.hint("another member has the same group.instance.id: give each its own"))
            }
            ErrorCode::InvalidSessionTimeout => Err(failure.hint(
                "set session.timeout.ms between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
            )),
            _ => Err(failure),
        }
    }

    /// Sends a heartbeat when one is due.
    ///
    /// # Errors
    /// When the group has shut this member out for good.
    pub fn heartbeat(&mut self, kafka: &mut Kafka) -> Result<Word, Failure> {
        if self.beat.elapsed() < self.times.heartbeat {
            return Ok(Word::Stay);
        }
        self.beat = Instant::now();
        let request = HeartbeatRequest {
            group_id: self.group.clone().into(),
            generation_id: self.generation,
            member_id: self.id.clone().into(),
            group_instance_id: self.instance.clone().map(Into::into),
        };
        match self.ask::<Heartbeat>(kafka, &request, i16::MAX)? {
            Asked::Answer(answer) => {
                let code = answer.read()?.error_code;
                self.told(ErrorCode::from_code(code))
            }
            // The coordinator is found again by the next one; the session lasts longer than a few of them.
            Asked::Interrupted | Asked::Broken(_) => Ok(Word::Unheard),
        }
    }

    /// What a code means for a member that is in.
    fn told(&mut self, code: ErrorCode) -> Result<Word, Failure> {
        match code {
            ErrorCode::None => Ok(Word::Stay),
            code => match self.refused(code)? {
                Attempt::Again => Ok(Word::Rejoin),
                _ => {
                    self.link = None;
                    Ok(Word::Unheard)
                }
            },
        }
    }

    /// Says goodbye, so that the others need not wait for the session's end. A static member stays, as it will be back.
    pub fn leave(&mut self, kafka: &mut Kafka, ui: &Ui) {
        if self.instance.is_some() || self.id.is_empty() {
            return;
        }
        let request = LeaveGroupRequest {
            group_id: self.group.clone().into(),
            member_id: self.id.clone().into(),
            members: vec![MemberIdentity {
                member_id: self.id.clone().into(),
                group_instance_id: None,
                reason: Some("kq console-consumer ends".into()),
            }],
        };
        match self.ask::<LeaveGroup>(kafka, &request, i16::MAX) {
            Ok(Asked::Answer(_) | Asked::Interrupted) => {}
            Ok(Asked::Broken(failure)) | Err(failure) => ui.detail(format!("not said goodbye: {}", failure.message)),
        }
    }

    /// Lets the last requests of a command that was interrupted go through.
    pub fn last_words(&mut self, kafka: &mut Kafka) {
        self.interrupted = Arc::default();
        self.times.rebalance = Duration::ZERO;
        kafka.set_deadline(Instant::now() + LEAVE_PATIENCE);
    }

    /// Asks the coordinator and waits for its answer, which may take a whole rebalance.
    fn ask<A: Api>(
        &mut self,
        kafka: &mut Kafka,
        request: &A::Request<'_>,
        version_max: i16,
    ) -> Result<Asked<A>, Failure> {
        if self.link.is_none() {
            let id = match kafka.coordinator(&self.group) {
                Ok(id) => id,
                Err(failure) => return Ok(Asked::Broken(failure)),
            };
            let settings = Settings {
                request_timeout: (self.times.rebalance + JOIN_SLACK).max(kafka.settings().request_timeout),
                ..kafka.settings().clone()
            };
            match kafka.open_with(id, &settings) {
                Ok(link) => self.link = Some(link),
                Err(failure) => return Ok(Asked::Broken(failure)),
            }
        }
        let Some(link) = self.link.as_mut() else { return Ok(Asked::Interrupted) };
        let patience = Instant::now() + self.times.rebalance + JOIN_SLACK;
        let mut send = || {
            link.send_up_to::<A>(request, version_max)?;
            while !link.has_answer(LOOK)? {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                if Instant::now() >= patience {
                    return Err(Failure::timed_out(format!("the coordinator did not answer {} in time", A::NAME)));
                }
            }
            link.receive::<A>(patience).map(Some)
        };
        match send() {
            Ok(Some(answer)) => Ok(Asked::Answer(answer)),
            Ok(None) => {
                // The answer will come when nobody waits for it any more.
                self.link = None;
                Ok(Asked::Interrupted)
            }
            Err(failure) if failure.code == "PROTOCOL" => Err(failure),
            Err(failure) => {
                self.link = None;
                Ok(Asked::Broken(failure))
            }
        }
    }
}

/// What came of asking the coordinator.
enum Asked<A: Api> {
    Answer(Answer<A>),
    Interrupted,
    Broken(Failure),
}

/// What came of one attempt to join.
enum Attempt {
    Joined(Vec<TopicPartition>),
    /// The next attempt knows more.
    Again,
    /// The coordinator is elsewhere, or not ready.
    Lost(Failure),
    Interrupted,
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
