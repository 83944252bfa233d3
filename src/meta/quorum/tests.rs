//! The quorum: its journal, and the promises that hold whatever happens. `tests/sim` has the seeds.

use super::*;
use crate::meta::record::{Record, encode_batch};
use crate::types::Uuid;

fn config(node: NodeId, voters: &[NodeId]) -> QuorumConfig {
    QuorumConfig { node, voters: voters.to_vec(), election_ms: 100, heartbeat_ms: 20, seed: 5 }
}

fn open(node: NodeId, voters: &[NodeId], journal: &[u8]) -> (Quorum, Restored) {
    Quorum::open(config(node, voters), 0, journal).expect("a journal of its own")
}

fn data(entries: &[Entry]) -> Vec<&[u8]> {
    entries.iter().map(|entry| entry.data.as_slice()).filter(|data| !data.is_empty()).collect()
}

/// Runs a quorum of one until it has nothing more to do; returns what it committed.
fn settle(quorum: &mut Quorum, journal: &mut Vec<u8>) -> Vec<Entry> {
    let mut committed = Vec::new();
    while let Some(ready) = quorum.ready(0) {
        committed.extend(ready.committed);
        if let Some(write) = ready.journal {
            if write.replaces_all {
                journal.clear();
            }
            journal.extend(write.batch);
            quorum.persisted(write.mark);
        }
    }
    committed
}

#[test]
fn a_quorum_of_one_leads_at_once_and_waits_for_nothing() {
    let mut journal = Vec::new();
    let (mut q, restored) = open(3, &[3], &journal);
    assert_eq!((restored, q.deadline(), q.active(), q.ready(0)), (Restored::default(), None, None, None));
    assert_eq!(q.propose(b"early".to_vec()), Err(NotLeader));
    q.campaign();
    assert_eq!((q.active(), q.leader()), (Some(1), Some(3)));
    assert_eq!(q.propose(b"one".to_vec()), Ok((2, 1)));
    // Its first entry, the proposal and its vote are one write; nothing is committed before that is on disk.
    let ready = q.ready(0).expect("a write");
    let write = ready.journal.expect("a write");
    assert_eq!((write.count, write.replaces_all, ready.committed.len()), (3, false, 0));
    assert_eq!(q.ready(0), None);
    journal.extend(write.batch);
    q.persisted(write.mark);
    let committed = settle(&mut q, &mut journal);
    assert_eq!(data(&committed), [b"one"]);
    assert_eq!((q.applied(), q.deadline()), (2, None));

    let (mut q, restored) = open(3, &[3], &journal);
    assert_eq!(restored.entries, committed);
    assert_eq!(q.ready(0), None, "what is restored is not handed out again");
    q.campaign();
    assert_eq!((q.active(), q.propose(b"two".to_vec())), (Some(2), Ok((4, 2))));
    assert_eq!(data(&settle(&mut q, &mut journal)), [b"two"]);
}

#[test]
fn a_snapshot_takes_the_place_of_its_entries() {
    let mut journal = Vec::new();
    let (mut q, _) = open(1, &[1], &journal);
    q.campaign();
    for text in ["one", "two"] {
        q.propose(text.into()).expect("it leads");
    }
    settle(&mut q, &mut journal);
    let before = journal.len();
    let write = q.compact(0, 2, || b"one so far".to_vec()).expect("there is something to leave out");
    assert!(write.replaces_all && q.compact(0, 2, Vec::new).is_none());
    journal = write.batch;
    q.persisted(write.mark);
    q.propose(b"three".to_vec()).expect("it leads");
    settle(&mut q, &mut journal);
    assert!(before > 0);
    let (_, restored) = open(1, &[1], &journal);
    assert_eq!(restored.snapshot, Some(SnapshotData { index: 2, data: b"one so far".to_vec() }));
    assert_eq!(data(&restored.entries), [b"two".as_slice(), b"three"]);
}

#[test]
fn a_log_of_an_older_version_is_committed() {
    let records = [Record::topic("a", Uuid([1; 16])), Record::partition(Uuid([1; 16]), 0, vec![1])];
    let mut journal: Vec<u8> =
        records.iter().flat_map(|record| encode_batch(0, std::slice::from_ref(record))).collect();
    let old = journal.clone();
    let (mut q, restored) = open(1, &[1], &journal);
    assert_eq!(restored.snapshot, Some(SnapshotData { index: 1, data: old.clone() }));
    assert_eq!(crate::meta::record::decode_log(&old), Ok(records.to_vec()));
    q.campaign();
    q.propose(b"new".to_vec()).expect("it leads");
    settle(&mut q, &mut journal);
    let (_, restored) = open(1, &[1], &journal);
    assert_eq!(restored.snapshot, Some(SnapshotData { index: 1, data: old.clone() }));
    assert_eq!(data(&restored.entries), [b"new"]);
    let refused = Quorum::open(config(1, &[1, 2, 3]), 0, &old).map(drop);
    assert!(refused.is_err_and(|e| e.to_string().contains("cannot be changed")));
    journal.extend(old);
    assert!(Quorum::open(config(1, &[1]), 0, &journal).is_err(), "an older version wrote after a newer one");
}

