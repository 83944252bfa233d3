//! Who may commit and read offsets of a consumer group, as far as members and epochs go.

use super::ConsumerGroup;
use super::draft::find;
use super::member::Member;
use crate::error::ErrorCode;
use crate::group::Refusal;
use crate::types::{Epoch, Partition, TopicId};

/// Who commits.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'c> {
    /// The member's id; empty for none.
    pub member_id: &'c str,
    /// Its name across restarts.
    pub instance_id: Option<&'c str>,
    /// Its epoch or generation; below 0 for none.
    pub epoch: Epoch,
    /// The version of OffsetCommit; `None` for TxnOffsetCommit.
    pub version: Option<i16>,
}

/// A commit that is let in, as far as its partitions are: one that comes with an epoch of before may only say what its
/// member has had since then.
#[derive(Clone, Copy, Debug)]
pub struct CommitCheck<'g>(Option<(&'g Member, Epoch)>);

impl CommitCheck<'_> {
    /// # Errors
    /// `STALE_MEMBER_EPOCH`, or `ILLEGAL_GENERATION` for a classic member: nothing of the commit counts then.
    pub fn partition(&self, topic: &str, id: TopicId, partition: Partition) -> Result<(), Refusal> {
        let Some((member, epoch)) = self.0 else { return Ok(()) };
        let (code, what) = match member.classic {
            Some(_) => (ErrorCode::IllegalGeneration, "generation id"),
            None => (ErrorCode::StaleMemberEpoch, "member epoch"),
        };
        let text = match member.assignment_epoch(id, partition) {
            None => format!("Partition {topic}-{partition} is not assigned or pending revocation for member."),
            Some(since) if epoch < since => format!(
                "Received {what} {epoch} is older than assignment epoch {since} for partition {topic}-{partition}."
            ),
            Some(_) => return Ok(()),
        };
        Err(Refusal::new(code, text))
    }
}

impl ConsumerGroup {
    /// Whether offsets may be committed; each partition is asked for on its own.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `STALE_MEMBER_EPOCH`, `ILLEGAL_GENERATION`, `UNSUPPORTED_VERSION`.
    pub fn check_commit(&self, commit: &Committer<'_>) -> Result<CommitCheck<'_>, Refusal> {
        let is_nobody = commit.epoch == -1 && commit.member_id.is_empty() && commit.instance_id.is_none();
        let is_simple = commit.epoch < 0 && self.state.members.is_empty();
        if is_simple || (commit.version.is_none() && is_nobody) {
            return Ok(CommitCheck(None));
        }
        let member = find(&self.state, &self.id, commit.member_id)?;
        let is_classic = member.classic.is_some();
        if !is_classic && commit.version.is_some_and(|version| version < 9) {
            let text = "OffsetCommit version 9 or above must be used by members using the consumer group protocol";
            return Err(Refusal::new(ErrorCode::UnsupportedVersion, text));
        }
        if commit.epoch > member.epoch {
            let (received, known) = (commit.epoch, member.epoch);
            return Err(match is_classic {
                true => Refusal::new(
                    ErrorCode::IllegalGeneration,
                    format!("Received generation id {received} is newer than current member epoch {known}."),
                ),
                false => Refusal::new(
                    ErrorCode::StaleMemberEpoch,
                    format!("Received member epoch {received} is newer than current member epoch {known}."),
                ),
            });
        }
        Ok(CommitCheck((commit.epoch < member.epoch).then_some((member, commit.epoch))))
    }

    /// Whether a member may read offsets; who has no id and no epoch may.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `STALE_MEMBER_EPOCH`, `ILLEGAL_GENERATION`.
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: Epoch) -> Result<(), Refusal> {
        if member_id.is_none() && epoch < 0 {
            return Ok(());
        }
        let member = find(&self.state, &self.id, member_id.unwrap_or_default())?;
        let known = member.epoch;
        if epoch == known {
            return Ok(());
        }
        Err(match member.classic {
            Some(_) => Refusal::new(
                ErrorCode::IllegalGeneration,
                format!("The received generation id {epoch} does not match the expected member epoch {known}."),
            ),
            None => Refusal::new(
                ErrorCode::StaleMemberEpoch,
                format!("The received member epoch {epoch} does not match the expected member epoch {known}."),
            ),
        })
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub fn check_delete(&self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup.into()) }
    }
}