#[test]
fn a_journal_cut_anywhere_between_batches_reads() {
    let mut journal = Vec::new();
    let (mut q, _) = open(1, &[1], &journal);
    q.campaign();
    let mut ends = vec![0];
    for text in ["one", "two", "three"] {
        q.propose(text.into()).expect("it leads");
        settle(&mut q, &mut journal);
        ends.push(journal.len());
    }
    for (count, end) in ends.iter().enumerate() {
        let (_, restored) = open(1, &[1], &journal[..*end]);
        assert_eq!(data(&restored.entries).len(), count);
    }
    // An entry that is missing in the middle is not made up.
    assert!(Quorum::open(config(1, &[1]), 0, &journal[ends[1]..]).is_err());
}

#[test]
fn a_vote_leaves_only_when_it_is_on_disk() {
    let (mut candidate, _) = open(1, &[1, 2, 3], &[]);
    let (mut voter, _) = open(2, &[1, 2, 3], &[]);
    let at = candidate.deadline().expect("an election");
    candidate.tick(at);
    let asked = candidate.ready(at).expect("it asks whether it would be elected");
    assert!(asked.journal.is_none() && asked.messages.len() == 2, "a question promises nothing");
    let to_voter = |ready: &Ready| ready.messages.iter().find(|(to, _)| *to == 2).expect("for the voter").1.clone();
    voter.receive(&to_voter(&asked)).expect("a message");
    let answer = voter.ready(at).expect("an answer");
    assert!(answer.journal.is_none());
    candidate.receive(&answer.messages[0].1).expect("a message");
    let ready = candidate.ready(at).expect("its own vote");
    let write = ready.journal.expect("its own vote is written");
    assert!(ready.messages.is_empty(), "nobody hears of its vote yet");
    candidate.persisted(write.mark);
    let asked = candidate.ready(at).expect("it asks for votes");
    voter.receive(&to_voter(&asked)).expect("a message");
    let ready = voter.ready(at).expect("its vote");
    let write = ready.journal.expect("its vote is written");
    assert!(ready.messages.is_empty(), "nobody hears of the vote yet");
    voter.persisted(write.mark);
    let vote = voter.ready(at).expect("the vote leaves");
    candidate.receive(&vote.messages[0].1).expect("a message");
    assert_eq!((candidate.leader(), candidate.active()), (Some(1), None), "its first entry is not committed");
    assert_eq!(candidate.propose(b"x".to_vec()), Ok((2, 1)));
}

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let (mut q, _) = open(1, &[1, 2, 3], &[]);
    let (mut other, _) = open(2, &[1, 2, 3], &[]);
    other.tick(other.deadline().expect("an election"));
    let ready = other.ready(200).expect("it asks");
    let good = &ready.messages.iter().find(|(to, _)| *to == 1).expect("for node 1").1;
    let mut bad: Vec<Vec<u8>> =
        vec![vec![], vec![9], vec![0], vec![0, 255, 255], vec![1, 0, 0], good[..good.len() - 1].to_vec()];
    let message = |change: &dyn Fn(&mut Message)| {
        let Ok(Told::Raft(mut m)) = message::decode(good) else { panic!("it is good") };
        change(&mut m);
        message::encode(&m)
    };
    bad.push(message(&|m| m.to = 3));
    bad.push(message(&|m| m.from = 9));
    bad.push(message(&|m| m.from = 2));
    bad.push(message(&|m| m.term = 0));
    bad.push(message(&|m| m.msg_type = MessageType::MsgPropose));
    bad.push(message(&|m| m.msg_type = MessageType::MsgSnapshot));
    let append = |index, log_term, entries: &[(u64, u64)]| {
        message(&|m| {
            m.msg_type = MessageType::MsgAppend;
            (m.term, m.index, m.log_term) = (5, index, log_term);
            let entry =
                |(index, term): &(u64, u64)| raft::eraftpb::Entry { index: *index, term: *term, ..Default::default() };
            m.entries = entries.iter().map(entry).collect::<Vec<_>>().into();
        })
    };
    bad.extend([append(7, 0, &[]), append(0, 0, &[(2, 1)]), append(0, 0, &[(1, 6)]), append(0, 0, &[(1, 3), (2, 2)])]);
    for bytes in bad {
        assert!(q.receive(&bytes).is_err(), "{bytes:?}");
        assert_eq!(q.ready(0), None);
    }
    assert_eq!(q.receive(good), Ok(()));
}

#[test]
fn a_heartbeat_that_speaks_of_more_than_there_is_does_no_harm() {
    let (mut q, _) = open(1, &[1, 2, 3], &[]);
    let mut m = Message { msg_type: MessageType::MsgHeartbeat, to: 2, from: 3, term: 4, ..Message::default() };
    m.commit = 17;
    q.receive(&message::encode(&m)).expect("a message");
    let write = q.ready(0).and_then(|ready| ready.journal).expect("a new term");
    q.persisted(write.mark);
    let mut told = Vec::new();
    while let Some(ready) = q.ready(0) {
        told.extend(ready.messages);
    }
    assert!(told.iter().all(|(to, _)| *to == 2) && q.leader() == Some(2));
    assert_eq!(q.status().committed, 0);
}
